"""What an attacker found in commits of plates: nothing is lost, and no record stands that cannot be carried out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.plate import Collection, Series
from ngff_fn.records.snapshot import VERSIONS


def image(value: int) -> nf.Image:
    pixels = np.full((2, 4, 6), value, "uint16")
    return nf.image_from(pixels, axes="cyx", channel_names=["a", "b"], chunks=(1, 4, 6))


@pytest.fixture(params=VERSIONS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    def made(*paths: str) -> Path:
        plate = nf.plate_from_positions({path: image(number + 1) for number, path in enumerate(paths)})
        nf.create(tmp_path / "plate.zarr", plate, version=request.param)
        return tmp_path / "plate.zarr"

    return made


def once(act: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress callback that lets another writer act while a commit stages."""
    left = [act]

    def progress(_: int, __: int) -> None:
        if left:
            left.pop()()

    return progress


def test_a_row_that_appears_while_a_commit_stages_is_a_conflict_and_leaves_no_record(make: Any) -> None:
    store = make("A/1/0", "B/1/0")
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.add_position(base.root, "C/1/0", image(5)))
    other = once(lambda: nf.create(store / "C", image(7), version=base.version))
    with pytest.raises(nf.ConflictError, match="has changed while the commit was made"):
        nf.commit(store, plan, progress=other)
    nf.update(store, c.remove_well("B/1"))
    assert not (store / "__ngff_fn").exists()


def test_a_writer_in_a_well_that_is_renamed_meanwhile_is_not_overwritten(make: Any) -> None:
    store = make("A/1/0", "A/1/1")
    base = nf.open_ome_zarr(store, mode="r+", select="A/1/0")
    renamed = nf.rename_well(base.root, "A/1", "A/7")
    wanted = nf.update_at(renamed, "A/7/0", c.set_region(0, ((0, 1), (0, 1), (0, 1)), 5))
    other = once(lambda: nf.update(store / "A/1/1", c.set_region(0, ((0, 2), (0, 4), (0, 6)), 77)))
    with pytest.raises(nf.ConflictError):
        nf.commit(store, nf.diff(base, wanted), progress=other)
    assert nf.to_numpy(store, "A/1/1/0").max() == 77


def test_a_position_is_not_put_over_what_is_foreign_in_a_renamed_well(make: Any) -> None:
    store = make("A/1/0", "A/1/1")
    shutil.copytree(store / "A/1/1", store / "A/1/5")
    for edit in (c.add_position("A/7/5", image(9)), c.move_position("A/7/0", "A/7/5")):
        with pytest.raises(nf.StoreExistsError, match="something is there"):
            nf.update(store, c.rename_well("A/1", "A/7"), edit)
    assert (store / "A/1/5").is_dir()


def test_the_series_of_a_collection_stay_as_they_are(tmp_path: Path) -> None:
    collection = Collection(series=tuple(Series(path=str(number), image=image(number)) for number in range(3)))
    nf.create(tmp_path / "c.zarr", collection, version="0.4")
    with pytest.raises(nf.UnsupportedError, match="cannot be added, removed or renamed yet"):
        nf.update(tmp_path / "c.zarr", lambda root: evolve(root, series=root.series[1:]))
    with pytest.raises(nf.UnsupportedError, match="called 0, 1, 2"):
        nf.create(tmp_path / "d.zarr", Collection(series=(Series(path="a", image=image(1)),)), version="0.4")


def test_nested_levels_do_not_lose_what_lies_beside_them(tmp_path: Path) -> None:
    store = tmp_path / "plate.zarr"
    nf.create(store, nf.plate_from_positions({"A/1/0": image(1), "A/2/0": image(2)}), version="0.4")
    position = store / "A/1/0"
    (position / "scale").mkdir()
    (position / "0").rename(position / "scale" / "a")
    attributes = json.loads((position / ".zattrs").read_text())
    attributes["multiscales"][0]["datasets"][0]["path"] = "scale/a"
    (position / ".zattrs").write_text(json.dumps(attributes))
    (position / "scale" / "notes.txt").write_text("mine")
    with pytest.raises(nf.UnsupportedError, match="nested levels"):
        nf.update(store, c.move_position("A/1/0", "A/2/4"))
    nf.update(store, c.rename_well("A/1", "B/7"))
    assert (store / "B/7/0/scale/notes.txt").read_text() == "mine"


def test_a_row_that_says_something_keeps_its_group(make: Any) -> None:
    store = make("A/1/0", "B/1/0")
    marker = store / "B" / "zarr.json"
    if marker.exists():
        marker.write_text('{"zarr_format": 3, "node_type": "group", "attributes": {"stain": "x"}}')
    else:
        (store / "B" / ".zattrs").write_text('{"stain": "x"}')
    nf.update(store, c.rename_well("B/1", "C/1"))
    assert any(b"stain" in path.read_bytes() for path in (store / "B").iterdir())


@pytest.mark.parametrize("target", ["nowhere", ".", "../2"])
def test_links_in_a_well_that_is_renamed_are_refused_and_stay(target: str, make: Any) -> None:
    store = make("A/1/0", "A/2/0")
    (store / "A/1/link").symlink_to(target)
    with pytest.raises(nf.UnsupportedError, match="links"):
        nf.update(store, c.rename_well("A/1", "B/7"))
    assert str((store / "A/1/link").readlink()) == target


def test_a_well_whose_list_climbs_is_left_unread_and_unchanged(tmp_path: Path) -> None:
    store = tmp_path / "plate.zarr"
    nf.create(store, nf.plate_from_positions({"A/1/0": image(1), "A/2/0": image(2)}), version="0.4")
    document = store / "A/1/.zattrs"
    attributes = json.loads(document.read_text())
    attributes["well"]["images"] += [{"path": "../x", "mine": 1}]
    document.write_text(json.dumps(attributes))
    before = document.read_bytes()
    assert isinstance(nf.open_ome_zarr(store).root.wells[0], nf.Unread)
    nf.update(store, c.add_position("A/2/8", image(8)))
    with pytest.raises(nf.NgffError):
        nf.update(store, c.add_position("A/1/8", image(8)))
    assert document.read_bytes() == before


def test_a_position_that_holds_another_is_not_removed(tmp_path: Path) -> None:
    store = tmp_path / "plate.zarr"
    positions = {"A/1/0": image(1), "A/1/1": image(2), "A/2/0": image(3)}
    nf.create(store, nf.plate_from_positions(positions), version="0.4")
    (store / "A/1/1").rename(store / "A/1/0/x")
    document = store / "A/1/.zattrs"
    document.write_text(document.read_text().replace('"1"', '"0/x"'))
    with pytest.raises(nf.UnsupportedError, match="lies inside of '0'"):
        nf.update(store, c.remove_position("A/1/0"))
    assert nf.to_numpy(store, "A/1/0/x/0").max() == 2
