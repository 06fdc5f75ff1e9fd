from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ngff_fn as nf
from ngff_fn.cli import main

BEFORE = "cells.zarr (OME-NGFF 0.5): axes czyx, channels 405 nm, 488 nm, voxel 1 × 1 × 1 micrometer (zyx)"
AFTER = "cells.zarr (OME-NGFF 0.5): axes czyx, channels DAPI, GFP, cytoplasm, voxel 0.5 × 0.2 × 0.2 micrometer (zyx)"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory of one run of the demo, and what it printed."""
    directory = tmp_path_factory.mktemp("demo") / "made" / "by the demo"
    program = "from ngff_fn.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-X", "utf8", "-c", program, "demo", str(directory)]
    run = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert (run.returncode, run.stderr) == (0, "")
    return directory, run.stdout


def test_the_demo_prints_the_tree_the_plan_the_tree_and_the_place(demo: tuple[Path, str]) -> None:
    directory, printed = demo
    lines = printed.splitlines()
    plan = next(number for number, line in enumerate(lines) if line.startswith("change cells.zarr (0.5): "))
    assert lines.index(BEFORE) < plan < lines.index(AFTER)
    assert str((directory / "cells.zarr").resolve()) in lines[lines.index(AFTER) :]


def test_what_the_demo_made_is_what_it_says(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    image = nf.open_ome_zarr(directory / "cells.zarr").root
    assert nf.channel_names(image) == ("DAPI", "GFP", "cytoplasm")
    assert nf.scale(image) == {"c": 1.0, "z": 0.5, "y": 0.2, "x": 0.2}
    assert [level.array.shape for level in image.levels] == [(3, 16, 192, 192), (3, 8, 96, 96), (3, 4, 48, 48)]
    assert [path.name for path in directory.iterdir()] == ["cells.zarr"]


def test_a_cell_of_the_demo_has_a_nucleus_a_body_and_cytoplasm_around_the_nucleus(
    demo: tuple[Path, str],
) -> None:
    nuclei, bodies, cytoplasm = nf.to_numpy(demo[0] / "cells.zarr", "0")
    inside = nuclei > 400
    assert 0.001 < inside.mean() < 0.2
    assert bodies[inside].mean() > 2 * bodies[~inside].mean()
    assert cytoplasm[inside].mean() < bodies[inside].mean() / 4


def test_a_demo_that_would_overwrite_is_refused_with_the_cure(
    demo: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(demo[0].rglob("*"))
    assert main(["demo", str(demo[0])]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ngff-fn demo: ")
    assert printed.err.endswith("something is there already. Take another DIR, or say --overwrite.\n")
    assert sorted(demo[0].rglob("*")) == before


def test_a_demo_may_replace_what_an_earlier_one_made(tmp_path: Path) -> None:
    nf.create(tmp_path / "cells.zarr", nf.image_from(np.zeros((4, 5), "uint8"), axes="yx"), version="0.4")
    assert main(["demo", str(tmp_path), "--overwrite"]) == 0
    assert nf.open_ome_zarr(tmp_path / "cells.zarr").version == "0.5"


def test_a_directory_that_cannot_be_made_is_refused_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert main(["demo", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith(f"ngff-fn demo: {tmp_path}")


def test_a_terminal_that_has_no_letters_for_it_is_no_reason_to_fail(tmp_path: Path) -> None:
    program = f"from ngff_fn.cli import main; raise SystemExit(main(['demo', {str(tmp_path)!r}]))"
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"?" in run.stdout


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo"]])
def test_a_call_that_is_no_command_says_how_to_call_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.startswith("usage: ngff-fn")


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "demo" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_directory_that_may_not_be_entered_is_refused_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o000)
    try:
        assert main(["demo", str(tmp_path / "out")]) == 1
    finally:
        tmp_path.chmod(0o700)
    assert capsys.readouterr().err.startswith("ngff-fn demo: ")
