"""Icechunk repositories: a commit is one of icechunk's own, older snapshots open, and no update is lost."""

from __future__ import annotations

import multiprocessing
import operator
import pickle
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import StorePath

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.access.lazy import LazyArray
from ngff_fn.effects.address import files_of
from ngff_fn.effects.commits import repository_commit
from ngff_fn.effects.icechunk import repositories
from tests.consolidation import consolidate
from tests.crashes import Scenario, files_below, scenarios
from tests.icechunk_writers import count_up, counted, local
from tests.plate_crashes import ACTS, small_plate
from tests.real_plates import images_in, pixels_in, records
from tests.zips import small_image

icechunk = pytest.importorskip("icechunk", reason="icechunk is not installed (the extra 'icechunk')")

SPAWN = multiprocessing.get_context("spawn")  # icechunk has threads of its own, which a fork would not have
KINDS = ("local", "memory")


def new(kind: str, folder: Path) -> Any:
    """An empty repository."""
    if kind == "local":
        return local(folder / "repository")
    return icechunk.Repository.create(icechunk.in_memory_storage())


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, quick_path: Path) -> Any:
    """An empty repository of each kind."""
    return new(request.param, quick_path)


@pytest.fixture
def repository(empty: Any) -> Any:
    """An image at the root."""
    nf.create(empty, small_image(), version="0.5")
    return empty


def keys(repository: Any, prefix: str = "") -> set[str]:
    """Everything that the last snapshot has."""
    store = repository.readonly_session("main").store

    async def listed() -> set[str]:
        return {key async for key in store.list_prefix(prefix)}

    found = sync(listed())
    assert isinstance(found, set)
    return found


def head(repository: Any) -> str:
    return str(repository.lookup_branch("main"))


def foreign_put(repository: Any, path: str, name: str, value: int) -> None:
    """What a program that knows nothing of us commits: an attribute of a group."""
    session = repository.writable_session("main")
    zarr.open_group(session.store, path=path or None, mode="r+", zarr_format=3).attrs[name] = value
    session.commit("another program")


def before_the_commit(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], times: int = 1) -> list[int]:
    """Have something done when all is put into the session, right before it is committed; how often that was."""
    told: list[int] = []
    describe = nf.describe

    def described(plan: nf.Plan) -> str:
        told.append(1)
        if len(told) <= times:
            act()
        return describe(plan)

    monkeypatch.setattr(repository_commit, "describe", described)
    return told


# --- what is there afterwards is what is there in a directory


def without_revisions(snapshot: nf.Snapshot) -> dict[str, bytes]:
    """The documents but for what is another one each time pixels are written."""
    return {key: re.sub(rb'"revision": ?"[0-9a-f]+"', b"", text) for key, text in snapshot.documents.items()}


def same_as_a_directory(repository: Any, store: Path) -> None:
    """The same documents byte for byte, the same chunks under the same keys, and so the same records and pixels."""
    one, other = nf.open_ome_zarr(store), nf.open_ome_zarr(repository)
    assert without_revisions(other) == without_revisions(one)
    assert keys(repository) == set(files_below(store))
    if isinstance(one.root, nf.Image):
        expected = {level.path: nf.evaluate(one.root, level.path) for level in one.root.levels}
        found = {level.path: nf.evaluate(other.root, level.path) for level in other.root.levels}
    else:
        expected, found = pixels_in(one.root), pixels_in(other.root)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[path], found[path]) for path in expected)


@pytest.mark.parametrize("scenario", scenarios("0.5"), ids=lambda scenario: scenario.name)
def test_every_kind_of_commit_of_an_image_leaves_what_it_leaves_in_a_directory(
    scenario: Scenario, empty: Any, quick_path: Path
) -> None:
    store = quick_path / "image.zarr"
    for each in (store, empty):
        if scenario.start is not None:
            nf.create(each, scenario.start(), version="0.5")
        scenario.act(each)
    same_as_a_directory(empty, store)


@pytest.mark.parametrize("name", [name for name, kind in ACTS.items() if not kind.consolidated])
def test_every_kind_of_commit_of_a_plate_leaves_what_it_leaves_in_a_directory(
    name: str, empty: Any, quick_path: Path
) -> None:
    store, kind = quick_path / "plate.zarr", ACTS[name]
    act = kind.act(quick_path, "0.5")
    for each in (store, empty):
        if kind.start is not None:
            nf.create(each, kind.start(), version="0.5")
        act(each)
    same_as_a_directory(empty, store)


