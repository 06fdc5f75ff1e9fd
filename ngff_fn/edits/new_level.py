"""Where a new level goes: its path, its place among the others, its scale and translation."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import by_axis, is_sequence, number_problems, truth
from ngff_fn.edits.cascade import factors_between, method_of
from ngff_fn.edits.labelled import axes_beside_channels, each_label, without_channels
from ngff_fn.edits.rendering import with_default_channels
from ngff_fn.errors import NotThereError, Problem, WrongTypeError, counted, refuse
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.image import DEEPEST, Image, Level
from ngff_fn.records.pixels import Pixels, downsample

_METADATA = frozenset({".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"})


def with_new_level(
    image: Image,
    name: str,
    array: ArraySpec,
    pixels: Pixels,
    *,
    scale: Any,
    translation: Any,
    check_shape: bool,
    overwrite: bool,
) -> Image:
    """The image with a new level, before the first that is smaller."""
    if not isinstance(name, str):
        raise WrongTypeError(Problem("name", f"{name!r} is no text. The path of a level is one, such as '0'."))
    others = tuple(level for level in image.levels if level.path != name)
    replaced = next((level for level in image.levels if level.path == name), None)
    problems = name_problems(image, name, overwrite=overwrite)
    axis = channel_axis(image)
    names = channel_names(evolve(image, levels=others))
    if truth(check_shape, "check_shape") and axis is not None and names and array.shape[axis] > len(names):
        has = f"the image has names for {len(names)}: {', '.join(names)}"
        cure = "Add channels first, or say check_shape=False."
        problems.append(Problem("data.shape", f"{counted(array.shape[axis], 'channel')}, and {has}. {cure}"))
    first = image.levels[0] if image.levels else None
    sizes, more = _numbers(
        image, "scale", scale, replaced.scale if replaced else _scale_of(first, array), positive=True
    )
    model = replaced or first
    origin = None if model is None else model.translation
    place, further = _numbers(image, "translation", translation, origin or (0.0,) * len(image.axes), positive=False)
    refuse(problems + more + further)
    level = Level(
        path=name, scale=sizes, translation=origin if translation is None else place, array=array, pixels=pixels
    )
    if not image.levels:
        image = with_default_channels(image, array.dtype)
    at = next((i for i, other in enumerate(others) if _size(other.array) < _size(array)), len(others))
    made = evolve(image, levels=(*others[:at], level, *others[at:]))
    if image.labels is None or replaced is not None or not 0 < at == len(others):
        return made
    return each_label(made, lambda label: _with_last_level(label, made))


def _with_last_level(label: Image, image: Image) -> Image:
    """A label image, which had as many levels as its image, with one for the last."""
    last = len(image.levels) - 1
    if len(label.levels) != last or len(label.axes) != len(axes_beside_channels(image)):
        return label
    above, new = label.levels[-1], image.levels[-1]
    step, shape = without_channels(image, factors_between(image)[-1]), without_channels(image, new.array.shape)
    block = tuple(max(1, min(sizes)) for sizes in zip(above.array.chunks, shape, strict=True))
    level = Level(
        path=new.path,
        scale=without_channels(image, new.scale),
        translation=without_channels(image, new.translation),
        array=evolve(above.array, shape=shape, chunks=block, shards=None),
        pixels=downsample(above.pixels, step, method_of(label), shape),
    )
    return evolve(label, levels=(*label.levels, level))


def name_problems(image: Image, name: str, *, overwrite: bool = False) -> list[Problem]:
    """Everything that makes a name unfit for a level's path."""
    parts = name.split("/")
    reason = ""
    if any(part.strip() in ("", ".", "..") for part in parts) or "\\" in name or not name.isprintable():
        reason = "is no path below the image. Give names with / between them, such as '0'."
    elif name[1:2] == ":" and name[0].isascii() and name[0].isalpha():
        reason = "is a drive on some systems. Give another."
    elif len(parts) > DEEPEST:
        reason = f"has {len(parts)} names, and at most {DEEPEST} may be. Give a shorter one."
    elif any(part.startswith("__") for part in parts):
        reason = "has a part that begins with __, which Zarr reserves. Give another."
    elif any(part in _METADATA for part in parts):
        reason = "is the name of a metadata document. Give another."
    elif parts[0] == "labels":
        reason = "is where labels are (specification, 'labels'). Give another."
    elif name in (paths := [level.path for level in image.levels]) and not overwrite:
        reason = f"is there; the image has {', '.join(paths)}. Give another, or say overwrite=True."
    else:
        for path in paths:
            if path.startswith(f"{name}/") or name.startswith(f"{path}/"):
                reason = f"and {path!r} are inside each other, and nothing can be inside an array. Give another."
    return [Problem("name", f"{name!r} {reason}")] if reason else []


def _numbers(
    image: Image, location: str, values: Any, default: tuple[float, ...], *, positive: bool
) -> tuple[tuple[float, ...], list[Problem]]:
    """A number per axis, from a sequence in the order of the axes or from a mapping by name."""
    names = [axis.name.lower() for axis in image.axes]
    if values is None:
        return default, []
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, Mapping):
        found, problems = by_axis(image, location, values, {})
        refuse(problems, NotThereError)
    elif is_sequence(values) and len(values) == len(names):
        found, problems = dict(enumerate(values)), []
    else:
        message = f"{values!r} is not a number for each of the axes {', '.join(names)}."
        return default, [Problem(location, f"{message} Give one for each, or a mapping by axis.")]
    for axis, value in found.items():
        problems += number_problems(f"{location}, axis {names[axis]}", value, positive=positive)
    if problems:
        return default, problems
    return tuple(float(found.get(axis, usual)) for axis, usual in enumerate(default)), []


def _scale_of(first: Level | None, array: ArraySpec) -> tuple[float, ...]:
    """What the shapes say of a level's scale: that of level 0 times the whole number that one is of the other."""
    if first is None:
        return (1.0,) * len(array.shape)
    return tuple(
        scale * _ratio(size, smaller)
        for scale, size, smaller in zip(first.scale, first.array.shape, array.shape, strict=True)
    )


def _ratio(size: int, smaller: int) -> float:
    """By which factor one size became the other, rounded up or down.

    >>> _ratio(9, 5), _ratio(9, 4), _ratio(10, 4), _ratio(4, 8)
    (2.0, 2.0, 2.5, 0.5)
    """
    if not size or not smaller:
        return 1.0
    factor = round(size / smaller)
    return float(factor) if factor and smaller in (size // factor, -(-size // factor)) else size / smaller


def _size(array: ArraySpec) -> int:
    return prod(max(1, size) for size in array.shape)
