"""Coordinate transformations, as the documents list them: set as they are, for a level or for the whole multiscale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from attrs import evolve

from ngff_fn.edits.arguments import by_axis, number_problems
from ngff_fn.edits.coordinates import Vector, refuse_no_floats, with_level, with_multiscale
from ngff_fn.errors import Problem, WrongTypeError, a_type, counted, refuse
from ngff_fn.records.axes import axis_names
from ngff_fn.records.coordinates import is_whole
from ngff_fn.records.image import Image, level_index
from ngff_fn.records.subject import items_of, of_record


@of_record
def set_transform(
    image: Image,
    level: int | str,
    *,
    scale: Iterable[float] | Mapping[str, float] | None = None,
    translation: Iterable[float] | Mapping[str, float] | None = None,
    transforms: Iterable[Mapping[str, Any]] | None = None,
) -> Image:
    """The image with other transformations of one level, or of the whole multiscale; only label images follow.

    These are the level's own, as they stand in the document: ``effective_scale`` multiplies them by the multiscale's.

    Parameters
    ----------
    image
        The image.
    level
        Its path or index; ``"*"``: the whole multiscale.
    scale, translation
        A number for each axis, in their order or by name; what is None stays.
    transforms
        In the place of both: a list of ``{"type": "scale", "scale": […]}``, ``{"type": "translation",
        "translation": […]}`` and ``{"type": "identity"}``, applied in this order. They are stored as the one scale and
        the one translation that they come to; a list without a translation takes the translation away.

    Raises
    ------
    NotThereError, OutOfRangeError, InvalidValueError, WrongTypeError
        (a KeyError, an IndexError, a ValueError, a TypeError) for a level that is not there; scales that are not
        positive and finite, translations that are not finite, vectors of another length than there are axes; another
        type of transformation; nothing to set, or both forms at once.

    >>> from ngff_fn.records.coordinates import effective_scale, effective_translation
    >>> from ngff_fn.records.examples import SQUARE
    >>> wide = set_transform(SQUARE, 0, transforms=[
    ...     {"type": "translation", "translation": [1, 0]}, {"type": "scale", "scale": [2, 4]}])
    >>> effective_scale(wide, 0), effective_translation(wide, 0)
    ((2.0, 4.0), (2.0, 0.0))
    >>> set_transform(SQUARE, "*", scale=[1, 2, 3])
    Traceback (most recent call last):
    ngff_fn.errors.InvalidValueError: scale: 3 numbers for 2 axes. Give one for each of y, x.
    """
    index = None if is_whole(level) else level_index(image, level)
    location = "" if index is None else f"levels[{index}]"
    if (transforms is None) == (scale is None and translation is None):
        message = "give a scale, a translation or both, or else a list of transforms."
        raise WrongTypeError(Problem(location or "transforms", message))
    if transforms is None:
        given = {"scale": scale, "translation": translation}
        listed: list[Any] = [{"type": kind, kind: vector} for kind, vector in given.items() if vector is not None]
        locations = [f"{location}.{step['type']}".lstrip(".") for step in listed]
    else:
        listed = _listed(transforms, location)
        locations = [f"{location}.transforms[{number}]".lstrip(".") for number in range(len(listed))]
    problems: list[Problem] = []
    steps = [_step(image, where, step, problems) for where, step in zip(locations, listed, strict=True)]
    refuse(problems)
    size, place = _composed(steps)
    refuse_no_floats(f"{location}.scale".lstrip("."), size or (), positive=range(len(image.axes)))
    refuse_no_floats(f"{location}.translation".lstrip("."), place or ())
    if index is None:
        kept = (image.scale, image.translation) if transforms is None else (None, None)
        return with_multiscale(image, size or kept[0], place or kept[1])
    own = image.levels[index]
    kept = (own.scale, own.translation) if transforms is None else ((1.0,) * len(image.axes), None)
    return with_level(image, index, evolve(own, scale=size or kept[0], translation=place or kept[1]))


_Step: TypeAlias = tuple[str, Vector]


def _listed(transforms: Iterable[Mapping[str, Any]], location: str) -> list[Any]:
    listed = None if isinstance(transforms, Mapping | str) else items_of(transforms)
    if listed is None:
        message = f"{a_type(transforms)} is no list of transformations. Put it into one."
        raise WrongTypeError(Problem(f"{location}.transforms".lstrip("."), message))
    return listed


def _step(image: Image, location: str, transform: object, problems: list[Problem]) -> _Step:
    """The type and the vector of one transformation; what is wrong with it is added to ``problems``."""
    kind = transform.get("type") if isinstance(transform, Mapping) else None
    if not isinstance(transform, Mapping) or kind not in {"scale", "translation", "identity"}:
        message = f"{transform!r} is no scale, translation or identity. Say its type, and what belongs to it."
        problems.append(Problem(location, message))
        return "identity", ()
    # A vector may also be in a file ("path"; 0.4 and 0.5, "coordinateTransformations"): nothing reads it here.
    unknown = [key for key in transform if key not in {"type", kind}]
    if unknown or (kind != "identity" and kind not in transform):
        wanted = "" if kind == "identity" else f", and its numbers as {kind}"
        message = f"the keys are {', '.join(map(str, transform))}. Give the type{wanted}, and nothing else."
        problems.append(Problem(location, message))
        return "identity", ()
    return kind, () if kind == "identity" else _vector(image, location, kind, transform[kind], problems)


def _vector(image: Image, location: str, kind: str, values: object, problems: list[Problem]) -> Vector:
    names = axis_names(image)
    if isinstance(values, Mapping):
        found, wrong = by_axis(image, location, values, {})
        problems += wrong
        values = [found[axis] for axis in sorted(found)]
    numbers = None if isinstance(values, str) else items_of(values)
    if numbers is None:
        problems.append(Problem(location, f"{values!r} is not a number for each of {', '.join(names)}. Give a list."))
        return ()
    if len(numbers) != len(names):
        message = f"{counted(len(numbers), 'number')} for {len(names)} axes. Give one for each of {', '.join(names)}."
        problems.append(Problem(location, message))
        return ()
    wrong = [
        problem
        for name, value in zip(names, numbers, strict=True)
        for problem in number_problems(f"{location}, axis {name}", value, positive=kind == "scale")
    ]
    problems += wrong
    return () if wrong else tuple(map(float, numbers))


def _composed(steps: Iterable[_Step]) -> tuple[Vector | None, Vector | None]:
    """The scale and the translation that come to the same; None for what does not occur."""
    size: Vector | None = None
    place: Vector | None = None
    for kind, vector in steps:
        if kind == "scale":
            size = vector if size is None else tuple(a * b for a, b in zip(size, vector, strict=True))
            place = place and tuple(a * b for a, b in zip(place, vector, strict=True))
        elif kind == "translation":
            place = vector if place is None else tuple(a + b for a, b in zip(place, vector, strict=True))
    return size, place
