"""Plates, wells and collections in documents (specification: "plate" and "well" metadata, "bioformats2raw.layout").

What is read here is the node's own document; what lies below it comes as ``Unread``.

A plate must list a well, and a well a field of view; other programs follow what is listed. Until there are some, what
is known of a plate or a well stands in our own key of the attributes: ``plate`` and ``well`` as OME-NGFF would have it,
and ``wells``, the entries of wells without fields, each with its place among all wells (``at``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, assert_never

from ngff_fn.codecs.converters import converter
from ngff_fn.codecs.labels import write_labels
from ngff_fn.codecs.levels import path_fault
from ngff_fn.codecs.parts import Part, is_integer, others_of, section, sections_of, shown, text
from ngff_fn.codecs.texts import once_a_reading
from ngff_fn.codecs.versions import OURS, kept, ome_part, root_attributes
from ngff_fn.errors import Problem
from ngff_fn.frozen_json import FrozenMap, thaw
from ngff_fn.records.axes import Axis
from ngff_fn.records.image import Labels, Unread
from ngff_fn.records.plate import Acquisition, Collection, Field, Holder, Line, Plate, Series, Well
from ngff_fn.records.snapshot import Version

BF2RAW = "bioformats2raw.layout"
_NAME = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_PLATE = frozenset({"version", "rows", "columns", "wells", "acquisitions", "name", "field_count"})
_WELL = frozenset({"version", "images"})
_ENTRY = frozenset({"path", "rowIndex", "columnIndex"})
_FIELD = frozenset({"path", "acquisition"})
_ACQUISITION = {
    "id": "id", "name": "name", "description": "description", "maximum_field_count": "maximumfieldcount",
    "start_time": "starttime", "end_time": "endtime",
}  # fmt: skip
_TEXTS = ("name", "description")
_LINE = frozenset({"name"})
_OTHERS = frozenset({"plate", BF2RAW})


# -- reading -----------------------------------------------------------------------------------------------------------


def read_plate(attributes: Part, version: Version) -> tuple[Plate, dict[str, FrozenMap]]:
    """What the group of a plate says; and what its list says of each well that is not known here, by path."""
    ome, plate = ome_part(attributes, version), _said(attributes, version, "plate", "wells")
    if ome is None or plate is None or not plate.is_object("plate.wells.required"):
        return Plate(), {}
    rows, columns = _read_lines(plate, "rows"), _read_lines(plate, "columns")
    wells = _read_entries(plate, "wells", "plate.wells.required", _ENTRY)
    _note_places(plate, wells, [line.name for line in rows], [line.name for line in columns])
    wells = _with_empty_wells(wells, attributes)
    axes, names = _read_empty(attributes, version)
    sections = {**_beyond(attributes, ome, version, ("plate",)), "plate": plate.others(*_PLATE)}
    count = plate.value.get("field_count")
    if count is not None and not is_integer(count, 1):
        plate.lenient(f"is {shown(count)}, not a positive integer.", "plate.field_count", at="field_count")
        count = None
    made = Plate(
        rows=rows,
        columns=columns,
        wells=tuple(Unread(path=path) for path in wells),
        acquisitions=_read_acquisitions(plate),
        name=_read_text(plate, "name", "plate.name"),
        field_count=count,
        axes=axes,
        channel_names=names,
        extra=sections_of(sections),
    )
    return made, wells


def _said(attributes: Part, version: Version, key: str, listing: str) -> Part | None:
    """What is said of a plate or a well: by OME-NGFF's key, unless that lists nothing and our own says more."""
    ome, ours = ome_part(attributes, version), kept(attributes).get(key)
    said = ome[key] if ome is not None and key in ome.value else None
    lists = said is not None and not (isinstance(said.value, dict) and not said.value.get(listing))
    return said if lists or not isinstance(ours, dict) else Part(ours, f"{OURS}.{key}", [])


def says_well(attributes: Part, version: Version) -> bool:
    """Whether a group says that it is a well."""
    return _said(attributes, version, "well", "images") is not None


def _with_empty_wells(wells: dict[str, FrozenMap], attributes: Part) -> dict[str, FrozenMap]:
    """The entries of all wells, those without fields in their places."""
    order = list(wells)
    beside = empty_wells(attributes)
    for path, entry in beside.items():
        if path not in wells:
            at = entry.get("at")
            order.insert(at if is_integer(at) else len(order), path)
    return {path: wells[path] if path in wells else others_of(thaw(beside[path]), _ENTRY | {"at"}) for path in order}


