"""After a crash: what has happened is carried out, what the dead have left goes, and nothing else is touched."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.storage import LocalStore, MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.cli import main
from ngff_fn.effects.commits.transaction import Bench
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.record import DRAFT, RECORDS, STAGE, WORKSHOP
from tests.crashes import Trial, files_below, killed_at, names_in, scenarios, state, trial_of

NOTHING = nf.Recovered()


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """A commit through a record: a channel is added. A hundred writers are killed, each after many flushes."""
    (adding,) = [scenario for scenario in scenarios("0.5") if scenario.name == "add_channel"]
    memory = Path("/dev/shm")  # noqa: S108 — a folder of its own is made in it
    quick = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=quick) as folder:
        yield trial_of(adding, "0.5", Path(folder))


def interrupted(trial: Trial, *, happened: bool) -> Path:
    """A store whose writer was killed, before or after the moment."""
    point = _point(trial, happened=happened)
    store = trial.fresh()
    killed_at(store, trial.scenario.act, point)
    return store


@cache
def _point(trial: Trial, *, happened: bool) -> int:
    for point in range(2, trial.points, 2):
        store = trial.fresh()
        killed_at(store, trial.scenario.act, point)
        if files_below(store / RECORDS if happened else store / STAGE):
            return point
    raise AssertionError("no such point")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    image = nf.image_from(np.zeros((8, 8), "uint8"), axes="yx", chunks=(4, 4))
    nf.create(tmp_path / "image.zarr", image, version="0.5")
    nf.update(tmp_path / "image.zarr", c.set_region(0, ((0, 1), (0, 1)), 5))
    return tmp_path / "image.zarr"


def leave(store: Path, name: str = "left") -> Path:
    """Something staged that nobody holds."""
    bench = store / STAGE / name
    (bench / "chunks0").mkdir(parents=True)
    (bench / "chunks0" / "0").write_bytes(b"pixels")
    return bench


# -- recover -----------------------------------------------------------------------------------------------------------


def test_wherever_a_writer_died_the_store_is_whole_after_it_and_nothing_is_left(trial: Trial) -> None:
    seen = set()
    for point in range(3, trial.points + 1, 9):
        store = trial.fresh()
        killed_at(store, trial.scenario.act, point)
        stood = [path.name for path in (store / RECORDS).glob("*")]
        done = nf.recover(store)
        assert [record.name for record in done.records] == stood
        assert state(store) in ((trial.after,) if stood else (trial.before, trial.after))
        assert not {WORKSHOP, DRAFT} & set(names_in(store))
        assert nf.recover(store) == NOTHING
        seen.add(bool(stood))
    assert seen == {True, False}


def test_it_says_which_commits_were_carried_out_and_what_was_removed(trial: Trial) -> None:
    store = interrupted(trial, happened=True)
    (record,), benches = names_in(store / RECORDS), names_in(store / STAGE)
    done = nf.recover(store)
    assert [each.name for each in done.records] == [record]
    assert done.records[0].steps > 1
    assert {str(store / STAGE / name) for name in benches} <= set(done.removed)
    assert not any(map(os.path.lexists, done.removed))


def test_a_commit_that_has_not_happened_is_removed(trial: Trial) -> None:
    store = interrupted(trial, happened=False)
    done = nf.recover(store)
    assert done.records == ()
    assert done.removed
    assert state(store) == trial.before


def test_any_door_into_the_hierarchy_recovers_all_of_it(trial: Trial) -> None:
    for door in ("0", "", "../image.zarr"):
        store = interrupted(trial, happened=True)
        assert len(nf.recover(store / door).records) == 1
        assert state(store) == trial.after


def test_where_nothing_was_interrupted_there_is_nothing_to_do(store: Path) -> None:
    before = files_below(store)
    assert nf.recover(store) == NOTHING
    assert nf.recover(store, single_writer=True) == NOTHING
    assert nf.vacuum(store) == nf.Vacuumed()
    assert files_below(store) == before


def test_a_store_in_memory_too() -> None:
    store = MemoryStore()
    nf.create(store, nf.image_from(np.zeros((8, 8), "uint8"), axes="yx"), version="0.4")
    assert nf.recover(store) == NOTHING
    assert nf.vacuum(store) == nf.Vacuumed()


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for act in (nf.recover, nf.vacuum):
        for place in (tmp_path, tmp_path / "none"):
            with pytest.raises(nf.StoreNotFoundError, match="there is no Zarr hierarchy here"):
                act(place)


@pytest.mark.parametrize("text", ["", "{}\n", '{"format": 99, "texts": "", "steps": []}\n', "no JSON"])
def test_a_record_that_cannot_be_understood_is_refused_and_nothing_is_touched(store: Path, text: str) -> None:
    (store / RECORDS).mkdir(parents=True)
    (store / RECORDS / "newer.json").write_text(text)
    leave(store)
    before = files_below(store)
    for act in (nf.recover, nf.vacuum):
        with pytest.raises(nf.StoreError, match=r"newer\.json: this record of a commit cannot be understood"):
            act(store)
        assert files_below(store) == before


def test_a_store_that_is_read_only_is_refused(store: Path) -> None:
    leave(store)
    closed = LocalStore(store, read_only=True)
    for act in (nf.recover, nf.vacuum):
        with pytest.raises(nf.StoreError, match="read-only"):
            act(closed)
    assert nf.vacuum(closed, dry_run=True).removed


# -- vacuum ------------------------------------------------------------------------------------------------------------


def test_what_nobody_holds_goes_and_a_dry_run_says_what_that_is(store: Path) -> None:
    bench = leave(store)
    (store / DRAFT).write_text("a draft")
    (store / STAGE / "torn.json").write_text("half a record")
    whole = files_below(store)
    would = nf.vacuum(store, dry_run=True)
    assert files_below(store) == whole
    assert nf.vacuum(store) == would
    places = {store / DRAFT, bench, store / STAGE / "torn.json", store / WORKSHOP}
    assert set(would.removed) == set(map(str, places))
    assert names_in(store) == ["0", "zarr.json"]


@pytest.fixture
def held(store: Path) -> Iterator[str]:
    """A bench of another process, which lives until the test is over."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            bench = Bench(LocalFiles(str(store)), STAGE)
            os.write(writes, bench.path.encode())
            time.sleep(100)
        finally:
            os._exit(3)
    yield os.read(reads, 100).decode()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_what_a_living_process_holds_is_never_touched(store: Path, held: str) -> None:
    leave(store)
    done = nf.vacuum(store)
    assert done.kept == {str(store / held): "a living process holds it"}
    assert done.removed == (str(store / STAGE / "left"),)
    assert nf.recover(store) == NOTHING
    assert (store / held / "owner").exists()


