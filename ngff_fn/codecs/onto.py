"""Writing onto what is there: an original changes as far as the wanted value differs from what it was understood as.

Three values of JSON take part: the ``old`` one of the document; ``read``, what a codec would write for the records
that it read the old one as; and ``wanted``, what it writes for the wanted records. Where the last two agree the old
value stays as it is, sloppy spellings, unknown keys, order and all.
"""

from __future__ import annotations

from typing import Any

from ngff_fn.frozen_json import same
from ngff_fn.json_splice import Repeated

_NAMES = ("path", "label", "name")
"""Members that elements of a list are known by, the first that is there."""


class Number:
    """A number of a record while it is written: equal to any other of the same value, spelled 1 or 1.0.

    >>> Number(1) == Number(1.0)
    True
    """

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.value == other.value

    __hash__ = None  # type: ignore[assignment] # as Python says that what is compared so has no hash


def plain(value: Any) -> Any:
    """JSON without ``Number``."""
    match value:
        case Number():
            return value.value
        case Repeated():
            return value
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def onto(old: Any, read: Any, wanted: Any) -> Any:
    """The old value, changed as far as ``wanted`` differs from ``read``.

    >>> onto({"path": 0, "color": "red", "x": None}, {"path": "0"}, {"path": "0", "name": "A"})
    {'path': 0, 'color': 'red', 'x': None, 'name': 'A'}
    """
    if read is wanted:  # a part of both records
        return old
    if isinstance(old, dict) and isinstance(read, dict) and isinstance(wanted, dict):
        return _members(old, read, wanted)
    if isinstance(old, list) and isinstance(read, list) and isinstance(wanted, list) and _correspond(old, read):
        return _elements(old, read, wanted)
    return old if same(read, wanted) else plain(wanted)


def _members(old: dict[str, Any], read: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What was not understood stays; what was, and is no longer wanted, goes."""
    made = {
        key: onto(value, read.get(key), wanted[key]) if key in wanted and wanted[key] is not read.get(key) else value
        for key, value in old.items()
        if key in wanted or key not in read
    }
    for key, value in wanted.items():
        if key not in old and not (key in read and same(read[key], value)):
            made[key] = plain(value)
    return made


def _correspond(old: list[Any], read: list[Any]) -> bool:
    """Whether each element was understood by itself: transformations in another order were not."""
    return len(old) == len(read) and all(
        isinstance(mine, dict) and mine.get("type") == theirs["type"] and theirs.keys() <= mine.keys()
        for mine, theirs in zip(old, read, strict=True)
        if isinstance(theirs, dict) and theirs.get("type") in ("scale", "translation")
    )


def _elements(old: list[Any], read: list[Any], wanted: list[Any]) -> list[Any]:
    made: list[Any] = []
    for index, (value, source) in enumerate(zip(wanted, _sources(read, wanted), strict=True)):
        if source is None:
            made.append(plain(value))
            continue
        element = onto(old[source], read[source], value)
        if source != index and isinstance(element, dict) and str(element.get("label")) != value.get("label"):
            element = {**element, "label": value["label"]} if "label" in value else element  # its place had said it
        made.append(element)
    return made


def _sources(read: list[Any], wanted: list[Any]) -> list[int | None]:
    """What each wanted element is made from: an equal one, else one of its name, else the one in its place."""
    if not any(isinstance(item, dict | list) for item in wanted) or _nothing_moved(read, wanted):
        return [index if index < len(read) else None for index in range(len(wanted))]
    sources: list[int | None] = [None] * len(wanted)
    free = dict.fromkeys(range(len(read)))
    for matching in (_same_place_and_value, _same_value, _same_name, _same_place):
        for index, value in enumerate(wanted):
            if sources[index] is None:
                source = next((place for place in free if matching(place, read[place], index, value)), None)
                if source is not None:
                    sources[index] = source
                    del free[source]
    return sources


def _nothing_moved(read: list[Any], wanted: list[Any]) -> bool:
    """Whether each is surely made from the one in its place; asked first, since most are and all else compares deep."""
    if len(read) != len(wanted):
        return False
    others = [index for index, value in enumerate(wanted) if read[index] is not value]
    if len(others) < 2:
        return True
    names = [_name(wanted[index]) for index in others]
    if None not in names and len(set(names)) == len(names) and names == [_name(read[index]) for index in others]:
        return True
    return sum(not same(read[index], wanted[index]) for index in others) < 2


def _name(value: Any) -> tuple[str, str] | None:
    """What an element is known by; transformations have nothing but their types."""
    key = next((key for key in (*_NAMES, "type") if key in value), None) if isinstance(value, dict) else None
    return (key, value[key]) if key is not None and isinstance(value[key], str) else None


def _same_place_and_value(place: int, read: Any, index: int, wanted: Any) -> bool:
    return place == index and same(read, wanted)


def _same_value(place: int, read: Any, index: int, wanted: Any) -> bool:  # noqa: ARG001 — one of four alike
    return same(read, wanted)


def _same_name(place: int, read: Any, index: int, wanted: Any) -> bool:  # noqa: ARG001 — one of four alike
    if not isinstance(read, dict) or not isinstance(wanted, dict):
        return False
    name = next((key for key in _NAMES if key in read and key in wanted), None)
    return name is not None and same(read[name], wanted[name])


def _same_place(place: int, read: Any, index: int, wanted: Any) -> bool:  # noqa: ARG001 — one of four alike
    return place == index
