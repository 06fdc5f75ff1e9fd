"""Staging writes what recipes mean: whole units, the same bytes by any executor, copied where nothing changes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve
from hypothesis import given as for_all
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngff_fn.effects.pixels.evaluate import evaluated
from ngff_fn.effects.pixels.pixels import stage_pixels
from ngff_fn.effects.pixels.units import units
from ngff_fn.errors import ConflictError, InvalidValueError, StoreError, StoreExistsError
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import METHODS, Pixels, Region, downsample, fill, given, mosaic, select, whole
from ngff_fn.records.snapshot import Version
from tests.arrays_in_stores import Home, counted, spec
from tests.recipes import DTYPES, meaning, recipes, shapes
from tests.staging import again, stage

VERSIONS: tuple[Version, Version] = ("0.4", "0.5")


@st.composite
def encodings(draw: st.DrawFn, shape: tuple[int, ...], version: Version) -> ArraySpec:
    chunks = tuple(draw(st.integers(1, 4)) for _ in shape)
    per_shard = [draw(st.integers(1, 3)) for _ in shape]
    shards = tuple(size * n for size, n in zip(chunks, per_shard, strict=True))
    return spec(
        shape,
        chunks,
        draw(st.sampled_from(DTYPES)),
        shards=shards if version == "0.5" and draw(st.booleans()) else None,
        fill_value=draw(st.integers(0, 2)),
        separator=draw(st.sampled_from(["/", "."])),
    )


# --- what is written --------------------------------------------------------------------------------------------------


@for_all(st.data(), st.sampled_from(VERSIONS))
def test_what_is_staged_is_what_the_recipe_means(data: st.DataObject, version: Version) -> None:
    home, shape = Home(version=version), data.draw(shapes(3))
    values = counted((7, 8, 9))
    base = home.create("base", spec((7, 8, 9), (2, 3, 4)), values)
    pixels, array = data.draw(recipes(shape, {base: values})), data.draw(encodings(shape, version))
    stage(home, "staged", array, pixels)
    np.testing.assert_array_equal(home.values("staged"), meaning(pixels, array.dtype, {base: values}))


@for_all(st.data(), st.sampled_from(VERSIONS))
def test_a_pyramid_made_of_what_was_staged_is_what_its_recipe_means(data: st.DataObject, version: Version) -> None:
    home, shape = Home(version=version), data.draw(shapes(3))
    values = counted((7, 8, 9))
    base = home.create("base", spec((7, 8, 9), (2, 3, 4)), values)
    pixels, sources = data.draw(recipes(shape, {base: values})), dict[Pixels, tuple[str, ArraySpec]]()
    dtype, method = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(METHODS))
    for level in range(3):
        array = evolve(data.draw(encodings(pixels.shape, version)), dtype=dtype)
        stage(home, str(level), array, pixels, sources=sources)
        np.testing.assert_array_equal(home.values(str(level)), meaning(pixels, dtype, {base: values}))
        sources[pixels] = (str(level), array)
        factors = tuple(data.draw(st.integers(1, 2)) for _ in shape)
        below = tuple(-(-size // factor) for size, factor in zip(pixels.shape, factors, strict=True))
        pixels = downsample(pixels, factors, method, below)


@pytest.mark.parametrize("version", VERSIONS)
def test_units_of_fill_value_are_not_there(version: Version) -> None:
    home, array = Home(version=version), spec((8, 8), (4, 4), fill_value=7)
    block = np.full((4, 4), 7)
    stage(
        home,
        "0",
        array,
        mosaic(fill((8, 8), 7.0), [(((0, 4), (4, 8)), given(counted((4, 4)))), (((4, 8), (0, 4)), given(block))]),
    )
    assert [key.removeprefix("c/") for key in home.chunks("0")] == ["0/1"]


def test_what_a_given_array_holds_under_fill_is_not_asked_for() -> None:
    home, watched = Home(), Watched(counted((8, 8)))
    stage(home, "0", spec((8, 8), (4, 4)), mosaic(given(watched), [(((0, 8), (0, 4)), fill((8, 4)))]))
    assert watched.asked == [((0, 4), (4, 8)), ((4, 8), (4, 8))]


def test_tasks_run_twice_write_the_same() -> None:
    home, array = Home(), spec((8, 8), (4, 4), shards=(8, 4))
    pixels = mosaic(fill((8, 8)), [(((0, 8), (0, 3)), given(counted((8, 3))))])
    stage(home, "0", array, pixels)
    once = home.chunks("0")
    again(home, "0", array, pixels)
    assert home.chunks("0") == once


def test_only_the_units_that_are_named_are_written() -> None:
    home, array = Home(), spec((8, 8), (4, 4))
    home.create("0", array)
    stage_pixels(home.files, "0", "0.5", array, given(counted((8, 8))), [(0, 1), (1, 1)])
    assert sorted(home.chunks("0")) == ["c/0/1", "c/1/1"]


# --- what is read -----------------------------------------------------------------------------------------------------


class Watched:
    """An array that remembers what it was asked for, and how much of it at a time."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.asked: list[Region] = []
        self.at_work = self.most_at_work = 0
        self._mutex = threading.Lock()

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
        with self._mutex:
            self.asked.append(tuple((part.start, part.stop) for part in index))
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        time.sleep(0.002)
        with self._mutex:
            self.at_work -= 1
        taken: NDArray[Any] = self.values[index]
        return taken

    @property
    def elements(self) -> int:
        return sum(prod(stop - start for start, stop in region) for region in self.asked)


