"""From a plan to the store, in one step: stage what is new, the moment, apply and retire."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from numbers import Real
from typing import Any, Literal

from attrs import evolve, frozen

from ngff_fn import codecs
from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits.conditional import by_conditions
from ngff_fn.effects.commits.consolidated import with_consolidated
from ngff_fn.effects.commits.creation import create_new
from ngff_fn.effects.commits.fenced_commit import by_fences
from ngff_fn.effects.commits.moment import by_documents, by_stage, clean_beside, only_documents
from ngff_fn.effects.commits.object_creation import create_in_place, refuse_occupied
from ngff_fn.effects.commits.repository_commit import commit_to_repository
from ngff_fn.effects.commits.staging import Work
from ngff_fn.effects.commits.zip_commit import commit_archive
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.pixels.progress import Progress, reported
from ngff_fn.effects.reading.read import exists, read_snapshot
from ngff_fn.effects.reading.replacing import check_replaceable, refuse_repository
from ngff_fn.effects.stores import Address
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.errors import (
    ConflictError,
    InvalidValueError,
    Problem,
    StaleDataError,
    StoreError,
    UnsupportedError,
    WrongTypeError,
    a_type,
    check_flags,
    refuse,
)
from ngff_fn.plan.diff import applied, diff
from ngff_fn.plan.operations import Operation, Plan
from ngff_fn.records.image import Place
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import Root, Snapshot, Version

Durability = Literal["power", "process"]
_LONGEST = 1e6
"""Seconds for which a lock can be waited for."""


@frozen(kw_only=True)
class Committed:
    """What a commit did.

    Parameters
    ----------
    plan
        What was carried out; ``operations`` are its. Where groups hold consolidated metadata, it puts those too.
    place
        Where.
    moment
        The document, record or archive whose appearance made it happen, or the id of the icechunk snapshot; empty where
        nothing was to do.
    replays
        How often the edits were run again because another writer came first (``update``).
    """

    plan: Plan
    place: Place
    moment: str = ""
    replays: int = 0

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What was carried out."""
        return self.plan.operations

    @property
    def snapshot(self) -> Snapshot:
        """The store as this commit left it, all pixels settled; made of the plan each time it is asked for."""
        if not self.plan.operations:
            return self.plan.base
        documents = applied(self.plan)
        decoded = codecs.decode_root(documents, self.place)
        return Snapshot(
            origin=self.place,
            version=decoded.version,
            root=decoded.root,
            documents=documents,
            problems=decoded.problems,
            mode="r+",
            select=self.plan.base.select,
        )


def commit(
    store: Any,
    plan: Plan,
    *,
    executor: Executor | None = None,
    progress: Progress = None,
    memory_limit: int | None = None,
    durability: Durability = "power",
    atomic_pixels: bool = True,
    single_writer: bool = False,
) -> Committed:
    """Make the store equal to what was wanted, in one step; nothing happens where the plan no longer applies.

    Parameters
    ----------
    store
        Where the plan's base was read from, by the same or another door. An archive is written anew, without what the
        commit does not change being decoded, and replaced in one step. To an icechunk repository this is one commit of
        its own, with the description of the plan as its message.
    plan
        What ``diff`` gave.
    executor
        Makes the pixels; the threads of this process where there is none.
    progress
        Called with the bytes of pixels done and in total; True: a bar on standard error, with an estimate of the time
        that is left (extra ``progress``).
    memory_limit
        Bytes of decoded pixels in flight; None: 512 MiB.
    durability
        ``power``: once this returns, the commit survives a power cut; ``process``: it survives the process.
    atomic_pixels
        False: chunks of arrays that keep their shape are put in place one by one, each whole, before the moment; not in
        object stores, where all of them are seen at once anyway.
    single_writer
        No lock is asked for: no other program writes.

    Raises
    ------
    ConflictError
        Another writer came first; nothing was written. ``update`` runs the edits again; a whole store, which depends on
        nothing, is tried again here. In an object store also where
        others have been making pixels of the same image all the time for which a lock is waited for (30 seconds).
    ForeignWriteError
        The commit has happened, and another program, which asks for no lock, wrote one of the documents between their
        being compared and their being replaced: its text is kept, in a file that the error names. ``update`` does not
        run the edits again.
    StoreExistsError
        Something that is not part of the plan is where something new shall be.
    InvalidValueError
        A plan from another store.
    StoreError
        A plan from a snapshot that was opened for reading, a store that is read-only or fails.
    DocumentError, UnsupportedError
        Consolidated metadata, at or above what changes, that are no JSON or of an unknown kind: they are part of the
        commit, and could not be kept true. A bar without the package that shows it.

    >>> import zarr
    >>> from ngff_fn.effects.reading.read import open_ome_zarr
    >>> store = zarr.storage.MemoryStore()
    >>> empty = open_ome_zarr(store, layout="fov", mode="w-", axes="zyx")
    >>> commit(store, diff(empty, empty.root)).snapshot.version
    '0.4'
    """
    _check_options(plan, durability, progress)
    _check_means(executor, memory_limit)
    check_flags(atomic_pixels=atomic_pixels, single_writer=single_writer)
    is_new = plan.base.mode in ("w", "w-")
    opened = None if is_new else plan.base.origin
    address = address_of(store, opened, is_group=True, version=plan.base.version)
    _check_plan(address, plan)
    work = Work(
        address=evolve(address, files=address.files.alone()) if single_writer else address,
        plan=plan,
        executor=executor,
        progress=None,
        memory_limit=memory_limit,
        durable=durability == "power",
        atomic_pixels=atomic_pixels,
    )
    if not plan.operations:
        return Committed(plan=plan, place=plan.base.origin)
    if isinstance(address.files, ObjectFiles) and plan.base.version == "0.4" and not is_new:
        work = evolve(work, listed=frozenset(name for name, _ in address.files.names(address.path)))
    with reported(progress) as report:
        work, moment = (_insisted if is_new else _once)(evolve(work, progress=report))
    return Committed(plan=work.plan, place=plan.base.origin, moment=moment)


