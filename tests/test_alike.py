"""Documents that are like one before them are read in part: what comes of it is what reading them as a whole gives."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn.codecs.alike import image_alike, remember, value_alike, written_alike
from ngff_fn.codecs.decoding import read_group
from ngff_fn.codecs.encoding import encode_group
from ngff_fn.errors import InvalidValueError, Problem
from ngff_fn.frozen_json import same
from ngff_fn.json_splice import Frame, parse, parse_bare
from ngff_fn.records.channels import Channel
from ngff_fn.records.examples import CELLS
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.damage import damaged
from tests.documents import documents_of
from tests.test_codecs_short_cut import changed_documents

NAME: Mapping[Version, str] = {"0.4": ".zattrs", "0.5": "zarr.json"}

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "é", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
INDENTS = st.sampled_from([None, 2, "\t"])


def text_of(image: Image, version: Version) -> bytes:
    """The document of a group."""
    return documents_of(image, version)[NAME[version]]


def known(image: Image, version: Version) -> bytes:
    """A document that is remembered from here on."""
    text = text_of(image, version)
    documents = documents_of(image, version)
    remember(text, version, parse(text), read_group(documents, version, []))
    return text


def thoroughly(text: bytes, version: Version) -> tuple[Image, list[Problem]]:
    """What a document is read as, and what is noted."""
    problems: list[Problem] = []
    documents = {".zgroup": b'{"zarr_format": 2}', NAME[version]: text} if version == "0.4" else {"zarr.json": text}
    return read_group(documents, version, problems), problems


# --- texts


@given(beside=st.tuples(VALUES, VALUES, VALUES), first=st.tuples(VALUES, VALUES), other=st.tuples(VALUES, VALUES),
       indent=INDENTS)  # fmt: skip
def test_texts_with_one_frame_differ_in_these_values_only(
    beside: tuple[Any, ...], first: tuple[Any, ...], other: tuple[Any, ...], indent: Any
) -> None:
    def text(values: tuple[Any, ...]) -> str:
        whole = {"k": beside[0], "one": values[0], "l": [beside[1], {"two": values[1]}], "m": beside[2]}
        return json.dumps(whole, indent=indent, ensure_ascii=False)

    frame = Frame(text(first), ["one", "two"])
    found = frame.values(text(other))
    if "\\" in text(first):
        assert found is None
    elif found is not None:  # it may be none, where what is in a value looks like what is behind it
        assert same([parse_bare(value) for value in found], list(other))
    assert "\\" in text(first) or frame.values(text(first)) is not None


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_whatever_has_the_frame_and_values_that_are_json_is_json_and_means_that(seed: int) -> None:
    chance = random.Random(seed)
    text = '{"a": 1, "b": [2, {"c": "x"}], "d": {"e": 3.5}, "f": ":"}'
    frame = Frame(text, ["b", "d"])
    pieces = list(text)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(pieces))
        pieces[at : at + chance.randint(0, 2)] = chance.choice(['"', ",", "[", "]", "{}", "1", " ", '"b": ', "\\", ""])
    other = "".join(pieces)
    found = frame.values(other)
    if found is None:
        return
    try:
        values = {key: parse_bare(value) for key, value in zip(frame.keys, found, strict=True)}
    except ValueError:
        return
    assert same(parse(other.encode()), {**parse(text.encode()), **values})


@pytest.mark.parametrize(
    ("text", "keys"), [('{"a": "b"}', ["b"]), ('{"a": 1, "c": "\\n"}', ["a"]), ('{"c": 1}', ["a"])]
)
def test_without_a_key_that_can_be_told_there_is_no_frame(text: str, keys: list[str]) -> None:
    assert Frame(text, keys).values(text) is None


def test_a_key_that_stands_in_several_places_has_a_value_in_each() -> None:
    frame = Frame('{"a": 1, "b": [{"a": [2]}, "a"]}', ["a"])
    assert frame.values('{"a": {}, "b": [{"a": 0}, "a"]}') == ("{}", "0")


def test_a_key_inside_of_the_value_of_another_belongs_to_it() -> None:
    frame = Frame('{"a": {"b": 1}, "c": 2}', ["b", "a"])
    assert frame.values('{"a": {"x": []}, "c": 2}') == ('{"x": []}',)
    assert frame.keys == ("a",)


# --- images


@pytest.mark.parametrize("version", VERSIONS)
def test_another_scale_or_channel_is_read_in_part(version: Version) -> None:
    known(CELLS, version)
    first, *others = CELLS.levels
    scaled = evolve(CELLS, levels=(evolve(first, scale=(1.0, 7.5, 2.0, 2.0)), *others))
    named = evolve(CELLS, channels=(Channel(label="new", color="00FF00", window=CELLS.channels[0].window),))  # type: ignore[index] # it has some
    for image in (scaled, named):
        text = text_of(image, version)
        found = image_alike(text, version)
        assert found is not None
        assert (repr(found.image(found.levels)), []) == (
            repr(thoroughly(text, version)[0]),
            thoroughly(text, version)[1],
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_read_in_part_is_what_the_thorough_reader_reads(version: Version) -> None:
    sound = known(CELLS, version)
    found = [_read_in_part(json.dumps(changed, indent=2).encode(), version) for changed in changed_documents(sound)]
    compact = json.dumps(json.loads(sound)).encode()
    remember(compact, version, parse(compact), thoroughly(compact, version)[0])
    found += [_read_in_part(json.dumps(changed).encode(), version) for changed in changed_documents(sound)]
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_damage_is_never_read_over(version: Version) -> None:
    sound = known(CELLS, version)
    texts = (damaged({NAME[version]: sound}, seed).get(NAME[version], b"") for seed in range(1500))
    found = [_read_in_part(text, version) for text in texts]
    assert 0 < sum(found) < len(found)


def _read_in_part(text: bytes, version: Version) -> bool:
    """Whether it is, in which case it must be right."""
    found = image_alike(text, version)
    if found is None:
        return False
    image = found.image(found.levels)
    whole, problems = thoroughly(text, version)
    assert repr(image) == repr(whole)  # which tells 1 from 1.0
    assert problems == []
    assert same(value_alike(text, ("datasets", "omero")), parse(text))
    return True


LABELS = ("x", "\x7f", "é", "", " ", "DAPI", "]}, {", "a, b", "{}", "label", "\u2028", "x" * 300)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("label", [*LABELS, '"', "\\", "\n", '", "label": "y'])
def test_other_labels_of_channels_are_read_as_by_the_thorough_reader(version: Version, label: str) -> None:
    known(CELLS, version)
    first, second = CELLS.channels or ()
    for channels in ((evolve(first, label=label), second), (first, evolve(second, label=label))):
        text = text_of(evolve(CELLS, channels=channels), version)
        assert _read_in_part(text, version) == (channels[0].label != channels[1].label)


def omero_with(*labels: Any, beside: Any = None, inside: Any = None) -> dict[str, Any]:
    window = {"start": 0, "end": 1, "min": 0, "max": 1, **({} if inside is None else {"label": inside})}
    channels = [{"color": "00FF00", "window": window, "label": label} for label in labels]
    return {"channels": channels, **({} if beside is None else {"label": beside})}


@pytest.mark.parametrize(
    "omero",
    [
        omero_with("a", "a"),
        omero_with("a"),
        omero_with("a", 1),
        omero_with("a", None),
        omero_with("a", ["b"]),
        omero_with("a", "b", beside="c"),
        omero_with("a", "b", inside="c"),
        {"channels": [{"color": "00FF00", "window": {"start": 0, "end": 1, "min": 0, "max": 1, "label": "c"}}] * 2},
    ],
    ids=repr,
)
def test_a_label_is_that_of_a_channel_or_not_told_in_part(omero: dict[str, Any]) -> None:
    sound = json.loads(text_of(CELLS, "0.5"))
    sound["attributes"]["ome"]["omero"] = omero_with("a", "b")
    other = json.loads(json.dumps(sound))
    other["attributes"]["ome"]["omero"] = omero
    for first, then in ((sound, other), (other, sound)):
        for document in (first, then, first):
            text = json.dumps(document).encode()
            whole, problems = thoroughly(text, "0.5")
            if not problems:
                remember(text, "0.5", document, whole)
            _read_in_part(text, "0.5")


def test_an_image_of_one_version_is_not_like_one_of_another() -> None:
    text = known(CELLS, "0.5")
    assert image_alike(text, "0.5") is not None
    assert image_alike(text, "0.4") is None


# --- written in part


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_and_names_are_written_as_without_what_is_known(version: Version) -> None:
    levels = tuple(evolve(level, translation=(0.0, 0.5, 0.25, 0.25)) for level in CELLS.levels)
    image = evolve(CELLS, levels=levels, channels=tuple(evolve(each, coefficient=0.5) for each in CELLS.channels or ()))
    text = known(image, version)
    assert image_alike(text, version) is not None  # so that its levels are known as well
    onto = {name: text for name, text in documents_of(image, version).items() if "/" not in name}
    before = thoroughly(text, version)[0]
    first, *others = before.levels
    channels = before.channels or ()
    wanted = [
        *(
            evolve(before, levels=(evolve(first, scale=(1.0, size, 2.0, 2.0)), *others))
            for size in (3, 3.0, 7e-9, 2**70)
        ),
        *(evolve(before, levels=(evolve(first, translation=(0.0, 1, 1.0, x)), *others)) for x in (-0.0, 0.0, 0, 5)),
        *(evolve(before, channels=(evolve(channels[0], label=name), *channels[1:])) for name in ("x", "é", '"', "\\")),
        *(evolve(before, channels=(evolve(channels[0], coefficient=size), *channels[1:])) for size in (1, 1.0, 2)),
    ]
    for image in (*wanted, *reversed(wanted)):
        assert encode_group(image, version, onto, before) == encode_group(image, version, onto)
    assert sum(written_alike(onto[NAME[version]], before, image) is not None for image in wanted) >= 14


@pytest.mark.parametrize("label", LABELS)
def test_a_channel_is_renamed_as_without_what_is_known(label: str) -> None:
    text = known(CELLS, "0.5")
    assert image_alike(text, "0.5") is not None
    before = thoroughly(text, "0.5")[0]
    first, second = before.channels or ()
    for channels in (
        (evolve(first, label=label), second),
        (first, evolve(second, label=label)),
        (evolve(first, label=label), evolve(second, label="other")),
        (evolve(first, label=second.label), evolve(second, label=first.label)),
        (evolve(second, label=label), first),
        (evolve(first, label=label, color="123456"), second),
    ):
        wanted = evolve(before, channels=channels)
        onto = {"zarr.json": text}
        assert encode_group(wanted, "0.5", onto, before) == encode_group(wanted, "0.5", onto)


@pytest.mark.parametrize(
    ("number", "message"),
    [(float("nan"), "nan is not JSON"), (10**5000, "an integer of too many digits")],
    ids=["nan", "huge"],
)
def test_numbers_that_json_cannot_say_are_refused_as_ever(number: float, message: str) -> None:
    text = known(CELLS, "0.5")
    assert image_alike(text, "0.5") is not None
    onto = {"zarr.json": text}
    before = thoroughly(text, "0.5")[0]
    (first, *others), channels = before.levels, before.channels or ()
    for wanted in (
        evolve(before, levels=(evolve(first, scale=(0.0, number, 2.0, 2.0)), *others)),
        evolve(before, channels=(evolve(channels[0], coefficient=number), *channels[1:])),
    ):
        with pytest.raises(InvalidValueError, match=message):
            encode_group(wanted, "0.5", onto, before)
