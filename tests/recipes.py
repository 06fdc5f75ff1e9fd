"""Recipes at random, over arrays that are given and arrays in stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from numpy.typing import NDArray

from ngff_fn.records.pixels import (
    METHODS,
    Index,
    Pixels,
    Region,
    Stored,
    crop,
    downsample,
    extent,
    fill,
    given,
    mosaic,
    select,
)
from tests.arrays_in_stores import counted
from tests.reference import reference_pixels

Blocks = Mapping[Stored, NDArray[Any]]
DTYPES = ("uint8", "int16", "uint16", "float32")


def meaning(pixels: Pixels, dtype: str, stored: Blocks) -> NDArray[Any]:
    """All of a recipe, where the stored arrays have different paths."""
    return reference_pixels(pixels, dtype, {leaf.path: values for leaf, values in stored.items()})


def slices(region: Region) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in region)


@st.composite
def recipes(draw: st.DrawFn, shape: tuple[int, ...], leaves: Blocks, depth: int = 3) -> Pixels:
    """A recipe of a shape, of all six words; what it takes of stored arrays fits into them."""
    words = ["fill", "given"]
    fitting = [leaf for leaf in leaves if all(map(int.__le__, shape, leaf.shape))]
    words += ["stored"] * 2 * bool(fitting)
    words += ["select", "mosaic", "downsample"] * (depth > 0)
    match draw(st.sampled_from(words)):
        case "fill":
            return fill(shape, draw(st.integers(0, 9)))
        case "given":
            return given(draw(st.sampled_from(_arrays(shape))), shape)
        case "stored":
            leaf = draw(st.sampled_from(fitting))
            start = [draw(st.integers(0, has - wants)) for has, wants in zip(leaf.shape, shape, strict=True)]
            return crop(leaf, tuple((at, at + size) for at, size in zip(start, shape, strict=True)))
        case "select":
            source = tuple(size + draw(st.integers(0, 3)) for size in shape)
            index = tuple(draw(indices(has, size)) for has, size in zip(source, shape, strict=True))
            inner = draw(recipes(source, leaves, depth - 1))
            return select(inner, index)
        case "mosaic":
            background = draw(recipes(shape, leaves, depth - 1))
            boxes = draw(st.lists(regions(shape), min_size=1, max_size=3))
            return mosaic(background, [(box, draw(recipes(extent(box), leaves, depth - 1))) for box in boxes])
        case _:
            factors = tuple(draw(st.integers(1, 3)) for _ in shape)
            above = tuple(
                max(1, size * factor + draw(st.integers(1 - factor, factor - 1)))
                for size, factor in zip(shape, factors, strict=True)
            )
            return downsample(draw(recipes(above, leaves, depth - 1)), factors, draw(st.sampled_from(METHODS)), shape)


def _arrays(shape: tuple[int, ...]) -> list[NDArray[Any]]:
    """Of several dtypes, with axes of length one or without."""
    values = counted(shape, "uint8")
    return [values, values.squeeze(), values[None].astype("int16"), values.astype("float32") / 4, values.astype(">u2")]


def indices(size: int, length: int) -> st.SearchStrategy[Index]:
    """What may be taken of an axis: a range, or positions in any order, some of them twice."""
    ranges = st.integers(0, size - length).map(lambda start: range(start, start + length))
    return ranges | st.lists(st.integers(0, size - 1), min_size=length, max_size=length).map(tuple)


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, ...]) -> Region:
    """A box in a shape that is not empty."""
    starts = [draw(st.integers(0, size - 1)) for size in shape]
    return tuple((start, draw(st.integers(start + 1, size))) for start, size in zip(starts, shape, strict=True))


def shapes(axes: int, longest: int = 7) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(1, longest)] * axes)
