"""What several processes do to one plate at a time. Little is imported: each process begins with nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import ngff_fn as nf
from ngff_fn import curried as c

EACH = 25
WRITERS = 4
OLD = ("DAPI", "GFP")


def image_of(number: int) -> nf.Image:
    """An image whose pixels say which it is."""
    data = np.full((2, 3, 4), number, dtype="uint8")
    return nf.image_from(data, axes="cyx", channel_names=OLD, chunks=(1, 3, 4))


def first_plate() -> nf.Plate:
    """One well, with as many positions as each writer adds."""
    return nf.plate_from_positions({f"A/1/{number}": image_of(200 + number) for number in range(EACH)})


def added(writer: int) -> dict[str, int]:
    """The positions that a writer adds, each with what its pixels are: in wells that all writers share."""
    return {
        f"{'FEDCB'[number // 5]}/{5 - number % 5}/{writer}": writer * EACH + number for number in range(EACH)
    }  # the last rows and columns first


def new_name(channel: int, number: int) -> str:
    return f"{OLD[channel]} of {number}"


def add(store: Path, start: Any, writer: int) -> None:
    start.wait()
    for path, value in added(writer).items():
        nf.update(store, c.add_position(path, image_of(value)))


def rename(store: Path, start: Any, channel: int) -> None:
    """One channel, in every position of the first well, opened by its own path."""
    start.wait()
    for number in range(EACH):
        nf.update(store / f"A/1/{number}", c.rename_channel(OLD[channel], new_name(channel, number)))
