"""Images whose documents are alike: those of one plate, or of one program, often differ in their levels and their
"omero" only.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import evolve

from ngff_fn.codecs.channels import sound_channels, sound_omero
from ngff_fn.codecs.levels import sound_levels
from ngff_fn.codecs.texts import once
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import MAX_DEPTH, Frame, parse_bare
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Level
from ngff_fn.records.snapshot import Version

T = TypeVar("T")

_KEPT = 2**16  # bytes of a document that is remembered
_DEEPEST = 5  # lists and objects around a part

_Omero: TypeAlias = tuple[dict[str, Any], tuple[Channel, ...], FrozenMap]
"""The value of an "omero", its channels, and its other members."""


class _Known(Generic[T]):
    """The last texts that were read, and what they mean, for those that are like one of them."""

    def __init__(self, many: int) -> None:
        self._many = many
        self._frames: tuple[tuple[Frame, T], ...] = ()  # replaced as one, so that no thread sees half of it

    def add(self, text: str, keys: tuple[str, ...], meaning: T) -> None:
        """Remember a text; the values of these keys may differ in those that are like it."""
        if len(text) < _KEPT:
            self._frames = ((Frame(text, keys), meaning), *self._frames[: self._many - 1])

    def like(self, text: str) -> tuple[T, dict[str, str]] | None:
        """What a text that is like this one means, and the texts of the values of this one."""
        for frame, meaning in self._frames:
            values = frame.values(text)
            if values is not None:
                return meaning, values
        return None


_groups: _Known[tuple[Version, dict[str, Any], Image]] = _Known(4)
_omeros: _Known[_Omero] = _Known(16)


def remember(text: bytes, version: Version, whole: dict[str, Any], image: Image) -> None:
    """What a sound document of a group describes, for those that are like it."""
    keys = ("datasets",) if image.channels is None else ("datasets", "omero")
    _groups.add(text.decode(), keys, (version, whole, image))


def image_alike(text: bytes, version: Version) -> Image | None:
    """The image of a sound document that is like one before it; None where it is not, or has to be looked at."""
    like = once(text, _like)
    if like is None or like[0][0] != version:
        return None
    (_, _, image), values = like
    levels, channels, extra = image.levels, image.channels, image.extra
    if "datasets" in values:
        read = _levels(values["datasets"], len(image.axes))
        if read is None:
            return None
        levels = read
    if "omero" in values:
        omero = _omero(values["omero"])
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
    (version, whole, _), values = like
    attributes = whole if version == "0.4" else whole["attributes"]
    ome = attributes.copy() if version == "0.4" else attributes["ome"].copy()
    first, *others = ome["multiscales"]
    if "datasets" in values:
        datasets = _datasets(values["datasets"]) if "datasets" in parts else None
        ome["multiscales"] = [{**first, "datasets": datasets}, *others]
    if "omero" in values:
        known = _omero(values["omero"]) if "omero" in parts else None
        ome["omero"] = None if known is None else known[0]
    return ome if version == "0.4" else {**whole, "attributes": {**attributes, "ome": ome}}


def _like(text: bytes) -> tuple[tuple[Version, dict[str, Any], Image], dict[str, str]] | None:
    try:
        return _groups.like(text.decode())
    except UnicodeDecodeError:
        return None


# A document is asked for its levels when it is opened, and for their place when it is edited.


@lru_cache(maxsize=8)
def _levels(text: str, ndim: int) -> tuple[Level, ...] | None:
    return sound_levels(_datasets(text), ndim)


@lru_cache(maxsize=8)
def _datasets(text: str) -> Any:
    return _parsed(text)


@lru_cache(maxsize=32)
def _omero(text: str) -> _Omero | None:
    """What an "omero" says. Remembered: many images have the very same."""
    like = _omeros.like(text)
    if like is not None:
        (whole, _, others), values = like
        entries = _parsed(values["channels"])
        channels = sound_channels(entries)
        return None if channels is None else ({**whole, "channels": entries}, channels, others)
    value = _parsed(text)
    read = sound_omero(value)
    if read is None:
        return None
    known = (value, *read)
    _omeros.add(text, ("channels",), known)
    return known


def _parsed(text: str) -> Any:
    """The value of a part of a document; None where it is no JSON, which is for the thorough reader to tell."""
    try:
        return parse_bare(text, max_depth=MAX_DEPTH - _DEEPEST)
    except ValueError:
        return None
