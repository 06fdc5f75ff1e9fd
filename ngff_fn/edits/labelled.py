"""Label images follow their image: they lie where it lies, and have as many levels.

Specification, "labels": "the JSON array associated with the datasets key MUST have the same number of entries (scale
levels) as the original unlabeled image".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from ngff_fn.errors import NgffError, Problem, UnsupportedError
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.image import Image, Label, Labels, Level, Unread
from ngff_fn.records.labels import LABELS, ImageLabel

_Vector = tuple[float, ...]


def each_label(image: Image, edit: Callable[[Image], Image]) -> Image:
    """The image with every label image edited; what the edit leaves as it is stays the same object.

    Raises
    ------
    UnsupportedError
        Where labels were not read.
    NgffError
        What the edit refuses, with the path of the label image before it.

    >>> from ngff_fn.records.examples import CELLS
    >>> each_label(CELLS, lambda label: label) is CELLS
    True
    """
    match image.labels:
        case None:
            return image
        case Unread():
            raise UnsupportedError(unread_labels(LABELS))
        case labels:
            made = tuple(_edited(label, edit) for label in labels.images)
            is_same = all(new is old for new, old in zip(made, labels.images, strict=True))
            return image if is_same else evolve(image, labels=evolve(labels, images=made))


def unread_labels(location: str) -> Problem:
    """What is wrong where labels would have to follow, and are not known."""
    message = "they cannot be read, and would have to follow the image."
    return Problem(location, f"{message} Mend them, or take detach(image): the image without them, to put elsewhere.")


def _edited(label: Label, edit: Callable[[Image], Image]) -> Label:
    where = f"{LABELS}/{label.path}"
    if isinstance(label.image, Unread):
        raise UnsupportedError(unread_labels(where))
    marked = marked_as_label(label.image)
    try:
        made = edit(marked)
    except NgffError as refusal:
        located = [evolve(each, location=f"{where}: {each.location}") for each in refusal.problems]
        raise type(refusal)(*located) from refusal
    if made is marked:
        return label
    if label.image.image_label is None:
        made = evolve(made, image_label=None)
    return label if made == label.image else evolve(label, image=made)


def marked_as_label(image: Image) -> Image:
    """A label image that says that it is one, as not all of them do: its levels are made by mode."""
    return image if image.image_label is not None else evolve(image, image_label=ImageLabel())


def axes_beside_channels(image: Image) -> tuple[int, ...]:
    """The positions of the axes that a label image has.

    >>> from ngff_fn.records.examples import CELLS
    >>> axes_beside_channels(CELLS)
    (1, 2, 3)
    """
    channels = channel_axis(image)
    return tuple(axis for axis in range(len(image.axes)) if axis != channels)


def without_channels(image: Image, vector: Any) -> Any:
    """A number for each axis as a label image has it; None stays None.

    >>> from ngff_fn.records.examples import CELLS
    >>> without_channels(CELLS, (1.0, 0.5, 0.25, 0.25))
    (0.5, 0.25, 0.25)
    """
    return None if vector is None else tuple(vector[axis] for axis in axes_beside_channels(image))


# -- where they lie ----------------------------------------------------------------------------------------------------


def with_labels_along(before: Image, after: Image) -> Image:
    """An image after an edit of its coordinates, its label images where it lies now, if they lay where it lay before.

    Those that lay elsewhere are left alone: nobody knows what is meant with them.

    >>> from ngff_fn.records.examples import CELLS
    >>> with_labels_along(CELLS, CELLS) is CELLS
    True
    """
    if not isinstance(before.labels, Labels) or after is before:
        return after
    images = tuple(_following(label, before, after) for label in before.labels.images)
    is_same = all(new is old for new, old in zip(images, before.labels.images, strict=True))
    return after if is_same else evolve(after, labels=evolve(before.labels, images=images))


def _following(label: Label, before: Image, after: Image) -> Label:
    if not isinstance(label.image, Image) or not _lies_with(label.image, before):
        return label
    moved = laid_over(label.image, after)
    return label if moved == label.image else evolve(label, image=moved)


def _lies_with(label: Image, image: Image) -> bool:
    if len(label.axes) != len(axes_beside_channels(image)) or len(label.levels) > len(image.levels):
        return False
    axes = [(axis.name.lower(), axis.unit) for axis in without_channels(image, image.axes)]
    places = [(axis.name.lower(), axis.unit) for axis in label.axes] == axes and all(
        _place(level) == _place(above, image) for level, above in zip(label.levels, image.levels, strict=False)
    )
    return places and _whole(label) == _whole(image, image)


def _place(level: Level, image: Image | None = None) -> tuple[_Vector, _Vector]:
    origin = level.translation or (0.0,) * len(level.scale)
    return (level.scale, origin) if image is None else (
        without_channels(image, level.scale), without_channels(image, origin),
    )  # fmt: skip


def _whole(image: Image, over: Image | None = None) -> tuple[_Vector, _Vector]:
    scale = image.scale or (1.0,) * len(image.axes)
    origin = image.translation or (0.0,) * len(image.axes)
    return (scale, origin) if over is None else (without_channels(over, scale), without_channels(over, origin))


def laid_over(label: Image, image: Image) -> Image:
    """A label image in the place of an image: with its axes, and with the scale and translation of its levels.

    >>> from ngff_fn.edits.axes import set_unit
    >>> from ngff_fn.edits.image_from import image_from
    >>> import numpy as np
    >>> image = image_from(np.zeros((2, 4, 4), "uint8"), axes="cyx", scale={"y": 0.5}, units={"y": "nanometer"})
    >>> label = laid_over(image_from(np.zeros((4, 4), "uint8"), axes="yx"), image)
    >>> label.axes[0].unit, label.levels[0].scale
    ('nanometer', (0.5, 1.0))
    """
    named = zip(label.axes, without_channels(image, image.axes), strict=True)
    axes = tuple(evolve(own, name=axis.name, type=axis.type, unit=axis.unit) for own, axis in named)
    levels = tuple(
        evolve(
            level,
            scale=without_channels(image, above.scale),
            translation=without_channels(image, above.translation),
        )
        for level, above in zip(label.levels, image.levels, strict=False)
    )
    return evolve(
        label,
        axes=label.axes if axes == label.axes else axes,
        levels=(*levels, *label.levels[len(levels) :]),
        scale=without_channels(image, image.scale),
        translation=without_channels(image, image.translation),
    )
