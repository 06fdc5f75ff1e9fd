"""After a crash: carry out what has happened, and remove what the dead have left. The next commit does the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.commits.interrupted import CREATED, of_commits
from ngff_fn.effects.commits.moment import beside_of, clean_beside
from ngff_fn.effects.commits.transaction import LOCK_TIMEOUT, remove_staged, staged
from ngff_fn.effects.commits.transaction import recover as clear
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.icechunk.repositories import A_REPOSITORY, BEGINNING, is_repository
from ngff_fn.effects.objects import leases
from ngff_fn.effects.objects.claims import PROBE, end_creation, remove_unfinished, unfinished
from ngff_fn.effects.objects.fenced import FENCED
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import CREATING, DRAFT, FOREIGN, RECORDS, STAGE, WORKSHOP, Record, changed_by, standing
from ngff_fn.effects.stores import Files
from ngff_fn.errors import (
    InvalidValueError,
    Problem,
    StoreError,
    StoreNotFoundError,
    WrongTypeError,
    a_type,
    check_flags,
    refuse,
)
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.paths import joined

HELD = "a living process holds it"
NEEDED = "a commit that has happened needs it, and recover() or the next commit carries that out"
UNDATED = "this store does not say how old it is"
WHOLE = "it is a whole bucket, in which there may be something else: remove it by hand"
CLAIMED = "somebody may still be creating it: say older_than"
_NOTHING = FrozenMap()
_AGES = 1e15  # seconds


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


@frozen(kw_only=True)
class Vacuumed:
    """What ``vacuum`` did, or would do.

    Parameters
    ----------
    removed
        Where something was, or is, that was staged and that nobody holds.
    kept
        What else is staged, by its place: why it stays.
    """

    removed: tuple[str, ...] = ()
    kept: FrozenMap = _NOTHING


@runtime_checkable
class Dated(Protocol):
    """Files that know how old they are."""

    def last_change(self, path: str) -> float:
        """When something at or below a path was made or changed last, in seconds since 1970."""
        ...


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
    files, path, is_there = _files(store, single_writer=single_writer)
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


def _vacuumed_objects(files: ObjectFiles, path: str, age: float | None, *, dry_run: bool) -> Vacuumed:
    """Stages that no record names (a commit writes its record before it stages anything), probes that were cut off, and
    a creation that is as old as was said: nobody can know whether its creator lives. Records are for ``recover``.
    """
    files.require_writable()
    files.refuse_interrupted()
    removed: list[str] = []
    kept: dict[str, str] = {}

    def sweep(path: str, reason: str, remove: Callable[[str], None] = files.remove) -> None:
        if not reason and age is not None:
            ages = (seconds for _, seconds in files.objects.ages(files.documents.key(path)))
            reason = _young(min(ages, default=_AGES), age)
        if reason:
            kept[joined(files.identity, path)] = reason
            return
        if not dry_run:
            remove(path)
        removed.append(joined(files.identity, path))

    for at, why in of_commits(files.documents):
        sweep(at, why)
    for at in dict.fromkeys(("", path)):
        for key, seconds in files.objects.ages(files.documents.key(joined(at, WORKSHOP))):
            if PROBE.search(key):
                sweep(joined(at, WORKSHOP, key.rpartition("/")[2]), _young(seconds, max(leases.SILENCE, age or 0)))
        if (tag := unfinished(files, at)) is not None:
            reason = CLAIMED if age is None else "" if files.documents.key(at) else WHOLE
            sweep(at, reason, partial(remove_unfinished, files, tag=tag))
        elif files.signature(joined(at, CREATING)) is not None:
            sweep(joined(at, CREATING), CREATED)
    return Vacuumed(removed=tuple(removed), kept=FrozenMap(kept))


def vacuum(
    store: Any, *, older_than: timedelta | float | None = None, dry_run: bool = False, single_writer: bool = False
) -> Vacuumed:
    """Remove what was staged and no living process holds; nothing that is seen of the store changes.

    Locks say who lives: a process that dies holds nothing any more, so that age need not be asked for. What a commit
    that has happened still needs is kept, as is whatever was not put there by this library. In an object store there
    are no locks: what a commit has staged is kept as long as its record is there, which ``recover`` ends, and what is
    left of a creation goes when it is as old as ``older_than`` says.

    Parameters
    ----------
    store
        As for ``recover``. In an icechunk repository nothing is staged; chunks of commits that did not happen are
        removed by its own ``Repository.garbage_collect``.
    older_than
        Keep what was changed within so much time: a ``timedelta``, or a number of seconds (3600 is an hour). None:
        remove it whatever its age, but for what is left of a creation in an object store, for which this has to be
        said. A store in memory does not know how old things are: with this, nothing of it is removed.
    dry_run
        Say what would be removed, and remove nothing.
    single_writer
        No lock is asked for, since no other program writes: then nobody holds anything. Where a file system has no
        locks, so that nobody can know who lives, this has to be said; ``older_than`` is then wise.

    Raises
    ------
    StoreNotFoundError, StoreError
        As ``recover``.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) For an ``older_than`` that is no time, and for flags that are none.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> vacuum(store, dry_run=True).removed
    ()
    """
    age = _age(older_than)
    check_flags(dry_run=dry_run, single_writer=single_writer)
    files, path, is_there = _files(store, single_writer=single_writer)
    if isinstance(files, ObjectFiles) and not files.is_alone:
        return _vacuumed_objects(files, path, age, dry_run=dry_run)
    if isinstance(files, RepositoryFiles):
        return Vacuumed()
    found = beside_of(files)
    removed: list[str] = []
    kept: dict[str, str] = {}

    def sweep(files: Files, path: str, *, is_held: bool, needed: tuple[str, ...] = ()) -> None:
        reason = HELD if is_held else _reason(files, path, age, needed)
        location = joined(files.identity, path)
        if reason:
            kept[location] = reason
            return
        if not dry_run:
            remove_staged(files, path)
        removed.append(location)

    if is_there:
        with files.lock(LOCK_TIMEOUT):
            needed = tuple(path for record in standing(files) for step in record.steps for path in changed_by(step))
            if not files.is_free(DRAFT):
                sweep(files, DRAFT, is_held=False)
            for path, is_held in list(staged(files, STAGE)):
                sweep(files, path, is_held=is_held, needed=needed)
            for found_in, at, tag in _of_one_creator(files, path):
                place = joined(files.identity, at)
                reason = _reason(found_in, at, age, needed) if found_in.documents.key(at) else WHOLE
                if reason:
                    kept[place] = reason
                    continue
                if not dry_run:
                    remove_unfinished(found_in, at, tag)
                removed.append(place)
            if _is_empty(files, set(removed)):
                removed.append(joined(files.identity, WORKSHOP))
            if not dry_run:
                _prune(files)
    if found is not None:
        around, stage = found
        with around.lock(LOCK_TIMEOUT):
            for path, is_held in list(staged(around, stage)):
                sweep(around, path, is_held=is_held)
            if not any(path.startswith(f"{joined(around.identity, stage)}/") for path in kept):
                removed.append(joined(around.identity, stage))
            if not dry_run:
                around.prune(stage)
    return Vacuumed(removed=tuple(removed), kept=FrozenMap(kept))


def _of_one_creator(files: Files, path: str) -> Iterator[tuple[ObjectFiles, str, str]]:
    """What a single writer who died has begun to create among objects, with the tags of his claims."""
    if isinstance(files, ObjectFiles):
        for at in dict.fromkeys(("", path)):
            if (tag := unfinished(files, at)) is not None:
                yield files, at, tag


def _age(older_than: object) -> float | None:
    if older_than is None:
        return None
    if isinstance(older_than, timedelta):
        older_than = older_than.total_seconds()
    if isinstance(older_than, bool) or not isinstance(older_than, int | float):
        message = f"{a_type(older_than)} is no time. Give a timedelta, or seconds."
        raise WrongTypeError(Problem("older_than", message))
    if not 0 <= older_than < _AGES:
        message = "it is no time that has passed. Give seconds, 0 or more."
        raise InvalidValueError(Problem("older_than", message))
    return float(older_than)


def _files(store: Any, *, single_writer: bool) -> tuple[Files, str, bool]:
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


def _reason(files: Files, path: str, age: float | None, needed: tuple[str, ...]) -> str:
    """Why something that nobody holds stays; empty where it goes."""
    if any(other == path or other.startswith(f"{path}/") for other in needed):
        return NEEDED
    if age is None:
        return ""
    if not isinstance(files, Dated):
        return UNDATED
    return _young(time.time() - files.last_change(path), age)


def _young(seconds: float, age: float) -> str:
    """Why what was changed so many seconds ago stays; empty where that is long enough."""
    if seconds >= age:
        return ""
    return f"it was changed {max(seconds, 0):.0f} s ago, and is kept until it is {age:.10g} s old"


def _is_empty(files: Files, removed: set[str]) -> bool:
    """Whether the workshop is there, and holds nothing but what is removed: under the lock it is nobody's then."""
    if files.is_free(WORKSHOP):
        return False
    inner = [joined(WORKSHOP, name) for name, _ in files.names(WORKSHOP)]
    left = [joined(files.identity, STAGE, name) for name, _ in files.names(STAGE)]
    is_ours = set(inner) <= {STAGE, RECORDS, FOREIGN} and not files.names(FOREIGN)
    return is_ours and not files.names(RECORDS) and set(left) <= removed


def _prune(files: Files) -> None:
    for path in (RECORDS, STAGE, FOREIGN, WORKSHOP):
        files.prune(path)
