"""An object store is read as a directory is; commits go through its conditions, or have a single writer."""

from __future__ import annotations

import http.server
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
import zarr
from attrs import evolve
from obstore.store import LocalStore, MemoryStore
from zarr.storage import FsspecStore, ObjectStore, StorePath

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.objects import claims, leases
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.identities import objects_of
from ngff_fn.effects.objects.objects import Found, Objects
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import one_at_a_time
from tests.objects import IDENTITY, Careless, Counting, Death, Dying, Unquoted, contents, copied, door, keys_of

PIXELS = np.arange(2 * 16 * 16, dtype="uint16").reshape(2, 16, 16)
ALONE: dict[str, Any] = {"single_writer": True}


def an_image() -> nf.Image:
    image = nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4))
    return nf.add_label(nf.with_pyramid(image, 2), "nuclei", np.ones((16, 16), "uint8"))


def a_simple_image() -> nf.Image:
    return nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4))


def a_plate() -> nf.Plate:
    image = nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"])
    return nf.plate_from_positions({f"A/{column}/0": image for column in (1, 2, 3)})


def leftovers(store: MemoryStore) -> list[str]:
    return [key for key in keys_of(store) if "ngff_fn" in key]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_read_as_a_directory_is(version: Version, tmp_path: Path) -> None:
    for name, root in (("image", an_image()), ("plate", a_plate())):
        nf.create(tmp_path / f"{name}.zarr", root, version=version)
        remote = MemoryStore()
        nf.create(remote, root, version=version)
        here, there = nf.open_ome_zarr(tmp_path / f"{name}.zarr"), nf.open_ome_zarr(remote)
        assert {key: there.documents[key] for key in there.documents} == dict(here.documents)
        assert nf.format_tree(there).splitlines()[1:] == nf.format_tree(here).splitlines()[1:]
        assert keys_of(remote) == sorted(
            path.relative_to(tmp_path / f"{name}.zarr").as_posix()
            for path in (tmp_path / f"{name}.zarr").rglob("*")
            if path.is_file()
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_every_door_leads_to_the_same_store(version: Version, tmp_path: Path) -> None:
    store = MemoryStore()
    nf.create(StorePath(ObjectStore(store), "a/b.zarr"), an_image(), version=version)
    for given, path in (
        (ObjectStore(store), "a/b.zarr/0"),
        (StorePath(ObjectStore(store), "a/b.zarr"), "0"),
        (StorePath(ObjectStore(store), "a"), "b.zarr/0"),
    ):
        np.testing.assert_array_equal(nf.to_numpy(given, path), PIXELS)
        np.testing.assert_array_equal(nf.open_array(given, path)[1], PIXELS[1])
        np.testing.assert_array_equal(nf.to_dask(given, path).compute(), PIXELS)
    nf.create(tmp_path / "b.zarr", an_image(), version=version)
    assert nf.open_ome_zarr(LocalStore(tmp_path / "b.zarr")) == nf.open_ome_zarr(tmp_path / "b.zarr")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_zarr_wrote_there_is_read_and_what_we_write_zarr_reads(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, an_image(), version=version)
    group: Any = zarr.open_group(ObjectStore(store), mode="r")
    np.testing.assert_array_equal(group["0"][...], PIXELS)
    assert group["labels"]["nuclei"]["0"].shape == (16, 16)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_document_changes_by_one_condition(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, a_simple_image(), version=version)
    before = contents(store)
    done = nf.update(store, c.set_scale(y=0.5))
    after = contents(store)
    assert [key for key in after if after[key] != before.get(key)] == [done.moment]
    assert nf.open_ome_zarr(store) == evolve(done.snapshot, mode="r")


@pytest.mark.parametrize("version", VERSIONS)
def test_several_documents_change_as_one_and_nothing_is_left(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, a_plate(), version=version)
    done = nf.update(store, c.each_image(c.rename_channel("DAPI", "nuclei")))
    assert nf.open_ome_zarr(store) == evolve(done.snapshot, mode="r")
    assert leftovers(store) == []


def test_another_writer_who_came_first_is_a_conflict() -> None:
    for root, edit in ((an_image(), c.set_scale(y=2.0)), (a_plate(), c.each_image(c.set_scale(y=2.0)))):
        store = MemoryStore()
        nf.create(store, root, version="0.5")
        base = nf.open_ome_zarr(store, mode="r+")
        plan = nf.diff(base, edit(base.root))
        nf.update(
            store,
            c.set_extra("note", "other") if isinstance(root, nf.Image) else c.each_image(c.set_extra("note", "other")),
        )
        other = contents(store)
        with pytest.raises(nf.ConflictError, match="Open the store again"):
            nf.commit(store, plan)
        assert contents(store) == other


def test_it_takes_few_requests() -> None:
    store = MemoryStore()
    nf.create(store, a_simple_image(), version="0.5")
    counting = Counting(store)
    base = nf.open_ome_zarr(door(counting), mode="r+")
    counting.requests.clear()
    nf.commit(door(counting), nf.diff(base, nf.set_scale(base.root, y=0.5)))
    assert len(counting.requests) <= 2

    plates = MemoryStore()
    nf.create(plates, a_plate(), version="0.5")
    counting = Counting(plates)
    base = nf.open_ome_zarr(door(counting), mode="r+")
    counting.requests.clear()
    plan = nf.diff(base, nf.each_image(base.root, c.rename_channel("DAPI", "nuclei")))
    nf.commit(door(counting), plan)
    assert len(counting.requests) <= 4 * len(plan.operations) + 3


@pytest.mark.parametrize("changes", range(0, 60, 4))
def test_what_a_single_writer_left_to_be_done_is_named_with_its_cure(changes: int) -> None:
    store = MemoryStore()
    nf.create(store, an_image(), version="0.5")
    name = objects_of(store)[0].identity
    dying = Dying(store, changes)
    dying.identity = name
    with suppress(Death):
        nf.update(door(dying), c.add_channel("new", data=PIXELS[0]), **ALONE)
    found: Any = nf.open_ome_zarr(store).root
    if any("/txn/" in key for key in keys_of(store)):
        for act in (nf.recover, nf.vacuum, lambda store: nf.update(store, c.add_channel("third", data=PIXELS[0]))):
            with pytest.raises(nf.StoreError, match=r"recover\(store, single_writer=True\)"):
                act(store)
        nf.recover(store, **ALONE)
    nf.update(store, c.set_extra("note", "x"))
    assert nf.open_ome_zarr(store).root == nf.set_extra(found, "note", "x")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_single_writer_does_everything(version: Version) -> None:
    store = MemoryStore()
    wanted: Any = an_image()
    nf.create(store, wanted, version=version)
    for edit in (
        c.add_channel("new", data=PIXELS[0]),
        c.remove_channel("DAPI"),
        c.crop(y=(4, 12)),
        c.set_region("0", ((0, 1), (0, 4), (0, 4)), np.full((1, 4, 4), 7, "uint16")),
        c.rechunk((1, 8, 8)),
        c.without_pyramid(),
        c.with_pyramid(2),
    ):
        wanted = edit(wanted)
        nf.update(store, edit, **ALONE)
        for number, level in enumerate(nf.open_ome_zarr(store).root.levels):
            np.testing.assert_array_equal(nf.to_numpy(store, level.path), nf.evaluate(wanted, number))
        assert leftovers(store) == []


def test_a_single_writer_on_a_disk_does_everything_too(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    nf.create(store, an_image(), version="0.5", single_writer=True)
    nf.update(store, c.add_channel("new", data=PIXELS[0]), **ALONE)
    np.testing.assert_array_equal(nf.to_numpy(store, "0")[2], PIXELS[0])
    assert not (store / "__ngff_fn").exists()


def test_a_store_that_ignores_conditions_is_refused_unless_there_is_one_writer() -> None:
    store = MemoryStore()
    careless = door(Careless(store, IDENTITY))
    with pytest.raises(nf.UnsupportedError, match=r"ignores conditions .* single_writer=True"):
        nf.create(careless, an_image(), version="0.5")
    assert keys_of(store) == []
    nf.create(careless, an_image(), version="0.5", **ALONE)
    with pytest.raises(nf.UnsupportedError, match="ignores conditions"):
        nf.update(careless, c.set_scale(y=0.5))
    nf.update(careless, c.set_scale(y=0.5), **ALONE)
    assert leftovers(store) == []


def test_tags_that_are_taken_without_their_quotes_are_given_so() -> None:
    store = MemoryStore()
    nf.create(store, an_image(), version="0.5")
    unquoted = Unquoted(store, IDENTITY)
    with pytest.raises(nf.UnsupportedError):  # neither way: its answers to other tags than its own are refusals
        Careless(store, IDENTITY).require_conditions("probe")
    unquoted.require_conditions("probe")
    nf.update(door(unquoted), c.set_scale(y=0.5))
    assert leftovers(store) == []
    assert [key for key in keys_of(store) if key.startswith("probe")] == []


@pytest.mark.parametrize("way", ["recover", "update"])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_creator_left_to_be_done_who_died_after_the_moment_is_done_by_others(version: Version, way: str) -> None:
    """All points at which writers of object stores can die are tried by the bench; this says what others see."""
    left = set()
    for changes in range(100):
        store = MemoryStore()
        try:
            nf.create(door(Dying(store, changes)), a_simple_image(), version=version)
        except Death:
            pass
        else:
            break
        if not {"zarr.json", ".zattrs"} & {*keys_of(store)}:
            continue  # it has not happened
        left |= {*leftovers(store), *({".zgroup"} - {*keys_of(store)} if version == "0.4" else ())}
        if way == "update":
            nf.update(door(Objects(store, IDENTITY)), c.set_scale(y=0.5))
        else:
            assert nf.recover(door(Objects(store, IDENTITY))).removed == (f"{IDENTITY}/__ngff_fn",)
            assert leftovers(store) == []
        zarr.open_group(ObjectStore(store), mode="r")
    else:
        pytest.fail("it never comes to an end")
    assert left == {"__ngff_fn/creating", *([".zgroup"] if version == "0.4" else [])}


def test_two_who_create_the_same_store_do_not_mix() -> None:
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(door(Dying(store, 3)), an_image(), version="0.5")
    with pytest.raises(nf.StoreExistsError, match="another writer creates it just now, or has died"):
        nf.create(door(Objects(store, IDENTITY)), an_image(), version="0.5")


def at(store: MemoryStore, path: str = "images/a.zarr") -> Address:
    return Address(files=ObjectFiles(Objects(store, IDENTITY), path), path="")


def test_what_a_creator_has_left_who_died_is_removed_once_it_is_old() -> None:
    store = MemoryStore()
    files = ObjectFiles(Dying(store, 5), "images/a.zarr")
    with pytest.raises(Death):
        nf.create(Address(files=files, path=""), an_image(), version="0.5")
    left = contents(store)
    assert len(left) > 1
    with pytest.raises(nf.StoreExistsError, match=r"vacuum\(store, older_than=3600\)"):
        nf.create(at(store), an_image(), version="0.5")
    for age, dry_run in ((None, False), (3600, False), (0, True)):
        assert nf.vacuum(at(store), older_than=age, dry_run=dry_run).removed == (
            (f"{IDENTITY}/images/a.zarr",) if dry_run else ()
        )
        assert contents(store) == left
    assert nf.vacuum(at(store), older_than=0).removed == (f"{IDENTITY}/images/a.zarr",)
    assert keys_of(store) == []
    nf.create(at(store), an_image(), version="0.5")


@pytest.mark.parametrize("changes", [5, 60])
def test_what_others_have_put_beside_what_a_creator_has_left_stays(
    changes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0)
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(Address(files=ObjectFiles(Dying(store, changes), "a.zarr"), path=""), an_image(), version="0.4")
    others = {"a.zarr/notes.txt": b"mine", "a.zarr/tables/t.csv": b"1,2"}
    for key, data in others.items():
        obstore.put(store, key, data)
    nf.vacuum(at(store, "a.zarr"), older_than=0)
    assert contents(store) == others
    with pytest.raises(nf.StoreExistsError, match="overwrite=True"):
        nf.create(at(store, "a.zarr"), an_image(), version="0.4")


@pytest.mark.parametrize("claim", [b"", b"0123", b"0123\n[1]", b'0123\n["../b.zarr"]', b'0123\n["__ngff_fn"]'])
def test_a_claim_that_does_not_say_what_was_made_removes_nothing(claim: bytes) -> None:
    store = MemoryStore()
    others = {"a.zarr/__ngff_fn/creating": claim, "a.zarr/0/zarr.json": b"{}", "b.zarr/zarr.json": b"{}"}
    for key, data in others.items():
        obstore.put(store, key, data)
    with pytest.raises(nf.StoreError, match="does not say what was made"):
        nf.vacuum(at(store, "a.zarr"), older_than=0)
    assert contents(store) == others


@pytest.mark.parametrize("mode", ["r", "r+", "a"])
def test_where_a_creator_died_who_opens_it_is_told_so_and_how_it_is_created_again(
    mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0)
    for changes in (1, 2, 5, 60):
        store = MemoryStore()
        with pytest.raises(Death):
            nf.create(Address(files=ObjectFiles(Dying(store, changes), "a.zarr"), path=""), an_image(), version="0.5")
        with pytest.raises(
            nf.StoreNotFoundError, match=r"its creator died .* vacuum\(store, older_than=3600\)\. Then create it"
        ):
            nf.open_ome_zarr(at(store, "a.zarr"), mode=mode)
        nf.vacuum(at(store, "a.zarr"), older_than=0)
        nf.create(at(store, "a.zarr"), an_image(), version="0.5")
        assert nf.open_ome_zarr(at(store, "a.zarr"), mode=mode).version == "0.5"


def test_where_a_creator_died_in_a_whole_bucket_it_is_to_be_removed_by_hand() -> None:
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(door(Dying(store, 5)), an_image(), version="0.5")
    with pytest.raises(nf.StoreNotFoundError, match=r"its creator died .* by hand"):
        nf.open_ome_zarr(door(Objects(store, IDENTITY)))


def test_a_removal_of_what_a_creator_has_left_that_is_cut_off_can_be_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0)
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(Address(files=ObjectFiles(Dying(store, 60), "images/a.zarr"), path=""), an_image(), version="0.5")
    left = len(keys_of(store))
    assert "labels/nuclei/0/c/" in "".join(keys_of(store))
    for changes in range(left):
        again = copied(store)
        dying = Dying(again, changes)
        dying.at_once = 1
        with pytest.raises(Death):
            nf.vacuum(Address(files=ObjectFiles(dying, "images/a.zarr"), path=""), older_than=0)
        nf.vacuum(at(again), older_than=0)
        assert keys_of(again) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("changes", [5, 20, 60])
def test_what_a_creator_has_left_inside_of_a_group_is_removed_as_well(
    version: Version, changes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0)
    store = MemoryStore()
    zarr.create_group(StorePath(ObjectStore(store)), zarr_format=3 if version == "0.5" else 2)
    around = contents(store)
    with pytest.raises(Death):
        nf.create(door(Dying(store, changes), "cells.zarr"), an_image(), version=version)
    inside = door(Objects(store, IDENTITY), "cells.zarr")
    with pytest.raises(nf.StoreError, match=r"vacuum\(store, older_than=3600\)"):
        nf.recover(inside)
    assert nf.vacuum(inside, older_than=0).removed == (f"{IDENTITY}/cells.zarr",)
    assert contents(store) == around
    nf.create(inside, an_image(), version=version)


def test_a_creator_inside_of_a_group_who_died_after_the_moment_is_ended_by_recover() -> None:
    for changes in range(1, 100):
        store = MemoryStore()
        zarr.create_group(StorePath(ObjectStore(store)), zarr_format=2)
        with suppress(Death):
            nf.create(door(Dying(store, changes), "cells.zarr"), a_simple_image(), version="0.4")
        has_happened = "cells.zarr/.zattrs" in contents(store)
        if has_happened:
            nf.recover(door(Objects(store, IDENTITY), "cells.zarr"))
            assert "cells.zarr/.zgroup" in contents(store)
            assert not leftovers(store)
            return
    pytest.fail("it has never happened")


@pytest.mark.parametrize("removed", [0, 6, 1000])
def test_a_creator_who_wakes_up_while_he_is_removed_has_created_nothing(
    removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep, awake = threading.Event(), threading.Event()

    class Sleeping(Objects):
        """He sleeps once he has looked at his claim for the last time."""

        def get(self, key: str) -> Found | None:
            found = super().get(key)
            if key.endswith("creating") and len(keys_of(store)) == count and not asleep.is_set():
                asleep.set()
                awake.wait(20)
            return found

    class Removing(Objects):
        """He wakes when so many objects are gone."""

        left = removed

        def delete(self, key: str) -> None:
            super().delete(key)
            self.left -= 1
            if self.left == 0:
                awake.set()
                creator.join()

    def create() -> None:
        try:
            nf.create(Address(files=ObjectFiles(Sleeping(store, IDENTITY), "a.zarr"), path=""), image, version="0.5")
        except nf.StoreExistsError as error:
            refusals.append(str(error))

    monkeypatch.setattr(claims, "BEAT", 0)
    store, image = MemoryStore(), an_image()
    refusals: list[str] = []
    whole = MemoryStore()
    nf.create(at(whole), image, version="0.5")
    count = len(keys_of(whole))  # all but the root's document, and the claim
    creator = threading.Thread(target=create)
    creator.start()
    assert asleep.wait(20)
    removing = Removing(store, IDENTITY)
    removing.at_once = 1
    nf.vacuum(Address(files=ObjectFiles(removing, "a.zarr"), path=""), older_than=0)
    awake.set()
    creator.join()
    assert "took this writer for dead" in "".join(refusals)
    assert keys_of(store) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("changes", range(2, 12))
def test_what_a_creator_was_about_to_write_when_he_was_taken_for_dead_overwrites_nothing(
    changes: int, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0)
    store = MemoryStore()
    other = nf.image_from(PIXELS + 1, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))

    class Sleeping(Counting):
        """Stands still before one of its changes."""

        left = changes
        at_once = 1

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                nf.vacuum(at(store), older_than=0)
                nf.create(at(store), other, version=version)
            return super().change(operation, *arguments, **said)

    sleeping = Address(files=ObjectFiles(Sleeping(store), "images/a.zarr"), path="")
    with suppress(nf.NgffError), one_at_a_time() as executor:
        nf.create(sleeping, an_image(), version=version, executor=executor)
    found = zarr.open_array(ObjectStore(store), path="images/a.zarr/0", mode="r")[...]
    np.testing.assert_array_equal(found, PIXELS + 1)


def test_a_write_that_failed_is_not_taken_for_an_earlier_one_of_the_same_commit() -> None:
    store = MemoryStore()

    class Busy(Objects):
        """No request is carried out."""

        def change(self, *_: Any, **__: Any) -> Any:
            raise self._errors.GenericError("503 Slow Down")

    tag = Objects(store, IDENTITY).put_if("zarr.json", b"1", None, "a")
    busy = Busy(store, IDENTITY)
    assert busy.get("zarr.json") is not None
    with pytest.raises(nf.StoreError, match="503"):
        busy.put_if("zarr.json", b"2", tag, "a")


def chunks_in(store: MemoryStore) -> dict[str, bytes]:
    return {key: data for key, data in contents(store).items() if "/c/" in key}


def test_a_creator_whose_request_was_lost_on_the_way_sends_it_once_more() -> None:
    store, alone = MemoryStore(), MemoryStore()

    class Failing(Counting):
        """Each chunk fails once, before it is written or after it."""

        failed = 0

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            key = str(arguments[1])
            is_first = "/c/" in key and not any(key in request for request in self.requests)
            if not is_first:
                return super().change(operation, *arguments, **said)
            self.failed += 1
            if self.failed % 2:
                super().change(operation, *arguments, **said)
            else:
                self.requests.append(key)
            raise self._errors.GenericError("connection closed before message completed")

    nf.create(door(failing := Failing(store)), a_simple_image(), version="0.5")
    nf.create(alone, a_simple_image(), version="0.5")
    assert failing.failed > 3
    assert chunks_in(store) == chunks_in(alone)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("changes", range(2, 12))
def test_a_creator_who_was_taken_for_dead_touches_nothing_of_the_next_one(
    changes: int, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0)
    store = MemoryStore()
    other = nf.image_from(PIXELS + 1, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))

    class Sleeping(Counting):
        """Stands still in the middle, once all that it has made is removed, and another one has created the store."""

        left = changes
        at_once = 1

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            done = super().change(operation, *arguments, **said)
            self.left -= 1
            if self.left == 0:
                nf.vacuum(at(store), older_than=0)
                nf.create(at(store), other, version=version)
            return done

    sleeping = Address(files=ObjectFiles(Sleeping(store), "images/a.zarr"), path="")
    with pytest.raises(nf.StoreExistsError, match="for dead"), one_at_a_time() as executor:
        nf.create(sleeping, an_image(), version=version, executor=executor)
    image: Any = nf.open_ome_zarr(at(store)).root
    found = zarr.open_array(ObjectStore(store), path="images/a.zarr/0", mode="r")[...]
    np.testing.assert_array_equal(found, PIXELS + 1)
    assert len(image.levels) == len(other.levels)


