"""The table of commits, stores and points: ``python -m tests.bench [--all] [NAME …]``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.commits import Commit, commits
from tests.bench.crash import Result, dies, dies_again, loses_power
from tests.bench.judge import Trial, trial_of
from tests.bench.readers import READERS, follows
from tests.bench.runs import EVERYTHING, SAMPLE, Most, kinds_in
from tests.bench.schedules import Outcome, Stage, scheduled, stages
from tests.bench.stores import StoreKind

COLUMNS = ("dies", "dies again", "power cut", *READERS)


def _say(*cells: object) -> None:
    widths = (64, 8, 8, *(11 for _ in COLUMNS))
    sys.stdout.write("".join(f"{cell!s:<{width}}" for cell, width in zip(cells, widths, strict=False)).rstrip() + "\n")
    sys.stdout.flush()


@contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")  # noqa: S108 — a folder of its own is made in it
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def _results(trial: Trial, most: Most) -> Iterator[Result | None]:
    """A result for each column; None where there is nothing to be tried."""
    yield dies(trial)
    yield dies_again(trial, most.again)
    yield loses_power(trial, most.samples, most.lost) if trial.kind.loses_power else None
    for reader in READERS:
        is_there = importlib.util.find_spec(reader) is not None
        yield follows(trial, reader) if is_there and trial.kind.loses_power else None


def _row(commit: Commit, kind: StoreKind, folder: Path, most: Most) -> list[Result | None]:
    results = list(_results(trial_of(commit, kind, folder / kind.name), most))
    _say(commit.name, commit.version, kind.name, *map(_cell, results))
    for column, result in zip(COLUMNS, results, strict=True):
        for bad in result.bad[:3] if result else ():
            sys.stdout.write(f"    {column}, {bad.point}: {bad.wrong}\n")
    return results


def _cell(result: Result | None) -> str:
    if result is None:
        return "–"
    return f"{result.states} ok" if not result.bad else f"{len(result.bad)} of {result.states} BAD"


def _table(chosen: Callable[[Commit], bool], most: Most) -> int:
    """How many bad states there are."""
    _say("commit", "version", "store", *COLUMNS)
    rows: list[list[Result | None]] = []
    for commit in filter(chosen, commits()):
        with _folder() as folder:
            rows += [_row(commit, kind, folder, most) for kind in kinds_in(folder).values()]
    sums = [[result for row in rows if (result := row[column])] for column in range(len(COLUMNS))]
    _say("states in all", "", "", *(sum(each.states for each in column) for column in sums))
    bad = sum(len(each.bad) for column in sums for each in column)
    _say("bad", "", "", *(sum(len(each.bad) for each in column) for column in sums))
    return bad


def _schedules(count: int) -> int:
    begun, bad, steps, orders = time.perf_counter(), 0, 0, set()
    each = count // len(stages())
    for number, stage in enumerate(stages()):
        for seed in range(number * each, (number + 1) * each):
            outcome = scheduled(stage, seed)
            steps += outcome.steps
            orders.add(outcome.order)
            if outcome.wrong:
                bad += 1
                _say_outcome(stage, seed, outcome)
    seconds = time.perf_counter() - begun
    rate = f"{count / seconds:.0f} a second" if count else ""
    found = f"{len(orders)} different, {steps} steps, {rate}; bad: {bad}"
    sys.stdout.write(f"schedules of 4 writers and a reader in memory: {count}, {found}\n")
    return bad


def _say_outcome(stage: Stage, seed: int, outcome: Outcome) -> None:
    sys.stdout.write(f"    version {stage.version}, seed {seed}: {outcome.wrong or 'good'}; {outcome.steps} steps\n")


def _again(seed: int) -> int:
    """One schedule, as a test that failed has said it."""
    outcomes = [(stage, scheduled(stage, seed)) for stage in stages()]
    for stage, outcome in outcomes:
        _say_outcome(stage, seed, outcome)
    return sum(bool(outcome.wrong) for _, outcome in outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every point of every point; takes an hour or two")
    parser.add_argument("--schedules", type=int, help="so many interleavings (a thousand; with --all a million)")
    parser.add_argument("--seed", type=int, help="only the schedule of this seed, in each version")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only commits that are called so")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return int(_again(options.seed) > 0)
    most = EVERYTHING if options.all else SAMPLE
    bad = _table(lambda commit: not options.names or commit.name in options.names, most)
    bad += _schedules(most.schedules if options.schedules is None else options.schedules)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
