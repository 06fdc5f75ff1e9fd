"""Several writers on one image: no acknowledged update is lost, and nothing old is published over something new."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.record import RECORDS
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version

pytestmark = pytest.mark.timeout(280)
FORK = multiprocessing.get_context("fork")
UPDATES = 200


def shared_image(store: Any, version: Version) -> None:
    """Two channels of 20 x 20 tiles of 4 x 4."""
    data = np.zeros((2, 80, 80), dtype="uint16")
    image = nf.image_from(data, axes="cyx", channel_names=["a", "b"], chunks=(1, 4, 4))
    nf.create(store, image, version=version)


def write(store: Any, channel: int, updates: int) -> None:
    """Updates of one writer: its channel's contrast limits, the scale of its axis, and one tile each."""
    name, axis = ("a", "y") if channel == 0 else ("b", "x")
    for number in range(updates):
        match number % 3:
            case 0:
                nf.update(store, c.set_contrast_limits(name, start=number, end=1000))
            case 1:
                nf.update(store, c.set_scale({axis: 1.0 + number}))
            case _:
                row, column = divmod(number, 20)
                tile = ((channel, channel + 1), (row * 4, row * 4 + 4), (column * 4, column * 4 + 4))
                nf.update(store, c.set_region(0, tile, np.full((1, 4, 4), number + 1, dtype="uint16")))


def check_every_update(store: Any, updates: int) -> None:
    snapshot = nf.open_ome_zarr(store)
    root = snapshot.root
    assert root.channels is not None
    contrasts = [number for number in range(updates) if number % 3 == 0]
    scales = [number for number in range(updates) if number % 3 == 1]
    for channel in range(2):
        window = root.channels[channel].window
        assert window is not None
        assert window.start == contrasts[-1]
    assert nf.scale(root)["y"] == nf.scale(root)["x"] == 1.0 + scales[-1]
    expected = np.zeros((2, 80, 80), dtype="uint16")
    for number in range(2, updates, 3):
        row, column = divmod(number, 20)
        expected[:, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] = number + 1
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_update_of_two_processes_is_lost(
    version: Version, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, version)
    processes = [FORK.Process(target=write, args=(store, channel, UPDATES)) for channel in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    check_every_update(store, UPDATES)
    record_property("updates of two processes, all there", 2 * UPDATES)


def test_no_update_of_two_threads_in_memory_is_lost() -> None:
    store = MemoryStore()
    shared_image(store, "0.5")
    threads = [threading.Thread(target=write, args=(store, channel, 60)) for channel in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_every_update(store, 60)


def test_a_plan_that_another_writer_overtook_is_a_conflict_and_changes_nothing(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, "0.4")
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_scale(base.root, y=2.0))
    nf.update(store, c.rename_channel("a", "z"))
    with pytest.raises(nf.ConflictError, match="has changed"):
        nf.commit(store, plan)
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 1.0


COMPARED = [
    # What is done; a document that it is computed from and does not change; how often the lock is got until the moment.
    pytest.param("0.4", c.set_scale(y=2.0), ".zgroup", 1, id="one document"),
    pytest.param("0.4", c.with_pyramid(levels=2), "0/.zarray", 2, id="a new level, 0.4"),
    pytest.param("0.5", c.with_pyramid(levels=2), "0/zarr.json", 2, id="a new level, 0.5"),
]


@pytest.mark.parametrize(("version", "edit", "key", "locks"), COMPARED)
def test_documents_that_a_commit_does_not_change_are_compared_under_the_lock(
    version: Version, edit: Any, key: str, locks: int, quick_path: Path
) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, version)
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, edit(base.root))
    assert key in dict(plan.compare)
    assert key not in {operation.key for operation in plan.operations if isinstance(operation, nf.PutDocument)}
    events: list[str] = []

    class Watched(LocalFiles):
        @contextmanager
        def lock(self, timeout: float) -> Iterator[None]:
            with super().lock(timeout):
                events.append("lock")
                yield
                events.append("unlock")

        def get(self, key: str) -> Any:
            events.append(key)
            return super().get(key)

        def take_place(self, draft: str, key: str) -> bool:
            events.append("moment")
            return super().take_place(draft, key)

        def move(self, source: str, target: str) -> None:
            events.extend(["moment"] if target.startswith(RECORDS) else [])
            super().move(source, target)

    nf.commit(Address(files=Watched(str(store)), path=""), plan)
    moment = events.index("moment")
    locked = len(events) - events[::-1].index("lock")
    assert events.count("lock") == locks
    assert locked < moment < events.index("unlock", locked)
    assert {key, *(each for each, text in plan.compare if text is not None)} <= set(events[locked:moment])


