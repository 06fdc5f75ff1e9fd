"""Consolidated metadata at and above what a commit changes are part of it, and stay true."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.json_splice import Kept, parse, with_members
from ngff_fn.plan.consolidated import Changes, reconsolidated
from ngff_fn.plan.diff import applied
from ngff_fn.plan.operations import PutDocument
from ngff_fn.records.axes import axes_from
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.consolidation import EMPTY, HOLDERS, consolidate, holders, is_true, listed, resolves, seen
from tests.crashes import Counter, door, files_below, killed_at, one_at_a_time, state

pytestmark = pytest.mark.parametrize("version", VERSIONS)

CHANNEL = np.full((8, 8), 7, dtype="uint8")
EDITS: dict[str, Callable[[Any], Any]] = {
    "rename_channel": c.rename_channel("GFP", "EGFP"),
    "set_scale": c.set_scale(y=0.5, x=0.25),
    "add_channel": c.add_channel("RFP", data=CHANNEL),
    "remove_channel": c.remove_channel("DAPI"),
    "with_pyramid": lambda root: nf.with_pyramid(nf.without_pyramid(root), levels=3),
    "without_pyramid": c.without_pyramid(),
    "crop": c.crop(y=(1, 7)),
    "set_region": c.set_region("0", ((0, 1), (0, 2), (2, 4)), 5),
    "rechunk": c.rechunk((1, 8, 8)),
}
PLATE_EDITS: dict[str, Callable[[Any], Any]] = {
    "an image": c.update_at("A/1/0", c.set_scale(x=3.0)),
    "a pyramid in every image": c.each_image(c.with_pyramid(levels=2)),
    "each_image": c.each_image(c.rename_channel("GFP", "EGFP")),
    "add_position": lambda plate: nf.add_position(plate, "A/1/1", image(9)),
    "add_position, in a new well": lambda plate: nf.add_position(plate, "A/3/0", image(9)),
    "add_position, in a new row": lambda plate: nf.add_position(plate, "C/4/0", image(9)),
    "add_well": c.add_well("C", "4"),
    "remove_position": c.remove_position("B/3/0"),
    "remove_position, the last of its well": c.remove_position("A/1/0"),
    "remove_well, the last of its row": c.remove_well("B/3"),
    "rename_well": c.rename_well("A/1", "A/4"),
    "rename_well to another row": c.rename_well("A/1", "B/1"),
    "rename_well to a new row": c.rename_well("B/3", "C/3"),
    "rename_well, and edits in it": lambda plate: nf.pipe(
        plate,
        c.rename_well("B/3", "C/3"),
        c.remove_position("C/3/0"),
        c.update_at("C/3/1", c.rename_channel("GFP", "EGFP")),
    ),
    "rename_well, and other pixels in it": lambda plate: nf.pipe(
        plate, c.rename_well("A/1", "C/1"), c.update_at("C/1/0", c.crop(y=(1, 7)))
    ),
    "move_position": c.move_position("A/1/0", "B/3/2"),
    "many at once, the last of a row among them": lambda plate: nf.pipe(
        plate,
        c.rename_well("A/1", "B/1"),
        c.add_position("B/1/5", image(9)),
        c.remove_well("A/2"),
        c.update_at("B/3/0", c.with_pyramid(levels=2)),
        c.each_image(c.rename_channel("DAPI", "nuclei")),
        c.add_position("D/1/0", image(8)),
        c.add_position("C/1/0", image(7)),
        c.add_position("D/2/0", image(6)),
    ),
}
HELD = {
    "plate": ("",),
    "row": ("A",),
    "well": ("A/1",),
    "image": ("A/1/0",),
    "all": ("A/1/0", "A/1", "A", "B", "B/3", ""),
}


def image(number: int = 0) -> nf.Image:
    data = np.arange(128, dtype="uint8").reshape(2, 8, 8) + number
    return nf.image_from(data, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4))


def plate() -> nf.Plate:
    paths = ["A/1/0", "A/2/0", "B/3/0", "B/3/1"]
    return nf.plate_from_positions({path: image(number) for number, path in enumerate(paths)})


@pytest.fixture
def folder(quick_path: Path, version: Version) -> Path:
    """With an image of two levels, and a plate; something foreign is in both."""
    nf.create(quick_path / "image.zarr", nf.with_pyramid(image(), levels=2), version=version)
    nf.create(quick_path / "plate.zarr", plate(), version=version)
    for path in ("image.zarr/tables/cells", "plate.zarr/A/1/0/tables/cells"):
        table = zarr.open_group(quick_path / path, mode="w", zarr_format=2 if version == "0.4" else 3)
        table.attrs["from"] = "elsewhere"
        zarr.open_group((quick_path / path).parent, mode="a", zarr_format=2 if version == "0.4" else 3)
    return quick_path


def checked(store: Path, version: str, groups: tuple[str, ...] = ("",)) -> None:
    """Nothing is out of date, neither for us nor for zarr-python."""
    for group in groups:
        if (store / group).is_dir():
            assert is_true(store / group, version)
            assert seen(store, consolidated=True, path=group) == seen(store, consolidated=False, path=group)


# --- after every kind of commit


@pytest.mark.parametrize("name", EDITS)
def test_what_an_edit_of_an_image_changes_is_changed_in_its_consolidated_metadata(
    name: str, folder: Path, version: Version
) -> None:
    store = folder / "image.zarr"
    consolidate(store)
    done = nf.update(store, EDITS[name])
    checked(store, version)
    again = nf.open_ome_zarr(store, mode="r+")
    assert applied(done.plan) == done.snapshot.documents == again.documents
    assert nf.diff(done.snapshot, done.snapshot.root).operations == ()
    nf.commit(store, nf.diff(done.snapshot, nf.set_scale(done.snapshot.root, x=4.0)))
    checked(store, version)


@pytest.mark.filterwarnings("ignore:Object at")
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("name", PLATE_EDITS)
def test_what_an_edit_of_a_plate_changes_is_changed_wherever_it_is_consolidated(
    name: str, held: str, folder: Path, version: Version
) -> None:
    store = folder / "plate.zarr"
    consolidate(store, *HELD[held])
    done = nf.update(store, PLATE_EDITS[name])
    checked(store, version, holders(store))
    again = nf.open_ome_zarr(store, mode="r+")
    assert done.snapshot.documents == again.documents
    assert done.snapshot.root == again.root
    nf.commit(store, nf.diff(done.snapshot, nf.each_image(done.snapshot.root, c.set_scale(x=4.0))))
    checked(store, version, holders(store))
    assert nf.diff(again, again.root).operations == ()


@pytest.mark.parametrize("name", EDITS)
def test_an_image_that_is_opened_by_its_own_path_is_changed_in_what_its_plate_holds(
    name: str, folder: Path, version: Version
) -> None:
    store = folder / "plate.zarr"
    consolidate(store)
    done = nf.update(store / "A/1/0", EDITS[name])
    checked(store, version)
    assert done.snapshot.documents == nf.open_ome_zarr(store / "A/1/0").documents
    nf.commit(store / "A/1/0", nf.diff(done.snapshot, nf.set_scale(done.snapshot.root, x=4.0)))
    checked(store, version)


@pytest.mark.parametrize("path", ["new.zarr", "in/a/group/new.zarr"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_store_that_is_created_below_consolidated_metadata_is_listed_in_them(
    path: str, overwrite: bool, quick_path: Path, version: Version
) -> None:
    home = zarr.open_group(quick_path / "home", mode="w", zarr_format=2 if version == "0.4" else 3)
    home.create_group("in/a/group")
    if overwrite:
        nf.create(quick_path / "home" / path, nf.with_pyramid(image(), levels=2), version=version)
    consolidate(quick_path / "home")
    done = nf.create(quick_path / "home" / path, image(1), version=version, overwrite=overwrite)
    checked(quick_path / "home", version)
    assert nf.open_ome_zarr(quick_path / "home" / path).documents == done.snapshot.documents
    assert not [name for name in files_below(quick_path) if "ngff_fn" in name]


def test_what_lies_beside_an_image_that_is_copied_in_is_listed_with_it(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    consolidate(store)
    nf.update(store, c.add_position("A/2/5", nf.open_ome_zarr(folder / "image.zarr").root))
    checked(store, version)
    assert any("A/2/5/tables/cells" in key for key in listed(store, version))


def test_a_store_in_memory_is_no_other(version: Version) -> None:
    store = MemoryStore()
    nf.create(store, plate(), version=version)
    consolidate(store)
    nf.update(store, c.rename_well("A/1", "C/1"), c.each_image(c.set_scale(x=2.0)))
    assert seen(store, consolidated=True) == seen(store, consolidated=False)


def test_pixels_that_are_put_in_place_one_by_one_are_no_other(folder: Path, version: Version) -> None:
    consolidate(folder / "plate.zarr", "", "A/1/0")
    nf.update(folder / "plate.zarr" / "A/1/0", EDITS["set_region"], atomic_pixels=False)
    checked(folder / "plate.zarr", version, ("", "A/1/0"))


# --- one step, and no more than has to be


def test_one_document_that_holds_its_own_consolidated_metadata_stays_one(folder: Path, version: Version) -> None:
    store = folder / "image.zarr"
    consolidate(store)
    done = nf.update(store, EDITS["rename_channel"])
    assert [type(each) for each in done.operations] == [PutDocument] * (1 if version == "0.5" else 2)


def test_entries_that_nothing_changed_keep_their_bytes(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    consolidate(store)
    document = store / HOLDERS[version]
    text = document.read_text().replace('"from"', '"fr\\u006fm"')
    document.write_text(text)
    nf.update(store, PLATE_EDITS["an image"])
    changed = document.read_text()
    assert '"fr\\u006fm"' in changed
    nf.update(store, c.update_at("A/1/0", c.set_scale(x=1.0)))
    assert json.loads(document.read_text()) == json.loads(text)
    before, after = text.splitlines(), changed.splitlines()
    if version == "0.5":
        lines = {line for line in before if line.strip()}
        assert len([line for line in after if line not in lines]) <= 3  # 3.0, and the last lines of another order


def test_an_entry_that_was_out_of_date_stays_so_until_its_document_changes(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    consolidate(store)
    document = store / HOLDERS[version]
    document.write_text(document.read_text().replace("DAPI", "stale"))
    assert not is_true(store, version)
    nf.update(store, c.update_at("A/1/0", c.set_scale(x=3.0)))
    stale = [key for key, entry in listed(store, version).items() if "stale" in json.dumps(entry)]
    assert {key.rpartition("/")[0] for key in stale} == {"A/2/0", "B/3/0", "B/3/1"}


def test_a_node_that_was_never_listed_is_not_listed_for_what_changes_in_it(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    nf.update(store, c.remove_position("A/1/0"))
    consolidate(store)
    zarr.open_group(store / "foreign", mode="w", zarr_format=2 if version == "0.4" else 3)
    nf.create(store / "foreign/image", image(), version=version)
    nf.update(store / "foreign/image", c.set_scale(x=2.0), c.with_pyramid(levels=2))
    assert not [key for key in listed(store, version) if key.startswith("foreign")]
    assert len(seen(store, consolidated=True)) > 5


def test_a_row_that_was_there_and_is_not_listed_is_listed_with_its_first_well(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    consolidate(store)
    row = zarr.open_group(store / "D", mode="w", zarr_format=2 if version == "0.4" else 3)
    row.attrs["of"] = "another program"
    nf.update(store, c.add_position("D/1/0", image(3)))
    checked(store, version)


def test_there_and_back_the_entries_are_the_same_in_the_same_order(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    consolidate(store)

    def below() -> list[tuple[str, Any]]:
        return [(key, entry) for key, entry in listed(store, version).items() if "/" in key]

    before = below()
    nf.update(store, c.rename_well("A/1", "A/4"))
    assert below() != before
    nf.update(store, c.rename_well("A/4", "A/1"))
    assert below() == before


@pytest.mark.parametrize("path", ["B/3", "A/1/0/tables"])
def test_groups_beside_what_changes_are_not_asked(path: str, folder: Path, version: Version) -> None:
    document = folder / "plate.zarr" / path / HOLDERS[version]
    if version == "0.4":
        document.write_bytes(b"{")
    else:
        document.write_bytes(document.read_bytes().replace(b"{", b'{"consolidated_metadata": 5, ', 1))
    nf.update(folder / "plate.zarr", c.update_at("A/1/0", c.set_scale(x=3.0)), c.rename_well("A/2", "A/8"))


# --- when others write


@pytest.mark.parametrize("path", ["", "A/1/0"])
def test_consolidated_metadata_that_another_changed_meanwhile_are_a_conflict(
    path: str, folder: Path, version: Version
) -> None:
    store = folder / "plate.zarr"
    consolidate(store)
    edit = c.set_region("0", ((0, 1), (0, 2), (2, 4)), 5)
    steps = (edit,) if path else (c.update_at("A/1/0", edit),)
    base = nf.open_ome_zarr(store / path, mode="r+")
    plan = nf.diff(base, nf.pipe(base.root, *steps))
    before = {key: text for key, text in files_below(store).items() if key != HOLDERS[version]}

    def meanwhile(_done: int, _total: int) -> None:
        document = store / HOLDERS[version]
        document.write_bytes(document.read_bytes() + b"\n")

    with pytest.raises(nf.ConflictError, match=re.escape(HOLDERS[version])):
        nf.commit(store / path, plan, progress=meanwhile)
    assert {key: text for key, text in files_below(store).items() if key != HOLDERS[version]} == before


def test_a_store_that_was_consolidated_after_it_was_read_is_kept_true(folder: Path, version: Version) -> None:
    store = folder / "plate.zarr"
    base = nf.open_ome_zarr(store, mode="r+")
    consolidate(store)
    nf.commit(store, nf.diff(base, PLATE_EDITS["an image"](base.root)))
    checked(store, version)


def test_writers_of_two_images_of_one_plate_both_find_their_way_into_what_it_holds(
    folder: Path, version: Version
) -> None:
    store = folder / "plate.zarr"
    consolidate(store)

    def write(path: str) -> None:
        for number in range(5):
            nf.update(store / path, c.set_scale(x=2.0 + number))

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, path) for path in ("A/1/0", "B/3/1")]:
            done.result()
    checked(store, version)
    scales = {path: nf.open_ome_zarr(store / path).root.levels[0].scale[-1] for path in ("A/1/0", "B/3/1", "A/2/0")}
    assert scales == {"A/1/0": 6.0, "B/3/1": 6.0, "A/2/0": 1.0}


def test_a_well_that_is_opened_by_its_own_path_is_changed_in_what_its_plate_holds(
    folder: Path, version: Version
) -> None:
    store = folder / "plate.zarr"
    consolidate(store, "B/3", "")
    done = nf.update(store / "B/3", lambda well: evolve(well, fields=(evolve(well.fields[1], path="7"),)))
    checked(store, version, ("", "B/3"))
    assert done.snapshot.documents == nf.open_ome_zarr(store / "B/3").documents
    nf.commit(store / "B/3", nf.diff(done.snapshot, nf.update_at(done.snapshot.root, "7", c.set_scale(x=4.0))))
    checked(store, version, ("", "B/3"))


# --- refused


def broken(version: str) -> list[bytes]:
    """Consolidated metadata that cannot be kept true."""
    held: list[Any] = [5, {}, {"metadata": []}, {"metadata": {}, "kind": "external", "zarr_consolidated_format": 9}]
    if version == "0.4":
        return [b"{", b"[]", *(json.dumps(each).encode() for each in held)]
    group = {"zarr_format": 3, "node_type": "group"}
    return [
        b'{"consolidated_metadata"',
        *(json.dumps({**group, "consolidated_metadata": each}).encode() for each in held),
    ]


@pytest.mark.parametrize("path", ["", "A/1/0"])
@pytest.mark.parametrize("number", range(5))
def test_what_cannot_be_kept_true_is_refused_before_anything_is_written(
    path: str, number: int, folder: Path, version: Version
) -> None:
    store = folder / "plate.zarr"
    (store / "A" / HOLDERS[version]).write_bytes(broken(version)[number])
    before = files_below(store)
    step = c.set_scale(x=3.0)
    with pytest.raises(nf.NgffError, match=r"Mend it|Remove the consolidated") as refused:
        nf.update(store / path, step if path else c.update_at("A/1/0", step))
    assert f"plate.zarr/A/{HOLDERS[version]}" in str(refused.value)
    assert files_below(store) == before


# --- texts


def test_siblings_stand_together(version: Version) -> None:
    """zarr-python takes the members of a group for all of them only where they do."""
    document = {"0.4": ".zgroup", "0.5": "zarr.json"}[version]
    paths = ["A", "B", "A/1", "A/2", "B/1", "A/1/0", "A/2/0", "B/1/0"]
    suffix = "/.zgroup" if version == "0.4" else ""
    entries: dict[str, Any] = {f"{path}{suffix}": {} for path in paths}
    held: dict[str, Any] = {"zarr_consolidated_format": 1, "metadata": entries}
    if version == "0.5":
        held = {"consolidated_metadata": {**EMPTY, "metadata": entries}}
    new = ["A/3", "C", "C/1", "A/3/0", "C/1/0", "A/2/1", "B/1/1"]
    changes = Changes(
        moved={"A/1": "B/2"}, gone=set(new), put={}, created={f"{path}/{document}": b"{}" for path in new}
    )
    text = reconsolidated(json.dumps(held).encode(), version, changes, path="", was="")
    whole = parse(text)
    made = (whole if version == "0.4" else whole["consolidated_metadata"])["metadata"]
    found = [key.removesuffix("/.zgroup") for key in made]
    assert sorted(found) == sorted(["A", "B", "A/2", "B/1", "B/2", "A/2/0", "B/1/0", "B/2/0", *new])
    for depth in range(3):
        parents = [path.rpartition("/")[0] for path in found if path.count("/") == depth]
        runs = [name for name, _ in groupby(parents)]
        assert len(runs) == len(set(runs))


@pytest.mark.parametrize(
    "text", [b'{"m": {}}', b'{\n  "m": {}\n}\n', b'\xef\xbb\xbf{\r\n\t"m" : { }\r\n}', b'{"m":{"x":1}}']
)
def test_members_come_into_an_object_in_its_style(text: bytes, version: Version) -> None:
    added = b'{\n  "e": [1E0, NaN],\n  "f": "\xc2\xb5"\n}\n'
    kept = [(key, Kept(key)) for key in parse(text)["m"]]
    made = with_members(text, ("m",), [*kept, ("a/b", added), (version, b"null")])
    value = parse(made, allow_nan=True)["m"]
    assert list(value) == [*(key for key, _ in kept), "a/b", version]
    assert value["a/b"]["f"] == "µ"
    assert b"1E0, NaN" in made
    assert (b"\n" in made.strip()) == (b"\n" in text.strip())
    assert parse(with_members(made, ("m",), [])) == {"m": {}}


def test_an_object_that_is_not_there_has_no_members(version: Version) -> None:
    with pytest.raises(ValueError, match="no such member"):
        with_members(b"{}", (version,), [])
    with pytest.raises(ValueError, match="no object"):
        with_members(b'{"m": 1}', ("m",), [])
    with pytest.raises(ValueError, match="no such member"):
        with_members(b'{"m": {}}', ("m",), [("a", Kept("a"))])


def test_axes_of_an_empty_plate_stay_consolidated(quick_path: Path, version: Version) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, nf.Plate(axes=axes_from("cyx"), channel_names=("DAPI", "GFP")), version=version)
    consolidate(store)
    nf.update(store, c.add_position("A/1/0", image()))
    checked(store, version)


# --- at every point at which a writer can die


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["rename_channel", "add_channel", "created", "replaced"])
def test_a_killed_writer_below_consolidated_metadata_leaves_before_or_after(
    name: str, folder: Path, version: Version, record_property: Callable[[str, object], None]
) -> None:
    if name == "replaced":
        nf.create(folder / "plate.zarr/new.zarr", image(1), version=version)
    consolidate(folder / "plate.zarr", "A/1", "")
    path = "A/1/0" if name in EDITS else "new.zarr"

    def act(store: Any) -> None:
        with one_at_a_time() as executor:
            if name in EDITS:
                nf.update(store, EDITS[name], executor=executor)
            else:
                nf.create(store, image(5), version=version, overwrite=True, executor=executor)

    def fresh() -> Path:
        target = folder / "trial"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "plate.zarr", target / "plate.zarr", copy_function=shutil.copyfile)
        return target / "plate.zarr"

    before, counter = state(folder / "plate.zarr" / path), Counter()
    act(door(fresh() / path, counter))
    after, states = state(folder / "trial/plate.zarr" / path), set()
    assert before != after
    for point in range(1, counter.count + 1):
        store = fresh()
        killed_at(store / path, act, point)
        now = state(store / path)
        assert now in (before, after), f"point {point} of {counter.count}"
        states.add(now == after)
        assert resolves(store, "", version), f"point {point} of {counter.count}"
        nf.update(store, c.update_at("A/2/0", c.set_scale(x=4.0)))
        assert state(store / path) == now
        assert all(is_true(store / node, version) for node in ("", "A/1")), f"point {point} of {counter.count}"
        assert not [key for key in files_below(folder / "trial") if "ngff_fn" in key], f"point {point}"
    assert states == {False, True}
    record_property("points at which a writer below consolidated metadata was killed", counter.count)
