"""Where a writer of an archive is killed, or its disk fails, the old archive is there or the new one.

All points at which a writer can die are tried by the bench (``tests/bench``); here processes are really killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.stores import Address
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import Counter, Scenario, Stopping, names_in, scenarios, state
from tests.plate_crashes import small_plate
from tests.real_plates import images_in, pixels_in

NAME = "image.ozx"
ALL = bool(os.environ.get("NGFF_FN_ALL_POINTS"))
"""Whether every point of every kind of commit is tried; else those around the moment, and a few others."""

FEW = {"create", "add_channel", "crop"}
KINDS = [
    (version, scenario.name)
    for version in VERSIONS
    for scenario in scenarios(version)
    if ALL or version == "0.5" or scenario.name in FEW
]


def door(archive: Path, stop: Callable[[str], None]) -> Address:
    """An archive whose writer asks ``stop`` before and after every change of the file system."""
    local = type("Stopping", (Stopping,), {"stop": staticmethod(stop)})
    kind = type("StoppingZip", (ZipFiles,), {"local": local})
    return Address(files=kind(str(archive)), path="")


def killed_at(archive: Path, act: Callable[[Any], Any], point: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            act(door(archive, Counter(point, lambda: os.kill(os.getpid(), signal.SIGKILL))))
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"point {point} was not reached"


class Trial:
    """A scenario that was run once without a crash."""

    def __init__(self, version: Version, name: str, folder: Path) -> None:
        (scenario,) = (scenario for scenario in scenarios(version) if scenario.name == name)
        self.scenario: Scenario = scenario
        self.folder = folder
        (folder / "start").mkdir()
        if scenario.start is not None:
            nf.create(folder / "start" / NAME, scenario.start(), version=version)
        self.before = state(folder / "start" / NAME)
        archive = self.fresh()
        files: list[int | None] = []
        scenario.act(door(archive, lambda _: files.append(archive.stat().st_ino if archive.exists() else None)))
        self.after = state(archive)
        assert self.before != self.after
        self.count = len(files)
        self.moment = next(point for point, file in enumerate(files, 1) if file != files[0])

    @property
    def points(self) -> list[int]:
        """Those at which a crash is tried."""
        every = range(1, self.count + 1)
        return [*every] if ALL else sorted({*every[:: -(-self.count // 4)], *every[self.moment - 5 : self.moment + 3]})

    def fresh(self) -> Path:
        """The archive as it was before, in a folder of its own."""
        target = self.folder / "trial"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder / "start", target)
        return target / NAME

    def check(self, archive: Path, point: int) -> bool:
        """Everybody reads the old archive or the new one; the next commit leaves nothing behind. Whether it is new."""
        now = state(archive)
        assert now in (self.before, self.after), f"point {point} of {self.count}"
        if now is None:
            nf.create(archive, nf.image_from(np.ones((1, 1), "uint8"), axes="yx"), version="0.5")
        else:
            with zipfile.ZipFile(archive) as opened:
                assert opened.testzip() is None
            array = zarr.open_array(ZipStore(archive, mode="r"), path="0", mode="r")
            assert np.asarray(array[:]).tobytes() == now[2][0]
            nf.update(archive, c.set_extra("after", "the crash"))
        assert names_in(archive.parent) == [NAME], f"point {point} of {self.count}"
        return now == self.after


@pytest.mark.parametrize(("version", "name"), KINDS if ALL else [("0.4", "create"), ("0.5", "add_channel")])
def test_a_killed_writer_leaves_the_old_archive_or_the_new_one(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = Trial(version, name, quick_path)
    seen = set()
    for point in trial.points:
        archive = trial.fresh()
        killed_at(archive, trial.scenario.act, point)
        seen.add(trial.check(archive, point))
    assert seen == {False, True}
    record_property("points at which a writer of an archive was killed", len(trial.points))


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_disk_that_fails_leaves_the_old_archive_or_the_new_one_and_says_so(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = Trial(version, name, quick_path)

    def fail() -> None:
        raise OSError(28, "No space left on device")

    for point in trial.points:
        archive = trial.fresh()
        acknowledged = False
        try:
            trial.scenario.act(door(archive, Counter(point, fail)))
            acknowledged = True
        except nf.NgffError as error:
            assert "No space left" in str(error)
        now = state(archive)
        assert now == trial.after if acknowledged else now in (trial.before, trial.after)
        trial.check(archive, point)
    record_property("points at which the disk of an archive failed", len(trial.points))


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def test_a_writer_that_comes_in_between_loses_nothing_and_nothing_is_lost_to_it(quick_path: Path) -> None:
    """At every change before the lock another one renames a channel elsewhere, while a well is renamed here."""
    archive = quick_path / NAME

    def renamed(point: int) -> bool:
        """Whether the other one came before the lock."""
        archive.unlink(missing_ok=True)
        nf.create(archive, small_plate(), version="0.5")
        before: list[bool] = []

        def overtake() -> None:
            before.append(is_free(archive) and is_free(archive.parent))
            if before[0]:
                nf.update(archive / "B/3/0", c.rename_channel("GFP", "EGFP"))

        nf.update(door(archive, Counter(point, overtake)), c.rename_well("A/1", "C/7"))
        plate = nf.open_ome_zarr(archive).root
        assert isinstance(plate, nf.Plate)
        images = images_in(plate)
        assert set(images) == {"A/2/0", "B/3/0", "B/3/1", "C/7/0"}
        assert nf.channel_names(images["B/3/0"])[1] == ("EGFP" if before == [True] else "GFP")
        assert nf.to_numpy(archive, "C/7/0/0").tobytes() == pixels_in(small_plate())["A/1/0/0"].tobytes()
        return before == [True]

    came = [renamed(point) for point in range(1, 40)]
    assert len(set(came)) == 2
