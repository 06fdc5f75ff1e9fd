"""Coordinates: voxel sizes and places, set by the names of the axes, as lenses over the questions about them."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from ngff_fn.edits.axes import rename_axis, set_unit
from ngff_fn.edits.coordinates import (
    set_level_scale,
    set_level_translation,
    set_multiscale_scale,
    set_multiscale_translation,
    set_scale,
    set_translation,
)
from ngff_fn.edits.transforms import set_transform
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, OutOfRangeError, Problem, WrongTypeError
from ngff_fn.records.axes import Axis, axes_from, axis_names, channel_axis
from ngff_fn.records.coordinates import effective_scale, effective_translation, scale, to_index, to_physical
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Unread

SIZES = st.floats(1e-6, 1e6)
PLACES = st.floats(-1e6, 1e6).map(lambda place: round(place, 6))
AXES = st.sampled_from(axis_names(CELLS))


@st.composite
def images(draw: st.DrawFn, *, multiscale: bool | None = None) -> Image:
    """CELLS with any scales and translations; with or without a transformation of the whole multiscale."""

    def vector(numbers: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(numbers, min_size=4, max_size=4)))

    levels = tuple(
        evolve(level, scale=vector(SIZES), translation=vector(PLACES) if draw(st.booleans()) else None)
        for level in CELLS.levels
    )
    image = evolve(CELLS, levels=levels)
    if draw(st.booleans()) if multiscale is None else multiscale:
        image = evolve(image, scale=vector(SIZES), translation=vector(PLACES) if draw(st.booleans()) else None)
    return image


def close(found: float, wanted: float, offset: float = 0.0) -> bool:
    """Within 2 ulp, of the largest number that was on the way where an offset was taken away and added again."""
    return abs(found - wanted) <= 2 * math.ulp(abs(wanted) + abs(offset))


# --- set_scale --------------------------------------------------------------------------------------------------------


@given(images(), st.dictionaries(AXES, SIZES))
def test_the_scale_is_what_was_set(image: Image, wanted: dict[str, float]) -> None:
    after = scale(set_scale(image, wanted))
    for name, size in scale(image).items():
        assert close(after[name], wanted.get(name, size))


@given(images())
def test_setting_the_scale_there_is_is_identity(image: Image) -> None:
    assert set_scale(image, scale(image)) == image


@given(images(), AXES, SIZES, SIZES)
def test_the_last_scale_that_is_set_wins(image: Image, axis: str, first: float, second: float) -> None:
    once, twice = set_scale(image, {axis: second}), set_scale(set_scale(image, {axis: first}), {axis: second})
    number = axis_names(image).index(axis)
    for one, two in zip(once.levels, twice.levels, strict=True):
        assert close(two.scale[number], one.scale[number])
        zero = (0.0,) * 4
        ours, theirs = (one.translation or zero)[number], (two.translation or zero)[number]
        moved = max(abs(ours), *(abs(place) for level in image.levels for place in level.translation or zero))
        assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=moved * 1e-9 * max(1.0, second / first))


@given(images(), AXES, SIZES)
def test_all_levels_keep_their_proportion_and_level_0_its_place(image: Image, axis: str, size: float) -> None:
    after = set_scale(image, {axis: size})
    number = axis_names(image).index(axis)
    zero = (0.0,) * 4
    growth = after.levels[0].scale[number] / image.levels[0].scale[number]
    for old, new in zip(image.levels, after.levels, strict=True):
        assert math.isclose(new.scale[number], old.scale[number] * growth, rel_tol=1e-14)
        before = (old.translation or zero)[number] - (image.levels[0].translation or zero)[number]
        now = (new.translation or zero)[number] - (after.levels[0].translation or zero)[number]
        assert math.isclose(now, before * growth, rel_tol=1e-9, abs_tol=1e-9)
    assert after.levels[0].translation == image.levels[0].translation
    assert after.scale == image.scale


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_pyramids_of_powers_of_two_stay_exact(y: float, x: float) -> None:
    levels = tuple(
        evolve(
            CELLS.levels[0], path=str(number), scale=(1.0, 0.5, 0.25 * 2**number, 0.25 * 2**number),
            translation=(0.0, 0.0, 0.125 * (2**number - 1), 0.125 * (2**number - 1)),
        )
        for number in range(6)
    )  # fmt: skip
    after = set_scale(evolve(CELLS, levels=levels), y=y, x=x)
    assert [level.scale for level in after.levels] == [(1.0, 0.5, y * 2**n, x * 2**n) for n in range(6)]
    assert [level.translation for level in after.levels] == [
        (0.0, 0.0, y * (2**n - 1) / 2, x * (2**n - 1) / 2) for n in range(6)
    ]


def test_the_scale_includes_that_of_the_whole_multiscale() -> None:
    image = set_scale(evolve(CELLS, scale=(1.0, 2.0, 1.0, 1.0)), z=3.0)
    assert image.scale == (1.0, 2.0, 1.0, 1.0)
    assert [level.scale[1] for level in image.levels] == [1.5, 1.5]
    assert scale(image)["z"] == 3.0


def test_axes_are_matched_without_case_and_a_mapping_serves_any_name() -> None:
    odd = rename_axis(CELLS, "z", "Optical Section")
    assert scale(set_scale(odd, {"optical section": 2, "X": 1}))["x"] == 1.0
    assert scale(set_scale(odd, {"optical section": 2}, x=1)) == scale(set_scale(odd, {"Optical Section": 2.0}, x=1.0))


def test_a_level_without_translation_gets_none_for_nothing() -> None:
    assert set_scale(SQUARE, x=2).levels[0].translation is None


@pytest.mark.parametrize("size", [0, -1, -0.5, math.nan, math.inf, "1", True, None, np.float64("nan"), 10**400, [1]])
def test_scales_that_are_not_positive_and_finite_are_refused(size: Any) -> None:
    for edit in (set_scale, set_multiscale_scale):
        with pytest.raises(InvalidValueError, match="is not a positive, finite number"):
            edit(CELLS, z=size)
    with pytest.raises(InvalidValueError, match=r"levels\[1\].scale, axis z: "):
        set_level_scale(CELLS, 1, z=size)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), 1, np.int64(2)])
def test_numbers_of_any_kind_are_stored_as_floats(number: Any) -> None:
    assert type(scale(set_scale(CELLS, z=number))["z"]) is float


EDITS: list[tuple[Callable[..., Image], str]] = [
    (set_scale, "levels[0].scale"),
    (set_translation, "levels[0].translation"),
    (set_multiscale_scale, "scale"),
    (set_multiscale_translation, "translation"),
    (lambda image, *values, **axes: set_level_scale(image, 1, *values, **axes), "levels[1].scale"),
    (lambda image, *values, **axes: set_level_translation(image, 1, *values, **axes), "levels[1].translation"),
    (set_unit, "axes"),
]


@pytest.mark.parametrize(("edit", "location"), EDITS)
def test_an_unknown_axis_is_refused_by_name_with_the_cure(edit: Callable[..., Image], location: str) -> None:
    value = "um" if edit is set_unit else 1.0
    with pytest.raises(NotThereError) as caught:
        edit(CELLS, t=value)
    message = "the image has axes c, z, y, x; no axis 't'. Add the axis first, or leave t out."
    assert caught.value.problems == (Problem(location, message),)


@pytest.mark.parametrize(("edit", "location"), EDITS[:-1])
def test_all_that_is_wrong_is_said_at_once(edit: Callable[..., Image], location: str) -> None:
    with pytest.raises(NotThereError) as caught:
        edit(CELLS, {"q": 1, "Z": 1}, t=1, z=1, y="far", x=math.nan)
    assert len(caught.value.problems) == 5
    assert all(problem.location.startswith(location) for problem in caught.value.problems)
    assert "axis 'z' is given twice" in str(caught.value)


@pytest.mark.parametrize(("edit", "location"), EDITS)
def test_numbers_without_axes_are_refused(edit: Callable[..., Image], location: str) -> None:
    with pytest.raises(WrongTypeError, match="does not say which number is whose"):
        edit(CELLS, (1, 2, 3, 4))
    assert location


def test_an_image_without_levels_has_no_scale_to_set() -> None:
    with pytest.raises(OutOfRangeError, match=r"no level 0; the image has none. Add one with add_level."):
        set_scale(Image(axes=axes_from("yx")), x=1)


def test_a_scale_of_zero_has_no_proportion() -> None:
    flat = evolve(SQUARE, levels=(evolve(SQUARE.levels[0], scale=(0.0, 1.0)),))
    with pytest.raises(InvalidValueError, match=r"levels\[0\].scale: it is 0.0 along y.*set_level_scale first"):
        set_scale(flat, y=1)
    assert scale(set_scale(set_level_scale(flat, 0, y=1), y=2))["y"] == 2
    with pytest.raises(InvalidValueError, match=r"scale: it is 0.0 along x.*set_multiscale_scale first"):
        set_scale(evolve(SQUARE, scale=(1.0, 0.0)), x=1)


def test_what_no_float_can_say_is_refused() -> None:
    tiny = evolve(CELLS, scale=(1e-300,) * 4)
    with pytest.raises(InvalidValueError, match=r"levels\[0\].scale: it would be inf"):
        set_scale(tiny, z=1e300)
    with pytest.raises(InvalidValueError, match=r"levels\[1\].scale: it would be inf"):
        set_scale(CELLS, x=1.5e308)
    with pytest.raises(InvalidValueError, match=r"levels\[0\].translation: it would be inf"):
        set_translation(tiny, z=1e300)


# --- levels, multiscale, translations ---------------------------------------------------------------------------------


@given(images(), st.sampled_from([0, 1, "1"]), AXES, SIZES)
def test_the_scale_of_a_level_is_its_own(image: Image, level: int | str, axis: str, size: float) -> None:
    after, number = set_level_scale(image, level, {axis: size}), axis_names(image).index(axis)
    assert close(effective_scale(after, level)[number], size)
    other = 1 - int(level)
    assert after.levels[other] == image.levels[other]
    assert after.levels[int(level)].translation == image.levels[int(level)].translation
    assert (
        set_level_scale(image, level, dict(zip(axis_names(image), effective_scale(image, level), strict=True))) == image
    )


@given(images(), AXES, SIZES)
def test_the_scale_of_the_multiscale_multiplies_every_level(image: Image, axis: str, size: float) -> None:
    after, number = set_multiscale_scale(image, {axis: size}), axis_names(image).index(axis)
    assert after.levels == image.levels
    assert effective_scale(after, "*")[number] == size
    for level in (0, 1):
        assert close(effective_scale(after, level)[number], size * image.levels[level].scale[number])
    assert set_multiscale_scale(image, dict(zip(axis_names(image), effective_scale(image, "*"), strict=True))) == image


@given(images(), AXES, PLACES)
def test_the_image_is_where_it_was_put_and_all_levels_move_along(image: Image, axis: str, place: float) -> None:
    after, number = set_translation(image, {axis: place}), axis_names(image).index(axis)
    offset = effective_translation(image, "*")[number]
    assert close(effective_translation(after, 0)[number], place, offset)
    largest = 1e7 * max(1.0, *effective_scale(image, "*"))
    moved = effective_translation(after, 0)[number] - effective_translation(image, 0)[number]
    lower = effective_translation(after, 1)[number] - effective_translation(image, 1)[number]
    assert abs(moved - lower) <= 8 * math.ulp(largest)
    assert [level.scale for level in after.levels] == [level.scale for level in image.levels]
    assert set_translation(image, dict(zip(axis_names(image), effective_translation(image, 0), strict=True))) == image


@given(images(), st.sampled_from([0, 1, "1"]), AXES, PLACES)
def test_the_translation_of_a_level_is_its_own(image: Image, level: int | str, axis: str, place: float) -> None:
    after, number = set_level_translation(image, level, {axis: place}), axis_names(image).index(axis)
    assert close(effective_translation(after, level)[number], place, effective_translation(image, "*")[number])
    assert after.levels[1 - int(level)] == image.levels[1 - int(level)]
    there = dict(zip(axis_names(image), effective_translation(image, level), strict=True))
    assert set_level_translation(image, level, there) == image


@given(images(), AXES, PLACES)
def test_the_translation_of_the_multiscale_is_added_to_every_level(image: Image, axis: str, place: float) -> None:
    after, number = set_multiscale_translation(image, {axis: place}), axis_names(image).index(axis)
    assert after.levels == image.levels
    assert effective_translation(after, "*")[number] == place
    assert effective_scale(after, 1) == effective_scale(image, 1)
    there = dict(zip(axis_names(image), effective_translation(image, "*"), strict=True))
    assert set_multiscale_translation(image, there) == image


def test_a_translation_of_the_multiscale_comes_with_a_scale() -> None:
    assert set_multiscale_translation(CELLS, x=5).scale == (1.0, 1.0, 1.0, 1.0)


def test_transformations_are_composed_and_not_added() -> None:
    image = evolve(SQUARE, scale=(2.0, 10.0), translation=(100.0, 0.0))
    image = set_transform(image, 0, translation=[3, 4])
    assert effective_translation(image, 0) == (106.0, 40.0)
    assert effective_translation(image, "*") == (100.0, 0.0)


def test_a_translation_may_be_zero_or_negative_and_not_infinite() -> None:
    assert effective_translation(set_translation(CELLS, z=-5, y=0), 1) == (0.0, -5.0, 0.125, 0.125)
    with pytest.raises(InvalidValueError, match=r"levels\[0\].translation, axis z: inf is not a finite number"):
        set_translation(CELLS, z=math.inf)


# --- set_transform ----------------------------------------------------------------------------------------------------

TRANSFORMS = st.lists(
    st.one_of(
        st.tuples(SIZES, SIZES).map(lambda vector: {"type": "scale", "scale": list(vector)}),
        st.tuples(PLACES, PLACES).map(lambda vector: {"type": "translation", "translation": vector}),
        st.just({"type": "identity"}),
    ),
    max_size=4,
)


@given(TRANSFORMS, st.sampled_from([0, "0", "*"]))
def test_a_list_of_transformations_is_stored_as_what_it_comes_to(transforms: list[Any], level: int | str) -> None:
    image = set_transform(SQUARE, level, transforms=transforms)
    for axis, point in enumerate((3.0, -7.0)):
        at, largest = point, abs(point)
        for transform in transforms:
            if transform["type"] == "scale":
                at, largest = at * transform["scale"][axis], largest * transform["scale"][axis]
            if transform["type"] == "translation":
                at, largest = at + transform["translation"][axis], largest + abs(transform["translation"][axis])
        found = point * effective_scale(image, level)[axis] + effective_translation(image, level)[axis]
        assert math.isclose(found, at, rel_tol=1e-12, abs_tol=largest * 1e-12)
    has_translation = any(transform["type"] == "translation" for transform in transforms)
    stored = image.translation if level == "*" else image.levels[0].translation
    assert (stored is not None) == has_translation


def test_what_is_not_given_stays() -> None:
    image = set_transform(CELLS, "1", scale=[1, 2, 3, 4])
    assert (image.levels[1].scale, image.levels[1].translation) == ((1.0, 2.0, 3.0, 4.0), CELLS.levels[1].translation)
    image = set_transform(CELLS, 1, translation={"x": 4, "Y": 3, "z": 2, "c": 1})
    assert (image.levels[1].scale, image.levels[1].translation) == (CELLS.levels[1].scale, (1.0, 2.0, 3.0, 4.0))
    assert set_transform(image, "*", scale=np.array([1, 2, 3, 4])).scale == (1.0, 2.0, 3.0, 4.0)
    assert (image.levels[0], image.scale) == (CELLS.levels[0], None)


def test_no_transformation_of_the_multiscale_is_none() -> None:
    image = set_transform(CELLS, "*", scale=[1, 2, 3, 4], translation=[1, 1, 1, 1])
    assert set_transform(image, "*", transforms=[{"type": "identity"}]) == CELLS
    assert set_transform(image, "*", transforms=[]) == CELLS


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, WrongTypeError, "levels[0]: give a scale, a translation or both, or"),
        ({"scale": [1, 1], "transforms": []}, WrongTypeError, "levels[0]: give a scale, a translation or both"),
        ({"scale": [1]}, InvalidValueError, "levels[0].scale: 1 number for 2 axes. Give one for each of y, x."),
        ({"scale": {"x": 1}}, InvalidValueError, "levels[0].scale: 1 number for 2 axes. Give one for each of y, x."),
        ({"scale": {"x": 1, "y": 1, "z": 1}}, InvalidValueError, "the image has axes y, x; no axis 'z'."),
        ({"scale": [1, 0]}, InvalidValueError, "levels[0].scale, axis x: 0 is not a positive, finite number"),
        ({"scale": "12"}, InvalidValueError, "levels[0].scale: '12' is not a number for each of y, x."),
        ({"scale": 2.0}, InvalidValueError, "levels[0].scale: 2.0 is not a number for each of y, x."),
        ({"translation": [1, math.nan]}, InvalidValueError, "translation, axis x: nan is not a finite number"),
        ({"transforms": {"type": "identity"}}, WrongTypeError, "levels[0].transforms: a dict is no list"),
        ({"transforms": "scale"}, WrongTypeError, "levels[0].transforms: a str is no list"),
        ({"transforms": [{"type": "affine"}]}, InvalidValueError, "transforms[0]: {'type': 'affine'} is no scale"),
        ({"transforms": [{"scale": [1, 1]}]}, InvalidValueError, "is no scale, translation or identity"),
        ({"transforms": [5]}, InvalidValueError, "levels[0].transforms[0]: 5 is no scale"),
        ({"transforms": [{"type": "scale"}]}, InvalidValueError, "the keys are type. Give the type, and its num"),
        ({"transforms": [{"type": "scale", "path": "p"}]}, InvalidValueError, "the keys are type, path. Give the"),
        ({"transforms": [{"type": "identity", "input": 1}]}, InvalidValueError, "type, input. Give the type, and noth"),
        ({"transforms": [{"type": "scale", "scale": [1e300, 1]}] * 2}, InvalidValueError, "scale: it would be inf"),
    ],
)  # fmt: skip
def test_transformations_that_do_not_fit_are_refused(
    options: dict[str, Any], error: type[NgffError], message: str
) -> None:
    with pytest.raises(error) as caught:
        set_transform(SQUARE, 0, **options)
    assert message in str(caught.value)


def test_all_transformations_that_are_wrong_are_named() -> None:
    with pytest.raises(InvalidValueError) as caught:
        set_transform(SQUARE, "*", transforms=[{"type": "scale", "scale": [0, -1]}, {"type": "translation"}])
    locations = [problem.location for problem in caught.value.problems]
    assert locations == ["transforms[0], axis y", "transforms[0], axis x", "transforms[1]"]


def test_a_level_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NotThereError, match="no level '7'; the image has 0, 1"):
        set_transform(CELLS, "7", scale=[1, 1, 1, 1])
    with pytest.raises(NotThereError, match=r"no level '\*'; the image has 0, 1"):
        set_level_scale(CELLS, "*", z=1)
    with pytest.raises(OutOfRangeError, match="no level 7"):
        set_level_translation(CELLS, 7, z=1)


# --- to_physical, to_index --------------------------------------------------------------------------------------------


@given(images(), st.sampled_from([0, 1]), st.tuples(*[st.integers(0, 10000)] * 4))
def test_index_and_place_are_inverse(image: Image, level: int, index: tuple[int, ...]) -> None:
    assume(all(abs(place) < 1e9 for place in effective_translation(image, level)))
    assume(min(effective_scale(image, level)) > 1e-3)
    place = to_physical(image, level, index)
    for found, wanted in zip(to_index(image, level, place), index, strict=True):
        assert math.isclose(found, wanted, abs_tol=1e-2)


def test_the_centre_of_the_first_element_is_the_translation() -> None:
    image = evolve(CELLS, scale=(1.0, 2.0, 2.0, 2.0), translation=(0.0, 10.0, 0.0, 0.0))
    assert to_physical(image, 1, (0, 0, 0, 0)) == effective_translation(image, 1) == (0.0, 10.0, 0.25, 0.25)
    assert to_index(image, 1, {"X": 0.25, "y": 1.25, "z": 11.0, "c": 1.0}) == (1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("ask", [to_physical, to_index])
def test_points_have_a_number_for_each_axis(ask: Callable[..., Any]) -> None:
    with pytest.raises(InvalidValueError, match=r"2 numbers for 4 axes\. Give one for each of c, z, y, x"):
        ask(CELLS, 0, (1, 2))
    with pytest.raises(NotThereError, match=r"x, t was given; the image has axes c, z, y, x\. Give each once\."):
        ask(CELLS, 0, {"x": 1, "t": 2})
    with pytest.raises(WrongTypeError, match="is not one number for each of c, z, y, x"):
        ask(CELLS, 0, "czyx")
    with pytest.raises(WrongTypeError, match="3 is not one number for each"):
        ask(CELLS, 0, 3)


def test_no_index_is_in_a_place_where_all_elements_are() -> None:
    with pytest.raises(InvalidValueError, match="along an axis of size 0 all elements are in one place"):
        to_index(evolve(SQUARE, levels=(evolve(SQUARE.levels[0], scale=(0.0, 1.0)),)), 0, (1, 1))


# --- axes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_unit", "stored"),
    [("um", "micrometer"), ("µm", "micrometer"), ("micron", "micrometer"), ("nm", "nanometer"), ("pixel", "pixel")],
)
def test_units_are_stored_as_udunits_names(given_unit: str, stored: str) -> None:
    image = set_unit(CELLS, z=given_unit)
    assert [axis.unit for axis in image.axes] == [None, stored, "micrometer", "micrometer"]
    assert image.levels == CELLS.levels


def test_a_unit_is_taken_away_and_one_that_is_there_stays_as_it_was_written() -> None:
    assert set_unit(CELLS, z=None).axes[1].unit is None
    sloppy = evolve(CELLS, axes=(*CELLS.axes[:3], Axis(name="x", type="space", unit="micron")))
    assert set_unit(sloppy, x="micron") == sloppy


@pytest.mark.parametrize("unit", [5, "", " ", True])
def test_what_is_no_unit_is_refused(unit: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"axes\[1\].unit: .* is no unit"):
        set_unit(CELLS, z=unit)


def test_min_is_a_time_for_time_and_h_too() -> None:
    image = Image(axes=axes_from("tyx"))
    assert set_unit(image, t="min").axes[0].unit == "minute"


@given(AXES, st.text(min_size=1).filter(lambda text: text.lower() not in axis_names(CELLS)))
def test_renaming_an_axis_there_and_back_is_identity(old: str, new: str) -> None:
    renamed = rename_axis(CELLS, old.upper(), new)
    assert axis_names(renamed)[axis_names(CELLS).index(old)] == new.lower()
    assert renamed.levels == CELLS.levels
    assert rename_axis(renamed, new, old) == CELLS


def test_an_axis_is_not_renamed_to_another_or_to_nothing() -> None:
    with pytest.raises(InvalidValueError, match=r"axes\[1\].name: 'Y' is the name of another axis"):
        rename_axis(CELLS, "z", "Y")
    with pytest.raises(InvalidValueError, match="an axis cannot have an empty name"):
        rename_axis(CELLS, "z", "")
    with pytest.raises(WrongTypeError, match="3 is no name"):
        rename_axis(CELLS, "z", 3)  # type: ignore[arg-type]
    with pytest.raises(NotThereError, match="the image has axes c, z, y, x; no axis 't'"):
        rename_axis(CELLS, "t", "time")
    assert rename_axis(CELLS, "z", "Z").axes[1].name == "Z"


def test_a_channel_axis_by_name_stays_the_channel_axis() -> None:
    untyped = evolve(CELLS, axes=(Axis(name="c"), *CELLS.axes[1:]))
    assert channel_axis(rename_axis(untyped, "c", "stain")) == 0
    assert rename_axis(untyped, "c", "C").axes[0] == Axis(name="C")


# --- what holds for all -----------------------------------------------------------------------------------------------


@given(images())
def test_no_edit_changes_its_argument_or_the_labels(image: Image) -> None:
    image = evolve(image, labels=Unread(path="labels"))
    before = pickle.dumps(image)
    results = [
        set_scale(image, z=1),
        set_translation(image, z=1),
        set_level_scale(image, 0, z=1),
        set_level_translation(image, 0, z=1),
        set_multiscale_scale(image, z=1),
        set_multiscale_translation(image, z=1),
        set_transform(image, 0, scale=(1, 1, 1, 1)),
        set_unit(image, z="nm"),
        rename_axis(image, "z", "depth"),
    ]
    assert pickle.dumps(image) == before
    assert all(result.labels == image.labels for result in results)


@given(images(), SIZES, PLACES)
def test_edits_of_different_axes_commute(image: Image, size: float, place: float) -> None:
    def sized(value: Image) -> Image:
        return set_scale(value, z=size)

    def moved(value: Image) -> Image:
        return set_translation(value, x=place)

    def named(value: Image) -> Image:
        return set_unit(value, y="nm")

    assert sized(moved(image)) == moved(sized(image))
    assert sized(named(image)) == named(sized(image))
    assert set_scale(sized(image), x=2) == sized(set_scale(image, x=2))
