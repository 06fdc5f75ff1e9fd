"""Downsampling of a block says exactly what each window becomes, however the block is cut, laid out or ordered."""

from __future__ import annotations

import math
import statistics
import tracemalloc
from collections import Counter
from fractions import Fraction
from itertools import product
from typing import Any, get_args

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn.kernels import NETWORK, SLAB, Array, Method, _network, downsample

METHODS: tuple[Method, ...] = get_args(Method)
INTEGERS = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)]
FLOATS = ["f2", "f4", "f8"]


# The plain reference: one window after the other, in exact arithmetic or in the documented order of summation.


def reference(block: Array, factors: tuple[int, ...], method: Method) -> Array:
    shape = [math.ceil(Fraction(size, factor)) for size, factor in zip(block.shape, factors, strict=True)]
    result = np.empty(shape, block.dtype.newbyteorder("="))
    for index in np.ndindex(*shape):
        corner = (slice(i * factor, (i + 1) * factor) for i, factor in zip(index, factors, strict=True))
        result[index] = of_window(block[tuple(corner)], method)
    return result


def of_window(window: Array, method: Method) -> Any:
    values = window.flatten(order="C").tolist()
    if method == "stride":
        return window.flatten(order="C")[0]
    if window.dtype.kind == "f":
        return of_floats(window, values, method)
    if method == "mean":
        return round(Fraction(sum(values), len(values)))
    if method == "mode":
        return min(statistics.multimode(values))
    return of_ordered(sorted(values), method)


def of_floats(window: Array, values: list[float], method: Method) -> float:
    if method == "mode":
        counts = Counter("nan" if math.isnan(value) else value for value in values)
        most = max(counts.values())
        return float(min((v for v, n in counts.items() if n == most), key=lambda v: (v == "nan", v))) + 0.0
    if any(math.isnan(value) for value in values):
        return math.nan
    if method == "mean":
        mean = sum_by_axis(window.astype("f8")) / len(values) + 0.0
        return math.nan if math.isnan(mean) else mean
    return float(of_ordered(sorted(values), method)) + 0.0


def of_ordered(values: list[Any], method: Method) -> Any:
    return {"min": values[0], "median": statistics.median_low(values), "max": values[-1]}[method]


def sum_by_axis(window: Array) -> float:
    """Along the first axis, then the next, each from its start on."""
    while window.ndim:
        rows = list(window)
        window = rows[0]
        for row in rows[1:]:
            window = np.asarray(window + row)
    return float(window)


def same_bytes(left: Array, right: Array) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


