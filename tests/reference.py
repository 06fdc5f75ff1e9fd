"""What a recipe means, in the most obvious NumPy there is: the yardstick for everything that evaluates recipes."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from ngff_fn.records.pixels import Downsample, Fill, Given, Method, Mosaic, Pixels, Select, Stored

Array = NDArray[Any]


def reference_pixels(pixels: Pixels, dtype: str, stored: Mapping[str, Array] | None = None) -> Array:
    """The array that a recipe means; ``stored`` holds what lies in the store, by path."""
    match pixels:
        case Stored():
            array = (stored or {})[pixels.path]
            assert array.shape == pixels.shape
        case Given():
            array = np.asarray(pixels.array[...]).reshape(pixels.shape)
        case Fill():
            array = np.full(pixels.shape, np.array(pixels.value).astype(dtype))  # "NaN" is a number to NumPy as well
        case Select():
            source = reference_pixels(pixels.source, dtype, stored)
            array = source[np.ix_(*(list(positions) for positions in pixels.index))]
        case Mosaic():
            array = reference_pixels(pixels.background, dtype, stored).copy()
            for region, part in pixels.tiles:
                array[tuple(slice(start, stop) for start, stop in region)] = reference_pixels(part, dtype, stored)
        case Downsample():
            source = reference_pixels(pixels.source, dtype, stored)
            array = reference_downsample(source, pixels.factors, pixels.method)
            array = array[tuple(slice(0, size) for size in pixels.shape)]  # floor shapes leave a partial block out
        case _:
            assert_never(pixels)
    assert array.shape == pixels.shape
    return array.astype(dtype)


def reference_downsample(array: Array, factors: tuple[int, ...], method: Method) -> Array:
    """Every block of ``factors`` elements becomes one; at the end of an axis a block has what is there."""
    shape = tuple(-(-size // factor) for size, factor in zip(array.shape, factors, strict=True))
    result = np.empty(shape, array.dtype)
    for place in product(*map(range, shape)):
        block = array[tuple(slice(at * n, (at + 1) * n) for at, n in zip(place, factors, strict=True))]
        result[place] = _reduced(block, method)
    return result


def _reduced(block: Array, method: Method) -> Any:
    values = sorted(block.ravel().tolist())
    match method:
        case "mean" if block.dtype.kind == "f":
            total: Any = block.astype("float64")
            while total.ndim:  # along the first axis, then the next, each from its start
                total = reduce(np.add, total)
            return total / block.size
        case "mean":
            return round(Fraction(sum(map(int, values)), len(values)))  # Python rounds half to even
        case "median":
            return values[(len(values) - 1) // 2]
        case "mode":
            return max(sorted(set(values)), key=values.count)  # the first of the most frequent, so the smallest
        case "min":
            return values[0]
        case "max":
            return values[-1]
        case "stride":
            return block.flat[0]
        case _:
            assert_never(method)
