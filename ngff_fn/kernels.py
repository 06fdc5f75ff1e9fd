"""Downsampling of one NumPy block: a table of six methods, each the same bytes however the array is cut and laid out.

A block is taken apart into boxes of whole windows (the windows that the end of an axis cuts short are boxes of their
own), and each box into slabs that fit a processor's cache. A method is a function of one slab: it sees windows of one
size only, and as many of them as one array operation is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Method = Literal["mean", "median", "mode", "min", "max", "stride"]
Array: TypeAlias = NDArray[Any]
Window: TypeAlias = tuple[int, ...]
Kernel: TypeAlias = Callable[[Array, Window], Array]

SLAB = 2**20
"""Bytes of a block that are worked on at once. Temporaries are six slabs at most, whatever the size of the block; only
a single window that is larger than a slab takes more."""

NETWORK = 64
"""Windows of up to so many elements are sorted by a network of minima and maxima, larger ones by ``np.sort``."""


def downsample(block: Array, factors: tuple[int, ...], method: Method) -> Array:
    """Every window of ``factors`` elements becomes one: shape ``ceil(shape / factors)``, the same dtype.

    Windows begin at the block's origin; those that an end cuts short are made of the elements that are there. A result
    depends on its own window alone: blocks that are cut at multiples of ``factors`` give the same bytes as the whole,
    whatever their memory order. Results are in native byte order.

    * ``mean``: integers are summed exactly, also those of 64 bits, and rounded half to even. Floats and complex numbers
      are summed in double precision, along the first axis, then the next, each from its start on, and divided once.
    * ``median``: of an even count, the lower middle.
    * ``mode``: the most frequent value, of equally frequent ones the smallest. All NaN are one value, the greatest.
    * ``min``, ``max``; ``stride``: the first element.
    * bool: mean, median and mode are the majority, and a tie is False: what 0 and 1 would give.
    * floats: NaN propagates through mean, median, min and max. But for ``stride`` a NaN comes out as the one quiet NaN
      and a zero as +0.0, so that no order of evaluation shows.

    Factors that are all 1 return the block itself, not a copy.

    Parameters
    ----------
    block
        Bool, integers up to 64 bits, floats of 16 to 64 bits; mean takes complex numbers too, stride takes anything.
        It is not changed.
    factors
        For each axis how many elements become one, at least 1.
    method
        ``mean``, ``median``, ``mode``, ``min``, ``max`` or ``stride``.

    Raises
    ------
    ValueError
        For an unknown method, factors that do not fit, or a dtype that the method has no meaning for.

    >>> downsample(np.array([[1, 2, 9], [4, 3, 8]], "uint8"), (2, 2), "mean")
    array([[2, 8]], dtype=uint8)
    >>> downsample(np.array([7, 7, 3, 5, 5]), (3,), "mode")
    array([7, 5])
    """
    kernel = _kernel(block, factors, method)
    dtype = block.dtype.newbyteorder("=")
    if all(factor == 1 for factor in factors):
        return block.astype(dtype, copy=False)
    result = np.empty([-(-size // factor) for size, factor in zip(block.shape, factors, strict=True)], dtype)
    with np.errstate(all="ignore"):  # what overflows or is not a number is the result, and no news
        for source, target, window in _boxes(block.shape, factors):
            values, made = block[source], result[target]
            for slab in _slabs(made.shape, window, SLAB // block.itemsize):
                taken = values[tuple(slice(s.start * n, s.stop * n) for s, n in zip(slab, window, strict=True))]
                made[slab] = kernel(taken.astype(dtype, copy=False), window)
                if method != "stride":
                    _make_canonical(made[slab])
    return result


def _kernel(block: Array, factors: tuple[int, ...], method: Method) -> Kernel:
    """What ``method`` means for this dtype; here everything is refused that has no meaning."""
    if method not in _KERNELS:
        message = f"method: {method!r} is none of {', '.join(get_args(Method))}."
        raise ValueError(message)
    if len(factors) != block.ndim or any(factor < 1 for factor in factors):
        message = f"factors: {factors} do not fit {block.ndim} axes. Give each axis one integer of at least 1."
        raise ValueError(message)
    kind, size = block.dtype.kind, block.dtype.itemsize
    if kind == "b" and method in {"mean", "median", "mode"}:
        return _majority
    allowed = "biufc" if method == "mean" else "biuf"
    if method != "stride" and (kind not in allowed or size > (16 if kind == "c" else 8)):
        cure = "Take stride." if kind != "c" else "Take mean or stride."
        message = f"method: {method} has no meaning for dtype {block.dtype}. {cure}"
        raise ValueError(message)
    return _KERNELS[method]


def _boxes(shape: Window, factors: Window) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], Window]]:
    """The parts of a block whose windows are of one size: source, target and window; at most two parts per axis."""

    def parts(size: int, factor: int) -> Iterator[tuple[slice, slice, int]]:
        whole, rest = divmod(size, factor)
        if whole:
            yield slice(0, whole * factor), slice(0, whole), factor
        if rest:
            yield slice(whole * factor, size), slice(whole, whole + 1), rest

    for box in product(*(list(parts(size, factor)) for size, factor in zip(shape, factors, strict=True))):
        yield tuple(part[0] for part in box), tuple(part[1] for part in box), tuple(part[2] for part in box)


def _slabs(shape: Window, window: Window, most: int) -> Iterator[tuple[slice, ...]]:
    """Boxes that cover ``shape``, counted in windows, and hold ``most`` elements; last axes are kept whole."""
    budget = max(1, most // prod(window))
    cuts: list[list[slice]] = []
    for size in reversed(shape):
        step = min(size, budget)
        budget //= step
        cuts.append([slice(start, min(start + step, size)) for start in range(0, size, step)])
    return product(*reversed(cuts))


def _make_canonical(values: Array) -> None:
    """One NaN, and no -0.0, in place: which of two comes out of a minimum or a sum may depend on the vector unit."""
    if values.dtype.kind in "fc":
        parts = values.view(f"f{values.dtype.itemsize // 2}") if values.dtype.kind == "c" else values
        parts += 0
        np.copyto(parts, np.nan, where=np.isnan(parts))


def _reduced(operation: np.ufunc, slab: Array, window: Window, dtype: np.dtype[Any]) -> Array:
    """All windows folded with ``operation`` in ``dtype``: along the first axis, then the next, each from its start."""
    for axis, count in enumerate(window):
        if count > 1:
            first, second, *others = (slab[(slice(None),) * axis + (slice(k, None, count),)] for k in range(count))
            slab = operation(first, second, dtype=dtype)
            for other in others:
                operation(slab, other, out=slab)
    return slab.astype(dtype, copy=False)


def _mean(slab: Array, window: Window) -> Array:
    dtype, count = slab.dtype, prod(window)
    if dtype.kind in "fc":
        total = _reduced(np.add, slab, window, np.result_type(dtype, np.float64))
        return (total / count).astype(dtype)
    accumulator = _accumulator(dtype, count)
    if accumulator is not None:
        if window[-1] == 2 and slab.strides[-1] == dtype.itemsize < 8:
            rows, bound = (*window[:-1], 1), np.iinfo(dtype).max
            most = int(slab.max()) if dtype.kind == "u" else bound
            if most * prod(rows) <= bound:  # cameras have 12 bits of 16
                slab, rows = _reduced(np.add, slab, rows, dtype), (1,) * len(rows)
            if most * count + count <= bound:
                return _rounded(_neighbours_added(slab, fits=True), count)
            slab, window = _neighbours_added(slab, fits=False), rows
        return _rounded(_reduced(np.add, slab, window, accumulator), count).astype(dtype)
    # No integer holds the sum of 64-bit numbers. Sums of quotients and of remainders do: the mean is in range, so
    # where a sum of quotients wraps around on its way, the carry brings it back.
    number = dtype.type(count)
    quotients = _quotient(slab, count)
    remainders = quotients * number
    np.subtract(slab, remainders, out=remainders)
    whole = _reduced(np.add, quotients, window, dtype)
    rest = _reduced(np.add, remainders, window, dtype)
    carry = _quotient(rest, count)
    whole += carry
    odd = whole & dtype.type(1)
    rest += (odd - carry) * number
    mean: Array = whole - odd + _rounded(rest, count)
    return mean


def _neighbours_added(slab: Array, *, fits: bool) -> Array:
    """Along the last axis two integers become their sum, of twice the size unless it fits: they are halves of one.

    So NumPy goes over whole rows; to add every second number to every other takes it longer.
    """
    bits = 8 * slab.itemsize
    both = slab.view(f"{slab.dtype.kind}{2 * slab.itemsize}")
    number = both.dtype.type
    if fits:
        lower: Array = ((both >> number(bits)) + both).astype(slab.dtype)  # what is in the upper half falls off
        return lower
    one: Array = both & number(2**bits - 1) if slab.dtype.kind == "u" else (both << number(bits)) >> number(bits)
    one += both >> number(bits)
    return one


def _accumulator(dtype: np.dtype[Any], count: int) -> np.dtype[Any] | None:
    """The smallest integer type that holds the sum of ``count`` numbers, and the rounding; None where none does."""
    info = np.iinfo(dtype)
    for size in (2, 4, 8):
        wide = np.dtype(f"{dtype.kind}{size}")
        bounds = np.iinfo(wide)
        if count * info.max + count <= bounds.max and count * info.min >= bounds.min:
            return wide
    return None


def _rounded(total: Array, count: int) -> Array:
    """``total / count`` in integers, half to even."""
    dtype = total.dtype.type
    if count % 2:  # no mean of an odd number of integers ends in a half
        return _quotient(total + dtype(count // 2), count)
    upwards = _quotient(total, count)
    upwards &= dtype(1)
    upwards += dtype(count // 2 - 1)
    upwards += total
    return _quotient(upwards, count)


def _quotient(values: Array, count: int) -> Array:
    """Rounded down; a power of two is a shift, which is several times faster."""
    dtype = values.dtype.type
    power = count & (count - 1) == 0
    quotient: Array = values >> dtype(count.bit_length() - 1) if power else np.floor_divide(values, dtype(count))
    return quotient


def _majority(slab: Array, window: Window) -> Array:
    return _mean(slab.astype(np.uint8), window).astype(np.bool_)


def _min(slab: Array, window: Window) -> Array:
    return _reduced(np.minimum, slab, window, slab.dtype)


def _max(slab: Array, window: Window) -> Array:
    return _reduced(np.maximum, slab, window, slab.dtype)


def _stride(slab: Array, window: Window) -> Array:
    return slab[tuple(slice(None, None, count) for count in window)]


def _median(slab: Array, window: Window) -> Array:
    lower_middle = (prod(window) - 1) // 2
    middle = _sorted(_planes(slab, window), wanted=lower_middle)[lower_middle]
    if slab.dtype.kind == "f":  # minima and maxima carry NaN to the middle by themselves, np.sort leaves it at the end
        middle = np.where(_has_nan(slab, window), slab.dtype.type(np.nan), middle)
    return middle


def _has_nan(slab: Array, window: Window) -> Array:
    return _reduced(np.logical_or, np.isnan(slab), window, np.dtype(np.bool_))


def _mode(slab: Array, window: Window) -> Array:
    if slab.dtype.kind == "f":
        return _from_ordinal(_mode(_ordinal(slab), window), slab.dtype)
    first, *others = _sorted(_planes(slab, window))
    run = np.ones(first.shape, np.min_scalar_type(prod(window)))
    longest, winner, previous = run.copy(), first.copy(), first
    for plane in others:
        run *= plane == previous
        run += 1
        longer = run > longest
        np.copyto(longest, run, where=longer)
        np.copyto(winner, plane, where=longer)
        previous = plane
    return winner


def _ordinal(values: Array) -> Array:
    """Floats as signed integers in the same order: equal floats become equal numbers, and NaN the greatest."""
    values = values.copy()
    _make_canonical(values)
    return _turned(values.view(f"i{values.dtype.itemsize}"))


def _from_ordinal(numbers: Array, dtype: np.dtype[Any]) -> Array:
    return _turned(numbers).view(dtype)


def _turned(bits: Array) -> Array:
    """Of negative numbers all bits but the sign inverted: floats are sign and magnitude. Twice is nothing."""
    info = np.iinfo(bits.dtype)
    turned: Array = bits ^ ((bits >> bits.dtype.type(info.bits - 1)) & bits.dtype.type(info.max))
    return turned


def _planes(slab: Array, window: Window) -> list[Array]:
    """The elements of all windows, in C order within the window: one array for each place."""
    places = product(*(range(count) for count in window))
    return [slab[tuple(slice(at, None, count) for at, count in zip(place, window, strict=True))] for place in places]


def _sorted(planes: list[Array], wanted: int | None = None) -> list[Array]:
    """The planes sorted across: the k-th holds the k-th smallest of each window; only ``wanted`` of them, if given."""
    if len(planes) > NETWORK:
        return list(np.moveaxis(np.sort(np.stack(planes, axis=-1), axis=-1), -1, 0))
    for low, high, keep in _network(len(planes), wanted):
        smaller, larger = planes[low], planes[high]
        if keep != "high":
            planes[low] = np.minimum(smaller, larger)
        if keep != "low":
            planes[high] = np.maximum(smaller, larger)
    return planes


@cache
def _network(count: int, wanted: int | None) -> tuple[tuple[int, int, str], ...]:
    """Batcher's odd-even merge sort, without the comparisons and the halves of them that do not reach ``wanted``."""
    comparisons: list[tuple[int, int]] = []
    size = 1
    while size < count:
        distance = size
        while distance:
            for start in range(distance % size, count - distance, 2 * distance):
                lows = range(start, min(start + distance, count - distance))
                merged = 2 * size
                comparisons += [(low, low + distance) for low in lows if low // merged == (low + distance) // merged]
            distance //= 2
        size *= 2
    needed = set(range(count)) if wanted is None else {wanted}
    pruned: list[tuple[int, int, str]] = []
    for low, high in reversed(comparisons):
        used = (low in needed, high in needed)
        if any(used):
            pruned.append((low, high, {(True, True): "both", (True, False): "low"}.get(used, "high")))
            needed |= {low, high}
    return tuple(reversed(pruned))


_KERNELS: MappingProxyType[Method, Kernel] = MappingProxyType(
    {
        "mean": _mean,
        "median": _median,
        "mode": _mode,
        "min": _min,
        "max": _max,
        "stride": _stride,
    }
)
