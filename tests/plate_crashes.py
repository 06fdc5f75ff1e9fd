"""Every kind of commit of a plate, as it is stopped before and after each change of the file system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from attrs import evolve, frozen

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.consolidation import consolidate, holders
from tests.crashes import Counter, door, files_below, killed_at, one_at_a_time
from tests.real_plates import images_in, pixels_in, records

STORE = "plate.zarr"
Act = Callable[[Any], Any]
T = TypeVar("T")
"""What a writer does to a store, which may be given by a door."""


def small_image(number: int) -> nf.Image:
    data = np.arange(24, dtype="uint8").reshape(2, 3, 4) + 10 * number
    return nf.image_from(data, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(2, 3, 4))


def plate_of(*paths: str) -> nf.Plate:
    return nf.plate_from_positions({path: small_image(number) for number, path in enumerate(paths)})


def small_plate() -> nf.Plate:
    """Four positions: two wells of one field in row A, and one of two in row B."""
    return plate_of("A/1/0", "A/2/0", "B/3/0", "B/3/1")


def plate_of_twelve() -> nf.Plate:
    return plate_of(*(f"{row}/{column}/{field}" for row in "AB" for column in "123" for field in "01"))


# --- the kinds


@frozen(kw_only=True)
class Kind:
    """A kind of commit: what is there before it, and what is done to it."""

    start: Callable[[], nf.Plate] | None = small_plate
    act: Callable[[Path, Version], Act]
    """Of the folder beside the stores, which holds what else is needed."""
    versions: tuple[Version, ...] = VERSIONS
    consolidated: tuple[str, ...] = ()
    """The groups that hold consolidated metadata before it."""


def _edit(*steps: Callable[[Any], Any]) -> Callable[[Path, Version], Act]:
    def act(store: Any) -> None:
        with one_at_a_time() as executor:
            nf.update(store, *steps, executor=executor)

    return lambda _folder, _version: act


def _from_other_stores(folder: Path, version: Version, *, overwrite: bool = False) -> Act:
    """A plate taken from images of stores of both versions; two of them with another chunk grid of their own."""
    images = {}
    for number, path in enumerate(("A/1/0", "A/2/0", "C/2/0")):
        source = folder / "sources" / f"{number}.zarr"
        nf.create(source, small_image(5 + number), version=VERSIONS[number % 2])
        images[path] = nf.open_ome_zarr(source).root

    def act(store: Any) -> None:
        with one_at_a_time() as executor:
            plate = nf.plate_from_positions(images)
            nf.create(store, plate, version=version, overwrite=overwrite, executor=executor)

    return act


ACTS: dict[str, Kind] = {
    "add_position": Kind(act=_edit(c.add_position("A/2/1", small_image(9)))),
    "add_position in a new row": Kind(act=_edit(c.add_position("C/4/0", small_image(9))), versions=("0.5",)),
    "add_well": Kind(act=_edit(c.add_well("C", "4"))),
    "rename_well": Kind(act=_edit(c.rename_well("A/1", "A/4"))),
    "rename_well to a new row, with edits in it": Kind(
        act=_edit(
            c.rename_well("B/3", "C/3"),
            c.remove_position("C/3/0"),
            c.update_at("C/3/1", c.rename_channel("GFP", "EGFP")),
        ),
        versions=("0.5",),
    ),
    "remove_position": Kind(act=_edit(c.remove_position("B/3/0"))),
    "remove_position, the last of its well": Kind(act=_edit(c.remove_position("A/1/0")), versions=("0.5",)),
    "move_position": Kind(act=_edit(c.move_position("A/1/0", "B/3/2")), versions=("0.5",)),
    "rename_channel in 12 positions": Kind(
        start=plate_of_twelve, act=_edit(c.each_image(c.rename_channel("GFP", "EGFP")))
    ),
    "plate_from_positions of images of other stores": Kind(start=None, act=_from_other_stores),
    "plate_from_positions over another plate": Kind(
        act=lambda folder, version: _from_other_stores(folder, version, overwrite=True), versions=("0.4",)
    ),
}
ACTS |= {
    f"{name}, below consolidated metadata": evolve(ACTS[name], consolidated=("A/1", "A", ""))
    for name in (
        "rename_channel in 12 positions",
        "rename_well",
        "rename_well to a new row, with edits in it",
        "remove_position, the last of its well",
    )
}
"""By name. Whatever is added here is killed at each of its points by all tests of crashes of plates."""

KINDS = [(version, name) for version in VERSIONS for name, kind in ACTS.items() if version in kind.versions]
EACH_KIND_ONCE = [
    (kind.versions[number % len(kind.versions)], name) for number, (name, kind) in enumerate(ACTS.items())
]


# --- what the next writers do, in every state that a crash may leave

NEXT = c.update_at("A/2/0", c.set_extra("after", "the crash"))
THEN = c.update_at("A/2/0", c.set_extra("then", "the next"))


def next_writer(store: Any) -> None:
    """Goes on in a store; makes one where there is none."""
    _go_on(store, NEXT)


def the_one_after(store: Any) -> None:
    _go_on(store, THEN)


def _go_on(store: Any, edit: Callable[[Any], Any]) -> None:
    with one_at_a_time() as executor:
        try:
            nf.update(store, edit, executor=executor)
        except nf.StoreNotFoundError:
            nf.create(store, small_plate(), version="0.5", executor=executor)


# --- what is seen


@frozen(kw_only=True)
class State:
    """What our reader sees: the records, and all pixels; of nothing where there is no store."""

    version: str = ""
    root: Any = None
    pixels: tuple[tuple[str, bytes], ...] = ()


def state(store: Path) -> State:
    try:
        return seen_in(nf.open_ome_zarr(store))
    except nf.StoreNotFoundError:
        return State()


def seen_in(snapshot: nf.Snapshot) -> State:
    pixels = tuple((name, block.tobytes()) for name, block in pixels_in(snapshot.root).items())
    return State(version=snapshot.version, root=records(snapshot.root), pixels=pixels)


def after_next(seen: State, edit: Callable[[Any], Any] = NEXT) -> State:
    """What is there once the next writer has gone on."""
    if seen.root is not None:
        return State(version=seen.version, root=edit(seen.root), pixels=seen.pixels)
    plate = small_plate()
    pixels = tuple((name, block.tobytes()) for name, block in pixels_in(plate).items())
    return State(version="0.5", root=records(plate), pixels=pixels)


def unaccounted(store: Path, snapshot: nf.Snapshot) -> set[str]:
    """Files and empty directories that no document accounts for; and those that are accounted for and not there."""
    row = ".zgroup" if snapshot.version == "0.4" else "zarr.json"
    wanted = set(snapshot.documents) | {f"{well.path.partition('/')[0]}/{row}" for well in snapshot.root.wells}
    if snapshot.version == "0.4":  # beside .zmetadata zarr-python puts .zattrs
        wanted |= {f"{node}/{name}".lstrip("/") for node in holders(store) for name in (".zmetadata", ".zattrs")}
    chunks = {f"{path}/0/{'' if snapshot.version == '0.4' else 'c/'}0/0/0" for path in images_in(snapshot.root)}
    return set(files_below(store)) ^ (wanted | chunks)


# --- trials


@frozen(kw_only=True)
class Trial:
    """A commit that was made once without a crash: both states, and how many points there are."""

    act: Act
    folder: Path
    before: State
    after: State
    points: int

    def fresh(self) -> Path:
        """The store as it was before, in a folder of its own."""
        return copied(self.folder / "start", self.folder / "trial")

    @property
    def moments(self) -> Sequence[int]:
        """The points to be killed at."""
        return moments(self.points)


def moments(points: int) -> Sequence[int]:
    """Before the first change and after each: before the next one comes, no file is different."""
    return [1, *range(2, points + 1, 2)]


def copied(folder: Path, target: Path) -> Path:
    """All of a folder; the store in the copy."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, copy_function=shutil.copyfile)
    return target / STORE