def test_recover_says_what_a_creation_needs_that_did_not_come_to_its_end() -> None:
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(Address(files=ObjectFiles(Dying(store, 5), "images/a.zarr"), path=""), an_image(), version="0.5")
    with pytest.raises(nf.StoreError, match="being created, or its creator died"):
        nf.recover(at(store))


def test_a_whole_bucket_is_not_emptied() -> None:
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(door(Dying(store, 5)), an_image(), version="0.5")
    left = contents(store)
    (why,) = nf.vacuum(door(Objects(store, IDENTITY)), older_than=0).kept.values()
    assert "by hand" in str(why)
    assert contents(store) == left


def test_a_probe_that_was_cut_off_stands_in_nobodys_way_and_is_removed_once_it_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()

    class Probing(Dying):
        """Has to try whether the store keeps conditions."""

        def __init__(self, store: MemoryStore) -> None:
            super().__init__(store, 1)
            self._quoted = None

    with pytest.raises(Death):
        nf.create(Address(files=ObjectFiles(Probing(store), "images/a.zarr"), path=""), an_image(), version="0.5")
    (probe,) = keys_of(store)
    nf.create(at(store), an_image(), version="0.5")
    assert nf.vacuum(at(store)).removed == ()
    assert "s ago, and is kept until it is 20 s old" in str(nf.vacuum(at(store)).kept[f"{IDENTITY}/{probe}"])
    monkeypatch.setattr(leases, "SILENCE", 0)
    assert nf.vacuum(at(store)).removed == (f"{IDENTITY}/{probe}",)
    assert nf.open_ome_zarr(at(store)).version == "0.5"
    assert leftovers(store) == []


