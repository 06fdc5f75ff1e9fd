"""From a plan to the store, in one step: stage what is new, the moment, apply and retire."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Literal

from attrs import evolve, frozen

from ngff_fn import codecs
from ngff_fn.effects.address import address_of
from ngff_fn.effects.consolidated import refuse_consolidated
from ngff_fn.effects.creation import create_new
from ngff_fn.effects.read import check_replaceable, read_snapshot
from ngff_fn.effects.staging import Work, staged_steps
from ngff_fn.effects.stores import Address, Files, joined
from ngff_fn.effects.transaction import (
    DRAFT,
    LOCK_TIMEOUT,
    STAGE,
    Bench,
    Put,
    Step,
    carry_out,
    carry_out_directly,
    clean,
    clear_workshop,
    happened,
    publish,
    recover,
    refuse_unwritable,
)
from ngff_fn.effects.trees import tree
from ngff_fn.errors import (
    ConflictError,
    InvalidValueError,
    NgffError,
    Problem,
    StoreError,
    WrongTypeError,
    a_type,
    refuse,
)
from ngff_fn.plan.diff import applied, diff
from ngff_fn.plan.operations import CreateNode, Operation, Plan, PutDocument
from ngff_fn.records.image import Place
from ngff_fn.records.snapshot import Root, Snapshot, Version

Durability = Literal["power", "process"]


@frozen(kw_only=True)
class Committed:
    """What a commit did.

    Parameters
    ----------
    plan
        What was carried out; ``operations`` are its.
    place
        Where.
    labels
        Whether there is a group of labels.
    moment
        The document or record whose appearance made it happen; empty where nothing was to do.
    replays
        How often the edits were run again because another writer came first (``update``).
    """

    plan: Plan
    place: Place
    labels: bool = False
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
        decoded = codecs.decode(documents, self.place, labels=self.labels)
        return Snapshot(
            origin=self.place,
            version=decoded.version,
            root=decoded.root,
            documents=documents,
            problems=decoded.problems,
            mode="r+",
        )


def commit(
    store: Any,
    plan: Plan,
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    memory_limit: int | None = None,
    durability: Durability = "power",
    atomic_pixels: bool = True,
    single_writer: bool = False,
) -> Committed:
    """Make the store equal to what was wanted, in one step; nothing happens where the plan no longer applies.

    Parameters
    ----------
    store
        Where the plan's base was read from, by the same or another door.
    plan
        What ``diff`` gave.
    executor
        Makes the pixels; the threads of this process where there is none.
    progress
        Called with the bytes of pixels done and in total.
    memory_limit
        Bytes of decoded pixels in flight.
    durability
        ``power``: once this returns, the commit survives a power cut; ``process``: it survives the process.
    atomic_pixels
        False: chunks of arrays that keep their shape are put in place one by one, each whole, before the moment.
    single_writer
        No lock is asked for: no other program writes.

    Raises
    ------
    ConflictError
        Another writer came first; nothing was written. ``update`` runs the edits again.
    StoreExistsError
        Something that is not part of the plan is where something new shall be.
    InvalidValueError
        A plan from another store.
    StoreError
        A plan from a snapshot that was opened for reading, a store that is read-only or fails.

    >>> import zarr
    >>> from ngff_fn.effects.read import open_ome_zarr
    >>> store = zarr.storage.MemoryStore()
    >>> empty = open_ome_zarr(store, layout="fov", mode="w-", axes="zyx")
    >>> commit(store, diff(empty, empty.root)).snapshot.version
    '0.4'
    """
    _check_options(plan, durability)
    address = address_of(store, plan.base.origin if plan.base.mode == "r+" else None)
    _check_plan(address, plan)
    work = Work(
        address=Address(files=address.files.alone(), path=address.path) if single_writer else address,
        plan=plan,
        executor=executor,
        progress=progress,
        memory_limit=memory_limit,
        durable=durability == "power",
        atomic_pixels=atomic_pixels,
    )
    if not plan.operations:
        return Committed(plan=plan, place=address.place)
    refuse_consolidated(work.address, plan)
    if plan.base.mode in ("w", "w-"):
        return _committed(work, create_new(work))
    _clean_beside(work.address.files)
    moment = _commit_documents(work) if _only_documents(plan) else _commit_staged(work)
    return _committed(work, moment)


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
        Where; nothing may be there, unless ``overwrite``.
    root
        What; pixels of other stores are copied.
    version
        Of OME-NGFF: ``"0.4"`` (Zarr v2) or ``"0.5"`` (Zarr v3).
    overwrite
        Replace what is there, by the same one step.
    disable_path_checking
        Whether a path without ``.zarr`` in it may be replaced as well.
    options
        As for ``commit``.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> done = create(zarr.storage.MemoryStore(), image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> done.snapshot.root.levels[0].array.shape
    (4, 5)
    """
    address = address_of(store)
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
        Seconds after which a conflict is no longer answered by running the edits again.
    options
        As for ``commit``.

    Raises
    ------
    ConflictError
        When others came first all the time.

    >>> import numpy, zarr
    >>> from ngff_fn import curried as c
    >>> from ngff_fn.edits.image_from import image_from
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.4")
    >>> update(store, c.set_scale(y=0.5)).snapshot.root.levels[0].scale
    (0.5, 1.0)
    """
    _check_update(edits, timeout)
    deadline, pause, replays = time.monotonic() + timeout, 0.001, 0
    while True:
        address = address_of(store)
        base = read_snapshot(address, "r+")
        wanted: Any = base.root
        for edit in edits:
            wanted = edit(wanted)
        try:
            done = commit(store, diff(base, wanted), **options)
        except ConflictError:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0, pause))
            pause, replays = min(2 * pause, 0.25), replays + 1
        else:
            return evolve(done, replays=replays)


def _check_options(plan: Plan, durability: str) -> None:
    if not isinstance(plan, Plan):
        message = f"{a_type(plan)} is no plan. Give what diff(snapshot, wanted) returns."
        raise WrongTypeError(Problem("plan", message))
    if not isinstance(durability, str) or durability not in ("power", "process"):
        raise InvalidValueError(Problem("durability", f"{durability!r} is neither 'power' nor 'process'."))


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
    if origin != address.place:
        was = joined(origin.home, origin.path) or "documents in memory"
        message = f"it was computed from {was}, not from {joined(address.files.identity, address.path)}."
        raise InvalidValueError(Problem("plan", f"{message} Open this store, and run the edits on its value."))


def _only_documents(plan: Plan) -> bool:
    return all(isinstance(operation, PutDocument) for operation in plan.operations)


def _committed(work: Work, moment: str) -> Committed:
    is_new = work.plan.base.mode in ("w", "w-")
    labels = bool(work.files.names(work.at("labels"))) if is_new else work.plan.base.root.labels is not None
    place = Place(home=work.address.files.identity, path=work.address.path)
    return Committed(plan=work.plan, place=place, labels=labels, moment=moment)


def compare(work: Work) -> None:
    """Refuse a plan whose documents have changed since it was computed."""
    files, path = work.address.files, work.address.path
    changed = [key for key, text in work.plan.compare if files.read(joined(path, key)) != text]
    if changed:
        cure = "Open the store again and run the edits on its new value, as update() does."
        raise ConflictError(*(Problem(key, f"it has changed since the plan was computed. {cure}") for key in changed))
    for operation in work.plan.operations:
        if isinstance(operation, CreateNode):
            work.refuse_in_the_way(operation.path)


def _commit_documents(work: Work) -> str:
    """Documents alone: one is replaced, and that is the moment; several go through a record."""
    files, path = work.address.files, work.address.path
    puts = [operation for operation in work.plan.operations if isinstance(operation, PutDocument)]
    with files.lock(LOCK_TIMEOUT):
        clear_workshop(files, durable=work.durable)
        compare(work)
        if len(puts) == 1:
            return _replace(files, joined(path, puts[0].key), puts[0].text, durable=work.durable)
        return _happen(work, [Put(key=joined(path, put.key), before=put.before, text=put.text) for put in puts])


def _replace(files: Files, key: str, text: bytes, *, durable: bool) -> str:
    """The atomic replacement of one document."""
    try:
        files.write(DRAFT, text)
        if durable:
            files.sync([DRAFT])
        files.move(DRAFT, key)
    except BaseException:
        with suppress(NgffError):
            recover(files, durable=False)
        raise
    if durable:
        with happened(files, key):
            files.sync([key.rpartition("/")[0]])
    return key


def _commit_staged(work: Work) -> str:
    """Pixels and nodes are staged while others may write; then, under the lock, it happens or it does not."""
    files = work.address.files
    with files.lock(LOCK_TIMEOUT):
        recover(files, durable=work.durable)
        compare(work)
        bench = Bench(files, STAGE)
    try:
        direct, steps = _staged(work, bench)
        with files.lock(LOCK_TIMEOUT):
            recover(files, durable=work.durable)
            _refuse_overtaken(work, bench)
            refuse_unwritable(files, [*direct, *steps])
            carry_out_directly(files, direct, durable=work.durable)
            return _happen(work, steps, bench)
    except BaseException:
        bench.release()
        with suppress(NgffError), files.lock(LOCK_TIMEOUT):
            recover(files, durable=work.durable)  # carries out what has happened, else removes what was staged
        raise


def _staged(work: Work, bench: Bench) -> tuple[list[Step], list[Step]]:
    """Everything staged and durable; where that fails because another writer came first, that is what is said."""
    files = work.address.files
    try:
        staged = staged_steps(work, bench.path)
        if work.durable:
            files.sync(tree(files, bench.path))
    except ConflictError:
        raise
    except NgffError:
        with files.lock(LOCK_TIMEOUT):
            recover(files, durable=work.durable)
            _refuse_overtaken(work, bench)
        raise
    return staged


def _refuse_overtaken(work: Work, bench: Bench) -> None:
    if not bench.is_there():
        message = "the store was replaced while pixels were made. Open it again and run the edits, as update() does."
        raise ConflictError(Problem(work.address.files.identity, message))
    compare(work)


def _happen(work: Work, steps: list[Step], bench: Bench | None = None) -> str:
    """The moment, and what follows it; the lock is held."""
    files = work.address.files
    record = publish(files, steps, durable=work.durable)
    with happened(files, record.name):
        carry_out(files, record, durable=work.durable)
        if bench is not None:
            bench.release()
        recover(files, durable=False)
    return record.name


def _clean_beside(files: Files) -> None:
    """What a replacement of the whole store has left, when its writer died."""
    if files.identity.endswith("/"):
        return
    parent, stage, _ = files.beside()
    if parent.exists(stage):
        with parent.lock(LOCK_TIMEOUT):
            clean(parent, stage)
