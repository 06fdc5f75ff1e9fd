"""What a record may say, and what happens when a store changes while a commit is under way or after its writer died."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits.transaction import carry_out_directly, publish
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.record import RECORDS, STAGE, Exchange, Move, Put, Record, as_bytes
from ngff_fn.effects.stores import Address
from ngff_fn.frozen_json import FrozenMap
from tests.crashes import Counter, door, files_below, killed_at

ONES = np.ones((8, 8), dtype="uint8")
COUNT = np.arange(64, dtype="uint8").reshape(8, 8)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    nf.create(tmp_path / "image.zarr", nf.image_from(COUNT, axes="yx", chunks=(4, 4)), version="0.5")
    return tmp_path / "image.zarr"


DIGEST = sha256(b"precious").hexdigest()
HOSTILE: list[Any] = [
    {"do": "move", "source": "../victim", "target": f"{STAGE}/x"},
    {"do": "move", "source": "0", "target": "../stolen"},
    {"do": "move", "source": "0/../../victim", "target": f"{STAGE}/x"},
    {"do": "move", "source": "/etc", "target": f"{STAGE}/x"},
    {"do": "move", "source": "", "target": f"{STAGE}/x"},
    {"do": "move", "source": None, "target": "0"},
    {"do": "move", "source": [1], "target": "0"},
    {"do": "move", "source": f"{RECORDS}/x", "target": "0"},
    {"do": "put", "key": "../victim/file", "before": DIGEST, "length": 4},
    {"do": "put", "key": f"{STAGE}/x", "before": None, "length": 4},
    {"do": "put", "key": 1, "before": None, "length": 4},
    {"do": "put", "key": "a\0b", "before": None, "length": 4},
    {"do": "put", "key": "\ud800", "before": None, "length": 4},
    {"do": "put", "key": "a", "before": 3, "length": 4},
    {"do": "exchange", "staged": "../victim", "target": "0", "documents": {"zarr.json": 4}},
    {"do": "exchange", "staged": 5, "target": "0", "documents": {"zarr.json": 4}},
    {"do": "exchange", "staged": f"{STAGE}/x", "target": "0", "documents": {"../zarr.json": 4}},
    {"do": "put", "key": "a", "before": None, "length": 5},
    {"do": "put", "key": "a", "before": None, "length": 3},
    {"do": "put", "key": "a", "before": None, "length": -1},
    {"do": "put", "key": "a", "before": None, "length": True},
    {"do": "erase"},
    {},
    "move",
]


@pytest.mark.parametrize("step", HOSTILE, ids=lambda step: json.dumps(step)[:60])
def test_a_record_that_leads_out_of_the_store_is_refused_and_nothing_is_touched(step: Any, store: Path) -> None:
    victim = store.parent / "victim"
    victim.mkdir()
    (victim / "file").write_bytes(b"precious")
    (store / RECORDS).mkdir(parents=True)
    texts = "evil" if isinstance(step, dict) and not step.keys().isdisjoint(("length", "documents")) else ""
    said = {"format": 3, "texts": sha256(texts.encode()).hexdigest(), "steps": [step]}
    (store / RECORDS / "r.json").write_text(json.dumps(said) + "\n" + texts)
    before = files_below(store.parent)
    for act in (
        nf.open_ome_zarr,
        lambda path: nf.to_numpy(path, "0"),
        lambda path: nf.update(path, c.set_scale(y=2.0)),
    ):
        with pytest.raises(nf.StoreError, match="cannot be understood"):
            act(store)
    assert files_below(store.parent) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1, "steps": []}', "[" * 100_000])
def test_a_record_that_is_none_is_refused(text: str, store: Path) -> None:
    (store / RECORDS).mkdir(parents=True)
    (store / RECORDS / "r.json").write_text(text)
    with pytest.raises(nf.StoreError, match="cannot be understood"):
        nf.open_ome_zarr(store)


def test_a_record_whose_texts_are_damaged_is_refused(store: Path) -> None:
    document = (store / "zarr.json").read_bytes()
    record = as_bytes(Record(name="r.json", steps=(Put(key="zarr.json", before=document, text=document[::-1]),)))
    (store / RECORDS).mkdir(parents=True)
    for damaged in (record[: -len(document)] + bytes(len(document)), record[:-1], record + b" "):
        (store / RECORDS / "r.json").write_bytes(damaged)
        with pytest.raises(nf.StoreError, match="cannot be understood"):
            nf.update(store, c.set_scale(y=2.0))
    assert (store / "zarr.json").read_bytes() == document


def test_who_is_told_to_move_a_record_away_is_told_what_that_means(store: Path) -> None:
    (store / RECORDS).mkdir(parents=True)
    (store / RECORDS / "r.json").write_text("{")
    with pytest.raises(nf.StoreError, match=r"r\.json: .*keep it: the commit may be half applied then"):
        nf.update(store, c.set_scale(y=2.0))


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"do": "put", "key": "zarr.json/a", "before": None, "length": 4}, "to replace 'zarr.json/a'"),
    ({"do": "put", "key": "a" * 300, "before": None, "length": 4}, f"to replace '{'a' * 120}…'"),
    ({"do": "put", "key": "link/a", "before": None, "length": 4}, "to replace 'link/a'"),
    ({"do": "move", "source": "notes", "target": "notes/a"}, "to move 'notes' to 'notes/a'"),
    ({"do": "move", "source": "notes", "target": "0"}, "to move 'notes' to '0'"),
    ({"do": "move", "source": "notes", "target": "0/zarr.json"}, "to move 'notes' to '0/zarr.json'"),
    ({"do": "exchange", "staged": "notes", "target": "none", "documents": {"a": 4}}, "to exchange 'none' and 'notes'"),
]


@pytest.mark.parametrize(("step", "told"), IMPOSSIBLE, ids=[told[:40] for _, told in IMPOSSIBLE])
def test_a_record_that_cannot_be_carried_out_is_named_with_its_step_and_the_cure(
    step: Any, told: str, store: Path
) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_scale(base.root, y=2.0))
    (store / "notes").mkdir()
    (store / "notes" / "a").write_text("evil")
    (store / "link").symlink_to(store.parent)
    texts = "evil" if step["do"] != "move" else ""
    steps = [{"do": "move", "source": f"{STAGE}/none", "target": "nowhere"}, step]
    said = {"format": 3, "texts": sha256(texts.encode()).hexdigest(), "steps": steps}
    (store / RECORDS).mkdir(parents=True)
    record = store / RECORDS / "r.json"
    record.write_text(json.dumps(said) + "\n" + texts)
    for act in (nf.recover, lambda path: nf.commit(path, plan)):
        with pytest.raises(nf.StoreError) as refusal:
            act(store)
        blamed, reason = refusal.value.problems
        assert blamed.location == str(record)
        assert f"(step 2 of 2, {told}, fails)" in blamed.message
        assert "move this record out of the store" in blamed.message
        assert reason.location.startswith(str(store))
        assert reason.location != str(record)
    record.rename(store.parent / "r.json")  # the cure
    nf.commit(store, plan)  # nothing had been done
    assert not (store / "__ngff_fn").exists()


def test_where_a_link_stops_the_way_of_a_move_the_record_is_named_too(store: Path) -> None:
    (store / "notes").mkdir()
    (store / "link").symlink_to(store.parent)
    (store / RECORDS).mkdir(parents=True)
    record = Record(name="r.json", steps=(Move(source="notes", target="link/a"),))
    (store / RECORDS / "r.json").write_bytes(as_bytes(record))
    with pytest.raises(nf.StoreError, match=r"r\.json: the commit of this record.*\n.*/link: a link leaves the store"):
        nf.recover(store)


def test_what_a_reader_misses_is_told_with_the_record_that_may_be_why(store: Path) -> None:
    (store / RECORDS).mkdir(parents=True)
    (store / RECORDS / "r.json").write_bytes(as_bytes(Record(name="r.json", steps=(Move(source="0", target="0/a"),))))
    with pytest.raises(nf.DocumentError, match=r"no document 0/zarr\.json") as refusal:
        nf.open_ome_zarr(store)
    assert refusal.value.problems[-1].location == str(store / RECORDS / "r.json")
    assert "recover()" in refusal.value.problems[-1].message
    (store / RECORDS / "r.json").unlink()
    assert nf.open_ome_zarr(store).root.levels


def test_a_path_with_two_dots_is_not_followed(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path / "root"))
    for act in (files.read, files.names, files.signature, lambda key: files.write(key, b""), files.remove):
        with pytest.raises(nf.StoreError, match="leads out of the store"):
            act("a/../../b")


# --- the store changes while pixels are made


def test_a_commit_into_a_store_that_was_replaced_by_its_equal_is_run_again(tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    zeros = nf.add_level_zeros(nf.Image(axes=nf.axes_from("yx")), "0", (8, 8), "uint8", chunks=(4, 4))
    nf.create(store, zeros, version="0.5")
    replaced: list[bool] = []

    def other(done: int, total: int) -> None:
        if not replaced and 2 * done >= total:
            replaced.append(True)
            nf.create(store, zeros, version="0.5", overwrite=True)

    done = nf.update(store, c.set_region(0, {}, np.full((8, 8), 7, dtype="uint8")), progress=other)
    assert replaced
    assert done.replays == 1
    assert (nf.to_numpy(store, "0") == 7).all()


class Overtaken(ThreadPoolExecutor):
    """An executor on whose second task another writer acts first."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(1)
        self.act, self.count = act, 0

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        self.count += 1
        if self.count == 2:
            self.act()
        future = super().submit(task, *arguments, **keywords)
        future.exception()
        return future


