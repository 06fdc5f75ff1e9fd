"""A whole store takes the place of another among objects, in one step: as readers see it, and whoever dies."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import count, product
from typing import Any
from uuid import uuid4

import numpy as np
import obstore
import pytest
import zarr
from attrs import evolve
from obstore.store import MemoryStore
from zarr.storage import ObjectStore, StorePath

import ngff_fn as nf
from ngff_fn.effects.objects import claims, fences, leases
from ngff_fn.effects.objects.fenced import State, fence
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.leases import Lease
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import IDENTITY, Careless, Counting, Death, Dying, contents, copied, door, keys_of, overtaken_at

REPLACING: dict[str, Any] = {"overwrite": True, "disable_path_checking": True}


def an_image(value: int = 1, size: int = 8, chunk: int = 4) -> nf.Image:
    pixels = np.full((2, size, size), value, "uint8")
    return nf.image_from(pixels, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, chunk, chunk))


def with_labels(name: str) -> nf.Image:
    return nf.add_label(nf.with_pyramid(an_image(7, size=6, chunk=3), 2), name, np.ones((6, 6), "uint8"))


def with_more(image: Any) -> nf.Image:
    return nf.add_label(image, "more", np.ones(image.levels[0].array.shape[1:], "uint8"))


ROOTS: dict[str, Any] = {
    "an image": an_image(),
    "one with nuclei": with_labels("nuclei"),
    "one with cells": with_labels("cells"),
    "a plate": nf.plate_from_positions({"A/1/0": an_image(), "B/2/0": with_labels("cells")}),
    "another plate": nf.plate_from_positions({"A/1/0": with_labels("nuclei"), "A/3/0": an_image(3)}),
}


@pytest.mark.parametrize("versions", list(product(VERSIONS, VERSIONS)), ids="-".join)
@pytest.mark.parametrize(("old", "new"), list(product(ROOTS, ROOTS)))
def test_what_is_left_is_what_would_be_created(old: str, new: str, versions: tuple[Version, Version]) -> None:
    store, alone = MemoryStore(), MemoryStore()
    nf.create(store, ROOTS[old], version=versions[0])
    for key in ("notes.txt", "0/notes.txt", "tables/t.csv"):
        obstore.put(store, key, b"of others")
    nf.create(store, ROOTS[new], version=versions[1], **REPLACING)
    nf.create(alone, ROOTS[new], version=versions[1])
    assert contents(store) == contents(alone)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("root", ["an image", "a plate"])
def test_what_holds_no_document_at_all_is_replaced_too(root: str, version: Version) -> None:
    store, alone = MemoryStore(), MemoryStore()
    for key in ("notes.txt", "0/c/0/0/0", "0/0.0.0", "A/100% of it.csv"):
        obstore.put(store, key, b"of others")
    nf.create(store, ROOTS[root], version=version, **REPLACING)
    nf.create(alone, ROOTS[root], version=version)
    assert contents(store) == contents(alone)


@pytest.mark.parametrize("change", range(0, 24, 3))
def test_of_two_who_replace_what_holds_no_document_each_comes_before_or_after_the_other(
    change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.02)
    store = MemoryStore()
    obstore.put(store, "notes.txt", b"of others")
    objects = overtaken_at(
        change, store, lambda: nf.create(door(Counting(store)), an_image(7), version="0.5", **REPLACING)
    )
    nf.create(door(objects), an_image(9), version="0.5", **REPLACING)
    assert np.unique(nf.to_numpy(store, "0")).tolist() in ([7], [9])
    assert not [key for key in keys_of(store) if "ngff_fn" in key or "notes" in key]


@pytest.mark.parametrize("version", VERSIONS)
def test_inside_of_a_hierarchy_the_consolidated_metadata_above_say_so(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, ROOTS["a plate"], version=version)
    its_files = ObjectStore(store)
    zarr.consolidate_metadata(its_files, zarr_format=2 if version == "0.4" else 3)
    nf.create(StorePath(its_files, "B/2/0"), an_image(5), version=version, **REPLACING)
    listed, there = (
        {name for name, _ in zarr.open_group(its_files, mode="r", use_consolidated=use).members(max_depth=None)}
        for use in (True, False)
    )
    assert listed == there
    assert "B/2/0/labels" not in listed
    assert (nf.to_numpy(StorePath(its_files, "B/2/0"), "0") == 5).all()


@pytest.mark.parametrize("change", range(0, 60, 6))
def test_what_another_writer_adds_meanwhile_is_replaced_as_well_or_comes_after_it(
    change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.02)  # who is not dead has his commit ended, and begins again
    store = MemoryStore()
    nf.create(store, with_labels("cells"), version="0.5")

    objects = overtaken_at(change, store, lambda: nf.update(door(Counting(store)), with_more))
    nf.create(door(objects), an_image(9), version="0.5", **REPLACING)
    found: Any = nf.open_ome_zarr(store).root
    assert {label.path for label in getattr(found.labels, "images", ())} <= {"more"}  # of one who came after it
    assert (nf.to_numpy(store, "0") == 9).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_what_has_happened_is_not_taken_back_where_it_is_interrupted_right_then(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, alone = MemoryStore(), MemoryStore()
    nf.create(store, with_labels("cells"), version=version)
    nf.create(alone, an_image(5), version=version)

    class Interrupted(Lease):
        def say(self, state: State) -> bool:
            done = super().say(state)
            if state == "commit":
                raise KeyboardInterrupt
            return done

    with monkeypatch.context() as interrupted:
        interrupted.setattr(fences, "Lease", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            nf.create(door(Counting(store)), an_image(5), version=version, **REPLACING)
    monkeypatch.setattr(leases, "SILENCE", 0.02)
    nf.recover(door(Counting(store)))
    assert but_for_revisions(store) == but_for_revisions(alone)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("node", ["", "0"])
def test_what_a_commit_that_never_happened_has_left_where_there_was_nothing_is_replaced(
    node: str, version: Version
) -> None:
    store, alone = MemoryStore(), MemoryStore()
    nf.create(alone, an_image(), version=version)
    name = "zarr.json" if version == "0.5" else ".zattrs"
    obstore.put(store, f"{node}/{name}".lstrip("/"), fence(b"{}", uuid4().hex))
    nf.create(evolve(door(Counting(store)), patience=1.0), an_image(), version=version, **REPLACING)
    assert but_for_revisions(store) == but_for_revisions(alone)


def test_what_somebody_is_creating_just_now_is_not_replaced() -> None:
    store = MemoryStore()
    with pytest.raises(Death):
        nf.create(door(Dying(store, 8)), an_image(), version="0.5")
    before = contents(store)
    with pytest.raises(nf.StoreExistsError, match=r"creates it just now, or has died.*vacuum"):
        nf.create(door(Counting(store)), an_image(), version="0.5", **REPLACING)
    assert contents(store) == before


@pytest.mark.parametrize(
    ("key", "data"), [("refs/branch.main/ref.json", b"{}"), ("repo", "ICE🧊CHUNK".encode() + 100 * b"0")]
)
def test_a_repository_of_icechunk_is_neither_replaced_nor_created_in(key: str, data: bytes) -> None:
    store = MemoryStore()
    for name, text in ((key, data), ("snapshots/0", b"1")):
        obstore.put(store, f"a.zarr/{name}", text)
    before = contents(store)
    for options in (REPLACING, {}):
        with pytest.raises(nf.StoreExistsError, match=r"hand in the icechunk\.Repository"):
            nf.create(door(Counting(store), "a.zarr"), an_image(), version="0.5", **options)
    for act in (nf.recover, nf.vacuum):
        with pytest.raises(nf.StoreNotFoundError, match=r"hand in the icechunk\.Repository"):
            act(Address(files=ObjectFiles(Counting(store), "a.zarr"), path=""))
    assert contents(store) == before


def test_a_file_of_that_name_is_not_replaced() -> None:
    store = MemoryStore()
    obstore.put(store, "a.zarr", b"a file")
    with pytest.raises(nf.StoreExistsError, match="a file is there"):
        nf.create(door(Counting(store), "a.zarr"), an_image(), version="0.5", **REPLACING)
    assert contents(store) == {"a.zarr": b"a file"}


def test_where_conditions_are_ignored_it_is_refused_before_anything_is_written() -> None:
    store = MemoryStore()
    nf.create(store, an_image(), version="0.5")
    before = contents(store)
    for options in ({}, {"single_writer": True}):
        with pytest.raises(nf.UnsupportedError, match="ignores"):
            nf.create(door(Careless(store, IDENTITY)), an_image(5), version="0.5", **REPLACING, **options)
        assert contents(store) == before


def test_a_single_writer_replaces_by_conditions_too() -> None:
    store = MemoryStore()
    nf.create(store, with_labels("cells"), version="0.4")
    nf.create(door(Counting(store)), an_image(5), version="0.4", single_writer=True, **REPLACING)
    assert not [key for key in keys_of(store) if "labels" in key or "ngff_fn" in key]
    assert (nf.to_numpy(store, "0") == 5).all()


def test_where_nothing_is_there_it_is_created_in_its_place() -> None:
    store = MemoryStore()
    objects = Counting(store)
    nf.create(door(objects), an_image(), version="0.5", **REPLACING)
    assert not [request for request in objects.requests if "stage" in request]
    assert claims.end_creation(door(Counting(copied(store))).files, "") is False  # type: ignore[arg-type]


def but_for_revisions(store: MemoryStore) -> dict[str, bytes]:
    """All objects; the revision of an array is another one in each store."""
    return {key: re.sub(rb'"revision": "[0-9a-f]+"', b"", data) for key, data in contents(store).items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_that_is_refused_leaves_no_fence_behind(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENCE", 0.02)
    start, after = MemoryStore(), MemoryStore()
    old, new = with_more(an_image()), an_image(5)
    nf.create(start, old, version=version)
    nf.create(after, new, version=version)

    class Busy(Counting):
        """One request is not carried out."""

        left = 0
        at_once = 1

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            self.left -= 1
            if self.left == -1:
                raise self._errors.GenericError("503 Slow Down")
            return super().change(operation, *arguments, **said)

    for change in count():
        store = copied(start)
        objects = Busy(store)
        objects.left = change
        with suppress(nf.StoreError):
            nf.create(door(objects), new, version=version, **REPLACING)
        nf.recover(door(Counting(store)))
        assert but_for_revisions(store) in (but_for_revisions(start), but_for_revisions(after))
        if objects.left >= 0:
            break
