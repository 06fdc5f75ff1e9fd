"""Channels: in "omero" and in every level at once, with the pixels that the same steps give on NumPy arrays."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngff_fn.edits.axes import rename_axis
from ngff_fn.edits.cascade import cascaded, factors_between, method_of
from ngff_fn.edits.channels import add_channel, remove_channel, rename_channel, reorder_channels, update_channel
from ngff_fn.edits.contrast import contrast_limits_from, set_contrast_limits
from ngff_fn.edits.coordinates import set_scale
from ngff_fn.edits.levels import add_level
from ngff_fn.edits.rendering import COLOR_IN_NAME, set_channel_active, set_channel_color
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, OutOfRangeError, WrongTypeError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import axes_from, axis_index
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.colors import CSS_COLORS, color_from
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Level
from ngff_fn.records.pixels import Given, Stored, fill, leaves
from tests.reference import reference_downsample, reference_pixels

Array: TypeAlias = NDArray[Any]
NAMES = ("DAPI", "GFP", "Cy5", "BF")


def level(path: str, shape: tuple[int, ...], ratio: int = 1, dtype: str = "uint16") -> Level:
    array = ArraySpec(shape=shape, dtype=dtype, chunks=tuple(max(1, size) for size in shape))
    pixels = Stored(origin="store", path=path, array=array, token="digest")  # noqa: S106
    return Level(path=path, scale=tuple(float(ratio) for _ in shape), array=array, pixels=pixels)


def stored_at(path: str, shape: tuple[int, ...]) -> Array:
    return np.arange(1000 * int(path), 1000 * int(path) + math.prod(shape), dtype="uint16").reshape(shape)


def pixels_of(image: Image, stored_like: Image) -> list[Array]:
    """What each level of an image means, when the levels of another one are in the store."""
    store = {level.path: stored_at(level.path, level.array.shape) for level in stored_like.levels}
    made = [reference_pixels(level.pixels, level.array.dtype, store) for level in image.levels]
    assert [array.shape for array in made] == [level.array.shape for level in image.levels]
    return made


@st.composite
def images(draw: st.DrawFn, *, omero: bool | None = None) -> Image:
    """With a channel axis, a pyramid of ceiling or floor shapes, as some programs make them, and "omero" or none."""
    axes = axes_from(draw(st.sampled_from(["cyx", "tcyx", "czyx", "tczyx"])))
    channels = draw(st.integers(1, 4))
    spatial = {axis.name: draw(st.integers(3, 6)) for axis in axes if axis.type == "space"}
    rounded: Callable[[int], int] = draw(st.sampled_from([lambda size: -(-size // 2), lambda size: size // 2]))
    levels: list[Level] = []
    for number in range(draw(st.integers(1, 3))):
        shape = tuple({"c": channels, "t": 2, **spatial}[axis.name] for axis in axes)
        levels.append(level(str(number), shape, 2**number))
        spatial = {name: max(1, rounded(size)) for name, size in spatial.items()}
    entries = tuple(Channel(label=name) for name in NAMES[:channels])
    with_omero = draw(st.booleans()) if omero is None else omero
    method = draw(st.sampled_from([None, "mean", "median", "mode", "min", "max", "stride", "nearest", "Average"]))
    return Image(axes=axes, levels=tuple(levels), channels=entries if with_omero else None, method=method)


def data_for(draw: st.DataObject, image: Image, number: int = 0) -> Array:
    shape, axis = image.levels[number].array.shape, axis_index(image, "c")
    seed = draw.draw(st.integers(0, 2**16))
    values: Array = np.random.default_rng(seed).integers(0, 256, (*shape[:axis], *shape[axis + 1 :]), "uint16")
    return values


def cascade_of(image: Image, data: Array) -> list[Array]:
    """One channel's pixels for each level, in the obvious way."""
    axis = axis_index(image, "c")
    made = [np.expand_dims(data, axis)]
    for level_, factors in zip(image.levels[1:], factors_between(image), strict=True):
        small = reference_downsample(made[-1], factors, method_of(image))
        shape = tuple(1 if number == axis else size for number, size in enumerate(level_.array.shape))
        made.append(small[tuple(slice(0, size) for size in shape)])
    return made


# --- add_channel ------------------------------------------------------------------------------------------------------


