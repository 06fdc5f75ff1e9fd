from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.edits.encoding import astype, rechunk
from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.levels import set_region
from ngff_fn.edits.pyramid import with_pyramid
from ngff_fn.errors import (
    InvalidValueError,
    NotThereError,
    WrongTypeError,
)
from ngff_fn.frozen_json import freeze
from ngff_fn.records.channels import Window
from ngff_fn.records.examples import CELLS
from ngff_fn.records.pixels import Stored
from tests.small_images import DTYPES, Array, arrays, pixels_of, with_stored_pixels

# --- rechunk ----------------------------------------------------------------------------------------------------------


def test_rechunking_changes_no_pixel_and_nothing_but_chunks() -> None:
    stored = with_stored_pixels(CELLS)
    cut_up = rechunk(stored, (1, 1, 16, 16), shards_ratio=(1, 4, 2, 2))
    for level, old in zip(cut_up.levels, stored.levels, strict=True):
        assert level == evolve(old, array=evolve(old.array, chunks=(1, 1, 16, 16), shards=(1, 4, 32, 32)))


def test_what_is_not_said_stays() -> None:
    assert rechunk(CELLS) == CELLS
    sharded = rechunk(CELLS, {"z": 2}, shards_ratio={"y": 2})
    assert (sharded.levels[1].array.chunks, sharded.levels[1].array.shards) == ((1, 2, 32, 32), (1, 2, 64, 32))
    finer = rechunk(sharded, {"y": 8})
    assert (finer.levels[1].array.chunks, finer.levels[1].array.shards) == ((1, 2, 8, 32), (1, 2, 16, 32))


def test_none_is_what_add_level_makes_of_it() -> None:
    sharded = rechunk(CELLS, (1, 1, 8, 8), shards_ratio=(1, 1, 2, 2), codecs=["gzip"])
    back = rechunk(sharded, None, shards_ratio=None, codecs=None)
    assert [level.array.chunks for level in back.levels] == [(1, 4, 64, 64), (1, 4, 32, 32)]
    assert back.levels[0].array.shards is None
    assert back.levels[0].array.compressors == CELLS.levels[0].array.compressors


def test_only_levels_that_are_named_are_rechunked() -> None:
    for levels in ("1", 1, ["1"], [-1]):
        changed = rechunk(CELLS, {"z": 1}, levels=levels)
        assert [level.array.chunks[1] for level in changed.levels] == [4, 1]
    with pytest.raises(NotThereError, match="no level '2'"):
        rechunk(CELLS, {"z": 1}, levels=["2"])


@pytest.mark.parametrize("chunks", [(1, 1), (0, 1, 1, 1), 16, "all"])
def test_chunks_are_positive_integers_per_axis(chunks: Any) -> None:
    with pytest.raises((InvalidValueError, WrongTypeError), match="chunks"):
        rechunk(CELLS, chunks)


# --- astype -----------------------------------------------------------------------------------------------------------


def in_range(array: Array) -> Array:
    """Floats beyond what an integer dtype holds become anything at all, in NumPy as here."""
    return np.clip(array, -100, 100) if array.dtype.kind == "f" else array


@given(arrays("zyx"), st.sampled_from(DTYPES))
def test_pixels_are_converted_as_numpy_converts_them(array: Array, dtype: str) -> None:
    array = np.abs(in_range(array))
    converted = astype(image_from(array, axes="zyx"), dtype)
    assert converted.levels[0].array.dtype == dtype
    np.testing.assert_array_equal(pixels_of(converted), array.astype(dtype))


@given(arrays("yx"), st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.integers(0, 100))
def test_a_second_conversion_is_numpys_or_refused(array: Array, first: str, second: str, number: int) -> None:
    array = np.abs(in_range(array)).astype(array.dtype)
    image = image_from(array, axes="yx")
    wanted = array.astype(first)
    once = astype(image, first)
    if first != "bool":
        once = set_region(once, 0, {"y": (0, 1)}, number)  # a constant, spelled in the dtype
        wanted[0:1] = number
    try:
        twice = astype(once, second)
    except InvalidValueError as refusal:
        assert "Commit the first" in str(refusal)
        assert not (np.can_cast(array.dtype, first) and np.can_cast(first, second))
        return
    np.testing.assert_array_equal(pixels_of(twice), wanted.astype(second))


