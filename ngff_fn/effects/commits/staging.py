"""What a commit stages, and the steps that then put it in place: new nodes, chunks put in place, directories
rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from itertools import chain

from attrs import Factory, define, frozen

from ngff_fn.effects.commits.carry import carry_beside
from ngff_fn.effects.commits.rows import is_left_bare
from ngff_fn.effects.commits.trees import copy_tree
from ngff_fn.effects.pixels.chains import Job, Stage, stage_all
from ngff_fn.effects.pixels.pixels import blank_units, written_units
from ngff_fn.effects.pixels.units import is_unit_name, present_units, unit_key
from ngff_fn.effects.record import Exchange, Move, Put, Step
from ngff_fn.effects.stores import Address, Files
from ngff_fn.errors import Problem, StoreExistsError, UnsupportedError
from ngff_fn.plan.operations import CreateNode, MoveNode, Plan, PutDocument, RetireNode, WriteArray
from ngff_fn.records.arrays import ArraySpec, same_encoding, same_keys
from ngff_fn.records.paths import hard_to_tell_apart, is_within, joined, parent
from ngff_fn.records.pixels import Region, kept_boxes, whole, without


@frozen(kw_only=True, eq=False)
class Work:
    """A plan, where it is carried out, and how."""

    address: Address
    plan: Plan
    executor: Executor | None
    progress: Callable[[int, int], None] | None
    memory_limit: int | None
    durable: bool
    atomic_pixels: bool
    above: tuple[Put, ...] = ()
    """Documents of groups above the plan's root: consolidated metadata."""
    listed: frozenset[str] | None = None
    """What is right below the plan's root, where one listing answers for many requests."""

    @property
    def files(self) -> Files:
        """The files of the outermost group."""
        return self.address.files

    @property
    def patience(self) -> float:
        """Seconds for which a lock is waited for."""
        return self.address.patience

    def at(self, path: str) -> str:
        """A path of the plan, seen from the outermost group."""
        return joined(self.address.path, path)

    @property
    def is_new(self) -> bool:
        """Whether a whole store is created, or replaced."""
        return self.plan.base.mode in ("w", "w-")

    def may_have(self, path: str) -> bool:
        """Whether there may be something at a path, seen from the outermost group, by what was listed."""
        inside = path[len(self.address.path) :].lstrip("/") if is_within(path, self.address.path) else ""
        return self.listed is None or not inside or inside.partition("/")[0] in self.listed

    @property
    def marker(self) -> str:
        """The document that makes a group one."""
        return ".zgroup" if self.plan.base.version == "0.4" else "zarr.json"

    def is_group(self, path: str) -> bool:
        """Whether there is a group at a path of the plan."""
        return self.files.signature(joined(self.at(path), self.marker)) is not None

    def refuse_in_the_way(self, path: str) -> None:
        """Refuse where something is that the plan does not know."""
        target = self.at(path)
        if self.files.names(target) or self.files.signature(target) is not None:
            message = "something is there that is not part of the image. Move it away, or take another name."
            raise StoreExistsError(Problem(joined(self.files.identity, target), message))


@define
class _Steps:
    """Steps by the place that they have in the order: every reference resolves after each."""

    new: list[Step] = Factory(list)
    chunks: list[Step] = Factory(list)
    exchanges: list[Step] = Factory(list)
    documents: list[Step] = Factory(list)
    retired: list[Step] = Factory(list)

    def in_order(self) -> list[Step]:
        return [*self.new, *self.chunks, *self.exchanges, *self.documents, *self.retired]


@frozen
class Copy:
    """A tree that was staged with the same files; what is in it at the paths of ``but`` is another thing by now."""

    source: str
    staged: str
    but: frozenset[str]

    def is_true(self, files: Files) -> bool:
        """Whether the source still has the very files that were staged."""
        return self._is_true(files, "")

    def _is_true(self, files: Files, path: str) -> bool:
        if path in self.but:
            return True
        old, new = joined(self.source, path), joined(self.staged, path)
        entries = files.names(old)
        if entries:
            return all(self._is_true(files, joined(path, name)) for name, _ in entries)
        signature = files.signature(new)
        if signature is None:  # a directory without a file in it, as file systems of fsspec have them, is not copied
            return files.is_free(new) and files.signature(old) is None
        return files.signature(old) == signature or files.read(old) == files.read(new)