@given(images(), st.data())
def test_a_new_channel_reaches_every_level(image: Image, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(channel_names(image))))
    values = data_for(data, image)
    more = add_channel(image, "new", data=values, index=place)
    axis = axis_index(image, "c")
    expected = [
        np.concatenate([old.take(range(place), axis), new, old.take(range(place, old.shape[axis]), axis)], axis)
        for old, new in zip(pixels_of(image, image), cascade_of(image, values), strict=True)
    ]
    for array, wanted in zip(pixels_of(more, image), expected, strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert channel_names(more) == (*channel_names(image)[:place], "new", *channel_names(image)[place:])


@given(images(), st.data())
def test_a_channel_without_data_is_the_fill_value(image: Image, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([0, 7, None]))
    image = evolve(
        image, levels=tuple(evolve(entry, array=evolve(entry.array, fill_value=value)) for entry in image.levels)
    )
    more = add_channel(image, "new")
    for array in pixels_of(more, image):
        last = array.take([-1], axis_index(image, "c"))
        np.testing.assert_array_equal(last, np.full_like(last, value or 0))


@given(images(omero=True), st.data())
def test_removing_undoes_adding(image: Image, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(channel_names(image))))
    values = data.draw(st.sampled_from([None, data_for(data, image)]))
    assert remove_channel(add_channel(image, "new", data=values, index=place), "new") == image


@given(images(omero=True), st.data())
def test_removing_undoes_adding_also_where_regions_were_replaced(image: Image, data: st.DataObject) -> None:
    edited = update_channel(image, "DAPI", "*", data_for(data, image))
    place = data.draw(st.integers(0, len(channel_names(image))))
    back = remove_channel(add_channel(edited, "new", data=data_for(data, image), index=place), "new")
    assert evolve(back, levels=()) == evolve(edited, levels=())
    for array, wanted in zip(pixels_of(back, image), pixels_of(edited, image), strict=True):
        np.testing.assert_array_equal(array, wanted)


def test_a_new_channel_leaves_the_chunks_alone() -> None:
    assert [entry.array.chunks for entry in add_channel(CELLS, "new").levels] == [(1, 4, 64, 64), (1, 4, 32, 32)]


def test_pixels_of_a_new_channel_are_not_copied() -> None:
    values = np.zeros((4, 64, 64), "uint16")
    (held,) = (
        leaf for leaf in leaves(add_channel(CELLS, "new", data=values).levels[0].pixels) if isinstance(leaf, Given)
    )
    assert held.array is values


def test_an_image_without_omero_gets_one_with_names_for_the_channels_there_are() -> None:
    more = add_channel(evolve(CELLS, channels=None), "GFP")
    assert channel_names(more) == ("0", "1", "GFP")
    assert more.channels is not None
    assert [channel.active for channel in more.channels] == [True, False, False]
    assert all(channel.window is not None and channel.color is not None for channel in more.channels)


def test_an_image_without_a_channel_axis_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"axes: the image has axes y, x, none of type channel"):
        add_channel(SQUARE, "GFP")


def test_fewer_entries_than_channels_are_filled_up() -> None:
    assert CELLS.channels is not None
    more = add_channel(evolve(CELLS, channels=CELLS.channels[:1]), "new")
    assert channel_names(more) == ("DAPI", "1", "new")
    assert more.levels[0].array.shape[0] == 3
    numbered = add_channel(evolve(CELLS, channels=(Channel(label="1"),)), "new")
    assert channel_names(numbered) == ("1", "2", "new")


def test_more_entries_than_channels_are_refused_with_the_cure_that_works() -> None:
    surplus = add_channel(CELLS, "late", resize=False)
    with pytest.raises(InvalidValueError, match=r"3 entries for 2 channels.*remove_channel: late"):
        add_channel(surplus, "new")
    assert remove_channel(surplus, "late") == CELLS


def test_resize_false_is_an_entry_alone() -> None:
    more = add_channel(CELLS, "late", resize=False)
    assert channel_names(more) == ("DAPI", "GFP", "late")
    assert more.levels == CELLS.levels


def test_resize_false_names_a_channel_axis_that_is_long_enough() -> None:
    assert CELLS.channels is not None
    unnamed = evolve(CELLS, channels=CELLS.channels[:1])
    assert channel_names(add_channel(unnamed, "GFP", resize=False)) == ("DAPI", "GFP")


