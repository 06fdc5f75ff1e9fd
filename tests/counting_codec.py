"""A codec that only this module knows, for Zarr v2 and v3: whatever decodes or encodes a chunk comes by here."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Self

import numcodecs
import numpy as np
from attrs import evolve
from numcodecs.abc import Codec
from zarr.abc.codec import BytesBytesCodec
from zarr.registry import register_codec

import ngff_fn as nf
from ngff_fn.frozen_json import FrozenMap

NAME = "numcodecs.counting"
"""In the notation of Zarr v3; in v2 it is without the prefix."""

_mutex = threading.Lock()


class Seen:
    """The first bytes of every chunk that was decoded or encoded, as it is in the array."""

    def __init__(self) -> None:
        self.decoded: list[int] = []
        self.encoded: list[int] = []


_watches: list[Seen] = []


@contextlib.contextmanager
def watched() -> Iterator[Seen]:
    """What is decoded and encoded meanwhile, by all threads."""
    seen = Seen()
    _watches.append(seen)
    try:
        yield seen
    finally:
        _watches.remove(seen)


def _flipped(data: Any) -> bytes:
    """Every bit is the other one, and one byte more tells that it was made here: nothing else can read it."""
    return (~np.frombuffer(bytes(data), "uint8")).tobytes()


def encoded(data: Any) -> bytes:
    """As it is stored."""
    with _mutex:
        for seen in _watches:
            seen.encoded.append(bytes(data)[0])
    return b"#" + _flipped(data)


def decoded(data: Any) -> bytes:
    """As it was before."""
    if bytes(data)[:1] != b"#":
        message = "this was not encoded here"
        raise ValueError(message)
    found = _flipped(bytes(data)[1:])
    with _mutex:
        for seen in _watches:
            seen.decoded.append(found[0])
    return found


class CountingV2(Codec):  # type: ignore[misc] # numcodecs has no types
    """For Zarr v2."""

    codec_id = NAME.partition(".")[2]

    def encode(self, buf: Any) -> bytes:
        return encoded(np.ascontiguousarray(buf).tobytes())

    def decode(self, buf: Any, out: Any = None) -> Any:
        found = decoded(buf)
        return found if out is None else numcodecs.compat.ndarray_copy(found, out)


class CountingV3(BytesBytesCodec):
    """For Zarr v3."""

    is_fixed_size = False

    @classmethod
    def from_dict(cls, _data: Any) -> Self:
        return cls()

    def to_dict(self) -> dict[str, Any]:
        return {"name": NAME}

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: Any) -> int:
        return input_byte_length + 1

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return chunk_spec.prototype.buffer.from_bytes(decoded(chunk_bytes.to_bytes()))

    async def _encode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return chunk_spec.prototype.buffer.from_bytes(encoded(chunk_bytes.to_bytes()))


numcodecs.register_codec(CountingV2)
register_codec(NAME, CountingV3)


def with_counting_codec(image: nf.Image) -> nf.Image:
    """The image with all its levels encoded by this codec alone."""
    codecs = (FrozenMap({"name": NAME}),)
    levels = [evolve(level, array=evolve(level.array, compressors=codecs)) for level in image.levels]
    return evolve(image, levels=tuple(levels))
