"""Recipes mean what the same steps do to a NumPy array, and stay in normal form."""

from __future__ import annotations

import pickle
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import (
    METHODS,
    Fill,
    Given,
    Mosaic,
    Pixels,
    Region,
    Select,
    Stored,
    crop,
    difference,
    downsample,
    extent,
    fill,
    intersection,
    is_empty,
    kept_boxes,
    leaves,
    mosaic,
    pieces,
    select,
    shifted,
    whole,
    without,
)
from ngff_fn.records.pixels import given as given_pixels
from tests.reference import reference_downsample, reference_pixels

Array: TypeAlias = NDArray[Any]
Meaning: TypeAlias = tuple[Pixels, Array]
"""A recipe, and the array that NumPy made in the same steps."""

SIZES = st.integers(1, 5)


def stored(shape: tuple[int, ...]) -> Stored:
    """What lies at a path that there is one of for each shape."""
    array = ArraySpec(shape=shape, dtype="int32", chunks=shape)
    return Stored(origin="store", path="x".join(map(str, shape)), array=array, token="digest")  # noqa: S106


def store_of(shape: tuple[int, ...]) -> Array:
    """What lies at every path: numbers that tell where they are from."""
    return np.arange(1000, 1000 + np.prod(shape), dtype="int32").reshape(shape)


def meant(pixels: Pixels) -> Array:
    kept = {leaf.path: store_of(leaf.shape) for leaf in leaves(pixels) if isinstance(leaf, Stored)}
    return reference_pixels(pixels, "int32", kept)


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, ...], *, smallest: int = 0) -> Region:
    bounds: list[tuple[int, int]] = []
    for size in shape:
        start = draw(st.integers(0, max(0, size - smallest)))
        bounds.append((start, draw(st.integers(min(size, start + smallest), size))))
    return tuple(bounds)


@st.composite
def indices(draw: st.DrawFn, size: int) -> range | tuple[int, ...]:
    if draw(st.booleans()):
        start = draw(st.integers(0, size - 1))
        return range(start, draw(st.integers(start + 1, size)))
    return tuple(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size + 1)))


def slices(region: Region) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in region)


@st.composite
def leaf_meanings(draw: st.DrawFn, shape: tuple[int, ...]) -> Meaning:
    match draw(st.sampled_from(["stored", "given", "fill"])):
        case "stored":
            return stored(shape), store_of(shape)
        case "given":
            numbers = st.lists(st.integers(0, 9), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))
            array = np.array(draw(numbers), "int32").reshape(shape)
            return given_pixels(array), array
        case _:
            value = draw(st.integers(-3, 3))
            return fill(shape, value), np.full(shape, value, "int32")


