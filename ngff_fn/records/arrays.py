"""Arrays: what has to be known to create one, and nothing about what is in it; neither Zarr v2 nor v3."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from attrs import field, frozen

from ngff_fn.frozen_json import FrozenMap, Json

DEFAULT_COMPRESSORS: tuple[FrozenMap, ...] = (
    FrozenMap(
        {
            "name": "blosc",
            "configuration": FrozenMap({"cname": "zstd", "clevel": 1, "shuffle": "bitshuffle", "blocksize": 0}),
        }
    ),
)
"""Blosc with zstd, level 1, bit shuffle."""

LARGEST = 2**63 - 1
"""Elements along an axis at most: what the 64 bits of every implementation hold."""

MAX_CHUNK_BYTES = 16 * 2**20

# kind and bytes of one element, by Zarr v3 name
DTYPES: dict[str, tuple[Literal["b", "u", "i", "f", "c"], int]] = {
    "bool": ("b", 1),
    "uint8": ("u", 1), "uint16": ("u", 2), "uint32": ("u", 4), "uint64": ("u", 8),
    "int8": ("i", 1), "int16": ("i", 2), "int32": ("i", 4), "int64": ("i", 8),
    "float16": ("f", 2), "float32": ("f", 4), "float64": ("f", 8),
    "complex64": ("c", 8), "complex128": ("c", 16),
}  # fmt: skip


@frozen(kw_only=True)
class ArraySpec:
    """What has to be known to create an array.

    Parameters
    ----------
    shape
        Elements per axis.
    dtype
        The Zarr v3 name, such as ``uint16``.
    chunks
        Elements per axis of a chunk; with shards, of an inner chunk.
    shards
        Elements per axis of a shard (a multiple of chunks); None without sharding.
    filters, serializer, compressors
        The codecs array to array, array to bytes, bytes to bytes, in the notation of Zarr v3 (those that only Zarr v2
        knows are called ``numcodecs.<id>``). A serializer of None is ``bytes``, little endian. Blosc has no
        ``typesize``
        here: it follows the dtype.
    shard_index
        ``index_codecs`` and ``index_location``, where they differ from the usual (little endian, crc32c; end).
    fill_value
        In the JSON spelling of Zarr v3 (``"NaN"``, ``"Infinity"``); None where a Zarr v2 document has null.
    separator
        Between the numbers of a chunk's key.
    key_encoding
        ``v2`` or ``default`` where it is not the version's own.
    dimension_names
        None: those of the axes, as the version demands. Else what the document has; ``()`` where it has none but
        should.
    """

    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None
    filters: tuple[FrozenMap, ...] = ()
    serializer: FrozenMap | None = None
    compressors: tuple[FrozenMap, ...] = field(default=DEFAULT_COMPRESSORS)
    shard_index: FrozenMap | None = None
    fill_value: Json = 0
    separator: Literal["/", "."] = "/"
    key_encoding: Literal["v2", "default"] | None = None
    dimension_names: tuple[str | None, ...] | None = None

    @property
    def write_unit(self) -> tuple[int, ...]:
        """Elements per axis of what is written as one object: the shard where there are shards, else the chunk."""
        return self.shards or self.chunks

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return DTYPES[self.dtype][1]

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array, uncompressed."""
        return prod(self.shape) * self.itemsize


def same_encoding(left: ArraySpec, right: ArraySpec) -> bool:
    """Whether a write unit of one is, as bytes and under its key, a write unit of the other."""
    return _encoding(left) == _encoding(right)


def _encoding(array: ArraySpec) -> tuple[object, ...]:
    return (
        array.dtype, array.chunks, array.shards, array.filters, array.serializer, array.compressors,
        array.shard_index, FrozenMap({"fill": array.fill_value}),
    )  # fmt: skip


def same_keys(left: ArraySpec, right: ArraySpec) -> bool:
    """Whether write units of both stand under the same names."""
    return (left.separator, left.key_encoding) == (right.separator, right.key_encoding)


def default_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Ones and the last three axes, halved from the first of these on while a chunk is above 16 MiB.

    >>> default_chunks((5, 2, 64, 2048, 2048), 2)
    (1, 1, 2, 2048, 2048)
    >>> default_chunks((0, 7), 8)
    (1, 7)
    """
    chunks = [1] * max(0, len(shape) - 3) + [max(1, size) for size in shape[-3:]]
    for axis in range(max(0, len(shape) - 3), len(shape)):
        while chunks[axis] > 1 and prod(chunks) * itemsize > MAX_CHUNK_BYTES:
            chunks[axis] = -(-chunks[axis] // 2)
    return tuple(chunks)


def converts_safely(source: str, target: str) -> bool:
    """Whether every value of one dtype may be put into another: exactly, or rounded between floats.

    >>> converts_safely("uint8", "int16"), converts_safely("int64", "uint16"), converts_safely("float64", "float32")
    (True, False, True)
    """
    if source not in DTYPES or target not in DTYPES:
        return source == target
    (kind, size), (to, room) = DTYPES[source], DTYPES[target]
    match kind, to:
        case ("b", _):
            return True
        case ("u", "u") | ("i", "i"):
            return size <= room
        case ("u", "i"):
            return size < room
        case ("u" | "i", "f"):
            return size < room or size == room == 8
        case ("u" | "i", "c"):
            return 2 * size < room or size == 8
        case ("f", "f") | ("c", "c") | ("f", "c"):
            return True
        case _:
            return False