def test_an_empty_image_gets_an_entry() -> None:
    empty = Image(axes=axes_from("tczyx"))
    assert channel_names(add_channel(add_channel(empty, "DAPI"), "GFP")) == ("DAPI", "GFP")
    assert remove_channel(add_channel(evolve(empty, channels=()), "DAPI"), "DAPI") == evolve(empty, channels=())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": "GFP"}, InvalidValueError, "omero.channels[2].label: 'GFP': a channel has this name."),
        ({"name": ""}, InvalidValueError, "omero.channels[2].label: '': a channel cannot have an empty name."),
        ({"name": 3}, WrongTypeError, "omero.channels[2].label: 3 is no name."),
        ({"data": np.zeros((4, 64, 63), "uint16")}, InvalidValueError, "(4, 64, 63); it must be (4, 64, 64)."),
        ({"data": np.zeros((4, 64, 64), "float32")}, InvalidValueError, "data: float32 does not go into uint16"),
        ({"data": np.zeros((4, 64, 64), "int16")}, InvalidValueError, "data: int16 does not go into uint16"),
        ({"data": [[1]]}, WrongTypeError, "data: a list has no shape, dtype and []"),
        ({"data": np.zeros((4, 64, 64), "uint16"), "resize": False}, InvalidValueError, "data: there is no place for"),
        ({"index": 3}, OutOfRangeError, "index: there is no position 3. Give one from 0 to 2."),
        ({"index": -1}, OutOfRangeError, "index: there is no position -1."),
        ({"index": True}, WrongTypeError, "index: True is no position."),
        ({"color": "greenish"}, InvalidValueError, "omero.channels[2].color: 'greenish' is no color."),
        ({"active": 1}, WrongTypeError, "omero.channels[2].active: 1 is neither True nor False."),
        ({"window": {"start": 2, "end": 1}}, InvalidValueError, "omero.channels[2].window: start 2 is above end 1;"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: type[NgffError], message: str) -> None:
    with pytest.raises(error) as caught:
        add_channel(CELLS, **{"name": "new", **options})
    assert message in str(caught.value)


def test_all_that_is_wrong_with_data_is_said_at_once() -> None:
    with pytest.raises(InvalidValueError) as caught:
        add_channel(CELLS, "new", data=np.zeros((1, 1), "float64"))
    assert len(caught.value.problems) == 2


def test_levels_that_are_no_whole_part_of_the_one_above_cannot_follow() -> None:
    crooked = evolve(CELLS, levels=(CELLS.levels[0], level("1", (2, 4, 41, 41))))
    with pytest.raises(InvalidValueError, match=r"levels\[1\]\.shape: 41 elements along y .*without_pyramid"):
        add_channel(crooked, "new", data=np.zeros((4, 64, 64), "uint16"))
    assert add_channel(crooked, "new").levels[1].array.shape == (3, 4, 41, 41)


# --- what a new channel begins with -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtype", "window"),
    [
        ("Retardance", "float32", (0, 100, 0, 1000)),
        ("Orientation", "float32", (0, math.pi, 0, math.pi)),
        ("Phase2D", "float32", (-0.2, 0.2, -10, 10)),
        ("Phase3D", "float32", (-0.2, 0.2, -10, 10)),
        ("BF", "uint16", (0, 5, 0, 65535)),
        ("S0", "float32", (0, 1, 0, 65535)),
        ("S1", "float32", (-0.5, 0.5, -10, 10)),
        ("S2", "float32", (-0.5, 0.5, -10, 10)),
        ("S3", "float32", (-1, 1, -10, 10)),
        ("BF 2", "uint16", (0, 65535, 0, 65535)),
        ("bf", "uint16", (0, 65535, 0, 65535)),
        ("GFP", "bool", (0, 1, 0, 1)),
        ("GFP", "uint8", (0, 255, 0, 255)),
        ("GFP", "int8", (-128, 127, -128, 127)),
        ("GFP", "int16", (-32768, 32767, -32768, 32767)),
        ("GFP", "uint16", (0, 65535, 0, 65535)),
        ("GFP", "uint32", (0, 65535, 0, 65535)),
        ("GFP", "int64", (0, 65535, 0, 65535)),
        ("GFP", "float16", (0, 1, 0, 1)),
        ("GFP", "float64", (0, 1, 0, 1)),
    ],
)
def test_windows_are_by_exact_name_else_the_range_of_the_dtype(
    name: str, dtype: str, window: tuple[float, ...]
) -> None:
    image = Image(
        axes=axes_from("cyx"), levels=(level("0", (1, 2, 2), dtype=dtype),), channels=(Channel(label="other"),)
    )
    assert added(image, name).window == Window(start=window[0], end=window[1], min=window[2], max=window[3])


