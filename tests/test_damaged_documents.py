"""Whatever is in the documents: a value with problems, or a refusal that says where; never anything else."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.errors import DocumentError, NgffError, UnsupportedError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import dump
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.examples import CELLS
from ngff_fn.records.image import Image, Level
from ngff_fn.records.snapshot import VERSIONS, Documents, Version
from ngff_fn.rules import record_problems, validate
from tests.damage import KEYS, damaged
from tests.documents import HERE, decoded, documents_of, unplaced

BATCHES, BATCH = 24, 50


def _rich(version: Version) -> Image:
    """An image that uses most of what its version has."""
    array = evolve(CELLS.levels[0].array, fill_value=7, filters=(FrozenMap({"name": "numcodecs.delta"}),))
    if version == "0.5":
        array = evolve(array, chunks=(1, 2, 32, 32), shards=(1, 4, 64, 64))
    extra = FrozenMap({"attributes": FrozenMap({"note": (1, FrozenMap({"a": None}))}), "dataset": FrozenMap({"id": 1})})
    first = evolve(CELLS.levels[0], array=array, extra=extra)
    metadata = FrozenMap({"method": "mean"})
    return evolve(CELLS, levels=(first, CELLS.levels[1]), scale=(1.0, 2.0, 2.0, 2.0), metadata=metadata)


EMPTY_IMAGE = evolve(CELLS, levels=())
ORIGINALS = [
    documents_of(image, version) for version in VERSIONS for image in (_rich(version), _rich(version), EMPTY_IMAGE)
]


def _refusal(question: Callable[[], object]) -> NgffError | None:
    """What a question is refused with, if it is; any other exception fails."""
    try:
        question()
    except NgffError as refusal:
        return refusal
    return None


def _is_located(refusal: NgffError | None) -> bool:
    return refusal is None or all(problem.location and problem.message for problem in refusal.problems)


def _check(documents: Mapping[str, bytes]) -> bool:
    """Whether documents are read: all that may be asked of them is asked, and told as it should be."""
    for question in (codecs.version_of, codecs.layout_of, codecs.level_paths):
        assert _is_located(_refusal(partial(question, documents)))
    refusal = _refusal(partial(codecs.decode, documents, HERE))
    if refusal is not None:
        assert isinstance(refusal, DocumentError | UnsupportedError)
        assert refusal.problems
        assert _is_located(refusal)
        return False
    read = codecs.decode(documents, HERE)
    assert all(problem.location and problem.kind != "error" for problem in read.problems)
    assert documents_of(read.root, read.version, documents).items() <= documents.items()
    assert not [problem for problem in record_problems(read.root) if problem.kind == "error"]
    refusal = _refusal(partial(codecs.snapshot_from, documents))  # which may be of a plate: damage adds keys
    assert _is_located(refusal)
    if refusal is None:
        assert all(problem.location for problem in validate(codecs.snapshot_from(documents)))
    assert isinstance(hash(read.root), int)
    for version in VERSIONS:
        assert _is_located(_refusal(partial(documents_of, read.root, version)))
    return True


@pytest.mark.parametrize("batch", range(BATCHES))
def test_damaged_documents_are_read_with_problems_or_refused_with_their_place(batch: int) -> None:
    seeds = range(batch * BATCH, (batch + 1) * BATCH)
    outcomes = {_check(damaged(ORIGINALS[seed % len(ORIGINALS)], seed)) for seed in seeds}
    assert outcomes == {True, False}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["multiscales", "omero", "ngff_fn", "ome", "note"]), JSON, max_size=4))
def test_any_attributes_at_all_are_read_or_refused(attributes: dict[str, object]) -> None:
    _check({".zgroup": b'{"zarr_format": 2}', ".zattrs": dump(attributes)})
    _check({"zarr.json": dump({"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}})})


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_or_refused(data: bytes) -> None:
    _check({".zgroup": data, ".zattrs": data})
    _check({"zarr.json": data})
    _check({**ORIGINALS[0], "0/.zarray": data})
    _check({**ORIGINALS[-2], "1/zarr.json": data})


# -- what is sloppy can be edited ------------------------------------------------------------------------------------


def _edited(image: Image, chance: random.Random) -> Image:
    """The image with something changed, moved, added or taken away."""
    count = len(image.axes)
    channels = image.channels or ()
    changes: list[dict[str, object]] = [
        {"name": chance.choice([None, "new"]), "method": "mean"},
        {"scale": (2.0,) * count, "translation": chance.choice([None, (1.0,) * count])},
        {"scale": None, "translation": None, "metadata": None},
        {"axes": tuple(evolve(axis, unit=chance.choice([axis.unit, "meter", None])) for axis in image.axes)},
        {"channels": chance.choice([None, (Channel(label="only"),), channels[:-1]])},
        {"channels": tuple(chance.sample(channels, len(channels)))},
        {"channels": tuple(evolve(each, window=Window(start=1, end=2, min=0, max=3)) for each in channels)},
        {"levels": tuple(chance.sample(image.levels, len(image.levels)))},
        {"levels": tuple(_edited_level(level, chance) for level in image.levels)},
    ]
    return unplaced(evolve(image, **chance.choice(changes)))  # type: ignore[arg-type]


def _edited_level(level: Level, chance: random.Random) -> Level:
    array = evolve(level.array, compressors=(), separator=chance.choice(["/", "."]))
    scale = tuple(chance.choice([size, 3.5]) for size in level.scale)
    translation = chance.choice([level.translation, None, (1.5,) * len(scale)])
    return evolve(level, scale=scale, translation=translation, array=chance.choice([level.array, array]))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_an_edit_of_what_was_read_leniently_is_read_again_as_it_was_meant(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        documents = Documents(damaged(ORIGINALS[seed % len(ORIGINALS)], seed))
        if _refusal(partial(codecs.decode, documents, HERE)) is not None:
            continue
        chance = random.Random(seed)
        wanted = _edited(_edited(decoded(documents), chance), chance)
        version = codecs.version_of(documents)
        assert decoded({**documents, **documents_of(wanted, version, documents)}) == wanted
