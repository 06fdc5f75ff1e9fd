"""What interrupted commits have left in a store, for who looks at it and for whom other programs shall read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits.moment import beside_of
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.objects.claims import PROBE
from ngff_fn.effects.objects.fenced import FENCED, Fences
from ngff_fn.effects.objects.fences import FencedDocuments
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import CREATING, DRAFT, FOREIGN, RECORDS, STAGE, WORKSHOP
from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem
from ngff_fn.records.paths import joined

_HAPPENED = "a commit has happened and is not carried out: other programs see none or a part of it."
HAPPENED = f"{_HAPPENED} Run recover."
_HAPPENED_ALONE = f"{_HAPPENED} Run recover(store, single_writer=True), while nobody else writes."
BEGUN = "a commit that has not happened is under way, or was interrupted. Run recover: it waits, or ends it."
_STAGED = "something is staged, by a writer that is at work or one that died. vacuum knows which, and removes it."
_UNNEEDED = "something is staged that no commit needs any more. vacuum removes it."
_DRAFT = "a writer is replacing a document, or died when he did. vacuum removes it."
_DRAFT_ALONE = "a single writer is replacing a document, or died when he did. The next one removes it."
CREATED = "a creation has happened and was not ended: other programs may find no group. Run recover."
_FOREIGN = "another program wrote it while a commit replaced it. Look at it, then remove it."
_PROBE = "a writer tries what the store can do, or died when he did. vacuum removes it."


def interrupted(store: Any) -> tuple[Problem, ...]:
    """The commits that have happened and are not carried out, and what else writers who died have left, in a store and
    beside it; nothing is locked or written.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> interrupted(store)
    ()
    """
    address = address_of(store, is_group=True)
    match address.files:
        case RepositoryFiles():  # where a commit has happened whole or not at all
            found: Iterable[tuple[str, str]] = ()
        case ObjectFiles() as files:
            found = _in_objects(files, address.path) if files.objects.lists else ()
        case files:
            found = _in_files(files)
    return tuple(Problem(location, message, kind="warning") for location, message in found)


def _in_files(files: Files) -> Iterator[tuple[str, str]]:
    """Where something is left, and what is to be done about it."""
    if not files.is_free(DRAFT):
        yield joined(files.identity, DRAFT), _DRAFT
    if files.exists(WORKSHOP):
        yield from _each_in(files, RECORDS, HAPPENED)
        yield from _each_in(files, STAGE, _STAGED)
        yield from _each_in(files, FOREIGN, _FOREIGN)
    if (found := beside_of(files)) is not None:
        yield from _each_in(*found, _STAGED)


def _in_objects(files: ObjectFiles, path: str) -> Iterator[tuple[str, str]]:
    """The same, where others have records of their own, and creators work in place."""
    if files.signature(DRAFT) is not None:
        yield joined(files.identity, DRAFT), _DRAFT_ALONE
    if files.exists(WORKSHOP):
        yield from _each_in(files, RECORDS, _HAPPENED_ALONE)
        yield from ((joined(files.identity, at), why or _UNNEEDED) for at, why in of_commits(files.documents))
    for at in dict.fromkeys((WORKSHOP, joined(path, WORKSHOP))):
        for location, _ in _each_in(files, at, ""):
            if PROBE.search(location):
                yield location, _PROBE
            elif location.endswith(f"/{CREATING}"):
                yield location, CREATED


def _each_in(files: Files, folder: str, message: str) -> Iterator[tuple[str, str]]:
    yield from ((joined(files.identity, folder, name), message) for name, _ in sorted(files.names(folder)))


def of_commits(documents: FencedDocuments) -> Iterator[tuple[str, str]]:
    """The records and stages of commits in an object store, and what is to be done; empty where vacuum removes it."""
    yield from ((joined(FENCED, f"{record.name}.json"), _cure_of(record)) for record in documents.records())
    yield from ((stage, "" if record is None else _cure_of(record)) for stage, record in documents.stages().items())


def _cure_of(record: Fences) -> str:
    return HAPPENED if record.state == "commit" else BEGUN
