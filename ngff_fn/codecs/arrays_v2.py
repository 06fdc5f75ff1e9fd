"""The documents of arrays in Zarr v2, ``.zarray``, as they are in OME-NGFF 0.4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ngff_fn.codecs.arrays import (
    ARRAY_TO_ARRAY,
    BIG,
    UNREAD,
    are_plain,
    codec,
    configuration_of,
    name_of,
    read_chunks,
    read_sizes,
    reversed_axes,
    sound_sizes,
    stages,
)
from ngff_fn.codecs.fill_values import fill_value_fault, is_sound_integer, read_fill_value, write_fill_value
from ngff_fn.codecs.parts import Part, shown
from ngff_fn.errors import Problem
from ngff_fn.frozen_json import FrozenMap, Json, thaw
from ngff_fn.records.arrays import DTYPES, ArraySpec

_DTYPE = re.compile(r"([<>|=])([buifc]\d{1,2})", re.ASCII)
_NAMES = {f"{kind}{size}": name for name, (kind, size) in DTYPES.items()}
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
_AUTO_SHUFFLE = -1
_PREFIX = "numcodecs."

# Codecs that Zarr v3 has a name of its own for, with what numcodecs takes where a document leaves something out.
_DEFAULTS: dict[str, dict[str, Json]] = {
    "blosc": {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "zstd": {"level": 0, "checksum": False},
    "gzip": {"level": 1},
    "crc32c": {},
}
_ZLIB_DEFAULT = 6  # the level that -1 means


# -- reading -----------------------------------------------------------------------------------------------------------


def read_array(part: Part) -> ArraySpec:
    """What a ``.zarray`` says of an array, in the notation of Zarr v3."""
    if not part.is_object():
        return UNREAD
    if part.value.get("zarr_format") != 2:
        part.error(f"is {shown(part.value.get('zarr_format'))}; it must be 2.", "store.zarr_format", at="zarr_format")
    shape = read_sizes(part.get("shape"), part, "shape", 0)
    chunks = read_chunks(part.get("chunks"), part, "chunks", None if shape is None else len(shape))
    dtype, endian = _read_dtype(part)
    separator = _read_separator(part)
    filters, serializer, compressors = _read_codecs(part, DTYPES[dtype][1] if dtype else 1)
    if endian == ">" and serializer is None:
        serializer = BIG
    elif endian == ">" and serializer is not None:
        part.error(f"is big endian, which {name_of(serializer)!r} does not tell. Mend the document.", at="dtype")
    if _read_order(part) == "F" and len(shape or ()) > 1:
        filters = (reversed_axes(len(shape or ())), *filters)
    fill_value: Json = None
    if dtype and part.value.get("fill_value") is not None:
        fill_value = read_fill_value(part["fill_value"], dtype, endian)
    elif "fill_value" not in part.value:
        part.lenient("is not there; read as null.", at="fill_value")
    if shape is None or chunks is None or not dtype:
        return UNREAD
    return ArraySpec(
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        filters=filters,
        serializer=serializer,
        compressors=compressors,
        fill_value=fill_value,
        separator="/" if separator == "/" else ".",
    )


def sound_array(said: dict[str, Any]) -> ArraySpec | None:
    """An array whose document is as it must be; None where ``read_array`` has to look, which would note something.

    Only bytes in little endian, in order C, and compressors that are found everywhere are known here.
    """
    shape, chunks, order = sound_sizes(said.get("shape"), 0), sound_sizes(said.get("chunks"), 1), said.get("dtype")
    if said.get("zarr_format") != 2 or shape is None or chunks is None or len(chunks) != len(shape):
        return None
    if said.get("order") != "C" or said.get("dimension_separator") != "/" or said.get("filters") is not None:
        return None
    if type(order) is not str or (dtype := _NAMES.get(order[1:], "")) == "" or "fill_value" not in said:
        return None
    size, fill_value = DTYPES[dtype][1], said["fill_value"]
    if order[0] != "<" and not (order[0] == "|" and size == 1):
        return None
    if fill_value is not None and not is_sound_integer(fill_value, dtype):
        noted: list[Problem] = []
        fill_value = read_fill_value(Part(fill_value, "", noted), dtype)
        if noted:
            return None
    compressors: tuple[FrozenMap, ...] = ()
    if said.get("compressor") is not None:
        compressor = _sound_compressor(said["compressor"])
        if compressor is None:
            return None
        compressors = (compressor,)
    return ArraySpec(shape=shape, dtype=dtype, chunks=chunks, compressors=compressors, fill_value=fill_value)


def _sound_compressor(said: Any) -> FrozenMap | None:
    name = said.get("id") if type(said) is dict else None
    if name not in ("blosc", "zstd") or not are_plain(said):
        return None
    configuration = {**_DEFAULTS[name], **said}
    del configuration["id"]
    if name == "blosc":
        shuffle = configuration["shuffle"]
        if type(shuffle) is not int or not 0 <= shuffle < len(_SHUFFLES):
            return None
        configuration["shuffle"] = _SHUFFLES[shuffle]
    return codec(name, FrozenMap(configuration))


def _read_dtype(part: Part) -> tuple[str, str]:
    """The name of the dtype, "" where it is not supported; and the order of the bytes where it counts."""
    if "dtype" not in part.value:
        part.error("is not there. Mend the document.", at="dtype")
        return "", "<"
    said = part.value["dtype"]
    match = _DTYPE.fullmatch(said) if isinstance(said, str) else None
    name = "" if match is None else _NAMES.get(match[2], "")
    if match is None or not name:
        what = shown(said) if isinstance(said, str) else "structured"
        part.error(f"is {what}; only booleans, integers, floats and complex numbers are supported.", at="dtype")
        return "", "<"
    if match[1] not in "<>" and DTYPES[name][1] > 1:
        part.lenient(f"is {shown(said)}, with no order of bytes; read as little endian.", at="dtype")
    return name, ">" if match[1] == ">" and DTYPES[name][1] > 1 else "<"


def _read_separator(part: Part) -> str:
    separator = part.get("dimension_separator")
    if separator is not None and separator.value not in ("/", "."):
        separator.error(f"is {shown(separator.value)}; it must be '/' or '.'.", "store.chunk_keys.nested")
    if separator is None or separator.value == ".":
        message = "is '.' (or not there, which means it); OME-NGFF 0.4 has '/'."
        part.note("warning", message, "store.chunk_keys.nested", at="dimension_separator")
        return "."
    return "/"


def _read_order(part: Part) -> str:
    order = part.value.get("order")
    if order not in ("C", "F"):
        what = "is not there" if "order" not in part.value else f"is {shown(order)}"
        part.note("error" if "order" in part.value else "lenient", f"{what}; it must be 'C' or 'F'.", at="order")
    return "F" if order == "F" else "C"


def _read_codecs(part: Part, itemsize: int) -> tuple[tuple[FrozenMap, ...], FrozenMap | None, tuple[FrozenMap, ...]]:
    """Filters and compressor, sorted into what Zarr v3 tells apart."""
    listed: list[Part] = []
    filters = part["filters"] if part.value.get("filters") is not None else None
    if filters is not None:
        listed += filters.elements()
    if part.value.get("compressor") is not None:
        listed.append(part["compressor"])
    codecs = [_read_codec(entry, itemsize) for entry in listed]
    first, after = stages([name_of(entry) for entry in codecs])
    return tuple(codecs[:first]), codecs[first] if after > first else None, tuple(codecs[after:])


def _read_codec(part: Part, itemsize: int) -> FrozenMap:
    name = part.value.get("id") if isinstance(part.value, dict) else None
    if not isinstance(name, str) or not name:
        part.error(f"is {shown(part.value)}; a codec is an object with an id. Mend the document.")
        return codec("?")
    said = part.others("id")
    if name not in _DEFAULTS or (name == "crc32c" and said):
        return codec(_PREFIX + name, said)
    configuration: dict[str, Json] = {**_DEFAULTS[name], **said}
    if name == "gzip" and configuration["level"] == -1:
        configuration["level"] = _ZLIB_DEFAULT
    if name == "blosc":
        shuffle = configuration["shuffle"]
        if shuffle == _AUTO_SHUFFLE:
            shuffle = 2 if itemsize == 1 else 1
        if type(shuffle) is not int or shuffle not in range(len(_SHUFFLES)):
            part.error(f"is {shown(thaw(shuffle))}; it must be -1, 0, 1 or 2. Mend the document.", at="shuffle")
            shuffle = 0
        configuration["shuffle"] = _SHUFFLES[shuffle]
    return codec(name, FrozenMap(configuration))


# -- writing -----------------------------------------------------------------------------------------------------------


def write_array(array: ArraySpec) -> dict[str, Any]:
    """The ``.zarray`` of an array."""
    kind, size = DTYPES[array.dtype]
    order = "|" if size == 1 else ">" if array.serializer == BIG else "<"
    filters = list(array.filters)
    is_fortran = len(array.shape) > 1 and bool(filters) and filters[0] == reversed_axes(len(array.shape))
    if is_fortran:
        del filters[0]
    if array.serializer is not None and array.serializer != BIG:
        filters.append(array.serializer)
    filters += array.compressors
    is_compressed = bool(filters) and name_of(filters[-1]) not in ARRAY_TO_ARRAY
    compressor = _write_codec(filters.pop()) if is_compressed else None
    return {
        "zarr_format": 2,
        "shape": list(array.shape),
        "chunks": list(array.chunks),
        "dtype": f"{order}{kind}{size}",
        "compressor": compressor,
        "fill_value": None if array.fill_value is None else write_fill_value(array.fill_value, array.dtype),
        "order": "F" if is_fortran else "C",
        "filters": list(map(_write_codec, filters)) or None,
        "dimension_separator": array.separator,
    }


def _write_codec(entry: FrozenMap) -> dict[str, Any]:
    name = name_of(entry)
    configuration = thaw(configuration_of(entry))
    if name == "blosc" and configuration.get("shuffle") in _SHUFFLES:
        configuration["shuffle"] = _SHUFFLES.index(configuration["shuffle"])
    if name == "zstd" and not configuration.get("checksum"):
        configuration.pop("checksum", None)  # older readers of Zarr v2 do not know it
    return {"id": name.removeprefix(_PREFIX), **configuration}


def faults(array: ArraySpec) -> Iterator[tuple[str, str]]:
    """What of an array Zarr v2 cannot say: the field, and what is wrong."""
    if array.shards is not None:
        yield "shards", "OME-NGFF 0.4 has no shards. Make it without (rechunk), or write 0.5."
    if array.key_encoding == "default":
        yield "key_encoding", "OME-NGFF 0.4 has the keys of Zarr v2 only. Leave it out, or write 0.5."
    listed = [*array.filters, *array.compressors]
    is_transposed = bool(listed) and name_of(listed[0]) == "transpose"
    if is_transposed and len(array.shape) > 1 and listed[0] == reversed_axes(len(array.shape)):
        del listed[0]
    if array.serializer is not None and array.serializer != BIG:
        listed.append(array.serializer)
    for entry in listed:
        name = name_of(entry)
        own = name.removeprefix(_PREFIX)
        if name != own and own in _DEFAULTS and not (own == "crc32c" and configuration_of(entry)):
            yield "codecs", f"what is {name!r} there would be read again as {own!r}. Call it so (rechunk)."
        elif name == own and name not in _DEFAULTS:
            yield "codecs", f"Zarr v2 has no codec {name!r} that works so. Choose others (rechunk), or write 0.5."
    fault = "" if array.fill_value is None else fill_value_fault(array.fill_value, array.dtype)
    if fault:
        yield "fill_value", fault
    if isinstance(array.fill_value, str) and array.fill_value.startswith("0x"):
        yield "fill_value", f"{array.fill_value} is a NaN that only 0.5 can say. Take 'NaN'."
