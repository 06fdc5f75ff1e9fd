"""Plates without wells and wells without fields: OME-NGFF cannot say them, so no other program is led there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below
from tests.plate_crashes import plate_of, small_image
from tests.real_plates import records

DOCUMENT = {"0.4": ".zattrs", "0.5": "zarr.json"}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


def edited(store: Path, *edits: Callable[[Any], Any]) -> Any:
    """The plate after the edits, which is read again as it was wanted, with nothing to complain of."""
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = nf.pipe(base.root, *edits)
    done = nf.commit(store, nf.diff(base, wanted))
    again = nf.open_ome_zarr(store, mode="r+")
    assert records(again.root) == records(wanted)
    assert done.snapshot.documents == again.documents
    assert again.problems == ()
    assert nf.diff(again, again.root).operations == ()
    return again.root


def said(store: Path, path: str = "") -> Any:
    """What OME-NGFF says of a node."""
    return nf.ome_attributes(nf.open_ome_zarr(store), path)


EMPTY = nf.empty_plate(2, 3, axes="cyx", channel_names=["DAPI", "GFP"], name="screen")


def test_a_plate_without_wells_is_kept_where_no_other_program_looks(version: Version, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, EMPTY, version=version)
    again = nf.open_ome_zarr(store)
    assert records(again.root) == EMPTY
    assert again.problems == ()
    assert "plate" not in said(store)
    edited(store, c.add_position("B/2/0"))
    assert [well["path"] for well in said(store)["plate"]["wells"]] == ["B/2"]
    assert "screen" not in json.dumps(ours(store, version))


def ours(store: Path, version: Version) -> Any:
    """What our own key says in the document of a plate."""
    text = json.loads((store / DOCUMENT[version]).read_text())
    return (text if version == "0.4" else text["attributes"]).get("ngff_fn", {})


def test_wells_without_fields_are_not_listed_and_keep_their_places(version: Version, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, plate_of("A/1/0", "B/2/0"), version=version)
    edited(store, c.add_well("A", "3"), c.add_position("B/1/0", small_image(5)), c.add_well("C", "1"))
    listed = [well["path"] for well in said(store)["plate"]["wells"]]
    assert listed == ["A/1", "B/2", "B/1"]
    assert "well" not in said(store, "A/3")
    plate = edited(store, c.add_position("C/1/0", small_image(6)), c.rename_well("A/3", "D/3"), c.remove_well("A/1"))
    assert [well.path for well in plate.wells] == ["B/2", "D/3", "B/1", "C/1"]
    assert [well["path"] for well in said(store)["plate"]["wells"]] == ["B/2", "B/1", "C/1"]
    edited(store, c.remove_well("D/3"))
    assert "wells" not in ours(store, version)


def test_a_well_without_fields_is_a_root_of_its_own(version: Version, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, EMPTY, version=version)
    edited(store, c.add_well("A", "3"))
    assert records(nf.open_ome_zarr(store / "A/3").root) == nf.Well(path="")


def test_of_what_was_left_out_a_well_without_fields_is_known_to_be_empty(version: Version, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, nf.add_well(plate_of("A/1/0", "B/2/0"), "A", "3"), version=version)
    base = nf.open_ome_zarr(store, mode="r+", select="B/*/*")
    assert records(base.root).wells[2] == nf.Well(path="A/3")
    nf.commit(store, nf.diff(base, nf.rename_well(base.root, "B/2", "B/3")))
    wells = nf.open_ome_zarr(store).root.wells
    assert [(well.path, len(well.fields)) for well in wells] == [("A/1", 1), ("B/3", 1), ("A/3", 0)]


@pytest.fixture
def listing(version: Version, quick_path: Path) -> Path:
    """A plate as another program may have left it: its last well is listed, and lists no fields."""
    store = quick_path / "plate.zarr"
    nf.create(store, plate_of("A/1/0", "B/2/0", "B/3/0"), version=version)
    document = store / "B/3" / DOCUMENT[version]
    text = json.loads(document.read_text())
    (text if version == "0.4" else text["attributes"]["ome"])["well"]["images"] = []
    document.write_text(json.dumps(text))
    return store


def test_a_list_of_another_program_goes_on_as_it_is(listing: Path, version: Version) -> None:
    before = files_below(listing)
    base = nf.open_ome_zarr(listing, mode="r+")
    assert base.root.wells[2].fields == ()
    wanted = nf.remove_well(evolve(base.root, name="mine"), "A/1")
    nf.commit(listing, nf.diff(base, wanted))
    again = nf.open_ome_zarr(listing)
    assert records(again.root) == records(wanted)
    assert [well["path"] for well in said(listing)["plate"]["wells"]] == ["B/2", "B/3"]
    after = files_below(listing)
    document = f"B/3/{DOCUMENT[version]}"
    assert after[document] == before[document]