def _insisted(work: Work) -> tuple[Work, str]:
    """A plan from nothing depends on nothing: where others change what it replaces, or what is above, once more."""
    deadline, pause = time.monotonic() + work.patience, 0.001
    while True:
        try:
            return _once(work)
        except ConflictError as conflict:
            if isinstance(conflict, StaleDataError) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, 0.25)


def _once(work: Work) -> tuple[Work, str]:
    """With the consolidated metadata around it, by the way that the plan and the store allow; what the moment was."""
    work = with_consolidated(work)
    return work, _carried_out(work)


def _carried_out(work: Work) -> str:
    files, is_new = work.address.files, work.is_new
    if isinstance(files, ZipFiles):
        return commit_archive(work, files)
    if isinstance(files, RepositoryFiles):
        return commit_to_repository(work, files)
    if isinstance(files, ObjectFiles):
        if is_new:
            return _created(work, files)
        if not files.is_alone:
            return by_conditions(work, files) if only_documents(work.plan) else by_fences(work, files)
    elif is_new:
        return create_new(work)
    else:
        clean_beside(files, work.patience)
    return by_documents(work) if only_documents(work.plan) else by_stage(work)


def _created(work: Work, files: ObjectFiles) -> str:
    """A whole store among objects: in its place, or where something is there, or above it, staged and by fences."""
    refuse_occupied(work, files)
    is_replaced = work.plan.base.mode == "w" and exists(work.address)
    if is_replaced and files.is_alone and not files.keeps_conditions():
        message = (
            "a whole store is replaced by conditions only, which this one ignores. Remove it first, then create it."
        )
        raise UnsupportedError(Problem(joined(files.identity, work.address.path), message))
    if not (is_replaced or work.above):
        return create_in_place(work, files)
    return create_new(work) if files.is_alone and not is_replaced else by_fences(work, files)


def create(
    store: Any,
    root: Root,
    *,
    version: Version,
    overwrite: bool = False,
    disable_path_checking: bool = False,
    **options: Any,
) -> Committed:
    """A new store with a value, in one step: a diff from nothing.

    Parameters
    ----------
    store
        Where; nothing may be there, unless ``overwrite``. A path that ends with ``.ozx`` or ``.zip`` becomes a single
        file (RFC-9).
    root
        What; pixels of other stores are copied, and what lies beside their images. What lies beside the rows of a plate
        or the series of a collection, such as ``OME``, is not. To convert a store is thus
        ``create(new, open_ome_zarr(old).root, version="0.5")``.
    version
        Of OME-NGFF: ``"0.4"`` (Zarr v2) or ``"0.5"`` (Zarr v3).
    overwrite
        Replace what is there, by the same one step.
    disable_path_checking
        Whether what holds no Zarr hierarchy may be replaced as well, and what is at a path without ``.zarr`` or
        ``.ozx`` in it; an archive that holds one at its root needs no leave, whatever it is called.
    options
        As for ``commit``.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> done = create(zarr.storage.MemoryStore(), image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> done.snapshot.root.levels[0].array.shape
    (4, 5)
    """
    address = address_of(store, is_group=True, version=version)
    refuse_repository(address)
    if overwrite:
        check_replaceable(address, disabled=disable_path_checking)
    base = Snapshot(origin=address.place, version=version, root=root, mode="w" if overwrite else "w-")
    return commit(store, diff(base, root), **options)


