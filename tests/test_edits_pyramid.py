from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.levels import add_level_zeros, set_region
from ngff_fn.edits.pyramid import with_pyramid, without_pyramid
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, UnsupportedError, WrongTypeError
from ngff_fn.frozen_json import FrozenMap, freeze
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import axes_from, axis_names
from ngff_fn.records.coordinates import effective_scale, to_physical
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Level, Unread
from ngff_fn.records.pixels import METHODS, Fill, Method, Stored
from tests.reference import reference_downsample
from tests.small_images import images, pixels_of, tallest

METHOD = st.sampled_from(METHODS)


def stack(shape: tuple[int, ...] = (9, 64, 63), **arguments: Any) -> Image:
    return image_from(np.zeros(shape, "uint16"), axes="tczyx"[-len(shape) :], **arguments)


# --- what is made ----------------------------------------------------------------------------------------------------


@given(images(), st.integers(2, 4), METHOD, st.sampled_from([2, 3]))
def test_each_level_is_made_from_the_one_above_it(image: Image, levels: int, method: Method, factor: int) -> None:
    levels = min(levels, tallest(image, factor))
    made = with_pyramid(image, levels, method=method, factors=factor)
    assert len(made.levels) == levels
    assert made.levels[0] is image.levels[0]
    above = pixels_of(image)
    for level in range(1, levels):
        sizes = zip(axis_names(image), above.shape, strict=True)
        factors = tuple(factor if name in "zyx" and size > 1 else 1 for name, size in sizes)
        wanted = reference_downsample(above, factors, method)
        above = pixels_of(made, level)
        np.testing.assert_array_equal(above, wanted)


