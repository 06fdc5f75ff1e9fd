"""How much of the bench is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, frozen

from tests.bench.archives import ZipKind
from tests.bench.log import SEEDED_SUBSETS
from tests.bench.object_stores import S3Kind
from tests.bench.stores import LocalKind, MemoryKind, StoreKind


@frozen(kw_only=True)
class Most:
    """Of one commit, at most so many states after a second crash, and so many combinations of what one moment loses."""

    again: int | None
    samples: int
    lost: int | None
    schedules: int


EVERYTHING = Most(again=None, samples=SEEDED_SUBSETS, lost=None, schedules=1_000_000)
SAMPLE = Most(again=20, samples=10, lost=4, schedules=1000)


def all_of_it() -> bool:
    """Whether all is wanted (``NGFF_FN_BENCH_ALL=1``)."""
    return bool(os.environ.get("NGFF_FN_BENCH_ALL"))


def _wanted() -> Most:
    most = EVERYTHING if all_of_it() else SAMPLE
    return evolve(most, schedules=int(os.environ.get("NGFF_FN_BENCH_SCHEDULES", most.schedules)))


MOST = _wanted()
"""What the tests run; ``NGFF_FN_BENCH_SCHEDULES`` says how many schedules, whatever else is said."""


def kinds_in(folder: Path) -> Mapping[str, StoreKind]:
    """The kinds of stores by name; what needs a folder has one there."""
    kinds: tuple[StoreKind, ...] = (LocalKind(folder), MemoryKind(), ZipKind(folder), S3Kind())
    return {kind.name: kind for kind in kinds}