def update(store: Any, *edits: Callable[[Any], Root], timeout: float = 30, **options: Any) -> Committed:
    """Read, edit, diff, commit; where another writer came first, the edits are run again on the new state.

    Parameters
    ----------
    store
        An existing store.
    edits
        Pure functions of the value, such as the steps of ``ngff_fn.curried``.
    timeout
        Seconds after which a conflict is no longer answered by running the edits again, and for which a lock that
        another writer has is waited for, each time.
    options
        As for ``commit``.

    Raises
    ------
    ConflictError
        When others came first all the time.
    StoreError
        When another writer kept the lock, and as ``commit``.
    ForeignWriteError
        As ``commit``: the edits have been committed, and are not run again.

    >>> import numpy, zarr
    >>> from ngff_fn import curried as c
    >>> from ngff_fn.edits.image_from import image_from
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.4")
    >>> update(store, c.set_scale(y=0.5)).snapshot.root.levels[0].scale
    (0.5, 1.0)
    """
    _check_update(edits, timeout)
    patience = min(max(timeout, 0.0), _LONGEST)
    deadline, pause, replays = time.monotonic() + timeout, 0.001, 0
    while True:
        address = address_of(store, is_group=True)
        base = read_snapshot(address, "r+")
        wanted: Any = base.root
        for edit in edits:
            wanted = edit(wanted)
        try:
            there = address_of(store, base.origin, is_group=True, version=base.version)
            done = commit(evolve(there, patience=patience), diff(base, wanted), **options)
        except ConflictError as conflict:
            if isinstance(conflict, StaleDataError):
                raise
            if time.monotonic() > deadline:
                message = (
                    f"the edits were run {replays + 1} times within {timeout:g} s, and others came first each time."
                )
                raise ConflictError(*conflict.problems, Problem("timeout", f"{message} Give more time.")) from conflict
            time.sleep(random.uniform(0, pause))
            pause, replays = min(2 * pause, 0.25), replays + 1
        else:
            return evolve(done, replays=replays)


def _check_options(plan: Plan, durability: str, progress: object) -> None:
    if not isinstance(plan, Plan):
        message = f"{a_type(plan)} is no plan. Give what diff(snapshot, wanted) returns."
        raise WrongTypeError(Problem("plan", message))
    if not isinstance(durability, str) or durability not in ("power", "process"):
        raise InvalidValueError(Problem("durability", f"{durability!r} is neither 'power' nor 'process'."))
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        message = f"{a_type(progress)} is no function. Give one of two numbers, or True for a bar."
        raise WrongTypeError(Problem("progress", message))


def _check_means(executor: object, memory_limit: Any) -> None:
    problems: list[Problem] = []
    if executor is not None and (isinstance(executor, type) or not callable(getattr(executor, "submit", None))):
        cure = "Give one of concurrent.futures, or client.get_executor() of a Dask client; None: threads."
        problems.append(Problem("executor", f"{a_type(executor)} is no executor. {cure}"))
    is_number = isinstance(memory_limit, Real) and not isinstance(memory_limit, bool)
    if memory_limit is not None and not (is_number and memory_limit >= 0):  # NaN is not
        problems.append(Problem("memory_limit", f"{memory_limit!r} is no number of bytes. Give one, such as 2**30."))
    refuse(problems, WrongTypeError)


def _check_update(edits: tuple[object, ...], timeout: object) -> None:
    problems = [
        Problem(f"edits[{index}]", f"{a_type(edit)} is no function. Give a step, such as curried.set_scale(z=0.25).")
        for index, edit in enumerate(edits)
        if not callable(edit)
    ]
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        problems.append(Problem("timeout", f"{a_type(timeout)} is no number of seconds. Give one."))
    refuse(problems, WrongTypeError)


def _check_plan(address: Address, plan: Plan) -> None:
    origin = plan.base.origin
    if plan.base.mode == "r":
        raise StoreError(Problem("plan", "it was computed from a snapshot opened with mode 'r'. Open it with 'r+'."))
    if origin.path != address.path or origin.home != address.files.identity:
        was = joined(origin.home, origin.path) or "documents in memory"
        message = f"it was computed from {was}, not from {joined(address.files.identity, address.path)}."
        raise InvalidValueError(Problem("plan", f"{message} Open this store, and run the edits on its value."))
