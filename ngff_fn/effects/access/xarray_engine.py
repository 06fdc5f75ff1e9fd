"""The engine ``ngff-fn`` of ``xarray.open_dataset``, which xarray finds by its entry point; nothing else imports it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from xarray.backends import BackendArray, BackendEntrypoint

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

    from ngff_fn.effects.access.lazy import LazyArray


class NgffFnBackendEntrypoint(BackendEntrypoint):  # type: ignore[misc] # xarray's types are not looked at
    """A level of an image as a Dataset of one variable, called as the image is, else ``image``.

    >>> import numpy, xarray
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> _ = create("eye.zarr", image_from(numpy.eye(3, dtype="uint8"), axes="yx", scale=[0.5, 0.5]), version="0.5")
    >>> dataset = xarray.open_dataset("eye.zarr", engine=NgffFnBackendEntrypoint)
    >>> int(dataset.image.sel(y=0.5).sum())
    1
    """

    description = "A level of an OME-Zarr image"

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        path: str = "",
        group: str | None = None,
        level: int | str | None = None,
    ) -> xarray.Dataset:
        """A Dataset whose variable is indexed without being loaded, and chunked by write units with ``chunks={}``.

        Parameters
        ----------
        filename_or_obj
            A store, as for ``to_xarray``.
        drop_variables
            Variables and coordinates to leave out.
        path, group
            Of the image below the store, such as ``"A/1/0"``; engines for other formats call it group.
        level
            As for ``to_xarray``.

        Raises
        ------
        InvalidValueError
            (a ValueError) for a path and another group; else as ``to_xarray``. Reading raises ConflictError once the
            array has changed.
        """
        from xarray import Dataset, Variable
        from xarray.core.indexing import LazilyIndexedArray

        from ngff_fn.effects.access.lazy import LazyArray, write_unit
        from ngff_fn.effects.access.xarrays import labelled

        found = labelled(filename_or_obj, _one_of(path, group), level)
        chunks = dict(zip(found.dims, write_unit(found.stored), strict=True))
        pixels = Variable(
            found.dims,
            LazilyIndexedArray(_Pixels(LazyArray(stored=found.stored))),
            found.attrs,
            {"preferred_chunks": chunks},
        )
        name = found.name if found.name and found.name not in found.dims else "image"
        dataset = Dataset({name: pixels}, found.keywords(Variable)["coords"])
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return dataset.drop_vars(dropped, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:  # noqa: ARG002 — whatever it is
        """No: what ``open_dataset`` means without an engine stays as it is."""
        return False


def _one_of(path: str, group: str | None) -> str:
    from ngff_fn.errors import InvalidValueError, Problem

    if group is None or group == path:
        return path
    if path:
        raise InvalidValueError(Problem("group", f"it is {group!r}, and the path {path!r}. Give one of them."))
    return group


class _Pixels(BackendArray):  # type: ignore[misc] # as above
    """The pixels of a level as xarray asks for them: each axis by positions of its own."""

    def __init__(self, array: LazyArray) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        from xarray.core.indexing import IndexingSupport, VectorizedIndexer, explicit_indexing_adapter

        if not isinstance(key, VectorizedIndexer):  # the adapter stumbles over empty slices with a negative step
            return self.array[key.tuple]
        outer, read = IndexingSupport.OUTER, self.array.__getitem__
        block: NDArray[Any] = explicit_indexing_adapter(key, self.shape, outer, read)
        return block

    def __dask_tokenize__(self) -> Any:
        return self.array.__dask_tokenize__()
