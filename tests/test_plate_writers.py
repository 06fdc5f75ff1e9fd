"""Processes that add positions to one plate, and others that have opened positions of it by their own paths."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ngff_fn as nf
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import names_in
from tests.plate_writers import EACH, WRITERS, add, added, first_plate, new_name, rename
from tests.real_plates import images_in, pixels_in, unlisted

pytestmark = pytest.mark.timeout(120)
SPAWN = multiprocessing.get_context("spawn")
LONGEST = 60.0
"""Seconds for all of it; it takes a few."""


def run_together(writers: list[tuple[Callable[..., None], int]], store: Path) -> list[int | None]:
    """Processes of their own that begin at the same moment; how each ended."""
    start = SPAWN.Barrier(len(writers))
    processes = [SPAWN.Process(target=write, args=(store, start, which)) for write, which in writers]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(LONGEST)
    finally:
        for process in processes:
            process.kill()
            process.join()
    return [process.exitcode for process in processes]


def document(store: Path, version: Version) -> dict[str, Any]:
    """What the plate's own document says."""
    text = json.loads((store / {"0.4": ".zattrs", "0.5": "zarr.json"}[version]).read_text())
    plate: dict[str, Any] = text["plate"] if version == "0.4" else text["attributes"]["ome"]["plate"]
    return plate


@pytest.mark.parametrize("version", VERSIONS)
def test_no_position_of_four_processes_and_no_renaming_of_two_is_lost(
    version: Version, quick_path: Path, record_property: Callable[[str, object], None]
) -> None:
    store = quick_path / "plate.zarr"
    nf.create(store, first_plate(), version=version)
    writers = [*((add, writer) for writer in range(WRITERS)), *((rename, channel) for channel in range(2))]
    assert run_together(writers, store) == [0] * len(writers)

    snapshot = nf.open_ome_zarr(store)
    wanted = {path: value for writer in range(WRITERS) for path, value in added(writer).items()}
    wanted |= {f"A/1/{number}": 200 + number for number in range(EACH)}
    images, pixels = images_in(snapshot.root), pixels_in(snapshot.root)
    assert images.keys() == wanted.keys()
    assert {path: set(pixels[f"{path}/0"].ravel().tolist()) for path in wanted} == {
        path: {value} for path, value in wanted.items()
    }
    for number in range(EACH):
        assert nf.channel_names(images[f"A/1/{number}"]) == (new_name(0, number), new_name(1, number))

    said = document(store, version)
    rows, columns = ([line["name"] for line in said[key]] for key in ("rows", "columns"))
    assert (sorted(rows), sorted(columns)) == (list("ABCDEF"), list("12345"))
    paths = [well["path"] for well in said["wells"]]
    assert len(set(paths)) == len(paths) == 1 + 25
    assert [f"{rows[well['rowIndex']]}/{columns[well['columnIndex']]}" for well in said["wells"]] == paths
    assert snapshot.problems == ()
    assert unlisted(store, snapshot.root) == set()
    assert names_in(quick_path) == ["plate.zarr"]
    record_property("positions added by four processes, all there", WRITERS * EACH)
    record_property("channels renamed meanwhile by two others, all there", 2 * EACH)
