"""What a killed writer has left in a directory or beside a store, info names with its cure, as vacuum does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import ngff_fn as nf
from ngff_fn.cli import main
from ngff_fn.effects.commits.interrupted import interrupted
from ngff_fn.effects.record import DRAFT, FOREIGN
from tests.crashes import Scenario, files_below, killed_at, scenarios
from tests.test_zip_crashes import killed_at as killed_in_archive

ACTS = {scenario.name: scenario for scenario in scenarios("0.5")}
Kill = Callable[[Path, Callable[[Any], Any], int], None]


def left_in(folder: Path, store: str, scenario: Scenario, pattern: str, kill: Kill = killed_at) -> tuple[Path, str]:
    """A store whose writer was killed as soon as something of that name was left, and where that is."""
    assert scenario.start is not None
    nf.create(folder / "start" / store, scenario.start(), version="0.5")
    for point in count(1):
        trial = folder / str(point)
        shutil.copytree(folder / "start", trial)
        kill(trial / store, scenario.act, point)
        if left := [*trial.glob(pattern)]:
            return trial / store, str(left[0])
    raise AssertionError


LEFT = {
    "a text that was to be put in its place": ("image.zarr", ACTS["set_scale"], f"image.zarr/{DRAFT}", killed_at),
    "what a directory was to be replaced by": ("image.zarr", ACTS["replace"], ".image.zarr.ngff_fn/*", killed_at),
    "what an archive was to be made of": ("image.ozx", ACTS["set_scale"], ".image.ozx.ngff_fn/*", killed_in_archive),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_vacuum_would_remove_is_named_until_it_is_removed(
    what: str, quick_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, left = left_in(quick_path, *LEFT[what])
    before = files_below(store.parent)
    assert left in nf.vacuum(store, dry_run=True).removed
    assert main(["info", str(store)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if left in line)
    assert "warning" in line
    assert "vacuum" in line
    assert files_below(store.parent) == before
    nf.vacuum(store)
    assert interrupted(store) == ()


def test_what_another_program_wrote_meanwhile_is_named_too(tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    nf.create(store, nf.Image(axes=nf.axes_from("yx")), version="0.5")
    (store / FOREIGN).mkdir(parents=True)
    (store / FOREIGN / "zarr.json").write_text("theirs")
    (found,) = interrupted(store)
    assert found.location == str(store / FOREIGN / "zarr.json")
    assert "Look at it, then remove it." in found.message