@given(images(), st.integers(2, 4), METHOD)
def test_new_shapes_are_the_ceiling_and_scales_the_factors(image: Image, levels: int, method: Method) -> None:
    made = with_pyramid(image, min(levels, tallest(image)), method=method)
    for above, below in zip(made.levels, made.levels[1:], strict=False):
        for axis, name in enumerate(axis_names(image)):
            size = above.array.shape[axis]
            factor = 2 if name in "zyx" and size > 1 else 1
            assert below.array.shape[axis] == -(-size // factor)
            assert below.scale[axis] == above.scale[axis] * factor


@given(images(largest=40), st.integers(2, 4), st.sampled_from(["mean", "median", "mode", "min", "max"]))
def test_an_element_lies_in_the_middle_of_those_it_is_made_of(image: Image, levels: int, method: Method) -> None:
    levels = min(levels, tallest(image))
    made = with_pyramid(image, levels, method=method)
    for level in range(1, levels):
        factors = [round(b / a) for a, b in zip(effective_scale(made, 0), effective_scale(made, level), strict=True)]
        middle = [(factor - 1) / 2 for factor in factors]
        assert to_physical(made, level, [0] * len(middle)) == pytest.approx(to_physical(made, 0, middle))


def test_stride_takes_the_first_element_and_its_place() -> None:
    assert [level.translation for level in with_pyramid(stack(), 3, method="stride").levels] == [None] * 3
    moved = stack(translation=(1.0, 2.0, 3.0))
    assert with_pyramid(moved, 2, method="stride").levels[1].translation == (1.0, 2.0, 3.0)


def test_what_is_not_moved_has_no_translation() -> None:
    flat = with_pyramid(stack((1, 2, 1)), 2, method="stride")
    assert [level.translation for level in flat.levels] == [None] * 2


def test_an_axis_of_one_element_stays_with_factor_one() -> None:
    made = with_pyramid(stack((1, 9, 1), scale={"z": 5}), 3)
    assert [(level.array.shape, level.scale) for level in made.levels] == [
        ((1, 9, 1), (5.0, 1.0, 1.0)),
        ((1, 5, 1), (5.0, 2.0, 1.0)),
        ((1, 3, 1), (5.0, 4.0, 1.0)),
    ]


def test_only_the_axes_that_are_named_and_there_get_shorter() -> None:
    image = image_from(np.zeros((4, 3, 8, 8), "uint8"), axes="tcyx")
    assert with_pyramid(image, 2).levels[1].array.shape == (4, 3, 4, 4)
    assert with_pyramid(image, 2, axes="zyX").levels[1].array.shape == (4, 3, 4, 4)
    assert with_pyramid(image, 2, axes=["t", "y"]).levels[1].array.shape == (2, 3, 4, 8)


def test_factors_are_one_for_all_or_one_each_in_the_order_of_axes_or_by_name() -> None:
    assert with_pyramid(stack(), 2, factors=3).levels[1].array.shape == (3, 22, 21)
    assert with_pyramid(stack(), 2, factors=(1, 2, 4)).levels[1].array.shape == (9, 32, 16)
    assert with_pyramid(stack(), 2, axes="xy", factors=(4, 2)).levels[1].array.shape == (9, 32, 16)
    assert with_pyramid(stack(), 2, factors={"y": 2, "X": 4}).levels[1].array.shape == (9, 32, 16)


def test_type_and_metadata_of_the_multiscale_say_the_method() -> None:
    made = with_pyramid(stack(), 2, method="median")
    assert made.method == "median"
    assert made.metadata == freeze({"method": "ngff_fn.with_pyramid", "kwargs": {"method": "median"}})


def test_new_levels_are_encoded_as_level_0_is() -> None:
    image = stack(codecs=["gzip"], chunks=(1, 16, 16))
    array = with_pyramid(image, 2).levels[1].array
    assert array == evolve(image.levels[0].array, shape=array.shape)


@pytest.mark.parametrize(
    ("chunks", "shards_ratio", "how", "wanted"),
    [
        ((4, 32, 32), None, "keep", [((4, 32, 32), None), ((3, 16, 16), None)]),
        ((4, 32, 32), None, "halve", [((2, 16, 16), None), ((1, 8, 8), None)]),
        ((3, 5, 5), None, "halve", [((2, 3, 3), None), ((1, 2, 2), None)]),
        ((1, 8, 8), (2, 4, 4), "keep", [((1, 8, 8), (2, 32, 32)), ((1, 8, 8), (2, 16, 16))]),
        ((1, 8, 8), (2, 4, 4), "halve", [((1, 4, 4), (2, 16, 16)), ((1, 2, 2), (2, 8, 8))]),
    ],
)
def test_chunks_are_kept_or_halved_and_no_larger_than_the_level(
    chunks: tuple[int, ...], shards_ratio: Any, how: Any, wanted: Any
) -> None:
    made = with_pyramid(stack(chunks=chunks, shards_ratio=shards_ratio), 3, chunks=how)
    assert [(level.array.chunks, level.array.shards) for level in made.levels[1:]] == wanted


@given(images(largest=40), st.integers(2, 4), st.sampled_from(["keep", "halve"]), st.data())
def test_shards_stay_whole_numbers_of_chunks(image: Image, levels: int, how: Any, data: st.DataObject) -> None:
    sizes = st.integers(1, 9)
    array = image.levels[0].array
    chunks = tuple(data.draw(sizes) for _ in array.shape)
    array = evolve(array, chunks=chunks, shards=tuple(chunk * data.draw(sizes) for chunk in chunks))
    sharded = evolve(image, levels=(evolve(image.levels[0], array=array),))
    for level in with_pyramid(sharded, min(levels, tallest(image)), chunks=how).levels:
        assert level.array.shards is not None
        for shard, chunk in zip(level.array.shards, level.array.chunks, strict=True):
            assert shard % chunk == 0
            assert chunk >= 1


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("0", ["1", "2"]),
        ("s0", ["s1", "s2"]),
        ("scale0/image", ["1", "2"]),
        ("a/0", ["a/1", "a/2"]),
        ("00", ["01", "02"]),
        ("full", ["1", "2"]),
        ("9", ["10", "11"]),
    ],
)
def test_new_levels_are_named_after_the_first(first: str, names: list[str]) -> None:
    image = add_level_zeros(Image(axes=axes_from("yx")), first, (8, 8), "uint8")
    assert [level.path for level in with_pyramid(image, 3).levels[1:]] == names


