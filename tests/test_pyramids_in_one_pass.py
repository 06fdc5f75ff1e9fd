"""A pyramid is made in one pass: every level is what its recipe means, and level 0 is read and decoded once."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn.effects.pixels.chains import Job, Stage, stage_all
from ngff_fn.effects.pixels.units import units
from ngff_fn.errors import ConflictError, InvalidValueError, StoreError
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import METHODS, Pixels, Stored, downsample, fill, given, mosaic, whole
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.arrays_in_stores import Home, counted, spec
from tests.recipes import DTYPES, meaning

Shape = tuple[int, ...]


def job(home: Home, path: str, array: ArraySpec, pixels: Pixels) -> Job:
    home.create(path, array)
    return Job(path=path, array=array, pixels=pixels, indices=list(units(array, [whole(array.shape)])))


def stage_of(home: Home, **options: Any) -> Stage:
    said = {"executor": None, "memory_limit": None, "progress": None, **options}
    return Stage(files=home.files, version=home.version, **said)


class Watched:
    """An array that counts how often each of its elements is asked for."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.asked = np.zeros(values.shape, int)

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
        self.asked[index] += 1
        return self.values[index]


@st.composite
def encodings(draw: st.DrawFn, shape: Shape, dtype: str, version: Version) -> ArraySpec:
    chunks = tuple(draw(st.integers(1, 6)) for _ in shape)
    shards = tuple(size * draw(st.integers(1, 2)) for size in chunks)
    sharded = version == "0.5" and draw(st.integers(0, 3)) == 0
    return spec(shape, chunks, dtype, shards=shards if sharded else None, fill_value=draw(st.integers(0, 1)))


