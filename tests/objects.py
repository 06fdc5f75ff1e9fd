"""Object stores in memory for the tests, and ones that fail, die, or lie."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import obstore
from obstore.store import MemoryStore

from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.objects import Found, Objects
from ngff_fn.effects.stores import Address

T = TypeVar("T")

IDENTITY = "objects:test"


def keys_of(store: MemoryStore) -> list[str]:
    return sorted(meta["path"] for some in obstore.list(store) for meta in some)


def contents(store: MemoryStore) -> dict[str, bytes]:
    return {key: bytes(obstore.get(store, key).bytes()) for key in keys_of(store)}


def copied(store: MemoryStore) -> MemoryStore:
    """Another store with the same objects."""
    other = MemoryStore()
    for key, data in contents(store).items():
        obstore.put(other, key, data)
    return other


def door(objects: Objects, path: str = "") -> Address:
    """A store as another process would open it: with objects of its own."""
    return Address(files=ObjectFiles(objects), path=path)


class Death(BaseException):
    """The process is killed."""


class Dying(Objects):
    """A process that dies after some changes: from then on it can do nothing."""

    def __init__(self, store: Any, changes: int) -> None:
        super().__init__(store, IDENTITY)
        self.left = changes
        self._quoted = True

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        with self._mutex:
            self.left -= 1
        if self.left < 0:
            raise Death
        return super().change(operation, *arguments, **said)


class Counting(Objects):
    """Counts what is asked of the store."""

    def __init__(self, store: Any) -> None:
        super().__init__(store, IDENTITY)
        self.requests: list[str] = []
        self._quoted = True

    def get(self, key: str) -> Found | None:
        self.requests.append(f"get {key}")
        return super().get(key)

    def tag(self, key: str) -> str | None:
        self.requests.append(f"head {key}")
        return super().tag(key)

    def names(self, path: str) -> list[tuple[str, bool]]:
        self.requests.append(f"list {path}")
        return super().names(path)

    def keys(self, path: str) -> list[str]:
        self.requests.append(f"list {path}")
        return super().keys(path)

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        self.requests.append(f"{operation.__name__} {arguments[1]}")
        return super().change(operation, *arguments, **said)


class Unsure(Objects):
    """Some writes are done, and their answers lost."""

    def __init__(self, store: Any, chance: Random) -> None:
        super().__init__(store, IDENTITY)
        self.chance = chance
        self._quoted = True

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        done = super().change(operation, *arguments, **said)
        if self.chance.random() < 0.2:
            raise self._errors.GenericError("500 Internal Server Error")
        return done


class Careless(Objects):
    """A server that ignores conditions, in silence."""

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        said.pop("mode", None)
        return super().change(operation, *arguments, **said)


class Unquoted(Objects):
    """A server that gives tags with quotes and takes them without, as Ceph does."""

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        if isinstance(said.get("mode"), dict):
            tag = said["mode"]["e_tag"]
            said["mode"] = {"e_tag": '"never"' if tag.startswith('"') else f'"{tag}"'}
        return super().change(operation, *arguments, **said)


class Turns:
    """One thread at a time does one thing to the store; who is next is drawn by chance, always the same for a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._condition = threading.Condition()
        self._waiting: dict[int, bool] = {}
        self._alive = 0

    def join(self, count: int) -> None:
        """So many threads take part."""
        self._alive = count

    def take(self, who: int) -> None:
        """Wait for one's turn."""
        with self._condition:
            self._waiting[who] = False
            self._draw()
            self._condition.wait_for(lambda: self._waiting.get(who, False), timeout=30)
            del self._waiting[who]

    def leave(self) -> None:
        """One takes part no longer."""
        with self._condition:
            self._alive -= 1
            self._draw()

    def _draw(self) -> None:
        if self._alive and len(self._waiting) == self._alive and not any(self._waiting.values()):
            self._waiting[self._chance.choice(sorted(self._waiting))] = True
            self._condition.notify_all()


class InTurns(Objects):
    """The store as one of several threads sees it that take turns, at each request."""

    def __init__(self, store: Any, turns: Turns, who: int) -> None:
        super().__init__(store, IDENTITY)
        self.turns, self.who = turns, who
        self._quoted = True

    def get(self, key: str) -> Found | None:
        self.turns.take(self.who)
        return super().get(key)

    def tag(self, key: str) -> str | None:
        self.turns.take(self.who)
        return super().tag(key)

    def names(self, path: str) -> list[tuple[str, bool]]:
        self.turns.take(self.who)
        return super().names(path)

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        self.turns.take(self.who)
        return super().change(operation, *arguments, **said)


def overtaken_at(change_at: int, store: MemoryStore, act: Callable[[], Any]) -> Counting:
    """A writer who stands still before one of his changes while another one acts."""

    class Overtaken(Counting):
        left = change_at
        at_once = 1

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            self.left -= 1
            if self.left == -1:
                act()
            return super().change(operation, *arguments, **said)

    return Overtaken(store)
