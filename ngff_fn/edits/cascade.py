"""Levels that follow the one above them: by which factors, by which method, and with which recipes."""

from __future__ import annotations

from itertools import pairwise

from ngff_fn.errors import Problem, refuse
from ngff_fn.records.axes import axis_names, channel_axis
from ngff_fn.records.image import Image, Level
from ngff_fn.records.pixels import METHODS, Method, Pixels, downsample

# How other programs call, in "type", what these methods do.
SYNONYMS: dict[str, Method] = {
    "average": "mean", "area": "mean", "local_mean": "mean", "box": "mean", "linear": "mean", "gaussian": "mean",
    "itkwasm_bin_shrink": "mean", "itk_bin_shrink": "mean",
    "nearest": "stride", "dask_image_nearest": "stride", "subsample": "stride", "decimate": "stride",
    "loci.common.image.simpleimagescaler": "stride",
    "majority": "mode", "dask_image_mode": "mode", "itkwasm_label_image": "mode",
    "minimum": "min", "maximum": "max",
}  # fmt: skip


METHODS_OF_LABELS: tuple[Method, ...] = ("mode", "stride", "min", "max")
"""Those that give one of the values that they are given."""


def method_of(image: Image) -> Method:
    """The method that the multiscale names (its ``type``, also as other programs call it), else mean.

    Of a label image one that makes no values that no element has: what it names, if that is one, else mode.

    >>> from ngff_fn.records.axes import axes_from
    >>> [method_of(Image(axes=axes_from("yx"), method=name)) for name in ("median", "nearest", "lanczos", None)]
    ['median', 'stride', 'mean', 'mean']
    """
    name = (image.method or "").lower()
    method: Method = name if name in METHODS else SYNONYMS.get(name, "mean")
    return "mode" if image.image_label is not None and method not in METHODS_OF_LABELS else method


def factors_between(image: Image) -> tuple[tuple[int, ...], ...]:
    """For each level but the first: how many elements of the level above became one, per axis.

    A factor is the ratio of the scales where the shapes bear it out, else the rounded ratio of the shapes. Along the
    channel axis it is 1.

    Raises
    ------
    InvalidValueError
        Where a level is not the level above by whole numbers (rounded up, or down as some programs do): what is made
        for it would not lie where its other pixels lie.

    >>> from ngff_fn.records.arrays import ArraySpec
    >>> from ngff_fn.records.axes import axes_from
    >>> from ngff_fn.records.pixels import fill
    >>> levels = [
    ...     Level(path=str(i), scale=(1, 1), array=ArraySpec(shape=s, dtype="uint8", chunks=(8, 8)), pixels=fill(s))
    ...     for i, s in enumerate([(263, 6), (131, 6), (66, 3)])
    ... ]
    >>> factors_between(Image(axes=axes_from("yx"), levels=tuple(levels)))
    ((2, 1), (2, 2))
    """
    problems: list[Problem] = []
    names, channels = axis_names(image), channel_axis(image)
    between: list[tuple[int, ...]] = []
    for number, (above, below) in enumerate(pairwise(image.levels), start=1):
        factors = [1 if axis == channels else _factor(above, below, axis) for axis in range(len(names))]
        for axis, (name, factor) in enumerate(zip(names, factors, strict=True)):
            here, there = below.array.shape[axis], above.array.shape[axis]
            if here not in (there // factor, -(-there // factor)):
                message = f"{here} elements along {name} are no whole part of the {there} of the level above."
                cure = "Make the pyramid again: without_pyramid, then with_pyramid."
                problems.append(Problem(f"levels[{number}].shape", f"{message} {cure}"))
        between.append(tuple(factors))
    refuse(problems)
    return tuple(between)


def _factor(above: Level, below: Level, axis: int) -> int:
    size, smaller = above.array.shape[axis], below.array.shape[axis]
    if above.scale[axis] > 0:
        factor = below.scale[axis] / above.scale[axis]
        if 1 <= factor <= 2 * size and smaller in (size // round(factor), -(-size // round(factor))):
            return round(factor)
    return max(1, round(size / smaller)) if smaller else 1


def cascaded(image: Image, index: int, pixels: Pixels, *, along: int | None = None) -> tuple[Pixels, ...]:
    """The recipes of level ``index`` and of all below it when that level holds ``pixels``: each from the one above.

    Parameters
    ----------
    image
        Says the factors, the shapes and the method.
    index
        The level that is made new.
    pixels
        What it shall hold, in its shape.
    along
        An axis along which ``pixels`` are only a part of the level, such as one channel; it is not downsampled.

    >>> from ngff_fn.records.arrays import ArraySpec
    >>> from ngff_fn.records.axes import axes_from
    >>> from ngff_fn.records.pixels import fill
    >>> levels = [
    ...     Level(path=str(i), scale=(1, 1), array=ArraySpec(shape=s, dtype="uint8", chunks=(8, 8)), pixels=fill(s))
    ...     for i, s in enumerate([(263, 6), (131, 6)])
    ... ]
    >>> cascaded(Image(axes=axes_from("yx"), levels=tuple(levels)), 0, fill((263, 6), 7))[1]
    Fill(shape=(131, 6), value=7)
    """
    method, made = method_of(image), [pixels]
    for level, factors in zip(image.levels[index + 1 :], factors_between(image)[index:], strict=True):
        shape = list(level.array.shape)
        if along is not None:
            shape[along] = pixels.shape[along]
        made.append(downsample(made[-1], factors, method, shape))
    return tuple(made)