@st.composite
def pyramids(draw: st.DrawFn, source: Pixels, dtype: str, version: Version) -> list[tuple[ArraySpec, Pixels]]:
    """One to four levels below a recipe, each with chunks of its own, some smaller than they could be."""
    method = draw(st.sampled_from(METHODS))
    found: list[tuple[ArraySpec, Pixels]] = []
    for _ in range(draw(st.integers(1, 4))):
        factors = tuple(draw(st.integers(1, 3)) for _ in source.shape)
        if set(factors) == {1}:
            continue
        less = draw(st.sampled_from([0, 0, 1, 5]))  # as the floor of a size is, or less than that
        sizes = zip(source.shape, factors, strict=True)
        shape = tuple(max(1, -(-size // factor) - less) for size, factor in sizes)
        source = downsample(source, factors, method, shape)
        found.append((draw(encodings(shape, dtype, version)), source))
    return found


@settings(max_examples=150)
@for_all(st.data(), st.sampled_from(VERSIONS))
def test_every_level_is_what_its_recipe_means(data: st.DataObject, version: Version) -> None:
    home, dtype = Home(version=version), data.draw(st.sampled_from(DTYPES))
    shape = tuple(data.draw(st.integers(1, 23)) for _ in range(data.draw(st.integers(1, 3))))
    values = counted(shape, dtype)
    base = home.create("base", data.draw(encodings(shape, dtype, version)), values)
    levels = data.draw(pyramids(base, dtype, version))
    jobs = [job(home, str(number), array, pixels) for number, (array, pixels) in enumerate(levels, start=1)]
    stage_all(stage_of(home, column=data.draw(st.sampled_from([0, 40, 400, 2**20]))), jobs)
    for number, (_, pixels) in enumerate(levels, start=1):
        np.testing.assert_array_equal(home.values(str(number)), meaning(pixels, dtype, {base: values}))


@settings(max_examples=100)
@for_all(st.data(), st.sampled_from(VERSIONS))
def test_what_is_given_is_asked_for_once_and_written_with_its_levels(data: st.DataObject, version: Version) -> None:
    home, dtype = Home(version=version), data.draw(st.sampled_from(DTYPES))
    shape = tuple(data.draw(st.integers(1, 23)) for _ in range(data.draw(st.integers(1, 3))))
    watched = Watched(counted(shape, dtype))
    first = given(watched)
    levels = [(data.draw(encodings(shape, dtype, version)), first), *data.draw(pyramids(first, dtype, version))]
    jobs = [job(home, str(number), array, pixels) for number, (array, pixels) in enumerate(levels)]
    stage_all(stage_of(home, column=data.draw(st.sampled_from([0, 40, 400, 2**20]))), jobs)
    assert watched.asked.max() == 1
    for number, (_, pixels) in enumerate(levels):
        np.testing.assert_array_equal(home.values(str(number)), meaning(pixels, dtype, {}))


def halved(home: Home, source: Pixels, chunks: Shape, levels: int, **options: Any) -> list[Job]:
    """Levels with equal chunks, each of half the size of the one above it."""
    jobs: list[Job] = []
    for number in range(1, levels + 1):
        shape = tuple(-(-size // 2) for size in source.shape)
        source = downsample(source, (2,) * len(shape), "mean", shape)
        jobs.append(job(home, str(number), spec(shape, chunks, **options), source))
    return jobs


class Counting(Home):
    """A store in a directory that counts how often each of its files is read."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.reads = reads = Counter[str]()
        kind = type(self.files)

        class Files(kind):  # type: ignore[misc, valid-type] # of what the store is
            def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
                reads[key] += 1
                found: bytes | None = super().read(key, start, stop)
                return found

        self.files = Files(self.files.identity)


@pytest.mark.parametrize("chunks", [(4, 4), (2, 8)])
def test_nothing_that_was_written_is_read_back(tmp_path: Path, chunks: Shape) -> None:
    home = Counting(tmp_path)
    base = home.create("base", spec((64, 64), (4, 4)), counted((64, 64)))
    jobs = halved(home, base, chunks, 4)
    home.reads.clear()
    stage_all(stage_of(home, column=0), jobs)
    assert [key for key in home.reads if "/c/" in key] == []
    np.testing.assert_array_equal(home.values("4"), meaning(jobs[-1].pixels, "uint16", {base: counted((64, 64))}))


def test_where_chunks_do_not_fit_into_each_other_what_was_written_is_read_once(tmp_path: Path) -> None:
    home = Counting(tmp_path)
    base = home.create("base", spec((60, 60), (4, 4)), counted((60, 60)))
    first = downsample(base, (2, 2), "mean", (30, 30))
    second = downsample(first, (2, 2), "mean", (15, 15))
    jobs = [job(home, "1", spec((30, 30), (4, 4)), first), job(home, "2", spec((15, 15), (3, 5)), second)]
    home.reads.clear()
    stage_all(stage_of(home, column=0), jobs)
    read = {key: times for key, times in home.reads.items() if "/c/" in key}
    assert len(read) == 64
    np.testing.assert_array_equal(home.values("2"), meaning(second, "uint16", {base: counted((60, 60))}))


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_any_executor_writes_the_same_bytes(tmp_path: Path, processes: Executor) -> None:
    values = np.random.default_rng(1).random((33, 70), "float32")
    written: list[list[dict[str, bytes]]] = []
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(7) as seven:
        for name, executor in {"none": None, "one": one, "seven": seven, "processes": processes}.items():
            for column in (0, 2**20):
                home = Home(tmp_path / f"{name}{column}")
                first = given(Watched(values))
                top = job(home, "0", spec((33, 70), (4, 8), "float32"), first)
                jobs = [top, *halved(home, first, (4, 8), 3, dtype="float32")]
                stage_all(stage_of(home, executor=executor, column=column), jobs)
                written.append([home.chunks(str(number)) for number in range(4)])
    assert sum(map(len, written[0])) > 100
    assert all(chunks == written[0] for chunks in written[1:])


EDITS: dict[str, Callable[[Image, Any], Image]] = {
    "a channel in front": lambda image, data: nf.add_channel(image, "new", data=data, index=0),
    "a channel between": lambda image, data: nf.add_channel(image, "new", data=data, index=1),
    "a channel last": lambda image, data: nf.add_channel(image, "new", data=data),
    "a channel replaced": lambda image, data: nf.update_channel(image, "1", "*", data),
}


@settings(max_examples=60)
@for_all(st.data(), st.sampled_from(VERSIONS), st.sampled_from(sorted(EDITS)))
def test_a_new_channel_is_asked_for_once_and_feeds_its_levels(data: st.DataObject, version: Version, edit: str) -> None:
    sizes, chunks = st.tuples(*[st.integers(5, 23)] * 2), st.tuples(*[st.integers(1, 6)] * 2)
    shape, chunk = data.draw(sizes), data.draw(chunks)
    sharded = version == "0.5" and data.draw(st.booleans())
    store, chance = MemoryStore(), np.random.default_rng(0)
    image = nf.image_from(
        chance.integers(0, 999, (2, *shape), "uint16"),
        axes="cyx",
        channel_names=["0", "1"],
        chunks=(1, *chunk),
        shards_ratio=(1, 2, 2) if sharded else None,
    )
    levels = data.draw(st.integers(2, 3))
    nf.create(
        store, nf.with_pyramid(image, levels, chunks=data.draw(st.sampled_from(["keep", "halve"]))), version=version
    )
    base = nf.open_ome_zarr(store, mode="r+")
    watched = Watched(chance.integers(0, 999, shape, "uint16"))
    wanted = EDITS[edit](base.root, watched)
    meant = [nf.evaluate(wanted, number) for number in range(levels)]
    watched.asked[...] = 0
    nf.commit(store, nf.diff(base, wanted))
    assert watched.asked.max() == 1
    for number in range(levels):
        np.testing.assert_array_equal(nf.to_numpy(store, str(number)), meant[number])


def test_of_a_new_channel_nothing_that_was_written_is_read_back(tmp_path: Path) -> None:
    home, values = Counting(tmp_path), counted((3, 64, 64))
    new = given(values[2:])
    grown = [mosaic(fill((3, 64, 64)), [(((2, 3), (0, 64), (0, 64)), new)])]
    for _ in range(2):
        new = downsample(new, (1, 2, 2), "mean", (1, *(size // 2 for size in new.shape[1:])))
        shape = (3, *new.shape[1:])
        grown.append(mosaic(fill(shape), [(((2, 3), (0, shape[1]), (0, shape[2])), new)]))
    jobs = []
    for number, pixels in enumerate(grown):
        array = spec(pixels.shape, (1, 4, 4))
        home.create(str(number), array)
        box = ((2, 3), *whole(pixels.shape)[1:])
        jobs.append(Job(path=str(number), array=array, pixels=pixels, indices=list(units(array, [box]))))
    home.reads.clear()
    stage_all(stage_of(home, column=0), jobs)
    assert [key for key in home.reads if "/c/" in key] == []
    for number, pixels in enumerate(grown):
        np.testing.assert_array_equal(home.values(str(number)), meaning(pixels, "uint16", {}))


def test_progress_counts_all_levels_and_ends_with_all_bytes() -> None:
    home, steps = Home(), list[tuple[int, int]]()
    first = given(counted((20, 20)))
    top = job(home, "0", spec((20, 20), (4, 4)), first)
    jobs = [top, *halved(home, first, (4, 4), 3)]
    stage_all(stage_of(home, column=0, progress=lambda done, total: steps.append((done, total))), jobs)
    assert steps == sorted(steps)
    assert steps[-1] == (sum(job.nbytes for job in jobs),) * 2
    assert sum(job.nbytes for job in jobs) == (25 + 9 + 4 + 1) * 32


def test_a_part_that_takes_more_than_the_memory_limit_is_refused_before_anything_is_written() -> None:
    home = Home()
    base = home.create("base", spec((64, 64), (32, 32)), counted((64, 64)))
    jobs = halved(home, base, (32, 32), 2)
    with pytest.raises(InvalidValueError, match=r"memory_limit: .*Raise it"):
        stage_all(stage_of(home, memory_limit=100), jobs)
    assert home.chunks("1") == home.chunks("2") == {}


def test_where_a_level_takes_more_than_the_memory_limit_the_level_above_it_is_not_read_either() -> None:
    home, watched = Home(), Watched(counted((64, 64)))
    first = given(watched)
    jobs = [job(home, "0", spec((64, 64), (8, 8)), first), *halved(home, first, (32, 32), 2)]
    with pytest.raises(InvalidValueError, match=r"one chunk of \(32, 32\)"):
        stage_all(stage_of(home, memory_limit=400), jobs)
    assert not watched.asked.any()


@pytest.mark.parametrize(
    ("shape", "chunks", "below", "factors", "limit"),
    [
        ((400, 400), (101, 101), (51, 51), (2, 2), 80_000),  # a column would be nearly the whole image
        ((4, 4096), (4, 64), (4, 64), (1, 2), 2 * 1100),  # of seven levels the units of all are too much
        ((256, 256), (256, 256), (16, 16), (2, 2), 3 * 2**16),  # a large chunk feeds many small ones
    ],
)
def test_what_does_not_fit_into_the_memory_in_one_pass_is_made_in_several(
    shape: Shape, chunks: Shape, below: Shape, factors: Shape, limit: int
) -> None:
    home, values = Home(), counted(shape)
    base, jobs = home.create("base", spec(shape, chunks), values), list[Job]()
    source: Pixels = base
    for number in range(1, 7 if shape[0] == 4 else 3):
        size = tuple(-(-size // factor) for size, factor in zip(source.shape, factors, strict=True))
        source = downsample(source, factors, "mean", size)
        jobs.append(job(home, str(number), spec(size, below), source))
    stage_all(stage_of(home, memory_limit=limit), jobs)
    for each in jobs:
        np.testing.assert_array_equal(home.values(each.path), meaning(each.pixels, "uint16", {base: values}))


def test_a_level_larger_than_what_it_is_made_of_is_refused() -> None:
    home = Home()
    base = home.create("base", spec((8, 8), (4, 4)), counted((8, 8)))
    jobs = [job(home, "1", spec((5, 4), (4, 4)), downsample(base, (2, 2), "mean", (5, 4)))]
    with pytest.raises(InvalidValueError, match=r"pyramid: .*with_pyramid"):
        stage_all(stage_of(home), jobs)


def test_a_column_beyond_the_end_of_a_level_gives_nothing_to_the_next_one() -> None:
    home, values = Home(), counted((12, 4))
    first = given(values)
    second = downsample(first, (2, 2), "mean", (1, 2))  # of six rows the first
    third = downsample(second, (3, 1), "mean", (1, 2))
    jobs = [
        job(home, str(number), spec(pixels.shape, (1, 2)), pixels)
        for number, pixels in enumerate((first, second, third))
    ]
    stage_all(stage_of(home, column=0), jobs)
    np.testing.assert_array_equal(home.values("2"), meaning(third, "uint16", {}))


def test_damage_in_level_0_is_named() -> None:
    home = Home()
    base = home.create("base", spec((8, 8), (4, 4)), counted((8, 8)))
    home.files.remove("base/c/1/0")
    home.files.write("base/c/1/0", b"damaged")
    with pytest.raises(StoreError, match=r"base/c/1/0: it is no whole chunk or shard"):
        stage_all(stage_of(home), halved(home, base, (4, 4), 2))


def test_a_level_0_that_has_changed_is_a_conflict() -> None:
    home = Home()
    base = home.create("base", spec((8, 8), (4, 4)), counted((8, 8)))
    stale: Stored = evolve(base, token="another")  # noqa: S106 — no password
    with pytest.raises(ConflictError, match="base: the array has changed"):
        stage_all(stage_of(home), halved(home, stale, (4, 4), 2))


def test_units_of_fill_value_are_not_there() -> None:
    home = Home()
    values = np.zeros((32, 32), "uint16")
    values[:4, :4] = 9
    base = home.create("base", spec((32, 32), (4, 4)), values)
    stage_all(stage_of(home, column=0), halved(home, base, (4, 4), 2))
    assert [len(home.chunks(level)) for level in ("1", "2")] == [1, 1]
    assert home.values("1")[:2, :2].tolist() == [[9, 9], [9, 9]]
