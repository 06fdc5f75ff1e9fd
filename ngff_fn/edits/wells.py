"""The wells of a plate while positions are added to them: each position costs the same, however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attrs import evolve

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.edits.arrays import integer
from ngff_fn.edits.lines import Growing, Refusal, name_refusals, refuse_all
from ngff_fn.edits.plates import split_path, unread_refusal
from ngff_fn.errors import InvalidValueError, Problem, WrongTypeError, a_type
from ngff_fn.records.axes import DEFAULT_AXES, channel_axis
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Unread
from ngff_fn.records.plate import Acquisition, Field, Plate, Well
from ngff_fn.records.subject import items_of

_EXAMPLE = "{'A/1/0': image}, or tuples such as ('A', '1', '0')"


class Entry(NamedTuple):
    """A position that shall be added, as it was given."""

    names: Sequence[Any]  # of the row, the column and the position
    location: str
    image: Any = None
    row_index: Any = None
    col_index: Any = None
    acq_index: Any = 0


def entries_from(positions: Any) -> tuple[list[Entry], list[Refusal]]:
    """What a mapping of paths to images says, or tuples of 3 to 6; and what is wrong with its form.

    >>> entries_from([("A", "1", "0", 0)])[0]
    [Entry(names=('A', '1', '0'), location='A/1/0', image=None, row_index=0, col_index=None, acq_index=0)]
    """
    entries: list[Entry] = []
    refusals: list[Refusal] = []
    if isinstance(positions, Mapping):
        for path, image in positions.items():
            parts, wrong = split_path(path, 3, "positions")
            refusals += wrong
            if not wrong:
                entries.append(Entry(parts, "/".join(parts), image))
        return entries, refusals
    listed = None if isinstance(positions, str | bytes) else items_of(positions)
    if listed is None:
        message = f"{a_type(positions)} is neither a mapping nor a list of tuples. Give {_EXAMPLE}."
        return entries, [(WrongTypeError, Problem("positions", message))]
    for index, given in enumerate(listed):
        if not is_sequence(given) or not 3 <= len(given) <= 6:
            message = f"{given!r} is not (row, column, position), and up to row_index, col_index, acq_index. Give that."
            error = InvalidValueError if is_sequence(given) else WrongTypeError
            refusals.append((error, Problem(f"positions[{index}]", message)))
            continue
        names, more = given[:3], given[3:]
        are_texts = all(isinstance(name, str) for name in names)
        entries.append(Entry(names, "/".join(names) if are_texts else f"positions[{index}]", None, *more))
    return entries, refusals


def with_positions(plate: Plate, entries: Sequence[Entry], refusals: Sequence[Refusal] = ()) -> Plate:
    """The plate with all of these positions; or all that is wrong with them, and was found before, as one error."""
    first = next((entry.image for entry in entries if isinstance(entry.image, Image)), None)
    draft = Draft(plate, first)
    refuse_all([*refusals, *(refusal for entry in entries for refusal in draft.add(entry))])
    return draft.made() if entries else plate


def image_refusal(location: str, image: object) -> Refusal:
    """What is wrong with something that is no image."""
    return WrongTypeError, Problem(location, f"{a_type(image)} is no image. Give one, as image_from makes it.")


class Draft:
    """A plate in the making.

    Parameters
    ----------
    plate
        That positions are added to.
    first
        The first image that is given, whose axes and channel names empty ones have if the plate knows none.
    """

    def __init__(self, plate: Plate, first: Image | None = None) -> None:
        self._plate, self._first = plate, first
        self._rows, self._columns = Growing(plate.rows, "row"), Growing(plate.columns, "column")
        self._wells = {well.path: well for well in plate.wells}
        self._added: dict[str, list[Field]] = {}
        self._taken: dict[str, set[str]] = {}
        self._acquisitions = _Acquisitions(plate)
        self._empty: Image | None = None

    def add(self, entry: Entry) -> list[Refusal]:
        """What is in the way of a position; where nothing is, it is there now."""
        refusals: list[Refusal] = []
        image: Any = self._empty_image() if entry.image is None else entry.image
        if image is None:
            message = "the plate does not say its axes, and its images were not read."
            cure = "Give an image, or open the plate without select."
            refusals.append((InvalidValueError, Problem(entry.location, f"{message} {cure}")))
        elif not isinstance(image, Image):
            refusals.append(image_refusal(entry.location, image))
        acquisition: int | None = None
        wanted = integer(entry.acq_index)
        if wanted is None or wanted < 0:
            message = f"acq_index {entry.acq_index!r} is not the id of an acquisition. Give an integer from 0."
            error = WrongTypeError if wanted is None else InvalidValueError
            refusals.append((error, Problem(entry.location, message, rule="plate.acquisitions.id")))
        else:
            acquisition, wrong = self._acquisitions.named(wanted)
            refusals += wrong
        return refusals + self.put(entry, Field(path=entry.names[2], image=image, acquisition=acquisition))

    def put(self, entry: Entry, given: Field) -> list[Refusal]:
        """What is in the way of a field where the entry says; where nothing is, it is there now, under that name."""
        row, column, name = entry.names
        location = entry.location
        refusals = name_refusals(name, "position", location, "well.images.path.alnum")
        path = f"{row}/{column}"
        well = self._wells.get(path) if isinstance(row, str) and isinstance(column, str) else None
        if isinstance(well, Unread):
            return [*refusals, unread_refusal(path, "well")]
        if well is None or entry.row_index is not None or entry.col_index is not None:
            refusals += self._rows.place(row, entry.row_index, location)
            refusals += self._columns.place(column, entry.col_index, location)
        if refusals:
            return refusals
        if well is None:
            well = self._wells[path] = Well(path=path)
        if path not in self._added:
            self._added[path], self._taken[path] = [], {each.path for each in well.fields}
        if name in self._taken[path]:
            message = "the well has this position already. Give another path, or remove it first with remove_position."
            if any(each.path == name for each in self._added[path]):
                message = "this position is given twice. Leave one out."
            return [(InvalidValueError, Problem(location, message, rule="well.images.path.unique"))]
        self._taken[path].add(name)
        self._added[path].append(given if given.path == name else evolve(given, path=name))
        return []

    def made(self) -> Plate:
        """The plate with all that was added."""
        wells = dict(self._wells)
        for path, fields in self._added.items():
            well = wells[path]
            if isinstance(well, Well):
                wells[path] = evolve(well, fields=(*well.fields, *fields))
        implied = self._acquisitions.implied
        return evolve(
            self._plate,
            rows=self._rows.lines(),
            columns=self._columns.lines(),
            wells=tuple(well if implied is None else _saying(well, implied) for well in wells.values()),
            acquisitions=self._acquisitions.made(),
        )

    def _empty_image(self) -> Image | None:
        """One without levels, the same for all; None where it would be like images that were not read."""
        if self._empty is None:
            images = [] if self._plate.axes else _images(self._plate)
            example = next((image for image in images if isinstance(image, Image)), None)
            if images and not example:
                return None
            self._empty = _like(self._plate, example or self._first)
        return self._empty


def _images(plate: Plate) -> list[Image | Unread]:
    """What stands for the images of a plate; for those of a well that was left out, the well."""
    wells = ([well] if isinstance(well, Unread) else [each.image for each in well.fields] for well in plate.wells)
    return [image for well in wells for image in well]


def _like(plate: Plate, example: Image | None) -> Image:
    """An image without levels, as the plate says, else as the example is."""
    names = plate.channel_names
    if plate.axes is None and names is None and example and example.channels is not None:
        names = tuple(channel.label for channel in example.channels)
    image = Image(axes=plate.axes or (example.axes if example else DEFAULT_AXES))
    if names is None or channel_axis(image) is None:
        return image
    return evolve(image, channels=tuple(Channel(label=name) for name in names))


class _Acquisitions:
    """Those of a plate while fields are added; ``implied`` is what fields that said none must say then."""

    def __init__(self, plate: Plate) -> None:
        self._plate = plate
        self._ids = [acquisition.id for acquisition in plate.acquisitions or ()]
        self._known = set(self._ids)
        self._silent = False  # whether one of the fields that were added says none
        self.implied: int | None = None

    def named(self, wanted: int) -> tuple[int | None, list[Refusal]]:
        """What a field says that is of an acquisition, which is listed from now on; and what is in the way of it."""
        if wanted in self._known or not (self._ids or wanted):
            self._silent = self._silent or not self._ids
            return (wanted if self._ids else None), []
        refusals: list[Refusal] = []
        if len(self._ids) < 2:  # "If multiple acquisitions were performed in the plate, it MUST contain an integer"
            refusals = [unread_refusal(well.path, "well") for well in self._plate.wells if isinstance(well, Unread)]
            if self._silent or any(_is_silent(well) for well in self._plate.wells):
                self.implied = self._ids[0] if self._ids else 0
        for number in (wanted,) if self._ids or self.implied is None else (self.implied, wanted):
            self._ids.append(number)
            self._known.add(number)
        return wanted, refusals

    def made(self) -> tuple[Acquisition, ...] | None:
        """All of them; the same object where none was added."""
        listed = self._plate.acquisitions
        added = self._ids[len(listed or ()) :]
        return (*(listed or ()), *(Acquisition(id=number) for number in added)) if added else listed


def _is_silent(well: Well | Unread) -> bool:
    return isinstance(well, Well) and any(each.acquisition is None for each in well.fields)


def _saying(well: Well | Unread, acquisition: int) -> Well | Unread:
    """The well each of whose fields says an acquisition; the same object where all did."""
    if isinstance(well, Unread) or not _is_silent(well):
        return well
    fields = (evolve(each, acquisition=acquisition) if each.acquisition is None else each for each in well.fields)
    return evolve(well, fields=tuple(fields))
