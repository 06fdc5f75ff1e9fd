"""Rendering settings ("omero"): color and visibility of channels, and what a new channel begins with."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

from attrs import evolve

from ngff_fn.errors import Problem, WrongTypeError
from ngff_fn.records.arrays import DTYPES
from ngff_fn.records.channel_names import channel_index, channel_names
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.colors import color_from
from ngff_fn.records.image import Image, with_channel_list
from ngff_fn.records.subject import of_record

WINDOW_OF_NAME: dict[str, Window] = {
    "Retardance": Window(start=0, end=100, min=0, max=1000),
    "Orientation": Window(start=0, end=pi, min=0, max=pi),
    "Phase2D": Window(start=-0.2, end=0.2, min=-10, max=10),
    "Phase3D": Window(start=-0.2, end=0.2, min=-10, max=10),
    "BF": Window(start=0, end=5, min=0, max=65535),
    "S0": Window(start=0, end=1, min=0, max=65535),
    "S1": Window(start=-0.5, end=0.5, min=-10, max=10),
    "S2": Window(start=-0.5, end=0.5, min=-10, max=10),
    "S3": Window(start=-1, end=1, min=-10, max=10),
}
"""The contrast limits of a new channel, by its exact name."""

COLOR_IN_NAME: dict[str, str] = {
    "Green": "00FF00", "GFP": "00FF00", "FITC": "00FF00", "mNeon": "00FF00",
    "Magenta": "FF00FF", "TXR": "FF00FF", "RFP": "FF00FF", "mScarlet": "FF00FF", "mCherry": "FF00FF",
    "Blue": "0000FF", "DAPI": "0000FF", "BFP": "0000FF", "Hoechst": "0000FF",
    "Red": "FF0000",
    "Yellow": "FFFF00", "Cy3": "FFFF00",
    "Orange": "FFA500", "Cy5": "FFA500", "Y5": "FFA500",
}  # fmt: skip
"""The color of a new channel: of the first of these, in this order, that is found in its name; else white."""


_SHOWN = ("color", "window", "active", "coefficient", "family", "inverted")


def default_window(name: str, dtype: str) -> Window:
    """The contrast limits of a new channel: by its exact name, else the range of its dtype.

    The range is that of the dtype up to 16 bits, 0 to 65535 for wider integers, and 0 to 1 for floats.

    >>> default_window("S1", "float32").end, default_window("GFP", "int8").start, default_window("GFP", "uint32").max
    (0.5, -128, 65535)
    """
    if name in WINDOW_OF_NAME:
        return WINDOW_OF_NAME[name]
    low, high = 0, 65535
    match DTYPES.get(dtype):
        case ("b" | "f" | "c", _):
            high = 1
        case ("u", size) if size <= 2:
            high = 2 ** (8 * size) - 1
        case ("i", size) if size <= 2:
            low, high = -(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1
    return Window(start=low, end=high, min=low, max=high)


def default_channel(name: str, dtype: str, *, first: bool) -> Channel:
    """What "omero" says of a new channel: active only if it is the first.

    >>> default_channel("GFP EX488", "uint8", first=False).color
    '00FF00'
    """
    color = next((color for part, color in COLOR_IN_NAME.items() if part in name), "FFFFFF")
    window = default_window(name, dtype)
    return Channel(
        label=name, color=color, window=window, active=first, coefficient=1.0, family="linear", inverted=False
    )


def dtype_of(image: Image) -> str:
    """The dtype of the pixels; of an image without levels, a 16-bit one."""
    return image.levels[0].array.dtype if image.levels else "uint16"


def with_omero(image: Image) -> Image:
    """The image itself where it has "omero"; else with an entry for each channel, named "0", "1" …"""
    if image.channels is not None:
        return image
    names, dtype = channel_names(image), dtype_of(image)
    return with_channel_list(image, tuple(default_channel(name, dtype, first=name == "0") for name in names))


def with_default_channels(image: Image, dtype: str) -> Image:
    """The image whose channels without color or window have there what a new channel has; others stay as they are.

    A store that was created empty names its channels and says no more: how they are shown depends on the dtype.
    """
    if image.channels is None:
        return image
    channels = (
        channel
        if channel.color is not None and channel.window is not None
        else _with_defaults(channel, default_channel(channel.label, dtype, first=index == 0))
        for index, channel in enumerate(image.channels)
    )
    return with_channel_list(image, tuple(channels))


def _with_defaults(channel: Channel, default: Channel) -> Channel:
    missing = [name for name in _SHOWN if getattr(channel, name) is None]
    return evolve(channel, **{name: getattr(default, name) for name in missing})


def with_channel(image: Image, index: int, **changes: Any) -> Image:
    """The image with other settings of the channel at a position; without "omero" it gets one."""
    channels = list(with_omero(image).channels or ())
    channels[index] = evolve(channels[index], **changes)
    return with_channel_list(image, tuple(channels))


@of_record
def set_channel_color(image: Image, name: str, color: str | Sequence[int]) -> Image:
    """The image with another color of one channel.

    Parameters
    ----------
    image
        The image; without "omero" it gets one.
    name
        Of the channel.
    color
        ``RRGGBB``, ``#RRGGBB``, a CSS name, or three integers from 0 to 255; it is stored as ``RRGGBB``.

    Raises
    ------
    NotThereError, InvalidValueError
        (a KeyError, a ValueError) where no channel has the name, or for what is no color.

    >>> from ngff_fn.records.examples import CELLS
    >>> set_channel_color(CELLS, "GFP", "lime").channels[1].color
    '00FF00'
    """
    index = channel_index(image, name)
    wanted, has = color_from(color, f"omero.channels[{index}].color"), (with_omero(image).channels or ())[index].color
    return with_channel(image, index, color=has if has is not None and has.upper() == wanted else wanted)


@of_record
def set_channel_active(image: Image, name: str, active: bool = True) -> Image:  # noqa: FBT001, FBT002 — as iohub users say it
    """The image with one channel shown, or not.

    Parameters
    ----------
    image
        The image; without "omero" it gets one.
    name
        Of the channel.
    active
        Whether it is shown.

    Raises
    ------
    NotThereError, WrongTypeError
        (a KeyError, a TypeError) where no channel has the name, or for anything but True and False.

    >>> from ngff_fn.records.examples import CELLS
    >>> [channel.active for channel in set_channel_active(CELLS, "DAPI", False).channels]
    [False, False]
    """
    index = channel_index(image, name)
    return with_channel(image, index, active=checked_active(active, f"omero.channels[{index}].active"))


def checked_active(active: object, location: str) -> bool:
    """True or False; anything else is refused."""
    if not isinstance(active, bool):
        raise WrongTypeError(Problem(location, f"{active!r} is neither True nor False. Give one of them."))
    return active
