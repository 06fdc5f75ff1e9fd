"""A file system as data: inodes, the names of each directory, the bytes of each file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from attrs import Factory, define, frozen

ROOT = 0


@frozen
class Names:
    """Names in directories are given or taken away (None), all in one step.

    ``kept_by`` is the directory whose flush makes that durable.
    """

    names: tuple[tuple[int, str, int | None], ...]
    kept_by: int


@frozen
class Bytes:
    """A new file gets its bytes."""

    inode: int
    data: bytes


@frozen
class Barrier:
    """What was done to an inode is durable; None: to all."""

    inode: int | None


Effect: TypeAlias = Names | Bytes | Barrier


@define
class Tree:
    """Every inode that there is or will be; one that no name leads to is not seen."""

    files: dict[int, bytes] = Factory(dict)
    directories: dict[int, dict[str, int]] = Factory(lambda: {ROOT: {}})

    def copy(self) -> Tree:
        return Tree(dict(self.files), {inode: dict(names) for inode, names in self.directories.items()})

    def apply(self, effect: Effect) -> None:
        match effect:
            case Names(names=names):
                for directory, name, inode in names:
                    if inode is None:
                        self.directories[directory].pop(name, None)
                    else:
                        self.directories[directory][name] = inode
            case Bytes(inode=inode, data=data):
                self.files[inode] = data
            case Barrier():
                pass

    def walk(self, directory: int = ROOT, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Every path with its inode, the outer first; a directory that is below itself is not entered again."""
        for name, inode in self.directories[directory].items():
            yield prefix + name, inode
            if inode in self.directories and prefix.count("/") < _DEEPEST:
                yield from self.walk(inode, f"{prefix}{name}/")

    def seen(self, below: str = "") -> bytes:
        """What tells two trees apart, as a digest: every path, its bytes if it has some, and the first of its names.

        ``below``: only what is at or below that path.
        """
        first: dict[int, str] = {}
        digest = sha256()
        for path, inode in sorted(self.walk()):
            if below and not f"{path}/".startswith(f"{below}/"):
                continue
            data = self.files.get(inode)
            size = -1 if data is None else len(data)
            digest.update(f"{path}\0{first.setdefault(inode, path)}\0{size}\0".encode())
            digest.update(data or b"")
        return digest.digest()

    def contents(self) -> dict[str, bytes]:
        """The bytes of every file."""
        return {path: self.files[inode] for path, inode in self.walk() if inode in self.files}

    def names(self) -> frozenset[str]:
        """Every file, and every directory that is empty."""
        return frozenset(path for path, inode in self.walk() if not self.directories.get(inode))

    def at(self, path: str) -> int:
        """The inode at a path."""
        inode = ROOT
        for name in path.split("/") if path else ():
            inode = self.directories[inode][name]
        return inode

    def materialise(self, folder: Path) -> None:
        """The same in a folder that is empty."""
        first: dict[int, str] = {}
        base = str(folder)
        for path, inode in self.walk():
            full = f"{base}/{path}"
            if inode in first:
                os.link(first[inode], full)
            else:
                self.make(inode, full)
                if inode in self.files:
                    first[inode] = full

    def make(self, inode: int, path: str) -> None:
        """A file or an empty directory at a full path."""
        if inode in self.directories:
            os.mkdir(path)  # noqa: PTH102 — thousands of times
            return
        with open(path, "xb", buffering=0) as file:  # noqa: PTH123
            file.write(self.files[inode])

    def is_same(self, inode: int, other: Tree, there: int) -> bool:
        """Whether both are directories, or files with the same bytes."""
        return self.files.get(inode) == other.files.get(there)

    def has_links(self) -> bool:
        """Whether there is a file with several names."""
        inodes = [inode for _, inode in self.walk()]
        return len(inodes) != len(set(inodes))


_DEEPEST = 40


def copied(tree: Tree) -> Tree:
    return tree.copy()


def tree_in(folder: Path) -> Tree:
    """What is in a folder."""
    tree, real = Tree(), {os.stat(folder).st_ino: ROOT}  # noqa: PTH116 — thousands of times, as all of this
    left = [(str(folder), tree.directories[ROOT])]
    while left:
        where, names = left.pop()
        with os.scandir(where) as entries:
            for entry in sorted(entries, key=_name):
                inode = names[entry.name] = real.setdefault(entry.inode(), len(real))
                if entry.is_dir(follow_symlinks=False):
                    tree.directories[inode] = {}
                    left.append((entry.path, tree.directories[inode]))
                elif inode not in tree.files:
                    tree.files[inode] = _bytes_of(entry.path)
    return tree


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _bytes_of(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        data: bytes = file.readall()
        return data


def put_in(folder: Path, tree: Tree) -> None:
    """Make a folder have a tree; what is there already stays, unless files have several names."""
    folder.mkdir(exist_ok=True)
    there = tree_in(folder)
    if there.has_links() or tree.has_links():
        shutil.rmtree(folder)
        folder.mkdir()
        tree.materialise(folder)
        return
    wanted, found = (dict(each.walk()) for each in (tree, there))
    stays = {path for path, inode in wanted.items() if path in found and tree.is_same(inode, there, found[path])}
    for path in sorted(found.keys() - stays, reverse=True):  # what is in a directory before it
        (os.unlink if found[path] in there.files else os.rmdir)(f"{folder}/{path}")
    for path, inode in wanted.items():
        if path not in stays:
            tree.make(inode, f"{folder}/{path}")


def tree_of_keys(contents: Mapping[str, bytes]) -> Tree:
    """A store without directories: its keys are the names in the root."""
    names = {key: number for number, key in enumerate(contents, 1)}
    return Tree({names[key]: data for key, data in contents.items()}, {ROOT: names})
