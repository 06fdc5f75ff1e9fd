"""Stored pixels: the arrays that recipes name, opened again by their origin, and never other pixels than were meant."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from math import prod
from operator import floordiv, mod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ngff_fn.codecs import token
from ngff_fn.effects.address import files_of
from ngff_fn.effects.pixels.bounded import refuse_unholdable
from ngff_fn.effects.pixels.chunks import ChunkAt, ChunkCodec, Index, UnitCodec, unit_codec
from ngff_fn.effects.pixels.torn import CURE, TornError, fault, form_of, torn, with_region
from ngff_fn.effects.pixels.units import places, unit_region, units
from ngff_fn.effects.reading.witness import Witness
from ngff_fn.effects.stores import Files, read_document
from ngff_fn.effects.threads import WORKERS, for_each, results_of
from ngff_fn.errors import ConflictError, NgffError, Problem, StoreError, refuse
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Region, Stored, extent, intersection, is_empty, shifted, whole
from ngff_fn.records.snapshot import ARRAY_DOCUMENTS

if TYPE_CHECKING:
    import zarr

    from ngff_fn.effects.pixels.files_store import FilesStore, Readable

FORMATS = (ARRAY_DOCUMENTS["0.5"], ARRAY_DOCUMENTS["0.4"])


@frozen(kw_only=True, eq=False)
class Opened:
    """An array that is read.

    ``original`` is where its chunks lie as files; None while a commit that has happened still has to change the array:
    then it is seen through a view.
    """

    zarr: zarr.Array[Any]
    home: str
    path: str
    original: Files | None = None

    @property
    def files(self) -> Readable:
        """Where its chunks are read."""
        store: FilesStore = self.zarr.store  # type: ignore[assignment] # which zarr_array gave it
        return store.files

    def key(self, index: tuple[int, ...]) -> str:
        """Where a write unit is."""
        return joined(self.path, self.zarr.metadata.encode_chunk_key(index))

    @property
    def grid(self) -> ArraySpec:
        """Shape, chunks and shards."""
        array = self.zarr
        return ArraySpec(shape=array.shape, dtype=str(array.dtype), chunks=array.chunks, shards=array.shards)


class StoredArrays:
    """The arrays that recipes are made from, each opened once.

    Parameters
    ----------
    stage
        The files in which a commit stages: there lies what is ``Stored`` without a token.
    """

    def __init__(self, stage: Files | None = None) -> None:
        self._stage = stage
        self._opened: dict[Stored, Opened] = {}
        self._writable: dict[str, zarr.Array[Any]] = {}
        self._mutex = threading.Lock()

    def opened(self, stored: Stored) -> Opened:
        """The array, if it is still the one that was meant.

        Raises
        ------
        ConflictError
            When its documents have changed.
        """
        with self._mutex:
            if stored not in self._opened:
                self._opened[stored] = self._open(stored)
            return self._opened[stored]

    def _open(self, stored: Stored) -> Opened:
        from ngff_fn.effects.pixels.files_store import zarr_array

        original: Files | None
        files: Readable
        if self._stage is not None and not stored.token:
            files = original = self._stage
            documents = next(node_documents(files, stored.path))
        else:
            original = files_of(stored.origin)
            files = view = Witness(original).view
            found = _meant(files, stored)
            if found is None:
                raise ConflictError(_changed(stored))
            documents = found
            original = None if view.touches(stored.path) else original
        array = zarr_array(files, stored.path, documents, array=stored.array)
        return Opened(zarr=array, home=files.identity, path=stored.path, original=original)

    def writable(self, path: str) -> zarr.Array[Any]:
        """An array in the stage, to write to."""
        from ngff_fn.effects.pixels.files_store import zarr_array

        with self._mutex:
            if path not in self._writable:
                stage = self._stage
                if stage is None:
                    raise StoreError(Problem(path, "this is no stage; only in one arrays are written."))
                documents = next(node_documents(stage, path))
                self._writable[path] = zarr_array(stage, path, documents, read_only=False)
            return self._writable[path]

    def has_sections(self, stored: Stored) -> bool:
        """Whether parts of its chunks are decoded without the rest, as the first chunk says that is there."""
        opened, codec = self.opened(stored), unit_codec(stored.array)
        if not isinstance(codec, ChunkCodec) or opened.files.at_once > 1:
            return False
        found = (codec.has_sections(partial(opened.files.read, opened.key(index))) for index in _first(stored.array))
        return next((answer for answer in found if answer is not None), False)

    def check(self, stored: Iterable[Stored]) -> None:
        """Raise where an array is not, or may not have been all the time, the one that was meant.

        Every commit that changes pixels also changes a document of their array: what has the same documents before and
        after had the same pixels between. Only where a commit was being carried out while we read, nobody can know.
        """

        def is_still(array: Stored) -> bool:
            view = Witness(files_of(array.origin)).view
            opened = self._opened.get(array)
            was_seen_through = opened is not None and opened.original is None
            return _meant(view, array) is not None and (view.touches(array.path) or not was_seen_through)

        arrays = list(stored)
        at_once = max((files_of(origin).at_once for origin in {array.origin for array in arrays}), default=1)
        found = zip(arrays, results_of(is_still, arrays, at_once), strict=True)
        refuse((_changed(array) for array, still in found if not still), ConflictError)

    def read(self, stored: Stored, region: Region) -> NDArray[Any]:
        """The pixels of a region.

        Raises
        ------
        StoreError
            Naming the array and the chunk that cannot be decoded.
        """
        opened = self.opened(stored)
        try:
            refuse_unholdable(prod(extent(region)) * stored.array.itemsize, "it", MemoryError)
            return _read(opened, stored.array, region, few=0 if self._stage is None else _FEW)
        except MemoryError as error:
            raise _too_large(opened, region, error) from error
        except Exception as error:
            raise _other_refusal_in(error) or _damage(opened, stored.array, region, error) from error


def _read(opened: Opened, array: ArraySpec, region: Region, few: int = 0) -> NDArray[Any]:
    codec = unit_codec(array)
    if codec is None or is_empty(region):
        return np.asarray(opened.zarr[_slices(region)])
    return _Excerpt(opened, array, region, codec).read(few)


def _first(array: ArraySpec) -> Iterator[Index]:
    return islice(units(array, [whole(array.shape)]), 64)


_FEW = 8
"""So many chunks a task decodes one after the other: there are other tasks at the same time."""


class _Excerpt:
    """A region of an array whose chunks are decoded without zarr."""

    def __init__(self, opened: Opened, array: ArraySpec, region: Region, codec: UnitCodec) -> None:
        self.opened, self.array, self.region, self.codec = opened, array, region, codec
        self.shard = tuple(map(floordiv, array.write_unit, array.chunks))  # in chunks
        self.shards: dict[Index, ChunkAt] = {}

    def read(self, few: int) -> NDArray[Any]:
        """The pixels; more than a few chunks in threads."""
        grid = tuple(
            (start // size, -(-stop // size))
            for (start, stop), size in zip(self.region, self.array.chunks, strict=True)
        )
        count = prod(extent(grid))
        if count == 1:
            return self._part(tuple(start for start, _ in grid))[1]
        made = np.empty(extent(self.region), self.codec.dtype)

        def put(index: Index) -> None:
            part, block = self._part(index)
            made[_inside(part, self.region)] = block

        at_once = self.opened.files.at_once
        if count > few:
            for_each(put, places(grid), max(WORKERS, at_once))
        elif at_once > 1:
            for_each(put, places(grid), min(count, WORKERS))
        else:
            deque(map(put, places(grid)), maxlen=0)
        return made

    def _part(self, index: Index) -> tuple[Region, NDArray[Any]]:
        """What a chunk has of the region."""
        box = tuple((at * size, (at + 1) * size) for at, size in zip(index, self.array.chunks, strict=True))
        part = intersection(box, self.region)
        chunk_at, place = self._chunk_at(index)
        inside = None if part == box else shifted(part, [start for start, _ in box], -1)
        return part, chunk_at(place, inside)

    def _chunk_at(self, index: Index) -> tuple[ChunkAt, Index]:
        """What gives the chunks of a file, and the place of one in it."""
        unit, place = tuple(map(floordiv, index, self.shard)), tuple(map(mod, index, self.shard))
        chunk_at = self.shards.get(unit)
        if chunk_at is None:
            files, key = self.opened.files, self.opened.key(unit)
            signature = None if files.at_once > 1 else partial(files.signature, key)  # from afar, one request is best
            chunk_at = self.codec.chunks_in(partial(files.read, key), signature)
            if self.array.shards is not None:
                self.shards[unit] = chunk_at
        return chunk_at, place


def _inside(box: Region, region: Region) -> tuple[slice, ...]:
    return _slices(shifted(box, [start for start, _ in region], -1))


def _slices(region: Region) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in region)


def _meant(files: Readable, stored: Stored) -> dict[str, bytes] | None:
    return next((found for found in node_documents(files, stored.path) if token(found) == stored.token), None)


def _changed(stored: Stored) -> Problem:
    message = "the array has changed since it was read. Open the store again, and take its new value."
    return Problem(joined(stored.origin, stored.path), message)


def node_documents(files: Readable, path: str) -> Iterator[dict[str, bytes]]:
    """The documents of the array at a path; where both formats stand side by side, the newer first (RFC-2)."""
    for names in FORMATS:
        texts = results_of(lambda name: read_document(files, joined(path, name)), names, files.at_once)
        found = {name: text for name, text in zip(names, texts, strict=True) if text is not None}
        if names[0] in found and not _is_group(found[names[0]]):
            yield found


def _is_group(document: bytes) -> bool:
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("node_type") == "group"


def read_region(opened: Opened, region: Region) -> NDArray[Any]:
    """The pixels of a region of an array; where they cannot be decoded, a refusal that names the chunk."""
    try:
        refuse_unholdable(prod(extent(region)) * opened.zarr.dtype.itemsize, "it", MemoryError)
        return np.asarray(opened.zarr[_slices(region)])
    except MemoryError as error:
        raise _too_large(opened, region, error) from error
    except Exception as error:
        raise _other_refusal_in(error) or _damage(opened, None, region, error) from error


def refusal_in(error: BaseException) -> NgffError | None:
    """The refusal of ours that an exception is, or that others have wrapped."""
    if isinstance(error, NgffError):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for other in inner if (found := refusal_in(other)) is not None), None)


def _other_refusal_in(error: BaseException) -> NgffError | None:
    """A refusal that is not about one write unit: of those, all are named."""
    refusal = refusal_in(error)
    return None if isinstance(refusal, TornError) else refusal


def _damage(opened: Opened, array: ArraySpec | None, region: Region, first: Exception) -> StoreError:
    """Which write units are damaged: each is tried on its own, in the way in which it could not be read."""
    problems: list[Problem] = []
    for index in units(opened.grid, [region]):
        part = intersection(unit_region(opened.grid, index), region)
        try:
            if array is None:
                opened.zarr[_slices(part)]
            else:
                _read(opened, array, part)
        except Exception as error:  # noqa: BLE001 — whatever a codec raises
            found = _fault_of(opened, array, opened.key(index), error)
            problems += [with_region(each, unit_region(opened.grid, index)) for each in found]
    where = joined(opened.home, opened.path)
    return StoreError(*problems or [Problem(where, f"{region} cannot be read ({_said(first)}). Try again.")])


def _fault_of(opened: Opened, array: ArraySpec | None, key: str, error: Exception) -> tuple[Problem, ...]:
    """Why a write unit cannot be decoded: that it is not whole says more than what its codec says."""
    if isinstance(refusal := refusal_in(error), TornError):
        return refusal.problems
    if array is not None and (what := fault(form_of(array), partial(opened.files.read, key))):
        return (torn(opened.home, key, what),)
    return (Problem(joined(opened.home, key), f"it cannot be decoded ({_said(error)}). {CURE}"),)


def _too_large(opened: Opened, region: Region, error: MemoryError) -> StoreError:
    message = f"{extent(region)} elements cannot be held ({error}). Read a part of it, or less at a time (to_dask)."
    return StoreError(Problem(joined(opened.home, opened.path), message))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
