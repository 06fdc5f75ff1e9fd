"""Commits where there is no lock: a document by one condition, several by fences, a new store by its root document."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import suppress
from uuid import uuid4

from ngff_fn import codecs
from ngff_fn.effects.fences import Change, FencedDocuments, fenced_by, new_record, split
from ngff_fn.effects.object_files import ObjectFiles
from ngff_fn.effects.objects import Found
from ngff_fn.effects.read import exists
from ngff_fn.effects.record import WORKSHOP
from ngff_fn.effects.staging import Work, staged_root
from ngff_fn.effects.transaction import happened
from ngff_fn.errors import ConflictError, NgffError, Problem, StoreExistsError
from ngff_fn.plan.operations import CreateNode, PutDocument
from ngff_fn.records.paths import joined

OLD = 10.0
"""Seconds after which a commit that somebody else prepares is ended; that is never wrong, only unkind."""

_CLAIM = f"{WORKSHOP}/creating"


def by_conditions(work: Work, files: ObjectFiles) -> str:
    """Documents alone: one is replaced if it is what it was, and that is the moment; several go through fences.

    Raises
    ------
    ConflictError
        Where another writer came first.
    """
    changes = _changes(work)
    files.require_writable()
    files.objects.require_conditions(files.documents.key(WORKSHOP))
    if not work.address.path and work.marker not in work.plan.base.documents:
        end_creation(files)
    tags = _compared(work, files.documents, {change.key for change in changes})
    if len(changes) == 1:
        (change,) = changes
        tag = files.objects.put_if(files.documents.key(change.key), change.text, tags[change.key], uuid4().hex)
        done, moment = tag is not None, change.key
    else:
        files.documents.sweep()
        record = new_record(changes)
        done, moment = files.documents.commit(record, tags), record.name
    if not done:
        raise _overtaken([change.key for change in changes])
    return moment


def _changes(work: Work) -> list[Change]:
    puts = [operation for operation in work.plan.operations if isinstance(operation, PutDocument)]
    changes = [Change(key=joined(work.address.path, put.key), before=put.before, text=put.text) for put in puts]
    above = [
        Change(key=put.key, before=put.before, text=put.text) for put in work.above if isinstance(put.before, bytes)
    ]
    return [*changes, *above]


def _compared(work: Work, documents: FencedDocuments, changing: set[str]) -> dict[str, str | None]:
    """The tags of the documents that are compared, all of them what the plan says they were."""
    expected = {joined(work.address.path, key): text for key, text in work.plan.compare}
    expected |= {change.key: change.before for change in _changes(work)}
    tags: dict[str, str | None] = {}
    changed: list[str] = []
    for key, text in expected.items():
        found = _remembered(documents, key, text) if key in changing else None
        if found is None:
            found = unfenced(documents, key)
        if (None if found is None else split(found.data)) != text:
            changed.append(key)
        tags[key] = None if found is None else found.tag
    if changed:
        raise _overtaken(changed)
    return tags


def _remembered(documents: FencedDocuments, key: str, text: bytes | None) -> Found | None:
    """What was just read need not be read again: the condition says whether it is still so."""
    found = documents.objects.recent(documents.key(key))
    return found if found is not None and found.data == text else None


def unfenced(documents: FencedDocuments, key: str) -> Found | None:
    """A document once no other commit has a fence on it, but perhaps one that never happens."""
    deadline, pause, waited = time.monotonic() + OLD, 0.01, ""
    while True:
        found = documents.objects.get(documents.key(key))
        name = None if found is None else fenced_by(found.data)
        if name is None:
            return found
        if name != waited:
            deadline, waited = time.monotonic() + OLD, name
        holder = documents.elsewhere(key, name) if documents.is_gone(name) else documents
        if holder is None:
            again = documents.objects.get(documents.key(key))
            if again is not None and found is not None and again.tag == found.tag:
                return found  # of a commit that did not happen: the next write takes it away
            continue
        if not holder.settle(name, is_old=time.monotonic() > deadline):
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, 0.5)


def _overtaken(keys: list[str]) -> ConflictError:
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
