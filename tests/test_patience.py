"""How long a writer waits for another one who has the lock."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import zarr

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.address import address_of


@pytest.mark.parametrize("name", ["cells.zarr", "cells.ozx"])
def test_update_waits_for_a_lock_as_long_as_it_is_told(name: str, tmp_path: Path) -> None:
    store = tmp_path / name
    nf.create(store, nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version="0.5")
    held = address_of(store).files
    for edit in (c.set_scale(y=2.0), c.set_region(0, ((0, 2), (0, 2)), 7)):
        with held.lock(1):
            began = time.monotonic()
            with pytest.raises(nf.StoreError, match="longer timeout"):
                nf.update(store, edit, timeout=0.2)
            assert 0.2 <= time.monotonic() - began < 5
        nf.update(store, edit, timeout=0)


def test_no_time_and_all_the_time_are_times_to_wait() -> None:
    store = zarr.storage.MemoryStore()
    nf.create(store, nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version="0.5")
    for timeout in (-1, 0, float("inf")):
        assert nf.update(store, c.set_scale(y=2.0), timeout=timeout).replays == 0
