"""An "omero" as a text, apart from its document: read, and given other scalars of its channels.

What comes of it is what reading or writing it with the whole document gives: where there is any doubt, there is no
answer here. Those that are alike but for the labels of their channels are not even parsed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import attrgetter, is_
from typing import Any, NamedTuple

from attrs import evolve

from ngff_fn.codecs.channels import sound_omero
from ngff_fn.codecs.known import LONGEST, Known, parsed_part
from ngff_fn.codecs.scalar_edits import channel_edits
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import Frame, Put, spliced
from ngff_fn.records.channels import Channel

_plain = re.compile(r'"[^"\\\x00-\x1f\x7f]*"').fullmatch  # a text that is written as it is
_beside_label = attrgetter("color", "window", "active", "coefficient", "family", "inverted", "extra")


class Omero(NamedTuple):
    """What an "omero" says: its channels, and its other members."""

    channels: tuple[Channel, ...]
    others: FrozenMap


_labelled: Known[Omero] = Known(4, _plain)


@lru_cache(maxsize=32)
def read_omero(text: str) -> Omero | None:
    """What an "omero" says; None where that may note something. Remembered: many images have the very same."""
    like = _labelled.like(text)
    if like is not None:
        _, (channels, others), labels = like
        labelled = tuple([_labelled_as(each, label[1:-1]) for each, label in zip(channels, labels, strict=True)])
        return Omero(labelled, others) if len(set(labels)) == len(labels) else None
    value = omero_value(text)
    read = sound_omero(value)
    if read is None:
        return None
    found = Omero(*read)
    _remember(text, value, found)
    return found


@lru_cache(maxsize=8)
def omero_value(text: str) -> Any:
    """The value of an "omero", which must not be changed; None where it is no JSON."""
    return parsed_part(text)


def _remember(text: str, value: Any, found: Omero) -> None:
    """Where each channel has its label, and no other label stands anywhere, as their numbers tell."""
    if len(text) < LONGEST and all("label" in entry for entry in value["channels"]):
        frame = Frame(text, ["label"])
        if len(frame.keys) == len(found.channels):
            _labelled.add(frame, found)


def _labelled_as(channel: Channel, label: str) -> Channel:
    return channel if channel.label == label else evolve(channel, label=label)


class _Itself:
    """The channels of an image, equal to the same object only: the images of a plate often have one for all."""

    __slots__ = ("channels",)

    def __init__(self, channels: tuple[Channel, ...] | None) -> None:
        self.channels = channels

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.channels is other.channels

    def __hash__(self) -> int:
        return id(self.channels)


def with_channels(text: str, before: tuple[Channel, ...] | None, wanted: tuple[Channel, ...] | None) -> str | None:
    """The text of an "omero" with other scalars of its channels; None where there is more to change.

    Parameters
    ----------
    text
        Of an "omero" that was read by ``read_omero``.
    before
        What it says.
    wanted
        What it shall say.
    """
    return _with_channels(text, _Itself(before), _Itself(wanted))


@lru_cache(maxsize=32)
def _with_channels(text: str, before: _Itself, wanted: _Itself) -> str | None:
    renamed = _with_label(text, before.channels or (), wanted.channels or ())
    if renamed is not None:
        return renamed
    value = omero_value(text)
    edits = None if value is None else channel_edits(before.channels, wanted.channels, value["channels"])
    if edits is None or any(isinstance(edit.value, str) and not edit.value.isascii() for edit in edits):
        return None  # such texts are written as the whole document writes them
    try:
        inside = [Put(("channels", *edit.pointer), edit.value) for edit in edits]
        return spliced(text.encode(), tuple(inside), value).decode()
    except ValueError:  # of NaN, which is for others to refuse
        return None


def _with_label(text: str, before: tuple[Channel, ...], wanted: tuple[Channel, ...]) -> str | None:
    """Where one channel has another label, and nothing else is another object."""
    changed = [index for index, (old, new) in enumerate(zip(before, wanted, strict=False)) if new is not old]
    like = _labelled.like(text) if len(changed) == 1 and len(before) == len(wanted) else None
    if like is None:
        return None
    index = changed[0]
    old, new, (frame, _, labels) = before[index], wanted[index], like
    said = f'"{new.label}"'
    if not (said.isascii() and _plain(said) and labels[index] == f'"{old.label}"'):
        return None
    if not all(map(is_, _beside_label(old), _beside_label(new))):
        return None
    return frame.filled([*labels[:index], said, *labels[index + 1 :]])
