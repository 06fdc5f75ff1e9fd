from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import parse
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import Version
from tests.documents import as_texts, decoded, documents_of
from tests.strategies import NUMBERS, SIZES, TEXTS, channels, images, unknown

VERSIONS: list[Version] = ["0.4", "0.5"]


@pytest.mark.parametrize("version", VERSIONS)
@given(st.data())
def test_what_is_encoded_decodes_to_the_same_image(version: Version, data: st.DataObject) -> None:
    image = data.draw(images(version))
    assert decoded(documents_of(image, version)) == image


@pytest.mark.parametrize("version", VERSIONS)
@given(st.data())
def test_encoding_onto_its_own_documents_changes_no_byte(version: Version, data: st.DataObject) -> None:
    documents = documents_of(data.draw(images(version)), version)
    compact = as_texts({key: parse(text) for key, text in documents.items()})
    for original in (documents, compact):
        assert documents_of(decoded(original), version, original) == original


@pytest.mark.parametrize("version", VERSIONS)
@given(st.data())
def test_encoding_another_image_onto_documents_decodes_to_that_image(version: Version, data: st.DataObject) -> None:
    before = documents_of(data.draw(images(version)), version)
    wanted = data.draw(images(version))
    assert decoded(documents_of(wanted, version, before)) == wanted


@given(images())
def test_unknown_keys_survive_the_way_to_another_version_and_back(image: Image) -> None:
    there = decoded(documents_of(image, "0.5"))
    back = decoded(documents_of(there, "0.4"))
    assert there == image
    assert back == image
    assert decoded(documents_of(decoded(documents_of(image, "0.4")), "0.5")) == image


@st.composite
def edits(draw: st.DrawFn, image: Image) -> Image:
    """The image with one field changed, or its lists in another order."""
    count = len(image.axes)
    changes: dict[str, st.SearchStrategy[Any]] = {
        "name": st.one_of(st.none(), TEXTS),
        "method": st.sampled_from([None, "mean"]),
        "metadata": st.one_of(st.none(), unknown()),
        "scale": st.tuples(*[SIZES] * count),
        "channels": st.one_of(st.none(), channels()),
    }
    if image.channels:
        changes["channels"] = st.permutations(image.channels).map(tuple)
    if image.levels:
        changes["levels"] = st.permutations(image.levels).map(tuple)
    field = draw(st.sampled_from(sorted(changes)))
    return evolve(image, **{field: draw(changes[field])})


@pytest.mark.parametrize("version", VERSIONS)
@given(st.data())
def test_an_edit_onto_documents_decodes_to_the_edited_image(version: Version, data: st.DataObject) -> None:
    image = data.draw(images(version))
    before = documents_of(image, version)
    wanted = data.draw(edits(image))
    assert decoded(documents_of(wanted, version, before)) == wanted


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=30)
@given(data=st.data(), value=NUMBERS)
def test_an_edit_of_one_number_changes_the_bytes_of_that_number_alone(
    version: Version, data: st.DataObject, value: float
) -> None:
    image = data.draw(images(version, empty=False))
    level = image.levels[0]
    wanted = evolve(image, levels=(evolve(level, scale=(value, *level.scale[1:])), *image.levels[1:]))
    before = codecs.encode_group(image, version)
    key = ".zattrs" if version == "0.4" else "zarr.json"
    old, new = before[key], codecs.encode_group(wanted, version, before)[key]
    if value == level.scale[0]:
        assert new == old
        return
    head, tail = _common(old, new)
    assert old[head : len(old) - tail].strip(b"-+.e0123456789") == b""
    assert new[head : len(new) - tail].strip(b"-+.e0123456789") == b""


