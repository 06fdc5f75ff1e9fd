"""What the dead have left in a store, and nobody needs, is removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from ngff_fn.effects.commits.interrupted import CREATED, of_commits
from ngff_fn.effects.commits.moment import beside_of
from ngff_fn.effects.commits.recovery import hierarchy_files
from ngff_fn.effects.commits.transaction import LOCK_TIMEOUT, remove_staged, staged
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.objects import leases
from ngff_fn.effects.objects.claims import PROBE, remove_unfinished, unfinished
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import CREATING, DRAFT, FOREIGN, RECORDS, STAGE, WORKSHOP, changed_by, standing
from ngff_fn.effects.stores import Files
from ngff_fn.errors import (
    InvalidValueError,
    Problem,
    WrongTypeError,
    a_type,
    check_flags,
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
    files, path, is_there = hierarchy_files(store, single_writer=single_writer)
    if isinstance(files, ObjectFiles) and not files.is_alone:
        return _vacuumed_objects(files, path, age, dry_run=dry_run)
    if isinstance(files, RepositoryFiles):
        return Vacuumed()
    found = beside_of(files)
    removed: list[str] = []
    kept: dict[str, str] = {}

    def sweep(
        files: Files,
        path: str,
        *,
        is_held: bool = False,
        needed: tuple[str, ...] = (),
        remove: Callable[[Any, str], None] = remove_staged,
    ) -> None:
        reason = HELD if is_held else _reason(files, path, age, needed)
        location = joined(files.identity, path)
        if reason:
            kept[location] = reason
            return
        if not dry_run:
            remove(files, path)
        removed.append(location)

    if is_there:
        with files.lock(LOCK_TIMEOUT):
            needed = tuple(path for record in standing(files) for step in record.steps for path in changed_by(step))
            if not files.is_free(DRAFT):
                sweep(files, DRAFT)
            for path, is_held in list(staged(files, STAGE)):
                sweep(files, path, is_held=is_held, needed=needed)
            for found_in, at, tag in _of_one_creator(files, path):
                if found_in.documents.key(at):
                    sweep(found_in, at, needed=needed, remove=partial(remove_unfinished, tag=tag))
                else:
                    kept[joined(files.identity, at)] = WHOLE
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
