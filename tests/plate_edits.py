"""Random edits of plates: each is drawn for the plate that it is made on, and may be refused there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import ngff_fn as nf
from ngff_fn import curried as c

Step = Callable[[Any], Any]
ROWS, COLUMNS, FIELDS = ("A", "B", "C"), ("1", "2", "3"), ("0", "1")
WELLS = [f"{row}/{column}" for row in ROWS for column in COLUMNS]
POSITIONS = [f"{well}/{field}" for well in WELLS for field in FIELDS]
NAMES = ("DAPI", "GFP", "RFP")


def image_of(number: int, names: tuple[str, ...] = ("DAPI", "GFP")) -> nf.Image:
    """Of len(names) x 4 x 6 pixels that are all ``number``."""
    data = np.full((len(names), 4, 6), number, dtype="uint8")
    return nf.image_from(data, axes="cyx", channel_names=names, chunks=(1, 4, 6))


IMAGES = st.one_of(st.none(), st.integers(1, 200).map(image_of))


@st.composite
def plates(draw: st.DrawFn) -> nf.Plate:
    """Of all rows and columns, with some positions."""
    paths = draw(st.lists(st.sampled_from(POSITIONS), min_size=1, max_size=5, unique=True))
    plate = nf.empty_plate(ROWS, COLUMNS, axes="cyx", channel_names=("DAPI", "GFP"), name="plate")
    return nf.add_positions(plate, {path: image_of(number + 1) for number, path in enumerate(paths)})


def lengths() -> st.SearchStrategy[float]:
    return st.sampled_from([0.25, 0.5, 2.0, 3.5])


def edits_of_images() -> st.SearchStrategy[Step]:
    """Of any image; those that its channels or levels do not allow are refused."""
    names = st.sampled_from(NAMES)
    return st.one_of(
        st.builds(lambda z: c.set_scale(y=z), lengths()),
        st.builds(lambda z: c.set_translation(x=z), lengths()),
        st.builds(c.rename_channel, names, names),
        st.builds(c.add_channel, names),
        st.builds(c.remove_channel, names),
        st.builds(lambda name, end: c.set_contrast_limits(name, start=0, end=end), names, lengths()),
        st.builds(lambda name: c.set_channel_color(name, "FF0000"), names),
        st.just(c.with_pyramid(levels=2, axes="yx")),
        st.just(c.without_pyramid()),
        st.just(c.set_unit(y="micron")),
        st.just(c.crop(x=(0, 4))),
        st.builds(lambda value: c.set_extra("note", value), st.integers(0, 9)),
    )


def _add_position(path: str, image: nf.Image | None, acquisition: int) -> Step:
    return c.add_position(path, image, acq_index=acquisition)


def _add_positions(paths: list[str], image: nf.Image | None) -> Step:
    return c.add_positions(dict.fromkeys(paths, image))


def edits_of_plates() -> st.SearchStrategy[Step]:
    """Of any plate; those for which something is in the way are refused."""
    wells, positions = st.sampled_from(WELLS), st.sampled_from(POSITIONS)
    new_wells = st.sampled_from([*WELLS, "D/4", "AA/12"])
    return st.one_of(
        st.builds(lambda path: c.add_well(*path.split("/")), new_wells),
        st.builds(c.remove_well, wells),
        st.builds(c.rename_well, wells, new_wells),
        st.builds(_add_position, positions, IMAGES, st.integers(0, 2)),
        st.builds(_add_positions, st.lists(positions, max_size=3), IMAGES),
        st.builds(c.remove_position, positions),
        st.builds(c.move_position, positions, positions),
        st.just(c.set_field_count()),
        st.builds(c.each_image, edits_of_images()),
        st.builds(c.update_at, positions, edits_of_images()),
    )  # fmt: skip


def tried(plate: nf.Plate, steps: list[Step]) -> nf.Plate:
    """What the steps make of a plate; those that are refused change nothing."""
    for step in steps:
        try:
            plate = step(plate)
        except nf.NgffError:
            continue
    return plate
