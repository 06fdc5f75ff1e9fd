"""Whether a record is consistent in itself: what cannot be written in any version."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from attrs import evolve

from ngff_fn.codecs import array_problems, path_clashes, path_fault
from ngff_fn.errors import Problem
from ngff_fn.records.arrays import LARGEST
from ngff_fn.records.axes import axes_problems
from ngff_fn.records.image import DEEPEST, Image, Level


def record_problems(image: Image) -> list[Problem]:
    """What forbids to write an image (kind ``error``), and what is unwise about it.

    Parameters
    ----------
    image
        What shall be written.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import SQUARE
    >>> level = evolve(SQUARE.levels[0], scale=(1.0, 1.0, 1.0))
    >>> print(*record_problems(evolve(SQUARE, levels=(level,))))
    levels[0].scale: has 3 numbers for 2 axes. Give one for each axis.
    """
    return [
        *_axes_problems(image),
        *_vector_problems(image, "", image.scale, image.translation),
        *(
            problem
            for index, level in enumerate(image.levels)
            if not _is_sound(level, len(image.axes))
            for problem in _level_problems(image, index, level)
        ),
        *_path_problems(image),
        *array_problems(image, lambda index, name: f"levels[{index}].array.{name}", "channels"),
    ]


def place_problems(image: Image) -> list[Problem]:
    """What forbids to write the scales and translations of an image: those of ``record_problems`` that are of these.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import SQUARE
    >>> print(*place_problems(evolve(SQUARE, scale=(1.0, float("inf")))))
    scale: (1.0, inf) has a number that is not finite. Set another.
    """
    if _are_sound_places(image):
        return []
    return [
        *_vector_problems(image, "", image.scale, image.translation),
        *(
            problem
            for index, level in enumerate(image.levels)
            for problem in _vector_problems(image, f"levels[{index}].", level.scale, level.translation)
        ),
    ]


def _are_sound_places(image: Image) -> bool:
    """Whether ``place_problems`` surely has nothing to say: a short cut, as most places are so."""
    ndim, vectors = len(image.axes), [image.scale, image.translation]
    for level in image.levels:
        vectors += level.scale, level.translation
    return all(vector is None or (len(vector) == ndim and all(map(isfinite, vector))) for vector in vectors)


def _axes_problems(image: Image) -> Iterator[Problem]:
    """What was read leniently may be written again; but axes are called by their names."""
    for problem in axes_problems(image.axes):
        yield problem if problem.rule == "axes.name.unique" or not image.axes else evolve(problem, kind="lenient")


def _is_sound(level: Level, ndim: int) -> bool:
    """Whether ``_level_problems`` surely has nothing to say: a short cut, as most levels are so."""
    array, offsets = level.array, level.translation or ()
    return (
        0 < ndim == len(array.shape) == len(array.chunks) == len(level.scale)
        and array.shards is None
        and (level.translation is None or len(offsets) == ndim)
        and all(map(isfinite, (*level.scale, *offsets)))
        and min(array.shape) >= 0
        and min(array.chunks) >= 1
        and max(*array.shape, *array.chunks) <= LARGEST
        and level.pixels.shape == array.shape
        and not path_fault(level.path)
        and level.path.count("/") < DEEPEST
    )


def _level_problems(image: Image, index: int, level: Level) -> Iterator[Problem]:
    place = f"levels[{index}]."
    yield from _vector_problems(image, place, level.scale, level.translation)
    fault = path_fault(level.path)
    if not fault and level.path.count("/") >= DEEPEST:
        fault = f"has more than {DEEPEST} names."
    if fault:
        message = f"{level.path!r} {fault} Take another name."
        yield Problem(f"{place}path", message, rule="image.datasets.path.required")
    array = level.array
    if level.pixels.shape != array.shape:
        message = f"the pixels have the shape {level.pixels.shape}, and the array {array.shape}. They must agree."
        yield Problem(f"{place}pixels", message)
    for name, sizes, least in (("shape", array.shape, 0), ("chunks", array.chunks, 1), ("shards", array.shards, 1)):
        if sizes is not None and (
            len(sizes) != len(array.shape) or not all(least <= size <= LARGEST for size in sizes)
        ):
            cure = f"Take {'other pixels' if name == 'shape' else 'others, with rechunk'}."
            message = f"{sizes} must have {len(array.shape)} sizes from {least} to {LARGEST}. {cure}"
            yield Problem(f"{place}array.{name}", message)
    if array.shards is not None and len(array.shards) == len(array.chunks):
        wrong = [shard % max(chunk, 1) for shard, chunk in zip(array.shards, array.chunks, strict=True)]
        if any(wrong):
            message = f"{array.shards} are not whole numbers of chunks, {array.chunks}. Mend it with rechunk."
            yield Problem(f"{place}array.shards", message)


def _vector_problems(
    image: Image, place: str, scale: tuple[float, ...] | None, translation: tuple[float, ...] | None
) -> Iterator[Problem]:
    for name, vector in (("scale", scale), ("translation", translation)):
        if vector is None:
            continue
        if len(vector) != len(image.axes):
            message = f"has {len(vector)} numbers for {len(image.axes)} axes. Give one for each axis."
            yield Problem(f"{place}{name}", message, rule="image.transforms.length")
        if not all(map(isfinite, vector)):
            message = f"{vector} has a number that is not finite. Set another."
            yield Problem(f"{place}{name}", message, rule="image.transforms.numeric")


def _path_problems(image: Image) -> Iterator[Problem]:
    for index, fault in path_clashes([level.path for level in image.levels]):
        yield Problem(f"levels[{index}].path", fault)
