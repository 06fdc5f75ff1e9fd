"""Tiles: a level as a grid of equal images, side by side along its last two axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ngff_fn.edits.arguments import is_array, is_sequence
from ngff_fn.edits.arrays import integer
from ngff_fn.edits.levels import add_level_zeros, set_region
from ngff_fn.edits.regions import bounds
from ngff_fn.errors import InvalidValueError, NgffError, OutOfRangeError, Problem, WrongTypeError, counted, refuse
from ngff_fn.records.axes import axis_names, channel_axis
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.image import Image, Level, level_at
from ngff_fn.records.regions import Region, extent
from ngff_fn.records.subject import of_record


@of_record
def make_tiles(
    image: Image,
    name: str,
    grid_shape: Sequence[int],
    tile_shape: Sequence[int],
    dtype: Any,
    *,
    scale: Sequence[float] | Mapping[str, float] | None = None,
    translation: Sequence[float] | Mapping[str, float] | None = None,
    chunk_dims: int = 2,
) -> Image:
    """The image with one level more, a grid of tiles that are zero everywhere; no pixel is written for it.

    Parameters
    ----------
    image
        Gets the level.
    name
        The path of the new level below the image's group, such as ``"0"``.
    grid_shape
        Rows and columns.
    tile_shape
        Elements of a tile along the last axes, at least two; along those before them one. The channel axis is only left
        out where the image has no more than one channel.
    dtype
        As NumPy has it: a name, a code such as ``<u2``, a type or a ``dtype``.
    scale, translation
        As in ``add_level``.
    chunk_dims
        Along how many of the last axes a chunk is as large as the tile, at least 2; along the others it is one.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for numbers that are no positive integers, too many or too few; more channels than
        the image has names for, or several names and no number of channels; and what ``add_level_zeros`` refuses.

    >>> from ngff_fn.records.axes import axes_from
    >>> tiled = make_tiles(Image(axes=axes_from("czyx")), "0", (2, 3), (4, 64, 64), "uint16")
    >>> tiled.levels[0].array.shape, tiled.levels[0].array.chunks
    ((1, 4, 128, 192), (1, 1, 64, 64))
    """
    dimensions = len(image.axes)
    refuse(_count_problems("grid_shape", grid_shape, 2, 2) + _count_problems("tile_shape", tile_shape, 2, dimensions))
    if (depth := integer(chunk_dims)) is None or not 2 <= depth <= dimensions:
        message = f"{chunk_dims!r} is no integer from 2 to {dimensions}. Give one."
        raise InvalidValueError(Problem("chunk_dims", message))
    tile = (1,) * (dimensions - len(tile_shape)) + tuple(map(int, tile_shape))
    refuse(_channel_problems(image, tile, dimensions - len(tile_shape)))
    rows, columns = map(int, grid_shape)
    shape = (*tile[:-2], rows * tile[-2], columns * tile[-1])
    chunks = (1,) * (dimensions - depth) + tile[dimensions - depth :]
    return add_level_zeros(image, name, shape, dtype, chunks=chunks, scale=scale, translation=translation)


def _channel_problems(image: Image, tile: tuple[int, ...], left_out: int) -> list[Problem]:
    """What is wrong with the channels of a tile whose first axes were left out."""
    axis, names = channel_axis(image), channel_names(image)
    if axis is None or not names:
        return []
    has = f"the image has {counted(len(names), 'channel name')} ({', '.join(names)})"
    if axis < left_out and len(names) > 1:
        message = f"it has no number of channels, and {has}."
        example = (*tile[:axis], len(names), *tile[axis + 1 :])
        cure = f"Give one for each of the axes {', '.join(axis_names(image))}, such as {example}."
        return [Problem("tile_shape", f"{message} {cure}")]
    if tile[axis] > len(names):
        message = f"it has {counted(tile[axis], 'channel')}, and {has}."
        return [Problem("tile_shape", f"{message} Add channels first, with add_channel.")]
    return []


@of_record
def tile_shape(level: Level) -> tuple[int, ...]:
    """Elements of a tile per axis: those of a chunk along the last two axes, of the level along those before them.

    Tiles at the end of the last two axes may be smaller, in a level that ``make_tiles`` has not made.

    >>> from ngff_fn.records.examples import CELLS
    >>> tile_shape(CELLS.levels[0])
    (2, 4, 64, 64)
    """
    array = level.array
    return (*array.shape[:-2], *array.chunks[-2:])


@of_record
def tile_grid(level: Level) -> tuple[int, int]:
    """Rows and columns of tiles.

    >>> from ngff_fn.records.examples import CELLS
    >>> tile_grid(CELLS.levels[0])
    (1, 1)
    """
    array = level.array
    rows, columns = (-(-size // chunk) for size, chunk in zip(array.shape[-2:], array.chunks[-2:], strict=True))
    return rows, columns


@of_record
def tile_region(level: Level, row: int, column: int, *, pre_dims: Sequence[Any] | None = None) -> Region:
    """The region of a tile: (start, stop) for each axis.

    Parameters
    ----------
    level
        The whole of its chunks is the grid.
    row, column
        From 0.
    pre_dims
        For each axis before the last two an index, a ``slice``, a (start, stop) or None for all; default: all. Negative
        numbers mean what they mean in Python.

    Raises
    ------
    OutOfRangeError
        (an IndexError) for a tile, or a part of one, that is not there.
    WrongTypeError
        (a TypeError) where row or column is no integer, or an entry of ``pre_dims`` no index and no range.
    InvalidValueError
        (a ValueError) for another number of ``pre_dims`` than there are axes before the last two.

    >>> from ngff_fn.records.examples import CELLS
    >>> tile_region(CELLS.levels[0], 0, 0, pre_dims=(1, None))
    ((1, 2), (0, 4), (0, 64), (0, 64))
    """
    refuse(
        (
            Problem(name, f"{value!r} is no integer. Count {name}s from 0.")
            for name, value in (("row", row), ("column", column))
            if integer(value) is None
        ),
        WrongTypeError,
    )
    grid = tile_grid(level)
    refuse(
        (
            Problem(name, f"there is no {name} {value}; the grid has {number}, from 0 on.")
            for name, value, number in (("row", row, grid[0]), ("column", column, grid[1]))
            if not 0 <= value < number
        ),
        OutOfRangeError,
    )
    shape, chunks = level.array.shape, level.array.chunks
    places = zip((int(row), int(column)), shape[-2:], chunks[-2:], strict=True)
    tile = [(at * chunk, min((at + 1) * chunk, size)) for at, size, chunk in places]
    return (*_before(shape[:-2], pre_dims), *tile)


def _before(shape: tuple[int, ...], pre_dims: Any) -> Region:
    """What is taken along the axes before the last two."""
    if pre_dims is None:
        pre_dims = (None,) * len(shape)
    if not is_sequence(pre_dims) or len(pre_dims) != len(shape):
        message = f"{pre_dims!r} does not say what is taken along each of the {len(shape)} axes before the last two."
        raise InvalidValueError(Problem("pre_dims", f"{message} Give an index, a slice or None for each."))
    refusals: list[NgffError] = []
    region: list[tuple[int, int]] = []
    for axis, (entry, size) in enumerate(zip(pre_dims, shape, strict=True)):
        try:
            region.append(_taken(entry, size, f"pre_dims[{axis}]"))
        except NgffError as refusal:
            refusals.append(refusal)
    if refusals:
        raise type(refusals[0])(*(problem for refusal in refusals for problem in refusal.problems))
    return tuple(region)


def _taken(entry: Any, size: int, location: str) -> tuple[int, int]:
    index = integer(entry)
    if index is None:
        return bounds(slice(None) if entry is None else entry, size, location)
    if not -size <= index < size:
        raise OutOfRangeError(Problem(location, f"there is no index {index}; the axis has {size}, from 0 on."))
    return index % size, index % size + 1


@of_record
def set_tile(
    image: Image, level: int | str, row: int, column: int, data: Any, *, pre_dims: Sequence[Any] | None = None
) -> Image:
    """The image with one tile, or a part of one, overwritten; other levels stay as they are, as in ``set_region``.

    They are made again with ``with_pyramid(image, method=…)``: name the method that they were made by, since it is the
    mean where none is named.

    Parameters
    ----------
    image
        Has the level.
    level
        Its path or index.
    row, column
        From 0.
    data
        As in ``set_region``: an array with the shape of the tile (axes of length one may be left out), or a number.
    pre_dims
        As in ``tile_region``.

    Raises
    ------
    NgffError
        What ``tile_region`` and ``set_region`` refuse.

    >>> import numpy as np
    >>> from ngff_fn.records.axes import axes_from
    >>> tiled = make_tiles(Image(axes=axes_from("zyx")), "0", (2, 3), (1, 64, 64), "uint16")
    >>> set_tile(tiled, "0", 1, 2, np.ones((64, 64), "uint16")).levels[0].pixels.tiles[0][0]
    ((0, 1), (64, 128), (128, 192))
    """
    region = tile_region(level_at(image, level), row, column, pre_dims=pre_dims)
    if pre_dims is None:
        refuse(_part_problems(image, extent(region), data))
    return set_region(image, level, region, data)


def _part_problems(image: Image, tile: tuple[int, ...], data: Any) -> list[Problem]:
    """What is wrong with data that are only a part of a tile, such as one plane, when nothing says which."""
    shape = tuple(data.shape) if is_array(data) and is_sequence(data.shape) else ()
    missing = len(tile) - len(shape)
    if len(shape) < 2 or shape != tile[missing:] or all(size == 1 for size in tile[:missing]):
        return []
    entries = (*axis_names(image)[:missing], *["None"] * (len(tile) - 2 - missing))
    named = f"({', '.join(entries)}{',' if len(entries) == 1 else ''})"
    message = f"the shape is {shape}, a part of a tile; a whole one has {tile}."
    return [Problem("data", f"{message} Say which part it is, with pre_dims={named}.")]


def _count_problems(location: str, values: Any, least: int, most: int) -> list[Problem]:
    """What is wrong with a sequence of positive integers that is so long."""
    if not is_sequence(values) or not least <= len(values) <= most:
        number = str(least) if least == most else f"{least} to {most}"
        return [Problem(location, f"{values!r} is no sequence of {number} integers. Give one.")]
    wrong = [value for value in values if (whole := integer(value)) is None or whole < 1]
    return [Problem(location, f"{value!r} is no positive integer. Give one.") for value in wrong]
