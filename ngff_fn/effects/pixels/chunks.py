"""Write units as bytes, for the commonest encodings: little or big endian numbers, and what numcodecs makes smaller,
one chunk a file or many in a shard.

Zarr's own way to a chunk goes through an event loop and a selection, which takes as long again as the codecs. Whatever
is encoded otherwise (filters, other codecs, shards within shards) is left to it: for that there is no answer here. Both
ways give the same pixels.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import product
from math import prod
from operator import floordiv
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ngff_fn.effects.pixels.bounded import decoded, encoded_at_most, refuse_unholdable
from ngff_fn.effects.pixels.scalars import scalar
from ngff_fn.effects.pixels.sections import LEAST, Read, section, slab_of
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import Region

if TYPE_CHECKING:
    from numcodecs.abc import Codec

Block: TypeAlias = NDArray[Any]
Index: TypeAlias = tuple[int, ...]


class ChunkAt(Protocol):
    """The chunks of a file."""

    def __call__(self, place: Index, box: Region | None = None, /) -> Block:
        """The pixels of one of them, by its place in the file, or of a box of it."""
        ...


_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
_ENDIANS: dict[object, Literal["<", ">"]] = {"little": "<", "big": ">"}
_SETTINGS: dict[object, dict[str, type]] = {
    "blosc": {"cname": str, "clevel": int, "shuffle": int, "blocksize": int},
    "zstd": {"level": int, "checksum": bool},
    "gzip": {"level": int},
    "numcodecs.zlib": {"level": int},
}
"""The codecs that are the same in Zarr v2, v3 and numcodecs, and what is said of each."""

ZSTD_BLOCK = 2**20
"""The bytes of a block of Blosc with zstd, where an array leaves them open: "A value of 0 indicates that an automatic
size will be used" (Zarr v3, Blosc codec).

