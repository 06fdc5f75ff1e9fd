"""Excerpts: what a region of a recipe takes, as a recipe of its own that reads no more than that, slab by slab.

All that is known about regions is here; what an excerpt means (``evaluate``), what a task carries and what it costs are
plain recursions over it. An excerpt is a ``Fill``, a slab of a ``Stored`` or a ``Given``, a ``Downsample`` of an
excerpt, or a ``Mosaic`` of excerpts that leaves nothing of its background to be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, product
from math import prod
from types import MappingProxyType
from typing import TypeAlias, assert_never

from attrs import frozen

from ngff_fn.errors import InvalidValueError, Problem
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import (
    Downsample,
    Fill,
    Given,
    Index,
    Leaf,
    Mosaic,
    Pixels,
    Region,
    Select,
    Stored,
    extent,
    pieces,
    shifted,
    whole,
)


@frozen(kw_only=True)
class Shelf:
    """Where a part of a recipe has been staged: ``box`` of ``stored`` holds what ``taken`` says of it."""

    stored: Stored
    box: Region
    taken: tuple[Index, ...]


Staged: TypeAlias = Mapping[Pixels, tuple[Shelf, ...]]
NOTHING: Staged = MappingProxyType({})


def excerpt(pixels: Pixels, region: Region, staged: Staged = NOTHING) -> Pixels:
    """A region of a recipe, as a recipe of the region's shape.

    Parameters
    ----------
    pixels
        The whole.
    region
        Inside its shape.
    staged
        Parts that are read from where they lie already, instead of being made again.

    Raises
    ------
    InvalidValueError
        Where a level asks for more than can be made of the one above it.

    >>> from ngff_fn.records.pixels import downsample, given
    >>> excerpt(downsample(given("pixels", (7,)), (2,), "mean", (4,)), ((3, 4),)).source.index
    (range(6, 7),)
    """
    origin = [start for start, _ in region]
    tiles = tuple(
        (shifted(box, origin, -1), part)
        for place, leaf, taken in pieces(pixels, region)
        for box, part in _slabs(place, leaf, taken, staged)
    )
    if len(tiles) == 1:
        return tiles[0][1]
    background = Fill(shape=extent(region), value=0)
    return Mosaic(background=background, tiles=tiles) if tiles else background


def _slabs(place: Region, leaf: Leaf, taken: tuple[Index, ...], staged: Staged) -> Iterator[tuple[Region, Pixels]]:
    """The boxes of ``place`` that each are one slab of the leaf, or of what has been staged of it."""
    source: Leaf = leaf
    for shelf in staged.get(leaf, ()):
        moved = tuple(map(_found, taken, shelf.taken, shelf.box))
        if all(found is not None for found in moved):
            source, taken = shelf.stored, tuple(found for found in moved if found is not None)
            break
    origin = [start for start, _ in place]
    for runs in product(*map(_runs, taken)):
        box = tuple((at, at + len(positions)) for at, positions in runs)
        yield shifted(box, origin), _slab(source, tuple((p.start, p.stop) for _, p in runs), staged)


def _found(wanted: Index, taken: Index, box: tuple[int, int]) -> Index | None:
    """Where positions lie that have been put down, in the order of ``taken``, from the start of ``box`` on."""
    if isinstance(wanted, range) and isinstance(taken, range):
        shift = box[0] - taken.start
        inside = not len(wanted) or (wanted[0] in taken and wanted[-1] in taken)
        return range(wanted.start + shift, wanted.stop + shift) if inside else None
    places = {position: at for at, position in enumerate(taken, start=box[0])}
    return tuple(places[position] for position in wanted) if all(position in places for position in wanted) else None


def _runs(positions: Index) -> list[tuple[int, range]]:
    """The stretches that count up by one, each with where it begins.

    >>> _runs((4, 5, 2))
    [(0, range(4, 6)), (2, range(2, 3))]
    """
    if isinstance(positions, range):
        return [(0, positions)] if len(positions) else []
    runs = []
    for _, group in groupby(enumerate(positions), key=lambda pair: pair[1] - pair[0]):
        members = list(group)
        runs.append((members[0][0], range(members[0][1], members[-1][1] + 1)))
    return runs


def _slab(leaf: Leaf, region: Region, staged: Staged) -> Pixels:
    match leaf:
        case Fill():
            return Fill(shape=extent(region), value=leaf.value)
        case Stored() | Given():
            if region == whole(leaf.shape):
                return leaf
            return Select(source=leaf, index=tuple(range(start, stop) for start, stop in region))
        case Downsample():
            source = excerpt(leaf.source, _window(leaf, region), staged)
            return Downsample(source=source, factors=leaf.factors, method=leaf.method, shape=extent(region))
        case _:
            assert_never(leaf)


def _window(level: Downsample, region: Region) -> Region:
    """What a region of a level is made from: whole blocks of the level above, as far as there is something."""
    above = level.source.shape
    most = tuple(-(-size // factor) for size, factor in zip(above, level.factors, strict=True))
    if any(size > limit for size, limit in zip(level.shape, most, strict=True)):
        message = f"{level.shape} elements cannot be made of {above} by factors {level.factors}: at most {most} can."
        raise InvalidValueError(Problem("pyramid", f"{message} Make the pyramid again with with_pyramid."))
    return tuple(
        (start * factor, min(stop * factor, size))
        for (start, stop), factor, size in zip(region, level.factors, above, strict=True)
    )


def slab_region(slab: Select) -> Region:
    """The region of the array that a slab is.

    >>> from ngff_fn.records.pixels import given
    >>> slab_region(Select(source=given("pixels", (7,)), index=(range(2, 4),)))
    ((2, 4),)
    """
    return tuple((positions[0], positions[-1] + 1) for positions in slab.index)


def shelves(
    origin: str, sources: Mapping[Pixels, tuple[str, ArraySpec]], array: ArraySpec
) -> dict[Pixels, tuple[Shelf, ...]]:
    """What can be read of arrays that were staged, instead of being made again for ``array``.

    Their own dtype must be what would have been made, and nothing may have been lost by encoding. What is only stored
    elsewhere is read there: where a part of an array stays as it is, the stage does not hold it.
    """
    found: dict[Pixels, tuple[Shelf, ...]] = {}
    for pixels, (path, spec) in sources.items():
        if spec.dtype != array.dtype or not _is_exact(spec):
            continue
        stored = Stored(origin=origin, path=path, array=spec, token="")
        for box, leaf, taken in pieces(pixels):
            if isinstance(leaf, Given | Downsample):
                found[leaf] = (*found.get(leaf, ()), Shelf(stored=stored, box=box, taken=taken))
    return found


def _is_exact(array: ArraySpec) -> bool:
    """Whether pixels come back as they were put in: bytes, compressed; other codecs may round."""
    serializer = "bytes" if array.serializer is None else array.serializer.get("name")
    return serializer == "bytes" and all(codec.get("name") == "transpose" for codec in array.filters)


def cost(pixels: Pixels, shape: tuple[int, ...], itemsize: int, staged: Staged = NOTHING) -> int:
    """The bytes that an excerpt of some shape takes at most while it is made, with the blocks that it is made from.

    >>> from ngff_fn.records.pixels import downsample, given
    >>> cost(downsample(given("pixels", (64, 64)), (2, 2), "mean", (32, 32)), (8, 8), 1)
    320
    """
    inside = tuple(map(min, shape, pixels.shape))
    own = prod(inside) * itemsize
    if pixels in staged:
        return own + max(_chunk_bytes(shelf.stored.array) for shelf in staged[pixels])
    match pixels:
        case Fill() | Given():
            return own
        case Stored():
            is_chunk = inside == tuple(map(min, pixels.array.chunks, pixels.shape))  # then it is what was decoded
            return own if is_chunk else own + _chunk_bytes(pixels.array)
        case Select():
            return cost(pixels.source, inside, itemsize, staged)
        case Downsample():
            blocks = tuple(size * factor for size, factor in zip(inside, pixels.factors, strict=True))
            return own + cost(pixels.source, blocks, itemsize, staged)
        case Mosaic():
            parts = [pixels.background, *(part for _, part in pixels.tiles)]
            return own + max(cost(part, inside, itemsize, staged) for part in parts)
        case _:
            assert_never(pixels)


def _chunk_bytes(array: ArraySpec) -> int:
    return prod(array.chunks) * array.itemsize
