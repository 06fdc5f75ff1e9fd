"""Parts of images, and images joined: ``crop`` and ``concatenate``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import isclose, prod
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import by_axis
from ngff_fn.edits.cascade import factors_between, method_of
from ngff_fn.edits.fill_values import background
from ngff_fn.edits.labelled import each_label, marked_as_label, unread_labels
from ngff_fn.edits.regions import bounds_by_axis
from ngff_fn.edits.slabs import slab_region
from ngff_fn.errors import (
    InvalidValueError,
    NotThereError,
    Problem,
    UnsupportedError,
    WrongTypeError,
    a_type,
    counted,
    refuse,
)
from ngff_fn.records import pixels as recipes
from ngff_fn.records.axes import Axis, axis_index, axis_names, channel_axis
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.channels import Channel
from ngff_fn.records.coordinates import effective_scale
from ngff_fn.records.image import Image, Labels, Level, Unread
from ngff_fn.records.labels import LABELS
from ngff_fn.records.pixels import Pixels, Region, downsample, fill, mosaic
from ngff_fn.records.subject import items_of, of_record

_TOLERANCE = 1e-6  # of one scale to another, relative: what is lost in writing a number with seven digits


@of_record
def crop(image: Image, axes: Mapping[str, Any] | None = None, /, **by_name: Any) -> Image:
    """A box of the image: of every level, and of the channels.

    Scales stay; translations move, so that every element stays where it is. On block borders (a start, and a stop or
    the end, that are multiples of the factors) levels are selected; others are made again from the level above, by the
    method that the multiscale names, else mean.

    Parameters
    ----------
    image
        Its label images are cropped with it.
    axes, by_name
        For each axis by its name, as a mapping or as keywords, a ``slice`` or (start, stop) in elements of level 0;
        what is left out stays whole. Negative numbers and None mean what they mean in Python; nothing is clipped.

    Raises
    ------
    OutOfRangeError
        (an IndexError) for a box that is not within the image.
    NotThereError
        (a KeyError) for an axis that is not there.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for an empty box, a step other than 1, what is no range; an image without levels.
    UnsupportedError
        Where labels would have to follow, and cannot be read.

    >>> from ngff_fn.records.examples import CELLS
    >>> part = crop(CELLS, c=(1, 2), y=(16, 48), x=slice(8, None))
    >>> [(level.array.shape, level.translation) for level in part.levels]
    [((1, 4, 32, 56), (0.0, 0.0, 4.0, 2.0)), ((1, 4, 16, 28), (0.0, 0.0, 4.125, 2.125))]
    >>> [channel.label for channel in part.channels]
    ['GFP']
    """
    entries, problems = by_axis(image, "region", axes, by_name)
    refuse(problems, NotThereError)
    if not image.levels:
        raise InvalidValueError(Problem("levels", "the image has no level 0. Add one with add_level."))
    shape = image.levels[0].array.shape
    region = bounds_by_axis(image, entries, shape, "region")
    cut = [axis for axis, bounds in enumerate(region) if bounds != (0, shape[axis])]
    if not cut:
        return image
    names, channels = axis_names(image), channel_axis(image)
    refuse(
        Problem(f"region, axis {names[axis]}", "nothing is left. Take at least one element.")
        for axis in cut
        if region[axis][0] == region[axis][1]
    )
    boxes = {names[axis]: (region[axis], shape[axis]) for axis in cut if axis != channels}
    if boxes:
        image = each_label(image, lambda label: _cropped_label(label, boxes))
    kept = image.channels
    if kept is not None and channels in cut:
        kept = kept[slice(*region[channels])]
    return evolve(image, levels=_cropped(image, region, cut), channels=kept)


def _cropped_label(label: Image, boxes: Mapping[str, tuple[tuple[int, int], int]]) -> Image:
    """The same box of a label image; an axis of one element stays."""
    if not label.levels:
        return label
    has = dict(zip(axis_names(label), label.levels[0].array.shape, strict=True))
    strange = [name for name, (_, size) in boxes.items() if has.get(name, 1) not in (1, size)]
    message = "elements, and the image has {}: nobody knows which of them lie in the box. Mend the labels first."
    refuse(
        Problem(f"levels[0].shape, axis {name}", f"{has[name]} {message.format(boxes[name][1])}") for name in strange
    )
    return crop(label, {name: box for name, (box, size) in boxes.items() if has.get(name) == size})


def _cropped(image: Image, region: Region, cut: list[int]) -> tuple[Level, ...]:
    """The levels of a box, each selected as long as its borders are the box's, then made from the one above."""
    first = image.levels[0]
    same = all(level.array.shape[axis] == first.array.shape[axis] for level in image.levels for axis in cut)
    steps = None if same else factors_between(image)
    totals = [(1,) * len(region)] * len(image.levels)
    if steps is not None:
        totals = list(accumulate(steps, lambda total, step: tuple(map(int.__mul__, total, step)), initial=totals[0]))
    made: list[Level] = []
    for level, factors in zip(image.levels, totals, strict=True):
        box = _scaled(region, factors, first.array.shape, level.array.shape)
        if box is not None:
            pixels = recipes.crop(level.pixels, box)
            offset = [start * size for (start, _), size in zip(box, level.scale, strict=True)]
        else:
            step = factors_between(image)[len(made) - 1]
            shape = tuple(-(-size // factor) for size, factor in zip(made[-1].array.shape, step, strict=True))
            pixels = downsample(made[-1].pixels, step, method_of(image), shape)
            offset = [start * size for (start, _), size in zip(region, first.scale, strict=True)]
        array = evolve(level.array, shape=pixels.shape)
        made.append(evolve(level, array=array, pixels=pixels, translation=_moved(image, level, offset)))
    return tuple(made)


def _scaled(region: Region, factors: tuple[int, ...], shape: tuple[int, ...], lower: tuple[int, ...]) -> Region | None:
    """A box of level 0 as the box of a lower level that is made of it alone; None where there is no such box."""
    box: list[tuple[int, int]] = []
    for (start, stop), factor, size, smaller in zip(region, factors, shape, lower, strict=True):
        end = smaller if stop == size else stop // factor
        if start % factor or (stop % factor and stop != size) or not start // factor < end <= smaller:
            return None
        box.append((start // factor, end))
    return tuple(box)


def _moved(image: Image, level: Level, offset: list[float]) -> tuple[float, ...] | None:
    """Where a level begins when so much is cut off before; channels have no place."""
    channels = channel_axis(image)
    moves = [0.0 if axis == channels else by for axis, by in enumerate(offset)]
    if not any(moves):
        return level.translation
    origin = level.translation or (0.0,) * len(moves)
    return tuple(start + by for start, by in zip(origin, moves, strict=True))


def concatenate(images: Iterable[Image], *, axis: str) -> Image:
    """Images one after the other along an axis, as one.

    Name, translation, chunks, codecs, and the number of levels are those of the first. Levels are joined where each
    image but the last ends on a block border, and all agree; others are made again from the level above, by the method
    that the first names, else mean.

    Parameters
    ----------
    images
        One or more, with the same axes and units, dtype, scale, and shape of level 0 along the other axes.
    axis
        The name of the axis. Along channels, the channels are joined as well; else all have the same.

    Raises
    ------
    InvalidValueError
        (a ValueError) with all in which the images do not agree, channel names that are there twice, no images.
    NotThereError
        (a KeyError) for an axis that is not there.
    WrongTypeError
        (a TypeError) for what is no image.
    UnsupportedError
        For labels that cannot be read.

    >>> from ngff_fn.records.examples import CELLS
    >>> longer = concatenate([CELLS, CELLS], axis="z")
    >>> [level.array.shape for level in longer.levels]
    [(2, 8, 64, 64), (2, 8, 32, 32)]
    """
    listed = items_of(images)
    if listed is None:
        raise WrongTypeError(Problem("images", f"{a_type(images)} is no list of images. Put them into one."))
    parts: tuple[Image, ...] = tuple(listed)
    if not parts or not all(isinstance(part, Image) for part in parts):
        strange = ", ".join(sorted({type(part).__name__ for part in parts if not isinstance(part, Image)}))
        message = (
            f"there is {strange} among them. Give Image records." if parts else "there are none. Give one or more."
        )
        raise (WrongTypeError if parts else InvalidValueError)(Problem("images", message))
    first = parts[0]
    along = axis_index(first, axis)
    refuse(problem for number, part in enumerate(parts) for problem in _disagreements(first, part, along, number))
    if len(parts) == 1:
        return first
    joins_channels = along == channel_axis(first)
    channels = _joined_channels(parts) if joins_channels else first.channels
    labels = first.labels if joins_channels else _joined_labels(parts, axis)
    return evolve(first, levels=_joined(parts, along), channels=channels, labels=labels)


def _joined_labels(parts: tuple[Image, ...], axis: str) -> Labels | None:
    """The label images joined as their images are; all have the same ones."""
    listed = [
        () if part.labels is None else part.labels.images for part in parts if not isinstance(part.labels, Unread)
    ]
    if len(listed) < len(parts) or any(isinstance(label.image, Unread) for labels in listed for label in labels):
        raise UnsupportedError(unread_labels(LABELS))
    names = [{label.path for label in labels} for labels in listed]
    message = "{} are not the labels of the first, {}. Add what is missing with add_label, or take detach(image)."
    refuse(
        Problem(f"images[{number}].labels", message.format(*(", ".join(sorted(n)) or "none" for n in (has, names[0]))))
        for number, has in enumerate(names)
        if has != names[0]
    )
    first = parts[0].labels
    if not isinstance(first, Labels):
        return None
    by_name = [{label.path: label.image for label in labels} for labels in listed]
    images = [evolve(label, image=_one_label([each[label.path] for each in by_name], axis)) for label in first.images]
    return evolve(first, images=tuple(images))


def _one_label(images: list[Any], axis: str) -> Image:
    joined = concatenate([marked_as_label(image) for image in images], axis=axis)
    return evolve(joined, image_label=images[0].image_label)


def _disagreements(first: Image, part: Image, along: int, number: int) -> list[Problem]:
    """Everything in which an image does not fit to the first."""
    here = f"images[{number}]"
    if not part.levels:
        return [Problem(f"{here}.levels", "the image has no level 0. Add one with add_level.")]
    if [_meaning(axis) for axis in part.axes] != [_meaning(axis) for axis in first.axes]:
        axes = [", ".join(f"{axis.name} ({axis.unit})" for axis in image.axes) for image in (part, first)]
        message = f"{axes[0]} are not the axes of the first, {axes[1]}. Rename them, or set their units."
        return [Problem(f"{here}.axes", message)]
    if not first.levels:
        return []
    problems: list[Problem] = []
    array, other = part.levels[0].array, first.levels[0].array
    names, channels = axis_names(first), channel_axis(first)
    if array.dtype != other.dtype:
        message = f"{array.dtype} is not the dtype of the first, {other.dtype}. Convert one with astype."
        problems.append(Problem(f"{here}.levels[0].dtype", message))
    for index, (name, size, wanted) in enumerate(zip(names, array.shape, other.shape, strict=True)):
        if index != along and size != wanted:
            message = f"{size} elements along {name}, and the first has {wanted}. Crop one of them."
            problems.append(Problem(f"{here}.levels[0].shape", message))
    scales = zip(names, effective_scale(part, 0), effective_scale(first, 0), strict=True)
    for index, (name, scale, other_scale) in enumerate(scales):
        if index != channels and not isclose(scale, other_scale, rel_tol=_TOLERANCE):
            message = f"{scale} along {name}, and the first has {other_scale}. Set one with set_scale."
            problems.append(Problem(f"{here}.levels[0].scale", message))
    labels = [channel_names(image) for image in (part, first)]
    if along != channels and None not in (part.channels, first.channels) and labels[0] != labels[1]:
        message = (
            f"{', '.join(labels[0])} are not the channels of the first, {', '.join(labels[1])}. Rename or reorder them."
        )
        problems.append(Problem(f"{here}.channels", message))
    if along == channels and len(labels[0]) != array.shape[along]:
        message = f"{counted(len(labels[0]), 'name')} for {counted(array.shape[along], 'channel')}. Name each."
        problems.append(Problem(f"{here}.channels", message))
    return problems


def _meaning(axis: Axis) -> tuple[str, str | None, str | None]:
    return axis.name.lower(), axis.type, axis.unit


def _joined_channels(parts: tuple[Image, ...]) -> tuple[Channel, ...] | None:
    """All channels; None where no image has "omero"."""
    if all(part.channels is None for part in parts):
        return None
    joined: list[Channel] = []
    for part in parts:
        joined += part.channels or [Channel(label=name) for name in channel_names(part)]
    labels = [channel.label for channel in joined]
    refuse(
        Problem("channels", f"the name {label!r} is there {labels.count(label)} times. Rename all but one.")
        for label in sorted(set(labels))
        if labels.count(label) > 1
    )
    return tuple(joined)


def _joined(parts: tuple[Image, ...], along: int) -> tuple[Level, ...]:
    """The levels of all images, joined as long as they meet at block borders, then made from the one above."""
    first = parts[0]
    made: list[Level] = []
    joinable = True
    for number, level in enumerate(first.levels):
        joinable = joinable and _meet(parts, number, along)
        if joinable:
            pixels = _side_by_side([part.levels[number] for part in parts], along)
        else:
            step = factors_between(first)[number - 1]
            shape = list(level.array.shape)
            shape[along] = -(-made[-1].array.shape[along] // step[along])
            pixels = downsample(made[-1].pixels, step, method_of(first), shape)
        made.append(evolve(level, array=evolve(level.array, shape=pixels.shape), pixels=pixels))
    return tuple(made)


def _side_by_side(levels: list[Level], along: int) -> Pixels:
    stops = list(accumulate(level.array.shape[along] for level in levels))
    shape = (*levels[0].array.shape[:along], stops[-1], *levels[0].array.shape[along + 1 :])
    tiles = [
        (slab_region(shape, along, stop - level.array.shape[along], stop), level.pixels)
        for level, stop in zip(levels, stops, strict=True)
    ]
    return mosaic(fill(shape, background(levels[0].array)), tiles)


def _meet(parts: tuple[Image, ...], number: int, along: int) -> bool:
    """Whether one level of all images, side by side, is that level of the images side by side."""
    if number == 0:
        return True
    if len({len(part.levels) for part in parts}) > 1:
        return False
    arrays = [part.levels[number].array for part in parts]
    if len({(array.dtype, array.shape[:along], array.shape[along + 1 :]) for array in arrays}) > 1:
        return False
    factors = {_factor_along(part, number, along) for part in parts}
    factor = factors.pop()
    if factors or factor is None:
        return False
    sizes = [(part.levels[0].array.shape[along], array.shape[along]) for part, array in zip(parts, arrays, strict=True)]
    *others, (last, end) = sizes
    return all(size == smaller * factor for size, smaller in others) and end in (last // factor, -(-last // factor))


def _factor_along(image: Image, number: int, along: int) -> int | None:
    """How many elements of level 0 became one of a level, along one axis; None where that is no whole number."""
    first, level = image.levels[0], image.levels[number]
    if (level.array.shape[along], level.scale[along]) == (first.array.shape[along], first.scale[along]):
        return 1
    try:
        return prod(step[along] for step in factors_between(image)[:number])
    except InvalidValueError:
        return None
