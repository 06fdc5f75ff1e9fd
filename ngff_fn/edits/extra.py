"""Keys that this library does not know: set and removed where the record keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeAlias, TypeVar, cast

from attrs import evolve

from ngff_fn.errors import InvalidValueError, NotThereError, Problem, WrongTypeError, a_type
from ngff_fn.frozen_json import EMPTY, FrozenMap, Json, freeze
from ngff_fn.records.axes import Axis
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.image import Image, Labels, Level
from ngff_fn.records.plate import Acquisition, Collection, Field, Line, Plate, Well
from ngff_fn.records.subject import of_record

AnyRecord: TypeAlias = Image | Level | Axis | Channel | Window | Plate | Well | Field | Line | Acquisition | Collection
Record = TypeVar("Record", bound=AnyRecord)

# What each object of a document keeps in a field of its record, or is made from the records: not to be set beside them.
_DERIVED = frozenset(["multiscales", "omero", "labels", "plate", "well", "image-label", "bioformats2raw.layout"])
_GROUP = {"attributes": _DERIVED | {"ome", "ngff_fn"}, "ome": _DERIVED | {"version", "series"}}
_KNOWN: dict[type, dict[str, frozenset[str]]] = {
    Image: {
        **_GROUP,
        "multiscale": frozenset(
            ["version", "name", "type", "metadata", "axes", "datasets", "coordinateTransformations"]
        ),
        "omero": frozenset(["channels"]),
    },
    Level: {
        "attributes": frozenset(["ngff_fn"]),
        "dataset": frozenset(["path", "coordinateTransformations"]),
    },
    Axis: {"": frozenset(["name", "type", "unit"])},
    Channel: {"": frozenset(["label", "color", "window", "active", "coefficient", "family", "inverted"])},
    Window: {"": frozenset(["start", "end", "min", "max"])},
    Plate: {
        **_GROUP,
        "plate": frozenset(["version", "rows", "columns", "wells", "acquisitions", "name", "field_count"]),
    },
    Well: {
        **_GROUP,
        "well": frozenset(["version", "images"]),
        "entry": frozenset(["path", "rowIndex", "columnIndex", "at"]),
    },
    Field: {"": frozenset(["path", "acquisition"])},
    Line: {"": frozenset(["name"])},
    Acquisition: {"": frozenset(["id", "name", "description", "maximumfieldcount", "starttime", "endtime"])},
    Collection: _GROUP,
}


def set_extra(record: Record, key: str, value: Any, *, section: str | None = None) -> Record:
    """The record with a key of its document that this library does not know: set, or set anew.

    Parameters
    ----------
    record
        An Image, Level, Axis, Channel or Window; a Plate, Well, Field, Line, Acquisition or Collection.
    key
        Its name in the JSON object.
    value
        Anything that JSON can say.
    section
        Which JSON object, where a record stands for several. Of an image: ``attributes`` (the group's; the default),
        ``ome`` (0.5 only), ``multiscale``, ``omero``. Of a level: ``attributes`` (the array's; the default) and
        ``dataset``. Of what holds images: ``attributes`` (the default) and ``ome``; of a plate also ``plate``, of a
        well ``well`` and, in its plate, ``entry`` (of the plate's list).

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for a key that a field of the record says or the library derives, a section that is
        not there, a value that is not JSON.

    >>> from ngff_fn.records.examples import CELLS
    >>> set_extra(CELLS, "microscope", {"objective": "63x"}).extra
    FrozenMap({'attributes': FrozenMap({'microscope': FrozenMap({'objective': '63x'})})})
    """
    name = _section(record, section)
    if not isinstance(key, str):
        raise WrongTypeError(Problem("key", f"{key!r} is no text. The keys of JSON are."))
    if key in _KNOWN[type(record)][name]:
        where = f" in the section {name!r}" if name else ""
        message = f"{key!r}{where} is what the records say. Edit those, or take another key."
        raise InvalidValueError(Problem("key", message))
    members = _members(record, name)
    return _with_members(record, name, members.set(key, json_from(value)))


def remove_extra(record: Record, key: str, *, section: str | None = None) -> Record:
    """The record without a key that this library does not know.

    Parameters
    ----------
    record, key, section
        As for ``set_extra``.

    Raises
    ------
    NotThereError
        (a KeyError) where the key is not there.
    InvalidValueError
        (a ValueError) for a section that is not there.

    >>> from ngff_fn.records.examples import CELLS
    >>> remove_extra(set_extra(CELLS, "microscope", "M1"), "microscope") == CELLS
    True
    """
    name = _section(record, section)
    members = _members(record, name)
    if not isinstance(key, str) or key not in members:
        there = ", ".join(members) or "none"
        raise NotThereError(Problem(f"extra.{name}".rstrip("."), f"no key {key!r}; there is: {there}."))
    return _with_members(record, name, members.without(key))


def _section(record: AnyRecord, section: str | None) -> str:
    sections = _KNOWN.get(type(record))
    if sections is None:
        message = f"{a_type(record)} keeps no unknown keys. Give an Image, a Level, a Plate, a Well or another record."
        raise WrongTypeError(Problem("record", message))
    name = next(iter(sections)) if section is None else section
    if not isinstance(name, str) or name not in sections:
        there = ", ".join(filter(None, sections)) or "none"
        message = f"{type(record).__name__} has no section {name!r} that keys can be set in; it has: {there}."
        raise InvalidValueError(Problem("section", message))
    if isinstance(record, Image) and name == "omero" and record.channels is None and name not in record.extra:
        raise InvalidValueError(
            Problem("omero", "the image has none. Give its channels a name first, with rename_channel.")
        )
    if isinstance(record, Well) and name == "entry" and not record.path:
        message = "the well was opened by its own path, and the entry is its plate's. Open the plate; use update_at."
        raise InvalidValueError(Problem("section", message))
    return name


def _members(record: AnyRecord, section: str) -> FrozenMap:
    return cast("FrozenMap", record.extra.get(section, EMPTY)) if section else record.extra


def _with_members(record: Record, section: str, members: FrozenMap) -> Record:
    if not section:
        return evolve(record, extra=members)
    # A section that would be empty is absent, so that records which mean the same are equal.
    return evolve(record, extra=record.extra.set(section, members) if members else record.extra.without(section))


def json_from(value: Any, location: str = "value") -> Json:
    """A value as a document can have it; refused where JSON cannot say it.

    >>> json_from({"area": [1, 2.5]})
    FrozenMap({'area': (1, 2.5)})
    """
    if _depth(value) > _DEEPEST:
        message = f"objects and lists are more than {_DEEPEST} deep in one another, which few programs can read."
        raise InvalidValueError(Problem(location, f"{message} Make it flatter."))
    try:
        frozen = freeze(value)
    except TypeError as error:
        cure = "Give what JSON can say; of NumPy, what tolist() gives."
        raise WrongTypeError(Problem(location, f"{error}. {cure}")) from error
    if not _finite(frozen):
        raise InvalidValueError(Problem(location, "JSON has no NaN and no infinity. Write them as text."))
    return frozen


_DEEPEST = 90  # a document is read and written to a depth of 100, with all that is around the value


def _depth(value: Any) -> int:
    """How deep lists and objects are in one another, as far as it matters."""
    depth, inside = -1, [value]
    while inside and depth <= _DEEPEST:
        inside = [
            item
            for outer in inside
            if isinstance(outer, Mapping | list | tuple)
            for item in (outer.values() if isinstance(outer, Mapping) else outer)
        ]
        depth += 1
    return depth


def _finite(value: Json) -> bool:
    match value:
        case float():
            return isfinite(value)
        case tuple():
            return all(map(_finite, value))
        case FrozenMap():
            return all(map(_finite, value.values()))
        case _:
            return True


@of_record
def detach(image: Image, *, keep_labels: bool = False) -> Image:
    """The image without what lies beside it in its store: labels, tables and other foreign groups stay behind.

    Parameters
    ----------
    image
        As it was read. Where it is created anew, only what the records say is written.
    keep_labels
        Whether the label images come along, without what lies beside them.

    >>> from ngff_fn.records.examples import CELLS
    >>> detach(CELLS).source is None
    True
    """
    if not isinstance(keep_labels, bool):
        message = f"{a_type(keep_labels)} is neither True nor False. Give one of these."
        raise WrongTypeError(Problem("keep_labels", message))
    labels = image.labels if keep_labels else None
    if isinstance(labels, Labels):
        alone = tuple(
            evolve(each, image=detach(each.image)) if isinstance(each.image, Image) else each for each in labels.images
        )
        labels = evolve(labels, source=None, images=alone)
    return evolve(image, labels=labels, source=None)
