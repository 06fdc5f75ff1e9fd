"""How far a commit is with its pixels: told to a function of the caller's, or shown as a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeAlias

from ngff_fn.errors import Problem, UnsupportedError

Report: TypeAlias = Callable[[int, int], None]
"""Is called with the bytes of pixels that are done, and those of all."""
Progress: TypeAlias = Report | bool | None
"""A function, True for a bar, None or False for nothing."""


def can_show_bar() -> bool:
    """Whether rich is installed."""
    return find_spec("rich") is not None


@contextmanager
def reported(progress: Progress) -> Iterator[Report | None]:
    """What is to be called while pixels are made.

    Raises
    ------
    UnsupportedError
        For a bar without rich.

    >>> with reported(None) as report:
    ...     print(report)
    None
    """
    if progress is not True:
        yield progress or None
        return
    if not can_show_bar():
        message = "a bar needs the package rich. Install ngff_fn[progress], or give a function of two numbers."
        raise UnsupportedError(Problem("progress", message))
    with _bar() as report:
        yield report


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("pixels", total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
