"""From what a user calls a store to its files and the path in them: every door leads to the same home."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ngff_fn.effects.icechunk.files import RepositoryFiles, files_of_branch, files_of_session
from ngff_fn.effects.icechunk.repositories import SCHEME, RepositoryPath, refuse_old, revision_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.outermost import GROUP_DOCUMENTS, LISTS, Sought, all_above, outermost, says
from ngff_fn.effects.stores import MOST_DOCUMENT, Address, Files
from ngff_fn.effects.urls import local_path
from ngff_fn.effects.zips.files import SUFFIXES, ZipFiles, archive_in, is_archive
from ngff_fn.errors import InvalidValueError, Problem, StoreError, UnsupportedError, WrongTypeError
from ngff_fn.records.image import DEEPEST, Place
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import Version

if TYPE_CHECKING:
    from ngff_fn.effects.objects.files import ObjectFiles
    from ngff_fn.effects.objects.objects import Objects

_LATER = (
    "This version takes local directories, zip archives, object stores through obstore, file systems of fsspec, "
    "icechunk repositories, and Zarr's MemoryStore. Copy it to one of these."
)


def address_of(
    store: Any, opened: Place | None = None, *, is_group: bool = False, version: Version | None = None
) -> Address:
    """Where a store is: the files of its outermost group, and the path below it.

    Parameters
    ----------
    store
        A path, a URL, an obstore store, a Zarr ``LocalStore``, ``ZipStore``, ``MemoryStore``, ``ObjectStore`` or
        ``FsspecStore``, a ``StorePath`` of one of these, an icechunk ``Repository``, a ``RepositoryPath`` in one, the
        store of a session of one that is for reading, or an ``Address``. A path may lead into an archive:
        ``cells.ozx/labels``.
    opened
        Where it was when it was opened: a path that says the same need not be resolved again.
    is_group
        Whether a group is meant for sure: there is no need to look far above it, as there is for an array.
    version
        Of what is known to be there, or will be created; None: what is there says it.

    Raises
    ------
    UnsupportedError
        Every other kind of store, by name; a URL without obstore (``ngff_fn[s3]``) or fsspec.
    WrongTypeError
        What is no store at all.
    """
    sought = Sought(is_group=is_group, version=version)
    match store:
        case Address():
            return store
        case RepositoryPath():
            files = _of_repository(store.repository, store.branch, sought)
            return Address(files=files, path=checked_path(store.path))
        case str() | os.PathLike():
            said = os.fspath(store)
            path = local_path(said)
            if path is None:
                return _object_address(*_from_url(said), read_only=False, sought=sought)
            is_real = opened is not None and _is_called(path, opened)
            return _local_address(path, "", read_only=False, sought=sought, is_real=is_real)
        case _:
            return _zarr_address(store, sought)


def _is_called(path: str, opened: Place) -> bool:
    """Whether a path is the name of a place, and no link has been put there since."""
    return bool(opened.home) and path == joined(opened.home, opened.path) and not os.path.islink(path)


def address_below(store: Any, path: str, *, is_group: bool = False) -> Address:
    """Where a node below a store is: the same address as if the node itself had been called the store.

    So whoever reads an image from a directory above it sees the records of its commits, which are in the image's home.

    Of an icechunk repository it is the snapshot that there is now.

    Raises
    ------
    InvalidValueError, WrongTypeError
        A path that leads out of the store, or is none.
    """
    inner = checked_path(path)
    address = address_of(store, is_group=is_group or bool(inner))
    where, files = joined(address.path, inner), address.files
    if isinstance(files, RepositoryFiles):
        return Address(files=files.pinned(), path=where)

    def has(node: str, name: str) -> bool:
        return files.signature(joined(node, name)) is not None

    def lists(above: str, below: str) -> bool:
        return any(says(files.read(joined(above, name), 0, MOST_DOCUMENT), below) for name in LISTS)

    home = outermost(where, all_above(where), has, lists, Sought(is_group=is_group))
    if not home:
        return Address(files=files, path=where)
    inside = where[len(home) :].strip("/")
    if is_remote(files.identity):
        return Address(files=files_of(joined(files.identity, home)), path=inside)
    outer = address_of(joined(files.identity, home), is_group=True)
    return Address(files=outer.files, path=joined(outer.path, inside))


def checked_path(path: str) -> str:
    """The path of a node below a store, without the slashes around it.

    >>> checked_path("/A/1/")
    'A/1'
    """
    if not isinstance(path, str):
        raise WrongTypeError(Problem("path", f"{path!r} is no path. Give one such as '0'."))
    inner = path.strip("/")
    if inner and any(name in ("", ".", "..") for name in inner.split("/")):
        raise InvalidValueError(Problem("path", f"{path!r} leads nowhere below the store. Leave out . and .."))
    if inner.count("/") >= DEEPEST:
        message = f"the path has {inner.count('/') + 1} names; at most {DEEPEST} may be. Give a shorter one."
        raise InvalidValueError(Problem("path", message))
    _refuse_unspeakable(path, "path")
    return inner


def _refuse_unspeakable(path: str, location: str) -> None:
    """What no file system can call a file."""
    if path.isascii() and "\0" not in path:
        return
    try:
        speakable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        speakable = False
    if not speakable:
        message = f"{path!r} has a character that no path can have. Leave it out."
        raise InvalidValueError(Problem(location, message))


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
    if identity.startswith(SCHEME):
        revision = revision_of(identity)
        return RepositoryFiles(revision, revision.session())
    if is_remote(identity):
        from ngff_fn.effects.objects.files import ObjectFiles
        from ngff_fn.effects.objects.identities import objects_at

        return ObjectFiles(*objects_at(identity))
    if not identity:
        message = "the pixels are in no store: the snapshot was made from documents in memory."
        raise StoreError(Problem("", f"{message} Open a store, or give the pixels."))
    is_file = is_archive(identity) or os.path.isfile(identity)
    return ZipFiles(identity) if is_file else LocalFiles(identity)


def is_remote(identity: str) -> bool:
    """Whether a home is no directory."""
    return "://" in identity or identity.startswith(("memory:", "objects:", "fsspec:", SCHEME))


def _zarr_address(store: Any, sought: Sought) -> Address:
    kind = type(store)
    if kind.__module__.partition(".")[0] in ("obstore", "_obstore"):
        return _obstore_address(store, "", read_only=False, sought=sought)
    if kind.__module__.partition(".")[0] == "icechunk":
        return _icechunk_address(store, sought)
    if not any(base.__module__.startswith("zarr.") for base in kind.__mro__):
        cure = "Give a path, a URL, a store of obstore, or one of Zarr, such as LocalStore, or a StorePath."
        raise WrongTypeError(Problem("store", f"{kind.__name__} is not a store. {cure}"))
    from zarr.storage import LocalStore, MemoryStore, StorePath, ZipStore

    path, read_only = "", False
    if isinstance(store, StorePath):
        path, store = store.path.strip("/"), store.store
    read_only = bool(getattr(store, "read_only", False))
    match store:
        case LocalStore():
            return _local_address(os.fspath(store.root), path, read_only=read_only, sought=sought)
        case ZipStore():
            archive = os.path.realpath(store.path)
            return Address(files=ZipFiles(archive, read_only=read_only), path=path)
        case MemoryStore():
            return _memory_address(store, path, read_only=read_only, sought=sought)
        case _ if _kind(store) == "IcechunkStore":
            return evolve(_icechunk_address(store, sought), path=path)
        case _ if _kind(store) == "FsspecStore":
            from ngff_fn.effects.objects.fsspec import fsspec_objects

            objects, root = fsspec_objects(store.fs, str(store.path))
            return _object_address(objects, joined(root, path), read_only=read_only, sought=sought)
        case _ if _kind(store) == "ObjectStore":
            return _obstore_address(store.store, path, read_only=read_only, sought=sought)
        case _ if hasattr(store, "store_path"):
            message = f"{_kind(store)} is not a store, but a node of one. Give its store_path."
            raise WrongTypeError(Problem("store", message))
        case _:
            raise UnsupportedError(Problem("store", f"{type(store).__name__} is not supported yet. {_LATER}"))


def _kind(store: Any) -> str:
    """The name of its class; that of Zarr's store of obstore is there only where obstore is."""
    return type(store).__name__


