"""High-content screening: a plate holds wells, a well fields of view, a field its image; and collections of images.

Specification (0.4 and 0.5): "plate" metadata, "well" metadata, "bioformats2raw.layout". What a document repeats (the
list of wells and their indices, the list of fields) is not kept: it is derived from this when it is written.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.axes import Axis
from ngff_fn.records.image import Image, Labels, Place, Unread


@frozen(kw_only=True)
class Line:
    """A row or a column of a plate, by its name."""

    name: str
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Acquisition:
    """A run of a microscope that fields of view belong to; times are in seconds since 1970."""

    id: int
    name: str | None = None
    description: str | None = None
    maximum_field_count: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Field:
    """A field of view: an image at a path of its well.

    Parameters
    ----------
    path
        Relative to the well.
    image
        ``Unread`` where it was left out, or where there is none.
    acquisition
        The ``id`` of the one that it belongs to; None where the well does not say.
    extra
        Keys of its entry in the well that this library does not know.
    """

    path: str
    image: Image | Unread
    acquisition: int | None = None
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Well:
    """A well: its fields of view.

    Parameters
    ----------
    path
        Relative to the plate, its row and its column: ``A/1``; empty for a well that was opened by its own path.
    fields
        In the order of the document.
    source
        Where the group is that this was read from.
    extra
        What this library does not know, by section: ``attributes`` (of the group), ``ome``, ``well``, and ``entry`` (of
        its entry in the plate).
    """

    path: str
    fields: tuple[Field, ...] = ()
    source: Place | None = None
    extra: FrozenMap = field(default=EMPTY)

    @property
    def row(self) -> str:
        """The name of its row."""
        return self.path.partition("/")[0]

    @property
    def column(self) -> str:
        """The name of its column."""
        return self.path.partition("/")[2]


@frozen(kw_only=True)
class Plate:
    """A plate as a value, with everything in it.

    Parameters
    ----------
    rows, columns
        Those of the physical plate, also where no well of them is listed.
    wells
        In the order of the document; ``Unread`` where one was left out, or is listed and not there.
    acquisitions
        None where the plate does not list any.
    name, field_count
        Of the plate; ``field_count`` is the largest number of fields per well.
    axes, channel_names
        Of the images of a plate that has none yet.
    source
        Where the group is that this was read from.
    extra
        What this library does not know, by section: ``attributes`` (of the group), ``ome``, and ``plate``.
    """

    rows: tuple[Line, ...] = ()
    columns: tuple[Line, ...] = ()
    wells: tuple[Well | Unread, ...] = ()
    acquisitions: tuple[Acquisition, ...] | None = None
    name: str | None = None
    field_count: int | None = None
    axes: tuple[Axis, ...] | None = None
    channel_names: tuple[str, ...] | None = None
    source: Place | None = None
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Series:
    """One image of a collection, at its path."""

    path: str
    image: Image | Unread


@frozen(kw_only=True)
class Collection:
    """Several images of one file, as bioformats2raw writes them: groups ``0``, ``1`` …, or those that ``OME`` lists.

    Parameters
    ----------
    series
        In their order.
    source
        Where the group is that this was read from.
    extra
        What this library does not know, by section: ``attributes`` (of the group) and ``ome``.
    """

    series: tuple[Series, ...] = ()
    source: Place | None = None
    extra: FrozenMap = field(default=EMPTY)


Holder: TypeAlias = Plate | Well | Collection | Labels
"""What holds nodes at paths below it, and lists them."""
