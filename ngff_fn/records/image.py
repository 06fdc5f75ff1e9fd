"""An image: its axes, its levels from the largest to the smallest, its channels and its label images."""

from __future__ import annotations

from operator import index

from attrs import field, frozen

from ngff_fn.errors import NotThereError, OutOfRangeError, Problem, WrongTypeError
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import Axis, axis_names
from ngff_fn.records.channels import Channel
from ngff_fn.records.labels import LABELS, ImageLabel
from ngff_fn.records.pixels import Pixels
from ngff_fn.records.subject import of_record


@frozen(kw_only=True)
class Unread:
    """Stands where a part of the hierarchy was not read; edits carry it along, what needs its inside refuses."""

    path: str


@frozen(kw_only=True)
class Place:
    """Where a node is: the canonical identity of the outermost group, and the path below it ("" for itself)."""

    home: str
    path: str = ""


@frozen(kw_only=True)
class Level:
    """One resolution of an image.

    Parameters
    ----------
    path
        Of the array, relative to the image's group.
    scale, translation
        In the unit of each axis; a translation of None is none.
    array
        What has to be known to create the array.
    pixels
        What it shall contain, in the array's shape.
    extra
        What this library does not know: ``dataset`` (keys of its entry in the multiscale), ``attributes`` (of the
        array).
    """

    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...] | None = None
    array: ArraySpec
    pixels: Pixels
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Image:
    """A multiscale image as a value.

    Parameters
    ----------
    axes
        What the dimensions mean.
    levels
        From the largest to the smallest; none in an image that is still empty.
    channels
        What "omero" says of each channel; None where there is no "omero".
    name, method, metadata
        Of the multiscale; ``method`` is its ``type``, how the pyramid was made.
    scale, translation
        The transformation of the whole multiscale, applied after each level's; None where there is none.
    labels
        The label images beside the levels; None where there is no group of them, ``Unread`` where that cannot be read.
    image_label
        What "image-label" says of an image that is a label image itself; None where it says nothing.
    source
        Where the group is that this image was read from: what lies there beside the records goes where the image goes.
    extra
        What this library does not know, by section: ``attributes`` (of the group), ``ome``, ``multiscale``, ``omero``,
        and ``multiscales`` (the entries after the first).
    """

    axes: tuple[Axis, ...]
    levels: tuple[Level, ...] = ()
    channels: tuple[Channel, ...] | None = None
    name: str | None = None
    method: str | None = None
    metadata: FrozenMap | None = None
    scale: tuple[float, ...] | None = None
    translation: tuple[float, ...] | None = None
    labels: Labels | Unread | None = None
    image_label: ImageLabel | None = None
    source: Place | None = None
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Label:
    """One label image of an image.

    Parameters
    ----------
    path
        Relative to the group ``labels``.
    image
        ``Unread`` where it is listed and cannot be read.
    """

    path: str
    image: Image | Unread


@frozen(kw_only=True)
class Labels:
    """The label images of an image, in the group ``labels`` beside its levels.

    The list that the document has of them is not kept: it is derived from this when it is written.

    Parameters
    ----------
    images
        In the order of the document.
    source
        Where the group is that this was read from: what lies there and is not listed goes where the group goes.
    extra
        What this library does not know, by section: ``attributes`` (of the group) and ``ome``.
    """

    images: tuple[Label, ...] = ()
    source: Place | None = None
    extra: FrozenMap = field(default=EMPTY)

    @property
    def path(self) -> str:
        """Relative to the image."""
        return LABELS


# What evolve of attrs would make, in half of the time: an edit of a plate makes one for each position.


def with_levels(image: Image, levels: tuple[Level, ...]) -> Image:
    """The image with other levels.

    >>> from ngff_fn.records.examples import CELLS
    >>> with_levels(CELLS, CELLS.levels) == CELLS
    True
    """
    return Image(
        axes=image.axes,
        levels=levels,
        channels=image.channels,
        name=image.name,
        method=image.method,
        metadata=image.metadata,
        scale=image.scale,
        translation=image.translation,
        labels=image.labels,
        image_label=image.image_label,
        source=image.source,
        extra=image.extra,
    )


def with_channel_list(image: Image, channels: tuple[Channel, ...] | None) -> Image:
    """The image with other channels.

    >>> from ngff_fn.records.examples import CELLS
    >>> with_channel_list(CELLS, CELLS.channels) == CELLS
    True
    """
    return Image(
        axes=image.axes,
        levels=image.levels,
        channels=channels,
        name=image.name,
        method=image.method,
        metadata=image.metadata,
        scale=image.scale,
        translation=image.translation,
        labels=image.labels,
        image_label=image.image_label,
        source=image.source,
        extra=image.extra,
    )


