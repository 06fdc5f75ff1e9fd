"""How a commit with pixels is carried out, or undone, in an object store: by the one who holds the lease of its record.

What is staged is copied to its place and goes last, as a whole: whoever takes over copies it again. The documents that
the commit depends on keep its fences until then, so that nobody changes what is copied. A copy that comes too late
finds nothing any more to be copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from attrs import evolve

from ngff_fn.effects.objects import trees as object_trees
from ngff_fn.effects.objects.fenced import Change, Fences, fence, fenced_by
from ngff_fn.effects.objects.leases import Lease
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.effects.record import STAGE, Exchange, Move, Put, Step
from ngff_fn.effects.threads import for_each
from ngff_fn.records.paths import joined


def carry_out(objects: Objects, root: str, lease: Lease) -> None:
    """What a record that says ``commit`` says, as far as it is not done; then the record goes."""
    record = lease.record
    _take(objects, root, lease, record.first)
    if record.last:
        _replace(objects, root, lease, lambda change: fence(change.text, record.name), mark=record.name)
        _take(objects, root, lease, record.last)
    # Others may soon put something where this removed something: whoever takes over must not do that again.
    lease.write(evolve(lease.record, first=(), last=()))
    _tidy(objects, root, lease, lambda change: change.text, mark=record.name)


def undo(objects: Objects, root: str, lease: Lease) -> None:
    """What a record that says ``abort`` has prepared goes, and then the record; documents become what they were."""
    _tidy(objects, root, lease, lambda change: change.before, mark="")


def remove_traces(objects: Objects, root: str, record: Fences) -> None:
    """What was put in the stage, or fenced where there had been nothing, after another had ended the commit."""
    object_trees.remove(objects, joined(root, record.stage))
    for change in record.changes:
        key = joined(root, change.key)
        found = objects.get(key) if change.before is None else None
        if found is not None and fenced_by(found.data) == record.name:
            objects.delete(key)


def _tidy(objects: Objects, root: str, lease: Lease, text: Callable[[Change], bytes | None], mark: str) -> None:
    lease.require()
    object_trees.remove(objects, joined(root, lease.record.stage), lease.require)
    _replace(objects, root, lease, text, mark=mark)
    lease.require()
    objects.delete(lease.key)


def _take(objects: Objects, root: str, lease: Lease, steps: tuple[Step, ...]) -> None:
    def take(step: Step) -> None:
        lease.require()
        match step:
            case Move() if step.target.startswith(f"{STAGE}/"):  # from where it would only be removed
                object_trees.remove(objects, joined(root, step.source), lease.require)
            case Move():
                object_trees.copy(objects, joined(root, step.source), joined(root, step.target), lease.require)
            case Exchange():
                _exchange(objects, root, step, lease.require)
            case Put():  # these are the changes of the record
                pass
            case _:
                assert_never(step)

    for_each(take, steps, objects.at_once)


def _exchange(objects: Objects, root: str, step: Exchange, go_on: Callable[[], None]) -> None:
    """The chunks of an array get the place of those of another; its documents are changes of the record."""
    found = (objects.get(joined(root, step.staged, name)) for name, _ in step.documents)
    if all(each is not None and each.data == text for each, (_, text) in zip(found, step.documents, strict=True)):
        object_trees.copy_over(objects, joined(root, step.staged), joined(root, step.target), go_on)


def _replace(objects: Objects, root: str, lease: Lease, text: Callable[[Change], bytes | None], mark: str) -> None:
    """Every document that has the record's fence becomes another, or goes."""
    name = lease.record.name

    def put(change: Change) -> None:
        key, data = joined(root, change.key), text(change)
        while (found := objects.get(key)) is not None and fenced_by(found.data) == name:
            if data is None:
                lease.require()
                objects.delete(key)
            elif objects.put_if(key, data, found.tag, mark):
                return

    # New ones before those that list them.
    for is_new in (True, False):
        for_each(put, [each for each in lease.record.changes if (each.before is None) == is_new], objects.at_once)