def added(image: Image, name: str, **options: Any) -> Channel:
    channels = add_channel(image, name, **options).channels
    assert channels is not None
    return channels[-1]


@pytest.mark.parametrize(
    ("name", "color"),
    [
        *COLOR_IN_NAME.items(),
        ("GFP EX488 EM525-45", "00FF00"),
        ("mCherry-H2B", "FF00FF"),
        ("Green/Red", "00FF00"),
        ("Red Green", "00FF00"),  # the order of the table counts, not that of the name
        ("Cy5 DAPI", "0000FF"),
        ("gfp", "FFFFFF"),
        ("Phase3D", "FFFFFF"),
    ],
)
def test_colors_are_by_the_first_that_is_found_in_the_name(name: str, color: str) -> None:
    assert added(evolve(CELLS, channels=(Channel(label="a"), Channel(label="b"))), name).color == color


def test_the_table_of_colors_is_in_its_order() -> None:
    assert list(COLOR_IN_NAME) == [
        "Green",
        "GFP",
        "FITC",
        "mNeon",
        "Magenta",
        "TXR",
        "RFP",
        "mScarlet",
        "mCherry",
        "Blue",
        "DAPI",
        "BFP",
        "Hoechst",
        "Red",
        "Yellow",
        "Cy3",
        "Orange",
        "Cy5",
        "Y5",
    ]


def test_only_the_first_channel_is_active() -> None:
    empty = Image(axes=axes_from("cyx"), channels=())
    assert added(empty, "a") == Channel(
        label="a", color="FFFFFF", window=Window(start=0, end=65535, min=0, max=65535),
        active=True, coefficient=1.0, family="linear", inverted=False,
    )  # fmt: skip
    assert added(CELLS, "a").active is False
    assert added(CELLS, "a", active=True).active is True


def test_what_is_said_of_a_new_channel_comes_before_the_defaults() -> None:
    channel = added(CELLS, "GFP 2", color=(1, 2, 255), window={"start": 5, "end": 70000})
    assert (channel.color, channel.window) == ("0102FF", Window(start=5, end=70000, min=0, max=70000))


# --- the other edits --------------------------------------------------------------------------------------------------


@given(images(omero=True), st.data())
def test_renaming_there_and_back_is_identity(image: Image, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(channel_names(image)))
    new = data.draw(st.text(min_size=1).filter(lambda text: text not in channel_names(image)))
    renamed = rename_channel(image, name, new)
    assert new in channel_names(renamed)
    assert renamed.levels == image.levels
    assert rename_channel(renamed, new, name) == image


def test_renaming_keeps_color_window_and_unknown_keys() -> None:
    channel = Channel(label="GFP", color="123456", extra=FrozenMap({"emission": 509}))
    renamed = rename_channel(evolve(CELLS, channels=(Channel(label="DAPI"), channel)), "GFP", "Cy5")
    assert renamed.channels == (Channel(label="DAPI"), evolve(channel, label="Cy5"))


def test_a_channel_without_omero_is_renamed_by_its_number() -> None:
    assert channel_names(rename_channel(evolve(CELLS, channels=None), "1", "GFP")) == ("0", "GFP")


def test_a_name_that_is_taken_or_not_there_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="'GFP': a channel has this name"):
        rename_channel(CELLS, "DAPI", "GFP")
    with pytest.raises(NotThereError, match="no channel 'RFP'; the image has: DAPI, GFP"):
        rename_channel(CELLS, "RFP", "Cy5")
    assert rename_channel(CELLS, "GFP", "GFP") == CELLS


@pytest.mark.parametrize("edit", [lambda: rename_channel(CELLS, "gfp", "x"), lambda: reorder_channels(CELLS, ["gfp"])])
def test_a_name_in_other_letters_is_refused_with_the_one_that_may_be_meant(edit: Callable[[], Image]) -> None:
    with pytest.raises(NotThereError, match=r"no channel 'gfp'.* Did you mean 'GFP'\? Names are case-sensitive\."):
        edit()


