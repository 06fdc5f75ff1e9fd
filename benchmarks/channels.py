"""Adding a channel without pixels to an image of very many chunks, against one of ten: what it costs is what changes.

    python -m benchmarks.channels [--chunks 100000] [--rounds 20] [--folder /dev/shm]

Prints the median of open, edit, diff and commit, of each image in turn, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import ngff_fn as nf
from ngff_fn import curried as c

FEW = 10
VERSIONS: tuple[Literal["0.4", "0.5"], ...] = ("0.4", "0.5")


def make_image(store: Path, version: Literal["0.4", "0.5"], chunks: int) -> Path:
    """One channel of so many pixels, each of them a chunk of one channel; the files are names of a few."""
    empty = nf.Image(axes=nf.axes_from("cyx"), channels=(nf.Channel(label="first"),))
    image = nf.add_level_zeros(empty, "0", (1, chunks // FEW, FEW), "uint8", chunks=(1, 1, 1), codecs=())
    nf.create(store, image, version=version)
    channel = store / "0" / "0" if version == "0.4" else store / "0" / "c" / "0"
    for row in range(chunks // FEW):
        (channel / str(row)).mkdir(parents=True)
        first = channel / str(row) / "0"
        first.write_bytes(b"\x05")
        for column in range(1, FEW):
            (channel / str(row) / str(column)).hardlink_to(first)
    return store


def seconds(store: Path, edit: Callable[[nf.Image], nf.Image]) -> float:
    """Open, edit, diff, commit."""
    start = time.perf_counter()
    base = nf.open_ome_zarr(store, mode="r+")
    nf.commit(store, nf.diff(base, edit(base.root)))
    return time.perf_counter() - start


def compare(folder: Path, version: Literal["0.4", "0.5"], chunks: int, rounds: int) -> None:
    """Both images in turn, one more channel each time."""
    stores = {number: make_image(folder / f"{number} {version}.zarr", version, number) for number in (FEW, chunks)}
    times: dict[int, list[float]] = {number: [] for number in stores}
    for turn in range(-1, rounds):
        for number, store in stores.items():
            taken = seconds(store, c.add_channel(f"channel {turn}"))
            times[number] += [taken] if turn >= 0 else []
    medians = {number: statistics.median(taken) for number, taken in times.items()}
    print(f"OME-NGFF {version}: open, add a channel without pixels, diff, commit")
    for number, median in medians.items():
        print(f"    {number:>9} chunks {median * 1e3:9.3f} ms")
    print(f"    ratio {medians[chunks] / medians[FEW]:.2f}   (at most 3)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=None, help="where the images are made; the temporary directory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for version in VERSIONS:
            compare(Path(folder), version, arguments.chunks, arguments.rounds)


if __name__ == "__main__":
    main()
