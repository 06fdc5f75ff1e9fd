"""A whole plate, created, read and changed: ours and iohub in one run, on stores that were never used before.

    python -m benchmarks.plates [--memory /dev/shm] [--positions 864 3456] [--version 0.4 0.5] [--rounds 3] [--alone]

Needs the extra ``peers`` (Python 3.12 or newer). Both sides make the same plate: wells of nine fields, each with an
array of two channels that holds zeros, so that no chunk is written, and its own translation. What is printed is the
best of the rounds of each side, per plate and per position; each change of ours is one commit. ``--alone`` leaves iohub
out, for more rounds of ours in the same time: how they grow with the plate.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

Version: TypeAlias = Literal["0.4", "0.5"]
Side: TypeAlias = Callable[[Path], object]

FIELDS = 9
COLUMNS = 24
SHAPE, CHUNKS = (1, 2, 4, 256, 256), (1, 1, 4, 256, 256)
SCALE = (1.0, 1.0, 0.25, 0.108, 0.108)
CHANNELS = ["DAPI", "GFP"]


def paths(count: int) -> list[tuple[str, str, str]]:
    """The row, column and field of so many positions."""
    wells = range(-(-count // FIELDS))
    names = [(chr(ord("A") + well // COLUMNS), str(1 + well % COLUMNS)) for well in wells]
    return [(row, column, str(field)) for row, column in names for field in range(FIELDS)][:count]


def places(count: int) -> list[tuple[float, ...]]:
    """Where each position is."""
    return [(0.0, 0.0, 0.0, 100.5 + number // 60 * 250.0, 0.25 + number % 60 * 250.0) for number in range(count)]


# --- ours


def create(store: Path, count: int, version: Version, durability: str = "process") -> None:
    """The value of a plate, and one commit."""
    import ngff_fn as nf

    empty = nf.open_ome_zarr(store, layout="fov", mode="w-", channel_names=CHANNELS).root
    image = nf.add_level_zeros(empty, "0", SHAPE, "uint16", chunks=CHUNKS, scale=SCALE)
    names = map("/".join, paths(count))
    images = {
        name: nf.set_translation(image, y=y, x=x)
        for name, (*_, y, x) in zip(names, places(count), strict=True)
    }  # fmt: skip
    nf.create(store, nf.plate_from_positions(images), version=version, durability=durability)


def read(store: Path) -> list[Any]:
    """Channel names, scale and translation of every position."""
    import ngff_fn as nf

    plate: Any = nf.open_ome_zarr(store).root
    return [
        (nf.channel_names(image), nf.scale(image), nf.effective_translation(image, 0))
        for _, image in nf.positions(plate)
        if isinstance(image, nf.Image)
    ]


def rename(store: Path, durability: str = "process") -> None:
    """Another name for a channel of every position, in one commit."""
    from ngff_fn import curried as c

    _edit(store, c.rename_channel("GFP", "EGFP"), durability)


def set_scale(store: Path, durability: str = "process") -> None:
    """Another voxel size of every position, in one commit."""
    from ngff_fn import curried as c

    _edit(store, c.set_scale(z=0.5), durability)


def _edit(store: Path, edit: Callable[[Any], Any], durability: str) -> None:
    import ngff_fn as nf

    base = nf.open_ome_zarr(store, mode="r+")
    nf.commit(store, nf.diff(base, nf.each_image(base.root, edit)), durability=durability)  # type: ignore[arg-type]


# --- theirs


def create_theirs(store: Path, count: int, version: Version) -> None:
    """All groups at once, then the arrays, each with its transformations."""
    from iohub import open_ome_zarr
    from iohub.ngff.models import TransformationMeta

    with open_ome_zarr(store, layout="hcs", mode="w-", channel_names=CHANNELS, version=version) as plate:
        made = plate.create_positions(paths(count))
        for position, place in zip(made, places(count), strict=True):
            steps = [
                TransformationMeta(type="scale", scale=list(SCALE)),
                TransformationMeta(type="translation", translation=list(place)),
            ]
            position.create_zeros("0", SHAPE, "uint16", chunks=CHUNKS, transform=steps)


def read_theirs(store: Path) -> list[Any]:
    """Channel names, scale and translation of every position."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, mode="r") as plate:
        return [
            (position.channel_names, position.scale, position.get_effective_translation("0"))
            for _, position in plate.positions()
        ]