def empty_wells(attributes: Part) -> dict[str, FrozenMap]:
    """The wells without fields that our own key lists, by path, each with its entry."""
    listed = kept(attributes).get("wells")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    paths = [(_path(Part(entry, OURS, [])), entry) for entry in entries]
    return {path: others_of(entry, frozenset()) for path, entry in paths if path}


def _read_empty(attributes: Part, version: Version) -> tuple[tuple[Axis, ...] | None, tuple[str, ...] | None]:
    """The axes and channel names of the images that a plate will have, which our own key keeps."""
    said = kept(attributes)
    axes, names = said.get("axes"), said.get("channels")
    structure = converter(version).get_structure_hook(Axis)
    read = [structure(part, Axis) for part in Part(axes, OURS, []).elements()] if isinstance(axes, list) else None
    is_named = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return None if read is None else tuple(read), tuple(names) if is_named and names is not None else None


def read_well(attributes: Part, version: Version) -> Well:
    """What the group of a well says."""
    ome, well = ome_part(attributes, version), _said(attributes, version, "well", "images")
    if ome is None or well is None or not well.is_object("well.images.required"):
        return Well(path="")
    entries = _read_entries(well, "images", "well.images.required", _FIELD)
    said: dict[str, Any] = {}
    for part in _objects(well, "images"):
        said.setdefault(_path(part), part.value.get("acquisition"))
    fields = []
    for path, extra in entries.items():
        acquisition = said.get(path)
        if acquisition is not None and not is_integer(acquisition):
            message = f"the acquisition of {path!r} is {shown(acquisition)}; it must be the id of one."
            well.lenient(message, "well.images.acquisition.known", at="images")
            acquisition = None
        fields.append(Field(path=path, image=Unread(path=path), acquisition=acquisition, extra=extra))
    sections = {**_beyond(attributes, ome, version, ("well",)), "well": well.others(*_WELL)}
    return Well(path="", fields=tuple(fields), extra=sections_of(sections))


def sound_well(documents: Mapping[str, bytes], version: Version) -> Well | None:
    """The well of sound documents, as ``read_well`` reads it; None where that may note something, or it is no well.

    The wells of a plate often have the very same document.
    """
    key, read = (".zattrs", _sound_well_v2) if version == "0.4" else ("zarr.json", _sound_well_v3)
    return once_a_reading(documents[key], read) if key in documents else None


def _sound_well_v2(text: bytes) -> Well | None:
    return _sound_well({".zattrs": text})


def _sound_well_v3(text: bytes) -> Well | None:
    return _sound_well({"zarr.json": text})


def _sound_well(documents: Mapping[str, bytes]) -> Well | None:
    noted: list[Problem] = []
    version, attributes = root_attributes(documents, noted)
    ome = None if attributes is None else ome_part(attributes, version)
    if attributes is None or ome is None or "well" not in ome.value or not ome.value.keys().isdisjoint(_OTHERS):
        return None
    well = read_well(attributes, version)
    return None if noted else well


def read_collection(attributes: Part, version: Version, paths: tuple[str, ...]) -> Collection:
    """What the group of a collection says; its images are where ``paths`` say."""
    ome = ome_part(attributes, version)
    sections = _beyond(attributes, ome, version, (BF2RAW,))
    series = tuple(Series(path=path, image=Unread(path=path)) for path in paths)
    return Collection(series=series, extra=sections_of(sections))


def _beyond(attributes: Part, ome: Part | None, version: Version, known: tuple[str, ...]) -> dict[str, FrozenMap]:
    """Unknown keys of the group's attributes, and of the OME part where that is apart."""
    if version == "0.4" or ome is None:
        beside = kept(attributes).get("ome")  # what 0.4 has no place for
        beside = others_of(beside, frozenset()) if isinstance(beside, dict) else FrozenMap()
        return {"attributes": attributes.others(*known, OURS), "ome": beside}
    return {"attributes": attributes.others("ome", OURS), "ome": ome.others("version", *known)}


def _objects(owner: Part, key: str) -> list[Part]:
    entries = owner[key].elements() if isinstance(owner.value.get(key), list) else []
    return [entry for entry in entries if isinstance(entry.value, dict)]


def _path(entry: Part) -> str:
    """The path of an entry, also where it is a number; empty where there is none that may be followed."""
    path = entry.value.get("path")
    path = str(path) if is_integer(path) else path
    return "" if not isinstance(path, str) or path_fault(path) else path


