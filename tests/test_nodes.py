from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.codecs.attributes import ome_attributes
from ngff_fn.errors import DocumentError, NotThereError, UnsupportedError
from ngff_fn.frozen_json import EMPTY, FrozenMap
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Place, Unread
from ngff_fn.records.nodes import is_leaf, is_root, listed, natural_order, node_at
from ngff_fn.records.snapshot import Documents, Snapshot, Version

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


def test_a_level_lists_nothing() -> None:
    assert listed(CELLS.levels[0]) == ()


@pytest.mark.parametrize("path", ["", "/"])
def test_the_empty_path_is_the_root(path: str) -> None:
    assert node_at(CELLS, path) is CELLS


def test_a_level_is_found_by_its_path() -> None:
    nested = evolve(CELLS, levels=(evolve(CELLS.levels[0], path="scale0/image"),))
    assert node_at(nested, "scale0/image") is nested.levels[0]


def test_a_path_that_is_not_there_is_refused_with_what_there_is() -> None:
    with pytest.raises(KeyError) as refusal:
        node_at(CELLS, "3")
    assert str(refusal.value) == "'3': there is no such node; listed are: 0, 1."


def test_labels_are_refused_by_name_where_there_are_some() -> None:
    with pytest.raises(UnsupportedError, match="labels are not read yet"):
        node_at(LABELLED, "labels/cells/0")
    with pytest.raises(NotThereError, match="no such node"):
        node_at(CELLS, "labels/cells/0")


def test_the_root_is_what_lies_at_the_outermost_group() -> None:
    assert is_root(snapshot("0.4", {}))
    assert not is_root(snapshot("0.4", {}, path="A/1/0"))


def test_what_lists_no_groups_is_a_leaf() -> None:
    assert is_leaf(SQUARE)
    assert is_leaf(SQUARE.levels[0])
    assert not is_leaf(LABELLED)


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