def test_paths_of_other_multiscales_of_the_group_are_left_alone() -> None:
    others = freeze({"multiscales": [{"datasets": [{"path": "1"}, {"path": "3"}]}]})
    assert isinstance(others, FrozenMap)
    assert [level.path for level in with_pyramid(evolve(SQUARE, extra=others), 3).levels] == ["0", "2", "4"]


# --- without pixels, and again ----------------------------------------------------------------------------------------


def test_without_a_method_levels_hold_their_fill_value_and_no_pixel_is_written() -> None:
    image = image_from(np.ones((9, 9), "float32"), axes="yx")
    made = with_pyramid(image, 3, method=None)
    assert [level.pixels for level in made.levels[1:]] == [Fill(shape=(5, 5), value=0.0), Fill(shape=(3, 3), value=0.0)]
    assert (made.method, made.metadata) == (None, None)
    mean = with_pyramid(image, 3)
    assert [(level.array, level.scale, level.translation) for level in made.levels] == [
        (level.array, level.scale, level.translation) for level in mean.levels
    ]


def test_without_a_method_a_pyramid_that_is_there_stays() -> None:
    assert with_pyramid(CELLS, 2, method=None) is CELLS
    assert with_pyramid(CELLS, method=None) is CELLS


@given(images(), st.integers(2, 3), METHOD, METHOD)
def test_a_pyramid_that_is_made_again_has_the_new_method(image: Image, levels: int, old: Method, new: Method) -> None:
    levels = min(levels, tallest(image))
    assume(levels > 1)
    once = with_pyramid(image, levels, method=old)
    again = with_pyramid(once, method=new)
    assert with_pyramid(once, levels, method=new) == again
    assert [level.pixels for level in again.levels] == [
        level.pixels for level in with_pyramid(image, levels, method=new).levels
    ]
    assert [evolve(level, pixels=image.levels[0].pixels) for level in again.levels] == [
        evolve(level, pixels=image.levels[0].pixels) for level in once.levels
    ]
    assert again.method == new


def test_levels_follow_a_changed_level_0_when_they_are_made_again() -> None:
    image = with_pyramid(image_from(np.zeros((4, 4), "uint8"), axes="yx"), 2)
    changed = set_region(image, 0, {"y": (0, 2)}, 8)
    assert pixels_of(changed, 1).tolist() == [[0, 0], [0, 0]]
    assert pixels_of(with_pyramid(changed), 1).tolist() == [[8, 8], [0, 0]]


def level(path: str, shape: tuple[int, ...], scale: tuple[float, ...]) -> Level:
    array = ArraySpec(shape=shape, dtype="uint8", chunks=(2, 2), fill_value=3)
    pixels = Stored(origin="cells.zarr", path=path, array=array, token=path)
    return Level(path=path, scale=scale, translation=(7.0, 7.0), array=array, pixels=pixels)


def test_other_programs_pyramids_are_made_again_in_their_shapes() -> None:
    levels = (level("a", (5, 9), (1, 1)), level("b", (2, 4), (2.5, 2.25)), level("c", (1, 1), (5, 9)))
    image = Image(axes=axes_from("yx"), levels=levels, method="gaussian")
    again = with_pyramid(image, method="max")
    assert [evolve(one, pixels=two.pixels) for one, two in zip(again.levels, levels, strict=True)] == list(levels)
    data = np.arange(45, dtype="uint8").reshape(5, 9)
    assert pixels_of(again, 1, {"a": data}).tolist() == [[10, 12, 14, 16], [28, 30, 32, 34]]
    assert pixels_of(again, 2, {"a": data}).tolist() == [[34]]


def test_a_level_that_is_no_whole_part_of_the_one_above_cannot_be_made_again() -> None:
    image = Image(axes=axes_from("yx"), levels=(level("0", (10, 10), (1, 1)), level("1", (7, 10), (1.4, 1))))
    with pytest.raises(InvalidValueError, match="without_pyramid"):
        with_pyramid(image)


def test_labels_that_cannot_be_read_refuse_a_pyramid_that_they_would_have_to_follow() -> None:
    labelled = evolve(stack(), labels=Unread(path="labels"))
    with pytest.raises(UnsupportedError, match="labels: they cannot be read"):
        with_pyramid(labelled, 3)


# --- without_pyramid --------------------------------------------------------------------------------------------------


