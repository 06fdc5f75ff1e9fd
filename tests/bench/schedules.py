"""Writers and a reader of one small image, which take turns at every single operation of the store."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits import commit
from ngff_fn.effects.local import exclusive
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.memory import MemoryFiles, memory_of
from ngff_fn.effects.reading import witness
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.bench.remembered import REMEMBERED, edited
from tests.bench.replaced import Replacement, replaced
from tests.bench.turns import Mutex, Turns

WRITERS = 4
UPDATES = 1
"""Of each writer."""


class _Sleepless:
    """The clock of those who take turns: whoever would sleep lets another go on."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def sleep(self, _seconds: float) -> None:
        self._turns.step()


class Inline(ThreadPoolExecutor):
    """Whoever has the turn does its tasks itself."""

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(task(*arguments, **keywords))
        except Exception as error:  # noqa: BLE001 — as executors do
            future.set_exception(error)
        return future


class _Stepped:
    """Files whose every operation is a step."""

    turns = Turns(0)
    """Those that are on."""

    def change(self, *arguments: Any) -> Any:
        self.turns.step()
        return super().change(*arguments)  # type: ignore[misc]

    def read(self, *arguments: Any) -> Any:
        self.turns.step()
        return super().read(*arguments)  # type: ignore[misc]

    def get(self, key: str) -> Any:
        self.turns.step()
        return super().get(key)  # type: ignore[misc]

    def signature(self, key: str) -> Any:
        self.turns.step()
        return super().signature(key)  # type: ignore[misc]

    def names(self, path: str) -> Any:
        self.turns.step()
        return super().names(path)  # type: ignore[misc]


class SteppedMemory(_Stepped, MemoryFiles):
    """A memory, its mutex too."""


class SteppedLocal(_Stepped, LocalFiles):
    """A directory; whoever does not get its lock takes a step."""


def stepped(store: Any, turns: Turns) -> Callable[[], Address]:
    """Doors to a store for those who take turns."""
    if isinstance(store, MemoryStore):
        memory = memory_of(store)
        memory.mutex = Mutex(turns)  # type: ignore[assignment]
        return lambda: Address(files=SteppedMemory(memory), path="")
    identity = address_of(store).files.identity
    return lambda: Address(files=SteppedLocal(identity), path="")


# --- what they do


def first_image() -> nf.Image:
    """One level of 1 x 4, a chunk for each writer; nothing has been counted yet."""
    image = nf.image_from(np.zeros((1, WRITERS), "uint8"), axes="yx", chunks=(1, 1))
    return _counted(image, "pair", 0)


def count(image: nf.Image) -> nf.Image:
    """One document: one more."""
    return nf.set_extra(image, "count", _number(image, "count") + 1)


def count_pair(image: nf.Image) -> nf.Image:
    """Two documents, the image's and the array's: one more in both."""
    return _counted(image, "pair", _number(image, "pair") + 1)


def _counted(image: nf.Image, key: str, number: int) -> nf.Image:
    (level,) = image.levels
    both = evolve(image, levels=(nf.set_extra(level, key, number),))
    return nf.set_extra(both, key, number)


def _number(record: Any, key: str) -> int:
    found = record.extra.get("attributes", {}).get(key, 0)
    assert isinstance(found, int)
    return found


def paint(writer: int) -> Callable[[nf.Image], nf.Image]:
    """A document and a chunk: one more in the pixel of a writer, and in the image's attributes."""

    def act(image: nf.Image) -> nf.Image:
        total = _number(image, "painted") + 1
        region = ((0, 1), (writer, writer + 1))
        value = _number(image, f"painted by {writer}") + 1
        painted = nf.set_extra(nf.set_region(image, 0, region, value), f"painted by {writer}", value)
        return nf.set_extra(painted, "painted", total)

    return act


Edits = Sequence[Callable[[nf.Image], nf.Image]]
MIXTURES: tuple[Edits, ...] = (
    (count, count, count_pair, count_pair),
    (count_pair, count_pair, count_pair, count_pair),
    (count, count, count, count_pair),
)
"""What the four writers do, by schedule."""
PAINTED: Edits = (paint(0), paint(1), count, count_pair)
"""With pixels, and with nothing that is remembered of other schedules, in some of them: it takes much longer."""
PAINTED_EACH = 50


