"""A few threads of this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from toolz import partition_all

T = TypeVar("T")

WORKERS = max(2, min(4, os.cpu_count() or 1))

_AT_A_TIME = 64


REMOTE = 16
"""Reads of a store behind a network that are worth it at a time: most of each is waiting."""


def for_each(act: Callable[[T], object], items: Iterable[T], workers: int = WORKERS) -> None:
    """Act on all items, in no order; where one fails, no more than some others are begun."""
    with ThreadPoolExecutor(workers) as pool:
        for some in partition_all(_AT_A_TIME, items):
            deque(pool.map(act, some), maxlen=0)
