"""Reading while a record stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, assert_never

from ngff_fn.effects.record import Exchange, Move, Put, Record, changed_by, exchange_is_due, put_is_due
from ngff_fn.effects.stores import Files
from ngff_fn.records.paths import and_above, joined, parent

T = TypeVar("T")


class View:
    """A store as it is once all standing records are carried out; reads only, and never waits."""

    def __init__(self, files: Files, records: tuple[Record, ...]) -> None:
        self.files = files
        self.records = records
        self.identity = files.identity
        self._steps = tuple(step for record in records for step in record.steps)
        # Of a plate there are thousands of documents, and each is asked for.
        numbered = list(enumerate(self._steps))
        self._puts = {step.key: (number, step) for number, step in reversed(numbered) if isinstance(step, Put)}
        self._others = [(number, step) for number, step in numbered if not isinstance(step, Put)]
        arriving = [step.key if isinstance(step, Put) else step.target for step in self._steps]
        self._into = {"", *(above for path in arriving for above in and_above(parent(path)))}

    @property
    def at_once(self) -> int:
        """So many requests are worth it at the same time."""
        return self.files.at_once

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes that a file has, or will have."""
        if not self._steps:
            return self.files.read(key, start, stop)

        def found(where: str | bytes | None) -> bytes | None:
            if isinstance(where, bytes):
                return where[start:stop] if start or stop is not None else where
            return None if where is None else self.files.read(where, start, stop)

        return self._settled(key, found)

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes that a file has, or will have, and their signature."""
        if not self._steps:
            return self.files.get(key)

        def found(where: str | bytes | None) -> tuple[bytes | None, object | None]:
            if isinstance(where, bytes):
                return where, where
            return (None, None) if where is None else self.files.get(where)

        return self._settled(key, found)

    def signature(self, key: str) -> object | None:
        """Something that is different when the file has been changed."""
        if not self._steps:
            return self.files.signature(key)
        return self._settled(key, lambda where: self.files.signature(where) if isinstance(where, str) else where)

    def _settled(self, key: str, found: Callable[[str | bytes | None], T]) -> T:
        """What is found where a key is, once that is the same before and after: a writer may just take its steps."""
        while True:
            where = self._resolved(key)
            result = found(where)
            if self._resolved(key) == where:
                return result

    def exists(self, path: str) -> bool:
        """Whether there is, or will be, a file or directory."""
        return self.signature(path) is not None or bool(self.names(path))

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries that a directory has, or will have."""
        return self._settled(path, lambda where: self._names(path, where)) if self._steps else self.files.names(path)

    def _names(self, path: str, where: str | bytes | None) -> list[tuple[str, bool]]:
        found = dict(self.files.names(where)) if isinstance(where, str) else {}
        prefix = f"{path}/" if path else ""
        for step in self._steps:
            if isinstance(step, Move) and (rest := _below(path, step.target)) is not None:
                found |= dict(self.files.names(joined(step.source, rest))) | dict(self.files.names(path))
        for step in self._steps if path in self._into else ():
            match step:
                case Put(key=key) if key.startswith(prefix):
                    name, _, rest = key[len(prefix) :].partition("/")
                    found.setdefault(name, bool(rest))
                case Move(target=target) if target.startswith(prefix):
                    name, _, rest = target[len(prefix) :].partition("/")
                    found.setdefault(name, bool(rest) or bool(self.names(target)))
        return [(name, kind) for name, kind in found.items() if self._resolved(joined(path, name)) is not None]

    def touches(self, path: str) -> bool:
        """Whether a standing record changes something at or below a path."""
        return any(
            _below(changed, path) is not None or _below(path, changed) is not None
            for step in self._steps
            for changed in changed_by(step)
        )

    def _resolved(self, key: str) -> str | bytes | None:
        """Where the bytes of a key are now: under a key, in a record, or nowhere."""
        at, put = self._puts.get(key, (len(self._steps), None))
        for number, step in self._others:
            if number > at:
                break
            match step:
                case Move():
                    if (rest := _below(key, step.target)) is not None:
                        moved = joined(step.source, rest)  # object stores move one object after another
                        return moved if self.files.signature(moved) is not None or self.files.names(moved) else key
                    if _below(key, step.source) is not None:
                        return None
                case Exchange():
                    if (rest := _below(key, step.target)) is not None:
                        return joined(step.staged, rest) if exchange_is_due(self.files, step) else key
                case _:
                    assert_never(step)
        if put is not None and put_is_due(self.files, put):
            return put.text
        return key


def _below(key: str, path: str) -> str | None:
    """The rest of a key below a path, "" for the path itself; None where it is not below."""
    if key == path:
        return ""
    return key[len(path) + 1 :] if key.startswith(f"{path}/") or not path else None
