"""Labels among other writers, and beside what other programs left: found by attacking, kept as a specification."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.snapshot import Version
from tests.crashes import files_below
from tests.real_plates import records

DATA = np.arange(2 * 8 * 8, dtype="uint16").reshape(2, 8, 8)
CELLS = (DATA[0] % 5).astype("uint32")
ADD = c.add_label("cells", CELLS)
Edit = Callable[[Any], Any]


def small_image() -> nf.Image:
    """Two channels of 8 x 8, and two levels."""
    return nf.with_pyramid(nf.image_from(DATA, axes="cyx", channel_names=["a", "b"], chunks=(1, 4, 4)), levels=2)


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> Version:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def store(version: Version, quick_path: Path) -> Path:
    nf.create(quick_path / "image.zarr", small_image(), version=version)
    return quick_path / "image.zarr"


@pytest.fixture
def plate(version: Version, quick_path: Path) -> Path:
    images = {path: small_image() for path in ("A/1/0", "A/2/0", "B/3/0")}
    nf.create(quick_path / "plate.zarr", nf.plate_from_positions(images), version=version)
    return quick_path / "plate.zarr"


def at(path: str, *edits: Edit) -> Edit:
    return c.update_at(path, *edits)


def put(store: Path, path: str, attributes: dict[str, Any], version: Version) -> None:
    """A group, as another program may have written it."""
    (store / path).mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        (store / path / ".zgroup").write_text('{"zarr_format": 2}')
        (store / path / ".zattrs").write_text(json.dumps(attributes))
    else:
        members = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (store / path / "zarr.json").write_text(json.dumps(members))


def other(version: Version) -> Version:
    return "0.5" if version == "0.4" else "0.4"


# --- two writers


def one_after_the_other(store: Path, first: Edit, second: Edit) -> nf.Snapshot:
    """The second writer has read before the first one commits: its plan is refused, and it runs its edit again."""
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, second(base.root))
    done = nf.update(store, first)
    with pytest.raises(nf.ConflictError):
        nf.commit(store, plan)
    again = nf.update(store, second).snapshot
    assert records(nf.open_ome_zarr(store).root) == records(second(done.snapshot.root))
    return again


def shapes(image: nf.Image) -> list[tuple[int, ...]]:
    return [level.array.shape for level in image.levels]


FITTING: dict[str, Edit] = {
    "crop": c.crop(y=(0, 4)),
    "set_scale": c.set_scale(y=3.0),
    "remove_level": c.remove_level(1),
    "rename_axis": c.rename_axis("y", "v"),
}


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize("start", [(), (c.add_label("nuclei", CELLS),)], ids=["no labels", "labels"])
def test_a_label_that_came_first_follows_its_image(store: Path, name: str, start: tuple[Edit, ...]) -> None:
    if start:
        nf.update(store, *start)
    root = one_after_the_other(store, ADD, FITTING[name]).root
    label: Any = nf.node_at(root, "labels/cells")
    assert shapes(label) == [shape[1:] for shape in shapes(root)]
    assert [level.scale for level in label.levels] == [level.scale[1:] for level in root.levels]
    assert [axis.name for axis in label.axes] == [axis.name for axis in root.axes[1:]]


@pytest.mark.parametrize("start", [(), (c.add_label("nuclei", CELLS),)], ids=["no labels", "labels"])
def test_a_label_that_no_longer_fits_its_image_is_not_added(store: Path, start: tuple[Edit, ...]) -> None:
    if start:
        nf.update(store, *start)
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, ADD(base.root))
    nf.update(store, c.crop(y=(0, 4)))
    with pytest.raises(nf.ConflictError):
        nf.commit(store, plan)
    with pytest.raises(nf.InvalidValueError, match=r"data\.shape"):
        nf.update(store, ADD)


def test_colors_of_labels_wait_for_no_pixels_of_the_image(store: Path) -> None:
    nf.update(store, ADD)
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, nf.set_label_colors(base.root, "cells", {1: "red"}))
    nf.update(store, c.set_region(0, ((0, 1), (0, 8), (0, 8)), 7))
    nf.commit(store, plan)
    assert nf.to_numpy(store, "0")[0].max() == 7


MOVES: dict[str, tuple[Edit, str]] = {
    "move_position to another well": (c.move_position("A/1/0", "B/3/4"), "B/3/4"),
    "move_position within its well": (c.move_position("A/1/0", "A/1/4"), "A/1/4"),
    "rename_well": (c.rename_well("A/1", "C/1"), "C/1/0"),
    "rename_well, and crop": (
        lambda plate: nf.pipe(plate, c.rename_well("A/1", "C/1"), at("C/1/0", c.crop(y=(0, 4)))),
        "C/1/0",
    ),
    "rename_well, and another label": (
        lambda plate: nf.pipe(plate, c.rename_well("A/1", "C/1"), at("C/1/0", c.add_label("nuclei", CELLS))),
        "C/1/0",
    ),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_label_that_came_first_moves_with_its_image(plate: Path, name: str) -> None:
    edit, path = MOVES[name]
    one_after_the_other(plate, at("A/1/0", ADD), edit)
    label: Any = nf.node_at(nf.open_ome_zarr(plate).root, f"{path}/labels/cells")
    height = label.levels[0].array.shape[0]
    np.testing.assert_array_equal(nf.to_numpy(plate, f"{path}/labels/cells/0"), CELLS[:height])


def test_what_was_not_read_of_a_well_does_not_hinder_its_renaming(plate: Path) -> None:
    nf.update(plate, c.add_position("A/1/1", small_image()), at("A/1/1", ADD))
    base = nf.open_ome_zarr(plate, mode="r+", select="A/1/0")
    nf.commit(plate, nf.diff(base, nf.rename_well(base.root, "A/1", "C/1")))
    np.testing.assert_array_equal(nf.to_numpy(plate, "C/1/1/labels/cells/0"), CELLS)


# --- beside what other programs left


def test_labels_in_the_other_zarr_format_are_in_the_way_and_no_conflict(store: Path, version: Version) -> None:
    put(store, "labels", {"note": 1}, other(version))
    before = files_below(store)
    with pytest.raises(nf.StoreExistsError, match="labels: something is there"):
        nf.update(store, ADD, timeout=0)
    assert files_below(store) == before


def test_labels_in_the_other_zarr_format_move_with_their_image(plate: Path, version: Version) -> None:
    put(plate, "A/1/0/labels", {"note": 1}, other(version))
    document = next((plate / "A/1/0/labels").iterdir())
    text = document.read_bytes()
    nf.update(plate, c.move_position("A/1/0", "B/3/4"))
    assert (plate / "B/3/4/labels" / document.name).read_bytes() == text


# --- names


@pytest.mark.parametrize("name", [" ", "C:", "c:x"])
def test_a_label_is_not_called_what_cannot_be_read_again(name: str) -> None:
    with pytest.raises(nf.InvalidValueError, match="name: "):
        nf.add_label(small_image(), name, CELLS)


LABEL: Any = nf.node_at(ADD(small_image()), "labels/cells")
BY_HAND: dict[str, tuple[nf.Label, ...]] = {
    "an empty path": (nf.Label(path="", image=LABEL),),
    "a path that climbs": (nf.Label(path="../../cells", image=LABEL),),
    "an absolute path": (nf.Label(path="/cells", image=LABEL),),
    "a reserved name": (nf.Label(path="__cells", image=LABEL),),
    "the name of a document": (nf.Label(path="zarr.json", image=LABEL),),
    "a path that no file can have": (nf.Label(path="\0", image=LABEL),),
    "twice the same": (nf.Label(path="cells", image=LABEL), nf.Label(path="cells", image=LABEL)),
    "labels of labels": (nf.Label(path="cells", image=ADD(LABEL)),),
    "a number for a path": (nf.Label(path=5, image=LABEL),),  # type: ignore[arg-type]
    "no image": (nf.Label(path="cells", image=None),),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("start", [(), (ADD,)], ids=["no labels", "labels"])
def test_labels_made_by_hand_are_refused_where_they_could_not_be_read_again(
    store: Path, name: str, start: tuple[Edit, ...]
) -> None:
    if start:
        nf.update(store, *start)
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = evolve(base.root, labels=evolve(base.root.labels or nf.Labels(), images=BY_HAND[name]))
    with pytest.raises(nf.InvalidValueError, match="labels"):
        nf.diff(base, wanted)


def test_labels_made_by_hand_are_refused_in_a_new_store_as_well(quick_path: Path) -> None:
    image = evolve(small_image(), labels=nf.Labels(images=BY_HAND["a path that climbs"]))
    with pytest.raises(nf.InvalidValueError, match="climbs"):
        nf.create(quick_path / "new.zarr", image, version="0.5")
    assert not (quick_path / "new.zarr").exists()


# --- questions


def test_a_level_of_a_label_is_asked_about_with_the_axes_of_the_label() -> None:
    image = nf.pipe(small_image(), c.set_multiscale_scale(y=2.0), c.set_multiscale_translation(x=5.0), ADD)
    assert nf.sizes(image, "labels/cells/1") == {"y": 4, "x": 4}
    assert nf.effective_scale(image, "labels/cells/1") == nf.effective_scale(image, 1)[1:]
    assert nf.effective_translation(image, "labels/cells/1") == nf.effective_translation(image, 1)[1:]
    assert nf.to_physical(image, "labels/cells/1", (1, 2)) == nf.to_physical(image, 1, (0, 1, 2))[1:]
    place = nf.to_physical(image, "labels/cells/0", {"y": 3, "x": 1})
    assert nf.to_index(image, "labels/cells/0", place) == (3.0, 1.0)


# --- levels and arrays where labels are


def moved_level(store: Path, path: str, version: Version) -> None:
    """The second level at another path, as another program may have put it."""
    (store / path).parent.mkdir(exist_ok=True)
    (store / "1").rename(store / path)
    key = store / (".zattrs" if version == "0.4" else "zarr.json")
    key.write_bytes(key.read_bytes().replace(b'"path": "1"', f'"path": "{path}"'.encode()))
    assert f'"path": "{path}"' in key.read_text()


def test_a_level_below_the_name_of_labels_is_found_by_its_path(store: Path, version: Version) -> None:
    moved_level(store, "labels/1", version)
    image: Any = nf.open_ome_zarr(store).root
    assert nf.level_at(image, "labels/1") is image.levels[1]
    assert nf.sizes(image, "labels/1") == {"c": 2, "y": 4, "x": 4}
    assert nf.evaluate(image, "labels/1").shape == (2, 4, 4)


@pytest.mark.parametrize("is_level", [False, True])
def test_an_array_where_labels_would_be_is_no_group_of_labels(store: Path, version: Version, *, is_level: bool) -> None:
    moved_level(store, "labels", version)
    if not is_level:
        nf.update(store, lambda image: evolve(image, levels=image.levels[:1], method=None, metadata=None))
        nf.create(store / "labels.zarr", nf.image_from(DATA, axes="cyx"), version=version)
        (store / "labels.zarr" / "0").rename(store / "labels")
    assert nf.open_ome_zarr(store).root.labels is None
    before = files_below(store)
    with pytest.raises(nf.StoreExistsError, match="labels: something is there"):
        nf.update(store, ADD, timeout=0)
    assert files_below(store) == before


def test_what_lies_beside_a_nested_label_is_not_lost_where_its_image_is_made_anew(
    plate: Path, version: Version
) -> None:
    nf.update(plate, at("A/1/0", ADD))
    labels = plate / "A/1/0/labels"
    (labels / "by_hand").mkdir()
    (labels / "cells").rename(labels / "by_hand" / "cells")
    said = {"labels": ["by_hand/cells"]}
    put(plate, "A/1/0/labels", said if version == "0.4" else {"ome": {"version": "0.5", **said}}, version)
    put(plate, "A/1/0/labels/by_hand/note", {"note": 1}, version)
    before = files_below(plate)
    with pytest.raises(nf.UnsupportedError, match="nested"):
        nf.update(plate, c.move_position("A/1/0", "B/3/4"))
    assert files_below(plate) == before
    nf.update(plate, c.rename_well("A/1", "C/1"))
    assert (plate / "C/1/0/labels/by_hand/note").is_dir()
