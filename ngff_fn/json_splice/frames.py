"""Texts that are alike but for the values of some keys: where one is known, nothing else has to be parsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from ngff_fn.json_splice.syntax import end_of_value

_SPACE = " \t\r\n"


class Frame:
    r"""What stands around the values of some keys in a text.

    A text with the same frame is JSON if these values are, and means what the first one means but for them.

    Parameters
    ----------
    text
        Valid JSON; one with escapes has no frame.
    keys
        Those whose values may differ, wherever they stand; one inside of the value of another belongs to that.

    >>> frame = Frame('{"a": 1, "b": [2], "c": {}}', ["b", "c"])
    >>> frame.keys
    ('b', 'c')
    >>> frame.values('{"a": 1, "b": [2, 3], "c": {}}')
    ('[2, 3]', '{}')
    >>> frame.filled(["0", "1"])
    '{"a": 1, "b": 0, "c": 1}'
    >>> print(frame.values('{"a": 2, "b": [2], "c": {}}'))
    None
    """

    __slots__ = ("_behind", "_head", "_starts", "_text", "keys")

    def __init__(self, text: str, keys: Iterable[str]) -> None:
        starts = [] if "\\" in text else sorted((start, key) for key in keys for start in _starts_of_values(text, key))
        self.keys = tuple([key for _, key in starts])
        """Those of the values, in the order of the text."""
        self._starts = [start for start, _ in starts]
        self._head = text[: self._starts[0]] if starts else ""
        self._behind: list[str] = []  # what stands behind each value
        self._text = text

    def values(self, text: str) -> tuple[str, ...] | None:
        """The texts of the values, which may be no JSON; None for a text that is not alike."""
        if not self._head or not text.startswith(self._head):
            return None  # as most that are not alike
        *between, tail = self._behind or self._find_what_is_behind()
        found: list[str] = []
        start = len(self._head)
        for behind in between:
            end = text.find(behind, start)
            if end < 0:
                return None
            found.append(text[start:end])
            start = end + len(behind)
        end = len(text) - len(tail)
        if end <= start or not text.endswith(tail):
            return None
        found.append(text[start:end])
        return tuple(found)

    def filled(self, values: Iterable[str]) -> str:
        """The text with other values."""
        behind = self._behind or self._find_what_is_behind()
        return self._head + "".join(chain.from_iterable(zip(values, behind, strict=True)))

    def _find_what_is_behind(self) -> list[str]:
        """Only once there is a text that begins as this one: many documents have no like."""
        places: list[tuple[str, int, int]] = []
        for key, start in zip(self.keys, self._starts, strict=True):
            if not places or start > places[-1][2]:
                places.append((key, start, end_of_value(self._text, start)))
        nexts = [*(start for _, start, _ in places[1:]), len(self._text)]
        self.keys = tuple([key for key, _, _ in places])
        self._behind = [self._text[end:following] for (_, _, end), following in zip(places, nexts, strict=True)]
        return self._behind


def _starts_of_values(text: str, key: str) -> Iterator[int]:
    """Where the values of a key begin, in a text without escapes: what is in quotes there is a text of its own."""
    quoted = f'"{key}"'
    at = text.find(quoted)
    while at >= 0:
        at = _after_space(text, at + len(quoted))
        if text[at : at + 1] == ":":
            yield _after_space(text, at + 1)
        at = text.find(quoted, at)


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
