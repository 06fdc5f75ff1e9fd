"""What a dead writer has left to be done is seen by the next commit: consolidated metadata say what there will be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from obstore.store import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.objects import leases
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import killed_at
from tests.objects import Counting, Death, Dying, door

IMAGE = nf.image_from(np.ones((2, 8, 8), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"])

CASES: dict[str, tuple[list[str], Callable[[Any], Any], Callable[[Any], Any], str]] = {
    "a row goes": (["A/1/0", "A/2/0", "B/1/0"], c.remove_well("A/2"), c.remove_well("A/1"), "A/2"),
    "a row comes": (["A/1/0", "B/1/0"], c.remove_well("A/1"), c.add_position("A/5/0", IMAGE), "A/1"),
}


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.02)
    monkeypatch.setattr(conditional, "OLD", 0.01)


def nodes(store: Any, *, consolidated: bool) -> set[str]:
    return {name for name, _ in zarr.open_group(store, mode="r", use_consolidated=consolidated).members(max_depth=None)}


def has_happened(store: Any, gone: str) -> bool:
    plate: Any = nf.open_ome_zarr(store).root
    return not any(position.startswith(gone) for position, _ in nf.positions(plate))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", VERSIONS)
def test_in_an_object_store(version: Version, case: str) -> None:
    positions, first, second, gone = CASES[case]
    tried = 0
    for changes in count():
        store = MemoryStore()
        its_files = zarr.storage.ObjectStore(store)
        nf.create(store, nf.plate_from_positions(dict.fromkeys(positions, IMAGE)), version=version)
        zarr.consolidate_metadata(its_files, zarr_format=2 if version == "0.4" else 3)
        dying = Dying(store, changes)
        with suppress(Death):
            nf.update(door(dying), first)
        if dying.left >= 0:
            break
        if has_happened(door(Counting(store)), gone):
            nf.update(door(Counting(store)), second)
            nf.recover(door(Counting(store)))
            assert nodes(its_files, consolidated=True) == nodes(its_files, consolidated=False)
            tried += 1
    assert tried > 5


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", VERSIONS)
def test_in_a_directory(tmp_path: Path, version: Version, case: str) -> None:
    positions, first, second, gone = CASES[case]
    tried = 0
    for changes in count(1):
        store = tmp_path / f"{changes}.zarr"
        nf.create(store, nf.plate_from_positions(dict.fromkeys(positions, IMAGE)), version=version)
        zarr.consolidate_metadata(store, zarr_format=2 if version == "0.4" else 3)
        try:
            killed_at(store, lambda store: nf.update(store, first), changes)
        except AssertionError:
            break
        if has_happened(store, gone):
            nf.update(store, second)
            assert nodes(store, consolidated=True) == nodes(store, consolidated=False)
            tried += 1
    assert tried > 5
