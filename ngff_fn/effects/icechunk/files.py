"""A snapshot of an icechunk repository as a port, for reading: it never changes, whatever is committed meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ngff_fn.effects.icechunk.repositories import (
    Revision,
    Storage,
    asked,
    known,
    repository_at,
    revision_called,
    storage_of,
)
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.record import WORKSHOP
from ngff_fn.effects.stores import Files, refuse_too_large
from ngff_fn.effects.threads import REMOTE
from ngff_fn.effects.unchanged_files import UnchangedFiles
from ngff_fn.errors import InvalidValueError, NgffError, Problem, StoreError, UnsupportedError
from ngff_fn.records.paths import joined

T = TypeVar("T")

DOCUMENT = "zarr.json"
"""The one document of a node: icechunk keeps the very bytes of it, and chunks, and nothing else."""

_CHUNK = re.compile(r"(?:(?P<array>.*)/)?c(?:/\d+)*")


class RepositoryFiles(UnchangedFiles):
    """The nodes and chunks of one snapshot as a tree of files.

    Those of a branch are of its last snapshot when this was made; their identity is the branch's, so that by it later
    ones are found. Nothing is written here: ``repository_commit`` does.

    Parameters
    ----------
    revision
        The branch or snapshot.
    session
        Of icechunk, for reading.
    read_only
        Commits are refused; they always are where there is no branch.
    is_alone
        There is only one writer, and no lock is asked for.
    """

    def __init__(self, revision: Revision, session: Any, *, read_only: bool = False, is_alone: bool = False) -> None:
        self.revision = revision
        self.identity = revision.identity
        self.session = session
        self.store = session.store
        self.read_only = read_only or not revision.is_branch
        self.is_alone = is_alone

    @property
    def at_once(self) -> int:
        """So many requests are worth it at the same time."""
        return REMOTE if "://" in self.identity else 1

    def __reduce__(self) -> tuple[Any, ...]:
        storage = self.revision.storage
        if storage is None:
            return _again_of_session, (self.session,)
        if storage.kind == "memory":
            message = "a repository in memory does not leave its process. Use the threads of this one, or another."
            raise StoreError(Problem(self.identity, message))
        return _again, (repository_at(storage), self.revision, self.read_only, self.is_alone)

    def alone(self) -> RepositoryFiles:
        """The same snapshot for the only writer of the repository."""
        return RepositoryFiles(self.revision, self.session, read_only=self.read_only, is_alone=True)

    def pinned(self) -> RepositoryFiles:
        """The same snapshot by its own name: what is made of it stays true whatever is committed."""
        if not self.revision.is_branch:
            return self
        revision = Revision(storage=self.revision.storage, ref=self.session.snapshot_id)
        return RepositoryFiles(revision, known(revision, self.session))

    def at(self, snapshot: str) -> RepositoryFiles:
        """The snapshot of an id, a tag or a branch, in the same repository."""
        revision = revision_called(self.revision, snapshot)
        return RepositoryFiles(revision, revision.session())

    def for_tasks(self, aside: str) -> RepositoryFiles:  # noqa: ARG002 — nothing is written here
        """This snapshot."""
        return self

    def beside(self) -> tuple[Files, str, str]:
        """Nothing is staged beside a repository: what is in it is replaced, and it is not."""
        return self, WORKSHOP, ""

    # --- reading

    def ask(self, what: Coroutine[Any, Any, T]) -> T:
        """What the store answers, in the event loop that zarr has for that."""
        from zarr.core.sync import sync

        return sync(what)

    def _get(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        from zarr.abc.store import RangeByteRequest
        from zarr.core.buffer import default_buffer_prototype

        part = None if start is None or stop is None else RangeByteRequest(start, stop)
        found = self.ask(self.store.get(key, default_buffer_prototype(), part))
        return None if found is None else found.to_bytes()

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a document or chunk, or a part of them; None where there is none."""
        if is_document(key):
            with asked(joined(self.identity, key)):
                text = self._get(key)
            return text if text is None or (start == 0 and stop is None) else text[start:stop]
        if start == 0 and stop is None:
            return self._of_chunk(key, lambda: self._get(key))
        if not self.has_chunk(key):
            return None
        size: int = self._of_chunk(key, lambda: self.ask(self.store.getsize(key))) or 0
        first, last, _ = slice(start, stop).indices(size)
        return b"" if first >= last else self._of_chunk(key, lambda: self._get(key, first, last))

    def has_chunk(self, key: str) -> bool:
        """Whether there is a chunk."""
        return bool(self._of_chunk(key, lambda: self.ask(self.store.exists(key))))

    def _of_chunk(self, key: str, answer: Callable[[], T | None]) -> T | None:
        """What is answered about a chunk; None where the key is of none: icechunk refuses what is not in an array."""
        match = _CHUNK.fullmatch(key)
        if match is None:
            return None
        try:
            with asked(joined(self.identity, key)):
                return answer()
        except StoreError:
            if self.is_array(match["array"] or ""):
                raise
            return None

    def is_array(self, path: str) -> bool:
        """Whether the node at a path is an array."""
        text = self.read(joined(path, DOCUMENT))
        return text is not None and json.loads(text).get("node_type") == "array"  # icechunk takes nothing but JSON

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of a document or chunk and their signature."""
        data = self.read(key)
        if data is None:
            return None, self.signature(key)
        refuse_too_large(len(data), joined(self.identity, key))
        return data, data if is_document(key) else self._signature()

    def _signature(self) -> object:
        return self.session.snapshot_id

    def signature(self, key: str) -> object | None:
        """A document itself; of all else that is there, the snapshot."""
        if is_document(key):
            return self.read(key)
        if key.partition("/")[0] == WORKSHOP:
            return None
        if self.has_chunk(key):
            return self._signature()
        is_node = self.read(joined(key, DOCUMENT)) is not None
        return self._signature() if is_node or self.names(key) else None

    def exists(self, path: str) -> bool:
        """Whether there is a document, a chunk, or something below the path."""
        return self.signature(path) is not None

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all."""
        return not self.exists(path)

    def has_links(self, path: str) -> bool:  # noqa: ARG002 — there are none
        """Whether there are links at or below a path."""
        return False

    def names(self, path: str) -> list[tuple[str, bool]]:
        """What is right below a path, each with whether there is more below it."""
        grid = joined(path, "c")
        with asked(joined(self.identity, path)):
            kinds = dict.fromkeys(self.ask(self._listed(path)), True)
            if "c" in kinds and not self.has_chunk(grid) and self.ask(self.store.is_empty(f"{grid}/")):
                del kinds["c"]  # icechunk lists it also where all is fill value
        if DOCUMENT in kinds:
            kinds[DOCUMENT] = False
        # In the grid of an array all entries are of one kind.
        inner = [name for name in kinds if name == "c" or (name.isdecimal() and _CHUNK.fullmatch(path))]
        if inner and self.has_chunk(joined(path, inner[0])):
            kinds |= dict.fromkeys(inner, False)
        return list(kinds.items())

    async def _listed(self, path: str) -> list[str]:
        return [name async for name in self.store.list_dir(path)]

    # --- what is not done in a snapshot, as ``UnchangedFiles`` says

    _cure = "a snapshot is not changed. Use commit(), update() or create(), which make another one."

    def is_writable(self, path: str) -> bool:  # noqa: ARG002 — all of it, or nothing
        """Whether commits are taken, as far as can be known."""
        return not self.read_only

    def is_held(self, path: str) -> bool:  # noqa: ARG002 — as above
        """Nothing is."""
        return False

    # --- writers

    def require_writable(self) -> Storage:
        """Where commits go.

        Raises
        ------
        StoreError
            Where this is a snapshot, of which there is nothing but what it is.
        """
        if self.read_only or self.revision.storage is None:
            message = "a snapshot takes no commits. Hand in the icechunk.Repository, or a RepositoryPath with a branch."
            raise StoreError(Problem(self.identity, message))
        return self.revision.storage

    @contextmanager
    def lock(self, timeout: float) -> Iterator[None]:
        """Of a local repository the lock of its directory: icechunk's own commits there are not safe against each
        other. In an object store and in memory a branch moves only from where it was.

        Raises
        ------
        UnsupportedError
            Where it is not known which of the two is the case.
        """
        storage = self.require_writable()
        if self.is_alone or storage.kind in ("memory", "objects"):
            yield
        elif storage.kind == "local":
            with LocalFiles(storage.name, resolved=True).lock(timeout):
                yield
        else:
            message = "it is not known whether commits are safe against each other in this kind of storage."
            cure = "Say single_writer=True where nobody else writes."
            raise UnsupportedError(Problem(self.identity, f"{message} {cure}"))


