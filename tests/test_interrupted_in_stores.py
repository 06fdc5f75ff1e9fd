"""What interrupted commits have left in an object store is named by all who are asked, each with the same cure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import obstore
import pytest
from obstore.store import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.commits.interrupted import BEGUN, CREATED, HAPPENED, interrupted
from ngff_fn.effects.objects import leases
from ngff_fn.effects.objects.identities import objects_of
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import Counting, Death, Dying, contents, copied, door, keys_of

IMAGE = nf.image_from(np.ones((2, 8, 8), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4))
PLATE = nf.plate_from_positions({f"A/{column}/0": IMAGE for column in (1, 2)})
DOCUMENTS = c.each_image(c.rename_channel("DAPI", "nuclei"))
PIXELS = c.add_channel("new", data=np.full((8, 8), 7, "uint8"))
EVERY = pytest.mark.parametrize(("root", "edit"), [(PLATE, DOCUMENTS), (IMAGE, PIXELS)], ids=["documents", "pixels"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.002)
    monkeypatch.setattr(conditional, "OLD", 0.002)


def as_another(store: MemoryStore, objects: Objects | None = None) -> Any:
    """The store as another process sees it, by its own name, so that its pixels are found again."""
    seen = objects or Objects(store, "")
    seen.identity = objects_of(store)[0].identity
    return door(seen)


def killed(root: Any, edit: Any, is_meant: Callable[[MemoryStore], bool], **how: Any) -> MemoryStore:
    """A store whose writer was killed at the first point at which it is as is meant."""
    first = MemoryStore()
    nf.create(first, root, version="0.5")
    for changes in range(100):
        store, has_died = copied(first), True
        with suppress(Death):
            nf.update(as_another(store, Dying(store, changes)), edit, **how)
            has_died = False
        if has_died and is_meant(store):
            return store
    raise AssertionError("no such point")


def records_in(store: MemoryStore) -> list[str]:
    return [key for key in keys_of(store) if key.startswith("__ngff_fn/fenced/")]


def stages_in(store: MemoryStore) -> set[str]:
    return {"/".join(key.split("/")[:3]) for key in keys_of(store) if key.startswith("__ngff_fn/stage/")}


def says(state: str) -> Callable[[MemoryStore], bool]:
    """Whether a record stands that says so."""
    said = f'"state": "{state}"'.encode()
    return lambda store: any(said in contents(store)[key] for key in records_in(store))


def told(store: MemoryStore) -> dict[str, str]:
    """What info says, by the place that it is said of."""
    problems = interrupted(as_another(store))
    assert {problem.kind for problem in problems} <= {"warning"}
    return {problem.location.partition("/")[2]: problem.message for problem in problems}


def kept(store: MemoryStore, **how: Any) -> dict[str, str]:
    """What vacuum keeps, and why."""
    done = nf.vacuum(as_another(store), **how)
    return {path.partition("/")[2]: str(why) for path, why in done.kept.items()}


@EVERY
@pytest.mark.parametrize(("state", "message"), [("prepare", BEGUN), ("commit", HAPPENED)])
def test_info_and_vacuum_name_the_record_of_an_interrupted_commit_and_say_that_recover_ends_it(
    root: Any, edit: Any, state: str, message: str
) -> None:
    store = killed(root, edit, says(state))
    left = contents(store)
    (record,) = records_in(store)
    assert told(store)[record] == kept(store, dry_run=True)[record] == kept(store)[record] == message
    assert "recover" in message
    assert contents(store) == left


@pytest.mark.parametrize(("state", "message"), [("prepare", BEGUN), ("commit", HAPPENED)])
def test_they_say_the_same_of_what_it_has_staged(state: str, message: str) -> None:
    store = killed(IMAGE, PIXELS, lambda store: says(state)(store) and bool(stages_in(store)))
    (stage,) = stages_in(store)
    assert told(store)[stage] == kept(store)[stage] == message


@pytest.mark.parametrize("state", ["prepare", "commit"])
def test_recover_says_that_it_removed_what_was_staged(state: str) -> None:
    store = killed(IMAGE, PIXELS, lambda store: says(state)(store) and bool(stages_in(store)))
    (stage,) = stages_in(store)
    assert f"{objects_of(store)[0].identity}/{stage}" in nf.recover(as_another(store)).removed
    assert not stages_in(store)


def test_what_no_commit_needs_any_more_is_for_vacuum() -> None:
    store = killed(IMAGE, PIXELS, lambda store: says("prepare")(store) and bool(stages_in(store)))
    (stage,), (record,) = stages_in(store), records_in(store)
    obstore.delete(store, record)
    assert told(store)[stage].endswith("vacuum removes it.")
    nf.vacuum(as_another(store))
    assert told(store) == {}


@EVERY
@pytest.mark.parametrize("state", ["prepare", "commit"])
def test_once_it_is_recovered_they_have_nothing_to_say(root: Any, edit: Any, state: str) -> None:
    store = killed(root, edit, says(state))
    nf.recover(as_another(store))
    assert told(store) == kept(store) == {}


def test_info_names_what_a_single_writer_left_with_its_own_cure() -> None:
    store = killed(IMAGE, PIXELS, lambda store: "/txn/" in "".join(keys_of(store)), single_writer=True)
    (message,) = (message for path, message in told(store).items() if "/txn/" in path)
    assert "recover(store, single_writer=True)" in message


@pytest.mark.parametrize("version", VERSIONS)
def test_info_and_vacuum_say_that_recover_ends_a_creation_that_has_happened(version: Version) -> None:
    for changes in range(100):
        store = MemoryStore()
        with suppress(Death):
            nf.create(as_another(store, Dying(store, changes)), IMAGE, version=version)
        if {"zarr.json", ".zattrs"} & {*keys_of(store)}:
            break
    claim = "__ngff_fn/creating"
    assert told(store)[claim] == kept(store)[claim] == CREATED
    nf.recover(as_another(store))
    assert told(store) == kept(store) == {}


def test_info_names_a_trial_of_what_the_store_can_do_that_was_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0)
    store = MemoryStore()
    nf.create(store, IMAGE, version="0.5")
    probe = f"__ngff_fn/{'0a' * 16}"
    obstore.put(store, probe, b"1")
    assert told(store)[probe].endswith("vacuum removes it.")
    nf.vacuum(as_another(store))
    assert told(store) == {}


def test_to_look_whether_anything_is_left_takes_three_requests() -> None:
    store = MemoryStore()
    nf.create(store, IMAGE, version="0.5")
    counting = Counting(store)
    door_to_it = as_another(store, counting)
    counting.requests.clear()
    assert interrupted(door_to_it) == ()
    assert len(counting.requests) == 3
