"""Levels of images as labelled arrays: to_xarray, and the engine of xarray.open_dataset."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
import tomllib
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import EntryPoint
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.axes import channel_axis
from tests.arrays_in_stores import counted
from tests.real_images import IMAGES
from tests.small_images import images

xarray: Any = pytest.importorskip("xarray")
pytest.importorskip("dask.array")

CELLS = nf.image_from(
    counted((2, 3, 8, 6)),
    axes="czyx",
    channel_names=["DAPI", "GFP"],
    scale={"z": 0.5, "y": 0.25, "x": 0.108},
    translation={"z": 10.0},
    units={"x": "nm"},
    chunks=(1, 2, 4, 4),
    name="cells",
)


@pytest.fixture(params=["0.4", "0.5"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    nf.create(tmp_path / "cells.zarr", nf.with_pyramid(CELLS, 2), version=request.param)
    return tmp_path / "cells.zarr"


def terabyte(store: Path, version: Any = "0.5") -> Path:
    image = nf.Image(axes=nf.axes_from("tczyx"), channels=(nf.Channel(label="a"), nf.Channel(label="b")))
    shape, chunks = (4, 2, 2048, 8192, 8192), (1, 1, 16, 512, 512)
    nf.create(store, nf.add_level_zeros(image, "0", shape, "uint8", chunks=chunks), version=version)
    return store


# --- to_xarray --------------------------------------------------------------------------------------------------------


def test_a_data_array_is_what_is_stored_and_where_it_lies(store: Path) -> None:
    array = nf.to_xarray(store)
    assert (array.dims, array.dtype, array.name, array.attrs) == (("c", "z", "y", "x"), np.dtype("uint16"), "cells", {})
    np.testing.assert_array_equal(array.values, counted((2, 3, 8, 6)))
    assert array.coords["c"].values.tolist() == ["DAPI", "GFP"]
    assert array.coords["z"].values.tolist() == [10.0, 10.5, 11.0]
    assert array.coords["x"].values.tolist() == [0.108 * index for index in range(6)]


def test_units_are_attributes_of_the_coordinates(store: Path) -> None:
    coords = nf.to_xarray(store).coords
    units = {"c": {}, "z": {"units": "micrometer"}, "y": {"units": "micrometer"}, "x": {"units": "nanometer"}}
    assert {name: coords[name].attrs for name in "czyx"} == units


def test_it_is_lazy_in_write_units(store: Path) -> None:
    assert nf.to_xarray(store).chunks == ((1, 1), (2, 1), (4, 4), (4, 2))


@pytest.mark.parametrize("level", [1, -1, "1"])
def test_a_level_is_named_by_its_path_or_index(store: Path, level: int | str) -> None:
    array = nf.to_xarray(store, level=level)
    np.testing.assert_array_equal(array.values, nf.to_numpy(store, "1"))
    assert array.coords["z"].values.tolist() == [10.25, 11.25]


def test_the_path_of_an_array_is_refused_with_the_level_to_say(store: Path) -> None:
    for where, path in ((store, "1"), (store / "1", "")):
        with pytest.raises(nf.WrongTypeError, match=r"s\.zarr/1: this is an array\..* level='1'\."):
            nf.to_xarray(where, path)


def test_the_transformation_of_the_whole_multiscale_comes_after_the_levels(tmp_path: Path) -> None:
    image = nf.set_multiscale_translation(nf.set_multiscale_scale(CELLS, z=2.0), z=1.0)
    nf.create(tmp_path / "s.zarr", image, version="0.5")
    assert nf.to_xarray(tmp_path / "s.zarr").coords["z"].values.tolist() == [21.0, 22.0, 23.0]


def test_what_the_values_do_not_say_an_attribute_says(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.crop(CELLS, z=(1, 2)), version="0.5")
    coords = nf.to_xarray(tmp_path / "s.zarr").coords
    assert coords["z"].attrs == {"units": "micrometer", "step": 0.5}
    assert "step" not in coords["y"].attrs


def test_channels_without_names_are_counted(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(np.zeros((2, 4, 4)), axes="cyx"), version="0.4")
    assert nf.to_xarray(tmp_path / "s.zarr").coords["c"].values.tolist() == ["0", "1"]
    assert nf.image_from(nf.to_xarray(tmp_path / "s.zarr")).channels is None


def test_attributes_are_those_of_the_array_without_our_own(tmp_path: Path) -> None:
    level = nf.set_extra(CELLS.levels[0], "stain", {"lot": 7})
    level = nf.set_extra(level, "_ARRAY_DIMENSIONS", ["c", "z", "y", "x"])
    nf.create(tmp_path / "s.zarr", evolve(CELLS, levels=(level,)), version="0.4")
    nf.update(tmp_path / "s.zarr", c.set_region(0, [(0, 1)] * 4, 7))  # which leaves a revision there
    assert nf.to_xarray(tmp_path / "s.zarr").attrs == {"stain": {"lot": 7}}


def test_names_of_axes_are_lower_case(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(np.zeros((4, 4)), axes=["Y", "X"]), version="0.5")
    assert nf.to_xarray(tmp_path / "s.zarr").dims == ("y", "x")


def test_an_image_of_a_plate_and_a_label_image_open_by_their_paths(tmp_path: Path) -> None:
    labelled = nf.add_label(nf.with_pyramid(CELLS, 2), "nuclei", np.ones((3, 8, 6), "uint8"))
    nf.create(tmp_path / "p.zarr", nf.plate_from_positions({"A/1/0": labelled}), version="0.5")
    plate, well = tmp_path / "p.zarr", tmp_path / "p.zarr" / "A" / "1"
    for store, path in ((plate, "A/1/0"), (well, "0"), (well / "0", ""), (plate, "/A/1/0/")):
        assert nf.to_xarray(store, path).shape == (2, 3, 8, 6)
    for label in (nf.to_xarray(plate, "A/1/0/labels/nuclei", 1), nf.to_xarray(plate, "A/1/0", "labels/nuclei/1")):
        assert (label.dims, label.shape) == (("z", "y", "x"), (2, 4, 3))
        assert label.coords["z"].values.tolist() == [10.25, 11.25]


def test_what_holds_images_is_refused_with_the_path_of_one_from_there(tmp_path: Path) -> None:
    plate, series = tmp_path / "p.zarr", tmp_path / "s.zarr"
    nf.create(plate, nf.plate_from_positions({"B/3/1": CELLS}), version="0.5")
    nf.create(series, nf.Collection(series=(nf.Series(path="0", image=CELLS),)), version="0.5")
    doors = [(plate, "", "B/3/1"), (plate, "B/3", "B/3/1"), (plate / "B/3", "", "1"), (series, "", "0")]
    for store, path, one in doors:
        with pytest.raises(nf.WrongTypeError, match=rf"Give the path of one of its images, such as '{one}'\.$"):
            nf.to_xarray(store, path)
        assert nf.to_xarray(store, one).shape == (2, 3, 8, 6)


def test_of_an_empty_plate_no_path_is_made_up(tmp_path: Path) -> None:
    nf.create(tmp_path / "e.zarr", nf.empty_plate(["A"], ["1"]), version="0.5")
    with pytest.raises(nf.WrongTypeError, match=r"e\.zarr: this is a plate\. Give the path of one of its images\.$"):
        nf.to_xarray(tmp_path / "e.zarr")


def test_a_level_that_is_not_there_is_refused_with_what_there_is(store: Path) -> None:
    with pytest.raises(nf.NotThereError, match=r"cells\.zarr: levels: no level '7'; the image has 0, 1"):
        nf.to_xarray(store, level="7")
    with pytest.raises(IndexError, match="no level 7"):
        nf.to_xarray(store, level=7)


def test_a_commit_that_changes_the_pixels_ends_it(store: Path) -> None:
    before = nf.to_xarray(store)
    nf.update(store, c.set_region(0, [(0, 1)] * 4, 99))
    with pytest.raises(nf.ConflictError):
        before.compute()
    assert int(nf.to_xarray(store)[0, 0, 0, 0]) == 99


@given(image=images(), data=st.data())
def test_every_element_has_its_coordinates(image: nf.Image, data: st.DataObject) -> None:
    store = zarr.storage.MemoryStore()
    root = nf.create(store, image, version="0.4").snapshot.root
    array, sizes = nf.to_xarray(store), nf.sizes(root)
    index = {name: data.draw(st.integers(0, size - 1)) for name, size in sizes.items()}
    there = dict(zip(sizes, nf.to_physical(root, 0, index), strict=True))
    found = array.isel(index)
    assert {name: float(found.coords[name]) for name in sizes if name != "c"} == {
        name: place for name, place in there.items() if name != "c"
    }
    at = tuple((place, place + 1) for place in index.values())
    assert found.values.item() == nf.evaluate(root, region=at).item()


@pytest.mark.parametrize("path", IMAGES)
def test_real_images_are_labelled_and_come_back(path: str, conformance: Path) -> None:
    store = conformance / "stores" / path
    root = nf.open_ome_zarr(store).root
    array = nf.to_xarray(store)
    made = nf.image_from(array)
    assert array.shape == root.levels[0].array.shape
    assert nf.channel_names(made) == (nf.channel_names(root) if channel_axis(root) is not None else ())
    np.testing.assert_allclose(nf.effective_scale(made, 0), nf.effective_scale(root, 0), rtol=1e-15)
    np.testing.assert_allclose(nf.effective_translation(made, 0), nf.effective_translation(root, 0), rtol=1e-15)
    corner = {dim: slice(0, 20) for dim in array.dims}
    region = tuple((0, min(20, size)) for size in array.shape)
    np.testing.assert_array_equal(array.isel(corner).values, nf.evaluate(root, region=region))


# --- the engine -------------------------------------------------------------------------------------------------------


def engine() -> Any:
    from ngff_fn.effects.access.xarray_engine import NgffFnBackendEntrypoint

    return NgffFnBackendEntrypoint


def opened(store: Any, **options: Any) -> Any:
    return xarray.open_dataset(store, engine=engine(), **options)


def test_the_entry_point_is_the_engine() -> None:
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]["xarray.backends"]
    ((name, value),) = declared.items()
    assert name == "ngff-fn"
    assert EntryPoint(name, value, "xarray.backends").load() is engine()


def test_without_an_engine_open_dataset_means_what_it_meant(store: Path) -> None:
    assert not engine()().guess_can_open(str(store))


def test_a_dataset_has_the_data_array_by_the_name_of_the_image(store: Path) -> None:
    dataset = opened(store)
    assert list(dataset.data_vars) == ["cells"]
    xarray.testing.assert_identical(dataset["cells"].load(), nf.to_xarray(store).load())


@pytest.mark.parametrize("name", [None, "", "x"])
def test_an_image_without_a_name_of_its_own_is_called_image(name: str | None, tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", evolve(CELLS, name=name), version="0.5")
    assert list(opened(tmp_path / "s.zarr").data_vars) == ["image"]


def test_level_path_and_group_choose_what_is_opened(tmp_path: Path) -> None:
    nf.create(tmp_path / "p.zarr", nf.plate_from_positions({"A/1/0": nf.with_pyramid(CELLS, 2)}), version="0.5")
    for options in ({"path": "A/1/0"}, {"group": "A/1/0"}, {"group": "A/1/0", "path": "A/1/0"}):
        assert opened(tmp_path / "p.zarr", level=1, **options)["cells"].shape == (2, 2, 4, 3)
    with pytest.raises(nf.InvalidValueError, match="group: it is 'A/2/0', and the path 'A/1/0'"):
        opened(tmp_path / "p.zarr", group="A/2/0", path="A/1/0")


@pytest.mark.parametrize("dropped", ["z", ["z", "absent"]])
def test_variables_are_dropped(store: Path, dropped: Any) -> None:
    assert set(opened(store, drop_variables=dropped).coords) == {"c", "y", "x"}


def test_a_store_in_memory_opens_too() -> None:
    store = zarr.storage.MemoryStore()
    nf.create(store, CELLS, version="0.5")
    assert opened(store)["cells"].sum() == counted((2, 3, 8, 6)).sum()
    assert opened(store, chunks={})["cells"].sum().compute() == counted((2, 3, 8, 6)).sum()


def test_chunks_are_write_units(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.rechunk(CELLS, (1, 2, 2, 2), shards_ratio=(1, 1, 2, 3)), version="0.5")
    assert opened(tmp_path / "s.zarr", chunks={})["cells"].chunks == ((1, 1), (2, 1), (4, 4), (6,))
    assert opened(tmp_path / "s.zarr")["cells"].chunks is None


@given(data=st.data())
def test_it_is_indexed_as_an_array_of_numpy_is(data: st.DataObject) -> None:
    values = counted((2, 3, 8, 6))
    eager = xarray.Dataset({"cells": (("c", "z", "y", "x"), values)})["cells"]
    lazy = opened(STORE)["cells"].drop_vars(["c", "z", "y", "x"])
    for _ in range(data.draw(st.integers(1, 2))):  # one selection of another
        index: dict[str, Any] = {}
        for dim, size in eager.sizes.items():
            place = st.integers(0, max(0, size - 1))
            several = st.slices(size) | st.lists(place, max_size=4)
            index[dim] = data.draw(several if size else st.just(slice(None)))  # of none, steps beyond int64 are drawn
        eager, lazy = eager.isel(index), lazy.isel(index)
    np.testing.assert_array_equal(lazy.values, eager.values)


STORE = zarr.storage.MemoryStore()
nf.create(STORE, CELLS, version="0.5")


def test_points_are_selected_one_by_one(store: Path) -> None:
    points = xarray.DataArray([0, 2, 5], dims="point")
    found = opened(store)["cells"].isel(y=points, x=points)
    np.testing.assert_array_equal(found.values, nf.to_xarray(store).isel(y=points, x=points).values)


def test_a_dataset_that_is_out_of_date_says_so(store: Path) -> None:
    dataset = opened(store, cache=False)
    nf.update(store, c.set_region(0, [(0, 1)] * 4, 99))
    with pytest.raises(nf.ConflictError):
        dataset["cells"][0, 0, 0, 0].load()


def test_a_dataset_pickles_unread(store: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(total, pickle.dumps(opened(store))).result() == counted((2, 3, 8, 6)).sum()


def total(pickled: bytes) -> int:
    return int(pickle.loads(pickled)["cells"].sum())  # noqa: S301 — of our own


# --- nothing is made before it is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("way", [nf.to_xarray, opened, lambda store: opened(store, chunks={})])
def test_a_terabyte_opens_in_no_time_and_without_pixels(way: Any, version: Any, tmp_path: Path) -> None:
    store = terabyte(tmp_path / "s.zarr", version)
    way(store)  # imports what it needs
    tracemalloc.start()
    started = time.perf_counter()
    found = way(store)
    elapsed = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.nbytes >= 2**40
    assert elapsed < 1
    assert peak < 16 * 2**20
    pixels = found if way is nf.to_xarray else found["image"]
    assert not pixels[-1, -1, -1, -4:, -4:].values.any()


def test_without_xarray_the_refusal_names_the_extra(store: Path) -> None:
    program = f"import sys; sys.modules['xarray'] = None; import ngff_fn; ngff_fn.to_xarray({str(store)!r})"
    run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "xarray: a DataArray needs this package. Install ngff_fn[xarray]." in run.stderr


def test_a_large_plane_opens_in_less_than_a_second_too(tmp_path: Path) -> None:
    image = nf.add_level_zeros(nf.Image(axes=nf.axes_from("yx")), "0", (10**6, 10**6), "uint8", chunks=(4096, 4096))
    nf.create(tmp_path / "s.zarr", nf.set_scale(image, y=0.108, x=0.108), version="0.5")
    nf.to_xarray(tmp_path / "s.zarr")
    started = time.perf_counter()
    assert nf.to_xarray(tmp_path / "s.zarr").nbytes == 10**12
    assert time.perf_counter() - started < 1
