"""Axes: what the dimensions of an image mean (specification: "axes" metadata)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from ngff_fn.errors import InvalidValueError, NotThereError, Problem, WrongTypeError, refuse
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.subject import items_of, of_record

if TYPE_CHECKING:
    from ngff_fn.records.image import Image


@frozen(kw_only=True)
class Axis:
    """One dimension of an image.

    Parameters
    ----------
    name
        As the document spells it; questions and edits match it without case.
    type
        ``space``, ``time``, ``channel`` or a custom one; None where the document has none.
    unit
        A UDUNITS name such as ``micrometer`` or ``second``.
    extra
        Keys of the axis that this library does not know.
    """

    name: str
    type: str | None = None
    unit: str | None = None
    extra: FrozenMap = field(default=EMPTY)


TYPE_OF_NAME = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
DEFAULT_UNIT = {"time": "second", "space": "micrometer"}

# "Units SHOULD be one of the following strings, which are valid units according to UDUNITS-2" (0.4 and 0.5, "axes").
UDUNITS = {
    "space": frozenset(
        [
            "angstrom",
            "attometer",
            "centimeter",
            "decimeter",
            "exameter",
            "femtometer",
            "foot",
            "gigameter",
            "hectometer",
            "inch",
            "kilometer",
            "megameter",
            "meter",
            "micrometer",
            "mile",
            "millimeter",
            "nanometer",
            "parsec",
            "petameter",
            "picometer",
            "terameter",
            "yard",
            "yoctometer",
            "yottameter",
            "zeptometer",
            "zettameter",
        ]
    ),
    "time": frozenset(
        [
            "attosecond",
            "centisecond",
            "day",
            "decisecond",
            "exasecond",
            "femtosecond",
            "gigasecond",
            "hectosecond",
            "hour",
            "kilosecond",
            "megasecond",
            "microsecond",
            "millisecond",
            "minute",
            "nanosecond",
            "petasecond",
            "picosecond",
            "second",
            "terasecond",
            "yoctosecond",
            "yottasecond",
            "zeptosecond",
            "zettasecond",
        ]
    ),
}
_SHORT = {
    "space": {
        "m": "meter", "dm": "decimeter", "cm": "centimeter", "mm": "millimeter", "um": "micrometer",
        "µm": "micrometer", "μm": "micrometer", "micron": "micrometer", "microns": "micrometer",
        "nm": "nanometer", "pm": "picometer", "å": "angstrom", "km": "kilometer", "in": "inch", "ft": "foot",
    },
    "time": {
        "s": "second", "sec": "second", "secs": "second", "ms": "millisecond", "us": "microsecond",
        "µs": "microsecond", "μs": "microsecond", "ns": "nanosecond", "ps": "picosecond",
        "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour", "d": "day",
    },
}  # fmt: skip


def unit_name(unit: str, axis_type: str | None = None) -> str:
    """The UDUNITS name of a unit; what is not known stays as it is.

    >>> unit_name("µm"), unit_name("microns"), unit_name("Micrometre"), unit_name("seconds"), unit_name("pixel")
    ('micrometer', 'micrometer', 'micrometer', 'second', 'pixel')
    """
    kinds = (axis_type,) if axis_type in _SHORT else ("space", "time")
    lowered = unit.strip().lower()
    american = lowered.replace("metre", "meter")
    for kind in kinds:
        if kind is None:
            continue
        if lowered in _SHORT[kind]:
            return _SHORT[kind][lowered]
        for candidate in (american, american.removesuffix("s")):
            if candidate in UDUNITS[kind]:
                return candidate
    return unit


def axes_from(axes: str | Iterable[str | Axis]) -> tuple[Axis, ...]:
    """Axis records from names: t, c, z, y and x get their type, and the default unit second or micrometer.

    Parameters
    ----------
    axes
        A string such as ``"tczyx"``, or names and ``Axis`` records.

    Raises
    ------
    InvalidValueError
        Where a name appears twice, or the axes are not 2 to 5, or no valid order (specification, "axes").
    WrongTypeError
        (a TypeError) for what is neither names nor ``Axis`` records.

    >>> [(axis.name, axis.type, axis.unit) for axis in axes_from("cyx")]
    [('c', 'channel', None), ('y', 'space', 'micrometer'), ('x', 'space', 'micrometer')]
    """
    listed = None if isinstance(axes, Mapping | bytes) else items_of(axes)
    refuse(
        (
            Problem("axes", f"{axis!r} is neither a name nor an Axis. Give names, as in 'czyx' or ['z', 'y', 'x'].")
            for axis in ([axes] if listed is None else listed)
            if not isinstance(axis, str | Axis)
        ),
        WrongTypeError,
    )
    made = tuple(axis if isinstance(axis, Axis) else _axis_of_name(axis) for axis in listed or ())
    refuse(axes_problems(made))
    return made


def _axis_of_name(name: str) -> Axis:
    kind = TYPE_OF_NAME.get(name.lower())
    return Axis(name=name, type=kind, unit=DEFAULT_UNIT.get(kind) if kind else None)


DEFAULT_AXES = tuple(map(_axis_of_name, "TCZYX"))
"""T (second), C, Z, Y, X (micrometer): what a new store has where nothing else is said."""

_RANK = {"time": 0, "space": 2}  # channel, custom and null types stand between
_MIN_AXES, _MAX_AXES = 2, 5


def axes_problems(axes: Sequence[Axis]) -> list[Problem]:
    """Everything that makes axes invalid for an image.

    Specification (0.4 and 0.5, "multiscales"): "The length of "axes" must be equal to the dimensionality of the
    arrays",
    2 to 5; "MUST contain 2 or 3 entries of "type:space" and MAY contain one additional entry of "type:time" and MAY
    contain one additional entry of "type:channel" or a null / custom type. The order of the entries MUST be: time
    first, then channel or custom, then space".

    >>> [str(problem) for problem in axes_problems(tuple(map(_axis_of_name, "xty")))]
    ['axes: the order is x, t, y; time comes first, then channel or custom axes, then space. Reorder them.']
    """
    problems: list[Problem] = []
    names = [axis.name.lower() for axis in axes]
    if not _MIN_AXES <= len(axes) <= _MAX_AXES:
        cure = "An image has 2 to 5."
        problems.append(Problem("axes", f"there are {len(axes)} axes. {cure}", rule="image.axes.count"))
    if len(set(names)) < len(names):
        problems += [
            Problem("axes", f"the name {name!r} appears twice. Rename one.", rule="axes.name.unique")
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
    kinds = [axis.type for axis in axes]
    for kind, most, rule in (("time", 1, "image.axes.time_count"), ("space", 3, "image.axes.space_count")):
        if kinds.count(kind) > most:
            message = f"there are {kinds.count(kind)} axes of type {kind}; at most {most} may be. Leave some out."
            problems.append(Problem("axes", message, rule=rule))
    ranks = [_RANK.get(kind or "", 1) for kind in kinds]
    if ranks != sorted(ranks):
        message = f"the order is {', '.join(names)}; time comes first, then channel or custom axes, then space."
        problems.append(Problem("axes", f"{message} Reorder them.", rule="image.axes.order"))
    return problems


@of_record
def axis_names(image: Image) -> tuple[str, ...]:
    """The names of the axes, lower-case, in the order of the array's dimensions.

    >>> from ngff_fn.records.image import Image
    >>> axis_names(Image(axes=DEFAULT_AXES))
    ('t', 'c', 'z', 'y', 'x')
    """
    return tuple([axis.name.lower() for axis in image.axes])


@of_record
def axis_index(image: Image, name: str) -> int:
    """The dimension of an axis, matched without case.

    Raises
    ------
    NotThereError
        (a KeyError) where no axis has the name.

    >>> from ngff_fn.records.image import Image
    >>> axis_index(Image(axes=DEFAULT_AXES), "z")
    2
    """
    names = axis_names(image)
    if not isinstance(name, str):
        raise InvalidValueError(Problem("axes", f"an axis is called by its name, not by {name!r}."))
    if name.lower() not in names:
        raise NotThereError(Problem("axes", f"the image has axes {', '.join(names)}; no axis {name!r}."))
    return names.index(name.lower())


def channel_axis(image: Image) -> int | None:
    """The dimension of the channel axis: the one of type channel, else the one called c; None where there is none."""
    for index, axis in enumerate(image.axes):
        if axis.type == "channel":
            return index
    for index, axis in enumerate(image.axes):
        if axis.name.lower() == "c" and axis.type is None:
            return index
    return None