def test_growing_again_after_shrinking_brings_no_old_pixel_back(repository: Any, quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    nf.create(store, small_image(), version="0.5")
    grown = nf.image_from(np.zeros((3, 4, 12, 16), "uint16"), axes="czyx")
    assert grown.levels
    for each in (store, repository):
        nf.update(each, c.without_pyramid())
        nf.update(each, c.remove_channel("GFP"))
        nf.update(each, c.add_channel("RFP", data=np.zeros((4, 12, 16), "uint16")))
    same_as_a_directory(repository, store)


def put(repository: Any, texts: dict[str, bytes]) -> None:
    """What a program that knows nothing of us commits: documents."""
    session = repository.writable_session("main")
    for key, text in texts.items():
        sync(session.store.set(key, default_buffer_prototype().buffer.from_bytes(text)))
    session.commit("another program")


def test_consolidated_metadata_are_kept_true(empty: Any, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    for each in (store, empty):
        nf.create(each, small_plate(), version="0.5")
    consolidate(store, "")
    put(empty, {"zarr.json": (store / "zarr.json").read_bytes()})
    for each in (store, empty):
        nf.update(each, c.rename_well("A/1", "C/3"), c.update_at("B/3/0", c.crop(y=(0, 2))))
    assert b"consolidated_metadata" in nf.open_ome_zarr(empty).documents["zarr.json"]
    same_as_a_directory(empty, store)


def test_shards_are_read_in_part_and_written_whole(empty: Any, quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    image = nf.rechunk(small_image(), (1, 2, 3, 4), shards_ratio=(1, 2, 2, 2))
    for each in (store, empty):
        nf.create(each, image, version="0.5")
        nf.update(each, c.set_region(0, ((0, 1), (0, 3), (2, 9), (3, 9)), 5))
    same_as_a_directory(empty, store)
    region = ((0, 2), (1, 3), (2, 11), (3, 9))
    part = nf.evaluate(nf.open_ome_zarr(empty).root, 0, region)
    assert np.array_equal(part, nf.open_array(empty, "0")[tuple(slice(*bounds) for bounds in region)])
    assert np.array_equal(part, nf.evaluate(nf.open_ome_zarr(store).root, 0, region))


def test_nodes_without_chunks_are_moved_as_those_with_chunks(empty: Any, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    images = {path: nf.image_from(np.zeros((4, 4), "uint8"), axes="yx") for path in ("A/1/0", "A/2/0")}
    for each in (store, empty):
        nf.create(each, nf.plate_from_positions(images), version="0.5")
        nf.update(each, c.rename_well("A/1", "H/24"), timeout=0)
    same_as_a_directory(empty, store)


def test_nodes_that_are_called_as_chunks_are_nodes(empty: Any, quick_path: Path) -> None:
    store = quick_path / "plate.zarr"
    image = nf.image_from(np.full((4, 4), 3, "uint8"), axes="yx")
    image = nf.add_label(image, "c", np.full((4, 4), 3, "uint8"))
    for each in (store, empty):
        nf.create(each, nf.plate_from_positions({"c/1/0": image, "c/2/0": image}), version="0.5")
        nf.update(each, c.rename_well("c/1", "d/24"), timeout=0)
        nf.update(each, c.update_at("c/2/0", c.remove_label("c")), timeout=0)
    same_as_a_directory(empty, store)


def test_documents_are_kept_byte_for_byte(repository: Any) -> None:
    text = nf.open_ome_zarr(repository).documents["zarr.json"]
    odd = text.replace(b'"zarr_format":3', b'"zarr_format" :  3').replace(b'"zarr_format": 3', b'"zarr_format" :  3')
    odd = odd.rstrip()[:-1] + b"\t  \n }\n"
    put(repository, {"zarr.json": odd})
    nf.update(repository, c.rename_channel("DAPI", "nuclei"))
    assert nf.open_ome_zarr(repository).documents["zarr.json"] == odd.replace(b'"DAPI"', b'"nuclei"')


def test_a_commit_is_one_of_icechunk_with_the_plans_description(repository: Any) -> None:
    base = nf.open_ome_zarr(repository, mode="r+")
    plan = nf.diff(base, nf.set_scale(base.root, z=0.25))
    first = head(repository)
    done = nf.commit(repository, plan)
    last = next(iter(repository.ancestry(branch="main")))
    assert (last.id, last.parent_id, last.message) == (done.moment, first, nf.describe(plan))
    assert head(repository) == done.moment
    again = nf.diff(done.snapshot, done.snapshot.root)
    assert again.operations == ()
    assert nf.commit(repository, again).moment == ""
    assert head(repository) == done.moment


def test_what_a_commit_returns_can_be_edited_and_committed_again(repository: Any) -> None:
    done = nf.update(repository, c.set_scale(z=0.25))
    wanted = nf.rename_channel(done.snapshot.root, "DAPI", "nuclei")
    nf.commit(repository, nf.diff(done.snapshot, wanted))
    assert nf.channel_names(nf.open_ome_zarr(repository).root)[0] == "nuclei"


# --- older snapshots


def test_an_older_snapshot_opens_by_its_id_a_tag_or_a_branch(repository: Any) -> None:
    before = head(repository)
    pixels = nf.to_numpy(repository, "0")
    nf.update(repository, c.crop(y=(0, 3)), c.rename_channel("DAPI", "nuclei"))
    repository.create_tag("raw", before)
    repository.create_branch("old", before)
    for name in (before, "raw", "old"):
        snapshot = nf.open_ome_zarr(repository, snapshot=name)
        assert nf.channel_names(snapshot.root)[0] == "DAPI"
        assert np.array_equal(nf.evaluate(snapshot.root, 0), pixels)
        assert snapshot.origin.home.endswith(f"@{before}")
    assert nf.to_numpy(repository, "0").shape[-2] == 3


def test_an_older_snapshot_can_be_put_back(repository: Any) -> None:
    before, pixels = head(repository), nf.to_numpy(repository, "0")
    nf.update(repository, c.crop(y=(0, 3)), c.rename_channel("DAPI", "nuclei"))
    old = nf.open_ome_zarr(repository, snapshot=before)
    nf.update(repository, lambda _now: old.root)
    assert np.array_equal(nf.to_numpy(repository, "0"), pixels)
    assert nf.channel_names(nf.open_ome_zarr(repository).root)[0] == "DAPI"


def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are(repository: Any) -> None:
    repository.create_tag("raw", head(repository))
    for name in ("nothing", "0" * 20, ""):
        with pytest.raises(nf.StoreNotFoundError, match=r"tags raw and the branches main"):
            nf.open_ome_zarr(repository, snapshot=name)
    with pytest.raises(nf.WrongTypeError, match="snapshot: an int is no text"):
        nf.open_ome_zarr(repository, snapshot=3)  # type: ignore[arg-type] # which is refused
    for mode in ("r+", "a", "w", "w-"):
        with pytest.raises(nf.InvalidValueError, match=r"snapshot: .*mode='r'"):
            nf.open_ome_zarr(repository, snapshot="main", mode=mode, version="0.5", layout="fov")


def test_other_stores_have_no_older_snapshots(quick_path: Path) -> None:
    nf.create(quick_path / "a.zarr", small_image(), version="0.5")
    with pytest.raises(nf.UnsupportedError, match="snapshot: only icechunk"):
        nf.open_ome_zarr(quick_path / "a.zarr", snapshot="main")


def test_what_was_opened_for_reading_stays_true_whatever_is_committed(repository: Any) -> None:
    pixels = nf.to_numpy(repository, "0")
    root, array, dask_array = nf.open_ome_zarr(repository).root, nf.open_array(repository, "0"), None
    lazy = nf.to_dask(repository, "0") if _has("dask") else dask_array
    nf.update(repository, c.set_region(0, ((0, 1), (0, 4), (0, 12), (0, 16)), 5))
    nf.update(repository, c.crop(y=(0, 3)))
    assert np.array_equal(nf.evaluate(root, 0), pixels)
    assert np.array_equal(array[:], pixels)
    if lazy is not None:
        assert np.array_equal(lazy.compute(scheduler="threads"), pixels)


def _has(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def test_what_was_opened_for_changes_is_of_the_branch_and_never_other_pixels(repository: Any) -> None:
    base = nf.open_ome_zarr(repository, mode="r+")
    nf.update(repository, c.set_scale(z=2.0))
    assert nf.evaluate(base.root, 0).any()  # its array is the same
    nf.update(repository, c.set_region(0, ((0, 1), (0, 4), (0, 12), (0, 16)), 5))
    with pytest.raises(nf.ConflictError, match="has changed since it was read"):
        nf.evaluate(base.root, 0)


# --- several writers


def test_an_overtaken_plan_is_a_conflict_and_commits_nothing(repository: Any) -> None:
    base = nf.open_ome_zarr(repository, mode="r+")
    plans = [nf.diff(base, nf.set_scale(base.root, z=number)) for number in (2.0, 3.0)]
    nf.commit(repository, plans[0])
    after = head(repository)
    with pytest.raises(nf.ConflictError, match=r"zarr\.json: it has changed since the plan was computed"):
        nf.commit(repository, plans[1])
    assert head(repository) == after


def test_a_commit_to_another_image_meanwhile_is_no_conflict(empty: Any) -> None:
    nf.create(empty, small_plate(), version="0.5")
    base = nf.open_ome_zarr(empty, mode="r+")
    plan = nf.diff(base, nf.update_at(base.root, "A/1/0", c.rename_channel("GFP", "EGFP")))
    nf.update(empty, c.update_at("A/2/0", c.crop(y=(0, 2))))
    nf.commit(empty, plan)
    found = images_in(nf.open_ome_zarr(empty).root)
    assert nf.channel_names(found["A/1/0"])[1] == "EGFP"
    assert found["A/2/0"].levels[0].array.shape[-2] == 2


@pytest.mark.parametrize("edit", [c.set_scale(z=3.0), c.crop(y=(0, 3))], ids=["documents", "pixels"])
def test_when_the_branch_moves_before_the_commit_the_same_is_put_on_top(
    edit: Any, empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nf.create(nf.RepositoryPath(empty, "one"), small_image(), version="0.5")
    nf.create(nf.RepositoryPath(empty, "two"), small_image(), version="0.5")
    notes = iter((1, 2))
    told = before_the_commit(monkeypatch, lambda: foreign_put(empty, "two", "note", next(notes)), times=2)
    done = nf.update(nf.RepositoryPath(empty, "one"), edit)
    assert (done.replays, len(told)) == (0, 3)
    messages = [info.message for info in empty.ancestry(branch="main")][:3]
    assert messages[1:] == ["another program", "another program"]
    two = nf.open_group(nf.RepositoryPath(empty, "two"))
    assert two.attrs["note"] == 2
    again = nf.open_ome_zarr(nf.RepositoryPath(empty, "one"), mode="r+")
    assert records(again.root) == records(done.snapshot.root)


@pytest.mark.parametrize("edit", [c.set_scale(z=3.0), c.crop(y=(0, 3))], ids=["documents", "pixels"])
def test_when_another_program_commits_the_same_document_the_edits_run_again(
    edit: Any, repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_commit(monkeypatch, lambda: foreign_put(repository, "", "note", 1))
    done = nf.update(repository, edit)
    assert done.replays == 1
    assert nf.open_group(repository).attrs["note"] == 1
    assert records(nf.open_ome_zarr(repository).root) == records(done.snapshot.root)


def test_a_plan_that_is_overtaken_before_the_commit_is_a_conflict(
    repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = nf.open_ome_zarr(repository, mode="r+")
    before_the_commit(monkeypatch, lambda: foreign_put(repository, "", "note", 1))
    with pytest.raises(nf.ConflictError, match=r"zarr\.json"):
        nf.commit(repository, nf.diff(base, nf.set_scale(base.root, z=3.0)))
    assert nf.scale(nf.open_ome_zarr(repository).root) == nf.scale(base.root)


def test_a_commit_that_others_overtake_all_the_time_is_a_conflict_in_the_end(
    empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = nf.RepositoryPath(empty, "one"), nf.RepositoryPath(empty, "two")
    for place in (one, two):
        nf.create(place, small_image(), version="0.5")
    base, notes = nf.open_ome_zarr(one, mode="r+"), iter(range(100))
    told = before_the_commit(monkeypatch, lambda: foreign_put(empty, "two", "note", next(notes)), times=100)
    monkeypatch.setattr(repository_commit, "LOCK_TIMEOUT", 0.0)
    with pytest.raises(nf.ConflictError, match="other writers came first all the time"):
        nf.commit(one, nf.diff(base, nf.set_scale(base.root, z=3.0)))
    assert len(told) == repository_commit._LEAST_ATTEMPTS + 1
    assert nf.scale(nf.open_ome_zarr(one).root) == nf.scale(base.root)


def test_a_commit_whose_answer_was_lost_is_not_taken_for_another_writers(
    repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is sent again finds its own commit in the way."""
    commit = icechunk.Session.commit
    told: list[str] = []

    def twice(session: Any, *arguments: Any, **options: Any) -> Any:
        late = repository.writable_session("main")
        zarr.open_group(late.store, mode="r+", zarr_format=3).attrs["late"] = 1
        told.append(commit(session, *arguments, **options))
        return commit(late, "late")  # which raises icechunk's ConflictError

    monkeypatch.setattr(icechunk.Session, "commit", twice)
    done = nf.update(repository, c.set_scale(z=3.0))
    assert [done.moment] == told
    assert done.replays == 0
    assert head(repository) == done.moment


@pytest.mark.timeout(280)
def test_four_processes_lose_no_update_of_a_local_repository(
    quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path, writers, updates = quick_path / "repository", 4, 50
    image = nf.set_extra(nf.image_from(np.zeros((8, 8), "uint8"), axes="yx", chunks=(1, 8)), "count", 0)
    nf.create(local(path), image, version="0.5")
    start = SPAWN.Barrier(writers)
    from tests.icechunk_writers import update

    processes = [SPAWN.Process(target=update, args=(path, start, updates)) for _ in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * writers
    root = nf.open_ome_zarr(local(path)).root
    assert counted(root) == writers * updates
    assert nf.evaluate(root, 0)[0].tolist() == [200] * 8
    record_property("updates of four processes of an icechunk repository, all there", writers * updates)


def test_threads_lose_no_update(empty: Any) -> None:
    repository, writers, updates = empty, 4, 15
    image = nf.set_extra(nf.image_from(np.zeros((8, 8), "uint8"), axes="yx", chunks=(1, 8)), "count", 0)
    nf.create(repository, image, version="0.5")

    def write() -> None:
        for _ in range(updates):
            nf.update(repository, count_up)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(nf.open_ome_zarr(repository).root) == writers * updates


@pytest.mark.timeout(280)
def test_a_writer_that_is_killed_leaves_before_or_after(
    quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path, kills = quick_path / "repository", 10
    image = nf.set_extra(nf.image_from(np.zeros((8, 8), "uint8"), axes="yx", chunks=(1, 8)), "count", 0)
    nf.create(local(path), image, version="0.5")
    moments = random.Random(5)
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.icechunk_writers", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parent.parent,
        ) as writer:
            assert writer.stdout is not None
            said = b""
            while b"count" not in said:
                said += writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.1))
            writer.send_signal(signal.SIGKILL)
            said += writer.stdout.read()
        root = nf.open_ome_zarr(local(path)).root
        acknowledged = max(map(int, re.findall(rb"count (\d+)\n", said)))
        assert counted(root) - acknowledged in (0, 1)
        count = counted(root) // 5 * 5
        assert nf.evaluate(root, 0)[0].tolist() == [count % 256] * 8
        assert counted(nf.update(local(path), count_up).snapshot.root) == counted(root) + 1
    record_property("kills of writers of an icechunk repository, each before or after", kills)


@pytest.fixture
def temporary(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory for temporary files, here and in processes that are started."""
    folder = quick_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


CUT_OFF = """
import os, sys
import numpy as np, zarr
import ngff_fn as nf
from tests.icechunk_writers import local

class Slow:
    shape, dtype = (8, 8), np.dtype("uint8")
    def __getitem__(self, region):
        print("reached", flush=True)
        sys.stdin.read()

nf.create(local(sys.argv[1]), nf.image_from(Slow(), axes="yx"), version="0.5")
"""


def staging(path: Path) -> subprocess.Popen[bytes]:
    """A process in the middle of a commit."""
    writer = subprocess.Popen(
        [sys.executable, "-c", CUT_OFF, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parent.parent,
    )
    assert writer.stdout is not None
    while b"reached" not in writer.stdout.readline():
        assert writer.poll() is None
    return writer


def test_a_commit_leaves_no_temporary_files(temporary: Path, quick_path: Path) -> None:
    nf.create(local(quick_path / "repository"), small_image(), version="0.5")
    assert list(temporary.iterdir()) == []


def test_the_next_commit_removes_the_temporary_files_of_one_that_was_killed(temporary: Path, quick_path: Path) -> None:
    with staging(quick_path / "one") as writer:
        writer.kill()
    assert len(list(temporary.iterdir())) == 1
    nf.create(local(quick_path / "another"), small_image(), version="0.5")
    assert list(temporary.iterdir()) == []


def test_temporary_files_of_a_living_process_are_left_alone(temporary: Path, quick_path: Path) -> None:
    with staging(quick_path / "one") as writer:
        before = files_below(temporary)
        assert before
        nf.create(local(quick_path / "another"), small_image(), version="0.5")
        assert files_below(temporary) == before
        writer.kill()


def test_temporary_files_of_others_are_left_alone(temporary: Path, quick_path: Path) -> None:
    (temporary / "ngff_fn-elsewhere-0").mkdir()  # of another machine
    (temporary / f"ngff_fn-{platform.node()}-file").touch()
    (quick_path / "kept").mkdir()
    (temporary / f"ngff_fn-{platform.node()}-link").symlink_to(quick_path / "kept")
    before = sorted(temporary.iterdir())
    nf.create(local(quick_path / "repository"), small_image(), version="0.5")
    assert sorted(temporary.iterdir()) == before
    assert (quick_path / "kept").is_dir()


# --- doors


def test_an_image_is_created_and_changed_at_a_path(empty: Any) -> None:
    place = nf.RepositoryPath(empty, "experiments/day 1/cells")
    nf.create(place, small_image(), version="0.5")
    nf.update(place, c.set_scale(z=0.25))
    assert nf.scale(nf.open_ome_zarr(place).root)["z"] == 0.25
    assert np.array_equal(nf.to_numpy(empty, "experiments/day 1/cells/0"), nf.evaluate(small_image(), 0))
    assert nf.children(empty) == ("experiments",)
    assert zarr.open_group(empty.readonly_session("main").store, path="experiments/day 1", mode="r").keys()
    with pytest.raises(nf.StoreExistsError, match="something is there already"):
        nf.create(place, small_image(), version="0.5")
    nf.create(place, small_plate(), version="0.5", overwrite=True)
    assert isinstance(nf.open_ome_zarr(place).root, nf.Plate)
    assert not any(key.startswith("experiments/day 1/cells/0/") for key in keys(empty))


def test_a_repository_is_filled_once_unless_more_is_meant(repository: Any) -> None:
    with pytest.raises(nf.StoreExistsError, match=r"@main: something is there already"):
        nf.create(repository, small_image(), version="0.5")
    with pytest.raises(nf.StoreExistsError, match="something is there already"):
        nf.open_ome_zarr(repository, mode="w-", layout="fov", version="0.5", axes="zyx")
    before = head(repository)
    nf.create(repository, small_plate(), version="0.5", overwrite=True)
    assert isinstance(nf.open_ome_zarr(repository).root, nf.Plate)
    assert isinstance(nf.open_ome_zarr(repository, snapshot=before).root, nf.Image)


def test_commits_go_to_the_branch_that_is_named(repository: Any) -> None:
    before = head(repository)
    repository.create_branch("feature", before)
    place = nf.RepositoryPath(repository, branch="feature")
    nf.update(place, c.set_scale(z=9.0))
    assert head(repository) == before
    assert nf.scale(nf.open_ome_zarr(place).root)["z"] == 9.0
    assert nf.scale(nf.open_ome_zarr(repository).root)["z"] != 9.0
    with pytest.raises(nf.InvalidValueError, match=r"branch: .*'none'.*feature, main"):
        nf.open_ome_zarr(nf.RepositoryPath(repository, branch="none"))
    with pytest.raises(nf.InvalidValueError, match="is the id of a snapshot"):
        nf.open_ome_zarr(nf.RepositoryPath(repository, branch=before))
    with pytest.raises(nf.WrongTypeError, match="repository"):
        nf.open_ome_zarr(nf.RepositoryPath("somewhere"))


def test_a_session_for_reading_is_read_and_takes_no_commits(repository: Any) -> None:
    session = repository.readonly_session("main")
    pixels = nf.to_numpy(repository, "0")
    nf.update(repository, c.crop(y=(0, 3)))
    for door in (session, session.store, StorePath(session.store)):
        snapshot = nf.open_ome_zarr(door)
        assert np.array_equal(nf.evaluate(snapshot.root, 0), pixels)
        assert np.array_equal(nf.to_numpy(door, "0"), pixels)
        with pytest.raises(nf.StoreError, match=r"takes no commits. Hand in the icechunk.Repository"):
            nf.update(door, c.set_scale(z=2.0))
    assert np.array_equal(nf.to_numpy(StorePath(session.store, "0")), pixels)


def test_a_session_for_writing_is_refused(repository: Any) -> None:
    session = repository.writable_session("main")
    for door in (session, session.store, StorePath(session.store, "0"), session.fork()):
        with pytest.raises(nf.UnsupportedError, match=r"store: a session for writing.*hand in the icechunk.Repository"):
            nf.open_ome_zarr(door)


def test_what_else_icechunk_has_is_no_store() -> None:
    with pytest.raises(nf.WrongTypeError, match="store: RepositoryConfig is not a store"):
        nf.open_ome_zarr(icechunk.RepositoryConfig.default())
    other = type("Other", (), {"__module__": "icechunk.others"})
    with pytest.raises(nf.WrongTypeError, match=r"store: Other is no store\. Give the icechunk\.Repository"):
        nf.open_ome_zarr(other())


def test_the_path_of_a_local_repository_is_refused_with_the_cure(quick_path: Path) -> None:
    nf.create(new("local", quick_path), small_image(), version="0.5")
    with pytest.raises(nf.StoreNotFoundError, match=r"this is an icechunk repository.*hand in the icechunk.Repository"):
        nf.open_ome_zarr(quick_path / "repository")


CREATORS: dict[str, Callable[[Path], Any]] = {
    "create": lambda path: nf.create(path, small_image(), version="0.5"),
    "overwrite": lambda path: nf.create(path, small_image(), version="0.5", overwrite=True),
    "without checks": lambda path: nf.create(
        path, small_image(), version="0.5", overwrite=True, disable_path_checking=True
    ),
    "another version": lambda path: nf.create(path, small_image(), version="0.4", overwrite=True),
    **{
        f"mode {mode}": lambda path, mode=mode: nf.open_ome_zarr(  # type: ignore[misc]
            path, layout="fov", mode=mode, axes="yx", disable_path_checking=True
        )
        for mode in ("w", "w-", "a")
    },
}


@pytest.mark.parametrize("creator", CREATORS)
@pytest.mark.parametrize("below", ["", "snapshots", "image.zarr", "refs/image.ozx"])
def test_nothing_is_created_by_path_where_a_repository_is(creator: str, below: str, quick_path: Path) -> None:
    made = local(quick_path / "repository.zarr")
    nf.create(made, small_image(), version="0.5")
    before = files_below(quick_path)
    with pytest.raises(nf.StoreExistsError, match=r"repository.zarr: this is an icechunk repository.*hand in the"):
        CREATORS[creator](quick_path / "repository.zarr" / below)
    assert files_below(quick_path) == before


def test_a_plan_of_a_new_store_does_not_replace_a_repository_that_was_made_since(quick_path: Path) -> None:
    path = quick_path / "cells.zarr"
    empty = nf.open_ome_zarr(path, layout="fov", mode="w", axes="yx", version="0.5")
    nf.create(local(path), small_image(), version="0.5")
    before = files_below(quick_path)
    with pytest.raises(nf.StoreExistsError, match="this is an icechunk repository"):
        nf.commit(path, nf.diff(empty, empty.root))
    assert files_below(quick_path) == before


def test_folders_that_are_called_as_those_of_a_repository_are_folders(quick_path: Path) -> None:
    for name in ("refs", "snapshots", "repo"):
        nf.create(quick_path / name / "image.zarr", small_image(), version="0.5")


def test_images_go_from_a_repository_to_a_directory_and_back(repository: Any, quick_path: Path) -> None:
    nf.create(quick_path / "a.zarr", nf.open_ome_zarr(repository).root, version="0.4")
    other = new("memory", quick_path)
    nf.create(other, nf.open_ome_zarr(quick_path / "a.zarr").root, version="0.5")
    assert np.array_equal(nf.to_numpy(other, "0"), nf.to_numpy(repository, "0"))
    assert without_revisions(nf.open_ome_zarr(other)) == without_revisions(nf.open_ome_zarr(repository))


def test_two_objects_of_one_repository_are_one_store(quick_path: Path) -> None:
    one, other = new("local", quick_path), new("local", quick_path)
    nf.create(one, small_image(), version="0.5")
    base = nf.open_ome_zarr(one, mode="r+")
    nf.commit(other, nf.diff(base, nf.set_scale(base.root, z=2.0)))
    assert nf.scale(nf.open_ome_zarr(one).root)["z"] == 2.0


def test_a_plan_of_another_repository_is_refused(repository: Any, quick_path: Path) -> None:
    other = new("memory", quick_path)
    nf.create(other, small_image(), version="0.5")
    base = nf.open_ome_zarr(other, mode="r+")
    with pytest.raises(nf.InvalidValueError, match="plan: it was computed from"):
        nf.commit(repository, nf.diff(base, nf.set_scale(base.root, z=2.0)))


def test_a_repository_in_memory_that_is_gone_says_so(quick_path: Path) -> None:
    repository = new("memory", quick_path)
    nf.create(repository, small_image(), version="0.5")
    root = nf.open_ome_zarr(repository, mode="r+").root
    del repository
    with pytest.raises(nf.StoreError, match="this repository in memory is gone"):
        nf.evaluate(root, 0)


# --- processes


def test_lazy_arrays_of_a_local_repository_travel(quick_path: Path) -> None:
    repository = new("local", quick_path)
    nf.create(repository, small_image(), version="0.5")
    for mode in ("r", "r+"):
        root = nf.open_ome_zarr(repository, mode=mode).root
        lazy = LazyArray(stored=root.levels[0].pixels)
        with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
            found = pool.submit(operator.getitem, lazy, ...).result()
        assert np.array_equal(found, nf.to_numpy(repository, "0"))


def test_those_in_memory_do_not(quick_path: Path) -> None:
    repository = new("memory", quick_path)
    nf.create(repository, small_image(), version="0.5")
    lazy = LazyArray(stored=nf.open_ome_zarr(repository).root.levels[0].pixels)
    with pytest.raises(nf.StoreError, match="a repository in memory does not leave its process"):
        pickle.dumps(lazy)


def test_those_of_a_session_travel_with_it(quick_path: Path) -> None:
    repository = new("local", quick_path)
    nf.create(repository, small_image(), version="0.5")
    root = nf.open_ome_zarr(repository.readonly_session("main").store).root
    lazy = LazyArray(stored=root.levels[0].pixels)
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        assert np.array_equal(pool.submit(operator.getitem, lazy, ...).result(), nf.to_numpy(repository, "0"))


def test_processes_make_the_pixels_of_a_local_repository(quick_path: Path) -> None:
    repository = new("local", quick_path)
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        nf.create(repository, nf.without_pyramid(small_image()), version="0.5", executor=pool)
        nf.update(repository, c.with_pyramid(levels=2), executor=pool)
    expected = nf.with_pyramid(nf.without_pyramid(small_image()), levels=2)
    assert np.array_equal(nf.to_numpy(repository, "1"), nf.evaluate(expected, 1))


def test_a_forked_process_refuses_instead_of_waiting_for_ever(quick_path: Path) -> None:
    repository = new("local", quick_path)
    nf.create(repository, nf.without_pyramid(small_image()), version="0.5")
    before = head(repository)
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool,
        pytest.raises(nf.StoreError, match=r"a process that was forked\. Start processes with 'spawn'"),
    ):
        nf.update(repository, c.with_pyramid(levels=2), executor=pool)
    assert head(repository) == before


# --- refusals, and what a repository can do


def test_an_image_is_in_groups_only(repository: Any) -> None:
    before = head(repository)
    with pytest.raises(nf.StoreExistsError, match="0/inside: there is an array above it"):
        nf.create(nf.RepositoryPath(repository, "0/inside"), small_image(), version="0.5")
    for path in ("__ngff_fn", "__ngff_fn/image"):
        with pytest.raises(nf.InvalidValueError, match="reserved"):
            nf.create(nf.RepositoryPath(repository, path), small_image(), version="0.5")
    for path in ("../image", "a//b", "a/./b"):
        with pytest.raises(nf.InvalidValueError, match="leads nowhere"):
            nf.create(nf.RepositoryPath(repository, path), small_image(), version="0.5")
    assert head(repository) == before


def test_what_icechunk_cannot_hold_is_refused_where_it_is_asked_for(empty: Any) -> None:
    with pytest.raises(nf.UnsupportedError, match=r"@main: icechunk keeps Zarr v3 only.*version='0.5'"):
        nf.create(empty, small_image(), version="0.4")
    with pytest.raises(nf.UnsupportedError, match="icechunk keeps Zarr v3 only"):
        nf.open_ome_zarr(empty, mode="w-", layout="fov", axes="zyx", version="0.4")
    assert keys(empty) == set()


def test_files_that_are_no_zarr_are_refused_and_nothing_is_committed(empty: Any, quick_path: Path) -> None:
    store = quick_path / "a.zarr"
    nf.create(store, small_image(), version="0.5")
    (store / "notes.txt").write_text("by hand")
    before = head(empty)
    with pytest.raises(nf.UnsupportedError, match=r"notes.txt: icechunk keeps Zarr v3 nodes.*Leave it out"):
        nf.create(empty, nf.open_ome_zarr(store).root, version="0.5")
    assert head(empty) == before


def test_recovery_has_nothing_to_do(repository: Any) -> None:
    assert nf.recover(repository) == nf.Recovered()
    assert nf.vacuum(repository, older_than=0) == nf.Vacuumed()
    assert nf.torn_files(repository) == ()


def test_an_empty_repository_is_no_image(empty: Any) -> None:
    with pytest.raises(nf.StoreNotFoundError, match=r"there is no such store\. Create one"):
        nf.open_ome_zarr(empty)
    with pytest.raises(nf.StoreNotFoundError):
        nf.recover(empty)


def test_what_a_repository_can_do(quick_path: Path) -> None:
    local_one = nf.capabilities(new("local", quick_path))
    assert (local_one.kind, local_one.writable, local_one.locks) == ("icechunk", True, "directory")
    assert not local_one.conditional_put
    repository = new("memory", quick_path)
    in_memory = nf.capabilities(repository)
    assert (in_memory.locks, in_memory.conditional_put, in_memory.durable_flush) == ("none", True, False)
    assert not nf.capabilities(repository.readonly_session("main").store).writable


def test_a_storage_that_is_not_known_needs_a_single_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        repositories, "_described", lambda _text: repositories.Storage(kind="unknown", name="repository-new")
    )
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    with pytest.raises(nf.UnsupportedError, match="single_writer=True"):
        nf.create(repository, small_image(), version="0.5")
    nf.create(repository, small_image(), version="0.5", single_writer=True)
    assert nf.to_numpy(repository, "0").any()


@pytest.mark.parametrize(
    ("storage", "kind", "name"),
    [
        (lambda: icechunk.local_filesystem_storage("/nowhere/a repository"), "local", "/nowhere/a repository"),
        (
            lambda: icechunk.s3_storage(
                bucket="b", prefix="p/q", region="r", endpoint_url="http://localhost:9", access_key_id="a",
                secret_access_key="very secret",  # noqa: S106 — of nobody
            ),
            "objects", "s3://localhost:9/b/p/q",
        ),
        (lambda: icechunk.s3_storage(bucket="b", prefix="p", region="r", anonymous=True), "objects", "s3://b/p"),
        (lambda: icechunk.gcs_storage(bucket="b", prefix="p"), "objects", "gs://b/p"),
        (
            lambda: icechunk.azure_storage(account="a", container="c", prefix="p", from_env=True), "objects", "az://a/c/p",
        ),
    ],
)  # fmt: skip
def test_a_storage_is_known_by_what_it_says_of_itself(storage: Callable[[], Any], kind: str, name: str) -> None:
    found = repositories._described(repr(storage()))
    assert (found.kind, found.name) == (kind, name)


def test_an_identity_leads_to_the_snapshot_that_it_names(repository: Any) -> None:
    for mode in ("r", "r+"):
        home = nf.open_ome_zarr(repository, mode=mode).origin.home
        assert files_of(home).identity == home
        assert files_of(home).read("zarr.json") == nf.open_ome_zarr(repository).documents["zarr.json"]


def test_reading_an_image_asks_for_its_documents_and_little_else(
    repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get, list_dir = icechunk.IcechunkStore.get, icechunk.IcechunkStore.list_dir

    async def counted_get(store: Any, key: str, *rest: Any) -> Any:
        asked.append(key)
        return await get(store, key, *rest)

    def counted_list(store: Any, prefix: str) -> Any:
        asked.append(prefix)
        return list_dir(store, prefix)

    monkeypatch.setattr(icechunk.IcechunkStore, "get", counted_get)
    monkeypatch.setattr(icechunk.IcechunkStore, "list_dir", counted_list)
    snapshot = nf.open_ome_zarr(repository)
    assert len(asked) <= 3 * len(snapshot.documents) + 4
