"""Images of very many chunks, made cheaply; and files that count how often they are asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import ngff_fn as nf
from ngff_fn.effects.address import address_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import Version

PIXEL = 5
"""What every pixel of channel 0 is."""


def image_of_chunks(store: Path, version: Version, rows: int, columns: int = 1) -> Path:
    """One channel of rows x columns pixels, of which each is a chunk; all but the first are other names of one file."""
    empty = nf.Image(axes=nf.axes_from("cyx"), channels=(nf.Channel(label="a"),))
    image = nf.add_level_zeros(empty, "0", (1, rows, columns), "uint8", chunks=(1, 1, 1), codecs=())
    nf.create(store, image, version=version)
    channel = chunks_of(store, version)
    channel.mkdir(parents=True)
    first = store.parent / f"{store.name}.chunk"
    first.write_bytes(bytes([PIXEL]))
    for row in range(rows):
        (channel / str(row)).mkdir()
        for column in range(columns):
            (channel / str(row) / str(column)).hardlink_to(first)
    first.unlink()
    return store


def chunks_of(store: Path, version: Version, channel: int = 0, level: str = "0") -> Path:
    """The directory of the chunks of one channel."""
    return store / level / str(channel) if version == "0.4" else store / level / "c" / str(channel)


class Counting(LocalFiles):
    """Local files that count what they are asked, by kind."""

    asked: Counter[str]

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        self.asked["read"] += 1
        return super().get(key)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        self.asked["read"] += 1
        return super().read(key, start, stop)

    def names(self, path: str) -> list[tuple[str, bool]]:
        found = super().names(path)
        self.asked["list"] += 1
        self.asked["listed names"] += len(found)
        return found

    def signature(self, key: str) -> object | None:
        self.asked["stat"] += 1
        return super().signature(key)

    def exists(self, path: str) -> bool:
        self.asked["stat"] += 1
        return super().exists(path)

    def has_links(self, path: str) -> bool:
        self.asked["walk"] += 1
        return super().has_links(path)

    def change(self, operation: Any, *arguments: Any) -> Any:
        self.asked["change"] += 1
        return super().change(operation, *arguments)


def counting(store: Path) -> tuple[Address, Counter[str]]:
    """The store through files that count what they are asked."""
    asked: Counter[str] = Counter()
    kind = type("Counting", (Counting,), {"asked": asked})
    return Address(files=kind(address_of(store).files.identity), path=""), asked


def block(value: int, rows: int, columns: int = 1) -> np.ndarray[Any, Any]:
    """Pixels of a channel."""
    return np.full((rows, columns), value, dtype="uint8")
