"""What is promised of object stores holds on a real server: MiniStack, which the environment names.

    NGFF_FN_MINISTACK=…/bin/ministack python -m pytest tests/test_s3.py

It is a program of its own (``pip install ministack`` in an environment of its own), started and stopped here.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import zarr
from zarr.storage import ObjectStore

import ngff_fn as nf
from ngff_fn import curried as c

PROGRAM = os.environ.get("NGFF_FN_MINISTACK", "")
PIXELS = np.arange(2 * 32 * 32, dtype="uint16").reshape(2, 32, 32)

pytestmark = pytest.mark.skipif(not PROGRAM, reason="NGFF_FN_MINISTACK does not say where a server of S3 is")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    said = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port, "SERVICES": "s3"}
    folder = tmp_path_factory.mktemp("server")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([PROGRAM], env={**os.environ, **said}, cwd=folder, stdout=log, stderr=log) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(url).close()
                break
            except OSError:
                assert time.monotonic() < deadline, Path(folder / "log").read_text(encoding="utf-8")
                time.sleep(0.05)
        yield url
        process.terminate()


@pytest.fixture
def place(server: str) -> tuple[str, str]:
    """A server and a bucket of its own."""
    bucket = f"bucket{uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{server}/{bucket}", method="PUT")).close()  # noqa: S310 — as above
    return server, bucket


def store_at(place: tuple[str, str], prefix: str = "images/cells.zarr") -> Any:
    from obstore.store import S3Store

    server, bucket = place
    return S3Store(
        bucket, endpoint=server, prefix=prefix, region="us-east-1", access_key_id="key", secret_access_key="none",  # noqa: S106
        client_options={"allow_http": True},
    )  # fmt: skip


def counted(image: Any) -> Any:
    return nf.set_extra(image, "count", count_of(image) + 1)


def count_of(image: Any) -> int:
    return int(image.extra.get("attributes", {}).get("count", 0))


def painted(image: Any) -> Any:
    """One more, in the attributes and in every pixel."""
    count = count_of(image) + 1
    image = nf.set_region(image, "0", ((0, 4), (0, 4)), np.full((4, 4), count, "uint8"))
    return nf.set_extra(image, "count", count)


EDITS: dict[str, Any] = {"one document": counted, "several": c.each_image(counted), "pixels": painted}


def write(place: tuple[str, str], times: int, what: str) -> None:
    for _ in range(times):
        nf.update(store_at(place), EDITS[what], timeout=120)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_makes_the_round_trip(place: tuple[str, str], version: Any) -> None:
    store = store_at(place)
    image = nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))
    nf.create(store, nf.with_pyramid(image, 2), version=version)
    nf.update(store, c.set_scale(y=0.5))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), PIXELS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(nf.to_dask(store, "0"))).compute(), PIXELS)  # noqa: S301
    np.testing.assert_array_equal(zarr.open_array(ObjectStore(store), path="0", mode="r")[...], PIXELS)
    np.testing.assert_array_equal(nf.to_numpy(store_at(place, ""), "images/cells.zarr/0"), PIXELS)
    nf.update(store, c.add_channel("new", data=PIXELS[0]))
    np.testing.assert_array_equal(nf.to_numpy(store, "0")[2], PIXELS[0])
    nf.update(store, c.remove_channel("DAPI"), c.crop(y=(4, 12)))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), np.stack([PIXELS[1], PIXELS[0]])[:, 4:12])
    nf.update(store, c.remove_channel("GFP"), single_writer=True)
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), PIXELS[:1, 4:12])


@pytest.mark.parametrize(("what", "times"), [("one document", 50), ("several", 12), ("pixels", 8)])
def test_four_processes_lose_no_update(place: tuple[str, str], what: str, times: int) -> None:
    image = nf.image_from(np.zeros((4, 4), "uint8"), axes="yx")
    many = what == "several"
    root = nf.plate_from_positions({f"A/{column}/0": image for column in (1, 2, 3)}) if many else image
    nf.create(store_at(place), root, version="0.5")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(place, times, what)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    found: Any = nf.open_ome_zarr(store_at(place)).root
    images = [image for _, image in nf.positions(found)] if many else [found]
    assert [count_of(image) for image in images] == [4 * times] * len(images)
    if what == "pixels":
        assert np.unique(nf.to_numpy(store_at(place), "0")).tolist() == [4 * times]


# --- icechunk


def repository_at(place: tuple[str, str]) -> Any:
    icechunk = pytest.importorskip("icechunk")
    server, bucket = place
    storage = icechunk.s3_storage(
        bucket=bucket, prefix="repository", endpoint_url=server, region="us-east-1", allow_http=True,
        access_key_id="key", secret_access_key="none", force_path_style=True,  # noqa: S106 — of nobody
    )  # fmt: skip
    return icechunk.Repository.open_or_create(storage)


def write_in_repository(place: tuple[str, str], times: int) -> None:
    repository = repository_at(place)
    for _ in range(times):
        nf.update(repository, counted)


def test_an_icechunk_repository_makes_the_round_trip_and_needs_no_single_writer(place: tuple[str, str]) -> None:
    repository = repository_at(place)
    image = nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))
    before = nf.create(repository, nf.with_pyramid(image, 2), version="0.5").moment
    nf.update(repository, c.add_channel("new", data=PIXELS[0]))
    np.testing.assert_array_equal(nf.to_numpy(repository_at(place), "0")[2], PIXELS[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(nf.to_dask(repository, "0")))[:2].compute(), PIXELS)  # noqa: S301
    np.testing.assert_array_equal(nf.evaluate(nf.open_ome_zarr(repository, snapshot=before).root), PIXELS)
    assert nf.capabilities(repository).conditional_put


def test_four_processes_lose_no_update_of_an_icechunk_repository(place: tuple[str, str]) -> None:
    repository, times = repository_at(place), 50
    nf.create(repository, nf.image_from(np.zeros((4, 4), "uint8"), axes="yx"), version="0.5")
    spawn = multiprocessing.get_context("spawn")  # icechunk has threads of its own, which a fork would not have
    writers = [spawn.Process(target=write_in_repository, args=(place, times)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert count_of(nf.open_ome_zarr(repository).root) == 4 * times
