"""What is no store says what it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version


@pytest.fixture(params=VERSIONS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    version: Version = request.param
    nf.create(tmp_path / "cells.zarr", nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version=version)
    return tmp_path / "cells.zarr"


def test_an_array_is_called_one_by_every_door_for_images(store: Path) -> None:
    for attempt in (nf.open_ome_zarr, nf.torn_files, lambda path: nf.update(path, c.set_scale(y=2.0))):
        with pytest.raises(nf.InvalidValueError, match=r"this is an array.*open_array") as refusal:
            attempt(store / "0")
        assert len(refusal.value.problems) == 1


def test_a_file_is_not_said_to_be_missing(store: Path, tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("")
    document = next(path for path in store.iterdir() if path.is_file())
    archive = tmp_path / "packed.zarr"
    nf.create(tmp_path / "packed.ozx", nf.open_ome_zarr(store).root, version="0.5")
    shutil.move(tmp_path / "packed.ozx", archive)
    for path in (tmp_path / "t.py", document, archive, archive / "labels"):
        with pytest.raises(nf.StoreNotFoundError, match="it is a file"):
            nf.open_ome_zarr(path)
    for path in (tmp_path / "t.py", archive):
        with pytest.raises(nf.StoreNotFoundError, match="it is a file"):
            nf.capabilities(path)


def test_what_is_not_there_offers_only_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(nf.StoreNotFoundError, match=r"no such store\. Create one with create\(\)\.$"):
        nf.update(tmp_path / "no.zarr", c.set_scale(y=2.0))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("path", "said"), [("C/1/0", "plate.zarr there is A, B"), ("A/1/7", "A/1 there is 0")])
def test_what_a_plate_has_is_said_where_a_position_is_not_there(
    path: str, said: str, version: Version, tmp_path: Path
) -> None:
    image = nf.image_from(np.zeros((4, 4), "uint8"), axes="yx")
    nf.create(tmp_path / "plate.zarr", nf.plate_from_positions({"A/1/0": image, "B/2/0": image}), version=version)
    with pytest.raises(nf.StoreNotFoundError, match=rf"no such store\. In .*{said}\. Name what is there"):
        nf.open_ome_zarr(tmp_path / "plate.zarr" / path)


@pytest.mark.parametrize("given", [None, ("cells.zarr",), 3])
def test_what_is_no_store_is_told_what_is_one(given: object) -> None:
    with pytest.raises(nf.WrongTypeError, match="a path, a URL, a store of obstore, or one of Zarr"):
        nf.open_ome_zarr(given)


def test_a_node_of_zarr_is_told_to_be_given_by_its_path(store: Path) -> None:
    group = zarr.open_group(store, mode="r")
    with pytest.raises(nf.WrongTypeError, match="Give its store_path"):
        nf.open_ome_zarr(group)
    assert nf.open_ome_zarr(group.store_path).origin.home == str(store)


def test_a_document_that_is_no_json_ends_its_sentence_before_the_cure(store: Path) -> None:
    document = store / "zarr.json" if (store / "zarr.json").exists() else store / ".zattrs"
    document.write_text(document.read_text() + "}")
    with pytest.raises(nf.DocumentError, match=r"[a-z]\. Mend the document\."):
        nf.open_ome_zarr(store)
