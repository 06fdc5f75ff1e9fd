"""The ports: what every kind of store does the same way, and what a local directory refuses."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zarr
from zarr.storage import LocalStore, LoggingStore, MemoryStore, StorePath, ZipStore

from ngff_fn.effects.address import address_of, files_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.memory import Memory, MemoryFiles, memory_of
from ngff_fn.effects.stores import Files
from ngff_fn.errors import StoreError, StoreExistsError, UnsupportedError, WrongTypeError


class ByRenames(LocalFiles):
    """A platform that cannot exchange two directories in one step."""

    def swap(self, one: str, other: str) -> bool:  # noqa: ARG002
        return False


@pytest.fixture(params=["local", "by renames", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    root = tmp_path / "root.zarr"
    root.mkdir()
    match request.param:
        case "local":
            return LocalFiles(str(root))
        case "by renames":
            return ByRenames(str(root))
        case _:
            return MemoryFiles(Memory({}))


def test_what_was_written_is_read(files: Files) -> None:
    files.write("a/b/c", b"0123456789")
    assert files.read("a/b/c") == b"0123456789"
    assert files.read("a/b/c", 2, 5) == b"234"
    assert files.read("a/b/c", -3) == b"789"
    assert files.read("a/b") is None
    assert files.read("nothing") is None


def test_a_directory_lists_its_entries(files: Files) -> None:
    files.write("a/one", b"")
    files.write("a/two/three", b"")
    assert sorted(files.names("a")) == [("one", False), ("two", True)]
    assert files.names("nothing") == []


def test_a_signature_changes_with_its_file(files: Files) -> None:
    files.write("a", b"1")
    before = files.signature("a")
    time.sleep(0.002)
    files.write("b", b"2")
    files.move("b", "a")
    assert files.signature("a") != before
    assert files.signature("b") is None
    assert files.get("a") == (b"2", files.signature("a"))


def test_a_file_that_is_moved_replaces_a_file(files: Files) -> None:
    files.write("new", b"new")
    files.write("deep/old", b"old")
    files.move("new", "deep/old")
    assert (files.read("deep/old"), files.read("new")) == (b"new", None)


def test_a_directory_that_is_moved_takes_everything_along(files: Files) -> None:
    files.write("a/x/y", b"1")
    files.move("a", "b/c")
    assert (files.read("b/c/x/y"), files.names("a")) == (b"1", [])


def test_a_directory_is_not_moved_over_another(files: Files) -> None:
    files.write("a/x", b"1")
    files.write("b/y", b"2")
    with pytest.raises(StoreExistsError, match="in the way"):
        files.move("a", "b")
    assert (files.read("a/x"), files.read("b/y")) == (b"1", b"2")


def test_two_directories_change_places(files: Files) -> None:
    files.write("a/x", b"1")
    files.write("b/y", b"2")
    files.exchange("a", "b")
    assert (files.read("b/x"), files.read("a/y")) == (b"1", b"2")
    assert sorted(name for name, _ in files.names("")) == ["a", "b"]


def test_what_is_removed_may_be_gone_already(files: Files) -> None:
    files.write("a/x/y", b"1")
    files.remove("a")
    files.remove("a")
    assert files.names("") == []


def test_only_empty_directories_are_pruned(files: Files) -> None:
    files.write("a/b/c", b"1")
    files.write("a/x", b"1")
    files.remove("a/b/c")
    files.prune("a/b")
    assert files.names("a") == [("x", False)]


def test_a_copy_has_the_same_bytes(files: Files) -> None:
    files.write("a", b"1")
    for link, key in ((True, "b/linked"), (False, "b/copied")):
        files.copy(files, "a", key, link=link)
        assert files.read(key) == b"1"
    files.copy(files, "nothing", "b/nothing", link=False)
    assert files.read("b/nothing") is None


def test_a_directory_is_held_until_it_is_released(files: Files) -> None:
    files.write("a/x", b"")
    release = files.hold("a")
    assert files.is_held("a")
    release()
    assert not files.is_held("a")


def test_threads_exclude_each_other(files: Files) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        for _ in range(50):
            with files.lock(20):
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_waits_too_long_for_the_lock_is_told(files: Files) -> None:
    refusals: list[str] = []

    def wait() -> None:
        try:
            with files.lock(0.05):
                pass
        except StoreError as error:
            refusals.append(str(error))

    with files.lock(1):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert "another writer has held the lock" in refusals[0]


def test_a_read_only_store_refuses_every_change(tmp_path: Path) -> None:
    store = MemoryStore()
    for closed in (LocalFiles(str(tmp_path), read_only=True), MemoryFiles(memory_of(store), read_only=True)):
        changes: list[Callable[[], Any]] = [
            lambda closed=closed: closed.write("a", b""),  # type: ignore[misc]
            lambda closed=closed: closed.move("a", "b"),  # type: ignore[misc]
            lambda closed=closed: closed.remove("a"),  # type: ignore[misc]
            lambda closed=closed: closed.exchange("a", "b"),  # type: ignore[misc]
        ]
        for change in changes:
            with pytest.raises(StoreError, match="read-only"):
                change()


# --- local directories
# -------------------------------------------------------------------------------------------------


def _hold(root: str, entered: Any, leave: Any) -> None:
    with LocalFiles(root).lock(10):
        entered.set()
        leave.wait(20)


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    entered, leave = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), entered, leave))
    process.start()
    assert entered.wait(10)
    with pytest.raises(StoreError), LocalFiles(str(tmp_path)).lock(0.05):
        pass
    process.kill()
    process.join()
    with LocalFiles(str(tmp_path)).lock(5):
        pass


def test_a_lock_is_that_of_the_directory_which_is_there_now(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "other").mkdir()
    files = LocalFiles(str(tmp_path / "store"))
    with files.lock(1):
        LocalFiles(str(tmp_path)).exchange("store", "other")
        with LocalFiles(str(tmp_path / "store")).lock(1):
            pass


def test_an_exchange_by_renames_can_be_taken_up_again(tmp_path: Path) -> None:
    files = ByRenames(str(tmp_path))
    files.write("a/x", b"1")
    files.write("b/y", b"2")
    (tmp_path / "b").rename(tmp_path / "a.aside")  # it died after its first rename
    files.exchange("a", "b")
    assert (files.read("b/x"), files.read("a/y")) == (b"1", b"2")


def test_an_exchange_that_must_be_one_step_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    files = ByRenames(str(tmp_path))
    files.write("a/x", b"1")
    files.write("b/y", b"2")
    with pytest.raises(StoreError, match="in one step"):
        files.exchange("a", "b", one_step=True)
    assert (files.read("a/x"), files.read("b/y")) == (b"1", b"2")


@pytest.mark.parametrize("link", ["folder", "folder/file", "file"])
def test_a_link_that_leaves_the_store_is_refused(link: str, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "file").write_bytes(b"secret")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "file")
    files = LocalFiles(str(root))
    for touch in (files.read, files.signature, files.names):
        with pytest.raises(StoreError, match="leaves the store"):
            touch(link)
    with pytest.raises((StoreError, StoreExistsError)):
        files.write(link, b"")
    with suppress(StoreError):
        files.remove(link)
    assert (outside / "file").read_bytes() == b"secret"


def test_a_link_inside_the_store_is_followed(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    files.write("a/x", b"1")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert files.read("b/x") == b"1"


def test_local_files_are_pickled_by_their_root(tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(LocalFiles(str(tmp_path), read_only=True)))  # noqa: S301 — our own
    assert (again.identity, again.read_only) == (os.path.realpath(tmp_path), True)


# --- addresses
# ---------------------------------------------------------------------------------------------------------


def test_every_door_leads_to_the_same_place(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    zarr.open_group(path, mode="w", zarr_format=2).create_group("A/1/0")
    (tmp_path / "link").symlink_to(path)
    doors: list[Any] = [
        str(path / "A" / "1" / "0"),
        path / "A" / "1" / "0",
        tmp_path / "link" / "A" / "1" / "0",
        LocalStore(path / "A" / "1" / "0"),
        StorePath(LocalStore(path), "A/1/0"),
    ]
    places = {address_of(door).place for door in doors}
    assert len(places) == 1
    place = places.pop()
    assert (place.home, place.path) == (os.path.realpath(path), "A/1/0")


def test_a_group_far_above_is_another_hierarchy(tmp_path: Path) -> None:
    (tmp_path / ".zgroup").write_text('{"zarr_format": 2}')
    deep = tmp_path / "a" / "b" / "c" / "image.zarr"
    deep.mkdir(parents=True)
    assert address_of(deep).path == ""


def test_stores_that_share_a_memory_are_one() -> None:
    store = MemoryStore()
    other = MemoryStore(store._store_dict, read_only=True)
    assert address_of(store).place == address_of(other).place
    assert address_of(other).files.read_only
    assert address_of(MemoryStore()).place != address_of(store).place


def test_a_store_is_found_again_by_its_identity(tmp_path: Path) -> None:
    store = MemoryStore()
    for door in (store, tmp_path / "x.zarr"):
        files = address_of(door).files
        assert files_of(files.identity).identity == files.identity


def test_a_memory_that_is_gone_is_said_to_be() -> None:
    store = MemoryStore()
    identity = address_of(store).files.identity
    del store
    with pytest.raises(StoreError, match="is gone"):
        files_of(identity)


def test_other_zarr_stores_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="LoggingStore is not supported yet"):
        address_of(LoggingStore(MemoryStore()))


def test_archives_are_known_by_their_names_unless_they_are_directories(tmp_path: Path) -> None:
    for name in ("a.ozx", "a.zarr.zip", "A.OZX"):
        address = address_of(tmp_path / name)
        assert (address.files.identity, address.path) == (str(tmp_path / name), "")
        assert address_of(tmp_path / name).place == address_of(ZipStore(tmp_path / name, mode="w")).place
        assert type(address.files).__name__ == type(files_of(address.files.identity)).__name__ == "ZipFiles"
        (tmp_path / name).touch()
        assert address_of(tmp_path / name / "B/1").path == "B/1"
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
        assert type(address_of(tmp_path / name).files).__name__ == "LocalFiles"
    assert type(address_of(tmp_path / "a.zip.zarr").files).__name__ == "LocalFiles"


@pytest.mark.parametrize("store", [None, 3, {"a": 1}])
def test_what_is_no_store_is_refused(store: Any) -> None:
    with pytest.raises(WrongTypeError, match="is not a store"):
        address_of(store)
