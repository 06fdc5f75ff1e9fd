"""Commits with pixels and nodes in an object store, where others write too.

Every document that the commit depends on is fenced first: so nobody else changes these images, while others of the same
plate are free. Then what is new is made in a stage, which nobody else knows. One conditional write of the record says
that it has happened, and how it is carried out; from then on readers see it so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain, takewhile

from attrs import evolve

from ngff_fn.effects.commits.conditional import all_unfenced, changes_of, compared, overtaken, text_of
from ngff_fn.effects.commits.moment import new_paths
from ngff_fn.effects.commits.object_replacement import documents_in, keys_in, replacing_steps, standing_below
from ngff_fn.effects.commits.staging import Work, staged_steps
from ngff_fn.effects.commits.transaction import happened
from ngff_fn.effects.objects.claims import BEING_CREATED, end_creation, unfinished
from ngff_fn.effects.objects.fenced import Change, Fences, new_record
from ngff_fn.effects.objects.fences import FencedDocuments
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.leases import Lease
from ngff_fn.effects.objects.objects import is_document
from ngff_fn.effects.record import CREATING, WORKSHOP, Exchange, Move, Put, Step, changed_by, is_claim
from ngff_fn.errors import ConflictError, NgffError, Problem, StoreExistsError
from ngff_fn.plan.operations import MoveNode, RetireNode, WriteArray
from ngff_fn.records.paths import is_within, joined


def by_fences(work: Work, files: ObjectFiles) -> str:
    """Pixels and nodes: staged while the documents that they depend on are fenced, and then as one.

    Raises
    ------
    ConflictError
        Where another writer came first, or has ended this commit since nothing was heard of it for long.
    """
    documents = files.documents
    files.require_writable()
    files.objects.require_conditions(documents.key(WORKSHOP))
    documents.sweep()
    files.refuse_interrupted()
    changes, tags = _depended_on(work, files)
    record = new_record(changes, is_staged=True)
    lease = documents.begin(record, tags)
    if lease is None:
        raise overtaken([change.key for change in changes])
    with lease:
        try:
            _refuse_more(work, files, tags.keys())
            _clear_the_way(work, files)
            _stage(evolve(work, atomic_pixels=True), files, lease, tags)
            _happen(lease)
        except NgffError as error:
            if _is_given_up(documents, lease):
                raise
            if not documents.has_happened(lease.record):
                raise overtaken([change.key for change in changes]) from error
        except BaseException:
            _is_given_up(documents, lease)
            raise
        with happened(files, record.name):
            documents.carry_out_staged(lease)
    return record.name


def _is_given_up(documents: FencedDocuments, lease: Lease) -> bool:
    """Whether a commit has been ended by the one who has begun it; where the store fails, others will do it."""
    try:
        return documents.give_up(lease)
    except NgffError:
        return True


def _depended_on(work: Work, files: ObjectFiles) -> tuple[list[Change], dict[str, str | None]]:
    """All documents whose change would matter, those in trees that move or go as well; so far they stay as they are."""
    puts = {change.key: change for change in changes_of(work)}
    found = compared(work, files)
    more = dict.fromkeys(chain(documents_in(files, _leaving(work, files)), _of_arrays(work)))
    found |= all_unfenced(work, files, [key for key in more if key not in found])
    texts = {key: text for key, each in found.items() if (text := text_of(each)) is not None}
    changes = [Change(key=key, before=text, text=text) for key, text in texts.items()]
    new = [puts[key] for key in puts if key not in texts]
    return [*changes, *new], {key: None if each is None else each.tag for key, each in found.items()}


def _of_arrays(work: Work) -> Iterator[str]:
    """The documents of the arrays that are there and get other pixels."""
    for operation in work.plan.operations:
        if isinstance(operation, WriteArray) and operation.base is not None:
            names = work.plan.base.documents.of_node(operation.path)
            yield from (joined(work.at(operation.path), name) for name in names)


def _leaving(work: Work, files: ObjectFiles) -> list[str]:
    """Where nothing will be any more, or another thing."""
    operations = work.plan.operations
    if work.is_new:
        return [joined(work.address.path, name) for name, _ in standing_below(files, work.address.path)]
    return [work.at(each.path) for each in operations if isinstance(each, MoveNode | RetireNode)]


def _refuse_more(work: Work, files: ObjectFiles, known: AbstractSet[str]) -> None:
    """Refuse where something has come into a tree that moves or goes, before the fences of those around it: a document,
    or the claim of somebody who creates something there. Who claims it later finds the fences, and waits.

    Raises
    ------
    ConflictError
        Naming it.
    """
    keys = list(keys_in(files, _leaving(work, files)))
    claimed = [key.removesuffix(f"/{CREATING}") for key in keys if is_claim(key)]
    if claimed:
        ended = [place for place in claimed if end_creation(files, place)]
        message = BEING_CREATED if not ended else "somebody has just created it. Do the same again."
        raise ConflictError(*(Problem(joined(files.identity, place), message) for place in ended or claimed))
    more = set(filter(is_document, keys)) - known
    if more:
        raise overtaken(sorted(more))


def _clear_the_way(work: Work, files: ObjectFiles) -> None:
    """Where something new comes there is nothing; what another commit is just taking away is waited for."""
    for path in new_paths(work):
        try:
            work.refuse_in_the_way(path)
        except StoreExistsError:
            others = [record for record in files.documents.committed() if _touches(record, work.at(path))]
            for record in others:
                files.documents.end(record.name)
            if work.plan.base.mode == "w":
                continue
            if unfinished(files, work.at(path)) is not None:
                raise StoreExistsError(Problem(joined(files.identity, work.at(path)), BEING_CREATED)) from None
            if not files.documents.remove_traces(documents_in(files, [work.at(path)])) and not others:
                raise
            work.refuse_in_the_way(path)


def _touches(record: Fences, path: str) -> bool:
    return any(
        is_within(changed, path) or is_within(path, changed) for step in record.steps for changed in changed_by(step)
    )


def _stage(work: Work, files: ObjectFiles, lease: Lease, tags: Mapping[str, str | None]) -> None:
    """Make what is new; then the record knows what becomes of each document, and of all else, and has not happened.

    ``tags``: what was found; where there is no document, there may be a trace of a commit that never happened.
    """
    steps = _steps(work, files, lease.record.stage)
    first = tuple(takewhile(lambda step: not isinstance(step, Put), steps))
    last = tuple(step for step in steps[len(first) :] if not isinstance(step, Put))
    texts = dict(chain.from_iterable(_texts(files, lease.record.stage, step) for step in steps))
    changes = [evolve(each, text=texts.pop(each.key, each.text)) for each in lease.record.changes]
    new = [Change(key=key, before=None, text=text) for key, text in texts.items()]
    record = evolve(lease.record, changes=(*changes, *new), first=first, last=last)
    if not files.documents.more(lease, record, {key: tags.get(key) for key in texts}):
        if work.plan.base.mode == "w":  # by another who replaces the same
            raise overtaken(list(texts))
        message = "something was put there meanwhile. Move it away, or take another name."
        raise StoreExistsError(*(Problem(joined(files.identity, change.key), message) for change in new))


def _steps(work: Work, files: ObjectFiles, stage: str) -> list[Step]:
    if work.is_new:
        return replacing_steps(work, files, stage)
    staged = staged_steps(work, stage)
    return [*staged.direct, *staged.steps]


def _happen(lease: Lease) -> None:
    """The moment."""
    if not lease.say("commit"):
        raise overtaken([change.key for change in lease.record.changes])


def _texts(files: ObjectFiles, stage: str, step: Step) -> Iterator[tuple[str, bytes]]:
    """What documents a step makes: these become new by their fences, and all else by copies."""
    match step:
        case Put():
            yield step.key, step.text
        case Exchange():
            yield from ((joined(step.target, name), text) for name, text in step.documents)
        case Move() if step.source.startswith(joined(stage, "new")):
            for key in documents_in(files, [step.source]):
                text = files.read(key)
                if text is not None:
                    yield step.target + key[len(step.source) :], text
        case Move():
            pass
