"""Plates in stores: made, edited and read again equal; what two writers do to one plate; what is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.frozen_json import thaw
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below, names_in
from tests.real_plates import images_in, pixels_in, records, unlisted

GROUP = {"0.4": ".zattrs", "0.5": "zarr.json"}
ARRAY = {"0.4": ".zarray", "0.5": "zarr.json"}
PATHS = ("A/1/0", "A/1/1", "A/2/0", "B/3/0")


def small_image(number: int) -> nf.Image:
    """Two channels of 4 x 6, each image with pixels of its own."""
    data = np.arange(48, dtype="uint16").reshape(2, 4, 6) + 100 * number
    return nf.image_from(data, axes="cyx", channel_names=["DAPI", "GFP"], scale={"y": 0.5}, chunks=(1, 4, 4))


def small_plate() -> nf.Plate:
    return nf.plate_from_positions({path: small_image(n) for n, path in enumerate(PATHS)}, name="small")


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def store(version: Version, quick_path: Path) -> Path:
    """Wells A/1 with two positions, A/2 and B/3 with one each."""
    nf.create(quick_path / "plate.zarr", small_plate(), version=version)
    return quick_path / "plate.zarr"


def committed(store: Path, *edits: Callable[[Any], Any]) -> nf.Snapshot:
    """The plate after the edits, which is read again equal to what was wanted, with nothing else in the store."""
    base = nf.open_ome_zarr(store, mode="r+")
    wanted: Any = base.root
    for edit in edits:
        wanted = edit(wanted)
    pixels = pixels_in(wanted)
    done = nf.commit(store, nf.diff(base, wanted))
    again = nf.open_ome_zarr(store, mode="r+")
    assert records(again.root) == records(wanted)
    assert done.snapshot.documents == again.documents
    assert done.snapshot.root == again.root
    assert nf.diff(again, again.root).operations == ()
    read = pixels_in(again.root)
    assert read.keys() == pixels.keys()
    for array, block in pixels.items():
        np.testing.assert_array_equal(read[array], block, err_msg=array)
    assert unlisted(store, again.root) == set()
    assert names_in(store.parent) == [store.name]
    return again


def said(store: Path, version: str) -> dict[str, Any]:
    """What the plate's own document says."""
    text = json.loads((store / GROUP[version]).read_text())
    plate = text["plate"] if version == "0.4" else text["attributes"]["ome"]["plate"]
    return {key: plate[key] for key in ("rows", "columns", "wells")}


def listed(snapshot: nf.Snapshot) -> list[str]:
    return [path for path, _ in nf.positions(snapshot.root)]


# --- created


