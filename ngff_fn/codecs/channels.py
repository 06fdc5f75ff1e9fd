"""Channels in documents (specification: "omero" metadata)."""

from __future__ import annotations

import re
from functools import lru_cache
from types import NoneType
from typing import TYPE_CHECKING, Any

from ngff_fn.codecs.parts import Part, are_numbers, others_of, shown
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.channels import Channel, Window

if TYPE_CHECKING:
    from cattrs import Converter

_HEX = re.compile(r"#?([0-9A-Fa-f]{6})", re.ASCII)
_RRGGBB = re.compile(r"[0-9A-Fa-f]{6}", re.ASCII).fullmatch
_FIELDS = ("label", "color", "active", "coefficient", "family", "inverted")
_LIMITS = ("start", "end", "min", "max")
OMERO = frozenset({"channels"})
_MEMBERS = frozenset({"label", "color", "window", "active", "coefficient", "family", "inverted"})
_WINDOW = frozenset(_LIMITS)
_TEXT = frozenset({str, NoneType})
_TRUTH = frozenset({bool, NoneType})


def sound_omero(omero: Any) -> tuple[tuple[Channel, ...], FrozenMap] | None:
    """The channels of an "omero" as it must be, and its other members; else None."""
    channels = sound_channels(omero.get("channels")) if type(omero) is dict else None
    return None if channels is None else (channels, others_of(omero, OMERO))


def sound_channels(entries: Any) -> tuple[Channel, ...] | None:
    """Channels as they must be; None where ``read_channels`` has to look, which would note something."""
    if type(entries) is not list:
        return None
    channels: list[Channel] = []
    for entry in entries:
        if type(entry) is not dict or type(window := entry.get("window")) is not dict or None in entry.values():
            return None
        members, limits = map(entry.get, _FIELDS), map(window.get, _LIMITS)
        try:
            extra = None if entry.keys() <= _MEMBERS else others_of(entry, _MEMBERS)
            beside = None if window.keys() <= _WINDOW else others_of(window, _WINDOW)
            read = _sound_channel if extra is beside is None else _sound_channel.__wrapped__  # equal maps may differ
            channel = read(extra, beside, *members, *limits)
        except TypeError:  # of a list where a scalar should be
            return None
        if channel is None:
            return None
        channels.append(channel)
    return tuple(channels) if len({channel.label for channel in channels}) == len(channels) else None


@lru_cache(maxsize=512, typed=True)
def _sound_channel(extra: FrozenMap | None, beside: FrozenMap | None, *members: Any) -> Channel | None:
    """Remembered: many images have the very same channels, which are one object then."""
    label, color, active, coefficient, family, inverted, *limits = members
    if type(label) is not str or type(color) is not str or not _RRGGBB(color) or type(family) not in _TEXT:
        return None
    if type(active) not in _TRUTH or type(inverted) not in _TRUTH or not are_numbers(limits):
        return None
    if coefficient is not None and not are_numbers([coefficient]):
        return None
    start, end, least, most = limits
    return Channel(
        label=label,
        color=color,
        window=Window(start=start + 0, end=end + 0, min=least + 0, max=most + 0, extra=beside or EMPTY),  # -0.0 is 0.0
        active=active,
        coefficient=None if coefficient is None else coefficient + 0,
        family=family,
        inverted=inverted,
        extra=extra or EMPTY,
    )


def read_channels(part: Part, converter: Converter) -> tuple[Channel, ...] | None:
    """The channels of an object that has a list of them; None where there is no list."""
    channels = part.get("channels")
    if channels is None or not isinstance(channels.value, list):
        message = "is not a list; read as if no channel were described."
        part.lenient(message, "omero.channels.required", at="channels")
        return None
    structure = converter.get_structure_hook(Channel)
    read = tuple(structure(element, Channel) for element in channels.elements())
    labels = [channel.label for channel in read]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        channels.note("warning", f"the label {label!r} stands more than once; the first is meant. Rename one.")
    return read


def read_channel(part: Part, members: dict[str, Any] | None) -> Channel:
    """One channel, from the members of its object (None where it is no object).

    A channel without a label is called by its position, as all are in an image without "omero".
    """
    if isinstance(part.value, str):
        message = f"is the text {shown(part.value)}, read as its label; a channel is an object."
        part.lenient(message, "omero.channels.required")
        return Channel(label=part.value)
    if members is None:
        part.error(f"is {shown(part.value)}; a channel must be an object.", "omero.channels.required")
        return Channel(label=str(part.key))
    for name, rule in (("color", "omero.channel.color.required"), ("window", "omero.channel.window.required")):
        if name not in part.value:
            part.lenient("must be there.", rule, at=name)
    if members.get("label") is None:
        members["label"] = str(part.key)
    if members.get("color"):
        members["color"] = _read_color(part, members["color"])
    if members.get("coefficient") is not None:
        members["coefficient"] += 0
    return Channel(**members)


def _read_color(part: Part, color: str) -> str | None:
    match = _HEX.fullmatch(color)
    if match is None:
        part.lenient(f"is {shown(color)}, not RRGGBB; read as no color.", "omero.channel.color.hex", at="color")
        return None
    if match[1] != color:
        part.lenient(f"is {shown(color)}; it must be RRGGBB.", "omero.channel.color.hex", at="color")
    return match[1]


def read_window(part: Part, members: dict[str, Any] | None) -> Window | None:
    """Contrast limits, from the members of their object (None where it is no object)."""
    if members is None:
        part.lenient(f"is {shown(part.value)}, not an object; read as no window.", "omero.channel.window.keys")
        return None
    missing = [name for name in _LIMITS if members.get(name) is None]
    if missing:
        part.lenient(f"{', '.join(missing)} must be there, as numbers.", "omero.channel.window.keys")
    return Window(
        **{name: value + 0 if name in _WINDOW and value is not None else value for name, value in members.items()}
    )
