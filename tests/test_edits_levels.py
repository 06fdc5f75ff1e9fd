from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.levels import add_level, add_level_zeros, remove_level, set_region
from ngff_fn.edits.rendering import default_channel
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    NotThereError,
    OutOfRangeError,
    WrongTypeError,
)
from ngff_fn.records.arrays import DEFAULT_COMPRESSORS
from ngff_fn.records.axes import axes_from
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import Fill, Given
from tests.small_images import Array, Lazy, boxes, cut, images, pixels_of, random_array

EMPTY = Image(axes=axes_from("zyx"))
ZEROS = np.zeros((4, 6, 6), "uint16")


# --- add_level --------------------------------------------------------------------------------------------------------


def test_an_added_level_holds_the_data_without_reading_them() -> None:
    data = Lazy((4, 6, 6), "uint16")
    (level,) = add_level(EMPTY, "0", data).levels
    assert isinstance(level.pixels, Given)
    assert level.pixels.array is data
    assert (level.path, level.array.shape, level.array.dtype) == ("0", (4, 6, 6), "uint16")


def test_a_new_level_is_blosc_with_zstd_1_and_bit_shuffle_without_shards() -> None:
    array = add_level(EMPTY, "0", ZEROS).levels[0].array
    assert array.compressors == DEFAULT_COMPRESSORS
    assert (array.filters, array.serializer, array.shards, array.fill_value) == ((), None, None, 0)


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((4, 6, 6), (4, 6, 6)),
        ((64, 2048, 2048), (2, 2048, 2048)),
        ((1, 8192, 8192), (1, 1024, 8192)),
        ((1, 1, 2**25), (1, 1, 2**23)),
        ((0, 6, 6), (1, 6, 6)),
    ],
)
def test_default_chunks_are_halved_from_z_on_while_they_are_above_16_mib(
    shape: tuple[int, ...], chunks: tuple[int, ...]
) -> None:
    assert add_level_zeros(EMPTY, "0", shape, "uint16").levels[0].array.chunks == chunks


def test_before_the_last_three_axes_default_chunks_are_one() -> None:
    five = Image(axes=axes_from("tczyx"))
    assert add_level_zeros(five, "0", (3, 2, 4, 6, 6), "uint8").levels[0].array.chunks == (1, 1, 4, 6, 6)


def test_chunks_and_shards_are_given_in_order_or_by_name() -> None:
    by_order = add_level(EMPTY, "0", ZEROS, chunks=(1, 3, 3), shards_ratio=(4, 1, 2))
    by_name = add_level(EMPTY, "0", ZEROS, chunks={"Z": 1, "y": 3, "x": 3}, shards_ratio={"z": 4, "x": 2})
    assert by_order.levels[0].array == by_name.levels[0].array
    assert by_order.levels[0].array.shards == (4, 3, 6)


@pytest.mark.parametrize("chunks", [(1, 3), (1, 3, 0), (1, 3, -1), (1, 3, 2.5), (1, 3, True), (1, 3, "4")])
def test_chunks_are_one_positive_integer_per_axis(chunks: Any) -> None:
    with pytest.raises(InvalidValueError, match="chunks"):
        add_level(EMPTY, "0", ZEROS, chunks=chunks)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidValueError) as refusal:
        add_level_zeros(EMPTY, "0", (4, 6, 6), "U5", chunks=(1, 0, -3), shards_ratio=(1, 2), codecs=["lz5"])
    locations = [problem.location for problem in refusal.value.problems]
    assert locations == ["dtype", "chunks", "chunks", "codecs[0]"]


@pytest.mark.parametrize("data", [[[1, 2], [3, 4]], 5, "pixels", None])
def test_what_is_no_array_is_a_type_error_with_the_cure(data: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"numpy\.asarray"):
        add_level(SQUARE, "1", data)


