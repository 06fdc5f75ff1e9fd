"""How a plan on a store that is there happens: by its documents alone, or staged first; then under the lock, or not."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ngff_fn.effects.commits.foreign import foreign_text, take_place
from ngff_fn.effects.commits.staging import Staged, Work, staged_steps
from ngff_fn.effects.commits.transaction import (
    LOCK_TIMEOUT,
    Bench,
    Seen,
    carry_out,
    carry_out_directly,
    clean,
    clear_workshop,
    happened,
    publish,
    recover,
    refuse_unwritable,
)
from ngff_fn.effects.commits.trees import tree
from ngff_fn.effects.record import DRAFT, STAGE, Move, Put, Step
from ngff_fn.effects.stores import Files
from ngff_fn.errors import (
    ConflictError,
    ForeignWriteError,
    NgffError,
    Problem,
    StoreExistsError,
    UnsupportedError,
    refuse,
)
from ngff_fn.plan.operations import CreateNode, MoveNode, Plan, PutDocument
from ngff_fn.records.paths import joined, parent


def only_documents(plan: Plan) -> bool:
    """Whether nothing but documents changes."""
    return all(isinstance(operation, PutDocument) for operation in plan.operations)


def compare(work: Work) -> Seen:
    """Refuse a plan whose documents have changed since it was computed; else, what they are."""
    files, path = work.address.files, work.address.path
    seen: dict[str, tuple[bytes | None, object | None]] = {}
    changed: list[str] = []
    for key, text in work.plan.compare:
        where = joined(path, key)
        is_free = text is None and files.is_free(parent(where))  # as where there are no labels
        found = seen[where] = (None, None) if is_free else files.get(where)
        if found[0] != text:
            changed.append(key)
    if changed:
        cure = "Open the store again and run the edits on its new value, as update() does."
        raise ConflictError(*(Problem(key, f"it has changed since the plan was computed. {cure}") for key in changed))
    compare_above(work)
    for path in new_paths(work):
        work.refuse_in_the_way(path)
    return seen


def new_paths(work: Work) -> list[str]:
    """The outermost of the nodes that come into being: nothing may be there yet."""
    created = {
        operation.path
        for operation in work.plan.operations
        if isinstance(operation, CreateNode) and not (operation.bare and work.is_group(operation.path))
    }
    moved = {operation.target for operation in work.plan.operations if isinstance(operation, MoveNode)}
    return [path for path in created | moved if not path or path.rpartition("/")[0] not in created]


def compare_above(work: Work) -> None:
    """Refuse where consolidated metadata above the plan's root have changed since the commit began."""
    changed = [put.key for put in work.above if work.files.read(put.key) != put.before]
    if changed:
        message = "it has changed since the commit began. Commit again, as update() does."
        raise ConflictError(*(Problem(joined(work.files.identity, key), message) for key in changed))


def by_documents(work: Work) -> str:
    """Documents alone: one is replaced, and that is the moment; several go through a record."""
    files, path = work.address.files, work.address.path
    puts = [operation for operation in work.plan.operations if isinstance(operation, PutDocument)]
    with files.lock(work.patience):
        clear_workshop(files, durable=work.durable)
        seen = compare(work)
        if len(puts) == 1 and not work.above:
            return _replace(files, joined(path, puts[0].key), puts[0], durable=work.durable)
        steps = [Put(key=joined(path, put.key), before=put.before, text=put.text) for put in puts]
        return happen(work, [*steps, *work.above], seen=seen)


def _replace(files: Files, key: str, put: PutDocument, *, durable: bool) -> str:
    """The atomic replacement of one document; where it was not what was compared any more, that is kept, and said."""
    try:
        try:
            files.write(DRAFT, put.text)
        except StoreExistsError:  # no file: whatever it is, the name is ours
            files.remove(DRAFT)
            files.write(DRAFT, put.text)
        if durable:
            files.sync([DRAFT])
        was_there = take_place(files, DRAFT, key)
    except BaseException:
        with suppress(NgffError):
            recover(files, durable=False)
        raise
    with happened(files, key):
        foreign = foreign_text(files, DRAFT, key, put.before) if was_there else None
        if durable:
            files.sync([key.rpartition("/")[0]])
    refuse([] if foreign is None else [foreign], ForeignWriteError)
    return key


