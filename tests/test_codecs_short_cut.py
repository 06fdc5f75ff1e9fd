"""Sound documents are read by short cuts: as the thorough readers would, and only where those note nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.codecs.decoding import read_array, read_group, sound_array, sound_group
from ngff_fn.errors import NgffError, Problem
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.examples import CELLS
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.conftest import REPOSITORY
from tests.damage import damaged
from tests.documents import as_texts, documents_of, stored_documents
from tests.strategies import images

STORES = REPOSITORY.parent / "shared" / "conformance" / "stores"


def _short_cuts(documents: Mapping[str, bytes]) -> int:
    """How many short cuts answer: each as the thorough reader does, of which nothing is noted."""
    version: Version = "0.5" if "zarr.json" in documents else "0.4"
    group = sound_group(documents, version)
    problems: list[Problem] = []
    if group is not None:
        assert codecs.version_of(documents) == version
        assert repr(group.image(group.levels)) == repr(
            read_group(documents, version, problems)
        )  # which tells 1 from 1.0
        assert problems == []
    names = ("c", "z", "y", "x") if group is None else tuple(axis.name for axis in group.like.axes)
    arrays = [(path, sound_array(documents, path, version, names)) for path in ("0", "1", "s0", "a/b", "10")]
    for path, array in arrays:
        if array is not None:
            assert repr(array) == repr(read_array(documents, path, version, names, problems, index=0))
            assert problems == []
    return (group is not None) + sum(array is not None for _, array in arrays)


def _cells(version: Version) -> Image:
    first, second = CELLS.levels
    arrays = (evolve(first.array, fill_value=7), evolve(second.array, dtype="float32", fill_value=0.0))
    if version == "0.5":
        arrays = (evolve(arrays[0], chunks=(1, 2, 32, 32), shards=(1, 4, 64, 64)), arrays[1])
    extra = FrozenMap({"attributes": FrozenMap({"note": (1, FrozenMap({"a": True}))}), "dataset": FrozenMap({"id": 1})})
    levels = (evolve(first, array=arrays[0], extra=extra), evolve(second, array=arrays[1]))
    metadata, extra = FrozenMap({"method": "mean"}), FrozenMap({"omero": FrozenMap({"id": 3})})
    return evolve(CELLS, levels=levels, scale=(1.0, 2.0, 2.0, 2.0), metadata=metadata, extra=extra)


SOUND = {version: documents_of(_cells(version), version) for version in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_group_and_each_array_of_a_sound_image_are_read_by_short_cuts(version: Version) -> None:
    assert _short_cuts(SOUND[version]) == 3


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=150)
@given(data=st.data())
def test_short_cuts_answer_as_the_thorough_readers_would(version: Version, data: st.DataObject) -> None:
    _short_cuts(documents_of(data.draw(images(version)), version))


ODD: tuple[Any, ...] = (
    None, True, 0, 1, 3, -1, 2**16, 2**63, 2**1100, 0.0, 1.0, -1.5, "", "0", "NaN", "0.4", "0.5", "c", "../0", "space",
    "#00FF00", "bytes", "blosc", "zlib", "|u1", ">u2", "v2", ".", [], [1], [1, 1, 1, 1], [None], {}, {"name": "bytes"},
    {"id": "zstd"}, {"a": None},
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value inside of a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from _places(member, (*path, key))


def changed_documents(text: bytes) -> Iterator[dict[str, Any]]:
    """A document with one thing changed: each value replaced, left out, twice there, or with another beside it."""
    for *path, key in _places(json.loads(text)):
        for odd in (*ODD, "leave out", "add", "twice"):
            document = holder = json.loads(text)
            for step in path:
                holder = holder[step]
            if odd == "leave out":
                del holder[key]
            elif odd == "add" and isinstance(holder, dict):
                holder["must_understand"] = {"a": [1.0, None]}
            elif odd == "twice" and isinstance(holder, list):
                holder.append(holder[key])
            else:
                holder[key] = odd
            yield document


@pytest.mark.parametrize("version", VERSIONS)
def test_what_thorough_readers_would_note_makes_short_cuts_decline(version: Version) -> None:
    sound = SOUND[version]
    counts = set()
    for key, text in sound.items():
        for document in changed_documents(text):
            counts.add(_short_cuts({**sound, **as_texts({key: document})}))
    assert {2, 3} <= counts


@pytest.mark.parametrize("version", VERSIONS)
def test_damage_to_documents_makes_short_cuts_decline_or_is_read_as_ever(version: Version) -> None:
    counts = [_short_cuts(damaged(SOUND[version], seed)) for seed in range(1000)]
    assert 0 < sum(count == 3 for count in counts) < len(counts)


@pytest.mark.usefixtures("conformance")
def test_short_cuts_read_what_other_programs_wrote_as_the_thorough_readers_would() -> None:
    answered = 0
    for file in (file for name in (".zattrs", "zarr.json") for file in sorted(STORES.rglob(name))):
        if b'"multiscales"' in file.read_bytes():
            try:
                documents = stored_documents(file.parent)
            except NgffError:
                continue
            answered += _short_cuts(documents)
    assert answered > 0
