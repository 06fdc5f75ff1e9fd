"""The bench finds what it is there to find: each of these faults, planted in the real thing, leaves bad states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import faults
from tests.bench.commits import named
from tests.bench.crash import Result, dies, dies_again, loses_power
from tests.bench.faults import Fault
from tests.bench.judge import Trial, trial_of
from tests.bench.overtaken import overtaken
from tests.bench.readers import follows
from tests.bench.runs import kinds_in
from tests.bench.schedules import scheduled, stages


def _followed(trial: Trial) -> Result:
    return follows(trial, "zarr")


def _power(trial: Trial) -> Result:
    return loses_power(trial, samples=20, most=40)


def _again(trial: Trial) -> Result:
    return dies_again(trial, 40)


FOUND: list[tuple[Fault, str, Callable[[Trial], Result]]] = [
    (faults.in_wrong_order, "add_label", _followed),
    (faults.without_barrier, "set_scale", _power),
    (faults.without_barrier, "add_label", _power),
    (faults.without_barrier, "create", _power),
    (faults.without_flush_of_names, "set_region", _power),
    (faults.without_room, "add_channel", _power),
    (faults.without_record, "rename_well", dies),
    (faults.rolling_back, "add_label", dies),
    (faults.rolling_back, "set_region", _again),
    (faults.running_what_never_happened, "add_label", dies),
    (faults.removing_the_record_first, "set_region", dies),
    (faults.written_in_place, "set_scale", dies),
    (faults.blind_to_records, "set_region", dies),
    (faults.leaving_what_was_staged, "set_region", dies),
]

FOUND_IN_ARCHIVES: list[tuple[Fault, str, Callable[[Trial], Result]]] = [
    (faults.archive_in_place, "set_scale", dies),
    (faults.archive_in_place, "add_label", _followed),
    (faults.archive_removed_first, "set_region", dies),
    (faults.archive_flushed_too_late, "set_scale", _power),
    (faults.without_barrier, "add_channel", _power),
    (faults.without_flush_of_names, "create", _power),
    (faults.leaving_what_was_staged, "set_scale", dies),
]

SEVERAL = "rename_channel in 12 positions"
FOUND_IN_OBJECT_STORES: list[tuple[Fault, str, Callable[[Trial], Result]]] = [
    (faults.without_fences, SEVERAL, dies),
    (faults.without_flip, SEVERAL, dies),
    (faults.blind_to_fences, SEVERAL, dies),
    (faults.blind_to_fences, SEVERAL, _power),
    (faults.fences_rolled_back, SEVERAL, dies),
    (faults.fences_rolled_forward, SEVERAL, dies),
    (faults.without_condition, SEVERAL, overtaken),
    (faults.without_condition, "set_scale", overtaken),
    (faults.root_put_first, "create", dies),
]

WHERE = [
    pytest.param(kind, *found, id=f"{kind}, {found[0].__name__}, {found[1]}, {found[2].__name__}")
    for kind, all_found in {"local": FOUND, "zip": FOUND_IN_ARCHIVES, "S3": FOUND_IN_OBJECT_STORES}.items()
    for found in all_found
]


@pytest.mark.parametrize(("kind", "fault", "name", "crash"), WHERE)
def test_a_planted_fault_is_found(
    kind: str, fault: Fault, name: str, crash: Callable[[Trial], Result], quick_path: Path
) -> None:
    right = trial_of(named(name, "0.5"), kinds_in(quick_path)[kind], quick_path / "right")
    with fault():
        trial = trial_of(named(name, "0.5"), kinds_in(quick_path)[kind], quick_path / "wrong")
        trial.clean = {**trial.clean, **right.clean}
        assert crash(trial).bad


def test_writers_that_do_not_compare_lose_updates() -> None:
    with faults.without_compare():
        outcomes = [scheduled(stage, seed) for stage in stages() for seed in range(1, 30)]
    assert any("were counted" in outcome.wrong for outcome in outcomes)


def test_a_reader_that_does_not_look_again_sees_torn_updates() -> None:
    with faults.without_second_look():
        outcomes = [scheduled(stage, seed) for stage in stages() for seed in range(1, 300)]
    assert any("torn" in outcome.wrong for outcome in outcomes)


def test_writers_without_a_lock_lose_updates() -> None:
    with faults.without_lock():
        outcomes = [scheduled(stage, seed) for stage in stages() for seed in range(1, 100)]
    assert any(outcome.wrong for outcome in outcomes)
