"""Channels of images with very many chunks: what a commit costs is what changes, and what it touches too."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below
from tests.many_chunks import PIXEL, block, chunks_of, counting, image_of_chunks

MANY = 100_000
Record = Callable[[str, object], None]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


def asked_for(store: Path, edit: Callable[[Any], Any]) -> Counter[str]:
    """What the files of a store are asked while it is opened, edited and committed."""
    address, asked = counting(store)
    base = nf.open_ome_zarr(address, mode="r+")
    nf.commit(address, nf.diff(base, edit(base.root)))
    return asked


def seconds(store: Path, edits: list[Callable[[Any], Any]]) -> float:
    """The least of what each edit takes from opening to the end of its commit."""
    taken = []
    for edit in edits:
        start = time.perf_counter()
        base = nf.open_ome_zarr(store, mode="r+")
        nf.commit(store, nf.diff(base, edit(base.root)))
        taken.append(time.perf_counter() - start)
    return min(taken)


EMPTY: dict[str, Callable[[Any], Any]] = {
    "a channel": c.add_channel("b"),
    "a channel and its pyramid": lambda image: nf.add_channel(nf.with_pyramid(image, 2, method=None), "b"),
    "a name": c.rename_channel("a", "b"),
    "a scale": c.set_scale(y=0.5),
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_adds_no_pixels_asks_as_little_of_many_chunks_as_of_few(
    name: str, version: Version, quick_path: Path
) -> None:
    few = image_of_chunks(quick_path / "few.zarr", version, 10)
    many = image_of_chunks(quick_path / "many.zarr", version, 2_000)
    assert asked_for(many, EMPTY[name]) == asked_for(few, EMPTY[name])


def test_an_empty_channel_beside_a_hundred_thousand_chunks_takes_at_most_three_times_as_long_as_beside_ten(
    version: Version, quick_path: Path, record_property: Record
) -> None:
    few = image_of_chunks(quick_path / "few.zarr", version, 10)
    many = image_of_chunks(quick_path / "many.zarr", version, MANY // 1_000, 1_000)
    edits: list[Callable[[Any], Any]] = [c.add_channel(f"b{number}") for number in range(5)]
    assert seconds(many, edits) <= 3 * seconds(few, edits)
    record_property("chunks beside which an empty channel was added", MANY)
    last = nf.open_array(many, "0")
    assert last.shape == (6, MANY // 1_000, 1_000)
    assert (last[0, 7, 13], last[5, 7, 13]) == (PIXEL, 0)


def identities(store: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of every file."""
    found = {}
    for name in files_below(store):
        status = os.lstat(store / name)
        found[name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def test_a_channel_with_data_writes_its_chunks_and_the_documents_and_nothing_else(
    version: Version, quick_path: Path
) -> None:
    store = image_of_chunks(quick_path / "image.zarr", version, 300)
    before = identities(store)
    nf.update(store, c.add_channel("b", data=block(7, 300)))
    after = identities(store)
    chunks = {str(path.relative_to(store)) for path in chunks_of(store, version, 1).glob("*/*")}
    documents = {".zattrs", "0/.zarray", "0/.zattrs"} if version == "0.4" else {"zarr.json", "0/zarr.json"}
    assert len(chunks) == 300
    assert {name for name in before | after if before.get(name) != after.get(name)} == chunks | documents
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), [block(PIXEL, 300), block(7, 300)])


def test_a_channel_of_zeros_writes_the_documents_only(version: Version, quick_path: Path) -> None:
    store = image_of_chunks(quick_path / "image.zarr", version, 300)
    before = files_below(store)
    nf.update(store, c.add_channel("b", data=block(0, 300)))
    after = files_below(store)
    documents = {".zattrs", "0/.zarray", "0/.zattrs"} if version == "0.4" else {"zarr.json", "0/zarr.json"}
    assert {name for name in before | after if before.get(name) != after.get(name)} == documents


@pytest.mark.parametrize("in_one_commit", [True, False])
@pytest.mark.parametrize("index", [None, 0])
def test_a_channel_removed_and_another_added_show_no_pixel_of_the_first(
    index: int | None, in_one_commit: bool, version: Version, quick_path: Path
) -> None:
    store = image_of_chunks(quick_path / "image.zarr", version, 20)
    nf.update(store, c.add_channel("b", data=block(7, 20)), c.with_pyramid(levels=2, axes="y"))
    steps = [c.remove_channel("b"), c.add_channel("c", index=index)]
    for some in [steps] if in_one_commit else [[step] for step in steps]:
        nf.update(store, *some)
    old = [block(PIXEL, 20), block(0, 20)][:: 1 if index is None else -1]
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), old)
    np.testing.assert_array_equal(nf.to_numpy(store, "1"), [each[::2] for each in old])
    files = {str(path.relative_to(store)) for path in chunks_of(store, version, 1 if index is None else 0).glob("*/*")}
    assert files == set()


BLANKED: dict[str, Callable[[Any], Any]] = {
    "update_channel": c.update_channel("a", "0", block(0, 20)),
    "set_region": c.set_region(0, ((0, 1), (0, 20), (0, 1)), 0),
}


@pytest.mark.parametrize("name", ["add_channel", *BLANKED])
def test_chunks_that_stand_where_nothing_is_to_be_seen_are_taken_away(
    name: str, version: Version, quick_path: Path
) -> None:
    """Left behind by a program that only shortened the shape; or chunks of what is blanked now."""
    store = image_of_chunks(quick_path / "image.zarr", version, 20)
    if name == "add_channel":
        chunks = chunks_of(store, version, 1) / "3"
        chunks.mkdir(parents=True)
        (chunks / "0").write_bytes(b"\x09")
        nf.update(store, c.add_channel("b"))
        expected = [block(PIXEL, 20), block(0, 20)]
    else:
        nf.update(store, BLANKED[name])
        expected = [block(0, 20)]
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), expected)
    assert list(chunks_of(store, version, len(expected) - 1).glob("*/*")) == []
