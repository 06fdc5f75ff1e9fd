"""At every point at which a writer of labels can die, our reader sees all of before or all of after, and nothing is
left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import Counter, door, files_below, killed_at, names_in, one_at_a_time
from tests.plate_crashes import FIRST, PAIRS, all_of_them, moments, spread
from tests.real_plates import records

pytestmark = pytest.mark.timeout(7200 if all_of_them() else 300)

DATA = np.arange(2 * 4 * 6, dtype="uint8").reshape(2, 4, 6)
CELLS = DATA[0] % 5 + 1
NEXT = c.set_extra("after", "the crash")
"""What the next writer does, in every state that a crash may leave."""
THEN = c.set_extra("then", "another crash")
"""What the one after it does."""


def bare() -> nf.Image:
    """Two channels of 4 x 6, with two levels and no labels; a chunk for each level."""
    image = nf.image_from(DATA, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(2, 4, 6))
    return nf.with_pyramid(image, levels=2)


def labelled() -> nf.Image:
    return nf.add_label(bare(), "cells", CELLS, colors={1: "red"})


ACTS: dict[str, tuple[Callable[[], nf.Image], Callable[[Any], Any]]] = {
    "add_label, the first": (bare, c.add_label("nuclei", CELLS)),
    "add_label, another": (labelled, c.add_label("nuclei", CELLS)),
    "remove_label": (labelled, c.remove_label("cells")),
    "add_label and remove_label": (
        labelled,
        lambda image: nf.remove_label(nf.add_label(image, "nuclei", CELLS), "cells"),
    ),
    "set_label_colors": (labelled, c.set_label_colors("cells", {2: "blue"})),
    "set_scale": (labelled, c.set_scale(y=0.5)),
    "crop": (labelled, c.crop(y=(0, 2))),
    "remove_level": (labelled, c.remove_level(1)),
}
IN_ONE_VERSION = {"add_label and remove_label", "set_scale", "crop", "remove_level"}
KINDS = [(version, name) for version in VERSIONS for name in ACTS if version == "0.5" or name not in IN_ONE_VERSION]


@frozen(kw_only=True)
class State:
    """What our reader sees: the records, and all pixels."""

    version: str
    root: Any
    pixels: tuple[tuple[str, bytes], ...]


def levels_in(image: nf.Image) -> Iterator[str]:
    """The paths of all arrays, of the image and of its labels."""
    yield from (level.path for level in image.levels)
    for label in image.labels.images if isinstance(image.labels, nf.Labels) else ():
        assert isinstance(label.image, nf.Image)
        yield from (f"labels/{label.path}/{level.path}" for level in label.image.levels)


def state(store: Path) -> State:
    return seen_in(nf.open_ome_zarr(store))


def seen_in(snapshot: nf.Snapshot) -> State:
    root: Any = snapshot.root
    pixels = tuple((path, nf.evaluate(root, path).tobytes()) for path in levels_in(root))
    return State(version=snapshot.version, root=records(root), pixels=pixels)


def after_the_next(seen: State, edit: Callable[[Any], Any] = NEXT) -> State:
    return State(version=seen.version, root=edit(seen.root), pixels=seen.pixels)


def unaccounted(store: Path, snapshot: nf.Snapshot) -> set[str]:
    """Files and empty directories that no document accounts for; and those that are accounted for and not there."""
    root: Any = snapshot.root
    first = "" if snapshot.version == "0.4" else "c/"
    chunks = {f"{path}/{first}{'/'.join('0' * len(nf.level_at(root, path).array.shape))}" for path in levels_in(root)}
    return set(files_below(store)) ^ (set(snapshot.documents) | chunks)


@frozen(kw_only=True)
class Trial:
    """A commit that was made once without a crash: both states, and how many points there are."""

    act: Callable[[Any], None]
    folder: Path
    before: State
    after: State
    points: int

    def fresh(self, folder: str = "start") -> Path:
        """A store as it lies in a folder, in another that is for a trial."""
        shutil.rmtree(self.folder / "trial", ignore_errors=True)
        shutil.copytree(self.folder / folder, self.folder / "trial", copy_function=shutil.copyfile)
        return self.folder / "trial" / "image.zarr"


def trial_of(version: Version, name: str, folder: Path) -> Trial:
    start, edit = ACTS[name]
    nf.create(folder / "start" / "image.zarr", start(), version=version)

    def act(store: Any) -> None:
        with one_at_a_time() as executor:
            nf.update(store, edit, executor=executor)

    before = state(folder / "start" / "image.zarr")
    shutil.copytree(folder / "start", folder / "trial", copy_function=shutil.copyfile)
    points, after = points_of(act, folder / "trial" / "image.zarr")
    return Trial(act=act, folder=folder, before=before, after=after, points=points)


def points_of(act: Callable[[Any], None], store: Path) -> tuple[int, State]:
    """How many points an act has, which is carried out for that; and what is there after it."""
    counter = Counter()
    act(door(store, counter))
    return counter.count, state(store)


def next_writer(store: Any) -> None:
    nf.update(store, NEXT)


def assert_nothing_is_left(store: Path, wanted: State, where: str) -> None:
    snapshot = nf.open_ome_zarr(store)
    assert seen_in(snapshot) == wanted, where
    assert unaccounted(store, snapshot) == set(), where
    assert names_in(store.parent) == ["image.zarr"], where


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_killed_writer_of_labels_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = trial_of(version, name, quick_path)
    assert trial.before != trial.after
    assert unaccounted(quick_path / "trial/image.zarr", nf.open_ome_zarr(quick_path / "trial/image.zarr")) == set()
    seen = set()
    for point in range(1, trial.points + 1):
        store, where = trial.fresh(), f"point {point} of {trial.points}"
        killed_at(store, trial.act, point)
        now = state(store)
        assert now in (trial.before, trial.after), where
        seen.add(now == trial.after)
        next_writer(store)
        assert_nothing_is_left(store, after_the_next(now), where)
    assert seen == {False, True}
    record_property("points at which a writer of labels was killed", trial.points)


@pytest.mark.parametrize(("version", "name"), [each for each in KINDS if each[1].startswith("add_label,")])
def test_a_writer_killed_while_it_carries_out_what_a_writer_of_labels_left_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    trial = trial_of(version, name, quick_path)
    left: list[tuple[int, State, int]] = []
    for point in spread(moments(trial.points), FIRST):
        store = trial.fresh()
        killed_at(store, trial.act, point)
        shutil.copytree(store.parent, quick_path / str(point), copy_function=shutil.copyfile)
        seen = state(store)
        left += [(point, seen, second) for second in moments(points_of(next_writer, store)[0])]
    pairs = spread(left, PAIRS)
    for point, seen, second in pairs:
        store, where = trial.fresh(str(point)), f"point {second} after point {point} of {trial.points}"
        killed_at(store, next_writer, second)
        now = state(store)
        assert now in (seen, after_the_next(seen)), where
        nf.update(store, THEN)
        assert_nothing_is_left(store, after_the_next(now, THEN), where)
    record_property("points at which a writer that came after a killed writer of labels was killed", len(pairs))
