"""Where scalars stand in a text: found along their pointers; what lies beside those is skipped, not looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Generator
from itertools import islice
from json.decoder import scanstring
from typing import Any, TypeAlias

from attrs import frozen

from ngff_fn.json_splice.writing import Pointer

# To get behind a value nothing is faster than to parse it; numbers are left as they are written.
_behind = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).scan_once
_SPACE = re.compile(r"[ \t\r\n]*")
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_COMMA = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")

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
    start = _after(_SPACE, text, 0)
    return list(islice(_places(text, start, steps, ()), len(pointers))) if text[start] in "[{" else []


def _places(text: str, start: int, steps: _Steps, pointer: Pointer) -> Generator[Place, None, int]:
    """Those inside of the list or object that begins here; the end of it is what is returned."""
    is_object = text[start] == "{"
    at = _after(_SPACE, text, start + 1)
    step: str | int = -1
    while text[at] not in "]}":
        if is_object:
            step, at = scanstring(text, at + 1)
            at = _after(_COLON, text, at)
        else:
            step = int(step) + 1
        inside = steps.get(step)
        if inside and text[at] in "[{":
            at = yield from _places(text, at, inside, (*pointer, step))
        else:
            end = _behind(text, at)[1]
            if inside == {} and text[at] not in "[{":
                yield Place((*pointer, step), at, end)
            at = end
        at = _after(_COMMA, text, at)
    return at + 1


def _after(pattern: re.Pattern[str], text: str, offset: int) -> int:
    match: Any = pattern.match(text, offset)  # it always matches, in a valid text
    return match.end()  # type: ignore[no-any-return]
