"""Pyramids: levels that are made one from the other, and taken away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from numbers import Integral
from typing import Any, Literal

from attrs import evolve

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.edits.arrays import integer, integers_by_axis
from ngff_fn.edits.cascade import METHODS_OF_LABELS, cascaded, method_of
from ngff_fn.edits.fill_values import background
from ngff_fn.edits.labelled import axes_beside_channels, each_label, laid_over, without_channels
from ngff_fn.errors import InvalidValueError, NotThereError, Problem, WrongTypeError, counted, refuse
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import DTYPES, ArraySpec
from ngff_fn.records.axes import axis_names
from ngff_fn.records.image import Image, Level, paths_of_others
from ngff_fn.records.pixels import METHODS, Method, downsample, fill
from ngff_fn.records.subject import of_record

_COMPLEX_METHODS: tuple[Method, ...] = ("mean", "stride")


@of_record
def with_pyramid(
    image: Image,
    levels: int | None = None,
    *,
    method: Method | None = "mean",
    axes: str | Sequence[str] = "zyx",
    factors: int | Sequence[int] | Mapping[str, int] = 2,
    chunks: Literal["keep", "halve"] = "keep",
) -> Image:
    """The image with a pyramid: each level made from the one above it, level 0 as it is.

    A pyramid that is there already is made again as it is: with its paths, shapes, chunks and transformations, so that
    ``axes``, ``factors`` and ``chunks`` cannot be given. Label images of one level get as many as the image, by mode
    or as their own metadata say; those that have several stay as they are.

    Parameters
    ----------
    image
        Has a level 0.
    levels
        How many there shall be, level 0 included; 1: the image as it is. None: as many as there are.
    method
        ``mean`` (of integers rounded half to even), ``median`` (of an even count the lower middle), ``mode`` (of ties
        the smallest), ``min``, ``max`` or ``stride`` (every n-th). None: new levels are made and hold their fill value,
        for which no pixel is written; levels that are there stay. A pyramid that is made again gets the method that is
        said here, whichever it has.
    axes
        The axes that get shorter, as far as the image has them; an axis of one element stays.
    factors
        By how much from one level to the next: for all of ``axes``, or each of them in this order, or by name (what is
        left out stays). The new shape is the ceiling of shape / factor.
    chunks
        ``keep``: those of level 0, no larger than the level; ``halve``: divided by the factors as well, rounded up.

    Raises
    ------
    InvalidValueError
        (a ValueError) for an image without level 0; ``levels=None`` without a pyramid; a pyramid of another height, or
        other axes, factors and chunks for one; so many levels that two would be the same; an unknown method or one that
        the dtype has no meaning for; no axis left; factors that are no positive integers.

    Notes
    -----
    The scale of a level is that of the level above times the factor. All methods but ``stride`` put an element into the
    middle of those it is made of: the translation moves by (factor - 1) / 2 of the scale above (so it does where no
    method is said). Specification, "multiscales": "type" and "metadata" say how the levels were made.

    >>> import numpy as np
    >>> from ngff_fn.edits.image_from import image_from
    >>> image = with_pyramid(image_from(np.zeros((9, 64, 64), "uint16"), axes="zyx", scale={"z": 0.5}), levels=3)
    >>> [(level.path, level.array.shape, level.scale, level.translation) for level in image.levels[1:]]
    [('1', (5, 32, 32), (1.0, 2.0, 2.0), (0.25, 0.5, 0.5)), ('2', (3, 16, 16), (2.0, 4.0, 4.0), (0.75, 1.5, 1.5))]
    """
    if not image.levels:
        raise InvalidValueError(Problem("levels", "the image has no level 0. Add one with add_level."))
    height = len(image.levels)
    wanted = height if levels is None else integer(levels)
    if wanted is None or wanted < 1:
        raise InvalidValueError(
            Problem("levels", f"{levels!r} is no number of levels. Give 1 or more, level 0 included.")
        )
    refuse(_method_problems(image, method))
    if levels is not None and wanted == 1:
        return image
    if height > 1 and wanted != height:
        message = f"the image has a pyramid of {height} levels, not of {wanted}."
        cure = "Take it away with without_pyramid first (ngff-fn pyramid --replace)."
        raise InvalidValueError(Problem("levels", f"{message} {cure}"))
    if wanted == 1:
        message = "the image has no pyramid that could be made again. Say how many levels there shall be."
        raise InvalidValueError(Problem("levels", message))
    if height > 1:
        refuse(_shape_problems(axes, factors, chunks))
        return image if method is None else _made_again(image, method)
    steps = _factors(image, axes, factors)
    if not isinstance(chunks, str) or chunks not in ("keep", "halve"):
        raise InvalidValueError(Problem("chunks", f"{chunks!r} is neither 'keep' nor 'halve'. Take one of them."))
    refuse(_height_problems(image.levels[0].array.shape, steps, wanted))
    made = [image.levels[0]]
    for path in _paths(image, wanted - 1):
        made.append(_level_below(made[-1], path, steps, method, image.levels[0].array if chunks == "keep" else None))
    taller = evolve(image, levels=tuple(made))
    if image.labels is not None:
        taller = each_label(taller, lambda label: _taller_label(label, taller, steps, chunks, filled=method is None))
    return taller if method is None else _naming(taller, method)


def _taller_label(label: Image, image: Image, steps: tuple[int, ...], chunks: Any, *, filled: bool) -> Image:
    """A label image of one level with as many as its image, where that one's lie."""
    if len(label.levels) != 1 or len(label.axes) != len(axes_beside_channels(image)):
        return label
    own = dict(zip(axis_names(label), without_channels(image, steps), strict=True))
    method = None if filled else method_of(label)
    keep = label.levels[0].array if chunks == "keep" else None
    made = [label.levels[0]]
    for above in image.levels[1:]:
        made.append(_level_below(made[-1], above.path, tuple(own.values()), method, keep))
    taller = evolve(label, levels=tuple(made))
    return laid_over(taller if method is None else _naming(taller, method), image)


