"""Contrast limits: the window of values that a channel is shown with, set or found in the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import floor, inf, prod
from typing import Any, Literal, TypeAlias, get_args

from attrs import evolve

from ngff_fn.edits.arguments import is_array, number
from ngff_fn.edits.rendering import default_window, dtype_of, with_channel, with_omero
from ngff_fn.errors import InvalidValueError, Problem, WrongTypeError, a_type, refuse
from ngff_fn.records.channel_names import channel_index
from ngff_fn.records.channels import Window
from ngff_fn.records.image import Image
from ngff_fn.records.subject import of_record

Limit: TypeAlias = Literal["start", "end", "min", "max"]
LIMITS: tuple[Limit, ...] = get_args(Limit)

SAMPLE = 2**22
"""Elements that contrast limits are computed from, at most."""


@of_record
def set_contrast_limits(
    image: Image,
    name: str,
    window: Window | Mapping[str, float] | None = None,
    *,
    start: float | None = None,
    end: float | None = None,
    min: float | None = None,  # noqa: A002 — as the specification calls them
    max: float | None = None,  # noqa: A002 — likewise
) -> Image:
    """The image with other contrast limits of one channel.

    Parameters
    ----------
    image
        The image; without "omero" it gets one.
    name
        Of the channel.
    window
        A ``Window``, such as ``contrast_limits_from`` makes, or a mapping with some of start, end, min and max.
    start, end
        What is shown from black to full color. These and the next two come before what ``window`` says.
    min, max
        The range of what may be chosen. What is not given stays, but for a range that becomes wide enough to hold start
        and end; what the document does not have is made from the defaults of a new channel.

    Raises
    ------
    NotThereError
        (a KeyError) where no channel has the name.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for what is no finite number, where min ≤ start ≤ end ≤ max would not hold, or
        nothing is given.

    >>> from ngff_fn.records.examples import CELLS
    >>> window = set_contrast_limits(CELLS, "GFP", start=100, end=4000).channels[1].window
    >>> window.start, window.end, window.min, window.max
    (100, 4000, 0, 65535)
    """
    index = channel_index(image, name)
    location = f"omero.channels[{index}].window"
    changes = limits_from(window, {"start": start, "end": end, "min": min, "max": max}, location)
    if not changes:
        raise WrongTypeError(Problem(location, "nothing is given. Give start and end, or a window."))
    old = (with_omero(image).channels or ())[index].window
    default = default_window(name, dtype_of(image))
    return with_channel(image, index, window=renewed_window(old, changes, default, location))


def limits_from(
    window: Window | Mapping[str, float] | None, keywords: Mapping[Limit, float | None], location: str
) -> dict[Limit, float]:
    """The limits that a window and keywords give, the keywords before the window; what is wrong is refused at once."""
    if window is not None and not isinstance(window, Window | Mapping):
        message = f"{a_type(window)} is no window. Give start and end, a Window or a mapping."
        raise WrongTypeError(Problem(location, message))
    listed = window if isinstance(window, Mapping) else {limit: getattr(window, limit, None) for limit in LIMITS}
    given: dict[Any, object] = {**listed, **{limit: value for limit, value in keywords.items() if value is not None}}
    found: dict[Limit, float] = {}
    problems: list[Problem] = []
    for key, value in given.items():
        plain = number(value)
        if key not in LIMITS:
            problems.append(Problem(location, f"a window has no {key!r}, only {', '.join(LIMITS)}. Leave it out."))
        elif plain is None and (value is not None or isinstance(window, Mapping)):
            problems.append(Problem(f"{location}.{key}", f"{value!r} is not a finite number. Give one."))
        elif plain is not None:
            found[key] = plain
    refuse(problems)
    return found


def renewed_window(old: Window | None, changes: Mapping[Limit, float], default: Window, location: str) -> Window:
    """A window with some limits changed; those that neither has are the default's, fitted to the others.

    Raises
    ------
    InvalidValueError
        (a ValueError) where the limits are in no order.
    """
    base = old or Window()
    has = {limit: changes.get(limit, getattr(base, limit)) for limit in LIMITS}
    known = [value for value in has.values() if value is not None]
    low = changes.get("min", min([_number(default.min if base.min is None else base.min), *known]))
    high = changes.get("max", max([_number(default.max if base.max is None else base.max), *known]))
    top = high if has["end"] is None else has["end"]
    start = min(max(_number(default.start), low), top) if has["start"] is None else has["start"]
    end = min(max(_number(default.end), start), high) if has["end"] is None else has["end"]
    if not low <= start <= end <= high:
        ordered = list(zip(("min", "start", "end", "max"), (low, start, end, high), strict=True))
        wrong = [f"{name} {a} is above {other} {b}" for (name, a), (other, b) in pairwise(ordered) if a > b]
        message = f"{' and '.join(wrong)}; the order is min, start, end, max."
        raise InvalidValueError(Problem(location, f"{message} Swap them, or give those that are in the way too."))
    return evolve(base, start=start, end=end, min=low, max=high)


def contrast_limits_from(data: Any, percentiles: tuple[float, float] = (1, 99.9)) -> Window:
    """The contrast limits at two percentiles of what is in an array, for ``set_contrast_limits``.

    Parameters
    ----------
    data
        Anything with shape, dtype and ``[]``, of bool, integers or floats. Of more than 4 194 304 elements only every
        n-th is taken: first of the first axis, then of the next, so that whole planes are read as long as that will do.
        NaN and infinities do not count.
    percentiles
        Of start and end, from 0 to 100; between two values in proportion.

    Returns
    -------
    Window
        Its start and end; min and max are left as they are.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for percentiles in no order or out of range, data without a finite value, what is no
        array.

    >>> import numpy
    >>> window = contrast_limits_from(numpy.arange(101, dtype="uint16"), (10, 90))
    >>> window.start, window.end
    (10.0, 90.0)
    """
    if not is_array(data):
        message = f"{a_type(data)} has no shape, dtype and []. Make it an array, as with numpy.asarray."
        raise WrongTypeError(Problem("data", message))
    places = tuple(map(number, percentiles)) if isinstance(percentiles, Sequence) else ()
    match places:
        case (int() | float() as low, int() | float() as high) if 0 <= low <= high <= 100:
            values = _sample(data)
            return Window(start=_percentile(values, low), end=_percentile(values, high))
    message = f"{percentiles!r} are not two percentiles. Give two numbers from 0 to 100, the lower first."
    raise InvalidValueError(Problem("percentiles", message))


def _sample(data: Any) -> Any:
    """Some of the finite values of an array, sorted: a NumPy array of one dimension."""
    shape = tuple(int(size) for size in data.shape)
    steps = [1] * len(shape)
    for axis, size in enumerate(shape):
        count = prod(-(-size // step) for size, step in zip(shape, steps, strict=True))
        steps[axis] = max(1, min(size, -(-count // SAMPLE)))
    taken = data[tuple(slice(None, None, step) for step in steps)]
    if not hasattr(taken, "__array__"):  # Dask's, TensorStore's and others' arrays have it, and give NumPy's
        message = f"{a_type(taken)} does not turn into a NumPy array. Make it one, as with numpy.asarray."
        raise WrongTypeError(Problem("data", message))
    values = taken.__array__().reshape(-1)
    if values.dtype.kind == "f":
        values = values[abs(values) < inf]
    if values.dtype.kind not in "biuf":
        raise WrongTypeError(
            Problem("data", f"{values.dtype} has no order. Give real numbers, such as the absolute values.")
        )
    if not len(values):
        raise InvalidValueError(Problem("data", "there is no finite value in it. Give start and end yourself."))
    values = values.copy()
    values.sort()
    return values


def _percentile(ordered: Any, percent: float) -> float:
    place = (len(ordered) - 1) * percent / 100
    below = floor(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (high - low) * (place - below)


def _number(limit: float | None) -> float:
    return 0 if limit is None else limit
