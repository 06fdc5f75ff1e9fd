"""Names that differ in case only: two nodes by the specification, one for some file systems; nothing is lost there.

"Node names are case sensitive" (Zarr v3), so no rule is broken; of rows and columns OME-NGFF advises against it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.stores import Address
from ngff_fn.records.paths import hard_to_tell_apart
from tests.crashes import files_below, names_in

LABEL = np.ones((8, 8), "uint16")


class Folding(LocalFiles):
    """A file system that takes A and a for one name."""

    def _full(self, key: str) -> str:
        return super()._full(key.lower())

    def _named(self, key: str) -> str:
        return super()._named(key.lower())


def folding(path: Path) -> Any:
    return Address(files=Folding(str(path)), path="")


def image(value: int = 1) -> nf.Image:
    return nf.image_from(np.full((8, 8), value, "uint8"), axes="yx", chunks=(4, 4))


def plate(*paths: str) -> nf.Plate:
    return nf.plate_from_positions({path: image(number) for number, path in enumerate(paths, 1)})


NEW: dict[str, nf.Image | nf.Plate] = {
    "rows": plate("A/1/0", "a/1/0"),
    "columns": plate("A/x/0", "A/X/0"),
    "fields": plate("A/1/f", "A/1/F"),
    "labels": nf.add_label(nf.add_label(image(), "N", LABEL), "n", LABEL),
}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("root", NEW.values(), ids=NEW)
def test_a_new_store_with_two_names_that_are_one_is_refused_before_either_is_lost(
    root: Any, version: Any, tmp_path: Path
) -> None:
    with pytest.raises(nf.StoreExistsError, match="differ by more than case"):
        nf.create(folding(tmp_path / "store.zarr"), root, version=version)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("root", NEW.values(), ids=NEW)
def test_where_they_are_two_both_are_there(root: Any, tmp_path: Path) -> None:
    nf.create(tmp_path / "store.zarr", root, version="0.5")
    if isinstance(root, nf.Plate):
        paths = [path for path, _ in nf.positions(root)]
        assert {nf.to_numpy(tmp_path / "store.zarr", f"{path}/0").max() for path in paths} == {1, 2}
    else:
        assert set(names_in(tmp_path / "store.zarr/labels")) > {"N", "n"}


EDITS = {
    "a row": (plate("A/1/0"), c.add_position("a/1/0", image(2))),
    "a column": (plate("A/x/0"), c.add_position("A/X/0", image(2))),
    "a field": (plate("A/1/f"), c.add_position("A/1/F", image(2))),
    "a name": (plate("A/x/0"), c.rename_well("A/x", "A/X")),
    "a label": (nf.add_label(image(), "N", LABEL), c.add_label("n", LABEL)),
}


@pytest.mark.parametrize(("start", "edit"), EDITS.values(), ids=EDITS)
def test_a_new_node_is_not_put_where_the_file_system_has_another(start: Any, edit: Any, tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    nf.create(folding(store), start, version="0.5")
    before = files_below(tmp_path)
    with pytest.raises(nf.StoreExistsError, match="something is there"):
        nf.update(folding(store), edit)
    assert files_below(tmp_path) == before


def test_two_new_nodes_are_not_put_into_one(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    nf.create(folding(store), image(), version="0.5")
    before = files_below(tmp_path)
    with pytest.raises(nf.StoreExistsError, match="something is there"):
        nf.update(folding(store), c.add_label("N", LABEL), c.add_label("n", LABEL))
    assert files_below(tmp_path) == before


def test_of_rows_and_columns_validate_warns() -> None:
    lines = evolve(plate("A/x/0", "a/X/0"), name="p", field_count=1)
    rules = {problem.rule for problem in nf.validate(nf.create(MemoryStore(), lines, version="0.5").snapshot)}
    assert {"plate.rows.name.case", "plate.columns.name.case"} <= rules


def test_how_characters_are_composed_is_not_seen_everywhere_either() -> None:
    names = ["caf\u00e9", "cafe\u0301", "cafe"]
    assert hard_to_tell_apart(names) == set(names[:2])
    assert not hard_to_tell_apart(["A/1", "A/2", "B/1"])
