"""New stores, and the replacement of whole ones: built where no reader looks, and put in place by one rename."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from ngff_fn.effects.commits.moment import compare_above, happen
from ngff_fn.effects.commits.staging import Work, staged_root
from ngff_fn.effects.commits.transaction import LOCK_TIMEOUT, Bench, clean, recover
from ngff_fn.effects.commits.trees import tree
from ngff_fn.effects.reading.read import exists
from ngff_fn.effects.reading.replacing import refuse_repository
from ngff_fn.effects.record import STAGE, Exchange, Move
from ngff_fn.effects.stores import Files
from ngff_fn.errors import NgffError, Problem, StoreExistsError, UnsupportedError
from ngff_fn.plan.operations import CreateNode
from ngff_fn.records.paths import joined


def create_new(work: Work) -> str:
    """Build what the plan says beside the place, then put it there; what was there is gone by the same step."""
    address = work.address
    files, stage, target = (address.files, STAGE, address.path) if address.path else address.files.beside()
    files.make_directory("")
    with ExitStack() as locks:
        _lock(locks, work, files)
        _tidy(files, stage, durable=work.durable)
        _refuse_occupied(work)
        bench = Bench(files, stage)
    try:
        root = joined(bench.path, "root")
        staged_root(work, files, root)
        if work.durable:
            files.sync(tree(files, bench.path))
        with ExitStack() as locks:
            _lock(locks, work, files)
            _refuse_occupied(work)
            if work.above:  # and so inside of a hierarchy
                compare_above(work)
                happen(work, [_in_place(work, root, target), *work.above], bench)
            else:
                _put_in_place(files, root, target, durable=work.durable)
                bench.release()
                _tidy(files, stage, durable=False)
    except BaseException:
        bench.release()
        with suppress(NgffError), files.lock(LOCK_TIMEOUT):
            _tidy(files, stage, durable=work.durable)
        raise
    return joined(files.identity, target)


def _lock(locks: ExitStack, work: Work, files: Files) -> None:
    """The lock of what holds the store, then that of the store: whoever writes in what is replaced waits."""
    locks.enter_context(files.lock(LOCK_TIMEOUT))
    if files is not work.address.files and exists(work.address):
        locks.enter_context(work.address.files.lock(LOCK_TIMEOUT))


def _refuse_occupied(work: Work) -> None:
    refuse_repository(work.address)
    where = joined(work.address.files.identity, work.address.path)
    if work.plan.base.mode == "w-" and exists(work.address):
        message = "something is there already. Replace it with mode='w' or overwrite=True, or take another name."
        raise StoreExistsError(Problem(where, message))
    files, _, target = (work.address.files, "", work.address.path) if work.address.path else work.address.files.beside()
    if files.read(target) is not None:
        raise StoreExistsError(Problem(where, "a file is there, and a store is a directory. Move the file away."))


def _put_in_place(files: Files, root: str, target: str, *, durable: bool) -> None:
    if files.names(target):
        files.exchange(root, target, one_step=True)
    else:
        files.move(root, target)
    if durable:
        files.sync([target.rpartition("/")[0]])


def _in_place(work: Work, root: str, target: str) -> Move | Exchange:
    """The same as a step of a record, which can be told to be done by a document that is another one after it."""
    files = work.files
    if not files.names(target):
        return Move(source=root, target=target)
    keys = (
        joined(each.path, name)
        for each in work.plan.operations
        if isinstance(each, CreateNode)
        for name in each.documents
    )
    for key in keys:
        text = files.read(joined(root, key))
        if text is not None and files.read(joined(target, key)) != text:
            return Exchange(staged=root, target=target, documents=((key, text),))
    message = "what is there has the same documents as what shall replace it, below consolidated metadata."
    raise UnsupportedError(Problem(joined(files.identity, target), f"{message} Remove it first, then create it."))


def _tidy(files: Files, stage: str, *, durable: bool) -> None:
    """Remove what the dead have left; inside a hierarchy, what stands in it is carried out before."""
    if stage == STAGE:
        recover(files, durable=durable)
    else:
        clean(files, stage)
