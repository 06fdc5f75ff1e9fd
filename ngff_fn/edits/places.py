"""Where the elements of a DataArray belong in a level, and what follows from putting them there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from attrs import evolve

from ngff_fn.edits.cascade import factors_between, method_of
from ngff_fn.edits.data_arrays import Coordinate, numbers_of
from ngff_fn.edits.grids import index_on
from ngff_fn.errors import InvalidValueError, NotThereError, counted, refuse
from ngff_fn.records.axes import axis_names
from ngff_fn.records.channel_names import channel_names, unknown_channel
from ngff_fn.records.coordinates import effective_scale, effective_translation
from ngff_fn.records.image import Image, with_levels
from ngff_fn.records.pixels import Pixels, Region, crop, downsample, extent, mosaic


def channel_places(image: Image, coordinate: Coordinate, size: int, count: int) -> list[int]:
    """Which channels the data are of."""
    names = channel_names(image)
    if coordinate.values is None:
        if size == count:
            return list(range(size))
        message = f"nothing says which of the {counted(count, 'channel')} these {size} are. Give their names."
        raise InvalidValueError(coordinate.problem(message))
    unknown = [value for value in coordinate.values if value not in names]
    refuse((unknown_channel(value, names, coordinate.location) for value in unknown), NotThereError)
    places = [names.index(value) for value in coordinate.values]
    twice = sorted({names[place] for place in places if places.count(place) > 1})
    refuse(coordinate.problem(f"the channel {name!r} is there twice. Leave one out.") for name in twice)
    refuse(
        coordinate.problem(
            f"{names[place]!r} is number {place} of {counted(count, 'channel')} with pixels. Add it anew."
        )
        for place in places
        if place >= count
    )
    return places


def grid_places(image: Image, index: int, axis: int, coordinate: Coordinate, size: int, *, may_grow: bool) -> list[int]:
    """At which elements of a level the data lie along an axis."""
    name, there = axis_names(image)[axis], image.levels[index].array.shape[axis]
    if coordinate.values is None:
        if size == there:
            return list(range(size))
        message = f"nothing says which of the {there} elements along {name} these {size} are. Give their coordinates."
        raise InvalidValueError(coordinate.problem(message))
    start, step = effective_translation(image, index)[axis], effective_scale(image, index)[axis]
    values = numbers_of(coordinate)
    found = [index_on(start, step, value, coordinate.dtype) for value in values]
    grid = f"the {there} elements along {name} lie at {start:g}, in steps of {step:g}"
    between = [value for value, place in zip(values, found, strict=True) if place is None]
    places = [place for place in found if place is not None]
    before, last = [place for place in places if place < 0], max([there - 1, *places])
    message, problems = "", []
    if between:
        message = f"{_few(between)} {'is' if len(between) == 1 else 'are'} between two elements; {grid}."
        problems.append(f"{message} Resample the data, as with interp, or mend the scale with set_scale.")
    if before:
        problems.append(f"{counted(len(before), 'element')} would lie before the first; {grid}. Crop the data.")
    if len(set(places)) < len(places):
        problems.append("several elements have one place. Leave all but one of them out.")
    if last >= there and not may_grow:
        problems.append(f"it reaches to element {last}; {grid}. Crop the data, or make the image larger first.")
    elif last >= there and (gap := last + 1 - there - len({place for place in places if place >= there})):
        what = f"{counted(gap, 'time point')} before it would have no pixels"
        cure = "Write these first, or mend the distance of time points with set_scale"
        problems.append(f"it reaches to element {last}, and {what}; {grid}. {cure} (one alone has it in attrs step).")
    if not may_grow and not problems and places != list(range(places[0], places[0] + size) if places else ()):
        problems.append(f"the elements are not next to one another; {grid}. Write them one by one, or sort them.")
    refuse(map(coordinate.problem, problems))
    return places


def _few(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:3])
    return shown if len(values) <= 3 else f"{shown} and {len(values) - 3} more"


def tiles_at(pixels: Pixels, places: Sequence[Sequence[int]]) -> list[tuple[Region, Pixels]]:
    """The boxes that the data fill, each with its part of them."""
    tiles: list[tuple[Region, Pixels]] = []
    for runs in product(*map(_runs, places)):
        box = tuple((place, place + length) for _, place, length in runs)
        tiles.append((box, crop(pixels, tuple((start, start + length) for start, _, length in runs))))
    return tiles


def _runs(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Stretches of the data that stay together: where one starts in them, its place, its length.

    >>> _runs([4, 5, 0])
    [(0, 4, 2), (2, 0, 1)]
    """
    runs: list[tuple[int, int, int]] = []
    for start, place in enumerate(places):
        if runs and place == runs[-1][1] + runs[-1][2]:
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((start, place, 1))
    return runs


def with_followers(image: Image, index: int, boxes: Sequence[Region]) -> Image:
    """The image whose levels below ``index`` are made again where boxes of that one have changed.

    Along axes that are not downsampled, such as channels and time, only what changed is made again.
    """
    if index + 1 == len(image.levels):
        return image
    method, factors = method_of(image), factors_between(image)[index:]
    kept = [all(each[axis] == 1 for each in factors) for axis in range(len(image.axes))]
    shape = image.levels[index].array.shape
    slabs = dict.fromkeys(_bounds(box, kept, shape) for box in boxes)
    levels, source = list(image.levels), image.levels[index].pixels
    for slab in slabs:
        made = crop(source, slab)
        for position, each in enumerate(factors, start=index + 1):
            box = _bounds(slab, kept, levels[position].array.shape)
            made = downsample(made, each, method, extent(box))
            levels[position] = evolve(levels[position], pixels=mosaic(levels[position].pixels, [(box, made)]))
    return with_levels(image, tuple(levels))


def _bounds(box: Region, kept: Sequence[bool], shape: Sequence[int]) -> Region:
    return tuple(bounds if is_kept else (0, size) for bounds, is_kept, size in zip(box, kept, shape, strict=True))
