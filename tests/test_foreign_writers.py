"""Programs that know nothing of us and write a document at the very time of a commit: nothing of theirs is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.cli import main
from ngff_fn.effects.address import address_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.local.system_calls import exchange_names
from ngff_fn.effects.memory import MemoryFiles
from ngff_fn.effects.record import DRAFT, FOREIGN, RECORDS, WORKSHOP
from ngff_fn.effects.stores import Address
from tests.crashes import Counter, door, files_below, killed_at, names_in

pytestmark = pytest.mark.skipif(exchange_names is None, reason="two files cannot change places in one step")
PIXELS = np.arange(2 * 8 * 8, dtype="uint8").reshape(2, 8, 8)
THEIRS = b'{"written by": "another program"}'
VERSIONS = pytest.mark.parametrize("version", ["0.4", "0.5"])


def image() -> nf.Image:
    return nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(2, 4, 4))


def image_at(path: Path, version: Any = "0.5") -> Path:
    nf.create(path, image(), version=version)
    return path


def document(version: str) -> str:
    return ".zattrs" if version == "0.4" else "zarr.json"


def replaced(path: Path, text: bytes = THEIRS) -> None:
    """As most programs do it: a new file gets the name."""
    path.with_name("theirs").write_bytes(text)
    path.with_name("theirs").replace(path)


def written_into(path: Path) -> None:
    """As the others do it: the file that is there gets other bytes."""
    path.write_bytes(THEIRS)


def met(
    store: Path, key: str, foreign: Callable[[Path], None] = replaced, *, at: Any = exchange_names
) -> tuple[Address, list[str]]:
    """The store, through files in which another program writes ``key`` just before it or what holds it is replaced."""
    done: list[str] = []

    class Met(LocalFiles):
        def change(self, operation: Callable[..., Any], *arguments: Any) -> Any:
            full = str(store / key)
            if operation is at and not done and full.startswith(str(arguments[1])):
                done.append(full)
                foreign(store / key)
            return super().change(operation, *arguments)

    address = address_of(store)
    return Address(files=Met(address.files.identity), path=address.path), done


def kept(store: Path) -> list[bytes]:
    return [file.read_bytes() for file in (store / FOREIGN).iterdir()] if (store / FOREIGN).exists() else []


@pytest.mark.parametrize("durability", ["power", "process"])
@pytest.mark.parametrize("foreign", [replaced, written_into])
@VERSIONS
def test_what_a_commit_replaced_and_had_not_compared_is_kept_and_named(
    version: str, foreign: Any, durability: Any, tmp_path: Path
) -> None:
    store = image_at(tmp_path / "image.zarr", version)
    address, done = met(store, document(version), foreign)
    runs = count()

    def edit(root: Any) -> Any:
        next(runs)
        return nf.set_scale(root, y=0.5)

    with pytest.raises(nf.ForeignWriteError) as refusal:
        nf.update(address, edit, durability=durability)
    assert done
    assert next(runs) == 1  # it was not run again
    assert kept(store) == [THEIRS]
    (problem,) = refusal.value.problems
    (name,) = names_in(store / FOREIGN)
    assert problem.location == str(store / document(version))
    assert f"is kept in {store / FOREIGN / name}." in problem.message
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 0.5  # the commit has happened
    assert DRAFT not in names_in(store)
    assert names_in(store / WORKSHOP) == ["foreign"]


def test_it_is_not_a_conflict() -> None:
    assert not issubclass(nf.ForeignWriteError, nf.ConflictError | nf.StoreError)


@VERSIONS
def test_what_was_written_before_the_comparison_is_a_conflict_as_ever(version: str, tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr", version)
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_scale(base.root, y=0.5))
    text = (store / document(version)).read_bytes()
    replaced(store / document(version), text + b"\n")
    with pytest.raises(nf.ConflictError):
        nf.commit(store, plan)
    assert (store / document(version)).read_bytes() == text + b"\n"
    assert nf.update(store, c.set_scale(y=0.5)).replays == 0


@VERSIONS
def test_where_nobody_else_writes_nothing_is_kept(version: str, tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr", version)
    before = set(files_below(store))
    for step in (c.set_scale(y=0.5), c.rename_channel("GFP", "EGFP"), c.set_contrast_limits("DAPI", start=1, end=9)):
        nf.update(store, step)
        assert set(files_below(store)) == before


def test_of_several_documents_all_others_are_what_the_commit_says(tmp_path: Path) -> None:
    store = tmp_path / "plate.zarr"
    nf.create(store, nf.plate_from_positions(dict.fromkeys(("A/1/0", "A/1/1", "B/2/0"), image())), version="0.5")
    address, _ = met(store, "A/1/1/zarr.json")
    with pytest.raises(nf.ForeignWriteError, match=r"A/1/1/zarr\.json: another program has written it"):
        nf.update(address, c.each_image(c.set_scale(y=0.5)))
    scales = [
        nf.scale(each)["y"] for _, each in nf.positions(nf.open_ome_zarr(store).root) if isinstance(each, nf.Image)
    ]
    assert scales == [0.5, 0.5, 0.5]
    assert kept(store) == [THEIRS]
    assert names_in(store / WORKSHOP) == ["foreign"]


def test_what_is_written_right_after_the_moment_stays_and_the_writer_is_told(tmp_path: Path) -> None:
    store = tmp_path / "plate.zarr"
    nf.create(store, nf.plate_from_positions(dict.fromkeys(("A/1/0", "B/2/0"), image())), version="0.5")
    key = "A/1/0/zarr.json"
    text = (store / key).read_bytes() + b"\n"
    done: list[str] = []

    class Met(LocalFiles):
        def change(self, operation: Callable[..., Any], *arguments: Any) -> Any:
            result = super().change(operation, *arguments)
            if operation is os.rename and RECORDS in str(arguments[1]) and not done:
                done.append(key)
                replaced(store / key, text)
            return result

    with pytest.raises(nf.ForeignWriteError, match="It stays as that program left it"):
        nf.update(Address(files=Met(str(store)), path=""), c.each_image(c.set_scale(y=0.5)))
    assert (store / key).read_bytes() == text
    nf.update(store, c.each_image(c.set_scale(y=0.5)))
    scales = [
        nf.scale(each)["y"] for _, each in nf.positions(nf.open_ome_zarr(store).root) if isinstance(each, nf.Image)
    ]
    assert scales == [0.5, 0.5]


@pytest.mark.parametrize(
    ("step", "key"),
    [
        (c.add_channel("RFP"), "zarr.json"),
        (c.add_channel("RFP"), "0/zarr.json"),
        (c.remove_channel("DAPI"), "zarr.json"),
        (c.remove_channel("DAPI"), "0/zarr.json"),
        (c.set_region(0, ((0, 1), (0, 3), (0, 3)), 3), "0/zarr.json"),
    ],
    ids=str,
)
@pytest.mark.parametrize("atomic", [True, False])
def test_of_a_commit_with_pixels_too(step: Any, key: str, atomic: bool, tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr")
    wanted = nf.update(image_at(tmp_path / "other.zarr"), step).snapshot
    address, done = met(store, key)
    with pytest.raises(nf.ForeignWriteError, match=key):
        nf.update(address, step, atomic_pixels=atomic)
    assert done
    assert kept(store) == [THEIRS]
    found = nf.open_ome_zarr(store)
    assert nf.channel_names(found.root) == nf.channel_names(wanted.root)
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), nf.to_numpy(tmp_path / "other.zarr", "0"))


def test_whoever_carries_out_the_commit_of_a_dead_writer_says_so_too(tmp_path: Path) -> None:
    start = tmp_path / "plate.zarr"
    nf.create(start, nf.plate_from_positions(dict.fromkeys(("A/1/0", "B/2/0"), image())), version="0.5")
    edit = c.each_image(c.set_scale(y=0.5))
    counter = Counter()
    nf.update(door(start, counter), edit)
    for point in range(1, counter.count):
        store = tmp_path / f"{point}.zarr"
        nf.create(store, nf.plate_from_positions(dict.fromkeys(("A/1/0", "B/2/0"), image())), version="0.5")
        killed_at(store, lambda files: nf.update(files, edit), point)
        if files_below(store / RECORDS):
            break
    address, _ = met(store, "B/2/0/zarr.json")
    with pytest.raises(nf.ForeignWriteError):
        nf.recover(address)
    assert kept(store) == [THEIRS]
    assert nf.recover(store).foreign == tuple(str(file) for file in (store / FOREIGN).iterdir())
    scales = [
        nf.scale(each)["y"] for _, each in nf.positions(nf.open_ome_zarr(store).root) if isinstance(each, nf.Image)
    ]
    assert scales == [0.5, 0.5]


def test_what_is_kept_stays_until_it_is_removed_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = image_at(tmp_path / "image.zarr")
    with pytest.raises(nf.ForeignWriteError):
        nf.update(met(store, "zarr.json")[0], c.set_scale(y=0.5))
    nf.update(store, c.set_scale(y=0.25))
    nf.update(store, c.add_channel("RFP"))
    assert nf.vacuum(store).removed == ()
    assert main(["recover", str(store)]) == 0
    (file,) = (store / FOREIGN).iterdir()
    assert capsys.readouterr().out.startswith(f"kept {file}: another program wrote it")
    assert file.read_bytes() == THEIRS
    file.unlink()
    nf.update(store, c.set_scale(y=0.5))
    assert WORKSHOP not in names_in(store)


def test_a_document_that_was_not_there_and_is_now_is_kept(tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr", "0.4")
    text = (store / ".zattrs").read_bytes()
    base = nf.open_ome_zarr(store, mode="r+")
    (operation,) = nf.diff(base, nf.set_scale(base.root, y=0.5)).operations
    assert isinstance(operation, nf.PutDocument)
    assert operation.before == text
    # the same by the port: what is put where nothing was compared
    address, _ = met(store, ".new")
    address.files.write(DRAFT, b"ours")
    assert address.files.take_place(DRAFT, ".new")  # type: ignore[attr-defined]
    assert (store / ".new").read_bytes() == b"ours"
    assert (store / DRAFT).read_bytes() == THEIRS


def test_a_link_in_the_place_of_a_document_is_replaced_as_ever(tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr")
    (store / "zarr.json").rename(store / "real.json")
    (store / "zarr.json").symlink_to("real.json")
    before = (store / "real.json").read_bytes()
    nf.update(store, c.set_scale(y=0.5))
    assert not (store / "zarr.json").is_symlink()
    assert (store / "real.json").read_bytes() == before
    assert names_in(store) == ["0", "real.json", "zarr.json"]


def test_a_link_that_is_put_there_at_that_time_is_kept_and_not_followed(tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr")
    (tmp_path / "precious").write_bytes(b"mine")

    def linked(path: Path) -> None:
        path.unlink()
        path.symlink_to("../precious")

    with pytest.raises(nf.ForeignWriteError):
        nf.update(met(store, "zarr.json", linked)[0], c.set_scale(y=0.5))
    (name,) = names_in(store / FOREIGN)
    assert (store / FOREIGN / name).is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 0.5


def test_where_files_cannot_be_exchanged_a_commit_replaces_its_document_as_ever(tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr")

    class Plain(LocalFiles):
        def swap(self, one: str, other: str) -> bool:  # noqa: ARG002
            return False

    nf.update(Address(files=Plain(str(store)), path=""), c.set_scale(y=0.5))
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 0.5
    assert names_in(store) == ["0", "zarr.json"]


def test_in_memory_too() -> None:
    store = MemoryStore()
    nf.create(store, image(), version="0.5")
    address = address_of(store)
    files = address.files
    assert isinstance(files, MemoryFiles)

    class Met(MemoryFiles):
        def change(self, operation: Callable[..., None], *arguments: Any) -> None:
            if arguments[:1] == (DRAFT,) and arguments[-1] == "zarr.json":
                files.write("zarr.json", THEIRS)
            super().change(operation, *arguments)

    with pytest.raises(nf.ForeignWriteError):
        nf.update(Address(files=Met(files._memory), path=""), c.set_scale(y=0.5))
    (name,) = (name for name, _ in files.names(FOREIGN))
    assert files.read(f"{FOREIGN}/{name}") == THEIRS
    assert nf.scale(nf.open_ome_zarr(store).root)["y"] == 0.5


def test_of_another_process_that_writes_all_the_time_no_text_is_lost(quick_path: Path) -> None:
    """Each of its texts is seen by a commit, kept, taken out by that process itself, or there at the end."""
    store, target = image_at(quick_path / "image.zarr"), quick_path / "image.zarr" / "zarr.json"
    content = json.loads(target.read_bytes())
    log = quick_path / "log"
    child = os.fork()
    if child == 0:
        try:
            assert exchange_names is not None
            with log.open("w", buffering=1) as said:
                for number in count():
                    content["attributes"]["theirs"] = number
                    target.with_name("theirs").write_text(json.dumps(content))
                    exchange_names(str(target.with_name("theirs")), str(target))
                    took = json.loads(target.with_name("theirs").read_bytes())["attributes"].get("theirs")
                    said.write(f"{number} {took}\n")
                    time.sleep(random.uniform(0, 0.001))
        finally:
            os._exit(3)
    seen: set[Any] = set()
    detected = 0
    try:
        for number in range(200):
            base = nf.open_ome_zarr(store, mode="r+")
            plan = nf.diff(base, nf.set_scale(base.root, y=1 + number / 1000))
            try:
                nf.commit(store, plan, durability="process")
            except nf.ConflictError:
                continue
            except nf.ForeignWriteError:
                detected += 1
                continue
            seen.add(json.loads(base.documents["zarr.json"])["attributes"].get("theirs"))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    lines = [line.split() for line in log.read_text().splitlines() if line.count(" ") == 1]
    theirs = {int(number) for number, _ in lines[:-1]}
    taken = {int(took) for _, took in lines if took != "None"}
    texts = kept(store)
    assert len(texts) == detected
    left = [json.loads(text)["attributes"].get("theirs") for text in (*texts, target.read_bytes())]
    assert theirs <= taken | seen | set(left)
    assert len(theirs) > 10
