"""Codecs as a caller gives them, one after the other in the notation of Zarr v3, taken apart into their three kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.errors import InvalidValueError, NgffError, Problem, UnsupportedError, WrongTypeError
from ngff_fn.frozen_json import EMPTY, FrozenMap, Json, freeze
from ngff_fn.records.arrays import DEFAULT_COMPRESSORS, DTYPES

Kind = Literal["filter", "serializer", "compressor"]


def _names(prefix: str, names: str, kind: Kind) -> dict[str, Kind]:
    return {f"{prefix}{name}": kind for name in names.split()}


# From array to array, from array to bytes, from bytes to bytes: the order that the specification of Zarr v3 demands.
KINDS: dict[str, Kind] = {
    "transpose": "filter",
    "bytes": "serializer",
    **_names("", "blosc zstd gzip crc32c", "compressor"),
    **_names("numcodecs.", "delta bitround fixedscaleoffset quantize packbits astype", "filter"),
    **_names("numcodecs.", "pcodec zfpy", "serializer"),
    **_names("numcodecs.", "lz4 zlib bz2 lzma shuffle crc32 adler32 fletcher32 jenkins_lookup3", "compressor"),
}
_ORDER: tuple[Kind, ...] = ("filter", "serializer", "compressor")

_BLOSC = DEFAULT_COMPRESSORS[0]["configuration"]
_DEFAULTS: dict[str, Json] = {
    "blosc": _BLOSC,
    "zstd": FrozenMap({"level": 0, "checksum": False}),
    "gzip": FrozenMap({"level": 5}),
}


@frozen(kw_only=True)
class Chain:
    """Codecs by kind, as ``ArraySpec`` holds them."""

    filters: tuple[FrozenMap, ...] = ()
    serializer: FrozenMap | None = None
    compressors: tuple[FrozenMap, ...] = field(default=DEFAULT_COMPRESSORS)


def codec_chain(codecs: Any, location: str = "codecs") -> Chain:
    """Codecs by kind, from names and mappings in the order in which they encode.

    Parameters
    ----------
    codecs
        Each the name of a codec that needs no configuration (``"zstd"``), or a mapping with ``name`` and
        ``configuration``; none of them compresses nothing. None: Blosc with zstd, level 1, bit shuffle.
    location
        What the caller calls them.

    Raises
    ------
    NgffError
        With all that is wrong: UnsupportedError for a codec that is not known, else a ValueError or TypeError.

    >>> codec_chain(["bytes", {"name": "gzip", "configuration": {"level": 1}}]).compressors
    (FrozenMap({'name': 'gzip', 'configuration': FrozenMap({'level': 1})}),)
    >>> codec_chain(["sharding_indexed"])
    Traceback (most recent call last):
    ngff_fn.errors.InvalidValueError: codecs[0]: shards are asked for with shards_ratio. Leave sharding_indexed out, ...
    """
    if codecs is None:
        return Chain()
    if not is_sequence(codecs):
        message = f"{codecs!r} is no sequence of codecs. Give names or mappings, as in codecs=['zstd']."
        raise WrongTypeError(Problem(location, message))
    found: list[tuple[Kind, FrozenMap]] = []
    problems: list[Problem] = []
    error: type[NgffError] = UnsupportedError
    for number, codec in enumerate(codecs):
        try:
            found.append(_codec(codec, f"{location}[{number}]"))
        except NgffError as refusal:
            problems += refusal.problems
            error = type(refusal) if error is UnsupportedError else error
    kinds = [kind for kind, _ in found]
    if kinds != sorted(kinds, key=_ORDER.index) or kinds.count("serializer") > 1:
        order = "filters come first, then at most one serializer, then compressors"
        names = ", ".join(str(codec["name"]) for _, codec in found)
        problems.append(Problem(location, f"{names}: {order}. Reorder them, or leave one out."))
        error = InvalidValueError
    if problems:
        raise error(*problems)
    serializers = [codec for kind, codec in found if kind == "serializer" and not _is_plain(codec)]
    return Chain(
        filters=tuple(codec for kind, codec in found if kind == "filter"),
        serializer=serializers[0] if serializers else None,
        compressors=tuple(codec for kind, codec in found if kind == "compressor"),
    )


def _codec(codec: Any, location: str) -> tuple[Kind, FrozenMap]:
    """One codec with its kind and its whole configuration."""
    document = {"name": codec} if isinstance(codec, str) else codec
    if not isinstance(document, Mapping) or not isinstance(document.get("name"), str):
        message = f"{codec!r} is neither a name nor a mapping with a name and a configuration. Give one of these."
        raise WrongTypeError(Problem(location, message))
    name: str = document["name"]
    if name == "sharding_indexed":
        cure = "Leave sharding_indexed out, and its inner codecs in."
        raise InvalidValueError(Problem(location, f"shards are asked for with shards_ratio. {cure}"))
    if name not in KINDS:
        raise UnsupportedError(Problem(location, f"no codec {name!r} is known. Take one of {', '.join(KINDS)}."))
    try:
        configuration = freeze(document.get("configuration") or {})
    except TypeError as error:
        raise WrongTypeError(Problem(location, f"{error}. Write numbers, texts, lists and mappings.")) from error
    if not isinstance(configuration, FrozenMap):
        message = f"the configuration {configuration!r} is no mapping. Give one, or leave it out."
        raise WrongTypeError(Problem(location, message))
    if name == "transpose" and "order" not in configuration:
        raise InvalidValueError(Problem(location, "transpose needs its order in the configuration. Say it."))
    configuration = _completed(name, configuration, location)
    return KINDS[name], FrozenMap({"name": name, "configuration": configuration} if configuration else {"name": name})


def _completed(name: str, configuration: FrozenMap, location: str) -> FrozenMap:
    """A configuration with what it leaves out; one that Blosc would not understand is refused."""
    default = _DEFAULTS.get(name, EMPTY)
    if isinstance(default, FrozenMap):
        configuration = FrozenMap({**default, **configuration})
    configuration = FrozenMap({key: value for key, value in configuration.items() if value is not None})
    if name != "blosc":
        return configuration
    allowed: dict[str, tuple[Json, ...]] = {
        "cname": ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"),
        "clevel": tuple(range(10)),
        "shuffle": ("noshuffle", "shuffle", "bitshuffle"),
    }
    problems = [
        Problem(
            f"{location}.{key}", f"{configuration[key]!r} is none of {', '.join(map(str, values))}. Take one of them."
        )
        for key, values in allowed.items()
        if configuration[key] not in values
    ]
    if problems:
        raise InvalidValueError(*problems)
    return configuration.without("typesize")  # follows the dtype


def serializer_for(serializer: FrozenMap | None, dtype: str) -> FrozenMap | None:
    """A serializer as an ``ArraySpec`` of a dtype holds it: elements of one byte have no byte order.

    >>> big = FrozenMap({"name": "bytes", "configuration": FrozenMap({"endian": "big"})})
    >>> serializer_for(big, "uint8"), serializer_for(big, "uint16") == big
    (None, True)
    """
    if serializer is not None and serializer["name"] == "bytes" and DTYPES[dtype][1] == 1:
        return None
    return serializer


def _is_plain(serializer: FrozenMap) -> bool:
    """Whether a serializer is the usual one, bytes in little endian, which an ``ArraySpec`` leaves out."""
    configuration = serializer.get("configuration", EMPTY)
    return serializer["name"] == "bytes" and configuration in (EMPTY, FrozenMap({"endian": "little"}))
