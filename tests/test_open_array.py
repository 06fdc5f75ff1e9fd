"""Arrays of a store, lazy or whole: they are what is stored, and never of two states."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import StorePath

from ngff_fn.effects.access.arrays import open_array, read_tile, to_numpy
from ngff_fn.effects.address import address_of
from ngff_fn.effects.pixels.files_store import FilesStore
from ngff_fn.errors import ConflictError, InvalidValueError, StoreError, StoreNotFoundError
from ngff_fn.records.snapshot import Version
from tests.arrays_in_stores import Home, counted, spec

VERSIONS: tuple[Version, Version] = ("0.4", "0.5")


def test_an_array_is_what_is_stored(home: Home, tmp_path: Path) -> None:
    for store, path in (
        (tmp_path / "home.zarr", "0"),
        (str(tmp_path / "home.zarr" / "0"), ""),
        (home.store, "/0/"),
        (StorePath(home.store, "0"), ""),
    ):
        np.testing.assert_array_equal(to_numpy(store, path), counted((7, 9)))
        array = open_array(store, path)
        np.testing.assert_array_equal(array[1:6, ::3], counted((7, 9))[1:6, ::3])
        assert array.chunks == (2, 2)


def test_an_open_array_is_for_reading_only(home: Home) -> None:
    array = open_array(home.store, "0")
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1
    np.testing.assert_array_equal(home.values("0"), counted((7, 9)))


def test_an_open_array_that_has_changed_says_so(home: Home) -> None:
    array = open_array(home.store, "0")
    assert array[0, 0] == 1
    zarr.open_array(home.store, path="0").attrs["revision"] = 2
    for region in (np.s_[0, 0], np.s_[...], np.s_[3:5, 1:3]):
        with pytest.raises(ConflictError, match="Open it again"):
            array[region]
    np.testing.assert_array_equal(to_numpy(home.store, "0"), counted((7, 9)))


def test_attributes_come_with_the_array(home: Home) -> None:
    zarr.open_array(home.store, path="0").attrs["stain"] = "DAPI"
    assert open_array(home.store, "0").attrs.asdict() == {"stain": "DAPI"}


@pytest.mark.parametrize("damage", [b"damaged", b""])
def test_a_damaged_chunk_is_named(home: Home, damage: bytes) -> None:
    key = next(iter(home.chunks("0")))
    home.files.write(f"0/{key}", damage)
    with pytest.raises(StoreError, match=rf"0/{key}: it (cannot be decoded|is no whole chunk or shard)"):
        to_numpy(home.store, "0")


def test_where_there_is_no_array_the_error_says_what_there_is(home: Home) -> None:
    with pytest.raises(StoreNotFoundError, match="there is 0"):
        to_numpy(home.store)
    with pytest.raises(StoreNotFoundError, match="7: there is no array here; there is 0 in "):
        open_array(home.store, "7")


def test_where_the_path_of_the_store_is_wrong_the_error_says_from_where_on(tmp_path: Path) -> None:
    (tmp_path / "image.npy").write_bytes(b"")
    with pytest.raises(StoreNotFoundError, match=r"no\.zarr: there is no array here\. Name"):
        to_numpy(tmp_path / "no.zarr")
    with pytest.raises(StoreNotFoundError, match=r"no\.zarr/A/1: .* since there is no .*/no\.zarr\. "):
        to_numpy(tmp_path / "no.zarr", "A/1")
    for path in ("", "0"):
        with pytest.raises(StoreNotFoundError, match=r"image\.npy: it is a file, and a store is a directory"):
            open_array(tmp_path / "image.npy", path)


@pytest.mark.parametrize("path", ["../0", "a//0", "0/.", 0])
def test_a_path_that_leads_nowhere_below_the_store_is_refused(home: Home, path: Any) -> None:
    with pytest.raises((InvalidValueError, TypeError), match="path: "):
        open_array(home.store, path)


# --- tiles ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=VERSIONS)
def tiled(request: pytest.FixtureRequest) -> Home:
    made = Home(version=request.param)
    made.create("0", spec((3, 4, 6), (1, 2, 3)), counted((3, 4, 6)))
    return made


def test_a_tile_is_a_place_in_the_grid_of_chunks(tiled: Home) -> None:
    np.testing.assert_array_equal(read_tile(tiled.store, "0", 1, 1), counted((3, 4, 6))[:, 2:, 3:])


def test_what_comes_before_the_last_two_axes_is_chosen_by_index_or_slice(tiled: Home) -> None:
    values = counted((3, 4, 6))
    np.testing.assert_array_equal(read_tile(tiled.store, "0", 0, 1, pre_dims=(2,)), values[2:, :2, 3:])
    np.testing.assert_array_equal(read_tile(tiled.store, "0", 0, 1, pre_dims=(slice(1, 3),)), values[1:, :2, 3:])


@pytest.mark.parametrize(("row", "column"), [(2, 0), (0, 2), (-1, 0)])
def test_a_tile_out_of_the_grid_is_an_index_error(tiled: Home, row: int, column: int) -> None:
    with pytest.raises(IndexError):
        read_tile(tiled.store, "0", row, column)


@pytest.mark.parametrize(("row", "column"), [(0.0, 0), (0, "1")])
def test_a_tile_is_counted_in_integers(tiled: Home, row: Any, column: Any) -> None:
    with pytest.raises(TypeError):
        read_tile(tiled.store, "0", row, column)


# --- files as a Zarr store --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_zarr_works_on_files_as_on_its_own_stores(tmp_path: Path, version: Version, in_memory: bool) -> None:
    home = Home(None if in_memory else tmp_path, version)
    store = FilesStore(home.files, read_only=False)
    group = zarr.open_group(store, mode="r+").create_group("cells")
    array = group.create_array("0", shape=(7, 9), chunks=(2, 4), dtype="int16", fill_value=3)
    array[1:6, 2:9] = 5
    array[0:2, 0:4] = 3  # the chunk goes
    group.create_array("1", shape=(2,), dtype="int16")
    del group["1"]
    same = zarr.open_group(home.store, mode="r")
    assert {name for name, _ in group.arrays()} == {name for name, _ in same["cells"].arrays()} == {"0"}  # type: ignore[union-attr]
    np.testing.assert_array_equal(array[...], np.asarray(home.values("cells/0")))
    for prefix in ("", "cells", "cells/0/"):
        assert sorted(listed(store, prefix)) == sorted(listed(home.store, prefix))


def listed(store: Store, prefix: str) -> list[str]:
    async def keys() -> list[str]:
        return [key async for key in store.list_prefix(prefix)]

    return asyncio.run(keys())


def test_parts_of_a_file_are_read_as_zarr_asks_for_them() -> None:
    home = Home()
    home.files.write("x", b"0123456789")
    store, prototype = FilesStore(home.files), default_buffer_prototype()
    requests: list[ByteRequest | None] = [RangeByteRequest(2, 5), OffsetByteRequest(7), SuffixByteRequest(4), None]
    found = asyncio.run(store.get_partial_values(prototype, [("x", request) for request in requests]))
    assert [part.to_bytes() for part in found if part] == [b"234", b"789", b"6789", b"0123456789"]
    assert asyncio.run(store.get("y", prototype)) is None
    assert asyncio.run(store.exists("x"))
    assert not asyncio.run(store.exists("y"))


def test_files_are_the_same_store_by_every_door(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store = FilesStore(home.files)
    assert store == FilesStore(address_of(tmp_path).files)
    assert store != store.with_read_only(False)
    assert store.read_only
