"""A commit to an icechunk repository: made beside it, put into a session for writing, and committed by icechunk.

The moment is icechunk's: it moves the branch to the new snapshot, if the branch is where the session began. If it is
not, another writer came first, perhaps only to another image: then the session is given up, and the same is put into
one that begins where the branch is now, as long as every document that the plan compares is what it was. Nothing is
rebased: what is committed has been compared in the very snapshot that it follows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, nullcontext
from typing import Any, assert_never
from uuid import uuid4

from attrs import Factory, define, evolve, frozen

from ngff_fn.effects.commits.moment import compare, compare_above, only_documents, refuse_changed_trees
from ngff_fn.effects.commits.staging import Staged, Work, staged_root, staged_steps
from ngff_fn.effects.commits.transaction import LOCK_TIMEOUT, Bench, happened
from ngff_fn.effects.commits.trees import tree
from ngff_fn.effects.extras import imported
from ngff_fn.effects.icechunk.files import DOCUMENT, RepositoryFiles, is_document, is_kept
from ngff_fn.effects.icechunk.repositories import Storage, asked, first_line, repository_at
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.local.system_calls import flush, flush_file_system
from ngff_fn.effects.local.temporary import temporary_folder
from ngff_fn.effects.reading.read import exists
from ngff_fn.effects.record import STAGE, WORKSHOP, Exchange, Move, Put, Step
from ngff_fn.effects.stores import Address, Files
from ngff_fn.errors import (
    ConflictError,
    InvalidValueError,
    Problem,
    StoreError,
    StoreExistsError,
    UnsupportedError,
)
from ngff_fn.plan.describe import describe
from ngff_fn.plan.operations import PutDocument
from ngff_fn.records.paths import and_above, joined, parent

_GROUP = b'{"zarr_format": 3, "node_type": "group", "attributes": {}}'
_LEAST_ATTEMPTS = 5
_AT_ONCE = 16
_BATCH = 2**26
"""Bytes of chunks that are handed to icechunk at a time; one chunk may be larger."""


def commit_to_repository(work: Work, files: RepositoryFiles) -> str:
    """Make the branch what the plan says; the id of the new snapshot."""
    storage = files.require_writable()
    with temporary_folder() as folder:
        draft = Draft(files, LocalFiles(folder, exclusive=False))
        _refuse_misplaced(draft, work.address.path)
        inside = evolve(work, address=Address(files=draft, path=work.address.path))
        made = _made(inside, draft)
        return _Publication(work=inside, draft=draft, made=made, storage=storage).run()


@frozen(kw_only=True)
class _Made:
    """What was staged: a whole new node, or steps."""

    bench: Bench
    staged: Staged
    root: str | None = None


def _made(work: Work, draft: Draft) -> _Made:
    """Everything that takes long, while others may commit."""
    bench = Bench(draft, STAGE)
    if work.is_new:
        _refuse_occupied(work)
        root = joined(bench.path, "root")
        staged_root(work, draft, root)
        return _Made(bench=bench, staged=Staged([], [*work.above], []), root=root)
    compare(work)
    if only_documents(work.plan):
        puts = [each for each in work.plan.operations if isinstance(each, PutDocument)]
        steps: list[Step] = [Put(key=work.at(put.key), before=put.before, text=put.text) for put in puts]
        return _Made(bench=bench, staged=Staged([], [*steps, *work.above], []))
    return _Made(bench=bench, staged=staged_steps(work, bench.path))


def _refuse_misplaced(draft: Draft, path: str) -> None:
    """Refuse what is no place for an image: a reserved name, or below an array."""
    where = joined(draft.identity, path)
    if _is_staged(path):
        message = f"names such as {WORKSHOP} are reserved. Take another path."
        raise InvalidValueError(Problem(where, message))
    if path and any(draft.is_array(node) for node in ("", *and_above(parent(path)))):
        raise StoreExistsError(Problem(where, "there is an array above it. Take a path that is in groups only."))


def _refuse_occupied(work: Work) -> None:
    if work.plan.base.mode == "w-" and exists(work.address):
        where = joined(work.files.identity, work.address.path)
        message = "something is there already. Replace it with mode='w' or overwrite=True, or take another path."
        raise StoreExistsError(Problem(where, message))


@frozen(kw_only=True, eq=False)
class _Publication:
    """What was made, and where it goes."""

    work: Work
    draft: Draft
    made: _Made
    storage: Storage

    def run(self) -> str:
        """Again, while others come first who did not touch what is compared."""
        deadline, has_pixels = time.monotonic() + LOCK_TIMEOUT, not only_documents(self.work.plan)
        attempt = 0
        while True:
            # To put pixels into a session takes long: at first it is done while others commit, and at least some times.
            try:
                return self._attempt(locked=not has_pixels or attempt > 0)
            except _OvertakenError as overtaken:
                if attempt >= _LEAST_ATTEMPTS and time.monotonic() > deadline:
                    message = "other writers came first all the time. Commit again, as update() does."
                    raise ConflictError(Problem(self.draft.identity, message)) from overtaken
            attempt += 1

    def _attempt(self, *, locked: bool) -> str:
        files, draft = self.draft.base, self.draft
        repository = repository_at(self.storage)
        with ExitStack() as locks:
            if locked:
                locks.enter_context(files.lock(LOCK_TIMEOUT))
            with asked(draft.identity):
                session = repository.writable_session(files.revision.ref)
            draft.begin(session)
            self._compare()
            changes = self._changes()
            changes.put(draft)
            with nullcontext() if locked else files.lock(LOCK_TIMEOUT):
                return self._commit(repository, session)

    def _compare(self) -> None:
        work = self.work
        if work.is_new:
            _refuse_occupied(work)
            compare_above(work)
        else:
            compare(work)
            refuse_changed_trees(work, self.made.staged, self.made.bench)

    def _changes(self) -> _Changes:
        made, path = self.made, self.work.address.path
        changes = _Changes()
        if made.root is not None:
            changes.gone.append(path)
            changes.new.append((made.root, path))
            above = [joined(node, DOCUMENT) for node in and_above(parent(path))] if path else []
            missing = [key for key in [*above, DOCUMENT] if path and self.draft.read(key) is None]
            changes.texts |= dict.fromkeys(missing, _GROUP)  # else icechunk does not list what is below
        for step in [*made.staged.direct, *made.staged.steps]:
            changes.add(step)
        return changes

    def _commit(self, repository: Any, session: Any) -> str:
        conflict = _conflict_error()
        mark, begin, message = uuid4().hex, session.snapshot_id, describe(self.work.plan)
        try:
            snapshot: str = session.commit(message, {"ngff_fn": mark})
        except conflict as error:
            # A request that was sent twice, since its answer was lost, finds its own commit in the way.
            if own := _commit_of(repository, self.draft.base.revision.ref, begin, mark):
                return own
            raise _OvertakenError from error
        except Exception as error:
            message = f"icechunk says: {first_line(error)}. See whether the branch has the commit, and commit again."
            raise StoreError(Problem(self.draft.identity, message)) from error
        if self.work.durable:
            with happened(self.draft, snapshot):
                _flush(self.storage)
        return snapshot


def _flush(storage: Storage) -> None:
    """What was committed survives a power cut from here on; which files they are, icechunk does not say."""
    if storage.kind == "local" and flush_file_system is not None:
        LocalFiles(storage.name, resolved=True).change(flush, storage.name, flush_file_system)


class _OvertakenError(Exception):
    """The branch is not where the session began."""


def _conflict_error() -> type[Exception]:
    found: type[Exception] = imported("icechunk", "icechunk", "an icechunk repository").ConflictError
    return found


def _commit_of(repository: Any, branch: str, begin: str, mark: str) -> str | None:
    """The snapshot that has a mark, among those that came after another."""
    for info in repository.ancestry(branch=branch):
        if info.id == begin:
            return None
        if info.metadata.get("ngff_fn") == mark:
            return str(info.id)
    return None


@define
class _Changes:
    """What a session is told, in the order that icechunk wants: chunks of an array that shrinks must go before it
    does, those of one that grows come after it did.
    """

    gone: list[str] = Factory(list)
    texts: dict[str, bytes] = Factory(dict)
    new: list[tuple[str, str]] = Factory(list)

    def add(self, step: Step) -> None:
        """A step; what was in the way or is retired is in the history, and goes."""
        match step:
            case Put():
                self.texts[step.key] = step.text
            case Move() if _is_staged(step.source):
                self.new.append((step.source, step.target))
            case Move():
                self.gone.append(step.source)
            case Exchange():
                self.gone.append(step.target)
                self.new.append((step.staged, step.target))
            case _:
                assert_never(step)

    def put(self, draft: Draft) -> None:
        """All of it."""
        for path in self.gone:
            draft.delete(path)
        for key in sorted(self.texts, key=_outer_first):
            draft.put([(key, self.texts[key])])
        for staged, target in self.new:
            draft.put_tree(staged, target)


def _is_staged(path: str) -> bool:
    return path.partition("/")[0] == WORKSHOP


def _outer_first(key: str) -> tuple[bool, int, str]:
    return not is_document(key), key.count("/"), key


class Draft(RepositoryFiles):
    """The snapshot that a commit makes: what is staged lies in a directory of the writer's own, all else in a session.

    Parameters
    ----------
    base
        The branch; it is read as it was when this was made, until ``begin`` is called.
    staged
        A directory that is empty at first.
    """

    def __init__(self, base: RepositoryFiles, staged: LocalFiles) -> None:
        super().__init__(base.revision, base.session)
        self.base = base
        self.staged = staged

    def begin(self, session: Any) -> None:
        """Read from, and write to, a session that begins where the branch is now."""
        self.session, self.store = session, session.store

    def alone(self) -> Draft:
        """This."""
        return self

    def for_tasks(self, aside: str) -> LocalFiles:  # type: ignore[override] # tasks write, and not into a repository
        """What is staged, as files: tasks find there what they are told."""
        return self.staged.for_tasks(aside)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file that is staged, or of a document or chunk."""
        return self.staged.read(key, start, stop) if _is_staged(key) else super().read(key, start, stop)

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes and the signature."""
        return self.staged.get(key) if _is_staged(key) else super().get(key)

    def signature(self, key: str) -> object | None:
        """Of what is staged, the file's."""
        return self.staged.signature(key) if _is_staged(key) else super().signature(key)

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries."""
        return self.staged.names(path) if _is_staged(path) else super().names(path)

    # --- staging

    def write(self, key: str, data: bytes) -> None:
        """A file in the stage."""
        self._stage(key).write(key, data)

    def make_directory(self, path: str) -> None:
        """A directory in the stage."""
        self._stage(path).make_directory(path)

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:  # noqa: ARG002 — there are none
        """A file in the stage with the bytes of another; nothing where there is none."""
        data = source.read(source_key)
        if data is not None:
            self._stage(key).write(key, data)

    def remove(self, path: str) -> None:
        """A file or tree in the stage."""
        self._stage(path).remove(path)

    def _stage(self, path: str) -> LocalFiles:
        if not _is_staged(path):
            self._refuse(path)
        return self.staged

    def hold(self, path: str) -> Callable[[], None]:  # noqa: ARG002 — nobody else sees it
        """Nothing: the directory is the writer's own."""
        return lambda: None

    # --- into the session

    def delete(self, path: str) -> None:
        """A node with all that is below it, or a chunk, or the document of a node that has nothing else."""
        is_chunk = self.has_chunk(path)
        with asked(joined(self.identity, path)):
            if is_chunk:
                self.ask(self.store.delete(path))
            else:
                self.ask(self.store.delete_dir(parent(path) if is_document(path) else path))

    def put_tree(self, staged: str, target: str) -> None:
        """A file or tree of the stage under its name, documents before what is below them."""
        found = [key for key in tree(self.staged, staged) if self.staged.read(key, 0, 0) is not None]
        names = {joined(target, key[len(staged) :].strip("/")): key for key in found}
        batch: list[tuple[str, bytes]] = []
        size = 0
        for key in sorted(names, key=_outer_first):
            data = self.staged.read(names[key]) or b""
            if is_document(key):
                self.put([(key, data)])
                continue
            batch.append((key, data))
            size += len(data)
            if len(batch) == _AT_ONCE or size > _BATCH:
                self.put(batch)
                batch, size = [], 0
        self.put(batch)

    def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Documents or chunks, at the same time."""
        items = list(items)
        for key, _ in items:
            if not is_kept(key):
                message = "icechunk keeps Zarr v3 nodes, with chunks under keys such as c/0/0, and nothing else."
                cure = "Leave it out, or keep the image in a directory."
                raise UnsupportedError(Problem(joined(self.identity, key), f"{message} {cure}"))
        with asked(joined(self.identity, items[0][0] if items else "")):
            self.ask(self._put(items))

    async def _put(self, items: list[tuple[str, bytes]]) -> None:
        from zarr.core.buffer import default_buffer_prototype

        buffer = default_buffer_prototype().buffer
        await asyncio.gather(*(self.store.set(key, buffer.from_bytes(data)) for key, data in items))
