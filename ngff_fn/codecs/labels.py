"""Labels in documents (specification: "labels" metadata of the group, "image-label" metadata of each image in it)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ngff_fn.codecs.levels import path_fault
from ngff_fn.codecs.parts import Part, is_integer, others_of, section, sections_of, shown
from ngff_fn.codecs.texts import sound_document
from ngff_fn.codecs.versions import OURS, ome_part, root_attributes
from ngff_fn.errors import DocumentError, Problem, a_type, refuse
from ngff_fn.frozen_json import EMPTY, FrozenMap, thaw
from ngff_fn.records.image import Image, Label, Labels, Unread
from ngff_fn.records.labels import LABELS, ImageLabel, LabelColor
from ngff_fn.records.snapshot import Version

IMAGE_LABEL = "image-label"
_LIST = "labels"
_KNOWN = frozenset({"version", "colors", "properties", "source"})
_COLOR = frozenset({"label-value", "rgba"})
_VALUE = "label-value"
_CHANNELS = 4
_BYTE = 256


# -- the group ---------------------------------------------------------------------------------------------------------


def is_group_of_labels(documents: Mapping[str, bytes]) -> bool:
    """Whether what is at ``labels`` is a group: an array is none, and is left as it is.

    >>> is_group_of_labels({".zattrs": b"{}"}), is_group_of_labels({".zattrs": b"{}", ".zarray": b"{}"})
    (True, False)
    """
    if "zarr.json" in documents:
        whole = sound_document(documents, "zarr.json")
        return whole is None or whole.get("node_type") != "array"
    return ".zarray" not in documents and (".zgroup" in documents or ".zattrs" in documents)


def label_paths(documents: Mapping[str, bytes]) -> tuple[str, ...]:
    """Where the label images are that a group lists, told from its documents alone.

    Raises
    ------
    DocumentError
        With all problems, if a path is absolute or climbs.

    >>> label_paths({".zattrs": b'{"labels": ["cells", "nuclei"]}'})
    ('cells', 'nuclei')
    """
    problems: list[Problem] = []
    version, attributes = root_attributes(documents, problems)
    paths = () if attributes is None else tuple(label.path for label in read_labels(attributes, version).images)
    refuse(problems, DocumentError)
    return paths


def read_labels(attributes: Part, version: Version) -> Labels:
    """What the group says; the images in it are not read yet.

    0.5 has the list under "ome"; some programs left it where it was in 0.4, at the top of the attributes.
    """
    ome = ome_part(attributes, version)
    owner = attributes
    if version != "0.4" and ome is not None and _LIST in ome.value:
        owner = ome
    elif version != "0.4" and _LIST in attributes.value:
        attributes.lenient('stands beside "ome", as in OME-NGFF 0.4; read all the same.', "labels.group.key", at=_LIST)
    beyond = attributes.others(_LIST, "ome", OURS) if version != "0.4" else attributes.others(_LIST, OURS)
    if version != "0.4" and _LIST in attributes.value:
        beyond = beyond.set(_LIST, ())  # that it stands there; what it says is derived
    beside = EMPTY if ome is None or version == "0.4" else ome.others("version", _LIST)
    return Labels(images=_read_list(owner), extra=sections_of({"attributes": beyond, "ome": beside}))


def _read_list(owner: Part) -> tuple[Label, ...]:
    if owner.value.get(_LIST) is None:
        message = "is not there: nothing says which labels there are; read as none."
        owner.lenient(message, "labels.group.key", at=_LIST)
        return ()
    paths: dict[str, None] = {}
    for entry in owner[_LIST].elements("labels.group.key"):
        if not isinstance(entry.value, str):
            entry.error(f"is {shown(entry.value)}; it must be the path of a label image.", "labels.group.key")
        elif fault := path_fault(entry.value):
            entry.error(f"{shown(entry.value)} {fault} Give a path below this group.", "labels.group.key")
        elif entry.value in paths:
            entry.lenient(f"{entry.value!r} is listed before; read once.", "labels.group.key")
        else:
            paths[entry.value] = None
    return tuple(Label(path=path, image=Unread(path=path)) for path in paths)


def write_labels(labels: Labels, version: Version) -> dict[str, Any]:
    """The attributes of the group."""
    paths = [label.path for label in labels.images]
    beyond, beside = (thaw(section(labels.extra, name)) for name in ("attributes", "ome"))
    if version == "0.4":
        return {_LIST: paths, **{key: value for key, value in beyond.items() if key != _LIST}}
    beyond |= {_LIST: paths} if _LIST in beyond else {}  # whoever looks for it there goes on finding it
    return {"ome": {"version": version, _LIST: paths, **beside}, **beyond}


def label_problems(labels: Labels) -> Iterator[Problem]:
    """What forbids to write labels: paths that could not be read again, and what is no label image.

    >>> from ngff_fn.records.examples import SQUARE
    >>> print(*label_problems(Labels(images=(Label(path="../cells", image=SQUARE),))))
    labels: '../cells' climbs, or has an empty part. Take another name.
    """
    paths: set[str] = set()
    for label in labels.images:
        path = label.path
        fault = path_fault(path) if isinstance(path, str) else "is no text."
        if fault:
            yield Problem(LABELS, f"{path!r} {fault} Take another name.")
        elif path in paths:
            yield Problem(LABELS, f"{path!r} is there twice. Rename one.")
        elif not isinstance(label.image, Image | Unread):
            yield Problem(f"{LABELS}/{path}", f"{a_type(label.image)} is no label image. Give an Image.")
        elif isinstance(label.image, Image) and label.image.labels is not None:
            yield Problem(f"{LABELS}/{path}", "a label image has no labels of its own. Take detach(image).")
        paths.add(path)


# -- one image ---------------------------------------------------------------------------------------------------------


def read_image_label(part: Part | None) -> ImageLabel | None:
    """What "image-label" says; None where there is none."""
    if part is None:
        return None
    if not isinstance(part.value, dict):
        part.lenient(f"is {shown(part.value)}, not an object; read as if it were not there.")
        return None
    source = part.get("source", "label.source.image")
    if source is not None and not isinstance(source.value, dict):
        source.lenient(f"is {shown(source.value)}; it must be an object.")
        source = None
    return ImageLabel(
        colors=_read_colors(part),
        properties=_read_properties(part),
        source=None if source is None else source.others(),
        extra=others_of(part.value, _KNOWN),
    )


def _entries(part: Part, key: str, rule: str) -> list[Part] | None:
    """The objects of a list that have an integer as their label-value; None where there is no list."""
    listed = part.get(key, rule)
    if listed is None:
        return None
    if not isinstance(listed.value, list) or not listed.value:
        listed.lenient(f"is {shown(listed.value)}; it must be a list, and not empty.", rule)
        return None
    found: list[Part] = []
    seen: set[int] = set()
    for entry in listed.elements():
        value = entry.value.get(_VALUE) if isinstance(entry.value, dict) else None
        if not isinstance(value, int) or isinstance(value, bool):
            entry.lenient("has no integer as its label-value; not read.", rule, at=_VALUE)
            continue
        if value in seen:
            entry.lenient(f"{value} stands before too; the last is meant.", f"{rule}.unique", at=_VALUE)
        seen.add(value)
        found.append(entry)
    return found


def _read_colors(part: Part) -> tuple[LabelColor, ...] | None:
    entries = _entries(part, "colors", "label.colors.label_value")
    if entries is None:
        return None
    return tuple(
        LabelColor(value=entry.value[_VALUE], rgba=_read_rgba(entry), extra=others_of(entry.value, _COLOR))
        for entry in entries
    )


def _read_rgba(entry: Part) -> tuple[int, int, int, int] | None:
    said = entry.value.get("rgba")
    if said is None and "rgba" not in entry.value:
        return None
    if not isinstance(said, list) or len(said) != _CHANNELS or not all(is_integer(n) and n < _BYTE for n in said):
        message = f"is {shown(said)}; it must be four integers from 0 to 255. Read as no color."
        entry.lenient(message, "label.colors.rgba", at="rgba")
        return None
    red, green, blue, opacity = said
    return red, green, blue, opacity


def _read_properties(part: Part) -> tuple[FrozenMap, ...] | None:
    entries = _entries(part, "properties", "label.properties.label_value")
    return None if entries is None else tuple(entry.others() for entry in entries)


def write_image_label(label: ImageLabel, version: Version) -> dict[str, Any]:
    """The object "image-label"; its version belongs to 0.4."""
    members: dict[str, Any] = {
        "version": "0.4" if version == "0.4" else None,
        "colors": [_write_color(color) for color in label.colors] if label.colors else None,
        "properties": [thaw(entry) for entry in label.properties] if label.properties else None,
        "source": None if label.source is None else thaw(label.source),
    }
    known = {key: value for key, value in members.items() if value is not None}
    return {**known, **{key: thaw(value) for key, value in label.extra.items() if key not in _KNOWN}}


def _write_color(color: LabelColor) -> dict[str, Any]:
    known = {_VALUE: color.value} if color.rgba is None else {_VALUE: color.value, "rgba": list(color.rgba)}
    return {**known, **{key: thaw(value) for key, value in color.extra.items() if key not in _COLOR}}