@st.composite
def blocks(draw: st.DrawFn, dtypes: list[str]) -> tuple[Array, tuple[int, ...]]:
    """A block of 1 to 5 axes, with few and with extreme values, and factors of 1 to 3 for it."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shapes = hnp.array_shapes(min_dims=1, max_dims=5, min_side=1, max_side=5)
    shape = draw(shapes.filter(lambda shape: math.prod(shape) < 300))
    few = st.integers(0, 3) if dtype.kind != "b" else st.booleans()
    elements = draw(st.sampled_from([few, hnp.from_dtype(dtype)]))
    block = draw(hnp.arrays(dtype, shape, elements=elements, fill=elements))
    return block, tuple(draw(st.integers(1, 3)) for _ in shape)


# Values


@given(blocks(["?", *INTEGERS, *FLOATS]), st.sampled_from(METHODS))
@settings(max_examples=400, deadline=None)
def test_every_method_agrees_with_the_plain_reference(case: tuple[Array, tuple[int, ...]], method: Method) -> None:
    block, factors = case
    made = downsample(block, factors, method)
    if all(factor == 1 for factor in factors):
        assert made is block or same_bytes(made, block)
    else:
        with np.errstate(all="ignore"):
            assert same_bytes(made, reference(block, factors, method))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("factors", [(2, 2, 2), (3, 2, 3), (7, 5, 1), (16, 16, 1), (1, 1, 300)])
def test_the_mean_of_integers_is_exact_at_the_ends_of_the_range(dtype: str, factors: tuple[int, ...]) -> None:
    info = np.iinfo(dtype)
    rng = np.random.default_rng(1)
    ends = np.array([info.min, info.min + 1, info.max - 1, info.max], dtype)
    for choice in (ends[:1], ends[3:], ends[:2], ends[2:], ends):
        block = rng.choice(choice, size=(17, 17, 5) if factors[2] == 1 else (4, 3, 301))
        assert same_bytes(downsample(block, factors, "mean"), reference(block, factors, "mean"))


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
@pytest.mark.parametrize("factors", [(1, 1, 2), (1, 2, 2), (2, 2, 2), (3, 5, 2)])
@pytest.mark.parametrize("beside", [-2, -1, 0, 1, 2])
def test_the_mean_is_exact_where_a_sum_is_just_as_large_as_an_element_can_be(
    dtype: str, factors: tuple[int, ...], beside: int
) -> None:
    count, rng = math.prod(factors), np.random.default_rng(0)
    for most in {np.iinfo(dtype).max // part + beside for part in (count, count // 2)}:
        block = rng.integers(0, max(most, 1), (3, 5, 8), dtype="u8", endpoint=True).clip(0, np.iinfo(dtype).max)
        for values in (block, np.full_like(block, min(max(most, 0), np.iinfo(dtype).max))):
            taken = values.astype(dtype)
            assert same_bytes(downsample(taken, factors, "mean"), reference(taken, factors, "mean"))


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("method", METHODS)
def test_windows_too_large_for_a_sorting_network_follow_the_same_rules(dtype: str, method: Method) -> None:
    factors = (9, 9)
    assert math.prod(factors) > NETWORK
    block = np.random.default_rng(2).integers(0, 5, (20, 21)).astype(dtype)
    if block.dtype.kind == "f":
        block[0, :3], block[12, 12] = (np.nan, -0.0, -np.nan), np.inf
    assert same_bytes(downsample(block, factors, method), reference(block, factors, method))


def test_the_mean_of_integers_rounds_half_to_even() -> None:
    assert downsample(np.array([0, 1, 1, 2, 2, 3, -1, 0, -2, -1]), (2,), "mean").tolist() == [0, 2, 2, 0, -2]


def test_floats_are_summed_in_double_precision() -> None:
    assert downsample(np.array([60000, 60000], "f2"), (2,), "mean").tolist() == [60000]
    assert downsample(np.array([2**24, 1, 1, 2], "f4"), (4,), "mean").tolist() == [2**22 + 1]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("factors", [(2, 2, 2), (3, 1, 3), (5, 4, 6)])
def test_floats_are_summed_in_the_documented_order(dtype: str, factors: tuple[int, ...]) -> None:
    block = np.random.default_rng(4).normal(size=(7, 9, 11)).astype(dtype) * 10
    assert same_bytes(downsample(block, factors, "mean"), reference(block, factors, "mean"))


def test_the_median_of_an_even_count_is_the_lower_middle() -> None:
    assert downsample(np.array([9, 1, 7, 3]), (4,), "median").tolist() == [3]


def test_of_equally_frequent_values_the_mode_is_the_smallest() -> None:
    assert downsample(np.array([5, 2, 5, 2, 9, 9, 1, 3]), (4,), "mode").tolist() == [2, 9]


@pytest.mark.parametrize("method", ["mean", "median", "mode"])
def test_of_booleans_the_majority_counts_and_a_tie_is_false(method: Method) -> None:
    block = np.array([True, False, True, True, False, False, True])
    assert downsample(block, (2,), method).tolist() == [False, True, False, True]


def test_a_partial_block_at_the_edge_is_made_of_the_elements_that_are_there() -> None:
    assert downsample(np.array([[1, 3, 8]], "u1"), (2, 2), "mean").tolist() == [[2, 8]]


@pytest.mark.parametrize("method", ["mean", "median", "min", "max"])
def test_nan_propagates(method: Method) -> None:
    made = downsample(np.array([1.0, np.nan, 2.0, 2.0], "f4"), (2,), method)
    assert np.isnan(made[0])
    assert made[1] == 2


def test_for_the_mode_all_nan_are_one_value_and_the_greatest() -> None:
    block = np.array([np.nan, 7.0, -np.nan, 1.0, np.nan, 7.0])
    made = downsample(block, (3,), "mode")
    assert np.isnan(made[0])
    assert made[1] == 1


@pytest.mark.parametrize("method", ["mean", "median", "mode", "min", "max"])
def test_which_nan_or_zero_there_was_does_not_show(method: Method) -> None:
    nan = np.array([0x7FC00001, 0xFFC00000, 0x7F800001, 0xFFFFFFFF], "u4").view("f4")
    assert downsample(nan, (4,), method).tobytes() == np.array([np.nan], "f4").tobytes()
    for zeros in ([-0.0, 0.0], [0.0, -0.0], [-0.0, -0.0]):
        assert downsample(np.array(zeros), (2,), method).tobytes() == np.array([0.0]).tobytes()


def test_stride_takes_the_first_element_bit_by_bit() -> None:
    block = np.array([0xFFC00001, 0, 0x80000000], "u4").view("f4")
    assert downsample(block, (2,), "stride").tobytes() == block[::2].tobytes()


def test_complex_numbers_have_a_mean_and_a_stride() -> None:
    block = np.array([1 + 2j, 3 - 4j, complex(np.nan, 1)], "c8")
    assert downsample(block, (2,), "mean")[0] == 2 - 1j
    assert np.isnan(downsample(block, (2,), "mean")[1])
    assert downsample(block, (2,), "stride")[0] == 1 + 2j


# Independence


@given(blocks(["?", "i1", "u2", "i4", "u8", *FLOATS]), st.sampled_from(METHODS), st.data())
@settings(max_examples=200, deadline=None)
def test_blocks_cut_at_multiples_of_the_factors_give_the_same_bytes(
    case: tuple[Array, tuple[int, ...]], method: Method, data: st.DataObject
) -> None:
    block, factors = case
    axis = data.draw(st.integers(0, block.ndim - 1))
    cut = factors[axis] * data.draw(st.integers(0, block.shape[axis] // factors[axis]))
    parts = [downsample(part, factors, method) for part in np.split(block, [cut], axis=axis)]
    whole = np.ascontiguousarray(downsample(block, factors, method))
    assert same_bytes(np.concatenate(parts, axis=axis), whole)


@given(blocks(["?", "i1", "u2", "i4", "u8", *FLOATS]), st.sampled_from(METHODS), st.data())
@settings(max_examples=200, deadline=None)
def test_the_layout_in_memory_does_not_show(
    case: tuple[Array, tuple[int, ...]], method: Method, data: st.DataObject
) -> None:
    block, factors = case
    spread = np.zeros([2 * size for size in block.shape], block.dtype)[(slice(None, None, 2),) * block.ndim]
    spread[...] = block
    swapped = block.astype(block.dtype.newbyteorder("S"))
    backwards = np.flip(np.flip(block).copy())
    laid_out = data.draw(st.sampled_from([np.asfortranarray(block), spread, swapped, backwards]))
    made = downsample(laid_out, factors, method)
    assert made.dtype.isnative
    assert same_bytes(made, downsample(block, factors, method))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["?", "u2", "i8", "f4"])
def test_blocks_of_many_slabs_are_the_same_as_their_parts(method: Method, dtype: str) -> None:
    block = np.random.default_rng(3).integers(0, 9, (3, 801, 503)).astype(dtype)
    assert block.nbytes > SLAB
    whole = downsample(block, (2, 2, 2), method)
    for row, column in product(range(0, 801, 300), range(0, 503, 252)):
        part = downsample(block[:, row : row + 300, column : column + 252], (2, 2, 2), method)
        height, width = part.shape[1:]
        assert same_bytes(whole[:, row // 2 : row // 2 + height, column // 2 : column // 2 + width].copy(), part)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factors", [(1, 1), (1, 2), (2, 2), (3, 3)])
def test_the_block_is_not_changed(method: Method, factors: tuple[int, ...]) -> None:
    block = np.array([[-0.0, 3.0, -np.nan], [2.0, -0.0, 0.0], [7.0, -np.nan, -0.0]])
    before = block.tobytes()
    downsample(block, factors, method)
    assert block.tobytes() == before


# Shapes and costs


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_axis_stays_empty(method: Method) -> None:
    made = downsample(np.empty((3, 0, 5), "u2"), (2, 2, 2), method)
    assert made.shape == (2, 0, 3)
    assert made.dtype == "u2"


def test_factors_of_one_return_the_block_itself() -> None:
    block = np.ones((2, 3), "f4")
    assert downsample(block, (1, 1), "mean") is block
    point = np.array(3.0)
    assert downsample(point, (), "mean") is point


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4"])
def test_temporaries_are_bounded_whatever_the_size_of_the_block(method: Method, dtype: str) -> None:
    block = np.ones((16, 1024, 512), dtype)
    tracemalloc.start()
    try:
        made = downsample(block, (2, 2, 2), method)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - made.nbytes <= 6 * SLAB


@pytest.mark.parametrize("count", range(1, 13))
def test_the_network_sorts_whatever_consists_of_zeros_and_ones(count: int) -> None:
    # a network of comparisons that sorts all of these sorts everything
    for wanted in (None, *range(count)):
        for values in product((0, 1), repeat=count) if wanted in {None, (count - 1) // 2} else ():
            planes: list[int] = list(values)
            for low, high, keep in _network(count, wanted):
                pair = sorted((planes[low], planes[high]))
                planes[low] = pair[0] if keep != "high" else -1
                planes[high] = pair[1] if keep != "low" else -1
            expected = sorted(values)
            assert planes == expected if wanted is None else planes[wanted] == expected[wanted]


# Refusals


@pytest.mark.parametrize("method", ["median", "mode", "min", "max"])
def test_complex_numbers_have_no_order(method: Method) -> None:
    with pytest.raises(ValueError, match=rf"method: {method} has no meaning for dtype complex64. Take mean or stride."):
        downsample(np.ones(4, "c8"), (2,), method)


def test_a_dtype_without_a_mean_is_refused_and_can_be_strided() -> None:
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[D]")
    with pytest.raises(ValueError, match=r"mean has no meaning for dtype datetime64\[D\]. Take stride."):
        downsample(days, (2,), "mean")
    assert downsample(days, (2,), "stride").tolist() == days[::2].tolist()


@pytest.mark.parametrize("factors", [(2,), (2, 2, 2), (0, 1), (2, -1)])
def test_factors_that_do_not_fit_are_refused(factors: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not fit 2 axes"):
        downsample(np.ones((4, 4)), factors, "mean")


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'average' is none of mean, median, mode, min, max, stride"):
        downsample(np.ones(4), (2,), "average")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
@pytest.mark.parametrize("window", [(2, 2), (3, 2), (1, 2)])
@pytest.mark.parametrize("above", [0, 1])
def test_the_mean_is_exact_where_sums_just_fit_the_dtype_and_where_they_just_do_not(
    dtype: str, window: tuple[int, int], above: int
) -> None:
    most = np.iinfo(dtype).max
    block = np.full((12, 8), min(most // window[0] + above, most), dtype)
    block[::5] -= np.dtype(dtype).type(1)
    assert same_bytes(downsample(block, window, "mean"), reference(block, window, "mean"))
