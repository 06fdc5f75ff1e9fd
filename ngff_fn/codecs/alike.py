"""Images whose documents are alike: those of one plate, or of one program, often differ in their levels and their
"omero" only, and their levels in where they are.

Such documents are read, and given other channels and coordinates, in part. What comes of it is what reading or writing
them as a whole gives: where there is any doubt, there is no answer here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, TypeAlias

from ngff_fn.codecs.images import Described
from ngff_fn.codecs.known import LONGEST, Known, parsed_part
from ngff_fn.codecs.levels import sound_levels
from ngff_fn.codecs.omeros import omero_value, read_omero, with_channels
from ngff_fn.codecs.scalar_edits import same_beside
from ngff_fn.codecs.texts import once
from ngff_fn.codecs.transforms import Vector, sound_vector
from ngff_fn.json_splice import Frame, with_numbers
from ngff_fn.records.image import Image, Level
from ngff_fn.records.snapshot import Version

_PARTS = ("datasets", "omero")
_NUMBERS = frozenset({int, float})

_Group: TypeAlias = tuple[Version, dict[str, Any], Image]
"""The value of the document of a group, and its image without its arrays."""


_groups: Known[_Group] = Known(4)
_lists_of_levels: Known[tuple[Level, ...]] = Known(4, re.compile(r"\[[-+.\w, \t\r\n]+\]", re.ASCII).fullmatch)


def remember(text: bytes, version: Version, whole: dict[str, Any], image: Image) -> None:
    """What a sound document of a group describes, for those that are like it."""
    if len(text) < LONGEST:
        parts = _PARTS[:1] if image.channels is None else _PARTS
        frame = Frame(text.decode(), parts)
        if sorted(frame.keys) == list(parts):  # each of them once
            _groups.add(frame, (version, whole, image))


def image_alike(text: bytes, version: Version) -> Described | None:
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
            omero = read_omero(value)
            if omero is None:
                return None
            channels, others = omero
            extra = extra.set("omero", others) if others else extra.without("omero")
    return Described(image, levels, channels, extra)


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
    frame, (version, whole, _), values = like
    attributes = whole if version == "0.4" else whole["attributes"]
    ome = attributes.copy() if version == "0.4" else attributes["ome"].copy()
    for key, value in zip(frame.keys, values, strict=True):
        if key == "datasets":
            first, *others = ome["multiscales"]
            said = parsed_part(value) if key in parts else None
            ome["multiscales"] = [{**first, "datasets": said}, *others]
        else:
            ome["omero"] = omero_value(value) if key in parts else None
    return ome if version == "0.4" else {**whole, "attributes": {**attributes, "ome": ome}}


def _like(text: bytes) -> tuple[Frame, _Group, tuple[str, ...]] | None:
    try:
        return _groups.like(text.decode())
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=8)
def _levels(text: str, ndim: int) -> tuple[Level, ...] | None:
    like = _lists_of_levels.like(text)
    if like is None:
        return _levels_as_such(text, ndim)
    _, levels, values = like
    vectors, found = iter(values), list[Level]()
    for level in levels:
        scale = _scale(next(vectors), ndim)
        place = None if level.translation is None else _vector(next(vectors), ndim)
        if scale is None or (place is None and level.translation is not None):
            return None
        array, pixels, extra = level.array, level.pixels, level.extra
        found.append(Level(path=level.path, scale=scale, translation=place, array=array, pixels=pixels, extra=extra))
    return tuple(found)


def _levels_as_such(text: str, ndim: int) -> tuple[Level, ...] | None:
    levels = sound_levels(parsed_part(text), ndim)
    if levels is not None and len(text) < LONGEST and not any(level.extra for level in levels):
        frame = Frame(text, ("scale", "translation"))
        if frame.keys == tuple([kind for level in levels for kind, vector in _vectors(level) if vector is not None]):
            _lists_of_levels.add(frame, levels)
    return levels


def _vectors(level: Level) -> tuple[tuple[str, Vector | None], ...]:
    """What the frame of a list of levels leaves open, in the order in which it must stand there."""
    return ("scale", level.scale), ("translation", level.translation)


@lru_cache(maxsize=32)
def _scale(text: str, ndim: int) -> Vector | None:
    """Remembered: many images have the very same."""
    vector = _vector(text, ndim)
    return None if vector is None or min(vector) <= 0 else vector


def _vector(text: str, ndim: int) -> Vector | None:
    """What one list without others in it says: all that a strict parser would refuse there is no number either."""
    try:
        return sound_vector(_LIST.raw_decode(text)[0], ndim)
    except ValueError:
        return None


_LIST = json.JSONDecoder()


def written_alike(text: bytes, before: Image, wanted: Image) -> bytes | None:
    """A document that is like one before it, with other scalars of its channels, or coordinates of its levels.

    Parameters
    ----------
    text
        The document.
    before
        The image that was read from it.
    wanted
        What it shall say.

    Returns
    -------
    bytes
        None where it is not alike, or where there is more to change.
    """
    like = once(text, _like) if same_beside(before, wanted) else None
    if like is None:
        return None
    frame, _, values = like
    parts = list(values)
    for position, (key, value) in enumerate(zip(frame.keys, values, strict=True)):
        part: str | None = value
        if key == "datasets" and before.levels is not wanted.levels:
            part = _with_coordinates(value, before.levels, wanted.levels)
        elif key == "omero" and before.channels is not wanted.channels:
            part = with_channels(value, before.channels, wanted.channels)
        if part is None:
            return None
        parts[position] = part
    return frame.filled(parts).encode() if "omero" in frame.keys or before.channels is wanted.channels else None


def _with_coordinates(text: str, before: tuple[Level, ...], wanted: tuple[Level, ...]) -> str | None:
    like = _lists_of_levels.like(text)
    if like is None or not len(like[1]) == len(before) == len(wanted):
        return None
    frame, levels, values = like
    if [level.translation is None for level in levels] != [level.translation is None for level in before]:
        return None
    pieces = list(values)
    position = 0
    for old, new in zip(before, wanted, strict=True):
        if old.path != new.path or old.extra is not new.extra:
            return None
        for was, vector in ((old.scale, new.scale), (old.translation, new.translation)):
            if (was is None) != (vector is None):
                return None
            if was is None or vector is None:
                continue
            if was != vector:
                changed = _with_vector(pieces[position], was, vector, _kinds(vector))
                if changed is None:
                    return None
                pieces[position] = changed
            position += 1
    return frame.filled(pieces)


def _kinds(vector: Vector) -> object:
    """What tells vectors apart that are equal, and written otherwise: 1 and 1.0, 0.0 and -0.0."""
    return tuple([repr(number) if number == 0 else type(number) for number in vector])


@lru_cache(maxsize=32)
def _with_vector(text: str, before: Vector, wanted: Vector, _: object) -> str | None:
    """The text of a vector, with the numbers that are others."""
    if not len(before) == len(wanted) == text.count(",") + 1 or not _NUMBERS.issuperset(map(type, wanted)):
        return None
    others = {axis: new for axis, (old, new) in enumerate(zip(before, wanted, strict=True)) if new != old}
    try:
        return with_numbers(text, others)
    except ValueError:  # of NaN, which is for others to refuse
        return None
