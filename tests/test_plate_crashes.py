"""At every point at which a writer of a plate can die, our reader sees all of before or all of after, and nothing is
left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.consolidation import consolidate, holders, is_true, resolves
from tests.crashes import Counter, door, files_below, killed_at, names_in, one_at_a_time
from tests.real_plates import images_in, pixels_in, records

pytestmark = pytest.mark.timeout(300)

NEXT = c.update_at("A/2/0", c.set_extra("after", "the crash"))
"""What the next writer does, in every state that a crash may leave."""


def small_image(number: int) -> nf.Image:
    data = np.arange(24, dtype="uint8").reshape(2, 3, 4) + 10 * number
    return nf.image_from(data, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(2, 3, 4))


def small_plate() -> nf.Plate:
    """Four positions: two wells of one field in row A, and one of two in row B."""
    paths = ["A/1/0", "A/2/0", "B/3/0", "B/3/1"]
    return nf.plate_from_positions({path: small_image(number) for number, path in enumerate(paths)})


ACTS: dict[str, Callable[[Any], Any]] = {
    "add_position": c.add_position("A/2/1", small_image(9)),
    "add_position in a new row": c.add_position("C/4/0", small_image(9)),
    "add_well": c.add_well("C", "4"),
    "rename_well": c.rename_well("A/1", "A/4"),
    "rename_well to a new row, with edits in it": lambda plate: nf.pipe(
        plate,
        c.rename_well("B/3", "C/3"),
        c.remove_position("C/3/0"),
        c.update_at("C/3/1", c.rename_channel("GFP", "EGFP")),
    ),
    "remove_position": c.remove_position("B/3/0"),
    "remove_position, the last of its well": c.remove_position("A/1/0"),
    "move_position": c.move_position("A/1/0", "B/3/2"),
    "rename_channel in 4 positions": c.each_image(c.rename_channel("GFP", "EGFP")),
}
BELOW = ", below consolidated metadata"
ACTS |= {
    f"{name}{BELOW}": ACTS[name]
    for name in (
        "rename_channel in 4 positions",
        "rename_well",
        "rename_well to a new row, with edits in it",
        "remove_position, the last of its well",
    )
}
HELD = ("A/1", "A", "")
"""The groups that hold consolidated metadata there."""
IN_ONE_VERSION = {
    "add_position in a new row",
    "rename_well to a new row, with edits in it",
    "remove_position, the last of its well",
    "move_position",
    f"remove_position, the last of its well{BELOW}",
}
KINDS = [(version, name) for version in VERSIONS for name in ACTS if version == "0.5" or name not in IN_ONE_VERSION]


@frozen(kw_only=True)
class State:
    """What our reader sees: the records, and all pixels."""

    version: str
    root: Any
    pixels: tuple[tuple[str, bytes], ...]


def state(store: Path) -> State:
    return seen_in(nf.open_ome_zarr(store))


def seen_in(snapshot: nf.Snapshot) -> State:
    pixels = tuple((name, block.tobytes()) for name, block in pixels_in(snapshot.root).items())
    return State(version=snapshot.version, root=records(snapshot.root), pixels=pixels)


def after_the_next(seen: State) -> State:
    return State(version=seen.version, root=NEXT(seen.root), pixels=seen.pixels)


def unaccounted(store: Path, snapshot: nf.Snapshot) -> set[str]:
    """Files and empty directories that no document accounts for; and those that are accounted for and not there."""
    row = ".zgroup" if snapshot.version == "0.4" else "zarr.json"
    wanted = set(snapshot.documents) | {f"{well.path.partition('/')[0]}/{row}" for well in snapshot.root.wells}
    if snapshot.version == "0.4":  # beside .zmetadata zarr-python puts .zattrs
        wanted |= {f"{node}/{name}".lstrip("/") for node in holders(store) for name in (".zmetadata", ".zattrs")}
    chunks = {f"{path}/0/{'' if snapshot.version == '0.4' else 'c/'}0/0/0" for path in images_in(snapshot.root)}
    return set(files_below(store)) ^ (wanted | chunks)


@frozen(kw_only=True)
class Trial:
    """An edit that was committed once without a crash: both states, and how many points there are."""

    act: Callable[[Any], Any]
    folder: Path
    before: State
    after: State
    points: int

    def fresh(self) -> Path:
        """The store as it was before, in a folder of its own."""
        return fresh(self.folder)


def fresh(folder: Path) -> Path:
    target = folder / "trial"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "start", target, copy_function=shutil.copyfile)
    return target / "plate.zarr"


def trial_of(version: Version, name: str, folder: Path) -> Trial:
    edit = ACTS[name]

    def act(store: Any) -> None:
        with one_at_a_time() as executor:
            nf.update(store, edit, executor=executor)

    nf.create(folder / "start" / "plate.zarr", small_plate(), version=version)
    if name.endswith(BELOW):
        consolidate(folder / "start" / "plate.zarr", *HELD)
    before, counter, store = state(folder / "start" / "plate.zarr"), Counter(), fresh(folder)
    act(door(store, counter))
    return Trial(act=act, folder=folder, before=before, after=state(store), points=counter.count)


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_killed_writer_of_a_plate_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = trial_of(version, name, quick_path)
    assert trial.before != trial.after
    done = trial.folder / "trial" / "plate.zarr"
    assert unaccounted(done, nf.open_ome_zarr(done)) == set()
    seen = set()
    for point in range(1, trial.points + 1):
        store = trial.fresh()
        killed_at(store, trial.act, point)
        now = state(store)
        assert now in (trial.before, trial.after), f"point {point} of {trial.points}"
        seen.add(now == trial.after)
        assert all(resolves(store, node, version) for node in holders(store)), f"point {point} of {trial.points}"
        nf.update(store, NEXT)
        assert all(is_true(store / node, version) for node in holders(store)), f"point {point} of {trial.points}"
        snapshot = nf.open_ome_zarr(store)
        assert seen_in(snapshot) == after_the_next(now), f"point {point} of {trial.points}"
        assert unaccounted(store, snapshot) == set(), f"point {point} of {trial.points}"
        assert names_in(store.parent) == ["plate.zarr"], f"point {point} of {trial.points}"
    assert seen == {False, True}
    record_property("points at which a writer of a plate was killed", trial.points)
