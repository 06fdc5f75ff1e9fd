"""Regions: boxes of an array, as (start, stop) for each axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Region: TypeAlias = tuple[tuple[int, int], ...]
"""(start, stop) for each axis."""


def whole(shape: Sequence[int]) -> Region:
    """The region of everything."""
    return tuple((0, size) for size in shape)


def extent(region: Region) -> tuple[int, ...]:
    """Elements per axis of a region."""
    return tuple(stop - start for start, stop in region)


def as_slices(region: Region) -> str:
    """A region as it is written in brackets.

    >>> as_slices(((0, 2), (4, 8)))
    '0:2, 4:8'
    """
    return ", ".join(f"{start}:{stop}" for start, stop in region)


def is_empty(region: Region) -> bool:
    """Whether nothing is in a region."""
    return any(stop <= start for start, stop in region)


def intersection(left: Region, right: Region) -> Region:
    """What two regions share; empty (see ``is_empty``) where they share nothing."""
    return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(left, right, strict=True))


def shifted(region: Region, offset: Sequence[int], sign: int = 1) -> Region:
    """The region moved by an offset."""
    return tuple((a + sign * by, b + sign * by) for (a, b), by in zip(region, offset, strict=True))


def difference(region: Region, hole: Region) -> list[Region]:
    """``region`` without ``hole``, as disjoint boxes.

    >>> difference(((0, 4), (0, 4)), ((1, 2), (0, 4)))
    [((0, 1), (0, 4)), ((2, 4), (0, 4))]
    """
    common = intersection(region, hole)
    if is_empty(common):
        return [] if is_empty(region) else [region]
    boxes: list[Region] = []
    rest = list(region)
    for axis, ((start, stop), (inner, outer)) in enumerate(zip(region, common, strict=True)):
        for low, high in ((start, inner), (outer, stop)):
            if low < high:
                boxes.append((*rest[:axis], (low, high), *rest[axis + 1 :]))
        rest[axis] = (inner, outer)
    return boxes


def without(regions: Iterable[Region], holes: Iterable[Region]) -> list[Region]:
    """What is left of some regions when others are cut out."""
    left = list(regions)
    for hole in holes:
        left = [box for region in left for box in difference(region, hole)]
    return left
