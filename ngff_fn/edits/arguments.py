"""What callers hand in: numbers, something for each axis, arrays; each is checked here, all problems at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any, TypeGuard

from ngff_fn.errors import InvalidValueError, NotThereError, Problem, WrongTypeError, a_type
from ngff_fn.records.arrays import converts_safely
from ngff_fn.records.axes import axis_names
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import Pixels, given


def number(value: object) -> int | float | None:
    """A finite number as Python's own int or float; None for all else, bool and str among it.

    >>> number(3), number(0.5), number(True), number("3"), number(float("nan"))
    (3, 0.5, None, None, None)
    """
    if type(value) is float:
        return value if isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        plain = int(value) if isinstance(value, Integral) else float(value)
        return plain if isfinite(plain) else None
    except OverflowError:  # an integer that no float holds
        return None


def is_array(data: object) -> bool:
    """Whether something has shape, dtype and ``[]``: all that is asked of pixels."""
    return all(hasattr(data, name) for name in ("shape", "dtype", "__getitem__"))


def sizes_of(data: Any, location: str) -> tuple[int, ...]:
    """The shape of an array as Python's own integers.

    Raises
    ------
    InvalidValueError
        Where it does not know them, as Dask's arrays after a selection by values.
    """
    try:
        return tuple(int(size) for size in data.shape)
    except (TypeError, ValueError) as error:
        message = f"{data.shape!r} are no sizes. Make it an array that knows them."
        raise InvalidValueError(Problem(f"{location}.shape", message)) from error


def dtype_name(data: Any) -> str:
    """The name of an array's dtype, such as ``uint16``; of NumPy's, TensorStore's and PyTorch's alike."""
    return str(getattr(data.dtype, "name", None) or data.dtype).removeprefix("torch.")


def given_as(data: Any, location: str, shape: Sequence[int], dtype: str, *, inserted: int | None = None) -> Pixels:
    """What the caller holds as a recipe of ``shape``, when it has that shape and goes into ``dtype`` without loss.

    Parameters
    ----------
    data
        Anything with shape, dtype and ``[]``; it is not read.
    location
        What the caller calls it.
    shape
        What it must have.
    dtype
        What it is written as.
    inserted
        Where an axis of length one is put into the recipe that the data do not have.

    Raises
    ------
    WrongTypeError, InvalidValueError
        (a TypeError, a ValueError) for what is no array, another shape, a dtype whose values do not fit.
    """
    if not is_array(data):
        message = f"{a_type(data)} has no shape, dtype and []. Make it an array, as with numpy.asarray."
        raise WrongTypeError(Problem(location, message))
    problems: list[Problem] = []
    wanted, has = tuple(shape), sizes_of(data, location)
    if has != wanted:
        problems.append(
            Problem(location, f"the shape is {has}; it must be {wanted}. Crop it, pad it or move its axes.")
        )
    if not converts_safely(dtype_name(data), dtype):
        message = f"{dtype_name(data)} does not go into {dtype} without loss."
        problems.append(Problem(location, f"{message} Convert the data first, or the image with astype."))
    if problems:
        raise InvalidValueError(*problems)
    if inserted is None:
        return given(data, has)
    return given(data, (*has[:inserted], 1, *has[inserted:]))


def by_axis(
    image: Image, location: str, mapping: Mapping[str, Any] | None, keywords: Mapping[str, Any]
) -> tuple[dict[int, Any], list[Problem]]:
    """What is given per axis, by the axes' positions; and a problem for each name that is no axis, or comes twice.

    >>> from ngff_fn.records.axes import axes_from
    >>> by_axis(Image(axes=axes_from("yx")), "scale", {"Y": 2}, {"x": 3})
    ({0: 2, 1: 3}, [])
    """
    if mapping is not None and not isinstance(mapping, Mapping):
        message = f"{a_type(mapping)} does not say which number is whose. Give them by axis, as in z=0.25."
        raise WrongTypeError(Problem(location, message))
    names = axis_names(image)
    values: dict[int, Any] = {}
    problems: list[Problem] = []
    for name, value in (*(mapping or {}).items(), *keywords.items()):
        lowered = name.lower() if isinstance(name, str) else ""
        if lowered not in names:
            message = (
                f"the image has axes {', '.join(names)}; no axis {name!r}. Add the axis first, or leave {name} out."
            )
            problems.append(Problem(location, message))
        elif names.index(lowered) in values:
            problems.append(Problem(location, f"axis {name!r} is given twice. Leave one out."))
        else:
            values[names.index(lowered)] = value
    return values, problems


def numbers_by_axis(
    image: Image,
    location: str,
    mapping: Mapping[str, float] | None,
    keywords: Mapping[str, float],
    *,
    positive: bool,
) -> dict[int, float]:
    """Finite numbers per axis, by the axes' positions.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError where an axis is not there, else a ValueError) with all that is wrong.
    """
    values, problems = by_axis(image, location, mapping, keywords)
    error = NotThereError if problems else InvalidValueError
    for axis, value in values.items():
        problems += number_problems(f"{location}, axis {image.axes[axis].name.lower()}", value, positive=positive)
    if problems:
        raise error(*problems)
    return {axis: float(value) for axis, value in values.items()}


def number_problems(location: str, value: object, *, positive: bool) -> list[Problem]:
    """A problem, where something is not a finite number, or not a positive one."""
    plain = number(value)
    if plain is None or (positive and plain <= 0):
        wanted = "a positive, finite number" if positive else "a finite number"
        return [Problem(location, f"{value!r} is not {wanted}. Give one.")]
    return []


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """A list, a tuple or the like: what has items in an order and is no text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def truth(value: Any, location: str) -> bool:
    """Whether a switch is on.

    >>> truth(1, "resize")
    True
    """
    try:
        return bool(value)
    except ValueError as error:  # an array of several elements
        raise WrongTypeError(Problem(location, f"{value!r} is neither True nor False. Give one of them.")) from error
