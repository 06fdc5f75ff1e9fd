"""What zarr is about to decode is looked at first: none of its codecs bounds what it makes.

Arrays that are encoded as most are do not come here (see ``chunks``), unless they are opened as Zarr arrays.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from ngff_fn.effects.pixels.bounded import decoded, encoded_at_most, refuse_more, refuse_unholdable
from ngff_fn.effects.pixels.sections import Read
from ngff_fn.effects.pixels.torn import Index, form_of
from ngff_fn.frozen_json import FrozenMap, thaw
from ngff_fn.records.arrays import ArraySpec

if TYPE_CHECKING:
    from numcodecs.abc import Codec

_WIDEST = 16
"""Bytes of an element, whatever filters make of it."""


@frozen(kw_only=True, eq=False)
class Inspection:
    """Of the chunks of an array."""

    codecs: tuple[Codec | None, ...]
    """Of numcodecs; None for one that it does not know: of what that decodes nothing can be said."""
    nbytes: int
    serialized: int
    """How many codecs make bytes of pixels in a way of their own: 0 or 1."""
    index: Index | None
    """Of a shard; None where there are no shards."""

    @property
    def most(self) -> int:
        """Bytes that a file may have; of one that has more, one more is read."""
        chunk = encoded_at_most(len(self.codecs) + 1, self.nbytes)  # one more: that which makes bytes of pixels
        return chunk if self.index is None else chunk * self.index.count + self.index.size

    def read(self, read: Read, start: int, stop: int | None) -> bytes | None:
        """A part of a file, unless a chunk in it decodes to more than a chunk has.

        Raises
        ------
        Exception
            As ``bounded.decoded``; ValueError where no memory holds a chunk.
        """
        found = read(start, self.most + 1 if (start, stop) == (0, None) else stop)
        if found is not None:
            self(found, start, stop)
        return found

    def __call__(self, data: bytes, start: int, stop: int | None) -> None:
        """Refuse what ``read`` refuses, by what was read from where to where."""
        refuse_unholdable(self.nbytes, "a chunk")
        if len(data) > self.most:
            message = f"it has more than {self.most} bytes, and a chunk decodes to {self.nbytes}"
            raise ValueError(message)
        index = self.index
        if index is None:
            self._inspect(data)
        elif (start, stop) == (0, None):
            for part in _chunks_of(data, index):
                self._inspect(part)
        elif (start, stop) != ((0, index.size) if index.at_start else (-index.size, None)):
            self._inspect(data)

    def _inspect(self, data: bytes) -> None:
        for before in range(len(self.codecs) - 1, -1, -1):
            codec = self.codecs[before]
            if codec is None:
                return
            most = encoded_at_most(before + self.serialized, self.nbytes)
            if before and self.codecs[before - 1] is not None:
                data = decoded(codec, data, most)
            else:
                refuse_more(codec, data, most)


def _chunks_of(shard: bytes, index: Index) -> list[bytes]:
    said = shard[: index.size] if index.at_start else shard[-index.size :]
    whole = len(said) // 16 * 16
    numbers = np.frombuffer(said[:whole], index.dtype).tolist()[: 2 * index.count]
    places = zip(numbers[::2], numbers[1::2], strict=True)
    return [shard[offset : offset + nbytes] for offset, nbytes in places if offset < len(shard)]


def inspection(array: ArraySpec) -> Inspection | None:
    """How the files of an array are looked at; None for shards whose index is of a kind that only zarr knows.

    >>> inspect = inspection(ArraySpec(shape=(4,), dtype="uint8", chunks=(4,)))
    >>> inspect(bytes(4) + (2**31 - 1).to_bytes(4, "little") + bytes(8), 0, None)
    Traceback (most recent call last):
    ValueError: it decodes to 2147483647 bytes, and at most 4 may be
    """
    index = form_of(array).index
    if array.shards is not None and index is None:  # where its chunks lie is not known
        return None
    itemsize = _WIDEST if array.filters else array.itemsize
    nbytes = prod(array.chunks) * itemsize
    return Inspection(
        codecs=tuple(map(_codec, array.compressors)),
        nbytes=nbytes,
        serialized=int(array.serializer is not None and array.serializer.get("name") != "bytes"),
        index=index,
    )


def _codec(entry: FrozenMap) -> Codec | None:
    """The codec of numcodecs that decodes what an entry says; None for one that it does not know."""
    import numcodecs

    configuration = thaw(entry.get("configuration", FrozenMap()))
    name = str(entry["name"]).removeprefix("numcodecs.")
    settings = {} if name == "blosc" else configuration  # which all stand in the header as well
    try:
        return numcodecs.get_codec({"id": name, **settings})
    except (TypeError, ValueError):
        return None
