"""Object stores for the bench: one in memory, whose every write, copy and removal is noted."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import obstore
from attrs import evolve, frozen
from obstore.store import MemoryStore
from zarr.storage import ObjectStore, StorePath

import ngff_fn as nf
from ngff_fn.effects.objects import identities
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.objects import _MARK, Objects
from ngff_fn.effects.stores import Address
from tests.bench.changes import Change, FlushAll, Keys
from tests.bench.stores import STORE
from tests.bench.tree import Tree, tree_in, tree_of_keys

T = TypeVar("T")

IDENTITY = "objects:bench"
LATER = 7200.0
"""Seconds after which the next writer comes: by then nobody waits any longer for one who died."""


class RecordingObjects(Objects):
    """An object store that notes every change; it keeps conditions, which need not be tried.

    What the writer's own thread asks for comes after all that was asked for before; what its other threads ask for is
    under way at the same time, and a crash may leave any of it.
    """

    def __init__(self, store: MemoryStore, note: Callable[[Change], None]) -> None:
        super().__init__(store, IDENTITY)
        self.note = note
        self._quoted = True
        self.before: Callable[[], None] = lambda: None
        self._changing = threading.Lock()
        self._own = threading.get_ident()

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        self.before()
        key = arguments[2] if operation is obstore.copy else arguments[1]
        with self._changing:
            done = super().change(operation, *arguments, **said)
            change = Keys((), (key,)) if operation is obstore.delete else Keys(((key, _as_bytes(self.store, key)),))
            is_own = threading.get_ident() == self._own
            for each in (FlushAll(), change, FlushAll()) if is_own else (change,):
                self.note(each)
        return done

    def ages(self, path: str) -> list[tuple[str, float]]:
        return [(key, age + LATER) for key, age in super().ages(path)]


# What an object says of itself stands before its bytes, in a line.


def _as_bytes(store: MemoryStore, key: str) -> bytes:
    found = obstore.get(store, key)
    marks = str(dict(found.attributes).get(_MARK, ""))
    return marks.encode() + b"\n" + bytes(found.bytes())


def _put(store: MemoryStore, key: str, data: bytes) -> None:
    marks, _, text = data.partition(b"\n")
    obstore.put(store, key, text, attributes={_MARK: marks.decode()} if marks else None)


def _keys(store: MemoryStore) -> list[str]:
    return [meta["path"] for some in obstore.list(store) for meta in some]


class _Clock:
    """A clock for those who wait for the dead: with each pause much time goes by."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def monotonic(self) -> float:
        return time.monotonic() + self.passed

    def clock_gettime(self, clock: int) -> float:
        return time.clock_gettime(clock) + self.passed

    def sleep(self, _seconds: float) -> None:
        self.passed += LATER


@contextmanager
def in_a_hurry() -> Iterator[None]:
    clock = _Clock()
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            waits = name.startswith("ngff_fn.effects.") and name.rpartition(".")[2] not in ("commit", "witness")
            if waits and getattr(module, "time", None) is time:
                stack.enter_context(patch.object(module, "time", clock))
        yield


@frozen
class S3Kind:
    """A bucket of an object store that keeps conditions, as S3 does."""

    is_alone: bool = False
    place: str = f"images/{STORE}"
    loses: bool = True

    @property
    def name(self) -> str:
        return "S3, single writer" if self.is_alone else "S3"

    @property
    def is_promised(self) -> bool:
        return not self.is_alone

    def start(self, folder: Path) -> Tree:
        contents = tree_in(folder).contents()
        return tree_of_keys({f"images/{path}": b"\n" + data for path, data in contents.items()})

    def put(self, tree: Tree) -> Address:
        store = MemoryStore()
        for key, data in tree.contents().items():
            _put(store, key, data)
        return self._address(Objects(store, IDENTITY))

    def take(self, store: Address) -> Tree:
        objects = memory_of(store)
        return tree_of_keys({key: _as_bytes(objects, key) for key in _keys(objects)})

    def door(self, store: Address, note: Callable[[Change], None]) -> Address:
        return self._address(RecordingObjects(memory_of(store), note))

    def _address(self, objects: Objects) -> Address:
        identities._known[IDENTITY] = objects  # pixels are found again by the name of their store
        return Address(files=ObjectFiles(objects, self.place, is_alone=self.is_alone), path="")

    def names(self, store: Address) -> frozenset[str]:
        return frozenset(_keys(memory_of(store)))

    def alone(self) -> S3Kind | None:
        return None if self.is_alone else evolve(self, is_alone=True)

    def going_on(self, store: Address, act: Callable[[Any], Any]) -> None:
        """What a creator has left goes as the refusal says; and what nobody meets any more, by ``recover``."""
        with in_a_hurry():
            try:
                act(store)
            except nf.StoreExistsError as refusal:
                assert "vacuum(store, older_than=3600)" in str(refusal)
                assert nf.vacuum(store, older_than=3600).removed
                act(store)
            with suppress(nf.StoreNotFoundError):
                nf.recover(store, single_writer=self.is_alone)

    def for_others(self, store: Address) -> StorePath:
        return StorePath(ObjectStore(memory_of(store), read_only=True), self.place)


def memory_of(store: Address) -> MemoryStore:
    assert isinstance(store.files, ObjectFiles)
    found: MemoryStore = store.files.objects.store
    return found
