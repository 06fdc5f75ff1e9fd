"""Whatever is in the documents: a value with problems, or a refusal that says where; never anything else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.errors import DocumentError, NgffError, UnsupportedError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import dump
from ngff_fn.records.examples import CELLS
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import VERSIONS, Documents, Version
from ngff_fn.rules import record_problems, validate
from tests.damage import KEYS, damaged
from tests.documents import HERE, documents_of

BATCH = 50


def _rich(version: Version) -> Image:
    """An image that uses most of what its version has."""
    array = evolve(CELLS.levels[0].array, fill_value=7, filters=(FrozenMap({"name": "numcodecs.delta"}),))
    if version == "0.5":
        array = evolve(array, chunks=(1, 2, 32, 32), shards=(1, 4, 64, 64))
    extra = FrozenMap({"attributes": FrozenMap({"note": (1, FrozenMap({"a": None}))}), "dataset": FrozenMap({"id": 1})})
    first = evolve(CELLS.levels[0], array=array, extra=extra)
    return evolve(
        CELLS, levels=(first, CELLS.levels[1]), scale=(1.0, 2.0, 2.0, 2.0), metadata=FrozenMap({"method": "mean"})
    )


WHOLE = {(version, kind): documents_of(image, version) for version in VERSIONS for kind, image in
         (("rich", _rich(version)), ("empty", evolve(CELLS, levels=())))}  # fmt: skip


def check(documents: Mapping[str, bytes]) -> str:
    """What became of documents: "read" or "refused"; anything else fails."""
    for question in (codecs.version_of, codecs.layout_of, codecs.level_paths):
        try:
            question(documents)
        except NgffError as refusal:
            assert all(problem.location for problem in refusal.problems), refusal
    try:
        decoded = codecs.decode(documents, HERE)
    except (DocumentError, UnsupportedError) as refusal:
        assert refusal.problems
        assert all(problem.location and problem.message for problem in refusal.problems), refusal
        return "refused"
    assert all(problem.location and problem.kind != "error" for problem in decoded.problems), decoded.problems
    there = Documents(documents)
    assert documents_of(decoded.root, decoded.version, there).items() <= there.items()
    hash(decoded.root)
    assert not [problem for problem in record_problems(decoded.root) if problem.kind == "error"]
    validate(codecs.snapshot_from(dict(documents)))
    for version in VERSIONS:
        try:
            documents_of(decoded.root, version)
        except NgffError as refusal:
            assert all(problem.location for problem in refusal.problems), refusal
    return "read"


@pytest.mark.parametrize("batch", range(16))
def test_damaged_documents_are_read_with_problems_or_refused_with_their_place(batch: int) -> None:
    outcomes: list[str] = []
    originals = [WHOLE["0.4", "rich"], WHOLE["0.5", "rich"]] if batch % 4 else list(WHOLE.values())
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        outcomes.append(check(damaged(originals[seed % len(originals)], seed)))
    assert set(outcomes) == {"read", "refused"}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["multiscales", "omero", "ngff_fn", "ome", "note"]), JSON, max_size=4))
def test_any_attributes_at_all_are_read_or_refused(attributes: dict[str, object]) -> None:
    check({".zgroup": b'{"zarr_format": 2}', ".zattrs": dump(attributes)})
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}}
    check({"zarr.json": dump(group)})


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_or_refused(data: bytes) -> None:
    check({".zgroup": data, ".zattrs": data})
    check({"zarr.json": data})
    check({**WHOLE["0.4", "rich"], "0/.zarray": data})
    check({**WHOLE["0.5", "rich"], "1/zarr.json": data})
