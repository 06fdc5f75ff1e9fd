"""The short cut for edits of scalars comes to the same bytes as writing both images, wherever it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.codecs.scalar_edits import scalar_edits
from ngff_fn.errors import NgffError
from ngff_fn.json_splice import Put, spliced
from ngff_fn.json_splice.scalars import number_places, scalar_places, text_places
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.conftest import REPOSITORY
from tests.documents import as_texts, decoded, documents_of, stored_documents
from tests.strategies import NUMBERS, TEXTS, images
from tests.test_codecs_laws import edits
from tests.test_codecs_short_cut import SOUND, changed_documents

STORES = REPOSITORY.parent / "shared" / "conformance" / "stores"


def _ome(documents: Mapping[str, bytes]) -> object:
    if "zarr.json" not in documents:
        return json.loads(documents[".zattrs"])
    return json.loads(documents["zarr.json"])["attributes"].get("ome")


def _is_as_ever(documents: Mapping[str, bytes], before: Image, wanted: Image, version: Version) -> bool:
    """Whether the short cut answers; what it answers is what is made without it."""
    names = {key: text for key, text in documents.items() if "/" not in key}
    thorough = codecs.encode_group(wanted, version, names)
    assert codecs.encode_group(wanted, version, names, before) == thorough
    return scalar_edits(before, wanted, _ome(documents)) is not None


@st.composite
def _scalars_changed(draw: st.DrawFn, image: Image) -> Image:
    """The image with some texts, numbers and truths of its channels and levels changed."""
    channels = list(image.channels or ())
    for index in draw(st.sets(st.sampled_from(range(len(channels))))) if channels else ():
        channel = channels[index]
        changes: dict[str, Any] = {"label": draw(TEXTS), "coefficient": draw(NUMBERS), "active": draw(st.booleans())}
        if channel.window is not None:
            changes["window"] = evolve(channel.window, start=draw(NUMBERS), max=draw(NUMBERS))
        some = draw(st.sets(st.sampled_from(sorted(changes))))
        channels[index] = evolve(channel, **{name: changes[name] for name in some})
    levels = list(image.levels)
    for index in draw(st.sets(st.sampled_from(range(len(levels))))) if levels else ():
        scale = tuple(draw(st.one_of(st.just(number), NUMBERS)) for number in levels[index].scale)
        levels[index] = evolve(levels[index], scale=scale)
        if levels[index].translation is not None and draw(st.booleans()):
            levels[index] = evolve(levels[index], translation=scale[::-1])
    return evolve(image, levels=tuple(levels), channels=tuple(channels) if image.channels is not None else None)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=200)
@given(data=st.data())
def test_other_scalars_are_written_as_without_the_short_cut(version: Version, data: st.DataObject) -> None:
    documents = documents_of(data.draw(images(version)), version)
    before = decoded(documents)
    _is_as_ever(documents, before, data.draw(_scalars_changed(before)), version)


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_any_other_edit_is_written_as_without_the_short_cut(version: Version, data: st.DataObject) -> None:
    documents = documents_of(data.draw(images(version)), version)
    before = decoded(documents)
    _is_as_ever(documents, before, data.draw(edits(before)), version)


def _usual(image: Image) -> Iterator[Image]:
    """An image after edits that change scalars alone."""
    channels = image.channels or ()
    for index, channel in enumerate(channels):
        others: tuple[dict[str, Any], ...] = ({"label": "another"}, {"color": "123456"}, {"active": not channel.active})
        for changes in others:
            yield evolve(image, channels=(*channels[:index], evolve(channel, **changes), *channels[index + 1 :]))
    if len(channels) > 1:
        swapped = evolve(channels[0], label=channels[1].label), evolve(channels[1], label=channels[0].label)
        yield evolve(image, channels=(*swapped, *channels[2:]))
    twice = [evolve(level, scale=tuple(2.5 * number for number in level.scale)) for level in image.levels]
    yield evolve(image, levels=tuple(twice))
    yield evolve(image, levels=(*image.levels[:-1], *twice[-1:]))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_usual_edits_of_sound_documents_take_the_short_cut(version: Version) -> None:
    before = decoded(SOUND[version])
    answers = [_is_as_ever(SOUND[version], before, wanted, version) for wanted in _usual(before)]
    assert answers.count(False) == 1  # where two channels have each other's names they may have changed places


@pytest.mark.parametrize("version", VERSIONS)
def test_odd_documents_are_written_onto_as_without_the_short_cut(version: Version) -> None:
    sound, answers = SOUND[version], set()
    key = ".zattrs" if version == "0.4" else "zarr.json"
    for document in changed_documents(sound[key]):
        documents = {**sound, **as_texts({key: document})}
        try:
            before = decoded(documents)
        except NgffError:
            continue
        answers |= {_is_as_ever(documents, before, wanted, version) for wanted in list(_usual(before))[::3]}
    assert answers == {True, False}


@pytest.mark.usefixtures("conformance")
def test_what_other_programs_wrote_is_written_onto_as_without_the_short_cut() -> None:
    answers = []
    for file in (file for name in (".zattrs", "zarr.json") for file in sorted(STORES.rglob(name))):
        if b'"multiscales"' in file.read_bytes():
            try:
                documents = stored_documents(file.parent)
                before = decoded(documents)
            except NgffError:
                continue
            version: Version = "0.5" if "zarr.json" in documents else "0.4"
            answers += [_is_as_ever(documents, before, wanted, version) for wanted in _usual(before)]
    assert answers.count(True) > 10


SAID = st.recursive(
    st.one_of(st.sampled_from(["", "a", "b", ",", "a b", "é", '"', "\\", ":"]), st.integers(0, 3)),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(st.sampled_from("abc"), inside)),
    max_leaves=8,
)


@settings(max_examples=300)
@given(SAID, st.booleans(), st.data())
def test_a_text_that_stands_once_is_where_a_search_finds_it(value: object, spaced: bool, data: st.DataObject) -> None:
    text = json.dumps(value, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=False)
    steps = st.one_of(st.integers(-1, 3), st.sampled_from("abc"))
    pointers = data.draw(st.lists(st.lists(steps, max_size=3).map(tuple), max_size=2, unique=True))
    found = text_places(text, pointers, value)
    if found is not None and all(pointers):
        assert found == scalar_places(text, pointers)


LISTS = st.lists(st.one_of(st.integers(-3, 30), st.sampled_from([0.5, 1e5, -2.25])), max_size=4)


@settings(max_examples=300)
@given(
    st.recursive(
        st.one_of(LISTS, st.sampled_from(["a", "b", "é", '"', '"a": [1', "]"])),
        lambda inside: st.dictionaries(st.sampled_from("abc"), inside, max_size=3),
        max_leaves=6,
    ),
    st.booleans(),
    st.data(),
)
def test_a_number_in_a_list_of_its_own_name_is_where_a_search_finds_it(
    value: object, spaced: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, separators=(" , ", " : ") if spaced else (",", ":"), ensure_ascii=False)
    steps = st.one_of(st.sampled_from("abc"), st.integers(-1, 3))
    pointers = data.draw(st.lists(st.lists(steps, min_size=1, max_size=4).map(tuple), max_size=2, unique=True))
    found = number_places(text, pointers, value)
    if found:
        assert found == scalar_places(text, pointers)


def test_numbers_of_lists_of_one_name_are_left_to_a_search() -> None:
    value = {"a": {"scale": [1, 2]}, "b": {"scale": [1, 2]}}
    assert number_places(json.dumps(value), [("a", "scale", 1)], value) is None
    assert number_places(json.dumps(value["a"]), [("scale", 1)], value["a"]) is not None


@pytest.mark.parametrize("label", [": ", ":", " : ", ", "])
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":"), (", ", " : ")])
def test_a_text_that_is_what_stands_between_two_others_is_found(label: str, separators: tuple[str, str]) -> None:
    def document(label: str) -> bytes:
        return json.dumps({"omero": {"channels": [{"label": label}]}, "b": {"c": "d"}}, separators=separators).encode()

    edit, text = Put(("omero", "channels", 0, "label"), "NEW"), document(label)
    assert spliced(text, (edit,), json.loads(text)) == document("NEW")
