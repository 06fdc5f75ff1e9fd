"""Making a pyramid of a level 0 that is stored: ours, iohub and the bare codecs, each in a process of its own.

    python -m benchmarks.pyramids [--mebibytes 256] [--rounds 5] [--folder /dev/shm] [--version 0.5] [--method mean ...]

Needs the extra ``peers`` (Python 3.12 or newer). Level 0 has uint16 chunks of (1, 1, 16, 512, 512), blosc with zstd 1
and bit shuffle; three levels are made below it. Prints the median seconds of each side, its peak memory above what it
had before, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import ngff_fn as nf
from ngff_fn import curried as c

LEVELS = 4
CHUNK = (1, 1, 16, 512, 512)
FACTORS = (1, 1, 2, 2, 2)
COMPRESSOR = {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2}


def make_level(store: Path, version: Any, mebibytes: int) -> None:
    """An image of one level, as iohub writes it: photons on a smooth background."""
    from iohub import open_ome_zarr

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:1024, :1024]
    expected = 800 + 400 * np.sin(x / 40) * np.cos(y / 55)
    depth = mebibytes // 4  # two channels of planes of 2 MiB
    with open_ome_zarr(store, layout="fov", mode="w-", channel_names=["DAPI", "GFP"], version=version) as position:
        array = position.create_zeros("0", shape=(1, 2, depth, 1024, 1024), dtype="uint16", chunks=CHUNK)
        for channel, start in product(range(2), range(0, depth, 16)):
            array[0, channel, start : start + 16] = rng.poisson(expected, (16, 1024, 1024)).astype("uint16")


# --- the sides: what is timed, of one store


def ours(chunks: Any, durability: Any) -> Callable[[Path, str], None]:
    """``with_pyramid`` in one commit."""

    def make(store: Path, method: Any) -> None:
        step = c.with_pyramid(LEVELS, method=method, chunks=chunks)
        nf.update(store, step, durability=durability)

    return make


def iohub(implementation: str | None) -> Callable[[Path, str], None]:
    """``compute_pyramid``, which halves the chunks."""

    def make(store: Path, method: str) -> None:
        from iohub import open_ome_zarr

        with open_ome_zarr(store, mode="r+", implementation=implementation) as position:
            position.compute_pyramid(levels=LEVELS, method=method)

    return make


def bare(store: Path, method: Any) -> None:
    """What has to be done at least: decode each chunk, our kernels, encode, plain files; on two threads."""
    import numcodecs

    from ngff_fn.kernels import downsample

    codec = numcodecs.get_codec(COMPRESSOR)

    def column(path: Path) -> None:
        block = np.frombuffer(codec.decode(path.read_bytes()), "uint16").reshape(CHUNK)
        for level in range(1, LEVELS):
            block = downsample(block, FACTORS, method)
            target = store / "bare" / str(level) / path.relative_to(store / "0")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(codec.encode(block))

    paths = [path for path in (store / "0").rglob("*") if path.is_file() and path.name.isdecimal()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(column, paths))


SIDES: dict[str, Callable[[Path, str], None]] = {
    "ngff_fn": ours("halve", "process"),
    "ngff_fn, durable": ours("halve", "power"),
    "ngff_fn, equal chunks": ours("keep", "process"),
    "iohub": iohub(None),
    "iohub, tensorstore": iohub("tensorstore"),
    "bare codecs": bare,
}


# --- one run, in a process of its own


def memory(field: str) -> float:
    """The megabytes that this process has (``VmRSS``), or had at most (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def run_side(side: str, store: Path, small: Path, method: str) -> None:
    """Once on a small store, so that everything is imported; then once more, which is measured."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    SIDES[side](small, method)
    before, start = memory("VmRSS"), time.perf_counter()
    SIDES[side](store, method)
    print(json.dumps({"seconds": time.perf_counter() - start, "memory": memory("VmHWM") - before}))


def measured(side: str, folder: Path, level: Path, small: Path, method: str) -> dict[str, float]:
    """One run on fresh copies."""
    with tempfile.TemporaryDirectory(dir=folder) as room:
        copies = [Path(room) / "large.zarr", Path(room) / "small.zarr"]
        for source, copy in zip((level, small), copies, strict=True):
            shutil.copytree(source, copy)
        command = [sys.executable, "-m", "benchmarks.pyramids", "--side", side, *map(str, copies), "--method", method]
        found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def compare(folder: Path, version: str, mebibytes: int, method: str, rounds: int) -> None:
    """All sides in turn."""
    level, small = folder / "level.zarr", folder / "small.zarr"
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, found in runs.items():
            found.append(measured(side, folder, level, small, method))
    seconds = {side: statistics.median(run["seconds"] for run in found) for side, found in runs.items()}
    print(f"--- OME-NGFF {version}, {mebibytes} MiB, {method}")
    for side, found in runs.items():
        peak = max(run["memory"] for run in found)
        print(f"    {side:<24}{seconds[side]:9.3f} s {peak:9.1f} MB above start")
    for line in ratios(seconds):
        print(f"    {line}")


def ratios(seconds: dict[str, float]) -> Iterator[str]:
    """What is asked, and what was found."""
    for other, asked in (("iohub", "at least 6"), ("iohub, tensorstore", "at least 2.5")):
        for side in ("ngff_fn", "ngff_fn, durable", "ngff_fn, equal chunks"):
            yield f"{other} / {side} = {seconds[other] / seconds[side]:.2f}   ({asked})"
    yield f"ngff_fn / bare codecs = {seconds['ngff_fn'] / seconds['bare codecs']:.2f}   (at most 1.3)"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))  # noqa: S108 — memory-backed on Linux
    parser.add_argument("--version", choices=["0.4", "0.5"], nargs="+", default=["0.5"])
    parser.add_argument("--method", nargs="+", default=["mean"])
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "STORE", "SMALL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side, store, small = options.side
        run_side(side, Path(store), Path(small), options.method[0])
        return
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for version in options.version:
        with tempfile.TemporaryDirectory(dir=options.folder) as room:
            make_level(Path(room) / "level.zarr", version, options.mebibytes)
            make_level(Path(room) / "small.zarr", version, 64)
            for method in options.method:
                compare(Path(room), version, options.mebibytes, method, options.rounds)


if __name__ == "__main__":
    main()
