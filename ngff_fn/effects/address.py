"""From what a user calls a store to its files and the path in them: every door leads to the same home."""

from __future__ import annotations

import os
from typing import Any

from ngff_fn.effects.local import LocalFiles
from ngff_fn.effects.stores import Address, Files, joined
from ngff_fn.errors import Problem, StoreError, UnsupportedError, WrongTypeError

GROUP_DOCUMENTS = (".zgroup", "zarr.json")
LONGEST_GAP = 2
"""A plate's row and well may be without documents; a group further up belongs to something else."""

_LATER = "This version reads and writes local directories and Zarr's MemoryStore. Copy the store to one of these."


def address_of(store: Any) -> Address:
    """Where a store is: the files of its outermost group, and the path below it.

    Parameters
    ----------
    store
        A path, a Zarr ``LocalStore`` or ``MemoryStore``, a ``StorePath`` of one of these, or an ``Address``.

    Raises
    ------
    UnsupportedError
        URLs, zip files, object stores and every other kind of store, by name.
    WrongTypeError
        What is no store at all.
    """
    match store:
        case Address():
            return store
        case str() | os.PathLike():
            return _local_address(os.fspath(store), "", read_only=False)
        case _:
            return _zarr_address(store)


def files_of(identity: str) -> Files:
    """The files of a home again, by the identity that it has in ``Stored`` and ``Place``.

    Raises
    ------
    StoreError
        Where it is gone, or was never in a store (documents in memory).
    """
    if identity.startswith("memory:"):
        from ngff_fn.effects.memory import MemoryFiles, memory_at

        name, _, root = identity.partition("/")
        memory = memory_at(name)
        if memory is None:
            raise StoreError(Problem(identity, "this store in memory is gone. Keep a reference to it."))
        return MemoryFiles(memory, root)
    if not identity:
        message = "the pixels are in no store: the snapshot was made from documents in memory."
        raise StoreError(Problem("", f"{message} Open a store, or give the pixels."))
    return LocalFiles(identity)


def _zarr_address(store: Any) -> Address:
    kind = type(store)
    if not any(base.__module__.startswith("zarr.") for base in kind.__mro__):
        message = f"{kind.__name__} is not a store. Give a path, or a Zarr LocalStore, MemoryStore or StorePath."
        raise WrongTypeError(Problem("store", message))
    from zarr.storage import LocalStore, MemoryStore, StorePath

    path, read_only = "", False
    if isinstance(store, StorePath):
        path, store = store.path.strip("/"), store.store
    read_only = bool(getattr(store, "read_only", False))
    match store:
        case LocalStore():
            return _local_address(os.fspath(store.root), path, read_only=read_only)
        case MemoryStore():
            return _memory_address(store, path, read_only=read_only)
        case _:
            raise UnsupportedError(Problem("store", f"{type(store).__name__} is not supported yet. {_LATER}"))


def _local_address(root: str, below: str, *, read_only: bool) -> Address:
    if "://" in root:
        raise UnsupportedError(Problem(root, f"URLs are not supported yet. {_LATER}"))
    if "\0" in root:
        raise WrongTypeError(Problem("store", f"{root!r} is no path."))
    full = os.path.realpath(os.path.join(root, below))
    if full.endswith((".zip", ".ozx")) and not os.path.isdir(full):
        raise UnsupportedError(Problem(full, f"zip files are not supported yet. {_LATER}"))
    home = _outermost(full)
    path = full[len(home) :].strip(os.sep).replace(os.sep, "/")
    return Address(files=LocalFiles(home, read_only=read_only, resolved=True), path=path)


def _outermost(path: str) -> str:
    home, above, gap = path, os.path.dirname(path), 0
    while True:
        if os.access(f"{above}/.zgroup", os.F_OK) or os.access(f"{above}/zarr.json", os.F_OK):
            home, gap = above, 0
        else:
            gap += 1
        below, above = above, os.path.dirname(above)
        if gap > LONGEST_GAP or above == below:
            return home


def _memory_address(store: Any, path: str, *, read_only: bool) -> Address:
    from ngff_fn.effects.memory import MemoryFiles, memory_of

    memory = memory_of(store)
    names = path.split("/") if path else []
    home, gap = path, 0
    for depth in range(len(names) - 1, -1, -1):
        above = "/".join(names[:depth])
        if any(joined(above, name) in memory.data for name in GROUP_DOCUMENTS):
            home, gap = above, 0
        else:
            gap += 1
            if gap > LONGEST_GAP:
                break
    below = path[len(home) :].strip("/")
    return Address(files=MemoryFiles(memory, home, read_only=read_only), path=below)
