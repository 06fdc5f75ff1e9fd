"""A commit says how far it is with its pixels: to a function, or by a bar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below

IMAGE = nf.image_from(np.arange(64 * 64, dtype="uint16").reshape(64, 64), axes="yx", chunks=(16, 16))


def test_a_function_is_told_the_bytes_of_all_levels(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    nf.create(
        tmp_path / "s.zarr",
        nf.with_pyramid(IMAGE, 3),
        version="0.5",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (2 * (64 * 64 + 32 * 32 + 16 * 16),) * 2


def test_true_shows_a_bar_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    nf.create(tmp_path / "s.zarr", IMAGE, version="0.5")
    nf.update(tmp_path / "s.zarr", c.with_pyramid(2), progress=True)
    shown = capsys.readouterr()
    assert "2.0/2.0 KiB" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_function_raises_comes_out_and_nothing_was_published(tmp_path: Path, version: Version) -> None:
    def full(done: int, _total: int) -> None:
        raise LookupError(done)

    nf.create(tmp_path / "s.zarr", IMAGE, version=version)
    before = files_below(tmp_path)
    with pytest.raises(LookupError):
        nf.update(tmp_path / "s.zarr", c.with_pyramid(3), progress=full)
    with pytest.raises(LookupError):
        nf.create(tmp_path / "t.zarr", IMAGE, version=version, progress=full)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("progress", [None, False])
def test_otherwise_nothing_is_said(progress: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nf.create(tmp_path / "s.zarr", IMAGE, version="0.5", progress=progress)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("edit", [c.set_scale(y=2), c.with_pyramid(2)])
def test_what_is_no_function_is_refused_before_anything_is_written(edit: Any, tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", IMAGE, version="0.5")
    before = nf.open_ome_zarr(tmp_path / "s.zarr")
    with pytest.raises(nf.WrongTypeError, match="progress: a str is no function"):
        nf.update(tmp_path / "s.zarr", edit, progress="loud")
    assert nf.open_ome_zarr(tmp_path / "s.zarr") == before


def test_without_rich_a_bar_is_refused_with_the_cure(tmp_path: Path) -> None:
    program = f"""
import sys
sys.modules["rich"] = None  # as if it were not installed
import numpy, ngff_fn as nf
nf.create({str(tmp_path / "s.zarr")!r}, nf.image_from(numpy.ones((4, 4)), axes="yx"), version="0.5", progress=True)
"""
    run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, encoding="utf-8")
    assert "progress: a bar needs the package rich. Install ngff_fn[progress]" in run.stderr
    assert not (tmp_path / "s.zarr").exists()
