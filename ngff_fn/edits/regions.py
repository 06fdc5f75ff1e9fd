"""Regions as callers give them: a ``slice`` or a (start, stop) per axis, checked and never clipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ngff_fn.edits.arguments import by_axis, is_sequence
from ngff_fn.edits.arrays import integer
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, OutOfRangeError, Problem, WrongTypeError, refuse
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import Region


def region_from(image: Image, region: Any, shape: Sequence[int], location: str = "region") -> Region:
    """The (start, stop) of every axis.

    Parameters
    ----------
    image
        Whose axes are meant.
    region
        A ``slice`` or (start, stop) for each axis, in their order or by their names; axes that a mapping leaves out are
        taken whole. None stands for an end, negative numbers count from it, as in Python.
    shape
        What the region must lie in.
    location
        What the caller calls it.

    Raises
    ------
    OutOfRangeError, NotThereError, InvalidValueError, WrongTypeError
        (an IndexError, a KeyError for an axis that is not there, a ValueError, a TypeError) with all that is wrong.

    >>> from ngff_fn.records.axes import axes_from
    >>> region_from(Image(axes=axes_from("yx")), [slice(None, 2), (-3, None)], (4, 6))
    ((0, 2), (3, 6))
    """
    names = [axis.name.lower() for axis in image.axes]
    if isinstance(region, Mapping):
        entries, problems = by_axis(image, location, region, {})
        refuse(problems, NotThereError)
    elif is_sequence(region) and len(region) == len(names):
        entries = dict(enumerate(region))
    else:
        message = f"{region!r} is not a slice or (start, stop) for each of the axes {', '.join(names)}."
        raise InvalidValueError(Problem(location, f"{message} Give one for each, or a mapping by axis."))
    return bounds_by_axis(image, entries, shape, location)


def bounds_by_axis(image: Image, entries: Mapping[int, Any], shape: Sequence[int], location: str) -> Region:
    """The region that slices or (start, stop) mean, by the axes' positions; other axes are taken whole."""
    refusals: list[NgffError] = []
    region: list[tuple[int, int]] = []
    for axis, size in enumerate(shape):
        where = f"{location}, axis {image.axes[axis].name.lower()}"
        try:
            region.append(bounds(entries.get(axis, slice(None)), size, where))
        except NgffError as refusal:
            refusals.append(refusal)
    for error in (WrongTypeError, OutOfRangeError, InvalidValueError):
        if any(isinstance(refusal, error) for refusal in refusals):
            raise error(*(problem for refusal in refusals for problem in refusal.problems))
    return tuple(region)


def bounds(entry: Any, size: int, location: str) -> tuple[int, int]:
    """What a ``slice`` or a (start, stop) means along an axis of so many elements.

    >>> bounds((2, 9), 8, "region, axis x")
    Traceback (most recent call last):
    ngff_fn.errors.OutOfRangeError: region, axis x: 2 to 9 is not within 0 to 8. Nothing is clipped: say what there is.
    """
    step = 1
    if isinstance(entry, slice):
        start, stop, step = entry.start, entry.stop, 1 if entry.step is None else entry.step
    elif is_sequence(entry) and len(entry) == 2 and not isinstance(entry, range):  # whose two are not its ends
        start, stop = entry
    else:
        message = f"{entry!r} is neither a slice nor (start, stop). For the one position i say (i, i + 1)."
        raise WrongTypeError(Problem(location, message))
    ends = [default if end is None else integer(end) for end, default in ((start, 0), (stop, size))]
    if None in ends or integer(step) is None:
        raise WrongTypeError(Problem(location, f"{entry!r} has an end that is no integer. Give integers, or None."))
    if step != 1:
        raise InvalidValueError(Problem(location, f"the step is {step}. Regions have the step 1."))
    low, high = (end + size if end < 0 else end for end in ends if end is not None)
    if not (0 <= low <= size and 0 <= high <= size):
        message = (
            f"{start if start is not None else 0} to {stop if stop is not None else size} is not within 0 to {size}."
        )
        raise OutOfRangeError(Problem(location, f"{message} Nothing is clipped: say what there is."))
    if low > high:
        raise InvalidValueError(Problem(location, f"it ends at {high}, before its start at {low}. Swap them."))
    return low, high
