"""What an ``xarray.DataArray`` says of itself beside its pixels, without importing xarray: it is asked, not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from ngff_fn.edits.arguments import is_array, number
from ngff_fn.edits.arrays import refuse_together
from ngff_fn.edits.extra import set_extra
from ngff_fn.edits.grids import step_of
from ngff_fn.errors import InvalidValueError, NgffError, Problem, WrongTypeError, a_type
from ngff_fn.records.axes import Axis, axes_from, channel_axis
from ngff_fn.records.image import Image, Level

STEP = "step"
"""The attribute of a coordinate that says its step where its values alone do not."""


def is_data_array(data: object) -> bool:
    """Whether something has what is asked of a DataArray: an array with ``dims``, ``coords`` and ``attrs``."""
    return is_array(data) and all(hasattr(data, name) for name in ("dims", "coords", "attrs", "variable"))


def dims_of(data_array: Any, location: str) -> tuple[str, ...]:
    """The names of its dimensions; refused where they are no texts."""
    dims = tuple(data_array.dims)
    if not all(isinstance(dim, str) for dim in dims):
        message = f"{dims!r} are not names. Rename the dimensions to those of axes, such as 'z', 'y', 'x'."
        raise WrongTypeError(Problem(f"{location}.dims", message))
    return dims


@frozen(kw_only=True)
class Coordinate:
    """What a DataArray says of one of its dimensions.

    Parameters
    ----------
    values
        A number or a text for each element; None where it says nothing.
    dtype
        Of the values.
    unit
        As it is spelled there; None where there is none.
    step
        What the attribute ``step`` says; None where there is none.
    location
        What it is called in a refusal.
    """

    values: tuple[Any, ...] | None
    dtype: str
    unit: str | None
    step: float | None
    location: str

    def problem(self, message: str) -> Problem:
        """Something that is wrong with it."""
        return Problem(self.location, message)


def coordinate_of(data_array: Any, dim: str, location: str) -> Coordinate:
    """The coordinate of a dimension, or a coordinate without one, of that name.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for one that has several dimensions, or a unit that is no text.
    """
    where = f"{location}.coords[{dim!r}]"
    if dim not in data_array.coords:
        return Coordinate(values=None, dtype="", unit=None, step=None, location=where)
    found = data_array.coords[dim]
    if len(found.dims) > 1:
        raise InvalidValueError(Problem(where, f"it has the dimensions {found.dims}. Leave it out, or make it one."))
    dtype = str(found.dtype)
    if dtype.startswith(("datetime", "timedelta")):
        cure = "Make it numbers in the unit of the axis, such as seconds from the start."
        raise WrongTypeError(Problem(where, f"it is of {dtype}, and OME-NGFF has numbers only. {cure}"))
    unit = found.attrs.get("units")
    if not (unit is None or isinstance(unit, str)):
        raise WrongTypeError(Problem(f"{where}.attrs['units']", f"{a_type(unit)} is no name of a unit. Give text."))
    values = found.values.tolist()
    step = number(found.attrs.get(STEP))
    return Coordinate(
        values=tuple(values) if isinstance(values, list) else (values,),
        dtype=dtype,
        unit=unit or None,
        step=None if step is None or step <= 0 else float(step),
        location=where,
    )


def numbers_of(coordinate: Coordinate) -> tuple[float, ...]:
    """Its values, all of them finite numbers.

    Raises
    ------
    InvalidValueError
        With the first that is none.
    """
    numbers = tuple(map(number, coordinate.values or ()))
    for value, plain in zip(coordinate.values or (), numbers, strict=True):
        if plain is None:
            raise InvalidValueError(coordinate.problem(f"{value!r} is no finite number. Give one for each element."))
    return tuple(float(plain) for plain in numbers if plain is not None)


def start_and_step(coordinate: Coordinate, *, is_single: bool = False) -> tuple[float | None, float | None]:
    """Where the first element lies, and how far the next: a translation and a scale; None for what nothing says.

    A step that the attribute ``step`` says counts where the values bear it out; of a single value, nothing else does.

    Parameters
    ----------
    coordinate
        Of numbers.
    is_single
        Whether the start alone is asked for.

    Raises
    ------
    InvalidValueError
        Where the values are not even, or do not ascend.
    """
    values = numbers_of(coordinate)
    if not values:
        return None, coordinate.step
    if is_single or len(values) == 1 or (coordinate.step is not None and _is_of_step(values, coordinate.step)):
        return values[0], coordinate.step
    step = step_of(values, coordinate.dtype)
    if step is None:
        cure = "Put the elements on an even grid and sort them, as with interp and sortby."
        raise InvalidValueError(coordinate.problem(f"the values do not ascend in even steps. {cure}"))
    return values[0], step


def _is_of_step(values: tuple[float, ...], step: float) -> bool:
    return all(values[0] + step * index == value for index, value in enumerate(values))


def with_attrs(level: Level, attrs: Mapping[Any, Any], location: str) -> Level:
    """A level whose array has the attributes of a DataArray; those that these do not name stay.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) with all that no document can have.
    """
    problems: list[Problem] = []
    for key, value in attrs.items():
        plain = value.tolist() if hasattr(value, "tolist") else value
        try:
            level = set_extra(level, key, plain)
        except NgffError as refusal:
            problems += (evolve(problem, location=f"{location}.attrs[{key!r}]") for problem in refusal.problems)
    if problems:
        raise InvalidValueError(*problems)
    return level


@frozen(kw_only=True, eq=False)
class Description:
    """Everything that an image from a DataArray is made with, but the pixels."""

    axes: tuple[Axis, ...]
    channel_names: tuple[str, ...] | None
    scale: Any
    translation: Any
    units: Any
    name: str | None


def description_of(data: Any, axes: Any, *, scale: Any, translation: Any, units: Any) -> Description:
    """What a DataArray says, where the arguments do not say it.

    Parameters
    ----------
    data
        The DataArray.
    axes, scale, translation, units
        As for ``image_from``; the axes stand for the dimensions in their order.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) with all that is wrong with the coordinates that are needed.
    """
    dims = dims_of(data, "data")
    named = axes_from(dims if axes is None else axes)
    channels = channel_axis(Image(axes=named))
    scales, translations, of_units = {}, {}, {}
    names: tuple[str, ...] | None = None
    refusals: list[NgffError] = []
    for place, (axis, dim) in enumerate(zip(named, dims, strict=False)):  # how many there must be, add_level says
        if _has(scale, axis) and _has(translation, axis) and _has(units, axis):
            continue
        try:
            coordinate = coordinate_of(data, dim, "data")
            if place == channels:
                names = _names_in(coordinate)
            elif coordinate.values is not None:
                of_units[axis.name] = coordinate.unit
                if not (_has(scale, axis) and _has(translation, axis)):
                    start, step = start_and_step(coordinate, is_single=_has(scale, axis))
                    translations[axis.name] = 0.0 if start is None else start
                    scales[axis.name] = 1.0 if step is None else step
        except NgffError as refusal:
            refusals.append(refusal)
    refuse_together(refusals)
    return Description(
        axes=named,
        channel_names=names,
        scale=_merged(scale, scales),
        translation=_merged(translation, translations)
        if translation is not None or any(translations.values())
        else None,
        units=_merged(units, of_units),
        name=data.name if isinstance(data.name, str) and data.name else None,
    )


def _has(given: Any, axis: Axis) -> bool:
    """Whether an argument says something for an axis: a sequence does for all of them."""
    if not isinstance(given, Mapping):
        return given is not None
    return axis.name.lower() in {str(name).lower() for name in given}


def _merged(given: Any, found: dict[str, Any]) -> Any:
    """What was given, by axis, before what was found; a sequence says it all."""
    if not isinstance(given, Mapping):
        return found if given is None else given
    said = {str(name).lower() for name in given}
    return {**{name: value for name, value in found.items() if name.lower() not in said}, **given}


def _names_in(coordinate: Coordinate) -> tuple[str, ...] | None:
    """Names of channels; None where they only count, as channels without names do."""
    names = tuple(map(str, coordinate.values or ()))
    return names if names and names != tuple(map(str, range(len(names)))) else None
