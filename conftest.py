"""For the examples in docstrings and in the README: each file's run in a directory of their own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _examples_run_in_a_directory_of_their_own(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        directory: Path = request.getfixturevalue("tmp_path")
        monkeypatch.chdir(directory)
