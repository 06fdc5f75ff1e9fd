"""Texts that are alike but for the values of some keys: where one is known, nothing else has to be parsed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from ngff_fn.json_splice.syntax import end_of_value

_SPACE = " \t\r\n"

_Hole: TypeAlias = tuple[str, str]
"""A key, and what stands between its value and the next one."""


class Frame:
    r"""What stands around the values of some keys in a text, in which the name of each stands once.

    A text with the same frame is JSON if these values are, and means what the first one means but for them.

    Parameters
    ----------
    text
        Valid JSON.
    keys
        Those whose values may differ. One that is not there, whose name stands elsewhere too, or that is inside of the
        value of another, may not.

    >>> frame = Frame('{"a": 1, "b": [2], "c": {}}', ["b", "c"])
    >>> frame.values('{"a": 1, "b": [2, 3], "c": {}}')
    {'b': '[2, 3]', 'c': '{}'}
    >>> print(frame.values('{"a": 2, "b": [2], "c": {}}'))
    None
    """

    __slots__ = ("_head", "_holes", "_starts", "_text")

    def __init__(self, text: str, keys: Iterable[str]) -> None:
        places = ((_start_of_value(text, key), key) for key in keys)
        self._starts = [] if "\\" in text else sorted(place for place in places if place[0])
        self._head = text[: self._starts[0][0]] if self._starts else ""
        self._holes: list[_Hole] = []
        self._text = text

    def values(self, text: str) -> dict[str, str] | None:
        """The texts of the values, by their keys, which may be no JSON; None for a text that is not alike."""
        if not self._head or not text.startswith(self._head):
            return None  # as most that are not alike
        holes = self._holes = self._holes or self._found()
        *between, (last, tail) = holes
        found: dict[str, str] = {}
        start = len(self._head)
        for key, behind in between:
            end = text.find(behind, start)
            if end < 0:
                return None
            found[key] = text[start:end]
            start = end + len(behind)
        end = len(text) - len(tail)
        if end <= start or not text.endswith(tail):
            return None
        found[last] = text[start:end]
        return found

    def _found(self) -> list[_Hole]:
        """Only once there is a text that begins as this one: many documents have no like."""
        places: list[tuple[str, int, int]] = []
        for start, key in self._starts:
            if not places or start > places[-1][2]:
                places.append((key, start, end_of_value(self._text, start)))
        nexts = [*(start for _, start, _ in places[1:]), len(self._text)]
        return [(key, self._text[end:following]) for (key, _, end), following in zip(places, nexts, strict=True)]


def _start_of_value(text: str, key: str) -> int:
    """Where the value of a key begins; 0 where the key is not there, or where its name stands elsewhere too.

    In a text without escapes, what is in quotes is a text of its own: it begins with the first quote, or is no JSON.
    """
    quoted = f'"{key}"'
    at = text.find(quoted)
    if at < 0 or text.find(quoted, at + 1) >= 0:
        return 0
    at += len(quoted)
    while text[at] in _SPACE:
        at += 1
    if text[at] != ":":
        return 0
    at += 1
    while text[at] in _SPACE:
        at += 1
    return at