def test_a_created_plate_is_read_equal(version: Version, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    plate = small_plate()
    done = nf.create(store, plate, version=version)
    again = nf.open_ome_zarr(store, mode="r+")
    assert done.snapshot == again
    assert records(again.root) == records(plate)
    assert again.problems == ()
    for array, block in pixels_in(plate).items():
        np.testing.assert_array_equal(nf.to_numpy(store, array), block)
    assert unlisted(store, plate) == set()
    assert names_in(quick_path) == ["plate.zarr"]


def test_a_created_plate_lists_its_wells_with_the_indices_of_their_names(store: Path, version: str) -> None:
    assert said(store, version) == {
        "rows": [{"name": "A"}, {"name": "B"}],
        "columns": [{"name": "1"}, {"name": "2"}, {"name": "3"}],
        "wells": [
            {"path": "A/1", "rowIndex": 0, "columnIndex": 0},
            {"path": "A/2", "rowIndex": 0, "columnIndex": 1},
            {"path": "B/3", "rowIndex": 1, "columnIndex": 2},
        ],
    }


def test_an_empty_plate_is_created_and_filled_later(version: Version, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, nf.empty_plate(2, 3, name="later"), version=version)
    assert listed(committed(store, c.add_positions({"B/2/0": small_image(0), "A/1/0": small_image(1)}))) == [
        "A/1/0",
        "B/2/0",
    ]


def test_a_plate_is_made_of_images_of_other_stores(version: Version, quick_path: Path) -> None:
    sources = {}
    for number, other in enumerate(VERSIONS):
        source = quick_path / f"source{number}.zarr"
        nf.create(source, nf.with_pyramid(small_image(number), levels=2, axes="yx"), version=other)
        sources[f"A/{number + 1}/0"] = nf.open_ome_zarr(source).root
    target = quick_path / "plate" / "plate.zarr"
    nf.create(target, nf.plate_from_positions(sources), version=version)
    read = images_in(nf.open_ome_zarr(target).root)
    assert {path: records(image) for path, image in read.items()} == {p: records(i) for p, i in sources.items()}
    for path, image in sources.items():
        for level in image.levels:
            np.testing.assert_array_equal(nf.to_numpy(target, f"{path}/{level.path}"), nf.evaluate(image, level.path))


def test_a_plate_replaces_what_is_there_in_one_step(store: Path, version: Version) -> None:
    plate = nf.plate_from_positions({"H/12/0": small_image(7)})
    nf.create(store, plate, version=version, overwrite=True)
    again = nf.open_ome_zarr(store).root
    assert records(again) == records(plate)
    assert unlisted(store, again) == set()


# --- edited


EDITS: dict[str, tuple[tuple[Callable[[Any], Any], ...], list[str]]] = {
    "a position in a well that is there": (
        (c.add_position("A/2/1", small_image(9)),),
        ["A/1/0", "A/1/1", "A/2/0", "A/2/1", "B/3/0"],
    ),
    "a position in a new well of a row that is there": (
        (c.add_position("A/3/0", small_image(9)),),
        ["A/1/0", "A/1/1", "A/2/0", "A/3/0", "B/3/0"],
    ),
    "a position in a new row": (
        (c.add_position("C/12/0", small_image(9)),),
        ["A/1/0", "A/1/1", "A/2/0", "B/3/0", "C/12/0"],
    ),
    "a position of another acquisition": (
        (c.add_position("A/2/1", small_image(9), acq_index=1),),
        ["A/1/0", "A/1/1", "A/2/0", "A/2/1", "B/3/0"],
    ),
    "positions in wells old and new": (
        (c.add_positions({"A/1/2": small_image(5), "D/1/0": small_image(6), "D/2/0": small_image(7)}),),
        ["A/1/0", "A/1/1", "A/1/2", "A/2/0", "B/3/0", "D/1/0", "D/2/0"],
    ),
    "positions of empty images": (
        (c.add_positions({"D/1/0": None, "A/2/7": None}),),
        [*PATHS[:3], "A/2/7", "B/3/0", "D/1/0"],
    ),
    "a position less in a well of two": ((c.remove_position("A/1/0"),), ["A/1/1", "A/2/0", "B/3/0"]),
    "the last position of a well": ((c.remove_position("A/2/0"),), ["A/1/0", "A/1/1", "B/3/0"]),
    "the last position of a row": ((c.remove_position("B/3/0"),), ["A/1/0", "A/1/1", "A/2/0"]),
    "a well less": ((c.remove_well("A/1"),), ["A/2/0", "B/3/0"]),
    "the last well of a row less": ((c.remove_well("B/3"),), ["A/1/0", "A/1/1", "A/2/0"]),
    "all wells less": ((c.remove_well("A/1"), c.remove_well("A/2"), c.remove_well("B/3")), []),
    "a position under another name": ((c.move_position("A/1/0", "A/1/7"),), ["A/1/1", "A/1/7", "A/2/0", "B/3/0"]),
    "a position in another well": ((c.move_position("A/1/0", "A/2/3"),), ["A/1/1", "A/2/0", "A/2/3", "B/3/0"]),
    "the last position of a row in a new one": ((c.move_position("B/3/0", "C/1/0"),), [*PATHS[:3], "C/1/0"]),
    "a well in another column": ((c.rename_well("A/1", "A/9"),), ["A/2/0", "A/9/0", "A/9/1", "B/3/0"]),
    "a well in another row": ((c.rename_well("A/1", "B/1"),), ["A/2/0", "B/1/0", "B/1/1", "B/3/0"]),
    "a well in a new row": ((c.rename_well("A/1", "C/12"),), ["A/2/0", "B/3/0", "C/12/0", "C/12/1"]),
    "the only well of a row in a new one": ((c.rename_well("B/3", "C/3"),), [*PATHS[:3], "C/3/0"]),
    "a field count": ((c.set_field_count(),), list(PATHS)),
    "a well renamed, with a position more, one less and one edited": (
        (
            c.rename_well("A/1", "C/1"),
            c.add_position("C/1/2", small_image(9)),
            c.remove_position("C/1/0"),
            c.update_at("C/1/1", c.rename_channel("GFP", "EGFP"), c.set_region(0, ((0, 1), (0, 2), (0, 2)), 7)),
        ),
        ["A/2/0", "B/3/0", "C/1/1", "C/1/2"],
    ),
    "a well renamed, with pyramids and crops in it": (
        (
            c.rename_well("A/1", "A/9"),
            c.update_at("A/9/0", c.with_pyramid(levels=2, axes="yx")),
            c.update_at("A/9/1", c.crop(y=(1, 3))),
        ),
        ["A/2/0", "A/9/0", "A/9/1", "B/3/0"],
    ),
    "a position moved to another well and edited": (
        (
            c.move_position("A/1/0", "A/2/3"),
            c.update_at("A/2/3", c.remove_channel("DAPI"), c.set_scale(x=2.0)),
        ),
        ["A/1/1", "A/2/0", "A/2/3", "B/3/0"],
    ),
    "a well removed and made anew": (
        (c.remove_well("A/1"), c.add_position("A/1/0", small_image(9))),
        ["A/1/0", "A/2/0", "B/3/0"],
    ),
    "a well renamed, and a position in it": (
        (c.rename_well("A/1", "A/9"), c.move_position("A/9/0", "A/9/5")),
        ["A/2/0", "A/9/1", "A/9/5", "B/3/0"],
    ),
    "a well renamed, and a position out of it": (
        (c.rename_well("A/1", "A/9"), c.move_position("A/9/0", "A/2/5")),
        ["A/2/0", "A/2/5", "A/9/1", "B/3/0"],
    ),
    "a position into a well that is renamed": (
        (c.rename_well("A/1", "A/9"), c.move_position("A/2/0", "A/9/5")),
        ["A/9/0", "A/9/1", "A/9/5", "B/3/0"],
    ),
}


NESTED = "a well renamed, and a position in it"


@pytest.mark.parametrize("name", EDITS)
def test_a_plate_that_was_edited_is_read_again_equal(name: str, store: Path) -> None:
    edits, paths = EDITS[name]
    assert listed(committed(store, *edits)) == paths


def test_a_well_without_fields_is_read_again_equal(store: Path) -> None:
    again = committed(store, c.add_well("A", "3"))
    assert [well.path for well in again.root.wells] == ["A/1", "A/2", "B/3", "A/3"]


def test_a_well_that_lists_no_fields_is_noted_with_its_path(store: Path, version: str) -> None:
    document = store / "A/2" / GROUP[version]
    document.write_text(json.dumps(without_images(json.loads(document.read_text()))))
    again = nf.open_ome_zarr(store)
    assert [problem.location.startswith("A/2/") for problem in again.problems] == [True]


def without_images(node: Any) -> Any:
    """A document whose list ``images`` is empty."""
    items = node.items() if isinstance(node, dict) else ()
    return {key: [] if key == "images" else without_images(value) for key, value in items} if items else node


def test_a_well_in_a_new_row_makes_the_group_of_the_row(store: Path, version: str) -> None:
    committed(store, c.add_well("C", "1"))
    assert (store / "C" / (".zgroup" if version == "0.4" else "zarr.json")).is_file()
    assert said(store, version)["rows"] == [{"name": "A"}, {"name": "B"}, {"name": "C"}]


def test_with_the_last_position_of_a_row_its_groups_go_and_the_row_stays_in_the_list(store: Path, version: str) -> None:
    committed(store, c.remove_position("B/3/0"))
    assert not (store / "B").exists()
    assert said(store, version)["rows"] == [{"name": "A"}, {"name": "B"}]
    committed(store, c.add_position("B/3/0", small_image(3)))
    assert (store / "B" / "3" / "0").is_dir()


def test_a_renamed_well_leaves_the_others_of_its_row_as_they_were(store: Path, version: str) -> None:
    before = files_below(store)
    committed(store, c.rename_well("A/1", "A/9"))
    after = files_below(store)
    others = {name: data for name, data in before.items() if not name.startswith("A/1/") and name != GROUP[version]}
    assert {name: after[name] for name in others} == others
    assert {name.replace("A/1/", "A/9/", 1) for name in before} == set(after)


def test_a_well_renamed_there_and_back_is_every_byte_as_it_was(store: Path) -> None:
    before = files_below(store)
    committed(store, c.rename_well("A/1", "B/2"))
    assert files_below(store) != before
    committed(store, c.rename_well("B/2", "A/1"))
    assert files_below(store) == before


def test_a_position_added_and_removed_leaves_every_byte_as_it_was(store: Path) -> None:
    before = files_below(store)
    committed(store, c.add_position("A/2/1", small_image(9)))
    committed(store, c.remove_position("A/2/1"))
    assert files_below(store) == before


def test_what_lies_beside_an_image_goes_where_the_image_goes(store: Path) -> None:
    (store / "A/1/0/tables").mkdir()
    (store / "A/1/0/tables/cells.csv").write_bytes(b"1,2")
    (store / "A/1/0/notes.txt").write_bytes(b"in focus")
    committed(store, c.move_position("A/1/0", "B/3/1"))
    assert (store / "B/3/1/tables/cells.csv").read_bytes() == b"1,2"
    assert (store / "B/3/1/notes.txt").read_bytes() == b"in focus"
    assert not (store / "A/1/0").exists()


def test_labels_go_where_their_image_goes(store: Path) -> None:
    cells = np.arange(24, dtype="uint16").reshape(4, 6)
    committed(store, c.update_at("A/1/0", c.add_label("cells", cells, colors={1: "red"})))
    (store / "A/1/0/labels/notes.txt").write_text("by hand")
    again = committed(store, c.move_position("A/1/0", "B/3/1"), c.rename_well("A/2", "A/8"))
    assert nf.listed(nf.node_at(again.root, "B/3/1/labels")) == ("cells",)
    assert (store / "B/3/1/labels/notes.txt").read_text() == "by hand"
    np.testing.assert_array_equal(nf.to_numpy(store, "B/3/1/labels/cells/0"), cells)


def test_what_is_foreign_in_a_row_is_there_after_its_last_well_went(store: Path) -> None:
    (store / "B/notes.txt").write_bytes(b"of the row")
    nf.update(store, c.remove_well("B/3"))
    assert (store / "B/notes.txt").read_bytes() == b"of the row"


def test_a_well_that_the_plate_does_not_list_is_there_after_the_last_listed_one_of_its_row_went(
    store: Path, version: Version
) -> None:
    nf.create(store.parent / "other.zarr", small_image(8), version=version)
    (store / "B/7").mkdir()
    (store.parent / "other.zarr").rename(store / "B/7/0")
    unknown = files_below(store / "B/7")
    nf.update(store, c.remove_well("B/3"))
    assert files_below(store / "B/7") == unknown


def test_a_row_whose_group_is_there_without_wells_takes_a_well(store: Path, version: Version) -> None:
    (store / "C").mkdir()
    row = ".zgroup" if version == "0.4" else "zarr.json"
    text = '{"zarr_format": 2}' if version == "0.4" else '{"zarr_format": 3, "node_type": "group"}'
    (store / "C" / row).write_text(text)
    committed(store, c.add_position("C/1/0", small_image(9)))


# --- plans


def test_the_plan_of_an_edit_of_each_image_names_the_documents_of_those_images(store: Path, version: str) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.each_image(base.root, c.rename_channel("GFP", "EGFP"), where="A/*/*"))
    assert [(type(each), getattr(each, "key", None)) for each in plan.operations] == [
        (nf.PutDocument, f"{path}/{GROUP[version]}") for path in PATHS[:3]
    ]
    before = files_below(store)
    nf.commit(store, plan)
    after = files_below(store)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {f"{path}/{GROUP[version]}" for path in PATHS[:3]}
    for name in changed:
        assert (after[name] or b"") == (before[name] or b"").replace(b'"GFP"', b'"EGFP"')