def _common(old: bytes, new: bytes) -> tuple[int, int]:
    """How many bytes at the begin and at the end are the same."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    return head, tail


def test_renaming_a_channel_changes_the_bytes_of_its_name_alone() -> None:
    text = b'{"omero":{"version" : "0.4","channels":[ {"label":0,"wavelength_id":7} ],"id":1E2 },\r\n "multiscales":%s}'
    axes = b'[{"type":"space","name":"y"},{"name":"x","type":"space"}]'
    multiscales = b'[{"axes":%s,"datasets":[{"path":0,"coordinateTransformations":[]}]}]' % axes
    array = b'{"zarr_format":2,"shape":[1,1],"chunks":[1,1],"dtype":"|u1","compressor":null,"fill_value":0,"order":"C"}'
    original = {".zgroup": b'{"zarr_format":2}', ".zattrs": text % multiscales, "0/.zarray": array}
    image = decoded(original)
    assert image.channels is not None
    wanted = evolve(image, channels=(evolve(image.channels[0], label="DAPI"),))
    renamed = codecs.encode_group(wanted, "0.4", original)[".zattrs"]
    assert renamed == original[".zattrs"].replace(b'"label":0', b'"label":"DAPI"')


def test_what_was_not_understood_stays_beside_what_changes() -> None:
    channel = {"label": "a", "color": "no color", "window": "wide", "active": None, "coefficient": "much"}
    original = as_texts({**_square(), ".zattrs": {**_square()[".zattrs"], "omero": {"channels": [channel]}}})
    image = decoded(original)
    assert image.channels == (Channel(label="a"),)
    wanted = evolve(image, channels=(Channel(label="b"),))
    changed = codecs.encode_group(wanted, "0.4", original)
    assert changed[".zattrs"] == original[".zattrs"].replace(b'"label": "a"', b'"label": "b"')


def test_a_channel_without_label_gets_the_one_that_its_place_said_when_it_moves() -> None:
    omero = {"channels": [{"color": "FF0000"}, {"color": "00FF00"}]}
    original = as_texts({**_square(), ".zattrs": {**_square()[".zattrs"], "omero": omero}})
    image = decoded(original)
    assert image.channels is not None
    assert [channel.label for channel in image.channels] == ["0", "1"]
    wanted = evolve(image, channels=image.channels[::-1])
    assert decoded(documents_of(wanted, "0.4", original)) == wanted


def test_a_translation_before_a_scale_is_not_taken_for_a_scale_when_it_is_written_onto() -> None:
    steps = [{"type": "translation", "translation": [10, 10]}, {"type": "scale", "scale": [2, 2]}]
    attributes = _square()[".zattrs"]
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = steps
    original = as_texts({**_square(), ".zattrs": attributes})
    image = decoded(original)
    assert (image.levels[0].scale, image.levels[0].translation) == ((2, 2), (20, 20))
    wanted = evolve(image, levels=(evolve(image.levels[0], translation=(20, 30)),))
    assert decoded(documents_of(wanted, "0.4", original)) == wanted


def test_unknown_keys_of_transformations_survive_a_change_of_their_numbers() -> None:
    steps = [{"type": "identity", "output": {"name": "global"}}]
    attributes = _square()[".zattrs"]
    attributes["multiscales"][0]["coordinateTransformations"] = steps
    original = as_texts({**_square(), ".zattrs": attributes})
    image = decoded(original)
    assert image.scale is None
    wanted = evolve(image, scale=(2.0, 3.0))
    changed = documents_of(wanted, "0.4", original)
    assert decoded(changed) == wanted
    assert parse(changed[".zattrs"])["multiscales"][0]["coordinateTransformations"] == [
        {"type": "scale", "output": {"name": "global"}, "scale": [2.0, 3.0]}
    ]


def test_what_another_version_has_no_place_for_is_kept_apart() -> None:
    image = evolve(decoded(as_texts(_square())), extra=FrozenMap({"attributes": FrozenMap({"ome": 1, "note": 2})}))
    attributes = parse(codecs.encode_group(image, "0.5")["zarr.json"])["attributes"]
    assert attributes["ngff_fn"] == {"attributes": {"ome": 1}}
    assert attributes["note"] == 2
    assert decoded(documents_of(image, "0.5")).extra == image.extra


def _square() -> dict[str, Any]:
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}]}
    array = {
        "zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "dtype": "<u2", "compressor": None, "fill_value": 0,
        "order": "C", "filters": None, "dimension_separator": "/",
    }  # fmt: skip
    return {
        ".zgroup": {"zarr_format": 2},
        ".zattrs": {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [dataset]}]},
        "0/.zarray": array,
    }
