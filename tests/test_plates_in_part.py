"""A plate opened with ``select``: what is read of it, and what is refused of what was left out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.address import address_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below
from tests.plate_crashes import plate_of, small_image
from tests.real_plates import records

GROUP = {"0.4": [".zattrs", ".zgroup"], "0.5": ["zarr.json"]}
ARRAY = {"0.4": [".zarray", ".zattrs"], "0.5": ["zarr.json"]}
PATHS = ("A/1/0", "A/1/1", "A/2/0", "B/1/0", "B/2/0", "B/2/1")
LEFT_OUT = {"A/1", "A/2"}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def store(version: Version, quick_path: Path) -> Path:
    nf.create(quick_path / "plate.zarr", plate_of(*PATHS), version=version)
    return quick_path / "plate.zarr"


def files_read(store: Path, select: str | None) -> list[str]:
    """The files that are read, in the order of their names, as often as they are."""
    seen: list[str] = []

    class Reading(LocalFiles):
        def get(self, key: str) -> tuple[bytes | None, object | None]:
            found = super().get(key)
            seen.extend([key] * (found[0] is not None))
            return found

        def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
            data = super().read(key, start, stop)
            seen.extend([key] * (data is not None))
            return data

    nf.open_ome_zarr(Address(files=Reading(address_of(store).files.identity), path=""), select=select)
    return sorted(seen)


def documents(version: Version, wells: list[str], positions: list[str]) -> list[str]:
    """Those of the plate, of some wells, and of some positions with their arrays."""
    groups = [f"{path}/{name}" if path else name for path in ["", *wells, *positions] for name in GROUP[version]]
    return sorted([*groups, *(f"{path}/0/{name}" for path in positions for name in ARRAY[version])])


@pytest.mark.parametrize(
    ("select", "wells", "positions"),
    [
        (None, ["A/1", "A/2", "B/1", "B/2"], list(PATHS)),
        ("B/*/*", ["B/1", "B/2"], ["B/1/0", "B/2/0", "B/2/1"]),
        ("B/2/*", ["B/2"], ["B/2/0", "B/2/1"]),
        ("*/2/0", ["A/2", "B/2"], ["A/2/0", "B/2/0"]),
        ("B", ["B/1", "B/2"], ["B/1/0", "B/2/0", "B/2/1"]),
        ("B/2", ["B/2"], ["B/2/0", "B/2/1"]),
    ],
)
def test_each_document_of_what_is_meant_is_read_once_and_nothing_else(
    select: str | None, wells: list[str], positions: list[str], store: Path, version: Version
) -> None:
    there = [key for key in documents(version, wells, positions) if (store / key).exists()]
    assert files_read(store, select) == there


NEEDS: dict[str, Callable[[Any], Any]] = {
    "each_image": c.each_image(c.set_scale(x=2.0)),
    "each_image, by a glob": c.each_image(c.rename_channel("GFP", "EGFP"), where="A/*/*"),
    "each_image, by a function": c.each_image(c.remove_channel("GFP"), where=lambda path, _: path.startswith("A/")),
    "each_image, by what is in the image": c.each_image(
        c.set_scale(x=2.0), where=lambda _, image: len(image.levels) == 1
    ),
    "update_at, an image": c.update_at("A/1/0", c.set_region(0, ((0, 1), (0, 1), (0, 1)), 5)),
    "update_at, a well": c.update_at("A/1", lambda well: well),
    "update_at, a level": c.update_at("A/1/0/0", lambda level: level),
    "rename_well": c.rename_well("A/1", "A/9"),
    "add_position": c.add_position("A/1/9", small_image(9)),
    "add_positions": c.add_positions({"A/1/9": small_image(9), "B/1/9": small_image(8)}),
    "add_position of a second acquisition": c.add_position("B/1/9", small_image(9), acq_index=3),
    "remove_position": c.remove_position("A/1/0"),
    "move_position out of it": c.move_position("A/1/0", "B/1/9"),
    "move_position into it": c.move_position("B/1/0", "A/1/9"),
    "set_field_count": c.set_field_count(),
    "node_at": lambda plate: nf.node_at(plate, "A/1/0"),
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_needs_a_part_that_was_left_out_is_refused_with_the_cure(name: str, store: Path) -> None:
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+", select="B/*/*")
    with pytest.raises(nf.NotThereError, match=r"Open the store with a select that has it") as refused:
        NEEDS[name](base.root)
    assert {problem.location.partition(":")[0].strip("'") for problem in refused.value.problems} <= {
        *LEFT_OUT, "A/1/0", "A/1/9", "A/2/0",
    }  # fmt: skip
    assert files_below(store) == before


@pytest.mark.parametrize(("path", "gone"), [("A/1", ["A/1"]), ("A/1 and A/2", ["A"])])
def test_a_well_that_was_left_out_is_removed_with_all_that_is_in_it(path: str, gone: list[str], store: Path) -> None:
    (store / "A/1/tables").mkdir()
    (store / "A/1/tables/notes.txt").write_text("of the well")
    base = nf.open_ome_zarr(store, mode="r+", select="B/*/*")
    wanted = nf.pipe(base.root, *(c.remove_well(name) for name in path.split(" and ")))
    done = nf.commit(store, nf.diff(base, wanted))
    assert done.snapshot == nf.open_ome_zarr(store, mode="r+", select="B/*/*")
    assert records(done.snapshot.root) == records(wanted)
    assert [name for name in gone if (store / name).exists()] == []
    assert not (store / "__ngff_fn").exists()


def test_a_position_that_was_left_out_is_removed(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+", select="B/2/1")
    done = nf.commit(store, nf.diff(base, nf.remove_position(base.root, "B/2/0")))
    assert done.snapshot == nf.open_ome_zarr(store, mode="r+", select="B/2/1")
    assert not (store / "B/2/0").exists()


def test_a_well_that_appears_where_none_was_is_not_removed_unseen(store: Path) -> None:
    away = (store / "A/1").rename(store.parent / "away")
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.remove_well(base.root, "A/1"))
    away.rename(store / "A/1")
    with pytest.raises(nf.ConflictError, match="has changed"):
        nf.commit(store, plan)
    assert nf.to_numpy(store, "A/1/0/0").size == 24


def test_a_well_that_is_listed_and_not_there_is_taken_off_the_list(store: Path) -> None:
    shutil.rmtree(store / "A/1")
    nf.update(store, c.remove_well("A/1"))
    assert [well.path for well in nf.open_ome_zarr(store).root.wells] == ["A/2", "B/1", "B/2"]


def test_edits_of_what_was_read_leave_what_was_left_out_as_it_is(store: Path) -> None:
    before, whole = files_below(store), nf.open_ome_zarr(store).root
    base = nf.open_ome_zarr(store, mode="r+", select="B/*/*")
    edits = [
        c.rename_well("B/1", "C/1"),
        c.add_position("D/1/0", small_image(7)),
        c.remove_position("B/2/0"),
        c.each_image(c.rename_channel("GFP", "EGFP"), where="B/*/*"),
        c.update_at("C/1/0", c.set_scale(x=3.0)),
    ]
    nf.commit(store, nf.diff(base, nf.pipe(base.root, *edits)))
    after = files_below(store)
    assert {name: data for name, data in after.items() if name.startswith("A/")} == {
        name: data for name, data in before.items() if name.startswith("A/")
    }
    assert records(nf.open_ome_zarr(store).root) == records(nf.pipe(whole, *edits))


def test_a_pattern_that_means_no_well_is_refused_with_the_wells_there_are(store: Path) -> None:
    with pytest.raises(nf.InvalidValueError, match=r"select: 'b/\*/\*' means no well; there are: A/1"):
        nf.open_ome_zarr(store, select="b/*/*")
