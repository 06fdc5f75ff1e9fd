"""Sides of a benchmark against each other: each run in a process of its own, on a store of its own, in turns."""

from __future__ import annotations

import json
import logging
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

Prepare = Callable[[Path], Callable[[], None]]
"""Takes where the store is or shall be, and gives what is timed."""


@frozen
class Found:
    """What one side took: the median of its seconds, and the most megabytes above what it had before."""

    seconds: float
    megabytes: float


def _memory(field: str) -> float:
    """The megabytes that this process has (``VmRSS``), or had at most (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def run_side(prepare: Prepare, warm: Prepare, large: Path, small: Path) -> None:
    """Once on a small store, so that everything is imported; then once more, which is measured."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    warm(small)()
    run = prepare(large)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # from here on VmHWM counts
    before, start = _memory("VmRSS"), time.perf_counter()
    run()
    print(json.dumps({"seconds": time.perf_counter() - start, "megabytes": _memory("VmHWM") - before}))


def compare(
    module: str,
    folder: Path,
    sides: Iterable[str],
    options: Sequence[str],
    *,
    rounds: int,
    stores: tuple[Path, ...] = (),
) -> dict[str, Found]:
    """All sides in turn: ``python -m MODULE --side SIDE LARGE SMALL OPTIONS``, on copies of two stores, if any.

    Each round in another order: what one side leaves behind, such as memory in small pieces, is not always the same
    side's loss.
    """
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side, found in random.Random(turn).sample(list(runs.items()), len(runs)):
            with tempfile.TemporaryDirectory(dir=folder) as room:
                places = [Path(room) / "large.zarr", Path(room) / "small.zarr"]
                for source, copy in zip(stores, places, strict=False):
                    shutil.copytree(source, copy)
                command = [sys.executable, "-m", module, "--side", side, *map(str, places), *options]
                done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{side}: {done.stderr}")
            found.append(json.loads(done.stdout.splitlines()[-1]))
    return {
        side: Found(statistics.median(run["seconds"] for run in found), max(run["megabytes"] for run in found))
        for side, found in runs.items()
    }


def show(title: str, found: Mapping[str, Found], asked: Mapping[tuple[str, str], str]) -> None:
    """Seconds and memory of each side, and ratios with what is asked of them."""
    print(f"--- {title}")
    for side, result in found.items():
        print(f"    {side:<28}{result.seconds:9.3f} s {result.megabytes:9.1f} MB above start")
    for (other, side), words in asked.items():
        if other in found and side in found:
            print(f"    {other} / {side} = {found[other].seconds / found[side].seconds:.2f}   ({words})")
