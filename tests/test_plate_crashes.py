"""At every point at which a writer of a plate can die, our reader sees all of before or all of after, and nothing is
left behind; also when the writer that carries out what is left dies at any of its points. Other readers find all that
they are led to.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngff_fn as nf
from ngff_fn.records.snapshot import Version
from tests.consolidation import holders, is_true, resolves
from tests.crashes import killed_at, names_in
from tests.plate_crashes import (
    ACTS,
    EACH_KIND_ONCE,
    FIRST,
    KINDS,
    PAIRS,
    STORE,
    THEN,
    State,
    after_next,
    all_of_them,
    copied,
    next_writer,
    seen_in,
    spread,
    state,
    the_one_after,
    trial_of,
    unaccounted,
    what_is_left,
)

pytestmark = pytest.mark.timeout(7200 if all_of_them() else 300)
Record = Callable[[str, object], None]


@pytest.mark.parametrize(("version", "name"), KINDS)
def test_a_killed_writer_of_a_plate_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Record
) -> None:
    trial = trial_of(version, name, quick_path)
    assert trial.before != trial.after
    done = trial.folder / "trial" / STORE
    assert unaccounted(done, nf.open_ome_zarr(done)) == set()
    seen = set()
    points = range(1, trial.points + 1) if all_of_them() else trial.moments
    for point in points:
        store = trial.fresh()
        killed_at(store, trial.act, point)
        now = state(store)
        assert now in (trial.before, trial.after), f"point {point} of {trial.points}"
        seen.add(now == trial.after)
        assert all(resolves(store, node, version) for node in holders(store)), f"point {point} of {trial.points}"
        next_writer(store)
        assert_nothing_is_left(store, after_next(now), f"point {point} of {trial.points}")
    assert seen == {False, True}
    record_property("points before and after the changes that writers of a plate make", trial.points)
    record_property("of these, points at which one was killed with other files than at the last", len(points))


def assert_nothing_is_left(store: Path, wanted: State, where: str) -> None:
    """The store is what is wanted, and no file is there that is not part of it."""
    snapshot = nf.open_ome_zarr(store)
    assert seen_in(snapshot) == wanted, where
    assert all(is_true(store / node, snapshot.version) for node in holders(store)), where
    assert unaccounted(store, snapshot) == set(), where
    assert names_in(store.parent) == [STORE], where


# --- a crash while what is left of another is carried out


@pytest.mark.parametrize(("version", "name"), KINDS if all_of_them() else EACH_KIND_ONCE)
def test_a_writer_killed_while_it_carries_out_what_another_left_leaves_before_or_after(
    version: Version, name: str, quick_path: Path, record_property: Record
) -> None:
    trial = trial_of(version, name, quick_path)
    first = spread(trial.moments, FIRST)
    pairs = spread([(left, second) for left in what_is_left(trial, first) for second in left.moments], PAIRS)
    for left, second in pairs:
        where = f"point {second} of the writer that came after point {left.point} of {trial.points}"
        store = copied(left.folder, trial.folder / "trial")
        killed_at(store, next_writer, second)
        now = state(store)
        assert now in (left.seen, after_next(left.seen)), where
        the_one_after(store)
        assert_nothing_is_left(store, after_next(now, THEN), where)
    record_property("points at which a writer that came after a killed one was killed", len(pairs))


# --- other readers


def followed_by_iohub(store: Path) -> None:
    """All wells, positions and arrays that iohub is led to; it raises where one is not there."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, layout="hcs", mode="r") as plate:
        for entry in plate.metadata.wells:
            well = plate[entry.path]
            for field in well.metadata.images:
                position = well[field.path]
                for dataset in position.metadata.multiscales[0].datasets:
                    assert np.asarray(position[dataset.path]).any(), f"{entry.path}/{field.path} is blank"
        assert [name for name, _ in plate.positions()], "iohub found no position"


def followed_by_ome_zarr(store: Path) -> None:
    """The plate, stitched, and each of its wells; it raises, or logs an error, where something is not there."""
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    (plate, *_) = list(Reader(parse_url(store))())
    for path in [well["path"] for well in plate.metadata["metadata"]["plate"]["wells"]]:
        for node in (plate, *Reader(parse_url(store / path))()):
            assert all(np.asarray(array).any() for array in node.data), f"{path} is blank"


def not_found(records: list[logging.LogRecord], store: Path) -> list[str]:
    """What a reader logged as an error, of what it was led to: ome-zarr guesses that all wells have the same fields."""
    errors = [record for record in records if record.levelno >= logging.ERROR]
    return [error.getMessage() for error in errors if not _is_guess(error.args, store)]


def _is_guess(arguments: Any, store: Path) -> bool:
    """Whether the first argument is the path of an array, from the plate, in a field that its well does not list."""
    parts = str(arguments[0]).split("/") if isinstance(arguments, tuple) and arguments else []
    return len(parts) == 4 and not is_listed(store, "/".join(parts[:2]), parts[2])


def is_listed(store: Path, well: str, field: str) -> bool:
    """Whether the document of a well lists a field."""
    attributes = store / well / ".zattrs"
    if attributes.exists():
        said = json.loads(attributes.read_text())
    else:
        said = json.loads((store / well / "zarr.json").read_text())["attributes"]["ome"]
    return field in [image["path"] for image in said["well"]["images"]]


FOLLOWED: dict[str, Callable[[Path], None]] = {"iohub": followed_by_iohub, "ome_zarr": followed_by_ome_zarr}


@pytest.mark.peers(*FOLLOWED)
@pytest.mark.parametrize("reader", FOLLOWED)
@pytest.mark.parametrize(("version", "name"), KINDS if all_of_them() else EACH_KIND_ONCE)
def test_another_reader_finds_all_that_it_is_led_to(  # noqa: PLR0917 — fixtures
    version: Version,
    name: str,
    reader: str,
    quick_path: Path,
    record_property: Record,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if version == "0.4" and ACTS[name].consolidated:
        pytest.skip("zarr-python takes the list of wells from .zattrs and what is there from .zmetadata: two documents")
    trial = trial_of(version, name, quick_path)
    read = 0
    for point in trial.moments:
        store = trial.fresh()
        killed_at(store, trial.act, point)
        if not store.exists():
            assert trial.before == State()
            continue
        FOLLOWED[reader](store)
        assert not_found(caplog.records, store) == [], f"point {point} of {trial.points}"
        caplog.clear()
        read += 1
    record_property(f"points at which a writer was killed and {reader} read the plate", read)
