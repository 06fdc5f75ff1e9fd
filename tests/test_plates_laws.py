"""Laws of plates, from the value through a commit to the documents: there and back, undone, in any order, valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.frozen_json import thaw
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.plate_edits import (
    POSITIONS,
    WELLS,
    Step,
    edits_of_images,
    edits_of_plates,
    image_of,
    plates,
    tried,
)
from tests.real_plates import images_in, pixels_in, records
from tests.schemas import validator

versions = pytest.mark.parametrize("version", VERSIONS)


def stored(plate: nf.Plate, version: Version) -> Any:
    store = MemoryStore()
    nf.create(store, plate, version=version)
    return store


def seen(store: Any) -> tuple[Any, nf.Documents, dict[str, bytes]]:
    """The value, the documents and all pixels."""
    snapshot = nf.open_ome_zarr(store)
    pixels = {path: block.tobytes() for path, block in pixels_in(snapshot.root).items()}
    return records(snapshot.root), snapshot.documents, pixels


def committed(store: Any, *steps: Step) -> tuple[Any, nf.Documents, dict[str, bytes]]:
    nf.update(store, *steps)
    return seen(store)


# --- there and back


@versions
@settings(max_examples=20)
@given(plate=plates(), data=st.data())
def test_a_well_renamed_there_and_back_leaves_value_documents_and_pixels_as_they_were(
    version: Version, plate: nf.Plate, data: st.DataObject
) -> None:
    old = data.draw(st.sampled_from([well.path for well in plate.wells]))
    new = data.draw(st.sampled_from(sorted(set(WELLS) - {well.path for well in plate.wells})))
    store = stored(plate, version)
    before = seen(store)
    there = committed(store, c.rename_well(old, new))
    assert there[0] == nf.rename_well(before[0], old, new)
    assert committed(store, c.rename_well(new, old)) == before
    assert nf.diff(nf.open_ome_zarr(store, mode="r+"), nf.open_ome_zarr(store).root).operations == ()


@versions
@settings(max_examples=20)
@given(plate=plates(), path=st.sampled_from(POSITIONS), number=st.integers(1, 200))
def test_a_position_added_and_removed_leaves_value_documents_and_pixels_as_they_were(
    version: Version, plate: nf.Plate, path: str, number: int
) -> None:
    assume(path not in images_in(plate))
    store = stored(plate, version)
    before = seen(store)
    added = committed(store, c.add_position(path, image_of(number)))
    assert set(added[2][f"{path}/0"]) == {number}
    assert committed(store, c.remove_position(path)) == before


# --- in any order


@st.composite
def commuting(draw: st.DrawFn, plate: nf.Plate) -> tuple[Step, Step]:
    """Two edits that do not touch the same thing, of a plate with two wells or more."""
    first, second = draw(st.permutations([well.path for well in plate.wells]))[:2]
    free = sorted(set(WELLS) - {well.path for well in plate.wells})
    names = draw(st.permutations(free))[:2]
    inside = [path for path in images_in(plate) if path.startswith(f"{first}/")]
    position, other = draw(st.sampled_from(inside)), f"{second}/7"
    edit = draw(edits_of_images())
    pairs: list[tuple[Step, Step]] = [
        (c.rename_well(first, names[0]), c.rename_well(second, names[1])),
        (c.update_at(position, edit), c.rename_well(second, names[0])),
        (c.update_at(position, edit), c.add_position(other, image_of(9))),
        (c.update_at(position, edit), c.remove_well(second)),
        (c.remove_position(position), c.rename_well(second, names[0])),
        (c.remove_position(position), c.add_position(other, image_of(9))),
        (c.add_position(f"{first}/7", image_of(8)), c.add_position(other, image_of(9))),
        (c.each_image(c.set_scale(y=0.5)), c.rename_well(first, names[0])),
        (c.each_image(c.set_scale(y=0.5)), c.each_image(c.rename_channel("GFP", "EGFP"))),
        (c.each_image(c.set_scale(y=0.5)), c.remove_position(position)),
        (c.each_image(c.set_channel_color("GFP", "FF0000")), c.update_at(position, c.set_translation(x=2.0))),
    ]
    return draw(st.sampled_from(pairs))


@versions
@settings(max_examples=25)
@given(plate=plates(), data=st.data())
def test_the_order_of_edits_that_do_not_touch_the_same_does_not_matter(
    version: Version, plate: nf.Plate, data: st.DataObject
) -> None:
    assume(len(plate.wells) > 1)
    one, two = data.draw(commuting(plate))
    try:
        wanted = nf.pipe(plate, one, two)
    except nf.NgffError:
        with pytest.raises(nf.NgffError):
            nf.pipe(plate, two, one)
        return
    assert nf.pipe(plate, two, one) == wanted
    stores = [stored(plate, version) for _ in range(3)]
    together = committed(stores[0], one, two)
    assert together[0] == records(wanted)
    for store, order in zip(stores[1:], ((one, two), (two, one)), strict=True):
        for step in order:
            nf.update(store, step)
        assert (seen(store)[0], seen(store)[2]) == (together[0], together[2])


# --- valid


def asked_of(snapshot: nf.Snapshot) -> Iterator[tuple[str, str, Any]]:
    """Every node that OME-NGFF can say: its path, the name of its schema, and its attributes as they are stored."""
    plate = snapshot.root
    if any(well.fields for well in plate.wells):
        yield "", "plate", attributes(snapshot, "")
    for well in plate.wells:
        if well.fields:
            yield well.path, "well", attributes(snapshot, well.path)
    for path, image in images_in(plate).items():
        if image.levels:
            yield path, "image", attributes(snapshot, path)


def attributes(snapshot: nf.Snapshot, path: str) -> Any:
    ome = thaw(nf.ome_attributes(snapshot, path))
    return ome if snapshot.version == "0.4" else {"ome": ome}


@versions
@settings(max_examples=40)
@given(
    plate=plates(),
    first=st.lists(edits_of_plates(), max_size=6),
    second=st.lists(edits_of_plates(), max_size=6),
)
def test_a_plate_made_by_any_edits_is_valid_by_the_official_schemas(
    conformance: Path, version: Version, plate: nf.Plate, first: list[Step], second: list[Step]
) -> None:
    wanted = tried(plate, first)
    store = stored(wanted, version)
    assert_valid(store, wanted, conformance)
    try:
        nf.update(store, lambda root: tried(root, second))
    except nf.UnsupportedError as error:  # what becomes free in the same commit is not taken in it
        assert "first" in str(error) or "another" in str(error)
        return
    assert_valid(store, tried(wanted, second), conformance)


def assert_valid(store: Any, wanted: nf.Plate, conformance: Path) -> None:
    """The store is what was wanted, and says nothing that the schemas refuse; no list names what cannot be said."""
    snapshot = nf.open_ome_zarr(store)
    assert records(snapshot.root) == records(wanted)
    assert snapshot.problems == ()
    for path, schema, said in asked_of(snapshot):
        try:
            validator(conformance, snapshot.version, schema).validate(said)
        except jsonschema.ValidationError as error:
            raise AssertionError(f"{path or 'the plate'}: {error.message}") from error
    if not any(well.fields for well in snapshot.root.wells):
        assert "plate" not in nf.ome_attributes(snapshot)
