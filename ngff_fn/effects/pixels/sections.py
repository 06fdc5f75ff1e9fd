"""Sections of large chunks: of what Blosc has encoded in blocks, those that are asked for are decoded, and no others.

A plane of a chunk of 128 MiB is 2 MiB: to decode all of it takes many times as long, and as much memory. Whatever is
not as it should be has no section here: then the whole chunk is decoded, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import frozen

from ngff_fn.effects.pixels.blosc import HEADER
from ngff_fn.effects.pixels.bounded import decoded
from ngff_fn.records.pixels import Region, extent

if TYPE_CHECKING:
    from numcodecs.abc import Codec

Read: TypeAlias = Callable[[int, int | None], bytes | None]
"""Gives a part of one file, as ``Files.read`` does; None where there is no file."""

LEAST = 2**20
"""Bytes that need not be decoded so that it is worth looking where the others are."""

_VERSION, _COPIED = 2, 0x2
_GUESS = 2**14
"""Bytes in which mostly lies where the blocks begin."""


@frozen(kw_only=True)
class Slab:
    """What lies in one piece in a chunk and holds a box of it: some places along one axis, all of those behind it.

    Parameters
    ----------
    start, stop
        In elements of the chunk.
    shape
        Of the slab; one along each axis before.
    inside
        The box in it.
    """

    start: int
    stop: int
    shape: tuple[int, ...]
    inside: tuple[slice, ...]


def slab_of(box: Region, chunks: tuple[int, ...]) -> Slab:
    """The slab of a box.

    >>> slab_of(((1, 2), (4, 6), (0, 5)), (4, 8, 10))
    Slab(start=120, stop=140, shape=(1, 2, 10), inside=(slice(0, 1, None), slice(0, 2, None), slice(0, 5, None)))
    """
    sizes = extent(box)
    axis = next((axis for axis, size in enumerate(sizes) if size > 1), len(sizes) - 1)
    behind = prod(chunks[axis + 1 :])
    start = 0
    for (first, _), size in zip(box[: axis + 1], chunks, strict=False):
        start = start * size + first
    shape = (*sizes[: axis + 1], *chunks[axis + 1 :])
    inside = (*(slice(0, size) for size in sizes[: axis + 1]), *(slice(*bounds) for bounds in box[axis + 1 :]))
    return Slab(start=start * behind, stop=(start + sizes[axis]) * behind, shape=shape, inside=inside)


def section(read: Read, codecs: tuple[Codec, ...], nbytes: int, start: int, stop: int) -> Any:
    """The bytes of a chunk from ``start`` to ``stop``; None where they cannot be had by themselves.

    Parameters
    ----------
    read
        Of the chunk.
    codecs
        What it is encoded with: Blosc, or nothing.
    nbytes
        Of all of it, decoded.
    start, stop
        In bytes, decoded.

    >>> import numcodecs
    >>> codec = numcodecs.Blosc("zstd", blocksize=2**12)
    >>> data = codec.encode(np.arange(10_000, dtype="uint16"))
    >>> np.frombuffer(section(lambda start, stop: data[start:stop], (codec,), 20_000, 9_000, 9_008), "uint16")
    array([4500, 4501, 4502, 4503], dtype=uint16)
    """
    if not codecs:
        is_whole = len(read(nbytes - 1, nbytes + 1) or b"") == 1
        return _exactly(read, start, stop) if is_whole else None
    if len(codecs) > 1 or codecs[0].codec_id != "blosc":
        return None
    with suppress(Exception):  # whatever a codec raises, it raises again of the whole chunk
        return _of_blosc(read, codecs[0], nbytes, start, stop)
    return None


def _of_blosc(read: Read, codec: Codec, nbytes: int, start: int, stop: int) -> memoryview | None:
    head = read(0, _GUESS)
    if head is None or len(head) < HEADER.size:
        return None
    version, form, flags, typesize, said, blocksize, cbytes = HEADER.unpack_from(head)
    if version != _VERSION or said != nbytes or not 0 < blocksize < nbytes:
        return None
    if _exactly(read, cbytes - 1, cbytes) is None:  # cut off, though perhaps not here
        return None
    if flags & _COPIED:
        data = _exactly(read, HEADER.size + start, HEADER.size + stop)
        return None if data is None else memoryview(data)
    count = -(-nbytes // blocksize)
    if HEADER.size + 4 * count > cbytes:
        return None
    if HEADER.size + 4 * count > len(head):
        head = _exactly(read, 0, HEADER.size + 4 * count) or b""
    starts = np.frombuffer(head, "<u4", count, HEADER.size).astype(np.int64)
    first, last = start // blocksize, -(-stop // blocksize)
    if last == count:  # a shorter one at the end says how long it is by those before it
        first = min(first, max(0, count - 2))
    begin, end = _place_of(starts, first, last, cbytes)
    if not HEADER.size + 4 * count <= begin < end <= cbytes:
        return None
    data = _exactly(read, begin, end)
    if data is None:
        return None
    before = HEADER.size + 4 * (last - first)
    size = min(last * blocksize, nbytes) - first * blocksize
    blocks = (starts[first:last] + (before - begin)).astype("<u4").tobytes()
    header = HEADER.pack(version, form, flags, typesize, size, blocksize, before + len(data))
    made = memoryview(decoded(codec, b"".join([header, blocks, data]), size)).cast("B")
    return made[start - first * blocksize : stop - first * blocksize] if made.nbytes == size else None


def _place_of(starts: Any, first: int, last: int, cbytes: int) -> tuple[int, int]:
    """From where to where some blocks lie. Several threads write them in nearly their order: so others may be among."""
    wanted = starts[first:last]
    behind = starts[starts > wanted.max()]
    return int(wanted.min()), int(behind.min()) if behind.size else cbytes


def _exactly(read: Read, start: int, stop: int) -> bytes | None:
    data = read(start, stop)
    return data if data is not None and len(data) == stop - start else None
