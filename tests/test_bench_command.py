"""What ``python -m tests.bench`` says."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.commits import commits
from tests.bench.readers import is_installed

FEW = ["set_scale", "--store", "memory", "--schedules", "0"]


def test_a_commit_that_there_is_not_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["set_scale", "nosuch"])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no commit is called 'nosuch'." in printed.err
    assert all(repr(commit.name) in printed.err for commit in commits())


def test_only_what_is_named_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(FEW) == 0
    rows = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert [row.split()[:3] for row in rows[1:]] == [["set_scale", "0.4", "memory"], ["set_scale", "0.5", "memory"]]


def test_why_a_reader_has_read_nothing_is_said_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(FEW)
    assert ("iohub is not installed" in capsys.readouterr().out) is not is_installed("iohub")


def test_help_says_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "minutes" in capsys.readouterr().out


def test_who_interrupts_it_is_told_what_was_found_so_far() -> None:
    command = [sys.executable, "-X", "utf8", "-m", "tests.bench", "--store", "memory"]
    root = Path(__file__).parent.parent
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, encoding="utf-8") as running:
        assert running.stdout is not None
        first = [running.stdout.readline() for _ in range(3)]
        printed = interrupted(running)
    assert first[1].startswith("create")
    assert "points tried (bad)" in printed
    assert printed.splitlines()[-1].startswith("interrupted")
    assert running.returncode == 130


def interrupted(running: subprocess.Popen[str]) -> str:
    """What is printed from then on; an interrupt that comes while Python frees an object is lost, and comes again."""
    while True:
        running.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return running.communicate(timeout=10)[0]
