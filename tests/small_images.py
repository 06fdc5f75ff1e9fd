"""Small images with pixels, for properties: what an edit must give on them is asked of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngff_fn.edits.image_from import image_from
from ngff_fn.records.axes import axis_names
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import Stored
from tests.reference import reference_pixels

Array = NDArray[Any]
AXES = ("yx", "zyx", "cyx", "tyx", "czyx", "tczyx")
DTYPES = ("bool", "uint8", "uint16", "int16", "int32", "float32", "float64")


def pixels_of(image: Image, level: int = 0, stored: dict[str, Array] | None = None) -> Array:
    entry = image.levels[level]
    assert entry.pixels.shape == entry.array.shape
    return reference_pixels(entry.pixels, entry.array.dtype, stored)


def random_array(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    numbers = np.random.default_rng(seed)
    if dtype == "bool":
        return numbers.integers(0, 2, shape).astype("bool")
    if dtype.startswith("float"):
        return numbers.normal(0, 1000, shape).astype(dtype)
    info = np.iinfo(dtype)
    few = numbers.integers(0, 2) == 0  # few values make ties
    return numbers.integers(*((0, 5) if few else (info.min, info.max)), shape, dtype=dtype, endpoint=True)


@st.composite
def arrays(draw: st.DrawFn, axes: str, dtype: str | None = None, largest: int = 7) -> Array:
    shape = tuple(draw(st.integers(1, 3 if axis in "tc" else largest)) for axis in axes)
    return random_array(shape, dtype or draw(st.sampled_from(DTYPES)), draw(st.integers(0, 999)))


@st.composite
def images(draw: st.DrawFn, axes: str | None = None, dtype: str | None = None, largest: int = 7) -> Image:
    axes = axes or draw(st.sampled_from(AXES))
    data = draw(arrays(axes, dtype, largest))
    return image_from(data, axes=axes, **draw(places(axes)))


@st.composite
def places(draw: st.DrawFn, axes: str) -> dict[str, Any]:
    """Scales and translations that floats hold exactly: powers of two and multiples of them."""
    scale = [1.0 if axis == "c" else 2.0 ** draw(st.integers(-4, 4)) for axis in axes]
    translation = [0.0 if axis == "c" else draw(st.integers(-8, 8)) / 4 for axis in axes]
    return {"scale": scale, "translation": translation if draw(st.booleans()) else None}


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Regions of a shape, never empty."""
    bounds = []
    for size in shape:
        start = draw(st.integers(0, size - 1))
        bounds.append((start, draw(st.integers(start + 1, size))))
    return tuple(bounds)


def tallest(image: Image, factor: int = 2) -> int:
    """How many levels a pyramid of z, y and x can have, level 0 included, before two would be the same."""
    size = max(size for name, size in zip(axis_names(image), image.levels[0].array.shape, strict=True) if name in "zyx")
    levels = 1
    while size > 1:
        size, levels = -(-size // factor), levels + 1
    return levels


def cut(array: Array, box: tuple[tuple[int, int], ...]) -> Array:
    return array[tuple(slice(start, stop) for start, stop in box)]


class Lazy:
    """An array of which every read is an error."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError(index)


def with_stored_pixels(image: Image) -> Image:
    """As if it had been read from a store."""
    levels = [
        evolve(level, pixels=Stored(origin="home", path=level.path, array=level.array, token=level.path))
        for level in image.levels
    ]
    return evolve(image, levels=tuple(levels))
