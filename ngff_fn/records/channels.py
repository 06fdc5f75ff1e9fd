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
    from ngff_fn.records.snapshot import Root


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
def channel_names(node: Root) -> tuple[str, ...]:
    """The names of the channels; without omero "0", "1" …, without a channel axis none.

    Parameters
    ----------
    node
        An Image; of a Plate, a Well or a Collection the first image that was read is meant. A plate without any says
        those of the images that it will have.

    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> channel_names(CELLS), channel_names(PLATE)
    (('DAPI', 'GFP'), ('DAPI', 'GFP'))
    """
    image = _image_of(node)
    if image is None:
        return getattr(node, "channel_names", None) or ()
    if image.channels is not None:
        return tuple([channel.label for channel in image.channels])
    axis = channel_axis(image)
    if axis is None or not image.levels:
        return ()
    return tuple(map(str, range(image.levels[0].array.shape[axis])))


def _image_of(node: Root) -> Image | None:
    """The image itself, or the first that was read of those in it."""
    from ngff_fn.records.holders import positions
    from ngff_fn.records.image import Image

    if isinstance(node, Image):
        return node
    return next((image for _, image in positions(node) if isinstance(image, Image)), None)


@of_record
def channel_index(node: Root, name: str) -> int:
    """The position of a channel along the channel axis.

    Parameters
    ----------
    node
        As for ``channel_names``.
    name
        Of the channel.

    Raises
    ------
    NotThereError
        (a KeyError) where no channel has the name.

    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> channel_index(CELLS, "GFP"), channel_index(PLATE, "GFP")
    (1, 1)
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
