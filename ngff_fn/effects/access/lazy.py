"""Stored arrays for others to read when they want to: they know what they were, travel, and never show other pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ngff_fn.effects.address import files_of
from ngff_fn.effects.extras import imported
from ngff_fn.effects.pixels.bounded import refuse_unholdable
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.effects.stores import Files
from ngff_fn.errors import OutOfRangeError, Problem, StoreError, UnsupportedError, WrongTypeError
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Region, Stored

if TYPE_CHECKING:
    import dask.array

_Places: TypeAlias = range | NDArray[np.int64]


@frozen(kw_only=True)
class LazyArray:
    """A stored array with shape, dtype and ``[]``; nothing is open, and each read asks whether it is still the same.

    It pickles, and reads in any process that sees the files. A store in memory is seen by its own process only.

    Parameters
    ----------
    stored
        The array, as the documents were that its token says.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> made = create(store, image_from(numpy.arange(12, dtype="uint8").reshape(3, 4), axes="yx"), version="0.5")
    >>> LazyArray(stored=made.snapshot.root.levels[0].pixels)[1:, ::3]
    array([[ 4,  7],
           [ 8, 11]], dtype=uint8)
    """

    stored: Stored

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements per axis."""
        return self.stored.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the elements, in the byte order of this machine."""
        return np.dtype(self.stored.array.dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Pixels by an integer, a slice or a sequence of integers for each axis, of which each counts for itself.

        Raises
        ------
        ConflictError
            When the array has changed.
        StoreError
            Naming the chunk that cannot be decoded.
        OutOfRangeError, WrongTypeError
            (an IndexError, a TypeError) for an index outside of the array, and for what is none.
        """
        where = joined(self.stored.origin, self.stored.path)
        wanted = _per_axis(index, self.shape, where)
        arrays = StoredArrays()
        try:
            block = _taken(arrays, self.stored, [places for places, _ in wanted])
        finally:  # where the array has changed meanwhile, that is why it could not be read
            arrays.check([self.stored])
        block = block.astype(self.dtype, copy=not block.flags.writeable)
        return block[tuple(0 if is_one else slice(None) for _, is_one in wanted)]

    def __dask_tokenize__(self) -> tuple[str, str, str]:
        return self.stored.origin, self.stored.path, self.stored.token

    def __reduce__(self) -> tuple[Any, ...]:
        # The files go along: those of a memory refuse to, with the cure; by them an object store is known elsewhere.
        return _lazy_array, (self.stored, files_of(self.stored.origin))

    def __copy__(self) -> LazyArray:
        return self

    def __deepcopy__(self, _memo: object) -> LazyArray:
        return self


def _lazy_array(stored: Stored, _files: Files) -> LazyArray:
    return LazyArray(stored=stored)


def as_dask(stored: Stored) -> dask.array.Array:
    """A stored array as a Dask array: one block for each write unit, and nothing made for any of them yet."""
    array = LazyArray(stored=stored)
    name = sha256("\n".join(array.__dask_tokenize__()).encode(errors="surrogateescape"))
    _refuse_endless(stored)
    dask_array = imported("dask.array", "dask", "a Dask array")
    meta = np.empty((0,) * array.ndim, array.dtype)
    return dask_array.from_array(
        array,
        chunks=write_unit(stored),
        name=f"ngff-fn-{name.hexdigest()}",
        meta=meta,
        inline_array=True,  # it is small; so no task waits for another
        fancy=False,
    )


_MOST_BLOCKS = 2**24


def _refuse_endless(stored: Stored) -> None:
    """Refuse an array of which Dask could not even list the blocks."""
    counts = [-(-size // unit) for size, unit in zip(stored.shape, write_unit(stored), strict=True)]
    if sum(counts) > _MOST_BLOCKS:
        message = f"{stored.shape} elements are {counts} blocks along the axes; Dask lists at most {_MOST_BLOCKS} here."
        where = joined(stored.origin, stored.path)
        raise UnsupportedError(Problem(where, f"{message} Read regions (evaluate, open_array), or rechunk it."))


def write_unit(stored: Stored) -> tuple[int, ...]:
    """Elements per axis of the largest block that is one object in the store: the shard, else the chunk."""
    return tuple(max(1, min(sizes)) for sizes in zip(stored.array.write_unit, stored.shape, strict=True))


def _per_axis(index: Any, shape: Sequence[int], where: str) -> list[tuple[_Places, bool]]:
    """For each axis the positions that are taken, and whether it is one that takes the axis away."""
    entries = list(index) if isinstance(index, tuple) else [index]
    rest = [place for place, entry in enumerate(entries) if entry is Ellipsis]
    at = rest[0] if rest else len(entries)
    missing = len(shape) - len(entries) + len(rest)
    if len(rest) > 1 or missing < 0:
        raise OutOfRangeError(Problem(where, f"{index!r} is for more than the {len(shape)} axes. Give one for each."))
    entries[at : at + 1] = [slice(None)] * missing
    return [_places(entry, size, where) for entry, size in zip(entries, shape, strict=True)]


def _places(entry: Any, size: int, where: str) -> tuple[_Places, bool]:
    if isinstance(entry, slice):
        return range(size)[entry], False
    places = np.asarray(entry)
    if places.ndim > 1 or (places.size and places.dtype.kind not in "iu"):
        message = f"{entry!r} is neither an integer nor a slice or a sequence of integers. Give one of these."
        raise WrongTypeError(Problem(where, message))
    if places.size and not (-size <= int(places.min()) and int(places.max()) < size):
        raise OutOfRangeError(Problem(where, f"{entry!r} is outside of an axis of {size}. Take what there is."))
    counted = np.where(places < 0, places + size, places).astype(np.int64)
    return np.atleast_1d(counted), not places.ndim


def _taken(arrays: StoredArrays, stored: Stored, wanted: Sequence[_Places]) -> NDArray[Any]:
    """One read where the positions are a box; else chunk by chunk, so that little more is held than is taken."""
    shape = tuple(map(len, wanted))
    if 0 in shape:
        return np.empty(shape, stored.array.dtype)
    box = tuple((int(places[0]), int(places[-1]) + 1) for places in wanted)
    if all(isinstance(places, range) and places.step == 1 for places in wanted) or set(shape) <= {1}:
        return arrays.read(stored, box)
    try:
        refuse_unholdable(prod(shape) * stored.array.itemsize, "it", MemoryError)
        made = np.empty(shape, stored.array.dtype)
    except MemoryError as error:
        message = f"{shape} elements cannot be held ({error}). Take fewer at a time."
        raise StoreError(Problem(joined(stored.origin, stored.path), message)) from error
    for parts in product(*map(_by_chunk, wanted, stored.array.chunks)):
        region: Region = tuple((start, stop) for _, start, stop, _ in parts)
        block = arrays.read(stored, region)
        made[np.ix_(*(target for target, _, _, _ in parts))] = block[np.ix_(*(inside for _, _, _, inside in parts))]
    return made


_Part: TypeAlias = tuple[NDArray[np.int64], int, int, NDArray[np.int64]]
"""Where it goes in the result; what is read, from start to stop; where it is in that."""


def _by_chunk(places: _Places, chunk: int) -> Iterator[_Part]:
    """The positions along an axis, those in one chunk together."""
    positions = np.asarray(places, dtype=np.int64)
    chunks = positions // chunk
    for number in np.unique(chunks):
        (target,) = np.nonzero(chunks == number)
        inside = positions[target]
        start, stop = int(inside.min()), int(inside.max()) + 1
        yield target, start, stop, inside - start