@pytest.mark.parametrize("dtype", ["U5", "datetime64[ns]", "object", [("a", "u1")]])
def test_a_dtype_that_no_image_has_is_refused(dtype: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"data\.dtype"):
        add_level(EMPTY, "0", np.zeros((2, 2, 2), dtype))


@pytest.mark.parametrize("dtype", ["uint16", "<u2", ">u2", "u2", np.uint16, np.dtype(">u2")])
def test_a_dtype_is_given_as_numpy_has_it(dtype: Any) -> None:
    assert add_level_zeros(EMPTY, "0", (1, 2, 2), dtype).levels[0].array.dtype == "uint16"


def test_levels_stand_from_large_to_small_wherever_they_are_added() -> None:
    image = EMPTY
    for name, size in (("b", 8), ("c", 4), ("a", 16), ("b2", 8)):
        image = add_level_zeros(image, name, (4, size, size), "uint8")
    assert [level.path for level in image.levels] == ["a", "b", "b2", "c"]


def test_the_first_level_has_scale_one_and_no_translation() -> None:
    (level,) = add_level(EMPTY, "0", ZEROS).levels
    assert (level.scale, level.translation) == ((1.0, 1.0, 1.0), None)


def test_the_scale_of_a_further_level_follows_from_the_shapes() -> None:
    first = add_level_zeros(EMPTY, "0", (9, 64, 63), "uint8", scale=(0.5, 0.25, 0.25))
    assert add_level_zeros(first, "1", (9, 32, 31), "uint8").levels[1].scale == (0.5, 0.5, 0.5)
    assert add_level_zeros(first, "1", (5, 32, 32), "uint8").levels[1].scale == (1.0, 0.5, 0.5)


def test_scale_and_translation_are_given_in_order_or_by_name() -> None:
    by_order = add_level(EMPTY, "0", ZEROS, scale=[2, 0.5, 0.5], translation=[0, 0, 3])
    by_name = add_level(EMPTY, "0", ZEROS, scale={"z": 2, "Y": 0.5, "x": 0.5}, translation={"x": 3})
    assert by_order.levels[0].scale == by_name.levels[0].scale == (2.0, 0.5, 0.5)
    assert by_order.levels[0].translation == by_name.levels[0].translation == (0.0, 0.0, 3.0)


@pytest.mark.parametrize("scale", [(1, 1), (1, 1, 0), (1, 1, -1), (1, 1, float("nan")), (1, 1, float("inf")), "111"])
def test_scales_are_one_positive_finite_number_per_axis(scale: Any) -> None:
    with pytest.raises(InvalidValueError, match="scale"):
        add_level(EMPTY, "0", ZEROS, scale=scale)


def test_an_axis_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NotThereError, match="no axis 't'"):
        add_level(EMPTY, "0", ZEROS, chunks={"t": 1})
    with pytest.raises(NotThereError, match="no axis 't'"):
        add_level(EMPTY, "0", ZEROS, scale={"t": 1})


@pytest.mark.parametrize(
    "name",
    [
        *["", "/0", "0/", "a//b", ".", "..", "../0", "a/../b", "a\\b", "a\0b", "a\nb"],
        *["__ngff_fn", "a/__b", "labels", "labels/0", ".zattrs", "a/.zarray", "zarr.json"],
    ],
)
def test_a_level_name_is_a_safe_path_below_the_image(name: str) -> None:
    with pytest.raises(InvalidValueError, match=r"^name: "):
        add_level(EMPTY, name, ZEROS)


@pytest.mark.parametrize("name", ["0", "s0", "a/b/0", "resolution 1", "c", "labels2"])
def test_names_and_nested_names_are_paths(name: str) -> None:
    assert add_level(EMPTY, name, ZEROS).levels[0].path == name


def test_a_level_name_is_text() -> None:
    with pytest.raises(WrongTypeError, match="no text"):
        add_level(EMPTY, 0, ZEROS)  # type: ignore[arg-type]


