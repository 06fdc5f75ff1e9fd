from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.arrays_in_stores import Home, counted, spec

REPOSITORY = Path(__file__).resolve().parent.parent

# Properties are bounded by a count of examples, never by time: a busy machine is no failure. CI runs the same examples
# each time and keeps none; a developer's runs look for new ones. `--hypothesis-profile=thorough` looks for longer.
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile("thorough", parent=settings.get_profile("dev"), max_examples=2000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked ``peers("iohub", …)`` is skipped where one is missing, and fails there if they are required."""
    wanted = {module for mark in item.iter_markers("peers") for module in mark.args}
    missing = sorted(module for module in wanted if importlib.util.find_spec(module) is None)
    if missing and os.environ.get("NGFF_FN_REQUIRE_PEERS"):
        pytest.fail(f"not installed: {', '.join(missing)}", pytrace=False)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (the extra 'peers', from Python 3.12 on)")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The sum of what tests have counted: how many points, how many updates."""
    counted: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        counted.update({name: number for name, number in report.user_properties if isinstance(number, int)})
    for name, number in counted.items():
        terminalreporter.write_line(f"{name}: {number}")


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The specifications and real stores that lie beside the checkout, in ``../shared/conformance``."""
    directory = REPOSITORY.parent / "shared" / "conformance"
    if not directory.is_dir():
        pytest.skip("the specifications and real stores are not there: ../shared/conformance, beside the checkout")
    return directory


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder for thousands of flushed files: on a memory-backed file system where there is one."""
    memory = Path("/dev/shm")  # noqa: S108 — a folder of its own is made in it
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(params=[("0.4", None), ("0.5", None), ("0.5", (4, 4))], ids=["0.4", "0.5", "shards"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """``home.zarr`` with one array, "0", of 7 x 9 numbers in chunks of 2 x 2."""
    version, shards = request.param
    made = Home(tmp_path / "home.zarr", version)
    made.create("0", spec((7, 9), (2, 2), shards=shards), counted((7, 9)))
    return made


@pytest.fixture
def store_copy(conformance: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A function: path below ``conformance/stores`` -> a copy of it that may be written."""

    def copy(path: str) -> Path:
        target = tmp_path / "stores" / path
        shutil.copytree(conformance / "stores" / path, target, symlinks=True, copy_function=shutil.copyfile)
        for directory, _, _ in os.walk(target):
            Path(directory).chmod(0o755)  # the originals may be read-only, and copytree copies that
        return target

    return copy
