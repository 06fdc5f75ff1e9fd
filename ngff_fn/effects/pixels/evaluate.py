"""What recipes mean: NumPy blocks, made from excerpts by plain recursion."""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from ngff_fn import kernels
from ngff_fn.edits.regions import region_from
from ngff_fn.effects.pixels.bounded import refuse_unholdable
from ngff_fn.effects.pixels.excerpt import excerpt, slab_region
from ngff_fn.effects.pixels.scalars import converted, scalar
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.errors import ConflictError, InvalidValueError, NgffError, Problem, StaleDataError, StoreError
from ngff_fn.records.arrays import converts_safely
from ngff_fn.records.image import Image, level_at, level_index
from ngff_fn.records.pixels import (
    Downsample,
    Fill,
    Given,
    Method,
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
        Where a chunk cannot be decoded, with its key; where no memory holds what is asked for.
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
        refuse_unholdable(prod(extent(region)) * np.dtype(dtype).itemsize, "it", MemoryError)
        block = computed(excerpt(pixels, region), np.dtype(dtype), arrays)
    except MemoryError as error:
        message = f"{extent(region)} pixels of {dtype} cannot be held ({error}). Take a region of them."
        raise StoreError(Problem("region", message)) from error
    finally:  # where the array has changed meanwhile, that is why it could not be read
        arrays.check({leaf for leaf in leaves(pixels) if isinstance(leaf, Stored)})
    return block


def computed(part: Pixels, dtype: np.dtype[Any], arrays: StoredArrays) -> Block:
    """What an excerpt means: pixels become of the dtype where they are read or given, before they are downsampled."""
    match part:
        case Fill():
            return np.full(part.shape, scalar(part.value, dtype), dtype)
        case Stored():
            return converted(arrays.read(part, whole(part.shape)), dtype)
        case Given():
            return converted(given_block(part, whole(part.shape)), dtype)
        case Select(source=Stored() as stored):
            return converted(arrays.read(stored, slab_region(part)), dtype)
        case Select(source=Given() as given):
            return converted(given_block(given, slab_region(part)), dtype)
        case Select():
            return computed(excerpt(part, whole(part.shape)), dtype, arrays)
        case Downsample():
            block = computed(part.source, dtype, arrays)
            return downsampled(block, part.factors, part.method)[tuple(map(slice, part.shape))]
        case Mosaic():
            block = np.empty(part.shape, dtype)
            for box, inner in part.tiles:
                block[tuple(slice(start, stop) for start, stop in box)] = computed(inner, dtype, arrays)
            return block
        case _:
            assert_never(part)


def downsampled(block: Block, factors: tuple[int, ...], method: Method) -> Block:
    """A block of whole windows, one level down; a method that has no meaning for the dtype is refused."""
    try:
        return kernels.downsample(block, factors, method)
    except ValueError as error:
        raise InvalidValueError(Problem("method", str(error).removeprefix("method: "))) from error


def given_block(given: Given, region: Region) -> Block:
    """A region of what the caller holds, asked for with plain slices; axes of length one may come and go.

    Raises
    ------
    InvalidValueError
        Where the array does not have the shape that the recipe says.
    StaleDataError
        (a ConflictError) where it was read from a store that has changed since.
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
    except ConflictError as error:
        message = f"the {type(array).__name__} that was given was read from a store that has changed since."
        cure = "Make it again, with the function that gave it."
        raise StaleDataError(Problem("data", f"{message} {cure}")) from error
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
