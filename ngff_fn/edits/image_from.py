"""An image from an array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.edits.axes import set_unit
from ngff_fn.edits.data_arrays import description_of, is_data_array, with_attrs
from ngff_fn.edits.levels import add_level
from ngff_fn.edits.rendering import default_channel
from ngff_fn.errors import InvalidValueError, Problem, WrongTypeError, counted, refuse
from ngff_fn.records.axes import Axis, axes_from, axis_names, channel_axis
from ngff_fn.records.image import Image


def image_from(
    data: Any,
    *,
    axes: str | Iterable[str | Axis] | None = None,
    channel_names: Sequence[str] | None = None,
    scale: Sequence[float] | Mapping[str, float] | None = None,
    translation: Sequence[float] | Mapping[str, float] | None = None,
    units: Sequence[str | None] | Mapping[str, str | None] | None = None,
    chunks: Sequence[int] | Mapping[str, int] | None = None,
    shards_ratio: Sequence[int] | Mapping[str, int] | None = None,
    codecs: Sequence[str | Mapping[str, Any]] | None = None,
    name: str | None = None,
) -> Image:
    """An image with one level, ``0``, that holds an array; ``with_pyramid`` gives it more.

    Parameters
    ----------
    data
        Anything with shape, dtype and ``[]``, one dimension per axis; it is not read before it is committed. Of an
        ``xarray.DataArray`` its dimensions, coordinates, their units, its name and its ``attrs`` (as attributes of the
        array) are taken, for all that the other arguments do not say.
    axes
        A string such as ``"zyx"``, or names and ``Axis`` records: 2 to 5, time first, then channels, then space.
    channel_names
        One for each channel; without them the image has no "omero", and its channels are called "0", "1" ….
    scale
        Size of an element per axis, in the order of the axes or by name; what is left out is 1.
    translation
        Where the first element lies; default: the origin.
    units
        Per axis, in their order or by name, as in ``set_unit``; default: second and micrometer, and none for an axis of
        a DataArray that has a coordinate without one.
    chunks, shards_ratio, codecs
        As in ``add_level``.
    name
        Of the image.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) with all that is wrong: axes in no valid order, another number of axes or of
        channels than the data have, the same name twice, data without shape, dtype and ``[]``, coordinates that are not
        even.

    >>> import numpy as np
    >>> data = np.zeros((2, 5, 64, 64), "uint16")
    >>> image = image_from(data, axes="czyx", channel_names=["DAPI", "GFP"], scale={"z": 0.25})
    >>> image.levels[0].scale, [channel.label for channel in image.channels]
    ((1.0, 0.25, 1.0, 1.0), ['DAPI', 'GFP'])
    """
    if is_data_array(data):
        said = description_of(data, axes, scale=scale, translation=translation, units=units)
        made = image_from(
            data.variable,
            axes=said.axes,
            channel_names=said.channel_names if channel_names is None else channel_names,
            scale=said.scale,
            translation=said.translation,
            units=said.units,
            chunks=chunks,
            shards_ratio=shards_ratio,
            codecs=codecs,
            name=said.name if name is None else name,
        )
        return evolve(made, levels=(with_attrs(made.levels[0], data.attrs, "data"),))
    if axes is None:
        raise WrongTypeError(Problem("axes", "nothing says what the dimensions are. Give a string, such as 'zyx'."))
    if not (name is None or isinstance(name, str)):
        raise WrongTypeError(Problem("name", f"{name!r} is no text. Give the name of the image as text, or None."))
    empty = Image(axes=axes_from(axes), name=name)
    if units is not None:
        empty = set_unit(empty, _units_by_name(empty, units))
    image = add_level(
        empty,
        "0",
        data,
        chunks=chunks,
        shards_ratio=shards_ratio,
        scale=scale,
        translation=translation,
        codecs=codecs,
    )
    return image if channel_names is None else _with_channels(image, channel_names)


def _units_by_name(image: Image, units: Any) -> Any:
    """Units in the order of the axes, by the names of these."""
    if not is_sequence(units):
        return units
    names = axis_names(image)
    if len(units) != len(names):
        message = f"{counted(len(units), 'unit')} for {len(names)} axes ({', '.join(names)}). Give one for each."
        raise InvalidValueError(Problem("units", message))
    return dict(zip(names, units, strict=True))


def _with_channels(image: Image, names: Any) -> Image:
    """The image of one level with "omero", and new channels in it."""
    axis = channel_axis(image)
    if not is_sequence(names) or not all(isinstance(name, str) for name in names):
        raise WrongTypeError(Problem("channel_names", f"{names!r} is no sequence of names. Give a list of text."))
    problems = [f"the name {name!r} is there twice." for name in sorted(set(names)) if list(names).count(name) > 1]
    array = image.levels[0].array
    if axis is None:
        problems.append(f"the axes {', '.join(axis_names(image))} have no channels. Add an axis c, or leave them out.")
    elif len(names) != array.shape[axis]:
        wrong = f"{counted(len(names), 'name')} for {counted(array.shape[axis], 'channel')}"
        problems.append(f"{wrong}. Give one for each.")
    refuse(Problem("channel_names", problem) for problem in problems)
    channels = (default_channel(name, array.dtype, first=index == 0) for index, name in enumerate(names))
    return evolve(image, channels=tuple(channels))