def test_an_update_is_run_again_when_the_array_was_rechunked_under_it(store: Path) -> None:
    with Overtaken(lambda: nf.update(store, c.rechunk((3, 3)))) as executor:
        done = nf.update(store, c.set_region(0, {"x": (3, 5)}, 0), executor=executor)
    assert done.replays == 1
    expected = COUNT.copy()
    expected[:, 3:5] = 0
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), expected)


# --- the writer died


def _crop(store: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        nf.update(store, c.crop(y=(1, 8)), executor=executor)


def test_an_array_that_changed_places_is_not_put_back_when_another_program_edits_it(store: Path) -> None:
    points = Counter()
    _crop(door(store, points))
    for point in range(1, points.count + 1):
        nf.create(store, nf.image_from(COUNT, axes="yx", chunks=(4, 4)), version="0.5", overwrite=True)
        killed_at(store, _crop, point)
        if not (store / RECORDS).exists() or nf.open_ome_zarr(store).root.levels[0].array.shape != (7, 8):
            continue
        was_there = zarr.open_array(store / "0", mode="r+").shape == (7, 8)
        zarr.open_array(store / "0", mode="r+").attrs["mine"] = 1
        nf.update(store, c.set_scale(x=3.0))
        level = nf.open_ome_zarr(store).root.levels[0]
        assert level.array.shape == (7, 8)
        assert not was_there or level.extra["attributes"]["mine"] == 1


class WithoutExchange(LocalFiles):
    """A file system without the exchange of two names."""

    def swap(self, one: str, other: str) -> bool:  # noqa: ARG002
        return False


@pytest.mark.parametrize("renames", [0, 1, 2, 3])
def test_an_exchange_by_renames_is_taken_up_wherever_it_was_left(renames: int, tmp_path: Path) -> None:
    files = WithoutExchange(str(tmp_path))
    files.write(f"{STAGE}/new/zarr.json", b"new")
    files.write("0/zarr.json", b"old")
    step = Exchange(staged=f"{STAGE}/new", target="0", documents=(("zarr.json", b"new"),))
    record = publish(files, [step], durable=False)
    left, staged, target, aside = renames, f"{STAGE}/new", "0", f"{STAGE}/new.aside"
    for old, new in ((target, aside), (staged, target), (aside, staged))[:left]:
        (tmp_path / old).rename(tmp_path / new)
    del record
    from ngff_fn.effects.commits.transaction import recover
    from ngff_fn.effects.reading.view import View
    from ngff_fn.effects.record import standing

    assert View(files, standing(files)).read("0/zarr.json") == b"new"
    recover(files, durable=False)
    assert files.read("0/zarr.json") == b"new"
    assert files.names("") == [("0", True)]


def test_what_fails_after_the_moment_says_that_it_has_happened(store: Path) -> None:
    class FlushFails(LocalFiles):
        def sync(self, paths: Any) -> None:
            wanted = list(paths)
            if wanted == [""]:
                raise nf.StoreError(nf.Problem("", "Input/output error."))
            super().sync(wanted)

    files = FlushFails(str(store))
    with pytest.raises(nf.StoreError, match="has happened"):
        nf.update(Address(files=files, path=""), c.set_scale(y=2.0))
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 2.0


def test_chunks_put_in_place_without_a_record_come_after_their_new_revision(store: Path) -> None:
    stale = nf.open_ome_zarr(store, mode="r+")
    original = store.parent / "original"
    shutil.copytree(store, original)
    points = Counter()
    _overwrite(door(store, points))
    seen = 0
    for point in range(1, points.count + 1):
        shutil.rmtree(store)
        shutil.copytree(original, store)
        killed_at(store, _overwrite, point)
        if (nf.to_numpy(store, "0") != COUNT).any():
            seen += 1
            with pytest.raises(nf.ConflictError):
                nf.commit(store, nf.diff(stale, nf.with_pyramid(stale.root, levels=2)))
    assert seen


def _overwrite(store: Any) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_region(base.root, 0, {}, np.full((8, 8), 200, dtype="uint8")))
    with ThreadPoolExecutor(1) as executor:
        nf.commit(store, plan, atomic_pixels=False, executor=executor)


