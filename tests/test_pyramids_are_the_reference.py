"""A pyramid of any image, committed from outside, is what the plain reference makes of the whole array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.arrays import DTYPES
from ngff_fn.records.pixels import METHODS, Downsample, Method
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.reference import reference_downsample
from tests.small_images import AXES, random_array

NUMBERS = [name for name, (kind, _) in DTYPES.items() if kind != "c"]


@st.composite
def values(draw: st.DrawFn, axes: str) -> NDArray[Any]:
    """Of all dtypes and odd sizes; floats are such that their sums are exact, in whatever order they are made."""
    dtype = draw(st.sampled_from(NUMBERS))
    shape = tuple(draw(st.integers(1, 3 if name in "tc" else 13)) for name in axes)
    seed = draw(st.integers(0, 999))
    if not dtype.startswith("float"):
        return random_array(shape, dtype, seed)
    return (random_array(shape, "int8", seed) / 8).astype(dtype)


@st.composite
def grids(draw: st.DrawFn, axes: str, version: Version) -> dict[str, Any]:
    """Chunks, and in 0.5 perhaps shards."""
    grid: dict[str, Any] = {"chunks": tuple(draw(st.integers(1, 5)) for _ in axes)}
    if version == "0.5" and draw(st.booleans()):
        grid["shards_ratio"] = tuple(draw(st.integers(1, 3)) for _ in axes)
    return grid


@st.composite
def pyramids(draw: st.DrawFn, image: nf.Image, axes: str) -> Any:
    """A step that makes as many levels as there can be, up to four, by factors of 2 and 3."""
    shorter = [name for name in axes if name in "zyx" and image.levels[0].array.shape[axes.index(name)] > 1]
    options: dict[str, Any] = {
        "factors": {name: draw(st.integers(2, 3)) for name in shorter},
        "axes": shorter,
        "chunks": draw(st.sampled_from(["keep", "halve"])),
        "method": draw(st.sampled_from(METHODS)),
    }
    for levels in range(4, 1, -1):
        step = c.with_pyramid(levels, **options)
        try:
            step(image)
        except nf.InvalidValueError:
            continue  # so many cannot be made of it
        return step
    return None


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "given"])
@settings(max_examples=100)
@given(st.data(), st.sampled_from(AXES), st.sampled_from(VERSIONS))
def test_every_level_is_the_reference(is_stored: bool, data: st.DataObject, axes: str, version: Version) -> None:
    store, level = MemoryStore(), data.draw(values(axes))
    image = nf.image_from(level, axes=axes, **data.draw(grids(axes, version)))
    step = data.draw(pyramids(image, axes))
    assume(step is not None)
    wanted = step(image)
    if is_stored:
        nf.create(store, image, version=version)
        nf.update(store, step)
    else:
        nf.create(store, wanted, version=version)
    root: Any = nf.open_ome_zarr(store).root
    assert len(root.levels) == len(wanted.levels) > 1
    for made, meant in zip(root.levels, wanted.levels, strict=True):
        if isinstance(meant.pixels, Downsample):
            level = reference_downsample(level, meant.pixels.factors, meant.pixels.method)
        found = nf.evaluate(root, made.path)
        assert (found.dtype, found.shape) == (level.dtype, level.shape)
        np.testing.assert_array_equal(found, level)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_each_method_and_dtype_is_the_reference(method: Method, dtype: str) -> None:
    """What the property above may not happen to draw."""
    level, store = (
        random_array((2, 7, 11), "int8" if dtype.startswith("float") else dtype, 1).astype(dtype),
        MemoryStore(),
    )
    image = nf.with_pyramid(nf.image_from(level, axes="cyx", chunks=(1, 2, 4)), 3, method=method)
    nf.create(store, image, version="0.5")
    root: Any = nf.open_ome_zarr(store).root
    for each in root.levels:
        np.testing.assert_array_equal(nf.evaluate(root, each.path), level)
        level = reference_downsample(level, (1, 2, 2), method)