def test_a_store_in_memory_does_not_leave_its_process() -> None:
    store = MemoryStore()
    nf.create(store, an_image(), version="0.5")
    with pytest.raises(nf.StoreError, match="does not leave its process"):
        pickle.dumps(nf.to_dask(store, "0"))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A directory behind plain HTTP, which lists nothing."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def list_directory(self, path: Any) -> None:  # noqa: ARG002
            self.send_error(403)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("version", VERSIONS)
def test_plain_http_is_read_and_not_written(version: Version, tmp_path: Path, served: str) -> None:
    nf.create(tmp_path / "image.zarr", an_image(), version=version)
    nf.create(tmp_path / "plate.zarr", a_plate(), version=version)
    url = f"{served}/image.zarr"
    here, there = nf.open_ome_zarr(tmp_path / "image.zarr"), nf.open_ome_zarr(url)
    assert dict(there.documents) == dict(here.documents)
    np.testing.assert_array_equal(nf.to_numpy(url, "0"), PIXELS)
    np.testing.assert_array_equal(nf.evaluate(nf.crop(there.root, y=(3, 9))), PIXELS[:, 3:9])
    assert len(dict(nf.positions(nf.open_ome_zarr(f"{served}/plate.zarr").root))) == 3
    with pytest.raises(nf.StoreError, match="for reading only"):
        nf.update(url, c.set_scale(y=0.5))
    with pytest.raises(nf.StoreNotFoundError):
        nf.open_ome_zarr(f"{served}/nothing.zarr")


