"""What changes in one image, as operations: compares records, and encodes only what differs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter, is_

from attrs import frozen

from ngff_fn import codecs, rules
from ngff_fn.errors import Problem
from ngff_fn.plan.operations import CreateNode, Operation, PutDocument, RetireNode, WriteArray
from ngff_fn.plan.revision import revision
from ngff_fn.records.arrays import same_encoding, same_keys
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Labels, Level, paths_of_others
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Fill
from ngff_fn.records.snapshot import Documents, Version


@frozen(kw_only=True)
class ImagePair:
    """An image before and after, where it was below the root and where it will be; ``documents`` are the snapshot's."""

    version: Version
    documents: Documents
    was: str
    path: str
    before: Image
    wanted: Image

    @property
    def is_laid_out_anew(self) -> bool:
        """Whether its axes, levels or coordinates are not the same objects."""
        old, new = self.before, self.wanted
        same_levels = new.levels is old.levels and new.axes is old.axes
        return not (same_levels and new.scale is old.scale and new.translation is old.translation)

    @property
    def has_other_labels(self) -> bool:
        """Whether its labels are not the same object."""
        return self.wanted.labels is not self.before.labels

    @property
    def is_only_placed_anew(self) -> bool:
        """Whether the levels are the same objects but for their scales and translations."""
        old, new = self.before.levels, self.wanted.levels
        same_axes = self.wanted.axes is self.before.axes and len(old) == len(new)
        return same_axes and all(map(is_, _beside_places(old), _beside_places(new)))

    @property
    def has_new_labels(self) -> bool:
        """Whether labels get levels that they did not have."""
        before = _levels_of_labels(self.before)
        return self.has_other_labels and any(levels not in before for levels in _levels_of_labels(self.wanted))

    def at(self, path: str) -> str:
        """Where a path of the image will be, seen from the root."""
        return joined(self.path, path)

    def texts(self, path: str) -> dict[str, bytes]:
        """The documents that a node of the image has, by their names."""
        return self.documents.of_node(joined(self.was, path))


def image_problems(pair: ImagePair) -> list[Problem]:
    """What forbids to write an image; not asked again of what was read, and stays."""
    if not pair.is_laid_out_anew:
        return _channel_problems(pair.wanted)
    if pair.is_only_placed_anew:
        return _channel_problems(pair.wanted) or rules.place_problems(pair.wanted)
    stored, wanted = (
        [part for level in image.levels for part in (level.array, level.pixels)] for image in (pair.before, pair.wanted)
    )
    is_same = len(stored) == len(wanted) and all(map(is_, stored, wanted))
    return new_image_problems(pair.wanted, pair.version, arrays=not is_same)


def _beside_places(levels: tuple[Level, ...]) -> Iterator[object]:
    return chain.from_iterable(map(_beside_place, levels))


_beside_place = attrgetter("path", "array", "pixels", "extra")


def _levels_of_labels(image: Image) -> list[tuple[Level, ...]]:
    labels = image.labels.images if isinstance(image.labels, Labels) else ()
    return [label.image.levels for label in labels if isinstance(label.image, Image)]


def new_image_problems(image: Image, version: Version, *, arrays: bool = True) -> list[Problem]:
    """What forbids to write an image; ``arrays``: whether its arrays are asked for as well."""
    found = _channel_problems(image) or rules.record_problems(image)
    return [*found, *(codecs.expression_problems(image, version) if arrays else ())]


def _channel_problems(image: Image) -> list[Problem]:
    """What is wrong with channels that were made by hand."""
    channels = image.channels
    if channels is None or (isinstance(channels, tuple) and all(isinstance(each, Channel) for each in channels)):
        return []
    return [Problem("channels", f"{channels!r} are no channels. Give a tuple of Channel, or None for no omero.")]


def new_image(image: Image, version: Version, path: str) -> Iterator[Operation]:
    """An image where there was none."""
    group = Documents(codecs.encode_group(image, version))
    yield CreateNode(path=path, documents=group, carry=image.source)
    for level in image.levels:
        yield from _new_level(image, version, level, joined(path, level.path))


