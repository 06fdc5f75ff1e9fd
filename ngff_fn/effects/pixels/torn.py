"""Write units that are not whole, as a writer that died or a disk that was full leaves them: what can be told of that
by their size, their header or their index, without decoding a pixel.

What cannot be decoded is refused by whoever decodes it. Here is what some codecs do not see: an empty file, a shard
whose index is cut off or leads out of it, a chunk that ends before its own header says. Zarr takes many of these for
fill value, and to copy a unit as bytes would hand the damage on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from operator import floordiv
from typing import TypeAlias

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from ngff_fn.effects.pixels.chunks import crc32c
from ngff_fn.errors import Problem, StoreError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.regions import Region, as_slices

Read: TypeAlias = Callable[[int, int | None], bytes | None]
"""Gives a part of one file, as ``Files.read`` does; None where there is no file."""

EMPTY = "it is empty"
_BLOSC_HEADER = 16
_NOWHERE = np.uint64(2**64 - 1)
_FARTHEST = np.uint64(2**62)


@frozen
class Index:
    """The index of a shard: how many chunks it says, where it lies, its numbers, and whether a checksum follows."""

    count: int
    at_start: bool
    dtype: str
    has_checksum: bool

    @property
    def size(self) -> int:
        """In bytes."""
        return 16 * self.count + (4 if self.has_checksum else 0)


@frozen(kw_only=True)
class Form:
    """What is the same of all whole write units of an array.

    Parameters
    ----------
    size
        In bytes, where nothing makes them smaller.
    is_blosc
        Whether each has a header that says how long it is.
    index
        Of a shard.
    """

    size: int | None = None
    is_blosc: bool = False
    index: Index | None = None


@lru_cache(maxsize=64)
def form_of(array: ArraySpec) -> Form:
    """The form of the write units of an array.

    >>> form_of(ArraySpec(shape=(5,), dtype="uint16", chunks=(4,), compressors=()))
    Form(size=8, is_blosc=False, index=None)
    """
    if array.shards is not None:
        grid = map(floordiv, array.shards, array.chunks)
        return Form(index=_index(prod(grid), array.shard_index))
    names = [entry.get("name") for entry in array.compressors]
    is_plain = array.serializer is None or array.serializer.get("name") == "bytes"
    if array.filters or not is_plain or set(names) - {"crc32c"}:
        return Form(is_blosc=names[-1:] in (["blosc"], ["numcodecs.blosc"]))
    return Form(size=prod(array.chunks) * array.itemsize + 4 * len(names))


_USUAL = (FrozenMap({"name": "bytes"}), FrozenMap({"name": "crc32c"}))


def _index(count: int, said: FrozenMap | None) -> Index | None:
    """What is not said is as usual; None for an index of an unknown kind."""
    said = said or FrozenMap()
    codecs = said.get("index_codecs", _USUAL)
    entries = [entry for entry in codecs if isinstance(entry, Mapping)] if isinstance(codecs, tuple) else []
    names = [entry.get("name") for entry in entries]
    if names not in (["bytes"], ["bytes", "crc32c"]):
        return None
    configuration = entries[0].get("configuration")
    endian = configuration.get("endian") if isinstance(configuration, Mapping) else None
    return Index(
        count,
        at_start=said.get("index_location") == "start",
        dtype=">u8" if endian == "big" else "<u8",
        has_checksum=len(names) == 2,
    )


def fault(form: Form, read: Read) -> str:
    """What is wrong with a write unit; empty where nothing is to be seen, or there is none.

    >>> from functools import partial
    >>> data = bytes(7)
    >>> fault(Form(size=8), lambda start, stop: data[start:stop])
    'it has not the 8 bytes of a chunk that nothing makes smaller'
    """
    if form.index is not None:
        return _fault_of_shard(form.index, read)
    start = _BLOSC_HEADER if form.is_blosc else 1
    head = read(0, start)
    if head is None:
        return ""
    if not head:
        return EMPTY
    if form.is_blosc:
        said = int.from_bytes(head[12:16], "little")  # cbytes of the Blosc chunk format
        if len(head) < _BLOSC_HEADER:
            return "it ends before its header does"
        if said < _BLOSC_HEADER:  # as where a disk has given zeros
            return f"its header is damaged: it says {said} bytes, and has {_BLOSC_HEADER} itself"
        if not read(said - 1, said):
            return "it ends before its header says"
    if form.size is not None and len(read(form.size - 1, form.size + 1) or b"") != 1:
        return f"it has not the {form.size} bytes of a chunk that nothing makes smaller"
    return ""


def _fault_of_shard(index: Index, read: Read) -> str:
    size = index.size
    said = read(0, size) if index.at_start else read(-size, None)
    if said is None:
        return ""
    if len(said) != size:
        return "it ends before its index does" if said else EMPTY
    if index.has_checksum and crc32c is not None and crc32c(said[:-4]) != int.from_bytes(said[-4:], "little"):
        return "its index is damaged, or cut off"
    entries = np.frombuffer(said, index.dtype, 2 * index.count).reshape(-1, 2).astype(np.uint64)
    entries = entries[(entries != _NOWHERE).any(axis=1)]
    if not entries.size:
        is_more = not index.has_checksum and read(size, size + 1)
        return "its index is cut off: it names none of its chunks" if is_more else ""
    if (entries >= _FARTHEST).any() or (
        not index.has_checksum and _is_no_index(entries, size if index.at_start else 0)
    ):
        return "its index is damaged, or cut off"
    end = int(entries.sum(axis=1).max()) + (0 if index.at_start else size)
    return "" if read(end - 1, end) else "it ends before its chunks do"


def _is_no_index(entries: NDArray[np.uint64], first: int) -> bool:
    """Whether these numbers are no offsets and sizes of chunks, as where pixels stand in the place of an index."""
    entries = np.unique(entries, axis=0)
    ends = entries.sum(axis=1)
    return bool(entries[0, 0] < first or not entries[:, 1].all() or (ends[:-1] > entries[1:, 0]).any())


class TornError(StoreError):
    """A write unit is not whole; there may be others."""


CURE = "Restore it from a copy, or write its region again."


def torn(where: str, key: str, what: str) -> Problem:
    """A write unit that is not whole."""
    return Problem(joined(where, key), f"it is no whole chunk or shard ({what}). {CURE}")


def with_region(problem: Problem, region: Region) -> Problem:
    """What is wrong with a write unit, and its region: only where all of it is written the unit is not read."""
    return evolve(problem, message=f"{problem.message} That is array[{as_slices(region)}].")


def refuse_torn(where: str, key: str, form: Form, read: Read) -> None:
    """Refuse a write unit that is not whole.

    Raises
    ------
    TornError
        (a StoreError) Naming it.
    """
    if what := fault(form, read):
        raise TornError(torn(where, key, what))
