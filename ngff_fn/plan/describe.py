"""A plan as text: what would change, as one reviews a plan before it is applied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, assert_never

from ngff_fn.errors import Problem, WrongTypeError, a_type
from ngff_fn.json_splice import parse
from ngff_fn.plan.operations import CreateNode, MoveNode, Operation, Plan, PutDocument, RetireNode, WriteArray
from ngff_fn.records.pixels import Downsample, Fill, Given, Mosaic, Pixels, Select, Stored, extent, pieces
from ngff_fn.records.regions import as_slices

_MOST_CHANGES = 12


def describe(plan: Plan) -> str:
    """What a plan would do, one line for each thing that changes, and a summary first.

    >>> from ngff_fn.codecs import snapshot_from
    >>> from ngff_fn.plan.diff import diff
    >>> axes = {"axes": [{"name": "y"}, {"name": "x"}]}
    >>> base = snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": axes}})
    >>> print(describe(diff(base, base.root)))
    nothing to do
    """
    if not isinstance(plan, Plan):
        raise WrongTypeError(Problem("plan", f"{a_type(plan)} is no plan. Give what diff returned."))
    if not plan.operations:
        return "nothing to do"
    puts = [operation for operation in plan.operations if isinstance(operation, PutDocument)]
    created = [operation for operation in plan.operations if isinstance(operation, CreateNode)]
    moved = [operation for operation in plan.operations if isinstance(operation, MoveNode)]
    retired = [operation for operation in plan.operations if isinstance(operation, RetireNode)]
    counted = [
        _count(len(puts), "document") + f", {_size(sum(map(_changed_bytes, puts)))}" if puts else "",
        f"{_count(len(created), 'new node')}" if created else "",
        f"{_count(len(moved), 'node')} moved" if moved else "",
        f"{_count(len(retired), 'node')} retired" if retired else "",
        _pixels_summary(plan),
    ]
    lines = [f"{_title(plan)}: {'; '.join(part for part in counted if part)}"]
    for operation in plan.operations:
        lines += _lines(plan, operation)
    return "\n".join(lines)


def _title(plan: Plan) -> str:
    origin, base = plan.base.origin, plan.base
    place = f"{origin.home}/{origin.path}".strip("/").rpartition("/")[2] or "documents in memory"
    action = {"w-": "create", "w": "replace"}.get(base.mode, "change")
    return f"{action} {place} ({base.version})"


def _lines(plan: Plan, operation: Operation) -> Iterator[str]:
    match operation:
        case CreateNode():
            yield f"+ {operation.path or '(group)'}  {', '.join(operation.documents)}"
            if operation.carry is not None:
                yield f"    with what lies beside the image in {operation.carry.home}"
        case WriteArray():
            array = operation.array
            grid = f"chunks {array.chunks}" + (f" in shards {array.shards}" if array.shards else "")
            fresh = _size(_new_bytes(plan, operation))
            yield f"# {operation.path}  {array.shape} {array.dtype}, {grid}: {fresh} of pixels"
            for phrase in dict.fromkeys(_phrases(operation.pixels)):
                yield f"    {phrase}"
        case PutDocument():
            sign = "~" if operation.before is not None else "+"
            yield f"{sign} {operation.key}  {_size(_changed_bytes(operation))}"
            changes = list(_json_changes(operation))
            yield from (f"    {change}" for change in changes[:_MOST_CHANGES])
            if len(changes) > _MOST_CHANGES:
                yield f"    and {len(changes) - _MOST_CHANGES} more"
        case MoveNode():
            yield f"> {operation.path} → {operation.target}"
        case RetireNode():
            yield f"- {operation.path}"
        case _:
            assert_never(operation)


def _pixels_summary(plan: Plan) -> str:
    written = [operation for operation in plan.operations if isinstance(operation, WriteArray)]
    if not written:
        return "no pixels"
    total = sum(_new_bytes(plan, operation) for operation in written)
    return f"{_size(total)} of pixels in {_count(len(written), 'array')}"


def _new_bytes(plan: Plan, write: WriteArray) -> int:
    """Bytes of pixels that are not what is stored there now, nor fill."""
    origin = plan.base.origin
    own = f"{origin.path}/{write.path}" if origin.path else write.path
    fresh = 0
    for box, leaf, taken in pieces(write.pixels):
        moved = taken != tuple(range(start, stop) for start, stop in box)
        here = isinstance(leaf, Stored) and (leaf.origin, leaf.path) == (origin.home, own)
        if not isinstance(leaf, Fill) and (moved or not here):
            fresh += prod(extent(box))
    return fresh * write.array.itemsize


def _phrases(pixels: Pixels) -> Iterator[str]:
    match pixels:
        case Stored():
            yield f"pixels of {pixels.path}"
        case Given():
            yield f"given pixels {pixels.shape}"
        case Fill():
            yield f"filled with {json.dumps(pixels.value)}"
        case Downsample():
            yield f"{pixels.method} of the level above, by {pixels.factors}"
        case Select():
            yield from (f"a selection {pixels.shape} of {phrase}" for phrase in _phrases(pixels.source))
        case Mosaic():
            yield from _phrases(pixels.background)
            for region, part in pixels.tiles:
                yield from (f"[{as_slices(region)}]  {phrase}" for phrase in _phrases(part))
        case _:
            assert_never(pixels)


_NOTHING = object()


def _json_changes(put: PutDocument) -> Iterator[str]:
    for pointer, old, new in _changes(put):
        if pointer.endswith("ngff_fn.revision"):
            yield f"{pointer}: of the new pixels"
        elif old is _NOTHING:
            yield f"{pointer}: {_short(new)} (new)"
        elif new is _NOTHING:
            yield f"{pointer}: removed"
        else:
            yield f"{pointer}: {_short(old)} -> {_short(new)}"


def _changed_bytes(put: PutDocument) -> int:
    return sum(max(len(_plain(old)), len(_plain(new))) for _, old, new in _changes(put))


def _changes(put: PutDocument) -> Iterator[tuple[str, Any, Any]]:
    old = parse(put.before, allow_nan=True) if put.before is not None else {}
    yield from _compared("", old, parse(put.text, allow_nan=True))


def _compared(pointer: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{pointer}.{key}" if pointer else key
            yield from _compared(inner, old.get(key, _NOTHING), new.get(key, _NOTHING))
    elif isinstance(old, list) and isinstance(new, list) and not _scalars(old, new):
        for index in range(max(len(old), len(new))):
            one, other = (items[index] if index < len(items) else _NOTHING for items in (old, new))
            yield from _compared(f"{pointer}[{index}]", one, other)
    elif type(old) is not type(new) or old != new:
        yield pointer, old, new


def _scalars(*lists: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for items in lists for item in items)


def _plain(value: Any) -> str:
    return "" if value is _NOTHING else json.dumps(value)


def _short(value: Any, longest: int = 60) -> str:
    text = _plain(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _size(count: int) -> str:
    """Bytes for people.

    >>> _size(1), _size(12), _size(2_500_000)
    ('1 byte', '12 bytes', '2.5 MB')
    """
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return _count(count, "byte")
