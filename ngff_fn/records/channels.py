"""Channels: what the "omero" metadata says of each one."""

from __future__ import annotations

from attrs import field, frozen

from ngff_fn.frozen_json import EMPTY, FrozenMap


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
