"""Channels: added, renamed, replaced, removed and put in order, across "omero" and all levels in one step.

An image whose "omero" has fewer entries than the channel axis has elements gets entries for the others, named by their
position, as soon as an edit has to know position entry belongs to position element. One with more is refused then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, filterfalse
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import is_sequence, number, truth
from ngff_fn.edits.cascade import cascaded
from ngff_fn.edits.contrast import limits_from, renewed_window
from ngff_fn.edits.rendering import checked_active, default_channel, default_window, dtype_of, with_channel, with_omero
from ngff_fn.edits.slabs import grown, new_slabs, slab_of, slab_region, taken
from ngff_fn.errors import InvalidValueError, NotThereError, OutOfRangeError, Problem, WrongTypeError, counted, refuse
from ngff_fn.records.axes import axis_names, channel_axis
from ngff_fn.records.channel_names import channel_index, channel_names, unknown_channel
from ngff_fn.records.channels import Window
from ngff_fn.records.colors import color_from
from ngff_fn.records.coordinates import is_whole
from ngff_fn.records.image import Image, level_index
from ngff_fn.records.pixels import mosaic
from ngff_fn.records.subject import of_record


@of_record
def add_channel(
    image: Image,
    name: str,
    *,
    data: Any = None,
    color: str | Sequence[int] | None = None,
    window: Window | Mapping[str, float] | None = None,
    active: bool | None = None,
    index: int | None = None,
    resize: bool = True,
) -> Image:
    """The image with one more channel, in "omero" and in every level.

    Parameters
    ----------
    image
        With a channel axis; without "omero" it gets one, whose other channels are named "0", "1" …
    name
        Of the new channel.
    data
        Its pixels: level 0's shape without the channel axis, a dtype that goes into the image's without loss. The
        levels below are made from them, in the shapes they have, by the method that the pyramid names, else mean. None:
        the fill value.
    color
        As for ``set_channel_color``; None: by what is found in the name (GFP 00FF00, DAPI 0000FF …), else FFFFFF.
    window
        As for ``set_contrast_limits``; what it does not say is by the exact name, else the range of the dtype.
    active
        Whether it is shown; None: only if it is the first.
    index
        Its position, from 0 to the number of channels; None: the last.
    resize
        False: an entry in "omero" alone, for a channel axis that is long enough already.

    Raises
    ------
    InvalidValueError
        (a ValueError) for a name that is taken, an image without a channel axis, data that do not fit or that have no
        place (``resize=False``, no level), colors and windows as their own edits refuse them.
    OutOfRangeError, WrongTypeError
        (an IndexError, a TypeError) for an index that is no position, data that are no array.

    >>> from ngff_fn.records.channel_names import channel_names
    >>> from ngff_fn.records.examples import CELLS
    >>> more = add_channel(CELLS, "Cy5", index=1)
    >>> channel_names(more), more.channels[1].color, [level.array.shape for level in more.levels]
    (('DAPI', 'Cy5', 'GFP'), 'FFA500', [(3, 4, 64, 64), (3, 4, 32, 32)])
    """
    axis = _channel_axis(image)
    image = _aligned(image) if truth(resize, "resize") else with_omero(image)
    channels = image.channels or ()
    _refuse_name(image, name, f"omero.channels[{len(channels)}].label")
    place = _position(index, len(channels))
    location = f"omero.channels[{place}]"
    channel = default_channel(name, dtype_of(image), first=place == 0)
    limits = limits_from(window, {}, f"{location}.window")
    channel = evolve(
        channel,
        color=channel.color if color is None else color_from(color, f"{location}.color"),
        window=renewed_window(None, limits, default_window(name, dtype_of(image)), f"{location}.window"),
        active=channel.active if active is None else checked_active(active, f"{location}.active"),
    )
    slabs = new_slabs(image, data, axis) if resize else None
    if data is not None and not slabs:
        cure = "Leave resize out." if image.levels else "Add level 0 with add_level, position takes all channels."
        raise InvalidValueError(Problem("data", f"there is no place for pixels. {cure}"))
    levels = image.levels
    if slabs:
        levels = tuple(grown(level, axis, place, slab) for level, slab in zip(levels, slabs, strict=True))
    return evolve(image, channels=(*channels[:place], channel, *channels[place:]), levels=levels)


@of_record
def rename_channel(image: Image, old: str, new: str) -> Image:
    """The image with another name of one channel; nothing else changes, also not its color and window.

    Parameters
    ----------
    image
        The image; without "omero" it gets one.
    old, new
        The name it has, and gets.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError, a ValueError) where no channel has the name, or another has the new one.

    >>> from ngff_fn.records.channel_names import channel_names
    >>> from ngff_fn.records.examples import CELLS
    >>> channel_names(rename_channel(CELLS, "GFP", "EGFP"))
    ('DAPI', 'EGFP')
    """
    index = channel_index(image, old)
    if not isinstance(new, str) or new != old:
        _refuse_name(image, new, f"omero.channels[{index}].label")
    return with_channel(image, index, label=new)


@of_record
def update_channel(image: Image, name: str, target: int | str, data: Any) -> Image:
    """The image with other pixels of one channel.

    Parameters
    ----------
    image
        The image.
    name
        Of the channel.
    target
        ``"*"``: level 0, and the levels below are made from it, for this channel only. A level's path or index: that
        level alone.
    data
        The target's shape (level 0's for ``"*"``) without the channel axis; a dtype that goes into the image's without
        loss.

    Raises
    ------
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) for a channel or level that is not there.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for data that do not fit, or are no array.

    >>> import numpy
    >>> from ngff_fn.records.examples import CELLS
    >>> brighter = update_channel(CELLS, "GFP", "*", numpy.full((4, 64, 64), 7, "uint8"))
    >>> [type(pixels).__name__ for level in brighter.levels for _, pixels in level.pixels.tiles]
    ['Given', 'Downsample']
    """
    axis, place = _channel_axis(image), channel_index(image, name)
    first = level_index(image, 0 if is_whole(target) else target)
    level = image.levels[first]
    if place >= level.array.shape[axis]:
        message = f"the channel axis has {level.array.shape[axis]} elements, and {name!r} is number {place}."
        raise OutOfRangeError(
            Problem(f"levels[{first}].shape", f"{message} Remove the channel, and add it with its data.")
        )
    slab = slab_of(level, axis, data)
    slabs = cascaded(image, first, slab, along=axis) if is_whole(target) else (slab,)
    levels = list(image.levels)
    for position, made in enumerate(slabs, start=first):
        box = slab_region(levels[position].array.shape, axis, place, place + 1)
        levels[position] = evolve(levels[position], pixels=mosaic(levels[position].pixels, [(box, made)]))
    return evolve(image, levels=tuple(levels))


@of_record
def remove_channel(image: Image, name: str) -> Image:
    """The image without one channel, in "omero" and in every level.

    Parameters
    ----------
    image
        With a channel axis and more than this one channel; without "omero" it gets one, so that the others keep their
        names.
    name
        Of the channel.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError, a ValueError) where no channel has the name; for an image without a channel axis, and for its last
        channel.

    >>> from ngff_fn.records.channel_names import channel_names
    >>> from ngff_fn.records.examples import CELLS
    >>> fewer = remove_channel(CELLS, "DAPI")
    >>> channel_names(fewer), fewer.levels[1].array.shape
    (('GFP',), (1, 4, 32, 32))
    """
    axis, place = _channel_axis(image), channel_index(image, name)
    image = with_omero(image)
    size = _channel_count(image, axis)
    channels = image.channels or ()
    rest = (*channels[:place], *channels[place + 1 :])
    if place >= size:  # an entry without pixels, as resize=False makes it
        return evolve(image, channels=rest)
    if size == 1:
        raise InvalidValueError(Problem("omero.channels", f"{name!r} is the last channel. Add another one first."))
    kept = tuple(position for position in range(size) if position != place)
    return evolve(image, channels=rest, levels=tuple(taken(level, axis, kept) for level in image.levels))


@of_record
def reorder_channels(image: Image, names: Sequence[str]) -> Image:
    """The image with its channels in another order, in "omero" and in every level.

    Parameters
    ----------
    image
        With a channel axis; without "omero" it gets one, so that the channels keep their names.
    names
        All channels, each once, in the order they get.

    Raises
    ------
    NotThereError, InvalidValueError, WrongTypeError
        (a KeyError, a ValueError, a TypeError) for names that no channel has, that are missing or come twice; for an
        image without a channel axis; for what is no list of names.

    >>> from ngff_fn.records.channel_names import channel_names
    >>> from ngff_fn.records.examples import CELLS
    >>> channel_names(reorder_channels(CELLS, ["GFP", "DAPI"]))
    ('GFP', 'DAPI')
    """
    axis = _channel_axis(image)
    image = _aligned(image)
    there = channel_names(image)
    if not is_sequence(names):
        raise WrongTypeError(Problem("names", f"{names!r} is no list of names. Give all channels in their new order."))
    unknown = [name for name in names if name not in there]
    refuse(
        (unknown_channel(name, there, "names") for name in unknown),
        NotThereError,
    )
    if sorted(names) != sorted(there):
        message = f"{', '.join(names)} is not each of {', '.join(there)} once. Give all channels in their new order."
        raise InvalidValueError(Problem("names", message))
    order = tuple(_order(names, there))
    channels = image.channels or ()
    levels = tuple(taken(level, axis, order) for level in image.levels)
    return evolve(image, channels=tuple(channels[position] for position in order), levels=levels)


def _channel_axis(image: Image) -> int:
    axis = channel_axis(image)
    if axis is None:
        message = f"the image has axes {', '.join(axis_names(image))}, none of type channel."
        raise InvalidValueError(Problem("axes", f"{message} Make a new image with a channel axis, and its data."))
    return axis


def _channel_count(image: Image, axis: int) -> int:
    """Elements along the channel axis, of position every level must have as many."""
    counts = [level.array.shape[axis] for level in image.levels] or [0]
    refuse(
        Problem(
            f"levels[{position}].shape",
            f"{size} channels, and level 0 has {counts[0]}. Remove the level with remove_level.",
        )
        for position, size in enumerate(counts)
        if size != counts[0]
    )
    return counts[0]


def _aligned(image: Image) -> Image:
    """The image with one entry in "omero" for each element of the channel axis, where it has pixels."""
    image = with_omero(image)
    channels, size = image.channels or (), _channel_count(image, _channel_axis(image))
    if image.levels and len(channels) > size:
        surplus = ", ".join(channel.label for channel in channels[size:])
        message = f"{len(channels)} entries for {counted(size, 'channel')}."
        cure = f"Remove those without pixels with remove_channel: {surplus}."
        raise InvalidValueError(Problem("omero.channels", f"{message} {cure}"))
    names = filterfalse({channel.label for channel in channels}.__contains__, map(str, count(len(channels))))
    missing = range(len(channels), size)
    made = [default_channel(next(names), dtype_of(image), first=place == 0) for place in missing]
    return evolve(image, channels=(*channels, *made)) if made else image


def _refuse_name(image: Image, name: object, location: str) -> None:
    if not isinstance(name, str):
        raise WrongTypeError(Problem(location, f"{name!r} is no name. Give text."))
    if not name or name in channel_names(image):
        message = "a channel has this name." if name else "a channel cannot have an empty name."
        raise InvalidValueError(Problem(location, f"{name!r}: {message} Give another name."))


def _position(index: int | None, last: int) -> int:
    if index is None:
        return last
    place = number(index)
    if not isinstance(place, int):
        raise WrongTypeError(Problem("index", f"{index!r} is no position. Give an integer from 0 to {last}."))
    if not 0 <= place <= last:
        raise OutOfRangeError(Problem("index", f"there is no position {place}. Give one from 0 to {last}."))
    return place


def _order(names: Sequence[str], there: Sequence[str]) -> Iterator[int]:
    """Where each name was; of several channels with one name, each once."""
    left = dict(enumerate(there))
    for name in names:
        position = next(position for position, label in left.items() if label == name)
        del left[position]
        yield position
