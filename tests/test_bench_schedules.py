"""Four writers and a reader, stepped through every single operation: no update is lost, doubled or seen in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ngff_fn.records.snapshot import VERSIONS, Version
from tests.bench import schedules
from tests.bench.runs import MOST
from tests.bench.schedules import PAINTED_EACH, Stage, scheduled
from tests.bench.turns import DeadlockError, Mutex, Turns

PARTS = 10
ON_DISK = 100
Record = Callable[[str, object], None]
pytestmark = pytest.mark.timeout(300 + MOST.schedules // PARTS // 10)  # a schedule takes some 2 ms


def assert_all_good(stage: Stage, seeds: range, record_property: Record, where: str) -> None:
    orders, steps, replays = set(), 0, 0
    for seed in seeds:
        outcome = scheduled(stage, seed)
        assert not outcome.wrong, f"version {stage.version}, seed {seed}: {outcome.wrong}"
        orders.add(outcome.order)
        steps, replays = steps + outcome.steps, replays + outcome.replays
    assert replays, "no schedule in which one writer came before another"
    record_property(f"{where}: schedules of 4 writers and a reader", len(seeds))
    record_property(f"{where}: different orders of turns in them", len(orders))
    record_property(f"{where}: steps in them", steps)


def seeds_of(version: Version, each: int) -> range:
    """Every version has others."""
    first = VERSIONS.index(version) * each
    return range(first, first + each)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("version", VERSIONS)
def test_no_schedule_in_memory_loses_doubles_or_tears_an_update(
    version: Version, part: int, record_property: Record
) -> None:
    each = MOST.schedules // (PARTS * len(VERSIONS))
    seeds = seeds_of(version, PARTS * each)[part * each :][:each]
    assert_all_good(Stage(version), seeds, record_property, "memory")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_schedule_in_a_directory_loses_doubles_or_tears_an_update(
    version: Version, quick_path: Path, record_property: Record
) -> None:
    seeds = seeds_of(version, MOST.schedules // ON_DISK // len(VERSIONS) or 1)
    assert_all_good(Stage(version, quick_path), seeds, record_property, "local")


@pytest.mark.parametrize("seed", [7, PAINTED_EACH])
def test_a_schedule_is_the_same_each_time(seed: int) -> None:
    assert scheduled(Stage("0.5"), seed) == scheduled(Stage("0.5"), seed)


def test_each_seed_is_another_schedule() -> None:
    stage = Stage("0.5")
    assert len({scheduled(stage, seed).order for seed in range(1, 50)}) == 49


@pytest.mark.parametrize("version", VERSIONS)
def test_a_schedule_is_the_same_when_nothing_is_remembered_of_others(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(version)
    remembered = [scheduled(stage, seed) for seed in range(1, 20)]
    monkeypatch.setattr(schedules, "REMEMBERED", ())
    assert [scheduled(stage, seed) for seed in range(1, 20)] == remembered


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