@of_record
def without_pyramid(image: Image) -> Image:
    """The image with level 0 alone, and without what the multiscale says of how the others were made.

    Parameters
    ----------
    image
        May have no pyramid: then it stays as it is. Its label images lose theirs too. Arrays that another multiscale of
        the group lists stay as they are: they are only no longer listed in this one.

    >>> from ngff_fn.records.examples import CELLS
    >>> without_pyramid(CELLS).levels == CELLS.levels[:1], without_pyramid(CELLS).method
    (True, None)
    """
    if len(image.levels) < 2:
        return image
    return each_label(evolve(image, levels=image.levels[:1], method=None, metadata=None), without_pyramid)


def _method_problems(image: Image, method: object) -> list[Problem]:
    if method is None:
        return []
    if not isinstance(method, str) or method not in METHODS:
        return [Problem("method", f"{method!r} is no method. Take one of {', '.join(METHODS)}, or None for no pixels.")]
    if image.image_label is not None and method not in METHODS_OF_LABELS:
        message = f"{method} makes values that are no labels. Take one of {', '.join(METHODS_OF_LABELS)}."
        return [Problem("method", message)]
    dtypes = {level.array.dtype for level in image.levels if DTYPES.get(level.array.dtype, "c")[0] == "c"}
    if method in _COMPLEX_METHODS:
        return []
    return [Problem("method", f"{method} has no meaning for {name}. Take mean or stride.") for name in sorted(dtypes)]


def _shape_problems(axes: Any, factors: Any, chunks: Any) -> list[Problem]:
    """What would shape new levels, and is not what it is by default; levels that are there stay as they are."""
    letters = "".join(map(str, axes)).lower() if isinstance(axes, Sequence) else ""
    is_default = {
        "axes": letters == "zyx",
        "factors": isinstance(factors, Integral) and factors == 2,
        "chunks": isinstance(chunks, str) and chunks == "keep",
    }
    message = "the pyramid that is there is made again as it is. Take it away with without_pyramid first, or leave"
    return [Problem(name, f"{message} {name} out.") for name, is_same in is_default.items() if not is_same]


