"""After a crash: what has happened is carried out, as the next commit does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.commits.moment import beside_of, clean_beside
from ngff_fn.effects.commits.transaction import LOCK_TIMEOUT, staged
from ngff_fn.effects.commits.transaction import recover as clear
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.icechunk.repositories import A_REPOSITORY, BEGINNING, is_repository
from ngff_fn.effects.objects.claims import end_creation, unfinished
from ngff_fn.effects.objects.fenced import FENCED
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import DRAFT, FOREIGN, STAGE, WORKSHOP, Record, standing
from ngff_fn.effects.stores import Files
from ngff_fn.errors import (
    Problem,
    StoreError,
    StoreNotFoundError,
    check_flags,
    refuse,
)
from ngff_fn.records.paths import joined


@frozen(kw_only=True)
class RolledForward:
    """A commit that had happened and was not carried out to its end; now it is.

    Parameters
    ----------
    name
        Of its record, as ``Committed.moment`` says it.
    steps
        How many the record has; some may have been done before.
    """

    name: str
    steps: int


@frozen(kw_only=True)
class Recovered:
    """What ``recover`` did.

    Parameters
    ----------
    records
        The commits that were carried out.
    removed
        Where something was that nobody would have finished: what was staged, and the directories for it.
    foreign
        Where texts are kept that other programs wrote while a commit replaced them (``ForeignWriteError``). They are
        left there: look what they say, then remove them.
    """

    records: tuple[RolledForward, ...] = ()
    removed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def recover(store: Any, *, single_writer: bool = False) -> Recovered:
    """Carry out every commit that has happened and was interrupted, and remove what no living process will finish.

    The next commit to the store does the same, and readers see interrupted commits carried out already: this is for
    those who want the files to be so before other programs read them.

    Parameters
    ----------
    store
        As for ``open_ome_zarr``; all of the hierarchy that it belongs to is recovered. It need not be there: where its
        creation was interrupted, what that has left beside its place is removed. In an object store it is waited until
        others end their commits, or nothing was heard of them for twenty seconds (of those of documents alone: ten).
        In an icechunk repository a commit has happened whole or not at all, and there is nothing to do.
    single_writer
        As for ``commit``: no lock is asked for, since no other program writes.

    Raises
    ------
    StoreNotFoundError
        (a FileNotFoundError) Where there is no Zarr hierarchy, nor what is left of one.
    StoreError
        Where a record cannot be understood: nothing was changed. Where one cannot be carried out to its end, with its
        step that fails: it stands until that is mended, or it is moved away. Where the store is read-only or fails, or
        another writer holds the lock.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> recover(store)
    Recovered(records=(), removed=(), foreign=())
    """
    check_flags(single_writer=single_writer)
    files, path, is_there = hierarchy_files(store, single_writer=single_writer)
    removed: list[str] = []
    foreign: list[str] = []
    records: tuple[Record, ...] = ()
    if isinstance(files, RepositoryFiles):
        return Recovered()
    if isinstance(files, ObjectFiles) and not files.is_alone:
        return _of_objects(files, path)
    if is_there:
        with files.lock(LOCK_TIMEOUT):
            records = standing(files)
            before = list(_ours(files))
            clear(files, durable=True)
            removed += _gone(files, before)
            foreign += [joined(files.identity, FOREIGN, name) for name, _ in files.names(FOREIGN)]
    found = beside_of(files)
    if found is not None:
        around, stage = found
        before = [stage, *(path for path, _ in staged(around, stage))]
        clean_beside(files)
        removed += _gone(around, before)
    done = tuple(RolledForward(name=record.name, steps=len(record.steps)) for record in records)
    return Recovered(records=done, removed=tuple(removed), foreign=tuple(foreign))


def _of_objects(files: ObjectFiles, path: str) -> Recovered:
    """What has fences, stages that no record names, and creations that have happened."""
    files.require_writable()
    files.refuse_interrupted()
    places = list(dict.fromkeys(("", path)))
    message = "this store is being created, or its creator died: nobody can know. When nobody creates it any more,"
    cure = f"{message} remove it: vacuum(store, older_than=3600)."
    refuse(
        (Problem(joined(files.identity, at), cure) for at in places if unfinished(files, at) is not None), StoreError
    )
    created = [joined(files.identity, at, WORKSHOP) for at in places if end_creation(files, at)]
    before = files.documents.stages()
    ended = files.documents.sweep(wait=conditional.OLD)
    stages = files.documents.stages()
    done = tuple(RolledForward(name=name, steps=count) for name, count in ended.items() if count)
    removed = [
        *created,
        *(joined(files.identity, FENCED, f"{name}.json") for name, count in ended.items() if not count),
        *(
            joined(files.identity, stage)
            for stage in sorted(before.keys() - stages)
            if stage.rpartition("/")[2] in ended
        ),
    ]
    for stage, record in stages.items():
        if record is None:
            files.remove(stage)
            removed.append(joined(files.identity, stage))
    return Recovered(records=done, removed=tuple(removed))


def hierarchy_files(store: Any, *, single_writer: bool) -> tuple[Files, str, bool]:
    """The files of a hierarchy, what of it is meant, and whether it is there; perhaps only what is beside it is."""
    address = address_of(store)
    files = address.files.alone() if single_writer else address.files
    names = ("zarr.json", ".zgroup", ".zattrs", ".zarray", WORKSHOP, DRAFT)
    is_there = any(files.exists(joined(path, name)) for path in {"", address.path} for name in names)
    if not is_there and is_repository(lambda key: files.read(joined(address.path, key), 0, BEGINNING)):
        raise StoreNotFoundError(Problem(joined(files.identity, address.path), A_REPOSITORY))
    if not is_there and beside_of(files) is None:
        message = "there is no Zarr hierarchy here, nor what is left of one. Name a store, or something in it."
        raise StoreNotFoundError(Problem(joined(files.identity, address.path), message))
    return files, address.path, is_there


def _ours(files: Files) -> Iterator[str]:
    """What a commit may leave in the store, and the directory for it."""
    yield from (path for path in (DRAFT, WORKSHOP) if not files.is_free(path))
    yield from (path for path, _ in staged(files, STAGE))


def _gone(files: Files, before: list[str]) -> list[str]:
    return [joined(files.identity, path) for path in before if files.is_free(path)]