def _new_level(image: Image, version: Version, level: Level, path: str) -> Iterator[Operation]:
    mark = revision(level.array, level.pixels)
    documents = codecs.encode_array(level, image.axes, version, {}, mark)
    yield CreateNode(path=path, documents=Documents(documents))
    if level.pixels != Fill(shape=level.array.shape, value=level.array.fill_value):
        yield WriteArray(path=path, array=level.array, pixels=level.pixels)


def image_changes(pair: ImagePair) -> Iterator[Operation]:
    """What makes the image before the wanted one."""
    same_arrays = pair.is_only_placed_anew
    if not same_arrays:
        yield from _changes_of_arrays(pair)
    texts = pair.texts("")
    for name, text in codecs.encode_group(pair.wanted, pair.version, texts, pair.before).items():
        if texts.get(name) != text:
            yield PutDocument(key=pair.at(name), before=texts.get(name), text=text)
    if not same_arrays:
        kept = {level.path for level in pair.wanted.levels} | paths_of_others(pair.wanted)
        yield from (RetireNode(path=pair.at(level.path)) for level in pair.before.levels if level.path not in kept)


def _changes_of_arrays(pair: ImagePair) -> Iterator[Operation]:
    old, wanted = pair.before, pair.wanted
    before = {level.path: level for level in old.levels}
    for level in wanted.levels:
        if level.path not in before:
            yield from _new_level(wanted, pair.version, level, pair.at(level.path))
        elif level != before[level.path] or wanted.axes != old.axes:
            yield from _changed_level(pair, before[level.path], level)


def _changed_level(pair: ImagePair, before: Level, level: Level) -> Iterator[Operation]:
    old, new = before.array, level.array
    same_grid = old is new or (old.shape == new.shape and same_encoding(old, new) and same_keys(old, new))
    same_pixels = level.pixels is before.pixels or level.pixels == before.pixels
    rewritten = not (same_grid and same_pixels)
    if not rewritten and _says_the_same(pair, before, level):
        return
    path = pair.at(level.path)
    texts = pair.texts(level.path)
    mark = (revision(new, level.pixels) or "0") if rewritten else None
    for name, text in codecs.encode_array(level, pair.wanted.axes, pair.version, texts, mark).items():
        if texts.get(name) != text:
            yield PutDocument(key=f"{path}/{name}", before=texts.get(name), text=text)
    if rewritten:
        yield WriteArray(path=path, array=new, pixels=level.pixels, base=old)


def _says_the_same(pair: ImagePair, before: Level, level: Level) -> bool:
    """Whether the documents of an array need not even be looked at."""
    same_extra = level.extra is before.extra or level.extra.get("attributes") == before.extra.get("attributes")
    same_axes = pair.wanted.axes is pair.before.axes or pair.wanted.axes == pair.before.axes
    return same_extra and same_axes and (level.array is before.array or level.array == before.array)


def refused_changes(pair: ImagePair) -> Iterator[Problem]:
    """What would not fit what lies beside the image."""
    yield from _changes_for_others(pair.before, pair.wanted)


def _changes_for_others(before: Image, wanted: Image) -> Iterator[Problem]:
    """An array may be listed by several multiscales: none of them changes what the others show."""
    if wanted.levels is before.levels:
        return
    others = paths_of_others(wanted)
    if not others:
        return
    old = {level.path: level for level in before.levels}
    for index, level in enumerate(wanted.levels):
        was = old.get(level.path)
        if was is None or level.path not in others:
            continue
        if (level.array.shape, level.array.dtype, level.pixels) != (was.array.shape, was.array.dtype, was.pixels):
            message = f"another multiscale of the group lists the array {level.path!r}, and would show other pixels."
            cure = "Create the image in a store of its own, or take the other multiscale out of extra['multiscales']."
            yield Problem(f"levels[{index}]", f"{message} {cure}")


def keeps_its_arrays(before: Image, wanted: Image) -> bool:
    """Whether documents alone change."""
    if before.levels is wanted.levels:
        return True
    return len(before.levels) == len(wanted.levels) and all(
        (old.path, old.array, old.pixels) == (new.path, new.array, new.pixels)
        for old, new in zip(before.levels, wanted.levels, strict=True)
    )
