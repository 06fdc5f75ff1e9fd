"""How many crashes leave a wrong or unreadable store: the other libraries as they are released, and ours beside them.

    python -m benchmarks.crashes [--version 0.4 0.5] [--library iohub ngff_fn …] [--why 3] [--folder /dev/shm]

Needs the extra ``peers`` (Python 3.12 or newer), and strace (Linux). Each operation is run once, in a process of its
own, on a real local directory, and every system call that changes that directory is noted: it does not matter whether a
library writes through zarr-python, through ``shutil``, or in C++ or Rust (``tests.bench.traced``). A *point* is the
moment after one of them, and the one before the first: what the process leaves that is killed there. All of them are
tried. What a kill in the middle of one call leaves, or a power cut, is not.

At each point the store is read, by one rule for all:

* **good**: what is read is exactly what was there before the operation, or exactly what is there after it, metadata and
  pixels of every level. Where there was no store before, good is also that nothing says yet that there is one: no
  document at its root that describes an image or a plate, or that is torn, whatever else there is.
* **wrong**: it is read without an error, and is something else: a level that is missing, a channel that only the list
  or only the pixels have, zeros for pixels, chunks of both images.
* **unreadable**: reading it, or a level that it lists, is an error, also because nothing is left. A new store can be
  written again, one that was there before perhaps not: the sums below the table keep these two apart.

It is read in two ways, each a column: by the library that wrote it (``benchmarks.writers``), and by those who know
nothing of any of them: the metadata by ome-zarr-models, which checks them by the specification, every array that they
lead to by zarr-python. Ours keeps a record of what a commit still has to do, which its own reader takes into account,
and others do not; the next commit, or ``recover``, carries it out. The last column is what zarr-python reads then; the
other libraries have nothing of the kind.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version as release
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen

import ngff_fn as nf
from benchmarks.writers import OWN_READERS, Operation, Version, operations, seen
from tests.bench.log import Log
from tests.bench.traced import is_possible, traced
from tests.bench.tree import Tree

Read: TypeAlias = Callable[[Path], object]

STORE = "image.zarr"
WRONG, UNREADABLE = "wrong", "unreadable"
PEERS = ("iohub", "ome-zarr", "ngff-zarr", "yaozarrs", "zarr", "ome-zarr-models")


# --- reading


def read_by_anyone(node: Path) -> object:
    """Metadata and pixels of a hierarchy, by the specification's models and zarr-python."""
    import zarr
    from ome_zarr_models import open_ome_zarr

    group = zarr.open_group(str(node), mode="r")
    open_ome_zarr(group, version="0.5" if group.metadata.zarr_format == 3 else "0.4")
    attributes = json.loads(json.dumps(dict(group.attrs)))
    said = attributes.get("ome", attributes)
    levels = [level["path"] for image in said.get("multiscales", ()) for level in image["datasets"]]
    arrays = [zarr.open_array(str(node / path), mode="r") for path in levels]
    nodes = [*said.get("plate", {}).get("wells", ()), *said.get("well", {}).get("images", ())]
    return (
        said,
        [seen(array[...]) for array in arrays],
        [read_by_anyone(node / each["path"]) for each in nodes],
    )


def read_after_recovery(store: Path) -> object:
    """The same, once our library has carried out what was left."""
    with suppress(nf.StoreNotFoundError):
        nf.recover(store)
    return read_by_anyone(store)


def says_something(store: Path) -> bool:
    """Whether there is a document at the root that describes an image or a plate, or that is torn."""
    for name in (".zattrs", "zarr.json"):
        with suppress(FileNotFoundError, NotADirectoryError):
            try:
                said = json.loads((store / name).read_bytes())
            except ValueError:
                return True
            attributes = said.get("attributes", said)
            if {"multiscales", "plate"} & {*attributes, *attributes.get("ome", {})}:
                return True
    return False


def readers_of(operation: Operation) -> dict[str, Read | None]:
    """The columns of the table."""
    return {
        "its own reader": OWN_READERS[operation.reader],
        "zarr-python": read_by_anyone,
        "after `recover`": read_after_recovery if operation.reader == "ngff_fn" else None,
    }


# --- judging


@frozen
class Found:
    """What is read at all points: how many there are, and how often which of them is not good, with an instance."""

    points: int
    bad: Counter[str]
    why: tuple[str, ...]

    def counts(self) -> Counter[str]:
        """To be added up."""
        return self.bad + Counter(points=self.points)


