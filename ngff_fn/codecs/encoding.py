"""From records to documents, written onto those that are there: what no edit touched keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve

from ngff_fn.codecs import arrays_v2, arrays_v3
from ngff_fn.codecs.alike import value_alike, written_alike
from ngff_fn.codecs.arrays import BIG, UNREAD
from ngff_fn.codecs.converters import Itself, converter, write_anew, write_once
from ngff_fn.codecs.decoding import read_group
from ngff_fn.codecs.images import write_image
from ngff_fn.codecs.onto import onto as written_onto
from ngff_fn.codecs.parts import Part
from ngff_fn.codecs.plates import lacks_images, write_holder
from ngff_fn.codecs.scalar_edits import scalar_edits
from ngff_fn.codecs.texts import document, parsed_again
from ngff_fn.codecs.versions import OURS
from ngff_fn.errors import DocumentError, InvalidValueError, Problem, refuse
from ngff_fn.frozen_json import EMPTY, same, thaw
from ngff_fn.json_splice import Edit, Pointer, differences, dump, spliced
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import Axis
from ngff_fn.records.image import Image, Level
from ngff_fn.records.plate import Holder
from ngff_fn.records.snapshot import Version


def encode_group(
    image: Image, version: Version, onto: Mapping[str, bytes] | None = None, before: Image | None = None
) -> dict[str, bytes]:
    """The documents of an image's group.

    Parameters
    ----------
    image
        What they shall say.
    version
        Of OME-NGFF.
    onto
        Those that are there, by the same keys: ``.zgroup`` and ``.zattrs``, or ``zarr.json``. What the image says as
        they do keeps its bytes.
    before
        What ``onto`` was read as, if that is known.

    Raises
    ------
    DocumentError
        Where what is there is no JSON.
    InvalidValueError
        For what JSON cannot say, such as NaN among the unknown keys.

    >>> from ngff_fn.records.examples import SQUARE
    >>> sorted(encode_group(SQUARE, "0.4")), sorted(encode_group(SQUARE, "0.5"))
    (['.zattrs', '.zgroup'], ['zarr.json'])
    """
    onto = onto or {}
    key, pointer = _OME_PART[version]
    marker = {".zgroup": onto.get(".zgroup") or _ZGROUP} if version == "0.4" else {}
    if ".zattrs" in onto and ".zgroup" not in onto:
        marker = {}
    if before is not None and key in onto:
        text = written_alike(onto[key], before, image)
        if text is not None:
            return {**marker, key: text}
        said = _read_again(onto[key], before, image)
        edits = scalar_edits(before, image, _inside(said, pointer), pointer)
        if edits is not None:
            return {**marker, key: _edited(onto, key, edits, said)}
    old = _original(onto, key)
    write = write_once(version) if key in onto else write_anew(version)
    wanted = write_image(image, version, write)
    if before is None and key in onto:
        before = _understood(onto, version)
    read = {} if before is None else write_image(before, version, write)
    return {**marker, key: _attributes_onto(onto, key, old, read, wanted)}


def encode_holder(
    node: Holder, version: Version, onto: Mapping[str, bytes] | None = None, before: Holder | None = None
) -> dict[str, bytes]:
    """The documents of the group of a plate, a well or a collection: as ``encode_group`` for an image.

    >>> from ngff_fn.records.plate import Line, Plate
    >>> plate = Plate(rows=(Line(name="A"),), columns=(Line(name="1"),))
    >>> sorted(encode_holder(plate, "0.4")), sorted(encode_holder(plate, "0.5"))
    (['.zattrs', '.zgroup'], ['zarr.json'])
    """
    onto = onto or {}
    key, _ = _OME_PART[version]
    marker = {".zgroup": onto.get(".zgroup") or _ZGROUP} if version == "0.4" else {}
    if ".zattrs" in onto and ".zgroup" not in onto:
        marker = {}
    # Where another program lists what has no images, the list goes on as it is.
    apart = before is None or not lacks_images(before) or not _lists_them(_original(onto, key), key)
    read = {} if before is None else write_holder(before, version, apart=apart)
    wanted = write_holder(node, version, apart=apart)
    if key in onto and same(read, wanted):  # as where only images below it change
        return {**marker, key: onto[key]}
    return {**marker, key: _attributes_onto(onto, key, _original(onto, key), read, wanted)}


def _lists_them(old: Any, key: str) -> bool:
    """Whether our own key keeps nothing of what has no images yet."""
    attributes = old if key == ".zattrs" else (old or {}).get("attributes")
    ours = attributes.get(OURS) if isinstance(attributes, dict) else None
    return not (isinstance(ours, dict) and not ours.keys().isdisjoint(("plate", "well", "wells")))


def bare_group(version: Version) -> dict[str, bytes]:
    """The documents of a group that says nothing, such as a row of a plate."""
    return {".zgroup": _ZGROUP} if version == "0.4" else {"zarr.json": dump({"zarr_format": 3, "node_type": "group"})}


def _attributes_onto(onto: Mapping[str, bytes], key: str, old: Any, read: Any, wanted: Any) -> bytes:
    """The document of a group, whose attributes were ``read`` and shall say what is ``wanted``."""
    if key == ".zattrs":
        return _text(onto, key, old, written_onto(old or {}, read, wanted))
    new = dict(old or {"zarr_format": 3, "node_type": "group"})
    new["attributes"] = written_onto(new.get("attributes", {}), read, wanted)
    return _text(onto, key, old, new)


_ZGROUP = dump({"zarr_format": 2})
_OME_PART: dict[Version, tuple[str, Pointer]] = {"0.4": (".zattrs", ()), "0.5": ("zarr.json", ("attributes", "ome"))}


def _understood(onto: Mapping[str, bytes], version: Version) -> Image | None:
    noted: list[Problem] = []
    image = read_group(onto, version, noted)
    return None if any(problem.kind == "error" for problem in noted) else image


def encode_array(
    level: Level,
    axes: tuple[Axis, ...],
    version: Version,
    onto: Mapping[str, bytes] | None = None,
    revision: str | None = None,
) -> dict[str, bytes]:
    """The documents of a level's array.

    Parameters
    ----------
    level
        What they shall say.
    axes
        The image's: their names are those of the dimensions, where the level says no others.
    version
        Of OME-NGFF.
    onto
        Those that are there, by their names: ``.zarray`` and ``.zattrs``, or ``zarr.json``. What the level says as
        they do keeps its bytes.
    revision
        Of the pixels; None: the one that is there stays.

    Raises
    ------
    DocumentError
        Where what is there is no JSON.
    InvalidValueError
        For what JSON cannot say, such as NaN among the unknown keys.

    >>> from ngff_fn.records.examples import SQUARE
    >>> sorted(encode_array(SQUARE.levels[0], SQUARE.axes, "0.4", revision="00ff"))
    ['.zarray', '.zattrs']
    """
    names, attributes = tuple([axis.name for axis in axes]), level.extra.get("attributes", EMPTY)
    if not onto and revision is None and not attributes:
        return dict(_new_array(Itself(level.array), names, version))
    return _array_documents(level.array, names, version, onto or {}, thaw(attributes), revision)


@lru_cache(maxsize=16)
def _new_array(array: Itself, names: tuple[str, ...], version: Version) -> dict[str, bytes]:
    """The documents of an array about which there is nothing else to say: many images of a new plate have the same."""
    return _array_documents(array.part, names, version, {}, {}, None)


def _array_documents(  # noqa: PLR0917 — what two functions above it have
    array: ArraySpec,
    names: tuple[str, ...],
    version: Version,
    onto: Mapping[str, bytes],
    attributes: dict[str, Any],
    revision: str | None,
) -> dict[str, bytes]:
    if version == "0.4":
        old = _original(onto, ".zarray")
        texts = {".zarray": _text(onto, ".zarray", old, _array(array, version, old))}
        said = _original(onto, ".zattrs")
        merged = _attributes(said or {}, attributes, revision)
        if merged or ".zattrs" in onto:
            texts[".zattrs"] = _text(onto, ".zattrs", said, merged)
        return texts
    array = array if array.dimension_names is not None else evolve(array, dimension_names=names)
    old = _original(onto, "zarr.json")
    new = _array(array, version, old)
    merged = _attributes(new.get("attributes", {}), attributes, revision)
    if merged or old is None or "attributes" in new:
        new["attributes"] = merged
    return {"zarr.json": _text(onto, "zarr.json", old, new)}


def _array(array: ArraySpec, version: Version, old: dict[str, Any] | None) -> dict[str, Any]:
    """The document of an array, without attributes of its own."""
    wanted = converter(version).unstructure(array)
    noted: list[Problem] = []
    read: dict[str, Any] = {}
    if old is not None:
        understood = converter(version).structure(Part(old, "", noted), ArraySpec)
        if understood is not UNREAD and not any(problem.kind == "error" for problem in noted):
            read = converter(version).unstructure(understood)
    made: dict[str, Any] = written_onto(old or {}, read, wanted)
    return dict(made)


def _attributes(old: Any, wanted: dict[str, Any], revision: str | None) -> dict[str, Any]:
    said: dict[str, Any] = old if isinstance(old, dict) else {}
    read = {key: value for key, value in said.items() if key != OURS}
    merged = dict(written_onto(said, read, wanted))
    if revision is not None:
        ours = merged.get(OURS)
        merged[OURS] = {**(ours if isinstance(ours, dict) else {}), "revision": revision}
    return merged


def _original(onto: Mapping[str, bytes], key: str) -> dict[str, Any] | None:
    """The object that a document holds; None where it is not there."""
    problems: list[Problem] = []
    part = document(onto, key, problems)
    if part is not None:
        part.is_object()
    refuse(problems, DocumentError)
    return None if part is None else part.value


def _read_again(text: bytes, before: Image, wanted: Image) -> Any:
    """What a document says, from which an image was read, where its levels or channels change; None for no JSON.

    A change in each image of a plate asks for each.
    """
    parts = [
        *(["datasets"] if wanted.levels is not before.levels else []),
        *(["omero"] if wanted.channels is not before.channels else []),
    ]
    try:
        return parsed_again(text, lambda text: value_alike(text, parts))
    except ValueError:
        return None


def _inside(document: Any, pointer: Pointer) -> Any:
    """The value at a pointer; None where there is none."""
    for step in pointer:
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _text(onto: Mapping[str, bytes], key: str, old: Any, new: Any) -> bytes:
    if old is not None:
        return _edited(onto, key, differences(old, new), old)
    try:
        return dump(new)
    except ValueError as error:
        raise InvalidValueError(Problem(key, f"{error}")) from error


def _edited(onto: Mapping[str, bytes], key: str, edits: tuple[Edit, ...], old: Any) -> bytes:
    try:
        return spliced(bytes(onto[key]), edits, old)
    except ValueError as error:
        raise InvalidValueError(Problem(key, f"{error}")) from error


def expression_problems(image: Image, version: Version) -> list[Problem]:
    """What a version of OME-NGFF cannot express, with the cure.

    Parameters
    ----------
    image
        What shall be written.
    version
        Of OME-NGFF.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import SQUARE
    >>> level = evolve(SQUARE.levels[0], array=evolve(SQUARE.levels[0].array, chunks=(2, 3), shards=(4, 6)))
    >>> print(*expression_problems(evolve(SQUARE, levels=(level,)), "0.4"))
    levels[0].array.shards: OME-NGFF 0.4 has no shards. Make it without (rechunk), or write 0.5.
    """
    return [problem for index, level in enumerate(image.levels) for problem in _level_problems(level, index, version)]


def _level_problems(level: Level, index: int, version: Version) -> Iterator[Problem]:
    array, place = level.array, f"levels[{index}]"
    for name, message in (arrays_v2 if version == "0.4" else arrays_v3).faults(array):
        yield Problem(f"{place}.array.{name}", message)
    if array.serializer == BIG and array.itemsize == 1:
        yield Problem(f"{place}.array.serializer", "an element of one byte has no order of bytes. Leave 'bytes' out.")
    if array.fill_value is None and version == "0.5":
        message = "OME-NGFF 0.5 must have one, and this array has none: 0 is written."
        yield Problem(f"{place}.array.fill_value", message, kind="warning")