DEEPEST = 64
"""Names in the path of a node at most: what is deeper, no file system and no reader can be trusted with."""


@of_record
def level_index(image: Image, level: int | str) -> int:
    """The position of a level that is named by its path or its index.

    Raises
    ------
    NotThereError
        (a KeyError) where no level has the path; OutOfRangeError (an IndexError) for an index, WrongTypeError (a
        TypeError) for what is neither.

    >>> from ngff_fn.records.axes import axes_from
    >>> level_index(Image(axes=axes_from("yx")), 0)
    Traceback (most recent call last):
    ngff_fn.errors.OutOfRangeError: levels: no level 0; the image has none. Add one with add_level.
    """
    count = len(image.levels)
    if isinstance(level, str):
        paths = [entry.path for entry in image.levels]
        if level not in paths:
            raise NotThereError(Problem("levels", f"no level {level!r}; {_levels_there(image)}"))
        return paths.index(level)
    try:
        position = None if isinstance(level, bool) else index(level)
    except TypeError:  # of a class, and of an array of several elements, which have __index__ all the same
        position = None
    if position is None:
        raise WrongTypeError(Problem("levels", f"{level!r} is neither a path nor an index; {_levels_there(image)}"))
    if not -count <= position < count:
        raise OutOfRangeError(Problem("levels", f"no level {level!r}; {_levels_there(image)}"))
    return position % count


def _levels_there(image: Image) -> str:
    paths = [level.path for level in image.levels]
    return f"the image has {', '.join(paths)}." if paths else "the image has none. Add one with add_level."


@of_record
def level_at(node: Image, level: int | str) -> Level:
    """The level that is named by its path or its index, or that of a label image: ``labels/cells/0``.

    Raises
    ------
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) that names the levels there are.

    >>> from ngff_fn.records.examples import CELLS
    >>> level_at(CELLS, "1") is level_at(CELLS, -1) is CELLS.levels[1]
    True
    """
    return level_with_image(node, level)[1]


def level_with_image(image: Image, level: int | str) -> tuple[Image, Level]:
    """A level, as ``level_at`` has it, after the image or label image that it is of."""
    if type(level) is int and 0 <= level < len(image.levels):
        return image, image.levels[level]  # as it is asked for mostly
    if not isinstance(level, str) or any(entry.path == level for entry in image.levels):
        return image, image.levels[level_index(image, level)]  # also of one that lies below labels
    if level.startswith(f"{LABELS}/"):
        for path, label in _labels_of(image):
            if level.startswith(f"{LABELS}/{path}/"):
                return level_with_image(label, level.removeprefix(f"{LABELS}/{path}/"))
        there = ", ".join(path for path, _ in _labels_of(image)) or "none"
        raise NotThereError(Problem(repr(level), f"no such level; the image has the labels: {there}."))
    return image, image.levels[level_index(image, level)]


def _labels_of(image: Image) -> list[tuple[str, Image]]:
    """The label images that were read, the longest paths first."""
    images = () if image.labels is None or isinstance(image.labels, Unread) else image.labels.images
    found = [(label.path, label.image) for label in images if isinstance(label.image, Image)]
    return sorted(found, key=lambda pair: -len(pair[0]))


@of_record
def sizes(image: Image, level: int | str = 0) -> dict[str, int]:
    """Elements of a level by axis name.

    >>> from ngff_fn.records.examples import CELLS
    >>> sizes(CELLS, 1)
    {'c': 2, 'z': 4, 'y': 32, 'x': 32}
    """
    owner, entry = level_with_image(image, level)
    return dict(zip(axis_names(owner), entry.array.shape, strict=True))


def paths_of_others(image: Image) -> frozenset[str]:
    """The arrays that the other multiscales of the group list, which this library keeps as they are.

    >>> others = ({"datasets": ({"path": "0"}, {"path": "median/1"})},)
    >>> from ngff_fn.frozen_json import freeze
    >>> from ngff_fn.records.examples import SQUARE
    >>> from attrs import evolve
    >>> sorted(paths_of_others(evolve(SQUARE, extra=FrozenMap({"multiscales": freeze(others)}))))
    ['0', 'median/1']
    """
    if "multiscales" not in image.extra:
        return frozenset()  # as with most
    found: set[str] = set()
    multiscales = image.extra["multiscales"]
    for multiscale in multiscales if isinstance(multiscales, tuple) else ():
        datasets = multiscale.get("datasets", ()) if isinstance(multiscale, FrozenMap) else ()
        for dataset in datasets if isinstance(datasets, tuple) else ():
            if isinstance(dataset, FrozenMap):
                parts = str(dataset.get("path", "")).split("/")
                found.add("/".join(part for part in parts if part not in ("", ".")))
    return frozenset(found)
