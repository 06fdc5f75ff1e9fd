"""What is in a store as arrays: lazy, as NumPy, or one tile of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ngff_fn.edits.tiles import tile_region
from ngff_fn.effects.address import address_below
from ngff_fn.effects.read import PATIENCE, Witness, guard_of
from ngff_fn.effects.stored import Opened, node_documents, read_region
from ngff_fn.errors import ConflictError, Problem, StoreNotFoundError
from ngff_fn.records.image import Level
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Region, fill, whole

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray


def open_array(store: Any, path: str = "") -> zarr.Array[Any]:
    """An array of a store, lazy and for reading only; it never shows the pixels of two states.

    Parameters
    ----------
    store
        As for ``open_ome_zarr``: of an image, of anything above it, or of the array itself.
    path
        Of the array, below the store, such as ``"0"``.

    Returns
    -------
    zarr.Array
        Reading from it raises ConflictError once the array has changed: then open it again. What a damaged chunk raises
        is what its codec raises; ``to_numpy`` and ``evaluate`` name the chunk.

    Raises
    ------
    StoreNotFoundError
        Where there is no array, with what there is.
    UnsupportedError
        Where zarr does not know one of its codecs.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.eye(3, dtype="uint8"), axes="yx"), version="0.5")
    >>> open_array(store, "0")[1:]
    array([[0, 1, 0],
           [0, 0, 1]], dtype=uint8)
    """
    return _opened(store, path).zarr


def to_numpy(store: Any, path: str = "") -> NDArray[Any]:
    """An array of a store as NumPy, all of it from one moment.

    Parameters
    ----------
    store, path
        As for ``open_array``.

    Raises
    ------
    StoreError
        Where a chunk cannot be decoded, with its key; else as ``open_array``.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.eye(2, dtype="uint8"), axes="yx"), version="0.5")
    >>> to_numpy(store, "0")
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """
    return _read(store, path, lambda opened: whole(opened.grid.shape))


def read_tile(store: Any, path: str, row: int, column: int, *, pre_dims: Sequence[Any] | None = None) -> NDArray[Any]:
    """One tile of an array, with as many axes as the array.

    Parameters
    ----------
    store, path
        As for ``open_array``.
    row, column, pre_dims
        As for ``tile_region``: the place in the grid of chunks, and what is taken along the axes before the last two.

    Raises
    ------
    OutOfRangeError
        (an IndexError) for a tile, or a part of one, that is not there.
    WrongTypeError
        (a TypeError) where row or column is no integer.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.eye(4, dtype="uint8"), axes="yx", chunks=(2, 2)), version="0.5")
    >>> read_tile(store, "0", 1, 1)
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """

    def region(opened: Opened) -> Region:
        array = opened.grid
        level = Level(path=path, scale=(1.0,) * len(array.shape), array=array, pixels=fill(array.shape))
        return tile_region(level, row, column, pre_dims=pre_dims)

    return _read(store, path, region)


def _read(store: Any, path: str, region: Callable[[Opened], Region]) -> NDArray[Any]:
    """A region of an array; it is read again while writers change it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            opened = _opened(store, path)
            return read_region(opened, region(opened))
        except ConflictError:
            if time.monotonic() > deadline:
                raise


def _opened(store: Any, path: str) -> Opened:
    from ngff_fn.effects.files_store import zarr_array

    address = address_below(store, path)
    where = address.path
    guard = guard_of(address.files, where)
    view = Witness(address.files).view
    documents = next(node_documents(view, where), None)
    guard()
    location = joined(view.identity, where)
    if documents is None:
        there = sorted(name for name, is_directory in view.names(where) if is_directory and not name.startswith("__"))
        message = f"there is no array here; there is {', '.join(there)}." if there else "there is no array here."
        raise StoreNotFoundError(Problem(location, f"{message} Name an array, such as the path of a level."))
    return Opened(zarr=zarr_array(view, where, documents, guard=guard), home=view.identity, path=where)
