"""Images whose documents are alike: those of one plate, or of one program, often differ in their levels and their
"omero" only, and their levels in where they are.

Such documents are read in part. What comes of it is what reading them as a whole gives: where there is any doubt, there
is no answer here.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import evolve

from ngff_fn.codecs.channels import sound_channels, sound_omero
from ngff_fn.codecs.levels import sound_levels
from ngff_fn.codecs.texts import once
from ngff_fn.codecs.transforms import sound_vector
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import MAX_DEPTH, Frame, parse_bare
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Level
from ngff_fn.records.snapshot import Version

T = TypeVar("T")

_KEPT = 2**16  # characters of a text that is remembered
_DEEPEST = 5  # lists and objects around a part
_PARTS = ("datasets", "omero")

_Group: TypeAlias = tuple[Version, dict[str, Any], Image]
"""The value of the document of a group, and its image without its arrays."""

_Levels: TypeAlias = tuple[list[Any], tuple[Level, ...]]
"""The value of a list of "datasets", and its levels."""

_Omero: TypeAlias = tuple[dict[str, Any], tuple[Channel, ...], FrozenMap]
"""The value of an "omero", its channels, and its other members."""


class _Known(Generic[T]):
    """The last texts that were read, and what they mean, for those that are like one of them."""

    def __init__(self, many: int) -> None:
        self._many = many
        self._frames: tuple[tuple[Frame, T], ...] = ()  # replaced as one, so that no thread sees half of it

    def add(self, frame: Frame, meaning: T) -> None:
        """Remember a text."""
        self._frames = ((frame, meaning), *self._frames[: self._many - 1])

    def like(self, text: str) -> tuple[Frame, T, tuple[str, ...]] | None:
        """The frame of a text that this one is like, what that means, and the values of this one."""
        for frame, meaning in self._frames:
            values = frame.values(text)
            if values is not None:
                return frame, meaning, values
        return None


_groups: _Known[_Group] = _Known(4)
_omeros: _Known[_Omero] = _Known(16)
_datasets: _Known[_Levels] = _Known(4)


def remember(text: bytes, version: Version, whole: dict[str, Any], image: Image) -> None:
    """What a sound document of a group describes, for those that are like it."""
    if len(text) < _KEPT:
        parts = _PARTS[:1] if image.channels is None else _PARTS
        frame = Frame(text.decode(), parts)
        if sorted(frame.keys) == list(parts):  # each of them once
            _groups.add(frame, (version, whole, image))


def image_alike(text: bytes, version: Version) -> Image | None:
    """The image of a sound document that is like one before it; None where it is not, or has to be looked at."""
    like = once(text, _like)
    if like is None or like[1][0] != version:
        return None
    frame, (_, _, image), values = like
    levels, channels, extra = image.levels, image.channels, image.extra
    for key, value in zip(frame.keys, values, strict=True):
        if key == "datasets":
            read = _levels(value, len(image.axes))
            if read is None:
                return None
            levels = read
        else:
            omero = _omero(value)
            if omero is None:
                return None
            _, channels, others = omero
            extra = extra.set("omero", others) if others else extra.without("omero")
    return evolve(image, levels=levels, channels=channels, extra=extra)


def value_alike(text: bytes, parts: Collection[str]) -> dict[str, Any] | None:
    """The value of a document that is like one before it, which must not be changed; None where it is not.

    Parameters
    ----------
    text
        A document that was read before.
    parts
        Which of "datasets" and "omero" are asked for; the value may have None for the others.
    """
    like = once(text, _like)
    if like is None:
        return None
    frame, (version, whole, image), values = like
    attributes = whole if version == "0.4" else whole["attributes"]
    ome = attributes.copy() if version == "0.4" else attributes["ome"].copy()
    for key, value in zip(frame.keys, values, strict=True):
        if key == "datasets":
            first, *others = ome["multiscales"]
            said = _said_of_levels(value, len(image.axes)) if key in parts else None
            ome["multiscales"] = [{**first, "datasets": said}, *others]
        else:
            omero = _omero(value) if key in parts else None
            ome["omero"] = None if omero is None else omero[0]
    return ome if version == "0.4" else {**whole, "attributes": {**attributes, "ome": ome}}


def _like(text: bytes) -> tuple[Frame, _Group, tuple[str, ...]] | None:
    try:
        return _groups.like(text.decode())
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=8)
def _levels(text: str, ndim: int) -> tuple[Level, ...] | None:
    like = _datasets.like(text)
    if like is not None:
        _, (_, levels), values = like
        if len(levels[0].scale) == ndim:
            places = [sound_vector(_parsed(value), ndim) for value in values]
            moved = zip(levels, places, strict=True)
            return None if None in places else tuple([evolve(level, translation=place) for level, place in moved])
    said = _parsed(text)
    read = sound_levels(said, ndim)
    if read is not None and len(text) < _KEPT and not any(level.extra or not level.translation for level in read):
        frame = Frame(text, ["translation"])
        if len(frame.keys) == len(read):  # each of them has one, and nothing else has
            _datasets.add(frame, (said, read))
    return read


@lru_cache(maxsize=8)
def _said_of_levels(text: str, ndim: int) -> Any:
    """The value of a list of "datasets" whose levels were read."""
    like = _datasets.like(text)
    if like is None or len(like[1][1][0].scale) != ndim:
        return _parsed(text)
    _, (said, _), values = like
    places = [{"type": "translation", "translation": _parsed(value)} for value in values]
    return [
        {**entry, "coordinateTransformations": [entry["coordinateTransformations"][0], place]}
        for entry, place in zip(said, places, strict=True)
    ]


@lru_cache(maxsize=32)
def _omero(text: str) -> _Omero | None:
    """What an "omero" says. Remembered: many images have the very same."""
    like = _omeros.like(text)
    if like is not None:
        _, (whole, _, others), values = like
        entries = _parsed(values[0])
        channels = sound_channels(entries)
        return None if channels is None else ({**whole, "channels": entries}, channels, others)
    value = _parsed(text)
    read = sound_omero(value)
    if read is None:
        return None
    known = (value, *read)
    frame = Frame(text, ["channels"])
    if len(text) < _KEPT and len(frame.keys) == 1:
        _omeros.add(frame, known)
    return known


def _parsed(text: str) -> Any:
    """The value of a part of a document; None where it is no JSON, which is for the thorough reader to tell."""
    try:
        return parse_bare(text, max_depth=MAX_DEPTH - _DEEPEST)
    except ValueError:
        return None
