"""Stored arrays as TensorStore opens them: for reading, and of one state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits.transaction import recover
from tests.arrays_in_stores import Home, counted, publish_new_pixels, spec

tensorstore: Any = pytest.importorskip("tensorstore")


@pytest.fixture(params=[("0.4", None), ("0.5", None), ("0.5", (2, 1))], ids=["0.4", "0.5", "shards"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    version, ratio = request.param
    image = nf.image_from(counted((7, 9)), axes="yx", chunks=(2, 3), shards_ratio=ratio)
    nf.create(tmp_path / "s.zarr", nf.with_pyramid(image, 2), version=version)
    return tmp_path / "s.zarr"


def test_tensorstore_reads_what_is_stored(store: Path) -> None:
    for array in (nf.to_tensorstore(store, "0"), nf.to_tensorstore(str(store / "0"))):
        assert (array.shape, array.dtype.name) == ((7, 9), "uint16")
        np.testing.assert_array_equal(array.read().result(), counted((7, 9)))
        np.testing.assert_array_equal(array[2:5, ::4].read().result(), counted((7, 9))[2:5, ::4])


def test_tensorstore_cannot_write_to_it(store: Path) -> None:
    array = nf.to_tensorstore(store, "0")
    assert not array.writable
    with pytest.raises(ValueError, match="does not support writing"):
        array[0, 0].write(1).result()


@pytest.mark.parametrize("name", ["write", "create", "delete_existing"])
def test_what_would_write_is_refused_with_the_cure(store: Path, name: str) -> None:
    with pytest.raises(nf.InvalidValueError, match=rf"{name}: .* write with commit\(\)"):
        nf.to_tensorstore(store, "0", **{name: True})
    assert nf.to_tensorstore(store, "0", **{name: False}).shape == (7, 9)


def test_keywords_are_those_of_tensorstore(store: Path) -> None:
    context = tensorstore.Context({"cache_pool": {"total_bytes_limit": 1000}})
    assert nf.to_tensorstore(store, "0", context=context).spec(retain_context=True).to_json()["context"]
    with pytest.raises(nf.UnsupportedError, match=r"s\.zarr/0: TensorStore does not open this array \(.*dtype"):
        nf.to_tensorstore(store, "0", dtype="int8")


def test_a_keyword_that_tensorstore_does_not_know_is_refused_as_such(store: Path) -> None:
    with pytest.raises(nf.WrongTypeError, match=r"kwargs: .*colour"):
        nf.to_tensorstore(store, "0", colour="red")


def test_a_store_in_memory_is_refused_with_the_cure() -> None:
    home = Home()
    home.create("0", spec((4, 4), (2, 2)))
    with pytest.raises(nf.UnsupportedError, match="Use open_array or to_dask"):
        nf.to_tensorstore(home.store, "0")


def test_a_commit_that_is_not_carried_out_yet_is_never_shown_in_part(tmp_path: Path) -> None:
    home = Home(tmp_path / "home.zarr")
    made = home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))
    home.create("1", spec((4, 4), (2, 2)), counted((4, 4)))
    _, values = publish_new_pixels(home, "0", made.array)
    with pytest.raises(nf.ConflictError, match="a commit that changes the array is being carried out"):
        nf.to_tensorstore(home.store, "0")
    np.testing.assert_array_equal(nf.to_tensorstore(home.store, "1").read().result(), counted((4, 4)))
    with home.files.lock(1):
        recover(home.files, durable=False)
    np.testing.assert_array_equal(nf.to_tensorstore(home.store, "0").read().result(), values)


def test_after_a_commit_it_is_opened_again(store: Path) -> None:
    nf.update(store, c.set_region(0, [(0, 1), (0, 1)], 99))
    assert nf.to_tensorstore(store, "0")[0, 0].read().result() == 99


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("separator", [".", "/", None])
@pytest.mark.parametrize("fill_value", [0, None])
def test_spellings_of_zarr_v2_are_read(
    tmp_path: Path, order: Any, separator: str | None, fill_value: int | None
) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(3, 5),
        chunks=(2, 2),
        dtype=">u2",
        order=order,
        zarr_format=2,
        compressors=None,
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": separator or "."},
    )
    array[...] = counted((3, 5))
    document = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    document["fill_value"] = fill_value
    if separator is None:
        del document["dimension_separator"]
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(document))
    np.testing.assert_array_equal(nf.to_tensorstore(tmp_path / "a.zarr").read().result(), counted((3, 5)))


def test_an_array_that_tensorstore_does_not_take_is_refused_with_its_place(tmp_path: Path) -> None:
    nf.create(tmp_path / "s.zarr", nf.image_from(counted((4, 4)), axes="yx", codecs=["numcodecs.lzma"]), version="0.4")
    with pytest.raises(
        nf.UnsupportedError, match=r"s\.zarr/0: TensorStore does not open this array \(.*lzma"
    ) as refusal:
        nf.to_tensorstore(tmp_path / "s.zarr", "0")
    assert "Read it with open_array or to_dask" in str(refusal.value)
    assert "tensorstore_spec" not in str(refusal.value)


def test_where_there_is_no_array_the_error_says_what_there_is(store: Path) -> None:
    with pytest.raises(nf.StoreNotFoundError, match="there is 0, 1"):
        nf.to_tensorstore(store)


def test_real_stores_are_read_as_zarr_reads_them(conformance: Path) -> None:
    read = 0
    for name in ("ngio_v04", "ngio_v05", "omezarr_examples_v04", "tubhiswt4d_v04", "viv_blobs_v04_v05"):
        for folder, _, files in os.walk(conformance / "stores" / name):
            if ".zarray" in files or ("zarr.json" in files and '"array"' in Path(folder, "zarr.json").read_text()):
                array = nf.to_tensorstore(folder)
                corner = tuple(slice(-50, None) for _ in array.shape)
                np.testing.assert_array_equal(np.asarray(array)[corner], nf.to_dask(folder)[corner].compute())
                read += 1
    assert read > 40


def test_without_tensorstore_the_refusal_names_the_extra(store: Path) -> None:
    program = "import sys; sys.modules['tensorstore'] = None; import ngff_fn; "
    program += f"ngff_fn.to_tensorstore({str(store)!r}, '0')"
    run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "tensorstore: a TensorStore array needs this package. Install ngff_fn[tensorstore]." in run.stderr
