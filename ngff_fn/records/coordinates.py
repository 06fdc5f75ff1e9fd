"""Coordinates: where the elements of an image are, in the units of its axes.

Specification (0.4 and 0.5, "multiscales"): the transformations of a level bring it into the physical coordinate system;
those of the whole multiscale come after them, "applied in the same manner" to all levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ngff_fn.errors import InvalidValueError, NotThereError, Problem, WrongTypeError, counted
from ngff_fn.records.axes import axis_names
from ngff_fn.records.image import Image, level_with_image
from ngff_fn.records.subject import of_record

WHOLE = "*"
"""In the place of a level: the whole multiscale."""


def is_whole(level: object) -> bool:
    """Whether the whole multiscale is meant, and not a level."""
    return isinstance(level, str) and level == WHOLE


@of_record
def scale(image: Image) -> dict[str, float]:
    """The voxel size of the image by axis name: of level 0, the multiscale's transformation included.

    Raises
    ------
    OutOfRangeError
        (an IndexError) for an image that has no level.

    >>> from ngff_fn.records.examples import CELLS
    >>> scale(CELLS)
    {'c': 1.0, 'z': 0.5, 'y': 0.25, 'x': 0.25}
    """
    return dict(zip(axis_names(image), effective_scale(image, 0), strict=True))


@of_record
def effective_scale(image: Image, level: int | str) -> tuple[float, ...]:
    """The size of one element of a level, per axis: the multiscale's scale times the level's.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index; ``"*"``: the multiscale's scale alone (ones where it has none).

    Raises
    ------
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) that names the levels there are.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import CELLS
    >>> effective_scale(CELLS, 1), effective_scale(evolve(CELLS, scale=(1.0, 2.0, 2.0, 2.0)), 1)
    ((1.0, 0.5, 0.5, 0.5), (1.0, 1.0, 1.0, 1.0))
    """
    if is_whole(level):
        return image.scale or (1.0,) * len(image.axes)
    owner, entry = level_with_image(image, level)
    whole = owner.scale
    return entry.scale if whole is None else tuple(a * b for a, b in zip(whole, entry.scale, strict=True))


@of_record
def effective_translation(image: Image, level: int | str) -> tuple[float, ...]:
    """Where the first element of a level is, per axis: multiscale scale × level translation + multiscale translation.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index; ``"*"``: the multiscale's translation alone (zeros where it has none).

    Raises
    ------
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) that names the levels there are.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import CELLS
    >>> moved = evolve(CELLS, scale=(1.0, 2.0, 2.0, 2.0), translation=(0.0, 0.0, 10.0, 10.0))
    >>> effective_translation(CELLS, 1), effective_translation(moved, 1)
    ((0.0, 0.0, 0.125, 0.125), (0.0, 0.0, 10.25, 10.25))
    """
    if is_whole(level):
        return image.translation or (0.0,) * len(image.axes)
    owner, entry = level_with_image(image, level)
    own, whole = entry.translation or (0.0,) * len(owner.axes), owner.translation
    moved = own if owner.scale is None else tuple(a * b for a, b in zip(owner.scale, own, strict=True))
    return moved if whole is None else tuple(a + b for a, b in zip(moved, whole, strict=True))


@of_record
def to_physical(image: Image, level: int | str, index: Sequence[float] | Mapping[str, float]) -> tuple[float, ...]:
    """Where an index of a level is, in the units of the axes: index × scale + translation, the level's effective ones.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index.
    index
        A number for each axis, in their order or by name; also between elements, and outside of the array. The centre
        of an element has its integers.

    Raises
    ------
    InvalidValueError, NotThereError, WrongTypeError
        (a ValueError, a KeyError, a TypeError) for another number of axes, other names, what is no number.

    >>> from ngff_fn.records.examples import CELLS
    >>> to_physical(CELLS, 1, (0, 2, 4, 0)), to_physical(CELLS, 1, {"c": 0, "z": 2, "y": 4, "x": 0})
    ((0.0, 1.0, 2.125, 0.125), (0.0, 1.0, 2.125, 0.125))
    """
    sizes, origin = effective_scale(image, level), effective_translation(image, level)
    place = _per_axis(_of_level(image, level), index, "index")
    return tuple(at * size + start for at, size, start in zip(place, sizes, origin, strict=True))


def _of_level(image: Image, level: int | str) -> Image:
    return image if is_whole(level) else level_with_image(image, level)[0]


@of_record
def to_index(image: Image, level: int | str, point: Sequence[float] | Mapping[str, float]) -> tuple[float, ...]:
    """The index of a level that is at a place, not rounded: (place - translation) / scale, the level's effective ones.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index.
    point
        In the units of the axes: a number for each, in their order or by name.

    Raises
    ------
    InvalidValueError, NotThereError, WrongTypeError
        (a ValueError, a KeyError, a TypeError) for another number of axes, other names, what is no number.

    >>> from ngff_fn.records.examples import CELLS
    >>> to_index(CELLS, 1, (0.0, 1.0, 2.125, 0.125))
    (0.0, 2.0, 4.0, 0.0)
    """
    sizes, origin = effective_scale(image, level), effective_translation(image, level)
    place = _per_axis(_of_level(image, level), point, "point")
    if 0 in sizes:
        message = f"the scale is {sizes}: along an axis of size 0 all elements are in one place. Set it with set_scale."
        raise InvalidValueError(Problem(f"level {level!r}", message))
    return tuple((at - start) / size for at, size, start in zip(place, sizes, origin, strict=True))


def _per_axis(image: Image, values: Sequence[float] | Mapping[str, float], location: str) -> tuple[float, ...]:
    names = axis_names(image)
    if isinstance(values, Mapping):
        lowered = {str(name).lower(): value for name, value in values.items()}
        if len(lowered) != len(values) or lowered.keys() != set(names):
            message = f"{', '.join(map(str, values))} was given; the image has axes {', '.join(names)}. Give each once."
            raise NotThereError(Problem(location, message))
        values = [lowered[name] for name in names]
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        message = f"{values!r} is not one number for each of {', '.join(names)}."
        raise WrongTypeError(Problem(location, message)) from error
    if len(numbers) != len(names):
        message = f"{counted(len(numbers), 'number')} for {len(names)} axes. Give one for each of {', '.join(names)}."
        raise InvalidValueError(Problem(location, message))
    return numbers