def test_what_is_served_is_copied_to_a_disk(tmp_path: Path, served: str) -> None:
    nf.create(tmp_path / "image.zarr", nf.image_from(PIXELS, axes="cyx", channel_names=["a", "b"]), version="0.5")
    nf.create(tmp_path / "copy.zarr", nf.open_ome_zarr(f"{served}/image.zarr").root, version="0.5")
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "copy.zarr", "0"), PIXELS)


def test_a_url_that_nobody_knows_is_refused() -> None:
    with pytest.raises(nf.UnsupportedError, match="neither obstore nor fsspec takes it"):
        nf.open_ome_zarr("gopher://somewhere/image.zarr")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_single_writer_removes_a_creation_that_was_interrupted_by_vacuum(version: Version) -> None:
    store = MemoryStore()
    dying = Address(files=ObjectFiles(Dying(store, 5), "a.zarr"), path="")
    with pytest.raises(Death):
        nf.create(dying, a_simple_image(), version=version, single_writer=True)
    obstore.put(store, "a.zarr/notes.txt", b"of others")
    with pytest.raises(nf.StoreExistsError, match=r"interrupted\. vacuum\(store, single_writer=True\)"):
        nf.create(at(store, "a.zarr"), a_simple_image(), version=version, single_writer=True)
    assert nf.vacuum(at(store, "a.zarr"), single_writer=True, dry_run=True).removed
    assert nf.vacuum(at(store, "a.zarr"), single_writer=True).removed
    assert keys_of(store) == ["a.zarr/notes.txt"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_directory_without_a_file_as_fsspec_has_them_moves_with_its_well(version: Version) -> None:
    url = f"memory://{version}-empty/plate.zarr"
    nf.create(url, nf.plate_from_positions({"A/1/0": a_simple_image()}), version=version, single_writer=True)
    nf.create(f"{url}/A/1/7", a_simple_image(), version=version, single_writer=True)  # whose claim has gone
    nf.update(url, c.rename_well("A/1", "A/9"), single_writer=True, timeout=1)
    np.testing.assert_array_equal(nf.to_numpy(url, "A/9/7/0"), PIXELS)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_fsspec_knows_is_read_and_has_a_single_writer(version: Version) -> None:
    url = f"memory://{version}/cells.zarr"
    with pytest.raises(nf.UnsupportedError, match="single_writer=True"):
        nf.create(url, an_image(), version=version)
    nf.create(url, an_image(), version=version, **ALONE)
    for given, path in ((url, "0"), (f"memory://{version}", "cells.zarr/0"), (FsspecStore.from_url(url), "0")):
        np.testing.assert_array_equal(nf.to_numpy(given, path), PIXELS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(nf.to_dask(url, "0"))).compute(), PIXELS)  # noqa: S301
    with pytest.raises(nf.UnsupportedError, match="single_writer=True"):
        nf.update(url, c.set_scale(y=0.5))
    nf.update(url, c.set_scale(y=0.5), **ALONE)
    nf.update(url, c.add_channel("new", data=PIXELS[0]), **ALONE)
    np.testing.assert_array_equal(nf.to_numpy(url, "0")[2], PIXELS[0])
    found: Any = nf.open_ome_zarr(url).root
    assert found.levels[0].scale == (1.0, 0.5, 1.0)
    assert nf.to_numpy(url, "labels/nuclei/0").all()


