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
_UNNEEDED = "something is staged that no commit needs any more. vacuum removes it."
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
    happened, staged = HAPPENED, _each_in(files, STAGE, _STAGED)
    if isinstance(files, ObjectFiles):
        happened, staged = _BY_ONE, ((path, why or _UNNEEDED) for path, why in of_commits(files.documents))
    yield from _each_in(files, RECORDS, happened)
    yield from staged


def _each_in(files: Files, folder: str, message: str) -> Iterator[tuple[str, str]]:
    yield from ((joined(folder, name), message) for name, _ in sorted(files.names(folder)))


def of_commits(documents: FencedDocuments) -> Iterator[tuple[str, str]]:
    """The records and stages of commits in an object store, and what is to be done; empty where vacuum removes it."""
    yield from ((joined(FENCED, f"{record.name}.json"), _cure_of(record)) for record in documents.records())
    yield from ((stage, "" if record is None else _cure_of(record)) for stage, record in documents.stages().items())


def _cure_of(record: Fences) -> str:
    return HAPPENED if record.state == "commit" else BEGUN