def test_the_plan_of_a_renamed_well_moves_it_and_writes_no_pixels(store: Path, version: str) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.rename_well(base.root, "A/1", "A/9"))
    assert [type(each) for each in plan.operations] == [nf.MoveNode, nf.PutDocument]
    assert plan.operations[0] == nf.MoveNode(path="A/1", target="A/9")
    assert getattr(plan.operations[1], "key", None) == GROUP[version]
    chunk = "A/1/0/0/" + (
        "0.0.0" if (store / "A/1/0/0/0.0.0").exists() else ("c/" if version == "0.5" else "") + "0/0/0"
    )
    inode = (store / chunk).stat().st_ino
    nf.commit(store, plan)
    assert (store / chunk.replace("A/1", "A/9")).stat().st_ino == inode


def test_the_plan_of_a_removed_position_names_it_and_the_list(store: Path, version: str) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.remove_position(base.root, "A/1/1"))
    assert [each for each in plan.operations if isinstance(each, nf.RetireNode)] == [nf.RetireNode(path="A/1/1")]
    keys = [each.key for each in plan.operations if isinstance(each, nf.PutDocument)]
    assert keys == [f"A/1/{GROUP[version]}"]
    assert len(plan.operations) == 2


# --- two writers

LEAVING = {
    "a removed well": c.remove_well("A/1"),
    "a renamed well": c.rename_well("A/1", "C/1"),
    "a removed position": c.remove_position("A/1/0"),
    "a moved position": c.move_position("A/1/0", "B/3/1"),
    "a position with another name": c.move_position("A/1/0", "A/1/5"),
}
OTHERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "its scale": ("A/1/0", c.set_scale(y=9.0)),
    "its pixels": ("A/1/0", c.set_region(0, ((0, 1), (0, 4), (0, 6)), 9)),
    "a level of it": ("A/1/0", c.with_pyramid(levels=2, axes="yx")),
    "its well": ("A/1", lambda well: evolve(well, fields=well.fields[::-1])),
    "the list of its well": ("", c.add_position("A/1/9", small_image(9))),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", LEAVING)
