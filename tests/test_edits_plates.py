"""Plates: wells and positions come, go and move; rows, columns and acquisitions are kept in step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from ngff_fn.edits.lines import MOST, line_order
from ngff_fn.edits.plates import add_well, empty_plate, remove_well, rename_well, set_field_count
from ngff_fn.edits.positions import (
    add_position,
    add_positions,
    move_position,
    plate_from_positions,
    remove_position,
)
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, OutOfRangeError, WrongTypeError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.axes import axes_from, axis_names
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.examples import CELLS, PLATE, SQUARE
from ngff_fn.records.image import Image, Place, Unread
from ngff_fn.records.plate import Acquisition, Field, Line, Plate, Well

OTHER = evolve(CELLS, name="other")
BARE = empty_plate(0, 0)
SELECTED = evolve(PLATE, wells=(*PLATE.wells, Unread(path="A/3")))
WELL_PATHS = [f"{row}/{column}" for row in "ABC" for column in "1234"]
PATHS = [f"{well}/{field}" for well in WELL_PATHS for field in "012"]


def row_names(plate: Plate) -> list[str]:
    return [row.name for row in plate.rows]


def column_names(plate: Plate) -> list[str]:
    return [column.name for column in plate.columns]


def images(plate: Plate) -> dict[str, Image | Unread]:
    """Every image by its path, in the order of the plate."""
    wells = [well for well in plate.wells if isinstance(well, Well)]
    return {f"{well.path}/{each.path}": each.image for well in wells for each in well.fields}


def acquisitions(plate: Plate) -> dict[str, int | None]:
    """What every field says of its acquisition."""
    wells = [well for well in plate.wells if isinstance(well, Well)]
    return {f"{well.path}/{each.path}": each.acquisition for well in wells for each in well.fields}


def listed(plate: Plate) -> list[int] | None:
    return None if plate.acquisitions is None else [acquisition.id for acquisition in plate.acquisitions]


def well_at(plate: Plate, path: str) -> Well | Unread | None:
    return next((well for well in plate.wells if well.path == path), None)


@st.composite
def plates(draw: st.DrawFn) -> Plate:
    """Of rows A, B, C and columns 1 to 4; every well that is read has fields, one may be unread."""
    paths = draw(st.lists(st.sampled_from(WELL_PATHS), max_size=5, unique=True))
    ids = draw(st.sampled_from([None, (), (0,), (3,), (0, 1)]))
    said = st.sampled_from([None, *(ids or ())]) if len(ids or ()) < 2 else st.sampled_from(list(ids or ()))
    wells: list[Well | Unread] = []
    for path in paths:
        names = draw(st.lists(st.sampled_from("012"), min_size=1, max_size=3, unique=True))
        fields = tuple(Field(path=name, image=CELLS, acquisition=draw(said)) for name in names)
        extra = draw(st.sampled_from([FrozenMap(), FrozenMap({"well": FrozenMap({"note": 1})})]))
        wells.append(Well(path=path, fields=fields, source=Place(home="store", path=path), extra=extra))
    if wells and draw(st.sampled_from([True, False])):
        wells[0] = Unread(path=paths[0])
    return Plate(
        rows=tuple(Line(name=name) for name in "ABC"),
        columns=tuple(Line(name=name) for name in "1234"),
        wells=tuple(wells),
        acquisitions=None if ids is None else tuple(Acquisition(id=number) for number in ids),
        axes=axes_from("czyx"),
        channel_names=("DAPI", "GFP"),
    )


# -- empty plates ------------------------------------------------------------------------------------------------------


def test_an_empty_plate_of_counts_has_lettered_rows_and_numbered_columns() -> None:
    plate = empty_plate(28, 3, name="screen")
    assert row_names(plate)[:2] + row_names(plate)[25:] == ["A", "B", "Z", "AA", "AB"]
    assert column_names(plate) == ["1", "2", "3"]
    assert (plate.name, plate.wells, plate.axes, plate.acquisitions) == ("screen", (), None, None)


def test_an_empty_plate_takes_names_in_their_order() -> None:
    assert row_names(empty_plate(["H", "A"], ("01", "02"))) == ["H", "A"]


def test_all_that_is_wrong_with_an_empty_plate_is_said_at_once() -> None:
    wrong: Any = {"axes": "xt", "channel_names": ["a", "a"], "name": 3}
    with pytest.raises(InvalidValueError) as caught:
        empty_plate(["A", "a_b"], ["1", "1"], **wrong)
    assert [problem.location for problem in caught.value.problems] == [
        "rows[1]", "columns", "axes", "channel_names", "name",
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [-1, MOST + 1, "AB", 1.5, None, [1], [""], ["A", "A"], ["ä"], ["A/B"]])
def test_rows_that_cannot_be_are_refused(rows: Any) -> None:
    with pytest.raises(NgffError, match=r"^rows"):
        empty_plate(rows, 2)


def test_channel_names_need_a_channel_axis() -> None:
    with pytest.raises(InvalidValueError, match="the axes have no channels"):
        empty_plate(1, 1, axes="zyx", channel_names=["DAPI"])


# -- wells -------------------------------------------------------------------------------------------------------------


def test_a_new_well_is_the_last_and_has_no_fields() -> None:
    made = add_well(PLATE, "A", "2")
    assert made.wells == (*PLATE.wells, Well(path="A/2"))
    assert all(new is old for new, old in zip(made.wells, PLATE.wells, strict=False))
    assert made.rows is PLATE.rows
    assert made.columns is PLATE.columns


def test_a_name_without_an_index_gets_the_one_it_has_or_the_next() -> None:
    assert row_names(add_well(PLATE, "H", "1")) == ["A", "B", "H"]
    assert column_names(add_well(PLATE, "A", "12")) == ["1", "2", "3", "12"]


@pytest.mark.parametrize(
    ("there", "name", "index", "names"),
    [
        (0, "C", 2, ["A", "B", "C"]),
        (2, "D", 3, ["A", "B", "C", "D"]),
        (26, "AB", 27, [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA", "AB"]),
        (["a"], "c", 2, ["a", "b", "c"]),
        (["B"], "X9", 2, ["B", "C", "X9"]),
        (0, "r1", 1, ["A", "r1"]),
        (["1", "2"], "5", 4, ["1", "2", "3", "4", "5"]),
        (0, "03", 2, ["01", "02", "03"]),
        (0, "2", 2, ["0", "1", "2"]),
        (0, "12", 1, ["1", "12"]),
        (2, "B", 1, ["A", "B"]),
        (2, "Q", 2, ["A", "B", "Q"]),
    ],
)
def test_rows_that_are_missing_before_an_index_go_on_as_the_plate_does(
    there: Any, name: str, index: int, names: list[str]
) -> None:
    assert row_names(add_well(empty_plate(there, 1), name, "1", row_index=index)) == names


def test_columns_that_are_missing_are_numbered_from_one() -> None:
    assert column_names(add_well(BARE, "A", "x1", col_index=3)) == ["1", "2", "3", "x1"]


@pytest.mark.parametrize(
    ("there", "name", "index", "message"),
    [
        (2, "C", 0, "A/1: the index 0 is that of the row 'A'. Leave row_index out: 'C' gets the next, 2."),
        (2, "B", 0, "A/1: the row 'B' has another index than 0. Leave row_index out: 'B' has 1."),
        (["x1"], "C", 2, "A/1: nothing says what the rows before the index 2 are called. Leave row_index out"),
        (["B", "A"], "D", 3, "nothing says"),
        (0, "A", 3, "nothing says"),
        (2, "C", -1, "A/1: row_index -1 is not from 0 to 10002. Leave row_index out: 'C' gets the next, 2."),
        (2, "C", 2**70, "is not from 0 to"),
        (2, "C", "2", "A/1: row_index '2' is no integer."),
        (2, "C", True, "is no integer."),
    ],
)
def test_an_index_that_cannot_be_is_refused_with_the_cure(there: Any, name: str, index: Any, message: str) -> None:
    with pytest.raises(NgffError) as caught:
        add_well(empty_plate(there, 1), name, "1", row_index=index)
    assert message.replace("A/1", f"{name}/1") in str(caught.value)


@pytest.mark.parametrize("name", ["", "A B", "ä", "A_1", "..", "A/1", "٣", "A\n", 3, None, ["A"]])
def test_names_of_rows_and_columns_are_letters_and_digits(name: Any) -> None:
    with pytest.raises((InvalidValueError, WrongTypeError)) as caught:
        add_well(PLATE, name, name)
    assert len(caught.value.problems) == 2


def test_a_well_that_is_there_is_not_added() -> None:
    for path in ("A/1", "A/3"):
        with pytest.raises(InvalidValueError, match=rf"^{path}: the plate has this well already"):
            add_well(SELECTED, *path.split("/"))  # type: ignore[arg-type]


def test_a_removed_well_leaves_its_row_and_column() -> None:
    made = remove_well(PLATE, "B/2")
    assert made.wells == PLATE.wells[:1]
    assert made.wells[0] is PLATE.wells[0]
    assert (made.rows, made.columns) == (PLATE.rows, PLATE.columns)


def test_a_well_that_was_not_read_can_be_removed() -> None:
    assert remove_well(SELECTED, "A/3") == PLATE


@pytest.mark.parametrize("edit", [lambda p: remove_well(p, "C/9"), lambda p: rename_well(p, "C/9", "A/2")])
def test_a_well_that_is_not_there_is_refused_with_those_that_are(edit: Callable[[Plate], Plate]) -> None:
    with pytest.raises(NotThereError, match=r"^C/9: the plate has no such well; it has: A/1, B/2\.$"):
        edit(PLATE)


@given(plate=plates(), path=st.sampled_from(WELL_PATHS))
def test_removing_a_well_undoes_adding_it(plate: Plate, path: str) -> None:
    assume(well_at(plate, path) is None)
    row, column = path.split("/")
    assert remove_well(add_well(plate, row, column), path) == plate


# -- renaming wells ----------------------------------------------------------------------------------------------------


def test_renaming_a_well_moves_that_well_and_nothing_else() -> None:
    plate = add_position(PLATE, "A/2/0", CELLS)
    made = rename_well(plate, "A/1", "B/3")
    assert [well.path for well in made.wells] == ["B/3", "B/2", "A/2"]
    assert isinstance(made.wells[0], Well)
    assert made.wells[0].fields is plate.wells[0].fields  # type: ignore[union-attr]
    assert all(made.wells[place] is plate.wells[place] for place in (1, 2))
    assert (made.rows, made.columns) == (plate.rows, plate.columns)


def test_rows_and_columns_that_are_new_come_with_the_name() -> None:
    made = rename_well(PLATE, "A/1", "C/7")
    assert (row_names(made), column_names(made)) == (["A", "B", "C"], ["1", "2", "3", "7"])


@given(plate=plates(), new=st.sampled_from(WELL_PATHS), data=st.data())
def test_renaming_a_well_there_and_back_is_identity(plate: Plate, new: str, data: st.DataObject) -> None:
    read = [well.path for well in plate.wells if isinstance(well, Well)]
    assume(read)
    old = data.draw(st.sampled_from(read))
    assume(old == new or well_at(plate, new) is None)
    assert rename_well(rename_well(plate, old, new), new, old) == plate
    assert rename_well(plate, old, old) is plate


def test_the_new_place_must_be_free() -> None:
    for new in ("B/2", "A/3"):
        with pytest.raises(InvalidValueError, match=rf"^{new}: the plate has this well already"):
            rename_well(SELECTED, "A/1", new)


def test_a_well_that_was_not_read_is_not_renamed() -> None:
    with pytest.raises(NotThereError, match=r"^A/3: it was left out .* Open the store with a select that has it"):
        rename_well(SELECTED, "A/3", "A/2")


def test_a_well_whose_images_were_not_read_is_renamed_with_them() -> None:
    well = Well(path="A/1", fields=(Field(path="0", image=Unread(path="0")),))
    made = rename_well(evolve(PLATE, wells=(well,)), "A/1", "A/2")
    assert made.wells == (evolve(well, path="A/2"),)


def test_both_paths_are_looked_at() -> None:
    with pytest.raises(NotThereError) as caught:
        rename_well(PLATE, "C/9", "A/1/0")
    assert [problem.location for problem in caught.value.problems] == ["C/9", "new"]


# -- positions ---------------------------------------------------------------------------------------------------------


def test_a_position_comes_last_in_its_well() -> None:
    made = add_position(PLATE, "A/1/9", OTHER)
    assert isinstance(made.wells[0], Well)
    assert made.wells[0].fields == (*PLATE.wells[0].fields, Field(path="9", image=OTHER, acquisition=0))  # type: ignore[union-attr]
    assert made.wells[0].fields[2].image is OTHER
    assert made.wells[1] is PLATE.wells[1]


def test_a_position_makes_its_well_at_its_indices() -> None:
    made = add_position(BARE, "B/3/0", CELLS, row_index=1, col_index=2)
    assert (row_names(made), column_names(made), list(images(made))) == (["A", "B"], ["1", "2", "3"], ["B/3/0"])


def test_a_position_without_an_image_is_empty_as_the_plate_says() -> None:
    plate = empty_plate(1, 1, axes="cyx", channel_names=["DAPI", "GFP"])
    image = images(add_position(plate, "A/1/0"))["A/1/0"]
    assert isinstance(image, Image)
    assert (axis_names(image), channel_names(image), image.levels) == (("c", "y", "x"), ("DAPI", "GFP"), ())


def test_a_plate_that_says_no_axes_has_those_of_its_first_image() -> None:
    image = images(add_position(PLATE, "A/1/9"))["A/1/9"]
    assert isinstance(image, Image)
    assert (image.axes, channel_names(image), image.levels) == (CELLS.axes, ("DAPI", "GFP"), ())


def test_a_plate_that_says_nothing_and_has_no_image_has_five_axes() -> None:
    image = images(add_position(BARE, "A/1/0"))["A/1/0"]
    assert isinstance(image, Image)
    assert (axis_names(image), image.channels) == (("t", "c", "z", "y", "x"), None)


def test_no_axes_are_guessed_where_no_image_was_read() -> None:
    plate = evolve(PLATE, wells=(Unread(path="A/1"),))
    with pytest.raises(InvalidValueError, match=r"^B/1/0: the plate does not say its axes, .* Give an image"):
        add_position(plate, "B/1/0")
    assert list(images(add_position(plate, "B/1/0", CELLS))) == ["B/1/0"]


@given(plate=plates(), path=st.sampled_from(PATHS), image=st.sampled_from([None, OTHER]), number=st.integers(0, 3))
def test_removing_a_position_undoes_adding_it(plate: Plate, path: str, image: Image | None, number: int) -> None:
    """Exactly, where the acquisition is one that the plate knows; else but for what is said of acquisitions."""
    well = well_at(plate, path.rpartition("/")[0])
    assume(not isinstance(well, Unread) and path not in images(plate))
    known = listed(plate) or []
    if number not in known and (known or number):
        assume(len(known) > 1 or not any(isinstance(well, Unread) for well in plate.wells))
        back = remove_position(add_position(plate, path, image, acq_index=number), path)
        assert listed(back) in ([*known, number], [0, number])
        assert images(back) == images(plate)
        assert [well.path for well in back.wells] == [well.path for well in plate.wells]
    else:
        made = add_position(plate, path, image, acq_index=number)
        assert sum(new is not old for new, old in zip(made.wells, plate.wells, strict=False)) == (well is not None)
        assert remove_position(made, path) == plate


def test_the_last_position_takes_its_well_with_it() -> None:
    made = remove_position(PLATE, "B/2/0")
    assert made.wells == PLATE.wells[:1]
    assert (made.rows, made.columns, made.acquisitions) == (PLATE.rows, PLATE.columns, PLATE.acquisitions)


def test_a_position_whose_image_was_not_read_can_be_removed() -> None:
    well = Well(path="A/1", fields=(Field(path="0", image=Unread(path="0")), Field(path="1", image=CELLS)))
    assert images(remove_position(evolve(PLATE, wells=(well,)), "A/1/0")) == {"A/1/1": CELLS}


@pytest.mark.parametrize("edit", [remove_position, lambda plate, path: move_position(plate, path, "A/2/5")])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("C/1/0", "C/1/0: the plate has no such well; it has: A/1, B/2, A/3."),
        ("A/1/7", "A/1/7: the well A/1 has no such position; it has: 0, 1."),
        ("A/1", "A/1: the plate has no such well"),
        ("", "the plate has no such well"),
        ("A/3/0", "A/3: it was left out when it was read"),
    ],
)
def test_a_position_that_is_not_there_is_refused_with_those_that_are(
    edit: Callable[[Plate, str], Plate], path: str, message: str
) -> None:
    with pytest.raises(NotThereError) as caught:
        edit(SELECTED, path)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", ["A/1", "A/1/0/0", "", "A//0", "A/1/a b", "A/1/..", 3, None, "A/_/0"])
def test_what_is_no_path_of_a_position_is_refused(path: Any) -> None:
    edits: list[Callable[[Plate, Any], Plate]] = [
        add_position, lambda plate, wrong: move_position(plate, "A/1/0", wrong),
    ]  # fmt: skip
    for edit in edits:
        with pytest.raises((InvalidValueError, WrongTypeError)):
            edit(PLATE, path)


def test_slashes_around_a_path_mean_nothing() -> None:
    assert add_position(PLATE, "/A/2/0/", CELLS) == add_position(PLATE, "A/2/0", CELLS)


# -- acquisitions ------------------------------------------------------------------------------------------------------


def test_a_plate_that_lists_no_acquisitions_lists_none_for_number_0() -> None:
    made = add_position(BARE, "A/1/0", CELLS)
    assert (listed(made), acquisitions(made)) == (None, {"A/1/0": None})


def test_number_0_is_listed_where_others_are() -> None:
    plate = evolve(BARE, acquisitions=(Acquisition(id=3),))
    made = add_position(plate, "A/1/0", CELLS)
    assert (listed(made), acquisitions(made)) == ([3, 0], {"A/1/0": 0})


def test_an_acquisition_that_is_named_is_listed_once() -> None:
    made = add_positions(BARE, [("A", "1", "0", None, None, 2), ("A", "1", "1", None, None, 2)])
    assert (listed(made), acquisitions(made)) == ([2], {"A/1/0": 2, "A/1/1": 2})
    assert add_position(PLATE, "A/2/0", CELLS).acquisitions is PLATE.acquisitions


@pytest.mark.parametrize(("ids", "first"), [(None, 0), ((), 0), ((0,), 0), ((5,), 5)])
def test_with_a_second_acquisition_every_field_says_its_own(ids: tuple[int, ...] | None, first: int) -> None:
    wells = (Well(path="A/1", fields=(Field(path="0", image=CELLS),)), PLATE.wells[1])
    given_ids = None if ids is None else tuple(Acquisition(id=number) for number in ids)
    made = add_position(evolve(PLATE, wells=wells, acquisitions=given_ids), "A/1/1", CELLS, acq_index=1)
    assert listed(made) == [first, 1]
    assert acquisitions(made) == {"A/1/0": first, "A/1/1": 1, "B/2/0": 0}
    assert made.wells[1] is PLATE.wells[1]


def test_a_second_acquisition_is_refused_where_wells_were_not_read() -> None:
    with pytest.raises(NotThereError, match=r"^A/3: it was left out"):
        add_position(SELECTED, "A/1/9", CELLS, acq_index=1)
    two = evolve(SELECTED, acquisitions=(Acquisition(id=0), Acquisition(id=1)))
    assert listed(add_position(two, "A/1/9", CELLS, acq_index=2)) == [0, 1, 2]


@pytest.mark.parametrize("number", [-1, 1.0, "1", None, True])
def test_what_is_no_id_of_an_acquisition_is_refused(number: Any) -> None:
    with pytest.raises((InvalidValueError, WrongTypeError), match=r"^A/2/0: acq_index"):
        add_position(PLATE, "A/2/0", CELLS, acq_index=number)


# -- many positions at once --------------------------------------------------------------------------------------------


@given(
    plate=plates(),
    specs=st.lists(
        st.tuples(st.sampled_from(PATHS), st.booleans(), st.integers(0, 2)), max_size=6, unique_by=lambda spec: spec[0]
    ),
)
def test_many_positions_at_once_are_what_they_are_one_by_one(plate: Plate, specs: list[tuple[str, bool, int]]) -> None:
    def one(made: Plate, spec: tuple[str, bool, int]) -> Plate:
        indices: Any = {"row_index": "ABC".index(spec[0][0]), "col_index": int(spec[0][2]) - 1} if spec[1] else {}
        return add_position(made, spec[0], acq_index=spec[2], **indices)

    def as_tuple(path: str, has_indices: bool, number: int) -> tuple[Any, ...]:
        row, column, name = path.split("/")
        return (row, column, name, *(("ABC".index(row), int(column) - 1) if has_indices else (None, None)), number)

    try:
        expected = reduce(one, specs, plate)
    except NgffError:
        with pytest.raises(NgffError):
            add_positions(plate, [as_tuple(*spec) for spec in specs])
    else:
        assert add_positions(plate, [as_tuple(*spec) for spec in specs]) == expected


def test_a_mapping_gives_images_by_path() -> None:
    made = add_positions(PLATE, {"A/2/0": OTHER, "A/1/7": None})
    assert images(made)["A/2/0"] is OTHER
    assert list(images(made)) == ["A/1/0", "A/1/1", "A/1/7", "B/2/0", "A/2/0"]


def test_tuples_of_three_to_six_say_indices_and_acquisition() -> None:
    specs = [("B", "3", "0", 1, 2), ("B", "3", "1", 1, 2, 1), ("A", "1", "0"), ("C", "1", "0", 2)]
    made = add_positions(BARE, specs)  # type: ignore[arg-type]
    assert (row_names(made), column_names(made)) == (["A", "B", "C"], ["1", "2", "3"])
    assert acquisitions(made) == {"B/3/0": 0, "B/3/1": 1, "A/1/0": 0, "C/1/0": 0}


def test_empty_images_have_the_axes_of_the_first_that_is_given_and_are_one_object() -> None:
    made = list(images(add_positions(BARE, {"A/1/0": None, "A/1/1": SQUARE, "A/1/2": None})).values())
    assert made[0] is made[2]
    assert isinstance(made[0], Image)
    assert made[0].axes == SQUARE.axes


def test_no_positions_leave_the_plate_as_it_is() -> None:
    assert add_positions(PLATE, {}) is PLATE
    assert add_positions(PLATE, []) is PLATE


def test_all_that_is_wrong_in_all_positions_is_said_at_once() -> None:
    wrong: Any = [
        ("A", "1", "0"), ("A", "3", "0"), ("A", "3", "1"), ("B_", "1", "0"), ("B", "2", "7", 0, 5, -1), ("A", "1"), 7,
        (1, "1", "0"), ("A", "2", "0"), ("A", "2", "0"),
    ]  # fmt: skip
    with pytest.raises(NgffError) as caught:
        add_positions(SELECTED, wrong)
    assert [problem.location for problem in caught.value.problems] == [
        "positions[5]", "positions[6]", "A/1/0", "A/3", "B_/1/0", "B/2/7", "B/2/7", "B/2/7", "positions[7]", "A/2/0",
    ]  # fmt: skip


@pytest.mark.parametrize("positions", [3, None, "A/1/0", b"A", {3: CELLS}, {"A/2/0": 7}, {"A/2/0": Unread(path="")}])
def test_what_is_no_positions_is_refused(positions: Any) -> None:
    with pytest.raises(WrongTypeError):
        add_positions(PLATE, positions)


def steps(function: Callable[[], Any]) -> int:
    """How many lines of Python a call goes through; unlike its time, the same on every machine."""
    count, before = 0, sys.gettrace()

    def trace(*_: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def test_the_work_for_a_position_does_not_grow_with_their_number() -> None:
    def work(fields: int) -> int:
        specs = [(row, str(column), str(name)) for row in "ABCDEFGH" for column in range(12) for name in range(fields)]
        return steps(lambda: add_positions(empty_plate(8, 0, axes="yx"), specs))

    def one_by_one(number: int) -> int:
        return steps(lambda: reduce(add_position, [f"A/{column}/0" for column in range(number)], BARE))

    assert work(12) < 4 * work(3)
    assert one_by_one(48) > 4 * one_by_one(12)  # what is asked would be seen


# -- plates from positions ---------------------------------------------------------------------------------------------


@given(order=st.permutations(["AA/1/0", "B/12/10", "B/12/9", "B/2/0", "a/02/0"]))
def test_a_plate_from_positions_is_in_natural_order_however_they_come(order: list[str]) -> None:
    pictures = {path: evolve(CELLS, name=path) for path in order}
    plate = plate_from_positions(pictures, "screen")
    assert (row_names(plate), column_names(plate), plate.name) == (["B", "a", "AA"], ["1", "02", "2", "12"], "screen")
    assert list(images(plate)) == ["B/2/0", "B/12/9", "B/12/10", "a/02/0", "AA/1/0"]
    assert all(images(plate)[path] is image for path, image in pictures.items())
    assert (plate.acquisitions, plate.axes, plate.field_count) == (None, None, None)


@given(st.lists(st.from_regex(r"\A[A-Za-z0-9]{1,3}\Z"), max_size=8))
def test_natural_order_is_one_order_of_each_name_once(names: list[str]) -> None:
    ordered = line_order(names)
    assert sorted(ordered) == sorted(set(names))
    assert line_order(reversed(ordered)) == ordered
    assert [name for name in ordered if name.isdigit()] == sorted(
        filter(str.isdigit, set(names)), key=lambda n: (int(n), n)
    )


def test_a_plate_from_no_positions_is_empty() -> None:
    assert plate_from_positions({}) == Plate()


@pytest.mark.parametrize(
    ("positions", "locations"),
    [
        ({"A/1/0": None, "A": CELLS}, ["positions", "A/1/0"]),
        ({"A/1/0": 3, "A_/1/0": CELLS}, ["A/1/0", "A_/1/0"]),
        ([("A", "1", "0")], ["positions"]),
        ({3: CELLS}, ["positions"]),
    ],
)
def test_a_plate_needs_paths_and_images(positions: Any, locations: list[str]) -> None:
    with pytest.raises(NgffError) as caught:
        plate_from_positions(positions)
    assert [problem.location for problem in caught.value.problems] == locations


# -- moving positions --------------------------------------------------------------------------------------------------


def test_a_position_moves_with_its_image_and_its_acquisition() -> None:
    field = Field(path="1", image=OTHER, acquisition=4, extra=FrozenMap({"note": 1}))
    plate = evolve(PLATE, wells=(Well(path="A/1", fields=(Field(path="0", image=CELLS), field)), PLATE.wells[1]))
    made = move_position(plate, "A/1/1", "B/2/3")
    assert isinstance(made.wells[1], Well)
    assert made.wells[1].fields[1] == evolve(field, path="3")
    assert list(images(made)) == ["A/1/0", "B/2/0", "B/2/3"]
    assert made.acquisitions is plate.acquisitions


def test_a_position_keeps_its_place_within_its_well() -> None:
    assert list(images(move_position(PLATE, "A/1/0", "A/1/7"))) == ["A/1/7", "A/1/1", "B/2/0"]


def test_a_move_makes_the_well_it_goes_to_and_removes_the_one_it_empties() -> None:
    made = move_position(PLATE, "B/2/0", "C/4/0")
    assert [well.path for well in made.wells] == ["A/1", "C/4"]
    assert made.wells[0] is PLATE.wells[0]
    assert (row_names(made), column_names(made)) == (["A", "B", "C"], ["1", "2", "3", "4"])


@given(plate=plates(), new=st.sampled_from(PATHS), data=st.data())
def test_moving_a_position_there_and_back_moves_no_other(plate: Plate, new: str, data: st.DataObject) -> None:
    """The images are where they were; within a well, and from the end of one that keeps others, it is identity."""
    there = images(plate)
    assume(there)
    old = data.draw(st.sampled_from(list(there)))
    assume(old == new or new not in there)
    assume(not isinstance(well_at(plate, new.rpartition("/")[0]), Unread))
    back = move_position(move_position(plate, old, new), new, old)
    assert images(back) == there
    assert acquisitions(back) == acquisitions(plate)
    well = well_at(plate, old.rpartition("/")[0])
    assert isinstance(well, Well)
    is_last = len(well.fields) > 1 and well.fields[-1].path == old.rpartition("/")[2]
    if is_last or new.startswith(f"{well.path}/"):
        assert back == plate


@pytest.mark.parametrize(
    ("old", "new", "error", "locations"),
    [
        ("A/1/0", "A/1/1", InvalidValueError, ["A/1/1"]),
        ("A/1/0", "B/2/0", InvalidValueError, ["B/2/0"]),
        ("A/1/0", "A/3/0", NotThereError, ["A/3"]),
        ("A/1/9", "A/1", NotThereError, ["A/1/9", "new"]),
        ("A/1/0", "A_/x y/0", InvalidValueError, ["A_/x y/0", "A_/x y/0"]),
        (3, 4, WrongTypeError, ["old", "new"]),
    ],
)
def test_a_move_that_cannot_be_is_refused(old: Any, new: Any, error: type[NgffError], locations: list[str]) -> None:
    with pytest.raises(error) as caught:
        move_position(SELECTED, old, new)
    assert [problem.location for problem in caught.value.problems] == locations


def test_an_image_that_was_not_read_is_not_moved() -> None:
    plate = evolve(PLATE, wells=(Well(path="A/1", fields=(Field(path="0", image=Unread(path="0")),)),))
    with pytest.raises(NotThereError, match=r"^A/1/0: it was left out"):
        move_position(plate, "A/1/0", "A/1/1")


# -- what is common ----------------------------------------------------------------------------------------------------


def test_the_field_count_is_the_largest_of_a_well() -> None:
    assert set_field_count(add_position(PLATE, "A/1/2", CELLS)).field_count == 3
    assert set_field_count(PLATE) is PLATE


def test_a_plate_without_fields_has_no_field_count() -> None:
    assert set_field_count(evolve(empty_plate(1, 1), field_count=7)).field_count is None


def test_fields_that_were_not_read_are_not_counted() -> None:
    with pytest.raises(NotThereError, match=r"^A/3: it was left out"):
        set_field_count(SELECTED)


EDITS: Mapping[str, Callable[[Plate], Plate]] = {
    "add_well": lambda plate: add_well(plate, "B", "3"),
    "add_position": lambda plate: add_position(plate, "B/3/0", CELLS),
    "add_positions": lambda plate: add_positions(plate, [("B", "3", "0")]),
    "remove_well": lambda plate: remove_well(plate, "A/1"),
    "remove_position": lambda plate: remove_position(plate, "A/1/0"),
    "move_position": lambda plate: move_position(plate, "A/1/0", "B/3/0"),
    "rename_well": lambda plate: rename_well(plate, "A/1", "B/3"),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_is_not_edited_stays_the_same_object(name: str) -> None:
    plate = evolve(SELECTED, extra=FrozenMap({"plate": FrozenMap({"note": 1})}))
    made = EDITS[name](plate)
    assert [well for well in made.wells if well.path in ("B/2", "A/3")] == [*plate.wells[1:]]
    assert all(well_at(made, path) is well_at(plate, path) for path in ("B/2", "A/3"))
    assert all(getattr(made, part) is getattr(plate, part) for part in ("rows", "columns", "acquisitions", "extra"))
    hash(made)


@pytest.mark.parametrize("name", EDITS)
def test_only_a_plate_is_edited(name: str) -> None:
    for other in (CELLS, PLATE.wells[0], None):
        with pytest.raises(WrongTypeError, match=r"^plate: "):
            EDITS[name](other)  # type: ignore[arg-type]


def test_an_index_that_no_list_has_is_an_index_error() -> None:
    with pytest.raises(OutOfRangeError):
        add_position(PLATE, "C/1/0", CELLS, row_index=-2)
