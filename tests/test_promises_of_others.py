"""A commit that was promised to survive a power cut does so also when its writer dies and another carries it out.

The next writer may promise less (``durability="process"``): what he finds standing he carries out as was promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ngff_fn.effects.commits.transaction import publish, recover
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.record import RECORDS, Move, Record, as_bytes, standing
from ngff_fn.effects.stores import Address
from tests.bench.changes import Change, Flush, FlushAll
from tests.bench.commits import named
from tests.bench.judge import Trial, trial_of
from tests.bench.log import Log, after_cut, cuts, lost_in
from tests.bench.stores import STORE, LocalKind

pytestmark = pytest.mark.timeout(300)
AFTER_EACH = 6
"""One in so many of the changes after which a writer dies, from its moment on: that after the moment is among them."""


def interrupted(trial: Trial) -> Iterator[Log]:
    """What a writer has done who dies after his moment."""
    stood = 0
    for length in range(1, len(trial.log.changes)):
        noted = Log(trial.log.start)
        for change in trial.log.changes[:length]:
            noted.note(change)
        if any(name.startswith(f"{STORE}/{RECORDS}/") for name in noted.now.contents()):
            if stood % AFTER_EACH == 0:
                yield noted
            stood += 1


def recovered(trial: Trial, noted: Log, *, durable: bool) -> None:
    """The next one carries it out; what he does is noted behind what the first has done."""
    address: Address = trial.kind.door(trial.kind.put(noted.now), noted.note)
    with address.files.lock(10):
        recover(address.files, durable=durable)


@pytest.mark.parametrize("durable", [True, False], ids=["by one who promises as much", "by one who promises less"])
@pytest.mark.parametrize("name", ["set_region", "crop"])
def test_no_power_cut_loses_what_is_carried_out_by_another(name: str, durable: bool, quick_path: Path) -> None:
    trial = trial_of(named(name, "0.5"), LocalKind(quick_path), quick_path)
    ends = 0
    for noted in interrupted(trial):
        recovered(trial, noted, durable=durable)
        for number, cut in enumerate(cuts(noted)):
            for lost in lost_in(cut, seed=number, samples=3):
                for tree in after_cut(noted.start, cut, lost):
                    allowed = (trial.after,) if cut.is_last else (trial.before, trial.after)
                    assert trial.seen(tree) in allowed
            ends += cut.is_last
    assert ends > 1


# --- what a record says of it


@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize("durable", [True, False])
def test_what_is_flushed_is_the_most_that_either_has_promised(promised: bool, durable: bool, tmp_path: Path) -> None:
    seen: list[Change] = []
    address: Address = LocalKind(tmp_path).door(tmp_path, seen.append)
    files = address.files
    files.write("__ngff_fn/stage/bench/a", b"new")
    publish(files, [Move(source="__ngff_fn/stage/bench/a", target="a")], durable=promised)
    seen.clear()
    assert recover(files, durable=durable) == 1
    assert files.read("a") == b"new"
    assert any(isinstance(change, Flush | FlushAll) for change in seen) == (promised or durable)


@pytest.mark.parametrize("promised", [True, False])
def test_a_record_keeps_what_was_promised(promised: bool, tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    publish(files, [], durable=promised)
    (record,) = standing(files)
    assert record.durable == promised


def test_a_record_that_does_not_say_it_was_promised_the_most(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    text = as_bytes(Record(name="r.json", steps=())).replace(b'"durable": true, ', b"")
    assert b"durable" not in text
    files.write(f"{RECORDS}/r.json", text)
    (record,) = standing(files)
    assert record.durable
