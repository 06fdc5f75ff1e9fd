"""Label images: added beside the levels of an image, taken away, and what is said of their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, TypeAlias

from attrs import evolve

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.edits.arrays import array_dtype, array_spec, integer
from ngff_fn.edits.cascade import factors_between
from ngff_fn.edits.extra import json_from
from ngff_fn.edits.labelled import unread_labels, without_channels
from ngff_fn.edits.new_level import name_problems
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    NotThereError,
    Problem,
    UnsupportedError,
    WrongTypeError,
    a_type,
    refuse,
)
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import axis_names
from ngff_fn.records.colors import color_from
from ngff_fn.records.image import Image, Label, Labels, Level, Unread
from ngff_fn.records.labels import DTYPES_OF_LABELS, LABELS, ImageLabel, LabelColor
from ngff_fn.records.pixels import Pixels, downsample, given
from ngff_fn.records.subject import of_record

Color: TypeAlias = str | Sequence[int] | None
_SOURCE = FrozenMap({"image": "../../"})
"""Specification, "image-label": the path of the image, relative to the label image, which lies two groups below it."""
_VALUE = "label-value"
_OPAQUE = 255
_RGB, _RGBA = 3, 4


@of_record
def add_label(
    image: Image,
    name: str,
    data: Any,
    *,
    colors: Mapping[int, Color] | None = None,
    properties: Mapping[int, Mapping[str, Any]] | Iterable[Mapping[str, Any]] | None = None,
    levels: int | None = None,
    method: Literal["mode", "stride"] = "mode",
) -> Image:
    """The image with another label image: as many levels as the image has, where these lie.

    Parameters
    ----------
    image
        Has a level 0.
    name
        Of the label image, which is at ``labels/<name>``.
    data
        Integers, in the shape of level 0 without the channel axis; not read before it is committed.
    colors
        By value of the label: ``RRGGBB``, a CSS name, three or four integers from 0 to 255, or None for no color.
    properties
        What is known of a value, as mappings by value, or a list of mappings with ``label-value`` in each.
    levels
        How many; None, and the only number there may be: as many as the image has.
    method
        How each level is made from the one above it: ``mode`` (the value that is there most often, of ties the
        smallest) or ``stride`` (every n-th).

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) with all that is wrong: a name that is taken or no name, data that are no integers
        or of another shape, colors and properties that are none; an image without levels.
    UnsupportedError
        Where the labels that are there cannot be read.

    Notes
    -----
    Specification, "labels": "The pixels of the label images MUST be integer data types"; "MUST have the same number of
    entries (scale levels) as the original unlabeled image".

    >>> import numpy as np
    >>> from ngff_fn.records.examples import CELLS
    >>> from ngff_fn.records.image import level_at
    >>> image = add_label(CELLS, "nuclei", np.zeros((4, 64, 64), "uint16"), colors={1: "red"})
    >>> [(level.array.shape, level.scale) for level in image.labels.images[0].image.levels]
    [((4, 64, 64), (0.5, 0.25, 0.25)), ((4, 32, 32), (0.5, 0.5, 0.5))]
    >>> level_at(image, "labels/nuclei/1").array.dtype
    'uint16'
    """
    labels = _labels(image)
    if not image.levels:
        raise InvalidValueError(Problem("levels", "the image has no level 0. Add one with add_level."))
    there = () if labels is None else labels.images
    problems = [*_name_problems(name, there), *_data_problems(image, data), *_height_problems(image, levels)]
    if not isinstance(method, str) or method not in ("mode", "stride"):
        problems.append(Problem("method", f"{method!r} would make values that are no labels. Take 'mode' or 'stride'."))
    refuse(problems, WrongTypeError if not isinstance(name, str) else InvalidValueError)
    said = ImageLabel(colors=_colors(colors), properties=_properties(properties), source=_SOURCE)
    made = Image(
        axes=without_channels(image, image.axes),
        levels=_levels(image, data, method),
        name=name,
        method=method,
        metadata=FrozenMap({"method": "ngff_fn.add_label", "kwargs": FrozenMap({"method": method})}),
        scale=without_channels(image, image.scale),
        translation=without_channels(image, image.translation),
        image_label=said,
    )
    return evolve(image, labels=evolve(labels or Labels(), images=(*there, Label(path=name, image=made))))


@of_record
def remove_label(image: Image, name: str) -> Image:
    """The image without one of its label images: without its pixels and its entry in the list.

    Parameters
    ----------
    image
        Has the label.
    name
        Of the label image.

    Raises
    ------
    NotThereError
        (a KeyError) that names the labels there are.
    UnsupportedError
        Where the labels that are there cannot be read.

    >>> import numpy as np
    >>> from ngff_fn.records.examples import CELLS
    >>> remove_label(add_label(CELLS, "nuclei", np.zeros((4, 64, 64), "uint16")), "nuclei") == CELLS
    True
    """
    labels = _labels(image) or Labels()
    index = _index(labels, name)
    images = labels.images[:index] + labels.images[index + 1 :]
    was_never_stored = labels.source is None and not labels.extra
    return evolve(image, labels=None if was_never_stored and not images else evolve(labels, images=images))


@of_record
def set_label_colors(image: Image, name: str, colors: Mapping[int, Color] | None) -> Image:
    """The image with other colors of one label image.

    Parameters
    ----------
    image
        Has the label.
    name
        Of the label image.
    colors
        In the place of those that are there, by value: ``RRGGBB``, a CSS name, three or four integers from 0 to 255
        (red, green, blue, opacity), or None for a value without color. None: no colors.

    Raises
    ------
    NotThereError
        (a KeyError) that names the labels there are.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for what is no color and no value.

    >>> import numpy as np
    >>> from ngff_fn.records.examples import CELLS
    >>> image = add_label(CELLS, "nuclei", np.zeros((4, 64, 64), "uint16"))
    >>> set_label_colors(image, "nuclei", {1: "red", 2: (0, 0, 255, 128)}).labels.images[0].image.image_label.colors[1]
    LabelColor(value=2, rgba=(0, 0, 255, 128), extra=FrozenMap({}))
    """
    return _with_said(image, name, colors=_colors(colors))


@of_record
def set_label_properties(
    image: Image, name: str, properties: Mapping[int, Mapping[str, Any]] | Iterable[Mapping[str, Any]] | None
) -> Image:
    """The image with other properties of the values of one label image.

    Parameters
    ----------
    image
        Has the label.
    name
        Of the label image.
    properties
        In the place of those that are there: mappings by value, or a list of mappings with ``label-value`` in each.
        None: no properties.

    Raises
    ------
    NotThereError
        (a KeyError) that names the labels there are.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for what are no properties, or nothing that JSON can say.

    >>> import numpy as np
    >>> from ngff_fn.records.examples import CELLS
    >>> image = add_label(CELLS, "nuclei", np.zeros((4, 64, 64), "uint16"))
    >>> set_label_properties(image, "nuclei", {1: {"area": 12}}).labels.images[0].image.image_label.properties
    (FrozenMap({'label-value': 1, 'area': 12}),)
    """
    return _with_said(image, name, properties=_properties(properties))


# -- one of them -------------------------------------------------------------------------------------------------------


def _labels(image: Image) -> Labels | None:
    if isinstance(image.labels, Unread):
        raise UnsupportedError(unread_labels(LABELS))
    return image.labels


def _index(labels: Labels, name: object) -> int:
    names = [label.path for label in labels.images]
    if not isinstance(name, str) or name not in names:
        raise NotThereError(Problem(LABELS, f"no label {name!r}; the image has: {', '.join(names) or 'none'}."))
    return names.index(name)


def _with_said(image: Image, name: str, **said: Any) -> Image:
    labels = _labels(image) or Labels()
    index = _index(labels, name)
    label = labels.images[index]
    if isinstance(label.image, Unread):
        raise UnsupportedError(unread_labels(f"{LABELS}/{name}"))
    old = label.image.image_label or ImageLabel(source=_SOURCE)
    new = evolve(label, image=evolve(label.image, image_label=evolve(old, **said)))
    return evolve(image, labels=evolve(labels, images=(*labels.images[:index], new, *labels.images[index + 1 :])))


# -- a new one ---------------------------------------------------------------------------------------------------------


def _name_problems(name: object, there: tuple[Label, ...]) -> list[Problem]:
    if not isinstance(name, str):
        return [Problem("name", f"{name!r} is no text. Give the name of the label image, such as 'nuclei'.")]
    if "/" in name:
        return [Problem("name", f"{name!r} has a / in it; a label image lies right below labels. Give one name.")]
    names = [label.path for label in there]
    taken = [listed for listed in names if listed == name or listed.startswith(f"{name}/")]
    if taken:
        message = f"{name!r} is there; the image has {', '.join(names)}. Give another, or remove_label it first."
        return [Problem("name", message)]
    return name_problems(Image(axes=()), name)


def _data_problems(image: Image, data: Any) -> list[Problem]:
    try:
        dtype = array_dtype(data)
    except NgffError as refusal:
        return list(refusal.problems)
    problems = []
    if dtype not in DTYPES_OF_LABELS:
        problems.append(Problem("data.dtype", f"{dtype} holds no labels. Convert it to integers, such as uint32."))
    wanted = without_channels(image, image.levels[0].array.shape)
    if tuple(data.shape) != wanted:
        names = ", ".join(without_channels(image, axis_names(image)))
        message = f"{tuple(data.shape)} is not the {wanted} of level 0 along {names}. Give a label for each element."
        problems.append(Problem("data.shape", message))
    return problems


def _height_problems(image: Image, levels: object) -> list[Problem]:
    if levels is None or integer(levels) == len(image.levels):
        return []
    message = f"{levels!r}, and the image has {len(image.levels)}; labels have as many as their image."
    return [Problem("levels", f"{message} Leave it out, or make the pyramid of the image first.")]


def _levels(image: Image, data: Any, method: Literal["mode", "stride"]) -> tuple[Level, ...]:
    pixels: Pixels = given(data)
    steps = [None, *(without_channels(image, step) for step in factors_between(image))]
    made: list[Level] = []
    for above, step in zip(image.levels, steps, strict=True):
        shape = without_channels(image, above.array.shape)
        pixels = pixels if step is None else downsample(pixels, step, method, shape)
        made.append(
            Level(
                path=above.path,
                scale=without_channels(image, above.scale),
                translation=without_channels(image, above.translation),
                array=_array(image, above.array, shape, array_dtype(data)),
                pixels=pixels,
            )
        )
    return tuple(made)


def _array(image: Image, above: ArraySpec, shape: tuple[int, ...], dtype: str) -> ArraySpec:
    """Chunks and shards as the image has them there."""
    axes = Image(axes=without_channels(image, image.axes))
    ratio = None
    if above.shards is not None:
        ratio = without_channels(image, [n // chunk for n, chunk in zip(above.shards, above.chunks, strict=True)])
    return array_spec(axes, shape=shape, dtype=dtype, chunks=without_channels(image, above.chunks), shards_ratio=ratio)


# -- what is said of values --------------------------------------------------------------------------------------------


def _colors(colors: Any) -> tuple[LabelColor, ...] | None:
    if colors is None:
        return None
    if not isinstance(colors, Mapping):
        message = f"{a_type(colors)} says nothing by value. Give a mapping, such as {{1: 'red'}}."
        raise WrongTypeError(Problem("colors", message))
    problems: list[Problem] = []
    made: list[LabelColor] = []
    for value, color in colors.items():
        place = f"colors[{value!r}]"
        if not _is_value(value):
            problems.append(Problem(place, "the value of a label is an integer. Give one."))
            continue
        try:
            made.append(LabelColor(value=int(value), rgba=None if color is None else _rgba(color, place)))
        except NgffError as refusal:
            problems += refusal.problems
    refuse(problems)
    return tuple(made) or None


def _is_value(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**64


def _rgba(color: Any, place: str) -> tuple[int, int, int, int]:
    if is_sequence(color) and len(color) == _RGBA:
        opacity = integer(color[_RGB])
        if opacity is None or not 0 <= opacity <= _OPAQUE:
            message = f"{color[_RGB]!r} is no opacity. Give an integer from 0 to 255."
            raise InvalidValueError(Problem(place, message))
        red, green, blue = bytes.fromhex(color_from(tuple(color)[:_RGB], place))
        return red, green, blue, opacity
    red, green, blue = bytes.fromhex(color_from(color, place))
    return red, green, blue, _OPAQUE


def _properties(properties: Any) -> tuple[FrozenMap, ...] | None:
    if properties is None:
        return None
    if isinstance(properties, Mapping):
        listed: list[Any] = [
            {_VALUE: value, **{key: each for key, each in said.items() if key != _VALUE}}
            if isinstance(said, Mapping)
            else said
            for value, said in properties.items()
        ]
    elif is_sequence(properties):
        listed = list(properties)
    else:
        message = f"{a_type(properties)} says nothing by value. Give a mapping, such as {{1: {{'area': 12}}}}."
        raise WrongTypeError(Problem("properties", message))
    problems: list[Problem] = []
    made: list[FrozenMap] = []
    for number, said in enumerate(listed):
        place = f"properties[{number}]"
        if not isinstance(said, Mapping) or not _is_value(said.get(_VALUE)):
            problems.append(Problem(place, f"{said!r} is no mapping with an integer as its label-value. Give one."))
            continue
        try:
            members = {**said, _VALUE: int(said[_VALUE])}
            made.append(FrozenMap({str(key): json_from(value, f"{place}.{key}") for key, value in members.items()}))
        except NgffError as refusal:
            problems += refusal.problems
    refuse(problems)
    return tuple(made) or None