def _icechunk_address(store: Any, sought: Sought) -> Address:
    match _kind(store):
        case "Repository":
            return Address(files=_of_repository(store, "main", sought), path="")
        case "Session" | "ForkSession":
            return Address(files=files_of_session(store), path="")
        case "IcechunkStore":
            return Address(files=files_of_session(store.session), path="")
        case kind:
            message = f"{kind} is no store. Give the icechunk.Repository, or the store of a session for reading."
            raise WrongTypeError(Problem("store", message))


def _of_repository(repository: Any, branch: str, sought: Sought) -> RepositoryFiles:
    if _kind(repository) != "Repository":
        message = f"{_kind(repository)} is no repository. Give an icechunk.Repository."
        raise WrongTypeError(Problem("repository", message))
    files = files_of_branch(repository, branch)
    refuse_old(sought.version, files.identity)
    return files


_OF_OBSTORE = ("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl", "http", "https")


def _from_url(url: str) -> tuple[Objects, str]:
    """By obstore as far as it goes; what is left, and chains such as ``zip://…::``, is for fsspec."""
    if url.partition("://")[0].lower() in _OF_OBSTORE and "::" not in url:
        from ngff_fn.effects.objects.identities import objects_from

        return objects_from(url)
    from ngff_fn.effects.objects.fsspec import fsspec_objects_from

    return fsspec_objects_from(url)


