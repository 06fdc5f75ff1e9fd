from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.codecs.attributes import ome_attributes
from ngff_fn.errors import DocumentError, NotThereError
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.examples import CELLS, PLATE, SQUARE
from ngff_fn.records.image import Place, Unread
from ngff_fn.records.nodes import Node, is_leaf, is_root, listed, natural_order, node_at
from ngff_fn.records.plate import Collection, Field, Line, Plate, Series, Well
from ngff_fn.records.snapshot import Documents, Snapshot, Version

WELL = Well(path="A/1", fields=tuple(Field(path=path, image=CELLS) for path in "01"))
SERIES = Collection(series=(Series(path="10", image=SQUARE), Series(path="2", image=CELLS)))
LABELLED = evolve(CELLS, labels=Unread(path="labels"))


def snapshot(version: Version, documents: dict[str, bytes], path: str = "") -> Snapshot:
    return Snapshot(origin=Place(home="", path=path), version=version, root=CELLS, documents=Documents(documents))


@given(st.lists(st.integers(min_value=0), unique=True))
def test_names_that_are_numbers_stand_in_the_order_of_the_numbers(numbers: list[int]) -> None:
    assert natural_order(map(str, numbers)) == tuple(map(str, sorted(numbers)))


@given(st.lists(st.text()))
def test_any_names_can_be_ordered_and_none_is_lost(names: list[str]) -> None:
    ordered = natural_order(names)
    assert sorted(ordered) == sorted(names)
    assert natural_order(reversed(ordered)) == ordered


def test_an_image_lists_its_levels_in_natural_order_and_then_its_labels() -> None:
    levels = tuple(evolve(CELLS.levels[0], path=path) for path in ("10", "9", "2"))
    assert listed(evolve(LABELLED, levels=levels)) == ("2", "9", "10", "labels")


def test_a_path_is_ordered_name_by_name() -> None:
    assert natural_order(["B/1", "A-1/1", "A/10", "A/9", "A10/1"]) == ("A/9", "A/10", "A10/1", "A-1/1", "B/1")


def test_what_holds_images_lists_their_paths_in_natural_order_whether_they_were_read_or_not() -> None:
    wells = tuple(Unread(path=path) for path in ("B/1", "A/10", "A/2"))
    assert listed(evolve(PLATE, wells=wells)) == ("A/2", "A/10", "B/1")
    assert listed(WELL) == ("0", "1")
    assert listed(SERIES) == ("2", "10")
    assert listed(Plate()) == ()


def test_a_level_lists_nothing() -> None:
    assert listed(CELLS.levels[0]) == ()


@pytest.mark.parametrize("path", ["", "/"])
def test_the_empty_path_is_the_root(path: str) -> None:
    assert node_at(CELLS, path) is CELLS


def test_a_level_is_found_by_its_path() -> None:
    nested = evolve(CELLS, levels=(evolve(CELLS.levels[0], path="scale0/image"),))
    assert node_at(nested, "scale0/image") is nested.levels[0]


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("A/1", PLATE.wells[0]),
        ("A/1/0", CELLS),
        ("/A/1/0/", CELLS),
        ("A/1/0/1", CELLS.levels[1]),
        ("", PLATE),
    ],
)
def test_a_path_leads_through_a_plate_down_to_a_level(path: str, node: Node) -> None:
    assert node_at(PLATE, path) is node


def test_a_well_and_a_collection_are_roots_like_any_other() -> None:
    assert node_at(WELL, "1/0") is CELLS.levels[0]
    assert node_at(SERIES, "10") is SQUARE
    assert node_at(SERIES, "10/0") is SQUARE.levels[0]


def test_of_two_paths_that_lead_on_the_longer_one_is_taken() -> None:
    nested = evolve(CELLS, levels=(CELLS.levels[0], evolve(CELLS.levels[1], path="0/1")))
    assert node_at(nested, "0/1") is nested.levels[1]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("A/3", "'A/3': there is no such node; listed are: A/1, B/2."),
        ("A/1/7", "'A/1/7': there is no such node; listed below A/1 are: 0, 1."),
        ("A/1/0/7", "'A/1/0/7': there is no such node; listed below A/1/0 are: 0, 1."),
        ("A/1/0/0/c", "'A/1/0/0/c': there is no such node; listed below A/1/0/0 are: none."),
        ("A", "'A': a row is no node of its own; its wells are: A/1."),
        ("C", "'C': a row is no node of its own; its wells are: none."),
        ("D", "'D': there is no such node; listed are: A/1, B/2."),
    ],
)
def test_where_the_way_ends_the_refusal_names_what_is_there(path: str, problem: str) -> None:
    plate = evolve(PLATE, rows=(*PLATE.rows, Line(name="C")))
    with pytest.raises(KeyError) as refusal:
        node_at(plate, path)
    assert str(refusal.value) == problem


