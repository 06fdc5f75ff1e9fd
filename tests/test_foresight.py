"""What is read of a store that is far away is asked for side by side, and is what one would read step by step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from obstore.store import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.objects import identities, leases
from ngff_fn.effects.objects.objects import Found, Objects
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import IDENTITY, Counting, Death, Dying, contents, door

T = TypeVar("T")

PIXELS = np.arange(2 * 8 * 8, dtype="uint16").reshape(2, 8, 8)
POSITIONS = 4
PATIENCE = 20


def an_image() -> nf.Image:
    image = nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"])
    return nf.add_label(nf.with_pyramid(image, 2), "nuclei", np.ones((8, 8), "uint8"))


def a_plate() -> nf.Plate:
    return nf.plate_from_positions({f"A/{column}/0": an_image() for column in range(1, POSITIONS + 1)})


class Together(Counting):
    """Documents of fields of view are given only once all of them have been asked for."""

    def __init__(self, store: Any, name: str, of: Callable[[str], bool]) -> None:
        super().__init__(store)
        self.name, self.of = name, of
        self.met = 0
        self._meeting = threading.Barrier(POSITIONS, action=self._meet)

    def _meet(self) -> None:
        self.met += 1

    def get(self, key: str) -> Found | None:
        if key.endswith(self.name) and self.of(key):
            self._meeting.wait(PATIENCE)
        return super().get(key)


def is_field(key: str) -> bool:
    return key.count("/") == len(("A", "1", "0"))


def names_in(store: Any) -> set[tuple[str, ...]]:
    """Of the channels of all fields of view."""
    plate: Any = nf.open_ome_zarr(store).root
    images: list[Any] = [image for _, image in nf.positions(plate)]
    return {nf.channel_names(image) for image in images}


def one_by_one(store: MemoryStore) -> Counting:
    objects = Counting(store)
    objects.at_once = 1
    return objects


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plate_is_what_it_is_when_it_is_read_step_by_step(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, a_plate(), version=version)
    steps, together = one_by_one(store), Counting(store)
    read, ahead = nf.open_ome_zarr(door(steps)), nf.open_ome_zarr(door(together))
    assert (ahead.root, list(ahead.documents.items())) == (read.root, list(read.documents.items()))
    assert not ahead.problems


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_asked_for_that_would_not_be_read_step_by_step(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, a_plate(), version=version)
    steps, together = one_by_one(store), Counting(store)
    for objects in (steps, together):
        nf.open_ome_zarr(door(objects))
    assert sorted(together.requests) == sorted(steps.requests)


@pytest.mark.parametrize(("version", "name"), [("0.4", ".zattrs"), ("0.5", "zarr.json")])
def test_the_fields_of_a_plate_are_asked_for_side_by_side(version: Version, name: str) -> None:
    store = MemoryStore()
    nf.create(store, a_plate(), version=version)
    objects = Together(store, name, is_field)
    nf.open_ome_zarr(door(objects))
    assert objects.met == 2  # to read them, and to see whether they are still the same


@pytest.mark.parametrize(("version", "name"), [("0.4", ".zmetadata")])
def test_consolidated_metadata_of_the_fields_are_looked_for_side_by_side(version: Version, name: str) -> None:
    store = MemoryStore()
    nf.create(store, a_plate(), version=version)
    objects = Together(store, name, is_field)
    objects.per_page = 1  # no page answers for a field
    nf.update(door(objects), c.each_image(c.rename_channel("DAPI", "nuclei")))
    assert objects.met == 1
    assert names_in(store) == {("nuclei", "GFP")}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_another_writer_changes_between_is_read_again(version: Version) -> None:
    class Overtaken(Counting):
        """Another writer comes once the first fields have been fetched."""

        def get(self, key: str) -> Found | None:
            found = super().get(key)
            if self.at_once > 1 and key.startswith("A/4/0/"):
                self.at_once = 1
                nf.update(store, c.each_image(c.rename_channel("DAPI", "nuclei")))
            return found

    store = MemoryStore()
    nf.create(store, a_plate(), version=version)
    assert names_in(door(Overtaken(store))) == {("nuclei", "GFP")}
    assert "__ngff_fn" not in "".join(contents(store))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_commit_that_was_cut_off_is_read_as_done_or_not_begun(version: Version) -> None:
    for changes in range(2 * POSITIONS + 3):
        store = MemoryStore()
        nf.create(store, a_plate(), version=version)
        dying = Dying(store, changes)
        dying.at_once = 1
        with pytest.raises(Death):
            nf.update(door(dying), c.each_image(c.rename_channel("DAPI", "nuclei")))
        roots = [nf.open_ome_zarr(door(objects)).root for objects in (one_by_one(store), Counting(store))]
        assert roots[0] == roots[1]


def test_what_is_wrong_in_one_field_is_told_as_step_by_step() -> None:
    store = MemoryStore()
    nf.create(store, a_plate(), version="0.5")
    store.put("A/2/0/zarr.json", b'{"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"multiscales": 7}}}')
    store.put("A/3/zarr.json", b"{")
    steps, together = (nf.open_ome_zarr(door(objects)) for objects in (one_by_one(store), Counting(store)))
    assert together.problems
    assert together.problems == steps.problems


class Chunks(Counting):
    """Chunks are given, or taken, only once so many have been asked for at the same time."""

    def __init__(self, store: Any, read: int = 0, written: int = 0) -> None:
        super().__init__(store)
        self.met = 0
        self._reads, self._writes = (
            threading.Barrier(count, action=self._meet) if count else None for count in (read, written)
        )

    def _meet(self) -> None:
        self.met += 1

    def read(self, key: str, start: int, stop: int | None) -> bytes | None:
        self._wait(self._reads, key)
        return super().read(key, start, stop)

    def get(self, key: str) -> Found | None:
        self._wait(self._reads, key)
        return super().get(key)

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        if operation.__name__ == "put":
            self._wait(self._writes, arguments[1])
        return super().change(operation, *arguments, **said)

    @staticmethod
    def _wait(meeting: threading.Barrier | None, key: str) -> None:
        if meeting is not None and "/c/" in key:
            meeting.wait(PATIENCE)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[[Objects], Address]:
    """A door to a store, which is found again by its name."""

    def address(objects: Objects) -> Address:
        monkeypatch.setitem(identities._known, IDENTITY, objects)
        return door(objects)

    return address


def many_chunks() -> nf.Image:
    return nf.image_from(np.ones((12, 8, 8), "uint16"), axes="zyx", chunks=(1, 8, 8))


def test_chunks_are_read_side_by_side(known: Callable[[Objects], Address]) -> None:
    store = MemoryStore()
    nf.create(store, many_chunks(), version="0.5")
    objects = Chunks(store, read=12)
    assert nf.to_numpy(known(objects), "0").all()
    assert objects.met == 1


def test_chunks_of_a_new_image_are_written_side_by_side(known: Callable[[Objects], Address]) -> None:
    objects = Chunks(MemoryStore(), written=12)
    nf.create(known(objects), many_chunks(), version="0.5")
    assert objects.met == 1


def test_chunks_of_a_pyramid_are_read_and_written_side_by_side(known: Callable[[Objects], Address]) -> None:
    store = MemoryStore()
    nf.create(store, many_chunks(), version="0.5")
    objects = Chunks(store, read=12, written=6)
    nf.update(known(objects), c.with_pyramid(2, chunks="keep"))
    assert objects.met == 2
    assert nf.to_numpy(store, "1").all()


def test_a_dead_writer_whose_fences_are_on_all_documents_is_taken_over_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dies(Counting):
        """When what was staged is to be copied to its place."""

        def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
            if operation.__name__ == "copy" or self.at_once == 0:
                self.at_once = 0
                raise Death
            return super().change(operation, *arguments, **said)

    class Waiting(Counting):
        """How many look at the same time whether the writer is still alive."""

        most = now = 0

        def get(self, key: str) -> Found | None:
            if "/fenced/" not in key:
                return super().get(key)
            with self._mutex:
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(0.01)
            with self._mutex:
                self.now -= 1
            return super().get(key)

    monkeypatch.setattr(leases, "SILENCE", 0.5)
    store = MemoryStore()
    monkeypatch.setitem(identities._known, IDENTITY, Counting(store))
    nf.create(store, a_plate(), version="0.5")
    relabel = c.each_image(c.add_label("cells", np.ones((8, 8), "uint8")))
    with pytest.raises(Death):
        nf.update(door(Dies(store)), relabel)
    objects = Waiting(store)
    monkeypatch.setitem(identities._known, IDENTITY, objects)
    plate = nf.open_ome_zarr(door(objects), mode="r+")
    plan = nf.diff(plate, c.each_image(c.rename_channel("DAPI", "nuclei"))(plate.root))
    objects.most = 0
    nf.commit(door(objects), plan)
    assert objects.most == 1
    assert names_in(store) == {("nuclei", "GFP")}