def is_document(key: str) -> bool:
    """Whether a key is that of a node's document."""
    return key.rpartition("/")[2] == DOCUMENT


def is_kept(key: str) -> bool:
    """Whether icechunk keeps what has such a key: a document, or a chunk.

    >>> is_kept("0/zarr.json"), is_kept("0/c/1/2"), is_kept("0/c.1.2"), is_kept("notes.txt")
    (True, True, False, False)
    """
    return is_document(key) or _CHUNK.fullmatch(key) is not None


def files_of_branch(repository: Any, branch: str) -> RepositoryFiles:
    """The last snapshot of a branch, now.

    Raises
    ------
    InvalidValueError
        Where there is no such branch, with those that there are.
    """
    if not isinstance(branch, str):
        raise InvalidValueError(Problem("branch", f"{branch!r} is no name. Give one, such as 'main'."))
    revision = Revision(storage=storage_of(repository), ref=branch)
    if not revision.is_branch:
        message = f"{branch!r} is the id of a snapshot. Open it with open_ome_zarr(…, snapshot=…)."
        raise InvalidValueError(Problem("branch", message))
    try:
        return RepositoryFiles(revision, revision.session())
    except NgffError as error:
        with asked(revision.identity):
            there = sorted(repository.list_branches())
        if branch in there:
            raise
        message = f"there is no branch {branch!r}; there are {', '.join(there)}. Make it with create_branch()."
        raise InvalidValueError(Problem("branch", message)) from error


def files_of_session(session: Any, *, read_only: bool = True) -> RepositoryFiles:
    """The snapshot of a session for reading.

    Raises
    ------
    UnsupportedError
        A session for writing: what is in it has not been committed, and is another thing at any time.
    """
    if not session.read_only:
        message = "a session for writing is not taken: what is in it changes at any time, and its commit is yours."
        cure = "Commit it, and hand in the icechunk.Repository, which is taken for reading and for commits."
        raise UnsupportedError(Problem("store", f"{message} {cure}"))
    revision = Revision(storage=None, ref=session.snapshot_id)
    return RepositoryFiles(revision, known(revision, session), read_only=read_only)


def _again(repository: Any, revision: Revision, read_only: bool, is_alone: bool) -> RepositoryFiles:  # noqa: FBT001 — for pickle
    storage_of(repository)
    return RepositoryFiles(revision, revision.session(), read_only=read_only, is_alone=is_alone)


def _again_of_session(session: Any) -> RepositoryFiles:
    return files_of_session(session)
