"""A file system as data: inodes, the names of each directory, the bytes of each file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
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

    def seen(self) -> frozenset[tuple[str, bytes | None, str]]:
        """What tells two trees apart: every path, its bytes (None: a directory), and the first name of its file."""
        first: dict[int, str] = {}
        found = sorted(self.walk())
        for path, inode in found:
            first.setdefault(inode, path)
        return frozenset((path, self.files.get(inode), first[inode]) for path, inode in found)

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
            if inode in self.directories:
                os.mkdir(full)  # noqa: PTH102 — thousands of times
            elif inode in first:
                os.link(first[inode], full)
            else:
                first[inode] = full
                with open(full, "xb") as file:  # noqa: PTH123
                    file.write(self.files[inode])


_DEEPEST = 40


def copied(tree: Tree) -> Tree:
    return tree.copy()


def tree_in(folder: Path) -> Tree:
    """What is in a folder."""
    tree, inodes = Tree(), {str(folder): ROOT}
    real: dict[int, int] = {}
    for where, directories, files in os.walk(folder):
        names = tree.directories[inodes[where]]
        for name in sorted(directories):
            names[name] = inodes[f"{where}/{name}"] = len(inodes) + len(real)
            tree.directories[names[name]] = {}
        for name in sorted(files):
            path = Path(where) / name
            names[name] = real.setdefault(path.stat().st_ino, len(inodes) + len(real))
            tree.files[names[name]] = path.read_bytes()
    return tree


def tree_of_keys(contents: Mapping[str, bytes]) -> Tree:
    """A store without directories: its keys are the names in the root."""
    names = {key: number for number, key in enumerate(contents, 1)}
    return Tree({names[key]: data for key, data in contents.items()}, {ROOT: names})
