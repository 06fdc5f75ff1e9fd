"""Plates and collections that other programs wrote: read, edited in one pipe, committed in one step; the rest stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn import codecs
from ngff_fn import curried as c
from ngff_fn.effects.address import address_of
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.stores import Address
from ngff_fn.plan.diff import moved_path
from tests.crashes import files_below, names_in
from tests.real_plates import (
    COLLECTION,
    PLATES,
    READERS,
    ROOTS,
    image_like,
    images_in,
    mixed,
    opens,
    pixels_in,
    read_wells,
    records,
    removed_position,
    renamed_well,
    unlisted,
)

HOLDERS = (nf.Plate, nf.Well, nf.Collection)
BROKEN = PLATES[-1]


def holders_in(root: Any) -> dict[str, Any]:
    """The root and the wells below it, by their paths."""
    wells = root.wells if isinstance(root, nf.Plate) else ()
    return {"": root, **{well.path: well for well in wells if isinstance(well, nf.Well)}}


# --- reading


@pytest.mark.parametrize(
    ("path", "wells", "images", "unread"),
    [(PLATES[0], 4, 8, 0), (PLATES[1], 1, 1, 0), (PLATES[2], 4, 4, 0), (PLATES[3], 8, 10, 7)],
)
def test_a_real_plate_opens_with_all_of_its_wells_and_images(
    path: str, wells: int, images: int, unread: int, store_copy: Callable[[str], Path]
) -> None:
    plate = nf.open_ome_zarr(store_copy(path)).root
    assert isinstance(plate, nf.Plate)
    assert len(read_wells(plate)) == wells
    assert len(images_in(plate)) == images
    assert len(nf.positions(plate)) == images + unread


def test_what_cannot_be_read_of_a_broken_plate_is_unread_and_noted(store_copy: Callable[[str], Path]) -> None:
    snapshot = nf.open_ome_zarr(store_copy(BROKEN))
    noted = {problem.location.partition("/ ")[0] for problem in snapshot.problems}
    noted = {path for path in noted if "/labels/" not in path}
    unread = {path for path, image in nf.positions(snapshot.root) if isinstance(image, nf.Unread)}
    assert unread - noted == {"C/1/1"}  # which is listed and absent
    assert noted <= unread


def test_indices_out_of_step_are_noted_with_their_place(store_copy: Callable[[str], Path]) -> None:
    snapshot = nf.open_ome_zarr(store_copy(PLATES[2]))
    assert [problem.location for problem in snapshot.problems] == ["plate.wells[1]", "plate.wells[2]"]


def test_a_real_collection_opens_with_its_images(store_copy: Callable[[str], Path]) -> None:
    root = nf.open_ome_zarr(store_copy(COLLECTION)).root
    assert isinstance(root, nf.Collection)
    assert [each.path for each in root.series] == ["0"]
    assert list(images_in(root)) == ["0"]


@pytest.mark.parametrize("path", PLATES)
def test_a_well_and_a_position_of_a_real_plate_are_roots_like_any_other(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    plate = nf.open_ome_zarr(store).root
    (well, *_) = read_wells(plate)
    alone = nf.open_ome_zarr(store / well.path).root
    extra = {name: section for name, section in well.extra.items() if name != "entry"}
    assert records(alone) == records(evolve(well, path="", extra=nf.FrozenMap(extra)))
    for position, image in images_in(plate).items():
        assert nf.open_ome_zarr(store / position).root == image


@pytest.mark.parametrize("path", ROOTS)
def test_what_was_read_encodes_onto_itself_without_a_byte_changed(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+")
    assert nf.diff(base, base.root).operations == ()
    for where, holder in holders_in(base.root).items():
        texts = base.documents.of_node(where)
        encoded = codecs.encode_holder(holder, base.version, texts, holder)
        assert encoded == dict(texts.items()), where
    for where, image in images_in(base.root).items():
        texts = base.documents.of_node(where)
        assert codecs.encode_group(image, base.version, texts, image) == dict(texts.items()), where
    nf.commit(store, nf.diff(base, base.root))
    assert files_below(store) == before


@pytest.mark.parametrize("path", ROOTS)
def test_documents_written_anew_are_read_as_the_same_value(path: str, store_copy: Callable[[str], Path]) -> None:
    base = nf.open_ome_zarr(store_copy(path))
    for where, holder in holders_in(base.root).items():
        encoded = codecs.encode_holder(holder, base.version)
        texts = dict(base.documents.items()) | {f"{where}/{name}" if where else name: t for name, t in encoded.items()}
        again = codecs.decode_root(texts, base.origin).root
        assert again == base.root, where


# --- the mixed edit


@pytest.mark.parametrize("path", PLATES)
def test_a_mixed_edit_is_committed_in_one_step_and_read_again_equal(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = mixed(base.root)
    pixels = pixels_in(wanted)
    done = nf.commit(store, nf.diff(base, wanted))
    again = nf.open_ome_zarr(store, mode="r+")
    assert done.snapshot.root == again.root
    assert done.snapshot.documents == again.documents
    assert records(again.root) == records(wanted)
    assert nf.diff(again, again.root).operations == ()
    read = pixels_in(again.root)
    assert read.keys() == pixels.keys()
    for array, block in pixels.items():
        np.testing.assert_array_equal(read[array], block, err_msg=array)
    np.testing.assert_array_equal(nf.to_numpy(store, "Q/5/0/0"), pixels["Q/5/0/0"])


@pytest.mark.parametrize("path", PLATES)
def test_every_byte_that_the_plan_of_a_mixed_edit_does_not_name_stays(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, mixed(base.root))
    nf.commit(store, plan)
    after = files_below(store)

    moved = {each.path: each.target for each in plan.operations if isinstance(each, nf.MoveNode)}
    assert moved == dict([renamed_well(base.root)])
    retired = tuple(f"{each.path}/" for each in plan.operations if isinstance(each, nf.RetireNode))
    named = {each.key for each in plan.operations if isinstance(each, nf.PutDocument)}
    created = tuple(f"{each.path}/" for each in plan.operations if isinstance(each, nf.CreateNode))
    kept = {moved_path(name, moved): data for name, data in before.items() if not name.startswith(retired or "\0")}
    for name, data in kept.items():
        assert name in after, name
        assert name in named or after[name] == data, name
    assert all(name in kept or name.startswith(created) for name in after)
    assert not any("ngff_fn" in part for name in after for part in Path(name).parts)
    assert names_in(store.parent) == [store.name]


@pytest.mark.parametrize("path", PLATES)
def test_a_position_that_goes_leaves_nothing_of_its_own(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    plate = nf.open_ome_zarr(store).root
    removed = removed_position(plate)
    if removed is None:
        pytest.skip("the plate has one position only")
    before = files_below(store)
    nf.update(store, c.remove_position(removed))
    well = removed.rpartition("/")[0]
    is_last = [path for path, _ in nf.positions(plate) if path.startswith(f"{well}/")] == [removed]
    gone = well if is_last else removed
    after = files_below(store)
    assert {name for name in before if name not in after} == {n for n in before if n.startswith(f"{gone}/")}
    assert {name for name in after if after[name] != before[name]} <= {".zattrs", "zarr.json"} | {
        f"{well}/.zattrs",
        f"{well}/zarr.json",
    }


@pytest.mark.parametrize("path", PLATES)
def test_foreign_files_beside_wells_and_images_travel_with_a_renamed_well(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    plate = nf.open_ome_zarr(store).root
    old, new = renamed_well(plate)
    position = next(position for position in images_in(plate) if position.startswith(f"{old}/"))
    inside = position.removeprefix(f"{old}/")
    foreign = {"notes.txt": b"of the well", f"{inside}/notes.txt": b"of the image", f"{inside}/tables/t/0.0": b"cells"}
    foreign["tables/.zgroup"] = b'{"zarr_format": 2}'
    for name, data in foreign.items():
        (store / old / name).parent.mkdir(parents=True, exist_ok=True)
        (store / old / name).write_bytes(data)
    before = files_below(store / old)
    nf.update(store, c.rename_well(old, new), c.update_at(f"{new}/{inside}", c.set_scale(y=3.0)))
    assert not (store / old).exists()
    after = files_below(store / new)
    assert {name: after[name] for name in foreign} == foreign
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {
        f"{inside}/.zattrs" if f"{inside}/.zattrs" in after else f"{inside}/zarr.json"
    }


@pytest.mark.parametrize("path", [PLATES[0], PLATES[2]])
def test_a_real_well_renamed_there_and_back_is_the_plate_as_it_was(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    nf.update(store, c.remove_well("B/2"))
    before, documents = files_below(store), nf.open_ome_zarr(store).documents
    nf.update(store, c.rename_well("A/1", "B/2"))
    assert unlisted_groups(store) == set()
    nf.update(store, c.rename_well("B/2", "A/1"))
    assert files_below(store).keys() == before.keys()
    again = nf.open_ome_zarr(store).documents
    assert {key for key in documents if again[key] != documents[key]} <= ({".zattrs"} if path == PLATES[2] else set())


def unlisted_groups(store: Path) -> set[str]:
    """What is neither a row, a well nor a field, but for groups that say no more of themselves (OME)."""
    root = nf.open_ome_zarr(store).root
    return {path for path in unlisted(store, root) if path.partition("/")[0] != "OME"}


@pytest.mark.parametrize("path", PLATES)
def test_a_well_of_a_real_plate_takes_a_new_field_by_its_own_path(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    (well, *_) = read_wells(nf.open_ome_zarr(store).root)
    (image, *_) = images_in(well).values()
    new = image_like(image)

    def add(root: nf.Well) -> nf.Well:
        field = nf.Field(path="9", image=new, acquisition=root.fields[0].acquisition)
        return evolve(root, fields=(*root.fields, field))

    nf.update(store / well.path, add)
    again = nf.open_ome_zarr(store).root
    assert f"{well.path}/9" in images_in(again)
    np.testing.assert_array_equal(nf.to_numpy(store, f"{well.path}/9/0"), nf.evaluate(new, 0))


def test_the_images_of_a_real_collection_are_edited_in_one_step_and_the_rest_stays(
    store_copy: Callable[[str], Path],
) -> None:
    store = store_copy(COLLECTION)
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = nf.each_image(base.root, c.set_scale(x=0.125), c.set_extra("by", "us"))
    done = nf.commit(store, nf.diff(base, wanted))
    again = nf.open_ome_zarr(store, mode="r+")
    assert done.snapshot == again
    assert records(again.root) == records(wanted)
    after = files_below(store)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {"0/.zattrs"}


# --- a part of a plate


class Recording(LocalFiles):
    """Local files that remember which files were read, and which directories were listed."""

    seen: set[str]

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        self.seen.add(key)
        return super().get(key)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        self.seen.add(key)
        return super().read(key, start, stop)

    def names(self, path: str) -> list[tuple[str, bool]]:
        self.seen.add(path)
        return super().names(path)


def recording(store: Path) -> tuple[Address, set[str]]:
    """The store through files that remember what was read of it."""
    seen: set[str] = set()
    kind = type("Recording", (Recording,), {"seen": seen})
    return Address(files=kind(address_of(store).files.identity), path=""), seen


@pytest.mark.parametrize("path", PLATES)
def test_opened_with_select_only_what_is_meant_is_read(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    whole = nf.open_ome_zarr(store).root
    everything, all_seen = recording(store)
    nf.open_ome_zarr(everything)
    part, seen = recording(store)
    plate = nf.open_ome_zarr(part, select="B/*/*").root
    assert {name for name in seen if "/" in name and not name.startswith(("B/", "__ngff_fn"))} == set()
    assert len(seen) < len(all_seen) or {well.row for well in whole.wells if isinstance(well, nf.Well)} == {"B"}
    for well, read in zip(whole.wells, plate.wells, strict=True):
        assert read == (well if well.path.startswith("B/") else nf.Unread(path=well.path))


@pytest.mark.parametrize("path", PLATES)
def test_opened_with_select_of_one_field_the_others_of_its_well_are_unread(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    whole = images_in(nf.open_ome_zarr(store).root)
    (first, *_) = whole
    plate = nf.open_ome_zarr(store, select=first).root
    assert images_in(plate) == {first: whole[first]}
    well = next(well for well in plate.wells if well.path == first.rpartition("/")[0])
    assert isinstance(well, nf.Well)


def test_what_was_left_out_refuses_an_edit_with_the_cure_and_is_carried_along(
    store_copy: Callable[[str], Path],
) -> None:
    store = store_copy(PLATES[0])
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+", select="B/*/*")
    with pytest.raises(nf.NotThereError, match="select") as refused:
        nf.each_image(base.root, c.set_scale(x=2.0))
    assert {problem.location.partition(":")[0] for problem in refused.value.problems} == {"A/1", "A/2"}
    with pytest.raises(nf.NotThereError, match="A/1"):
        nf.rename_well(base.root, "A/1", "A/9")
    wanted = nf.pipe(base.root, c.each_image(c.set_scale(x=2.0), where="B/*/*"), c.remove_position("B/1/0"))
    nf.commit(store, nf.diff(base, wanted))
    after = files_below(store)
    assert {name: data for name, data in after.items() if name.startswith("A/")} == {
        name: data for name, data in before.items() if name.startswith("A/")
    }
    plate = nf.open_ome_zarr(store).root
    assert [path for path, _ in nf.positions(plate)] == [
        "A/1/0", "A/1/1", "A/2/0", "A/2/1", "B/1/1", "B/2/0", "B/2/1",
    ]  # fmt: skip


def test_select_of_a_collection_leaves_the_others_unread(store_copy: Callable[[str], Path]) -> None:
    store = store_copy(COLLECTION)
    assert images_in(nf.open_ome_zarr(store, select="0").root).keys() == {"0"}
    root = nf.open_ome_zarr(store, select="1").root
    assert nf.positions(root) == (("0", nf.Unread(path="0")),)


# --- other programs


@pytest.mark.peers(*READERS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", PLATES)
def test_other_programs_open_a_plate_wherever_they_opened_the_original(
    path: str, reader: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    refusal = opens(reader, store)
    if refusal is not None:
        pytest.skip(f"{reader} does not open the original: {refusal.splitlines()[0][:100]}")
    base = nf.open_ome_zarr(store, mode="r+")
    nf.commit(store, nf.diff(base, mixed(base.root)))
    assert opens(reader, store) is None


@pytest.mark.peers(*READERS)
@pytest.mark.parametrize("reader", READERS)
def test_other_programs_open_a_collection_wherever_they_opened_the_original(
    reader: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(COLLECTION)
    refusal = opens(reader, store)
    if refusal is not None:
        pytest.skip(f"{reader} does not open the original: {refusal.splitlines()[0][:100]}")
    nf.update(store, c.each_image(c.set_scale(x=0.125)))
    assert opens(reader, store) is None


@pytest.mark.peers("iohub")
@pytest.mark.parametrize("path", PLATES[:3])
def test_iohub_reads_the_same_pixels_at_the_same_positions(path: str, store_copy: Callable[[str], Path]) -> None:
    from iohub import open_ome_zarr

    store = store_copy(path)
    nf.update(store, mixed)
    ours = pixels_in(nf.open_ome_zarr(store).root)
    with open_ome_zarr(store, layout="hcs", mode="r") as plate:
        theirs = {
            f"{name}/{level}": np.asarray(array)
            for name, position in plate.positions()
            for level, array in position.images()
        }
    assert theirs.keys() == ours.keys()
    for name, block in ours.items():
        np.testing.assert_array_equal(theirs[name], block, err_msg=name)
