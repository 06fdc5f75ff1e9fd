"""Which edits make one JSON value of another."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from ngff_fn.json_splice.edits import Edit, Insert, Move, Put, Remove, splice
from ngff_fn.json_splice.syntax import parse
from ngff_fn.json_splice.writing import Pointer

_EXACT = frozenset({str, int, bool})
_LEAVES = _EXACT | {float, type(None)}
_OBJECT = (dict, Mapping)  # dict before Mapping, which takes its time to answer
_LIST = (list, tuple)
_CONTAINERS = (*_LIST, *_OBJECT)

FEW = 10
"""So many elements are compared each with each before any other thing is done to find out where they come from."""

PAIRS = 10_000
"""Elements of two lists are not compared each with each where that would be more comparisons than this."""


def change(text: bytes, old: Any, new: Any) -> bytes:
    """The text that means ``new``, made of one that means ``old`` by the smallest edits; equal values, equal bytes.

    Members and elements that are equal stay as they are written. 1, 1.0 and true are different, the order of keys is
    not; new keys come last. Elements of a list are matched by equality, then in place; where elements came or went,
    by what most of their members say. An element that has another place than before moves with its bytes.

    Parameters
    ----------
    text
        A JSON document; bare NaN and infinities may be in it, and stay where ``new`` has them in the same place.
    old, new
        Values as ``parse`` gives them; any Mapping, list and tuple will do.

    Raises
    ------
    JsonSyntaxError
        If the text is not JSON.
    ValueError
        If the text does not mean ``old``, or ``new`` is not JSON.

    >>> change(b'{"a": 1E5, "b": [1,2]}', {"a": 1e5, "b": [1, 2]}, {"a": 1e5, "b": [1, 2, 3], "c": None})
    b'{"a": 1E5, "b": [1,2,3], "c": null}'
    """
    edits = differences(old, new)
    if edits and not _same(parse(text, allow_nan=True), old):
        raise ValueError("document: the text does not mean the old value. Parse the text that shall be changed.")
    return splice(text, edits)


def differences(old: Any, new: Any) -> tuple[Edit, ...]:
    """The edits that make ``new`` of ``old``, in the words of ``splice``.

    >>> differences({"path": "0", "scale": [1.0, 2.0]}, {"path": "0", "scale": [1.0, 0.5], "name": "a"})
    (Put(pointer=('scale', 1), value=0.5), Put(pointer=('name',), value='a'))
    >>> differences(["a", "b", "c"], ["c", "a"])
    (Remove(pointer=(1,)), Move(pointer=(2,), before=0))
    """
    found: list[Edit] = []
    _compare(old, new, (), found)
    return tuple(found)


def _compare(old: Any, new: Any, pointer: Pointer, found: list[Edit]) -> None:
    if old is new:
        return
    if old.__class__ in _LEAVES:  # a short cut
        if not _same(old, new):
            found.append(Put(pointer, new))
    elif isinstance(old, _OBJECT) and isinstance(new, _OBJECT):
        found += [Remove((*pointer, key)) for key in old if key not in new]
        for key, value in new.items():
            if key not in old:
                found.append(Put((*pointer, key), value))
            elif old[key] is not value:
                _compare(old[key], value, (*pointer, key), found)
    elif isinstance(old, _LIST) and isinstance(new, _LIST):
        _compare_lists(old, new, pointer, found)
    elif not _same(old, new):
        found.append(Put(pointer, new))


def _compare_lists(old: Sequence[Any], new: Sequence[Any], pointer: Pointer, found: list[Edit]) -> None:
    if len(old) == len(new):
        others = [at for at, value in enumerate(new) if old[at] is not value]
        if len(others) > 1:
            others = [at for at in others if not _same(old[at], new[at])]
        if not _have_moved(old, new, others):
            for at in others:
                _compare(old[at], new[at], (*pointer, at), found)
            return
    origins = _origins(old, new)
    gone = set(range(len(old))).difference(origin for origin in origins if origin is not None)
    found.extend(Remove((*pointer, at)) for at in sorted(gone))
    staying = _staying(origins)
    before = len(old)
    arrivals: list[Edit] = []
    for origin, value in zip(reversed(origins), reversed(new), strict=True):
        if origin is None:
            arrivals.append(Insert((*pointer, before), value))
        elif origin in staying:
            before = origin
        else:
            arrivals.append(Move((*pointer, origin), before))
    found.extend(reversed(arrivals))
    for origin, value in zip(origins, new, strict=True):
        if origin is not None and not _same(old[origin], value):
            _compare(old[origin], value, (*pointer, origin), found)


def _have_moved(old: Sequence[Any], new: Sequence[Any], others: list[int]) -> bool:
    """Whether those that are not equal in place may be equal elsewhere. Scalars are simply other scalars."""
    inside = [at for at in others if isinstance(new[at], _CONTAINERS)]
    if len(inside) < 2 or len(others) > FEW:
        return len(inside) > 1
    return any(_same(old[origin], new[at]) for origin in others for at in inside if origin != at)


# -- which element of a list was made of which


def _origins(old: Sequence[Any], new: Sequence[Any]) -> list[int | None]:
    """For each new element the old one that it is made of: what is equal first, what is left over last."""
    in_place = len(old) == len(new)
    origins: list[int | None] = [None] * len(new)
    for rule in (_unmoved, _equal_elsewhere, _in_place if in_place else _alike, _in_order):
        taken = set(origins)
        free = [origin for origin in range(len(old)) if origin not in taken]
        left = [at for at, origin in enumerate(origins) if origin is None]
        if not free or not left:
            break
        for at, origin in rule(old, new, left, free):
            origins[at] = origin
    return origins


Matches: TypeAlias = Iterable[tuple[int, int]]


def _unmoved(old: Sequence[Any], new: Sequence[Any], left: list[int], free: list[int]) -> Matches:
    """What is equal at the same place; where elements came or went, at the same distance from begin or end."""
    if len(left) == len(free):
        return [(at, at) for at in left if _same(old[at], new[at])]
    same_from_begin = takewhile(lambda at: _same(old[at], new[at]), range(min(len(old), len(new))))
    head = [(at, at) for at in same_from_begin]
    behind = range(1, min(len(old), len(new)) - len(head) + 1)
    tail = takewhile(lambda at: _same(old[-at], new[-at]), behind)
    return head + [(len(new) - at, len(old) - at) for at in tail]


def _equal_elsewhere(old: Sequence[Any], new: Sequence[Any], left: list[int], free: list[int]) -> Matches:
    """What is equal at another place. Scalars that only changed places are simply other scalars."""
    if len(old) == len(new):
        left = [at for at in left if isinstance(new[at], _CONTAINERS)]
        if len(left) < 2:
            return
    equal: defaultdict[object, deque[int]] = defaultdict(deque)
    for origin in free:
        equal[_identity(old[origin])].append(origin)
    for at in left:
        if twins := equal[_identity(new[at])]:
            yield at, twins.popleft()


def _in_place(_old: Sequence[Any], _new: Sequence[Any], left: list[int], free: list[int]) -> Matches:
    return [(at, at) for at in set(left).intersection(free)]


def _alike(old: Sequence[Any], new: Sequence[Any], left: list[int], free: list[int]) -> Matches:
    """What is equal in most of its members; of several the nearest."""
    if len(left) * len(free) > PAIRS:
        return
    for at in left:
        likeness = {origin: _likeness(old[origin], new[at]) for origin in free}
        if any(likeness.values()):
            origin = max(free, key=lambda origin: (likeness[origin], -abs(origin - at)))
            free.remove(origin)
            yield at, origin


def _in_order(_old: Sequence[Any], _new: Sequence[Any], left: list[int], free: list[int]) -> Matches:
    return zip(left, free, strict=False)


def _staying(origins: Sequence[int | None]) -> set[int]:
    """The most elements that can keep their order: the longest rising sequence; the others move around them."""
    ends: list[int] = []
    places: list[int] = []
    rising: list[int] = [origin for origin in origins if origin is not None]
    for origin in rising:
        place = bisect_left(ends, origin)
        ends[place : place + 1] = [origin]
        places.append(place)
    wanted = len(ends) - 1
    staying: set[int] = set()
    for origin, place in zip(reversed(rising), reversed(places), strict=True):
        if place == wanted:
            staying.add(origin)
            wanted -= 1
    return staying


def _likeness(old: Any, new: Any) -> int:
    """How many members, or elements in place, are equal."""
    if isinstance(old, _OBJECT) and isinstance(new, _OBJECT):
        return sum(key in old and _same(old[key], value) for key, value in new.items())
    if isinstance(old, _LIST) and isinstance(new, _LIST):
        return sum(map(_same, old, new))
    return 0


def _same(left: Any, right: Any) -> bool:
    """Whether two values would be written alike, but for the order of keys: 0.0 is not -0.0, and NaN is NaN."""
    if left is right:
        return True
    if left.__class__ in _EXACT and left.__class__ is right.__class__:  # most values; a short cut
        return bool(left == right)
    if left.__class__ is right.__class__ is float:
        return float.__repr__(left) == float.__repr__(right)
    if isinstance(left, _OBJECT):
        return (
            isinstance(right, _OBJECT)
            and len(left) == len(right)
            and all(key in right and _same(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, _LIST):
        return isinstance(right, _LIST) and len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, float) or isinstance(right, float):
        return isinstance(left, float) and isinstance(right, float) and float.__repr__(left) == float.__repr__(right)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _identity(value: Any) -> object:
    """A hashable value that is the same for the same."""
    match value:
        case Mapping():
            return frozenset((key, _identity(item)) for key, item in value.items())
        case list() | tuple():
            return tuple(_identity(item) for item in value)
        case float():
            return "float", float.__repr__(value)
        case _:
            return type(value).__name__, value
