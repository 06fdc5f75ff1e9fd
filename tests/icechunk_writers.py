"""What several processes do to one icechunk repository. Little is imported: each process begins with nothing."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import ngff_fn as nf
from ngff_fn import curried as c


def local(path: Path | str) -> Any:
    """The repository of a directory; made if there is none."""
    icechunk = import_module("icechunk")
    return icechunk.Repository.open_or_create(icechunk.local_filesystem_storage(str(path)))


def counted(root: Any) -> int:
    """The number that an image has, and all of its pixels."""
    count = root.extra["attributes"]["count"]
    assert isinstance(count, int)
    return count


def count_up(root: Any) -> Any:
    """One more, in the attributes and in one row of pixels."""
    count = counted(root) + 1
    root = nf.set_extra(root, "count", count)
    return root if count % 5 else nf.set_region(root, 0, ((0, 1), (0, 8)), count % 256)


def update(path: Path, start: Any, updates: int) -> None:
    """So many updates with default arguments."""
    repository = local(path)
    start.wait()
    for _ in range(updates):
        nf.update(repository, count_up)


def main(path: str) -> None:
    """Updates without end, each said once it is acknowledged."""
    repository = local(path)
    while True:
        done = nf.update(repository, count_up, c.set_scale(y=2.0))
        sys.stdout.write(f"count {counted(done.snapshot.root)}\n")  # icechunk writes there too
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