def test_the_only_writer_is_held_up_by_nobody(store: Path, held: str) -> None:
    assert str(store / held) in nf.vacuum(store, single_writer=True).removed
    assert names_in(store) == ["0", "zarr.json"]


def test_what_was_changed_within_the_time_is_kept(store: Path) -> None:
    bench, old = leave(store), leave(store, "old")
    for folder, _, names in os.walk(old, topdown=False):
        for name in (*names, "."):
            os.utime(Path(folder) / name, (0, 0))
    for age in (timedelta(hours=1), 3600):
        would = nf.vacuum(store, older_than=age, dry_run=True)
        assert would.removed == (str(old),)
        assert list(would.kept) == [str(bench)]
    os.utime(old / "chunks0" / "0")
    assert nf.vacuum(store, older_than=3600).removed == ()
    assert str(bench) in nf.vacuum(store, older_than=0).removed


def test_what_is_kept_for_its_age_is_said_to_be_so_old(store: Path) -> None:
    bench = leave(store)
    for folder, _, names in os.walk(bench, topdown=False):
        for name in (*names, "."):
            os.utime(Path(folder) / name, (time.time() - 120.4, time.time() - 120.4))
    (why,) = nf.vacuum(store, older_than=timedelta(hours=1)).kept.values()
    assert why == "it was changed 120 s ago, and is kept until it is 3600 s old"


def test_in_memory_nobody_knows_the_age() -> None:
    store = MemoryStore()
    nf.create(store, nf.image_from(np.zeros((8, 8), "uint8"), axes="yx"), version="0.4")
    buffer = next(iter(store._store_dict.values()))
    store._store_dict[f"{STAGE}/left/owner"] = buffer
    assert nf.vacuum(store, older_than=0).removed == ()
    assert len(nf.vacuum(store).removed) == 1
    assert not any(key.startswith(WORKSHOP) for key in store._store_dict)


