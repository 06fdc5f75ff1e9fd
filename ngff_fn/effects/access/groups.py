"""What lies in a store, whether or not the metadata lists it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from ngff_fn.effects.address import address_below
from ngff_fn.effects.reading.witness import Witness
from ngff_fn.effects.stores import Files
from ngff_fn.errors import DocumentError, NgffError, Problem, StoreNotFoundError, UnsupportedError
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS

if TYPE_CHECKING:
    import zarr


def require_listing(files: Files) -> None:
    """Refuse where nothing can be listed: an empty answer would be taken for one.

    Raises
    ------
    UnsupportedError
        Over plain HTTP.
    """
    objects = getattr(files, "objects", None)
    if objects is not None and not objects.lists:
        message = "plain HTTP cannot say what is there. Ask the object store behind it, such as s3://, or copy it."
        raise UnsupportedError(Problem(files.identity, message))


def children(store: Any, path: str = "") -> tuple[str, ...]:
    """The names of the groups and arrays that lie in a group, in natural order: ``2`` before ``10``.

    Parameters
    ----------
    store
        As for ``open_ome_zarr``.
    path
        Of the group, below the store.

    Raises
    ------
    StoreNotFoundError
        Where nothing is at the path.
    UnsupportedError
        Over plain HTTP, which lists nothing.
    InvalidValueError, WrongTypeError
        For what is no path, or leads out of the store.

    >>> import numpy, zarr
    >>> import ngff_fn as nf
    >>> store = zarr.storage.MemoryStore()
    >>> image = nf.with_pyramid(nf.image_from(numpy.zeros((8, 8), "uint8"), axes="yx"), levels=2)
    >>> _ = nf.create(store, image, version="0.5")
    >>> children(store)
    ('0', '1')
    """
    address = address_below(store, path, is_group=True)
    require_listing(address.files)
    view, where = Witness(address.files).view, address.path
    names = view.names(where)
    if not names:
        message = "nothing is there. Look at the names one level up."
        raise StoreNotFoundError(Problem(joined(address.files.identity, where), message))
    nodes = [
        name
        for name, is_directory in names
        if is_directory and any(view.signature(joined(where, name, key)) is not None for key in NODE_DOCUMENTS)
    ]
    return tuple(sorted(nodes, key=natural))


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key for sorting that counts numbers by their value.

    >>> sorted(["10", "2", "a10", "a2"], key=natural)
    ['2', '10', 'a2', 'a10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)


def open_group(store: Any, path: str = "") -> zarr.Group:
    """A Zarr group of the store, for reading: what lies in it beside the image, such as tables.

    Parameters
    ----------
    store
        As for ``open_ome_zarr``.
    path
        Of the group, below the store.

    Raises
    ------
    StoreNotFoundError
        Where no group is at the path.
    DocumentError
        Where Zarr cannot read its document.
    InvalidValueError, WrongTypeError
        For what is no path, or leads out of the store.

    >>> import numpy, zarr
    >>> import ngff_fn as nf
    >>> store = zarr.storage.MemoryStore()
    >>> _ = nf.create(store, nf.image_from(numpy.zeros((8, 8), "uint8"), axes="yx"), version="0.5")
    >>> open_group(store).attrs["ome"]["version"]
    '0.5'
    """
    import zarr
    from zarr.errors import ContainsArrayError

    from ngff_fn.effects.pixels.files_store import FilesStore

    address = address_below(store, path, is_group=True)
    view, where = Witness(address.files).view, address.path
    location = joined(address.files.identity, where)
    for zarr_format, key in _FORMATS:
        if view.signature(joined(where, key)) is None:
            continue
        try:
            return zarr.open_group(FilesStore(view), path=where, mode="r", zarr_format=zarr_format)
        except ContainsArrayError:
            break
        except NgffError:
            raise
        except Exception as error:  # what zarr raises for a damaged document depends on where it is damaged
            message = f"Zarr cannot read this document of a group ({error}). Mend it by hand."
            raise DocumentError(Problem(joined(location, key), message)) from error
    message = "no Zarr group is there. children() lists what is in the one above; open_array opens an array."
    raise StoreNotFoundError(Problem(location, message))


_FORMATS: tuple[tuple[Literal[2, 3], str], ...] = ((3, "zarr.json"), (2, ".zgroup"))
