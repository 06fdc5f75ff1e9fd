"""Where scalars stand in a text: found along their pointers; what lies beside those is skipped, not looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Generator
from itertools import count, islice
from json.scanner import make_scanner
from typing import TypeAlias

from attrs import frozen

from ngff_fn.json_splice.writing import Pointer

# To get behind a value nothing is faster than to parse it; numbers are left as they are written.
_scan = make_scanner(json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str))  # type: ignore[arg-type]


def _matcher(pattern: str) -> Callable[[str, int], re.Match[str]]:
    """For a pattern that always matches, in a valid text."""
    return re.compile(pattern).match  # type: ignore[return-value]


_after_space = _matcher(r"[ \t\r\n]*")
_after_colon = _matcher(r"[ \t\r\n]*:[ \t\r\n]*")
_after_comma = _matcher(r"[ \t\r\n]*,?[ \t\r\n]*")

_Steps: TypeAlias = dict[str | int, "_Steps"]
"""Pointers as a tree; where one ends there is nothing inside."""


@frozen
class Place:
    """Where the scalar at a pointer begins and ends."""

    pointer: Pointer
    start: int
    end: int


def scalar_places(text: str, pointers: Collection[Pointer]) -> list[Place]:
    """The places of the scalars at these pointers, in the order of the text; of a valid one.

    There are fewer than pointers where two are the same, where one leads into another, and where there is no scalar.

    >>> scalar_places('{"a": [1, 25], "b": []}', [("a", 1), ("b",)])
    [Place(pointer=('a', 1), start=10, end=12)]
    """
    steps: _Steps = {}
    for pointer in pointers:
        inside = steps
        for step in pointer:
            inside = inside.setdefault(step, {})
    start = _after_space(text, 0).end()
    return list(islice(_places(text, start, steps, ()), len(pointers))) if text[start] in "[{" else []


def _places(text: str, start: int, steps: _Steps, pointer: Pointer) -> Generator[Place, None, int]:
    """Those inside of the list or object that begins here; the end of it is what is returned."""
    at = _after_space(text, start + 1).end()
    step: str | int
    for position in count():
        if text[at] in "]}":
            break
        step = position
        if text[start] == "{":
            step, at = _scan(text, at)
            at = _after_colon(text, at).end()
        inside = steps.get(step)
        if inside and text[at] in "[{":
            at = yield from _places(text, at, inside, (*pointer, step))
        else:
            begin, (_, at) = at, _scan(text, at)
            if inside == {} and text[begin] not in "[{":
                yield Place((*pointer, step), begin, at)
        at = _after_comma(text, at).end()
    return at + 1
