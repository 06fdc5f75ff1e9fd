"""The table of commits, stores and points: ``python -m tests.bench [--all] [--store KIND …] [NAME …]``.

dies: the writer, after each of its changes; dies again: the next writer as well; lost: a power cut, which loses what
was not flushed, or in an object store any of the requests that were under way; overtaken: where there are no locks, the
writer stands still while another one commits; zarr, iohub: they follow the metadata (iohub in directories only). The
sample takes about 12 minutes on two cores, --all some hours; what is interrupted says what was found so far.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from tests.bench.commits import SORTS, Commit, commits
from tests.bench.crash import Result, dies, dies_again, loses_power
from tests.bench.judge import Refused, Trial, trial_or_refusal
from tests.bench.overtaken import can_be_overtaken, overtaken
from tests.bench.readers import READERS, can_follow, follows, is_installed
from tests.bench.runs import EVERYTHING, SAMPLE, Most, kinds_in
from tests.bench.schedules import Outcome, Stage, scheduled, stages
from tests.bench.stores import StoreKind

CRASHES = ("dies", "dies again", "lost", "overtaken")
COLUMNS = (*CRASHES, *READERS)
WIDTHS = (72, 9, 19, *(13 for _ in COLUMNS))


def _say(*cells: object, widths: Sequence[int] = WIDTHS) -> None:
    sys.stdout.write("".join(f"{cell!s:<{width}}" for cell, width in zip(cells, widths, strict=False)).rstrip() + "\n")
    sys.stdout.flush()


@contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")  # noqa: S108 — a folder of its own is made in it
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@frozen
class Row:
    """What was found of one kind of commit in one kind of store; ``refused``: why there is nothing."""

    commit: Commit
    kind: StoreKind
    results: tuple[Result | None, ...] = ()
    refused: str = ""

    @property
    def points(self) -> int:
        """How many crashes were tried."""
        return sum(result.points for result in self.results[: len(CRASHES)] if result)

    @property
    def bad(self) -> int:
        """How many states are none that a crash may leave; of what is not promised, there are none such."""
        return sum(len(result.bad) for result in self.results if result) if self.kind.is_promised else 0


def _results(trial: Trial, most: Most) -> Iterator[Result | None]:
    """A result for each column; None where there is nothing to be tried."""
    yield dies(trial)
    yield dies_again(trial, most.again)
    yield loses_power(trial, most.samples, most.lost) if trial.kind.loses else None
    yield overtaken(trial, most.again) if can_be_overtaken(trial) else None
    for reader in READERS:
        yield follows(trial, reader) if can_follow(reader, trial) else None


def _row(commit: Commit, kind: StoreKind, folder: Path, most: Most) -> Row:
    trial = trial_or_refusal(commit, kind, folder / kind.name)
    if isinstance(trial, Refused):
        _say(
            commit.name,
            commit.version,
            kind.name,
            f"not taken: {_reason(trial.why)}",
            widths=(*WIDTHS[:3], 0),
        )
        return Row(commit, kind, refused=trial.why)
    results = tuple(_results(trial, most if trial.kind.is_promised else SAMPLE))
    _say(commit.name, commit.version, trial.kind.name, *(_cell(result, trial.kind) for result in results))
    for column, result in zip(COLUMNS, results, strict=True):
        for bad in result.bad[:3] if result and trial.kind.is_promised else ():
            sys.stdout.write(f"    {column}, {bad.point}: {bad.wrong}\n")
    return Row(commit, trial.kind, results)


def _reason(refusal: str) -> str:
    """What a refusal says, without where."""
    return refusal.partition(": ")[2]


def _cell(result: Result | None, kind: StoreKind) -> str:
    if result is None:
        return "–"
    if not kind.is_promised:
        return f"({len(result.bad)} of {result.states})"
    return f"{result.states} ok" if not result.bad else f"{len(result.bad)} of {result.states} BAD"


def _table(chosen: Callable[[Commit], bool], stores: Sequence[str], most: Most) -> int:
    """How many bad states there are."""
    _say("commit", "version", "store", *COLUMNS)
    rows: list[Row] = []
    try:
        for commit in filter(chosen, commits()):
            with _folder() as folder:
                taken = [kind for name, kind in kinds_in(folder).items() if name in stores or not stores]
                rows.extend(_row(commit, kind, folder, most) for kind in taken)  # each as it comes
    except KeyboardInterrupt:
        _sums(rows)
        raise
    _sums(rows)
    return sum(row.bad for row in rows)


def _sums(rows: list[Row]) -> None:
    """The points of each kind of store, by how commits are made, and by the crashes."""
    stores = list(dict.fromkeys(row.kind.name for row in rows if not row.refused))
    widths = (72, *(19 for _ in stores))
    _say("", widths=())
    _say("points tried (bad)", *stores, widths=widths)
    for sort in SORTS:
        for version in dict.fromkeys(row.commit.version for row in rows):
            of_sort = [row for row in rows if (row.commit.sort, row.commit.version) == (sort, version)]
            cells = [_sum([row for row in of_sort if row.kind.name == store]) for store in stores]
            if of_sort:
                _say(f"{sort}, {version}", *cells, widths=widths)
    _say("all", *(_sum([row for row in rows if row.kind.name == store]) for store in stores), widths=widths)
    for number, column in enumerate(COLUMNS):
        states = Counter[str]()
        for row in rows:
            if row.results and (result := row.results[number]):
                states[row.kind.name] += result.states
        _say(f"different states, {column}", *(f"{states[store]:,}" for store in stores), widths=widths)
    for why in dict.fromkeys(_reason(row.refused) for row in rows if row.refused):
        _say(f"not taken: {why}", widths=(0,))
    if any(not row.kind.is_promised for row in rows):
        names = sorted({row.commit.name for row in rows if not row.kind.is_promised})
        text = "taken with single_writer=True only, and then not one step across crashes (in brackets: what is no step)"
        _say(f"{text}: {', '.join(names)}", widths=(0,))
    for reader in READERS:
        if not is_installed(reader):
            _say(f"{reader} is not installed, so its column has – only: pip install 'ngff-fn[peers]'", widths=(0,))


def _sum(rows: list[Row]) -> str:
    taken = [row for row in rows if not row.refused]
    if not taken:
        return "–"
    points, bad = sum(row.points for row in taken), sum(row.bad for row in taken)
    return f"{points:,} ({bad})" if taken[0].kind.is_promised else f"{points:,}, not counted"


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
    parser.add_argument("--all", action="store_true", help="every point of every point; takes some hours")
    parser.add_argument("--schedules", type=int, help="so many interleavings (a thousand; with --all a million)")
    parser.add_argument(
        "--store", action="append", default=[], metavar="KIND", choices=list(kinds_in(Path())), help="only this kind"
    )
    parser.add_argument("--seed", type=int, help="only the schedule of this seed, in each version")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only commits that are called so")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return int(_again(options.seed) > 0)
    names = list(dict.fromkeys(commit.name for commit in commits()))
    if unknown := [name for name in options.names if name not in names]:
        there_are = ", ".join(map(repr, names))
        parser.error(f"no commit is called {', '.join(map(repr, unknown))}. Give one of {there_are}.")
    most = EVERYTHING if options.all else SAMPLE
    try:
        bad = _table(lambda commit: not options.names or commit.name in options.names, options.store, most)
        bad += _schedules(most.schedules if options.schedules is None else options.schedules)
    except KeyboardInterrupt:
        sys.stdout.write("interrupted: what is above was tried, and no more\n")
        return 130  # as shells say it
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
