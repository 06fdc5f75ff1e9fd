"""One page of a listing says of many documents that they are not there, and never of one that is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore, S3Store

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.pages import possible
from tests.objects import Counting, door

NAMES = ["A", "B", "1", "10", "2", "labels", "-x", "a b", "é", "~"]
PATHS = st.lists(st.sampled_from(NAMES), max_size=4).map("/".join)


def holder(path: str) -> str:
    return f"{path}/.zmetadata" if path else ".zmetadata"


def groups_around(path: str) -> set[str]:
    return {"", *accumulate(filter(None, path.split("/")), "{}/{}".format)}


class Pages(Counting):
    """Pages as small as a test wants them."""

    def __init__(self, store: Any, per_page: int) -> None:
        super().__init__(store)
        self.per_page = per_page

    def first_page(self, path: str) -> tuple[frozenset[str], str | None]:
        self.requests.append(f"page {path}")
        return super().first_page(path)


class Backwards:
    """The functions of obstore; what is listed comes in another order than the store says."""

    def __getattr__(self, name: str) -> Any:
        return getattr(obstore, name)

    def list(self, store: Any, prefix: str | None, *, chunk_size: int) -> Any:
        keys = [meta for some in obstore.list(store, prefix) for meta in some][::-1]
        return iter([keys[start : start + chunk_size] for start in range(0, len(keys), chunk_size)])


@given(there=st.sets(PATHS, max_size=12), asked=st.sets(PATHS, max_size=8), per_page=st.integers(1, 40), data=st.data())
def test_none_that_is_there_is_left_out_however_small_pages_are(
    there: set[str], asked: set[str], per_page: int, data: st.DataObject
) -> None:
    store = MemoryStore()
    for path in there:
        obstore.put(store, holder(path), b"{}")
        for chunk in range(data.draw(st.integers(0, 12))):
            obstore.put(store, f"{path}/{chunk}/0".lstrip("/"), b"0")
    keys = {holder(group) for path in there | asked for group in groups_around(path)}
    objects = Pages(store, per_page)
    found = possible(objects, keys)
    assert {holder(path) for path in there} <= found <= keys
    assert len(objects.requests) + len(found) <= len(keys) + len(there)


@given(there=st.sets(PATHS, max_size=6), per_page=st.integers(2, 40))
def test_a_listing_that_is_not_in_order_answers_for_nothing_but_as_a_whole(there: set[str], per_page: int) -> None:
    store = MemoryStore()
    for path in there:
        for name in (".zgroup", ".zmetadata", "0", "1", "2"):
            obstore.put(store, f"{path}/{name}".lstrip("/"), b"{}")
    objects = Pages(store, per_page)
    objects._api = Backwards()
    keys = {holder(group) for path in there for group in groups_around(path)}
    assert {holder(path) for path in there} <= possible(objects, keys)


def test_a_directory_bucket_has_no_order() -> None:
    credentials: dict[str, Any] = {"region": "us-east-1", "skip_signature": True}
    assert Pages(S3Store("images", **credentials), 1).lists_in_order
    assert not Pages(S3Store("images--use1-az4--x-s3", **credentials), 1).lists_in_order


def test_directories_are_in_no_order_that_could_answer(tmp_path: Any) -> None:
    store = LocalStore(tmp_path)
    for key in ("z", "A/z", "A/1/z", ".zmetadata", "A/.zmetadata", "A/1/.zmetadata"):
        obstore.put(store, key, b"{}")
    keys = {holder(""), holder("A"), holder("A/1")}
    assert possible(Pages(store, 2), keys) == keys


def test_what_a_whole_listing_lacks_is_not_there() -> None:
    objects = Pages(MemoryStore(), 500)
    assert possible(objects, map(holder, ["", "A", "A/1", "A/1/0"])) == set()
    assert objects.requests == ["page "]


def test_groups_side_by_side_are_asked_for_by_themselves() -> None:
    objects = Pages(MemoryStore(), 500)
    keys = set(map(holder, ["0", "1", "2", "3"]))
    assert possible(objects, keys) == keys
    assert objects.requests == []


def a_plate(wells: Sequence[str]) -> nf.Plate:
    image = nf.image_from(np.ones((2, 8, 8), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 1, 1))
    return nf.plate_from_positions({f"{well}/0": image for well in wells})


@pytest.mark.parametrize(
    "wells",
    [["A/1", "A/2"], ["A/1", "B/2"], [f"{row}/{column}" for row in "ABC" for column in range(1, 5)]],
    ids=["one row", "a well in each row", "rows and columns"],
)
@pytest.mark.parametrize("per_page", [12, 500])
def test_a_commit_of_n_positions_takes_four_n_and_three_requests(wells: Sequence[str], per_page: int) -> None:
    store = MemoryStore()
    nf.create(store, a_plate(wells), version="0.4")
    objects = Pages(store, per_page)
    base = nf.open_ome_zarr(door(objects), mode="r+")
    objects.requests.clear()
    plan = nf.diff(base, c.each_image(c.rename_channel("DAPI", "nuclei"))(base.root))
    nf.commit(door(objects), plan)
    assert len(plan.operations) == len(wells)
    assert len(objects.requests) <= 4 * len(wells) + 3


@pytest.mark.parametrize("per_page", [5, 12, 500])
@pytest.mark.parametrize("path", ["", "A", "A/1", "A/1/0", "B", "B/2/0"])
def test_consolidated_metadata_of_any_group_are_kept_true(path: str, per_page: int) -> None:
    import zarr

    store = MemoryStore()
    nf.create(store, a_plate(["A/1", "A/2", "B/1", "B/2"]), version="0.4")
    zarr.consolidate_metadata(zarr.storage.ObjectStore(store), path=path, zarr_format=2)
    nf.update(door(Pages(store, per_page)), c.each_image(c.rename_channel("DAPI", "nuclei")))
    group = zarr.open_group(zarr.storage.ObjectStore(store), path=path, mode="r", use_consolidated=True)
    fields = [each for _, each in group.members(max_depth=None) if "omero" in each.attrs] or [group]
    omeros: list[Any] = [field.attrs["omero"] for field in fields]
    assert {omero["channels"][0]["label"] for omero in omeros} == {"nuclei"}
