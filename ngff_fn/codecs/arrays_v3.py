"""The documents of arrays in Zarr v3, ``zarr.json``, as they are in OME-NGFF 0.5."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from operator import mod
from typing import Any, Literal, TypeAlias

from ngff_fn.codecs.arrays import (
    ARRAY_TO_ARRAY,
    ARRAY_TO_BYTES,
    BIG,
    LITTLE,
    UNREAD,
    are_plain,
    codec,
    configuration_of,
    name_of,
    read_chunks,
    read_sizes,
    sound_sizes,
    stages,
)
from ngff_fn.codecs.fill_values import fill_value_fault, is_sound_integer, read_fill_value, write_fill_value
from ngff_fn.codecs.parts import Part, shown
from ngff_fn.errors import Problem
from ngff_fn.frozen_json import EMPTY, FrozenMap, Json, freeze, thaw
from ngff_fn.records.arrays import DTYPES, ArraySpec

_MEMBERS = frozenset({
    "zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
    "attributes", "dimension_names", "storage_transformers", "consolidated_metadata",
})  # fmt: skip
_SOUND_MEMBERS = _MEMBERS - {"storage_transformers"}
_SHARDING = "sharding_indexed"
_SHARD_INDEX = FrozenMap({"index_codecs": (LITTLE, codec("crc32c")), "index_location": "end"})
_USUAL_INDEX = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
_SEPARATORS: dict[str, Literal["/", "."]] = {"default": "/", "v2": "."}

# What zarr-python takes where a document leaves something out.
_DEFAULTS: dict[str, dict[str, Json]] = {
    "blosc": {"cname": "zstd", "clevel": 5, "shuffle": "shuffle", "blocksize": 0},
    "zstd": {"level": 0, "checksum": False},
    "gzip": {"level": 5},
}
_BEFORE_BYTES = ARRAY_TO_ARRAY | ARRAY_TO_BYTES
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")

_Fields: TypeAlias = dict[str, Any]  # of an ArraySpec: those that the codecs say


# -- reading -----------------------------------------------------------------------------------------------------------


def read_array(part: Part, axes: tuple[str, ...] | None = None) -> ArraySpec:
    """What a ``zarr.json`` says of an array.

    Names of dimensions are its own only where they are not those of the ``axes``, as they must be.
    """
    if not part.is_object():
        return UNREAD
    if part.value.get("zarr_format") != 3:
        part.error(f"is {shown(part.value.get('zarr_format'))}; it must be 3.", "store.zarr_format", at="zarr_format")
    if part.value.get("node_type") != "array":
        message = f"is {shown(part.value.get('node_type'))}; the path must lead to an array."
        part.error(message, "image.datasets.path.exists", at="node_type")
        return UNREAD
    note_extensions(part, _MEMBERS)
    shape = read_sizes(part.get("shape"), part, "shape", 0)
    ndim = None if shape is None else len(shape)
    chunks = _read_grid(part, ndim)
    dtype = _read_dtype(part)
    encoding, separator = _read_key_encoding(part)
    codecs = _read_codecs(part, chunks, DTYPES[dtype][1] if dtype else 1)
    names = _read_dimension_names(part, ndim)
    fill_value: Json = 0
    if "fill_value" not in part.value:
        part.error("is not there. Mend the document.", at="fill_value")
    elif dtype:
        fill_value = read_fill_value(part["fill_value"], dtype)
    if shape is None or chunks is None or not dtype:
        return UNREAD
    if names and axes is not None and names != axes:
        message = f"are not the names of the axes, {', '.join(axes)}; the axes are what counts."
        part.lenient(message, "store.dimension_names.match", at="dimension_names")
    return ArraySpec(
        shape=shape,
        dtype=dtype,
        fill_value=fill_value,
        separator=separator,
        key_encoding=encoding,
        dimension_names=None if names and names == axes else names,
        **{"chunks": chunks, **codecs},
    )


def sound_array(said: dict[str, Any], axes: tuple[str, ...]) -> ArraySpec | None:
    """An array whose document is as it must be; None where ``read_array`` has to look, which would note something.

    Only codecs that are found everywhere are known here, and the attributes are the caller's.
    """
    if said.get("zarr_format") != 3 or said.get("node_type") != "array" or not said.keys() <= _SOUND_MEMBERS:
        return None
    shape, dtype, names = sound_sizes(said.get("shape"), 0), said.get("data_type"), said.get("dimension_names")
    grid, encoding, fill_value = said.get("chunk_grid"), said.get("chunk_key_encoding"), said.get("fill_value")
    if not shape or type(dtype) is not str or dtype not in DTYPES or names != list(axes) or len(axes) != len(shape):
        return None
    if _of(grid) != "regular" or (by := _of(encoding)) not in _SEPARATORS:
        return None
    chunks = sound_sizes(_configuration(grid).get("chunk_shape"), 1)
    separator = _configuration(encoding).get("separator", _SEPARATORS[by])
    if chunks is None or len(chunks) != len(shape) or separator not in ("/", "."):
        return None
    if not is_sound_integer(fill_value, dtype):
        noted: list[Problem] = []
        fill_value = read_fill_value(Part(fill_value, "", noted), dtype)
        if noted:
            return None
    entries, shards, size = said.get("codecs"), None, DTYPES[dtype][1]
    if type(entries) is list and len(entries) == 1 and _of(entries[0]) == _SHARDING:
        inside = _configuration(entries[0])
        shards, chunks, entries = chunks, sound_sizes(inside.get("chunk_shape"), 1), inside.get("codecs")
        is_usual = inside.get("index_codecs") == _USUAL_INDEX and inside.get("index_location", "end") == "end"
        if not is_usual or chunks is None or len(chunks) != len(shards) or any(map(mod, shards, chunks)):
            return None
    compressors = _sound_codecs(entries, size)
    if compressors is None:
        return None
    return ArraySpec(
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        compressors=compressors,
        fill_value=fill_value,
        separator="." if separator == "." else "/",
        key_encoding="v2" if by == "v2" else None,
    )


def _sound_codecs(entries: Any, itemsize: int) -> tuple[FrozenMap, ...] | None:
    """Those after ``bytes``, in little endian."""
    if type(entries) is not list or not entries or _of(entries[0]) != "bytes":
        return None
    if itemsize > 1 and _configuration(entries[0]).get("endian") != "little":
        return None
    compressors: list[FrozenMap] = []
    for entry in entries[1:]:
        name, configuration = _of(entry), _configuration(entry)
        if name not in _DEFAULTS or not are_plain(configuration):
            return None
        said = {**_DEFAULTS[name], **configuration}
        if name == "blosc":
            if configuration.get("shuffle") not in _SHUFFLES:
                return None
            said.pop("typesize", None)
        compressors.append(codec(name, FrozenMap(said)))
    return tuple(compressors)


def _of(extension: Any) -> str:
    """The name of an extension point that is an object with a name, and with a configuration or without; else ""."""
    if type(extension) is not dict or type(_configuration(extension)) is not dict:
        return ""
    name = extension.get("name")
    return name if type(name) is str else ""


def _configuration(extension: Any) -> Any:
    return extension.get("configuration", {}) if type(extension) is dict else {}


def note_extensions(part: Part, known: Collection[str]) -> None:
    """Refuse what must be understood and is not; ``known``: the members that are.

    "An implementation MUST fail to open Zarr groups or arrays if any metadata fields are present which (a) the
    implementation does not recognize and (b) are not explicitly set to "must_understand": false" (Zarr v3).
    """
    for key, value in part.value.items():
        if key not in known and not (isinstance(value, dict) and value.get("must_understand") is False):
            part.error(
                "is an extension that must be understood, and is not known. Use a program that knows it.", at=key
            )
    transformers = part.value.get("storage_transformers")
    if transformers not in (None, []):
        message = "storage transformers are not supported. Use a program that knows them."
        part.error(message, at="storage_transformers")


def _read_extension(part: Part | None, owner: Part, key: str) -> tuple[str, dict[str, Any]]:
    """The name and the configuration of what Zarr v3 calls an extension point; "" where there is no name."""
    if part is None:
        owner.error("is not there. Mend the document.", at=key)
        return "", {}
    if part.value and isinstance(part.value, str):  # "if no configuration is needed, the name alone may stand"
        return part.value, {}
    name = part.value.get("name") if isinstance(part.value, dict) else None
    configuration = part.value.get("configuration", {}) if isinstance(part.value, dict) else {}
    if not isinstance(name, str) or not name or not isinstance(configuration, dict | None):
        part.error(f"is {shown(part.value)}; it must be an object with a name and a configuration. Mend the document.")
        return "", {}
    return name, configuration or {}


def _read_grid(part: Part, ndim: int | None) -> tuple[int, ...] | None:
    grid = part.get("chunk_grid")
    name, configuration = _read_extension(grid, part, "chunk_grid")
    if grid is None or not name:
        return None
    if name != "regular":
        grid.error(f"is {shown(name)}; only regular grids are supported. Write the array anew with one.")
        return None
    inside = Part(configuration, grid.at("configuration"), part.problems)
    return read_chunks(inside.get("chunk_shape"), inside, "chunk_shape", ndim)


def _read_dtype(part: Part) -> str:
    said = part.get("data_type")
    name, _ = _read_extension(said, part, "data_type")
    if said is not None and name and name not in DTYPES:
        said.error(f"is {shown(name)}; only booleans, integers, floats and complex numbers are supported.")
    return name if name in DTYPES else ""


def _read_key_encoding(part: Part) -> tuple[Literal["v2"] | None, Literal["/", "."]]:
    said = part.get("chunk_key_encoding")
    name, configuration = _read_extension(said, part, "chunk_key_encoding")
    if said is None or not name:
        return None, "/"
    if name not in _SEPARATORS:
        said.error(f"is {shown(name)}; only 'default' and 'v2' are supported. Write the array anew with one of them.")
        return None, "/"
    separator = configuration.get("separator", _SEPARATORS[name])
    if separator not in ("/", "."):
        said.error(f"is {shown(separator)}; it must be '/' or '.'.", at="configuration.separator")
    return "v2" if name == "v2" else None, "." if separator == "." else "/"


def _read_dimension_names(part: Part, ndim: int | None) -> tuple[str | None, ...]:
    """The names of the dimensions; () where there are none."""
    said = part["dimension_names"] if part.value.get("dimension_names") is not None else None
    if said is None:
        part.lenient(
            "is not there; read as the names of the axes.", "store.dimension_names.present", at="dimension_names"
        )
        return ()
    elements = said.elements("store.dimension_names.present")
    if not all(element.value is None or isinstance(element.value, str) for element in elements):
        said.error("each name must be a text, or null. Mend the document.", "store.dimension_names.present")
        return ()
    if ndim is not None and len(elements) != ndim:
        message = f"has {len(elements)} names, and the array {ndim} dimensions. Mend the document."
        said.error(message, "store.dimension_names.present")
        return ()
    return tuple(element.value for element in elements)


def _read_codecs(part: Part, chunks: tuple[int, ...] | None, itemsize: int) -> _Fields:
    entries = part.entries("codecs")
    if not entries:
        return {}
    if len(entries) == 1 and isinstance(entries[0].value, dict) and entries[0].value.get("name") == _SHARDING:
        return _read_sharding(entries[0], chunks, itemsize)
    return _sorted(part, entries, itemsize)


def _sorted(owner: Part, entries: list[Part], itemsize: int) -> _Fields:
    """The codecs by what they do: exactly one makes bytes of the array."""
    codecs = [_read_codec(entry, itemsize) for entry in entries]
    first, after = stages([name_of(entry) for entry in codecs])
    if first == len(codecs):
        owner.error("no codec makes bytes of the array. Mend the document.", at="codecs")
        return {}
    after = max(after, first + 1)  # one that is not known, where it must do that
    serializer: FrozenMap | None = codecs[first]
    if serializer == LITTLE:
        serializer = None
    return {"filters": tuple(codecs[:first]), "serializer": serializer, "compressors": tuple(codecs[after:])}


def _read_sharding(part: Part, chunks: tuple[int, ...] | None, itemsize: int) -> _Fields:
    _, said = _read_extension(part, part, "name")
    inside = Part(said, part.at("configuration"), part.problems)
    ndim = None if chunks is None else len(chunks)
    inner = read_chunks(inside.get("chunk_shape"), inside, "chunk_shape", ndim)
    if inner and chunks and any(outer % size for outer, size in zip(chunks, inner, strict=True)):
        message = f"{list(inner)} does not divide the shard, {list(chunks)}. Mend the document."
        inside.error(message, at="chunk_shape")
    entries = inside.entries("codecs")
    codecs = _sorted(inside, entries, itemsize) if entries else {}
    index: dict[str, Json] = {}
    indexed = inside.get("index_codecs")
    if indexed is not None:
        index["index_codecs"] = tuple(_read_codec(entry, 8) for entry in indexed.elements())
    if "index_location" in said:
        if said["index_location"] not in ("start", "end"):
            inside.error(f"is {shown(said['index_location'])}; it must be 'start' or 'end'.", at="index_location")
        else:
            index["index_location"] = said["index_location"]
    unusual = FrozenMap({key: value for key, value in index.items() if value != _SHARD_INDEX[key]})
    return {**codecs, "chunks": inner or (), "shards": chunks, "shard_index": unusual or None}


def _read_codec(part: Part, itemsize: int) -> FrozenMap:
    name, configuration = _read_extension(part, part, "name")
    if name == "bytes":
        return _read_bytes(part, configuration, itemsize)
    if name == "crc32c":
        return codec("crc32c")
    said = {key: freeze(value) for key, value in configuration.items() if value is not None}
    if name == "blosc":
        said.pop("typesize", None)  # that follows the dtype
        said["shuffle"] = _read_shuffle(part, said.get("shuffle"), itemsize)
    return codec(name or "?", FrozenMap({**_DEFAULTS.get(name, {}), **said}))


def _read_bytes(part: Part, configuration: Mapping[str, Any], itemsize: int) -> FrozenMap:
    endian = configuration.get("endian")
    if itemsize == 1:
        return LITTLE
    if endian not in ("little", "big"):
        part.lenient(f"is {shown(endian)}; read as 'little'.", at="configuration.endian")
        return LITTLE
    return LITTLE if endian == "little" else BIG


def _read_shuffle(part: Part, shuffle: Json, itemsize: int) -> Json:
    if shuffle is None:
        return "bitshuffle" if itemsize == 1 else "shuffle"
    if type(shuffle) is int and shuffle in range(len(_SHUFFLES)):
        shuffle = _SHUFFLES[shuffle]
        part.lenient(f"is the number of Zarr v2; it must be {shuffle!r}.", at="configuration.shuffle")
    elif shuffle not in _SHUFFLES:
        part.error(f"is {shown(thaw(shuffle))}; it must be one of {', '.join(_SHUFFLES)}.", at="configuration.shuffle")
    return shuffle


# -- writing -----------------------------------------------------------------------------------------------------------


def write_array(array: ArraySpec) -> dict[str, Any]:
    """The ``zarr.json`` of an array, without attributes; names of dimensions are as the record has them."""
    itemsize = array.itemsize
    codecs = [
        _write_codec(entry, itemsize) for entry in (*array.filters, array.serializer or LITTLE, *array.compressors)
    ]
    if array.shards is not None:
        index = FrozenMap({**_SHARD_INDEX, **(array.shard_index or EMPTY)})
        indexed = index["index_codecs"]
        configuration = {
            "chunk_shape": list(array.chunks),
            "codecs": codecs,
            "index_codecs": [
                _write_codec(entry, 8)
                for entry in (indexed if isinstance(indexed, tuple) else ())
                if isinstance(entry, FrozenMap)
            ],
            "index_location": index["index_location"],
        }
        codecs = [{"name": _SHARDING, "configuration": configuration}]
    # "fill_value" must be there, and has no null: nothing said is zero
    fill_value = write_fill_value(0 if array.fill_value is None else array.fill_value, array.dtype)
    document: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": array.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(array.write_unit)}},
        "chunk_key_encoding": {
            "name": array.key_encoding or "default",
            "configuration": {"separator": array.separator},
        },
        "fill_value": fill_value,
        "codecs": codecs,
    }
    if array.dimension_names:
        document["dimension_names"] = list(array.dimension_names)
    return document


def _write_codec(entry: FrozenMap, itemsize: int) -> dict[str, Any]:
    name = name_of(entry)
    configuration = thaw(configuration_of(entry))
    if name == "bytes" and itemsize == 1:
        return {"name": name}
    if name == "blosc":
        configuration = {"typesize": itemsize, **configuration}
    is_plain = not configuration and not name.startswith("numcodecs.")  # of these zarr wants a configuration, if empty
    return {"name": name} if is_plain else {"name": name, "configuration": configuration}


def faults(array: ArraySpec) -> Iterator[tuple[str, str]]:
    """What of an array Zarr v3 cannot say: the field, and what is wrong."""
    misplaced = [entry for entry in array.filters if name_of(entry) in ARRAY_TO_BYTES]
    misplaced += [entry for entry in array.compressors if name_of(entry) in _BEFORE_BYTES]
    for entry in misplaced:
        yield "codecs", f"Zarr v3 cannot have {name_of(entry)!r} in that place. Choose others (rechunk), or write 0.4."
    if _is_turned(array):
        for entry in array.filters:
            if name_of(entry).startswith("numcodecs."):
                message = (
                    f"in Zarr v3 {name_of(entry)!r} gives other pixels where numbers are big endian, or axes turned."
                )
                yield "codecs", f"{message} Choose others (rechunk), or write 0.4."
    fault = "" if array.fill_value is None else fill_value_fault(array.fill_value, array.dtype)
    if fault:
        yield "fill_value", fault


def _is_turned(array: ArraySpec) -> bool:
    """Whether bytes or axes are in another order than in memory: filters of numcodecs take them as they lie there."""
    said = [value for entry in array.filters for value in configuration_of(entry).values()]
    is_big = array.serializer == BIG or any(isinstance(value, str) and value.startswith(">") for value in said)
    return is_big or any(name_of(entry) == "transpose" for entry in array.filters)
