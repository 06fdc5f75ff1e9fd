"""At every point at which a writer can die, our reader sees all of before or all of after, and nothing is left
behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.axes import axes_from
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import (
    Counter,
    Trial,
    door,
    files_below,
    killed_at,
    names_in,
    one_at_a_time,
    points,
    scenarios,
    state,
    trial_of,
)

pytestmark = pytest.mark.timeout(300)

KINDS = [(version, scenario.name) for version in VERSIONS for scenario in scenarios(version)]


def prepared(version: Version, name: str, folder: Path) -> Trial:
    (scenario,) = (scenario for scenario in scenarios(version) if scenario.name == name)
    return trial_of(scenario, version, folder)


def after_the_next_commit(store: Path) -> tuple[Any, ...] | None:
    """What is there after another commit, as a user of the same store would make it."""
    if state(store) is None:
        image = nf.make_tiles(nf.Image(axes=axes_from("yx")), "0", (1, 1), (2, 2), "uint8")
        nf.create(store, image, version="0.4")
    else:
        nf.update(store, c.set_extra("after", "the crash"))
    return state(store)


def expected_files(store: Path) -> set[str]:
    """Every file that the documents account for."""
    snapshot = nf.open_ome_zarr(store)
    found = {key for key in snapshot.documents if "/" not in key}
    for level in snapshot.root.levels:
        documents = {key for key in snapshot.documents if key.startswith(f"{level.path}/")}
        chunks = {name for name in files_below(store) if name.startswith(f"{level.path}/") and name not in documents}
        numbers = {tuple(int(part) for part in name.split("/") if part.isdigit())[1:] for name in chunks}
        grid = [-(-size // unit) for size, unit in zip(level.array.shape, level.array.write_unit, strict=True)]
        assert all(all(0 <= i < n for i, n in zip(index, grid, strict=True)) for index in numbers), (
            "chunks out of the grid"
        )
        found |= documents | chunks
    return found


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_killed_writer_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = prepared(version, name, quick_path)
    assert trial.before != trial.after
    seen = set()
    for point in points(trial):
        store = trial.fresh()
        killed_at(store, trial.scenario.act, point)
        now = state(store)
        assert now in (trial.before, trial.after), f"point {point} of {trial.points}"
        seen.add(now == trial.after)
        later = after_the_next_commit(store)
        assert later is not None
        assert set(files_below(store)) == expected_files(store), f"point {point} of {trial.points}"
        assert names_in(store.parent) == ["image.zarr"], f"point {point} of {trial.points}"
    assert seen == {False, True}
    record_property("points at which a writer was killed", trial.points)


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_store_that_fails_leaves_before_or_after_and_says_so(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = prepared(version, name, quick_path)

    def fail() -> None:
        raise OSError(28, "No space left on device")

    for point in points(trial):
        store = trial.fresh()
        acknowledged = False
        try:
            trial.scenario.act(door(store, Counter(point, fail)))
            acknowledged = True
        except nf.NgffError as error:
            assert "No space left" in str(error)
        now = state(store)
        assert now == trial.after if acknowledged else now in (trial.before, trial.after), f"point {point}"
        after_the_next_commit(store)
        assert set(files_below(store)) == expected_files(store), f"point {point} of {trial.points}"
        assert names_in(store.parent) == ["image.zarr"], f"point {point} of {trial.points}"
    record_property("points at which a store failed", trial.points)


def seen_by_iohub(store: Path) -> tuple[Any, ...]:
    """Everything that iohub follows the metadata to; it raises where a reference does not resolve."""
    import iohub

    with iohub.open_ome_zarr(store, layout="fov", mode="r") as position:
        pixels = tuple((name, np.asarray(array).tobytes()) for name, array in position.images())
        paths = [dataset.path for dataset in position.metadata.multiscales[0].datasets]
        scales = tuple(tuple(position.get_effective_scale(path)) for path in paths)
        assert {name for name, _ in pixels} >= set(paths)
        listed = tuple((name, data) for name, data in pixels if name in paths)
        return tuple(position.channel_names), scales, listed


@pytest.mark.peers("iohub")
@pytest.mark.parametrize(("version", "name"), KINDS)
def test_another_reader_finds_every_reference_whole(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = prepared(version, name, quick_path)
    store = trial.fresh()
    before = None if trial.before is None else seen_by_iohub(store)
    with one_at_a_time():
        trial.scenario.act(store)
    after = seen_by_iohub(store)
    for point in points(trial):
        store = trial.fresh()
        killed_at(store, trial.scenario.act, point)
        if not store.exists():
            assert before is None
            continue
        seen = seen_by_iohub(store)
        if trial.scenario.documents == 1:
            assert seen in (before, after), f"point {point} of {trial.points}"
    record_property("points at which iohub read", trial.points)
