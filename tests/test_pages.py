"""One page of a listing says of many documents that they are not there, and never of one that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.exceptions import GenericError
from obstore.store import LocalStore, MemoryStore, S3Store
from toolz import partition_all

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.objects.pages import that_may_hold
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

    def first_page(self, path: str) -> tuple[list[str], bool]:
        self.requests.append(f"page {path}")
        return super().first_page(path)


class Ordered:
    """The functions of obstore; what is listed comes in another order than the store says."""

    def __init__(self, order: Callable[[list[str]], list[str]]) -> None:
        self._order = order

    def __getattr__(self, name: str) -> Any:
        return getattr(obstore, name)

    def list(self, store: Any, prefix: str | None, *, chunk_size: int) -> Any:
        metas = {meta["path"]: meta for some in obstore.list(store, prefix) for meta in some}
        keys = self._order(list(metas))
        return iter([[metas[key] for key in some] for some in partition_all(chunk_size, keys)])


class Refusing:
    """The functions of obstore; a key that is no path cannot be listed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(obstore, name)

    def list(self, *_: Any, **__: Any) -> Any:
        raise GenericError('Path "A//x" contained empty path segment')


def hierarchy(store: MemoryStore, paths: Iterable[str], chunks: Callable[[], int] = lambda: 3) -> set[str]:
    """Groups that hold consolidated metadata, in groups that do not; all of them."""
    groups = {group for path in paths for group in groups_around(path)}
    for group in groups:
        obstore.put(store, f"{group}/.zgroup".lstrip("/"), b"{}")
        for chunk in range(chunks()):
            obstore.put(store, f"{group}/{chunk}/0".lstrip("/"), b"0")
    for path in paths:
        obstore.put(store, holder(path), b"{}")
    return groups


@given(there=st.sets(PATHS, max_size=12), asked=st.sets(PATHS, max_size=8), per_page=st.integers(1, 40), data=st.data())
def test_none_that_is_there_is_left_out_however_small_pages_are(
    there: set[str], asked: set[str], per_page: int, data: st.DataObject
) -> None:
    store = MemoryStore()
    groups = hierarchy(store, there, lambda: data.draw(st.integers(0, 12)))
    groups |= {group for path in asked for group in groups_around(path)}
    objects = Pages(store, per_page)
    found = that_may_hold(objects, groups)
    assert there <= found <= groups
    assert len(objects.requests) + len(found) <= len(groups) + len(there)


ORDERS: dict[str, Callable[[list[str]], list[str]]] = {
    "backwards": lambda keys: keys[::-1],
    "directory by directory": lambda keys: sorted(keys, key=lambda key: key.split("/")),
    "UTF-16": lambda keys: sorted(keys, key=lambda key: key.encode("utf-16-be")),
    "files first": lambda keys: sorted(keys, key=lambda key: [(each != key, each) for each in steps_to(key)]),
    "files last": lambda keys: sorted(keys, key=lambda key: [(each == key, each) for each in steps_to(key)]),
}


def steps_to(key: str) -> list[str]:
    return list(accumulate(key.split("/"), "{}/{}".format))


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@given(there=st.sets(PATHS, max_size=8), per_page=st.integers(2, 40))
def test_none_is_left_out_by_a_server_that_lists_in_an_order_of_its_own(
    order: Callable[[list[str]], list[str]], there: set[str], per_page: int
) -> None:
    store = MemoryStore()
    groups = hierarchy(store, there)
    objects = Pages(store, per_page)
    objects._api = Ordered(order)
    assert there <= that_may_hold(objects, groups)


@pytest.mark.parametrize("order", ["directory by directory", "UTF-16"])
@pytest.mark.parametrize("names", [("nuclei", "nuclei-2"), ("\U0001f600", "\uff21")], ids=["hyphen", "emoji"])
def test_the_first_of_two_orders_does_not_answer_for_what_comes_later_in_the_other(
    order: str, names: tuple[str, str]
) -> None:
    store = MemoryStore()
    groups = hierarchy(store, {f"A/1/0/labels/{name}" for name in names}, lambda: 60)
    objects = Pages(store, 50)
    objects._api = Ordered(ORDERS[order])
    assert {f"A/1/0/labels/{name}" for name in names} <= that_may_hold(objects, groups)


def test_what_cannot_be_listed_is_asked_for_by_itself() -> None:
    store = MemoryStore()
    nf.create(store, a_plate(["A/1", "B/2"]), version="0.4")
    objects = Pages(store, 500)
    objects._api = Refusing()
    nf.update(door(objects), c.each_image(c.rename_channel("DAPI", "nuclei")))
    assert channels_in(store) == {("nuclei", "GFP")}


def test_a_file_system_is_asked_for_each() -> None:
    url = "memory://pages/plate.zarr"
    nf.create(url, a_plate(["A/1", "B/2"]), version="0.4", single_writer=True)
    nf.update(url, c.each_image(c.rename_channel("DAPI", "nuclei")), single_writer=True)
    assert channels_in(url) == {("nuclei", "GFP")}


def channels_in(store: Any) -> set[tuple[str, ...]]:
    plate: Any = nf.open_ome_zarr(store).root
    images: list[Any] = [image for _, image in nf.positions(plate)]
    return {nf.channel_names(image) for image in images}


def test_a_directory_bucket_has_no_order() -> None:
    credentials: dict[str, Any] = {"region": "us-east-1", "skip_signature": True}
    assert Pages(S3Store("images", **credentials), 1).lists_in_order
    assert not Pages(S3Store("images--use1-az4--x-s3", **credentials), 1).lists_in_order


def test_directories_are_in_no_order_that_could_answer(tmp_path: Any) -> None:
    store = LocalStore(tmp_path)
    for key in ("z", "A/z", "A/1/z", ".zmetadata", "A/.zmetadata", "A/1/.zmetadata"):
        obstore.put(store, key, b"{}")
    groups = {"", "A", "A/1"}
    assert that_may_hold(Pages(store, 2), groups) == groups


def test_what_a_whole_listing_lacks_is_not_there() -> None:
    objects = Pages(MemoryStore(), 500)
    assert that_may_hold(objects, ["", "A", "A/1", "A/1/0"]) == set()
    assert objects.requests == ["page "]


def test_groups_side_by_side_are_asked_for_by_themselves() -> None:
    objects = Pages(MemoryStore(), 500)
    groups = {"0", "1", "2", "3"}
    assert that_may_hold(objects, groups) == groups
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