# --- locks and processes


def test_a_child_does_not_keep_the_lock_of_a_parent_that_died(tmp_path: Path) -> None:
    parent = os.fork()
    if parent == 0:
        with LocalFiles(str(tmp_path)).lock(5):
            if os.fork() == 0:
                time.sleep(5)  # an orphan that has inherited the descriptor
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    with LocalFiles(str(tmp_path)).lock(2):
        pass


def test_a_pool_of_processes_leaves_nothing_behind(store: Path) -> None:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        nf.update(store, c.with_pyramid(levels=2), executor=executor)
        assert sorted(path.name for path in store.iterdir()) == ["0", "1", "zarr.json"]


# --- what is found in a store


def test_a_directory_in_the_place_of_a_document_is_none(store: Path) -> None:
    (store / "0" / ".zattrs").mkdir()
    (store / "zarr.json").rename(store / "moved")
    (store / "zarr.json").mkdir()
    with pytest.raises(nf.NgffError):
        nf.open_ome_zarr(store)


def test_foreign_files_that_look_like_chunks_stay_when_an_array_is_built_anew(store: Path) -> None:
    (store / "0" / "c.txt").write_text("mine")
    (store / "0" / "2024").write_text("mine too")
    (store / "0" / "empty").mkdir()
    nf.update(store, c.crop(y=(1, 7)))
    assert {"c.txt", "2024", "empty"} <= {path.name for path in (store / "0").iterdir()}


