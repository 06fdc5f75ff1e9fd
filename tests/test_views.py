from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from ngff_fn.errors import InvalidValueError, WrongTypeError
from ngff_fn.records.axes import axes_from
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Place, Unread
from ngff_fn.records.snapshot import Snapshot
from ngff_fn.views.tree import format_tree

SNAPSHOT = Snapshot(origin=Place(home="/data/plate.zarr", path="A/1/0"), version="0.5", root=CELLS)


def test_a_tree_has_the_title_of_the_image_and_a_line_for_each_level() -> None:
    assert format_tree(CELLS).splitlines() == [
        "cells: axes czyx, channels DAPI, GFP, voxel 0.5 × 0.25 × 0.25 micrometer (zyx)",
        "├── 0: (2, 4, 64, 64) uint16, chunks (1, 4, 64, 64)",
        "└── 1: (2, 4, 32, 32) uint16, chunks (1, 4, 32, 32)",
    ]


def test_the_tree_of_a_snapshot_names_the_store_and_the_version() -> None:
    assert format_tree(SNAPSHOT).startswith("plate.zarr/A/1/0 (OME-NGFF 0.5): axes czyx, channels DAPI, GFP")
    assert format_tree(SNAPSHOT).splitlines()[1:] == format_tree(CELLS).splitlines()[1:]


def test_documents_in_memory_are_a_tree_too() -> None:
    assert format_tree(evolve(SNAPSHOT, origin=Place(home=""))).startswith("documents (OME-NGFF 0.5): ")


def test_the_tree_of_a_level_is_its_line() -> None:
    assert format_tree(CELLS.levels[1]) == "1: (2, 4, 32, 32) uint16, chunks (1, 4, 32, 32)"


def test_shards_are_shown_where_there_are_shards() -> None:
    array = evolve(CELLS.levels[0].array, chunks=(1, 1, 32, 32), shards=(1, 4, 64, 64))
    assert format_tree(evolve(CELLS.levels[0], array=array)).endswith("chunks (1, 1, 32, 32) in shards (1, 4, 64, 64)")


@pytest.mark.parametrize(("level", "lines"), [(0, 1), (1, 3), (7, 3), (None, 3)])
def test_level_is_how_many_steps_down_are_shown(level: int | None, lines: int) -> None:
    assert len(format_tree(CELLS, level).splitlines()) == lines


@pytest.mark.parametrize("level", [-1, 1.0, True, "0"])
def test_a_level_that_is_no_number_of_steps_is_refused(level: int) -> None:
    with pytest.raises(InvalidValueError, match=r"level: .* is no number of steps\. Give 0"):
        format_tree(CELLS, level)


@pytest.mark.parametrize(("node", "kind"), [("x.zarr", "a str"), (None, "a NoneType"), (3, "an int")])
def test_what_is_no_node_is_refused(node: Any, kind: str) -> None:
    with pytest.raises(WrongTypeError, match=f"node: {kind} is no snapshot, image or level. Open a store first"):
        format_tree(node)


def test_an_image_without_channels_and_name_shows_neither() -> None:
    assert format_tree(SQUARE, 0) == "image: axes yx, voxel 1 × 1 micrometer (yx)"


def test_an_empty_image_says_that_it_has_no_levels() -> None:
    assert format_tree(Image(axes=axes_from("tyx"))) == "image: axes tyx, no levels yet"


def test_units_that_differ_stand_beside_their_numbers() -> None:
    z, y, x = CELLS.axes[1:]
    mixed = evolve(CELLS, axes=(CELLS.axes[0], z, evolve(y, unit=None), evolve(x, unit="nanometer")))
    assert "voxel 0.5 micrometer × 0.25 × 0.25 nanometer (zyx)" in format_tree(mixed)


def test_an_axis_with_a_long_name_is_set_off_by_commas() -> None:
    axes = (evolve(SQUARE.axes[0], name="height"), SQUARE.axes[1])
    assert "axes height, x, voxel 1 × 1 micrometer (height, x)" in format_tree(evolve(SQUARE, axes=axes))


def test_labels_are_named_and_not_read() -> None:
    assert format_tree(evolve(CELLS, labels=Unread(path="labels"))).splitlines()[-1] == "└── labels: not read"
