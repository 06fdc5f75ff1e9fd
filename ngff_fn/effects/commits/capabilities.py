"""What a store can do, found out by trying it; the promises of a commit hold as far as this goes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import uuid4

from attrs import evolve, frozen

from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits.transaction import LOCK_TIMEOUT
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.local.system_calls import flush, flush_file, flush_file_system, write_file
from ngff_fn.effects.memory import MemoryFiles
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import STAGE
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.errors import Problem, StoreNotFoundError, UnsupportedError
from ngff_fn.records.paths import joined

Locks = Literal["directory", "file", "mutex", "none"]


@frozen(kw_only=True)
class Capabilities:
    """What a store can do; None: it is not known without writing.

    Parameters
    ----------
    kind
        ``local`` (a directory), ``memory`` (Zarr's MemoryStore), ``zip``, ``icechunk``, or ``objects``: all that has
        keys and no directories, which is also plain HTTP, obstore's MemoryStore, and every file system of fsspec.
    location
        Of its outermost group.
    writable
        Whether it can be written at all, as it was opened and by this user.
    atomic_replace
        A document is replaced in one step: readers see the old one or the new one.
    exchange
        Two files or directories change places in one step: a whole store, or an array that is rebuilt, is replaced
        without a moment in which it is not there, and what another program wrote at the very time of a commit is seen
        and kept (``ForeignWriteError``). Without it neither is promised.
    locks
        By what writers exclude each other: a lock of the ``directory`` that dies with its process, one of a ``file`` in
        it where directories have none (as on NFS), a ``mutex`` in this process; ``none``: commits are refused unless
        ``single_writer=True`` is said.
    hard_links
        A file gets another name, so that what a commit takes over from an array that it rebuilds is not copied.
    durable_flush
        What was flushed survives a power cut, as far as the system says.
    conditional_put
        An object is replaced only if it is what it was, by the store itself: so documents are committed without locks,
        and an icechunk branch moves from where it was, so that all is.
    """

    kind: str
    location: str
    writable: bool
    atomic_replace: bool | None = None
    exchange: bool | None = None
    locks: Locks | None = None
    hard_links: bool | None = None
    durable_flush: bool | None = None
    conditional_put: bool = False


@runtime_checkable
class Capable(Protocol):
    """Files of another kind, that say themselves what they can do."""

    def capabilities(self) -> Capabilities:
        """What the store can do."""
        ...


def capabilities(store: Any) -> Capabilities:
    """What a store can do: tried out where no reader looks, and nothing is left of that.

    Parameters
    ----------
    store
        As for ``open_ome_zarr``. It need not be there: then the directory is tried in which it would be.

    Returns
    -------
    Capabilities
        Of a store that cannot be written, what is known without writing.

    Raises
    ------
    StoreNotFoundError
        (a FileNotFoundError) Where not even the directory is there in which the store would be.
    UnsupportedError
        Kinds of store that are not supported, by name.

    >>> import zarr
    >>> found = capabilities(zarr.storage.MemoryStore())
    >>> found.kind, found.locks, found.atomic_replace, found.durable_flush
    ('memory', 'mutex', True, False)
    """
    files = address_of(store).files
    match files:
        case MemoryFiles():
            return Capabilities(
                kind="memory",
                location=files.identity,
                writable=not files.read_only,
                atomic_replace=True,
                exchange=True,
                locks="mutex",
                hard_links=True,
                durable_flush=False,
            )
        case LocalFiles():
            return _of_directory(files)
        case ZipFiles():
            return Capabilities(
                kind="zip",
                location=files.identity,
                writable=not files.read_only and os.access(os.path.dirname(files.identity), os.W_OK),
                atomic_replace=True,
                exchange=True,
                locks="file",
                hard_links=False,
                durable_flush=True,
            )
        case ObjectFiles():
            return Capabilities(
                kind="objects",
                location=files.identity,
                writable=not files.read_only and files.objects.lists,
                atomic_replace=True,
                exchange=False,
                locks="none",
                hard_links=False,
                durable_flush=None,
                conditional_put=files.keeps_conditions(),
            )
        case RepositoryFiles():
            return _of_repository(files)
        case Capable():
            return files.capabilities()
        case _:
            message = "what this kind of store can do is not known."
            raise UnsupportedError(
                Problem(files.identity, f"{message} Give a directory, or a store that is named there.")
            )


def _of_repository(files: RepositoryFiles) -> Capabilities:
    """Commits are icechunk's; of a local repository what is around them is ours."""
    storage = files.revision.storage
    kind = "unknown" if storage is None else storage.kind
    around = LocalFiles(storage.name, resolved=True) if storage is not None and kind == "local" else None
    is_writable = not files.read_only and (around is None or around.is_writable(""))
    locks: Locks = "none"
    if around is not None:
        locks = "directory" if around.has_directory_lock() else "file" if around.has_file_lock() else "none"
    return Capabilities(
        kind="icechunk",
        location=files.identity,
        writable=is_writable,
        atomic_replace=True,
        exchange=True,
        locks=locks,
        hard_links=False,
        durable_flush=flush_file_system is not None if kind == "local" else False if kind == "memory" else None,
        conditional_put=kind in ("memory", "objects"),
    )


def _of_directory(files: LocalFiles) -> Capabilities:
    location, tried, stage = files.identity, files, STAGE
    if not os.path.isdir(files.identity):
        tried, stage, _ = files.beside()
        if os.path.lexists(files.identity):
            message = "it is a file, and a store is a directory, or an archive by its name (.ozx, .zip)."
            raise StoreNotFoundError(Problem(files.identity, f"{message} Give the directory that it is in."))
        if not os.path.isdir(tried.identity):
            message = "there is no such directory. Make it first."
            raise StoreNotFoundError(Problem(tried.identity, message))
    locks: Locks | None = "directory" if tried.has_directory_lock() else None
    is_writable = not files.read_only and tried.is_writable("")
    found = Capabilities(kind="local", location=location, writable=is_writable, locks=locks)
    if not is_writable:
        return found
    found = evolve(found, locks=locks or ("file" if tried.has_file_lock() else "none"))
    with tried.lock(LOCK_TIMEOUT) if found.locks != "none" else contextlib.nullcontext():
        aside = joined(stage, uuid4().hex)
        try:
            tried.make_directory(aside)
            return evolve(found, **_tried(tried, os.path.join(tried.identity, aside)))
        finally:
            tried.remove(aside)
            tried.prune(stage)


def _tried(files: LocalFiles, folder: str) -> dict[str, Any]:
    """Each by doing it."""
    one, other = os.path.join(folder, "one"), os.path.join(folder, "other")

    def exchanges() -> bool:
        return files.swap(one, other) and _read(one) == b"2"

    def links() -> bool:
        os.link(one, os.path.join(folder, "link"))
        return os.path.samefile(one, os.path.join(folder, "link"))

    def flushes() -> bool:
        flush(one, flush_file)
        flush(folder, flush_file)
        return True

    def replaces() -> bool:
        last = _read(one)
        os.rename(one, other)
        return _read(other) == last

    write_file(one, b"1")
    write_file(other, b"2")
    return {
        "exchange": _can(exchanges),
        "hard_links": _can(links),
        "durable_flush": _can(flushes),
        "atomic_replace": _can(replaces),
    }


def _can(attempt: Callable[[], bool]) -> bool:
    try:
        return attempt()
    except OSError:
        return False


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
