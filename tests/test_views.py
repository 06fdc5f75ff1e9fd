from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from ngff_fn.curried import set_scale
from ngff_fn.edits.hierarchy import each_image
from ngff_fn.errors import InvalidValueError, WrongTypeError
from ngff_fn.plan.diff import diff
from ngff_fn.records.axes import axes_from
from ngff_fn.records.examples import CELLS, PLATE, SQUARE
from ngff_fn.records.image import Image, Place, Unread
from ngff_fn.records.plate import Collection, Field, Plate, Series, Well
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


def test_a_plate_is_its_lay_out_then_wells_fields_and_levels_in_natural_order() -> None:
    of_field = "axes yx, voxel 1 × 1 micrometer (yx)"
    wells = (
        Unread(path="B/1"),
        Well(path="A/10", fields=(Field(path="0", image=Unread(path="0")),)),
        Well(path="A/2", fields=(Field(path="10", image=SQUARE), Field(path="9", image=SQUARE, acquisition=3))),
    )
    assert format_tree(evolve(PLATE, wells=wells)).splitlines() == [
        "screen: 2 rows × 3 columns, 3 wells (1 not read), 3 fields, 1 acquisition",
        "├── A/2: 2 fields",
        f"│   ├── 9 (acquisition 3): {of_field}",
        "│   │   └── 0: (4, 6) uint8, chunks (4, 6)",
        f"│   └── 10: {of_field}",
        "│       └── 0: (4, 6) uint8, chunks (4, 6)",
        "├── A/10: 1 field",
        "│   └── 0: not read",
        "└── B/1: not read",
    ]


@pytest.mark.parametrize(("level", "lines"), [(0, 1), (1, 3), (2, 6), (3, 12), (None, 12)])
def test_of_a_plate_steps_are_wells_fields_and_levels(level: int | None, lines: int) -> None:
    assert len(format_tree(PLATE, level).splitlines()) == lines


def test_a_well_and_a_collection_are_trees_too() -> None:
    well = Well(path="A/1", fields=(Field(path="0", image=SQUARE), Field(path="1", image=Unread(path="1"))))
    assert format_tree(well, 1).splitlines() == [
        "A/1: 2 fields",
        "├── 0: axes yx, voxel 1 × 1 micrometer (yx)",
        "└── 1: not read",
    ]
    assert format_tree(Well(path="")) == "well: 0 fields"
    assert format_tree(Collection(series=(Series(path="0", image=SQUARE),)), 1).splitlines() == [
        "collection: 1 image",
        "└── 0: axes yx, voxel 1 × 1 micrometer (yx)",
    ]


def test_the_tree_of_a_snapshot_of_a_plate_names_the_store() -> None:
    origin = Place(home="/data/plate.zarr")
    tree = format_tree(evolve(SNAPSHOT, origin=origin, root=PLATE))
    first, *below = tree.splitlines()
    assert first == "plate.zarr (OME-NGFF 0.5): 2 rows × 3 columns, 2 wells, 3 fields, 1 acquisition"
    assert below == format_tree(PLATE).splitlines()[1:]


def test_an_empty_plate_is_a_line() -> None:
    assert format_tree(Plate()) == "plate: 0 rows × 0 columns, 0 wells, 0 fields"


def test_a_snapshot_and_a_plan_of_a_plate_print_in_a_line() -> None:
    base = Snapshot(origin=Place(home="plate.zarr"), version="0.5", root=PLATE)
    plan = diff(base, each_image(PLATE, set_scale(z=2.0)))
    assert "<Plate>" in repr(base)
    assert max(len(repr(base)), len(repr(plan))) < 400
