"""Slabs: the part of each level that belongs to one channel; put into the levels, and taken out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import given_as
from ngff_fn.edits.cascade import cascaded
from ngff_fn.records.image import Image, Level
from ngff_fn.records.pixels import Index, Pixels, Region, crop, fill, mosaic, select, whole


def slab_region(shape: Sequence[int], axis: int, start: int, stop: int) -> Region:
    """Everything of a shape but along one axis, where it is from ``start`` to ``stop``."""
    return (*whole(shape[:axis]), (start, stop), *whole(shape[axis + 1 :]))


def slab_of(level: Level, axis: int, data: Any) -> Pixels:
    """What the caller holds, which has not the channel axis, as one channel of a level."""
    shape = level.array.shape
    return given_as(data, "data", (*shape[:axis], *shape[axis + 1 :]), level.array.dtype, inserted=axis)


def new_slabs(image: Image, data: Any, axis: int) -> tuple[Pixels, ...]:
    """The pixels of a new channel, for each level."""
    if data is not None and image.levels:
        return cascaded(image, 0, slab_of(image.levels[0], axis, data), along=axis)
    return tuple(_filled(level, axis, 1) for level in image.levels)


def _filled(level: Level, axis: int, size: int) -> Pixels:
    """The level's fill value, with another number of channels; a null in the document (Zarr v2) is read as 0."""
    shape, value = level.array.shape, level.array.fill_value
    return fill((*shape[:axis], size, *shape[axis + 1 :]), 0 if value is None else value)


def grown(level: Level, axis: int, place: int, slab: Pixels) -> Level:
    """A level with one more element along an axis; its chunks stay as they are."""
    shape = level.array.shape
    size = shape[axis]
    before, after = slab_region(shape, axis, 0, place), slab_region(shape, axis, place, size)
    pixels = mosaic(
        _filled(level, axis, size + 1),
        [
            (before, crop(level.pixels, before)),
            (slab_region(shape, axis, place, place + 1), slab),
            (slab_region(shape, axis, place + 1, size + 1), crop(level.pixels, after)),
        ],
    )
    return evolve(level, array=evolve(level.array, shape=pixels.shape), pixels=pixels)


def taken(level: Level, axis: int, positions: tuple[int, ...]) -> Level:
    """A level with some of its elements along an axis, in this order."""
    index: list[Index] = [range(size) for size in level.array.shape]
    index[axis] = positions
    pixels = select(level.pixels, index)
    return evolve(level, array=evolve(level.array, shape=pixels.shape), pixels=pixels)
