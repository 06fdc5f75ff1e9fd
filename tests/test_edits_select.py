from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from ngff_fn.edits.channels import add_channel, remove_channel, reorder_channels, update_channel
from ngff_fn.edits.encoding import astype, rechunk
from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.levels import set_region
from ngff_fn.edits.pyramid import with_pyramid, without_pyramid
from ngff_fn.edits.select import concatenate, crop
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    NotThereError,
    OutOfRangeError,
    UnsupportedError,
    WrongTypeError,
)
from ngff_fn.frozen_json import freeze
from ngff_fn.records.arrays import ArraySpec, converts_safely
from ngff_fn.records.axes import Axis, axes_from, axis_names
from ngff_fn.records.channels import Window, channel_names
from ngff_fn.records.coordinates import to_physical
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Level, Unread
from ngff_fn.records.pixels import METHODS, Downsample, Fill, Given, Select, Stored
from tests.reference import reference_downsample
from tests.small_images import DTYPES, Array, arrays, boxes, cut, images, pixels_of, random_array

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


def with_stored_pixels(image: Image) -> Image:
    """As if it had been read from a store."""
    levels = [
        evolve(level, pixels=Stored(origin="home", path=level.path, array=level.array, token=level.path))
        for level in image.levels
    ]
    return evolve(image, levels=tuple(levels))


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
    with pytest.raises(UnsupportedError, match="labels=None"):
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


def test_labels_are_only_kept_of_the_first_image_that_gets_more_channels() -> None:
    with pytest.raises(UnsupportedError, match=r"images\[0\]\.labels"):
        concatenate([LABELLED, CELLS], axis="z")
    with pytest.raises(UnsupportedError, match=r"images\[1\]\.labels"):
        concatenate([crop(CELLS, c=(0, 1)), crop(LABELLED, c=(1, 2))], axis="c")
    assert concatenate([crop(LABELLED, c=(0, 1)), crop(CELLS, c=(1, 2))], axis="c").labels == LABELLED.labels


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
        assert "Commit the first" in str(refusal)  # noqa: PT017 — a refusal is allowed, not demanded
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


# --- any order of edits -----------------------------------------------------------------------------------------------


class Model:
    """The same edits on an array: what the pixels of level 0 must be."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.array = random_array((2, self.draw(st.integers(1, 4)), 6, 7), "uint8", self.draw(st.integers(0, 99)))
        self.names = ["a", "b"]
        self.image = image_from(self.array, axes="czyx", channel_names=self.names, scale=(1, 2, 0.5, 0.5))
        self.fresh = iter("cdefghijklmnopqrstuvwxyz")

    def new_array(self, shape: tuple[int, ...]) -> Array:
        return random_array(shape, "uint8", self.draw(st.integers(0, 99)))

    def crop(self) -> None:
        box = ((0, self.array.shape[0]), *self.draw(boxes(self.array.shape[1:])))
        self.image = crop(self.image, by_name(self.image, box))
        self.array = cut(self.array, box)

    def set_region(self) -> None:
        box = self.draw(boxes(self.array.shape))
        part = self.new_array(cut(self.array, box).shape)
        self.image = set_region(self.image, 0, box, part)
        self.array = self.array.copy()
        self.array[tuple(slice(*bounds) for bounds in box)] = part

    def add_channel(self) -> None:
        name, data = next(self.fresh), self.new_array(self.array.shape[1:])
        self.image = add_channel(self.image, name, data=data)
        self.array = np.concatenate([self.array, data[np.newaxis].astype(self.array.dtype)])
        self.names.append(name)

    def update_channel(self) -> None:
        name, data = self.draw(st.sampled_from(self.names)), self.new_array(self.array.shape[1:])
        self.image = update_channel(self.image, name, "*", data)
        self.array = self.array.copy()
        self.array[self.names.index(name)] = data

    def remove_channel(self) -> None:
        if len(self.names) > 1:
            place = self.draw(st.integers(0, len(self.names) - 1))
            self.image = remove_channel(self.image, self.names.pop(place))
            self.array = np.delete(self.array, place, axis=0)

    def reorder_channels(self) -> None:
        order = self.draw(st.permutations(range(len(self.names))))
        self.names = [self.names[place] for place in order]
        self.image = reorder_channels(self.image, self.names)
        self.array = self.array[list(order)]

    def concatenate(self) -> None:
        if self.array.size < 5000:
            axis = self.draw(st.sampled_from("zyx"))
            self.image = concatenate([self.image, self.image], axis=axis)
            self.array = np.concatenate([self.array, self.array], axis="czyx".index(axis))

    def astype(self) -> None:
        dtype = self.draw(st.sampled_from(["uint16", "int32", "float32"]))
        if converts_safely(str(self.array.dtype), dtype):
            self.image, self.array = astype(self.image, dtype), self.array.astype(dtype)

    def rechunk(self) -> None:
        self.image = rechunk(self.image, {"y": self.draw(st.integers(1, 5))})

    def with_pyramid(self) -> None:
        self.image = with_pyramid(without_pyramid(self.image), self.draw(st.integers(1, 3)))


EDITS = [name for name in vars(Model) if not name.startswith("_") and name != "new_array"]


@given(st.data(), st.lists(st.sampled_from(EDITS), max_size=7))
def test_any_order_of_edits_gives_what_the_same_edits_give_on_an_array(data: st.DataObject, edits: list[str]) -> None:
    model = Model(data)
    for edit in edits:
        getattr(model, edit)()
        assert model.image.levels[0].array.shape == model.array.shape
        assert model.image.levels[0].array.dtype == model.array.dtype
        assert channel_names(model.image) == tuple(model.names)
    np.testing.assert_array_equal(pixels_of(model.image), model.array)
    again, above = with_pyramid(without_pyramid(model.image), 2, method="median"), model.array
    factors = tuple(2 if size > 1 and axis else 1 for axis, size in enumerate(above.shape))
    np.testing.assert_array_equal(pixels_of(again, 1), reference_downsample(above, factors, "median"))
    assert all(level.pixels.shape == level.array.shape for level in model.image.levels)


def test_selecting_keeps_what_the_caller_holds_as_it_is() -> None:
    data = np.arange(24, dtype="uint8").reshape(4, 6)
    before = data.copy()
    image = image_from(data, axes="yx")
    concatenate([crop(image, y=(0, 2)), astype(rechunk(image, (1, 1)), "uint8")], axis="y")
    assert isinstance(image.levels[0].pixels, Given)
    assert image.levels[0].pixels.array is data
    np.testing.assert_array_equal(data, before)
