"""Coordinates: voxel sizes and places, by the names of the axes.

What ``set_…`` sets is what the question of ``records.coordinates`` answers: ``set_scale`` and ``set_translation`` what
``effective_scale(image, 0)`` and ``effective_translation(image, 0)`` say, ``set_level_…`` those of one level, and
``set_multiscale_…`` those of ``"*"``. Where a document has a transformation of the whole multiscale, the level's own is
what is wanted without it. What is set to what it is already stays as it was written. Labels are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TypeAlias

from attrs import evolve

from ngff_fn.edits.arguments import numbers_by_axis
from ngff_fn.edits.labelled import with_labels_along
from ngff_fn.errors import InvalidValueError, Problem, refuse
from ngff_fn.records.axes import axis_names
from ngff_fn.records.coordinates import WHOLE, effective_scale, effective_translation
from ngff_fn.records.image import Image, Level, level_at, level_index, with_levels
from ngff_fn.records.subject import of_record

Vector: TypeAlias = tuple[float, ...]


@of_record
def set_scale(image: Image, scale: Mapping[str, float] | None = None, /, **axes: float) -> Image:
    """The image with another voxel size: of level 0; the other levels keep their proportion to it.

    The translations of the other levels relative to level 0 scale along; level 0's stays.

    Parameters
    ----------
    image
        The image.
    scale, axes
        The size of one element of level 0 by axis name, in the unit of the axis, as a mapping or as keywords; axes that
        are not named stay. The transformation of the whole multiscale is included.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError for an axis that is not there, else a ValueError) for numbers that are not positive and finite.

    >>> from ngff_fn.records.coordinates import effective_scale
    >>> from ngff_fn.records.examples import CELLS
    >>> effective_scale(set_scale(CELLS, z=1.0, x=0.108), 1)
    (1.0, 1.0, 0.5, 0.216)
    >>> set_scale(CELLS, t=0.5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ngff_fn.errors.NotThereError: levels[0].scale: the image has axes c, z, y, x; no axis 't'. ...
    """
    wanted = numbers_by_axis(image, "levels[0].scale", scale, axes, positive=True)
    old = level_at(image, 0)
    new = _own_scale(image, 0, wanted)
    _refuse_zeros(image, "levels[0].scale", old.scale, wanted, "set_level_scale")
    levels = tuple([_in_proportion(level, old, new, index) for index, level in enumerate(image.levels)])
    return with_labels_along(image, with_levels(image, levels))


def _in_proportion(level: Level, old: Level, new: Vector, index: int) -> Level:
    """A level whose scale, and whose way from level 0, follow that of level 0."""
    sizes, places = list(level.scale), list(_translation(level))
    origin = _translation(old)
    for axis, (before, after) in enumerate(zip(old.scale, new, strict=True)):
        if before != after:  # ratios first: those of a pyramid are powers of two, which lose nothing
            sizes[axis] = after * (level.scale[axis] / before)
            places[axis] = origin[axis] + (places[axis] - origin[axis]) / before * after
    location = f"levels[{index}]"
    refuse_no_floats(f"{location}.scale", sizes, positive=range(len(sizes)))
    refuse_no_floats(f"{location}.translation", places)
    moved = level.translation if level.translation is None and not any(places) else tuple(places)
    path, array, pixels, extra = level.path, level.array, level.pixels, level.extra
    return Level(path=path, scale=tuple(sizes), translation=moved, array=array, pixels=pixels, extra=extra)


@of_record
def set_level_scale(
    image: Image, level: int | str, scale: Mapping[str, float] | None = None, /, **axes: float
) -> Image:
    """The image with another size of the elements of one level; no other level, and no translation, follows.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index.
    scale, axes
        By axis name, in the unit of the axis; the transformation of the whole multiscale is included.

    Raises
    ------
    NotThereError, OutOfRangeError, InvalidValueError
        (a KeyError, an IndexError, a ValueError) for a level or axis that is not there, numbers that are not positive
        and finite.

    >>> from ngff_fn.records.coordinates import effective_scale
    >>> from ngff_fn.records.examples import CELLS
    >>> effective_scale(set_level_scale(CELLS, "1", x=0.51), "1")
    (1.0, 0.5, 0.5, 0.51)
    """
    index = level_index(image, level)
    wanted = numbers_by_axis(image, f"levels[{index}].scale", scale, axes, positive=True)
    return with_level(image, index, evolve(image.levels[index], scale=_own_scale(image, index, wanted)))


@of_record
def set_multiscale_scale(image: Image, scale: Mapping[str, float] | None = None, /, **axes: float) -> Image:
    """The image with another scale of the whole multiscale, which multiplies that of every level.

    Parameters
    ----------
    image
        The image.
    scale, axes
        By axis name; what is not named stays, and is 1 where there was none.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError for an axis that is not there, else a ValueError) for numbers that are not positive and finite.

    >>> from ngff_fn.records.examples import CELLS
    >>> set_multiscale_scale(CELLS, z=2.0).scale
    (1.0, 2.0, 1.0, 1.0)
    """
    wanted = numbers_by_axis(image, "scale", scale, axes, positive=True)
    before = effective_scale(image, WHOLE)
    after = _replaced(before, wanted)
    return image if after == before else with_labels_along(image, evolve(image, scale=after))


@of_record
def set_translation(image: Image, translation: Mapping[str, float] | None = None, /, **axes: float) -> Image:
    """The image in another place: level 0's first element is there, and the other levels move with it.

    Parameters
    ----------
    image
        The image.
    translation, axes
        Of level 0 by axis name, in the unit of the axis, as a mapping or as keywords; axes that are not named stay.
        The transformation of the whole multiscale is included.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError for an axis that is not there, else a ValueError) for numbers that are not finite.

    >>> from ngff_fn.records.coordinates import effective_translation
    >>> from ngff_fn.records.examples import CELLS
    >>> effective_translation(set_translation(CELLS, x=100), 1)
    (0.0, 0.0, 0.125, 100.125)
    """
    wanted = numbers_by_axis(image, "levels[0].translation", translation, axes, positive=False)
    old = _translation(level_at(image, 0))
    new = _own_translation(image, 0, wanted)
    levels: list[Level] = []
    for index, level in enumerate(image.levels):
        moved = [
            there if before == after else after + (there - before)
            for there, before, after in zip(_translation(level), old, new, strict=True)
        ]
        refuse_no_floats(f"levels[{index}].translation", moved)
        levels.append(_with_translation(level, tuple(moved)))
    return with_labels_along(image, with_levels(image, tuple(levels)))


@of_record
def set_level_translation(
    image: Image, level: int | str, translation: Mapping[str, float] | None = None, /, **axes: float
) -> Image:
    """The image with one level in another place; no other level follows.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index.
    translation, axes
        By axis name, in the unit of the axis; the transformation of the whole multiscale is included.

    Raises
    ------
    NotThereError, OutOfRangeError, InvalidValueError
        (a KeyError, an IndexError, a ValueError) for a level or axis that is not there, numbers that are not finite.

    >>> from ngff_fn.records.coordinates import effective_translation
    >>> from ngff_fn.records.examples import CELLS
    >>> effective_translation(set_level_translation(CELLS, 1, y=0.0, x=0.0), 1)
    (0.0, 0.0, 0.0, 0.0)
    """
    index = level_index(image, level)
    wanted = numbers_by_axis(image, f"levels[{index}].translation", translation, axes, positive=False)
    return with_level(image, index, _with_translation(image.levels[index], _own_translation(image, index, wanted)))


@of_record
def set_multiscale_translation(image: Image, translation: Mapping[str, float] | None = None, /, **axes: float) -> Image:
    """The image with another translation of the whole multiscale, which is added to that of every level.

    Parameters
    ----------
    image
        The image.
    translation, axes
        By axis name, in the unit of the axis; what is not named stays, and is 0 where there was none.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError for an axis that is not there, else a ValueError) for numbers that are not finite.

    >>> from ngff_fn.records.examples import CELLS
    >>> set_multiscale_translation(CELLS, z=-3.0).translation
    (0.0, -3.0, 0.0, 0.0)
    """
    wanted = numbers_by_axis(image, "translation", translation, axes, positive=False)
    before = effective_translation(image, WHOLE)
    after = _replaced(before, wanted)
    return image if after == before else with_multiscale(image, image.scale, after)


def with_multiscale(image: Image, scale: Vector | None, translation: Vector | None) -> Image:
    """The image with this transformation of the whole multiscale, and its labels with it.

    Specification ("multiscales"): a list of transformations "MUST contain exactly one scale"; a translation gets one.
    """
    if translation is not None and scale is None:
        scale = (1.0,) * len(image.axes)
    return with_labels_along(image, evolve(image, scale=scale, translation=translation))


def with_level(image: Image, index: int, level: Level) -> Image:
    """The image with another level in the place of one, and its labels where that lies."""
    made = with_levels(image, (*image.levels[:index], level, *image.levels[index + 1 :]))
    return with_labels_along(image, made)


def _translation(level: Level) -> Vector:
    return level.translation or (0.0,) * len(level.scale)


def _with_translation(level: Level, translation: Vector) -> Level:
    if level.translation is None and not any(translation):
        return level  # none is what zeros mean
    return evolve(level, translation=translation)


def _replaced(vector: Vector, wanted: Mapping[int, float]) -> Vector:
    return tuple(wanted.get(axis, number) for axis, number in enumerate(vector))


def _own_scale(image: Image, index: int, wanted: Mapping[int, float]) -> Vector:
    """The scale of a level with which its effective scale is what is wanted."""
    location, own = f"levels[{index}].scale", list(image.levels[index].scale)
    whole, effective = effective_scale(image, WHOLE), effective_scale(image, index)
    _refuse_zeros(image, "scale", whole, wanted, "set_multiscale_scale")
    for axis, size in wanted.items():
        if size != effective[axis]:
            own[axis] = size / whole[axis]
    refuse_no_floats(location, own, positive=wanted)
    return tuple(own)


def _own_translation(image: Image, index: int, wanted: Mapping[int, float]) -> Vector:
    """The translation of a level with which its effective translation is what is wanted."""
    own = list(_translation(image.levels[index]))
    whole, moved, effective = (
        effective_scale(image, WHOLE),
        effective_translation(image, WHOLE),
        effective_translation(image, index),
    )
    _refuse_zeros(image, "scale", whole, wanted, "set_multiscale_scale")
    for axis, place in wanted.items():
        if place != effective[axis]:
            own[axis] = (place - moved[axis]) / whole[axis]
    refuse_no_floats(f"levels[{index}].translation", own)
    return tuple(own)


def _refuse_zeros(image: Image, location: str, scale: Vector, axes: Iterable[int], cure: str) -> None:
    zeros = [axis for axis in axes if scale[axis] == 0 or not isfinite(scale[axis])]
    if zeros:
        message = "it is {} along {}, which nothing is in proportion to. Use {} first."
        refuse(Problem(location, message.format(scale[axis], axis_names(image)[axis], cure)) for axis in zeros)


def refuse_no_floats(location: str, numbers: Sequence[float], *, positive: Iterable[int] = ()) -> None:
    """Where a quotient or a product left the range of floats, nothing is set."""
    if 0 not in numbers and all(map(isfinite, numbers)):
        return  # as most are
    wrong = [
        number for axis, number in enumerate(numbers) if not isfinite(number) or (axis in positive and number == 0)
    ]
    if wrong:
        message = f"it would be {', '.join(map(str, wrong))}, outside of what floats can say. Give another number."
        raise InvalidValueError(Problem(location, message))
