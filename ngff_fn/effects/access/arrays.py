"""What is in a store as arrays: lazy, as NumPy, Dask or TensorStore, or one tile of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from ngff_fn.codecs import decode_array, token
from ngff_fn.edits.tiles import tile_region
from ngff_fn.effects.access.lazy import LazyArray, as_dask
from ngff_fn.effects.address import address_below, is_remote
from ngff_fn.effects.extras import imported
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.outermost import all_above
from ngff_fn.effects.pixels.stored import Opened, node_documents, read_region
from ngff_fn.effects.reading.read import first_missing, refuse_file
from ngff_fn.effects.reading.view import View
from ngff_fn.effects.reading.witness import PATIENCE, Witness, guard_of
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.errors import (
    ConflictError,
    NgffError,
    Problem,
    StoreNotFoundError,
    UnsupportedError,
    WrongTypeError,
    refuse,
)
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.image import Level
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Region, Stored, fill, whole

if TYPE_CHECKING:
    import dask.array
    import tensorstore
    import zarr
    from numpy.typing import NDArray

T = TypeVar("T")


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
        Reading from it raises ConflictError once the array has changed: then open it again. A file that is empty or cut
        off raises StoreError where that can be seen by its size, header or index; what else a damaged chunk raises is
        what its codec raises. ``to_numpy`` and ``evaluate`` name every chunk that cannot be decoded.

    Raises
    ------
    StoreNotFoundError
        Where there is no array, with what there is.
    UnsupportedError
        Where zarr does not know one of its codecs.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.eye(3, dtype="uint8"), axes="yx"), version="0.5")
    >>> open_array(store, "0")[1:]
    array([[0, 1, 0],
           [0, 0, 1]], dtype=uint8)
    """
    return _opened(_node(store, path)).zarr


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
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.eye(2, dtype="uint8"), axes="yx"), version="0.5")
    >>> to_numpy(store, "0")
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """
    return _read(store, path, lambda array: whole(array.shape))


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
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.eye(4, dtype="uint8"), axes="yx", chunks=(2, 2)), version="0.5")
    >>> read_tile(store, "0", 1, 1)
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """

    def region(array: ArraySpec) -> Region:
        level = Level(path=path, scale=(1.0,) * len(array.shape), array=array, pixels=fill(array.shape))
        return tile_region(level, row, column, pre_dims=pre_dims)

    return _read(store, path, region)


def to_dask(store: Any, path: str = "") -> dask.array.Array:
    """An array of a store as a Dask array; its blocks are the write units, and none is read before it is computed.

    Parameters
    ----------
    store, path
        As for ``open_array``.

    Returns
    -------
    dask.array.Array
        Its blocks are the shards, where there are shards, else the chunks. Its name follows from the place and the
        documents of the array. Its tasks are small and can run in other processes that see the same files; a store in
        memory is seen by the threads of this process, and must be kept. Computing raises ConflictError once the array
        has changed: then ask for it again.

    Raises
    ------
    StoreNotFoundError
        Where there is no array, with what there is.
    DocumentError
        Where its documents cannot be understood.
    UnsupportedError
        Without Dask (``ngff_fn[dask]``).

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> image = image_from(numpy.arange(12, dtype="uint8").reshape(3, 4), axes="yx", chunks=(3, 2))
    >>> _ = create(store, image, version="0.5")
    >>> array = to_dask(store, "0")
    >>> array.chunks, int(array.sum().compute())
    (((3,), (2, 2)), 66)
    """
    return as_dask(_patiently(lambda: _stored(_node(store, path))))