def test_a_conversion_that_loses_nothing_may_be_followed_by_any_other() -> None:
    image = image_from(np.arange(256, dtype="uint8").reshape(16, 16), axes="yx")
    for dtypes in (["uint16", "uint8"], ["float32", "int16"], ["int16", "int8", "uint8"][:2], ["uint32", "float16"]):
        array, converted = np.arange(256, dtype="uint8").reshape(16, 16), image
        for dtype in dtypes:
            array, converted = array.astype(dtype), astype(converted, dtype)
        np.testing.assert_array_equal(pixels_of(converted), array)


def test_what_a_first_conversion_loses_is_not_brought_back_by_a_second() -> None:
    image = image_from(np.array([[300, 5]], "uint16"), axes="yx")
    with pytest.raises(InvalidValueError, match=r"levels\[0\]\.dtype.*uint16.*uint8.*Commit"):
        astype(astype(image, "uint8"), "uint16")


def test_the_same_dtype_changes_nothing() -> None:
    assert astype(CELLS, np.uint16) == CELLS


def test_all_levels_are_converted_and_computed_ones_follow() -> None:
    stored = astype(with_stored_pixels(CELLS), "float32")
    assert [(level.array.dtype, type(level.pixels)) for level in stored.levels] == [("float32", Stored)] * 2
    array = np.array([[1, 2], [2, 2]], "uint8")
    computed = astype(with_pyramid(image_from(array, axes="yx"), 2), "float32")
    assert pixels_of(computed, 1).tolist() == [[1.75]]


def test_fill_values_and_constants_are_converted() -> None:
    image = set_region(image_from(np.zeros((2, 2), "int16"), axes="yx"), 0, {"y": (0, 1)}, -1)
    array = evolve(image.levels[0].array, fill_value=-2)
    image = evolve(image, levels=(evolve(image.levels[0], array=array),))
    assert astype(image, "uint8").levels[0].array.fill_value == 254
    assert pixels_of(astype(image, "uint8")).tolist() == [[255, 255], [0, 0]]


def test_contrast_limits_that_are_the_range_of_the_dtype_follow_it() -> None:
    assert CELLS.channels is not None
    own = Window(start=5, end=50, min=0, max=65535)
    image = evolve(CELLS, channels=(CELLS.channels[0], evolve(CELLS.channels[1], window=own)))
    channels = astype(image, "uint8").channels
    assert channels is not None
    assert [channel.window for channel in channels] == [Window(start=0, end=255, min=0, max=255), own]


@pytest.mark.parametrize("dtypes", [("uint16", "float32"), ("float32", "uint16"), ("float32", "float64")])
def test_contrast_limits_stay_where_floats_keep_the_values(dtypes: tuple[str, str]) -> None:
    image = image_from(np.zeros((1, 2, 2), dtypes[0]), axes="cyx", channel_names=["DAPI"])
    assert astype(image, dtypes[1]).channels == image.channels


def test_imaginary_parts_are_not_lost() -> None:
    with pytest.raises(InvalidValueError, match="imaginary"):
        astype(image_from(np.zeros((2, 2), "complex64"), axes="yx"), "float32")


def test_filters_that_know_the_dtype_are_refused_with_the_cure() -> None:
    delta = freeze({"name": "numcodecs.delta", "configuration": {"dtype": "<u2"}})
    image = rechunk(CELLS, codecs=[delta])  # type: ignore[list-item]
    with pytest.raises(InvalidValueError, match="rechunk"):
        astype(image, "uint8")
    assert astype(rechunk(image, codecs=None), "uint8").levels[0].array.filters == ()


@pytest.mark.parametrize("dtype", ["U5", None, "float128", object, 3])
def test_a_dtype_that_no_image_has_is_refused(dtype: Any) -> None:
    with pytest.raises(InvalidValueError, match="no dtype of an image"):
        astype(CELLS, dtype)
