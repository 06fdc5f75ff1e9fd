"""Levels in documents, without their arrays (specification: "datasets" of a multiscale)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ngff_fn.codecs.arrays import UNREAD
from ngff_fn.codecs.parts import Part, others_of, section, sections_of, shown
from ngff_fn.codecs.transforms import read_transforms, sound_transforms, write_transforms
from ngff_fn.frozen_json import EMPTY, FrozenMap, thaw
from ngff_fn.records.image import DEEPEST, Level
from ngff_fn.records.paths import and_above, parent
from ngff_fn.records.pixels import Fill

_MEMBERS = frozenset({"path", "coordinateTransformations"})
_DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"})
_FORBIDDEN = re.compile(r"[\\\x00-\x1f\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")
_NO_PIXELS = Fill(shape=(), value=0)  # never seen, as the next: what is not read yet, and what could not be
_UNREADABLE = "\0{}"


def read_level(part: Part, ndim: int) -> Level:
    """One entry of ``datasets``; its array is not read yet."""
    if not part.is_object("image.datasets.required"):
        return Level(path=_UNREADABLE.format(part.key), scale=(1.0,) * ndim, array=UNREAD, pixels=_NO_PIXELS)
    if "coordinateTransformations" not in part.value:
        message = "is not there; read as the identity."
        part.lenient(message, "image.datasets.transforms.required", at="coordinateTransformations")
    scale, translation, unknown = read_transforms(part, ndim, "image.datasets.transforms.required")
    sections = {"dataset": part.others(*_MEMBERS), "transforms": unknown}
    return Level(
        path=read_path(part),
        scale=(1.0,) * ndim if scale is None else scale,
        translation=translation,
        array=UNREAD,
        pixels=_NO_PIXELS,
        extra=sections_of(sections),
    )


def sound_levels(entries: Any, ndim: int) -> tuple[Level, ...] | None:
    """Levels as they must be; None where ``read_level`` or ``path_clashes`` has something to note."""
    if type(entries) is not list or not entries:
        return None
    levels: list[Level] = []
    for entry in entries:
        level = _sound_level(entry, ndim)
        if level is None:
            return None
        levels.append(level)
    return None if any(path_clashes([level.path for level in levels])) else tuple(levels)


def _sound_level(entry: Any, ndim: int) -> Level | None:
    """A level as it must be; None where ``read_level`` has to look, which would note something."""
    if type(entry) is not dict or type(path := entry.get("path")) is not str or path_fault(path):
        return None
    transforms = sound_transforms(entry.get("coordinateTransformations"), ndim)
    if transforms is None:
        return None
    scale, translation = transforms
    unknown = others_of(entry, _MEMBERS)
    extra = FrozenMap({"dataset": unknown}) if unknown else EMPTY
    return Level(path=path, scale=scale, translation=translation, array=UNREAD, pixels=_NO_PIXELS, extra=extra)


def read_path(part: Part) -> str:
    """The path of an entry of ``datasets``; one with a fault (see ``path_fault``) where it may not be followed."""
    path = part.value.get("path")
    if type(path) is int and 0 <= path < 2**63:
        part.lenient(f"is the number {path}; it must be a text.", "image.datasets.path.required", at="path")
        return str(path)
    if not isinstance(path, str):
        what = "is not there" if "path" not in part.value else f"is {shown(path)}"
        part.error(f"{what}; it must be a text.", "image.datasets.path.required", at="path")
        return _UNREADABLE.format(part.key)
    fault = path_fault(path)
    if fault:
        message = f"{shown(path)} {fault} A level is an array below its image, such as '0' or 'scale/0'."
        part.error(message, "image.datasets.path.required", at="path")
        return _UNREADABLE.format(part.key)
    return path


def path_fault(path: str) -> str:
    """What forbids to follow the path of a level; empty where nothing does.

    >>> path_fault("s0"), path_fault("a/../b"), path_fault("/0")
    ('', 'climbs, or has an empty part.', 'is absolute.')
    """
    if path.isalnum() and path.isascii():
        return ""  # as most are
    segments = path.split("/")
    if not path:
        return "is empty."
    if path.startswith("/") or _DRIVE.match(path):
        return "is absolute."
    if any(segment.strip() in ("", ".", "..") for segment in segments):
        return "climbs, or has an empty part."
    if _FORBIDDEN.search(path):
        return "has a character that no path may have."
    # "Names … must not start with the string __" (Zarr v3, "Node names")
    if len(segments) > DEEPEST:
        return f"has more than {DEEPEST} names."
    if any(segment.startswith("__") or segment in _DOCUMENTS for segment in segments):
        return "has a part that is reserved by Zarr."
    return ""


def path_clashes(paths: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Where two levels are in one place, or one inside of the other: the index of one, and what is wrong.

    >>> list(path_clashes(["0", "0", "0/1"]))[1]
    (2, "'0/1' is inside of another level's array. Move one of them.")
    """
    if len(set(paths)) == len(paths) and "/" not in "".join(paths):
        return  # as most are
    every = frozenset(paths)
    before: set[str] = set()
    for index, path in enumerate(paths):
        if path in before:
            yield index, f"{shown(path)} is the path of an earlier level too. Leave one of them out."
        before.add(path)
        if any(above in every for above in and_above(parent(path))):
            yield index, f"{shown(path)} is inside of another level's array. Move one of them."


def write_level(level: Level) -> dict[str, Any]:
    """An entry of ``datasets``."""
    transforms = write_transforms(level.scale, level.translation, section(level.extra, "transforms"))
    unknown = section(level.extra, "dataset").without(*_MEMBERS)
    return {"path": level.path, "coordinateTransformations": transforms, **thaw(unknown)}
