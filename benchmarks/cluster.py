"""A pyramid of 2 GiB on a Dask cluster of two worker processes: a worker is killed, then the program that commits.

    python -m benchmarks.cluster [--mebibytes 2048] [--folder FOLDER] [--version 0.5]

Needs the extra ``cluster``, and /proc. Level 0 has uint16 chunks of (1, 16, 512, 512) and is written chunk by chunk;
three levels are made below it. All pixels are compared with a plain reference, one chunk of level 0 after the other.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

import ngff_fn as nf
from ngff_fn import curried as c

CHUNK = (1, 16, 512, 512)
PLANE = (1024, 1024)
LEVELS = 4
MEBIBYTE = 2**20


class Photons:
    """Two channels of planes, made when they are asked for: the same each time."""

    def __init__(self, mebibytes: int) -> None:
        self.shape = (2, mebibytes * MEBIBYTE // (2 * 2 * PLANE[0] * PLANE[1]), *PLANE)
        self.dtype = np.dtype("uint16")

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
        shape = tuple(part.stop - part.start for part in index)
        seed = [part.start for part in index]
        return np.random.default_rng(seed).poisson(800, shape).astype(self.dtype)

    def chunks(self) -> Iterator[tuple[slice, ...]]:
        """Where each chunk is."""
        starts = (range(0, size, step) for size, step in zip(self.shape, CHUNK, strict=True))
        for place in product(*starts):
            yield tuple(slice(start, start + step) for start, step in zip(place, CHUNK, strict=True))


def halved(block: NDArray[Any]) -> NDArray[Any]:
    """The mean of 2 x 2 x 2 pixels, rounded half to even, in the most obvious way."""
    channels, z, y, x = block.shape
    windows = block.reshape(channels, z // 2, 2, y // 2, 2, x // 2, 2).astype("float64")
    made: NDArray[Any] = np.rint(windows.mean(axis=(2, 4, 6))).astype(block.dtype)
    return made


def verify(store: Path, photons: Photons) -> int:
    """Compare all pixels of all levels with the reference; how many there are."""
    levels = [zarr.open_array(store / str(number), mode="r") for number in range(LEVELS)]
    compared = 0
    for place in photons.chunks():
        block = photons[place]
        for number, level in enumerate(levels):
            block = halved(block) if number else block
            shrink = (1, *(2**number,) * 3)
            inside = tuple(slice(at.start // n, at.stop // n) for at, n in zip(place, shrink, strict=True))
            np.testing.assert_array_equal(np.asarray(level[inside]), block)
            compared += block.size
    return compared


def digests(store: Path) -> dict[str, str]:
    """Every file but what is staged where no reader looks."""
    files = (path for path in store.rglob("*") if path.is_file() and "__ngff_fn" not in path.parts)
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def memory(field: str) -> float:
    """The megabytes that this process has (``VmRSS``), or had at most (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def staged(store: Path) -> int:
    """The bytes that lie in the stage."""
    return sum(path.stat().st_size for path in (store / "__ngff_fn").rglob("*") if path.is_file())


def cluster(folder: Path) -> Any:
    """Two workers, each a process of one thread."""
    from distributed import LocalCluster

    return LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", local_directory=folder)


def kill_a_worker(store: Path, folder: Path) -> None:
    """Make the pyramid; one of the workers is killed when a third of it is done."""
    from distributed import Client

    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if not killed and 3 * done > total:
            address, tasks = next((address, tasks) for address, tasks in client.processing().items() if tasks)
            killed.append(pids[address])
            os.kill(pids[address], signal.SIGKILL)
            print(f"    killed worker {pids[address]} after {done / total:.0%}, {len(tasks)} tasks were with it")

    with cluster(folder) as workers, Client(workers) as client:
        pids = client.run(os.getpid)
        print(f"    workers {sorted(pids.values())}")
        before, start = memory("VmRSS"), time.perf_counter()
        nf.update(store, c.with_pyramid(LEVELS), executor=client.get_executor(), progress=kill)
        print(f"    the commit ended well after {time.perf_counter() - start:.1f} s")
        print(f"    memory of the committing process: at most {memory('VmHWM') - before:.0f} MB above start")
        client.wait_for_workers(2)
        peaks = client.run(lambda: (os.getpid(), round(memory("VmHWM"))))
        print(f"    workers now, and their peak in MB: {sorted(peaks.values())}")


def commit_slowly(store: Path, folder: Path) -> None:
    """In a process of its own: make the pyramid, and tell how far it is."""
    from distributed import Client

    with cluster(folder) as workers, Client(workers) as client:
        executor = client.get_executor()
        nf.update(store, c.with_pyramid(LEVELS), executor=executor, progress=lambda *now: print(*now, flush=True))


def kill_the_committer(store: Path, folder: Path) -> None:
    """Start the pyramid in another process, which is killed when a third of it is done; then make it here."""
    before = digests(store)
    print(f"    the store has {len(before)} files")
    command = [sys.executable, "-m", "benchmarks.cluster", "--commit", str(store), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout or ():
            done, total = map(int, line.split())
            if 3 * done > total:
                program.kill()
                break
    print(f"    killed the program after {done / total:.0%}; {staged(store) / MEBIBYTE:.0f} MiB are staged")
    assert program.returncode == -signal.SIGKILL
    assert digests(store) == before
    assert len(nf.open_ome_zarr(store).root.levels) == 1
    print("    all other files are as before, byte for byte; the image has one level")
    start = time.perf_counter()
    nf.update(store, c.with_pyramid(LEVELS))
    print(f"    the next commit ended well after {time.perf_counter() - start:.1f} s; {staged(store)} bytes are staged")


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mebibytes", type=int, default=2048)
    parser.add_argument("--folder", type=Path, default=None, help="where the store is made; the temporary directory")
    parser.add_argument("--version", choices=["0.4", "0.5"], default="0.5")
    parser.add_argument("--commit", nargs=2, type=Path, metavar=("STORE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.commit:
        commit_slowly(*options.commit)
        return
    photons = Photons(options.mebibytes)
    for scenario in (kill_a_worker, kill_the_committer):
        with tempfile.TemporaryDirectory(dir=options.folder) as room:
            store = Path(room) / "image.zarr"
            print(f"--- {scenario.__name__.replace('_', ' ')}, OME-NGFF {options.version}")
            nf.create(store, nf.image_from(photons, axes="czyx", chunks=CHUNK), version=options.version)
            size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
            print(f"    level 0 has {options.mebibytes} MiB of pixels, {size / MEBIBYTE:.0f} MiB on the disk")
            scenario(store, Path(room) / "workers")
            assert not (store / "__ngff_fn").exists()
            print(f"    {verify(store, photons)} pixels of {LEVELS} levels are those of the reference")


if __name__ == "__main__":
    main()
