"""What will be read of a store that is far away is fetched side by side, before it is read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from ngff_fn.effects.reading.view import View
from ngff_fn.effects.stores import Files
from ngff_fn.effects.threads import results_of
from ngff_fn.errors import NgffError

DEPTHS = 8
"""Of a hierarchy: wells, fields of view, levels, labels, their images, and levels of these. What is deeper is read one
after another.
"""


class Foresight:
    """Knows what was fetched. Of the rest it says that it is not there, and remembers that it was asked."""

    def __init__(self, source: Files | View, at_once: int) -> None:
        self._source, self._at_once = source, at_once
        self._texts: dict[str, tuple[bytes | None, object | None]] = {}
        self._entries: dict[str, list[tuple[str, bool]]] = {}
        self._same: dict[bytes, bytes] = {}
        self._keys: dict[str, None] = {}
        self._paths: dict[str, None] = {}

    def read(self, key: str) -> bytes | None:
        """The bytes of a file that was fetched."""
        if key not in self._texts:
            self._keys[key] = None
        return self._texts.get(key, (None, None))[0]

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory that was fetched."""
        if path not in self._entries:
            self._paths[path] = None
        return self._entries.get(path, [])

    def fetch(self) -> bool:
        """Fetch what was asked for; False where nothing was."""
        asked = [*((self._text, key) for key in self._keys), *((self._list, path) for path in self._paths)]
        results_of(lambda each: each[0](each[1]), asked, self._at_once)
        self._keys, self._paths = {}, {}
        return bool(asked)

    def _text(self, key: str) -> None:
        text, signature = self._source.get(key)
        self._texts[key] = (None if text is None else self._same.setdefault(text, text), signature)

    def _list(self, path: str) -> None:
        self._entries[path] = self._source.names(path)

    def take(self, key: str) -> tuple[bytes | None, object | None] | None:
        """What was fetched of a file, with its signature, for once; None where it was not."""
        return self._texts.pop(key, None)

    def take_names(self, path: str) -> list[tuple[str, bool]] | None:
        """The entries that were fetched of a directory, for once; None where they were not."""
        return self._entries.pop(path, None)


Walk: TypeAlias = Callable[[Foresight], object]
"""Reads what there is to read; where something is not there, it reads on beside it."""


def foreseen(source: Files | View, at_once: int, walk: Walk) -> Foresight:
    """Fetched is what a walk will read: each time it is walked, it finds more of what it lacks, and that is fetched."""
    foresight = Foresight(source, at_once)
    for _ in range(DEPTHS):
        with suppress(NgffError):  # who reads it then says so
            walk(foresight)
        if not foresight.fetch():
            break
    return foresight
