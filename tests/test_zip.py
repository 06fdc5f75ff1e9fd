"""Zip archives (RFC-9): read as directories are, written anew and swapped in, and refused where they do damage."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import StorePath, ZipStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.access.lazy import LazyArray
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.consolidation import HOLDERS, consolidate
from tests.plate_crashes import small_plate
from tests.real_plates import images_in, pixels_in, records
from tests.zips import as_they_lie, contents, small_image, zipped

FORK = multiprocessing.get_context("fork")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def labelled_image() -> nf.Image:
    image = small_image()
    return nf.add_label(image, "cells", np.arange(4 * 12 * 16, dtype="uint32").reshape(4, 12, 16) % 7)


ROOTS: dict[str, Callable[[], Any]] = {"image": small_image, "labelled": labelled_image, "plate": small_plate}


def document(archive: Path, key: str = "zarr.json") -> Any:
    return json.loads(contents(archive)[key])


@pytest.fixture
def archive(quick_path: Path) -> Path:
    """An image of version 0.5."""
    nf.create(quick_path / "image.ozx", small_image(), version="0.5")
    return quick_path / "image.ozx"


# --- read


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_archive_is_read_as_the_directory_that_it_was_made_of(
    version: Version, root: str, method: int, quick_path: Path
) -> None:
    store = quick_path / "store.zarr"
    nf.create(store, ROOTS[root](), version=version)
    made = zipped(store, quick_path / "store.zip", method)
    one, other = nf.open_ome_zarr(store), nf.open_ome_zarr(made)
    assert records(other.root) == records(one.root)
    assert dict(other.documents) == dict(one.documents)
    assert (other.version, other.problems) == (one.version, one.problems)
    expected, found = pixels_in(one.root), pixels_in(other.root)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[path], found[path]) for path in expected)
    assert nf.children(made) == nf.children(store)


@pytest.mark.parametrize("method", METHODS)
def test_every_way_to_an_array_leads_into_an_archive(method: int, quick_path: Path) -> None:
    store = quick_path / "store.zarr"
    nf.create(store, nf.rechunk(small_image(), (1, 2, 3, 4), shards_ratio=(1, 2, 2, 2)), version="0.5")
    made = zipped(store, quick_path / "store.ozx", method)
    expected = nf.to_numpy(store, "0")
    for door in (made, str(made), ZipStore(made, mode="r")):
        np.testing.assert_array_equal(nf.to_numpy(door, "0"), expected)
        np.testing.assert_array_equal(nf.open_array(door, "0")[1, 2:], expected[1, 2:])
    np.testing.assert_array_equal(nf.to_numpy(made / "0"), expected)
    np.testing.assert_array_equal(nf.to_numpy(StorePath(ZipStore(made, mode="r"), "0")), expected)
    assert nf.open_group(made).attrs["ome"] == zarr.open_group(store, mode="r").attrs["ome"]


def test_dask_xarray_and_tensorstore_read_archives(archive: Path) -> None:
    for module in ("dask.array", "xarray", "tensorstore"):
        pytest.importorskip(module)
    expected = nf.to_numpy(archive, "0")
    np.testing.assert_array_equal(nf.to_dask(archive, "0").compute(), expected)
    np.testing.assert_array_equal(nf.to_xarray(archive).values, expected)
    np.testing.assert_array_equal(nf.to_tensorstore(archive, "0").read().result(), expected)


def test_stored_pixels_of_an_archive_travel_by_its_name(archive: Path) -> None:
    level = nf.open_ome_zarr(archive).root.levels[0]
    lazy = pickle.loads(pickle.dumps(LazyArray(stored=level.pixels)))  # noqa: S301 — our own
    np.testing.assert_array_equal(lazy[:], nf.to_numpy(archive, "0"))


def test_an_archive_that_zarr_appended_to_is_read_as_zarr_reads_it(quick_path: Path) -> None:
    store, made = quick_path / "store.zarr", quick_path / "store.zip"
    nf.create(store, small_image(), version="0.5")
    zipped(store, made)
    attributes = document(made)["attributes"]
    attributes["ome"]["multiscales"][0]["name"] = "appended"
    appended = ZipStore(made, mode="a")
    group = zarr.open_group(appended, mode="r+")
    with pytest.warns(UserWarning, match="Duplicate name"):
        group.attrs.update(attributes)
    appended.close()
    assert nf.open_ome_zarr(made).root.name == "appended"
    nf.update(made, c.set_scale(y=0.25))
    assert contents(made).keys() == {name for name, _ in as_they_lie(made).items()}


def test_a_changed_archive_is_noticed(archive: Path) -> None:
    array = nf.open_array(archive, "0")
    lazy = LazyArray(stored=nf.open_ome_zarr(archive).root.levels[0].pixels)
    nf.update(archive, c.set_region(0, ((0, 1), (0, 4), (0, 12), (0, 16)), 1))
    with pytest.raises(nf.ConflictError):
        array[:]
    with pytest.raises(nf.ConflictError):
        lazy[:]
    assert (nf.to_numpy(archive, "0")[0] == 1).all()


def test_an_array_stays_open_while_other_documents_of_its_archive_change(archive: Path) -> None:
    array = nf.open_array(archive, "0")
    expected = np.asarray(array[:])
    nf.update(archive, c.rename_channel("GFP", "EGFP"))
    np.testing.assert_array_equal(array[:], expected)
    np.testing.assert_array_equal(array[1, 2], expected[1, 2])


def test_a_file_that_another_program_puts_in_the_place_is_read_anew(archive: Path, quick_path: Path) -> None:
    assert nf.open_ome_zarr(archive).root.levels[0].array.shape == (2, 4, 12, 16)
    nf.create(quick_path / "other.ozx", nf.image_from(np.ones((3, 3), "uint8"), axes="yx"), version="0.5")
    archive.write_bytes((quick_path / "other.ozx").read_bytes())
    assert nf.open_ome_zarr(archive).root.levels[0].array.shape == (3, 3)


def test_an_archive_is_read_by_many_threads_at_once(archive: Path) -> None:
    expected = nf.to_numpy(archive, "0")
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(bool((nf.to_numpy(archive, "0") == expected).all())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


def test_a_part_of_a_member_is_read_without_the_rest(quick_path: Path) -> None:
    from ngff_fn.effects.zips.archive import Archive
    from ngff_fn.effects.zips.files import ZipFiles

    class Counting(Archive):
        """Counts what is read."""

        def pread(self, start: int, length: int) -> bytes:
            counted.append(length)
            return super().pread(start, length)

    counted: list[int] = []
    made = quick_path / "large.zip"
    with zipfile.ZipFile(made, "w") as writing:
        writing.writestr("a/b", bytes(range(256)) * 4000)
    files = ZipFiles(str(made))
    assert files.read("a/b", 1000, 1010) == (bytes(range(256)) * 5)[1000:1010]
    assert files.read("a/b", -3) == b"\xfd\xfe\xff"
    assert files.read("a/b", 0, 0) == b""
    archive = Counting(str(made), os.open(made, os.O_RDONLY))
    member = archive.members.leaf("a/b")
    assert member is not None
    assert member.read(5, 10) == bytes(range(5, 10))
    assert sum(counted) == 30 + 5


def test_a_hierarchy_in_a_folder_is_opened_by_its_own_path(quick_path: Path) -> None:
    store = quick_path / "foo.zarr"
    nf.create(store, small_image(), version="0.5")
    made = zipped(store, quick_path / "foo.zip", prefix="foo.zarr/")
    with pytest.raises(nf.StoreNotFoundError, match=r"Open .*foo\.zip/foo\.zarr"):
        nf.open_ome_zarr(made)
    assert records(nf.open_ome_zarr(made / "foo.zarr").root) == records(nf.open_ome_zarr(store).root)
    np.testing.assert_array_equal(nf.to_numpy(made, "foo.zarr/0"), nf.to_numpy(store, "0"))
    nf.update(made / "foo.zarr", c.rename_channel("GFP", "EGFP"))
    assert nf.channel_names(nf.open_ome_zarr(made / "foo.zarr").root) == ("DAPI", "EGFP")


def test_an_archive_that_is_not_there_is_no_store(quick_path: Path) -> None:
    with pytest.raises(nf.StoreNotFoundError, match="no such store"):
        nf.open_ome_zarr(quick_path / "none.ozx")


# --- written


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_archive_has_what_a_new_directory_has(version: Version, root: str, quick_path: Path) -> None:
    store, made = quick_path / "store.zarr", quick_path / "store.ozx"
    nf.create(store, ROOTS[root](), version=version)
    done = nf.create(made, nf.open_ome_zarr(store).root, version=version)
    assert done.moment == str(made)
    keys = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
    assert contents(made).keys() == keys
    one, other = nf.open_ome_zarr(store), nf.open_ome_zarr(made)
    assert records(one.root) == records(other.root)
    found = pixels_in(other.root)
    assert all(np.array_equal(array, found[path]) for path, array in pixels_in(one.root).items())
    assert [path.name for path in sorted(quick_path.iterdir())] == ["store.ozx", "store.zarr"]


def test_what_is_written_is_as_the_rfc_recommends(archive: Path) -> None:
    nf.update(archive, c.add_channel("RFP", data=np.ones((4, 12, 16), "uint16")))
    with zipfile.ZipFile(archive) as made:
        infos = made.infolist()
        names = [info.filename for info in infos]
        documents = [name for name in names if name.endswith("zarr.json")]
        assert names[0] == "zarr.json"
        assert names[: len(documents)] == documents == sorted(documents, key=lambda name: (name.count("/"), name))
        assert [info.header_offset for info in infos] == sorted(info.header_offset for info in infos)
        assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
        said = {"ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}}
        assert json.loads(made.comment) == said
        assert all(info.extra.startswith(b"\1\0") for info in infos)  # ZIP64


@pytest.mark.parametrize("version", VERSIONS)
def test_edits_of_an_archive_give_what_they_give_in_a_directory(version: Version, quick_path: Path) -> None:
    store, made = quick_path / "store.zarr", quick_path / "store.ozx"
    channel = np.full((4, 12, 16), 7, dtype="uint16")
    edits: list[Any] = [
        c.set_scale(y=0.5),
        c.rename_channel("GFP", "EGFP"),
        c.add_channel("RFP", data=channel),
        c.set_region(0, ((0, 1), (0, 3), (2, 9), (3, 9)), 5),
        c.remove_channel("DAPI"),
        c.crop(y=(2, 12), x=(0, 10)),
        c.add_label("cells", np.ones((4, 10, 10), "uint8")),
        c.without_pyramid(),
        c.with_pyramid(levels=3),
    ]
    for each in (store, made):
        nf.create(each, small_image(), version=version)
    for edit in edits:
        for each in (store, made):
            nf.update(each, edit)
        one, other = nf.open_ome_zarr(store), nf.open_ome_zarr(made)
        assert records(one.root) == records(other.root)
        found = pixels_in(other.root)
        assert all(np.array_equal(array, found[path]) for path, array in pixels_in(one.root).items())
        keys = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
        assert contents(made).keys() == keys
        assert not nf.diff(other, other.root).operations
    assert [path.name for path in sorted(quick_path.iterdir())] == ["store.ozx", "store.zarr"]


@pytest.mark.parametrize("version", VERSIONS)
def test_edits_of_a_plate_in_an_archive_give_what_they_give_in_a_directory(version: Version, quick_path: Path) -> None:
    store, made = quick_path / "plate.zarr", quick_path / "plate.ozx"
    edits: list[Any] = [
        c.rename_well("A/1", "B/2"),
        c.each_image(c.rename_channel("GFP", "EGFP")),
        c.remove_well("A/2"),
        c.each_image(c.set_scale(y=0.5)),
    ]
    for each in (store, made):
        nf.create(each, small_plate(), version=version)
    for edit in edits:
        for each in (store, made):
            nf.update(each, edit)
        one, other = nf.open_ome_zarr(store), nf.open_ome_zarr(made)
        assert records(one.root) == records(other.root)
        assert images_in(other.root).keys() == images_in(one.root).keys()
        found = pixels_in(other.root)
        assert all(np.array_equal(array, found[path]) for path, array in pixels_in(one.root).items())
        keys = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
        assert contents(made).keys() == keys
    nf.update(made / "B/3/1", c.rename_channel("EGFP", "x"))  # one image by its own path
    fields = images_in(nf.open_ome_zarr(made).root)
    assert {path: nf.channel_names(image)[1] for path, image in fields.items()} == {
        "B/2/0": "EGFP",
        "B/3/0": "EGFP",
        "B/3/1": "x",
    }


def test_members_that_do_not_change_go_over_as_they_lie(quick_path: Path) -> None:
    store, made = quick_path / "store.zarr", quick_path / "store.zip"
    nf.create(store, small_image(), version="0.5")
    (store / "notes.txt").write_text("kept " * 100)
    zipped(store, made, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(made, "a") as opened:
        opened.comment = "kept: ä".encode()
    made.chmod(0o640)
    before = as_they_lie(made)
    nf.update(made, c.set_scale(y=0.5))
    after = as_they_lie(made)
    assert {name for name in before if before[name] != after[name]} == {"zarr.json"}
    assert after.keys() == before.keys()
    assert (after["notes.txt"][0], after["zarr.json"][0]) == (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
    with zipfile.ZipFile(made) as opened:
        assert opened.comment == "kept: ä".encode()
    assert made.stat().st_mode & 0o777 == 0o640


def test_an_archive_is_replaced_by_another_only_when_that_is_meant(archive: Path) -> None:
    new = nf.image_from(np.ones((3, 3), "uint8"), axes="yx")
    with pytest.raises(nf.StoreExistsError, match="overwrite=True"):
        nf.create(archive, new, version="0.5")
    assert nf.open_ome_zarr(archive).root.levels[0].array.shape == (2, 4, 12, 16)
    nf.create(archive, new, version="0.4", overwrite=True)
    assert nf.open_ome_zarr(archive).version == "0.4"
    assert nf.open_ome_zarr(archive).root.levels[0].array.shape == (3, 3)


def test_a_damaged_archive_is_replaced_when_that_is_meant(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:1000])
    new = nf.image_from(np.ones((3, 3), "uint8"), axes="yx")
    with pytest.raises(nf.StoreExistsError, match="overwrite=True"):
        nf.create(archive, new, version="0.5")
    nf.create(archive, new, version="0.5", overwrite=True, disable_path_checking=True)
    assert nf.to_numpy(archive, "0").shape == (3, 3)


@pytest.mark.parametrize("version", VERSIONS)
def test_consolidated_metadata_in_an_archive_are_kept_true(version: Version, quick_path: Path) -> None:
    store, made = quick_path / "store.zarr", quick_path / "store.zip"
    nf.create(store, small_plate(), version=version)
    consolidate(store)
    zipped(store, made)
    for each in (store, made):
        nf.update(each, c.each_image(c.set_scale(y=0.5)), c.remove_well("A/2"))
    name = HOLDERS[version]
    assert b"0.5" in contents(made)[name]
    assert json.loads(contents(made)[name]) == json.loads((store / name).read_bytes())


def test_an_archive_can_be_made_of_its_own_pixels(archive: Path) -> None:
    expected = nf.to_numpy(archive, "0")[1:]
    image = nf.remove_channel(nf.open_ome_zarr(archive).root, "DAPI")
    nf.create(archive, image, version="0.4", overwrite=True)
    np.testing.assert_array_equal(nf.to_numpy(archive, "0"), expected)


def test_an_image_is_created_at_a_path_in_an_archive(archive: Path) -> None:
    image = nf.image_from(np.ones((3, 3), "uint8"), axes="yx")
    nf.create(archive / "more", image, version="0.5")
    assert (nf.to_numpy(archive / "more", "0") == 1).all()
    with pytest.raises(nf.StoreExistsError):
        nf.create(archive / "more", image, version="0.5")
    nf.create(archive / "more", nf.image_from(np.zeros((2, 2), "uint8"), axes="yx"), version="0.5", overwrite=True)
    assert nf.to_numpy(archive / "more", "0").shape == (2, 2)
    assert nf.open_ome_zarr(archive).root.levels[0].array.shape == (2, 4, 12, 16)


def test_an_image_at_a_path_of_an_archive_needs_the_archive(quick_path: Path) -> None:
    image = nf.image_from(np.ones((3, 3), "uint8"), axes="yx")
    with pytest.raises(nf.StoreNotFoundError, match="no such archive"):
        nf.create(quick_path / "none.ozx/more", image, version="0.5")
    assert not list(quick_path.iterdir())


def test_processes_make_the_pixels_of_an_archive(archive: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        nf.update(archive, c.without_pyramid(), c.crop(y=(1, 12)), c.with_pyramid(levels=2), executor=executor)
    full = np.arange(2 * 4 * 12 * 16, dtype="uint16").reshape(2, 4, 12, 16)[:, :, 1:]
    np.testing.assert_array_equal(nf.to_numpy(archive, "0"), full)
    image = nf.open_ome_zarr(archive).root
    wanted = nf.with_pyramid(nf.without_pyramid(image), levels=2)
    np.testing.assert_array_equal(nf.to_numpy(archive, "1"), nf.evaluate(wanted, "1"))


def test_an_archive_that_was_opened_for_reading_is_not_written(archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(nf.StoreError, match="read-only"):
        nf.update(ZipStore(archive, mode="r"), c.set_scale(y=0.5))
    assert archive.read_bytes() == before


def test_a_link_to_an_archive_stays_one(archive: Path, quick_path: Path) -> None:
    link = quick_path / "link.ozx"
    link.symlink_to(archive)
    nf.update(link, c.set_scale(y=0.5))
    assert link.is_symlink()
    assert nf.scale(nf.open_ome_zarr(archive).root)["y"] == 0.5


def test_a_zipped_directory_with_a_standing_record_is_read_and_rolled_forward(quick_path: Path) -> None:
    from ngff_fn.effects.commits.transaction import publish
    from ngff_fn.effects.local.files import LocalFiles
    from ngff_fn.effects.record import Put

    store = quick_path / "store.zarr"
    nf.create(store, small_image(), version="0.5")
    old = (store / "zarr.json").read_bytes()
    new = old.replace(b'"GFP"', b'"EGFP"')
    publish(LocalFiles(str(store)), [Put(key="zarr.json", before=old, text=new)], durable=False)
    made = zipped(store, quick_path / "store.zip")
    assert nf.channel_names(nf.open_ome_zarr(made).root) == ("DAPI", "EGFP")
    nf.update(made, c.set_scale(y=0.5))
    assert nf.channel_names(nf.open_ome_zarr(made).root) == ("DAPI", "EGFP")
    assert not any(name.startswith("__ngff_fn") for name in contents(made))


# --- several writers


def test_a_plan_that_another_writer_overtook_is_a_conflict_and_changes_nothing(archive: Path) -> None:
    base = nf.open_ome_zarr(archive, mode="r+")
    plan = nf.diff(base, nf.set_scale(base.root, y=2.0))
    nf.update(archive, c.rename_channel("DAPI", "x"))
    before = archive.read_bytes()
    with pytest.raises(nf.ConflictError, match="has changed"):
        nf.commit(archive, plan)
    assert archive.read_bytes() == before


def test_another_commit_to_other_documents_meanwhile_is_no_conflict(quick_path: Path) -> None:
    made = quick_path / "plate.ozx"
    nf.create(made, small_plate(), version="0.5")
    base = nf.open_ome_zarr(made / "A/1/0", mode="r+")
    data = np.full((3, 4), 9, "uint8")
    plan = nf.diff(base, nf.add_channel(base.root, "new", data=data))
    overtaken: list[int] = []

    def overtake(*_: int) -> None:
        if not overtaken:
            overtaken.append(1)
            nf.update(made / "B/3/0", c.rename_channel("GFP", "EGFP"))

    nf.commit(made / "A/1/0", plan, progress=overtake)
    assert overtaken
    images = images_in(nf.open_ome_zarr(made).root)
    assert nf.channel_names(images["B/3/0"]) == ("DAPI", "EGFP")
    assert nf.channel_names(images["A/1/0"]) == ("DAPI", "GFP", "new")
    assert (nf.to_numpy(made / "A/1/0", "0")[2] == 9).all()


def test_of_two_processes_that_create_an_archive_one_does(quick_path: Path) -> None:
    made = quick_path / "image.ozx"

    def create(number: int) -> None:
        image = nf.image_from(np.full((50, 50), number, "uint8"), axes="yx", chunks=(10, 10))
        try:
            nf.create(made, image, version="0.5")
        except nf.StoreExistsError:
            os._exit(7)

    for _ in range(5):
        processes = [FORK.Process(target=create, args=(number,)) for number in (1, 2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        codes = [process.exitcode for process in processes]
        assert sorted(map(str, codes)) == ["0", "7"]
        assert (nf.to_numpy(made, "0") == 1 + codes.index(0)).all()
        assert list(quick_path.iterdir()) == [made]
        made.unlink()


def _write(archive: Path, channel: int, updates: int) -> None:
    name = ("DAPI", "GFP")[channel]
    for number in range(updates):
        if number % 2:
            box = ((channel, channel + 1), (0, 4), (0, 6), (0, 8))
            nf.update(archive, c.set_region(0, box, number), durability="process")
        nf.update(archive, c.set_contrast_limits(name, start=number, end=1000), durability="process")


def test_no_update_of_two_processes_is_lost_and_a_reader_sees_each_whole(archive: Path) -> None:
    def count(image: nf.Image) -> nf.Image:
        done = int(nf.scale(image)["y"])
        return nf.set_scale(image, y=done + 1.0, x=done + 1.0)

    def work(channel: int) -> None:
        for _ in range(20):
            nf.update(archive, count, durability="process")
        _write(archive, channel, 10)

    processes = [FORK.Process(target=work, args=(channel,)) for channel in range(2)]
    for process in processes:
        process.start()
    seen = set()
    while any(process.is_alive() for process in processes):
        scale = nf.scale(nf.open_ome_zarr(archive).root)
        assert scale["y"] == scale["x"]
        seen.add(scale["y"])
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    image = nf.open_ome_zarr(archive).root
    assert nf.scale(image)["y"] == 41.0
    assert image.channels is not None
    assert [channel.window and channel.window.start for channel in image.channels] == [9.0, 9.0]
    assert (nf.to_numpy(archive, "0")[:, :, :6, :8] == 9).all()
    assert len(seen) > 1
    assert list(archive.parent.iterdir()) == [archive]


def test_archives_are_known_without_zarr(archive: Path) -> None:
    code = f"import sys, ngff_fn as nf; nf.open_ome_zarr({str(archive)!r}); assert 'zarr' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_zip_that_holds_a_hierarchy_is_replaced_and_another_is_not(tmp_path: Path) -> None:
    image = nf.image_from(np.zeros((4, 4), "uint8"), axes="yx")
    for version in VERSIONS:
        for _ in range(2):
            nf.create(tmp_path / "cells.zip", image, version=version, overwrite=True)
    assert nf.open_ome_zarr(tmp_path / "cells.zip", mode="w", layout="fov", axes="yx").mode == "w"
    with zipfile.ZipFile(tmp_path / "letters.zip", "w") as letters:
        letters.writestr("a.txt", "dear")
    with pytest.raises(nf.InvalidValueError, match="something else"):
        nf.create(tmp_path / "letters.zip", image, version="0.5", overwrite=True)


def thesis(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thesis.docx", "all my work")


def with_a_hierarchy_below(path: Path) -> None:
    thesis(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("cells.zarr/zarr.json", "{}")


def cut_off(path: Path) -> None:
    nf.create(path, small_image(), version="0.5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


OTHERS: dict[str, Callable[[Path], Any]] = {
    "a zip of something else": thesis,
    "a zip with a hierarchy among other things": with_a_hierarchy_below,
    "a text": lambda path: path.write_text("all my work"),
    "an empty file": lambda path: path.touch(),
    "an archive that is cut off": cut_off,
}


@pytest.mark.parametrize("made", OTHERS)
@pytest.mark.parametrize("name", ["it.ozx", "it.zip", "it.zarr.zip"])
def test_what_is_called_as_an_archive_and_holds_no_hierarchy_is_not_replaced(
    made: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    OTHERS[made](path)
    before = path.read_bytes()
    with pytest.raises(nf.NgffError, match="disable_path_checking=True"):
        nf.create(path, small_image(), version="0.5", overwrite=True)
    with pytest.raises(nf.NgffError, match="disable_path_checking=True"):
        nf.open_ome_zarr(path, mode="w", layout="fov", axes="yx")
    assert path.read_bytes() == before


@pytest.mark.parametrize("made", OTHERS)
def test_what_is_called_as_an_archive_is_replaced_where_that_is_said(made: str, tmp_path: Path) -> None:
    path = tmp_path / "it.ozx"
    OTHERS[made](path)
    opened = nf.open_ome_zarr(path, mode="w", layout="fov", axes="yx", version="0.5", disable_path_checking=True)
    nf.commit(path, nf.diff(opened, opened.root))
    OTHERS[made](path := tmp_path / "again.ozx")
    nf.create(path, small_image(), version="0.5", overwrite=True, disable_path_checking=True)
    np.testing.assert_array_equal(nf.to_numpy(path, "0"), nf.evaluate(small_image()))


def test_a_hierarchy_in_a_folder_of_an_archive_is_recovered_by_its_path(tmp_path: Path) -> None:
    nf.create(tmp_path / "cells.zarr", nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version="0.5")
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        for path in sorted((tmp_path / "cells.zarr").rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(tmp_path))
    assert nf.open_ome_zarr(tmp_path / "inner.zip" / "cells.zarr").version == "0.5"
    assert nf.recover(tmp_path / "inner.zip" / "cells.zarr") == nf.Recovered()
    assert nf.vacuum(tmp_path / "inner.zip" / "cells.zarr") == nf.Vacuumed()
    with pytest.raises(nf.StoreNotFoundError):
        nf.recover(tmp_path / "inner.zip" / "no.zarr")