def test_a_pyramid_asks_what_was_given_once() -> None:
    home, watched, sources = Home(), Watched(counted((16, 16))), dict[Pixels, tuple[str, ArraySpec]]()
    pixels = given(watched)
    for level, size in enumerate((16, 8, 4, 2)):
        array = spec((size, size), (4, 4))
        stage(home, str(level), array, pixels, sources=sources)
        sources[pixels] = (str(level), array)
        pixels = downsample(pixels, (2, 2), "mean", (size // 2, size // 2))
    assert watched.elements == 16 * 16
    assert max(prod(stop - start for start, stop in region) for region in watched.asked) == 4 * 4


def test_a_channel_that_is_added_is_asked_for_once_and_what_stays_is_not_read() -> None:
    home, watched = Home(), Watched(counted((1, 8, 8)))
    sources, parts, part = dict[Pixels, tuple[str, ArraySpec]](), list[Pixels](), given(watched)
    for level, size in enumerate((8, 4, 2)):
        old = spec((2, size, size), (1, 2, 2))
        base = home.create(f"base{level}", old, counted(old.shape))
        home.files.write(f"base{level}/c/0/0/0", b"damaged")
        array = evolve(old, shape=(3, size, size))
        pixels = mosaic(fill(array.shape), [(whole(old.shape), base), (((2, 3), *whole(array.shape)[1:]), part)])
        home.create(str(level), array)
        new: Region = ((2, 3), *whole(array.shape)[1:])
        stage_pixels(home.files, str(level), "0.5", array, pixels, units(array, [new]), sources=sources)
        sources[pixels] = (str(level), array)
        parts.append(part)
        part = downsample(part, (1, 2, 2), "max", (1, size // 2, size // 2))
    assert watched.elements == 8 * 8
    for level, staged in enumerate(parts):
        np.testing.assert_array_equal(home.values(str(level))[2:], evaluated(staged, "uint16", whole(staged.shape)))


def test_one_unit_at_a_time_where_the_memory_allows_no_more() -> None:
    home, array = Home(), spec((16, 16), (4, 4))
    alone, together = Watched(counted((16, 16))), Watched(counted((16, 16)))
    stage(home, "0", array, given(alone), memory_limit=4 * 4 * 2)
    stage(home, "1", array, given(together), memory_limit=1000)
    assert alone.most_at_work == 1 < together.most_at_work


def test_a_unit_that_takes_more_than_the_limit_is_refused_before_anything_is_written() -> None:
    home, array = Home(), spec((16, 16), (4, 4), shards=(8, 8))
    pixels = downsample(given(counted((32, 32))), (2, 2), "mean", (16, 16))
    with pytest.raises(InvalidValueError, match=r"memory_limit: one shard of \(8, 8\) .* 640 bytes, not 639"):
        stage(home, "0", array, pixels, memory_limit=639)
    assert home.chunks("0") == {}
    again(home, "0", array, pixels, memory_limit=640)
    assert len(home.chunks("0")) == 4


# --- executors --------------------------------------------------------------------------------------------------------


class Now(Executor):
    """Runs a task when it is submitted."""

    def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except BaseException as error:  # noqa: BLE001 — belongs to the future
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bytes_are_the_same_by_any_executor(tmp_path: Path, version: Version, processes: Executor) -> None:
    shards = (8, 8) if version == "0.5" else None
    array = spec((19, 21), (4, 4), "float32", shards=shards)
    below = spec((10, 11), (4, 4), "float32", shards=shards)
    written = []
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(5) as five:
        for name, executor in (("own", None), ("one", one), ("five", five), ("now", Now()), ("processes", processes)):
            home = Home(tmp_path / name, version)
            home.create("19", array)
            home.create("10", below)
            base = home.create("base", spec((19, 21), (5, 5)), counted((19, 21)))
            data = given(Watched(np.random.default_rng(1).random((1, 19, 6), "float32")), (19, 6))
            pixels = mosaic(base, [(((0, 19), (3, 9)), data)])
            again(home, "19", array, pixels, executor=executor)
            level = downsample(pixels, (2, 2), "mean", (10, 11))
            again(home, "10", below, level, executor=executor, sources={pixels: ("19", array)})
            written.append((home.chunks("19"), home.chunks("10")))
    assert len(written[0][0]) == (30 if version == "0.4" else 9)
    assert all(chunks == written[0] for chunks in written[1:])


def test_a_store_in_memory_does_not_leave_its_process(tmp_path: Path, processes: Executor) -> None:
    memory, directory, array = Home(), Home(tmp_path), spec((4, 4), (2, 2))
    with pytest.raises(StoreError, match="does not leave its process"):
        stage(memory, "0", array, given(counted((4, 4))), executor=processes)
    base = memory.create("base", array, counted((4, 4)))
    with pytest.raises(StoreError, match="does not leave its process"):
        stage(directory, "0", array, base, executor=processes)


def test_damage_that_a_worker_finds_is_named(tmp_path: Path, processes: Executor) -> None:
    home, array = Home(tmp_path), spec((4, 4), (2, 2))
    base = home.create("base", array, counted((4, 4)))
    home.files.write("base/c/1/0", b"damaged")
    pixels = select(base, ((3, 2, 1, 0), range(4)))
    for executor in (None, processes):
        with pytest.raises(StoreError, match=r"base/c/1/0: it is no whole chunk or shard"):
            stage(home, f"{executor is None}", array, pixels, executor=executor)


def test_an_executor_that_breaks_is_an_error_that_says_so(tmp_path: Path) -> None:
    class Broken(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            raise RuntimeError("no workers left")

    home, array = Home(tmp_path), spec((4, 4), (2, 2))
    with pytest.raises(StoreError, match=r"0: the executor failed .*no workers left"):
        stage(home, "0", array, given(counted((4, 4))), executor=Broken())


def test_workers_that_die_are_an_error_that_says_so(tmp_path: Path) -> None:
    home, array = Home(tmp_path), spec((4, 4), (2, 2))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        os.kill(pool.submit(os.getpid).result(), signal.SIGTERM)
        with pytest.raises(StoreError, match="0: the executor failed"):
            stage(home, "0", array, given(counted((4, 4))), executor=pool)


def test_a_chunk_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    home, array = Home(tmp_path), spec((4, 4), (2, 2))
    home.files.write("0/c/1/0/in the way", b"")
    with pytest.raises(StoreExistsError, match="0/c/1/0: "):
        stage(home, "0", array, given(counted((4, 4))))


def test_when_a_task_fails_no_other_is_left_running() -> None:
    home, array = Home(), spec((64, 4), (4, 4))
    home.create("0", array)

    class Faulty(Watched):
        def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
            if index[0].start == 8:
                raise RuntimeError("no")
            return super().__getitem__(index)

    watched = Faulty(counted((64, 4)))
    with ThreadPoolExecutor(3) as pool:
        with pytest.raises(StoreError, match="no"):
            again(home, "0", array, given(watched), executor=pool)
        assert watched.at_work == 0
        asked = len(watched.asked)
        time.sleep(0.05)
        assert len(watched.asked) == asked < 16


def test_progress_ends_with_all_bytes() -> None:
    home, array = Home(), spec((10, 10), (4, 4))
    steps: list[tuple[int, int]] = []
    pixels = mosaic(fill((10, 10)), [(((0, 10), (0, 3)), given(counted((10, 3))))])
    stage(home, "0", array, pixels, progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {9 * 4 * 4 * 2}
    assert steps[-1] == (288, 288)


# --- stores that change -----------------------------------------------------------------------------------------------


def test_pixels_are_not_taken_from_an_array_that_has_changed() -> None:
    home, array = Home(), spec((4, 4), (2, 2))
    base = home.create("base", array, counted((4, 4)))
    zarr.open_array(home.store, path="base").attrs["revision"] = 2
    with pytest.raises(ConflictError, match="base: the array has changed"):
        stage(home, "0", array, base)
    assert home.chunks("0") == {}


def test_pixels_are_not_taken_from_an_array_that_changes_meanwhile() -> None:
    home, array = Home(), spec((4, 4), (2, 2))
    base = home.create("base", array, counted((4, 4)))

    class Writer(Watched):
        def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
            zarr.open_array(home.store, path="base").attrs["revision"] = 2
            return super().__getitem__(index)

    pixels = mosaic(base, [(((0, 2), (0, 2)), given(Writer(counted((2, 2)))))])
    with pytest.raises(ConflictError):
        stage(home, "0", array, pixels)
