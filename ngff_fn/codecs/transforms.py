"""Lists of coordinate transformations <-> one scale and one translation (specification: "coordinateTransformations").

"They MUST contain exactly one scale transformation … MAY contain exactly one translation … MUST be given after": what
other lists mean is clear all the same, since a list is applied in its order. Two scales are their product, a
translation before a scale is scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ngff_fn.codecs.onto import Number
from ngff_fn.codecs.parts import Part, are_numbers, is_number, number, shown
from ngff_fn.frozen_json import EMPTY, FrozenMap, thaw

Vector: TypeAlias = tuple[float, ...]


Transforms: TypeAlias = tuple[Vector | None, Vector | None, FrozenMap]
"""What a list of transformations comes to: scale, translation, and the keys of its members that are not known."""


def read_transforms(owner: Part, ndim: int, rule: str) -> Transforms:
    """The transformations of a level or of a multiscale, composed; nothing where there is no list, or an empty one.

    Parameters
    ----------
    owner
        The object that has the member ``coordinateTransformations``.
    ndim
        The number of axes.
    rule
        The one that an empty list breaks.
    """
    part = owner.get("coordinateTransformations", rule)
    if part is None or not part.is_list(rule):
        return None, None, EMPTY
    if not part.value:
        part.lenient("is empty; read as the identity.", rule)
    kinds: list[str] = []
    scale: Vector | None = None
    translation: Vector | None = None
    extra = EMPTY
    for step in part.elements():
        kind, vector = _read_step(step, ndim)
        kinds.append(kind)
        if kind and (unknown := step.others("type", kind)):
            extra = FrozenMap({**unknown, **extra})  # the first one's say stands
        if vector is None:
            continue
        if kind == "scale":
            scale = vector if scale is None else tuple(a * b for a, b in zip(scale, vector, strict=True))
            translation = translation and tuple(a * b for a, b in zip(translation, vector, strict=True))
        else:
            translation = vector if translation is None else tuple(map(sum, zip(translation, vector, strict=True)))
    if kinds not in (["scale"], ["scale", "translation"]):
        _note_order(part, kinds)
        for name, composed in (("scale", scale), ("translation", translation)):
            if not all(map(is_number, composed or ())):
                part.error(f"the {name}s together are beyond the range of numbers.", "image.transforms.numeric")
    if translation is not None and scale is None:
        scale = (1.0,) * ndim  # the list that is written must have one
    return scale, translation, extra


def sound_transforms(steps: Any, ndim: int) -> tuple[Vector, Vector | None] | None:
    """The scale and the translation of a list as it must be; None where ``read_transforms`` has to look.

    As all that is called sound in these files: a short cut, which answers only what the thorough reader would answer,
    and only where that one would note nothing.
    """
    if type(steps) is not list or len(steps) not in (1, 2):
        return None
    scale = _sound_vector(steps[0], "scale", ndim)
    translation = _sound_vector(steps[1], "translation", ndim) if len(steps) > 1 else None
    if scale is None or min(scale) <= 0 or (translation is None and len(steps) > 1):
        return None
    return scale, translation


def _sound_vector(step: Any, kind: str, ndim: int) -> Vector | None:
    if type(step) is not dict or len(step) != 2 or step.get("type") != kind:
        return None
    return sound_vector(step.get(kind), ndim)


def sound_vector(vector: Any, ndim: int) -> Vector | None:
    """The numbers of a transformation as they must be, but for their signs."""
    return tuple(vector) if type(vector) is list and len(vector) == ndim > 0 and are_numbers(vector) else None


def _note_order(part: Part, kinds: list[str]) -> None:
    if "identity" in kinds:
        part.lenient("has an identity; only scale and translation are allowed.", "image.transforms.type")
    if kinds.count("scale") > 1:
        part.lenient("has more than one scale; read as their product.", "image.transforms.one_scale")
    elif "translation" in kinds and "scale" not in kinds:
        part.lenient("has no scale; read as one of 1.", "image.transforms.one_scale")
    if kinds.count("translation") > 1:
        part.lenient("has more than one translation; read as their sum.", "image.transforms.one_translation")
    if "scale" in kinds and "translation" in kinds[: len(kinds) - 1 - kinds[::-1].index("scale")]:
        part.lenient("has a translation before a scale; read as scaled by it.", "image.transforms.order")


def _read_step(part: Part, ndim: int) -> tuple[str, Vector | None]:
    """The kind of one transformation, and its numbers; "" where it could not be read."""
    if not part.is_object("image.transforms.type"):
        return "", None
    kind = part.value.get("type")
    if "type" not in part.value:
        kind = next((name for name in ("scale", "translation") if name in part.value), None)
        if kind is not None:
            part.lenient(f"is not there; read as {kind!r}.", "image.transforms.type", at="type")
    if kind == "identity":
        return kind, None
    if kind not in ("scale", "translation"):
        part.error(f"is {shown(kind)}; only scale and translation can be read.", "image.transforms.type", at="type")
        return "", None
    if kind not in part.value and "path" in part.value:
        message = "the numbers are in an array beside the documents; they must stand in the list."
        part.error(message, "image.transforms.path_form", at="path")
        return "", None
    if kind not in part.value:
        part.error("is not there. Give one number for each axis.", "image.transforms.numeric", at=kind)
        return "", None
    return kind, _read_vector(part[kind], kind, ndim)


def _read_vector(part: Part, kind: str, ndim: int) -> Vector | None:
    if not part.is_list("image.transforms.numeric"):
        return None
    if len(part.value) > ndim:
        message = f"has {len(part.value)} numbers for {ndim} axes. Give one for each axis."
        part.error(message, "image.transforms.length")
        return None
    vector: list[float] = list(part.value)
    for index, value in enumerate(part.value):
        if not is_number(value) or (kind == "scale" and value <= 0):
            vector[index] = _read_number(part[index], kind)
    if len(vector) < ndim:
        # Scales of the spatial axes alone are valid by the schemas of 0.4 and 0.5, and those are the last axes.
        message = f"has {len(vector)} numbers for {ndim} axes; read as those of the last axes."
        part.lenient(message, "image.transforms.length")
        vector = [1.0 if kind == "scale" else 0.0] * (ndim - len(vector)) + vector
    return tuple(vector)


def _read_number(part: Part, kind: str) -> float:
    if not isinstance(part.value, str) and not is_number(part.value):
        part.error(f"is {shown(part.value)}; it must be a finite number.", "image.transforms.numeric")
        return 1.0
    value = number(part)
    if value is None:
        part.error(f"is {shown(part.value)}; it must be a finite number.", "image.transforms.numeric")
        return 1.0
    if kind == "scale" and value <= 0:
        part.lenient(f"is {value}; a size should be positive.", "image.transforms.numeric")
    return value


def write_transforms(
    scale: Vector | None, translation: Vector | None, extra: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """The list that says a scale and a translation; None where there is nothing to say.

    "MUST contain exactly one scale transformation": a translation does not stand alone.
    """
    if scale is None and translation is not None:
        scale = (1.0,) * len(translation)
    steps: list[dict[str, Any]] = []
    if scale is not None:
        steps.append({"type": "scale", "scale": list(map(Number, scale))})
    if translation is not None:
        steps.append({"type": "translation", "translation": list(map(Number, translation))})
    if extra and not steps:
        steps.append({"type": "identity"})
    if steps:
        steps[0].update({key: thaw(value) for key, value in extra.items() if key not in steps[0]})
    return steps or None
