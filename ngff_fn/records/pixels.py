"""Pixels as recipes: what an array shall contain, as an expression of six words, kept in normal form.

Nothing here reads a pixel. ``effects.pixels`` gives a recipe its meaning; edits build recipes with the constructors
``given``, ``fill``, ``select``, ``mosaic`` and ``downsample``, never with the classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, product
from typing import Any, Literal, TypeAlias, TypeVar, assert_never
from uuid import uuid4

from attrs import field, frozen

from ngff_fn.frozen_json import Json
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.regions import Region, difference, extent, intersection, is_empty, shifted, whole, without

# Recipes and regions are used together: both can be had from here.
__all__ = [
    "METHODS", "Downsample", "Fill", "Given", "Index", "Leaf", "Method", "Mosaic", "Pixels", "Region", "Select",
    "Stored", "crop", "difference", "downsample", "extent", "fill", "given", "intersection", "is_empty", "kept_boxes",
    "leaves", "mosaic", "pieces", "select", "shifted", "whole", "without",
]  # fmt: skip

Index: TypeAlias = range | tuple[int, ...]
"""The positions taken along one axis: a range of step 1, or a tuple."""

Method: TypeAlias = Literal["mean", "median", "mode", "min", "max", "stride"]
METHODS: tuple[Method, ...] = ("mean", "median", "mode", "min", "max", "stride")

T = TypeVar("T")


@frozen(kw_only=True)
class Stored:
    """Pixels that are in a store, at ``path`` below the outermost group ``origin``, as the documents ``token`` say."""

    origin: str
    path: str
    array: ArraySpec
    token: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements per axis."""
        return self.array.shape


@frozen(kw_only=True, eq=False)
class Given:
    """What the caller holds: anything with shape, dtype and ``[]``; compared by identity, never copied or loaded whole.

    ``serial`` tells two arrays apart that lie, one after the other, at the same address.
    """

    array: Any
    shape: tuple[int, ...]
    serial: str = field(factory=lambda: uuid4().hex)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and self.array is other.array and self.shape == other.shape

    def __hash__(self) -> int:
        return hash((id(self.array), self.shape))


@frozen(kw_only=True)
class Fill:
    """A constant; nothing is written where it is the fill value of the array."""

    shape: tuple[int, ...]
    value: Json


@frozen(kw_only=True)
class Downsample:
    """Made from the recipe of the level above, in the shape that the level has."""

    source: Pixels
    factors: tuple[int, ...]
    method: Method
    shape: tuple[int, ...]


