"""Tasks on any executor: never more than some at a time, and however it ends no other one is begun."""

from __future__ import annotations

import concurrent.futures
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeAlias, assert_never

from attrs import evolve

from ngff_fn.effects.address import files_of
from ngff_fn.effects.pixels.columns import Column, Unit
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.effects.pixels.tasks import CopyUnit, WriteUnit, carried_part
from ngff_fn.effects.stores import Files
from ngff_fn.effects.threads import WORKERS, keep_freed_memory
from ngff_fn.errors import NgffError, Problem, StoreError
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Stored, leaves
from ngff_fn.records.snapshot import ARRAY_DOCUMENTS

Task: TypeAlias = WriteUnit | CopyUnit | Column | Unit
Submit: TypeAlias = Callable[[Task], "Future[Any]"]
Settle: TypeAlias = Callable[[Task | None, Any], Iterable[Task]]
"""Takes a task that is done (None: one that had nothing to do) and what it gave; says which come of it."""


def leaves_process(executor: Executor | None) -> bool:
    """Whether tasks run where nothing but they themselves is known."""
    interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())  # is a ThreadPoolExecutor, from 3.14 on
    return executor is not None and not (
        isinstance(executor, ThreadPoolExecutor) and not isinstance(executor, interpreters)
    )


def refuse_memory(stores: Iterable[Files]) -> None:
    """A store in memory is seen by the threads of this process only, and says so."""
    for files in stores:
        pickle.dumps(files)


def run_elsewhere(task: Task) -> Any:
    """Run a task in a process that knows nothing but the task.

    Raises
    ------
    StoreError
        Where this process does not see what the task is about, as on a machine with disks of its own: it would find
        fill value there, and nobody would find what it wrote.
    """
    places = [(task.target.files, task.target.path)]  # of several arrays in one stage, one will do
    places += [(files_of(origin), path) for origin, path in dict.fromkeys(_read(task))]
    for files, path in places:
        if all(files.signature(joined(path, names[0])) is None for names in ARRAY_DOCUMENTS.values()):
            message = "a worker of the executor does not see it. Take workers that share its file system, or threads."
            raise StoreError(Problem(joined(files.identity, path), message))
    keep_freed_memory()
    return task.run(StoredArrays(task.target.files))


def _read(task: Task) -> Iterator[tuple[str, str]]:
    """Which arrays pixels are read of: origins and paths."""
    parts = [task.part] if isinstance(task, WriteUnit) else []
    parts += [part for _, part in task.parts] if isinstance(task, Column) else []
    for leaf in chain.from_iterable(map(leaves, parts)):
        if isinstance(leaf, Stored) and leaf.token:  # what has none was staged, in the same place
            yield leaf.origin, leaf.path


def carried(task: Task) -> Task:
    """A task that can leave the process: what the caller holds of its pixels is taken along, as NumPy blocks."""
    match task:
        case CopyUnit() | Unit():
            return task
        case WriteUnit():
            return evolve(task, part=carried_part(task.part))
        case Column():
            return evolve(task, parts=tuple((box, carried_part(part)) for box, part in task.parts))
        case _:
            assert_never(task)


@contextmanager
def submission(executor: Executor | None, arrays: StoredArrays, stores: Iterable[Files]) -> Iterator[Submit]:
    """How tasks are handed over: to the executor, or to a few threads of this process that end with this.

    There are more of them where one of the ``stores`` that they read or write is far away: most of it is waiting.
    Copying stays in this process: telling another one would take longer than having a file copied. To link one takes
    less than to hand it over to a thread.
    """

    def on(pool: Executor) -> Submit:
        return lambda task: _at_once(task) if _is_link(task) else pool.submit(task.run, arrays)

    def _at_once(task: Task) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(task.run(arrays))
        return done

    keep_freed_memory()
    if executor is not None and not leaves_process(executor):
        yield on(executor)
        return
    with ThreadPoolExecutor(max(WORKERS, *(files.at_once for files in stores))) as pool:
        here = on(pool)
        if executor is None:
            yield here
        else:
            yield (
                lambda task: here(task) if isinstance(task, CopyUnit) else executor.submit(run_elsewhere, carried(task))
            )


def _is_link(task: Task) -> bool:
    return isinstance(task, CopyUnit) and task.link


def run(tasks: Iterable[Task | None], submit: Submit, in_flight: int, settle: Settle, where: str) -> None:
    """Run tasks, and those that come of them; what they give is settled in their order.

    Raises
    ------
    StoreError
        Where the executor fails; what a task refuses is raised as it is, and so is what ``settle`` raises.
    """
    running: deque[tuple[Task, Future[Any]]] = deque()

    def begin(task: Task) -> None:
        with _failing(where):
            running.append((task, submit(task)))

    def settle_first() -> None:
        task, future = running.popleft()
        with _failing(where):
            given = future.result()
        for more in settle(task, given):
            begin(more)

    try:
        for task in tasks:
            if task is None:
                settle(None, None)
                continue
            while len(running) >= in_flight:
                settle_first()
            begin(task)
        while running:
            settle_first()
    finally:
        # What could be cancelled does not run; Dask says that of what runs as well, and it may end at any time.
        concurrent.futures.wait([future for _, future in running if not future.cancel()])


@contextmanager
def _failing(where: str) -> Iterator[None]:
    """What is no refusal of ours comes from the executor: workers that died, or what a task cannot do there."""
    try:
        yield
    except NgffError:
        raise
    except Exception as error:
        message = f"the executor failed ({type(error).__name__}: {error}). Nothing was published; commit again."
        raise StoreError(Problem(where, message)) from error
