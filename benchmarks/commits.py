"""What a commit costs beside what there is to do at least: on a disk in flushes, in an object store in requests.

    python -m benchmarks.commits [--rounds 200] [--folder .] [--version 0.4 0.5] [--documents 2 12 96]

Prints, for each version:

* the median of a durable commit of one document, and of writing, flushing and renaming a file of the same bytes beside
  it, whose directory is flushed as well; both in turns, each round another document;
* the processor's time of opening an image of three levels that no transaction is under way in: the best of five;
* the requests of commits of one document and of several, once they have been read, of an object store in memory (extra
  ``s3``), by what they are: those that look for consolidated metadata, which opening does not, are told apart. Each
  image has more chunks than a page of a listing holds; where a plate is small, one page answers for all of it;
* the seconds of opening a plate in an object store, and of a commit in each of its positions, where each request takes
  20 ms, with sixteen requests at a time and with one.

``--folder`` says where the store is: what is durable is not to be measured on a file system in memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.address import address_of

OPENED, BEST_OF = 200, 5
DELAY = 0.02


def an_image() -> nf.Image:
    """Two channels; nobody looks at the pixels."""
    return nf.image_from(np.zeros((2, 64, 64), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"])


def bare(path: Path, text: bytes) -> None:
    """What replaces one file for good, at least."""
    draft = f"{path}.tmp"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(file, text)
    os.fsync(file)
    os.close(file)
    os.rename(draft, path)  # noqa: PTH104 — as bare as it gets
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def compare_durable(folder: Path, version: Any, rounds: int) -> None:
    """A commit of one document, and the bare replacement of that document, in turns."""
    store, document = folder / "image.zarr", "zarr.json" if version == "0.5" else ".zattrs"
    beside = folder / "bare" / document
    beside.parent.mkdir()
    nf.create(store, an_image(), version=version)
    ours: list[float] = []
    least: list[float] = []
    for turn in range(rounds):
        base = nf.open_ome_zarr(store, mode="r+")
        plan = nf.diff(base, nf.set_scale(base.root, y=1 + turn / 1000))
        if plan.operations:
            ours.append(seconds(lambda plan=plan: nf.commit(store, plan)))  # type: ignore[misc]
            text = (store / document).read_bytes()
            least.append(seconds(lambda text=text: bare(beside, text)))  # type: ignore[misc]
    medians = statistics.median(ours), statistics.median(least)
    print("    a durable commit of one document, and its file written, flushed and renamed, its directory flushed")
    print(
        f"        {medians[0] * 1e3:.3f} ms, {medians[1] * 1e3:.3f} ms: ratio {medians[0] / medians[1]:.2f} (at most 2)"
    )


def measure_opening(folder: Path, version: Any) -> None:
    """The processor's time, which waits for nothing."""
    store = folder / "pyramid.zarr"
    nf.create(store, nf.with_pyramid(an_image(), levels=3), version=version)
    found: list[float] = []
    for _ in range(BEST_OF):
        start = time.process_time()
        for _ in range(OPENED):
            nf.open_ome_zarr(store)
        found.append((time.process_time() - start) / OPENED)
    print(f"    opening an image of three levels: {min(found) * 1e6:.0f} µs")


# --- object stores


class Counted:
    """The functions of obstore, each call counted."""

    def __init__(self, api: Any) -> None:
        self._api, self.calls = api, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._api, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            return function(*arguments, **options)

        return counted


def requests_of(root: Any, edit: Callable[[Any], Any], version: Any) -> tuple[int, Counter[str], Counter[str]]:
    """How many documents a commit changes, and what is asked to read and to commit them, by any but the first."""
    from obstore.store import MemoryStore

    store = MemoryStore()
    nf.create(store, root, version=version)
    nf.update(store, c.set_extra("before", 1))  # whether the store keeps conditions is tried once
    address: Any = address_of(store)
    counted = address.files.objects._api = Counted(address.files.objects._api)  # noqa: SLF001 — the only place
    base = nf.open_ome_zarr(store, mode="r+")
    read, counted.calls = counted.calls, Counter()
    plan = nf.diff(base, edit(base.root))
    nf.commit(store, plan)
    return len(plan.operations), read, counted.calls


class Slow:
    """The functions of obstore, as far away as a server."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._api, name)

        def waited(*arguments: Any, **options: Any) -> Any:
            time.sleep(DELAY)
            return function(*arguments, **options)

        return waited


def measure_waiting(version: Any, positions: int = 48) -> None:
    """How long it takes to open a plate, and to rename a channel in each of its positions."""
    from obstore.store import MemoryStore

    found: list[str] = []
    for at_once in (16, 1):
        store = MemoryStore()
        nf.create(store, a_plate(positions, an_image()), version=version)
        address: Any = address_of(store)
        objects = address.files.objects
        objects.at_once, objects._api = at_once, Slow(objects._api)  # noqa: SLF001 — as above
        base: list[nf.Snapshot] = []
        opening = seconds(lambda store=store, base=base: base.append(nf.open_ome_zarr(store, mode="r+")))  # type: ignore[misc]
        plan = nf.diff(base[0], c.each_image(c.rename_channel("DAPI", "nuclei"))(base[0].root))
        committing = seconds(lambda store=store, plan=plan: nf.commit(store, plan))  # type: ignore[misc]
        found.append(f"{opening:.2f} s, commit {committing:.2f} s ({at_once} at a time)")
    print(f"    opening a plate of {positions} wells at {DELAY * 1e3:g} ms a request: {'; '.join(found)}")


def a_plate(positions: int, image: nf.Image) -> nf.Plate:
    """Each a well with one field."""
    return nf.plate_from_positions({f"A/{column}/0": image for column in range(1, positions + 1)})


def of_many_chunks() -> nf.Image:
    """More than a page of a listing holds."""
    return nf.image_from(np.ones((2, 24, 24), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 1, 1))


def count_requests(version: Any, documents: list[int]) -> None:
    """Of one document, then of several."""
    cases: list[tuple[Any, Any, str]] = [(an_image(), c.set_scale(y=0.5), "2")]
    rename = c.each_image(c.rename_channel("DAPI", "nuclei"))
    cases += [(a_plate(number, of_many_chunks()), rename, f"{4 * number + 3}") for number in documents]
    for root, edit, most in cases:
        changed, read, made = requests_of(root, edit, version)
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(made.items()))
        beyond = made.total() - made["get"] - made["list"]
        words = f"{made.total()} requests ({kinds}; at most {most}), {beyond} of them beyond reading"
        words += f", opened with {read.total()}"
        print(f"    a commit of {changed} document{'s'[: changed > 1]}: {words}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the stores are made: on a disk")
    parser.add_argument("--version", choices=["0.4", "0.5"], nargs="+", default=["0.4", "0.5"])
    parser.add_argument("--documents", type=int, nargs="+", default=[2, 12, 96])
    options = parser.parse_args()
    for version in options.version:
        print(f"--- OME-NGFF {version}")
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            compare_durable(Path(folder), version, options.rounds)
            measure_opening(Path(folder), version)
        if importlib.util.find_spec("obstore") is None:
            print("    requests: not counted, obstore is not installed")
        else:
            count_requests(version, options.documents)
            measure_waiting(version)


if __name__ == "__main__":
    main()
