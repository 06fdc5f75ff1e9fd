"""Which arrays of a commit are one pyramid, and so made in one pass; the others are staged one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from math import prod
from typing import TypeAlias

from attrs import evolve, frozen

from ngff_fn.effects.address import files_of
from ngff_fn.effects.pixels.columns import (
    COLUMN,
    Assembly,
    Column,
    Cut,
    Part,
    Rung,
    Unit,
    boxes,
    column_part,
    columns,
    cut,
    thinned,
)
from ngff_fn.effects.pixels.excerpt import NOTHING, Staged, cost, excerpt
from ngff_fn.effects.pixels.pixels import (
    MEMORY_LIMIT,
    MOST_IN_FLIGHT,
    check_memory,
    stage_pixels,
    staged_parts,
    unit_cost,
)
from ngff_fn.effects.pixels.running import Task, leaves_process, refuse_memory, run, submission
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.effects.pixels.tasks import Target
from ngff_fn.effects.pixels.units import unit_region, units
from ngff_fn.effects.stores import Files
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Downsample, Fill, Given, Pixels, Region, Stored, extent, leaves, pieces, whole
from ngff_fn.records.snapshot import Version

Sources: TypeAlias = dict[Pixels, tuple[str, ArraySpec]]
Report: TypeAlias = Callable[[int], None]


@frozen(kw_only=True, eq=False)
class Job:
    """One array whose pixels are staged: where, what it shall contain, and which write units.

    ``origin`` is the write unit at which it begins, where it is a window of what lies there.
    """

    path: str
    array: ArraySpec
    pixels: Pixels
    indices: list[tuple[int, ...]]
    origin: tuple[int, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all of its units are written, and there are some."""
        grid = [-(-size // unit) for size, unit in zip(self.array.shape, self.array.write_unit, strict=True)]
        return 0 < len(self.indices) == prod(grid)

    @property
    def nbytes(self) -> int:
        """Of the pixels that are written."""
        return len(self.indices) * prod(self.array.write_unit) * self.array.itemsize


@frozen(kw_only=True, eq=False)
class Stage:
    """Where pixels are staged, and how."""

    files: Files
    version: Version
    executor: Executor | None
    memory_limit: int | None
    progress: Callable[[int, int], None] | None
    retired: frozenset[str] = frozenset()
    column: int = COLUMN
    """Bytes of level 0 that are worth a task of their own."""

    @property
    def limit(self) -> int:
        """Bytes of decoded pixels in flight."""
        return MEMORY_LIMIT if self.memory_limit is None else self.memory_limit


def stage_all(stage: Stage, jobs: Sequence[Job]) -> None:
    """Stage the pixels of arrays, in an order in which each is made of those before it: as ``stage_pixels`` does.

    What takes more than ``memory_limit`` is refused before the first pixel is asked for.
    """
    steps = list(_steps(stage, jobs))
    check_memory(stage.memory_limit, (step.taken for step, _ in steps if isinstance(step, _Alone)))
    total, done = sum(job.nbytes for job in jobs), 0

    def report(now: int) -> None:
        if stage.progress is not None:
            stage.progress(done + now, total)

    for step, nbytes in steps:
        step.run(report)
        done += nbytes


def _steps(stage: Stage, jobs: Sequence[Job]) -> Iterator[tuple[_Pass | _Alone, int]]:
    """How everything is staged, and the bytes that each step writes; nothing is read or written yet."""
    shelf = _Shelf()
    windows = {job.path: _window(job) for job in jobs}
    for chain in _chains(jobs, windows):
        pending = list(chain)
        while pending:
            step = _one_pass(stage, [windows[job.path] for job in pending], shelf) or _Alone(
                stage=stage, job=pending[0], sources=shelf.of(pending[0].pixels)
            )
            ready = pending[: step.count]
            del pending[: step.count]
            for job in ready:
                shelf.put(job)
            yield step, sum(job.nbytes for job in ready)


class _Shelf:
    """What is staged by earlier steps, by the parts that it holds: of a plate a job finds its own image's at once."""

    def __init__(self) -> None:
        self._holders: dict[Pixels, Sources] = {}

    def put(self, job: Job) -> None:
        for _, leaf, _ in pieces(job.pixels):
            if isinstance(leaf, Given | Downsample):  # what is stored, or all one value, is taken from there
                self._holders.setdefault(leaf, {})[job.pixels] = (job.path, job.array)

    def of(self, pixels: Pixels) -> Sources:
        """What holds a part of a recipe, or of what that is made of."""
        found: Sources = {}
        for _, leaf, _ in pieces(pixels):
            found |= self._holders.get(leaf, {})
            if isinstance(leaf, Downsample):
                found |= self.of(leaf.source)
        return found


@frozen(kw_only=True, eq=False)
class _Alone:
    """A job that is made unit by unit, of what lies anywhere."""

    stage: Stage
    job: Job
    sources: Sources
    count = 1

    @property
    def taken(self) -> tuple[int, ArraySpec]:
        """Bytes that one of its units takes while it is made."""
        array = self.job.array
        staged = staged_parts(self.stage.files.identity, self.sources, array, self.stage.executor)
        return unit_cost(array, self.job.pixels, staged), array

    def run(self, report: Report) -> None:
        stage, job = self.stage, self.job
        stage_pixels(
            stage.files,
            job.path,
            stage.version,
            job.array,
            job.pixels,
            job.indices,
            sources=self.sources,
            executor=stage.executor,
            progress=None if stage.progress is None else lambda now, _: report(now),
            memory_limit=stage.memory_limit,
            retired=stage.retired,
        )


def _window(job: Job) -> Job:
    """What is written of an array, as an array of its own: a new channel or time point; where it is no box, the job."""
    if job.is_whole or not job.indices:
        return job
    box = tuple((min(places), max(places) + 1) for places in zip(*job.indices, strict=True))
    if prod(extent(box)) != len(job.indices):
        return job
    unit = job.array.write_unit
    region = tuple(
        (start * size, min(stop * size, end))
        for (start, stop), size, end in zip(box, unit, job.array.shape, strict=True)
    )
    array = evolve(job.array, shape=extent(region))
    return Job(
        path=job.path,
        array=array,
        pixels=excerpt(job.pixels, region),
        indices=list(units(array, [whole(array.shape)])),
        origin=tuple(start for start, _ in box),
    )


def _chains(jobs: Iterable[Job], windows: Mapping[str, Job]) -> Iterator[list[Job]]:
    """Jobs in a row whose windows are made of each other."""
    chain: list[Job] = []
    for job in jobs:
        if chain and not _follows(windows[chain[-1].path], windows[job.path]):
            yield chain
            chain = []
        chain.append(job)
    if chain:
        yield chain


def _follows(above: Job, job: Job) -> bool:
    return (
        isinstance(job.pixels, Downsample)
        and job.array.dtype == above.array.dtype
        and above.is_whole
        and job.is_whole
        and job.pixels.source == above.pixels
    )


def _one_pass(stage: Stage, chain: Sequence[Job], shelf: _Shelf) -> _Pass | None:
    """The first jobs of a chain in one pass, as many as can be; None if there is nothing to gain."""
    head = None if isinstance(chain[0].pixels, Downsample) else chain[0]
    below = chain if head is None else chain[1:]
    if not below or not all(job.is_whole for job in chain):
        return None
    staged: Staged = NOTHING
    if head is not None:
        source, unit = head.pixels, head.array.write_unit
        if any(not isinstance(leaf, Given | Fill) for _, leaf, _ in pieces(source)):
            return None  # units that are stored already are copied as bytes
    else:
        first = chain[0]
        source = first.pixels.source if isinstance(first.pixels, Downsample) else first.pixels
        staged = staged_parts(stage.files.identity, shelf.of(first.pixels), first.array, stage.executor)
        if any(isinstance(leaf, Downsample) and leaf not in staged for _, leaf, _ in pieces(source)):
            return None  # it would be made again for each part
        unit = _unit_of(source, staged, first.array)
    factors = next(job.pixels.factors for job in below if isinstance(job.pixels, Downsample))
    thin = thinned(unit, factors, below[0].array.itemsize)
    section = thin if head is None and thin != unit and _has_sections(stage, source) else None
    level_0 = _Level0(stage=stage, head=head, pixels=source, staged=staged, unit=unit, section=section)
    rungs = [_rung(stage, job, job.pixels) for job in below if isinstance(job.pixels, Downsample)]  # all of them
    for count in range(len(rungs), 0, -1):  # where units of all levels do not fit into the memory, those of some do
        one_pass = _Pass(level_0, rungs[:count])
        if one_pass.rungs and one_pass.need <= stage.limit:
            return one_pass
    return None


@frozen(kw_only=True, eq=False)
class _Level0:
    """What a pass goes over: where it is written (``head``), or what is read, and how much of it at a time.

    ``section``: of large chunks, what is decoded at a time; None where that is all of them.
    """

    stage: Stage
    head: Job | None
    pixels: Pixels
    staged: Staged
    unit: tuple[int, ...]
    section: tuple[int, ...] | None


def _has_sections(stage: Stage, source: Pixels) -> bool:
    arrays = StoredArrays(stage.files)
    parts = [leaf for _, leaf, _ in pieces(source)]
    return all(isinstance(leaf, Stored) and arrays.has_sections(leaf) for leaf in parts)


def _unit_of(source: Pixels, staged: Staged, array: ArraySpec) -> tuple[int, ...]:
    """What of a level is read at a time: a chunk where it is stored, also one of a shard."""
    chunks = {leaf.array.chunks for _, leaf, _ in pieces(source) if isinstance(leaf, Stored)}
    chunks |= {shelf.stored.array.chunks for _, leaf, _ in pieces(source) for shelf in staged.get(leaf, ())}
    return chunks.pop() if len(chunks) == 1 else array.write_unit


def _rung(stage: Stage, job: Job, level: Downsample) -> Rung:
    target = _target(stage, job)
    excerpt(level, unit_region(job.array, job.indices[-1]))  # refuses levels that cannot be made
    return Rung(target=target, factors=level.factors, method=level.method)


def _target(stage: Stage, job: Job) -> Target:
    return Target(files=stage.files, path=job.path, version=stage.version, array=job.array, origin=job.origin)


class _Pass:
    """One pass over level 0."""

    def __init__(self, level_0: _Level0, rungs: Sequence[Rung]) -> None:
        self.stage, self.head = level_0.stage, level_0.head
        self.source, self.staged = level_0.pixels, level_0.staged
        self.array = rungs[0].target.array
        size = self.array.itemsize
        self.stored = {leaf for leaf in leaves(self.source) if isinstance(leaf, Stored)}
        self.stores = [self.stage.files, *map(files_of, {leaf.origin for leaf in self.stored if leaf.token})]
        is_far = self.stage.executor is None and any(files.at_once > 1 for files in self.stores)
        least = 0 if is_far else self.stage.column  # what mostly waits is worth a thread
        limit = self.stage.limit // 8
        self.cut: Cut = cut(self.source.shape, level_0.unit, rungs, itemsize=size, least=least, limit=limit)
        self.rungs = rungs[: len(self.cut.footprints)]
        self.part = level_0.section or column_part(level_0.unit, rungs[0])
        self.opened = sum(_unit_bytes(rung.target.array) for rung in self.rungs[self.cut.inside :])
        column = prod(map(min, self.cut.column, self.source.shape)) * size
        read = cost(self.source, self.part, size, self.staged)
        if level_0.section is not None:
            read = 2 * prod(self.part) * size  # as it is read, and decoded
        if leaves_process(self.stage.executor) and any(isinstance(leaf, Given) for leaf in leaves(self.source)):
            read += column  # which a task carries
        self.column = read + 2 * (column // prod(rungs[0].factors))
        self.done = 0

    @property
    def need(self) -> int:
        """Bytes of one column and what is made of it, and of the units that are put together."""
        return self.column + self.opened

    @property
    def count(self) -> int:
        """Of the jobs that it stages."""
        return len(self.rungs) + (self.head is not None)

    def run(self, report: Report) -> None:
        stage = self.stage
        arrays = StoredArrays(stage.files)
        arrays.check(leaf for leaf in self.stored if leaf.token)
        if leaves_process(stage.executor):
            refuse_memory(self.stores)
        assembly = Assembly(self.rungs)

        def settle(task: Task | None, given: Part | None) -> tuple[Task, ...]:
            unit = None if given is None else assembly.add(given)
            self._count(task)
            report(self.done)
            return () if unit is None else (unit,)

        where = joined(stage.files.identity, self.rungs[0].target.path)
        with submission(stage.executor, arrays, self.stores) as submit:
            run(self._columns(), submit, self._in_flight(), settle, where)
        arrays.check(leaf for leaf in self.stored if leaf.token)

    def _columns(self) -> Iterator[Column]:
        inside = self.cut.inside
        column = Column(
            box=(),
            parts=(),
            head=None if self.head is None else _target(self.stage, self.head),
            dtype=self.array.dtype,
            rungs=tuple(self.rungs[:inside]),
            beyond=self.rungs[inside] if inside < len(self.rungs) else None,
        )
        for box in columns(self.source.shape, self.cut):
            parts = tuple((part, excerpt(self.source, part, self.staged)) for part in boxes(box, self.part))
            yield evolve(column, box=box, parts=parts)

    def _in_flight(self) -> int:
        """How many columns the memory allows at a time."""
        return max(1, min(MOST_IN_FLIGHT, (self.stage.limit - self.opened) // max(1, self.column)))

    def _count(self, task: Task | None) -> None:
        """Of the progress: what a task has written, as whole units."""
        if isinstance(task, Column):
            self.done += _written(task, self.head)
        elif isinstance(task, Unit):
            self.done += _nbytes(task.rung.target.array, unit_region(task.rung.target.array, task.index))


def _written(column: Column, head: Job | None) -> int:
    done = 0
    region: Region = column.box
    if head is not None:
        done += _nbytes(head.array, region)
    for rung in column.rungs:
        region = rung.below(region)
        done += _nbytes(rung.target.array, region)
    return done


def _unit_bytes(array: ArraySpec) -> int:
    return prod(map(min, array.write_unit, array.shape)) * array.itemsize


def _nbytes(array: ArraySpec, region: Region) -> int:
    """Of the write units of a region, as whole ones."""
    counts = [-(-stop // size) - start // size for (start, stop), size in zip(region, array.write_unit, strict=True)]
    return prod(max(0, count) for count in counts) * prod(array.write_unit) * array.itemsize
