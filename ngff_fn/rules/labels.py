"""The rules of label images that go beyond what reading them needs: small functions, and the table of all.

Kinds follow the specification: ``lenient`` for MUST (it was read all the same), ``warning`` for SHOULD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from ngff_fn.errors import Problem
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.image import Image
from ngff_fn.records.labels import DTYPES_OF_LABELS

Rule: TypeAlias = Callable[[Image, Image], Iterator[Problem]]
"""Asked of a label image, and of the image that it is of."""


def label_levels_count(label: Image, image: Image) -> Iterator[Problem]:
    """The datasets of a label image "MUST have the same number of entries (scale levels) as the original"."""
    if len(label.levels) != len(image.levels):
        message = f"there are {len(label.levels)}, and the image has {len(image.levels)}."
        yield Problem("multiscales[0].datasets", message, kind="lenient", rule="label.levels.count")


def label_dtype_integer(label: Image, _: Image) -> Iterator[Problem]:
    """The pixels of a label image "MUST be integer data types"."""
    for level in label.levels:
        if level.array.dtype not in DTYPES_OF_LABELS:
            message = f"{level.array.dtype} holds no labels; these are integers."
            yield Problem(level.path, message, kind="lenient", rule="label.dtype.integer")


def label_shape_match(label: Image, image: Image) -> Iterator[Problem]:
    """Each dimension of a label image is that of its image, or 1."""
    channels = channel_axis(image)
    for level, above in zip(label.levels, image.levels, strict=False):
        whole = above.array.shape
        wanted = whole if channels is None or len(label.axes) == len(image.axes) else (
            *whole[:channels], *whole[channels + 1 :],
        )  # fmt: skip
        has = level.array.shape
        if len(has) != len(wanted) or any(size not in (1, full) for size, full in zip(has, wanted, strict=True)):
            message = f"{has} is not the {wanted} of the image, nor 1 along an axis."
            yield Problem(level.path, message, kind="warning", rule="label.shape.match")


def label_image_label_present(label: Image, _: Image) -> Iterator[Problem]:
    """The group of a label image "SHOULD" say that it is one."""
    if label.image_label is None:
        message = "should be there. Set colors or properties, which adds it."
        yield Problem("image-label", message, kind="warning", rule="label.image_label.present")


def label_colors_present(label: Image, _: Image) -> Iterator[Problem]:
    """A label image "SHOULD" say the colors of its values."""
    if label.image_label is not None and label.image_label.colors is None:
        message = "should be there. Set them with set_label_colors."
        yield Problem("image-label.colors", message, kind="warning", rule="label.colors.present")


LABEL_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "label.levels.count": label_levels_count,
        "label.dtype.integer": label_dtype_integer,
        "label.shape.match": label_shape_match,
        "label.image_label.present": label_image_label_present,
        "label.colors.present": label_colors_present,
    }
)
"""By id: what ``validate`` asks of a label image. What its documents say is looked at when they are read."""
