"""What the channels of an image are called, with "omero" and without; and of what holds images."""

from __future__ import annotations

from collections.abc import Sequence

from ngff_fn.errors import NotThereError, Problem
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.holders import positions
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import Root
from ngff_fn.records.subject import of_record


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
