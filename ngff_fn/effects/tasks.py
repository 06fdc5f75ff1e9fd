"""Tasks: one write unit each, small, picklable, and the same whether they run once, twice, here or elsewhere."""

from __future__ import annotations

from typing import TypeAlias, assert_never

import numpy as np
from attrs import frozen

from ngff_fn.effects.evaluate import computed, given_block
from ngff_fn.effects.excerpt import slab_region
from ngff_fn.effects.stored import StoredArrays, refusal_in
from ngff_fn.effects.stores import Files
from ngff_fn.effects.units import unit_key, unit_region
from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Downsample, Fill, Given, Mosaic, Pixels, Select, Stored, whole
from ngff_fn.records.snapshot import Version


@frozen(kw_only=True, eq=False)
class Target:
    """An array that is written; its documents lie at its path."""

    files: Files
    path: str
    version: Version
    array: ArraySpec

    def key(self, index: tuple[int, ...]) -> str:
        """Where one of its write units is."""
        return joined(self.path, unit_key(self.array, self.version, index))


@frozen(kw_only=True, eq=False)
class WriteUnit:
    """A write unit is made of an excerpt, whole; nothing is written where it is all fill value."""

    target: Target
    index: tuple[int, ...]
    part: Pixels

    def run(self, arrays: StoredArrays) -> None:
        """Make the pixels, encode and write them."""
        target = self.target
        block = computed(self.part, np.dtype(target.array.dtype), arrays)
        region = unit_region(target.array, self.index)
        try:
            arrays.writable(target.path)[tuple(slice(start, stop) for start, stop in region)] = block
        except Exception as error:
            message = f"it cannot be encoded and written ({type(error).__name__}: {error})."
            where = joined(target.files.identity, target.key(self.index))
            problem = Problem(where, f"{message} Choose another codec, or free space.")
            raise refusal_in(error) or StoreError(problem) from error


@frozen(kw_only=True, eq=False)
class CopyUnit:
    """A write unit is, as bytes, one that is stored; one that is not there, because it is all fill value, stays so."""

    target: Target
    index: tuple[int, ...]
    source: Files
    source_key: str
    link: bool

    def run(self, arrays: StoredArrays) -> None:  # noqa: ARG002 — as any task
        """Copy or link the file."""
        files, key = self.target.files, self.target.key(self.index)
        if self.source.signature(self.source_key) is None:
            return
        if self.link and files.signature(key) is not None:  # this task has run before
            files.remove(key)
        files.copy(self.source, self.source_key, key, link=self.link)


Task: TypeAlias = WriteUnit | CopyUnit


def run_elsewhere(task: Task) -> None:
    """Run a task in a process that knows nothing but the task."""
    task.run(StoredArrays(task.target.files))


def carried(task: Task) -> Task:
    """A task that can leave the process: what the caller holds of its pixels is taken along, as NumPy blocks."""
    match task:
        case CopyUnit():
            return task
        case WriteUnit():
            return WriteUnit(target=task.target, index=task.index, part=_carried(task.part))
        case _:
            assert_never(task)


def _carried(part: Pixels) -> Pixels:
    match part:
        case Fill() | Stored() | Select(source=Stored()):
            return part
        case Given():
            return Given(array=given_block(part, whole(part.shape)), shape=part.shape)
        case Select(source=Given() as given):
            return Given(array=given_block(given, slab_region(part)), shape=part.shape)
        case Select():
            return Select(source=_carried(part.source), index=part.index)
        case Downsample():
            source = _carried(part.source)
            return Downsample(source=source, factors=part.factors, method=part.method, shape=part.shape)
        case Mosaic():
            return Mosaic(background=part.background, tiles=tuple((box, _carried(inner)) for box, inner in part.tiles))
        case _:
            assert_never(part)
