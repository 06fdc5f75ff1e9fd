from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from ngff_fn.edits.channels import reorder_channels
from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.pyramid import with_pyramid
from ngff_fn.edits.select import concatenate, crop
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    NotThereError,
    OutOfRangeError,
    UnsupportedError,
    WrongTypeError,
)
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import Axis, axes_from, axis_names
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.coordinates import to_physical
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Level, Unread
from ngff_fn.records.pixels import METHODS, Downsample, Fill, Select
from tests.reference import reference_downsample
from tests.small_images import (
    DTYPES,
    Array,
    arrays,
    boxes,
    cut,
    images,
    pixels_of,
    random_array,
    tallest,
    with_stored_pixels,
)

LABELLED = evolve(CELLS, labels=Unread(path="labels"))


def by_name(image: Image, box: tuple[tuple[int, int], ...]) -> dict[str, tuple[int, int]]:
    return dict(zip(axis_names(image), box, strict=True))


# --- crop -------------------------------------------------------------------------------------------------------------


@given(st.data(), images())
def test_a_crop_has_the_pixels_of_its_box(data: st.DataObject, image: Image) -> None:
    box = data.draw(boxes(image.levels[0].array.shape))
    np.testing.assert_array_equal(pixels_of(crop(image, by_name(image, box))), cut(pixels_of(image), box))


@given(st.data(), images())
def test_every_element_of_a_crop_stays_where_it_is(data: st.DataObject, image: Image) -> None:
    box = data.draw(boxes(image.levels[0].array.shape))
    cropped = crop(image, by_name(image, box))
    starts = [0 if name == "c" else start for (start, _), name in zip(box, axis_names(image), strict=True)]
    assert cropped.levels[0].scale == image.levels[0].scale
    assert to_physical(cropped, 0, [0] * len(box)) == to_physical(image, 0, starts)


@given(st.data(), images())
def test_a_crop_of_a_crop_is_a_crop(data: st.DataObject, image: Image) -> None:
    outer = data.draw(boxes(image.levels[0].array.shape))
    inner = data.draw(boxes(tuple(stop - start for start, stop in outer)))
    both = tuple((a + c, a + d) for (a, _), (c, d) in zip(outer, inner, strict=True))
    assert crop(crop(image, by_name(image, outer)), by_name(image, inner)) == crop(image, by_name(image, both))


@given(st.data(), images(largest=16), st.integers(2, 3), st.sampled_from(METHODS))
def test_a_cropped_pyramid_is_the_pyramid_of_the_crop(
    data: st.DataObject, image: Image, levels: int, method: Any
) -> None:
    levels = min(levels, tallest(image))
    pyramid = with_pyramid(image, levels, method=method)
    cropped = crop(pyramid, by_name(image, data.draw(boxes(image.levels[0].array.shape))))
    above = pixels_of(cropped)
    for number in range(1, levels):
        sizes = zip(pyramid.levels[number - 1].array.shape, axis_names(image), strict=True)
        factors = tuple(2 if name in "zyx" and size > 1 else 1 for size, name in sizes)
        above = reference_downsample(above, factors, method)
        np.testing.assert_array_equal(pixels_of(cropped, number), above)


@given(st.data(), images(largest=16), st.integers(2, 3))
def test_cropped_levels_lie_to_each_other_as_before(data: st.DataObject, image: Image, levels: int) -> None:
    levels = min(levels, tallest(image))
    pyramid = with_pyramid(image, levels)
    cropped = crop(pyramid, by_name(image, data.draw(boxes(image.levels[0].array.shape))))
    origin = [0] * len(image.axes)
    for number in range(1, levels):
        assert cropped.levels[number].scale == pyramid.levels[number].scale
        offsets = [
            np.subtract(to_physical(one, number, origin), to_physical(one, 0, origin)) for one in (pyramid, cropped)
        ]
        np.testing.assert_allclose(offsets[0], offsets[1], atol=1e-9)


def recipe(image: Image, number: int) -> type:
    return type(image.levels[number].pixels)


def test_on_block_borders_levels_are_selected_and_else_made_again() -> None:
    stored = with_stored_pixels(with_pyramid(image_from(np.zeros((32, 30), "uint8"), axes="yx"), 3))
    on_borders = crop(stored, y=(4, 12), x=(8, None))
    assert [recipe(on_borders, number) for number in range(3)] == [Select, Select, Select]
    between = crop(stored, y=(2, 12))
    assert [recipe(between, number) for number in range(3)] == [Select, Select, Downsample]
    assert between.levels[2].array.shape == (3, 8)


def test_levels_are_made_again_by_the_method_that_the_multiscale_names() -> None:
    for name, method in (("max", "max"), ("nearest", "stride"), ("unheard of", "mean"), (None, "mean")):
        pixels = crop(evolve(with_stored_pixels(CELLS), method=name), y=(1, 4)).levels[1].pixels
        assert isinstance(pixels, Downsample)
        assert (pixels.method, pixels.factors, pixels.shape) == (method, (1, 1, 2, 2), (2, 4, 2, 32))


