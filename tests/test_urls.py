"""What a text means: a URL is never taken for a directory, and an archive is never made where there are none."""

from __future__ import annotations

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from obstore.store import MemoryStore
from zarr.storage import FsspecStore, ObjectStore, StorePath

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import VERSIONS, Version

PIXELS = np.arange(64, dtype="uint8").reshape(8, 8)


def an_image() -> nf.Image:
    return nf.with_pyramid(nf.image_from(PIXELS, axes="yx", chunks=(4, 4)), levels=2)


# --- files


def test_a_file_url_is_the_path_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "my data" / "cells.zarr"
    nf.create(place.as_uri(), an_image(), version="0.5")
    assert [path.name for path in tmp_path.iterdir()] == ["my data"]
    for door in (place, place.as_uri(), f"file://localhost{place}", f"file:{place}"):
        np.testing.assert_array_equal(nf.to_numpy(door, "0"), PIXELS)
        assert nf.open_ome_zarr(door).origin.home == str(place)


def test_an_archive_may_be_named_by_a_file_url(tmp_path: Path) -> None:
    nf.create(f"file://{tmp_path}/cells.ozx", an_image(), version="0.5")
    assert (tmp_path / "cells.ozx").is_file()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("file://elsewhere/data/cells.zarr", "another machine"),
        ("s3:/bucket/cells.zarr", "two slashes"),
        (Path("s3://bucket/cells.zarr"), "two slashes"),
        ("", "path is empty"),
        ("~/cells.zarr", "expanduser"),
    ],
)
def test_what_would_be_a_directory_where_nobody_expects_it_is_refused(
    said: Any, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for attempt in (nf.open_ome_zarr, partial(nf.create, root=an_image(), version="0.5"), nf.capabilities):
        with pytest.raises(nf.NgffError, match=what):
            attempt(said)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_looks_like_a_url_and_is_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run:").mkdir()
    (tmp_path / "~").mkdir()
    for path in ("run:/cells.zarr", "~/cells.zarr"):
        nf.create(path, an_image(), version="0.5")
        np.testing.assert_array_equal(nf.to_numpy(tmp_path / path, "0"), PIXELS)


# --- archives


def test_an_archive_that_is_not_on_a_local_disk_is_refused_by_name(tmp_path: Path) -> None:
    memory = MemoryStore()
    doors = (StorePath(ObjectStore(memory), "cells.ozx"), f"local://{tmp_path}/cells.zip", "memory://there/cells.ozx")
    for door in doors:
        with pytest.raises(nf.UnsupportedError, match="local disks only"):
            nf.create(door, an_image(), version="0.5", single_writer=True)
        with pytest.raises(nf.UnsupportedError, match="local disks only"):
            nf.open_ome_zarr(door)
    assert not any(memory.list())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_called_as_an_archive_is_a_store_as_any_other() -> None:
    memory = MemoryStore()
    memory.put("cells.zip/notes.txt", b"not an archive")
    nf.create(StorePath(ObjectStore(memory), "cells.zip/cells.zarr"), an_image(), version="0.5")
    np.testing.assert_array_equal(nf.to_numpy(StorePath(ObjectStore(memory), "cells.zip/cells.zarr"), "0"), PIXELS)


def test_a_store_in_memory_is_replaced_where_that_is_wanted() -> None:
    memory = MemoryStore()
    nf.create(memory, an_image(), version="0.5")
    with pytest.raises(nf.StoreExistsError, match="overwrite=True"):
        nf.create(memory, an_image(), version="0.4")
    nf.create(memory, an_image(), version="0.4", overwrite=True, disable_path_checking=True)
    assert nf.open_ome_zarr(memory).version == "0.4"


# --- plain HTTP


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A directory behind plain HTTP, with pages that list it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Fetched(AbstractFileSystem):  # type: ignore[misc]
    """A file system whose paths are URLs, as those of fsspec for HTTP; without what these need to be installed."""

    protocol = "fetched"

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        try:
            with urllib.request.urlopen(path) as answer:  # noqa: S310 — of this test's own server
                data: bytes = answer.read()
        except urllib.error.HTTPError as error:
            raise FileNotFoundError(path) from error
        return data[start:end]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        size = len(self.cat_file(path))
        return {"name": path, "size": size if path.endswith("json") else None, "type": "file"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_system_of_fsspec_may_have_urls_as_its_paths(version: Version, tmp_path: Path, served: str) -> None:
    nf.create(tmp_path / "a" / "cells.zarr", an_image(), version=version)
    files = AsyncFileSystemWrapper(Fetched(), asynchronous=True)
    store = FsspecStore(files, read_only=True, path=f"{served}/a/cells.zarr")
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), PIXELS)
    np.testing.assert_array_equal(nf.to_numpy(store, "1"), nf.to_numpy(tmp_path / "a" / "cells.zarr", "1"))
    assert dict(nf.open_ome_zarr(store).documents) == dict(nf.open_ome_zarr(tmp_path / "a" / "cells.zarr").documents)
    with pytest.raises(nf.StoreNotFoundError):
        nf.open_ome_zarr(StorePath(store, "nothing.zarr"))
    with pytest.raises(nf.NgffError, match="reading only"):
        nf.update(store, c.set_scale(y=2.0), single_writer=True)


def test_what_cannot_be_listed_is_no_all_clear(tmp_path: Path, served: str) -> None:
    nf.create(tmp_path / "cells.zarr", an_image(), version="0.5")
    (tmp_path / "cells.zarr" / "0" / "c" / "0" / "0").write_bytes(b"")
    assert nf.torn_files(tmp_path / "cells.zarr")
    files = AsyncFileSystemWrapper(Fetched(), asynchronous=True)
    for door in (f"{served}/cells.zarr", FsspecStore(files, read_only=True, path=f"{served}/cells.zarr")):
        for ask in (nf.torn_files, nf.children):
            with pytest.raises(nf.UnsupportedError, match="cannot say what is there"):
                ask(door)


def test_fsspec_over_http_is_read_as_zarr_reads_it(tmp_path: Path, served: str) -> None:
    pytest.importorskip("aiohttp")
    nf.create(tmp_path / "cells.zarr", an_image(), version="0.5")
    for door in (FsspecStore.from_url(f"{served}/cells.zarr"), f"simplecache::{served}/cells.zarr"):
        np.testing.assert_array_equal(nf.to_numpy(door, "0"), PIXELS)
