"""Several steps as one: the record whose appearance is the moment, rolling it forward, and cleaning up after the dead.

A commit stages what is new where no reader looks, makes it durable, and puts a record of idempotent steps in place:
from then on it has happened. The steps are carried out, and the record goes. Whoever finds a record standing carries
out what is left of it; whoever finds something staged that no living process holds removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias, assert_never
from uuid import uuid4

from ngff_fn.effects.commits.foreign import foreign_document, foreign_in, foreign_text, take_place
from ngff_fn.effects.local.exclusive import OWNER
from ngff_fn.effects.record import (
    DRAFT,
    FOREIGN,
    RECORDS,
    STAGE,
    WORKSHOP,
    Exchange,
    Move,
    Put,
    Record,
    Step,
    as_bytes,
    as_words,
    changed_by,
    exchange_is_due,
    put_is_due,
    standing,
)
from ngff_fn.effects.stores import Files
from ngff_fn.errors import ForeignWriteError, NgffError, Problem, StoreError, StoreExistsError, refuse
from ngff_fn.records.paths import and_above, joined, parent

LOCK_TIMEOUT = 30.0
"""Seconds for which a commit waits for the lock."""


def publish(files: Files, steps: Iterable[Step], *, durable: bool) -> Record:
    """The moment: a record with these steps stands. Everything that they need has been staged and made durable."""
    record = Record(name=f"{uuid4().hex}.json", steps=tuple(steps), durable=durable)
    draft, final = joined(STAGE, record.name), joined(RECORDS, record.name)
    files.write(draft, as_bytes(record))
    files.make_directory(RECORDS)
    if durable:
        files.sync([draft, RECORDS, WORKSHOP, ""])
    files.move(draft, final)
    if durable:
        with happened(files, final):
            files.sync([RECORDS])
    return record


@contextmanager
def happened(files: Files, what: str) -> Iterator[None]:
    """What fails in here fails after the moment, and says so."""
    try:
        yield
    except ForeignWriteError:
        raise
    except NgffError as error:
        message = f"the commit has happened ({what}), and what is left of it is carried out by the next one."
        raise StoreError(*error.problems, Problem(files.identity, message)) from error


Seen: TypeAlias = Mapping[str, tuple[bytes | None, object | None]]
"""Documents that were read a moment ago, and the signatures that they had then."""

_NOTHING: Seen = {}


def carry_out(
    files: Files, record: Record, *, durable: bool, seen: Seen = _NOTHING, is_own: bool = False
) -> list[Problem]:
    """All steps of a record, whether or not some were done before; then the record goes.

    Returns what other programs wrote meanwhile; for the commit itself (``is_own``) also what they wrote upon it.

    Raises
    ------
    StoreError
        Where it cannot be done: with the record, its step and the cure, and with what failed.
    """
    doing = _Doing(files, record)
    with doing:
        return _carried_out(files, record, doing, durable=durable, seen=seen, is_own=is_own)


class _Doing:
    """Which step of a record is being done: what fails meanwhile is told with it."""

    def __init__(self, files: Files, record: Record) -> None:
        self._location, self._all = joined(files.identity, RECORDS, record.name), record.steps
        self._what = ""

    def each(self) -> Iterator[Step]:
        """The steps in their order."""
        for number, step in enumerate(self._all, 1):
            self._what = f" (step {number} of {len(self._all)}, {as_words(step)}, fails)"
            yield step
        self._what = ""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, NgffError):
            return
        message = (
            f"the commit of this record has happened, and cannot be carried out to its end{self._what}, for the reason "
            "that is said next. Mend that, then call recover(), or commit again. To give up what is left of the "
            "commit, move this record out of the store: what was done of it stays, and vacuum() removes the rest."
        )
        raise StoreError(Problem(self._location, message), *error.problems) from error


def _carried_out(
    files: Files, record: Record, doing: _Doing, *, durable: bool, seen: Seen, is_own: bool
) -> list[Problem]:
    foreign: list[Problem] = []
    # What is neither the old text nor the new one was put there by someone else, later: it stays.
    due = [step for step in doing.each() if isinstance(step, Put) and _is_due(files, step, seen)]
    drafts = {put.key: joined(STAGE, f"{record.name}.{number}") for number, put in enumerate(due)}
    for put in due:
        files.write(drafts[put.key], put.text)
    if is_own:
        late = (put for put in record.steps if isinstance(put, Put) and put.key not in drafts)
        foreign += filter(None, (foreign_document(files, put) for put in late))
    if durable:
        files.sync(drafts.values())
        _make_room(files, record.steps)
    for step in doing.each():
        foreign += _do(files, step, drafts, seen)
    left = {parent(path) for step in record.steps if not isinstance(step, Put) for path in changed_by(step)}
    for path in sorted(left, key=len, reverse=True):
        if path and not path.startswith(WORKSHOP):
            files.prune(path)
    if durable:
        touched = {parent(path) for step in record.steps for path in changed_by(step)}
        files.sync(path for path in touched | _above(record.steps) if files.signature(path) is not None)
    files.remove(joined(RECORDS, record.name))
    if durable:  # what comes back later would do its steps again, over other commits
        files.sync([RECORDS])
    return foreign


def _make_room(files: Files, steps: Iterable[Step]) -> None:
    """The directories into which something moves are durable before it does: it could be lost with them."""
    moves = [step for step in steps if isinstance(step, Move)]
    for path in {parent(step.target) for step in moves}:
        if path and not path.startswith(WORKSHOP) and files.signature(path) is None:
            files.make_directory(path)
    files.sync(path for path in _above(moves) if files.signature(path) is not None)


def _above(steps: Iterable[Step]) -> set[str]:
    """The directories in which names are given to others, or taken from them, on the way of a move."""
    moved = {parent(path) for step in steps if isinstance(step, Move) for path in changed_by(step)}
    return {above for path in moved if not path.startswith(WORKSHOP) for above in ("", *and_above(path))}


def _is_due(files: Files, put: Put, seen: Seen) -> bool:
    """As ``put_is_due``, which reads the document; one that was read a moment ago is only looked at."""
    text, signature = seen.get(put.key, (None, None))
    was_read = signature is not None and text == put.before
    return (was_read and files.signature(put.key) == signature) or put_is_due(files, put)


def carry_out_directly(files: Files, steps: Iterable[Step], *, durable: bool) -> list[Problem]:
    """Steps that need no record: each is whole by itself, and may be the last. Returns what others wrote meanwhile."""
    foreign: list[Problem] = []
    steps = list(steps)
    if durable:
        _make_room(files, steps)
    for step in steps:
        drafts: dict[str, str] = {}
        if isinstance(step, Put):
            drafts[step.key] = DRAFT
            files.write(DRAFT, step.text)
            if durable:
                files.sync([DRAFT])
        foreign += _do(files, step, drafts, _NOTHING)
        if durable:
            files.sync({parent(path) for path in changed_by(step)})
    return foreign


def refuse_unwritable(files: Files, steps: Iterable[Step]) -> None:
    """Refuse, before the moment, what could not be carried out after it."""
    changed = [path for step in steps for path in changed_by(step)]
    moved = [path for step in steps for path in changed_by(step) if not isinstance(step, Put)]
    parents = dict.fromkeys(parent(path) for path in changed)
    message = (
        "it cannot be written, so the commit could not be carried out; nothing was changed. Change its permissions."
    )
    refused = [path for path in (*parents, *moved) if not files.is_writable(path)]
    refuse((Problem(joined(files.identity, path), message) for path in refused), StoreError)


def _do(files: Files, step: Step, drafts: Mapping[str, str], seen: Seen) -> list[Problem]:
    """One step; what was foreign in what it replaced."""
    match step:
        case Put():
            if step.key in drafts and take_place(files, drafts[step.key], step.key):
                found = foreign_text(files, drafts[step.key], step.key, step.before)
                return [] if found is None else [found]
        case Move():
            if files.signature(step.source) is not None or files.names(step.source):
                files.move(step.source, step.target)
        case Exchange():
            if exchange_is_due(files, step):
                files.exchange(step.staged, step.target)
                return list(foreign_in(files, step, {key: text for key, (text, _) in seen.items() if text is not None}))
        case _:
            assert_never(step)
    return []


# --- staging and cleaning


class Bench:
    """A directory of our own in the stage, held until ``release``: while it is held nobody cleans it away."""

    def __init__(self, files: Files, stage: str) -> None:
        self.files = files
        self.path = joined(stage, uuid4().hex)
        self._owner = joined(self.path, OWNER)
        files.write(self._owner, b"")
        self._release: Callable[[], None] | None = files.hold(self.path)

    def is_there(self) -> bool:
        """Whether what was staged is still in the store: it may have been replaced as a whole."""
        return self.files.signature(self._owner) is not None

    def release(self) -> None:
        """Whoever cleans next may remove what is left."""
        if self._release is not None:
            self._release()
            self._release = None


def recover(files: Files, *, durable: bool) -> int:
    """Carry out what stands and remove what the dead have left; only while the lock is held. Says how many stood."""
    files.remove(DRAFT)
    return clear_workshop(files, durable=durable)


def clear_workshop(files: Files, *, durable: bool) -> int:
    """As ``recover``, for those who write the draft anew anyway."""
    if not files.exists(WORKSHOP):
        return 0
    foreign: list[Problem] = []
    records = standing(files)
    for record in records:
        # Its writer may have had another promise to keep than who finds it, and have died before he could keep it.
        is_durable = durable or record.durable
        if is_durable:
            files.sync([joined(RECORDS, record.name), RECORDS, WORKSHOP, ""])
        foreign += carry_out(files, record, durable=is_durable)
    clean(files, STAGE)
    for path in (RECORDS, STAGE, FOREIGN, WORKSHOP):
        files.prune(path)
    refuse(foreign, ForeignWriteError)
    return len(records)


def clean(files: Files, stage: str) -> None:
    """Remove what is staged and held by no living process."""
    for path, is_held in staged(files, stage):
        if not is_held:
            remove_staged(files, path)
    files.prune(stage)


def staged(files: Files, stage: str) -> Iterator[tuple[str, bool]]:
    """What is staged, each with whether a living process holds it."""
    for name, is_directory in files.names(stage):
        path = joined(stage, name)
        yield path, is_directory and files.is_held(path)


def remove_staged(files: Files, path: str) -> None:
    """Remove a tree, also while a worker of a writer who died still writes in it."""
    try:
        files.remove(path)
    except StoreExistsError:  # something was put into a directory that was empty a moment ago
        away = f"{path}.{uuid4().hex}"
        files.move(path, away)  # where that worker does not find it
        try:
            files.remove(away)
        except StoreExistsError:  # unless it was about to write when the tree was moved
            files.remove(away)