def _obstore_address(store: Any, path: str, *, read_only: bool, sought: Sought) -> Address:
    from ngff_fn.effects.objects.identities import objects_of

    if _kind(store) == "LocalStore":
        return _local_address(os.fspath(store.prefix or "/"), path, read_only=read_only, sought=sought)
    objects, root = objects_of(store)
    return _object_address(objects, joined(root, path), read_only=read_only, sought=sought)


def _object_address(objects: Objects, path: str, *, read_only: bool, sought: Sought) -> Address:
    from ngff_fn.effects.objects.files import ObjectFiles

    if path and any(name in ("", ".", "..") for name in path.split("/")):
        message = f"{path!r} is no path of an object store. Leave out ., .. and empty names."
        raise InvalidValueError(Problem(objects.identity, message))
    whole = ObjectFiles(objects)
    home = objects.homes.get(path)
    if home is None:
        _refuse_archive(whole, path)

        def has(node: str, name: str) -> bool:
            is_sure = node == path and objects.lists
            return objects.tag(joined(node, name)) is not None if is_sure else objects.may_have(joined(node, name))

        def lists(above: str, below: str) -> bool:
            return any(says(whole.read(joined(above, name)), below) for name in LISTS)

        home = outermost(path, all_above(path), has, lists, sought)
        if any(has(path, name) for name in GROUP_DOCUMENTS):  # else what is above may still come
            objects.homes[path] = home
    return Address(files=ObjectFiles(objects, home, read_only=read_only), path=path[len(home) :].strip("/"))


def _refuse_archive(files: ObjectFiles, path: str) -> None:
    """Only a local disk has archives; what lies below such a name is a store as any other."""
    archive = next((each for each in (*reversed([*all_above(path)]), path) if each.lower().endswith(SUFFIXES)), "")
    if archive and (files.objects.lists or archive == path) and not files.names(archive):
        message = "archives (.ozx, .zip) are on local disks only. Give a path there; here, a name such as cells.zarr."
        raise UnsupportedError(Problem(joined(files.identity, archive), message))


def _local_address(root: str, below: str, *, read_only: bool, sought: Sought, is_real: bool = False) -> Address:
    _refuse_unspeakable(root, "store")
    _refuse_unspeakable(below, "store")
    full = root if is_real else os.path.realpath(os.path.join(root, below) if below else root)
    if (archive := archive_in(full)) is not None:
        inner = full[len(archive) :].strip(os.sep).replace(os.sep, "/")
        return Address(files=ZipFiles(archive, read_only=read_only), path=inner)
    home = outermost(full, _directories_above(full), _has_file, _local_group_lists, sought)
    path = full[len(home) :].strip(os.sep).replace(os.sep, "/")
    return Address(files=LocalFiles(home, read_only=read_only, resolved=True), path=path)


@lru_cache(maxsize=16)
def _directories_above(path: str) -> tuple[str, ...]:
    found, above = [path], os.path.dirname(path)
    while above != found[-1]:
        found.append(above)
        above = os.path.dirname(above)
    return tuple(found[1:])


def _has_file(directory: str, name: str) -> bool:
    return os.access(f"{directory}/{name}", os.F_OK)


def _local_group_lists(above: str, below: str) -> bool:
    below = below.replace(os.sep, "/")
    return any(says(LocalFiles(above, resolved=True).read(name, 0, MOST_DOCUMENT), below) for name in LISTS)


def _memory_address(store: Any, path: str, *, read_only: bool, sought: Sought) -> Address:
    from ngff_fn.effects.memory import MemoryFiles, memory_of

    memory = memory_of(store)
    files = MemoryFiles(memory, read_only=read_only)

    def has(node: str, name: str) -> bool:
        return joined(node, name) in memory.data

    def lists(above: str, below: str) -> bool:
        return any(says(files.read(joined(above, name), 0, MOST_DOCUMENT), below) for name in LISTS)

    home = outermost(path, all_above(path), has, lists, sought)
    return Address(files=MemoryFiles(memory, home, read_only=read_only), path=path[len(home) :].strip("/"))