def trial_of(version: Version, name: str, folder: Path) -> Trial:
    kind, start = ACTS[name], folder / "start"
    start.mkdir()
    if kind.start is not None:
        nf.create(start / STORE, kind.start(), version=version)
    if kind.consolidated:
        consolidate(start / STORE, *kind.consolidated)
    act = kind.act(folder, version)
    before, store = state(start / STORE), copied(start, folder / "trial")
    count = points_of(act, store)
    return Trial(act=act, folder=folder, before=before, after=state(store), points=count)


def points_of(act: Act, store: Path) -> int:
    """How many points an act has, which is carried out for that."""
    counter = Counter()
    act(door(store, counter))
    return counter.count


@frozen(kw_only=True)
class Left:
    """What a killed writer has left: where, what our reader sees there, and how many points the next writer has."""

    point: int
    folder: Path
    seen: State
    points: int

    @property
    def moments(self) -> Sequence[int]:
        """The points for the next writer to be killed at."""
        return moments(self.points)


def what_is_left(trial: Trial, points: Iterable[int]) -> Iterator[Left]:
    """For each of these points at which the writer can die."""
    for point in points:
        store, folder = trial.fresh(), trial.folder / "left" / str(point)
        killed_at(store, trial.act, point)
        copied(store.parent, folder)
        yield Left(point=point, folder=folder, seen=state(store), points=points_of(next_writer, store))


def all_of_them() -> bool:
    """Whether every point of every point is wanted (``NGFF_FN_ALL_CRASHES=1``): that takes half an hour."""
    return bool(os.environ.get("NGFF_FN_ALL_CRASHES"))


FIRST, PAIRS = 10, 40
"""Where not all are wanted, each kind of commit is killed at so many points, and the next writers at so many in all."""


def spread(points: Sequence[T], count: int) -> Sequence[T]:
    """So many of some points, from the first to the last; all, where all are wanted."""
    if all_of_them() or len(points) <= count:
        return points
    return [points[number * (len(points) - 1) // (count - 1)] for number in range(count)]
