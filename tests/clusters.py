"""A cluster of two worker processes, and a program that commits on one of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ngff_fn as nf

REPOSITORY = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Any]:
    """A client of two workers, each a process with one thread that a nanny watches; none is left."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", local_directory=folder
        ) as workers,
        Client(workers) as client,
    ):
        pids = set(workers_of(client).values())
        try:
            yield client
        finally:
            pids |= set(workers_of(client).values())
    assert wait_until_gone(pids) == set()


def workers_of(client: Any) -> dict[str, int]:
    """The process of each worker, by its address."""
    found: dict[str, int] = client.run(os.getpid)
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process, that has not ended and only waits for its parent to notice."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


def wait_until_gone(pids: set[int], seconds: float = 20) -> set[int]:
    """Those of some processes that are still there after a while; they are killed then."""
    deadline = time.monotonic() + seconds
    while (left := set(filter(is_alive, pids))) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left


def main(store: str, folder: str) -> None:
    """Make a pyramid on a cluster; tell the workers' processes when the first part is done, and then wait for ever."""

    def stop(_done: int, _total: int) -> None:
        print(*pids, flush=True)  # noqa: T201 — that is how it is told
        time.sleep(600)

    with cluster(Path(folder)) as client:
        pids = workers_of(client).values()
        nf.update(store, nf.curried.with_pyramid(3), executor=client.get_executor(), progress=stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
