"""What is created inside of a hierarchy with consolidated metadata is in them by the same commit, whoever dies."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Any

import numpy as np
import pytest
import zarr
from obstore.store import MemoryStore
from zarr.storage import ObjectStore, StorePath

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.objects import leases
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import Counting, Death, Dying, contents, copied, door, keys_of

PIXELS = np.arange(2 * 8 * 8, dtype="uint16").reshape(2, 8, 8)
IMAGE = nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4))
NEW = "A/1/7"


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.02)
    monkeypatch.setattr(conditional, "OLD", 0.01)


def a_consolidated_plate(version: Version, at: str = "") -> MemoryStore:
    store = MemoryStore()
    nf.create(store, nf.plate_from_positions({"A/1/0": IMAGE, "A/2/0": IMAGE}), version=version)
    zarr.consolidate_metadata(ObjectStore(store), path=at, zarr_format=2 if version == "0.4" else 3)
    return store


def nodes(store: MemoryStore, *, consolidated: bool, at: str = "") -> set[str]:
    group = zarr.open_group(ObjectStore(store), path=at, mode="r", use_consolidated=consolidated)
    return {name for name, _ in group.members(max_depth=None)}


def is_there(store: MemoryStore) -> bool:
    try:
        nf.open_ome_zarr(door(Counting(store), NEW))
    except nf.NgffError:
        return False
    assert (pixels_in(store) == PIXELS).all()
    return True


def pixels_in(store: MemoryStore) -> Any:
    return nf.to_numpy(StorePath(ObjectStore(store), NEW), "0")


@pytest.mark.parametrize("at", ["", "A", "A/1"])
@pytest.mark.parametrize("alone", [False, True], ids=["many writers", "a single one"])
@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_in_those_of_every_group_above(version: Version, alone: bool, at: str) -> None:
    store = a_consolidated_plate(version, at)
    nf.create(door(Counting(store), NEW), IMAGE, version=version, single_writer=alone)
    assert is_there(store)
    assert nodes(store, consolidated=True, at=at) == nodes(store, consolidated=False, at=at)
    assert not [key for key in keys_of(store) if "ngff_fn" in key]


@pytest.mark.parametrize("version", VERSIONS)
def test_whoever_dies_it_is_there_or_not_and_what_comes_next_leaves_nothing_else(version: Version) -> None:
    start = a_consolidated_plate(version)
    found: list[bool] = []
    for changes in count():
        store = copied(start)
        dying = Dying(store, changes)
        with suppress(Death):
            nf.create(door(dying, NEW), IMAGE, version=version)
        found.append(is_there(store))
        if not found[-1]:
            nf.recover(door(Counting(store)))
            assert contents(store) == contents(start)
        else:
            nf.update(door(Counting(store)), c.update_at("A/2/0", c.rename_channel("DAPI", "nuclei")))
            nf.recover(door(Counting(store)))
            assert is_there(store)
            assert not [key for key in keys_of(store) if "ngff_fn" in key]
            assert nodes(store, consolidated=True) == nodes(store, consolidated=False)
        if dying.left >= 0:
            break
    assert found == sorted(found)
    assert {*found} == {False, True}


@pytest.mark.parametrize("version", VERSIONS)
def test_of_two_who_create_the_same_one_does(version: Version) -> None:
    store = a_consolidated_plate(version)
    start = copied(store)
    other: Any = nf.image_from(PIXELS + 1, axes="cyx", channel_names=["DAPI", "GFP"])

    class Overtaken(Counting):
        """Another creates the same just before the first change."""

        is_overtaken = False

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            if not self.is_overtaken:
                self.is_overtaken = True
                nf.create(door(Counting(store), NEW), other, version=version)
            return super().change(operation, *arguments, **said)

    with pytest.raises((nf.ConflictError, nf.StoreExistsError)):
        nf.create(door(Overtaken(store), NEW), IMAGE, version=version)
    assert (pixels_in(store) == PIXELS + 1).all()
    assert nodes(store, consolidated=True) == nodes(store, consolidated=False) != nodes(start, consolidated=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_there_is_replaced_only_where_that_is_said(version: Version) -> None:
    store = a_consolidated_plate(version)
    before = contents(store)
    with pytest.raises(nf.StoreExistsError, match="overwrite=True"):
        nf.create(door(Counting(store), "A/1/0"), IMAGE, version=version)
    assert contents(store) == before