Blosc itself takes 32 KiB at level 1, made for codecs that look no further. With 1 MiB, zstd encodes in 0.4 to 0.7 of
the time at level 1, and as fast as before at others; whoever reads decodes in 0.4 to 0.9; and chunks become smaller.
"""


@frozen(kw_only=True, eq=False)
class ChunkCodec:
    """How the chunks of an array are bytes: numbers in C order, each codec after the one before it."""

    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    chunks: tuple[int, ...]
    fill: Any
    codecs: tuple[Codec, ...]

    @property
    def nbytes(self) -> int:
        """Of a chunk, decoded."""
        return prod(self.chunks) * self.stored.itemsize

    @property
    def most(self) -> int:
        """Bytes that an encoded chunk may have."""
        return encoded_at_most(len(self.codecs), self.nbytes)

    def chunks_in(self, read: Read, signature: Callable[[], object] | None = None) -> ChunkAt:
        """The chunks of a file by their place in it: there is one.

        ``signature`` says whether the file is the same as before; without it, boxes are cut from whole chunks.
        """

        def chunk_at(_: Index, box: Region | None = None) -> Block:
            return self.box_of(read, box, signature)

        return chunk_at

    def box_of(self, read: Read, box: Region | None, signature: Callable[[], object] | None) -> Block:
        """A box of a chunk; where it is a small part of a large chunk, the rest is not decoded if that can be."""
        if box is not None and signature is not None:
            before = signature()
            part = self._section(read, box)
            if part is not None and signature() == before:
                return part
        block = self.decode(read(0, self.most + 1))
        return block if box is None else block[tuple(slice(*bounds) for bounds in box)]

    def has_sections(self, read: Read) -> bool | None:
        """Whether parts of a chunk are decoded without the rest of it; None where there is no chunk."""
        if read(0, 1) is None:
            return None
        return section(read, self.codecs, self.nbytes, 0, self.stored.itemsize) is not None

    def _section(self, read: Read, box: Region) -> Block | None:
        slab = slab_of(box, self.chunks)
        size = self.stored.itemsize
        rest = self.nbytes - (slab.stop - slab.start) * size
        if rest < max(LEAST, self.nbytes // 2):
            return None
        found = section(read, self.codecs, self.nbytes, slab.start * size, slab.stop * size)
        if found is None:
            return None
        block = np.frombuffer(found, self.stored).reshape(slab.shape)[slab.inside]
        return block.astype(self.dtype, copy=False)

    def decode(self, data: bytes | None) -> Block:
        """The pixels of a chunk, all of it, which must not be changed; those of one that is not there are fill value.

        Raises
        ------
        Exception
            Whatever the codec raises, and ValueError where there are too few or too many bytes, or no memory holds
            a chunk.
        """
        if data is None:
            return np.broadcast_to(np.asarray(self.fill, self.dtype), self.chunks)
        nbytes = self.nbytes
        refuse_unholdable(nbytes, "a chunk")
        if len(data) > self.most:
            message = f"it has more than {self.most} bytes, and a chunk decodes to {nbytes}"
            raise ValueError(message)
        found: Any = data
        for before in range(len(self.codecs) - 1, -1, -1):
            found = decoded(self.codecs[before], found, encoded_at_most(before, nbytes))
        if memoryview(found).nbytes != nbytes:
            message = f"it has {memoryview(found).nbytes} bytes, and a chunk has {nbytes}"
            raise ValueError(message)
        return np.frombuffer(found, self.stored).reshape(self.chunks).astype(self.dtype, copy=False)

    def encode(self, block: Block) -> bytes | None:
        """The bytes of a chunk; None where it is all fill value. One that the end of the array cuts short is padded."""
        if self._is_fill(block):
            return None
        if block.shape != self.chunks:
            padded = np.full(self.chunks, self.fill, self.stored)
            padded[tuple(map(slice, block.shape))] = block
            block = padded
        encoded: Any = np.ascontiguousarray(block, self.stored)
        for codec in self.codecs:
            encoded = _encoded(codec, encoded)
        return encoded if isinstance(encoded, bytes) else memoryview(encoded).tobytes()

    def _is_fill(self, block: Block) -> bool:
        """By bits: 0.0 and -0.0 are two values, and a NaN is what it is."""
        bits = np.dtype((np.void, self.dtype.itemsize)) if self.dtype.kind == "c" else f"u{self.dtype.itemsize}"
        fill = np.asarray(self.fill, self.dtype).reshape(1).view(bits)[0]
        if not block.size or block[(0,) * block.ndim].view(bits) != fill:
            return False
        return bool((np.ascontiguousarray(block).view(bits) == fill).all())


def _encoded(codec: Codec, data: Any) -> Any:
    """What a codec makes of some bytes: the same whenever it does. Gzip would write down what time it was."""
    return gzip.compress(data, codec.level, mtime=0) if codec.codec_id == "gzip" else codec.encode(data)


_NOWHERE = 2**64 - 1
"""Of a chunk that has no bytes: "Empty inner chunks are denoted by setting both offset and nbytes to 2^64 - 1" (Zarr
v3, sharding codec, binary shard format)."""


@frozen(kw_only=True, eq=False)
class ShardCodec:
    """How shards are bytes: chunks in any order, then where each of them is, and a checksum of that.

    ``grid`` says how many chunks a shard has along each axis.
    """

    chunk: ChunkCodec
    grid: tuple[int, ...]
    checksum: Callable[[bytes], int]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return self.chunk.dtype

    def chunks_in(self, read: Read, signature: Callable[[], object] | None = None) -> ChunkAt:
        """The chunks of a file by their place in it; its index is read here, once for all of them.

        Raises
        ------
        Exception
            As ``ChunkCodec.decode``, also when a chunk is asked for; ValueError where the index is damaged.
        """
        size = 16 * prod(self.grid) + 4
        refuse_unholdable(size, "the index of a shard")
        index = read(-size, None)
        if index is None:
            return self.chunk.chunks_in(lambda _start, _stop: None)
        if len(index) != size or self.checksum(index[:-4]) != int.from_bytes(index[-4:], "little"):
            raise ValueError("the index of the shard is damaged")

        def chunk_at(place: Index, box: Region | None = None) -> Block:
            where = 16 * int(np.ravel_multi_index(place, self.grid))
            offset = int.from_bytes(index[where : where + 8], "little")
            nbytes = int.from_bytes(index[where + 8 : where + 16], "little")
            if offset == nbytes == _NOWHERE:
                return self.chunk.box_of(lambda _start, _stop: None, box, None)
            if nbytes > self.chunk.most:
                message = f"its shard says that it has {nbytes} bytes, and at most {self.chunk.most} may be"
                raise ValueError(message)

            def part_of(start: int, stop: int | None) -> bytes | None:
                end = nbytes if stop is None else min(stop, nbytes)
                data = read(offset + start, offset + end)
                if data is None or len(data) != end - start:
                    raise ValueError("the shard ends before its chunk does")
                return data

            return self.chunk.box_of(part_of, box, signature)

        return chunk_at

    def encode(self, block: Block) -> bytes | None:
        """The bytes of a shard; None where it is all fill value. Chunks that are so have no bytes."""
        chunks = self.chunk.chunks
        encoded: list[bytes] = []
        index = np.full((*self.grid, 2), _NOWHERE, "<u8")
        offset = 0
        for place in product(*map(range, self.grid)):
            part = block[tuple(slice(at * size, (at + 1) * size) for at, size in zip(place, chunks, strict=True))]
            data = self.chunk.encode(part) if part.size else None
            if data is not None:
                index[place] = offset, len(data)
                offset += len(data)
                encoded.append(data)
        if not encoded:
            return None
        said = index.tobytes()
        return b"".join([*encoded, said, self.checksum(said).to_bytes(4, "little")])


def _crc32c() -> Callable[[bytes], int] | None:
    try:
        from google_crc32c import value
    except ImportError:  # zarr before 3.1 brings another package for it
        return None
    checksum: Callable[[bytes], int] = value
    return checksum


crc32c = _crc32c()
"""The checksum of a shard's index; None where there is no package for it."""

