"""What the documents of arrays have in common in Zarr v2 and v3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ngff_fn.codecs.parts import Part, is_integer, shown
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import ArraySpec

UNREAD = ArraySpec(shape=(), dtype="uint8", chunks=())
"""Stands for an array whose document was not read yet, or could not be, which was noted."""

LITTLE = FrozenMap({"name": "bytes", "configuration": FrozenMap({"endian": "little"})})
BIG = FrozenMap({"name": "bytes", "configuration": FrozenMap({"endian": "big"})})

_INTEGERS = frozenset({int})
_PLAIN = frozenset({int, str, bool})

ARRAY_TO_ARRAY = frozenset({
    "transpose", "reshape", "scale_offset", "cast_value", "bitround", "numcodecs.delta", "numcodecs.fixedscaleoffset",
    "numcodecs.quantize", "numcodecs.bitround", "numcodecs.astype", "numcodecs.packbits",
})  # fmt: skip
ARRAY_TO_BYTES = frozenset({
    "bytes", "sharding_indexed", "packbits", "vlen-utf8", "vlen-bytes", "zfp", "pcodec", "numcodecs.zfpy",
    "numcodecs.pcodec",
})  # fmt: skip


def read_sizes(part: Part | None, owner: Part, name: str, least: int) -> tuple[int, ...] | None:
    """A list of integers of which none is below ``least``, such as a shape; None if it is none, which is noted."""
    if part is None:
        owner.error("is not there. Mend the document.", at=name)
        return None
    if not part.is_list():
        return None
    wrong = [index for index, size in enumerate(part.value) if not is_integer(size, least)]
    for index in wrong:
        message = f"is {shown(part.value[index])}; it must be an integer from {least} on. Mend the document."
        part.error(message, at=index)
    return None if wrong else tuple(part.value)


def sound_sizes(sizes: Any, least: int) -> tuple[int, ...] | None:
    """A list of sizes as it must be; None where ``read_sizes`` has to look, which would note something."""
    if type(sizes) is not list or not _INTEGERS.issuperset(map(type, sizes)):
        return None
    return tuple(sizes) if not sizes or (min(sizes) >= least and max(sizes) < 2**63) else None


def read_chunks(part: Part | None, owner: Part, name: str, ndim: int | None) -> tuple[int, ...] | None:
    """The shape of a chunk: as many sizes as the array has dimensions, none of them 0."""
    chunks = read_sizes(part, owner, name, 1)
    if chunks is not None and ndim is not None and len(chunks) != ndim:
        owner.error(f"has {len(chunks)} sizes, and the array {ndim} dimensions. Mend the document.", at=name)
        return None
    return chunks


def are_plain(configuration: dict[str, Any]) -> bool:
    """Whether all that a codec is told are texts, integers and truths: what stays as it is."""
    return _PLAIN.issuperset(map(type, configuration.values()))


def codec(name: str, configuration: FrozenMap | None = None) -> FrozenMap:
    """A codec in the normal form of ``ArraySpec``: no configuration where there is nothing to configure."""
    return FrozenMap({"name": name, "configuration": configuration}) if configuration else FrozenMap({"name": name})


def name_of(entry: FrozenMap) -> str:
    """The name of a codec."""
    return str(entry["name"])


def configuration_of(entry: FrozenMap) -> FrozenMap:
    """The configuration of a codec; nothing where it has none."""
    configuration = entry.get("configuration")
    return configuration if isinstance(configuration, FrozenMap) else FrozenMap()


def reversed_axes(ndim: int) -> FrozenMap:
    """The transposition that Zarr v2 calls order F."""
    return codec("transpose", FrozenMap({"order": tuple(reversed(range(ndim)))}))


def stages(names: Sequence[str]) -> tuple[int, int]:
    """Where the codecs that make bytes of the array, and those that change bytes, begin in a list of all.

    Both are the same where none that is known makes bytes of the array: Zarr v2 does that by itself.

    >>> stages(["transpose", "bytes", "zstd"]), stages(["numcodecs.delta", "numcodecs.zlib"])
    ((1, 2), (1, 1))
    """
    for index, name in enumerate(names):
        if name in ARRAY_TO_BYTES:
            return index, index + 1
    for index, name in enumerate(names):
        if name not in ARRAY_TO_ARRAY:
            return index, index
    return len(names), len(names)