@frozen
class Staged:
    """What was staged: steps that may be taken before the moment, those that put it in place, and copied trees."""

    direct: list[Step]
    steps: list[Step]
    copies: list[Copy]


def staged_steps(work: Work, bench: str) -> Staged:
    """Stage what the plan makes."""
    stager = _Stager(work, bench)
    direct, steps = stager.run()
    return Staged(direct, steps, stager.copies)


def staged_root(work: Work, files: Files, root: str, *, is_last: bool = False) -> None:
    """Stage a whole new store at a path; ``is_last``: without the documents of its root, which come last."""
    writes = {operation.path: operation for operation in work.plan.operations if isinstance(operation, WriteArray)}
    jobs = []
    creates = [operation for operation in work.plan.operations if isinstance(operation, CreateNode)]
    # "Node names are case sensitive" (Zarr v3), and two of them may lie beside each other; not on every file system.
    alike = hard_to_tell_apart(create.path for create in creates)
    for operation in creates:
        path = joined(root, operation.path)
        if operation.path in alike and not all(files.is_free(joined(path, name)) for name in operation.documents):
            message = "this file system takes its name for that of another new node. Let them differ by more than case."
            raise StoreExistsError(Problem(joined(work.files.identity, work.at(operation.path)), message))
        if operation.path or not is_last:
            _write_documents(files, path, operation)
        if operation.carry is not None:
            carry_beside(operation.carry, files, path, work.plan.base.version)
        if (write := writes.get(operation.path)) is not None:
            jobs.append(_Job(path, write, written_units(write.pixels, "", "", None, write.array)))
    _write_pixels(work, files, parent(root), jobs)


@frozen
class _Job:
    """One array whose pixels are staged: where, what, and which write units."""

    path: str
    write: WriteArray
    indices: list[tuple[int, ...]]


