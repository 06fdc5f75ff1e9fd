"""Edits of an image of 2 GiB against one of 256 MiB: seconds and bytes are in proportion to what is new.

    python -m benchmarks.edits [--mebibytes 256 2048] [--folder /dev/shm] [--version 0.4 0.5] [--levels 1 3]

Both images have channels of 64 MiB, one 4 of them and the other 32, in chunks of 512 KiB. Each edit is done once, on a
fresh store, whose chunks are other names of the same files; prints, for each:

* the seconds of open, edit, diff and commit, and those of a bare copy of the files that are new;
* the bytes of files that are new in the store (by inode), and how many there are;
* the bytes that the process has read and written on the way, whatever became of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import ngff_fn as nf
from ngff_fn import curried as c

CHANNEL = (32, 1024, 1024)
CHUNKS = (1, 4, 256, 256)
MEBIBYTE = 2**20


def photons() -> NDArray[Any]:
    """The pixels of every channel: a smooth background."""
    y, x = np.mgrid[: CHANNEL[1], : CHANNEL[2]]
    expected = 800 + 400 * np.sin(x / 40) * np.cos(y / 55)
    return np.random.default_rng(0).poisson(expected, CHANNEL).astype("uint16")


class Repeated:
    """As many channels of the same pixels as one likes, without the memory."""

    def __init__(self, channel: NDArray[Any], count: int) -> None:
        self.channel, self.shape, self.dtype = channel, (count, *channel.shape), channel.dtype

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
        taken = self.channel[index[1:]]
        return np.broadcast_to(taken, (index[0].stop - index[0].start, *taken.shape))


@frozen
class Edit:
    """What is done to a store, and where the result is."""

    name: str
    act: Callable[[Path, Path], Any]
    is_new: bool = False
    """Whether a new store is made, beside the one that is read."""


def edits(channel: NDArray[Any]) -> list[Edit]:
    def updated(*steps: Any) -> Callable[[Path, Path], Any]:
        return lambda store, _target: nf.update(store, *steps)

    def plate(store: Path, target: Path) -> None:
        root: Any = nf.open_ome_zarr(store).root
        nf.create(target, nf.plate_from_positions({"A/1/0": root}), version="0.5")

    return [
        Edit("add_channel, with its data", updated(c.add_channel("new", data=channel))),
        Edit("add_channel, without data", updated(c.add_channel("new"))),
        Edit("remove_channel, the last", updated(lambda image: nf.remove_channel(image, nf.channel_names(image)[-1]))),
        Edit("remove_channel, the first", updated(c.remove_channel("0"))),
        Edit("crop at the end of z", updated(c.crop(z=(0, 16)))),
        Edit("crop at the start of z", updated(c.crop(z=(16, 32)))),
        Edit("crop of y and x", updated(c.crop(y=(512, 1024), x=(512, 1024)))),
        Edit("plate_from_positions, a copy to 0.5", plate, is_new=True),
    ]


def files_in(folder: Path) -> dict[int, Path]:
    """All files, by inode."""
    found = (Path(where, name) for where, _, names in os.walk(folder) for name in names)
    return {path.stat().st_ino: path for path in found}


def passed() -> tuple[int, int]:
    """The bytes that this process has read and written by now, wherever from and to."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


def bare_copy(paths: list[Path], folder: Path) -> float:
    """The seconds that it takes to copy some files."""
    folder.mkdir()
    start = time.perf_counter()
    for number, path in enumerate(paths):
        shutil.copyfile(path, folder / str(number))
    taken = time.perf_counter() - start
    shutil.rmtree(folder)
    return taken


def measure(edit: Edit, base: Path, room: Path) -> str:
    """One edit on a fresh store; a line of the table."""
    store, target = room / "image.zarr", room / "new.zarr"
    shutil.copytree(base, store, copy_function=os.link)
    before, (read, written), start = files_in(store), passed(), time.perf_counter()
    edit.act(store, target)
    seconds, (read_after, written_after) = time.perf_counter() - start, passed()
    found = files_in(target if edit.is_new else store)
    new = [path for inode, path in found.items() if inode not in before]
    size = sum(path.stat().st_size for path in new)
    copied = bare_copy(new, room / "bare")
    for made in (store, target):
        shutil.rmtree(made, ignore_errors=True)
    moved = f"{(read_after - read) / MEBIBYTE:9.2f} {(written_after - written) / MEBIBYTE:9.2f}"
    return f"    {edit.name:<38}{seconds:9.3f}{copied:9.3f}{len(new):8}{size / MEBIBYTE:10.2f} {moved}"


def compare(folder: Path, version: Any, levels: int, sizes: list[int]) -> None:
    """All edits on images of all sizes."""
    channel = photons()
    for mebibytes in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as room:
            count, base = mebibytes * MEBIBYTE // channel.nbytes, Path(room) / "base.zarr"
            flat = nf.image_from(Repeated(channel, count), axes="czyx", chunks=CHUNKS)
            image = nf.with_pyramid(flat, levels) if levels > 1 else flat
            nf.create(base, image, version=version, durability="process")
            measure(Edit("", lambda store, _: nf.update(store, c.add_channel("new", data=channel))), base, Path(room))
            print(f"--- OME-NGFF {version}, {count} channels of 64 MiB, {levels} level{'s'[: levels - 1]}")
            print(f"    {'':<38}  seconds     bare   files  MiB new  MiB read  MiB written")
            for edit in edits(channel):
                print(measure(edit, base, Path(room)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mebibytes", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))  # noqa: S108 — memory-backed on Linux
    parser.add_argument("--version", choices=["0.4", "0.5"], nargs="+", default=["0.4", "0.5"])
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 3])
    options = parser.parse_args()
    for version in options.version:
        for levels in options.levels:
            compare(options.folder, version, levels, options.mebibytes)


if __name__ == "__main__":
    main()