@st.composite
def meanings(draw: st.DrawFn, shape: tuple[int, ...] | None = None, steps: int = 4) -> Meaning:
    """A recipe of some steps, of a shape if one is wanted."""
    pixels, array = draw(leaf_meanings(shape or draw(st.tuples(SIZES, SIZES) | st.tuples(SIZES, SIZES, SIZES))))
    for _ in range(draw(st.integers(0, steps))):
        match draw(st.sampled_from(["select", "mosaic", "mosaic", "downsample"])):
            case "select":
                index = [draw(indices(size)) for size in array.shape]
                pixels, array = select(pixels, index), array[np.ix_(*map(list, index))]
            case "mosaic":
                array, tiles = array.copy(), []
                for _ in range(draw(st.integers(1, 3))):
                    region = draw(regions(array.shape))
                    part, values = (
                        draw(meanings(extent(region), steps // 2))
                        if not is_empty(region)
                        else (fill(extent(region)), 0)
                    )
                    tiles.append((region, part))
                    array[slices(region)] = values
                pixels = mosaic(pixels, tiles)
            case _:
                factors = tuple(draw(st.integers(1, 3)) for _ in array.shape)
                method = draw(st.sampled_from(METHODS))
                array = reference_downsample(array, factors, method)
                pixels = downsample(pixels, factors, method, array.shape)
    if shape is None or array.shape == shape:
        return pixels, array
    box = tuple((0, min(has, wanted)) for has, wanted in zip(array.shape, shape, strict=True))
    padded = np.zeros(shape, "int32")
    padded[slices(box)] = array[slices(box)]
    return mosaic(fill(shape), [(box, crop(pixels, box))]), padded


@given(meanings())
def test_a_recipe_means_what_the_same_steps_do_to_an_array(meaning: Meaning) -> None:
    pixels, array = meaning
    assert pixels.shape == array.shape
    np.testing.assert_array_equal(meant(pixels), array)


@given(meanings(), st.data())
def test_pieces_are_disjoint_boxes_that_make_up_the_region(meaning: Meaning, data: st.DataObject) -> None:
    pixels, array = meaning
    region = data.draw(regions(pixels.shape))
    built, count = np.zeros(pixels.shape, "int32"), np.zeros(pixels.shape, int)
    for box, leaf, taken in pieces(pixels, region):
        assert not isinstance(leaf, Select | Mosaic)
        assert extent(box) == tuple(map(len, taken))
        built[slices(box)] = meant(leaf)[np.ix_(*map(list, taken))]
        count[slices(box)] += 1
    expected = np.zeros(pixels.shape, int)
    expected[slices(region)] = 1
    np.testing.assert_array_equal(count, expected)
    np.testing.assert_array_equal(built[slices(region)], array[slices(region)])


@given(meanings())
def test_kept_boxes_are_disjoint_and_hold_what_is_stored_there(meaning: Meaning) -> None:
    pixels, array = meaning
    for leaf in leaves(pixels):
        if isinstance(leaf, Stored):
            boxes = kept_boxes(pixels, "store", leaf.path)
            for number, box in enumerate(boxes):
                np.testing.assert_array_equal(array[slices(box)], store_of(leaf.shape)[slices(box)])
                assert all(is_empty(intersection(box, other)) for other in boxes[:number])
    assert kept_boxes(pixels, "another store", "0") == []


@given(st.data())
def test_kept_boxes_are_all_that_was_not_overwritten(data: st.DataObject) -> None:
    shape = (5, 6)
    pixels: Pixels = stored(shape)
    for _ in range(data.draw(st.integers(0, 4))):
        region = data.draw(regions(shape))
        pixels = mosaic(pixels, [(region, fill(extent(region), -1))])
    kept = np.zeros(shape, bool)
    for box in kept_boxes(pixels, "store", "5x6"):
        kept[slices(box)] = True
    np.testing.assert_array_equal(kept, meant(pixels) == store_of(shape))


def parts_of(pixels: Pixels) -> list[Pixels]:
    match pixels:
        case Mosaic():
            return [pixels.background, *(part for _, part in pixels.tiles)]
        case Select():
            return [pixels.source]
        case _:
            return []


@given(meanings())
def test_recipes_are_in_normal_form(meaning: Meaning) -> None:
    pixels, _ = meaning
    parts = parts_of(pixels)
    if isinstance(pixels, Select):
        assert not isinstance(pixels.source, Select | Mosaic | Fill)
    if isinstance(pixels, Mosaic):
        assert not any(isinstance(part, Mosaic) for part in parts)
        regions_of_tiles = [region for region, _ in pixels.tiles]
        assert regions_of_tiles == sorted(regions_of_tiles)
        assert [extent(region) for region in regions_of_tiles] == [part.shape for _, part in pixels.tiles]
        assert not any(is_empty(region) for region in regions_of_tiles)
        for number, region in enumerate(regions_of_tiles):
            assert all(is_empty(intersection(region, other)) for other in regions_of_tiles[:number])
            assert intersection(region, whole(pixels.shape)) == region
        assert all(
            not isinstance(part, Select) or not isinstance(part.source, Select | Mosaic | Fill) for part in parts
        )


@given(meanings())
def test_recipes_are_hashable_and_pickle(meaning: Meaning) -> None:
    pixels, array = meaning
    assert hash(pixels) == hash(select(pixels, tuple(map(range, pixels.shape))))
    np.testing.assert_array_equal(meant(pickle.loads(pickle.dumps(pixels))), array)  # noqa: S301


@given(meanings(), st.data())
def test_selecting_twice_is_selecting_once(meaning: Meaning, data: st.DataObject) -> None:
    pixels, _ = meaning
    first = [data.draw(indices(size)) for size in pixels.shape]
    second = [data.draw(indices(len(positions))) for positions in first]
    both = [tuple(old[position] for position in new) for old, new in zip(first, second, strict=True)]
    np.testing.assert_array_equal(meant(select(select(pixels, first), second)), meant(select(pixels, both)))


@given(st.data())
def test_cutting_a_stored_array_and_putting_it_together_leaves_no_trace(data: st.DataObject) -> None:
    source = stored((4, 5, 6))
    boxes = [whole(source.shape)]
    for _ in range(data.draw(st.integers(0, 3))):  # guillotine cuts, each through one box
        box = boxes.pop(data.draw(st.integers(0, len(boxes) - 1)))
        axis = data.draw(st.integers(0, 2))
        at = data.draw(st.integers(*box[axis]))
        boxes += [(*box[:axis], bounds, *box[axis + 1 :]) for bounds in ((box[axis][0], at), (at, box[axis][1]))]
    tiles = [(box, crop(source, box)) for box in boxes if not is_empty(box)]
    assert mosaic(fill(source.shape, -1), tiles) == source


@given(
    st.lists(st.tuples(st.sampled_from(["stored", "given", 1, 2]), st.integers(0, 3), st.integers(1, 3)), min_size=1),
    st.integers(0, 1),
)
def test_strips_beside_each_other_mean_what_numpy_concatenates(strips: list[tuple[Any, int, int]], axis: int) -> None:
    source, other = stored((6, 6)), np.arange(36).reshape(6, 6)
    held = given_pixels(other)
    tiles: list[tuple[Region, Pixels]] = []
    arrays: list[Array] = []
    at = 0
    for kind, start, length in strips:
        taken = tuple(range(start, start + length) if number == axis else range(6) for number in range(2))
        shape = tuple(map(len, taken))
        box = tuple((at, at + length) if number == axis else (0, 6) for number in range(2))
        match kind:
            case "stored":
                part, array = select(source, taken), store_of((6, 6))[np.ix_(*map(list, taken))]
            case "given":
                part, array = select(held, taken), other[np.ix_(*map(list, taken))]
            case _:
                part, array = fill(shape, kind), np.full(shape, kind)
        tiles.append((box, part))
        arrays.append(array)
        at += length
    whole_shape = tuple(at if number == axis else 6 for number in range(2))
    np.testing.assert_array_equal(meant(mosaic(fill(whole_shape), tiles)), np.concatenate(arrays, axis))


def test_a_recipe_grows_with_what_was_asked_and_not_with_how_often() -> None:
    pixels: Pixels = stored((8, 8))
    for number in range(100):
        corner = (number % 2) * 4
        region = ((corner, corner + 4), (0, 4))
        pixels = mosaic(pixels, [(region, given_pixels(np.full((4, 4), number)))])
    assert isinstance(pixels, Mosaic)
    assert len(pixels.tiles) == 2


def test_growing_and_shrinking_again_and_again_comes_back_to_the_same_recipe() -> None:
    base: Pixels = stored((3, 4))
    pixels = base
    for _ in range(5):
        grown = mosaic(fill((4, 4)), [(((0, 1), (0, 4)), crop(pixels, ((0, 1), (0, 4)))),
                                      (((2, 4), (0, 4)), crop(pixels, ((1, 3), (0, 4))))])  # fmt: skip
        pixels = select(grown, ((0, 2, 3), range(4)))
    assert pixels == base


def test_a_background_that_is_hidden_is_not_kept() -> None:
    halves = [(((row, row + 1), (0, 3)), given_pixels(np.full((1, 3), row))) for row in range(2)]
    assert not any(isinstance(leaf, Stored) for leaf in leaves(mosaic(stored((2, 3)), halves)))
    whole_array = given_pixels(np.ones((2, 3)))
    assert mosaic(stored((2, 3)), [(whole((2, 3)), whole_array)]) == whole_array


@given(st.data())
def test_what_is_left_of_regions_without_others_is_what_masks_say(data: st.DataObject) -> None:
    shape = (4, 5, 3)
    some = [whole(shape)]
    holes = data.draw(st.lists(regions(shape), max_size=4))
    count, expected = np.zeros(shape, int), np.ones(shape, int)
    for box in without(some, holes):
        assert not is_empty(box)
        count[slices(box)] += 1
    for hole in holes:
        expected[slices(hole)] = 0
    np.testing.assert_array_equal(count, expected)


@given(regions((5, 5)), st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_shifting_there_and_back_is_identity(region: Region, offset: tuple[int, int]) -> None:
    assert shifted(shifted(region, offset), offset, -1) == region
    assert extent(shifted(region, offset)) == extent(region)


def test_a_region_without_itself_is_nothing() -> None:
    assert difference(((0, 2), (1, 3)), ((0, 2), (1, 3))) == []


@pytest.mark.parametrize("positions", [range(0, 6, 2), (0, 2, 4), range(5, -1, -2)])
def test_positions_need_not_follow_each_other(positions: range | tuple[int, ...]) -> None:
    array = np.arange(6)
    np.testing.assert_array_equal(meant(select(given_pixels(array), (positions,))), array[list(positions)])


def test_the_same_array_given_twice_is_the_same_recipe_and_an_equal_one_is_not() -> None:
    array = np.zeros(3)
    assert given_pixels(array) == given_pixels(array)
    assert hash(given_pixels(array)) == hash(given_pixels(array))
    assert given_pixels(array) != given_pixels(array.copy())


def test_given_may_add_axes_of_length_one() -> None:
    pixels = given_pixels(np.arange(6).reshape(2, 3), (1, 2, 3))
    assert isinstance(pixels, Given)
    np.testing.assert_array_equal(meant(pixels), np.arange(6).reshape(1, 2, 3))


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_downsampled_is_the_constant(method: Any) -> None:
    assert downsample(fill((5, 5), 7), (2, 2), method, (2, 3)) == fill((2, 3), 7)
