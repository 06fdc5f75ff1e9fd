"""Icechunk repositories: what each is called, which of its snapshots is meant, and what it says when it fails."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal
from urllib.parse import quote, unquote
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from attrs import field, frozen

from ngff_fn.effects.extras import imported
from ngff_fn.effects.failures import said
from ngff_fn.errors import InvalidValueError, NgffError, Problem, StoreError, StoreNotFoundError, UnsupportedError

SCHEME = "icechunk:"
"""The identity of a branch is ``icechunk:<storage>@<branch>``, that of a snapshot ``icechunk:<storage>@<id>``."""

Kind = Literal["local", "memory", "objects", "unknown"]

BEGINNING = 64
"""Bytes of a file that say whether it is one of a repository."""

A_REPOSITORY = "this is an icechunk repository. Open it with icechunk, and hand in the icechunk.Repository."
"""What is said of its path."""

_MAGIC = "ICE🧊CHUNK".encode()
_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{20}")  # of a snapshot: 12 bytes in Crockford's base 32


@frozen
class RepositoryPath:
    """A node in an icechunk repository, on one of its branches: a store, as the repository itself is one.

    Parameters
    ----------
    repository
        An ``icechunk.Repository`` (0.5 only: icechunk knows no Zarr v2).
    path
        Of the image, plate or collection; "" is the root, which is meant where the repository itself is given.
    branch
        Which is read, and which commits go to.
    """

    repository: Any
    path: str = ""
    branch: str = field(default="main", kw_only=True)


def is_repository(read: Callable[[str], bytes | None]) -> bool:
    """Whether a directory, whose files ``read`` gives, is a repository: of icechunk's first or of its second format.

    >>> is_repository({"refs/branch.main/ref.json": b"{}"}.get), is_repository({"repo": b"notes"}.get)
    (True, False)
    """
    return read("refs/branch.main/ref.json") is not None or (read("repo") or b"").startswith(_MAGIC)


@frozen(kw_only=True)
class Storage:
    """Where a repository is: ``name`` is the same for all doors to it, but for those in memory."""

    kind: Kind
    name: str


# --- known repositories


_names: WeakKeyDictionary[Any, Storage] = WeakKeyDictionary()
_in_memory: WeakValueDictionary[str, Any] = WeakValueDictionary()
_elsewhere: dict[str, Any] = {}
_sessions: dict[str, Any] = {}
_registry = threading.RLock()
_process: list[int] = []
"""The one in which icechunk was asked first: its threads are there, and in no other that is forked from it."""


def storage_of(repository: Any) -> Storage:
    """Where a repository is; from then on it is known by that name."""
    with _registry:
        storage = _names.get(repository)
        if storage is None:
            storage = _names[repository] = _described(repr(repository.storage))
        if storage.kind == "memory":
            _in_memory[storage.name] = repository
        else:
            _elsewhere[storage.name] = repository
        return storage


def _described(text: str) -> Storage:
    """What icechunk says of a storage, in the words of its first and of its second major version."""
    local = re.search(r"LocalFileSystemObjectStoreBackend\(path=(.*)\)\)$", text, re.DOTALL) or re.search(
        r"type: local filesystem\npath: (.*?)\n*$", text, re.DOTALL
    )
    if local is not None:
        return Storage(kind="local", name=os.path.realpath(local[1]))
    if "InMemory" in text or "type: in-memory" in text:
        return Storage(kind="memory", name=f"memory-{uuid4().hex}")
    known = re.search(r"(S3)(?:Storage|ObjectStoreBackend)|type: (S3|GCS|Azure)|(Gcs|Azure)ObjectStoreBackend", text)
    bucket = _said_of(text, "bucket") or _said_of(text, "container")
    if known is None or not bucket:
        return Storage(kind="unknown", name=f"repository-{uuid4().hex}")
    scheme = {"S3": "s3", "GCS": "gs", "Gcs": "gs", "Azure": "az"}[next(filter(None, known.groups()))]
    host = _said_of(text, "endpoint_url").partition("://")[2].rstrip("/") or _said_of(text, "account")
    parts = (host, bucket, _said_of(text, "prefix").strip("/"))
    return Storage(kind="objects", name=f"{scheme}://{'/'.join(filter(None, parts))}")


def _said_of(text: str, name: str) -> str:
    found = re.search(rf"\b{name}[=:] ?([^,\n)]*)", text)
    return "" if found is None or found[1] == "None" else found[1]


def repository_at(storage: Storage) -> Any:
    """The repository of a name.

    Raises
    ------
    StoreError
        Where it was in memory and is gone, or was never opened in this process and is not on a disk.
    """
    with _registry:
        found = (_in_memory if storage.kind == "memory" else _elsewhere).get(storage.name)
        if found is not None:
            return found
    location = f"{SCHEME}{storage.name}"
    if storage.kind == "memory":
        raise StoreError(Problem(location, "this repository in memory is gone. Keep a reference to it."))
    if storage.kind != "local":
        message = "this repository is not known in this process. Open it here first, or use the threads of one process."
        raise StoreError(Problem(location, message))
    icechunk = imported("icechunk", "icechunk", "an icechunk repository")
    with asked(location):
        repository = icechunk.Repository.open(icechunk.local_filesystem_storage(storage.name))
    storage_of(repository)
    return repository


# --- which snapshot


@frozen(kw_only=True)
class Revision:
    """A branch as it is, or a snapshot as it will always be, of a repository; without one, of a session alone."""

    storage: Storage | None
    ref: str

    @property
    def is_branch(self) -> bool:
        """Whether commits change what it means."""
        return _ID.fullmatch(self.ref) is None

    @property
    def identity(self) -> str:
        """The canonical name of its root."""
        return f"{SCHEME}{'' if self.storage is None else self.storage.name}@{quote(self.ref, safe='')}"

    def session(self) -> Any:
        """For reading: that of a snapshot is always the same."""
        with _registry:
            found = _sessions.get(self.identity)
        if found is not None:
            return found
        if self.storage is None:
            raise StoreError(Problem(self.identity, "this session is not known in this process. Open it here first."))
        repository = repository_at(self.storage)
        with asked(self.identity):
            if self.is_branch:
                return repository.readonly_session(self.ref)
            return known(self, repository.readonly_session(snapshot_id=self.ref))


def revision_of(identity: str) -> Revision:
    """A branch or snapshot by its identity."""
    name, _, ref = identity.removeprefix(SCHEME).rpartition("@")
    kind: Kind = "local" if os.path.isabs(name) else "objects" if "://" in name else "unknown"
    storage = Storage(kind="memory" if name.startswith("memory-") else kind, name=name)
    return Revision(storage=storage if name else None, ref=unquote(ref))


_KEPT = 64


def known(revision: Revision, session: Any) -> Any:
    """Remember a session: one that a repository gives again only while others are not asked for more."""
    with _registry:
        if revision.storage is not None:
            others = [identity for identity in _sessions if not identity.startswith(f"{SCHEME}@")]
            for identity in others[: max(0, len(others) - _KEPT)]:
                del _sessions[identity]
        return _sessions.setdefault(revision.identity, session)


def revision_called(revision: Revision, name: str) -> Revision:
    """The snapshot that has an id, or that a tag or a branch is of.

    Raises
    ------
    StoreNotFoundError
        Where there is none, with the tags and branches that there are.
    """
    if revision.storage is None:
        message = "a session is of one snapshot. Hand in the repository, to open others."
        raise InvalidValueError(Problem("snapshot", message))
    repository = repository_at(revision.storage)
    with asked(revision.identity):
        tags, branches = repository.list_tags(), repository.list_branches()
        ref = repository.lookup_tag(name) if name in tags else name
        ref = repository.lookup_branch(name) if name in branches else ref
    found = Revision(storage=revision.storage, ref=ref)
    if not found.is_branch:
        with suppress(StoreError):
            found.session()
            return found
    there = f"there are the tags {', '.join(sorted(tags)) or '(none)'} and the branches {', '.join(sorted(branches))}"
    message = f"{name!r} is neither the id of a snapshot nor a tag nor a branch; {there}. Give one of these, or an id."
    raise StoreNotFoundError(Problem("snapshot", message))


# --- what it says


@contextmanager
def asked(location: str) -> Iterator[None]:
    """Whatever icechunk raises is a refusal of ours, with the first line of what it says; in a process that was forked
    from one that has asked it, it would wait for ever.
    """
    pid = os.getpid()
    if not _process:
        _process.append(pid)
    if pid not in _process:
        message = "icechunk does not answer in a process that was forked. Start processes with 'spawn' or 'forkserver',"
        raise StoreError(Problem(location, f"{message} such as ProcessPoolExecutor(mp_context=get_context('spawn'))."))
    try:
        yield
    except NgffError:
        raise
    except Exception as error:
        message = f"icechunk says: {first_line(error)}. Nothing that was committed is lost."
        raise StoreError(Problem(location, message)) from error


def first_line(error: Exception) -> str:
    """The first line of what icechunk says: what follows is where in its code that is."""
    text = next((line for line in str(error).splitlines() if line.strip(" |x×")), type(error).__name__)
    return said(RuntimeError(text.strip(" |x×")))


def refuse_old(version: str | None, location: str) -> None:
    """Icechunk holds Zarr v3, and so OME-NGFF 0.5."""
    if version == "0.4":
        message = "icechunk keeps Zarr v3 only, and OME-NGFF 0.4 is Zarr v2. Say version='0.5'."
        raise UnsupportedError(Problem(location, message))