def rename_theirs(store: Path) -> None:
    """Another name for a channel of every position, one after the other."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, mode="r+") as plate:
        for _, position in plate.positions():
            position.rename_channel("GFP", "EGFP")


def set_scale_theirs(store: Path) -> None:
    """Another voxel size of every position, one after the other."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, mode="r+") as plate:
        for _, position in plate.positions():
            position.set_scale("0", "z", 0.5)


# --- measuring


class Measured:
    """The best time of each side, in folders that were never used before."""

    def __init__(self, memory: Path, count: int, arguments: argparse.Namespace) -> None:
        self.memory, self.count = memory, count
        self.rounds: int = arguments.rounds
        self.alone: bool = arguments.alone
        self.per_position: dict[str, float] = {}

    def compare(self, title: str, sides: dict[str, Side], model: Path | None, wanted: str) -> None:
        """One line for each side, and the ratio of iohub to ours; the sides take turns."""
        best = dict.fromkeys(self.measured(sides), float("inf"))
        for _ in range(self.rounds):
            for name in best:
                action = sides[name]
                with self.folder(model) as store:
                    best[name] = min(best[name], timed(partial(action, store)))
        self.report(title, best, wanted)

    def measured(self, sides: Iterable[str]) -> list[str]:
        """The names of the sides that are measured."""
        return [name for name in sides if name != "iohub" or not self.alone]

    def compare_first(self, title: str, names: dict[str, str], model: Path, wanted: str) -> None:
        """As ``compare``, each time the first thing that a process does once it has imported what it needs."""
        best = dict.fromkeys(self.measured(names), float("inf"))
        for _ in range(self.rounds):
            for name in best:
                function = names[name]
                with self.folder(model) as store:
                    best[name] = min(best[name], first_time(function, store)["seconds"])
        self.report(title, best, wanted)

    def report(self, title: str, best: dict[str, float], wanted: str) -> None:
        """What was measured."""
        print(title)
        for name, seconds in best.items():
            print(f"    {name:<30}{seconds * 1e3:10.1f} ms {seconds / self.count * 1e6:9.1f} µs a position")
        for name, seconds in best.items():
            if name != "iohub" and not self.alone:
                print(f"    iohub / {name} = {best['iohub'] / seconds:.1f}   ({wanted})")
        (first, *_) = best
        self.per_position[title] = best[first] / self.count * 1e6

    @contextmanager
    def folder(self, model: Path | None) -> Iterator[Path]:
        """A store in a new folder: a copy of another one, or none yet."""
        with tempfile.TemporaryDirectory(dir=self.memory) as folder:
            store = Path(folder) / "plate.zarr"
            if model is not None:
                shutil.copytree(model, store)
            yield store


def timed(action: Callable[[], object]) -> float:
    """Seconds; what was left of another side is gone before."""
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


_FIRST = """
import json, logging, resource, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
logging.disable(logging.INFO)
from benchmarks import plates
function = getattr(plates, sys.argv[1])
if "theirs" in sys.argv[1]:
    import iohub
else:
    import ngff_fn.effects.reading.read, ngff_fn.effects.commits.commit, ngff_fn.curried, cattrs
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
kept = function(Path(sys.argv[2]))
seconds = time.perf_counter() - start
memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps({"seconds": seconds, "memory": memory}))
"""