def _height_problems(shape: tuple[int, ...], steps: tuple[int, ...], wanted: int) -> list[Problem]:
    """A problem, where a level would be the same as the one above it, since nothing is left that could get shorter."""
    possible = 1
    while possible < wanted and any(size > 1 < step for size, step in zip(shape, steps, strict=True)):
        shape = tuple(-(-size // step) for size, step in zip(shape, steps, strict=True))
        possible += 1
    if possible == wanted:
        return []
    message = f"of {wanted}, each from level {possible} on would be the same as the one above it: no axis gets shorter."
    return [Problem("levels", f"{message} No more than {counted(possible, 'level')} can be made.")]


def _made_again(image: Image, method: Method) -> Image:
    """The same levels with new pixels."""
    named = _naming(image, method)
    recipes = cascaded(named, 0, image.levels[0].pixels)
    levels = (evolve(level, pixels=pixels) for level, pixels in zip(image.levels, recipes, strict=True))
    return evolve(named, levels=tuple(levels))


def _naming(image: Image, method: Method) -> Image:
    """The image with "type" and "metadata" that say how its levels are made."""
    metadata = FrozenMap({"method": "ngff_fn.with_pyramid", "kwargs": FrozenMap({"method": method})})
    return evolve(image, method=method, metadata=metadata)


def _factors(image: Image, axes: Any, factors: Any) -> tuple[int, ...]:
    """By how much each axis of the image shall get shorter."""
    names = axis_names(image)
    if not (isinstance(axes, str) or (is_sequence(axes) and all(isinstance(name, str) for name in axes))):
        raise WrongTypeError(Problem("axes", f"{axes!r} are no names of axes. Give text, such as 'zyx', or a list."))
    listed = [name.lower() for name in axes]
    if not set(listed) & set(names):
        message = f"the image has axes {', '.join(names)}; none of {', '.join(listed) or 'no axes'} is among them."
        raise InvalidValueError(Problem("axes", f"{message} Name one that it has."))
    if isinstance(factors, Mapping):
        strangers = [name for name in factors if str(name).lower() not in listed]
        message = f"is not among axes ({', '.join(listed)}). Name it there, or leave it out."
        refuse((Problem("factors", f"axis {name!r} {message}") for name in strangers), NotThereError)
        by_name = {str(name).lower(): factor for name, factor in factors.items()}
    elif is_sequence(factors):
        if len(factors) != len(listed):
            message = f"there are {len(factors)} for {len(listed)} axes ({', '.join(listed)}). Give one for each."
            raise InvalidValueError(Problem("factors", message))
        by_name = dict(zip(listed, factors, strict=True))
    else:
        by_name = dict.fromkeys(listed, factors)
    return integers_by_axis(image, "factors", [by_name.get(name, 1) for name in names])


def _paths(image: Image, number: int) -> list[str]:
    """Names for new levels, which count on from that of level 0, without those that other multiscales of the group use.

    >>> from ngff_fn.records.examples import SQUARE
    >>> _paths(SQUARE, 2)
    ['1', '2']
    """
    first = image.levels[0].path
    counted = re.fullmatch(r"(.*?)(\d+)", first)
    prefix, digits = counted.groups() if counted else ("", "0")
    names = (f"{prefix}{n:0{len(digits)}}" for n in count(int(digits) + 1))
    taken = {first, *paths_of_others(image)}
    return [name for name, _ in zip((name for name in names if name not in taken), range(number), strict=False)]


def _level_below(
    above: Level, path: str, steps: tuple[int, ...], method: Method | None, keep: ArraySpec | None
) -> Level:
    """The level that is made from the one above it; ``keep``: the array whose chunks it gets."""
    factors = tuple(1 if size <= 1 else step for size, step in zip(above.array.shape, steps, strict=True))
    shape = tuple(-(-size // factor) for size, factor in zip(above.array.shape, factors, strict=True))
    array = evolve(_rechunked(keep or above.array, shape, factors if keep is None else (1,) * len(shape)), shape=shape)
    pixels = fill(shape, background(array)) if method is None else downsample(above.pixels, factors, method, shape)
    translation = above.translation
    if method != "stride" and any(factor > 1 for factor in factors):
        origin = translation or (0.0,) * len(shape)
        moved = zip(origin, factors, above.scale, strict=True)
        translation = tuple(start + (factor - 1) / 2 * size for start, factor, size in moved)
    scale = tuple(size * factor for size, factor in zip(above.scale, factors, strict=True))
    return Level(path=path, scale=scale, translation=translation, array=array, pixels=pixels)


def _rechunked(array: ArraySpec, shape: tuple[int, ...], factors: tuple[int, ...]) -> ArraySpec:
    """The array with chunks divided by factors, and neither chunks nor shards that reach further than they must."""
    parts = zip(array.chunks, factors, shape, strict=True)
    chunks = tuple(max(1, min(-(-chunk // factor), size)) for chunk, factor, size in parts)
    if array.shards is None:
        return evolve(array, chunks=chunks)
    blocks = zip(array.shards, array.chunks, shape, chunks, strict=True)
    ratio = [min(shard // old, max(1, -(-size // chunk))) for shard, old, size, chunk in blocks]
    return evolve(array, chunks=chunks, shards=tuple(n * chunk for n, chunk in zip(ratio, chunks, strict=True)))
