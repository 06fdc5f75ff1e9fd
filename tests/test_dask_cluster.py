"""On a Dask cluster of worker processes pixels are what they are everywhere, whoever dies."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.errors import StoreError
from ngff_fn.records.pixels import METHODS, Method
from ngff_fn.records.snapshot import Version
from tests.clusters import REPOSITORY, cluster, wait_until_gone, workers_of
from tests.crashes import files_below, state
from tests.reference import reference_downsample

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for in /proc"),
]

FORMATS: list[tuple[Version, dict[str, Any]]] = [
    ("0.4", {}),
    ("0.5", {}),
    ("0.5", {"shards_ratio": (1, 2, 2)}),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with cluster(tmp_path_factory.mktemp("cluster")) as client:
        yield client


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def image(pixels: Any, **options: Any) -> nf.Image:
    return nf.image_from(pixels, axes="cyx", chunks=(1, 16, 24), **options)


def levels_of(store: Path) -> list[NDArray[Any]]:
    root = nf.open_ome_zarr(store).root
    return [nf.evaluate(root, level.path) for level in root.levels]


def chunks_of(store: Path) -> dict[str, bytes | None]:
    """All files but the documents, which name the revision of their pixels."""
    return {path: data for path, data in files_below(store).items() if not path.endswith((".json", ".zattrs"))}


def assert_pyramid(levels: list[NDArray[Any]], values: NDArray[Any], method: Method, factors: tuple[int, ...]) -> None:
    for level in levels:
        np.testing.assert_array_equal(level, values)
        values = reference_downsample(values, factors, method)


def numbers(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Few different ones, so that there are ties."""
    values: NDArray[Any] = 7 * np.random.default_rng(0).integers(0, 6, shape)
    return values.astype(dtype)


# --- the same pixels as anywhere --------------------------------------------------------------------------------------

DTYPES = ("uint8", "int16", "uint16", "int32", "float32", "float64")


