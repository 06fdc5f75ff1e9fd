"""Decoding within a bound: a few bytes may say that they are gigabytes, and are refused before those are made.

The bound is known: a chunk has as many bytes as its shape and dtype say. What decodes to more than that was damaged, or
made to exhaust the memory of whoever reads it.

Codecs that are not named below (pcodec, zfp, those that other programs register) decode to what they please: how much
that is nobody knows before, and neither zarr nor numcodecs can tell them a bound. What is decoded before them is
bounded; what they have made is looked at, and is no pixels unless it has the shape of a chunk (see ``shapes``).
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ngff_fn.effects.pixels.blosc import decoded as decoded_blosc

if TYPE_CHECKING:
    from numcodecs.abc import Codec

_LZMA_MEMORY = 2**27
"""Bytes for the dictionary of LZMA; its highest preset takes half of that."""

_FRAME = b"\x28\xb5\x2f\xfd"
_SIZE_BYTES = (0, 2, 4, 8)
_DICTIONARY_BYTES = (0, 1, 2, 4)
_RLE = 1


def decoded(codec: Codec, data: Any, most: int) -> Any:
    """What a codec makes of some bytes: at most so many, of which no more are ever held.

    Parameters
    ----------
    codec
        Of numcodecs. Blosc, Zstandard, gzip, zlib, LZ4, bzip2 and LZMA are bounded; others cannot be.
    data
        Encoded.
    most
        Bytes of what is decoded.

    Raises
    ------
    Exception
        Whatever the codec raises; ValueError where there would be more.

    >>> import numcodecs
    >>> codec = numcodecs.Zstd()
    >>> decoded(codec, codec.encode(bytes(10**6)), 1000)
    Traceback (most recent call last):
    ValueError: it decodes to 1000000 bytes, and at most 1000 may be
    """
    data = _as_bytes(data)
    match codec.codec_id:
        case "blosc" | "lz4":
            refuse_more(codec, data, most)
            return decoded_blosc(codec, data)
        case "zstd":
            said = _said_by_zstd(data)
            if said is not None and said > most:
                raise _too_much(said, most)
            whole = codec.decode(data, np.empty(most, "u1"))  # which refuses what does not fit
            return whole if said is None or said == most else codec.decode(data)
        case name if name in _STREAMS:
            return _streamed(name, data, most)
        case _:
            return codec.decode(data)


def refuse_more(codec: Codec, data: Any, most: int) -> None:
    """Refuse what would decode to more than so many bytes; it is decoded only where that cannot be known otherwise.

    Raises
    ------
    Exception
        As ``decoded``; that it raises nothing does not say that the bytes are sound.
    """
    said: int | None = None
    data = _as_bytes(data)
    match codec.codec_id:
        case "blosc":
            said = int.from_bytes(data[4:8], "little")
        case "lz4":
            said = int.from_bytes(data[:4], "little")
        case "zstd" if _is_one_frame(data):
            said = _said_by_zstd(data)
    if said is None and codec.codec_id in ("zstd", *_STREAMS):
        decoded(codec, data, most)
    elif said is not None and said > most:
        raise _too_much(said, most)


def _as_bytes(data: Any) -> bytes:
    """Bytes, of which parts compare as bytes do: codecs of numcodecs give arrays, too."""
    return data if isinstance(data, bytes) else memoryview(data).tobytes()


def encoded_at_most(codecs: int, nbytes: int) -> int:
    """How many bytes a chunk may take that so many codecs have encoded: none of them makes twice as many.

    >>> encoded_at_most(0, 128), encoded_at_most(1, 128)
    (128, 65792)
    """
    for _ in range(codecs):
        nbytes = 2 * nbytes + 2**16
    return nbytes


def refuse_unholdable(nbytes: int, what: str, error: type[Exception] = ValueError) -> None:
    """Refuse what no memory of this machine holds, before it is asked for: some systems promise more than they have.

    Raises
    ------
    Exception
        ``error``, saying how much it would be.

    >>> refuse_unholdable(2**70, "a chunk")
    Traceback (most recent call last):
    ValueError: a chunk takes 1180591620717411303424 bytes, and this machine has less
    """
    if nbytes > _physical_memory():
        message = f"{what} takes {nbytes} bytes, and this machine has less"
        raise error(message)


@cache
def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return 2**48


def _too_much(said: int | str, most: int) -> ValueError:
    return ValueError(f"it decodes to {said} bytes, and at most {most} may be")


# -- formats that are read to their end ----------------------------------------------------------------------------


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_STREAMS: dict[str, Callable[[], _Stream]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zlib": zlib.decompressobj,
    "bz2": bz2.BZ2Decompressor,
    "lzma": lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY),
}


def _streamed(name: str, data: Any, most: int) -> bytes:
    """One stream after the other; zeros may stand behind those of gzip."""
    parts: list[bytes] = []
    size, rest = 0, bytes(data)
    while rest or not parts:
        stream = _STREAMS[name]()
        parts.append(stream.decompress(rest, most - size + 1))
        size += len(parts[-1])
        if size > most:
            raise _too_much("more", most)
        if not stream.eof:
            raise ValueError("the chunk is cut off")
        rest = b"" if name == "zlib" else stream.unused_data.lstrip(b"\0")
    return b"".join(parts) if len(parts) > 1 else parts[0]


# -- Zstandard -----------------------------------------------------------------------------------------------------


def _said_by_zstd(data: Any) -> int | None:
    """How many bytes the first frame says it is; None where it does not say it (RFC 8878, frame header)."""
    if data[:4] != _FRAME or len(data) < 5:
        return None
    flags = data[4]
    is_single = bool(flags & 0x20)
    size = _SIZE_BYTES[flags >> 6] or int(is_single)
    start = 5 + (not is_single) + _DICTIONARY_BYTES[flags & 3]
    if not size or len(data) < start + size:
        return None
    return int.from_bytes(data[start : start + size], "little") + (256 if size == 2 else 0)


def _is_one_frame(data: Any) -> bool:
    """Whether nothing stands behind the first frame; its blocks are passed by, not decoded."""
    if data[:4] != _FRAME or len(data) < 5:
        return False
    flags = data[4]
    is_single = bool(flags & 0x20)
    at = 5 + (not is_single) + _DICTIONARY_BYTES[flags & 3] + (_SIZE_BYTES[flags >> 6] or int(is_single))
    is_last = False
    while not is_last:
        header = int.from_bytes(data[at : at + 3], "little")
        is_last, kind, size = bool(header & 1) or at >= len(data), header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == _RLE else size)
    return at + (4 if flags & 4 else 0) >= len(data)