def _read_entries(owner: Part, key: str, rule: str, known: frozenset[str]) -> dict[str, FrozenMap]:
    """The paths of a list, each with the unknown keys of its entry; what may not be followed is an error."""
    found: dict[str, FrozenMap] = {}
    if owner.value.get(key) == []:
        owner.lenient("is empty; there must be one or more.", rule, at=key)
        return found
    for entry in owner.entries(key, rule):
        if not entry.is_object(rule):
            continue
        path = _path(entry)
        if not path:
            said = entry.value.get("path")
            fault = path_fault(said) if isinstance(said, str) else "is not a text."
            entry.error(f"{shown(said)} {fault} Give a path below this group.", rule, at="path")
        elif path in found:
            entry.lenient(f"{path!r} is listed before; read once.", rule, at="path")
        else:
            found[path] = others_of(entry.value, known)
            if not isinstance(entry.value["path"], str):
                entry.lenient(f"is the number {path}; it must be a text.", rule, at="path")
    return found


def _read_lines(plate: Part, key: str) -> tuple[Line, ...]:
    lines: list[Line] = []
    for entry in plate.entries(key, f"plate.{key}.required") if plate.value.get(key) != [] else ():
        if not entry.is_object(f"plate.{key}.required"):
            continue
        said = _read_text(entry, "name", f"plate.{key}.name.alnum")
        if said is None:
            entry.error("has no name that can be read. Give each one a name.", f"plate.{key}.name.alnum", at="name")
            continue
        if not _NAME.fullmatch(said):
            entry.lenient(f"{said!r} has other characters than letters and digits.", f"plate.{key}.name.alnum")
        lines.append(Line(name=said, extra=others_of(entry.value, _LINE)))
    names = [line.name for line in lines]
    for name in sorted({name for name in names if names.count(name) > 1}):
        plate.lenient(f"the name {name!r} appears twice; the first is meant.", f"plate.{key}.name.unique", at=key)
    return tuple(lines)


def _note_places(plate: Part, wells: Mapping[str, FrozenMap], rows: list[str], columns: list[str]) -> None:
    """Note where the path of a well and its indices do not say the same row and column."""
    place = {name: index for index, name in reversed(list(enumerate(rows)))}
    aside = {name: index for index, name in reversed(list(enumerate(columns)))}
    for entry in _objects(plate, "wells"):
        path = _path(entry)
        row, _, column = path.partition("/")
        if path not in wells:
            continue
        if row not in place or column not in aside:
            entry.lenient(f"{path!r} is not the name of a row, / and that of a column.", "plate.wells.path.names")
            continue
        said = entry.value.get("rowIndex"), entry.value.get("columnIndex")
        if said != (place[row], aside[column]):
            message = f"the indices of {path!r} are {said}, and its names say {(place[row], aside[column])}."
            entry.lenient(message, "plate.wells.indices.agree")


def _read_acquisitions(plate: Part) -> tuple[Acquisition, ...] | None:
    if plate.value.get("acquisitions") is None:
        return None
    made: list[Acquisition] = []
    for entry in plate["acquisitions"].elements("plate.acquisitions.id"):
        if not entry.is_object("plate.acquisitions.id"):
            continue
        if not is_integer(entry.value.get("id")):
            entry.error(f"is {shown(entry.value.get('id'))}; it must be an integer.", "plate.acquisitions.id", at="id")
            continue
        members: dict[str, Any] = {}
        for field_name, key in _ACQUISITION.items():
            said = entry.value.get(key)
            is_right = isinstance(said, str) if field_name in _TEXTS else is_integer(said)
            if said is not None and not is_right:
                entry.lenient(f"is {shown(said)}; read as if it were not there.", at=key)
            members[field_name] = said if is_right else None
        made.append(Acquisition(**members, extra=others_of(entry.value, frozenset(_ACQUISITION.values()))))
    ids = [acquisition.id for acquisition in made]
    if len(set(ids)) < len(ids):
        plate.lenient("two have the same id.", "plate.acquisitions.id.unique", at="acquisitions")
    return tuple(made)


def _read_text(owner: Part, key: str, rule: str) -> str | None:
    part = owner.get(key, rule)
    return None if part is None else text(part)


# -- writing -----------------------------------------------------------------------------------------------------------


