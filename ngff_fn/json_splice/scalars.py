"""Where scalars stand in a text: found along their pointers; what lies beside those is skipped, not looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from json.scanner import make_scanner
from operator import attrgetter
from typing import Any, TypeAlias

from attrs import Factory, define, frozen

from ngff_fn.json_splice.writing import Pointer, token

# To get behind a value nothing is faster than to parse it; numbers are left as they are written.
_scan = make_scanner(json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str))  # type: ignore[arg-type]


def _matcher(pattern: str) -> Callable[[str, int], re.Match[str]]:
    """For a pattern that always matches, in a valid text."""
    return re.compile(pattern).match  # type: ignore[return-value]


_after_space = _matcher(r"[ \t\r\n]*")
_after_colon = _matcher(r"[ \t\r\n]*:[ \t\r\n]*")
_after_comma = _matcher(r"[ \t\r\n]*,?[ \t\r\n]*")
_scalar_member = re.compile(
    r'"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*(?:"[^"\\]*"|[-+.\w]+)[ \t\r\n]*,?[ \t\r\n]*', re.ASCII
).match
"""A member that is a scalar, with the comma behind it: most are passed by. Those with escapes are not among them."""

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
    search = _Search(text, len(pointers))
    if steps and text[start] in "[{":
        search.inside(start, steps, ())
    return search.found


def text_places(text: str, pointers: Collection[Pointer], value: Any) -> list[Place] | None:
    r"""As ``scalar_places``, for texts that stand nowhere else in the document; None where it has to look.

    Without escapes each text is written with its own characters: where that is once, there it is.

    >>> text_places('{"a": ["GFP", "DAPI"]}', [("a", 0)], {"a": ["GFP", "DAPI"]})
    [Place(pointer=('a', 0), start=7, end=12)]
    """
    if "\\" in text:
        return None
    found: list[Place] = []
    for pointer in pointers:
        said = _at(value, pointer)
        quoted = f'"{said}"'
        start = text.find(quoted) if isinstance(said, str) else -1
        if start < 0 or text.find(quoted, start + 1) >= 0:  # one may begin inside of another: ": " between two texts
            return None
        found.append(Place(pointer, start, start + len(quoted)))
    return sorted(found, key=attrgetter("start"))


def number_places(text: str, pointers: Collection[Pointer], value: Any) -> list[Place] | None:
    r"""As ``text_places``, for numbers in a list whose key no other list of the document has.

    Without escapes a key with a list is written in one way but for the space in it: where that is once, there it is.

    >>> number_places('{"scale": [1.0, 25], "type": "scale"}', [("scale", 1)], {"scale": [1.0, 25], "type": "scale"})
    [Place(pointer=('scale', 1), start=16, end=18)]
    """
    if "\\" in text:
        return None
    found: list[Place] = []
    for pointer in pointers:
        key, at = pointer[-2:] if len(pointer) > 1 else (0, "")
        numbers = _at(value, pointer[:-1])
        if not isinstance(key, str) or not isinstance(numbers, list) or type(at) is not int:
            return None
        opening = _list_of(key)
        first = opening(text)
        if first is None or opening(text, first.end()) or not 0 <= at < len(numbers):
            return None
        if not {int, float}.issuperset(map(type, numbers)):
            return None
        items = text[first.end() : text.index("]", first.end())].split(",")
        start = first.end() + sum(map(len, items[:at])) + at
        item = items[at]
        space = len(item) - len(item.lstrip())
        found.append(Place(pointer, start + space, start + len(item.rstrip())))
    return sorted(found, key=attrgetter("start"))


def with_numbers(text: str, numbers: Mapping[int, float]) -> str:
    """The text of a list of numbers with others at some positions; the space between them stays.

    Raises ``ValueError`` for numbers that JSON cannot say.

    >>> with_numbers("[1.0,  25]", {1: 0.5})
    '[1.0,  0.5]'
    """
    items = text[1:-1].split(",")
    for position, number in numbers.items():
        said = items[position]
        items[position] = said.replace(said.strip(), token(number, (position,), ascii_only=False))
    return f"[{','.join(items)}]"


@lru_cache(maxsize=64)
def _list_of(key: str) -> Callable[..., re.Match[str] | None]:
    return re.compile(rf'"{re.escape(key)}"[ \t\r\n]*:[ \t\r\n]*\[').search


def _at(value: Any, pointer: Pointer) -> Any:
    """The value at a pointer; None where there is none."""
    for step in pointer:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            value = value[step]
        else:
            return None
    return value


@define
class _Search:
    """Goes through a text until so many scalars are found."""

    text: str
    many: int
    found: list[Place] = Factory(list)

    def inside(self, start: int, steps: _Steps, pointer: Pointer) -> int:
        """Find those inside of the list or object that begins here; the end of it, or -1 once all are found."""
        text, position = self.text, -1
        is_object = text[start] == "{"
        at = _after_space(text, start + 1).end()
        while text[at] not in "]}":
            step: str | int
            if is_object:
                scalar = _scalar_member(text, at)
                if scalar is not None and scalar[1] not in steps:
                    at = scalar.end()
                    continue
                step, at = _scan(text, at)
                at = _after_colon(text, at).end()
            else:
                step = position = position + 1
            at = self._value(at, steps.get(step), (*pointer, step))
            if at < 0:
                return at
            at = _after_comma(text, at).end()
        return at + 1

    def _value(self, start: int, steps: _Steps | None, pointer: Pointer) -> int:
        if steps and self.text[start] in "[{":
            return self.inside(start, steps, pointer)
        end: int = _scan(self.text, start)[1]
        if steps == {} and self.text[start] not in "[{":
            self.found.append(Place(pointer, start, end))
            if len(self.found) == self.many:
                return -1
        return end