def to_tensorstore(store: Any, path: str = "", **kwargs: Any) -> tensorstore.TensorStore:
    """An array of a local store or archive as a TensorStore, for reading only.

    TensorStore reads the files itself. What is opened here is of one state; what a later commit changes it may find
    changed in part. ``open_array`` and ``to_dask`` notice that.

    Parameters
    ----------
    store, path
        As for ``open_array``.
    kwargs
        As for ``tensorstore.open``, such as ``context``; none that would write.

    Raises
    ------
    ConflictError
        While a commit is carried out that changes the array, also where its writer died.
    InvalidValueError
        (a ValueError) for keywords that would write.
    WrongTypeError
        (a TypeError) for keywords that ``tensorstore.open`` does not know.
    UnsupportedError
        For a store in memory, an array that TensorStore does not take, and without TensorStore
        (``ngff_fn[tensorstore]``).
    StoreNotFoundError
        Where there is no array, with what there is.

    >>> import numpy
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> _ = create("eye.zarr", image_from(numpy.eye(3, dtype="uint8"), axes="yx"), version="0.5")
    >>> to_tensorstore("eye.zarr", "0")[1].read().result()
    array([0, 1, 0], dtype=uint8)
    """
    module = imported("tensorstore", "tensorstore", "a TensorStore array")
    refuse(
        Problem(name, "what writes behind a commit is lost or mixed with it. Leave it out, and write with commit().")
        for name in ("write", "create", "delete_existing")
        if kwargs.get(name)
    )
    node = _node(store, path)
    if is_remote(node.view.identity):
        message = (
            "TensorStore is given local files only, and this store is elsewhere. Use open_array or to_dask, or copy it "
            "to a disk."
        )
        raise UnsupportedError(Problem(node.location, message))
    if node.view.touches(node.path):
        message = "a commit that changes the array is being carried out. Read it with open_array, which sees it done;"
        raise ConflictError(Problem(node.location, f"{message} if its writer died, any commit to the store ends it."))
    driver = "zarr3" if "zarr.json" in node.documents else "zarr"
    kvstore: dict[str, object] = {"driver": "file", "path": f"{node.location}/"}
    if isinstance(node.view.files, ZipFiles):
        kvstore = {"driver": "file", "path": node.view.identity}
        kvstore = {"driver": "zip", "base": kvstore, "path": f"{node.path}/" if node.path else ""}
    spec = {"driver": driver, "kvstore": kvstore}
    opened: tensorstore.TensorStore
    try:
        opened = module.open(spec, **{**kwargs, "open": True, "read": True, "write": False}).result()
    except TypeError as error:
        raise WrongTypeError(
            Problem("kwargs", f"tensorstore.open does not take them ({error}). Leave them out.")
        ) from error
    except Exception as error:
        said = re.split(r" \[(?:tensorstore_spec|source locations)=", str(error))[0]
        message = f"TensorStore does not open this array ({said}). Read it with open_array or to_dask, or rechunk() it."
        raise UnsupportedError(Problem(node.location, message)) from error
    node.guard()
    return opened


def _read(store: Any, path: str, region: Callable[[ArraySpec], Region]) -> NDArray[Any]:
    """A region of an array; it is read again while writers change it."""

    def read() -> NDArray[Any]:
        node = _node(store, path)
        try:
            stored = _stored(node)
        except NgffError as refusal:  # zarr knows more arrays than the records do
            try:
                opened = _opened(node)
            except UnsupportedError:
                raise refusal from None
            return read_region(opened, region(opened.grid))
        return LazyArray(stored=stored)[tuple(slice(*bounds) for bounds in region(stored.array))]

    return _patiently(read)


def _patiently(read: Callable[[], T]) -> T:
    """What is read of one state: again, while writers change it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return read()
        except ConflictError:
            if time.monotonic() > deadline:
                raise


def _stored(node: _Node) -> Stored:
    """The recipe that means what is stored now."""
    try:
        array = decode_array(node.documents)
    except NgffError as error:
        raise error.located(f"{node.location}: ") from error
    return Stored(origin=node.view.identity, path=node.path, array=array, token=token(node.documents))


def _opened(node: _Node) -> Opened:
    from ngff_fn.effects.pixels.files_store import zarr_array

    array = zarr_array(node.view, node.path, node.documents, guard=node.guard)
    return Opened(zarr=array, home=node.view.identity, path=node.path)


@frozen(kw_only=True, eq=False)
class _Node:
    """An array as its documents were; ``guard`` raises ConflictError once they are others."""

    view: View
    path: str
    documents: dict[str, bytes]
    guard: Callable[[], None]

    @property
    def location(self) -> str:
        return joined(self.view.identity, self.path)


def _node(store: Any, path: str) -> _Node:
    address = address_below(store, path)
    where = address.path
    guard = guard_of(address.files, where)
    view = Witness(address.files).view
    documents = next(node_documents(view, where), None)
    guard()
    if documents is None:
        raise _no_array(view, where)
    return _Node(view=view, path=where, documents=documents, guard=guard)


def _no_array(view: View, path: str) -> StoreNotFoundError:
    """What there is instead: in that folder, or in the first one above it that there is."""
    location = joined(view.identity, path)
    refuse_file(view.files, location)
    message, cure = "there is no array here", "Name an array, such as the path of a level."
    for above in (path, *all_above(path)):
        if there := sorted(name for name, is_folder in view.names(above) if is_folder and not name.startswith("__")):
            where = "" if above == path else f" in {joined(view.identity, above)}"
            return StoreNotFoundError(Problem(location, f"{message}; there is {', '.join(there)}{where}. {cure}"))
    missing = first_missing(location) if isinstance(view.files, LocalFiles) else location
    message += "." if missing == location else f", since there is no {missing}."
    return StoreNotFoundError(Problem(location, f"{message} {cure}"))