def test_without_obstore_the_refusal_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['obstore'] = sys.modules['obstore.store'] = None\n"
        "import ngff_fn as nf\n"
        "try: nf.open_ome_zarr('s3://bucket/image.zarr')\n"
        "except nf.UnsupportedError as error: print(error)"
    )
    root = Path(nf.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True, text=True)
    assert "Install ngff_fn[s3]" in done.stdout, done.stderr


def test_what_a_store_can_do_is_tried() -> None:
    store = MemoryStore()
    nf.create(store, a_simple_image(), version="0.5")
    found = nf.capabilities(store)
    assert (found.kind, found.writable, found.locks, found.conditional_put) == ("objects", True, "none", True)
    assert not nf.capabilities(door(Careless(store, IDENTITY))).conditional_put
    assert leftovers(store) == []


def test_recover_carries_out_what_has_happened() -> None:
    first = MemoryStore()
    nf.create(first, a_plate(), version="0.5")
    renamed = c.each_image(c.rename_channel("DAPI", "nuclei"))
    recovered = 0
    for changes in range(100):
        store = copied(first)
        try:
            nf.update(door(Dying(store, changes)), renamed)
        except Death:
            pass
        else:
            break
        before = nf.open_ome_zarr(door(Objects(store, IDENTITY)))
        found = nf.recover(door(Objects(store, IDENTITY)))
        recovered += len(found.records)
        assert nf.open_ome_zarr(door(Objects(store, IDENTITY))).root == before.root
        assert not any(b"\t" in text for key, text in contents(store).items() if found.records and key.endswith("json"))
    assert recovered
