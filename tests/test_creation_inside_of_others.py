"""What is created in a hierarchy of an object store while another writer moves, removes or replaces what is above."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from obstore.store import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.objects import leases
from ngff_fn.effects.objects.identities import objects_of
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import Death, Dying, contents, copied, door, keys_of, overtaken_at


def an_image(value: int) -> nf.Image:
    pixels = np.full((2, 8, 8), value, "uint8")
    return nf.image_from(pixels, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4))


PLATE = nf.plate_from_positions({"A/1/0": an_image(1), "B/1/0": an_image(2)})
NEW, INSIDE = an_image(3), "A/1/7"


def replace(store: Any, version: Version) -> None:
    nf.create(store, PLATE, version=version, overwrite=True, disable_path_checking=True)


def rename(store: Any, _version: Version) -> None:
    nf.update(store, c.rename_well("A/1", "A/9"), timeout=store.patience)


def remove(store: Any, _version: Version) -> None:
    nf.update(store, c.remove_well("A/1"), timeout=store.patience)


Way = Callable[[Any, Version], None]
WAYS = pytest.mark.parametrize("way", [replace, rename, remove])


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.02)


def a_plate(version: Version) -> MemoryStore:
    store = MemoryStore()
    nf.create(store, PLATE, version=version)
    return store


def as_another(store: MemoryStore, path: str = "", objects: Objects | None = None) -> Any:
    """The store as another process sees it, by its own name, so that its pixels are found again."""
    seen = objects or Objects(store, "")
    seen.identity = objects_of(store)[0].identity
    return door(seen, path)


def in_a_hurry(store: MemoryStore) -> Any:
    return evolve(as_another(store), patience=0.05)


def images_in(store: MemoryStore) -> dict[str, list[int]]:
    """All images that are there, listed in the plate or not, each with the values of its pixels."""
    keys = {*keys_of(store)}
    places = ("A/1/0", "A/1/7", "A/9/0", "A/9/7", "B/1/0")
    found = [path for path in places if {f"{path}/0/zarr.json", f"{path}/0/.zarray"} & keys]
    return {path: np.unique(nf.to_numpy(as_another(store, path), "0")).tolist() for path in found}


def one_after_the_other(version: Version, way: Way) -> list[dict[str, list[int]]]:
    first, last = a_plate(version), a_plate(version)
    nf.create(as_another(first, INSIDE), NEW, version=version)
    way(in_a_hurry(first), version)
    way(in_a_hurry(last), version)
    nf.create(as_another(last, INSIDE), NEW, version=version)
    return [images_in(first), images_in(last)]


@WAYS
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("before", range(0, 96, 8))
def test_what_was_created_while_another_is_at_work_is_there_whole_or_went_with_the_rest(
    before: int, version: Version, way: Way
) -> None:
    store = a_plate(version)
    created: list[bool] = []

    def create() -> None:
        created.append(True)
        nf.create(as_another(store, INSIDE), NEW, version=version)

    way(as_another(store, objects=overtaken_at(before, store, create)), version)
    if created:
        assert images_in(store) in one_after_the_other(version, way)


@WAYS
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("before", [2, 5, 9])
def test_where_somebody_just_creates_something_nothing_is_moved_or_goes(
    before: int, version: Version, way: Way
) -> None:
    store = a_plate(version)
    refused: list[str] = []

    def act() -> None:
        with pytest.raises(nf.ConflictError) as conflict:
            way(in_a_hurry(store), version)
        refused.append(str(conflict.value))

    nf.create(as_another(store, INSIDE, overtaken_at(before, store, act)), NEW, version=version)
    assert f"{INSIDE}: another writer creates it just now, or has died" in refused[0]
    assert "vacuum(store, older_than=3600)" in refused[0]
    assert images_in(store) == {"A/1/0": [1], "B/1/0": [2], INSIDE: [3]}
    assert not [key for key in keys_of(store) if "ngff_fn" in key]


@WAYS
@pytest.mark.parametrize("version", VERSIONS)
def test_once_vacuum_has_removed_what_a_dead_creator_left_it_is_done(
    version: Version, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngff_fn.effects.objects.claims.BEAT", 0)
    store = a_plate(version)
    with suppress(Death):
        nf.create(as_another(store, INSIDE, Dying(store, 4)), NEW, version=version)
    with pytest.raises(nf.ConflictError, match="vacuum"):
        way(in_a_hurry(store), version)
    nf.vacuum(as_another(store, INSIDE), older_than=0)
    way(in_a_hurry(store), version)
    assert INSIDE not in images_in(store)


@pytest.mark.parametrize("version", VERSIONS)
def test_where_a_creator_died_who_puts_something_there_is_told_how_it_is_removed(version: Version) -> None:
    store = a_plate(version)
    with suppress(Death):
        nf.create(as_another(store, INSIDE, Dying(store, 4)), NEW, version=version)
    with pytest.raises(nf.StoreExistsError, match=rf"{INSIDE}: another writer creates it .*vacuum"):
        nf.update(as_another(store), c.add_position(INSIDE, NEW))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_creation_that_has_happened_moves_whole_with_what_is_above_it(version: Version) -> None:
    start = a_plate(version)
    for changes in range(40):
        store = copied(start)
        with suppress(Death):
            nf.create(as_another(store, INSIDE, Dying(store, changes)), NEW, version=version)
        if {f"{INSIDE}/.zattrs", f"{INSIDE}/zarr.json"} & {*keys_of(store)}:
            break
    rename(evolve(as_another(store), patience=5), version)
    whole = copied(start)
    nf.create(as_another(whole, INSIDE), NEW, version=version)
    rename(evolve(as_another(whole), patience=5), version)
    assert contents(store) == contents(whole)