@given(images(), st.data())
def test_updating_everywhere_fills_level_0_and_the_others_follow(image: Image, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(channel_names(image)) - 1))
    values = data_for(data, image)
    updated = update_channel(image, channel_names(image)[place], "*", values)
    axis = axis_index(image, "c")
    for array, old, new in zip(
        pixels_of(updated, image), pixels_of(image, image), cascade_of(image, values), strict=True
    ):
        wanted = np.concatenate(
            [old.take(range(place), axis), new, old.take(range(place + 1, old.shape[axis]), axis)], axis
        )
        np.testing.assert_array_equal(array, wanted)
    assert updated.channels == image.channels


@given(images(), st.data())
def test_updating_a_level_leaves_the_others_alone(image: Image, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(image.levels) - 1))
    values = data_for(data, image, number)
    target: int | str = number if data.draw(st.booleans()) else str(number)
    updated = update_channel(image, channel_names(image)[0], target, values)
    for at, (new, old) in enumerate(zip(updated.levels, image.levels, strict=True)):
        assert (new == old) == (at != number)
    np.testing.assert_array_equal(pixels_of(updated, image)[number].take(0, axis_index(image, "c")), values)


def test_updating_what_is_not_there_is_refused() -> None:
    values = np.zeros((4, 64, 64), "uint16")
    with pytest.raises(NotThereError, match="no channel 'RFP'"):
        update_channel(CELLS, "RFP", "*", values)
    with pytest.raises(NotThereError, match="no level '7'; the image has 0, 1"):
        update_channel(CELLS, "GFP", "7", values)
    with pytest.raises(InvalidValueError, match=r"the shape is \(4, 64, 64\); it must be \(4, 32, 32\)"):
        update_channel(CELLS, "GFP", 1, values)
    with pytest.raises(OutOfRangeError, match=r"the channel axis has 2 elements, and 'late' is number 2"):
        update_channel(add_channel(CELLS, "late", resize=False), "late", "*", values)


@given(images(), st.data())
def test_removing_takes_the_channel_out_of_every_level(image: Image, data: st.DataObject) -> None:
    names = channel_names(image)
    place = data.draw(st.integers(0, len(names) - 1))
    if len(names) == 1:
        with pytest.raises(InvalidValueError, match="is the last channel"):
            remove_channel(image, names[0])
        return
    fewer = remove_channel(image, names[place])
    assert channel_names(fewer) == (*names[:place], *names[place + 1 :])
    for array, old in zip(pixels_of(fewer, image), pixels_of(image, image), strict=True):
        np.testing.assert_array_equal(array, np.delete(old, place, axis_index(image, "c")))


@given(images(), st.data())
def test_reordering_is_what_numpy_takes_and_goes_back(image: Image, data: st.DataObject) -> None:
    names = channel_names(image)
    order = data.draw(st.permutations(range(len(names))))
    turned = reorder_channels(image, [names[place] for place in order])
    assert channel_names(turned) == tuple(names[place] for place in order)
    for array, old in zip(pixels_of(turned, image), pixels_of(image, image), strict=True):
        np.testing.assert_array_equal(array, old.take(order, axis_index(image, "c")))
    back = reorder_channels(turned, names)
    assert back.levels == image.levels
    assert image.channels is None or back == image


def test_an_order_names_each_channel_once() -> None:
    with pytest.raises(NotThereError, match="no channel 'RFP'; the image has: DAPI, GFP"):
        reorder_channels(CELLS, ["DAPI", "RFP"])
    with pytest.raises(InvalidValueError, match="GFP is not each of DAPI, GFP once"):
        reorder_channels(CELLS, ["GFP"])
    with pytest.raises(InvalidValueError, match="GFP, GFP is not each of DAPI, GFP once"):
        reorder_channels(CELLS, ["GFP", "GFP"])
    with pytest.raises(WrongTypeError, match="is no list of names"):
        reorder_channels(CELLS, "GFP")


def test_channels_of_one_name_are_reordered_all_the_same() -> None:
    twins = evolve(CELLS, channels=(Channel(label="a", color="000001"), Channel(label="a", color="000002")))
    assert reorder_channels(twins, ["a", "a"]) == twins


def test_levels_with_other_numbers_of_channels_are_refused() -> None:
    crooked = evolve(CELLS, levels=(CELLS.levels[0], level("1", (3, 4, 32, 32))))
    for edit in (add_channel, remove_channel):
        with pytest.raises(InvalidValueError, match=r"levels\[1\]\.shape: 3 channels, and level 0 has 2"):
            edit(crooked, "GFP" if edit is remove_channel else "new")