def test_a_crop_to_fewer_channels_drops_them_from_omero() -> None:
    second = crop(CELLS, c=(1, 2))
    assert channel_names(second) == ("GFP",)
    assert [level.array.shape[0] for level in second.levels] == [1, 1]
    assert [level.translation for level in second.levels] == [level.translation for level in CELLS.levels]


def test_a_crop_keeps_chunks_and_all_else() -> None:
    cropped = crop(CELLS, x=(0, 32))
    assert [level.array.chunks for level in cropped.levels] == [level.array.chunks for level in CELLS.levels]
    assert evolve(cropped, levels=CELLS.levels) == CELLS


def test_the_whole_is_the_image_itself() -> None:
    assert crop(CELLS) is CELLS
    assert crop(LABELLED, {"Z": slice(None), "c": (0, 2)}, x=slice(-64, None)) is LABELLED


def test_axes_that_levels_do_not_divide_may_be_cut_whatever_the_others_are() -> None:
    array = ArraySpec(shape=(4, 10, 10), dtype="uint8", chunks=(1, 10, 10))
    odd = evolve(array, shape=(4, 7, 7))
    levels = [
        Level(path=path, scale=(1, 1, 1), array=a, pixels=Fill(shape=a.shape, value=0))
        for path, a in (("0", array), ("1", odd))
    ]
    image = Image(axes=axes_from("tyx"), levels=tuple(levels))
    assert [level.array.shape for level in crop(image, t=(1, 3)).levels] == [(2, 10, 10), (2, 7, 7)]
    with pytest.raises(InvalidValueError, match="no whole part"):
        crop(image, y=(1, 3))


@pytest.mark.parametrize("bounds", [(0, 65), (-65, 64), slice(0, 100), (64, 65)])
def test_a_box_that_is_not_within_the_image_is_an_index_error(bounds: Any) -> None:
    with pytest.raises(OutOfRangeError, match="axis x"):
        crop(CELLS, x=bounds)


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        ({"x": (3, 3)}, InvalidValueError, "nothing is left"),
        ({"x": (4, 3)}, InvalidValueError, "ends at 3"),
        ({"x": slice(0, 8, 2)}, InvalidValueError, "step"),
        ({"x": 3}, WrongTypeError, r"\(i, i \+ 1\)"),
        ({"t": (0, 1)}, NotThereError, "no axis 't'"),
    ],
)
def test_what_cannot_be_cropped_is_refused(axes: Any, error: type[NgffError], message: str) -> None:
    with pytest.raises(error, match=message):
        crop(CELLS, axes)


def test_an_image_without_levels_cannot_be_cropped() -> None:
    with pytest.raises(InvalidValueError, match="no level 0"):
        crop(Image(axes=axes_from("yx")), y=(0, 1))


def test_labels_that_would_have_to_follow_are_refused_with_the_cure() -> None:
    with pytest.raises(UnsupportedError, match=r"detach\(image\)"):
        crop(LABELLED, x=(0, 8))
    assert crop(LABELLED, c=(0, 1)).labels == LABELLED.labels


# --- concatenate ------------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(["yx", "czyx", "tczyx"]), st.sampled_from(DTYPES))
def test_images_are_joined_as_numpy_joins_arrays(data: st.DataObject, axes: str, dtype: str) -> None:
    along = data.draw(st.integers(0, len(axes) - 1))
    first = data.draw(arrays(axes, dtype))
    parts = [first]
    for seed in range(data.draw(st.integers(0, 2))):
        shape = (*first.shape[:along], data.draw(st.integers(1, 5)), *first.shape[along + 1 :])
        parts.append(random_array(shape, dtype, seed))
    joined = concatenate([named(part, axes, joins=axes[along] == "c") for part in parts], axis=axes[along])
    np.testing.assert_array_equal(pixels_of(joined), np.concatenate(parts, axis=along))


def named(array: Array, axes: str, *, joins: bool) -> Image:
    """An image; where its channels are joined to others, they have names of their own."""
    channels = range(array.shape[axes.index("c")]) if joins else ()
    return image_from(array, axes=axes, channel_names=[f"{id(array)}-{number}" for number in channels] or None)


@given(st.data(), images(largest=12), st.integers(1, 3))
def test_what_was_cut_apart_is_joined_again(data: st.DataObject, image: Image, levels: int) -> None:
    levels = min(levels, tallest(image))
    pyramid = with_pyramid(image, levels)
    axis = data.draw(st.sampled_from([name for name in axis_names(image) if name != "c"]))
    size = image.levels[0].array.shape[axis_names(image).index(axis)]
    assume(size > 1)
    at = data.draw(st.integers(1, size - 1))
    joined = concatenate([crop(pyramid, {axis: (0, at)}), crop(pyramid, {axis: (at, None)})], axis=axis)
    for number in range(levels):
        np.testing.assert_array_equal(pixels_of(joined, number), pixels_of(pyramid, number))
        assert evolve(joined.levels[number], pixels=pyramid.levels[number].pixels) == pyramid.levels[number]