@pytest.mark.parametrize(("version", "edit", "key", "locks"), COMPARED)
def test_what_another_writer_does_to_them_until_the_lock_is_got_is_a_conflict(
    version: Version, edit: Any, key: str, locks: int, quick_path: Path
) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, version)
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, edit(base.root))
    document = store / (".zattrs" if version == "0.4" else "zarr.json")
    before, turn = document.read_bytes(), count(1)

    class Late(LocalFiles):
        def lock(self, timeout: float) -> Any:
            if next(turn) == locks:
                (store / key).write_bytes((store / key).read_bytes() + b"\n")
            return super().lock(timeout)

    with pytest.raises(nf.ConflictError, match=key):
        nf.commit(Address(files=Late(str(store)), path=""), plan)
    assert next(turn) > locks
    assert document.read_bytes() == before


def test_edits_are_run_again_on_the_new_state_when_another_writer_came_first(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, "0.4")
    runs: list[float] = []

    def double(image: nf.Image) -> nf.Image:
        if not runs:
            nf.update(store, c.set_scale(y=10.0))
        runs.append(nf.scale(image)["y"])
        return nf.set_scale(image, y=2 * runs[-1])

    done = nf.update(store, double)
    assert (runs, done.replays) == ([1.0, 10.0], 1)
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 20.0


def test_an_update_gives_up_after_its_timeout(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, "0.4")
    steps = iter(range(10**6))

    def overtaken(image: nf.Image) -> nf.Image:
        nf.update(store, c.set_scale(y=2.0 + next(steps)))
        return nf.set_scale(image, x=2.0)

    with pytest.raises(nf.ConflictError):
        nf.update(store, overtaken, timeout=0.3)


def test_a_lazy_array_refuses_to_show_other_pixels_than_it_was_opened_on(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, "0.5")
    lazy = nf.open_array(store, "0")
    assert lazy[0, 0, 0] == 0
    nf.update(store, c.set_region(0, ((0, 1), (0, 4), (0, 4)), 7))
    with pytest.raises(nf.ConflictError, match="Open it again"):
        lazy[0, 0, 0]
    assert nf.open_array(store, "0")[0, 0, 0] == 7


def test_a_recipe_of_pixels_that_have_changed_is_refused(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    shared_image(store, "0.4")
    base = nf.open_ome_zarr(store, mode="r+")
    nf.update(store, c.set_region(0, ((0, 1), (0, 4), (0, 4)), 7))
    with pytest.raises(nf.ConflictError):
        nf.evaluate(base.root, 0)


def _overwrite(store: Path, running: Any, log: Path) -> None:
    """Overwrite level 0 again and again, and log which value goes with which document."""
    value = 1
    with log.open("a") as lines:
        while running.is_set():
            done = nf.update(store, c.set_region(0, ((0, 64), (0, 64)), value % 200), timeout=120)
            lines.write(f"{done.snapshot.documents['0/zarr.json'].hex()} {value % 200}\n")
            lines.flush()
            value += 1


def test_a_pyramid_is_never_older_than_the_level_it_was_made_from(quick_path: Path) -> None:
    store, log = quick_path / "image.zarr", quick_path / "log"
    data = np.zeros((64, 64), dtype="uint8")
    nf.create(store, nf.image_from(data, axes="yx", chunks=(16, 16)), version="0.5")
    running = FORK.Event()
    running.set()
    process = FORK.Process(target=_overwrite, args=(store, running, log))
    process.start()
    published: list[tuple[str, set[int]]] = []
    try:
        while len(published) < 10 and process.is_alive():
            done = nf.update(store, c.without_pyramid(), timeout=60)
            done = nf.update(store, c.with_pyramid(levels=2), timeout=60)
            level = set(nf.to_numpy(store, "1").ravel().tolist())
            published.append((done.snapshot.documents["0/zarr.json"].hex(), level))
    finally:
        running.clear()
        process.join()
    assert process.exitcode == 0
    values = {document: int(value) for document, value in (line.split() for line in log.read_text().splitlines())}
    for document, level in published:
        assert level == {values.get(document, 0)}
    assert len(published) == 10