UnitCodec: TypeAlias = ChunkCodec | ShardCodec


@lru_cache(maxsize=64)
def unit_codec(array: ArraySpec) -> UnitCodec | None:
    """How the write units of an array are bytes; None where zarr has to be asked.

    >>> codec = unit_codec(ArraySpec(shape=(8,), dtype="uint16", chunks=(2,), shards=(4,)))
    >>> data = codec.encode(np.array([1, 2, 3, 4], "uint16"))
    >>> codec.chunks_in(lambda start, stop: data[start:stop])((1,))
    array([3, 4], dtype=uint16)
    >>> print(unit_codec(ArraySpec(shape=(5,), dtype="uint8", chunks=(4,), serializer=FrozenMap({"name": "pcodec"}))))
    None
    """
    endian: Literal["<", ">"] | None = "<" if array.serializer is None else _endian(array.serializer)
    codecs = list(map(_codec, array.compressors))
    if array.filters or endian is None or None in codecs or not array.shape:
        return None
    dtype = np.dtype(array.dtype)
    chunk = ChunkCodec(
        dtype=dtype,
        stored=dtype.newbyteorder(endian),
        chunks=array.chunks,
        fill=scalar(array.fill_value, dtype),
        codecs=tuple(codec for codec in codecs if codec is not None),
    )
    if array.shards is None:
        return chunk
    if array.shard_index is not None or crc32c is None:
        return None
    return ShardCodec(chunk=chunk, grid=tuple(map(floordiv, array.shards, array.chunks)), checksum=crc32c)


def _endian(serializer: FrozenMap) -> Literal["<", ">"] | None:
    configuration = serializer.get("configuration", FrozenMap())
    if serializer.get("name") != "bytes" or not isinstance(configuration, Mapping) or configuration.keys() - {"endian"}:
        return None
    return _ENDIANS.get(configuration.get("endian", "little"))


def _codec(entry: FrozenMap) -> Codec | None:
    import numcodecs

    name, said = entry.get("name"), entry.get("configuration", FrozenMap())
    known = _SETTINGS.get(name)
    if known is None or not isinstance(name, str) or not isinstance(said, Mapping):
        return None
    settings: dict[str, Any] = dict(said)
    if name == "blosc":
        settings["shuffle"] = _SHUFFLES.get(settings.get("shuffle", "noshuffle"))
    if any(type(value) is not known.get(key) for key, value in settings.items()):
        return None
    if name == "blosc" and settings.get("cname") == "zstd":
        settings["blocksize"] = settings.get("blocksize") or ZSTD_BLOCK
    if name == "zstd" and not settings.get("checksum"):
        settings.pop("checksum", None)  # older releases do not know it
    try:
        return numcodecs.get_codec({"id": name.removeprefix("numcodecs."), **settings})
    except (TypeError, ValueError):  # of a setting that it does not know
        return None
