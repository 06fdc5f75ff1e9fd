"""Zarr's ``MemoryStore`` as a port: a mutex, and steps that happen at once."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ngff_fn.effects.stores import Files, refuse_too_large
from ngff_fn.errors import Problem, StoreError, StoreExistsError, StoreNotFoundError
from ngff_fn.records.paths import joined

if TYPE_CHECKING:
    from zarr.storage import MemoryStore


class Memory:
    """One dictionary of keys and buffers, whatever the number of Zarr stores that share it."""

    def __init__(self, data: Any) -> None:
        self.data: Any = data
        self.identity = f"memory:{uuid4().hex}"
        self.mutex = threading.RLock()
        self.held: set[str] = set()
        self.doors: set[int] = set()
        self.surroundings: dict[str, Any] = {}


class Surroundings(MutableMapping[str, Any]):
    """A memory seen from outside: its keys below ``store/``, and beside them what is staged to replace it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def _where(self, key: str) -> tuple[Any, str]:
        inner = key.removeprefix("store/")
        return (self._memory.surroundings, key) if inner == key else (self._memory.data, inner)

    def __getitem__(self, key: str) -> Any:
        mapping, inner = self._where(key)
        return mapping[inner]

    def __setitem__(self, key: str, value: Any) -> None:
        mapping, inner = self._where(key)
        mapping[inner] = value

    def __delitem__(self, key: str) -> None:
        mapping, inner = self._where(key)
        del mapping[inner]

    def __iter__(self) -> Iterator[str]:
        return iter([*(f"store/{key}" for key in self._memory.data), *self._memory.surroundings])

    def __len__(self) -> int:
        return len(self._memory.data) + len(self._memory.surroundings)


_memories: dict[int, Memory] = {}
_registry = threading.RLock()


def memory_of(store: MemoryStore) -> Memory:
    """The memory behind a store: the same for all that share a dictionary, while one of them lives."""
    data = store._store_dict  # noqa: SLF001 — the only way to know that two stores are one
    with _registry:
        memory = _memories.get(id(data))
        if memory is None:
            memory = _memories[id(data)] = Memory(data)
        if id(store) not in memory.doors:
            memory.doors.add(id(store))
            weakref.finalize(store, _closed, id(data), id(store))
        return memory


def _closed(data: int, door: int) -> None:
    with _registry:
        memory = _memories.get(data)
        if memory is not None:
            memory.doors.discard(door)
            if not memory.doors:
                del _memories[data]


def memory_at(identity: str) -> Memory | None:
    """The memory of an identity, while a store of it lives."""
    with _registry:
        return next((memory for memory in _memories.values() if memory.identity == identity), None)


