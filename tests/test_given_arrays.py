"""Whatever holds pixels is taken in, slice by slice: NumPy, Dask, Zarr, TensorStore, HDF5, xarray."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.access.lazy import LazyArray
from tests.arrays_in_stores import counted
from tests.small_images import Array

VALUES = counted((3, 20, 30))
CHUNKS = (1, 8, 10)


def of_numpy(_: Path) -> Any:
    return VALUES


def of_numpy_mapped(folder: Path) -> Any:
    np.save(folder / "values.npy", VALUES)
    return np.load(folder / "values.npy", mmap_mode="r")


def of_dask(_: Path) -> Any:
    return pytest.importorskip("dask.array").from_array(VALUES, chunks=(1, 7, 30))


def of_zarr(folder: Path) -> Any:
    return zarr.create_array(folder / "values.zarr", data=VALUES, chunks=(2, 20, 15))


def of_tensorstore(folder: Path) -> Any:
    of_zarr(folder)
    pytest.importorskip("tensorstore")
    return nf.to_tensorstore(folder / "values.zarr")


def of_hdf5(folder: Path) -> Any:
    h5py = pytest.importorskip("h5py")
    return h5py.File(folder / "values.h5", "w").create_dataset("values", data=VALUES, chunks=(1, 20, 15))


def of_xarray(_: Path) -> Any:
    return pytest.importorskip("xarray").DataArray(VALUES, dims=["z", "y", "x"])


def of_xarray_on_dask(folder: Path) -> Any:
    return pytest.importorskip("xarray").DataArray(of_dask(folder), dims=["z", "y", "x"])


def of_xarray_unread(folder: Path) -> Any:
    xarray = pytest.importorskip("xarray")
    from ngff_fn.effects.access.xarray_engine import NgffFnBackendEntrypoint

    nf.create(folder / "source.zarr", nf.image_from(VALUES, axes="zyx", chunks=(2, 20, 15)), version="0.4")
    return xarray.open_dataset(folder / "source.zarr", engine=NgffFnBackendEntrypoint)["image"]


def of_this_library(folder: Path) -> Any:
    made = nf.create(folder / "source.zarr", nf.image_from(VALUES, axes="zyx", chunks=(2, 20, 15)), version="0.4")
    return LazyArray(stored=made.snapshot.root.levels[0].pixels)


KINDS = [
    of_numpy, of_numpy_mapped, of_dask, of_zarr, of_tensorstore, of_hdf5, of_xarray, of_xarray_on_dask,
    of_xarray_unread, of_this_library,
]  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.removeprefix("of_"))
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    make: Callable[[Path], Any] = request.param
    return make(tmp_path)


@pytest.fixture(scope="module")
def processes() -> Any:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def downsampled(values: Array) -> Array:
    return np.asarray(values.reshape(3, 10, 2, 15, 2).max(axis=(2, 4)))


def test_an_image_is_made_of_it(data: Any, tmp_path: Path) -> None:
    image = nf.image_from(data, axes="zyx", chunks=CHUNKS)
    image = nf.with_pyramid(image, 2, method="max", axes="yx")
    nf.create(tmp_path / "made.zarr", image, version="0.5")
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "made.zarr", "0"), VALUES)
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "made.zarr", "1"), downsampled(VALUES))


def test_other_processes_get_their_slices(data: Any, processes: Executor, tmp_path: Path) -> None:
    image = nf.image_from(data, axes="zyx", chunks=CHUNKS, shards_ratio=(1, 1, 3))
    nf.create(tmp_path / "made.zarr", image, version="0.5", executor=processes)
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "made.zarr", "0"), VALUES)


def test_it_goes_into_a_channel_and_a_region(data: Any, tmp_path: Path) -> None:
    image = nf.image_from(np.zeros((1, 3, 20, 30), "uint16"), axes="czyx", channel_names=["DAPI"])
    nf.create(tmp_path / "made.zarr", image, version="0.4")
    nf.update(tmp_path / "made.zarr", c.add_channel("GFP", data=data))
    nf.update(tmp_path / "made.zarr", c.set_region(0, {"c": (0, 1), "z": (0, 3)}, data))
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "made.zarr", "0"), np.stack([VALUES, VALUES]))


def test_an_edited_image_is_evaluated_without_reading_the_rest(data: Any) -> None:
    image = nf.image_from(data, axes="zyx")
    np.testing.assert_array_equal(nf.evaluate(image, region=[(1, 2), (3, 9), (0, 30)]), VALUES[1:2, 3:9])


def test_a_stored_array_may_be_put_back_where_it_was_taken_from(tmp_path: Path) -> None:
    pytest.importorskip("dask.array")
    nf.create(tmp_path / "s.zarr", nf.image_from(VALUES, axes="zyx", chunks=CHUNKS), version="0.5")
    nf.update(
        tmp_path / "s.zarr", c.set_region(0, [(0, 3), (0, 20), (0, 30)], nf.to_dask(tmp_path / "s.zarr", "0") + 1)
    )
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "s.zarr", "0"), VALUES + 1)


def test_what_has_changed_since_it_was_opened_is_a_conflict(tmp_path: Path) -> None:
    pytest.importorskip("dask.array")
    nf.create(tmp_path / "s.zarr", nf.image_from(VALUES, axes="zyx", chunks=CHUNKS), version="0.5")
    image = nf.image_from(nf.to_dask(tmp_path / "s.zarr", "0"), axes="zyx")
    nf.update(tmp_path / "s.zarr", c.set_region(0, [(0, 1)] * 3, 7))
    with pytest.raises(nf.ConflictError):
        nf.create(tmp_path / "copy.zarr", image, version="0.5")
    assert not (tmp_path / "copy.zarr").exists()


def test_an_array_that_does_not_know_its_size_is_refused() -> None:
    dask_array = pytest.importorskip("dask.array")
    values = dask_array.from_array(VALUES.ravel(), chunks=100)
    unknown = values[values > 5].reshape(-1)
    with pytest.raises(nf.NgffError, match="shape"):
        nf.image_from(dask_array.stack([unknown, unknown]), axes="yx")
    image = nf.image_from(np.zeros((2, 4), "uint16"), axes="yx")
    with pytest.raises(nf.NgffError, match="shape"):
        nf.set_region(image, 0, [(0, 2), (0, 4)], dask_array.stack([unknown, unknown]))


# --- labelled arrays: everything but the data may be left out ---------------------------------------------------------


def labelled() -> Any:
    xarray = pytest.importorskip("xarray")
    coords = {
        "c": ["DAPI", "GFP", "Cy5"],
        "y": ("y", 5 + 0.25 * np.arange(20), {"units": "nm"}),
        "x": 0.108 * np.arange(30),
    }
    return xarray.DataArray(VALUES, dims=["c", "y", "x"], coords=coords, name="cells", attrs={"gain": 2})


def test_a_data_array_says_all_of_an_image() -> None:
    image = nf.image_from(labelled())
    assert [(axis.name, axis.type, axis.unit) for axis in image.axes] == [
        ("c", "channel", None),
        ("y", "space", "nanometer"),
        ("x", "space", None),
    ]
    assert nf.channel_names(image) == ("DAPI", "GFP", "Cy5")
    assert nf.scale(image) == {"c": 1.0, "y": 0.25, "x": 0.108}
    assert nf.effective_translation(image, 0) == (0.0, 5.0, 0.0)
    assert (image.name, image.levels[0].extra["attributes"]) == ("cells", nf.FrozenMap({"gain": 2}))


def test_what_is_said_explicitly_wins() -> None:
    image = nf.image_from(
        labelled(), axes="zyx", scale={"z": 4, "y": 2}, translation=[1, 2, 3], units={"Z": "mm"}, name="others"
    )
    assert [axis.unit for axis in image.axes] == ["millimeter", "nanometer", None]
    assert nf.scale(image) == {"z": 4.0, "y": 2.0, "x": 0.108}
    assert nf.effective_translation(image, 0) == (1.0, 2.0, 3.0)
    assert image.name == "others"
    assert nf.channel_names(nf.image_from(labelled(), channel_names=["a", "b", "c"])) == ("a", "b", "c")


def test_dimensions_without_coordinates_have_the_usual_units_and_scale() -> None:
    image = nf.image_from(labelled().drop_vars(["c", "y", "x"]))
    assert image.axes == nf.axes_from("cyx")
    assert image.levels[0].scale == (1.0, 1.0, 1.0)
    assert image.channels is None


def test_coordinates_that_are_not_needed_may_be_anything() -> None:
    odd = labelled().assign_coords(y=np.arange(20) ** 2, x=np.arange(30).astype("datetime64[s]"))
    with pytest.raises(nf.InvalidValueError) as refusal:
        nf.image_from(odd)
    assert [problem.location for problem in refusal.value.problems] == ["data.coords['y']", "data.coords['x']"]
    image = nf.image_from(odd, scale=[1, 2, 3], translation=[0, 0, 0], units=[None, None, None])
    assert image.levels[0].scale == (1, 2, 3)


def test_a_lazy_data_array_stays_lazy() -> None:
    dask_array, xarray = pytest.importorskip("dask.array"), pytest.importorskip("xarray")

    def refuse(_: Any) -> Any:
        raise AssertionError

    values = dask_array.zeros((4, 6), chunks=2).map_blocks(refuse, meta=np.empty((0, 0)))
    image = nf.image_from(xarray.DataArray(values, dims=["y", "x"]))
    assert nf.with_pyramid(image, 2).levels[1].array.shape == (2, 3)