def test_nothing_is_put_inside_an_array() -> None:
    for there, new in (("0", "0/1"), ("0/1", "0")):
        with pytest.raises(InvalidValueError, match="inside"):
            add_level(add_level(EMPTY, there, ZEROS), new, ZEROS)


def test_a_level_that_is_there_is_only_replaced_when_that_is_said() -> None:
    image = add_level(EMPTY, "0", ZEROS, scale=(2, 1, 1), translation=(0, 5, 5))
    with pytest.raises(InvalidValueError, match="overwrite=True"):
        add_level(image, "0", ZEROS)
    (level,) = add_level(image, "0", np.ones((4, 6, 6), "uint8"), overwrite=True).levels
    assert (level.array.dtype, level.scale, level.translation) == ("uint8", (2.0, 1.0, 1.0), (0.0, 5.0, 5.0))


def test_a_replaced_level_stays_where_it_was() -> None:
    replaced = add_level_zeros(CELLS, "0", (2, 4, 64, 64), "uint8", overwrite=True)
    assert [level.path for level in replaced.levels] == ["0", "1"]
    assert replaced.levels[1] is CELLS.levels[1]


@pytest.mark.parametrize("check_shape", [True, False])
def test_the_number_of_axes_must_be_right(check_shape: bool) -> None:
    for data in (np.zeros((6, 6)), np.zeros((1, 4, 6, 6))):
        with pytest.raises(InvalidValueError, match="axes z, y, x"):
            add_level(EMPTY, "0", data, check_shape=check_shape)


def test_more_channels_than_names_are_refused_unless_the_check_is_off() -> None:
    image = Image(axes=axes_from("cyx"), channels=(Channel(label="DAPI"), Channel(label="GFP")))
    with pytest.raises(InvalidValueError, match="DAPI, GFP"):
        add_level_zeros(image, "0", (3, 4, 4), "uint8")
    assert add_level_zeros(image, "0", (3, 4, 4), "uint8", check_shape=False).levels[0].array.shape == (3, 4, 4)


def test_fewer_channels_than_names_are_allowed() -> None:
    image = Image(axes=axes_from("cyx"), channels=(Channel(label="DAPI"), Channel(label="GFP")))
    assert add_level_zeros(image, "0", (1, 4, 4), "uint8").levels[0].array.shape == (1, 4, 4)


NAMED = Image(axes=axes_from("cyx"), channels=(Channel(label="DAPI"), Channel(label="GFP", active=True)))


def test_the_first_level_gives_channels_the_color_and_window_of_new_ones() -> None:
    added = add_level(NAMED, "0", np.zeros((2, 4, 4), "uint8")).channels
    assert added == add_level_zeros(NAMED, "0", (2, 4, 4), "uint8").channels
    assert added is not None
    assert added[0] == default_channel("DAPI", "uint8", first=True)
    assert added[1] == evolve(default_channel("GFP", "uint8", first=False), active=True)


def test_what_channels_say_already_stays_with_the_first_level() -> None:
    whole = Channel(label="GFP", color="00FF00", window=Window(start=0, end=9))
    image = evolve(NAMED, channels=(Channel(label="DAPI", color="FF0000"), whole))
    added = add_level_zeros(image, "0", (2, 4, 4), "uint8").channels or ()
    assert (added[0].color, added[0].window) == ("FF0000", Window(start=0, end=255, min=0, max=255))
    assert added[1] == whole


def test_channels_stay_as_they_are_with_further_levels() -> None:
    image = evolve(CELLS, channels=NAMED.channels)
    assert add_level_zeros(image, "2", (2, 4, 16, 16), "uint16").channels == NAMED.channels


def test_zeros_write_no_pixels() -> None:
    (level,) = add_level_zeros(EMPTY, "0", {"x": 6, "y": 5, "z": 4}, "float32", fill_value=float("nan")).levels
    assert level.pixels == Fill(shape=(4, 5, 6), value="NaN")
    assert level.array.fill_value == "NaN"


