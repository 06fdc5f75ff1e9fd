"""How much memory is taken while something that was made to take a lot of it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 2**20
BOMB = 64 * MIB
HELD = 48 * MIB
"""Bytes that may be held while a bomb of 64 MiB is refused."""

_CLEAR = Path("/proc/self/clear_refs")


@contextmanager
def holding_little(most: int = HELD) -> Iterator[None]:
    """Of the process, as Linux counts it; to trace allocations would not do, as zarr's threads go on meanwhile."""
    if not _CLEAR.exists():
        yield
        return
    _CLEAR.write_text("5", encoding="ascii")  # from here on VmHWM counts
    before = _held("VmRSS")
    yield
    assert _held("VmHWM") - before < most


def _held(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))
