"""An ``xarray.DataArray`` put into an image, at the place that its coordinates say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from ngff_fn.edits.arguments import given_as, sizes_of
from ngff_fn.edits.arrays import array_dtype, array_spec, refuse_together
from ngff_fn.edits.axes import set_unit
from ngff_fn.edits.coordinates import set_level_scale, set_level_translation
from ngff_fn.edits.data_arrays import (
    Coordinate,
    coordinate_of,
    dims_of,
    is_data_array,
    start_and_step,
    with_attrs,
)
from ngff_fn.edits.fill_values import background
from ngff_fn.edits.labelled import each_label
from ngff_fn.edits.new_level import with_new_level
from ngff_fn.edits.places import channel_places, grid_places, tiles_at, with_followers
from ngff_fn.errors import InvalidValueError, NgffError, Problem, WrongTypeError, a_type, refuse
from ngff_fn.records.axes import axis_names, channel_axis, unit_name
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.image import Image, Level, level_index, with_levels
from ngff_fn.records.pixels import fill, given, mosaic, whole
from ngff_fn.records.subject import of_record

_WHERE = "data_array"


@of_record
def set_xarray(image: Image, data_array: Any, *, level: int | str = "0") -> Image:
    """The image with the pixels of a DataArray where its coordinates say; levels below are made from them.

    The first call makes the level: the time points, z, y and x of the data, all channels of the image. Later ones put
    some channels and time points, or a box of z, y and x, where they belong. Time points that come right after the
    last one make all levels longer, as an acquisition does; every other place must be there.

    Parameters
    ----------
    image
        With axes, and with names of channels where it has a channel axis.
    data_array
        An ``xarray.DataArray``, lazy or not; it is not read before it is committed, and never whole. Its dimensions are
        the axes of the image by name, in any order; an axis of which one element was selected may be missing, if its
        coordinate is still there. Coordinates are numbers in the unit of the axis; those of channels are their names.
        A dimension without a coordinate is the whole axis. Of a level that is made, the steps of the coordinates are
        the scale, and the first ones the translation; what nothing says is as in ``add_level``. Its ``attrs`` become
        attributes of the array, its name that of an image without one, the units of coordinates (``attrs["units"]``)
        those of axes that have none; with the first level they replace the axes' own.
    level
        Its path; or the index of one that is there. Where there are others it must be there: ``add_level`` adds one.

    Raises
    ------
    InvalidValueError
        (a ValueError) with all that is wrong: coordinates between two elements, before the first or beyond the last,
        time points that would leave others empty, another unit, other dimensions, a dtype that does not go into the
        level's without loss, attributes that JSON has not.
    NotThereError, WrongTypeError
        (a KeyError, a TypeError) where channels that are not there are all that is wrong; for what is no DataArray.

    Notes
    -----
    Levels below are made again for the channels and time points that change, by the method that the pyramid names, else
    mean. Those above stay.

    >>> import numpy, xarray
    >>> from ngff_fn.edits.image_from import image_from
    >>> image = image_from(numpy.zeros((2, 4, 4), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"])
    >>> bright = xarray.DataArray(
    ...     numpy.full((1, 4, 2), 9, "uint8"), dims=["c", "y", "x"], coords={"c": ["GFP"], "y": range(4), "x": [2, 3]}
    ... )
    >>> [region for region, _ in set_xarray(image, bright).levels[0].pixels.tiles]
    [((1, 2), (0, 4), (2, 4))]
    """
    part = _part(image, data_array)
    known = [entry.path for entry in image.levels]
    if isinstance(level, str) and not known:
        made = _with_first(image, level, part)
        index = level_index(made, level)
    else:
        index = level_index(image, level)
        made = _with_more(image, index, part)
    changed = with_attrs(made.levels[index], data_array.attrs, _WHERE)
    return made if changed == made.levels[index] else _replaced(made, index, changed)


@frozen(kw_only=True, eq=False)
class _Part:
    """A DataArray seen along the axes of an image: an array in their order, and a coordinate for each."""

    array: Any
    shape: tuple[int, ...]
    coordinates: tuple[Coordinate, ...]
    name: str | None


def _part(image: Image, data_array: Any) -> _Part:
    if not is_data_array(data_array):
        message = f"{a_type(data_array)} is no xarray.DataArray. Make it one, or use set_region or add_level."
        raise WrongTypeError(Problem(_WHERE, message))
    names, dims = axis_names(image), dims_of(data_array, _WHERE)
    dim_of = {dim.lower(): dim for dim in (*data_array.coords, *dims) if isinstance(dim, str)}
    has = ", ".join(names)
    problems = [
        Problem(
            f"{_WHERE}.dims", f"the image has axes {has}; no axis {dim!r}. Rename it, or select one of its elements."
        )
        for dim in dims
        if dim.lower() not in names
    ]
    problems += [
        Problem(f"{_WHERE}.dims", f"the axis {name!r} is missing. Add it with expand_dims, and its coordinate.")
        for name in names
        if name not in dim_of
    ]
    if len({dim.lower() for dim in dims}) < len(dims):
        problems.append(Problem(f"{_WHERE}.dims", f"{', '.join(dims)} have names twice. Rename one."))
    refuse(problems)
    refusals: list[NgffError] = []
    coordinates: list[Coordinate] = []
    for name in names:
        try:
            coordinates.append(coordinate_of(data_array, dim_of[name], _WHERE))
        except NgffError as refusal:
            refusals.append(refusal)
    refuse_together(refusals)
    sizes = dict(zip(dims, sizes_of(data_array, _WHERE), strict=True))
    order = tuple(dim_of[name] for name in names if dim_of[name] in dims)
    turned = data_array if order == dims else data_array.transpose(*order)
    return _Part(
        array=turned.variable,  # without its coordinates, which would be taken apart at each read
        shape=tuple(sizes.get(dim_of[name], 1) for name in names),
        coordinates=tuple(coordinates),
        name=data_array.name if isinstance(data_array.name, str) and data_array.name else None,
    )


# --- a level that is made ---------------------------------------------------------------------------------------------


def _with_first(image: Image, path: str, part: _Part) -> Image:
    """The image with its first level: all of its channels, and what the data have along the other axes."""
    channels, names = channel_axis(image), axis_names(image)
    shape, places = list(part.shape), [list(range(size)) for size in part.shape]
    grid: dict[str, tuple[float | None, float | None]] = {}
    refusals: list[NgffError] = []
    for axis, coordinate in enumerate(part.coordinates):
        try:
            if axis == channels:
                shape[axis] = len(channel_names(image))
                places[axis] = channel_places(image, coordinate, part.shape[axis], shape[axis])
            elif coordinate.values is not None:
                grid[names[axis]] = start_and_step(coordinate)
        except NgffError as refusal:
            refusals.append(refusal)
    try:
        image = _with_units(image, part.coordinates)
        array = array_spec(image, shape=shape, dtype=array_dtype(part.array, _WHERE))
    except NgffError as refusal:
        refusals.append(refusal)
    refuse_together(refusals)
    if image.name is None:
        image = evolve(image, name=part.name)
    tiles = tiles_at(given(part.array, part.shape), places)
    pixels = mosaic(fill(array.shape, array.fill_value), tiles)
    made = with_new_level(image, path, array, pixels, scale=None, translation=None, check_shape=True, overwrite=False)
    index = level_index(made, path)
    made = set_level_scale(made, index, {name: step for name, (_, step) in grid.items() if step is not None})
    starts = {name: start for name, (start, _) in grid.items() if start is not None}
    return set_level_translation(made, index, starts)


# --- a level that is there --------------------------------------------------------------------------------------------


def _with_more(image: Image, index: int, part: _Part) -> Image:
    """The image with the data in a level, and in those below it."""
    level = image.levels[index]
    channels, time = channel_axis(image), _time_axis(image)
    places: list[list[int]] = []
    refusals: list[NgffError] = []
    for axis, (coordinate, size) in enumerate(zip(part.coordinates, part.shape, strict=True)):
        try:
            there = level.array.shape[axis]
            if axis == channels:
                places.append(channel_places(image, coordinate, size, there))
            else:
                places.append(grid_places(image, index, axis, coordinate, size, may_grow=axis == time))
        except NgffError as refusal:
            refusals.append(refusal)
    try:
        image = _with_units(image, part.coordinates)
        given_as(part.array, _WHERE, part.array.shape, level.array.dtype)  # looks at the dtype
    except NgffError as refusal:
        refusals.append(refusal)
    refuse_together(refusals)
    if time is not None and places[time] and max(places[time]) >= level.array.shape[time]:
        image = _longer(image, index, time, max(places[time]) + 1)
        level = image.levels[index]
    tiles = tiles_at(given(part.array, part.shape), places)
    changed = evolve(level, pixels=mosaic(level.pixels, tiles))
    return with_followers(_replaced(image, index, changed), index, [box for box, _ in tiles])


def _time_axis(image: Image) -> int | None:
    kinds = [axis.type or ("time" if axis.name.lower() == "t" else "") for axis in image.axes]
    return kinds.index("time") if "time" in kinds else None


def _with_units(image: Image, coordinates: Sequence[Coordinate]) -> Image:
    """The image with the units of the data where it has none, or no pixels; other units are not mixed."""
    new: dict[str, str] = {}
    problems: list[Problem] = []
    for axis, coordinate in zip(image.axes, coordinates, strict=True):
        if coordinate.unit is None:
            continue
        unit = unit_name(coordinate.unit, axis.type)
        if axis.unit is None or not image.levels:
            new[axis.name] = unit
        elif unit_name(axis.unit, axis.type) != unit:
            message = f"it is in {unit}, and the axis {axis.name.lower()} in {axis.unit}. Convert it."
            problems.append(coordinate.problem(message))
    refuse(problems)
    return set_unit(image, new)


def _longer(image: Image, index: int, axis: int, size: int) -> Image:
    """The image with so many time points, in all levels and labels; new ones hold the fill value."""
    sizes = [level.array.shape[axis] for level in image.levels]
    if index or len(set(sizes)) > 1:
        message = f"the levels have {', '.join(map(str, sizes))} time points, and only level 0 can get more. "
        cure = "Write level 0." if index else "Take the pyramid away with without_pyramid, and make it again later."
        raise InvalidValueError(Problem(f"levels[{index}].shape", message + cure))
    name = axis_names(image)[axis]

    def grown(whole_image: Image) -> Image:
        if name not in axis_names(whole_image):
            return whole_image
        along = axis_names(whole_image).index(name)
        return with_levels(whole_image, tuple(_grown(level, along, size) for level in whole_image.levels))

    return each_label(grown(image), grown)


def _grown(level: Level, axis: int, size: int) -> Level:
    shape = level.array.shape
    if shape[axis] >= size:
        return level
    array = evolve(level.array, shape=(*shape[:axis], size, *shape[axis + 1 :]))
    pixels = mosaic(fill(array.shape, background(array)), [(whole(shape), level.pixels)])
    return evolve(level, array=array, pixels=pixels)


def _replaced(image: Image, index: int, level: Level) -> Image:
    return with_levels(image, (*image.levels[:index], level, *image.levels[index + 1 :]))
