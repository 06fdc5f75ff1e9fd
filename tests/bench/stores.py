"""Kinds of stores for the bench: how a tree becomes a store that this library opens, and how its changes are noted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from attrs import field, frozen
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from ngff_fn.effects.address import address_of
from ngff_fn.effects.local import system_calls
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.memory import Memory, MemoryFiles, Surroundings, memory_of
from ngff_fn.effects.stores import Address
from ngff_fn.effects.zips.writing import write_archive
from tests.bench.changes import (
    Change,
    Exchange,
    Flush,
    FlushAll,
    Keys,
    Link,
    MakeDirectory,
    RemoveDirectory,
    Rename,
    Rewrite,
    Unlink,
    Write,
)
from tests.bench.log import Log
from tests.bench.tree import Tree, put_in, tree_in, tree_of_keys

STORE = "image.zarr"
"""The store in a tree; beside it is what is staged to replace it."""


class StoreKind(Protocol):
    """A kind of store. One that is added here is tried with every kind of commit."""

    @property
    def name(self) -> str:
        """As it stands in the table."""
        ...

    @property
    def place(self) -> str:
        """Where the store is in a tree; the rest is beside it."""
        ...

    @property
    def loses(self) -> bool:
        """Whether a crash can lose any of what was done, or asked for, since the last barrier."""
        ...

    @property
    def is_promised(self) -> bool:
        """Whether a commit in it is one step, also across crashes."""
        ...

    def start(self, folder: Path) -> Tree:
        """The tree of this kind that has what is in a folder (a directory tree with ``STORE`` in it, or nothing)."""
        ...

    def put(self, tree: Tree) -> Any:
        """A store with this tree, to be opened; the one before it is gone."""
        ...

    def take(self, store: Any) -> Tree:
        """The tree that a store has now."""
        ...

    def door(self, store: Any, note: Callable[[Change], None]) -> Any:
        """The same store for a writer whose changes are noted."""
        ...

    def names(self, store: Any) -> frozenset[str]:
        """Whatever has a name in a store, and beside it."""
        ...

    def alone(self) -> StoreKind | None:
        """The same for the only writer, where that makes a difference."""
        ...

    def going_on(self, store: Any, act: Callable[[Any], Any]) -> None:
        """A next writer, and what else has to be done in such a store after a crash."""
        ...

    def for_others(self, store: Any) -> Any:
        """What other programs open."""
        ...


def run(kind: StoreKind, tree: Tree, act: Callable[[Any], Any]) -> tuple[Log, Any]:
    """What ``act`` does to a store that begins as a tree, and the store after it."""
    log, store = Log(tree), kind.put(tree)
    act(kind.door(store, log.note))
    return log, store


# --- local directories


class Recording(LocalFiles):
    """Local files that note every change that has succeeded."""

    note: Callable[[Change], None] = staticmethod(lambda _change: None)
    base: str = ""
    mutex = threading.Lock()

    def change(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        with self.mutex:
            result = super().change(operation, *arguments)
            self.note(self._noted(operation, arguments))
        return result

    def _noted(self, operation: Callable[..., Any], arguments: tuple[Any, ...]) -> Change:
        path = self._in_tree(arguments[0])
        other = self._in_tree(arguments[1]) if _has_two_paths(arguments) else ""
        if operation is system_calls.flush:
            return Flush(path) if arguments[1] is system_calls.flush_file else FlushAll()
        if operation is system_calls.write_file:
            return Write(path, bytes(arguments[1]))
        if operation is write_archive:
            return Write(path, Path(arguments[0]).read_bytes())
        if operation is overwrite:
            return Rewrite(path, Path(arguments[0]).read_bytes())
        if operation is system_calls.copy_file:
            return Write(other, Path(arguments[0]).read_bytes())
        if operation is os.rename:
            return Rename(path, other)
        if operation is os.link:
            return Link(path, other)
        if operation is system_calls.exchange_names:
            return Exchange(path, other)
        return _OF_ONE[operation](path)

    def _in_tree(self, full: str) -> str:
        return full.removeprefix(self.base).lstrip("/")


def overwrite(path: str, data: bytes) -> None:
    """What this library never does to a file: it gets other bytes in place."""
    with open(path, "r+b") as file:  # noqa: PTH123 — as ``write_file`` does
        file.write(data)
        file.truncate()


def _has_two_paths(arguments: tuple[Any, ...]) -> bool:
    return len(arguments) > 1 and isinstance(arguments[1], str)


_OF_ONE: dict[Callable[..., Any], Callable[[str], Change]] = {
    os.mkdir: MakeDirectory,
    os.unlink: Unlink,
    os.rmdir: RemoveDirectory,
}


def real(folder: Path) -> Path:
    return folder.resolve()


@frozen
class LocalKind:
    """A directory in a folder that is best on a file system in memory."""

    folder: Path = field(converter=real)
    files: type[LocalFiles] = LocalFiles
    name: str = "local"
    place: str = STORE
    loses: bool = True
    is_promised: bool = True

    def start(self, folder: Path) -> Tree:
        return tree_in(folder)

    def put(self, tree: Tree) -> Path:
        trial = self.folder / "trial"
        put_in(trial, tree)
        return trial / STORE

    def take(self, store: Path) -> Tree:
        return tree_in(store.parent)

    def door(self, store: Path, note: Callable[[Change], None]) -> Address:
        address = address_of(store)
        return Address(files=recording(self.files, store.parent, note)(address.files.identity), path=address.path)

    def names(self, store: Path) -> frozenset[str]:
        return self.take(store).names()

    def alone(self) -> None:
        return None

    def going_on(self, store: Any, act: Callable[[Any], Any]) -> None:
        act(store)

    def for_others(self, store: Path) -> Path:
        return store


def recording(files: type[LocalFiles], base: Path, note: Callable[[Change], None]) -> type[LocalFiles]:
    """Files that note every change below a folder."""
    return type("Recording", (Recording, files), {"note": staticmethod(note), "base": str(base)})


# --- memory


class RecordingMemory(MemoryFiles):
    """A memory that notes every change: which keys it has put, and which are gone."""

    note: Callable[[Change], None] = staticmethod(lambda _change: None)

    def change(self, operation: Callable[..., None], *arguments: Any) -> None:
        around = Surroundings(self._memory)
        with self._memory.mutex:
            before = dict(around)
            super().change(operation, *arguments)
            after = dict(around)
        put = {key: buffer.to_bytes() for key, buffer in after.items() if before.get(key) is not buffer}
        self.note(Keys(tuple(put.items()), tuple(key for key in before if key not in after)))


@frozen
class MemoryKind:
    """Zarr's store in memory, as one sees it from outside: ``store/`` and what is staged beside it."""

    name: str = "memory"
    place: str = "store"
    loses: bool = False
    is_promised: bool = True

    def start(self, folder: Path) -> Tree:
        contents = tree_in(folder).contents()
        return tree_of_keys({f"{self.place}/{path.removeprefix(f'{STORE}/')}": data for path, data in contents.items()})

    def put(self, tree: Tree) -> MemoryStore:
        store = MemoryStore()
        around = Surroundings(memory_of(store))
        make = default_buffer_prototype().buffer.from_bytes
        for key, data in tree.contents().items():
            around[key] = make(data)
        return store

    def take(self, store: MemoryStore) -> Tree:
        return tree_of_keys({key: buffer.to_bytes() for key, buffer in Surroundings(memory_of(store)).items()})

    def door(self, store: MemoryStore, note: Callable[[Change], None]) -> Address:
        kind: Any = type("RecordingMemory", (RecordingMemory,), {"note": staticmethod(note)})
        memory: Memory = memory_of(store)
        return Address(files=kind(memory), path="")

    def names(self, store: MemoryStore) -> frozenset[str]:
        return self.take(store).names()

    def alone(self) -> None:
        return None

    def going_on(self, store: Any, act: Callable[[Any], Any]) -> None:
        act(store)

    def for_others(self, store: MemoryStore) -> MemoryStore:
        return store
