"""Grids: coordinates that lie evenly along an axis, as a start and a step, and where others are on such a grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import isfinite

_TOLERANCE = 1e-6
"""Of a step: so far may a coordinate be from its grid. What rounding can do to large coordinates comes on top."""
_ROUNDING = {"float16": 2.0**-11, "float32": 2.0**-24}
_EXACT = 2.0**-53
_OPERATIONS = 8  # roundings that a coordinate may have seen
_DIGITS = 17  # of a double


def coordinates(start: float, step: float, count: int) -> list[float]:
    """The places of so many elements: ``start + step * index``.

    >>> coordinates(10.0, 0.5, 3)
    [10.0, 10.5, 11.0]
    """
    return [start + step * index for index in range(count)]


def step_of(values: Sequence[float], dtype: str = "float64") -> float | None:
    """The step of a grid from its coordinates; None where they are not even, or do not ascend.

    Of all steps that make these very coordinates it is the one with the fewest digits, so that a step that somebody
    wrote down comes back as it was.

    Parameters
    ----------
    values
        Two or more.
    dtype
        In which they were kept, which says how much was rounded.

    >>> step_of([7 + 0.108 * index for index in range(5)]), step_of([0.0, 1.0, 3.0]), step_of([1.0, 0.0])
    (0.108, None, None)
    """
    start, last, count = values[0], values[-1], len(values)
    if not all(map(isfinite, values)):
        return None
    mean = last / (count - 1) - start / (count - 1)
    if not mean > 0:
        return None
    rounded = (float(f"{mean:.{digits}g}") for digits in range(1, _DIGITS))
    for step in chain(rounded, (mean, values[1] - start)):
        if start + step * (count - 1) == last and all(start + step * i == value for i, value in enumerate(values)):
            return step
    even = all(index_on(start, mean, value, dtype) == i for i, value in enumerate(values))
    return mean if even else None


def index_on(start: float, step: float, value: float, dtype: str = "float64") -> int | None:
    """The index that a coordinate has on a grid, negative before its start; None where it lies between two.

    Parameters
    ----------
    start, step
        Of the grid; the step is positive.
    value
        The coordinate.
    dtype
        In which it was kept.

    >>> index_on(10.0, 0.5, 11.0), index_on(10.0, 0.5, 9.5), index_on(10.0, 0.5, 11.2)
    (2, -1, None)
    """
    if not (step > 0 and isfinite(value)):
        return None
    place = (value - start) / step
    if not isfinite(place):
        return None
    rounding = _ROUNDING.get(dtype, _EXACT) * _OPERATIONS * max(abs(value), abs(start)) / step
    near = round(place)
    return near if abs(place - near) <= min(max(_TOLERANCE, rounding), 0.25) else None
