"""What a label image says of its values: which object each pixel of an image belongs to.

Specification (0.4 and 0.5): "labels" metadata, "image-label" metadata.
"""

from __future__ import annotations

from attrs import field, frozen

from ngff_fn.frozen_json import EMPTY, FrozenMap

LABELS = "labels"
"""Where the labels of an image are: in a group beside its levels (specification, "labels")."""

DTYPES_OF_LABELS = tuple(f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u"))
"""Specification: "The pixels of the label images MUST be integer data types"."""


@frozen(kw_only=True)
class LabelColor:
    """How the pixels of one value are shown: red, green, blue and opacity from 0 to 255."""

    value: int
    rgba: tuple[int, int, int, int] | None = None
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class ImageLabel:
    """What "image-label" says of an image whose pixels are labels.

    Parameters
    ----------
    colors
        One for each value that has one; None where nothing is said.
    properties
        What is known of a value, which is its ``label-value``.
    source
        Of which image it is: ``image`` is a path, "../../" where it lies beside that one's levels.
    extra
        What this library does not know.
    """

    colors: tuple[LabelColor, ...] | None = None
    properties: tuple[FrozenMap, ...] | None = None
    source: FrozenMap | None = None
    extra: FrozenMap = field(default=EMPTY)