@frozen(kw_only=True)
class Select:
    """Per axis a range or a tuple of positions: crop, drop, reorder."""

    source: Pixels
    index: tuple[Index, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements per axis."""
        return tuple(map(len, self.index))


@frozen(kw_only=True)
class Mosaic:
    """Disjoint boxes over a background."""

    background: Pixels
    tiles: tuple[tuple[Region, Pixels], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements per axis."""
        return self.background.shape


Pixels: TypeAlias = Stored | Given | Fill | Downsample | Select | Mosaic


# --- constructors: every recipe is made by one of these, in normal form -----------------------------------------------


def given(array: Any, shape: Sequence[int] | None = None) -> Pixels:
    """What the caller holds, as a recipe; ``shape`` may add axes of length one."""
    return Given(array=array, shape=tuple(int(size) for size in (array.shape if shape is None else shape)))


def fill(shape: Sequence[int], value: Json = 0) -> Pixels:
    """A constant."""
    return Fill(shape=tuple(shape), value=value)


def downsample(source: Pixels, factors: Sequence[int], method: Method, shape: Sequence[int]) -> Pixels:
    """The level below ``source``; a factor of 1 everywhere is the source itself.

    >>> downsample(fill((4, 4), 7), (2, 2), "mean", (2, 2))
    Fill(shape=(2, 2), value=7)
    """
    if all(factor == 1 for factor in factors) and tuple(shape) == source.shape:
        return source
    if isinstance(source, Fill):
        return Fill(shape=tuple(shape), value=source.value)
    return Downsample(source=source, factors=tuple(factors), method=method, shape=tuple(shape))


def crop(pixels: Pixels, region: Region) -> Pixels:
    """One box of a recipe."""
    return select(pixels, tuple(range(start, stop) for start, stop in region))


def select(pixels: Pixels, index: Sequence[Index]) -> Pixels:
    """Per axis a range or a tuple of positions of a recipe, pushed inwards as far as it goes.

    >>> select(fill((3, 8), 1), (range(0, 2), (5, 4)))
    Fill(shape=(2, 2), value=1)
    """
    wanted = tuple(map(_plain, index))
    if wanted == tuple(map(range, pixels.shape)):
        return pixels
    match pixels:
        case Fill():
            return Fill(shape=tuple(map(len, wanted)), value=pixels.value)
        case Select():
            inner = tuple(_plain(tuple(old[i] for i in new)) for old, new in zip(pixels.index, wanted, strict=True))
            return select(pixels.source, inner)
        case Mosaic():
            tiles = [tile for region, inner in pixels.tiles for tile in _selected_tiles(region, inner, wanted)]
            return mosaic(select(pixels.background, wanted), tiles)
        case Stored() | Given() | Downsample():
            return Select(source=pixels, index=wanted)
        case _:
            assert_never(pixels)


def mosaic(background: Pixels, tiles: Iterable[tuple[Region, Pixels]]) -> Pixels:
    """Boxes over a background, the later over the earlier; flat, disjoint, and no larger than what can be seen of it.

    >>> first = mosaic(fill((4,)), [(((0, 2),), fill((2,), 1))])
    >>> mosaic(first, [(((0, 2),), fill((2,), 2))]) == mosaic(fill((4,)), [(((0, 2),), fill((2,), 2))])
    True
    """
    flat: list[tuple[Region, Pixels]] = []
    base = background
    if isinstance(background, Mosaic):
        base, flat = background.background, list(background.tiles)
    for region, pixels in tiles:
        if is_empty(region):
            continue
        flat = _cut(flat, region) + [(box, part) for box, part in _flattened(region, pixels)]
    if isinstance(base, Fill):
        flat = [(box, part) for box, part in flat if part != Fill(shape=extent(box), value=base.value)]
    flat = _merged(flat)
    if not flat:
        return base
    if len(flat) == 1 and flat[0][0] == whole(base.shape):
        return flat[0][1]
    if not isinstance(base, Fill) and not without([whole(base.shape)], [box for box, _ in flat]):
        base = Fill(shape=base.shape, value=0)  # nothing of it is seen: not a reason to read it, or to keep it
    return Mosaic(background=base, tiles=tuple(sorted(flat, key=lambda tile: tile[0])))


def _cut(tiles: list[tuple[Region, Pixels]], hole: Region) -> list[tuple[Region, Pixels]]:
    left: list[tuple[Region, Pixels]] = []
    for region, pixels in tiles:
        if is_empty(intersection(region, hole)):
            left.append((region, pixels))
            continue
        origin = [start for start, _ in region]
        left += [(box, crop(pixels, shifted(box, origin, -1))) for box in difference(region, hole)]
    return left


def _flattened(region: Region, pixels: Pixels) -> list[tuple[Region, Pixels]]:
    if not isinstance(pixels, Mosaic):
        return [(region, pixels)]
    origin = [start for start, _ in region]
    tiles = [(shifted(box, origin), part) for box, part in pixels.tiles]
    seen = without([region], [box for box, _ in tiles])
    return [(box, crop(pixels.background, shifted(box, origin, -1))) for box in seen] + tiles


def _merged(tiles: list[tuple[Region, Pixels]]) -> list[tuple[Region, Pixels]]:
    """Neighbours that are one stretch of one source become one box: what was cut and put together leaves no trace."""
    parts = [tile for tile in tiles if isinstance(tile[1], Select | Fill)]
    rest = [tile for tile in tiles if not isinstance(tile[1], Select | Fill)]
    before = len(parts) + 1
    while 1 < len(parts) < before:
        before = len(parts)
        for axis in range(len(parts[0][0])):
            joined: list[tuple[Region, Pixels]] = []
            for tile in sorted(parts, key=lambda tile: (_others(tile[0], axis), tile[0])):
                both = _joined(joined[-1], tile, axis) if joined else None
                joined[-1:] = [both] if both else [*joined[-1:], tile]
            parts = joined
    return rest + parts


def _joined(left: tuple[Region, Pixels], right: tuple[Region, Pixels], axis: int) -> tuple[Region, Pixels] | None:
    (box, one), (other, two) = left, right
    if box[axis][1] != other[axis][0] or _others(box, axis) != _others(other, axis):
        return None
    region = (*box[:axis], (box[axis][0], other[axis][1]), *box[axis + 1 :])
    if isinstance(one, Fill) and isinstance(two, Fill) and one.value == two.value:
        return region, Fill(shape=extent(region), value=one.value)
    if not isinstance(one, Select) or not isinstance(two, Select):
        return None
    first, second, same = one.index[axis], two.index[axis], _others(one.index, axis) == _others(two.index, axis)
    match first, second:
        case range(), range() if same and first.stop == second.start and one.source == two.source:
            stretch = range(first.start, second.stop)
            return region, select(one.source, (*one.index[:axis], stretch, *one.index[axis + 1 :]))
    return None


def _others(per_axis: tuple[T, ...], axis: int) -> tuple[T, ...]:
    return (*per_axis[:axis], *per_axis[axis + 1 :])


def _plain(index: Index) -> Index:
    """A tuple that counts up by one is a range, and a range that does not is a tuple."""
    if isinstance(index, range) and index.step == 1:
        return index if len(index) else range(0)
    index = tuple(index)
    if index and index == tuple(range(index[0], index[0] + len(index))):
        return range(index[0], index[0] + len(index))
    return index or range(0)


def _selected_tiles(region: Region, pixels: Pixels, index: tuple[Index, ...]) -> Iterator[tuple[Region, Pixels]]:
    """Where a tile goes when ``index`` is taken of the whole: boxes of the result, each with its part of the tile."""
    runs = [_runs(positions, start, stop) for positions, (start, stop) in zip(index, region, strict=True)]
    for combination in product(*runs):
        box = tuple(place for place, _ in combination)
        yield box, select(pixels, tuple(inner for _, inner in combination))


def _runs(positions: Index, start: int, stop: int) -> list[tuple[tuple[int, int], Index]]:
    """The maximal stretches of ``positions`` that fall into [start, stop), each with the positions inside it."""
    if isinstance(positions, range):
        low, high = max(positions.start, start), min(positions.stop, stop)
        if low >= high:
            return []
        return [((low - positions.start, high - positions.start), range(low - start, high - start))]
    runs: list[tuple[tuple[int, int], Index]] = []
    for inside, group in groupby(enumerate(positions), key=lambda pair: start <= pair[1] < stop):
        if inside:
            members = list(group)
            place = (members[0][0], members[-1][0] + 1)
            runs.append((place, tuple(position - start for _, position in members)))
    return runs


# --- what a recipe is made of -----------------------------------------------------------------------------------------

Leaf: TypeAlias = Stored | Given | Fill | Downsample


def pieces(pixels: Pixels, region: Region | None = None) -> Iterator[tuple[Region, Leaf, tuple[Index, ...]]]:
    """What a region of a recipe is made of: disjoint boxes of the whole, each with a leaf and what is taken of it.

    >>> grown = mosaic(fill((2, 3)), [(((0, 1), (0, 3)), given("abc", (1, 3)))])
    >>> [(box, type(leaf).__name__) for box, leaf, _ in pieces(grown, ((0, 2), (0, 2)))]
    [(((0, 1), (0, 2)), 'Given'), (((1, 2), (0, 2)), 'Fill')]
    """
    region = whole(pixels.shape) if region is None else region
    if is_empty(region):
        return
    match pixels:
        case Stored() | Given() | Fill() | Downsample():
            yield region, pixels, tuple(range(start, stop) for start, stop in region)
        case Select():
            taken = tuple(positions[start:stop] for positions, (start, stop) in zip(pixels.index, region, strict=True))
            if isinstance(pixels.source, Select | Mosaic):  # not in normal form: made by hand
                yield from pieces(select(pixels.source, taken), None)
                return
            yield region, pixels.source, taken
        case Mosaic():
            seen = [region]
            for box, part in pixels.tiles:
                common = intersection(box, region)
                if is_empty(common):
                    continue
                origin = [start for start, _ in box]
                for inner, leaf, taken in pieces(part, shifted(common, origin, -1)):
                    yield shifted(inner, origin), leaf, taken
                seen = [left for shown in seen for left in difference(shown, common)]
            for left in seen:
                yield from pieces(pixels.background, left)
        case _:
            assert_never(pixels)


def kept_boxes(pixels: Pixels, origin: str, path: str) -> list[Region]:
    """The boxes of a recipe that are, unmoved, what is stored at ``path`` of ``origin``."""
    return [
        box
        for box, leaf, taken in pieces(pixels)
        if isinstance(leaf, Stored)
        and (leaf.origin, leaf.path) == (origin, path)
        and taken == tuple(range(start, stop) for start, stop in box)
    ]


def leaves(pixels: Pixels) -> Iterator[Stored | Given | Fill]:
    """What a recipe ends in, through all levels that it is downsampled from."""
    match pixels:
        case Stored() | Given() | Fill():
            yield pixels
        case Select() | Downsample():
            yield from leaves(pixels.source)
        case Mosaic():
            yield from leaves(pixels.background)
            for _, part in pixels.tiles:
                yield from leaves(part)
        case _:
            assert_never(pixels)
