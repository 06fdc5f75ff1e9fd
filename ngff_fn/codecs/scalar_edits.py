"""The commonest edits by a short cut: texts, numbers and truths of channels and levels that become others.

What ``onto`` and ``differences`` come to, found without writing either image. There is an answer only where it is the
same as theirs; all else is left to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter, is_
from typing import Any, TypeAlias

from ngff_fn.frozen_json import same
from ngff_fn.json_splice import Pointer, Put
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Level

_beside = attrgetter("axes", "name", "method", "metadata", "scale", "translation", "image_label", "extra")
_Channels: TypeAlias = tuple[Channel, ...] | None
_OF_CHANNEL = ("label", "color", "active", "coefficient", "family", "inverted")
_OF_WINDOW = ("start", "end", "min", "max")


class _OtherwiseError(LookupError):
    """More changes, or the document is written otherwise."""


def scalar_edits(before: Image, wanted: Image, ome: Any, pointer: Pointer = ()) -> tuple[Put, ...] | None:
    """The edits that make a document of the image ``before`` one of the ``wanted``; None where they are not so simple.

    Parameters
    ----------
    before
        What the document was read as.
    wanted
        What it shall say.
    ome
        The OME part of the document.
    pointer
        Where that part is.

    >>> from ngff_fn.edits.channels import rename_channel
    >>> from ngff_fn.records.examples import CELLS
    >>> omero = {"channels": [{"label": "DAPI"}, {"label": "GFP", "active": True}]}
    >>> scalar_edits(CELLS, rename_channel(CELLS, "GFP", "EGFP"), {"omero": omero})
    (Put(pointer=('omero', 'channels', 1, 'label'), value='EGFP'),)
    """
    if not before.levels or not same_beside(before, wanted):
        return None
    try:
        channels = before.channels is not wanted.channels and ome["omero"]["channels"]
        edits = (
            *_of_channels(before.channels, wanted.channels, channels, (*pointer, "omero", "channels")),
            *_of_levels(before, wanted, ome, pointer),
        )
    except (LookupError, TypeError, AttributeError):  # the document, or the record, has not what was looked for
        return None
    return edits


def same_beside(before: Image, wanted: Image) -> bool:
    """Whether all that a document of an image says beside its channels and levels is the same objects."""
    return all(map(is_, _beside(before), _beside(wanted)))


def channel_edits(before: _Channels, wanted: _Channels, entries: Any) -> tuple[Put, ...] | None:
    """As ``scalar_edits``, of the list of channels alone, by pointers from there."""
    try:
        return tuple(_of_channels(before, wanted, entries, ()))
    except (LookupError, TypeError, AttributeError):
        return None


def _of_channels(before: _Channels, wanted: _Channels, entries: Any, pointer: Pointer) -> Iterator[Put]:
    if before is wanted:
        return
    if before is None or wanted is None or len(before) != len(wanted):
        raise _OtherwiseError
    changed = [index for index, channel in enumerate(wanted) if channel is not before[index]]
    labels = [channel.label for channel in before]
    if len(changed) > 1 and (len(set(labels)) < len(labels) or labels != [item.label for item in wanted]):
        raise _OtherwiseError  # they may have changed places
    for index in changed:
        entry = entries[index]
        yield from _of_channel(before[index], wanted[index], entry, (*pointer, index))
        if len(changed) > 1 and "label" not in entry:
            raise _OtherwiseError


def _of_channel(before: Channel, wanted: Channel, entry: Any, pointer: Pointer) -> Iterator[Put]:
    if before.extra is not wanted.extra:
        raise _OtherwiseError
    yield from _of_members(before, wanted, _OF_CHANNEL, entry, pointer)
    if before.window is not wanted.window:
        if before.window is None or wanted.window is None or before.window.extra is not wanted.window.extra:
            raise _OtherwiseError
        yield from _of_members(before.window, wanted.window, _OF_WINDOW, entry["window"], (*pointer, "window"))


def _of_members(before: Any, wanted: Any, names: tuple[str, ...], entry: Any, pointer: Pointer) -> Iterator[Put]:
    for name in names:
        old, new = getattr(before, name), getattr(wanted, name)
        if old is not new and old != new:
            if old is None or new is None:
                raise _OtherwiseError
            yield from _of_scalar(new, entry, name, pointer)


def _of_scalar(new: Any, entry: Any, step: str | int, pointer: Pointer) -> Iterator[Put]:
    said = entry[step]
    if isinstance(said, dict | list):
        raise _OtherwiseError
    if not same(said, new):
        yield Put((*pointer, step), new)


def _of_levels(before: Image, wanted: Image, ome: Any, pointer: Pointer) -> Iterator[Put]:
    if before.levels is wanted.levels:
        return
    if len(before.levels) != len(wanted.levels):
        raise _OtherwiseError
    datasets = ome["multiscales"][0]["datasets"]
    for index, (old, new) in enumerate(zip(before.levels, wanted.levels, strict=True)):
        if old is not new:
            place = (*pointer, "multiscales", 0, "datasets", index, "coordinateTransformations")
            yield from _of_level(old, new, datasets[index], place)


def _of_level(before: Level, wanted: Level, entry: Any, pointer: Pointer) -> Iterator[Put]:
    """Its array has documents of its own."""
    if before.path != wanted.path or before.extra is not wanted.extra:
        raise _OtherwiseError
    vectors = {"scale": (before.scale, wanted.scale), "translation": (before.translation, wanted.translation)}
    if vectors["translation"] == (None, None):
        del vectors["translation"]
    if all(old == new for old, new in vectors.values()):
        return
    steps = entry["coordinateTransformations"]
    if [step["type"] for step in steps] != list(vectors):
        raise _OtherwiseError
    for position, (kind, (old, new)) in enumerate(vectors.items()):
        said = steps[position][kind]
        if old is None or new is None or not len(old) == len(new) == len(said):
            raise _OtherwiseError
        for axis, (number, other) in enumerate(zip(old, new, strict=True)):
            if number != other:
                yield from _of_scalar(other, said, axis, (*pointer, position, kind))
