"""A few threads of this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from typing import TypeVar

import numpy as np
from toolz import partition_all

T = TypeVar("T")
R = TypeVar("R")

WORKERS = max(2, min(4, os.cpu_count() or 1))

_AT_A_TIME, _BATCH = 64, 1024
"""Tasks that are handed over at a time: where one fails, and where many thousands are to be done."""

_KEPT = 32 * 2**20 - 2**16

REMOTE = 16
"""Requests to a store behind a network that are worth it at a time: most of each is waiting."""


@cache
def keep_freed_memory() -> None:
    """Blocks of some megabytes come and go: what is freed is kept for the next one, instead of being given back.

    glibc keeps up to twice the size of the largest block, up to 32 MiB, that was ever mapped and freed (mallopt(3),
    ``M_MMAP_THRESHOLD``). One that nobody touches costs nothing; without it a twentieth of the time of a pyramid goes
    to pages that are given back and asked for again. Elsewhere this does nothing.
    """
    np.empty(_KEPT, np.uint8)


def results_of(act: Callable[[T], R], items: Iterable[T], at_once: int) -> list[R]:
    """What comes of each item, in their order; so many at a time.

    >>> results_of(abs, [1, -2], at_once=2)
    [1, 2]
    """
    asked = list(items)
    if at_once == 1 or len(asked) < 2:
        return list(map(act, asked))
    with ThreadPoolExecutor(min(at_once, len(asked))) as pool:
        try:
            return list(chain.from_iterable(pool.map(act, some) for some in partition_all(_BATCH, asked)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what is under way is waited for, the rest is not begun
            raise


def for_each(act: Callable[[T], object], items: Iterable[T], workers: int = WORKERS) -> None:
    """Act on all items, in no order; where one fails, no more than some others are begun."""
    with ThreadPoolExecutor(workers) as pool:
        for some in partition_all(_AT_A_TIME, items):
            deque(pool.map(act, some), maxlen=0)