# --- remove_level -----------------------------------------------------------------------------------------------------


def test_a_removed_level_is_gone_and_the_others_are_the_same() -> None:
    assert remove_level(CELLS, "0").levels == CELLS.levels[1:]
    assert remove_level(CELLS, -1).levels == CELLS.levels[:1]


def test_without_its_last_level_an_image_keeps_axes_and_channels() -> None:
    empty = remove_level(remove_level(CELLS, 0), 0)
    assert (empty.levels, empty.axes, empty.channels) == ((), CELLS.axes, CELLS.channels)


def test_a_level_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(NotThereError, match="the image has 0, 1"):
        remove_level(CELLS, "2")
    with pytest.raises(OutOfRangeError, match="the image has 0, 1"):
        remove_level(CELLS, 2)


@pytest.mark.parametrize("level", [None, 1.0, True, slice(1), ("0",)])
def test_a_level_is_named_by_its_path_or_its_index(level: Any) -> None:
    with pytest.raises(WrongTypeError, match="neither a path nor an index"):
        remove_level(CELLS, level)


def test_removing_undoes_adding() -> None:
    assert remove_level(add_level(SQUARE, "1", np.zeros((2, 3), "uint8")), "1") == SQUARE


# --- set_region -------------------------------------------------------------------------------------------------------


@given(st.data(), images())
def test_a_region_holds_what_was_set_and_the_rest_what_was_there(data: st.DataObject, image: Image) -> None:
    before = pixels_of(image)
    wanted = before.copy()
    for seed in range(data.draw(st.integers(1, 3))):
        box = data.draw(boxes(wanted.shape))
        part = random_array(cut(wanted, box).shape, str(wanted.dtype), seed)
        wanted[tuple(slice(*bounds) for bounds in box)] = part
        image = set_region(image, 0, box, part)
    np.testing.assert_array_equal(pixels_of(image), wanted)


def numbers() -> Array:
    return np.arange(24, dtype="uint16").reshape(4, 6)


@pytest.mark.parametrize(
    "region",
    [
        (slice(1, 3), slice(2, 4)),
        [(1, 3), (2, 4)],
        {"y": (1, 3), "x": slice(-4, -2)},
        {"Y": (-3, -1), "X": (2, 4)},
        (slice(np.int64(1), np.int64(3)), (2, -2)),
    ],
)
def test_regions_are_slices_or_pairs_in_order_or_by_name(region: Any) -> None:
    made = pixels_of(set_region(image_from(numbers(), axes="yx"), "0", region, 99))
    wanted = numbers()
    wanted[1:3, 2:4] = 99
    np.testing.assert_array_equal(made, wanted)


def test_axes_that_are_not_named_are_taken_whole() -> None:
    made = pixels_of(set_region(image_from(numbers(), axes="yx"), 0, {"y": (0, 1)}, np.arange(6, dtype="uint8")))
    np.testing.assert_array_equal(made[0], np.arange(6))


@pytest.mark.parametrize(
    "region", [[(0, 5), (0, 6)], [(-5, 4), (0, 6)], [slice(0, 100), slice(None)], [(0, 1), (6, 8)]]
)
def test_a_region_that_is_not_within_the_level_is_an_index_error_and_never_clipped(region: Any) -> None:
    with pytest.raises(OutOfRangeError, match="not within"):
        set_region(image_from(numbers(), axes="yx"), 0, region, 0)


@pytest.mark.parametrize(
    ("region", "error"),
    [
        ([(0, 1)], InvalidValueError),
        (slice(0, 1), InvalidValueError),
        (3, InvalidValueError),
        ([(0, 1), 3], WrongTypeError),
        ([(0, 1), (0, 1, 2)], WrongTypeError),
        ([(0, 1), (0, 1.0)], WrongTypeError),
        ([(0, 1), ("0", 1)], WrongTypeError),
        ([(0, 1), slice(0, 6, 2)], InvalidValueError),
        ([(3, 1), (0, 1)], InvalidValueError),
        ({"t": (0, 1)}, NotThereError),
    ],
)
def test_what_is_no_region_is_refused(region: Any, error: type[NgffError]) -> None:
    with pytest.raises(error, match="region"):
        set_region(image_from(numbers(), axes="yx"), 0, region, 0)