@pytest.mark.parametrize("age", [-1, float("nan"), float("inf"), timedelta(-1), "1h", True])
def test_an_age_that_is_none_is_refused(store: Path, age: Any) -> None:
    with pytest.raises((nf.InvalidValueError, nf.WrongTypeError), match="older_than: "):
        nf.vacuum(store, older_than=age)


def test_what_a_standing_record_needs_is_kept_until_it_is_carried_out(trial: Trial) -> None:
    store = interrupted(trial, happened=True)
    before = files_below(store)
    done = nf.vacuum(store)
    assert any("recover()" in str(reason) for reason in done.kept.values())
    assert state(store) == trial.after  # as readers see it
    assert nf.recover(store).records
    assert state(store) == trial.after
    assert files_below(store) != before


def test_what_is_not_ours_stays(store: Path) -> None:
    (store / WORKSHOP).mkdir()
    (store / WORKSHOP / "notes.txt").write_text("mine")
    (store / "__other").mkdir()
    (store / "0" / "c" / "0.partial").write_bytes(b"theirs")
    before = files_below(store)
    leave(store)
    assert nf.vacuum(store).removed == (str(store / STAGE / "left"),)
    assert nf.recover(store) == NOTHING
    assert {name: data for name, data in files_below(store).items() if name in before} == before


def test_an_empty_workshop_goes(store: Path) -> None:
    for act in (nf.recover, nf.vacuum):
        (store / STAGE).mkdir(parents=True)
        (store / RECORDS).mkdir()
        assert act(store).removed == (str(store / WORKSHOP),)
        assert names_in(store) == ["0", "zarr.json"]


@pytest.mark.parametrize("act", [nf.recover, nf.vacuum])
def test_what_a_new_store_has_left_beside_its_place_goes(act: Any, tmp_path: Path) -> None:
    beside = tmp_path / ".new.zarr.ngff_fn"
    (beside / "bench" / "root").mkdir(parents=True)
    assert set(act(tmp_path / "new.zarr").removed) == {str(beside), str(beside / "bench")}
    assert names_in(tmp_path) == []


def test_a_link_that_leaves_the_store_is_not_followed(store: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    (store / WORKSHOP).mkdir()
    (store / STAGE).symlink_to(tmp_path / "precious")
    for act in (nf.recover, nf.vacuum):
        with pytest.raises(nf.StoreError, match="leaves the store"):
            act(store)
    assert names_in(tmp_path / "precious") == ["file"]


# -- on the command line -----------------------------------------------------------------------------------------------


def test_the_command_recover_says_what_was_done(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    store = interrupted(trial, happened=True)
    assert main(["recover", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("carried out the commit ")
    assert lines[0].endswith(" steps)")
    assert f"removed {store / WORKSHOP}" in lines
    assert main(["recover", str(store)]) == 0
    assert capsys.readouterr().out.startswith("nothing to do: ")


def test_the_command_vacuum_says_what_was_done(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = leave(store)
    assert main(["vacuum", str(store), "--older-than", "1h"]) == 0
    assert capsys.readouterr().out.startswith(f"kept {bench}: it was changed ")
    assert main(["vacuum", str(store), "--dry-run"]) == 0
    assert f"would remove {bench}\n" in capsys.readouterr().out
    assert bench.exists()
    assert main(["vacuum", str(store)]) == 0
    assert f"removed {bench}\n" in capsys.readouterr().out
    assert main(["vacuum", str(store)]) == 0
    assert capsys.readouterr().out == "nothing to do: nothing is left over\n"


@pytest.mark.parametrize("time", ["1", "h", "-1h", "infd", "1y", ""])
def test_a_time_that_is_none_is_no_command(time: str, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["vacuum", str(store), f"--older-than={time}"])
    assert "Give" in capsys.readouterr().err
    assert main(["vacuum", str(store), "--older-than", "0.5m"]) == 0


def test_info_tells_of_what_was_interrupted_until_it_is_carried_out(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    for happened, said in ((True, "has happened and is not carried out"), (False, "something is staged")):
        store = interrupted(trial, happened=happened)
        before = state(store)
        assert main(["info", str(store)]) == 0
        assert said in capsys.readouterr().out
        assert state(store) == before
        assert main(["recover", str(store)]) == main(["info", str(store)]) == 0
        assert "warning" not in capsys.readouterr().out