# --- contrast limits, color, visibility -------------------------------------------------------------------------------


def window_of(image: Image, place: int = 1) -> Window | None:
    assert image.channels is not None
    return image.channels[place].window


LIMITS = st.lists(st.integers(-1000, 1000) | st.floats(-1e6, 1e6), min_size=4, max_size=4).map(sorted)


@given(LIMITS, LIMITS)
def test_limits_are_what_was_set_and_the_last_set_wins(first: list[float], second: list[float]) -> None:
    def limits(numbers: list[float]) -> dict[str, Any]:
        return dict(zip(("min", "start", "end", "max"), numbers, strict=True))

    once = set_contrast_limits(CELLS, "GFP", limits(second))
    assert window_of(once) == Window(**limits(second))
    assert set_contrast_limits(set_contrast_limits(CELLS, "GFP", **limits(first)), "GFP", **limits(second)) == once
    assert set_contrast_limits(once, "GFP", window_of(once)) == once


@given(LIMITS, LIMITS, st.floats(0.01, 100))
def test_independent_edits_commute(first: list[float], second: list[float], size: float) -> None:
    def dapi(image: Image) -> Image:
        return set_contrast_limits(image, "DAPI", min=first[0], start=first[1], end=first[2], max=first[3])

    def gfp(image: Image) -> Image:
        return set_contrast_limits(image, "GFP", min=second[0], start=second[1], end=second[2], max=second[3])

    def sized(image: Image) -> Image:
        return set_scale(image, z=size)

    def more(image: Image) -> Image:
        return add_channel(image, "new")

    def renamed(image: Image) -> Image:
        return rename_axis(image, "z", "depth")

    assert dapi(gfp(CELLS)) == gfp(dapi(CELLS))
    for one in (dapi, gfp, more):
        for other in (sized, renamed):
            assert one(other(CELLS)) == other(one(CELLS))
    assert rename_channel(sized(CELLS), "GFP", "EGFP") == sized(rename_channel(CELLS, "GFP", "EGFP"))
    assert more(dapi(CELLS)) == dapi(more(CELLS))


def test_limits_that_are_not_given_stay() -> None:
    assert window_of(set_contrast_limits(CELLS, "GFP", start=100, end=4000)) == Window(
        start=100, end=4000, min=0, max=65535
    )
    unknown = evolve(
        CELLS, channels=(Channel(label="a"), Channel(label="GFP", window=Window(extra=FrozenMap({"k": 1}))))
    )
    assert window_of(set_contrast_limits(unknown, "GFP", end=70000)) == Window(
        start=0, end=70000, min=0, max=70000, extra=FrozenMap({"k": 1})
    )
    assert window_of(set_contrast_limits(unknown, "GFP", start=-5, end=-1)) == Window(
        start=-5, end=-1, min=-5, max=65535, extra=FrozenMap({"k": 1})
    )
    assert window_of(set_contrast_limits(unknown, "GFP", max=10)) == Window(
        start=0, end=10, min=0, max=10, extra=FrozenMap({"k": 1})
    )


def test_the_range_that_is_not_given_widens_and_never_narrows() -> None:
    assert window_of(set_contrast_limits(CELLS, "GFP", start=-5, end=70000)) == Window(
        start=-5, end=70000, min=-5, max=70000
    )
    assert window_of(set_contrast_limits(CELLS, "GFP", start=5, end=6)) == Window(start=5, end=6, min=0, max=65535)


def test_keywords_come_before_the_window() -> None:
    assert window_of(set_contrast_limits(CELLS, "GFP", Window(start=1, end=9), end=5)) == Window(
        start=1, end=5, min=0, max=65535
    )


