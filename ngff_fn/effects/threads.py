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


def for_each(act: Callable[[T], object], items: Iterable[T]) -> None:
    """Act on all items, in no order; where one fails, no more than some others are begun."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for some in partition_all(_AT_A_TIME, items):
            deque(pool.map(act, some), maxlen=0)
