"""Pixels of a commit: which boxes of an array must be written, and one task for each write unit, on any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from math import prod
from operator import itemgetter
from types import MappingProxyType

import numpy as np

from ngff_fn.effects.address import files_of
from ngff_fn.effects.pixels.excerpt import Staged, cost, excerpt, shelves
from ngff_fn.effects.pixels.running import Task, leaves_process, refuse_memory, run, submission
from ngff_fn.effects.pixels.scalars import scalar
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.effects.pixels.tasks import CopyUnit, Target, WriteUnit
from ngff_fn.effects.pixels.units import stored_unit, unit_region, units, whole_units
from ngff_fn.effects.stores import Files
from ngff_fn.errors import InvalidValueError, Problem, UnsupportedError
from ngff_fn.records.arrays import ArraySpec, same_encoding, same_keys
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import (
    Fill,
    Given,
    Pixels,
    Region,
    Stored,
    is_empty,
    kept_boxes,
    leaves,
    pieces,
    whole,
    without,
)
from ngff_fn.records.snapshot import Version

MEMORY_LIMIT = 512 * 2**20
"""Bytes of decoded pixels in flight, where the caller does not say."""

MOST_IN_FLIGHT = 256

MOST_UNITS = 2**25
"""Write units of an array that one commit writes: they are listed before the first is made."""


def changed_boxes(pixels: Pixels, origin: str, path: str, base: ArraySpec | None, array: ArraySpec) -> list[Region]:
    """What must be written of an array: all of it but what stays where it is stored.

    Where an axis became shorter in the middle of a write unit, that unit is written too: what lies beyond the end would
    be seen again when the axis grows.

    Parameters
    ----------
    pixels
        What the array shall contain.
    origin, path
        Where it lies.
    base
        The array that is there now; None where there is none.
    array
        What it becomes.

    >>> from ngff_fn.records.pixels import crop
    >>> old = ArraySpec(shape=(8,), dtype="uint8", chunks=(4,))
    >>> stored = Stored(origin="home", path="0", array=old, token="")
    >>> changed_boxes(crop(stored, ((0, 6),)), "home", "0", old, ArraySpec(shape=(6,), dtype="uint8", chunks=(4,)))
    [((4, 6),)]
    """
    everything = whole(array.shape)
    if base is None or not (same_encoding(base, array) and same_keys(base, array)):
        return [] if is_empty(everything) else [everything]
    boxes = without([everything], kept_boxes(pixels, origin, path))
    for axis, (old, new, size) in enumerate(zip(base.shape, array.shape, array.write_unit, strict=True)):
        if old > new and new % size:
            slab = (*everything[:axis], (new - new % size, new), *everything[axis + 1 :])
            boxes += [] if is_empty(slab) else [slab]
    return boxes


def blank_units(pixels: Pixels, array: ArraySpec) -> list[Region]:
    """Boxes of the grid of write units that are all fill value: nothing is written there, however many they are.

    >>> from ngff_fn.records.pixels import fill, given, mosaic
    >>> array = ArraySpec(shape=(9, 4), dtype="uint8", chunks=(2, 4))
    >>> blank_units(mosaic(fill((9, 4)), [(((0, 3), (0, 4)), given("pixels", (3, 4)))]), array)
    [((2, 5), (0, 1))]
    """
    blank = (box for box, leaf, _ in pieces(pixels) if isinstance(leaf, Fill) and _is_background(leaf, array))
    return [inner for box in blank if not is_empty(inner := whole_units(array, box))]


def written_units(
    pixels: Pixels, origin: str, path: str, base: ArraySpec | None, array: ArraySpec
) -> list[tuple[int, ...]]:
    """The write units to make, as ``changed_boxes`` says: without those that are blank and need no file."""
    blank = [
        tuple((start * size, stop * size) for (start, stop), size in zip(box, array.write_unit, strict=True))
        for box in blank_units(pixels, array)
    ]
    boxes = without(changed_boxes(pixels, origin, path, base, array), blank)
    count = sum(
        prod(-(-stop // unit) - start // unit for (start, stop), unit in zip(box, array.write_unit, strict=True))
        for box in boxes
    )
    if count > MOST_UNITS:
        message = (
            f"{count} chunks or shards would be written of an array of {array.shape}; at most {MOST_UNITS} can be."
        )
        raise UnsupportedError(Problem(joined(origin, path) or "levels", f"{message} Choose larger ones (rechunk)."))
    return list(units(array, boxes))


def stage_pixels(  # noqa: PLR0917 — what is written where
    files: Files,
    array_path: str,
    version: Version,
    array: ArraySpec,
    pixels: Pixels,
    indices: Iterable[tuple[int, ...]],
    *,
    sources: Mapping[Pixels, tuple[str, ArraySpec]] = MappingProxyType({}),
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    memory_limit: int | None = None,
    retired: frozenset[str] = frozenset(),
) -> None:
    """Write units of an array: the same bytes whatever the executor and the number of its workers.

    Only where zarr encodes them with gzip (see ``chunks``), their headers say what time it was. A unit that is a unit
    of a stored array is copied as bytes, one that is all fill value is left out, and all others are made: one task
    each, of a whole unit.

    Parameters
    ----------
    files
        In which the array is staged.
    array_path, version, array
        Where its documents lie already, the version they are of, and what they say.
    pixels
        What the array shall contain.
    indices
        The units to write, such as ``written_units`` gives.
    sources
        Recipes of arrays that have been staged in ``files``, by path and spec: what is made of their parts is made of
        what was staged of them. Where only some of an array was staged, that must be all that it does not keep.
    executor
        Runs the tasks; None: a few threads of this process.
    progress
        Called with the bytes of pixels that are done, and those of all ``indices``.
    memory_limit
        Bytes of decoded pixels in flight, with the blocks that they are made from; None: ``MEMORY_LIMIT``, but a single
        unit may take more.
    retired
        Paths of arrays in ``files`` that the same commit retires: only their units are linked instead of copied.

    Raises
    ------
    InvalidValueError
        Where one unit takes more than ``memory_limit``, or the shapes differ; before anything is written.
    ConflictError
        Where an array that pixels are taken from has changed.
    StoreError
        Where a chunk cannot be decoded or the store fails; where an executor other than threads is to work on a store
        in memory, or its workers die. What was written until then is incomplete.
    """
    if pixels.shape != array.shape:
        message = f"the pixels have the shape {pixels.shape}, the array {array.shape}. Make both the same."
        raise InvalidValueError(Problem(array_path, message))
    staged = staged_parts(files.identity, sources, array, executor)
    need = unit_cost(array, pixels, staged)
    check_memory(memory_limit, [(need, array)])
    stored = {leaf for leaf in leaves(pixels) if isinstance(leaf, Stored)}
    arrays = StoredArrays(files)
    arrays.check(stored)
    stores = [files, *map(files_of, {leaf.origin for leaf in stored if leaf.token})]  # what has none was staged here
    if leaves_process(executor):
        refuse_memory(stores)
    wanted = indices if progress is None else list(indices)
    target = Target(files=files, path=array_path, version=version, array=array)
    tasks = (_task(target, pixels, index, staged=staged, arrays=arrays, retired=retired) for index in wanted)
    size = prod(array.write_unit) * array.itemsize
    total = size * len(wanted) if isinstance(wanted, list) else 0

    done = 0

    def settle(*_: object) -> tuple[Task, ...]:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)
        return ()

    with submission(executor, arrays, stores) as submit:
        run(tasks, submit, _in_flight(need, memory_limit), settle, joined(files.identity, array_path))
    arrays.check(stored)


def staged_parts(
    origin: str, sources: Mapping[Pixels, tuple[str, ArraySpec]], array: ArraySpec, executor: Executor | None
) -> Staged:
    """What is read from where it was staged, for an array; what lies in the memory of this process is taken there."""
    staged = shelves(origin, sources, array)
    if leaves_process(executor):
        return staged
    return {leaf: found for leaf, found in staged.items() if not _is_in_memory(leaf)}


def _task(
    target: Target,
    pixels: Pixels,
    index: tuple[int, ...],
    *,
    staged: Staged,
    arrays: StoredArrays,
    retired: frozenset[str],
) -> Task | None:
    """How a write unit is made; None where it is all fill value."""
    array = target.array
    part = excerpt(pixels, unit_region(array, index), staged)
    if isinstance(part, Fill) and _is_background(part, array):
        return None
    if (found := stored_unit(part, array)) is not None:
        stored, source_index = found
        opened = arrays.opened(stored)
        if opened.original is not None:
            return CopyUnit(
                target=target,
                index=index,
                source=opened.original,
                source_key=opened.key(source_index),
                source_region=unit_region(stored.array, source_index),
                link=opened.original.identity == target.files.identity and stored.path in retired,
            )
    return WriteUnit(target=target, index=index, part=part)


def _is_background(part: Fill, array: ArraySpec) -> bool:
    dtype = np.dtype(array.dtype)
    return bool(scalar(part.value, dtype).tobytes() == scalar(array.fill_value, dtype).tobytes())


def unit_cost(array: ArraySpec, pixels: Pixels, staged: Staged) -> int:
    """The bytes that one unit takes at most while it is made, with what it is made from."""
    return cost(pixels, array.write_unit, array.itemsize, staged)


def check_memory(memory_limit: int | None, needs: Iterable[tuple[int, ArraySpec]]) -> None:
    """Refuse units that take more than the limit, by the largest: who makes room for that has room for all.

    Raises
    ------
    InvalidValueError
        With the bytes that it takes.
    """
    need, array = max(needs, key=itemgetter(0), default=(0, None))
    if memory_limit is None or array is None or need <= memory_limit:
        return
    what = "shard" if array.shards else "chunk"
    message = f"one {what} of {array.write_unit} and what it is made from take {need} bytes, not {memory_limit}."
    raise InvalidValueError(Problem("memory_limit", f"{message} Raise it, or make {what}s smaller."))


def _in_flight(need: int, memory_limit: int | None) -> int:
    """How many tasks the memory allows at a time."""
    return max(1, min(MOST_IN_FLIGHT, (MEMORY_LIMIT if memory_limit is None else memory_limit) // max(1, need)))


def _is_in_memory(leaf: Pixels) -> bool:
    return isinstance(leaf, Given) and isinstance(leaf.array, np.ndarray)