@pytest.mark.parametrize(
    ("window", "limits", "error", "message"),
    [
        (None, {"start": 5, "end": 4}, InvalidValueError, "window: start 5 is above end 4; the order is min, start"),
        (
            None,
            {"end": 70000, "max": 65535},
            InvalidValueError,
            "window: end 70000 is above max 65535; the order is",
        ),
        (None, {"start": -1, "min": 0}, InvalidValueError, "window: min 0 is above start -1;"),
        (None, {"start": math.nan}, InvalidValueError, "window.start: nan is not a finite number"),
        (None, {"end": math.inf}, InvalidValueError, "window.end: inf is not a finite number"),
        (None, {"start": "5"}, InvalidValueError, "window.start: '5' is not a finite number"),
        (None, {"start": True}, InvalidValueError, "window.start: True is not a finite number"),
        (None, {}, WrongTypeError, "window: nothing is given"),
        ({"begin": 0}, {}, InvalidValueError, "a window has no 'begin', only start, end, min, max"),
        ({"start": None}, {}, InvalidValueError, "window.start: None is not a finite number"),
        ((1, 2), {}, WrongTypeError, "a tuple is no window"),
    ],
)
def test_limits_that_are_no_numbers_or_in_no_order_are_refused(
    window: Any, limits: dict[str, Any], error: type[NgffError], message: str
) -> None:
    with pytest.raises(error) as caught:
        set_contrast_limits(CELLS, "GFP", window, **limits)
    assert message in str(caught.value)
    assert all(problem.location.startswith("omero.channels[1].window") for problem in caught.value.problems)


def test_numbers_of_numpy_are_stored_as_python_has_them() -> None:
    numbers: dict[str, Any] = {"start": np.uint16(3), "end": np.float32(4.5)}
    window = window_of(set_contrast_limits(CELLS, "GFP", **numbers))
    assert window is not None
    assert [type(window.start), type(window.end)] == [int, float]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "int64", "float16", "float32", "float64"])
def test_limits_from_data_are_percentiles(dtype: str) -> None:
    data = (np.random.default_rng(5).random((3, 40, 50)) * 200).astype(dtype)
    wanted = np.percentile(data.astype("float64"), (1, 99.9)).tolist()
    window = contrast_limits_from(data)
    assert window.start == pytest.approx(wanted[0], rel=1e-12)
    assert window.end == pytest.approx(wanted[1], rel=1e-12)
    assert (window.min, window.max) == (None, None)


def test_nan_and_infinities_do_not_count() -> None:
    data = np.array([np.nan, 1, 2, 3, np.inf, -np.inf], "float32")
    assert contrast_limits_from(data, (0, 100)) == Window(start=1.0, end=3.0)
    with pytest.raises(InvalidValueError, match="there is no finite value"):
        contrast_limits_from(np.full((2, 2), np.nan))


class Huge:
    """An array of 2 TB, all of whose planes are alike; it remembers how much of it was read."""

    shape = (1000, 1000, 1000, 1000)
    dtype = np.dtype("uint16")
    read = 0

    def __getitem__(self, index: tuple[slice, ...]) -> Array:
        taken = [range(size)[part] for size, part in zip(self.shape, index, strict=True)]
        self.read += math.prod(map(len, taken))
        return np.broadcast_to(np.array(taken[-1], "uint16"), tuple(map(len, taken)))


def test_of_huge_data_only_some_is_read() -> None:
    data = Huge()
    window = contrast_limits_from(data, (0, 50))
    assert window.start == 0
    assert window.end == pytest.approx(499.5)
    assert 0 < data.read <= 2**22


@pytest.mark.parametrize("percentiles", [(99, 1), (-1, 50), (0, 101), (1,), ("1", "99"), None, 5])
def test_percentiles_are_two_in_order(percentiles: Any) -> None:
    with pytest.raises(InvalidValueError, match="are not two percentiles"):
        contrast_limits_from(np.zeros(3), percentiles)


def test_limits_come_from_arrays_of_real_numbers() -> None:
    with pytest.raises(WrongTypeError, match="a list has no shape"):
        contrast_limits_from([1, 2])
    with pytest.raises(WrongTypeError, match="complex64 has no order"):
        contrast_limits_from(np.zeros(3, "complex64"))


@pytest.mark.parametrize(
    ("color", "stored"),
    [
        ("00ff7F", "00FF7F"),
        ("#00ff7F", "00FF7F"),
        ("rebeccapurple", "663399"),
        ("Tomato", "FF6347"),
        ((0, 127, 255), "007FFF"),
        ([np.uint8(1), np.uint8(2), np.uint8(3)], "010203"),
    ],
)
def test_colors_are_stored_as_rrggbb(color: Any, stored: str) -> None:
    image = set_channel_color(CELLS, "GFP", color)
    assert image.channels is not None
    assert image.channels[1].color == stored
    assert image.channels[:1] == (CELLS.channels or ())[:1]


