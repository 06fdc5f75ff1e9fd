"""The three kinds of crash: a writer that dies, a next writer that dies as well, and a power cut."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from attrs import frozen

from tests.bench.commits import NEXT, after
from tests.bench.judge import Bad, Trial
from tests.bench.log import SEEDED_SUBSETS, after_cut, cuts, lost_in
from tests.bench.remembered import REMEMBERED
from tests.bench.replaced import replaced
from tests.bench.tree import Tree

T = TypeVar("T")


@frozen
class Result:
    """How many points were tried, how many of their states are different, and the bad ones."""

    points: int
    states: int
    bad: tuple[Bad, ...]


def distinct(trees: Iterator[tuple[str, Tree]]) -> Iterator[tuple[str, Tree]]:
    """Each state once, where it comes first."""
    known = set()
    for where, tree in trees:
        key = tree.seen()
        if key not in known:
            known.add(key)
            yield where, tree


def dies(trial: Trial) -> Result:
    """The writer dies after each of its effects."""
    states = [(f"effect {number}", tree) for number, tree in enumerate(trial.log.states())]
    different = list(distinct(iter(states)))
    allowed = (trial.before, trial.after)
    bad = [Bad(where, wrong) for where, tree in different if (wrong := trial.wrong(tree, allowed))]
    return Result(len(states), len(different), tuple(bad))


def dies_again(trial: Trial, most: int | None = None) -> Result:
    """The writer dies after each of its effects, and the next after each of its own; or so many of these."""
    bad: list[Bad] = []
    pairs: list[tuple[str, Tree, Tree]] = []
    points = 0
    firsts = distinct((f"effect {number}", tree) for number, tree in enumerate(trial.log.states()))
    for first, left in sample(list(firsts), most):
        log = trial.recovered(left).log
        states = [] if log is None else list(log.states())
        points += len(states)
        pairs += [(f"{first}, then {number}", left, tree) for number, tree in enumerate(states)]
    known = set()
    different = []
    for where, left, tree in pairs:
        key = (trial.seen(left), tree.seen())
        if key not in known:
            known.add(key)
            different.append((where, left, tree))
    for where, left, tree in sample(different, most):
        now = trial.seen(left)
        allowed = () if isinstance(now, str) else (now, after(now, NEXT))
        if wrong := trial.wrong(tree, allowed, writer=1):
            bad.append(Bad(where, wrong))
    return Result(points if most is None else min(most, len(different)), min(len(different), most or 10**9), tuple(bad))


def loses_power(trial: Trial, samples: int = SEEDED_SUBSETS, most: int | None = None) -> Result:
    """The power fails at every moment, and what is not durable is lost in all combinations, or in many.

    Of an object store: the writer dies at every moment, and what was under way is lost so.
    """
    points, bad = 0, []
    known = set()
    for number, cut in enumerate(cuts(trial.log)):
        allowed = (trial.after,) if cut.is_last else (trial.before, trial.after)
        for lost in sample(list(lost_in(cut, seed=number, samples=samples)), most):
            for tree in after_cut(trial.log.start, cut, lost):
                points += 1
                key = (trial.key(tree), cut.is_last)
                if key in known:
                    continue
                known.add(key)
                with replaced(REMEMBERED):
                    wrong = trial.wrong(tree, allowed)
                if wrong:
                    gone = sorted(str(cut.effects[each])[:80] for each in lost)
                    bad.append(Bad(f"moment {number}, {len(lost)} of {len(cut.volatile)} lost: {gone[:3]}", wrong))
    return Result(points, len(known), tuple(bad))


def sample(values: Sequence[T], most: int | None) -> Sequence[T]:
    """So many of them, the same each time; all where nothing is said."""
    if most is None or len(values) <= most:
        return values
    chosen = sorted(random.Random(0).sample(range(len(values)), most))
    return [values[number] for number in chosen]


CRASHES: dict[str, Callable[[Trial], Result]] = {"dies": dies, "dies again": dies_again, "power": loses_power}
