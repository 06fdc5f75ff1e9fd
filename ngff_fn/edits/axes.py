"""Axes: what they are called, and what they are measured in. Labels have axes of their own, which stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from ngff_fn.edits.arguments import by_axis
from ngff_fn.edits.labelled import with_labels_along
from ngff_fn.errors import InvalidValueError, NotThereError, Problem, WrongTypeError, refuse
from ngff_fn.records.axes import axis_index, axis_names, channel_axis, unit_name
from ngff_fn.records.image import Image
from ngff_fn.records.subject import of_record


@of_record
def rename_axis(image: Image, old: str, new: str) -> Image:
    """The image with another name of an axis; its type and unit stay.

    An axis without a type that is the channel axis by its name, c, becomes one by its type.

    Parameters
    ----------
    image
        The image.
    old
        The name it has, matched without case.
    new
        The name it gets, as it shall be spelled.

    Raises
    ------
    NotThereError
        (a KeyError) where no axis has the name.
    InvalidValueError
        (a ValueError) where another axis has the new name, or it is empty. Specification ("axes"): "The value MUST be
        unique across all entries."

    >>> from ngff_fn.records.axes import axis_names
    >>> from ngff_fn.records.examples import CELLS
    >>> axis_names(rename_axis(CELLS, "z", "depth"))
    ('c', 'depth', 'y', 'x')
    """
    index = axis_index(image, old)
    others = axis_names(image)[:index] + axis_names(image)[index + 1 :]
    if not isinstance(new, str):
        raise WrongTypeError(Problem(f"axes[{index}].name", f"{new!r} is no name. Give text."))
    if not new or new.lower() in others:
        message = f"{new!r} is the name of another axis." if new else "an axis cannot have an empty name."
        raise InvalidValueError(Problem(f"axes[{index}].name", f"{message} Give another name."))
    axis = image.axes[index]
    kind = "channel" if channel_axis(image) == index and new.lower() != "c" else axis.type
    renamed = evolve(axis, name=new, type=kind)
    return with_labels_along(image, evolve(image, axes=(*image.axes[:index], renamed, *image.axes[index + 1 :])))


@of_record
def set_unit(image: Image, units: Mapping[str, str | None] | None = None, /, **axes: str | None) -> Image:
    """The image with other units of its axes. No number changes.

    Specification ("axes"): units SHOULD be UDUNITS names. So ``um``, ``µm`` and ``micron`` are stored as
    ``micrometer``; what is not known is stored as it is given.

    Parameters
    ----------
    image
        The image.
    units, axes
        By axis name; None: the axis has no unit.

    Raises
    ------
    NotThereError, WrongTypeError
        (a KeyError for an axis that is not there, else a TypeError) for what is neither text nor None.

    >>> from ngff_fn.records.examples import CELLS
    >>> [axis.unit for axis in set_unit(CELLS, z="nm", y="µm", x=None).axes]
    [None, 'nanometer', 'micrometer', None]
    """
    wanted, problems = by_axis(image, "axes", units, axes)
    refuse(problems, NotThereError)
    no_text = [
        index for index, unit in wanted.items() if unit is not None and not (isinstance(unit, str) and unit.strip())
    ]
    message = "{!r} is no unit. Give its name, or None for no unit."
    refuse((Problem(f"axes[{index}].unit", message.format(wanted[index])) for index in no_text), WrongTypeError)
    renewed = list(image.axes)
    for index, unit in wanted.items():
        axis = renewed[index]
        if axis.unit != unit:
            renewed[index] = evolve(axis, unit=None if unit is None else unit_name(unit, axis.type))
    return with_labels_along(image, evolve(image, axes=tuple(renewed)))
