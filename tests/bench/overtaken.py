"""A writer of an object store, where nobody has a lock, stands still while another one commits."""

from __future__ import annotations

from typing import Any

import ngff_fn as nf
from ngff_fn import curried as c
from tests.bench.changes import Change, Keys
from tests.bench.commits import Seen, after
from tests.bench.crash import Result, sample
from tests.bench.judge import Bad, Trial
from tests.bench.object_stores import RecordingObjects, S3Kind, in_a_hurry
from tests.crashes import one_at_a_time


def overtaken(trial: Trial, most: int | None = None) -> Result:
    """Before each of its changes: both commits have happened in the end, whole and one after the other."""
    count = sum(isinstance(change, Keys) for change in trial.log.changes)
    points = sample(range(count), most)
    either = (after(trial.after, _mark), _seen_after_both(trial))
    bad = [Bad(f"before change {point}", wrong) for point in points if (wrong := _wrong(trial, point, either))]
    return Result(len(points), len(points), tuple(bad))


def can_be_overtaken(trial: Trial) -> bool:
    """Where there is a store already: of two who create it, one is refused."""
    return isinstance(trial.kind, S3Kind) and trial.kind.is_promised and trial.before.root is not None


def _mark(root: Any) -> Any:
    """What the other one does: documents that the commit may have to do with."""
    mark = c.set_extra("after", "another one")
    return nf.each_image(root, mark) if isinstance(root, nf.Plate) else mark(root)


def _ignored(_change: Change) -> None:
    pass


def _other(trial: Trial, store: Any) -> None:
    with one_at_a_time() as executor:
        nf.update(trial.kind.door(store, _ignored), _mark, executor=executor)


def _seen_after_both(trial: Trial) -> Seen | str:
    """Where the other one was there first."""
    store = trial.kind.put(trial.log.start)
    _other(trial, store)
    trial.act(trial.kind.door(store, _ignored))
    return trial.seen(trial.kind.take(store))


def _wrong(trial: Trial, point: int, either: tuple[Seen | str, ...]) -> str:
    store = trial.kind.put(trial.log.start)
    door = trial.kind.door(store, _ignored)
    left = iter(range(point, -1, -1))

    def stand_still() -> None:
        if next(left, None) == 0:
            _other(trial, store)

    objects: RecordingObjects = door.files.objects
    objects.at_once, objects.before = 1, stand_still
    try:
        with in_a_hurry():
            trial.act(door)
            trial.kind.going_on(door, lambda _store: None)
    except Exception as error:  # noqa: BLE001 — whatever it is, it is what is wrong
        return f"it fails: {error!r}"
    if trial.seen(trial.kind.take(store)) not in either:
        return "not both commits have happened, or not whole"
    if extra := trial.kind.names(store) ^ trial.clean_names(trial.after):
        return f"something is left: {sorted(extra)[:4]}"
    return ""
