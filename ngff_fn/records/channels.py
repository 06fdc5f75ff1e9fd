"""Channels: what the "omero" metadata says of each one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from ngff_fn.errors import NotThereError, Problem
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.subject import of_record

if TYPE_CHECKING:
    from ngff_fn.records.image import Image


@frozen(kw_only=True)
class Window:
    """Contrast limits: what is shown (start to end) of what there may be (min to max); None where there is none."""

    start: float | None = None
    end: float | None = None
    min: float | None = None
    max: float | None = None
    extra: FrozenMap = field(default=EMPTY)


@frozen(kw_only=True)
class Channel:
    """One channel of an image; what is None is not in the document.

    Parameters
    ----------
    label
        The name.
    color
        ``RRGGBB``.
    window
        Contrast limits.
    active, coefficient, family, inverted
        How it is shown.
    extra
        Keys of the channel that this library does not know.
    """

    label: str
    color: str | None = None
    window: Window | None = None
    active: bool | None = None
    coefficient: float | None = None
    family: str | None = None
    inverted: bool | None = None
    extra: FrozenMap = field(default=EMPTY)


@of_record
def channel_names(node: Image) -> tuple[str, ...]:
    """The names of the channels; without omero "0", "1" …, without a channel axis none.

    >>> from ngff_fn.records.axes import axes_from
    >>> from ngff_fn.records.image import Image
    >>> channel_names(Image(axes=axes_from("cyx"), channels=(Channel(label="DAPI"), Channel(label="GFP"))))
    ('DAPI', 'GFP')
    """
    if node.channels is not None:
        return tuple([channel.label for channel in node.channels])
    axis = channel_axis(node)
    if axis is None or not node.levels:
        return ()
    return tuple(map(str, range(node.levels[0].array.shape[axis])))


@of_record
def channel_index(node: Image, name: str) -> int:
    """The position of a channel along the channel axis.

    Raises
    ------
    NotThereError
        (a KeyError) where no channel has the name.

    >>> from ngff_fn.records.axes import axes_from
    >>> from ngff_fn.records.image import Image
    >>> channel_index(Image(axes=axes_from("cyx"), channels=(Channel(label="DAPI"),)), "DAPI")
    0
    """
    names = channel_names(node)
    if not isinstance(name, str) or name not in names:
        raise NotThereError(unknown_channel(name, names, "omero.channels"))
    return names.index(name)


def unknown_channel(name: object, names: Sequence[str], location: str) -> Problem:
    """What is wrong with a name that no channel has: it says which ones there are, and which may be meant.

    >>> unknown_channel("dapi", ["DAPI"], "omero.channels").message
    "no channel 'dapi'; the image has: DAPI. Did you mean 'DAPI'? Names are case-sensitive."
    """
    message = f"no channel {name!r}; the image has: {', '.join(names) or 'none'}."
    meant = [there for there in names if isinstance(name, str) and there.casefold() == name.casefold()]
    cure = f" Did you mean {' or '.join(map(repr, meant))}? Names are case-sensitive." if meant else ""
    return Problem(location, message + cure)
