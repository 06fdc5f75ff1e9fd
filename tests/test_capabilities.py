"""What a store can do is found out by trying it; and where directories have no locks, a file has."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from zarr.storage import LocalStore, MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits.transaction import Bench
from ngff_fn.effects.local.exclusive import LOCK_FILE
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.local.system_calls import NoLocksError, exchange_names
from ngff_fn.effects.record import STAGE, WORKSHOP
from ngff_fn.effects.stores import Address
from tests.crashes import files_below, names_in

IMAGE = nf.image_from(np.arange(2 * 8 * 8, dtype="uint8").reshape(2, 8, 8), axes="cyx", channel_names=["DAPI", "GFP"])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    nf.create(tmp_path / "image.zarr", IMAGE, version="0.5")
    return tmp_path / "image.zarr"


class NoLocks(LocalFiles):
    """A file system on which directories have no locks, as on NFS."""

    def lock_directory(self, descriptor: int) -> bool:  # noqa: ARG002
        message = "flock does not work on directories here."
        raise NoLocksError(message)


def without(path: Path) -> Address:
    return Address(files=NoLocks(str(path)), path="")


# -- capabilities ------------------------------------------------------------------------------------------------------


def test_a_local_directory_can_what_its_file_system_can(store: Path) -> None:
    before = files_below(store)
    found = nf.capabilities(store)
    assert (found.kind, found.location, found.writable) == ("local", str(store), True)
    assert found.atomic_replace
    assert found.durable_flush
    assert found.locks == "directory"
    assert found.exchange is (exchange_names is not None)
    assert found.hard_links is hasattr(os, "link")
    assert not found.conditional_put
    assert files_below(store) == before


@pytest.mark.parametrize("door", ["0", "../image.zarr"])
def test_any_door_says_the_same(door: str, store: Path) -> None:
    assert nf.capabilities(store / door) == nf.capabilities(store)
    assert nf.capabilities(LocalStore(store)) == nf.capabilities(store)


def test_a_store_that_is_not_there_yet_can_what_its_directory_can(tmp_path: Path, store: Path) -> None:
    found = nf.capabilities(tmp_path / "new.zarr")
    assert found.location == str(tmp_path / "new.zarr")
    assert found.locks == nf.capabilities(store).locks
    assert names_in(tmp_path) == ["image.zarr"]
    with pytest.raises(nf.StoreNotFoundError, match="no such directory"):
        nf.capabilities(tmp_path / "none" / "new.zarr")


def test_what_others_have_staged_is_not_touched(store: Path) -> None:
    (store / STAGE / "theirs").mkdir(parents=True)
    before = files_below(store)
    assert nf.capabilities(store).writable
    assert files_below(store) == before


def test_of_a_read_only_store_it_says_what_is_known_without_writing(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (store, *store.rglob("*"))}
    found = nf.capabilities(LocalStore(store, read_only=True))
    assert not found.writable
    assert (found.atomic_replace, found.exchange, found.hard_links, found.durable_flush) == (None, None, None, None)
    assert found.locks == "directory"
    assert {path: path.stat().st_mtime_ns for path in (store, *store.rglob("*"))} == before


def test_a_store_in_memory() -> None:
    data: dict[str, Any] = {}
    found = nf.capabilities(MemoryStore(data))
    assert (found.kind, found.locks, found.exchange, found.durable_flush) == ("memory", "mutex", True, False)
    assert not nf.capabilities(MemoryStore(data, read_only=True)).writable
    assert data == {}


def test_a_kind_of_store_that_says_it_itself() -> None:
    @frozen
    class Other:
        identity: str = "other:"

        def capabilities(self) -> nf.Capabilities:
            return nf.Capabilities(kind="other", location=self.identity, writable=True, conditional_put=True)

    other: Any = Other()
    assert nf.capabilities(Address(files=other, path="")).conditional_put


def test_where_directories_have_no_locks_a_file_has(store: Path) -> None:
    before = files_below(store)
    assert nf.capabilities(without(store)).locks == "file"
    assert files_below(store) == before


# -- a file as the lock ------------------------------------------------------------------------------------------------


def test_only_one_writer_is_inside_and_nothing_is_left(store: Path) -> None:
    with NoLocks(str(store)).lock(1):
        assert (store / LOCK_FILE).exists()
        with pytest.raises(nf.StoreError, match="another writer has held the lock"), NoLocks(str(store)).lock(0.1):
            pass
    assert LOCK_FILE not in names_in(store)
    with NoLocks(str(store)).lock(0.1):
        pass
    assert LOCK_FILE not in names_in(store)


def test_a_lock_dies_with_its_process(store: Path) -> None:
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with NoLocks(str(store)).lock(1):
                os.write(writes, b"1")
                time.sleep(100)
        finally:
            os._exit(3)
    os.read(reads, 1)
    with pytest.raises(nf.StoreError, match="another writer"), NoLocks(str(store)).lock(0.05):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert LOCK_FILE in names_in(store)  # the file stays, and says nothing
    nf.update(without(store), c.set_scale(y=0.5))
    assert names_in(store) == ["0", "zarr.json"]


def test_what_is_staged_is_held_by_its_owner(store: Path) -> None:
    files = NoLocks(str(store))
    bench = Bench(files, STAGE)
    assert NoLocks(str(store)).is_held(bench.path)
    assert nf.vacuum(without(store)).removed == ()
    bench.release()
    assert not NoLocks(str(store)).is_held(bench.path)
    assert (store / bench.path / "owner").exists()  # so that the bench is known to be there
    assert str(store / WORKSHOP) in nf.vacuum(without(store)).removed
    assert names_in(store) == ["0", "zarr.json"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_every_kind_of_commit_works(version: Any, tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    nf.create(without(store), IMAGE, version=version)
    nf.update(without(store), c.set_scale(y=0.5))
    nf.update(without(store), c.add_channel("RFP"), c.with_pyramid(levels=2))
    nf.update(without(store), c.remove_channel("DAPI"), c.crop(x=(0, 4)))
    assert nf.channel_names(nf.open_ome_zarr(store).root) == ("GFP", "RFP")
    nf.create(without(store), IMAGE, version=version, overwrite=True)
    assert nf.channel_names(nf.open_ome_zarr(store).root) == ("DAPI", "GFP")
    assert names_in(tmp_path) == ["image.zarr"]
    assert not {WORKSHOP, LOCK_FILE} & set(names_in(store))


def test_no_update_of_several_processes_is_lost(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    nf.create(store, IMAGE, version="0.5")
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                for _ in range(20):
                    nf.update(without(store), _counted, durability="process")
                os._exit(0)
            finally:
                os._exit(3)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 81
    assert names_in(store) == ["0", "zarr.json"]


def _counted(root: Any) -> Any:
    return nf.set_scale(root, y=nf.scale(root)["y"] + 1)


def test_a_store_that_is_replaced_takes_its_lock_with_it(tmp_path: Path, store: Path) -> None:
    other = tmp_path / "other.zarr"
    nf.create(other, IMAGE, version="0.5")
    waited: list[bool] = []

    def wait() -> None:
        with NoLocks(str(store)).lock(10):
            waited.append((store / LOCK_FILE).exists())

    with NoLocks(str(store)).lock(1):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.05)
        store.rename(tmp_path / "old.zarr")
        other.rename(store)
        thread.join(10)
    assert waited == [True]
    assert LOCK_FILE not in names_in(store)


def test_a_link_in_the_place_of_the_lock_file_is_not_followed(store: Path, tmp_path: Path) -> None:
    (store / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(nf.StoreError, match="no lock file can be made"), NoLocks(str(store)).lock(0.1):
        pass
    assert names_in(tmp_path) == ["image.zarr"]


def test_where_neither_has_locks_it_has_to_be_said_that_nobody_else_writes(store: Path) -> None:
    class Nothing(NoLocks):
        def lock(self, timeout: float) -> Any:  # noqa: ARG002
            message = "flock does not work on this file system. Say single_writer=True where no other program writes."
            raise NoLocksError(message)

    address = Address(files=Nothing(str(store)), path="")
    with pytest.raises(nf.StoreError, match="single_writer=True"):
        nf.update(address, c.set_scale(y=0.5))
    for act in (nf.recover, nf.vacuum):
        with pytest.raises(nf.StoreError, match="single_writer=True"):
            act(address)
