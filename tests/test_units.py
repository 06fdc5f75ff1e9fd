"""Write units: which are touched, what they hold, how they are called, which must be written."""

from __future__ import annotations

from itertools import islice, product
from math import ceil
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given as for_all
from hypothesis import strategies as st

from ngff_fn.effects.pixels.excerpt import shelves
from ngff_fn.effects.pixels.pixels import changed_boxes
from ngff_fn.effects.pixels.units import present_units, unit_key, unit_region, units
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.pixels import (
    Pixels,
    Stored,
    crop,
    downsample,
    extent,
    fill,
    given,
    intersection,
    is_empty,
    mosaic,
    select,
    whole,
)
from ngff_fn.records.snapshot import Version
from tests.arrays_in_stores import Home, counted, spec
from tests.recipes import regions, shapes


@for_all(st.data())
def test_units_are_all_that_a_box_touches_each_once(data: st.DataObject) -> None:
    shape = data.draw(shapes(2, longest=12))
    array = spec(shape, (2, 3), shards=data.draw(st.sampled_from([None, (4, 3)])))
    boxes = data.draw(st.lists(regions(shape), max_size=4))
    grid = product(*(range(ceil(size / unit)) for size, unit in zip(shape, array.write_unit, strict=True)))
    touched = {
        index for index in grid if any(not is_empty(intersection(unit_region(array, index), box)) for box in boxes)
    }
    found = list(units(array, boxes))
    assert len(found) == len(set(found))
    assert set(found) == touched


def test_units_of_an_array_without_end_are_counted_one_by_one() -> None:
    array = spec((2**40, 2**40), (1, 1))
    assert list(islice(units(array, [whole(array.shape)] * 2), 2)) == [(0, 0), (0, 1)]


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_keys_are_those_that_zarr_writes(version: Version, separator: Any) -> None:
    home, array = Home(version=version), spec((3, 25), (2, 2), separator=separator)
    home.create("0", array, counted((3, 25)))
    everything = list(units(array, [whole(array.shape)]))
    assert {unit_key(array, version, index) for index in everything} == set(home.chunks("0"))
    assert unit_key(evolve(array, key_encoding="v2"), version, (1, 12)) == f"1{separator}12"


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_present_units_are_those_that_have_a_file_and_nothing_else(version: Version, separator: Any) -> None:
    home, array = Home(version=version), spec((3, 25), (2, 2), separator=separator)
    home.create("0", array, counted((3, 25)))
    home.files.remove(f"0/{unit_key(array, version, (1, 12))}")
    for name in ("notes.txt", "c.txt", "c/00/1", "01/1", "1", "0/3/x", "c/0/3/x", "c.00.1", "1.01"):
        home.files.write(f"0/{name}", b"")
    found = list(
        present_units(home.files, "0", array, version, [((1, 2), (0, 20)), ((0, 5), (11, 13)), ((2, 2), (0, 9))])
    )
    assert sorted(found) == sorted([(0, 11), (0, 12), *((1, column) for column in range(12))])


# --- what must be written ---------------------------------------------------------------------------------------------


ARRAY = spec((8, 8), (4, 3))
STORED = Stored(origin="home", path="0", array=ARRAY, token="7")  # noqa: S106 — a digest


def touched(pixels: Pixels, **changes: Any) -> set[tuple[int, ...]]:
    array = evolve(ARRAY, shape=pixels.shape, **changes)
    return set(units(array, changed_boxes(pixels, "home", "0", ARRAY, array)))


def test_what_is_stored_where_it_shall_be_is_not_written() -> None:
    assert touched(STORED) == set()
    assert touched(mosaic(STORED, [(((0, 1), (7, 8)), fill((1, 1)))])) == {(0, 2)}


def test_what_is_stored_elsewhere_is_written() -> None:
    everything = set(units(ARRAY, [whole((8, 8))]))
    assert touched(evolve(STORED, path="1")) == everything
    assert touched(evolve(STORED, origin="abroad")) == everything
    assert touched(select(STORED, (range(8), tuple(range(7, -1, -1))))) == everything


def test_an_array_that_grows_needs_its_new_units_and_the_last_of_the_old_where_it_was_not_full() -> None:
    grown = mosaic(fill((12, 8)), [(whole((8, 8)), STORED)])
    assert touched(grown) == {(2, column) for column in range(3)}
    grown = mosaic(fill((8, 12)), [(whole((8, 8)), STORED)])
    assert touched(grown) == {(row, column) for row in range(2) for column in (2, 3)}


def test_an_array_that_shrinks_needs_its_last_units_where_they_are_no_longer_full() -> None:
    assert touched(crop(STORED, ((0, 4), (0, 8)))) == set()
    assert touched(crop(STORED, ((0, 8), (0, 7)))) == {(0, 2), (1, 2)}
    assert touched(crop(STORED, ((0, 6), (0, 5)))) == {(0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("change", [{"dtype": "uint8"}, {"chunks": (4, 4)}, {"fill_value": 1}, {"separator": "."}])
def test_another_encoding_or_other_keys_need_all_units(change: dict[str, Any]) -> None:
    assert touched(STORED, **change) == set(units(evolve(ARRAY, **change), [whole((8, 8))]))


def test_an_array_that_is_not_there_needs_all_units() -> None:
    assert changed_boxes(STORED, "home", "0", None, ARRAY) == [((0, 8), (0, 8))]
    empty = evolve(ARRAY, shape=(0, 8))
    assert changed_boxes(fill((0, 8)), "home", "0", None, empty) == []


# --- what may be read from the stage ----------------------------------------------------------------------------------


def test_what_was_staged_through_a_codec_that_rounds_is_made_again() -> None:
    pixels = downsample(given(counted((8, 8))), (2, 2), "mean", (4, 4))
    array = spec((4, 4), (2, 2))
    rounding = evolve(array, filters=(FrozenMap({"name": "numcodecs.bitround"}),))
    transposed = evolve(array, filters=(FrozenMap({"name": "transpose"}),))
    assert set(shelves("home", {pixels: ("0", array)}, array)) == {pixels}
    assert set(shelves("home", {pixels: ("0", transposed)}, array)) == {pixels}
    assert shelves("home", {pixels: ("0", rounding)}, array) == {}
    assert shelves("home", {pixels: ("0", evolve(array, dtype="uint8"))}, array) == {}


def test_what_a_staged_array_keeps_is_read_where_it_is_stored() -> None:
    part = given(counted((2, 8)))
    shelved = shelves("home", {mosaic(STORED, [(((0, 2), (0, 8)), part)]): ("0", ARRAY)}, ARRAY)
    assert set(shelved) == {part}
    assert extent(shelved[part][0].box) == (2, 8)