def test_levels_that_meet_at_block_borders_are_joined_and_others_made_again() -> None:
    stored = with_stored_pixels(with_pyramid(image_from(np.zeros((8, 8), "uint8"), axes="yx"), 3))
    meet = concatenate([stored, stored], axis="y")
    assert [level.array.shape for level in meet.levels] == [(16, 8), (8, 4), (4, 2)]
    assert not any(isinstance(level.pixels, Downsample) for level in meet.levels)
    odd = concatenate([crop(stored, y=(0, 6)), stored], axis="y")
    assert [isinstance(level.pixels, Downsample) for level in odd.levels] == [False, False, True]
    assert [level.array.shape for level in odd.levels] == [(14, 8), (7, 4), (4, 2)]


def test_the_first_image_says_how_many_levels_there_are() -> None:
    flat = image_from(np.zeros((8, 8), "uint8"), axes="yx")
    tall = with_pyramid(flat, 3)
    assert len(concatenate([flat, tall], axis="y").levels) == 1
    joined = concatenate([tall, flat], axis="y")
    assert [level.array.shape for level in joined.levels] == [(16, 8), (8, 4), (4, 2)]


def test_channels_are_joined_along_the_channel_axis() -> None:
    one, two = crop(CELLS, c=(0, 1)), crop(CELLS, c=(1, 2))
    assert concatenate([two, one], axis="C").channels == (*(two.channels or ()), *(one.channels or ()))
    with pytest.raises(InvalidValueError, match="'DAPI' is there 2 times"):
        concatenate([one, one], axis="c")


def test_name_and_translation_are_those_of_the_first() -> None:
    moved = evolve(SQUARE, name="b", levels=(evolve(SQUARE.levels[0], translation=(9.0, 9.0)),))
    joined = concatenate([SQUARE, moved], axis="x")
    assert (joined.name, joined.levels[0].translation) == (None, None)
    joined = concatenate([moved, SQUARE], axis="x")
    assert (joined.name, joined.levels[0].translation) == ("b", (9.0, 9.0))


def test_one_image_alone_is_itself() -> None:
    assert concatenate([CELLS], axis="z") is CELLS


def with_axis(image: Image, index: int, axis: Axis) -> Image:
    return evolve(image, axes=(*image.axes[:index], axis, *image.axes[index + 1 :]))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (image_from(np.zeros((4, 6), "uint16"), axes="yx"), "astype"),
        (image_from(np.zeros((5, 6), "uint8"), axes="yx"), "5 elements along y"),
        (image_from(np.zeros((4, 6), "uint8"), axes="zx"), "axes"),
        (with_axis(SQUARE, 0, Axis(name="y", type="space", unit="meter")), "units"),
        (image_from(np.zeros((4, 6), "uint8"), axes="yx", scale=(2, 1)), "set_scale"),
        (Image(axes=axes_from("yx")), "no level 0"),
    ],
)
def test_images_that_do_not_agree_are_refused_with_the_cure(other: Image, message: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"images\[1\].*{message}"):
        concatenate([SQUARE, other], axis="x")


def test_scales_agree_that_differ_in_the_seventh_digit() -> None:
    near = image_from(np.zeros((4, 6), "uint8"), axes="yx", scale=(1 + 1e-8, 1))
    assert concatenate([SQUARE, near], axis="x").levels[0].scale == (1.0, 1.0)


def test_along_other_axes_all_have_the_same_channels() -> None:
    with pytest.raises(InvalidValueError, match="reorder"):
        concatenate([CELLS, reorder_channels(CELLS, ["GFP", "DAPI"])], axis="z")


@pytest.mark.parametrize(
    ("images_given", "axis", "error"),
    [([], "x", InvalidValueError), ([SQUARE, "x"], "x", WrongTypeError), ([SQUARE, SQUARE], "t", NotThereError)],
)
def test_what_cannot_be_joined_is_refused(images_given: Any, axis: str, error: type[NgffError]) -> None:
    with pytest.raises(error):
        concatenate(images_given, axis=axis)


def test_labels_that_cannot_be_read_are_only_kept_where_the_image_gets_more_channels() -> None:
    with pytest.raises(UnsupportedError, match="labels: they cannot be read"):
        concatenate([LABELLED, CELLS], axis="z")
    assert concatenate([crop(LABELLED, c=(0, 1)), crop(CELLS, c=(1, 2))], axis="c").labels == LABELLED.labels
