"""Label images in stores: what a commit writes for them, and what is read of those that other programs wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ngff_fn as nf
from ngff_fn import codecs
from ngff_fn import curried as c
from ngff_fn.records.nodes import natural_order
from ngff_fn.records.snapshot import Version
from tests.crashes import files_below
from tests.real_images import READERS, opens
from tests.real_plates import labelled, records

DATA = np.arange(2 * 4 * 6, dtype="uint16").reshape(2, 4, 6)
CELLS = (DATA[0] % 5).astype("uint32")


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> Version:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def store(version: Version, quick_path: Path) -> Path:
    image = nf.with_pyramid(nf.image_from(DATA, axes="cyx", channel_names=["a", "b"]), levels=2)
    nf.create(quick_path / "image.zarr", image, version=version)
    return quick_path / "image.zarr"


def ome(store: Path, path: str) -> dict[str, Any]:
    """The OME part of the attributes of a group."""
    if (store / path / ".zattrs").exists():
        return json.loads((store / path / ".zattrs").read_bytes())  # type: ignore[no-any-return]
    return json.loads((store / path / "zarr.json").read_bytes())["attributes"]["ome"]  # type: ignore[no-any-return]


def put(store: Path, path: str, ome_part: dict[str, Any], version: Version) -> None:
    """A group, as another program may have written it."""
    (store / path).mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        (store / path / ".zgroup").write_text('{"zarr_format": 2}')
        (store / path / ".zattrs").write_text(json.dumps(ome_part))
    else:
        members = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome_part}}
        (store / path / "zarr.json").write_text(json.dumps(members))


def updated(store: Path, *edits: Callable[[Any], Any]) -> nf.Snapshot:
    """The store after edits: read again equal to what was wanted, and with nothing left to do."""
    base = nf.open_ome_zarr(store, mode="r+")
    wanted: Any = base.root
    for edit in edits:
        wanted = edit(wanted)
    done = nf.commit(store, nf.diff(base, wanted))
    again = nf.open_ome_zarr(store, mode="r+")
    assert records(again.root) == records(wanted)
    assert done.snapshot.root == again.root
    assert done.snapshot.documents == again.documents
    assert nf.diff(again, again.root).operations == ()
    return again


# --- written


def test_a_label_image_is_one_new_tree_with_its_pixels_and_nothing_else_changes(store: Path) -> None:
    before = files_below(store)
    updated(store, c.add_label("cells", CELLS))
    after = files_below(store)
    assert {name for name in after if name not in before} == {name for name in after if name.startswith("labels/")}
    assert all(after[name] == data for name, data in before.items())
    np.testing.assert_array_equal(nf.to_numpy(store, "labels/cells/0"), CELLS)


def test_the_group_lists_its_labels_and_each_says_what_it_is(store: Path, version: Version) -> None:
    updated(store, c.add_label("cells", CELLS, colors={1: "red"}), c.add_label("nuclei", CELLS))
    assert ome(store, "labels")["labels"] == ["cells", "nuclei"]
    said = ome(store, "labels/cells")["image-label"]
    assert said["source"] == {"image": "../../"}
    assert said["colors"] == [{"label-value": 1, "rgba": [255, 0, 0, 255]}]
    assert ("version" in said) == (version == "0.4")  # 0.5: "version" stands in "ome", once


def test_the_next_label_image_is_a_new_tree_and_the_list(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    before = files_below(store)
    updated(store, c.add_label("nuclei", CELLS))
    after = files_below(store)
    changed = {name for name, data in before.items() if after[name] != data}
    assert changed in ({"labels/.zattrs"}, {"labels/zarr.json"})
    assert all(name.startswith("labels/nuclei/") for name in after if name not in before)


def test_removing_a_label_image_leaves_the_others_and_what_is_not_listed(store: Path, version: Version) -> None:
    updated(store, c.add_label("cells", CELLS), c.add_label("nuclei", CELLS))
    put(store, "labels/by_hand", {"note": 1}, version)
    before = files_below(store)
    updated(store, c.remove_label("nuclei"))
    after = files_below(store)
    assert {name for name in before if name not in after} == {n for n in before if n.startswith("labels/nuclei/")}
    assert ome(store, "labels")["labels"] == ["cells"]


def test_the_colors_of_a_label_image_are_one_document(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_label_colors(base.root, "cells", {2: (1, 2, 3)}))
    assert [type(operation) for operation in plan.operations] == [nf.PutDocument]
    nf.commit(store, plan)
    assert ome(store, "labels/cells")["image-label"]["colors"] == [{"label-value": 2, "rgba": [1, 2, 3, 255]}]


def test_an_image_that_is_written_elsewhere_takes_its_labels_along_in_either_version(
    store: Path, version: Version, quick_path: Path
) -> None:
    updated(store, c.add_label("cells", CELLS, properties={1: {"area": 2}}))
    other: Version = "0.5" if version == "0.4" else "0.4"
    image = nf.open_ome_zarr(store).root
    made = nf.create(quick_path / "other.zarr", image, version=other)
    assert records(made.snapshot.root) == records(image)
    np.testing.assert_array_equal(nf.to_numpy(quick_path / "other.zarr", "labels/cells/0"), CELLS)
    assert nf.create(quick_path / "bare.zarr", nf.detach(image), version=other).snapshot.root.labels is None


def test_labels_go_to_the_other_version_without_the_tables_that_cannot(
    store: Path, version: Version, quick_path: Path
) -> None:
    updated(store, c.add_label("cells", CELLS))
    for path in ("", "labels", "labels/cells"):
        zarr.open_group(store, path=path, mode="a").create_group("tables")
    other: Version = "0.5" if version == "0.4" else "0.4"
    image = nf.open_ome_zarr(store).root
    with pytest.raises(nf.UnsupportedError, match="keep_labels=True"):
        nf.create(quick_path / "other.zarr", image, version=other)
    made = nf.create(quick_path / "other.zarr", nf.detach(image, keep_labels=True), version=other)
    assert records(made.snapshot.root) == records(image)
    np.testing.assert_array_equal(nf.to_numpy(quick_path / "other.zarr", "labels/cells/0"), CELLS)


def test_a_crop_is_committed_with_its_labels_in_one_step(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    again = updated(store, c.crop(y=(0, 2), x=(2, 6)))
    np.testing.assert_array_equal(nf.evaluate(again.root, "labels/cells/0"), CELLS[0:2, 2:6])
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA[:, 0:2, 2:6])


def test_a_voxel_size_reaches_the_documents_of_the_labels(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    updated(store, c.set_scale(y=0.5))
    scales = [entry["coordinateTransformations"][0]["scale"] for entry in _datasets(store, "labels/cells")]
    assert scales == [[0.5, 1.0], [1.0, 2.0]]


def _datasets(store: Path, path: str) -> list[dict[str, Any]]:
    return ome(store, path)["multiscales"][0]["datasets"]  # type: ignore[no-any-return]


def test_labels_are_not_lost_by_an_image_that_has_none(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    before = files_below(store)
    with pytest.raises(nf.UnsupportedError, match="labels: what lies in the group of labels, listed or not, would be"):
        nf.update(store, nf.detach)
    assert files_below(store) == before


def test_a_label_image_is_not_put_where_something_else_is(store: Path, version: Version) -> None:
    updated(store, c.add_label("cells", CELLS))
    put(store, "labels/nuclei", {"note": 1}, version)
    before = files_below(store)
    with pytest.raises(nf.StoreExistsError, match="labels/nuclei: something is there"):
        nf.update(store, c.add_label("nuclei", CELLS))
    assert files_below(store) == before


def test_two_writers_of_labels_both_succeed(store: Path) -> None:
    one, other = nf.open_ome_zarr(store, mode="r+"), nf.open_ome_zarr(store, mode="r+")
    nf.commit(store, nf.diff(one, nf.add_label(one.root, "cells", CELLS)))
    with pytest.raises(nf.ConflictError):
        nf.commit(store, nf.diff(other, nf.add_label(other.root, "cells", CELLS)))
    updated(store, c.add_label("nuclei", CELLS))
    assert nf.listed(nf.open_ome_zarr(store).root.labels) == ("cells", "nuclei")


# --- opened on their own


def test_a_label_image_opens_as_a_root_and_is_edited_as_one(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    label = nf.open_ome_zarr(store / "labels" / "cells", mode="r+")
    assert label.root.image_label is not None
    assert label.origin == nf.Place(home=str(store), path="labels/cells")
    nf.update(store / "labels" / "cells", c.set_scale(x=3.0))
    assert nf.level_at(nf.open_ome_zarr(store).root, "labels/cells/0").scale == (1.0, 3.0)


def test_writers_of_an_image_and_of_its_label_exclude_each_other(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    image = nf.open_ome_zarr(store, mode="r+")
    nf.update(store / "labels" / "cells", c.set_scale(x=3.0))
    with pytest.raises(nf.ConflictError):
        nf.commit(store, nf.diff(image, nf.set_label_colors(image.root, "cells", {1: "red"})))


# --- by other programs


def test_a_label_that_is_not_listed_is_noted_and_stays(store: Path) -> None:
    updated(store, c.add_label("cells", CELLS))
    shutil.copytree(store / "labels" / "cells", store / "labels" / "copy")
    snapshot = nf.open_ome_zarr(store, mode="r+")
    noted = [problem for problem in snapshot.problems if problem.rule == "labels.group.listed"]
    assert [problem.location for problem in noted] == ["labels/copy"]
    assert nf.listed(snapshot.root.labels) == ("cells",)
    before = files_below(store / "labels" / "copy")
    nf.update(store, c.add_label("nuclei", CELLS), c.set_scale(x=2.0))
    assert files_below(store / "labels" / "copy") == before


def test_a_listed_label_that_is_not_there_is_unread_and_stays_listed(store: Path, version: Version) -> None:
    put(store, "labels", {"labels": ["gone"]} | ({} if version == "0.4" else {"version": "0.5"}), version)
    root = nf.open_ome_zarr(store).root
    assert root.labels.images == (nf.Label(path="gone", image=nf.Unread(path="gone")),)
    nf.update(store, c.add_label("cells", CELLS))
    assert ome(store, "labels")["labels"] == ["gone", "cells"]
    with pytest.raises(nf.UnsupportedError, match="labels/gone: they cannot be read"):
        nf.crop(nf.open_ome_zarr(store).root, x=(0, 2))
    nf.update(store, c.remove_label("gone"))
    assert ome(store, "labels")["labels"] == ["cells"]


@pytest.mark.parametrize("entry", ["../image", "/etc", "", 3])
def test_a_list_that_leads_elsewhere_is_not_followed(store: Path, version: Version, entry: Any) -> None:
    put(store, "labels", {"labels": [entry]}, version)
    snapshot = nf.open_ome_zarr(store)
    assert snapshot.root.labels == nf.Unread(path="labels")
    assert "labels" in [problem.location for problem in snapshot.problems]


def test_what_is_odd_in_an_image_label_is_noted_and_keeps_its_bytes(store: Path, version: Version) -> None:
    updated(store, c.add_label("cells", CELLS))
    said = ome(store, "labels/cells")
    said["image-label"] |= {
        "colors": [{"label-value": 1, "rgba": [1, 2, 3]}, {"rgba": [0, 0, 0, 0]}, {"label-value": 1.5}],
        "properties": "none",
        "note": {"a": 1},
    }
    put(store, "labels/cells", said, version)
    snapshot = nf.open_ome_zarr(store, mode="r+")
    assert {problem.location.rpartition("/ ")[2] for problem in snapshot.problems} >= {
        "image-label.colors[0].rgba",
        "image-label.colors[1].label-value",
        "image-label.properties",
    }
    assert nf.diff(snapshot, snapshot.root).operations == ()
    nf.update(store, c.set_scale(x=4.0))
    assert ome(store, "labels/cells")["image-label"] == said["image-label"]


def test_the_list_beside_ome_is_read_and_both_are_kept_true(quick_path: Path) -> None:
    store = quick_path / "image.zarr"
    nf.create(store, nf.add_label(nf.image_from(DATA[0], axes="yx"), "cells", CELLS), version="0.5")
    members = json.loads((store / "labels/zarr.json").read_bytes())
    members["attributes"] = {"labels": ["cells"]}
    (store / "labels/zarr.json").write_text(json.dumps(members))
    updated(store, c.add_label("nuclei", CELLS))
    attributes = json.loads((store / "labels/zarr.json").read_bytes())["attributes"]
    assert attributes["labels"] == attributes["ome"]["labels"] == ["cells", "nuclei"]


# --- real ones, and what other programs say of ours

REAL = [
    "tubhiswt4d_v04/tubhiswt4D_sub.zarr",
    *(f"ngio_v04/v04/images/test_image_{axes}.zarr" for axes in ("yx", "cyx", "tzyx", "c1yx", "tczyx")),
    *(f"ngio_v05/v05/images/test_image_{axes}.zarr" for axes in ("yx", "cyx", "tzyx", "c1yx", "tczyx")),
    "omezarr_examples_v04/data/valid/image-02.zarr",
]


@pytest.mark.parametrize("path", REAL)
def test_real_labels_round_trip_without_a_byte_changed(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+")
    assert nf.diff(base, base.root).operations == ()
    for label in base.root.labels.images:
        texts = base.documents.of_node(f"labels/{label.path}")
        assert codecs.encode_group(label.image, base.version, texts, label.image) == dict(texts.items())
    nf.commit(store, nf.diff(base, base.root))
    assert files_below(store) == before


@pytest.mark.parametrize("path", REAL)
def test_labels_are_added_to_real_images_beside_those_that_are_there(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    before = files_below(store)
    there = nf.listed(nf.open_ome_zarr(store).root.labels)
    again = updated(store, labelled)
    assert nf.listed(nf.node_at(again.root, "labels")) == natural_order((*there, "ours"))
    after = files_below(store)
    changed = {name for name, data in before.items() if after[name] != data}
    assert changed <= {"labels/.zattrs", "labels/zarr.json"}
    shorter = updated(store, c.crop(x=(0, 8)))
    assert {level.array.shape[-1] for _, level in _first_levels(shorter.root)} == {8}


def _first_levels(image: nf.Image) -> list[tuple[str, nf.Level]]:
    labels = image.labels.images if isinstance(image.labels, nf.Labels) else ()
    return [(label.path, label.image.levels[0]) for label in labels if isinstance(label.image, nf.Image)]


@pytest.mark.peers(*READERS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", REAL)
def test_other_programs_open_an_image_and_its_label_wherever_they_opened_the_original(
    path: str, reader: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    refusal = opens(reader, store)
    if refusal is not None:
        pytest.skip(f"{reader} does not open the original: {refusal.splitlines()[0][:100]}")
    nf.update(store, labelled)
    assert opens(reader, store) is None


@pytest.mark.peers("ome_zarr_models", "ome_zarr", "ngff_zarr", "yaozarrs")
@pytest.mark.parametrize("reader", ["ome_zarr_models", "ngff_zarr", "yaozarrs"])
def test_a_label_image_of_ours_is_valid_to_other_programs(store: Path, reader: str, version: Version) -> None:
    if reader == "yaozarrs" and version == "0.4":
        pytest.skip("yaozarrs validates the documents of a store in 0.5 only")
    nf.update(store, c.add_label("cells", CELLS, colors={1: "red"}, properties={1: {"area": 2}}))
    assert opens(reader, store) is None
    assert opens(reader, store / "labels" / "cells") is None


@pytest.mark.peers("ome_zarr")
def test_ome_zarr_finds_the_label_of_an_image_with_its_colors(store: Path) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    nf.update(store, c.add_label("cells", CELLS, colors={1: "red"}))
    nodes = {str(node.zarr).partition(" ")[0].rpartition("/")[2]: node for node in Reader(parse_url(store))()}
    np.testing.assert_array_equal(np.asarray(nodes["cells"].data[0]), CELLS)
    assert list(nodes["cells"].metadata["color"]) == [1]