def first_time(function: str, store: Path) -> dict[str, float]:
    """Seconds and bytes that a function takes in a process of its own, above what it has after importing."""
    # By a small process in between: the peak of a process begins with that of the one which started it.
    start = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    command = [sys.executable, "-c", start, sys.executable, "-c", _FIRST, function, str(store)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def keep_open(store: Path) -> object:
    """The snapshot of a plate, for the memory that it takes."""
    import ngff_fn as nf

    return nf.open_ome_zarr(store)


def files_read(store: Path, select: str | None) -> int:
    """How many files are opened to read a plate."""
    import ngff_fn as nf
    from ngff_fn.effects.address import address_of
    from ngff_fn.effects.local.files import LocalFiles
    from ngff_fn.effects.stores import Address

    opened: list[str] = []

    class Counting(LocalFiles):
        def _opened(self, key: str) -> int:
            descriptor = super()._opened(key)
            opened.append(key)
            return descriptor

    address = address_of(store)
    nf.open_ome_zarr(Address(files=Counting(address.files.identity), path=address.path), select=select)
    return len(opened)


# --- all of it


def main() -> None:
    """Run everything."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # iohub reports each change, and that a new plate has no position yet
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", default="/dev/shm", help="a folder on a memory-backed file system")  # noqa: S108
    parser.add_argument("--positions", type=int, nargs="+", default=[864, 3456])
    parser.add_argument("--version", nargs="+", default=["0.4", "0.5"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without iohub")
    arguments = parser.parse_args()
    for version in arguments.version:
        compare_small(version, Path(arguments.memory))
        grown: list[dict[str, float]] = []
        for count in arguments.positions:
            print(f"--- OME-NGFF {version}, {count} positions")
            grown.append(compare(version, count, Path(arguments.memory), arguments))
        if len(grown) > 1:
            print(f"--- OME-NGFF {version}, µs a position of ours, at {' and '.join(map(str, arguments.positions))}")
            for title in grown[0]:
                print(f"    {title:<60}{' '.join(f'{each[title]:9.1f}' for each in grown)}")


def compare_small(version: Version, memory: Path) -> None:
    """Everything once, of one well: importing is not measured."""
    ours = create, read, rename, set_scale
    for made, *used in (ours, (create_theirs, read_theirs, rename_theirs, set_scale_theirs)):
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            store = Path(folder) / "plate.zarr"
            made(store, FIELDS, version)
            for action in used:
                action(store)


def compare(version: Version, count: int, memory: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Everything that is measured on a plate of one version and size."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        model = Path(folder) / "model.zarr"
        create_theirs(model, count, version)
        measured = Measured(memory, count, arguments)
        create_ours = partial(create, count=count, version=version)
        measured.compare(
            "create",
            {
                "ngff_fn": create_ours,
                "ngff_fn, durable": partial(create_ours, durability="power"),
                "iohub": partial(create_theirs, count=count, version=version),
            },
            None,
            "at least 40",
        )
        ours: dict[str, Side] = {"ngff_fn": read, "iohub": read_theirs}
        measured.compare("open, channel names, scales, translations", ours, model, "at least 15")
        names = {"ngff_fn": "read", "iohub": "read_theirs"}
        measured.compare_first("the same, the first time in a process", names, model, "for comparison")
        durable = partial(rename, durability="power")
        ours = {"ngff_fn": rename, "ngff_fn, durable": durable, "iohub": rename_theirs}
        measured.compare("open, rename a channel everywhere, commit", ours, model, "at least 8")
        durable = partial(set_scale, durability="power")
        ours = {"ngff_fn": set_scale, "ngff_fn, durable": durable, "iohub": set_scale_theirs}
        measured.compare("open, set the scale everywhere, commit", ours, model, "at least 20")
        used = first_time("keep_open", model)["memory"]
        print(f"peak memory of opening: {used / 1e6:.1f} MB above import   (at most 60)")
        part, everything = files_read(model, "B/*/*"), files_read(model, None)
        print(f"files read: {part} with select='B/*/*', {everything} without")
        return measured.per_position


if __name__ == "__main__":
    main()
