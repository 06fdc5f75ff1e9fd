"""Zarr takes whatever shape a codec gives for that of a chunk: less of it is spread over the chunk, more is cut off.

Zarr's own codecs, and those of numcodecs that it wraps, give the shape that they should or fail. Of those that other
programs have registered nobody knows: what they give is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from zarr import AsyncArray
from zarr.abc.codec import ArrayArrayCodec, BytesBytesCodec, Codec
from zarr.codecs import ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import NDBuffer
from zarr.registry import register_codec

_NAME = "ngff_fn.chunk_shape"
_TRUSTED = ("zarr", "numcodecs")


@dataclass(frozen=True)
class ChunkShape(ArrayArrayCodec):
    """What comes first in a chain of codecs is the last to be decoded: what has not the shape of a chunk is refused."""

    is_fixed_size = True

    @classmethod
    def from_dict(cls, _data: Any) -> Self:
        """There is nothing to be said of it."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """How it is pickled within a shard; it stands in no document."""
        return {"name": _NAME}

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: ArraySpec) -> int:
        """It changes nothing."""
        return input_byte_length

    async def _decode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        if chunk_data.shape != chunk_spec.shape:
            message = f"it decodes to {chunk_data.shape}, and a chunk has {chunk_spec.shape}"
            raise ValueError(message)
        return chunk_data

    async def _encode_single(self, chunk_data: NDBuffer, _chunk_spec: ArraySpec) -> NDBuffer:
        return chunk_data


register_codec(_NAME, ChunkShape)


def look_at_shapes(array: AsyncArray[Any]) -> None:
    """Have the chunks of an array of Zarr v3 looked at, if one of its codecs is of another program."""
    said: tuple[Codec, ...] = getattr(array.metadata, "codecs", ())
    codecs = _looked_at(said)
    if codecs != said:  # as zarr itself sets it
        object.__setattr__(array, "codec_pipeline", type(array.codec_pipeline).from_codecs(codecs))


def _looked_at(codecs: Iterable[Codec]) -> tuple[Codec, ...]:
    inner = tuple([_of_shard(codec) if isinstance(codec, ShardingCodec) else codec for codec in codecs])
    return (ChunkShape(), *inner) if any(map(_is_foreign, inner)) else inner


def _of_shard(sharding: ShardingCodec) -> ShardingCodec:
    codecs = _looked_at(sharding.codecs)
    if codecs == sharding.codecs:
        return sharding
    return ShardingCodec(
        chunk_shape=sharding.chunk_shape,
        codecs=codecs,
        index_codecs=sharding.index_codecs,
        index_location=sharding.index_location,
    )


def _is_foreign(codec: Codec) -> bool:
    """Whether another program makes arrays; of bytes, zarr's own make them."""
    return not isinstance(codec, BytesBytesCodec) and type(codec).__module__.partition(".")[0] not in _TRUSTED