@pytest.mark.parametrize("encoding", FORMATS, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_a_pyramid_of_a_stored_level_is_what_threads_and_processes_make(
    client: Any, processes: Executor, tmp_path: Path, method: Method, encoding: tuple[Version, dict[str, Any]]
) -> None:
    version, options = encoding
    dtype = DTYPES[METHODS.index(method)]
    values = numbers((2, 61, 83), dtype)
    nf.create(tmp_path / "level.zarr", image(values, **options), version=version)
    written = []
    for name, executor in {"threads": None, "processes": processes, "cluster": client.get_executor()}.items():
        store = tmp_path / f"{name}.zarr"
        shutil.copytree(tmp_path / "level.zarr", store)
        nf.update(store, c.with_pyramid(3, method=method), executor=executor)
        assert_pyramid(levels_of(store), values, method, (1, 2, 2))
        written.append(chunks_of(store))
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize(("version", "options"), FORMATS, ids=str)
@pytest.mark.parametrize("kind", ["numpy", "dask"])
def test_what_is_given_is_written_with_its_pyramid(
    client: Any, tmp_path: Path, kind: str, version: Version, options: dict[str, Any]
) -> None:
    values, given = numbers((2, 61, 83), "uint16"), None
    if kind == "dask":
        array = pytest.importorskip("dask.array")
        given = array.from_array(values, chunks=(1, 30, 40)) + 1
    wanted = nf.with_pyramid(image(values + 1 if given is None else given, **options), 3)
    nf.create(tmp_path / "image.zarr", wanted, version=version, executor=client.get_executor())
    assert_pyramid(levels_of(tmp_path / "image.zarr"), values + 1, "mean", (1, 2, 2))


@pytest.mark.parametrize("options", [{"pure": False}, {"retries": 2}], ids=str)
def test_its_own_options_are_as_good(client: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    values = numbers((1, 61, 83), "uint16")
    for _ in range(2):
        wanted = nf.with_pyramid(image(values), 3)
        executor = client.get_executor(**options)
        nf.create(tmp_path / "image.zarr", wanted, version="0.5", overwrite=True, executor=executor)
    assert_pyramid(levels_of(tmp_path / "image.zarr"), values, "mean", (1, 2, 2))


def test_chunks_that_stay_whole_are_copied_beside_the_work_of_workers(client: Any, tmp_path: Path) -> None:
    values = numbers((3, 61, 83), "uint16")
    nf.create(tmp_path / "image.zarr", nf.with_pyramid(image(values), 2), version="0.4")
    executor = client.get_executor()
    nf.update(
        tmp_path / "image.zarr",
        c.crop(y=(16, 61), x=(24, 83)),
        c.add_channel("new", data=values[0, 16:, 24:]),
        executor=executor,
    )
    nf.create(tmp_path / "copy.zarr", nf.open_ome_zarr(tmp_path / "image.zarr").root, version="0.5", executor=executor)
    wanted = np.concatenate([values[:, 16:, 24:], values[:1, 16:, 24:]])
    assert_pyramid(levels_of(tmp_path / "copy.zarr"), wanted, "mean", (1, 2, 2))


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_damage_that_a_worker_finds_is_named_and_nothing_is_published(client: Any, tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    nf.create(store, image(numbers((2, 61, 83), "uint16")), version="0.5")
    (store / "0/c/1/2/0").write_bytes(b"damaged")
    before = files_below(store)
    with pytest.raises(StoreError, match=r"image\.zarr/0/c/1/2/0: it is no whole chunk or shard") as refusal:
        nf.update(store, c.with_pyramid(3), executor=client.get_executor())
    assert [problem.location for problem in refusal.value.problems] == [str(store / "0/c/1/2/0")]
    assert files_below(store) == before


def test_a_store_in_memory_is_refused(client: Any) -> None:
    with pytest.raises(StoreError, match="a store in memory does not leave its process"):
        nf.create(MemoryStore(), image(numbers((1, 61, 83), "uint16")), version="0.5", executor=client.get_executor())


def test_a_cluster_that_is_gone_is_an_error_that_says_so(client: Any, tmp_path: Path) -> None:
    executor = client.get_executor()
    executor.shutdown()
    with pytest.raises(StoreError, match=r"the executor failed .*Nothing was published"):
        nf.create(tmp_path / "image.zarr", image(numbers((1, 61, 83), "uint16")), version="0.5", executor=executor)
    assert not (tmp_path / "image.zarr").exists()


# --- who dies ---------------------------------------------------------------------------------------------------------


def large_image(store: Path) -> NDArray[Any]:
    """80 MiB, which are ten columns; its pixels."""
    values = np.random.default_rng(0).integers(0, 500, (20, 1024, 2048), "uint16")
    nf.create(store, nf.image_from(values, axes="zyx", chunks=(1, 512, 512)), version="0.5", durability="process")
    return values


def means(values: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """Levels of even sizes by halves of z, y and x, in the most obvious way that is fast enough."""
    levels = [values]
    while len(levels) < count:
        z, y, x = levels[-1].shape
        blocks = levels[-1].reshape(z // 2, 2, y // 2, 2, x // 2, 2).astype("float64")
        levels.append(np.rint(blocks.mean(axis=(1, 3, 5))).astype("uint16"))  # half to even
    return levels


def test_a_worker_that_is_killed_is_replaced_and_its_tasks_run_again(client: Any, tmp_path: Path) -> None:
    store, killed = tmp_path / "image.zarr", list[int]()
    values = large_image(store)
    pids = workers_of(client)

    def kill(done: int, total: int) -> None:
        busy = [pids[address] for address, tasks in client.processing().items() if tasks and address in pids]
        if not killed and busy and done < total:
            killed.append(busy[0])
            os.kill(busy[0], signal.SIGKILL)

    nf.update(store, c.with_pyramid(3), executor=client.get_executor(), progress=kill)
    assert len(killed) == 1  # while it had tasks to do
    client.wait_for_workers(2)
    assert not set(workers_of(client).values()) & set(killed)
    for level, wanted in zip(levels_of(store), means(values, 3), strict=True):
        np.testing.assert_array_equal(level, wanted)
    assert not (store / "__ngff_fn").exists()


def test_when_the_program_that_commits_is_killed_the_store_is_as_before(tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    values = large_image(store)
    before, seen = files_below(store), state(store)
    command = [sys.executable, "-m", "tests.clusters", str(store), str(tmp_path / "cluster")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as program:
        pids = set(map(int, (program.stdout or sys.stdin).readline().split()))
        program.kill()
    try:
        staged = [path for path in files_below(store) if path.startswith("__ngff_fn/stage/")]
        assert any("/c/" in path for path in staged)  # it was in the middle
        assert {path: data for path, data in files_below(store).items() if path not in staged} == before
        assert state(store) == seen
    finally:
        assert len(pids) == 2
        assert wait_until_gone(pids) == set()
    nf.update(store, c.with_pyramid(3))
    assert not (store / "__ngff_fn").exists()
    for level, wanted in zip(levels_of(store), means(values, 3), strict=True):
        np.testing.assert_array_equal(level, wanted)