def by_stage(work: Work) -> str:
    """Pixels and nodes are staged while others may write; then, under the lock, it happens or it does not."""
    files = work.address.files
    with files.lock(work.patience):
        recover(files, durable=work.durable)
        compare(work)
        bench = Bench(files, STAGE)
    try:
        staged = _staged(work, bench)
        with files.lock(work.patience):
            recover(files, durable=work.durable)
            seen = _refuse_overtaken(work, bench)
            refuse_changed_trees(work, staged, bench)
            refuse_unwritable(files, [*staged.direct, *staged.steps])
            foreign = carry_out_directly(files, staged.direct, durable=work.durable)
            return happen(work, staged.steps, bench, seen=seen, foreign=foreign)
    except BaseException:
        bench.release()
        with suppress(NgffError), files.lock(work.patience):
            recover(files, durable=work.durable)  # carries out what has happened, else removes what was staged
        raise


def _staged(work: Work, bench: Bench) -> Staged:
    """Everything staged and durable; where that fails because another writer came first, that is what is said."""
    files = work.address.files
    try:
        staged = staged_steps(work, bench.path)
        if work.durable:
            files.sync([*tree(files, bench.path), STAGE])  # the last has the name of the bench
    except ConflictError:
        raise
    except NgffError:
        with files.lock(work.patience):
            recover(files, durable=work.durable)
            _refuse_overtaken(work, bench)
        raise
    return staged


def _refuse_overtaken(work: Work, bench: Bench) -> Seen:
    if not bench.is_there():
        message = "the store was replaced while pixels were made. Open it again and run the edits, as update() does."
        raise ConflictError(Problem(work.address.files.identity, message))
    return compare(work)


def refuse_changed_trees(work: Work, staged: Staged, bench: Bench) -> None:
    """Refuse where a tree that is moved, or the place of a new node, is no longer as it was when it was staged."""
    files = work.files
    changed = [copy.source for copy in staged.copies if not copy.is_true(files)]
    new = joined(bench.path, "new")
    moves = [step for step in staged.steps if isinstance(step, Move) and step.source.startswith(new)]
    changed += [step.target for step in moves if files.names(step.target) or files.signature(step.target) is not None]
    if changed:
        message = "it has changed while the commit was made. Open the store again and run the edits, as update() does."
        raise ConflictError(*(Problem(path, message) for path in changed))


def happen(
    work: Work,
    steps: list[Step],
    bench: Bench | None = None,
    *,
    seen: Seen | None = None,
    foreign: Iterable[Problem] = (),
) -> str:
    """The moment, and what follows it; the lock is held.

    ``seen`` are documents that were read under it, ``foreign`` is what other programs wrote meanwhile.
    """
    files = work.address.files
    record = publish(files, steps, durable=work.durable)
    with happened(files, record.name):
        found = carry_out(files, record, durable=work.durable, seen=seen or {}, is_own=True)
        if bench is not None:
            bench.release()
        recover(files, durable=False)
    refuse([*foreign, *found], ForeignWriteError)
    return record.name


def clean_beside(files: Files, patience: float = LOCK_TIMEOUT) -> None:
    """What a replacement of the whole store has left, when its writer died."""
    found = beside_of(files)
    if found is not None:
        parent, stage = found
        with parent.lock(patience):
            clean(parent, stage)


def beside_of(files: Files) -> tuple[Files, str] | None:
    """The stage beside a store, in which it is made to be replaced as a whole, and the files that it is in, if any."""
    if files.identity.endswith("/"):
        return None
    try:
        parent, stage, _ = files.beside()
    except UnsupportedError:  # a whole bucket has nothing beside it
        return None
    return (parent, stage) if parent.exists(stage) else None
