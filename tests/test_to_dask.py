"""Stored arrays as Dask arrays: lazy, in write units, and never of another state than they were made from."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.access.lazy import LazyArray
from tests.arrays_in_stores import Home, counted, publish_new_pixels, spec
from tests.small_images import AXES, DTYPES, arrays

dask = pytest.importorskip("dask")


def test_a_dask_array_is_what_is_stored(home: Home, tmp_path: Path) -> None:
    for store, path in ((tmp_path / "home.zarr", "0"), (str(tmp_path / "home.zarr" / "0"), ""), (home.store, "/0/")):
        array = nf.to_dask(store, path)
        assert (array.shape, array.dtype) == ((7, 9), np.dtype("uint16"))
        np.testing.assert_array_equal(array.compute(), counted((7, 9)))


def test_its_blocks_are_write_units(tmp_path: Path) -> None:
    image = nf.image_from(counted((7, 9)), axes="yx", chunks=(2, 3), shards_ratio=(2, 1))
    nf.create(tmp_path / "s.zarr", image, version="0.5")
    assert nf.to_dask(tmp_path / "s.zarr", "0").chunks == ((4, 3), (3, 3, 3))


def test_its_name_follows_from_what_is_stored(home: Home) -> None:
    first = nf.to_dask(home.store, "0").name
    assert nf.to_dask(home.store, "0").name == first
    zarr.open_array(home.store, path="0").attrs["revision"] = 2
    assert nf.to_dask(home.store, "0").name != first


def test_what_is_computed_may_be_changed_in_place(home: Home) -> None:
    block = nf.to_dask(home.store, "0")[:2, :2].compute()
    block += 1
    np.testing.assert_array_equal(block, counted((7, 9))[:2, :2] + 1)


def test_an_array_of_big_endian_numbers_is_of_this_machines(tmp_path: Path) -> None:
    made = zarr.create_array(tmp_path / "b.zarr", shape=(3,), chunks=(2,), dtype=">u2", zarr_format=2)
    made[...] = [1, 2, 3]
    array = nf.to_dask(tmp_path / "b.zarr")
    assert array.compute().dtype == array.dtype == np.dtype("uint16")
    assert array.compute().tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_an_array_may_be_empty(shape: tuple[int, int], tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "e.zarr", shape=shape, chunks=(2, 2), dtype="uint8")
    assert nf.to_dask(tmp_path / "e.zarr").compute().shape == shape


# --- never another state ----------------------------------------------------------------------------------------------


def test_a_commit_that_changes_the_array_ends_it(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(counted((7, 9)), axes="yx", chunks=(2, 3)), version="0.5")
    before = nf.to_dask(tmp_path / "s.zarr", "0")
    nf.update(tmp_path / "s.zarr", c.set_region(0, [(0, 1), (0, 1)], np.full((1, 1), 99, "uint16")))
    with pytest.raises(nf.ConflictError, match=r"s\.zarr/0: the array has changed"):
        before.compute()
    assert nf.to_dask(tmp_path / "s.zarr", "0").compute()[0, 0] == 99


def test_a_commit_that_changes_other_things_does_not(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(counted((7, 9)), axes="yx"), version="0.5")
    before = nf.to_dask(tmp_path / "s.zarr", "0")
    nf.update(tmp_path / "s.zarr", c.set_scale(y=2), c.with_pyramid(2))
    np.testing.assert_array_equal(before.compute(), counted((7, 9)))


def test_a_commit_that_is_not_carried_out_yet_is_seen_done(home: Home) -> None:
    made = home.create("1", spec((4, 4), (2, 2)), counted((4, 4)))
    before = nf.to_dask(home.store, "1")
    _, values = publish_new_pixels(home, "1", made.array)
    np.testing.assert_array_equal(nf.to_dask(home.store, "1").compute(), values)
    with pytest.raises(nf.ConflictError):
        before.compute()


def test_a_change_while_it_is_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(counted((4, 4)), axes="yx"), version="0.5")
    array = nf.to_dask(tmp_path / "s.zarr", "0")
    from ngff_fn.effects.pixels.stored import StoredArrays

    read = StoredArrays.read

    def read_then_changed(*arguments: Any) -> Any:
        block = read(*arguments)
        monkeypatch.undo()
        nf.update(tmp_path / "s.zarr", c.set_region(0, [(0, 1), (0, 1)], 99))
        return block

    monkeypatch.setattr(StoredArrays, "read", read_then_changed)
    with pytest.raises(nf.ConflictError):
        array.compute(scheduler="synchronous")


def test_an_array_that_is_gone_is_a_conflict(tmp_path: Path) -> None:
    image = nf.with_pyramid(nf.image_from(counted((8, 8)), axes="yx"), 2)
    nf.create(tmp_path / "s.zarr", image, version="0.5")
    array = nf.to_dask(tmp_path / "s.zarr", "1")
    nf.update(tmp_path / "s.zarr", c.without_pyramid())
    with pytest.raises(nf.ConflictError):
        array.compute()


# --- in other processes -----------------------------------------------------------------------------------------------


def test_a_pickled_one_computes_where_nothing_else_is_known(home: Home, tmp_path: Path) -> None:
    (tmp_path / "array.pickle").write_bytes(pickle.dumps(nf.to_dask(home.store, "0")))
    program = f"import pickle; print(pickle.load(open({str(tmp_path / 'array.pickle')!r}, 'rb')).sum().compute())"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert int(run.stdout) == counted((7, 9)).sum()


def test_blocks_are_computed_by_processes(home: Home) -> None:
    array = nf.to_dask(home.store, "0")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = array.compute(scheduler="processes", pool=pool)
    np.testing.assert_array_equal(found, counted((7, 9)))


def test_a_store_in_memory_is_read_by_threads_and_refused_elsewhere() -> None:
    home = Home()
    home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))
    array = nf.to_dask(home.store, "0")
    np.testing.assert_array_equal(array.compute(scheduler="threads"), counted((4, 4)))
    with pytest.raises(nf.StoreError, match="a store in memory does not leave its process"):
        pickle.dumps(array)


def test_its_array_is_copied_by_being_itself() -> None:
    home = Home()
    array = LazyArray(stored=home.create("0", spec((4, 4), (2, 2)), counted((4, 4))))
    assert copy.copy(array) is array
    assert copy.deepcopy(array) is array


# --- what is taken ----------------------------------------------------------------------------------------------------

POSITIONS = Home()
LAZY = LazyArray(stored=POSITIONS.create("0", spec((7, 9, 5), (2, 4, 3)), counted((7, 9, 5))))


def entries(size: int) -> st.SearchStrategy[Any]:
    ends = st.none() | st.integers(-size - 1, size + 1)
    steps = st.none() | st.integers(-3, 3).filter(bool)
    place = st.integers(-size, size - 1)
    return place | st.builds(slice, ends, ends, steps) | st.lists(place, max_size=6)


@given(index=st.tuples(*map(entries, (7, 9, 5))))
def test_each_axis_is_indexed_for_itself(index: tuple[Any, ...]) -> None:
    expected = counted((7, 9, 5))
    for axis in (2, 1, 0):
        expected = np.take(expected, np.arange(expected.shape[axis])[index[axis]], axis=axis)
    found = LAZY[index]
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


@given(data=st.data())
def test_dask_indexes_it_as_an_array(data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from(AXES))
    values = data.draw(arrays(axes, data.draw(st.sampled_from(DTYPES))))
    store = zarr.storage.MemoryStore()
    nf.create(store, nf.image_from(values, axes=axes, chunks=(2,) * len(axes)), version="0.5")
    array = nf.to_dask(store, "0")
    index = tuple(data.draw(st.integers(0, size - 1) | st.slices(size)) for size in values.shape)
    np.testing.assert_array_equal(np.asarray(array[index]), values[index])


def test_an_ellipsis_and_axes_left_out_are_whole() -> None:
    values = counted((7, 9, 5))
    np.testing.assert_array_equal(LAZY[..., 1], values[..., 1])
    np.testing.assert_array_equal(LAZY[2], values[2])


@pytest.mark.parametrize(("index", "error"), [((7,), IndexError), ((0, 0, 0, 0), IndexError), (("a",), TypeError)])
def test_an_index_that_is_none_is_refused(index: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="memory:") as refusal:
        LAZY[index]
    assert isinstance(refusal.value, nf.NgffError)


def test_few_positions_far_apart_hold_few_pixels(tmp_path: Path) -> None:
    image = nf.add_level_zeros(nf.Image(axes=nf.axes_from("yx")), "0", (10**6, 10**6), "uint8", chunks=(500, 500))
    made = nf.create(tmp_path / "s.zarr", image, version="0.5")
    lazy = LazyArray(stored=made.snapshot.root.levels[0].pixels)
    tracemalloc.start()
    found = lazy[:: 10**5, [7, 999_999]]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (10, 2)
    assert peak < 10 * 2**20


# --- nothing is made before it is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_terabyte_opens_in_no_time_and_without_pixels(version: Any, tmp_path: Path) -> None:
    shape, chunks = (4, 2, 2048, 8192, 8192), (1, 1, 16, 512, 512)
    image = nf.Image(axes=nf.axes_from("tczyx"), channels=(nf.Channel(label="a"), nf.Channel(label="b")))
    image = nf.add_level_zeros(image, "0", shape, "uint8", chunks=chunks)
    nf.create(tmp_path / "s.zarr", image, version=version)
    nf.to_dask(tmp_path / "s.zarr", "0")  # imports Dask
    tracemalloc.start()
    started = time.perf_counter()
    array = nf.to_dask(tmp_path / "s.zarr", "0")
    elapsed = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert array.nbytes == 2**40
    assert elapsed < 1
    assert peak < 2**20
    assert not array[-1, -1, -1, -4:, -4:].compute().any()


def test_without_dask_the_refusal_names_the_extra(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(np.zeros((2, 2)), axes="yx"), version="0.5")
    program = (
        f"import sys; sys.modules['dask'] = None; import ngff_fn; ngff_fn.to_dask({str(tmp_path / 's.zarr')!r}, '0')"
    )
    run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "dask: a Dask array needs this package. Install ngff_fn[dask]." in run.stderr


def test_where_there_is_no_array_the_error_says_what_there_is(home: Home) -> None:
    with pytest.raises(nf.StoreNotFoundError, match="there is 0"):
        nf.to_dask(home.store)


def test_documents_that_nobody_understands_are_refused_with_their_place(home: Home) -> None:
    key = "0/.zarray" if home.version == "0.4" else "0/zarr.json"
    home.files.remove(key)
    home.files.write(key, b'{"zarr_format": 9}')
    with pytest.raises(nf.DocumentError, match=r"home\.zarr/0: (\.zarray|zarr\.json):"):
        nf.to_dask(home.store, "0")
