"""What a commit does and refuses, on real stores of both versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve
from zarr.storage import LocalStore, MemoryStore, StorePath

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below, names_in

GROUP = {"0.4": ".zattrs", "0.5": "zarr.json"}
DATA = np.arange(2 * 12 * 16, dtype="uint16").reshape(2, 12, 16)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def store(version: Any, tmp_path: Path) -> Path:
    """Two channels of 12 x 16 in chunks of 6 x 8, and a level below."""
    image = nf.image_from(DATA, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 6, 8))
    nf.create(tmp_path / "image.zarr", nf.with_pyramid(image, levels=2), version=version)
    return tmp_path / "image.zarr"


def chunk(version: str, *index: int) -> str:
    return "/".join((["c"] if version == "0.5" else []) + [str(i) for i in index])


# --- one document
# ------------------------------------------------------------------------------------------------------


def test_a_rename_is_one_document_a_few_bytes_and_no_pixels(store: Path, version: Any) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.rename_channel(base.root, "GFP", "EGFP"))
    assert [type(operation) for operation in plan.operations] == [nf.PutDocument]
    assert "1 document, 6 bytes; no pixels" in nf.describe(plan)
    before = files_below(store)
    assert nf.commit(store, plan).moment == GROUP[version]
    after = files_below(store)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {GROUP[version]}
    text, old = after[GROUP[version]], before[GROUP[version]]
    assert text is not None
    assert old is not None
    assert text == old.replace(b'"GFP"', b'"EGFP"')


def test_committing_nothing_touches_nothing(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    done = nf.commit(store, nf.diff(base, base.root))
    assert (done.operations, done.moment, done.snapshot) == ((), "", base)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_what_a_commit_returns_is_what_is_read_again(store: Path) -> None:
    done = nf.update(store, c.set_scale(y=0.5), c.add_channel("RFP", data=DATA[0]), c.crop(x=(1, 9)))
    again = nf.open_ome_zarr(store, mode="r+")
    assert done.snapshot == again
    assert nf.diff(done.snapshot, again.root).operations == ()


# --- pixels
# ------------------------------------------------------------------------------------------------------------


def test_a_channel_added_last_writes_its_chunks_and_the_documents_and_nothing_else(store: Path, version: Any) -> None:
    before = {name: (store / name).stat().st_ino for name in files_below(store)}
    nf.update(store, c.add_channel("RFP", data=DATA[0]))
    after = {name: (store / name).stat().st_ino for name in files_below(store)}
    written = {name for name in after if after[name] != before.get(name)}
    documents = {name for name in written if name.endswith((".zattrs", ".zarray", "zarr.json"))}
    assert written - documents == {
        f"{level}/{chunk(version, 2, y, x)}"
        for level, grid in (("0", 2), ("1", 1))
        for y in range(grid)
        for x in range(grid)
    }
    np.testing.assert_array_equal(nf.to_numpy(store, "0")[2], DATA[0])


def test_a_channel_removed_and_another_added_show_no_pixel_of_the_first(store: Path) -> None:
    nf.update(store, c.remove_channel("GFP"))
    nf.update(store, c.add_channel("empty"))
    assert not nf.to_numpy(store, "0")[1].any()
    assert not nf.to_numpy(store, "1")[1].any()


def test_padding_and_forgotten_chunks_do_not_come_back_when_an_axis_grows(version: Any, tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    full = np.full((4, 8, 8), 9, dtype="uint8")
    names = ["a", "b", "c", "d"]
    nf.create(store, nf.image_from(full, axes="cyx", channel_names=names, chunks=(3, 8, 8)), version=version)
    document = store / "0" / (".zarray" if version == "0.4" else "zarr.json")
    said = json.loads(document.read_text())
    said["shape"] = [2, 8, 8]  # as another program shrinks an array: chunks and what is beyond the end stay
    document.write_text(json.dumps(said))
    base = nf.open_ome_zarr(store, mode="r+")
    assert base.root.channels is not None
    shrunk = evolve(base.root, channels=base.root.channels[:2])
    nf.commit(store, nf.diff(base, nf.pipe(shrunk, c.add_channel("x"), c.add_channel("y"))))
    pixels = nf.to_numpy(store, "0")
    assert pixels.shape == (4, 8, 8)
    assert (pixels[:2] == 9).all()
    assert not pixels[2:].any()


def test_a_region_is_overwritten_and_the_rest_stays(store: Path) -> None:
    nf.update(store, c.set_region(0, ((0, 1), (3, 9), (5, 12)), 7))
    expected = DATA.copy()
    expected[0, 3:9, 5:12] = 7
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), expected)


def test_a_region_of_fill_value_removes_whole_chunks(store: Path, version: Any) -> None:
    nf.update(store, c.set_region(0, ((1, 2), (0, 6), (0, 8)), 0))
    assert not (store / "0" / chunk(version, 1, 0, 0)).exists()
    assert not nf.to_numpy(store, "0")[1, :6, :8].any()


def test_chunks_may_be_put_in_place_without_a_record(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_region(base.root, 0, ((0, 1), (0, 12), (0, 16)), 3))
    nf.commit(store, plan, atomic_pixels=False)
    assert (nf.to_numpy(store, "0")[0] == 3).all()


def test_pixels_of_the_same_level_moved_and_kept_are_read_from_before(store: Path) -> None:
    nf.update(store, c.reorder_channels(["GFP", "DAPI"]))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA[::-1])


def test_a_rechunked_level_holds_the_same_pixels(store: Path) -> None:
    nf.update(store, c.rechunk((2, 5, 7), levels=[0]))
    assert nf.open_ome_zarr(store).root.levels[0].array.chunks == (2, 5, 7)
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA)


def test_a_level_of_a_new_dtype_is_rebuilt(store: Path) -> None:
    nf.update(store, c.astype("float32"))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA.astype("float32"))


def test_an_image_with_shards_goes_the_same_way(tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    image = nf.image_from(DATA, axes="cyx", channel_names=["a", "b"], chunks=(1, 3, 4), shards_ratio=(1, 2, 2))
    nf.create(store, nf.with_pyramid(image, levels=2), version="0.5")
    nf.update(store, c.add_channel("c", data=DATA[1]), c.set_region(0, ((0, 1), (1, 3), (1, 3)), 5))
    expected = np.concatenate([DATA, DATA[1:]])
    expected[0, 1:3, 1:3] = 5
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), expected)


def test_an_image_of_another_store_is_copied(store: Path, tmp_path: Path) -> None:
    root = nf.open_ome_zarr(store).root
    for version in VERSIONS:
        copy = tmp_path / f"copy_{version}.zarr"
        nf.create(copy, root, version=version)
        again = nf.open_ome_zarr(copy)
        assert again.version == version
        np.testing.assert_array_equal(nf.to_numpy(copy, "0"), DATA)
        assert nf.channel_names(again.root) == ("DAPI", "GFP")


# --- what lies beside
# ---------------------------------------------------------------------------------------------------


def test_foreign_groups_and_files_stay_as_they_are(store: Path) -> None:
    group = zarr.open_group(store, mode="a")
    group.create_group("tables/rois").attrs["a"] = 1
    (store / "notes.txt").write_text("mine")
    (store / "0" / "readme").write_text("mine too")
    foreign = {name: data for name, data in files_below(store).items() if name.startswith(("tables", "notes"))}
    nf.update(store, c.remove_channel("DAPI"), c.set_scale(y=2.0), c.without_pyramid())
    after = files_below(store)
    assert {name: after[name] for name in foreign} == foreign
    assert after["0/readme"] == b"mine too"


def test_what_lies_beside_an_image_goes_where_it_goes(store: Path, version: Any, tmp_path: Path) -> None:
    zarr.open_group(store, mode="a").create_group("tables")
    (store / "notes.txt").write_text("mine")
    nf.create(tmp_path / "copy.zarr", nf.open_ome_zarr(store).root, version=version)
    assert {"tables", "notes.txt"} <= set(names_in(tmp_path / "copy.zarr"))


def test_foreign_groups_do_not_change_their_zarr_format(store: Path, version: Any, tmp_path: Path) -> None:
    zarr.open_group(store, mode="a").create_group("tables")
    other: Version = "0.5" if version == "0.4" else "0.4"
    root = nf.open_ome_zarr(store).root
    with pytest.raises(nf.UnsupportedError, match=r"tables .* detach\(image, keep_labels=True\)"):
        nf.create(tmp_path / "copy.zarr", root, version=other)
    assert names_in(tmp_path) == ["image.zarr"]
    nf.create(tmp_path / "copy.zarr", nf.detach(root), version=other)
    assert "tables" not in names_in(tmp_path / "copy.zarr")


def test_arrays_in_the_group_of_labels_that_are_no_label_images_are_left_alone(store: Path) -> None:
    labels = zarr.open_group(store, mode="a").create_group("labels")
    labels.create_array("cells", shape=DATA[0].shape, dtype=DATA.dtype)[...] = DATA[0]
    before = {name: data for name, data in files_below(store).items() if name.startswith("labels")}
    base = nf.open_ome_zarr(store)
    assert base.root.labels.images == ()
    assert "labels/cells" in [problem.location for problem in base.problems]
    nf.update(store, c.set_scale(y=2.0), c.without_pyramid(), c.crop(y=(0, 6)))
    assert {name: data for name, data in files_below(store).items() if name.startswith("labels")} == before


def test_a_level_is_not_put_where_something_else_is(store: Path) -> None:
    (store / "2").mkdir()
    (store / "2" / "data.txt").write_text("mine")
    before = files_below(store)
    with pytest.raises(nf.StoreExistsError, match="2: something is there"):
        nf.update(store, c.without_pyramid(), c.with_pyramid(levels=3))
    assert files_below(store) == before


# --- what is refused
# ---------------------------------------------------------------------------------------------------


def test_a_plan_from_a_snapshot_for_reading_is_refused(store: Path) -> None:
    base = nf.open_ome_zarr(store)
    with pytest.raises(nf.StoreError, match=r"mode 'r'\. Open it with 'r\+'"):
        nf.commit(store, nf.diff(base, nf.set_scale(base.root, y=2.0)))


def test_a_plan_from_another_store_is_refused(store: Path, version: Any, tmp_path: Path) -> None:
    nf.create(tmp_path / "other.zarr", nf.open_ome_zarr(store).root, version=version)
    base = nf.open_ome_zarr(store, mode="r+")
    with pytest.raises(nf.InvalidValueError, match="not from"):
        nf.commit(tmp_path / "other.zarr", nf.diff(base, nf.set_scale(base.root, y=2.0)))


def test_a_plan_from_documents_in_memory_is_refused(store: Path) -> None:
    base = nf.snapshot_from(
        {".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": {"axes": [{"name": "y"}, {"name": "x"}]}}}
    )
    plan = nf.diff(base, nf.set_extra(base.root, "a", 1))
    with pytest.raises(nf.InvalidValueError, match="documents in memory"):
        nf.commit(store, plan)


def test_a_read_only_store_is_refused_and_not_touched(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    before = files_below(store)
    with pytest.raises(nf.StoreError, match="read-only"):
        nf.commit(LocalStore(store, read_only=True), nf.diff(base, nf.set_scale(base.root, y=2.0)))
    assert files_below(store) == before


def test_an_unknown_durability_is_refused(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    with pytest.raises(nf.InvalidValueError, match="durability"):
        nf.commit(store, nf.diff(base, base.root), durability="ram")  # type: ignore[arg-type]


def test_sharding_is_refused_where_the_version_has_none(tmp_path: Path) -> None:
    image = nf.image_from(DATA, axes="cyx", channel_names=["a", "b"], chunks=(1, 3, 4), shards_ratio=(1, 2, 2))
    with pytest.raises(nf.NgffError, match="shard"):
        nf.create(tmp_path / "image.zarr", image, version="0.4")
    assert names_in(tmp_path) == []


def test_a_value_that_is_not_consistent_is_refused_with_all_problems(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    level = base.root.levels[0]
    broken = evolve(base.root, levels=(evolve(level, scale=(1.0,), array=evolve(level.array, chunks=(0, 1, 1))),))
    with pytest.raises(nf.InvalidValueError) as refused:
        nf.diff(base, broken)
    assert {problem.location for problem in refused.value.problems} >= {"levels[0].scale", "levels[0].array.chunks"}


# --- new stores
# --------------------------------------------------------------------------------------------------------


def test_a_store_created_empty_can_be_opened_again(version: Any, tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    base = nf.open_ome_zarr(store, layout="fov", mode="w-", axes="czyx", channel_names=["a", "b"], version=version)
    nf.commit(store, nf.diff(base, base.root))
    again = nf.open_ome_zarr(store, mode="a")
    assert nf.channel_names(again.root) == ("a", "b")
    nf.update(store, c.add_level("0", np.ones((2, 3, 4, 5), dtype="uint8")))
    assert nf.to_numpy(store, "0").sum() == 120


def test_opening_for_writing_deletes_nothing(store: Path, version: Any) -> None:
    before = files_below(store)
    nf.open_ome_zarr(store, layout="fov", mode="w", axes="yx", version=version)
    assert files_below(store) == before


def test_a_store_is_replaced_by_the_commit(store: Path, version: Any) -> None:
    base = nf.open_ome_zarr(store, layout="fov", mode="w", axes="yx", version=version)
    nf.commit(store, nf.diff(base, nf.add_level(base.root, "a", np.ones((4, 4), dtype="uint8"))))
    assert nf.children(store) == ("a",)
    assert names_in(store.parent) == ["image.zarr"]


def test_a_store_may_be_replaced_by_what_is_made_of_it(store: Path, version: Any) -> None:
    root = nf.open_ome_zarr(store).root
    nf.create(store, nf.crop(root, y=(6, 12)), version=version, overwrite=True)
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA[:, 6:])


def test_nothing_is_created_over_a_store(store: Path, version: Any) -> None:
    root = nf.open_ome_zarr(store).root
    with pytest.raises(FileExistsError):
        nf.create(store, root, version=version)
    with pytest.raises(FileExistsError):
        nf.open_ome_zarr(store, layout="fov", mode="w-", axes="yx")


def test_a_path_that_may_be_something_else_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "thesis.txt").write_text("all my work")
    with pytest.raises(nf.InvalidValueError, match="disable_path_checking"):
        nf.open_ome_zarr(folder, layout="fov", mode="w", axes="yx")
    with pytest.raises(nf.InvalidValueError, match=r"no '\.zarr' in it"):
        nf.create(folder, nf.image_from(DATA[0], axes="yx"), version="0.4", overwrite=True)
    assert (folder / "thesis.txt").exists()


def test_a_folder_without_zarr_in_it_is_not_replaced_whatever_it_is_called(version: Any, tmp_path: Path) -> None:
    folder = tmp_path / "notes.zarr"
    folder.mkdir()
    (folder / "notes.txt").write_text("all my work")
    with pytest.raises(
        nf.InvalidValueError, match=r"notes\.zarr: it holds no Zarr hierarchy.*disable_path_checking=True"
    ):
        nf.open_ome_zarr(folder, layout="fov", mode="w", axes="yx")
    with pytest.raises(nf.InvalidValueError, match="it holds no Zarr hierarchy"):
        nf.create(folder, nf.image_from(DATA[0], axes="yx"), version=version, overwrite=True)
    assert (folder / "notes.txt").read_text() == "all my work"


def test_a_folder_without_zarr_in_it_is_replaced_where_that_is_said(version: Any, tmp_path: Path) -> None:
    folder = tmp_path / "notes.zarr"
    folder.mkdir()
    (folder / "notes.txt").write_text("all my work")
    image = nf.image_from(DATA[0], axes="yx")
    nf.create(folder, image, version=version, overwrite=True, disable_path_checking=True)
    np.testing.assert_array_equal(nf.to_numpy(folder, "0"), DATA[0])
    assert not (folder / "notes.txt").exists()


def test_a_folder_beside_the_levels_that_is_no_zarr_is_not_replaced(store: Path, version: Any) -> None:
    (store / "tables").mkdir()
    (store / "tables" / "cells.csv").write_text("1,2")
    with pytest.raises(nf.InvalidValueError, match=r"tables: it holds no Zarr hierarchy"):
        nf.create(store / "tables", nf.image_from(DATA[0], axes="yx"), version=version, overwrite=True)
    assert (store / "tables" / "cells.csv").exists()


@pytest.mark.parametrize("damage", ["broken", "lost", "empty folder", "nothing", "interrupted"])
def test_a_damaged_store_and_what_is_none_yet_are_replaced(damage: str, version: Any, tmp_path: Path) -> None:
    path, image = tmp_path / "cells.zarr", nf.image_from(DATA[0], axes="yx")
    if damage in ("broken", "lost"):
        nf.create(path, image, version=version)
        for name in ("zarr.json", ".zgroup", ".zattrs"):
            if (path / name).exists():
                (path / name).write_bytes(b"{") if damage == "broken" else (path / name).unlink()
    elif damage != "nothing":
        path.mkdir()
        if damage == "interrupted":
            (path / "__ngff_fn" / "stage" / "0").mkdir(parents=True)
            (path / "__ngff_fn.lock").touch()
    nf.create(path, image, version=version, overwrite=True)
    np.testing.assert_array_equal(nf.to_numpy(path, "0"), DATA[0])


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_what_does_not_exist_is_not_opened(mode: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nf.open_ome_zarr(tmp_path / "nothing.zarr", mode=mode)


def test_folders_above_a_new_store_are_made(tmp_path: Path) -> None:
    nf.create(tmp_path / "a" / "b" / "image.zarr", nf.image_from(DATA[0], axes="yx"), version="0.4")
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "a" / "b" / "image.zarr", "0"), DATA[0])


def test_an_image_is_created_inside_a_hierarchy(version: Any, tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "home.zarr", mode="w", zarr_format=2 if version == "0.4" else 3)
    nf.create(tmp_path / "home.zarr" / "cells", nf.image_from(DATA[0], axes="yx"), version=version)
    nf.create(tmp_path / "home.zarr" / "cells", nf.image_from(DATA[1], axes="yx"), version=version, overwrite=True)
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "home.zarr" / "cells", "0"), DATA[1])
    assert "__ngff_fn" not in names_in(tmp_path / "home.zarr")


@pytest.mark.parametrize("path", ["", "inner/image.zarr"])
def test_a_store_in_memory_goes_the_same_way(version: Any, path: str) -> None:
    memory = MemoryStore()
    store = StorePath(memory, path) if path else memory
    image = nf.image_from(DATA, axes="cyx", channel_names=["a", "b"], chunks=(1, 6, 8))
    nf.create(store, image, version=version)
    nf.update(store, c.add_channel("c", data=DATA[0]), c.with_pyramid(levels=2), c.set_scale(y=0.5))
    nf.update(store, c.remove_channel("a"), c.crop(y=(2, 10)))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), np.stack([DATA[1], DATA[0]])[:, 2:10])
    nf.create(store, nf.image_from(DATA[0], axes="yx"), version=version, overwrite=True)
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA[0])
    assert not [key for key in memory._store_dict if "ngff_fn/" in key]


@pytest.mark.parametrize("plan", [None, "plan", 3])
def test_what_is_no_plan_is_refused(plan: Any, store: Path) -> None:
    with pytest.raises(nf.WrongTypeError, match="is no plan"):
        nf.commit(store, plan)


def test_what_is_no_edit_is_refused(store: Path) -> None:
    root = nf.open_ome_zarr(store).root
    edits: list[Any] = [5, root, lambda _: None]
    for edit in edits:
        with pytest.raises(nf.WrongTypeError):
            nf.update(store, edit)
    with pytest.raises(nf.WrongTypeError, match="single_writer: a str is neither True nor False"):
        nf.update(store, c.set_scale(y=2), single_writer="no")
    with pytest.raises(nf.WrongTypeError, match="timeout"):
        nf.update(store, c.set_scale(y=2.0), timeout="x")  # type: ignore[arg-type]
