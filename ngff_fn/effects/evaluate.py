"""What recipes mean: NumPy blocks, made from excerpts by plain recursion."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from ngff_fn import kernels
from ngff_fn.edits.regions import region_from
from ngff_fn.effects.excerpt import excerpt, slab_region
from ngff_fn.effects.stored import StoredArrays
from ngff_fn.errors import InvalidValueError, NgffError, Problem, StoreError
from ngff_fn.frozen_json import Json
from ngff_fn.records.arrays import converts_safely
from ngff_fn.records.image import Image, level_at, level_index
from ngff_fn.records.pixels import (
    Downsample,
    Fill,
    Given,
    Mosaic,
    Pixels,
    Region,
    Select,
    Stored,
    extent,
    leaves,
    whole,
)

Block: TypeAlias = NDArray[Any]


def evaluate(image: Image, level: int | str = 0, region: Any = None) -> Block:
    """The pixels that a level has, or would have once it is committed; nothing is written, no more is read than needed.

    Evaluating a region gives that region of everything evaluated.

    Parameters
    ----------
    image
        As it was read, or edited.
    level
        The path or the index of a level.
    region
        A ``slice`` or (start, stop) for each axis, in elements of that level; None: everything.

    Returns
    -------
    numpy.ndarray
        Of the level's dtype and the region's shape, an array of its own.

    Raises
    ------
    ConflictError
        Where a store that the pixels are in has changed since it was read: never other pixels.
    StoreError
        Where a chunk cannot be decoded, with its key.
    NotThereError, OutOfRangeError, InvalidValueError
        (a KeyError, an IndexError, a ValueError) for a level or a region that is not there.

    >>> import numpy
    >>> from ngff_fn.edits.image_from import image_from
    >>> image = image_from(numpy.arange(6, dtype="uint8").reshape(2, 3), axes="yx")
    >>> evaluate(image, region=(slice(None), (1, 3)))
    array([[1, 2],
           [4, 5]], dtype=uint8)
    """
    entry = level_at(image, level)
    shape = entry.array.shape
    if entry.pixels.shape != shape:
        message = f"the pixels have the shape {entry.pixels.shape}, the array {shape}. Make both the same."
        raise InvalidValueError(Problem(f"levels[{level_index(image, level)}].pixels", message))
    wanted = whole(shape) if region is None else region_from(image, region, shape)
    block = evaluated(entry.pixels, entry.array.dtype, wanted)
    return block if block.flags.owndata and block.flags.writeable else block.copy()


def evaluated(pixels: Pixels, dtype: str, region: Region) -> Block:
    """A region of what a recipe means in a dtype; it may share memory with what was given."""
    arrays = StoredArrays()
    try:
        block = computed(excerpt(pixels, region), np.dtype(dtype), arrays)
    finally:  # where the array has changed meanwhile, that is why it could not be read
        arrays.check({leaf for leaf in leaves(pixels) if isinstance(leaf, Stored)})
    return block


def computed(part: Pixels, dtype: np.dtype[Any], arrays: StoredArrays) -> Block:
    """What an excerpt means: pixels become of the dtype where they are read or given, before they are downsampled."""
    match part:
        case Fill():
            return np.full(part.shape, scalar(part.value, dtype), dtype)
        case Stored():
            return _converted(arrays.read(part, whole(part.shape)), dtype)
        case Given():
            return _converted(given_block(part, whole(part.shape)), dtype)
        case Select(source=Stored() as stored):
            return _converted(arrays.read(stored, slab_region(part)), dtype)
        case Select(source=Given() as given):
            return _converted(given_block(given, slab_region(part)), dtype)
        case Select():
            return computed(excerpt(part, whole(part.shape)), dtype, arrays)
        case Downsample():
            block = computed(part.source, dtype, arrays)
            return _downsampled(block, part)[tuple(map(slice, part.shape))]
        case Mosaic():
            block = np.empty(part.shape, dtype)
            for box, inner in part.tiles:
                block[tuple(slice(start, stop) for start, stop in box)] = computed(inner, dtype, arrays)
            return block
        case _:
            assert_never(part)


def _converted(block: Block, dtype: np.dtype[Any]) -> Block:
    with np.errstate(all="ignore"):  # what wraps around or is not a number is the result, and no news
        return block.astype(dtype, copy=False)


def _downsampled(block: Block, level: Downsample) -> Block:
    try:
        return kernels.downsample(block, level.factors, level.method)
    except ValueError as error:
        raise InvalidValueError(Problem("method", str(error).removeprefix("method: "))) from error


def scalar(value: Json, dtype: np.dtype[Any]) -> Any:
    """A value in the JSON spelling of Zarr v3 as one of a dtype; null is zero.

    "Floating point: ... "NaN", "Infinity", "-Infinity" ... or a byte representation of the floating point number using
    the base 16 encoding" (Zarr v3, fill value).

    >>> [float(scalar(value, np.dtype("float16"))) for value in ("-Infinity", "NaN", "0x3c00", None)]
    [-inf, nan, 1.0, 0.0]
    """
    match value:
        case tuple() if len(value) == 2:
            part = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else np.dtype("f8")
            pair = np.array([scalar(item, part) for item in value])
            return _converted(pair.view(f"c{2 * part.itemsize}"), dtype)[0]
        case str() if value.startswith("0x"):
            return _converted(np.frombuffer(bytes.fromhex(value[2:]), f">f{len(value) // 2 - 1}"), dtype)[0]
        case str():
            return _converted(np.asarray(float(value)), dtype)[()]
        case _:
            return _converted(np.asarray(0 if value is None else value), dtype)[()]


def given_block(given: Given, region: Region) -> Block:
    """A region of what the caller holds, asked for with plain slices; axes of length one may come and go.

    Raises
    ------
    InvalidValueError
        Where the array does not have the shape that the recipe says.
    StoreError
        Where it cannot be read, with what it said.
    """
    array = given.array
    sizes = tuple(int(size) for size in array.shape)
    wanted = iter(bounds for bounds, size in zip(region, given.shape, strict=True) if size != 1)
    if [size for size in sizes if size != 1] != [size for size in given.shape if size != 1]:
        message = f"the array that was given has the shape {sizes}; the recipe says {given.shape}. Give it again."
        raise InvalidValueError(Problem("data", message))
    index = tuple(slice(0, 1) if size == 1 else slice(*next(wanted)) for size in sizes)
    try:
        taken = array[index]
        if hasattr(taken, "read") and hasattr(taken, "spec"):  # TensorStore
            taken = taken.read().result()
        block = np.asarray(taken)
    except NgffError:
        raise
    except Exception as error:
        message = f"{region} of the {type(array).__name__} that was given cannot be read ({error})."
        raise StoreError(Problem("data", f"{message} Nothing was written.")) from error
    asked = tuple(part.stop - part.start for part in index)
    if block.shape != asked:
        message = (
            f"the {type(array).__name__} that was given answered {region} with the shape {block.shape}, not {asked}."
        )
        raise StoreError(Problem("data", f"{message} Mend what it gives for slices, or its shape."))
    said = str(getattr(array.dtype, "name", array.dtype))
    if not converts_safely(block.dtype.name, said):
        message = f"the {type(array).__name__} that was given says its dtype is {said}, and gave {block.dtype.name}."
        raise StoreError(Problem("data", f"{message} Mend its dtype, or convert what it gives."))
    return block.reshape(extent(region))