class MemoryFiles:
    """Keys of a dictionary as a tree of files below ``root``; directories are there while something is in them."""

    at_once = 1

    def __init__(self, memory: Memory, root: str = "", *, read_only: bool = False) -> None:
        self._memory = memory
        self._data: MutableMapping[str, Any] = memory.data
        self._root = root
        self.identity = joined(memory.identity, root)
        self.read_only = read_only

    def __reduce__(self) -> tuple[Any, ...]:
        message = "a store in memory does not leave its process. Use the threads of this one, or a store on a disk."
        raise StoreError(Problem(self.identity, message))

    def change(self, operation: Callable[..., None], *arguments: Any) -> None:
        """One change of the memory; a test bench overrides this to stop at each."""
        with self._memory.mutex:
            operation(*arguments)

    def alone(self) -> MemoryFiles:
        """This store: its mutex costs nothing."""
        return self

    def for_tasks(self, aside: str) -> MemoryFiles:  # noqa: ARG002 — every change is one step
        """This store."""
        return self

    def beside(self) -> tuple[MemoryFiles, str, str]:
        """What holds this store, a stage in it, and the store's path."""
        parent, _, name = self._root.rpartition("/")
        around = type(self)(self._memory, parent, read_only=self.read_only)
        if not self._root:
            around._data, name = Surroundings(self._memory), "store"  # noqa: SLF001 — of the same class
        return around, f".{name}.ngff_fn", name

    def _key(self, key: str) -> str:
        return joined(self._root, key)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file, or a part of them; None where there is no file."""
        buffer = self._data.get(self._key(key))
        if buffer is None:
            return None
        part: bytes = (buffer if start == 0 and stop is None else buffer[start:stop]).to_bytes()
        return part

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of a file and the signature that it had then."""
        buffer = self._data.get(self._key(key))
        if buffer is None:
            return None, None
        refuse_too_large(len(buffer), joined(self.identity, key))
        return buffer.to_bytes(), buffer

    def signature(self, key: str) -> object | None:
        """The buffer itself: a new one is put for every change."""
        return self._data.get(self._key(key))

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory."""
        return self.signature(path) is not None or bool(self.names(path))

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all."""
        return not self.exists(path)

    def has_links(self, path: str) -> bool:  # noqa: ARG002 — there are none in memory
        """Whether there are links at or below a path."""
        return False

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries below a path, each with whether there is something below it."""
        key = self._key(path)
        prefix = f"{key}/" if key else ""
        found: dict[str, bool] = {}
        for key in self._keys(prefix):
            name, _, rest = key[len(prefix) :].partition("/")
            found[name] = found.get(name, False) or bool(rest)
        return list(found.items())

    def _keys(self, prefix: str) -> list[str]:
        with self._memory.mutex:
            return [key for key in self._data if key.startswith(prefix)]

    def write(self, key: str, data: bytes) -> None:
        """A new file."""
        from zarr.core.buffer import default_buffer_prototype

        self._writable(key)
        buffer = default_buffer_prototype().buffer.from_bytes(data)
        self.change(self._data.__setitem__, self._key(key), buffer)

    def make_directory(self, path: str) -> None:
        """Nothing: directories are there while something is in them."""

    def move(self, source: str, target: str) -> None:
        """A file or all below a path gets another name, in one step."""
        self._writable(target)
        self.change(self._move, self._key(source), self._key(target))

    def _move(self, source: str, target: str) -> None:
        data = self._data
        if source in data:
            data[target] = data.pop(source)
            return
        below = self._keys(f"{source}/")
        if not below:
            raise StoreNotFoundError(Problem(source, "there is nothing to move."))
        if self._keys(f"{target}/"):
            raise StoreExistsError(Problem(target, "something is in the way that is not part of the plan. Move it."))
        for key in below:
            data[target + key[len(source) :]] = data.pop(key)

    def take_place(self, draft: str, key: str) -> bool:
        """A draft becomes the file at a key, in one step; whether what was there has the draft's name now."""
        self._writable(key)
        self.change(self._take_place, self._key(draft), self._key(key))
        return self._key(draft) in self._data

    def _take_place(self, draft: str, key: str) -> None:
        data = self._data
        old, data[key] = data.get(key), data.pop(draft)
        if old is not None:
            data[draft] = old

    def exchange(self, left: str, right: str, *, one_step: bool = False) -> None:  # noqa: ARG002 — it always is
        """What is below two paths changes places, in one step."""
        self._writable(right)
        self.change(self._exchange, self._key(left), self._key(right))

    def _exchange(self, left: str, right: str) -> None:
        data = self._data
        ones = {key: data.pop(key) for key in self._keys(f"{left}/")}
        others = {key: data.pop(key) for key in self._keys(f"{right}/")}
        data.update({right + key[len(left) :]: value for key, value in ones.items()})
        data.update({left + key[len(right) :]: value for key, value in others.items()})

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:  # noqa: ARG002 — a buffer is shared anyway
        """A file with the bytes of another; nothing where there is none."""
        data = source.read(source_key)
        if data is not None:
            self.write(key, data)

    def remove(self, path: str) -> None:
        """A file or all below a path; it may be gone already."""
        self._writable(path)
        self.change(self._remove, self._key(path))

    def _remove(self, path: str) -> None:
        for key in [path, *self._keys(f"{path}/")]:
            self._data.pop(key, None)

    def prune(self, path: str) -> None:
        """Nothing: an empty directory is not there."""

    def is_writable(self, path: str) -> bool:  # noqa: ARG002 — everything here is
        """Unless the store is read-only."""
        return not self.read_only

    def sync(self, paths: Iterable[str]) -> None:
        """Nothing: a memory survives no power cut."""

    @contextmanager
    def lock(self, timeout: float) -> Iterator[None]:
        """The mutex of this memory."""
        if not self._memory.mutex.acquire(timeout=timeout):
            cure = "Try again later, or give update() a longer timeout."
            message = f"another writer has held the lock for {timeout:g} s. {cure}"
            raise StoreError(Problem(self.identity, message))
        try:
            yield
        finally:
            self._memory.mutex.release()

    def hold(self, path: str) -> Callable[[], None]:
        """Mark a path as in use until the returned function is called."""
        held, key = self._memory.held, self._key(path)
        held.add(key)
        return lambda: held.discard(key)

    def is_held(self, path: str) -> bool:
        """Whether a path is in use."""
        return self._key(path) in self._memory.held

    def _writable(self, key: str) -> None:
        if self.read_only:
            raise StoreError(Problem(joined(self.identity, key), "the store is read-only. Open it for writing."))
