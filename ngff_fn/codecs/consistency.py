"""Whether the arrays of an image fit its axes, its channels and each other, in what was read and in what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from ngff_fn.errors import Problem
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image

Where = Callable[[int, str], str]
"""The location of a field of a level, by the level's index and the field's name."""


def array_problems(image: Image, where: Where, channels: str) -> Iterator[Problem]:
    """What is wrong with the arrays; ``channels``: the location of the list of channels."""
    ndim = len(image.axes)
    fitting = True
    for index, level in enumerate(image.levels):
        if len(level.array.shape) != ndim:
            fitting = False
            message = f"the array has {len(level.array.shape)} dimensions, and the image {ndim} axes. They must agree."
            yield Problem(where(index, "shape"), message, rule="axes.ndim")
    if fitting and len(image.levels) > 1:
        yield from _order_problems(image, where)
    if fitting and image.channels is not None:
        yield from _channel_problems(image, image.channels, channels)


def _order_problems(image: Image, where: Where) -> Iterator[Problem]:
    """Larger levels below smaller ones; the paths "MUST be ordered from largest to smallest" (multiscales)."""
    for index, (above, below) in enumerate(pairwise(image.levels), start=1):
        if any(small > large for large, small in zip(above.array.shape, below.array.shape, strict=True)):
            message = f"the array is {below.array.shape}, larger than the {above.array.shape} of the level above."
            yield Problem(where(index, "shape"), message, kind="lenient", rule="image.datasets.order")


def _channel_problems(image: Image, channels: tuple[Channel, ...], location: str) -> Iterator[Problem]:
    if not image.levels:
        return
    axis = channel_axis(image)
    count = 1 if axis is None else image.levels[0].array.shape[axis]
    if len(channels) != count:
        there = "has no channel axis" if axis is None else f"has {count} along the channel axis"
        message = f"{len(channels)} channels are described, and the image {there}."
        yield Problem(location, message, kind="warning", rule="omero.channels.count")