def test_what_another_owner_has_staged_is_left_alone(store: Path) -> None:
    files = LocalFiles(str(store))
    files.write(f"{STAGE}/theirs/chunk", b"1")
    release = files.hold(f"{STAGE}/theirs")
    nf.update(store, c.set_scale(y=2.0))
    nf.update(store, c.set_region(0, ((0, 2), (0, 2)), 9))
    assert files.read(f"{STAGE}/theirs/chunk") == b"1"
    release()
    nf.update(store, c.set_scale(y=3.0))
    assert "__ngff_fn" not in {path.name for path in store.iterdir()}


def test_steps_that_need_no_record_are_carried_out_in_order(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    files.write(f"{STAGE}/a", b"new")
    files.write("0/a", b"old")
    carry_out_directly(files, [Move(source=f"{STAGE}/a", target="0/a")], durable=True)
    assert files.read("0/a") == b"new"


def test_whatever_has_the_name_of_the_draft_does_not_stop_a_commit(store: Path) -> None:
    draft = store / "__ngff_fn.draft"
    puts: list[Callable[[], object]] = [draft.mkdir, lambda: draft.symlink_to("0"), lambda: draft.write_text("half")]
    for put in puts:
        put()
        nf.update(store, c.set_scale(y=3.0))
        nf.update(store, c.set_scale(y=2.0))
        assert not os.path.lexists(draft)
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 2.0


@pytest.mark.parametrize("target", ["/nowhere", ".zattrs"], ids=["dangling", "loop"])
def test_a_link_where_nothing_should_be_stops_a_commit_before_its_moment(target: str, tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    nf.create(store, nf.image_from(COUNT, axes="yx"), version="0.4")
    (store / "0" / ".zattrs").unlink()
    base = nf.open_ome_zarr(store, mode="r+")
    (level,) = base.root.levels
    with_attributes = evolve(level, extra=level.extra.set("attributes", FrozenMap({"a": 1})))
    plan = nf.diff(base, nf.set_scale(evolve(base.root, levels=(with_attributes,)), y=2.0))
    before = files_below(store)
    (store / "0" / ".zattrs").symlink_to(target)
    with pytest.raises(nf.StoreError, match=r"0/\.zattrs"):
        nf.commit(store, plan)
    (store / "0" / ".zattrs").unlink()
    assert files_below(store) == before
