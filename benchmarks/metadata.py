"""Reading and changing the metadata of one image: ours, iohub and the bare file system, in one run.

    python -m benchmarks.metadata [--rounds 200] [--memory /dev/shm] [--disk .]

Needs the extra ``peers`` (Python 3.12 or newer). Prints the median of each side in turn and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

TURN = 10
VERSIONS: tuple[Literal["0.4", "0.5"], ...] = ("0.4", "0.5")


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(sides: dict[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each side; they take turns of ten rounds, so that a slow moment of the machine is shared.

    Of ten, not one: a loop over many images finds the processor's caches as it left them itself.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for name, action in sides.items():
        action(-1)
        del name
    gc.collect()
    gc.disable()
    for first in range(0, rounds, TURN):
        for name, action in sides.items():
            times[name] += [_timed(partial(action, number)) for number in range(first, first + TURN)]
    gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, medians: dict[str, float], wanted: str) -> None:
    """One line for each side, and the ratio of the second to the first."""
    (ours, seconds), (theirs, other) = medians.items()
    print(f"{title}")
    print(f"    {ours:<28}{seconds * 1e3:9.3f} ms")
    print(f"    {theirs:<28}{other * 1e3:9.3f} ms")
    print(f"    {theirs} / {ours} = {other / seconds:.2f}   ({wanted})")


def make_image(folder: Path, version: Literal["0.4", "0.5"]) -> Path:
    """A two-channel image of one level, as iohub writes it."""
    from iohub import open_ome_zarr

    store = folder / "image.zarr"
    with open_ome_zarr(store, layout="fov", mode="w-", channel_names=["DAPI", "GFP"], version=version) as position:
        position.create_image("0", np.zeros((1, 2, 4, 64, 64), dtype="uint16"))
    return store


def opening(store: Path, rounds: int) -> None:
    """Open one image, and read its channel names and scale."""
    import iohub

    import ngff_fn as nf

    def ours(_: int) -> object:
        root = nf.open_ome_zarr(store).root
        return nf.channel_names(root), nf.scale(root)

    def theirs(_: int) -> object:
        with iohub.open_ome_zarr(store, mode="r") as position:
            return position.channel_names, position.scale

    report("open, channel names, scale", in_turn({"ngff_fn": ours, "iohub": theirs}, rounds), "at least 10")


def renaming(store: Path, other: Path, rounds: int, *, many: int, title: str, wanted: str) -> None:
    """Open, rename a channel, commit; so many names take turns."""
    import iohub

    import ngff_fn as nf

    def ours(number: int) -> object:
        base = nf.open_ome_zarr(store, mode="r+")
        wanted = nf.rename_channel(base.root, nf.channel_names(base.root)[1], f"GFP {number % many}")
        return nf.commit(store, nf.diff(base, wanted), durability="process")

    def theirs(number: int) -> object:
        with iohub.open_ome_zarr(other, mode="r+") as position:
            return position.rename_channel(position.channel_names[1], f"GFP {number % many}")

    report(title, in_turn({"ngff_fn": ours, "iohub": theirs}, rounds), wanted)


def scaling(store: Path, other: Path, rounds: int) -> None:
    """Open, set a scale, commit."""
    import iohub

    import ngff_fn as nf

    def ours(number: int) -> object:
        base = nf.open_ome_zarr(store, mode="r+")
        return nf.commit(store, nf.diff(base, nf.set_scale(base.root, z=2.0 + number)), durability="process")

    def theirs(number: int) -> object:
        with iohub.open_ome_zarr(other, mode="r+") as position:
            return position.set_scale("0", "z", 2.0 + number)

    report("open, set a scale, commit", in_turn({"ngff_fn": ours, "iohub": theirs}, rounds), "at least 10")


def durable(store: Path, rounds: int) -> None:
    """A durable commit, once there is a plan, against one file that is written, flushed and renamed."""
    import ngff_fn as nf

    (document,) = [store / name for name in (".zattrs", "zarr.json") if (store / name).exists()]
    text = document.read_bytes()
    draft, final = store.parent / "draft", store.parent / "final"
    bare: list[float] = []
    ours: list[float] = []

    def write_flush_rename() -> None:
        with draft.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(final)

    for number in range(rounds):
        bare.append(_timed(write_flush_rename))
        base = nf.open_ome_zarr(store, mode="r+")
        plan = nf.diff(base, nf.set_scale(base.root, z=2.0 + number))
        ours.append(_timed(partial(nf.commit, store, plan)))
    medians = {"write, flush, rename": statistics.median(bare), "ngff_fn, durable": statistics.median(ours)}
    report("a durable commit of one document, on a disk", medians, "at most 2.5")


def _cpu_of(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def importing(rounds: int = 15) -> None:
    """The CPU time of a process that imports, less that of one that does nothing."""
    codes = {"import zarr": "import zarr", "import ngff_fn": "import ngff_fn", "nothing": "pass"}
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(rounds):
        for name, code in codes.items():
            times[name].append(_cpu_of(code))
    nothing = statistics.median(times.pop("nothing"))
    report("importing (CPU time)", {name: statistics.median(t) - nothing for name, t in times.items()}, "at most 0.5")


def main() -> None:
    """Run everything."""
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)  # iohub reports each change
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--memory", default="/dev/shm", help="a folder on a memory-backed file system")  # noqa: S108
    parser.add_argument("--disk", default=".", help="a folder on a disk")
    arguments = parser.parse_args()
    for version in VERSIONS:
        print(f"--- OME-NGFF {version}")
        compare(version, arguments)
    importing()


def compare(version: Literal["0.4", "0.5"], arguments: argparse.Namespace) -> None:
    """Everything that is measured on an image of one version."""
    with (
        tempfile.TemporaryDirectory(dir=arguments.memory) as memory,
        tempfile.TemporaryDirectory(dir=arguments.disk) as disk,
    ):
        store = make_image(Path(memory), version)
        other = Path(memory) / "other.zarr"
        shutil.copytree(store, other)
        opening(store, arguments.rounds)
        title = "open, rename a channel, commit"
        renaming(store, other, arguments.rounds, many=2, title=title, wanted="at least 5")
        title += ": each time a name, and so a document, that this process has not seen"
        renaming(store, other, arguments.rounds, many=arguments.rounds + 1, title=title, wanted="for comparison")
        scaling(store, other, arguments.rounds)
        on_disk = Path(disk) / "image.zarr"
        shutil.copytree(store, on_disk)
        durable(on_disk, arguments.rounds)


if __name__ == "__main__":
    main()
