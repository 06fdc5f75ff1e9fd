"""Whatever a crash leaves is before or after, on every kind of store; the bench itself is in ``tests/bench``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ngff_fn.records.snapshot import VERSIONS, Version
from tests.bench.commits import Commit, commits, named, there_and_back
from tests.bench.crash import Result, dies, dies_again, loses_power
from tests.bench.judge import Refused, Trial, trial_of, trial_or_refusal
from tests.bench.log import after_cut, cuts, lost_in
from tests.bench.overtaken import can_be_overtaken, overtaken
from tests.bench.readers import can_follow, follows
from tests.bench.runs import MOST, all_of_it, kinds_in
from tests.bench.stores import LocalKind

pytestmark = pytest.mark.timeout(7200 if all_of_it() else 300)
Record = Callable[[str, object], None]

COMMITS = [pytest.param(each, id=f"{each.version} {each.name}") for each in commits()]
KINDS = ("local", "memory", "zip", "S3")
FEWER = MOST.again and 8
"""Of archives and object stores, whose commits take longer: states after a second crash, and points of overtaking."""
NOT_ONE_STEP = "taken with single_writer=True only, and then not promised to be one step"


def trial_in(kind: str, commit: Commit, folder: Path) -> Trial:
    """Skipped where this kind of store does not take the commit, or promises less."""
    trial = trial_or_refusal(commit, kinds_in(folder)[kind], folder)
    if isinstance(trial, Refused):
        pytest.skip(trial.why)
    if not trial.kind.is_promised:
        pytest.skip(NOT_ONE_STEP)
    return trial


def assert_good(result: Result) -> None:
    assert result.bad == (), f"{len(result.bad)} of {result.states}: {result.bad[:3]}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("commit", COMMITS)
def test_a_writer_that_dies_after_any_change_leaves_before_or_after(
    commit: Commit, kind: str, quick_path: Path, record_property: Record
) -> None:
    result = dies(trial_in(kind, commit, quick_path))
    assert_good(result)
    record_property(f"{kind}: states that a writer left who died", result.states)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("commit", COMMITS)
def test_a_next_writer_that_dies_as_well_leaves_before_or_after(
    commit: Commit, kind: str, quick_path: Path, record_property: Record
) -> None:
    most = MOST.again if kind in ("local", "memory") else FEWER
    result = dies_again(trial_in(kind, commit, quick_path), most)
    assert_good(result)
    record_property(f"{kind}: states that a second writer left who died", result.states)


@pytest.mark.parametrize("kind", ["local", "zip"])
@pytest.mark.parametrize("commit", COMMITS)
def test_no_commit_that_was_acknowledged_is_lost_when_the_power_fails(
    commit: Commit, kind: str, quick_path: Path, record_property: Record
) -> None:
    result = loses_power(trial_in(kind, commit, quick_path), MOST.samples, MOST.lost)
    assert_good(result)
    record_property(f"{kind}: states that a power cut left", result.states)


@pytest.mark.parametrize("commit", COMMITS)
def test_whichever_requests_were_under_way_arrive_it_is_before_or_after(
    commit: Commit, quick_path: Path, record_property: Record
) -> None:
    result = loses_power(trial_in("S3", commit, quick_path), MOST.samples, MOST.lost)
    assert_good(result)
    record_property("S3: states that a writer left who died with requests under way", result.states)


@pytest.mark.parametrize("commit", COMMITS)
def test_a_writer_who_stands_still_anywhere_while_another_commits_loses_and_doubles_nothing(
    commit: Commit, quick_path: Path, record_property: Record
) -> None:
    trial = trial_in("S3", commit, quick_path)
    if not can_be_overtaken(trial):
        pytest.skip("of two who create a store, one is refused")
    result = overtaken(trial, FEWER)
    assert_good(result)
    record_property("S3: points at which a writer was overtaken", result.points)


def test_chunks_in_new_directories_are_not_lost_behind_a_record_that_counts_them_as_done(quick_path: Path) -> None:
    trial = trial_of(named("add_channel", "0.5"), LocalKind(quick_path), quick_path)
    assert_good(loses_power(trial, samples=0, most=8))


# --- other readers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("commit", COMMITS)
def test_zarr_finds_every_reference_whole_wherever_a_writer_dies(
    commit: Commit, kind: str, quick_path: Path, record_property: Record
) -> None:
    trial = trial_in(kind, commit, quick_path)
    if not can_follow("zarr", trial):
        pytest.skip("it may find chunks of both while a whole store is replaced among objects")
    result = follows(trial, "zarr")
    assert_good(result)
    record_property(f"{kind}: states that zarr-python followed", result.states)


@pytest.mark.peers("iohub")
@pytest.mark.parametrize("commit", COMMITS)
def test_iohub_finds_every_reference_whole_wherever_a_writer_dies(
    commit: Commit, quick_path: Path, record_property: Record
) -> None:
    result = follows(trial_of(commit, LocalKind(quick_path), quick_path), "iohub")
    assert_good(result)
    record_property("local: states that iohub followed", result.states)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_that_was_carried_out_does_not_come_back_over_a_later_commit(
    version: Version, quick_path: Path
) -> None:
    trial = trial_of(there_and_back(version), LocalKind(quick_path), quick_path)
    *_, last = cuts(trial.log)
    for lost in lost_in(last, samples=50):
        for tree in after_cut(trial.log.start, last, lost):
            assert not trial.wrong(tree, (trial.after,)), sorted(str(last.effects[each]) for each in lost)