class _Stager:
    def __init__(self, work: Work, bench: str) -> None:
        self.work, self.bench = work, bench
        self.steps = _Steps()
        operations = work.plan.operations
        self.writes = [operation for operation in operations if isinstance(operation, WriteArray)]
        self.creates = {operation.path: operation for operation in operations if isinstance(operation, CreateNode)}
        self.puts = {operation.key: operation for operation in operations if isinstance(operation, PutDocument)}
        self.names = map(str, range(2**62))
        self.staged: dict[str, str] = {}
        self.copies: list[Copy] = []

    def run(self) -> tuple[list[Step], list[Step]]:
        work, files = self.work, self.work.files
        rebuilt = {write.path for write in self.writes if write.base is not None and not _fits_in_place(work, write)}
        jobs: list[_Job] = []
        written = {write.path: write for write in self.writes}
        retires = [operation for operation in work.plan.operations if isinstance(operation, RetireNode)]
        gone = [operation.path for operation in retires if not operation.bare]
        moves = {operation.target: operation for operation in work.plan.operations if isinstance(operation, MoveNode)}
        for new in sorted({**self.creates, **moves}, key=lambda path: path.count("/")):  # what holds others comes first
            if new in self.creates and self.creates[new].bare and work.is_group(new):
                continue
            path = self._new_node(new)
            if files.names(path):
                message = "something is there that is not part of the plate. Move it away, or take another name."
                raise StoreExistsError(Problem(joined(files.identity, work.at(new)), message))
            if new in moves:
                gone = self._moved(moves[new], path, gone)
                continue
            create = self.creates[new]
            _write_documents(files, path, create)
            if create.carry is not None:
                carry_beside(create.carry, files, path, work.plan.base.version)
            if (write := written.get(new)) is not None:
                jobs.append(self._whole(path, write))
        in_place: list[_Job] = []
        for write in self.writes:
            if write.path in self.creates:
                continue
            if write.path in rebuilt:
                jobs.append(self._rebuilt(write))
            else:
                in_place.append(self._in_place(write))
        retired = frozenset(work.at(path) for path in (*rebuilt, *gone))
        order = {write.path: number for number, write in enumerate(self.writes)}
        jobs = sorted(chain(jobs, in_place), key=lambda job: order[job.write.path])
        _write_pixels(work, files, self.bench, jobs, retired=retired)
        for job in in_place:
            self._put_chunks_in_place(job)
        self._documents_and_moves(gone)
        for retire in retires:
            if retire.bare:
                self._retire_bare(retire.path)
        return self._ordered()

    def _ordered(self) -> tuple[list[Step], list[Step]]:
        steps = self.steps
        keeps_shapes = all(write.base is not None and write.base.shape == write.array.shape for write in self.writes)
        if self.work.atomic_pixels or not keeps_shapes or steps.retired or steps.new or steps.exchanges:
            return [], steps.in_order()
        # The documents of the arrays first: from then on, no plan that was computed from the old pixels applies.
        written = {self.work.at(write.path) for write in self.writes}
        arrays = [step for step in steps.documents if isinstance(step, Put) and parent(step.key) in written]
        return [*arrays, *steps.chunks], [step for step in steps.documents if step not in arrays]

    def _new_node(self, path: str) -> str:
        """Where a node is staged: in the one above it, if that is new too, else in a place from which it is moved."""
        above, _, name = path.rpartition("/")
        while above and above not in self.staged:
            above, _, rest = above.rpartition("/")
            name = f"{rest}/{name}"
        if above in self.staged:
            self.staged[path] = joined(self.staged[above], name)
        else:
            self.staged[path] = self._place("new")
            self.steps.new.append(Move(source=self.staged[path], target=self.work.at(path)))
        return self.staged[path]

    def _moved(self, move: MoveNode, staged: str, gone: list[str]) -> list[str]:
        """A node under its new name, with the same files; the old one goes when nothing names it any longer.

        What is gone in the new one goes at once; the others that are gone are returned.
        """
        files, work = self.work.files, self.work
        if files.has_links(work.at(move.path)):
            message = "there are links in it, which cannot be moved. Put what they lead to in their place."
            raise UnsupportedError(Problem(joined(files.identity, work.at(move.path)), message))
        copy_tree(files, work.at(move.path), files, staged, link=True)
        changed = {key.removeprefix(f"{move.target}/") for key in self.puts}
        inside = {path.removeprefix(f"{move.target}/") for path in gone}
        self.copies.append(Copy(source=work.at(move.path), staged=staged, but=frozenset(changed | inside)))
        for key in [key for key in self.puts if key.startswith(f"{move.target}/")]:
            files.write(joined(staged, key.removeprefix(f"{move.target}/")), self.puts.pop(key).text)
        for path in gone:
            if path.startswith(f"{move.target}/"):
                files.remove(joined(staged, path.removeprefix(f"{move.target}/")))
        self.steps.retired.append(Move(source=work.at(move.path), target=self._place("retired")))
        return [path for path in gone if not path.startswith(f"{move.target}/")]

    def _retire_bare(self, path: str) -> None:
        """A group that says nothing goes with the last that was in it; whatever else is there keeps it."""
        if is_left_bare(self.work, path, self.work.files):
            marker = joined(self.work.at(path), self.work.marker)
            self.steps.retired.append(Move(source=marker, target=self._place("retired")))

    def _place(self, kind: str) -> str:
        return joined(self.bench, f"{kind}{next(self.names)}")

    def _whole(self, path: str, write: WriteArray) -> _Job:
        return _Job(path, write, written_units(write.pixels, "", "", None, write.array))

    def _rebuilt(self, write: WriteArray) -> _Job:
        """An array beside the old one, with which it then changes places."""
        files, work = self.work.files, self.work
        path, target = self._place("array"), work.at(write.path)
        documents = work.plan.base.documents.of_node(write.path)
        for key in list(self.puts):
            if key.rpartition("/")[0] == write.path:
                documents[key.rpartition("/")[2]] = self.puts.pop(key).text
        for name, text in documents.items():
            files.write(joined(path, name), text)
        version = work.plan.base.version
        for name, is_directory in files.names(target):
            if name not in documents and not is_unit_name(name, is_directory, write.base or write.array, version):
                copy_tree(files, joined(target, name), files, joined(path, name), link=True)
        exchange = Exchange(staged=path, target=target, documents=tuple(sorted(documents.items())))
        self.steps.exchanges.append(exchange)
        return self._whole(path, write)

    def _in_place(self, write: WriteArray) -> _Job:
        """Chunks of an array that stays where it is."""
        files, work = self.work.files, self.work
        path = self._place("chunks")
        documents = work.plan.base.documents.of_node(write.path)
        documents |= {
            key.rpartition("/")[2]: put.text for key, put in self.puts.items() if key.rpartition("/")[0] == write.path
        }
        for name, text in documents.items():
            files.write(joined(path, name), text)
        indices = written_units(write.pixels, files.identity, work.at(write.path), write.base, write.array)
        return _Job(path, write, indices)

    def _put_chunks_in_place(self, job: _Job) -> None:
        """What readers of the old documents do not see goes first; what those of the new ones do not see, last."""
        files, write, version = self.work.files, job.write, self.work.plan.base.version
        target, array, base = self.work.at(write.path), write.array, write.base or write.array
        steps = self.steps.retired if _shrinks(base, array) else self.steps.chunks
        staged = set(present_units(files, job.path, array, version, [whole(_in_units(array))]))  # not one by one
        for index in job.indices:
            key = unit_key(array, version, index)
            if index in staged:
                steps.append(Move(source=joined(job.path, key), target=joined(target, key)))
            elif files.signature(joined(target, key)) is not None:
                steps.append(Move(source=joined(target, key), target=self._place("fill")))
        moved = set(job.indices)
        old, new = whole(_in_units(base)), whole(_in_units(array))
        for boxes in (without([new], [old]), without([old], [new]), blank_units(write.pixels, array)):
            for index in present_units(files, target, array, version, boxes):
                if index not in moved:
                    key = joined(target, unit_key(array, version, index))
                    steps.append(Move(source=key, target=self._place("chunk")))
                    moved.add(index)

    def _documents_and_moves(self, gone: Iterable[str]) -> None:
        work = self.work
        for put in self.puts.values():
            self.steps.documents.append(Put(key=work.at(put.key), before=put.before, text=put.text))
        self.steps.documents += work.above
        for path in gone:
            self.steps.retired.append(Move(source=work.at(path), target=self._place("retired")))