@pytest.mark.parametrize(
    "color",
    [
        "",
        "FFF",
        "#FFF",
        "12345G",
        "#12345678",
        "no",
        (1, 2),
        (1, 2, 256),
        (-1, 0, 0),
        (1.0, 0, 0),
        (True, 0, 0),
        5,
        None,
    ],
)
def test_what_is_no_color_is_refused(color: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"omero.channels\[1\].color: .* is no color"):
        set_channel_color(CELLS, "GFP", color)


def test_a_color_that_is_there_stays_as_it_was_written() -> None:
    image = evolve(CELLS, channels=(Channel(label="DAPI", color="0000ff"), Channel(label="GFP")))
    assert set_channel_color(image, "DAPI", "blue") == image


def test_all_css_names_are_colors() -> None:
    assert len(CSS_COLORS) == 148
    assert all(color_from(name) == color_from("#" + digits) == digits for name, digits in CSS_COLORS.items())


def test_a_channel_is_shown_or_not() -> None:
    both = set_channel_active(CELLS, "GFP")
    assert [channel.active for channel in both.channels or ()] == [True, True]
    assert set_channel_active(both, "GFP", False) == CELLS
    with pytest.raises(WrongTypeError, match="'yes' is neither True nor False"):
        set_channel_active(CELLS, "GFP", "yes")  # type: ignore[arg-type]


# --- what holds for all -----------------------------------------------------------------------------------------------


@given(images(), st.data())
def test_no_edit_changes_its_argument(image: Image, data: st.DataObject) -> None:
    before, names = pickle.dumps(image), channel_names(image)
    values = data_for(data, image)
    kept = values.copy()
    add_channel(image, "new", data=values)
    rename_channel(image, names[0], "new")
    update_channel(image, names[0], "*", values)
    reorder_channels(image, names[::-1])
    set_contrast_limits(image, names[0], start=1, end=2)
    set_channel_color(image, names[0], "red")
    set_channel_active(image, names[0])
    if len(names) > 1:
        remove_channel(image, names[0])
    assert pickle.dumps(image) == before
    np.testing.assert_array_equal(values, kept)


def test_synonyms_of_other_programs_name_the_method() -> None:
    names = [
        "mean",
        "Median",
        "nearest",
        "local_mean",
        "Average",
        "gaussian",
        "loci.common.image.SimpleImageScaler",
        "",
        None,
    ]
    methods = [method_of(evolve(CELLS, method=name)) for name in names]
    assert methods == ["mean", "median", "stride", "mean", "mean", "mean", "stride", "mean", "mean"]


@pytest.mark.parametrize(
    ("above", "below", "ratio", "factor"),
    [
        (64, 32, 2, 2),
        (263, 131, 2, 2),
        (263, 132, 2, 2),
        (3, 1, 2, 2),  # the scale says how the single element was made
        (3, 1, 3, 3),
        (5, 2, 1, 2),  # the scale says nothing: the shapes do
        (1, 1, 2, 2),
        (7, 7, 1, 1),
        (100, 13, 8, 8),
    ],
)
def test_factors_are_the_ratio_of_scales_that_the_shapes_bear_out(
    above: int, below: int, ratio: int, factor: int
) -> None:
    image = Image(axes=axes_from("yx"), levels=(level("0", (above, 4)), level("1", (below, 4))))
    lower = evolve(image.levels[1], scale=(float(ratio), 1.0))
    assert factors_between(evolve(image, levels=(image.levels[0], lower))) == ((factor, 1),)


@given(images())
def test_channels_are_not_downsampled(image: Image) -> None:
    assert all(factors[axis_index(image, "c")] == 1 for factors in factors_between(image))


def test_a_cascade_begins_at_any_level() -> None:
    assert [pixels.shape for pixels in cascaded(CELLS, 1, fill((2, 4, 32, 32)))] == [(2, 4, 32, 32)]


def test_a_channel_that_was_given_a_color_before_the_first_level_gets_a_window_with_it() -> None:
    empty = Image(axes=axes_from("cyx"), channels=(Channel(label="DAPI"),))
    image = add_level(set_channel_color(empty, "DAPI", "red"), "0", np.zeros((1, 4, 5), "uint8"))
    assert image.channels is not None
    assert image.channels[0].color == "FF0000"
    assert image.channels[0].window == Window(start=0, end=255, min=0, max=255)