@given(images(), st.integers(1, 4), st.sampled_from([*METHODS, None]))
def test_without_undoes_with_where_there_was_no_pyramid(image: Image, levels: int, method: Method | None) -> None:
    assert without_pyramid(with_pyramid(image, min(levels, tallest(image)), method=method)) == image


def test_what_has_no_pyramid_stays() -> None:
    named = evolve(SQUARE, method="gaussian")
    assert without_pyramid(named) is named
    empty = Image(axes=axes_from("yx"))
    assert without_pyramid(empty) is empty


def test_without_a_pyramid_nothing_says_how_it_was_made() -> None:
    alone = without_pyramid(evolve(CELLS, metadata=FrozenMap({"method": "x"})))
    assert (alone.levels, alone.method, alone.metadata) == (CELLS.levels[:1], None, None)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_one_level_is_the_image_as_it_is() -> None:
    image = stack()
    assert with_pyramid(image, 1) is image


@pytest.mark.parametrize(
    ("image", "arguments", "message"),
    [
        (Image(axes=axes_from("yx")), {}, "no level 0"),
        (Image(axes=axes_from("yx")), {"levels": 3}, "no level 0"),
        (SQUARE, {}, "no pyramid"),
        (SQUARE, {"levels": 0}, "number of levels"),
        (SQUARE, {"levels": 2.0}, "number of levels"),
        (SQUARE, {"levels": True}, "number of levels"),
        (CELLS, {"levels": 3}, "without_pyramid"),
        (CELLS, {"axes": "yx"}, "axes: the pyramid that is there is made again as it is.*without_pyramid"),
        (CELLS, {"levels": 2, "factors": 3}, "factors: the pyramid that is there"),
        (CELLS, {"factors": (1, 2, 2), "chunks": "halve", "method": None}, "factors: .*\nchunks: "),
        (SQUARE, {"levels": 2, "factors": 1}, "levels: .* No more than 1 level can be made"),
        (SQUARE, {"levels": 2, "method": "lanczos"}, "mean, median, mode"),
        (SQUARE, {"levels": 2, "axes": "zq"}, "none of z, q"),
        (SQUARE, {"levels": 2, "axes": ""}, "axes"),
        (SQUARE, {"levels": 2, "factors": 0}, "factors"),
        (SQUARE, {"levels": 2, "factors": 1.5}, "factors"),
        (SQUARE, {"levels": 2, "factors": (2, 2)}, "factors"),
        (SQUARE, {"levels": 2, "chunks": (1, 1)}, "keep"),
    ],
)
def test_what_cannot_be_made_is_a_value_error_with_the_cure(image: Image, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        with_pyramid(image, **arguments)


@given(images(), METHOD)
def test_a_pyramid_ends_where_nothing_gets_shorter(image: Image, method: Method) -> None:
    highest = tallest(image)
    shapes = [level.array.shape for level in with_pyramid(image, highest, method=method).levels]
    assert len(set(shapes)) == highest
    with pytest.raises(InvalidValueError, match=f"No more than {highest} level"):
        with_pyramid(image, highest + 1, method=method)


def test_what_a_pyramid_is_made_with_by_default_may_be_said_when_it_is_made_again() -> None:
    assert with_pyramid(CELLS, axes=["Z", "y", "x"], factors=2, chunks="keep") == with_pyramid(CELLS)


@pytest.mark.parametrize(
    ("arguments", "error"), [({"axes": 3}, WrongTypeError), ({"factors": {"t": 2}}, NotThereError)]
)
def test_what_names_no_axes_is_refused(arguments: Any, error: type[NgffError]) -> None:
    with pytest.raises(error):
        with_pyramid(SQUARE, 2, **arguments)


@pytest.mark.parametrize("method", METHODS)
def test_complex_numbers_have_a_mean_and_a_stride(method: Method) -> None:
    image = image_from(np.zeros((4, 4), "complex64"), axes="yx")
    if method in {"mean", "stride"}:
        assert with_pyramid(image, 2, method=method).levels[1].array.dtype == "complex64"
    else:
        with pytest.raises(InvalidValueError, match="Take mean or stride"):
            with_pyramid(image, 2, method=method)