def _write_pixels(
    work: Work, files: Files, bench: str, jobs: Iterable[_Job], *, retired: frozenset[str] = frozenset()
) -> None:
    stage = Stage(
        files=files.for_tasks(joined(bench, "aside")),
        version=work.plan.base.version,
        executor=work.executor,
        memory_limit=work.memory_limit,
        progress=work.progress,
        retired=retired,
    )
    stage_all(
        stage,
        [Job(path=job.path, array=job.write.array, pixels=job.write.pixels, indices=job.indices) for job in jobs],
    )


def _in_units(array: ArraySpec) -> tuple[int, ...]:
    return tuple(-(-size // unit) for size, unit in zip(array.shape, array.write_unit, strict=True))


def _fits_in_place(work: Work, write: WriteArray) -> bool:
    """Whether chunks can go where they belong without a reader of the old documents seeing other pixels."""
    base, array = write.base, write.array
    if base is None or not (same_encoding(base, array) and same_keys(base, array)):
        return False
    if base.shape == array.shape:
        return True
    if _shrinks(base, array) and _shrinks(array, base):
        return False
    common: Region = whole(tuple(map(min, base.shape, array.shape)))
    kept = kept_boxes(write.pixels, work.files.identity, work.at(write.path))
    return not without([common], kept)


def _shrinks(base: ArraySpec, array: ArraySpec) -> bool:
    return any(new < old for old, new in zip(base.shape, array.shape, strict=True))


def _write_documents(files: Files, path: str, create: CreateNode) -> None:
    files.make_directory(path)
    for name, text in create.documents.items():
        files.write(joined(path, name), text)
