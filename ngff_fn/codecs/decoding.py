"""From the documents of an image to its record, and to all that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve, frozen

from ngff_fn.codecs import arrays_v2, arrays_v3
from ngff_fn.codecs.alike import image_alike, remember
from ngff_fn.codecs.arrays import UNREAD
from ngff_fn.codecs.arrays_v3 import note_extensions
from ngff_fn.codecs.consistency import array_problems
from ngff_fn.codecs.converters import converter
from ngff_fn.codecs.images import Described, sound_image
from ngff_fn.codecs.levels import path_fault, read_path
from ngff_fn.codecs.parts import Part, others_of, shown
from ngff_fn.codecs.texts import document, once_a_reading, sound_document, token
from ngff_fn.codecs.versions import OURS, LayoutName, ome_part, root_attributes, stated_layout, version_of
from ngff_fn.errors import DocumentError, Problem, refuse
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.image import Image, Level, Place
from ngff_fn.records.pixels import Stored
from ngff_fn.records.snapshot import ARRAY_DOCUMENTS, Version

_OWN = frozenset({OURS})
_KEPT = 2**16  # bytes of the documents of an array that are remembered
_GROUP_MEMBERS = frozenset({"zarr_format", "node_type", "attributes", "consolidated_metadata"})


@frozen(kw_only=True)
class Decoded:
    """What documents say: ``problems`` are what was read leniently, what is unwise, and what was left unread.

    ``root`` is an Image, or what else the documents are of.
    """

    version: Version
    root: Any
    problems: tuple[Problem, ...] = ()


def decode(documents: Mapping[str, bytes], origin: Place) -> Decoded:
    """The image that documents describe, without its labels.

    Parameters
    ----------
    documents
        By store key, seen from the image's group: its own, such as ``.zattrs``, and those of its levels' arrays.
    origin
        Where the group is: the pixels of the levels are stored there.

    Raises
    ------
    UnsupportedError
        For a version that is not supported, by name.
    DocumentError
        With all problems of all documents, where one cannot be understood.

    >>> group = b'{"ngff_fn": {"axes": [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]}}'
    >>> decoded = decode({".zgroup": b'{"zarr_format": 2}', ".zattrs": group}, Place(home=""))
    >>> decoded.version, [axis.name for axis in decoded.root.axes]
    ('0.4', ['y', 'x'])
    """
    problems: list[Problem] = []
    version: Version = "0.5" if "zarr.json" in documents else "0.4"
    described = sound_group(documents, version)
    if described is None:
        version = version_of(documents)
        described = Described.of(read_group(documents, version, problems))
    names = tuple([axis.name for axis in described.like.axes])
    levels: list[Level] = []
    for index, level in enumerate(described.levels):
        at, of_array = f"{level.path}/", ARRAY_DOCUMENTS[version]
        own = tuple([(name, text) for name in of_array if (text := documents.get(at + name)) is not None])
        read = _known_array if sum([len(text) for _, text in own]) < _KEPT else _known_array.__wrapped__
        array, attributes, digest = read(own, version, names) or (
            *read_array(documents, level.path, version, names, problems, index=index), token(dict(own)),
        )  # fmt: skip
        path = f"{origin.path}/{level.path}" if origin.path else level.path
        levels.append(
            Level(
                path=level.path,
                scale=level.scale,
                translation=level.translation,
                array=array,
                pixels=Stored(origin=origin.home, path=path, array=array, token=digest),
                extra=level.extra.set("attributes", attributes) if attributes else level.extra,
            )
        )
    root = described.image(tuple(levels), origin)
    problems += _inconsistencies(root, version)
    refuse(problems, DocumentError)
    return Decoded(version=version, root=root, problems=tuple(problems))


def read_group(documents: Mapping[str, bytes], version: Version, problems: list[Problem]) -> Image:
    """What the documents of the group say of an image; what is wrong with them is added to ``problems``."""
    if version == "0.4":
        marker = document(documents, ".zgroup", problems)
        if ".zgroup" not in documents:
            message = "is not there; read as a group of Zarr v2."
            problems.append(Problem(".zgroup", message, kind="lenient", rule="store.zarr_format"))
        elif marker is not None and not (isinstance(marker.value, dict) and marker.value.get("zarr_format") == 2):
            marker.error("the zarr_format must be 2.", "store.zarr_format")
    else:
        whole = document(documents, "zarr.json", [])
        if whole is not None and isinstance(whole.value, dict):
            _note_group(Part(whole.value, whole.location, problems))
    _, attributes = root_attributes(documents, problems)
    if attributes is None:
        return Image(axes=())
    image: Image = converter(version).structure(attributes, Image)
    return image


def sound_group(documents: Mapping[str, bytes], version: Version) -> Described | None:
    """The image of sound documents, as ``read_group`` reads it; None where that may note something."""
    if version == "0.5":
        return once_a_reading(documents["zarr.json"], _sound_group_v3) if "zarr.json" in documents else None
    marker = sound_document(documents, ".zgroup")
    if marker is None or marker.get("zarr_format") != 2 or ".zattrs" not in documents:
        return None
    return once_a_reading(documents[".zattrs"], _sound_group_v2)


def _sound_group_v2(text: bytes) -> Described | None:
    return _sound_image(text, "0.4")


def _sound_group_v3(text: bytes) -> Described | None:
    return _sound_image(text, "0.5")


def _sound_image(text: bytes, version: Version) -> Described | None:
    return image_alike(text, version) or _sound_image_as_such(text, version)


def _sound_image_as_such(text: bytes, version: Version) -> Described | None:
    key = ".zattrs" if version == "0.4" else "zarr.json"
    whole = sound_document({key: text}, key)
    if whole is None or (version == "0.5" and not _is_group_v3(whole)):
        return None
    image = sound_image(whole if version == "0.4" else whole.get("attributes"), version)
    if image is None:
        return None
    remember(text, version, whole, image)
    return Described.of(image)


def _is_group_v3(whole: dict[str, Any]) -> bool:
    return whole.get("zarr_format") == 3 and whole.get("node_type") == "group" and whole.keys() <= _GROUP_MEMBERS


def _note_group(whole: Part) -> None:
    if whole.value.get("zarr_format") != 3:
        whole.error("must be 3.", "store.zarr_format", at="zarr_format")
    if whole.value.get("node_type") != "group":
        message = f"is {shown(whole.value.get('node_type'))}; the metadata of an image stand in a group."
        whole.error(message, at="node_type")
    note_extensions(whole, _GROUP_MEMBERS)


@lru_cache(maxsize=256)
def _known_array(
    own: tuple[tuple[str, bytes], ...], version: Version, axes: tuple[str, ...]
) -> tuple[ArraySpec, FrozenMap, str] | None:
    """The array that its node's documents describe, its attributes and their digest; None where something is noted.

    Many images have arrays with the very same documents: these are read once, and are one object.
    """
    documents = {f"0/{name}": text for name, text in own}
    noted: list[Problem] = []
    read = sound_array(documents, "0", version, axes) or read_array(documents, "0", version, axes, noted, index=0)
    return None if noted else (*read, token(dict(own)))


def decode_array(documents: Mapping[str, bytes]) -> ArraySpec:
    """The array that the documents of its node describe, whatever it is part of.

    Parameters
    ----------
    documents
        By their names: ``.zarray``, and ``.zattrs`` where there is one; or ``zarr.json``.

    Raises
    ------
    DocumentError
        With all problems, where they cannot be understood.

    >>> text = b'{"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<u2", "order": "C", "fill_value": 0, '
    >>> decode_array({".zarray": text + b'"compressor": null, "filters": null}'}).chunks
    (2,)
    """
    key = "zarr.json" if "zarr.json" in documents else ".zarray"
    problems: list[Problem] = []
    part = document(documents, key, problems)
    array = UNREAD
    if part is not None:
        array = arrays_v3.read_array(part) if key == "zarr.json" else arrays_v2.read_array(part)
    refuse(problems, DocumentError)
    return array


def sound_array(
    documents: Mapping[str, bytes], path: str, version: Version, axes: tuple[str, ...]
) -> tuple[ArraySpec, FrozenMap] | None:
    """The array that sound documents describe, and its attributes; None where reading them may note something."""
    said = sound_document(documents, f"{path}/{'.zarray' if version == '0.4' else 'zarr.json'}")
    if said is None:
        return None
    if version == "0.5":
        array, attributes = arrays_v3.sound_array(said, axes), said.get("attributes", {})
    else:
        key = f"{path}/.zattrs"
        array, attributes = arrays_v2.sound_array(said), sound_document(documents, key) if key in documents else {}
    return None if array is None or type(attributes) is not dict else (array, others_of(attributes, _OWN))


def _array_document(
    documents: Mapping[str, bytes], path: str, index: int, version: Version, problems: list[Problem]
) -> Part | None:
    if path_fault(path):  # which was noted
        return None
    key = f"{path}/{'.zarray' if version == '0.4' else 'zarr.json'}"
    if key not in documents:
        there = "there is a group" if f"{path}/.zgroup" in documents else f"there is no document {key}"
        message = f"the path must lead to an array, and {there}. Leave the level out, or bring the array back."
        place = f"multiscales[0].datasets[{index}].path"
        problems.append(Problem(place, message, rule="image.datasets.path.exists"))
    return document(documents, key, problems)


def read_array(
    documents: Mapping[str, bytes],
    path: str,
    version: Version,
    axes: tuple[str, ...],
    problems: list[Problem],
    *,
    index: int,
) -> tuple[ArraySpec, FrozenMap]:
    """The array of the level ``index``, and its attributes; what is wrong with them is added to ``problems``."""
    part = _array_document(documents, path, index, version, problems)
    if part is None:
        array = UNREAD
    else:
        array = arrays_v2.read_array(part) if version == "0.4" else arrays_v3.read_array(part, axes)
    return array, _attributes(documents, path, part, version, problems)


def _attributes(
    documents: Mapping[str, bytes], path: str, part: Part | None, version: Version, problems: list[Problem]
) -> FrozenMap:
    """The attributes of an array, without our own."""
    attributes: Part | None = None
    if version == "0.4":
        attributes = document(documents, f"{path}/.zattrs", problems)
    elif part is not None and isinstance(part.value, dict) and "attributes" in part.value:
        attributes = part["attributes"]
    return EMPTY if attributes is None or not attributes.is_object() else attributes.others(OURS)


def _inconsistencies(image: Image, version: Version) -> list[Problem]:
    """What does not fit together, as far as it could be read."""
    if not image.axes:
        return []
    name = ".zarray" if version == "0.4" else "zarr.json"
    readable = [level for level in image.levels if level.array is not UNREAD]
    if len(readable) < len(image.levels):
        image = evolve(image, levels=tuple(readable))
    return list(array_problems(image, lambda index, field: f"{readable[index].path}/{name}: {field}", "omero.channels"))


def layout_of(documents: Mapping[str, bytes]) -> LayoutName:
    """What kind of node the root of some documents is.

    Parameters
    ----------
    documents
        By store key; only the root's own are looked at.

    Raises
    ------
    DocumentError
        Where they are no JSON.

    >>> layout_of({".zattrs": b'{"plate": {}, "bioformats2raw.layout": 3}'})
    'plate'
    >>> layout_of({".zattrs": b'{"ngff_fn": {"axes": []}}'})
    'empty'
    """
    is_image = sound_group(documents, "0.5" if "zarr.json" in documents else "0.4") is not None
    return "image" if is_image else stated_layout(documents)


def level_paths(documents: Mapping[str, bytes]) -> tuple[str, ...]:
    """Where the levels of an image are, told from the documents of its group alone.

    Parameters
    ----------
    documents
        Those of the group.

    Returns
    -------
    tuple
        Paths that may be followed, relative to the group; what cannot be read as a path is left to ``decode``.

    Raises
    ------
    DocumentError
        With all problems of the group, if a path is absolute or climbs: nothing is ever read there.

    >>> level_paths({".zattrs": b'{"multiscales": [{"datasets": [{"path": "0"}, {"path": 1}]}]}'})
    ('0', '1')
    """
    sound = sound_group(documents, "0.5" if "zarr.json" in documents else "0.4")
    if sound is not None:
        return tuple([level.path for level in sound.levels])
    problems: list[Problem] = []
    version, attributes = root_attributes(documents, problems)
    ome = None if attributes is None else ome_part(attributes, version)
    datasets: Any = None if ome is None else _first(ome.value, "multiscales").get("datasets")
    entries = [entry for entry in datasets if isinstance(entry, dict)] if isinstance(datasets, list) else []
    paths = [read_path(Part(entry, "", [])) for entry in entries if isinstance(entry.get("path"), str | int)]
    if any(map(path_fault, paths)):
        found: list[Problem] = []
        read_group(documents, version, found)
        refuse(found, DocumentError)
    return tuple(dict.fromkeys(path for path in paths if not path_fault(path)))


def _first(members: dict[str, Any], key: str) -> dict[str, Any]:
    """The first element of a list of objects; an empty one where there is none."""
    listed = members.get(key)
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, dict) else {}
