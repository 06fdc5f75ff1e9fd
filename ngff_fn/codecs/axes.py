"""Axes in documents (specification: "axes" of a multiscale)."""

from __future__ import annotations

from functools import lru_cache
from types import NoneType
from typing import Any

from attrs import evolve

from ngff_fn.codecs.parts import Part, others_of, shown
from ngff_fn.frozen_json import EMPTY
from ngff_fn.records.axes import TYPE_OF_NAME, UDUNITS, Axis, axes_problems

_LEAST_SPACE_AXES = 2
_MEMBERS = frozenset({"name", "type", "unit"})
_TEXT = frozenset({str, NoneType})


def read_axis(part: Part, members: dict[str, Any] | None) -> Axis:
    """One axis, from the members of its object (None where it is no object)."""
    if isinstance(part.value, str):
        message = f"is the text {shown(part.value)}, as in OME-NGFF 0.3; an axis is an object with a name."
        part.lenient(message, "axes.name.required")
        return Axis(name=part.value, type=TYPE_OF_NAME.get(part.value.lower()))
    if members is None or members.get("name") is None:
        part.error("has no name that can be read. Give each axis a name.", "axes.name.required", at="name")
        return Axis(name=f"?{part.key}")  # never seen: an error was noted
    axis = Axis(**members)
    if axis.unit is not None and axis.type in UDUNITS and axis.unit not in UDUNITS[axis.type]:
        message = f"{axis.unit!r} is not among the units that the specification lists for axes of type {axis.type}."
        part.note("warning", message, "axes.unit.known", at="unit")
    return axis


def sound_axes(entries: Any) -> tuple[Axis, ...] | None:
    """Axes as they must be; None where ``read_axis`` or ``note_axes`` has to look, which would note something."""
    members: list[Any] = []
    for entry in entries if type(entries) is list else ():
        if type(entry) is not dict or None in entry.values():
            return None
        extra = None if entry.keys() <= _MEMBERS else others_of(entry, _MEMBERS)
        members += entry.get("name"), entry.get("type"), entry.get("unit"), extra
    read = _sound_axes if not any(members[3::4]) else _sound_axes.__wrapped__  # equal maps may differ in their order
    try:
        return read(*members)
    except TypeError:  # of a list where a text should be
        return None


@lru_cache(maxsize=64, typed=True)
def _sound_axes(*members: Any) -> tuple[Axis, ...] | None:
    """Remembered: many images have the very same axes, which are one object then."""
    axes: list[Axis] = []
    for name, kind, unit, extra in zip(*[iter(members)] * 4, strict=True):
        if type(name) is not str or type(kind) not in _TEXT or type(unit) not in _TEXT:
            return None
        if unit is not None and kind in UDUNITS and unit not in UDUNITS[kind]:
            return None
        axes.append(Axis(name=name, type=kind, unit=unit, extra=extra or EMPTY))
    is_noted = axes_problems(axes) or [axis.type for axis in axes].count("space") < _LEAST_SPACE_AXES
    return None if is_noted else tuple(axes)


def note_axes(part: Part, axes: tuple[Axis, ...]) -> None:
    """Note what is wrong with the axes of an image as a whole."""
    for problem in axes_problems(axes):
        # Axes are called by their names; with all else that is wrong an image can be used.
        fatal = problem.rule == "axes.name.unique" or not axes
        part.problems.append(evolve(problem, location=part.location, kind="error" if fatal else "lenient"))
    spaces = sum(axis.type == "space" for axis in axes)
    if spaces < _LEAST_SPACE_AXES:
        part.lenient(f"{spaces} of the axes are of type space; there must be 2 or 3.", "image.axes.space_count")
