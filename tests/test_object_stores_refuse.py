"""What object stores refuse, and what is refused of them: rights, credentials, names; each says its cure."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from obstore.store import HTTPStore, MemoryStore, S3Store
from zarr.storage import ObjectStore, StorePath

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.failures import said
from ngff_fn.effects.objects.identities import objects_at, objects_from, objects_of
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import IDENTITY, door

T = TypeVar("T")

PIXELS = np.arange(2 * 16 * 16, dtype="uint16").reshape(2, 16, 16)
NOTED = c.set_extra("note", "x")


def an_image() -> nf.Image:
    return nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))


class NoBucket(Objects):
    """A bucket that is not there: a 404 for whatever is put."""

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        if operation.__name__ == "put":
            message = "NoSuchBucket"
            raise FileNotFoundError(message)
        return super().change(operation, *arguments, **said)


@pytest.mark.parametrize("single_writer", [False, True])
def test_what_was_put_nowhere_is_not_taken_for_written(single_writer: bool) -> None:
    with pytest.raises(nf.StoreError, match="the bucket does not exist"):
        nf.create(door(NoBucket(MemoryStore(), IDENTITY)), an_image(), version="0.5", single_writer=single_writer)


def test_who_may_not_write_is_told_that_nothing_was_written() -> None:
    class Forbidden(Objects):
        def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
            del operation, arguments, said
            message = "403 Forbidden"
            raise self._errors.PermissionDeniedError(message)

    store = MemoryStore()
    nf.create(door(Objects(store, IDENTITY)), an_image(), version="0.5")
    with pytest.raises(nf.StoreError, match=r"was not written\. Ask for the permission"):
        nf.update(door(Forbidden(store, IDENTITY)), NOTED)


def test_who_may_not_look_above_a_store_opens_it_all_the_same(tmp_path: Path) -> None:
    class Own(http.server.SimpleHTTPRequestHandler):
        """A right to what is below one path, as policies of buckets give it."""

        def log_message(self, *_: object) -> None:
            pass

        def send_head(self) -> Any:
            return super().send_head() if self.path.startswith("/mine/") else self.send_error(403)

    nf.create(tmp_path / "mine" / "a b.zarr", an_image(), version="0.5")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Own, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        np.testing.assert_array_equal(nf.to_numpy(f"{url}/mine/a%20b.zarr", "0"), PIXELS)
        with pytest.raises(nf.StoreNotFoundError, match="no right to read it"):
            nf.open_ome_zarr(f"{url}/others/a.zarr")
        server.shutdown()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_forbids_what_is_not_there_is_read_but_for_its_chunks(version: Version, tmp_path: Path) -> None:
    class Forbidding(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def send_error(self, *_: Any, **__: Any) -> None:
            super().send_error(403)

    nf.create(tmp_path / "a.zarr", an_image(), version=version)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Forbidding, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/a.zarr"
        np.testing.assert_array_equal(nf.to_numpy(url, "0"), PIXELS)
        (tmp_path / "a.zarr" / ("0/0/0/0" if version == "0.4" else "0/c/0/0/0")).unlink()
        with pytest.raises(nf.StoreError, match="no right"):  # and not fill value
            nf.to_numpy(url, "0")
        server.shutdown()


def test_credentials_that_a_function_gives_are_kept() -> None:
    def provide() -> Any:
        return {"access_key_id": "key", "secret_access_key": "none", "expires_at": None}

    store = S3Store("bucket", prefix="a/b.zarr", region="us-east-1", credential_provider=provide)
    objects, path = objects_of(store)
    assert (objects.store.credential_provider, objects.store.prefix, path) == (provide, None, "a/b.zarr")


@pytest.mark.parametrize("path", ["a/../b.zarr", "./b.zarr", "a//b.zarr"])
def test_paths_that_no_object_can_have_are_refused(path: str) -> None:
    for store in (f"s3://bucket/{path}", f"https://localhost/{path}"):
        with pytest.raises(nf.InvalidValueError, match="no path of an object store"):
            nf.open_ome_zarr(store)


def test_what_obstore_takes_for_no_path_is_refused_as_ours() -> None:
    with pytest.raises(nf.NgffError, match="Could not parse path"):
        objects_of(MemoryStore())[0].get("a\nb/zarr.json")


def test_names_of_all_kinds_are_names() -> None:
    store = MemoryStore()
    for name in ("a b", "ü/é.zarr", "a%20b", "a#b", "a?b", "~a", "[a]{b}", "a\\b"):
        place = StorePath(ObjectStore(store), name)
        nf.create(place, an_image(), version="0.4")
        nf.update(place, NOTED)
        np.testing.assert_array_equal(nf.to_numpy(place, "0"), PIXELS)


@pytest.mark.parametrize("url", ["https://me:secret@localhost/a.zarr", "https://localhost/a.zarr?token=secret"])
def test_secrets_in_a_url_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(nf.UnsupportedError, match="neither a user nor a query") as refused:
        nf.open_ome_zarr(url)
    assert "secret" not in str(refused.value)


def test_secrets_of_a_store_are_not_part_of_its_name() -> None:
    assert objects_of(HTTPStore("https://me:secret@localhost/"))[0].identity == "https://localhost"


def test_a_name_of_a_store_that_is_not_known_here_is_no_other_store() -> None:
    with pytest.raises(nf.StoreError, match="not known here"):
        objects_at("s3://localhost:4711/bucket/a.zarr")


def test_tensorstore_does_not_see_objects_and_the_refusal_says_so() -> None:
    pytest.importorskip("tensorstore")
    store = MemoryStore()
    nf.create(store, an_image(), version="0.5")
    with pytest.raises(nf.UnsupportedError, match="given local files only"):
        nf.to_tensorstore(store, "0")


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("Error performing PUT http://169.254.169.254/latest/api/token in 8 ms", "no credentials were found"),
        ("Error performing HEAD http://localhost/a in 1 ms - HTTP error: builder error", "AWS_ALLOW_HTTP=true"),
        ("Error performing list request: GET http://localhost/b - Server returned 404 Not Found", "no such bucket"),
        ("Error performing GET http://localhost/b - Server returned 403 Forbidden", "no right"),
    ],
)
def test_what_fails_at_first_says_its_cure(text: str, cure: str) -> None:
    assert cure in said(OSError(text))


def test_a_server_that_does_not_answer_is_asked_for_a_minute() -> None:
    for url in ("s3://bucket/a.zarr", "https://localhost/a.zarr"):
        assert objects_from(url)[0].store.retry_config["retry_timeout"].total_seconds() == 60
