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
from tests.real_plates import records

pytestmark = pytest.mark.timeout(300)

DATA = np.arange(2 * 4 * 6, dtype="uint8").reshape(2, 4, 6)
CELLS = DATA[0] % 5 + 1
NEXT = c.set_extra("after", "the crash")
"""What the next writer does, in every state that a crash may leave."""


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


def after_the_next(seen: State) -> State:
    return State(version=seen.version, root=NEXT(seen.root), pixels=seen.pixels)


def unaccounted(store: Path, snapshot: nf.Snapshot) -> set[str]:
    """Files and empty directories that no document accounts for; and those that are accounted for and not there."""
    root: Any = snapshot.root
    first = "" if snapshot.version == "0.4" else "c/"
    chunks = {f"{path}/{first}{'/'.join('0' * len(nf.level_at(root, path).array.shape))}" for path in levels_in(root)}
    return set(files_below(store)) ^ (set(snapshot.documents) | chunks)


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_killed_writer_of_labels_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    start, edit = ACTS[name]
    nf.create(quick_path / "start" / "image.zarr", start(), version=version)

    def fresh() -> Path:
        shutil.rmtree(quick_path / "trial", ignore_errors=True)
        shutil.copytree(quick_path / "start", quick_path / "trial", copy_function=shutil.copyfile)
        return quick_path / "trial" / "image.zarr"

    def act(store: Any) -> None:
        with one_at_a_time() as executor:
            nf.update(store, edit, executor=executor)

    counter, store = Counter(), fresh()
    before = state(store)
    act(door(store, counter))
    after = state(store)
    assert before != after
    assert unaccounted(store, nf.open_ome_zarr(store)) == set()
    seen = set()
    for point in range(1, counter.count + 1):
        store = fresh()
        killed_at(store, act, point)
        now = state(store)
        assert now in (before, after), f"point {point} of {counter.count}"
        seen.add(now == after)
        nf.update(store, NEXT)
        snapshot = nf.open_ome_zarr(store)
        assert seen_in(snapshot) == after_the_next(now), f"point {point} of {counter.count}"
        assert unaccounted(store, snapshot) == set(), f"point {point} of {counter.count}"
        assert names_in(store.parent) == ["image.zarr"], f"point {point} of {counter.count}"
    assert seen == {False, True}
    record_property("points at which a writer of labels was killed", counter.count)
