"""Write units that stay whole are copied as bytes: nothing decodes them, and only what goes is linked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from numcodecs import GZip
from zarr.codecs import GzipCodec

from ngff_fn.errors import StoreError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import Stored, crop, select, whole
from ngff_fn.records.snapshot import Version
from tests.arrays_in_stores import Home, counted, publish_new_pixels, spec
from tests.staging import again, stage

VERSIONS: tuple[Version, Version] = ("0.4", "0.5")


def smaller(*shape: Any, **how: Any) -> ArraySpec:
    """A compressed array: of its chunks nobody can tell by their size that they are damaged."""
    return evolve(
        spec(*shape, **how), compressors=(FrozenMap({"name": "gzip", "configuration": FrozenMap({"level": 1})}),)
    )


def damaged(home: Home, path: str, array: ArraySpec) -> Stored:
    """An array with chunks that nothing can decode: they can only have been copied."""
    gzip = GZip(level=1) if home.format == 2 else GzipCodec(level=1)
    base = home.create(path, array, counted(array.shape), compressors=gzip)
    for key, whole_unit in home.chunks(path).items():
        damage = f"damaged {key}".encode()
        index = whole_unit[len(damage) :] if array.shards else b""  # a shard that is cut off would be refused
        home.files.write(f"{path}/{key}", damage + index)
    return base


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("in_memory", [True, False])
def test_units_that_stay_whole_are_copied_and_never_decoded(tmp_path: Path, version: Version, in_memory: bool) -> None:
    home = Home(None if in_memory else tmp_path, version)
    array = smaller((10, 9), (2, 3), shards=(4, 3) if version == "0.5" else None)
    base = damaged(home, "base", array)
    step = array.write_unit[0]
    cropped = evolve(array, shape=(10 - step, 6))
    stage(home, "0", cropped, crop(base, ((step, 10), (3, 9))))
    there, prefix = home.chunks("base"), "c/" if version == "0.5" else ""
    rows = -(-cropped.shape[0] // step)
    assert home.chunks("0") == {
        f"{prefix}{row}/{column}": there[f"{prefix}{row + 1}/{column + 1}"]
        for row in range(rows)
        for column in range(2)
    }


def test_a_channel_dropped_from_the_middle_copies_all_others() -> None:
    home, array = Home(), smaller((3, 4, 4), (1, 4, 2))
    stage(home, "0", evolve(array, shape=(2, 4, 4)), select(damaged(home, "base", array), ((0, 2), range(4), range(4))))
    assert home.chunks("0")["c/1/0/1"] == b"damaged c/2/0/1"


def test_units_are_copied_between_stores_and_formats(tmp_path: Path) -> None:
    old, new, array = Home(tmp_path / "old", "0.4"), Home(version="0.5"), smaller((4, 4), (2, 4), separator=".")
    stage(new, "0", evolve(array, separator="/"), damaged(old, "base", array))
    assert new.chunks("0") == {"c/0/0": b"damaged 0.0", "c/1/0": b"damaged 1.0"}


def test_a_unit_that_is_not_there_stays_so() -> None:
    home, array = Home(), spec((4, 4), (2, 4), fill_value=5)
    base = home.create("base", array)
    stage(home, "0", array, base)
    assert home.chunks("0") == {}
    np.testing.assert_array_equal(home.values("0"), np.full((4, 4), 5))


def test_units_of_an_array_that_a_commit_is_about_to_change_are_seen_as_they_will_be(tmp_path: Path) -> None:
    home, array = Home(tmp_path), spec((4, 4), (2, 4))
    home.create("base", array, counted((4, 4)))
    new, changed = publish_new_pixels(home, "base", array)
    stage(home, "0", array, new)
    np.testing.assert_array_equal(home.values("0"), changed)


@pytest.mark.parametrize(
    "change", [{"dtype": "uint8"}, {"chunks": (2, 2)}, {"fill_value": 1}, {"shape": (3, 4)}, {"shards": (4, 4)}]
)
def test_units_with_another_encoding_or_another_end_are_not_copied(change: dict[str, Any]) -> None:
    home, array = Home(), spec((4, 4), (2, 4))
    base, changed = home.create("base", array, counted((4, 4))), evolve(array, **change)
    pixels = crop(base, whole(changed.shape))
    stage(home, "0", changed, pixels)
    np.testing.assert_array_equal(home.values("0"), counted((4, 4))[: changed.shape[0]].astype(changed.dtype))
    home.files.write("base/c/1/0", b"damaged")
    with pytest.raises(StoreError, match="no whole chunk or shard"):
        again(home, "0", changed, pixels)


def test_beyond_the_end_of_a_shorter_array_there_is_fill_value() -> None:
    home, array = Home(), spec((8,), (4,), fill_value=9)
    base = home.create("base", array, counted((8,)))
    stage(home, "0", evolve(array, shape=(6,)), crop(base, ((0, 6),)))
    last = np.frombuffer(home.chunks("0")["c/1"], "uint16")
    np.testing.assert_array_equal(last, [5, 6, 9, 9])


@pytest.mark.skipif(not hasattr(os, "link"), reason="no hard links")
def test_only_what_the_commit_retires_is_linked(tmp_path: Path) -> None:
    home, other, array = Home(tmp_path / "home"), Home(tmp_path / "other"), smaller((4, 4), (2, 4))
    going, staying = damaged(home, "going", array), damaged(home, "staying", array)
    foreign = damaged(other, "going", array)
    for path, base in (("0", going), ("1", staying), ("2", foreign)):
        for _ in range(2):
            (stage if not home.documents(path) else again)(home, path, array, base, retired=frozenset({"going"}))

    def inode(root: str, path: str) -> int:
        return (tmp_path / root / path / "c/0/0").stat().st_ino

    assert inode("home", "0") == inode("home", "going")
    assert inode("home", "1") != inode("home", "staying")
    assert inode("home", "2") != inode("other", "going")
    assert home.chunks("0") == home.chunks("2") == home.chunks("going")