def test_data_have_the_shape_of_the_region() -> None:
    with pytest.raises(InvalidValueError, match=r"\(3, 2\); it must be \(2, 3\)"):
        set_region(image_from(numbers(), axes="yx"), 0, [(0, 2), (0, 3)], np.zeros((3, 2), "uint8"))


def test_axes_of_length_one_may_be_left_out_of_the_data() -> None:
    image = image_from(np.zeros((2, 3, 4), "uint8"), axes="zyx")
    plane = np.arange(12, dtype="uint8").reshape(3, 4)
    np.testing.assert_array_equal(pixels_of(set_region(image, 0, {"z": (1, 2)}, plane))[1], plane)
    with pytest.raises(InvalidValueError, match="must be"):
        set_region(image, 0, {"z": (0, 2)}, plane)


@pytest.mark.parametrize("data", [np.full((1, 6), 1.5), np.full((1, 6), 1, "int32"), 70000, -1, 0.5, np.float64(1)])
def test_values_go_in_without_loss_or_not_at_all(data: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"without loss|does not fit|no integer"):
        set_region(image_from(numbers(), axes="yx"), 0, {"y": (0, 1)}, data)


def test_data_that_are_neither_array_nor_number_are_a_type_error() -> None:
    with pytest.raises(WrongTypeError, match=r"numpy\.asarray"):
        set_region(image_from(numbers(), axes="yx"), 0, {"y": (0, 1)}, [1, 2, 3, 4, 5, 6])


def test_only_the_level_that_is_named_changes() -> None:
    changed = set_region(CELLS, "1", {"c": (0, 1)}, 7)
    assert changed.levels[0] is CELLS.levels[0]
    assert changed.levels[1].array == CELLS.levels[1].array
    assert evolve(changed, levels=CELLS.levels) == CELLS


def test_what_is_overwritten_is_forgotten() -> None:
    image = image_from(numbers(), axes="yx")
    twice = set_region(set_region(image, 0, [(1, 2), (1, 2)], 5), 0, [(0, 3), (0, 3)], 9)
    assert twice == set_region(image, 0, [(0, 3), (0, 3)], 9)


def test_a_region_without_elements_changes_nothing() -> None:
    image = image_from(numbers(), axes="yx")
    assert set_region(image, 0, {"y": (2, 2)}, np.zeros((0, 6), "uint16")) == image


# --- purity -----------------------------------------------------------------------------------------------------------


def test_edits_leave_their_argument_as_it_is() -> None:
    data = numbers()
    image = image_from(data, axes="yx")
    before, numbers_before = repr(image.levels[0].array), data.copy()
    set_region(image, 0, {"y": (0, 1)}, 7)
    add_level(image, "1", np.zeros((2, 3)))
    remove_level(image, 0)
    assert repr(image.levels[0].array) == before
    assert isinstance(image.levels[0].pixels, Given)
    np.testing.assert_array_equal(data, numbers_before)


def test_making_an_image_imports_no_numpy() -> None:
    program = (
        "import sys; from ngff_fn.edits.levels import add_level_zeros; from ngff_fn.records.examples import CELLS; "
    )
    program += "from ngff_fn.edits import encoding, image_from, pyramid, select, tiles; "
    program += "pyramid.with_pyramid(pyramid.without_pyramid(select.crop(CELLS, y=(0, 3))), 3); "
    program += "add_level_zeros(encoding.astype(CELLS, 'uint8'), 'x', (2, 4, 4, 4), '<f4', fill_value=1e300 * 0); "
    program += "print({'numpy', 'zarr', 'cattrs'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"
