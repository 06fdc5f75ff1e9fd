"""Positions of a plate, ``row/column/position``: added one by one or thousands at once, removed and moved.

A well without fields cannot be written, so the last position of a well takes the well with it. A plate that lists no
acquisitions means that all of its fields are of one, which no document says; number 0 is that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from attrs import evolve

from ngff_fn.edits.lines import Refusal, line_order, refuse_all
from ngff_fn.edits.plates import name_of_plate_refusals, split_path, unread_refusal
from ngff_fn.edits.wells import Draft, Entry, entries_from, image_refusal, with_positions
from ngff_fn.errors import NotThereError, Problem, WrongTypeError, a_type
from ngff_fn.records.image import Image, Unread
from ngff_fn.records.nodes import shown
from ngff_fn.records.plate import Field, Line, Plate, Well
from ngff_fn.records.subject import of_record


class _Found(NamedTuple):
    """Where a position of a plate is: the indices of its well and its field, and these."""

    place: int
    well: Well
    number: int
    field: Field


@of_record
def add_position(
    plate: Plate,
    path: str,
    image: Image | None = None,
    *,
    row_index: int | None = None,
    col_index: int | None = None,
    acq_index: int = 0,
) -> Plate:
    """The plate with one more position, the last of its well; a well that is not there is made, as by ``add_well``.

    Parameters
    ----------
    plate
        The plate.
    path
        Row, column and position, each of letters and digits, as in ``A/1/0``.
    image
        What is there. None: an empty image with the plate's axes and channel names; where the plate says none, those of
        its first image, and in a plate without images T, C, Z, Y, X and no names.
    row_index, col_index
        As in ``add_well``.
    acq_index
        The ``id`` of the acquisition that it belongs to; one that the plate does not list is added to its list. 0 in a
        plate that lists none: nothing is said, neither by the field nor by the plate. With a second acquisition every
        field must say its own: those that said none get the ``id`` of the first, or 0 where none was listed.

    Raises
    ------
    InvalidValueError
        (a ValueError) for a position that is there, other characters in names, indices that ``add_well`` refuses, and
        no ``image`` where the plate does not say its axes and none of its images was read.
    NotThereError
        (a KeyError) where the well was not read; with a second acquisition, where any well was not.
    OutOfRangeError, WrongTypeError
        (an IndexError, a TypeError) for what can be no index, no path and no image.

    Source: OME-NGFF 0.4 and 0.5, "well" metadata: "If multiple acquisitions were performed in the plate, it MUST
    contain an integer value identifying the acquisition".

    >>> from ngff_fn.edits.plates import empty_plate
    >>> from ngff_fn.records.examples import CELLS
    >>> plate = add_position(empty_plate(8, 12), "B/3/0", CELLS)
    >>> [(well.path, [field.path for field in well.fields]) for well in plate.wells]
    [('B/3', ['0'])]
    """
    names, refusals = split_path(path, 3, "path")
    refuse_all(refusals)
    return with_positions(plate, [Entry(names, "/".join(names), image, row_index, col_index, acq_index)])


@of_record
def add_positions(
    plate: Plate, positions: Mapping[str, Image | None] | Iterable[tuple[str, str, str, *tuple[int | None, ...]]]
) -> Plate:
    """The plate with more positions, as if they were added one after the other, in one go.

    Parameters
    ----------
    plate
        The plate.
    positions
        Images by path, as in ``{"A/1/0": image, "A/2/0": None}``; or (row, column, position), each with up to three
        more: row_index, col_index, acq_index. What they mean is said in ``add_position``; an empty image has the axes
        of the first that is given, where the plate says none and has no image.

    Raises
    ------
    InvalidValueError, OutOfRangeError, WrongTypeError
        (a ValueError, an IndexError, a TypeError) with all that is wrong in all of them, as in ``add_position``.

    >>> from ngff_fn.edits.plates import empty_plate
    >>> plate = add_positions(empty_plate(0, 0), [("A", "1", "0"), ("B", "3", "0", 1, 2), ("B", "3", "1", 1, 2, 1)])
    >>> [column.name for column in plate.columns], [[each.acquisition for each in well.fields] for well in plate.wells]
    (['1', '2', '3'], [[0], [0, 1]])
    """
    return with_positions(plate, *entries_from(positions))


def plate_from_positions(positions: Mapping[str, Image], name: str | None = None) -> Plate:
    """A plate with these positions; rows, columns, wells and fields in natural order, however the mapping is ordered.

    Parameters
    ----------
    positions
        Images by path, as in ``{"A/1/0": image}``: of other stores, or new ones. A plate that has wells in three rows
        has three rows; for those of the physical plate begin with ``empty_plate``, and ``add_positions``.
    name
        Of the plate.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) with all that is wrong: what is no path, names that are not letters and digits, what
        is no image.

    >>> from ngff_fn.records.examples import CELLS
    >>> plate = plate_from_positions({"AA/1/0": CELLS, "B/12/0": CELLS, "B/2/0": CELLS})
    >>> [row.name for row in plate.rows], [well.path for well in plate.wells]
    (['B', 'AA'], ['B/2', 'B/12', 'AA/1'])
    """
    problems = name_of_plate_refusals(name)
    if not isinstance(positions, Mapping):
        message = f"{a_type(positions)} is no mapping. Give images by path, as in {{'A/1/0': image}}."
        problems.append((WrongTypeError, Problem("positions", message)))
        refuse_all(problems)
    entries, refusals = entries_from(positions)
    missing = [image_refusal(entry.location, None) for entry in entries if entry.image is None]
    names = [line_order(entry.names[place] for entry in entries) for place in range(3)]
    rank = [{name: index for index, name in enumerate(ordered)} for ordered in names]
    entries.sort(key=lambda entry: [rank[place][name] for place, name in enumerate(entry.names)])
    rows, columns = (tuple(Line(name=line) for line in ordered) for ordered in names[:2])
    return with_positions(Plate(rows=rows, columns=columns, name=name), entries, problems + refusals + missing)


@of_record
def remove_position(plate: Plate, path: str) -> Plate:
    """The plate without one position, and without its well if that has no other; rows, columns, acquisitions stay.

    It undoes ``add_position``: the result is the plate as it was, but for rows, columns and acquisitions that were
    added with the position; and but for a well without any field, which does not come back.

    Parameters
    ----------
    plate
        The plate.
    path
        As in ``A/1/0``. Also of an image that is listed and not there.

    Raises
    ------
    NotThereError
        (a KeyError) where the plate has no such well, or that no such position; where the well was not read.
    WrongTypeError
        (a TypeError) for what is no path.

    >>> from ngff_fn.edits.plates import empty_plate
    >>> remove_position(add_position(empty_plate(8, 12), "B/3/0"), "B/3/0") == empty_plate(8, 12)
    True
    """
    found = _find(plate, path, "path")
    if not isinstance(found, _Found):
        raise found[0](found[1])
    return _without(plate, found)


@of_record
def move_position(plate: Plate, old: str, new: str) -> Plate:
    """The plate with one position at another path, with its image and its acquisition.

    Within its well it keeps its place in the order. In another well it comes last; one that is not there is made, as by
    ``add_well``, and the well that it leaves goes if it has no other position.

    Parameters
    ----------
    plate
        The plate.
    old, new
        As in ``A/1/0``.

    Raises
    ------
    NotThereError
        (a KeyError) where there is no position ``old``; where its image, or one of both wells, was not read.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) where a position is at ``new``; for names that are not letters and digits.

    >>> from ngff_fn.edits.plates import empty_plate
    >>> plate = move_position(add_position(empty_plate(2, 3), "A/1/0"), "A/1/0", "B/3/7")
    >>> [(well.path, well.fields[0].path) for well in plate.wells]
    [('B/3', '7')]
    """
    found = _find(plate, old, "old")
    names, refusals = split_path(new, 3, "new")
    if not isinstance(found, _Found):
        refuse_all([found, *refusals])
        raise found[0](found[1])
    path, is_unread = "/".join(names), isinstance(found.field.image, Unread)
    if is_unread:
        refusals.insert(0, unread_refusal(old.strip("/"), "position"))
    if path == f"{found.well.path}/{found.field.path}" and not is_unread:
        return plate
    draft = Draft(plate)
    refuse_all(refusals + (draft.put(Entry(names, path), found.field) if names else []))
    if path.rpartition("/")[0] != found.well.path:
        return _without(draft.made(), found)
    fields = list(found.well.fields)
    fields[found.number] = evolve(found.field, path=names[2])
    return _with_well(plate, found.place, evolve(found.well, fields=tuple(fields)))


def _find(plate: Plate, path: object, location: str) -> _Found | Refusal:
    """The position at a path; or what is wrong with that."""
    if not isinstance(path, str):
        return WrongTypeError, Problem(location, f"{path!r} is no path. Give one, such as 'A/1/0'.")
    wanted = path.strip("/")
    for place, well in enumerate(plate.wells):
        if not wanted.startswith(f"{well.path}/"):
            continue
        if isinstance(well, Unread):
            return unread_refusal(well.path, "well")
        for index, each in enumerate(well.fields):
            if f"{well.path}/{each.path}" == wanted:
                return _Found(place, well, index, each)
        there = shown(each.path for each in well.fields)
        return NotThereError, Problem(wanted, f"the well {well.path} has no such position; it has: {there}.")
    there = shown(well.path for well in plate.wells)
    return NotThereError, Problem(wanted or location, f"the plate has no such well; it has: {there}.")


def _with_well(plate: Plate, place: int, *wells: Well) -> Plate:
    """The plate with other wells, or none, where one is."""
    return evolve(plate, wells=(*plate.wells[:place], *wells, *plate.wells[place + 1 :]))


def _without(plate: Plate, found: _Found) -> Plate:
    fields = (*found.well.fields[: found.number], *found.well.fields[found.number + 1 :])
    return _with_well(plate, found.place, *([evolve(found.well, fields=fields)] if fields else []))
