"""A bench for crashes: every kind of commit, stopped before and after each change of the file system."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.address import address_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.stores import Address
from ngff_fn.records.axes import axes_from
from ngff_fn.records.pixels import fill
from ngff_fn.records.snapshot import Version


def small_image() -> nf.Image:
    """Two channels of 4 x 12 x 16 with two levels; chunks of 4 x 6 x 8, one channel each."""
    data = np.arange(2 * 4 * 12 * 16, dtype="uint16").reshape(2, 4, 12, 16)
    image = nf.image_from(data, axes="czyx", channel_names=["DAPI", "GFP"], scale={"z": 0.5}, chunks=(1, 4, 6, 8))
    return nf.pipe(image, c.with_pyramid(levels=2, axes="yx"))


def tiled_image() -> nf.Image:
    """A grid of 2 x 2 tiles."""
    empty = nf.Image(axes=axes_from("czyx"), channels=(nf.Channel(label="BF"),))
    return nf.make_tiles(empty, "0", (2, 2), (1, 1, 6, 8), "uint8")


@frozen(kw_only=True)
class Scenario:
    """A kind of commit: the store before it, and what is done to it."""

    name: str
    start: Callable[[], nf.Image] | None
    act: Callable[[Any], Any]
    documents: int | None = None  # of a commit that changes documents only


def one_at_a_time() -> ThreadPoolExecutor:
    """One worker, so that the order of changes is the same in every run."""
    return ThreadPoolExecutor(1)


def _edit(*steps: Any) -> Callable[[Any], Any]:
    def act(store: Any) -> Any:
        with one_at_a_time() as executor:
            return nf.update(store, *steps, executor=executor)

    return act


def _new(version: Version, mode: Literal["w", "w-"]) -> Callable[[Any], Any]:
    def act(store: Any) -> Any:
        base = nf.open_ome_zarr(store, layout="fov", mode=mode, axes="czyx", channel_names=["BF"], version=version)
        data = np.arange(2 * 10 * 14, dtype="uint8").reshape(1, 2, 10, 14)
        wanted = nf.pipe(base.root, c.add_level("0", data, chunks=(1, 1, 4, 8)), c.with_pyramid(levels=2))
        with one_at_a_time() as executor:
            return nf.commit(store, nf.diff(base, wanted), executor=executor)

    return act


def scenarios(version: Version) -> list[Scenario]:
    """Every kind of commit of an image."""
    channel = np.full((4, 12, 16), 7, dtype="uint16")
    tile = np.full((1, 1, 6, 8), 9, dtype="uint8")
    return [
        Scenario(name="create", start=None, act=_new(version, "w-")),
        Scenario(name="set_scale", start=small_image, act=_edit(c.set_scale(z=2.0)), documents=1),
        Scenario(name="rename_channel", start=small_image, act=_edit(c.rename_channel("GFP", "EGFP")), documents=1),
        Scenario(name="add_channel", start=small_image, act=_edit(c.add_channel("RFP", data=channel))),
        Scenario(name="remove_channel", start=small_image, act=_edit(c.remove_channel("DAPI"))),
        Scenario(
            name="with_pyramid", start=lambda: nf.without_pyramid(small_image()), act=_edit(c.with_pyramid(levels=3))
        ),
        Scenario(name="without_pyramid", start=small_image, act=_edit(c.without_pyramid())),
        Scenario(name="crop", start=small_image, act=_edit(c.crop(y=(2, 12), x=(0, 10)))),
        Scenario(name="set_region", start=small_image, act=_edit(c.set_region(0, ((0, 1), (0, 3), (2, 9), (3, 9)), 5))),
        Scenario(name="set_tile", start=tiled_image, act=_edit(c.set_tile(0, 1, 0, tile))),
        Scenario(name="replace", start=small_image, act=_new(version, "w")),
    ]


class Stopping(LocalFiles):
    """Local files whose ``stop`` is asked before and after every change."""

    stop: Callable[[str], None] = staticmethod(lambda _when: None)

    def change(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        self.stop("before")
        result = super().change(operation, *arguments)
        self.stop("after")
        return result


def door(path: Path, stop: Callable[[str], None]) -> Address:
    """The store at a path, through files that ask ``stop`` at every change."""
    kind = type("Stopping", (Stopping,), {"stop": staticmethod(stop)})
    address = address_of(path)
    return Address(files=kind(address.files.identity), path=address.path)


class Counter:
    """Counts the points before and after changes, and does something at one of them."""

    def __init__(self, at: int | None = None, do: Callable[[], None] = lambda: None) -> None:
        self.count, self.at, self.do = 0, at, do
        self._mutex = threading.Lock()

    def __call__(self, _when: str) -> None:
        with self._mutex:
            self.count += 1
            now = self.count
        if now == self.at:
            self.do()


def killed_at(store: Path, act: Callable[[Any], Any], point: int) -> None:
    """Run ``act`` in a process of its own, which is killed at a point."""
    child = os.fork()
    if child == 0:
        try:
            act(door(store, Counter(point, lambda: os.kill(os.getpid(), signal.SIGKILL))))
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"point {point} was not reached"


def files_below(path: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every directory that is empty."""
    found: dict[str, bytes | None] = {}
    for folder, directories, names in os.walk(path):
        here = os.path.relpath(folder, path)
        for name in names:
            found[os.path.normpath(f"{here}/{name}")] = (Path(folder) / name).read_bytes()
        if not directories and not names and here != ".":
            found[here + "/"] = None
    return found


def names_in(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def state(store: Path) -> tuple[Any, ...] | None:
    """What our reader sees: the records without their provenance, and all pixels; None where there is nothing."""
    try:
        snapshot = nf.open_ome_zarr(store)
    except nf.StoreNotFoundError:
        return None
    root = snapshot.root
    pixels = tuple(nf.evaluate(root, level.path).tobytes() for level in root.levels)
    levels = tuple(evolve(level, pixels=fill(level.array.shape)) for level in root.levels)
    return snapshot.version, evolve(root, levels=levels, source=None), pixels


@frozen(kw_only=True)
class Trial:
    """A scenario that was run once without a crash: both states, and how many points there are."""

    scenario: Scenario
    folder: Path
    before: tuple[Any, ...] | None
    after: tuple[Any, ...] | None
    points: int

    def fresh(self) -> Path:
        """The store as it was before, in a folder of its own."""
        target = self.folder / "trial"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder / "start", target)
        return target / "image.zarr"


def trial_of(scenario: Scenario, version: Version, folder: Path) -> Trial:
    """Run a scenario without a crash."""
    start = folder / "start"
    start.mkdir()
    if scenario.start is not None:
        nf.create(start / "image.zarr", scenario.start(), version=version)
    counter = Counter()
    trial = Trial(scenario=scenario, folder=folder, before=state(start / "image.zarr"), after=None, points=0)
    store = trial.fresh()
    scenario.act(door(store, counter))
    return Trial(scenario=scenario, folder=folder, before=trial.before, after=state(store), points=counter.count)


def points(trial: Trial) -> Iterator[int]:
    """Every point before and after a change."""
    yield from range(1, trial.points + 1)
