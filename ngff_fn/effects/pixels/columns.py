"""Pyramids in one pass: each part of level 0 is read and decoded once, and feeds all levels that are made from it.

Level 0 is cut into columns: boxes of its own write units that give whole windows to every level. What a column alone
is enough for is written where the column is made. Of the levels above, whose write units take several columns, each
column gives its part back, and a unit is written when its last part has come. Nothing is read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import lcm, prod
from operator import mul
from typing import TypeAlias

import numpy as np
from attrs import Factory, define, field, frozen

from ngff_fn.effects.pixels.evaluate import Block, computed, downsampled
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.effects.pixels.tasks import Target
from ngff_fn.effects.pixels.units import unit_region, units
from ngff_fn.records.pixels import Method, Pixels, Region, extent, intersection, is_empty, shifted, whole

Shape: TypeAlias = tuple[int, ...]

COLUMN = 8 * 2**20
"""Bytes of level 0 up to which columns are made larger than they have to be: so small write units come in bunches."""


SECTION = 16 * 2**20
"""Bytes of a large chunk that are decoded at a time, where it need not be all of it."""


@frozen(kw_only=True, eq=False)
class Rung:
    """A level that is made from the one above it, and where it is written."""

    target: Target
    factors: Shape
    method: Method

    def below(self, region: Region) -> Region:
        """What a region of the level above gives, as far as the level goes: nothing, where it is empty itself.

        It begins where a window begins.
        """
        return tuple(
            (min(start // factor, size), min(-(-stop // factor) if start < stop else start // factor, size))
            for (start, stop), factor, size in zip(region, self.factors, self.target.array.shape, strict=True)
        )


@frozen(kw_only=True, eq=False)
class Part:
    """What a column gives: a region of the level with this number, counted from level 0."""

    level: int
    region: Region
    block: Block


@frozen(kw_only=True, eq=False)
class Column:
    """A box of level 0, and what it alone is enough for.

    Parameters
    ----------
    box
        Of level 0.
    parts
        Boxes that it is read in, each with its pixels: as many whole write units as are decoded at a time.
    head
        Where level 0 itself is written; None where it is there already.
    dtype
        Of all levels.
    rungs
        The levels that are written here, from level 1 on.
    beyond
        The first one that is not, of which a part is given back; None where there is none.
    """

    box: Region
    parts: tuple[tuple[Region, Pixels], ...]
    head: Target | None
    dtype: str
    rungs: tuple[Rung, ...]
    beyond: Rung | None

    @property
    def target(self) -> Target:
        """Where it writes, or gives a part of."""
        return self._steps[0].target

    @property
    def _steps(self) -> tuple[Rung, ...]:
        return self.rungs if self.beyond is None else (*self.rungs, self.beyond)

    def run(self, arrays: StoredArrays) -> Part | None:
        """Read, make and write."""
        dtype = np.dtype(self.dtype)
        steps = self._steps
        made = _Made(steps[0], self.box, dtype)
        for region, pixels in self.parts:
            block = computed(pixels, dtype, arrays)
            if self.head is not None:
                write_units(self.head, region, block, arrays)
            made.add(region, block)
        for number, rung in enumerate(self.rungs, start=1):
            write_units(rung.target, made.region, made.block, arrays)
            if number < len(steps):
                above, made = made, _Made(steps[number], made.region, dtype)
                made.add(above.region, above.block)
        return None if self.beyond is None else Part(level=len(steps), region=made.region, block=made.block)


class _Made:
    """A region of a level while it is made from parts of the level above."""

    def __init__(self, rung: Rung, above: Region, dtype: np.dtype[np.generic]) -> None:
        self.rung, self.region = rung, rung.below(above)
        self.block: Block = np.empty(extent(self.region), dtype)

    def add(self, region: Region, block: Block) -> None:
        """Put in what a part of the level above gives."""
        box = intersection(self.rung.below(region), self.region)
        if is_empty(box):
            return  # the level ends before it
        made = downsampled(block, self.rung.factors, self.rung.method)
        if box == self.region and made.shape == self.block.shape:
            self.block = made  # all of it: not copied
        else:
            self.block[_inside(box, self.region)] = made[tuple(map(slice, extent(box)))]


@frozen(kw_only=True, eq=False)
class Unit:
    """A write unit that was put together from the parts of several columns, or units of the level above."""

    rung: Rung
    level: int
    index: Shape
    block: Block
    beyond: Rung | None

    @property
    def target(self) -> Target:
        """Where it writes."""
        return self.rung.target

    def run(self, arrays: StoredArrays) -> Part | None:
        """Write it, and make the part of the next level."""
        target = self.rung.target
        target.write(self.index, self.block, arrays)
        if self.beyond is None:
            return None
        region = unit_region(target.array, self.index)
        made = _Made(self.beyond, region, self.block.dtype)
        made.add(region, self.block)
        return Part(level=self.level + 1, region=made.region, block=made.block)


def write_units(target: Target, region: Region, block: Block, arrays: StoredArrays) -> None:
    """Write the units of a region that is whole units, or ends with the array."""
    if is_empty(region):
        return
    for index in units(target.array, [region]):
        target.write(index, block[_inside(unit_region(target.array, index), region)], arrays)


def _inside(box: Region, region: Region) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in shifted(box, [start for start, _ in region], -1))


@define
class Assembly:
    """Write units of the levels that take several columns, while their parts come in, in any order."""

    rungs: Sequence[Rung]
    """All of them, from level 1 on."""
    _open: dict[tuple[int, Shape], tuple[Block, int]] = field(default=Factory(dict), init=False)

    def add(self, part: Part) -> Unit | None:
        """Take a part, which lies inside of one unit; the unit, where it was the last of it."""
        if is_empty(part.region):
            return None
        rung = self.rungs[part.level - 1]
        array = rung.target.array
        index = tuple(start // size for (start, _), size in zip(part.region, array.write_unit, strict=True))
        region = unit_region(array, index)
        block, missing = self._open.pop((part.level, index), (None, prod(extent(region))))
        if block is None:
            block = np.empty(extent(region), part.block.dtype)
        block[_inside(part.region, region)] = part.block
        missing -= part.block.size
        if missing:
            self._open[part.level, index] = block, missing
            return None
        beyond = self.rungs[part.level] if part.level < len(self.rungs) else None
        return Unit(rung=rung, level=part.level, index=index, block=block, beyond=beyond)


# --- how level 0 is cut


@frozen(kw_only=True)
class Cut:
    """The size of columns, how many levels are written in them, and the write units of all that are made in one pass.

    ``footprints`` are these units in elements of level 0; there are as many as levels.
    """

    column: Shape
    inside: int
    footprints: tuple[Shape, ...]


def cut(shape: Shape, unit: Shape, rungs: Sequence[Rung], *, itemsize: int, least: int, limit: int) -> Cut:
    """How level 0 is cut, so that each of its write units is in one column.

    Parameters
    ----------
    shape, unit
        Of level 0, and of what of it is read or written at a time.
    rungs
        The levels, from level 1 on.
    itemsize
        Bytes of an element.
    least
        Bytes of level 0 up to which columns are made larger, so that more levels are written in them.
    limit
        Bytes that a column may have so that a level is made in this pass: perhaps none is.
    """
    limit = max(limit, _bytes(unit, shape, itemsize))
    column, factors = unit, (1,) * len(shape)
    footprints: list[Shape] = []  # of the write units of each level, in elements of level 0
    for rung in rungs:
        factors = tuple(map(mul, factors, rung.factors))
        wider = tuple(map(lcm, column, factors))  # so that windows of that level begin where columns begin
        if _bytes(wider, shape, itemsize) > limit:
            break
        column = wider
        footprints.append(tuple(map(mul, factors, rung.target.array.write_unit)))
    inside = 0
    for footprint in footprints:
        wider = tuple(map(lcm, column, footprint))
        may_wait = _divides(column, footprint, shape)  # until all columns of its write units are made
        most = min(least, limit) if may_wait else limit
        if not _divides(footprint, column, shape) and _bytes(wider, shape, itemsize) > most:
            break
        column, inside = wider, inside + 1
    levels = inside
    below = column
    for footprint in footprints[inside:]:
        if not _divides(below, footprint, shape):
            break
        below, levels = footprint, levels + 1
    return Cut(column=column, inside=inside, footprints=tuple(footprints[:levels]))


def _divides(small: Shape, large: Shape, shape: Shape) -> bool:
    """Whether each of the large boxes is whole small ones; along an axis that one box covers, it is."""
    return all(b >= size or (a < size and b % a == 0) for a, b, size in zip(small, large, shape, strict=True))


def _bytes(box: Shape, shape: Shape, itemsize: int) -> int:
    return prod(map(min, box, shape)) * itemsize


def columns(shape: Shape, cut: Cut) -> Iterator[Region]:
    """The boxes of all columns, those of one write unit after each other: so few units are open at a time."""
    sizes = [*reversed(cut.footprints[cut.inside :]), cut.column]

    def inside(box: Region, sizes: Sequence[Shape]) -> Iterator[Region]:
        for part in boxes(box, sizes[0]) if sizes else ():
            yield from inside(part, sizes[1:]) if len(sizes) > 1 else (part,)

    return inside(whole(shape), sizes)


def column_part(unit: Shape, rung: Rung) -> Shape:
    """What of a column is read at a time: whole units, and whole windows."""
    return tuple(map(lcm, unit, rung.factors))


def thinned(unit: Shape, factors: Shape, itemsize: int) -> Shape:
    """What of a large chunk is read at a time, where not all of it has to be: whole windows, in one piece.

    >>> thinned((1, 64, 1024, 1024), (1, 2, 2, 2), itemsize=2)
    (1, 8, 1024, 1024)
    """
    axis = next((axis for axis, size in enumerate(unit) if size > 1), 0)
    size, rest = unit[axis], prod(unit[axis + 1 :]) * itemsize
    while size * rest > SECTION and size % 2 == 0 and size // 2 % factors[axis] == 0:
        size //= 2
    is_whole = all(size % factor == 0 for size, factor in zip(unit, factors, strict=True))
    return (*unit[:axis], size, *unit[axis + 1 :]) if is_whole else unit


def boxes(box: Region, size: Shape) -> Iterator[Region]:
    """A box in pieces of some size, the last of an axis shorter."""
    yield from product(*(
        [(start, min(start + step, stop)) for start in range(first, stop, step)]
        for (first, stop), step in zip(box, size, strict=True)
    ))  # fmt: skip