def test_what_another_writer_changed_is_not_moved_away_unseen(name: str, other: str, store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, LEAVING[name](base.root))
    path, edit = OTHERS[other]
    nf.update(store / path, edit)
    before = files_below(store)
    with pytest.raises(nf.ConflictError, match="has changed"):
        nf.commit(store, plan)
    assert files_below(store) == before


@pytest.mark.parametrize("name", LEAVING)
def test_what_another_writer_changed_elsewhere_is_no_conflict(name: str, store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = LEAVING[name](base.root)
    nf.update(store / "A/2/0", c.set_scale(y=9.0), c.set_region(0, ((0, 1), (0, 4), (0, 6)), 9))
    nf.commit(store, nf.diff(base, wanted))
    again = images_in(nf.open_ome_zarr(store).root)
    assert set(again) == set(images_in(wanted))
    assert nf.scale(again["A/2/0"])["y"] == 9.0
    assert (nf.to_numpy(store, "A/2/0/0")[0] == 9).all()


def test_an_edit_of_some_images_is_no_conflict_with_another_image(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.each_image(base.root, c.set_scale(x=3.0), where="A/*/*"))
    nf.update(store / "B/3/0", c.set_scale(x=5.0))
    nf.commit(store, plan)
    scales = {path: nf.scale(image)["x"] for path, image in images_in(nf.open_ome_zarr(store).root).items()}
    assert scales == {"A/1/0": 3.0, "A/1/1": 3.0, "A/2/0": 3.0, "B/3/0": 5.0}


def test_one_image_that_another_writer_changed_keeps_all_of_them_as_they_were(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.each_image(base.root, c.set_scale(x=3.0)))
    nf.update(store / "B/3/0", c.set_scale(x=5.0))
    before = files_below(store)
    with pytest.raises(nf.ConflictError, match=r"B/3/0"):
        nf.commit(store, plan)
    assert files_below(store) == before


@pytest.mark.parametrize("path", ["A/1", "A/1/0"])
def test_a_node_that_is_gone_by_now_is_a_conflict_for_who_opened_it_by_its_own_path(path: str, store: Path) -> None:
    base = nf.open_ome_zarr(store / path, mode="r+")
    plan = nf.diff(base, nf.each_image(base.root, c.set_scale(x=3.0)))
    nf.update(store, c.rename_well("A/1", "C/1"))
    before = files_below(store)
    with pytest.raises(nf.NgffError):
        nf.commit(store / path, plan)
    assert files_below(store) == before


def test_edits_of_a_position_by_both_of_its_paths_are_both_there(store: Path) -> None:
    runs: list[int] = []

    def overtaken(plate: nf.Plate) -> nf.Plate:
        if not runs:
            nf.update(store / "A/1/0", c.rename_channel("GFP", "EGFP"))
        runs.append(1)
        return nf.update_at(plate, "A/1/0", c.set_scale(x=3.0))

    done = nf.update(store, overtaken)
    image = images_in(nf.open_ome_zarr(store).root)["A/1/0"]
    assert done.replays == 1
    assert (nf.channel_names(image)[1], nf.scale(image)["x"]) == ("EGFP", 3.0)


def test_a_position_edited_by_its_own_path_sees_what_the_plate_did_in_between(store: Path) -> None:
    runs: list[int] = []

    def overtaken(image: nf.Image) -> nf.Image:
        if not runs:
            nf.update(store, c.each_image(c.set_scale(x=3.0)))
        runs.append(1)
        return nf.rename_channel(image, "GFP", "EGFP")

    done = nf.update(store / "A/1/0", overtaken)
    image = nf.open_ome_zarr(store / "A/1/0").root
    assert done.replays == 1
    assert (nf.channel_names(image)[1], nf.scale(image)["x"]) == ("EGFP", 3.0)


def test_updates_by_two_threads_of_a_plate_and_of_its_positions_are_all_there(
    store: Path, record_property: Callable[[str, object], None]
) -> None:
    failures: list[BaseException] = []

    def writing(write: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                write()
            except BaseException as error:  # noqa: BLE001 — told below
                failures.append(error)

        return threading.Thread(target=run)

    def adds() -> None:
        for number in range(5):
            nf.update(store, c.add_position(f"D/{number + 1}/0", small_image(10 + number)))

    def renames() -> None:
        for number in range(10):
            nf.update(store / PATHS[number % 4], c.set_channel_color("GFP", f"{number:06X}"))

    threads = [writing(adds), writing(renames)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    again = nf.open_ome_zarr(store).root
    images = images_in(again)
    assert set(images) == {*PATHS, *(f"D/{number + 1}/0" for number in range(5))}
    for number in range(5):
        block = nf.evaluate(small_image(10 + number), 0)
        np.testing.assert_array_equal(nf.to_numpy(store, f"D/{number + 1}/0/0"), block)
    colors = [(images[path].channels or ())[1].color for path in PATHS]
    assert colors == ["000008", "000009", "000006", "000007"]
    assert unlisted(store, again) == set()
    record_property("updates of two threads on a plate, all there", 15)


def test_positions_added_by_two_writers_are_both_there(store: Path) -> None:
    runs: list[int] = []

    def overtaken(plate: nf.Plate) -> nf.Plate:
        if not runs:
            nf.update(store, c.add_position("C/1/0", small_image(8)))
        runs.append(1)
        return nf.add_position(plate, "C/2/0", small_image(9))

    done = nf.update(store, overtaken)
    again = nf.open_ome_zarr(store)
    assert done.replays == 1
    assert listed(again) == [*PATHS, "C/1/0", "C/2/0"]
    for number, path in ((8, "C/1/0"), (9, "C/2/0")):
        np.testing.assert_array_equal(nf.to_numpy(store, f"{path}/0"), nf.evaluate(small_image(number), 0))
    assert unlisted(store, again.root) == set()


# --- keys that the library does not know, and channels


def test_unknown_keys_of_a_plate_and_of_what_is_in_it_are_kept_where_they_belong(store: Path, version: str) -> None:
    def noted(well: Any) -> Any:
        fields = tuple(nf.set_extra(field, "focus", 1.5) for field in well.fields)
        return evolve(nf.set_extra(nf.set_extra(well, "dose", 2), "seen", True, section="entry"), fields=fields)

    plate = committed(
        store,
        c.set_extra("by", "us"),
        c.set_extra("run", 3, section="ome"),
        c.set_extra("batch", 7, section="plate"),
        c.update_at("B/3", noted),
    ).root
    assert thaw(plate.wells[2].extra)["entry"] == {"seen": True}
    assert said(store, version)["wells"][2]["seen"] is True
    snapshot = nf.open_ome_zarr(store)
    well, root = (thaw(nf.ome_attributes(snapshot, path)) for path in ("B/3", ""))
    assert well["well"]["images"][0]["focus"] == 1.5
    assert root["plate"]["batch"] == 7


def test_the_channels_of_a_plate_are_those_of_its_first_position_that_was_read(store: Path) -> None:
    nf.update(store, c.each_image(c.rename_channel("GFP", "EGFP"), where="B/*/*"))
    assert nf.channel_names(nf.open_ome_zarr(store).root) == ("DAPI", "GFP")
    part = nf.open_ome_zarr(store, select="B/*/*").root
    assert (nf.channel_names(part), nf.channel_index(part, "EGFP")) == (("DAPI", "EGFP"), 1)
    assert nf.channel_names(nf.empty_plate(1, 1, axes="cyx", channel_names=["BF"])) == ("BF",)
    assert nf.channel_names(nf.empty_plate(1, 1)) == ()


# --- refused


INCOMING = {
    "a new well": (c.add_well("A", "3"), "A/3"),
    "a position in a new well": (c.add_position("A/3/0", small_image(9)), "A/3"),
    "a new row": (c.add_well("C", "1"), "C"),
    "a new position": (c.add_position("A/1/2", small_image(9)), "A/1/2"),
    "a renamed well": (c.rename_well("A/1", "A/3"), "A/3"),
    "a moved position": (c.move_position("A/1/0", "A/2/2"), "A/2/2"),
}


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("name", INCOMING)
def test_something_foreign_in_the_way_is_not_overwritten(name: str, kind: str, store: Path) -> None:
    edit, path = INCOMING[name]
    if kind == "folder":
        (store / path).mkdir()
        (store / path / "notes.txt").write_bytes(b"foreign")
    else:
        (store / path).write_bytes(b"foreign")
    before = files_below(store)
    with pytest.raises(nf.StoreExistsError, match="something is there") as refused:
        nf.update(store, edit)
    assert str(refused.value.problems[0].location).endswith(path)
    assert files_below(store) == before


@pytest.mark.parametrize(
    "edits",
    [
        (c.rename_well("A/2", "A/9"), c.rename_well("A/1", "A/2")),
        (c.remove_well("A/2"), c.rename_well("A/1", "A/2")),
        (c.rename_well("A/1", "A/9"), c.rename_well("A/2", "A/1"), c.rename_well("A/9", "A/2")),
        (c.remove_position("A/1/0"), c.move_position("A/1/1", "A/1/0")),
    ],
)
def test_a_name_that_becomes_free_in_the_same_commit_is_refused_with_the_cure(
    edits: tuple[Callable[[Any], Any], ...], store: Path
) -> None:
    before = files_below(store)
    with pytest.raises(nf.UnsupportedError, match="first") as refused:
        nf.update(store, *edits)
    assert refused.value.problems[0].location
    assert files_below(store) == before


def test_a_plate_cannot_become_an_image_in_place(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    with pytest.raises(nf.WrongTypeError, match="Create a new store"):
        nf.diff(base, small_image(0))


def test_a_well_cannot_become_unread(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = evolve(base.root, wells=(nf.Unread(path="A/1"), *base.root.wells[1:]))
    with pytest.raises(nf.UnsupportedError, match=r"A/1: .*without select"):
        nf.diff(base, wanted)


def test_a_plate_read_in_part_cannot_be_written_to_another_store(store: Path, version: Version) -> None:
    part = nf.open_ome_zarr(store, select="A/*/*").root
    with pytest.raises(nf.UnsupportedError, match=r"B/3: .*without select"):
        nf.create(store.parent / "other.zarr", part, version=version)
    assert names_in(store.parent) == ["plate.zarr"]


def test_a_plate_is_converted_with_what_lies_beside_its_images_and_not_with_what_lies_beside_its_rows(
    version: Version, quick_path: Path
) -> None:
    image = nf.add_label(small_image(1), "cells", np.ones((4, 6), "uint8"))
    nf.create(quick_path / "old.zarr", nf.plate_from_positions({"A/1/0": image}), version=version)
    (quick_path / "old.zarr" / "OME").mkdir()
    (quick_path / "old.zarr" / "OME" / "METADATA.ome.xml").write_text("<OME/>")
    other: Version = "0.5" if version == "0.4" else "0.4"
    nf.create(quick_path / "new.zarr", nf.open_ome_zarr(quick_path / "old.zarr").root, version=other)
    assert nf.children(quick_path / "new.zarr") == ("A",)
    assert nf.to_numpy(quick_path / "new.zarr", "A/1/0/labels/cells/0").min() == 1
    np.testing.assert_array_equal(nf.to_numpy(quick_path / "new.zarr", "A/1/0/0"), nf.evaluate(small_image(1)))
