"""A damaged store is opened with problems or refused, and no commit changes what its plan does not name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below, names_in
from tests.damage import damaged

STORES = 300
BATCH = 50
EDITS = [
    c.set_scale(y=0.5),
    c.rename_channel("GFP", "EGFP"),
    c.add_channel("RFP"),
    c.remove_channel("DAPI"),
    c.set_contrast_limits("DAPI", start=1, end=9),
    c.without_pyramid(),
    c.with_pyramid(),
    c.crop(y=(2, 10)),
    c.set_region(0, ((0, 1), (0, 3), (0, 3)), 3),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[Version, Path]:
    """A whole store of each version, with something beside the image."""
    stores: dict[Version, Path] = {}
    for version in VERSIONS:
        store = tmp_path_factory.mktemp("whole") / "image.zarr"
        data = np.arange(2 * 12 * 16, dtype="uint16").reshape(2, 12, 16)
        image = nf.image_from(data, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 6, 8))
        nf.create(store, nf.with_pyramid(image, levels=2), version=version)
        (store / "notes.txt").write_text("mine")
        stores[version] = store
    return stores


@pytest.mark.parametrize("batch", range(STORES // BATCH))
def test_no_commit_on_a_damaged_store_changes_what_its_plan_does_not_name(
    batch: int, whole: dict[Version, Path], quick_path: Path
) -> None:
    outcomes: set[str] = set()
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        original = whole[VERSIONS[seed % 2]]
        store = quick_path / f"{seed}" / "image.zarr"
        shutil.copytree(original, store)
        documents = dict(nf.open_ome_zarr(original).documents)
        for key in documents:
            (store / key).unlink()
        for key, text in damaged(documents, seed).items():
            (store / key).write_bytes(text)
        outcomes.add(_tried(store, seed))
        assert names_in(store.parent) == ["image.zarr"]
    assert outcomes >= {"refused", "committed"}


def _tried(store: Path, seed: int) -> str:
    before = files_below(store)
    try:
        base = nf.open_ome_zarr(store, mode="r+")
        plan = nf.diff(base, EDITS[seed % len(EDITS)](base.root))
        nf.commit(store, plan, durability="process")
    except nf.NgffError as refusal:
        located = all(problem.location and problem.message for problem in refusal.problems)
        assert located, refusal
        assert files_below(store) == before
        return "refused"
    after = files_below(store)
    named = {operation.key for operation in plan.operations if isinstance(operation, nf.PutDocument)}
    arrays = tuple(f"{operation.path}/" for operation in plan.operations if not isinstance(operation, nf.PutDocument))
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert not {name for name in changed if name not in named and not name.startswith(arrays)}
    return "committed"
