"""The revision of an array's pixels: the digest of the recipe that made them.

It stands in the array's attributes, so documents determine pixels: the same documents mean the same recipe, and a plan
that was computed from documents is stale as soon as somebody has changed the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import assert_never

from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import Downsample, Fill, Given, Mosaic, Pixels, Select, Stored

_LENGTH = 16


def revision(array: ArraySpec, pixels: Pixels) -> str | None:
    """The digest of an array and its recipe; None for an array of its fill value, which needs none.

    >>> from ngff_fn.records.pixels import fill, given
    >>> spec = ArraySpec(shape=(2, 2), dtype="uint8", chunks=(2, 2))
    >>> revision(spec, fill((2, 2))) is None, len(revision(spec, given("any", (2, 2))))
    (True, 16)
    """
    if pixels == Fill(shape=array.shape, value=array.fill_value):
        return None
    digest = sha256(repr(array).encode())
    for word in _words(pixels):
        digest.update(word.encode() + b"\n")
    return digest.hexdigest()[:_LENGTH]


def _words(pixels: Pixels) -> Iterator[str]:
    match pixels:
        case Stored():
            yield f"stored {pixels.origin} {pixels.path} {pixels.token}"
        case Given():
            yield f"given {pixels.serial} {pixels.shape}"
        case Fill():
            yield f"fill {pixels.shape} {pixels.value!r}"
        case Downsample():
            yield f"downsample {pixels.factors} {pixels.method} {pixels.shape}"
            yield from _words(pixels.source)
        case Select():
            yield f"select {pixels.index}"
            yield from _words(pixels.source)
        case Mosaic():
            yield f"mosaic {[region for region, _ in pixels.tiles]}"
            yield from _words(pixels.background)
            for _, part in pixels.tiles:
                yield from _words(part)
        case _:
            assert_never(pixels)
