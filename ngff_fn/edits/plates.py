"""Plates and their wells: made, added, removed and renamed; rows and columns are kept in step with them.

Rows and columns are those of the physical plate: they stay when their last well goes. The order of the wells stays, a
new one comes last. What was left out when the plate was opened (``Unread``) is carried along as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.edits.lines import Growing, Refusal, lines_from, refuse_all
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, Problem, WrongTypeError
from ngff_fn.records.axes import Axis, axes_from, channel_axis
from ngff_fn.records.image import Image, Unread
from ngff_fn.records.nodes import not_read, shown
from ngff_fn.records.plate import Plate, Well
from ngff_fn.records.subject import of_record


def empty_plate(
    rows: int | Sequence[str],
    columns: int | Sequence[str],
    *,
    axes: str | Iterable[str | Axis] | None = None,
    channel_names: Sequence[str] | None = None,
    name: str | None = None,
) -> Plate:
    """A plate without wells.

    Parameters
    ----------
    rows, columns
        Their names, in the order of the physical plate; or how many: rows are then called A, B … Z, AA, columns 1, 2 …
        With 0 they come with the wells.
    axes, channel_names
        Of the images that ``add_position`` makes; axes as in ``image_from``. None: those of the plate's first image,
        without one T, C, Z, Y, X and no names.
    name
        Of the plate.

    Raises
    ------
    InvalidValueError, OutOfRangeError, WrongTypeError
        (a ValueError, an IndexError, a TypeError) with all that is wrong: names that are not letters and digits or come
        twice, axes in no valid order, channel names without a channel axis.

    Source: OME-NGFF 0.4 and 0.5, "plate" metadata.

    >>> plate = empty_plate(2, ["1", "2", "3"], axes="cyx", channel_names=["DAPI"])
    >>> [row.name for row in plate.rows], [column.name for column in plate.columns], plate.wells
    (['A', 'B'], ['1', '2', '3'], ())
    """
    row_lines, refusals = lines_from(rows, "row")
    column_lines, others = lines_from(columns, "column")
    refusals += others
    made: tuple[Axis, ...] | None = None
    try:
        made = None if axes is None else axes_from(axes)
    except NgffError as error:
        refusals += [(type(error), problem) for problem in error.problems]
    refusals += _channel_refusals(channel_names, made) + name_of_plate_refusals(name)
    refuse_all(refusals)
    names = None if channel_names is None else tuple(channel_names)
    return Plate(rows=row_lines, columns=column_lines, axes=made, channel_names=names, name=name)


def _channel_refusals(names: Any, axes: tuple[Axis, ...] | None) -> list[Refusal]:
    if names is None:
        return []
    if not is_sequence(names) or not all(isinstance(name, str) for name in names):
        message = f"{names!r} is no list of names. Give one, such as ['DAPI', 'GFP']."
        return [(WrongTypeError, Problem("channel_names", message))]
    faults = [
        f"the name {name!r} is there twice. Leave one out."
        for name in sorted(set(names))
        if list(names).count(name) > 1
    ]
    if "" in names:
        faults.append("a channel cannot have an empty name. Give another.")
    if names and axes is not None and channel_axis(Image(axes=axes)) is None:
        faults.append("the axes have no channels. Leave the names out, or add an axis c.")
    return [(InvalidValueError, Problem("channel_names", fault)) for fault in faults]


def name_of_plate_refusals(name: object) -> list[Refusal]:
    """What is wrong with the name of a plate, which is text or None."""
    if name is None or isinstance(name, str):
        return []
    return [(WrongTypeError, Problem("name", f"{name!r} is no text. Give the name of the plate as text, or None."))]


@of_record
def add_well(
    plate: Plate, row_name: str, col_name: str, row_index: int | None = None, col_index: int | None = None
) -> Plate:
    """The plate with one more well, which is the last of its list and has no fields yet.

    Parameters
    ----------
    plate
        The plate.
    row_name, col_name
        Letters and digits. A new name gets a row or a column of the plate.
    row_index, col_index
        Where the name is among the rows and columns, from 0. None: where it is already, else the next. Where rows or
        columns before a new one are missing, they are made: named on from the last one (C, D … after B, 4, 5 … after
        3); in a plate without any, spelled as the new one is, from A or 1 on (from 0, where that leads up to it).

    Raises
    ------
    InvalidValueError
        (a ValueError) for a well that is there, names that are not letters and digits, an index that is another one's
        or that nothing leads up to.
    OutOfRangeError, WrongTypeError
        (an IndexError, a TypeError) for what can be no index; for names that are no text.

    Source: OME-NGFF 0.4 and 0.5, "plate" metadata: ``rowIndex`` and ``columnIndex`` identify the index into the lists
    of rows and columns, whose names the path consists of.

    >>> plate = add_well(empty_plate(1, 2), "C", "2", row_index=2)
    >>> [row.name for row in plate.rows], [well.path for well in plate.wells]
    (['A', 'B', 'C'], ['C/2'])
    """
    path = f"{row_name}/{col_name}"
    rows, columns = Growing(plate.rows, "row"), Growing(plate.columns, "column")
    refusals = rows.place(row_name, row_index, path) + columns.place(col_name, col_index, path)
    refuse_all(refusals + taken_refusals(plate, path))
    return evolve(plate, rows=rows.lines(), columns=columns.lines(), wells=(*plate.wells, Well(path=path)))


@of_record
def remove_well(plate: Plate, path: str) -> Plate:
    """The plate without one well and all that is in it; its row and its column stay among those of the plate.

    Parameters
    ----------
    plate
        The plate.
    path
        Row and column, as in ``A/1``. Also of a well that is listed and not there.

    Raises
    ------
    NotThereError, WrongTypeError
        (a KeyError, a TypeError) where the plate has no such well; for what is no path.

    >>> plate = add_well(empty_plate(2, 3), "A", "1")
    >>> remove_well(plate, "A/1") == empty_plate(2, 3)
    True
    """
    place, refusals = find_well(plate, path, "path")
    refuse_all(refusals)
    return evolve(plate, wells=(*plate.wells[:place], *plate.wells[place + 1 :]))


@of_record
def rename_well(plate: Plate, old: str, new: str) -> Plate:
    """The plate with one well at another row and column; the other wells of its row stay, and so does its place.

    Parameters
    ----------
    plate
        The plate.
    old, new
        Row and column, as in ``A/1``. A new name gets the next index among rows or columns; those that no well is left
        in stay. So the way there and back is identity, where the rows and columns were known.

    Raises
    ------
    NotThereError
        (a KeyError) where the plate has no well ``old``, or it was not read.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) where a well is at ``new``; for names that are not letters and digits.

    >>> plate = add_well(add_well(empty_plate(2, 3), "A", "1"), "A", "2")
    >>> [well.path for well in rename_well(plate, "A/1", "B/3").wells]
    ['B/3', 'A/2']
    """
    place, refusals = find_well(plate, old, "old")
    if not refusals and isinstance(plate.wells[place], Unread):
        refusals.append(unread_refusal(old.strip("/"), "well"))
    rows, columns = Growing(plate.rows, "row"), Growing(plate.columns, "column")
    parts, wrong = split_path(new, 2, "new")
    path = "/".join(parts)
    if not wrong and not refusals and path == plate.wells[place].path:
        return plate
    if not wrong:
        row, column = parts
        wrong = rows.place(row, None, path) + columns.place(column, None, path) + taken_refusals(plate, path)
    refuse_all(refusals + wrong)
    wells = list(plate.wells)
    wells[place] = evolve(wells[place], path=path)
    return evolve(plate, rows=rows.lines(), columns=columns.lines(), wells=tuple(wells))


@of_record
def set_field_count(plate: Plate) -> Plate:
    """The plate whose ``field_count`` is the largest number of fields that a well of it has.

    Parameters
    ----------
    plate
        With all of its wells. Without any field of view it gets None: the specification wants a positive number.

    Raises
    ------
    NotThereError
        (a KeyError) where wells were not read.

    Source: OME-NGFF 0.4 and 0.5, "plate" metadata: ``field_count`` is "a positive integer defining the maximum number
    of fields per view across all wells".

    >>> from ngff_fn.edits.positions import add_positions
    >>> plate = add_positions(empty_plate(1, 2), {"A/1/0": None, "A/1/1": None, "A/2/0": None})
    >>> set_field_count(plate).field_count
    2
    """
    refuse_all([unread_refusal(well.path, "well") for well in plate.wells if isinstance(well, Unread)])
    count = max((len(well.fields) for well in plate.wells if isinstance(well, Well)), default=0) or None
    return plate if count == plate.field_count else evolve(plate, field_count=count)


# -- what is asked of every edit of a plate ----------------------------------------------------------------------------


def split_path(path: object, number: int, location: str) -> tuple[list[str], list[Refusal]]:
    """The names in a path of so many, and what is wrong with it.

    >>> split_path("A/1/0", 3, "path")
    (['A', '1', '0'], [])
    """
    example = "'A/1/0'" if number == 3 else "'A/1'"
    if not isinstance(path, str):
        return [], [(WrongTypeError, Problem(location, f"{path!r} is no path. Give one, such as {example}."))]
    names = path.strip("/").split("/")
    if len(names) == number:
        return names, []
    what = "row, column and position" if number == 3 else "row and column"
    return [], [(InvalidValueError, Problem(location, f"{path!r} is not {what}. Give them, as in {example}."))]


def find_well(plate: Plate, path: object, location: str) -> tuple[int, list[Refusal]]:
    """Which of the plate's wells is at a path; or what is wrong with that."""
    if not isinstance(path, str):
        return 0, [(WrongTypeError, Problem(location, f"{path!r} is no path. Give one, such as 'A/1'."))]
    wanted = path.strip("/")
    for place, well in enumerate(plate.wells):
        if well.path == wanted:
            return place, []
    there = shown(well.path for well in plate.wells)
    return 0, [(NotThereError, Problem(wanted or location, f"the plate has no such well; it has: {there}."))]


def taken_refusals(plate: Plate, path: str) -> list[Refusal]:
    """What is in the way of a new well."""
    if all(well.path != path for well in plate.wells):
        return []
    message = "the plate has this well already. Give another row or column, or remove it first with remove_well."
    return [(InvalidValueError, Problem(path, message, rule="plate.wells.unique"))]


def unread_refusal(path: str, what: str) -> Refusal:
    """What is in the way of an edit that needs what was not read."""
    problem = not_read(path)
    return NotThereError, evolve(problem, message=f"{problem.message} If nothing is there, remove_{what} takes it off.")