@frozen
class Outcome:
    """What was seen in one schedule."""

    steps: int
    replays: int
    wrong: str
    order: int
    """Who had the turn when, as one number."""


@frozen
class Stage:
    """An image in one version to start schedules from, in memory; with a folder, in local directories."""

    version: Version
    folder: Path | None = None
    _store: MemoryStore = field(factory=MemoryStore)
    _contents: dict[str, Any] = field(factory=dict)

    def fresh(self) -> Any:
        """The store as it is at the start; in memory always the same one, for what is remembered says where it is."""
        if not self._contents:
            nf.create(self._store, first_image(), version=self.version)
            self._contents.update(self._store._store_dict)
        if self.folder is not None:
            return self._on_disk(self.folder)
        memory = memory_of(self._store)
        for kept in (memory.data, memory.surroundings, memory.held):
            kept.clear()
        memory.data.update(self._contents)
        return self._store

    def _on_disk(self, folder: Path) -> Path:
        store = folder / "image.zarr"
        shutil.rmtree(store, ignore_errors=True)
        for key, buffer in self._contents.items():
            (store / key).parent.mkdir(parents=True, exist_ok=True)
            (store / key).write_bytes(buffer.to_bytes())
        return store


def scheduled(stage: Stage, seed: int) -> Outcome:
    """Four writers and a reader take turns as a seed says."""
    is_painted = seed % PAINTED_EACH == 0
    edits = PAINTED if is_painted else MIXTURES[seed % len(MIXTURES)]
    turns, store = Turns(seed), stage.fresh()
    door, clock = stepped(store, turns), _Sleepless(turns)
    replays: list[int] = []
    torn: list[str] = []

    def write(edit: Callable[[nf.Image], nf.Image]) -> Callable[[], None]:
        def act() -> None:
            for _ in range(UPDATES):
                done = nf.update(door(), edit if is_painted else edited(edit), executor=_INLINE)
                replays.append(done.replays)

        return act

    def look() -> None:
        last = (0, 0, 0)
        for _ in range(2):
            now, wrong = _counts(nf.open_ome_zarr(door()).root)
            if wrong or any(new < old for new, old in zip(now, last, strict=True)):
                torn.append(wrong or f"{now} after {last}")
            last = now

    slept: list[Replacement] = [(module, "time", clock) for module in (commit, witness, exclusive)]
    with replaced([(_Stepped, "turns", turns), *slept, *(() if is_painted else REMEMBERED)]):
        try:
            turns.run([*map(write, edits), look])
        except Exception as error:  # noqa: BLE001 — whatever it is, it is what is wrong
            return Outcome(turns.steps, sum(replays), repr(error), turns.order)
        wrong = "; ".join(torn) or _miscounted(store, edits, painted=is_painted)
    return Outcome(turns.steps, sum(replays), wrong, turns.order)


_INLINE = Inline(1)


def _counts(image: Any) -> tuple[tuple[int, int, int], str]:
    counts = (_number(image, "count"), _number(image, "pair"), _number(image, "painted"))
    in_array = _number(image.levels[0], "pair")
    return counts, "" if in_array == counts[1] else f"torn: {counts[1]} in the image, {in_array} in the array"


def _miscounted(store: Any, edits: Edits, *, painted: bool) -> str:
    root = nf.open_ome_zarr(store).root
    found, wrong = _counts(root)
    paints = sum(edit not in (count, count_pair) for edit in edits)
    wanted = tuple(UPDATES * number for number in (_times(edits, count), _times(edits, count_pair), paints))
    if found != wanted or wrong:
        return wrong or f"{found} were counted, {wanted} were made"
    pixels = nf.evaluate(root, 0).sum() if painted else 0
    return "" if pixels == UPDATES * paints else f"{pixels} were painted, {paints} were made"


def _times(edits: Edits, wanted: Callable[..., Any]) -> int:
    return sum(edit is wanted for edit in edits)


def stages(folder: Path | None = None) -> tuple[Stage, ...]:
    """One for each version."""
    return tuple(Stage(version, folder) for version in VERSIONS)
