"""Commits of documents where there is no lock: one by a condition, several by fences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from uuid import uuid4

from ngff_fn.effects.commits.staging import Work
from ngff_fn.effects.objects.claims import end_creation
from ngff_fn.effects.objects.fenced import Change, fenced_by, new_record, remaining
from ngff_fn.effects.objects.fences import FencedDocuments
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.leases import Watch, now
from ngff_fn.effects.objects.objects import Found
from ngff_fn.effects.record import WORKSHOP
from ngff_fn.effects.threads import results_of
from ngff_fn.errors import ConflictError, Problem
from ngff_fn.plan.operations import MoveNode, PutDocument
from ngff_fn.records.paths import is_within, joined

OLD = 10.0
"""Seconds after which a commit that somebody else prepares is ended; that is never wrong, only unkind."""


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
    if work.marker not in work.plan.base.documents:
        end_creation(files, work.address.path)
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
        if work.may_have(WORKSHOP):
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
    absent = {key for key, text in expected.items() if text is None and not work.may_have(key)}
    found: dict[str, Found | None] = dict.fromkeys(absent)
    for key, text in expected.items():
        if key not in absent and not _is_replaced_beside(key, text, expected, changing):
            found[key] = _remembered(files.documents, key, text) if key in changing else None
    asked = [key for key, each in found.items() if each is None and key not in absent]
    found |= all_unfenced(work, files, asked)
    changed = [key for key, each in found.items() if text_of(each) != expected[key]]
    if changed:
        files.refuse_interrupted()
        raise overtaken(changed)
    return found


def _is_replaced_beside(
    key: str, text: bytes | None, expected: Mapping[str, bytes | None], changing: AbstractSet[str]
) -> bool:
    """Whether a document says no more than that there is a group, whose attributes are replaced by a condition."""
    above, _, name = key.rpartition("/")
    beside = joined(above, ".zattrs")
    return name == ".zgroup" and text is not None and beside in changing and expected.get(beside) is not None


def text_of(found: Found | None) -> bytes | None:
    """What a document says that nobody holds."""
    return None if found is None else remaining(found.data)


def _remembered(documents: FencedDocuments, key: str, text: bytes | None) -> Found | None:
    """What was just read need not be read again: the condition says whether it is still so."""
    found = documents.objects.recent(documents.key(key))
    return found if found is not None and found.data == text else None


def all_unfenced(work: Work, files: ObjectFiles, keys: Iterable[str]) -> dict[str, Found | None]:
    """Documents once no other commit has a fence on them, as ``unfenced``.

    They are asked for side by side. Those that are fenced are seen to one after the other: mostly all fences are of one
    commit, which is ended once.
    """
    asked, documents = list(keys), files.documents
    found = dict(zip(asked, results_of(documents.get, asked, files.at_once), strict=True))
    for key, each in found.items():
        if each is not None and fenced_by(each.data) is not None:
            found[key] = unfenced(documents, key, work.patience)
    return found


def unfenced(documents: FencedDocuments, key: str, patience: float) -> Found | None:
    """A document once no other commit has a fence on it, but perhaps one that never happens.

    Raises
    ------
    ConflictError
        Where somebody has been making pixels for long, and still is.
    """
    watch, deadline = Watch(), now() + patience
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
                message = f"another writer is making pixels that depend on it, and was waited for {patience:g} s."
                where = joined(documents.objects.identity, documents.key(key))
                raise ConflictError(Problem(where, f"{message} Wait until it has ended, or raise timeout."))
            watch.pause()


def overtaken(keys: list[str]) -> ConflictError:
    """Another writer came first."""
    cure = "Open the store again and run the edits on its new value, as update() does."
    return ConflictError(*(Problem(key, f"it has changed since the plan was computed. {cure}") for key in keys))