def write_holder(node: Holder, version: Version, *, apart: bool = True) -> dict[str, Any]:
    """The attributes of the group of a plate, a well, a collection or the labels of an image.

    ``apart``: what OME-NGFF cannot say of what holds no images yet is kept in our own key; else said as of others.
    """
    said: dict[str, Any]
    ours: dict[str, Any] = {}
    match node:
        case Plate():
            said, ours = _write_plate_and_ours(node, version, apart=apart)
        case Well():
            said = {"well": _write_well(node, version)}
            said, ours = ({}, said) if apart and lacks_images(node) else (said, {})
        case Collection():
            said = {BF2RAW: 3}
        case Labels():
            return write_labels(node, version)
        case _:
            assert_never(node)
    beyond, beside = (thaw(section(node.extra, name)) for name in ("attributes", "ome"))
    if version == "0.4":
        ours |= {"ome": beside} if beside else {}
        return {**said, **beyond, **({OURS: ours} if ours else {})}
    beyond |= {OURS: ours} if ours else {}
    return {"ome": {"version": version, **said, **beside}, **beyond}


def lacks_images(node: Holder) -> bool:
    """Whether a well has no fields, or a plate no wells, or such a well: the lists "MUST" not be empty.

    >>> lacks_images(Plate()), lacks_images(Well(path="A/1")), lacks_images(Collection())
    (True, True, False)
    """
    match node:
        case Plate():
            return not node.wells or any(isinstance(well, Well) and not well.fields for well in node.wells)
        case Well():
            return not node.fields
        case Collection() | Labels():
            return False
        case _:
            assert_never(node)


def _write_plate_and_ours(plate: Plate, version: Version, *, apart: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What OME-NGFF's key says of a plate, and what our own does."""
    ours = _write_empty(plate, version)
    members = _write_plate(plate, version)
    if not apart or not lacks_images(plate):
        return {"plate": members}, ours
    is_empty = [isinstance(well, Well) and not well.fields for well in plate.wells]
    entries = list(zip(members["wells"], is_empty, strict=True))
    beside = [{**entry, "at": place} for place, (entry, empty) in enumerate(entries) if empty]
    ours |= {"wells": beside} if beside else {}
    members["wells"] = [entry for entry, empty in entries if not empty]
    return ({"plate": members}, ours) if members["wells"] else ({}, {**ours, "plate": members})


def _write_empty(plate: Plate, version: Version) -> dict[str, Any]:
    """The axes and channel names of the images that it will have."""
    axes = None if plate.axes is None else converter(version).unstructure(list(plate.axes))
    names = None if plate.channel_names is None else list(plate.channel_names)
    return {key: value for key, value in (("axes", axes), ("channels", names)) if value is not None}


def _write_plate(plate: Plate, version: Version) -> dict[str, Any]:
    rows = {line.name: index for index, line in reversed(list(enumerate(plate.rows)))}
    columns = {line.name: index for index, line in reversed(list(enumerate(plate.columns)))}
    members: dict[str, Any] = {
        "acquisitions": None if plate.acquisitions is None else [_write_acquisition(a) for a in plate.acquisitions],
        "columns": [_write_line(line) for line in plate.columns],
        "field_count": plate.field_count,
        "name": plate.name,
        "rows": [_write_line(line) for line in plate.rows],
        "version": "0.4" if version == "0.4" else None,
        "wells": [_write_entry(well, rows, columns) for well in plate.wells],
    }
    known = {key: value for key, value in members.items() if value is not None}
    return {**known, **_unknown(section(plate.extra, "plate"), known)}


def _write_entry(well: Well | Unread, rows: Mapping[str, int], columns: Mapping[str, int]) -> dict[str, Any]:
    row, _, column = well.path.partition("/")
    indices = {"rowIndex": rows.get(row), "columnIndex": columns.get(column)}
    known = {"path": well.path, **{key: index for key, index in indices.items() if index is not None}}
    return known if isinstance(well, Unread) else {**known, **_unknown(section(well.extra, "entry"), known)}


def _write_line(line: Line) -> dict[str, Any]:
    return {"name": line.name, **_unknown(line.extra, _LINE)}


def _write_acquisition(acquisition: Acquisition) -> dict[str, Any]:
    members = {key: getattr(acquisition, name) for name, key in _ACQUISITION.items()}
    known = {key: value for key, value in members.items() if value is not None}
    return {**known, **_unknown(acquisition.extra, known)}


def _write_well(well: Well, version: Version) -> dict[str, Any]:
    images = [_write_field(each) for each in well.fields]
    known = {"images": images, **({"version": "0.4"} if version == "0.4" else {})}
    return {**known, **_unknown(section(well.extra, "well"), known)}


def _write_field(each: Field) -> dict[str, Any]:
    known = {"path": each.path} if each.acquisition is None else {"acquisition": each.acquisition, "path": each.path}
    return {**known, **_unknown(each.extra, known)}


def _unknown(extra: FrozenMap, known: Any) -> dict[str, Any]:
    return {key: thaw(value) for key, value in extra.items() if key not in known}
