"""Tasks: one write unit each, small, picklable, and the same whether they run once, twice, here or elsewhere."""

from __future__ import annotations

from functools import partial
from math import prod
from operator import add, floordiv, mul
from typing import assert_never

import numpy as np
from attrs import frozen

from ngff_fn.effects.pixels.bounded import refuse_unholdable
from ngff_fn.effects.pixels.chunks import Block, unit_codec
from ngff_fn.effects.pixels.evaluate import computed, given_block
from ngff_fn.effects.pixels.excerpt import slab_region
from ngff_fn.effects.pixels.stored import StoredArrays, refusal_in
from ngff_fn.effects.pixels.torn import TornError, fault, form_of, torn, with_region
from ngff_fn.effects.pixels.units import unit_key, unit_region
from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Downsample, Fill, Given, Mosaic, Pixels, Region, Select, Stored, shifted, whole
from ngff_fn.records.snapshot import Version


@frozen(kw_only=True, eq=False)
class Target:
    """An array that is written; its documents lie at its path.

    ``origin`` is the write unit at which it begins, where it is a window of what lies there.
    """

    files: Files
    path: str
    version: Version
    array: ArraySpec
    origin: tuple[int, ...] = ()

    def key(self, index: tuple[int, ...]) -> str:
        """Where one of its write units is."""
        place = tuple(map(add, self.origin, index)) if self.origin else index
        return joined(self.path, unit_key(self.array, self.version, place))

    def refuse_unholdable_unit(self, index: tuple[int, ...]) -> None:
        """Refuse, with its place, a write unit that no memory holds while it is made, with the index of a shard."""
        array = self.array
        inner = 0 if array.shards is None else prod(map(floordiv, array.shards, array.chunks))
        try:
            refuse_unholdable(prod(array.write_unit) * array.itemsize + 16 * inner, "it")
        except ValueError as error:
            message = f"it cannot be made ({error}). Choose smaller chunks or shards (rechunk)."
            raise StoreError(Problem(joined(self.files.identity, self.key(index)), message)) from error

    def write(self, index: tuple[int, ...], block: Block, arrays: StoredArrays) -> None:
        """One of its write units, whole; there is no file where it is all fill value.

        Raises
        ------
        StoreError
            Naming the unit that cannot be encoded or written.
        """
        codec = unit_codec(self.array)
        try:
            if codec is None:
                region = unit_region(self.array, index)
                if self.origin:
                    region = shifted(region, tuple(map(mul, self.origin, self.array.write_unit)))
                arrays.writable(self.path)[tuple(slice(start, stop) for start, stop in region)] = block
            elif (data := codec.encode(block)) is not None:
                self.files.write(self.key(index), data)
            elif self.files.exists(self.key(index)):  # this task has run before, on other pixels
                self.files.remove(self.key(index))
        except Exception as error:
            message = f"it cannot be encoded and written ({type(error).__name__}: {error})."
            where = joined(self.files.identity, self.key(index))
            problem = Problem(where, f"{message} Choose another codec, or free space.")
            raise refusal_in(error) or StoreError(problem) from error


@frozen(kw_only=True, eq=False)
class WriteUnit:
    """A write unit is made of an excerpt, whole; nothing is written where it is all fill value."""

    target: Target
    index: tuple[int, ...]
    part: Pixels

    def run(self, arrays: StoredArrays) -> None:
        """Make the pixels, encode and write them."""
        self.target.refuse_unholdable_unit(self.index)
        block = computed(self.part, np.dtype(self.target.array.dtype), arrays)
        self.target.write(self.index, block, arrays)


@frozen(kw_only=True, eq=False)
class CopyUnit:
    """A write unit is, as bytes, one that is stored; one that is not there, because it is all fill value, stays so."""

    target: Target
    index: tuple[int, ...]
    source: Files
    source_key: str
    source_region: Region
    link: bool

    def run(self, arrays: StoredArrays) -> None:  # noqa: ARG002 — as any task
        """Copy or link the file, if it looks whole: damage is not handed on.

        Raises
        ------
        StoreError
            Naming the unit that is not whole.
        """
        source, key = self.source, self.source_key
        if source.signature(key) is not None:
            if what := fault(form_of(self.target.array), partial(source.read, key)):
                raise TornError(with_region(torn(source.identity, key, what), self.source_region))
            self.target.files.copy(self.source, self.source_key, self.target.key(self.index), link=self.link)


def carried_part(part: Pixels) -> Pixels:
    """An excerpt that can leave the process: what the caller holds of its pixels is taken along, as NumPy blocks."""
    match part:
        case Fill() | Stored() | Select(source=Stored()):
            return part
        case Given():
            return Given(array=given_block(part, whole(part.shape)), shape=part.shape)
        case Select(source=Given() as given):
            return Given(array=given_block(given, slab_region(part)), shape=part.shape)
        case Select():
            return Select(source=carried_part(part.source), index=part.index)
        case Downsample():
            source = carried_part(part.source)
            return Downsample(source=source, factors=part.factors, method=part.method, shape=part.shape)
        case Mosaic():
            return Mosaic(
                background=part.background, tiles=tuple((box, carried_part(inner)) for box, inner in part.tiles)
            )
        case _:
            assert_never(part)