def test_of_thousands_of_wells_a_refusal_names_the_first() -> None:
    plate = Plate(wells=tuple(Well(path=f"A/{column}") for column in range(2000)))
    with pytest.raises(NotThereError, match=r"listed are: A/0, A/1, .*, A/11 … 2000 in all\.$"):
        node_at(plate, "B/1")


def test_what_was_not_read_is_refused_with_the_cure() -> None:
    well = evolve(WELL, fields=(Field(path="0", image=Unread(path="0")),))
    plate = evolve(PLATE, wells=(well, Unread(path="B/2")))
    for path, where in (("A/1/0", "A/1/0"), ("A/1/0/0", "A/1/0"), ("B/2", "B/2"), ("B/2/0/0", "B/2")):
        with pytest.raises(NotThereError, match=f"^{where}: it was left out .* Open the store with a select that"):
            node_at(plate, path)
    assert node_at(plate, "A/1") is well


def test_a_path_that_is_not_there_is_refused_with_what_there_is() -> None:
    with pytest.raises(KeyError) as refusal:
        node_at(CELLS, "3")
    assert str(refusal.value) == "'3': there is no such node; listed are: 0, 1."


def test_labels_that_were_not_read_are_refused_by_name() -> None:
    with pytest.raises(NotThereError, match="labels: it was left out when it was read"):
        node_at(LABELLED, "labels/cells/0")
    with pytest.raises(NotThereError, match="no such node"):
        node_at(CELLS, "labels/cells/0")
    with pytest.raises(NotThereError, match=r"^A/1/0/labels: it was left out"):
        node_at(Plate(wells=(Well(path="A/1", fields=(Field(path="0", image=LABELLED),)),)), "A/1/0/labels")


def test_the_root_is_what_lies_at_the_outermost_group() -> None:
    assert is_root(snapshot("0.4", {}))
    assert not is_root(snapshot("0.4", {}, path="A/1/0"))


def test_what_lists_no_groups_is_a_leaf() -> None:
    assert is_leaf(SQUARE)
    assert is_leaf(SQUARE.levels[0])
    assert is_leaf(Plate())
    assert is_leaf(Well(path="A/1"))
    assert is_leaf(Collection())
    for node in (LABELLED, PLATE, WELL, SERIES):
        assert not is_leaf(node)


def test_in_0_4_the_ome_part_is_all_of_the_attributes() -> None:
    documents = {".zgroup": b'{"zarr_format": 2}', ".zattrs": b'{"omero": {}, "mine": [1]}'}
    assert ome_attributes(snapshot("0.4", documents)) == FrozenMap({"omero": EMPTY, "mine": (1,)})


def test_in_0_5_the_ome_part_stands_under_ome() -> None:
    documents = {"zarr.json": b'{"attributes": {"ome": {"version": "0.5"}, "mine": 1}}'}
    assert ome_attributes(snapshot("0.5", documents)) == FrozenMap({"version": "0.5"})


@pytest.mark.parametrize(
    ("version", "documents"),
    [("0.4", {"0/.zarray": b"{}"}), ("0.5", {"0/zarr.json": b"{}"}), ("0.5", {"0/zarr.json": b'{"attributes": 1}'})],
)
def test_a_node_without_attributes_has_an_empty_ome_part(version: Version, documents: dict[str, bytes]) -> None:
    assert ome_attributes(snapshot(version, documents), "0") == EMPTY


def test_a_node_that_the_snapshot_does_not_have_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(KeyError) as refusal:
        ome_attributes(snapshot("0.4", {".zattrs": b"{}", "0/.zarray": b"{}"}), "1")
    assert str(refusal.value) == "'1': the snapshot has no document of such a node; it has those of: '', 0."


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff"])
def test_attributes_that_are_no_json_object_are_refused_with_their_document(text: bytes) -> None:
    with pytest.raises(DocumentError, match=r"^A/1/\.zattrs: "):
        ome_attributes(snapshot("0.4", {"A/1/.zattrs": text}), "A/1")
