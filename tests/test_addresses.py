"""Where a node is: the same home by every door, and never a place outside of the store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore, MemoryStore, StorePath

import ngff_fn as nf
from ngff_fn.effects.access.arrays import open_array, read_tile, to_numpy
from ngff_fn.effects.access.groups import children, open_group
from ngff_fn.effects.address import address_below, address_of
from ngff_fn.effects.memory import MemoryFiles, memory_of
from ngff_fn.errors import DocumentError, InvalidValueError, NgffError, StoreNotFoundError, WrongTypeError
from ngff_fn.records.snapshot import VERSIONS
from tests.arrays_in_stores import Home, counted, publish_new_pixels, spec

DATA = np.arange(16, dtype="uint8").reshape(4, 4)


def image() -> nf.Image:
    return nf.image_from(DATA, axes="yx")


# --- one home


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", ["home.zarr", "a/home.zarr", "a/b/c/d/home.zarr"])
def test_a_reader_from_above_sees_what_has_happened_and_is_not_carried_out(
    path: str, version: Any, tmp_path: Path
) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    home, array = Home(tmp_path / path, version), spec((4, 4), (2, 4))
    home.create("0", array, counted((4, 4)))
    before = open_array(tmp_path, f"{path}/0")
    _, changed = publish_new_pixels(home, "0", array)
    assert not np.array_equal(home.values("0"), changed)
    for door in (tmp_path, LocalStore(tmp_path), StorePath(LocalStore(tmp_path))):
        np.testing.assert_array_equal(to_numpy(door, f"{path}/0"), changed)
    with pytest.raises(nf.ConflictError):
        before[...]


def test_a_reader_from_above_in_memory_sees_what_has_happened_and_is_not_carried_out() -> None:
    home, array = Home(), spec((4, 4), (2, 4))
    home.create("0", array, counted((4, 4)))
    _, changed = publish_new_pixels(home, "0", array)
    store = MemoryStore({f"some/home.zarr/{key}": value for key, value in home.store._store_dict.items()})
    np.testing.assert_array_equal(to_numpy(store, "some/home.zarr/0"), changed)
    assert children(store, "some/home.zarr") == ("0",)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", ["0", "a/0", "a/b/c/d", "1/2/3/4/5/6/7"])
def test_an_array_has_the_home_of_its_image_however_deep_it_lies(path: str, version: Any, tmp_path: Path) -> None:
    memory = MemoryStore()
    for store in (tmp_path / "image.zarr", memory):
        nf.create(store, nf.add_level(nf.Image(axes=nf.axes_from("yx")), path, DATA), version=version)
    place = address_of(tmp_path / "image.zarr").place
    assert address_of(tmp_path / "image.zarr" / path).place == nf.Place(home=place.home, path=path)
    inside = StorePath(memory, path)
    assert address_of(inside).place == nf.Place(home=address_of(memory).place.home, path=path)
    np.testing.assert_array_equal(to_numpy(inside), DATA)


@pytest.mark.parametrize(
    "path", ["", "0", "image.zarr", "image.zarr/0", "image.zarr/0/c/0", "x/y/z/w/image.zarr/0", "no"]
)
def test_below_a_store_a_node_is_where_it_is_by_its_own_door(path: str, tmp_path: Path) -> None:
    memory = MemoryStore()
    files = MemoryFiles(memory_of(memory))
    for inner in ("image.zarr", "x/y/z/w/image.zarr"):
        nf.create(tmp_path / inner, image(), version="0.5")
        files.write(f"{inner}/zarr.json", b"{}")
    assert address_below(tmp_path, path).place == address_of(tmp_path / path).place
    own = StorePath(memory, path) if path else memory
    assert address_below(memory, path).place == address_of(own).place


# --- nothing outside


DOORS: dict[str, Any] = {
    "children": children,
    "open_group": open_group,
    "open_array": open_array,
    "to_numpy": to_numpy,
    "read_tile": lambda store, path: read_tile(store, path, 0, 0),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("..", InvalidValueError),
        ("../other", InvalidValueError),
        ("0/../../other", InvalidValueError),
        ("a//b", InvalidValueError),
        ("\0", InvalidValueError),
        ("\ud800", InvalidValueError),
        ("x/" * 2000 + "y", InvalidValueError),
        (None, WrongTypeError),
        (b"0", WrongTypeError),
        (0, WrongTypeError),
    ],
)
@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_path_that_is_none_or_leads_out_is_refused(
    door: str, path: Any, error: type[NgffError], kind: str, tmp_path: Path
) -> None:
    store: Any = MemoryStore() if kind == "memory" else tmp_path / "image.zarr"
    nf.create(store, image(), version="0.5")
    nf.create(tmp_path / "other", image(), version="0.5")
    with pytest.raises(error, match=r"^path: "):
        DOORS[door](store, path)


@pytest.mark.parametrize("store", ["\ud800.zarr", "a\0.zarr"])
def test_a_store_that_no_file_system_can_name_is_refused(store: str) -> None:
    for door in (
        nf.open_ome_zarr,
        children,
        open_group,
        to_numpy,
        lambda path: nf.create(path, image(), version="0.5"),
    ):
        with pytest.raises(InvalidValueError, match="no path can have"):
            door(store)


@pytest.mark.parametrize("text", ["", "{", "[]", '"\\ud800"', '{"zarr_format": 9}'])
def test_a_group_whose_document_is_damaged_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    nf.create(tmp_path / "image.zarr", image(), version="0.5")
    (tmp_path / "image.zarr" / "zarr.json").write_text(text)
    with pytest.raises(DocumentError, match=r"image.zarr/zarr.json: Zarr cannot read"):
        open_group(tmp_path / "image.zarr")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_array_is_no_group(version: Any, tmp_path: Path) -> None:
    nf.create(tmp_path / "image.zarr", image(), version=version)
    with pytest.raises(StoreNotFoundError, match=r"image.zarr/0: no Zarr group is there"):
        open_group(tmp_path / "image.zarr", "0")


# --- consolidated metadata above


def hierarchy(root: Path, version: str) -> Path:
    """A group with consolidated metadata; the key of the document that holds it."""
    group = zarr.open_group(root, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_group("inner")
    zarr.consolidate_metadata(root)
    return root / (".zmetadata" if version == "0.4" else "zarr.json")


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("version", VERSIONS)
def test_replacing_a_group_with_consolidated_metadata_takes_them_away(version: Any, tmp_path: Path) -> None:
    document = hierarchy(tmp_path / "root.zarr", version)
    nf.create(tmp_path / "root.zarr", image(), version=version, overwrite=True)
    assert not document.exists() or "consolidated_metadata" not in json.loads(document.read_text())


@pytest.mark.parametrize(
    "text", [b'["consolidated_metadata"]', b'{"consolidated_metadata"', b'"consolidated_metadata" \xff']
)
def test_a_document_above_that_cannot_be_read_is_refused_with_its_place(text: bytes, tmp_path: Path) -> None:
    root = tmp_path / "root.zarr"
    zarr.open_group(root, mode="w", zarr_format=3)
    nf.create(root / "image.zarr", image(), version="0.5")
    (root / "zarr.json").write_bytes(text)
    with pytest.raises(DocumentError, match=r"root.zarr/zarr.json: "):
        nf.update(root / "image.zarr", lambda value: nf.set_scale(value, x=2.0))
    with pytest.raises(DocumentError, match=r"root.zarr/zarr.json: "):
        nf.create(root / "new.zarr", image(), version="0.5")


KILLED_AFTER_THE_MOMENT = """
import os, sys
import numpy as np
import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits import moment
moment.carry_out = lambda *arguments, **options: os._exit(9)
nf.update(sys.argv[1], c.set_region("0", ((0, 4), (0, 4)), np.full((4, 4), 7, "uint8")))
"""


def _killed_after_the_moment(store: Path) -> None:
    command = [sys.executable, "-c", KILLED_AFTER_THE_MOMENT, str(store)]
    assert subprocess.run(command, check=False).returncode == 9


@pytest.mark.parametrize(("version", "other"), [("0.4", "0.5"), ("0.5", "0.4")])
def test_the_array_of_an_image_in_a_group_of_the_other_format_has_the_home_of_its_image(
    version: Any, other: str, tmp_path: Path
) -> None:
    group = tmp_path / "group.zarr"
    group.mkdir()
    name, text = (".zgroup", '{"zarr_format": 2}') if other == "0.4" else ("zarr.json", '{"node_type": "group"}')
    (group / name).write_text(text)
    created = nf.create(group / "img", nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version=version)
    assert address_of(group / "img").place == created.snapshot.origin
    _killed_after_the_moment(group / "img")
    for store, path in ((group / "img", "0"), (group, "img/0"), (group / "img" / "0", "")):
        assert to_numpy(store, path).max() == 7


def test_an_image_far_below_a_group_that_lists_it_has_one_home_by_every_door(tmp_path: Path) -> None:
    far = tmp_path / "group.zarr" / "a" / "b" / "c" / "d"
    far.mkdir(parents=True)
    (tmp_path / "group.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "group.zarr" / ".zattrs").write_text('{"images": ["a/b/c/d"]}')
    nf.create(far, nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version="0.4")
    _killed_after_the_moment(far)
    assert nf.evaluate(nf.open_ome_zarr(far).root, level=0).max() == 7
    for store, path in ((far, "0"), (far / "0", ""), (tmp_path / "group.zarr", "a/b/c/d/0")):
        assert to_numpy(store, path).max() == 7


@pytest.mark.parametrize(("version", "other"), [("0.4", "zarr.json"), ("0.5", ".zgroup")])
def test_what_was_created_in_a_group_of_the_other_format_can_be_changed(
    version: Any, other: str, tmp_path: Path
) -> None:
    store = tmp_path / "group.zarr" / "img"
    store.parent.mkdir()
    (store.parent / other).write_text("{}")
    base = nf.create(store, image(), version=version).snapshot
    nf.commit(store, nf.diff(base, nf.set_scale(base.root, y=2.0)))
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 2.0


def test_a_store_that_was_moved_below_a_group_and_linked_is_not_the_one_that_was_opened(tmp_path: Path) -> None:
    store, group = tmp_path.resolve() / "s.zarr", tmp_path / "group.zarr"
    nf.create(store, image(), version="0.4")
    base = nf.open_ome_zarr(store, mode="r+")
    group.mkdir()
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    store.rename(group / "img")
    store.symlink_to(group / "img")
    with pytest.raises(nf.InvalidValueError, match="it was computed from"):
        nf.commit(store, nf.diff(base, nf.set_scale(base.root, y=2.0)))


def test_a_plan_from_documents_in_memory_is_of_no_store() -> None:
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    base = nf.snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": {"axes": axes}}})
    with pytest.raises(nf.InvalidValueError, match="documents in memory"):
        nf.commit(".", nf.diff(base, nf.rename_axis(base.root, "x", "w")))