def judged(log: Log, read: Read, room: Path) -> Found:
    """What one reader makes of the store at every point."""
    points = [(tree, key) for tree, key in _points(log)]
    is_new = not log.start.directories[0]
    (first, _), (last, _) = points[0], points[-1]
    allowed = [_put(tree, room, read) for tree in ((last,) if is_new else (first, last))]

    def verdict(tree: Tree) -> tuple[str, str]:
        try:
            found = _put(tree, room, read, only_if_said=is_new)
        except Exception as error:  # noqa: BLE001 — whatever it is, it is what a user sees
            return UNREADABLE, repr(error)[:150]
        return ("", "") if found is None or found in allowed else (WRONG, _difference(found, allowed))

    verdicts: dict[Any, tuple[str, str]] = {}
    for tree, key in points:
        if key not in verdicts:
            verdicts[key] = verdict(tree)
    bad = [(number, *verdicts[key]) for number, (_, key) in enumerate(points) if verdicts[key][0]]
    why = (f"point {number} of {len(points)}: {kind}: {text}" for number, kind, text in bad)
    return Found(len(points), Counter(kind for _, kind, _ in bad), tuple(why))


def _points(log: Log) -> Iterator[tuple[Tree, Any]]:
    """The states after each change that can be seen."""
    for key, trees in groupby(log.states(), key=Tree.seen):
        yield next(trees), key


def _put(tree: Tree, room: Path, read: Read, *, only_if_said: bool = False) -> object:
    """What is read of a state, in a place that was never used before."""
    place = Path(tempfile.mkdtemp(dir=room))
    try:
        tree.materialise(place)
        store = place / STORE
        return None if only_if_said and not says_something(store) else read(store)
    finally:
        shutil.rmtree(place)


def _difference(found: object, allowed: list[object]) -> str:
    texts = [str(found), *map(str, allowed)]
    at = next((n for n, each in enumerate(zip(*texts, strict=False)) if len(set(each)) > 1), min(map(len, texts)))
    return " against ".join(text[max(0, at - 30) : at + 50] for text in texts)


# --- all of it


def run(operation: Operation, version: Version, folder: Path) -> dict[str, Found | None]:
    """One operation without a crash, and every reader at every point of it."""
    with tempfile.TemporaryDirectory(dir=folder) as room:
        work = Path(room) / "work"
        work.mkdir()
        if operation.before is not None:
            operation.before(work / STORE, version)
        said = ["--act", operation.library, operation.name, version, str(work / STORE)]
        log = traced([sys.executable, "-m", "benchmarks.crashes", *said], work)
        readers = readers_of(operation)
        return {name: None if read is None else judged(log, read, Path(room)) for name, read in readers.items()}


def row(operation: Operation, version: Version, found: dict[str, Found | None]) -> str:
    """A line of the table."""
    (points,) = {each.points for each in found.values() if each}
    cells = [operation.name, operation.library, version, str(points)]
    cells += ["–" if each is None else f"{each.bad[WRONG]}, {each.bad[UNREADABLE]}" for each in found.values()]
    return "| " + " | ".join(cells) + " |"


def act(library: str, name: str, version: Any, store: Path) -> None:
    """What is traced."""
    (operation,) = (each for each in operations() if (each.library, each.name) == (library, name))
    operation.act(store, version)


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=["0.4", "0.5"], nargs="+", default=["0.4", "0.5"])
    parser.add_argument("--library", nargs="+", help="only these")
    parser.add_argument("--why", type=int, default=0, help="print so many instances of what is not good, of each row")
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))  # noqa: S108 — memory-backed on Linux
    parser.add_argument("--act", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        library, name, version, store = options.act
        act(library, name, version, Path(store))
        return
    if not is_possible():
        sys.exit("strace is not there, or may not trace here. Install it, or allow this process to be traced.")
    print(", ".join(f"{name} {release(name)}" for name in PEERS), end="\n\n")
    sums: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    chosen = [each for each in operations() if not options.library or each.library in options.library]
    print("| operation | by | version | points |", *(f"{name}: wrong, unreadable |" for name in readers_of(chosen[0])))
    print("|---" * (4 + len(readers_of(chosen[0]))) + "|")
    for operation in chosen:
        for version in operation.versions:
            if version in options.version:
                found = run(operation, version, options.folder)
                print(row(operation, version, found), flush=True)
                for name, each in found.items():
                    for why in each.why[: options.why] if each else ():
                        print(f"    {name}, {why}")
                    if each:
                        sums[_whose(operation), _to_what(operation), name] += each.counts()
    print()
    for (whose, what, name), counts in sums.items():
        bad = f"{counts[WRONG]} wrong, {counts[UNREADABLE]} unreadable"
        print(f"{whose}, {what}, {name}: of {counts['points']} points {bad}")


def _whose(operation: Operation) -> str:
    return "ours" if operation.reader == "ngff_fn" else "the others"


def _to_what(operation: Operation) -> str:
    return "new stores" if operation.before is None else "stores that were there"


if __name__ == "__main__":
    main()
