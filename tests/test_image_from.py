from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ngff_fn.edits.image_from import image_from
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    NotThereError,
    WrongTypeError,
)
from ngff_fn.records.axes import Axis, axes_from
from ngff_fn.records.image import Image
from tests.small_images import Array, pixels_of

EMPTY = Image(axes=axes_from("zyx"))
ZEROS = np.zeros((4, 6, 6), "uint16")


def numbers() -> Array:
    return np.arange(24, dtype="uint16").reshape(4, 6)


# --- image_from -------------------------------------------------------------------------------------------------------


def test_an_image_from_an_array_has_one_level_called_0_and_no_omero() -> None:
    image = image_from(numbers(), axes="yx", name="cells")
    assert ([level.path for level in image.levels], image.channels, image.name) == (["0"], None, "cells")
    np.testing.assert_array_equal(pixels_of(image), numbers())


def test_axes_have_their_types_and_default_units() -> None:
    image = image_from(np.zeros((1, 1, 1, 1, 1)), axes="tczyx")
    assert [(axis.type, axis.unit) for axis in image.axes] == [
        ("time", "second"),
        ("channel", None),
        *[("space", "micrometer")] * 3,
    ]


def test_axes_may_be_records_and_units_are_given_in_order_or_by_name() -> None:
    axes: list[str | Axis] = [Axis(name="Q", type="custom"), "y", "x"]
    by_order = image_from(np.zeros((1, 2, 2)), axes=axes, units=[None, "nm", "nm"])
    by_name = image_from(np.zeros((1, 2, 2)), axes=axes, units={"y": "nanometer", "x": "nm"})
    assert by_order.axes == by_name.axes
    assert [axis.unit for axis in by_name.axes] == [None, "nanometer", "nanometer"]


def test_channel_names_make_omero_as_new_channels_have_it() -> None:
    image = image_from(np.zeros((2, 4, 4), "uint16"), axes="cyx", channel_names=["DAPI", "GFP"])
    assert image.channels is not None
    assert [(channel.label, channel.color, channel.active) for channel in image.channels] == [
        ("DAPI", "0000FF", True),
        ("GFP", "00FF00", False),
    ]
    assert image.channels[0].window is not None
    assert image.channels[0].window.max == 65535


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"axes": "yx", "channel_names": ["a"]}, InvalidValueError),
        ({"axes": "cx", "channel_names": ["a"]}, InvalidValueError),
        ({"axes": "cx", "channel_names": ["a", "a", "b", "c"]}, InvalidValueError),
        ({"axes": "cx", "channel_names": "abcd"}, WrongTypeError),
        ({"axes": "zyx"}, InvalidValueError),
        ({"axes": "xt"}, InvalidValueError),
        ({"axes": "yy"}, InvalidValueError),
        ({"axes": "yx", "scale": {"z": 1}}, NotThereError),
        ({"axes": "yx", "units": ["nm"]}, InvalidValueError),
        ({"axes": "yx", "units": {"z": "nm"}}, NotThereError),
        ({"axes": "yx", "name": 3}, WrongTypeError),
        ({}, WrongTypeError),
    ],
)
def test_what_does_not_fit_the_array_is_refused(arguments: dict[str, Any], error: type[NgffError]) -> None:
    with pytest.raises(error):
        image_from(numbers(), **arguments)


def test_numbers_and_names_agree_in_a_refusal() -> None:
    with pytest.raises(InvalidValueError, match=r"channel_names: 1 name for 4 channels\. Give one for each"):
        image_from(numbers(), axes="cx", channel_names=["a"])
    with pytest.raises(InvalidValueError, match=r"units: 1 unit for 2 axes \(y, x\)"):
        image_from(numbers(), axes="yx", units=["nm"])
    with pytest.raises(WrongTypeError, match="data: an int has no shape"):
        image_from(3, axes="yx")
