"""What interrupted commits have left in a store, for who looks at it and for whom other programs shall read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ngff_fn.effects.address import address_of
from ngff_fn.effects.fenced import FENCED, Fences
from ngff_fn.effects.fences import FencedDocuments
from ngff_fn.effects.object_files import ObjectFiles
from ngff_fn.effects.record import RECORDS, STAGE, WORKSHOP
from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem
from ngff_fn.records.paths import joined

_HAPPENED = "a commit has happened and is not carried out: other programs see none or a part of it."
HAPPENED = f"{_HAPPENED} Run recover."
BEGUN = "a commit that has not happened is under way, or was interrupted. Run recover: it waits, or ends it."
_BY_ONE = f"{_HAPPENED} Run recover(store, single_writer=True), while nobody else writes."
_STAGED = "something is staged, by a writer that is at work or one that died. vacuum knows which, and removes it."


def interrupted(store: Any) -> tuple[Problem, ...]:
    """The commits that have happened and are not carried out, and what is staged; nothing is locked or written.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> interrupted(store)
    ()
    """
    files = address_of(store, is_group=True).files
    return tuple(Problem(joined(files.identity, path), message, kind="warning") for path, message in _left_in(files))


def _left_in(files: Files) -> Iterator[tuple[str, str]]:
    """Where something is left, and what that is, with the cure."""
    if not files.exists(WORKSHOP):
        return
    happened = HAPPENED
    if isinstance(files, ObjectFiles):
        happened = _BY_ONE  # for others have records of their own there
        yield from of_records(files.documents)
    for folder, message in ((RECORDS, happened), (STAGE, _STAGED)):
        yield from ((joined(folder, name), message) for name, _ in sorted(files.names(folder)))


def of_records(documents: FencedDocuments) -> Iterator[tuple[str, str]]:
    """The records of commits in an object store, and what there is to be done."""
    for record in documents.records():
        yield joined(FENCED, f"{record.name}.json"), cure_of(record)


def cure_of(record: Fences) -> str:
    """What is to be done about a commit that has a record in an object store."""
    return HAPPENED if record.state == "commit" else BEGUN
