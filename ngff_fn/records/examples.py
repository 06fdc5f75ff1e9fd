"""Small images and a plate for the examples in docstrings, for trying edits at a prompt, and for tests."""

from __future__ import annotations

from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import axes_from
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.image import Image, Level
from ngff_fn.records.pixels import fill
from ngff_fn.records.plate import Acquisition, Field, Line, Plate, Well

_WINDOW = Window(start=0, end=65535, min=0, max=65535)


def _level(path: str, shape: tuple[int, ...], scale: tuple[float, ...], translation: tuple[float, ...] | None) -> Level:
    array = ArraySpec(shape=shape, dtype="uint16", chunks=(1, *shape[1:]))
    return Level(path=path, scale=scale, translation=translation, array=array, pixels=fill(shape))


CELLS = Image(
    axes=axes_from("czyx"),
    levels=(
        _level("0", (2, 4, 64, 64), (1.0, 0.5, 0.25, 0.25), None),
        _level("1", (2, 4, 32, 32), (1.0, 0.5, 0.5, 0.5), (0.0, 0.0, 0.125, 0.125)),
    ),
    channels=(
        Channel(
            label="DAPI", color="0000FF", window=_WINDOW, active=True, coefficient=1.0, family="linear", inverted=False
        ),
        Channel(
            label="GFP", color="00FF00", window=_WINDOW, active=False, coefficient=1.0, family="linear", inverted=False
        ),
    ),
    name="cells",
    method="mean",
)
"""Two channels, a z-stack of 4 × 64 × 64 black voxels of 0.5 × 0.25 × 0.25 µm, and one level below."""

SQUARE = Image(
    axes=axes_from("yx"),
    levels=(
        Level(
            path="0", scale=(1.0, 1.0), array=ArraySpec(shape=(4, 6), dtype="uint8", chunks=(4, 6)), pixels=fill((4, 6))
        ),
    ),
)
"""A plane of 4 × 6 black pixels: no channels, no pyramid, not even a name."""

PLATE = Plate(
    name="screen",
    rows=(Line(name="A"), Line(name="B")),
    columns=(Line(name="1"), Line(name="2"), Line(name="3")),
    wells=(
        Well(
            path="A/1",
            fields=(Field(path="0", image=CELLS, acquisition=0), Field(path="1", image=CELLS, acquisition=0)),
        ),
        Well(path="B/2", fields=(Field(path="0", image=CELLS, acquisition=0),)),
    ),
    acquisitions=(Acquisition(id=0, name="day 1"),),
    field_count=2,
)
"""Two rows of three columns, two wells in it, with two fields of view and one: the same cells everywhere."""
