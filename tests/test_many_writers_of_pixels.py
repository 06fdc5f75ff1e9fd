"""Commits with pixels and nodes in an object store where others write: whole, whoever dies, sleeps or comes between."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import obstore
import pytest
from obstore.store import MemoryStore

import ngff_fn as nf
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.objects import leases
from ngff_fn.effects.objects.identities import objects_of
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.effects.record import WORKSHOP
from tests.bench.commits import NEXT, Commit, Seen, after, commits, seen_in
from tests.bench.stores import STORE
from tests.crashes import one_at_a_time
from tests.objects import Death, Dying, InTurns, Turns, copied, door, keys_of

T = TypeVar("T")

EVERYWHERE = bool(os.environ.get("NGFF_FN_ALL_POINTS"))
"""At every request; else at some."""

REPLACED = {"replace", "overwrite", "plate_from_positions over another plate"}
KINDS = [each for each in commits() if each.start is not None and each.name not in REPLACED]
EVERY = pytest.mark.parametrize("kind", KINDS, ids=[f"{each.name}-{each.version}" for each in KINDS])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.002)
    monkeypatch.setattr(conditional, "OLD", 0.002)


def uploaded(folder: Path) -> MemoryStore:
    store = MemoryStore()
    for path in folder.rglob("*"):
        if path.is_file():
            obstore.put(store, path.relative_to(folder).as_posix(), path.read_bytes())
    return store


def as_another(store: MemoryStore, way: Callable[..., Objects] = Objects, *said: Any) -> Any:
    """The store as another process sees it; one request after another, in an order that is always the same."""
    objects = way(store, *(said or [""]))
    objects.identity = objects_of(store)[0].identity
    objects.at_once = 1
    return door(objects)


def leftovers(store: MemoryStore) -> list[str]:
    return [key for key in keys_of(store) if "__ngff_fn" in key]


@pytest.fixture
def begun(kind: Commit, tmp_path: Path) -> tuple[MemoryStore, Any, Seen, Seen]:
    """A store, what is done to it, and what is there before and after."""
    before = kind.prepare(tmp_path)
    store = uploaded(before / STORE)
    was = seen_in(as_another(store))
    act = kind.act(tmp_path)
    other = copied(store)
    act(as_another(other))
    return store, act, was, seen_in(as_another(other))


@EVERY
def test_what_is_done_there_is_what_is_done_on_a_disk(kind: Commit, tmp_path: Path) -> None:
    before = kind.prepare(tmp_path)
    store = uploaded(before / STORE)
    act = kind.act(tmp_path)
    act(as_another(store))
    act(before / STORE)
    assert seen_in(as_another(store)) == seen_in(before / STORE)
    assert leftovers(store) == []
    assert set(keys_of(store)) == {
        path.relative_to(before / STORE).as_posix() for path in (before / STORE).rglob("*") if path.is_file()
    }


@EVERY
def test_whoever_dies_at_any_point_leaves_before_or_after(begun: tuple[MemoryStore, Any, Seen, Seen]) -> None:
    first, act, was, will_be = begun
    for changes in range(0, 3000, 1 if EVERYWHERE else 5):
        store = copied(first)
        if _survives(act, store, changes):
            break
        found = seen_in(as_another(store))
        assert found in (was, will_be)
        nf.update(as_another(store), NEXT)
        assert seen_in(as_another(store)) == after(found, NEXT)
        nf.recover(as_another(store))
        assert seen_in(as_another(store)) == after(found, NEXT)
        assert leftovers(store) == []
    else:
        pytest.fail("it never comes to an end")
    assert seen_in(as_another(store)) == will_be


SOME = pytest.mark.parametrize(
    "kind",
    [
        each
        for each in KINDS
        if each.name in {"add_channel", "set_region", "shrink", "rename_well", "add_label", "crop"}
    ],
    ids=lambda each: f"{each.name}-{each.version}",
)


@SOME
def test_whoever_dies_while_ending_the_commit_of_one_who_died_leaves_before_or_after(
    begun: tuple[MemoryStore, Any, Seen, Seen],
) -> None:
    first, act, *_ = begun
    chance = Random(7)
    for changes in range(0, 3000, 1 if EVERYWHERE else 9):
        store = copied(first)
        if _survives(act, store, changes):
            break
        found = seen_in(as_another(store))
        for _ in range(3):
            with suppress(Death):
                nf.update(as_another(store, Dying, chance.randrange(30)), NEXT)
            assert seen_in(as_another(store)) in (found, after(found, NEXT))
        nf.recover(as_another(store))
        assert seen_in(as_another(store)) in (found, after(found, NEXT))
        assert leftovers(store) == []


def _survives(act: Any, store: MemoryStore, changes: int) -> bool:
    try:
        act(as_another(store, Dying, changes))
    except Death:
        return False
    return True


class Suspended(Objects):
    """A process that stands still before one of its changes, while others do what they do.

    Not before it removes a chunk: there is no condition for that, so it is said in the README what may happen.
    """

    def __init__(self, store: MemoryStore, changes: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(store, "")
        self.left, self.meanwhile = changes, meanwhile
        self._quoted = True

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        is_removal = operation is obstore.delete and WORKSHOP not in arguments[1]
        with self._mutex:
            self.left -= not is_removal
            is_now = self.left == -1 and not is_removal
        if is_now:
            self.meanwhile()
        return super().change(operation, *arguments, **said)


def an_image() -> nf.Image:
    pixels = np.full((2, 16, 16), 1, "uint16")
    image = nf.image_from(pixels, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))
    return nf.with_pyramid(nf.set_extra(image, "count", 1), levels=2)


def counted(image: nf.Image) -> nf.Image:
    """One more, in the attributes and in all pixels of a part."""
    count = count_of(image) + 1
    image = nf.set_region(image, "0", ((0, 2), (4, 16), (0, 16)), np.full((2, 12, 16), count, "uint16"))
    return nf.set_extra(image, "count", count)


def labelled(image: nf.Image) -> nf.Image:
    """Labels come, or go."""
    name = f"n{count_of(image) + 1}"
    image = nf.set_extra(image, "count", count_of(image) + 1)
    if isinstance(image.labels, nf.Labels):
        for each in image.labels.images:
            image = nf.remove_label(image, each.path)
    return nf.add_label(image, name, np.ones((16, 16), "uint8"))


def resized(image: nf.Image) -> nf.Image:
    """A channel comes at the end, or goes there."""
    image = nf.set_extra(image, "count", count_of(image) + 1)
    if len(image.channels or ()) > 2:
        return nf.remove_channel(image, "new")
    return nf.add_channel(image, "new", data=np.full((16, 16), count_of(image), "uint16"))


def count_of(image: Any) -> int:
    return int(image.extra["attributes"]["count"])


def is_true(address: Any, count: int) -> None:
    """What the store has is the work of so many edits, all of one of them."""
    image: Any = nf.open_ome_zarr(address).root
    assert count_of(image) == count
    seen_in(address)


@pytest.mark.parametrize("others", [1, 2, 3])
@pytest.mark.parametrize("edit", [counted, labelled, resized])
def test_whoever_stands_still_at_any_point_loses_and_doubles_nothing(edit: Any, others: int) -> None:
    first = MemoryStore()
    nf.create(as_another(first), an_image(), version="0.5")
    nf.update(as_another(first), edit)
    for changes in range(0, 400, 1 if EVERYWHERE else 3):
        store = copied(first)
        done: list[int] = []

        def meanwhile(store: MemoryStore = store, done: list[int] = done) -> None:
            for _ in range(others):
                nf.update(as_another(store), edit)
                done.append(1)

        suspended = as_another(store, Suspended, changes, meanwhile)
        nf.update(suspended, edit)
        image: Any = nf.open_ome_zarr(as_another(store)).root
        assert count_of(image) == 3 + len(done)
        again: Any = first_state(edit, 3 + len(done))
        assert seen_in(as_another(store)).pixels == again
        nf.recover(as_another(store))
        assert seen_in(as_another(store)).pixels == again
        if suspended.files.objects.left >= 0:
            break
    else:
        pytest.fail("it never comes to an end")


@functools.cache
def first_state(edit: Any, count: int) -> tuple[tuple[str, bytes], ...]:
    """The pixels after so many edits, one after another."""
    store = MemoryStore()
    nf.create(as_another(store), an_image(), version="0.5")
    for _ in range(count - 1):
        nf.update(as_another(store), edit)
    return seen_in(as_another(store)).pixels


@pytest.mark.parametrize("silence", [0.002, 0.05, 10])
@pytest.mark.parametrize("edit", [counted, labelled])
def test_writers_who_take_turns_at_each_request_lose_and_double_nothing(
    edit: Any, silence: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SILENCE", silence)
    monkeypatch.setattr(leases, "BEAT", 1e6)  # its thread would wait for a turn that nobody else gives
    for seed in range(8 if EVERYWHERE else 2 if silence < 1 else 1):
        store = MemoryStore()
        nf.create(as_another(store), an_image(), version="0.5")
        turns, done = Turns(seed), list[int]()
        turns.join(3)

        def write(who: int, store: MemoryStore = store, turns: Turns = turns, done: list[int] = done) -> None:
            try:
                with one_at_a_time() as executor:
                    nf.update(as_another(store, InTurns, turns, who), edit, executor=executor, timeout=60)
                    done.append(who)
            finally:
                turns.leave()

        with ThreadPoolExecutor(3) as pool:
            deque(pool.map(write, range(3)), maxlen=0)
        assert sorted(done) == [0, 1, 2]
        nf.recover(as_another(store))
        image: Any = nf.open_ome_zarr(as_another(store)).root
        assert count_of(image) == 4
        assert seen_in(as_another(store)).pixels == first_state(edit, 4)
        assert leftovers(store) == []
