"""Four writers and a reader, stepped through every single operation: no update is lost, doubled or seen in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ngff_fn.records.snapshot import VERSIONS, Version
from tests.bench.runs import MOST, all_of_it
from tests.bench.schedules import Stage, scheduled
from tests.bench.turns import DeadlockError, Mutex, Turns

pytestmark = pytest.mark.timeout(7 * 3600 if all_of_it() else 300)
PARTS = 10
ON_DISK = 100
Record = Callable[[str, object], None]


def assert_all_good(stage: Stage, seeds: range, record_property: Record, where: str) -> None:
    steps = replays = 0
    for seed in seeds:
        outcome = scheduled(stage, seed)
        assert not outcome.wrong, f"seed {seed}: {outcome.wrong}"
        steps, replays = steps + outcome.steps, replays + outcome.replays
    assert replays, "no schedule in which one writer came before another"
    record_property(f"{where}: schedules of 4 writers and a reader", len(seeds))
    record_property(f"{where}: steps in them", steps)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("version", VERSIONS)
def test_no_schedule_in_memory_loses_doubles_or_tears_an_update(
    version: Version, part: int, record_property: Record
) -> None:
    each = MOST.schedules // (PARTS * len(VERSIONS))
    assert_all_good(Stage(version), range(part * each, (part + 1) * each), record_property, "memory")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_schedule_in_a_directory_loses_doubles_or_tears_an_update(
    version: Version, quick_path: Path, record_property: Record
) -> None:
    seeds = range(MOST.schedules // ON_DISK // len(VERSIONS) or 1)
    assert_all_good(Stage(version, quick_path), seeds, record_property, "local")


def test_a_schedule_is_the_same_each_time() -> None:
    assert scheduled(Stage("0.5"), 7) == scheduled(Stage("0.5"), 7)


def test_turns_say_who_waits_for_ever() -> None:
    turns = Turns(0)
    one, other = Mutex(turns), Mutex(turns)

    def take(first: Mutex, second: Mutex) -> Callable[[], None]:
        def act() -> None:
            for _ in range(100):
                with first:
                    turns.step()
                    with second:
                        turns.step()

        return act

    with pytest.raises(DeadlockError):
        turns.run([take(one, other), take(other, one)])
