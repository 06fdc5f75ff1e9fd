"""Commits where there is no lock: a document by one condition, several by fences, a new store by its root document."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from uuid import uuid4

from ngff_fn import codecs
from ngff_fn.effects.fenced import Change, fenced_by, new_record, remaining
from ngff_fn.effects.fences import FencedDocuments
from ngff_fn.effects.leases import Watch, now
from ngff_fn.effects.object_files import ObjectFiles
from ngff_fn.effects.objects import Found
from ngff_fn.effects.read import exists
from ngff_fn.effects.record import WORKSHOP
from ngff_fn.effects.staging import Work, staged_root
from ngff_fn.effects.transaction import happened
from ngff_fn.errors import ConflictError, NgffError, Problem, StoreExistsError
from ngff_fn.plan.operations import CreateNode, MoveNode, PutDocument
from ngff_fn.records.paths import is_within, joined

OLD = 10.0
"""Seconds after which a commit that somebody else prepares is ended; that is never wrong, only unkind."""

WAIT = 90.0
"""Seconds for which a commit waits for others that go on."""

_CLAIM = f"{WORKSHOP}/creating"


def by_conditions(work: Work, files: ObjectFiles) -> str:
    """Documents alone: one is replaced if it is what it was, and that is the moment; several go through fences.

    Raises
    ------
    ConflictError
        Where another writer came first.
    """
    changes = changes_of(work)
    files.require_writable()
    files.objects.require_conditions(files.documents.key(WORKSHOP))
    if not work.address.path and work.marker not in work.plan.base.documents:
        end_creation(files)
    found = compared(work, files, {change.key for change in changes})
    tags = {key: None if each is None else each.tag for key, each in found.items()}
    if any(change.before is None for change in changes):  # no fence of others keeps it away, but those beside it do
        texts = {key: text_of(each) for key, each in found.items() if key not in {change.key for change in changes}}
        changes += [Change(key=key, before=text, text=text) for key, text in texts.items() if text is not None]
    if len(changes) == 1:
        (change,) = changes
        tag = files.objects.put_if(files.documents.key(change.key), change.text, tags[change.key], uuid4().hex)
        done, moment = tag is not None, change.key
    else:
        files.documents.sweep()
        record = new_record(changes)
        done, moment = files.documents.commit(record, tags), record.name
    if not done:
        raise overtaken([change.key for change in changes])
    return moment


def changes_of(work: Work) -> list[Change]:
    """The documents that a plan replaces where they are, and those above it."""
    moved = [operation.target for operation in work.plan.operations if isinstance(operation, MoveNode)]
    every = [operation for operation in work.plan.operations if isinstance(operation, PutDocument)]
    puts = [put for put in every if not any(is_within(put.key, target) for target in moved)]
    changes = [Change(key=joined(work.address.path, put.key), before=put.before, text=put.text) for put in puts]
    above = [
        Change(key=put.key, before=put.before, text=put.text) for put in work.above if isinstance(put.before, bytes)
    ]
    return [*changes, *above]


def compared(work: Work, files: ObjectFiles, changing: AbstractSet[str] = frozenset()) -> dict[str, Found | None]:
    """The documents that a plan compares, all of them what it says they were; of those that are ``changing`` what was
    just read will do, as their replacement is conditional.

    Raises
    ------
    ConflictError
        Naming those that have changed.
    StoreError
        Where they have since a single writer was interrupted.
    """
    expected = {joined(work.address.path, key): text for key, text in work.plan.compare}
    expected |= {change.key: change.before for change in changes_of(work)}
    found: dict[str, Found | None] = {}
    for key, text in expected.items():
        found[key] = _remembered(files.documents, key, text) if key in changing else None
        if found[key] is None:
            found[key] = unfenced(files.documents, key)
    changed = [key for key, each in found.items() if text_of(each) != expected[key]]
    if changed:
        files.refuse_interrupted()
        raise overtaken(changed)
    return found


def text_of(found: Found | None) -> bytes | None:
    """What a document says that nobody holds."""
    return None if found is None else remaining(found.data)


def _remembered(documents: FencedDocuments, key: str, text: bytes | None) -> Found | None:
    """What was just read need not be read again: the condition says whether it is still so."""
    found = documents.objects.recent(documents.key(key))
    return found if found is not None and found.data == text else None


def unfenced(documents: FencedDocuments, key: str) -> Found | None:
    """A document once no other commit has a fence on it, but perhaps one that never happens.

    Raises
    ------
    ConflictError
        Where somebody has been making pixels for long, and still is.
    """
    watch, deadline = Watch(), now() + WAIT
    while True:
        found = documents.objects.get(documents.key(key))
        name = None if found is None else fenced_by(found.data)
        if name is None:
            return found
        holder = documents.elsewhere(key, name) if documents.is_gone(name) else documents
        if holder is None:
            again = documents.objects.get(documents.key(key))
            if again is not None and found is not None and again.tag == found.tag:
                return found  # of a commit that did not happen: the next write takes it away
        elif not holder.settle(name, watch, OLD):
            if now() > deadline:
                message = "another writer is making pixels that depend on it. Wait until that commit has ended."
                raise ConflictError(Problem(joined(documents.objects.identity, documents.key(key)), message))
            watch.pause()


def overtaken(keys: list[str]) -> ConflictError:
    """Another writer came first."""
    cure = "Open the store again and run the edits on its new value, as update() does."
    return ConflictError(*(Problem(key, f"it has changed since the plan was computed. {cure}") for key in keys))


def create_in_place(work: Work, files: ObjectFiles) -> str:
    """A new store where nothing is: its root document, put last and only if there is none, is the moment.

    Raises
    ------
    StoreExistsError
        Where something is there, or another writer creates it just now or died when it did.
    """
    address, where = work.address, joined(files.identity, work.address.path)
    files.require_writable()
    if work.plan.base.mode == "w" and exists(address):
        message = "an object store cannot replace a whole store in one step. Remove it first, or take another name."
        raise StoreExistsError(Problem(where, message))
    if exists(address):
        message = "something is there already, whole or of a writer that died. Take another name, or remove it first."
        raise StoreExistsError(Problem(where, message))
    if not files.is_alone:
        files.objects.require_conditions(files.documents.key(joined(address.path, WORKSHOP)))
    claim = joined(address.path, _CLAIM)
    if not files.put_new(claim, uuid4().hex.encode()):
        raise StoreExistsError(Problem(where, "another writer creates it just now. Take another name, or wait."))
    if not files.is_alone and files.objects.keys(files.documents.key(address.path)) != [files.documents.key(claim)]:
        files.remove(claim)
        raise StoreExistsError(Problem(where, "another writer created it just now. Take another name, or open it."))
    first, *others = sorted(_root_of(work).items(), key=lambda document: document[0] == work.marker)
    try:
        staged_root(work, files.alone(), address.path, is_last=True)
        done = files.put_new(joined(address.path, first[0]), first[1])
    except BaseException:
        with suppress(NgffError):
            files.remove(address.path)
        raise
    if not done:
        files.remove(claim)
        raise StoreExistsError(Problem(where, "something was put there meanwhile. Take another name."))
    with happened(files, where):
        for name, text in others:
            files.put_new(joined(address.path, name), text)
        files.remove(claim)
    return where


def _root_of(work: Work) -> Mapping[str, bytes]:
    """The documents of the root; of two, that which says what it is comes first, then that which makes it a group."""
    return next(op.documents for op in work.plan.operations if isinstance(op, CreateNode) and not op.path)


def end_creation(files: ObjectFiles) -> bool:
    """What a creator left to be done who died after the moment, so that others find a group too; whether one had."""
    if files.signature(_CLAIM) is None:
        return False
    there = [name for name in ("zarr.json", ".zattrs", ".zgroup") if files.signature(name) is not None]
    if not there:  # it has not happened, and nobody knows whether it will
        return False
    if there == [".zattrs"]:
        for name, text in codecs.bare_group("0.4").items():
            files.put_new(name, text)
    files.remove(_CLAIM)
    return True
