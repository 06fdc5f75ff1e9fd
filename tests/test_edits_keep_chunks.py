"""Edits cost what is new: chunks that are kept are never decoded nor encoded, as a codec that counts can tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.counting_codec import Seen, watched, with_counting_codec
from tests.crashes import files_below

CHUNKS = (1, 4, 4)
NEW = 9
"""What every pixel of something new is; those of the channel with number n are n + 1."""

SHARDED = [("0.4", None), ("0.5", None), ("0.5", (1, 2, 2))]


def channels(numbers: list[int], rows: int = 16, columns: int = 24) -> NDArray[Any]:
    return np.array(numbers, "uint8")[:, None, None] * np.ones((1, rows, columns), "uint8")


def image(numbers: list[int], levels: int, shards_ratio: tuple[int, ...] | None = None) -> nf.Image:
    flat = nf.image_from(channels(numbers), axes="cyx", chunks=CHUNKS, shards_ratio=shards_ratio)
    return with_counting_codec(nf.with_pyramid(flat, levels) if levels > 1 else flat)


def made(folder: Path, version: Version, levels: int, shards_ratio: tuple[int, ...] | None = None) -> Path:
    """Three channels of 1, 2 and 3."""
    nf.create(folder / "image.zarr", image([1, 2, 3], levels, shards_ratio), version=version)
    return folder / "image.zarr"


def pixels_of(store: Path, path: str = "") -> list[NDArray[Any]]:
    root: Any = nf.open_ome_zarr(store / path).root
    return [nf.evaluate(root, level.path) for level in root.levels]


def counted(act: Callable[[], Any]) -> Seen:
    with watched() as seen:
        act()
    return seen


def test_the_codec_sees_what_is_decoded_and_encoded(tmp_path: Path) -> None:
    for version in VERSIONS:
        assert set(counted(lambda: made(tmp_path / version, version, 1)).encoded) == {1, 2, 3}  # noqa: B023 — at once
        seen = counted(lambda: pixels_of(tmp_path / version / "image.zarr"))  # noqa: B023 — as above
        assert len(seen.decoded) == 3 * 4 * 6
        assert set(seen.decoded) == {1, 2, 3}


@pytest.mark.parametrize(("version", "shards"), SHARDED)
@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("position", [None, 1], ids=["last", "in the middle"])
def test_a_channel_that_is_added_is_all_that_is_encoded(
    tmp_path: Path, version: Version, shards: tuple[int, ...] | None, levels: int, position: int | None
) -> None:
    store = made(tmp_path, version, levels, shards)
    step = c.add_channel("new", data=channels([NEW])[0])
    move = [] if position is None else [c.reorder_channels(["0", "new", "1", "2"])]
    seen = counted(lambda: nf.update(store, step, *move))
    assert set(seen.decoded) <= {NEW}
    assert set(seen.encoded) == {NEW}
    assert len(seen.encoded) == sum([4 * 6, 2 * 3, 1 * 2][:levels])
    for level in pixels_of(store):
        wanted = [1, 2, 3, NEW] if position is None else [1, NEW, 2, 3]
        np.testing.assert_array_equal(level, channels(wanted, *level.shape[1:]))


@pytest.mark.parametrize(("version", "shards"), SHARDED)
@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("channel", ["0", "1", "2"])
def test_a_channel_that_is_removed_costs_no_pixel(
    tmp_path: Path, version: Version, shards: tuple[int, ...] | None, levels: int, channel: str
) -> None:
    store = made(tmp_path, version, levels, shards)
    seen = counted(lambda: nf.update(store, c.remove_channel(channel)))
    assert (seen.decoded, seen.encoded) == ([], [])
    left = [number for number in (1, 2, 3) if number != int(channel) + 1]
    for level in pixels_of(store):
        np.testing.assert_array_equal(level, channels(left, *level.shape[1:]))


@pytest.mark.parametrize(("version", "shards"), SHARDED)
@pytest.mark.parametrize(("levels", "borders"), [(1, (8, 16)), (2, (8, 16))])
def test_a_crop_along_the_borders_of_chunks_costs_no_pixel(
    tmp_path: Path, version: Version, shards: tuple[int, ...] | None, levels: int, borders: tuple[int, int]
) -> None:
    if shards and levels > 1:
        borders = (0, 16)  # of the shards of level 1, which are larger
    store = made(tmp_path, version, levels, shards)
    seen = counted(lambda: nf.update(store, c.crop(y=(borders[0], 16), x=(0, borders[1]))))
    assert (seen.decoded, seen.encoded) == ([], [])
    for number, level in enumerate(pixels_of(store)):
        shape = (16 - borders[0]) >> number, borders[1] >> number
        np.testing.assert_array_equal(level, channels([1, 2, 3], *shape))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plate_of_positions_of_both_versions_costs_no_pixel(tmp_path: Path, version: Version) -> None:
    stores = {well: made(tmp_path / each, each, 3) for well, each in zip(("A/1/0", "B/2/0"), VERSIONS, strict=True)}
    images: Any = {well: nf.open_ome_zarr(store).root for well, store in stores.items()}
    target = tmp_path / "plate.zarr"
    seen = counted(lambda: nf.create(target, nf.plate_from_positions(images), version=version))
    assert (seen.decoded, seen.encoded) == ([], [])
    for well in stores:
        for level in pixels_of(target, well):
            np.testing.assert_array_equal(level, channels([1, 2, 3], *level.shape[1:]))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_position_that_is_added_is_all_that_is_written(tmp_path: Path, version: Version) -> None:
    store = made(tmp_path, version, 3)
    target, root = tmp_path / "plate.zarr", nf.open_ome_zarr(store).root
    nf.create(target, nf.plate_from_positions({"A/1/0": root}), version=version)
    before = files_below(target / "A" / "1" / "0")
    seen = counted(lambda: nf.update(target, c.add_position("B/1/0", root), c.add_position("C/1/0", image([NEW], 1))))
    assert seen.decoded == []
    assert seen.encoded == [NEW] * 4 * 6
    assert files_below(target / "A" / "1" / "0") == before
