"""Sloppy documents, as programs have written them: what they are understood as, and that they are told about."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from attrs import evolve

from ngff_fn import codecs
from ngff_fn.codecs.axes import sound_axes
from ngff_fn.codecs.channels import sound_channels
from ngff_fn.codecs.decoding import read_group
from ngff_fn.errors import DocumentError, InvalidValueError
from ngff_fn.frozen_json import EMPTY, FrozenMap, freeze
from ngff_fn.records.axes import Axis
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Labels, Place
from ngff_fn.records.pixels import Stored
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.conftest import REPOSITORY
from tests.documents import HERE, as_json, as_texts, decoded, documents_of

SCALE = {"type": "scale", "scale": [2, 0.5]}
MOVE = {"type": "translation", "translation": [10, 20]}


def _square(**members: Any) -> dict[str, Any]:
    """The documents of an image of 4 × 6 pixels, with other members of its multiscale."""
    documents = as_json(documents_of(SQUARE, "0.4"))
    documents[".zattrs"]["multiscales"][0].update(members)
    return documents


def _with_steps(*steps: Any) -> Image:
    return decoded(as_texts(_square(datasets=[{"path": "0", "coordinateTransformations": list(steps)}])))


def _with_channels(*channels: Any) -> tuple[Channel, ...] | None:
    documents = _square()
    documents[".zattrs"]["omero"] = {"channels": list(channels)}
    return decoded(as_texts(documents)).channels


# -- transformations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "scale", "translation"),
    [
        ([SCALE], (2, 0.5), None),
        ([SCALE, MOVE], (2, 0.5), (10, 20)),
        ([MOVE, SCALE], (2, 0.5), (20, 10.0)),
        ([SCALE, SCALE], (4, 0.25), None),
        ([SCALE, MOVE, SCALE], (4, 0.25), (20, 10.0)),
        ([MOVE, MOVE], (1.0, 1.0), (20, 40)),
        ([MOVE], (1.0, 1.0), (10, 20)),
        ([], (1.0, 1.0), None),
        ([{"type": "identity"}], (1.0, 1.0), None),
        ([{"type": "identity"}, SCALE], (2, 0.5), None),
        ([{"scale": [3, 4]}], (3, 4), None),
        ([{"type": "scale", "scale": ["3", "4.5e0"]}], (3, 4.5), None),
        ([{"type": "scale", "scale": [3]}], (1.0, 3), None),
        ([{"type": "scale", "scale": [0, -1]}], (0, -1), None),
    ],
)
def test_a_list_of_transformations_means_what_its_order_says(
    steps: list[Any], scale: tuple[float, ...], translation: tuple[float, ...] | None
) -> None:
    (level,) = _with_steps(*steps).levels
    assert (level.scale, level.translation) == (scale, translation)
    assert [type(number) for number in level.scale] == [type(number) for number in scale]


@pytest.mark.parametrize(
    ("members", "scale"),
    [
        ({}, None),
        ({"coordinateTransformations": None}, None),
        ({"coordinateTransformations": []}, None),
        ({"coordinateTransformations": [{"type": "identity"}]}, None),
        ({"coordinateTransformations": [SCALE]}, (2, 0.5)),
        ({"coordinateTransformations": [MOVE]}, (1.0, 1.0)),
    ],
)
def test_a_multiscale_without_transformation_has_no_scale(
    members: dict[str, Any], scale: tuple[float, ...] | None
) -> None:
    assert decoded(as_texts(_square(**members))).scale == scale


def test_products_of_scales_beyond_all_numbers_are_refused() -> None:
    huge = {"type": "scale", "scale": [1e300, 10**300]}
    with pytest.raises(DocumentError, match="beyond the range of numbers"):
        _with_steps(huge, huge)


# -- axes and channels -----------------------------------------------------------------------------------------------


def test_axes_that_are_names_get_the_type_that_the_name_has() -> None:
    assert decoded(as_texts(_square(axes=["Y", "x"]))).axes == (
        Axis(name="Y", type="space"),
        Axis(name="x", type="space"),
    )


def test_axes_keep_their_spelling_their_units_and_what_is_not_known() -> None:
    axes = [{"name": "Y", "type": "space", "unit": "micron", "long_name": "down"}, {"name": "X", "unit": None}]
    assert decoded(as_texts(_square(axes=axes))).axes == (
        Axis(name="Y", type="space", unit="micron", extra=FrozenMap({"long_name": "down"})),
        Axis(name="X"),
    )


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ({"label": "a"}, Channel(label="a")),
        ({"label": 7}, Channel(label="7")),
        ({}, Channel(label="0")),
        ({"label": None}, Channel(label="0")),
        ({"label": [1]}, Channel(label="0")),
        ("a", Channel(label="a")),
        ({"label": "a", "color": "#00ff00"}, Channel(label="a", color="00ff00")),
        ({"label": "a", "color": "lime"}, Channel(label="a")),
        ({"label": "a", "color": 65280}, Channel(label="a")),
        ({"label": "a", "active": 1, "inverted": "False"}, Channel(label="a", active=True, inverted=False)),
        ({"label": "a", "active": 7}, Channel(label="a")),
        ({"label": "a", "coefficient": "1.5"}, Channel(label="a", coefficient=1.5)),
        ({"label": "a", "coefficient": "nan"}, Channel(label="a")),
        ({"label": "a", "wavelength_id": 7}, Channel(label="a", extra=FrozenMap({"wavelength_id": 7}))),
        (
            {"label": "a", "window": {"start": "0", "end": "2.5", "min": 10**400, "max": None, "unit": 1}},
            Channel(label="a", window=Window(start=0, end=2.5, extra=FrozenMap({"unit": 1}))),
        ),
    ],
)
def test_channels_are_understood_as_far_as_they_can_be(said: Any, understood: Channel) -> None:
    assert _with_channels(said) == (understood,)


@pytest.mark.parametrize(
    ("omero", "channels", "extra"),
    [
        (None, None, EMPTY),
        ({}, None, EMPTY),
        ([], None, EMPTY),
        ({"id": 1}, None, FrozenMap({"omero": FrozenMap({"id": 1})})),
        ({"channels": []}, (), EMPTY),
        ({"channels": {"0": {}}}, None, EMPTY),
    ],
)
def test_omero_without_channels_describes_none(omero: Any, channels: Any, extra: FrozenMap) -> None:
    documents = _square()
    documents[".zattrs"]["omero"] = omero
    image = decoded(as_texts(documents))
    assert (image.channels, image.extra) == (channels, extra)


# -- everything else -------------------------------------------------------------------------------------------------


def test_every_unknown_key_is_kept_in_the_section_of_its_object() -> None:
    documents = _square(note=1, coordinateTransformations=[{**SCALE, "output": "mm"}])
    documents[".zattrs"]["multiscales"] += [{"name": "other"}]
    documents[".zattrs"].update({"note": 2, "image-label": {"version": "0.4"}, "omero": {"channels": [], "note": 3}})
    documents[".zattrs"]["multiscales"][0]["datasets"][0]["note"] = 4
    documents["0/.zattrs"] = {"_ARRAY_DIMENSIONS": ["y", "x"], "ngff_fn": {"revision": "0"}}
    image = decoded(as_texts(documents))
    assert image.extra == freeze(
        {
            "attributes": {"note": 2},
            "multiscale": {"note": 1},
            "multiscales": [{"name": "other"}],
            "omero": {"note": 3},
            "transforms": {"output": "mm"},
        }
    )
    assert image.levels[0].extra == freeze({"dataset": {"note": 4}, "attributes": {"_ARRAY_DIMENSIONS": ["y", "x"]}})


def test_unknown_keys_of_0_5_are_told_apart_by_where_they_stand() -> None:
    documents = as_json(documents_of(SQUARE, "0.5"))
    documents["zarr.json"]["attributes"]["note"] = 1
    documents["zarr.json"]["attributes"]["ome"]["note"] = 2
    assert decoded(as_texts(documents)).extra == freeze({"attributes": {"note": 1}, "ome": {"note": 2}})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "image",
    [
        Image(axes=CELLS.axes, channels=(Channel(label="a"), Channel(label="b", color="00FF00"))),
        Image(axes=SQUARE.axes, name="empty", method="mean", metadata=EMPTY, scale=(1.0, 2.0)),
        Image(axes=SQUARE.axes, channels=(), extra=FrozenMap({"omero": FrozenMap({"id": 1}), "multiscales": (1,)})),
    ],
)
def test_an_image_without_levels_can_be_read_again(image: Image, version: Version) -> None:
    documents = documents_of(image, version)
    assert codecs.layout_of(documents) == "empty"
    assert codecs.level_paths(documents) == ()
    assert codecs.decode(documents, HERE).problems == ()
    assert decoded(documents) == image


def test_an_empty_image_says_its_axes_and_the_names_of_its_channels() -> None:
    image = Image(axes=SQUARE.axes, channels=(Channel(label="a"), Channel(label="b")))
    attributes = json.loads(codecs.encode_group(image, "0.4")[".zattrs"])
    axes = [{"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space", "unit": "micrometer"}]
    assert attributes == {"ngff_fn": {"axes": axes, "channels": ["a", "b"]}}


def test_the_first_level_takes_an_empty_image_to_its_place() -> None:
    empty = documents_of(evolve(CELLS, levels=()), "0.4")
    filled = documents_of(CELLS, "0.4", empty)
    assert set(json.loads(filled[".zattrs"])) == {"multiscales", "omero"}
    assert decoded(filled) == CELLS


def test_pixels_are_stored_where_the_image_came_from() -> None:
    documents = documents_of(SQUARE, "0.4")
    root = codecs.decode(documents, Place(home="store", path="A/1/0")).root
    (level,) = root.levels
    token = codecs.token({".zarray": documents["0/.zarray"]})
    assert level.pixels == Stored(origin="store", path="A/1/0/0", array=level.array, token=token)
    assert root.source == Place(home="store", path="A/1/0")


def test_a_bare_nan_is_read_told_and_kept() -> None:
    documents = _square()
    documents[".zattrs"]["note"] = 1
    texts = dict(as_texts(documents))
    texts[".zattrs"] = texts[".zattrs"].replace(b'"note": 1', b'"note": NaN')
    texts["0/.zarray"] = (
        texts["0/.zarray"].replace(b'"|u1"', b'"<f4"').replace(b'"fill_value": 0', b'"fill_value": NaN')
    )
    found = codecs.decode(texts, HERE)
    assert found.root.levels[0].array.fill_value == "NaN"
    assert [(problem.location, problem.kind) for problem in found.problems] == [
        (".zattrs", "lenient"),
        ("0/.zarray", "lenient"),
    ]
    wanted = evolve(found.root, name="a")
    changed = codecs.encode_group(wanted, "0.4", texts)[".zattrs"]
    assert b'"note": NaN' in changed
    with pytest.raises(InvalidValueError, match="nan is not JSON"):
        codecs.encode_group(wanted, "0.5")


def test_what_stands_beside_an_image_that_was_no_image_is_kept() -> None:
    there = {".zgroup": b'{"zarr_format":2}', ".zattrs": b'{"note": [1,2]}'}
    texts = codecs.encode_group(SQUARE, "0.4", there)
    assert texts[".zgroup"] == there[".zgroup"]
    assert texts[".zattrs"].startswith(b'{"note": [1,2]')
    assert b'"multiscales"' in texts[".zattrs"]


def test_consolidated_metadata_is_left_as_it_is() -> None:
    documents = as_json(documents_of(SQUARE, "0.5"))
    documents["zarr.json"]["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": {"a": 1}}
    texts = as_texts(documents)
    wanted = evolve(decoded(texts), name="a")
    changed = json.loads(codecs.encode_group(wanted, "0.5", texts)["zarr.json"])
    assert changed["consolidated_metadata"] == documents["zarr.json"]["consolidated_metadata"]


# -- where an image is, and what it is -------------------------------------------------------------------------------

UNSAFE = [
    "", "/", "/0", "..", "../0", "0/../../1", ".", "./0", "0/", "0//1", "a\\b", "..\\0", "C:/0", "c:0", "s3://b/0",
    "0\x00", "0\n", " ", ".. ", "__ngff_fn", "a/__b", "zarr.json", "0/.zarray", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("path", UNSAFE)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_path_that_may_not_be_followed_is_refused_before_anything_is_read_there(path: str, version: Version) -> None:
    documents = as_json(documents_of(SQUARE, version))
    attributes = documents[".zattrs"] if version == "0.4" else documents["zarr.json"]["attributes"]["ome"]
    attributes["multiscales"][0]["datasets"] += [{"path": path, "coordinateTransformations": [SCALE]}]
    texts = as_texts(documents)
    for read in (codecs.level_paths, lambda group: codecs.decode(group, HERE)):
        with pytest.raises(DocumentError) as refusal:
            read(texts)
        assert "multiscales[0].datasets[1].path" in {problem.location for problem in refusal.value.problems}


def test_a_climbing_path_is_refused_with_all_other_problems_of_the_group() -> None:
    documents = _square(name={}, axes=[{"name": "y"}, {}], datasets=[{"path": "../0"}])
    with pytest.raises(DocumentError) as refusal:
        codecs.level_paths(as_texts(documents))
    assert [problem.location for problem in refusal.value.problems] == [
        "multiscales[0].axes[1].name",
        "multiscales[0].datasets[0].path",
    ]


@pytest.mark.parametrize("path", ["0", "s0", "a/b", "scale 0", "..0", "µ", "0.zarr", "-1"])
def test_other_paths_are_followed(path: str) -> None:
    assert codecs.level_paths(as_texts(_square(datasets=[{"path": path}]))) == (path,)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"multiscales": 1},
        {"multiscales": [1]},
        {"multiscales": [{"datasets": {}}]},
        {"multiscales": [{"datasets": [1]}]},
    ],
)
def test_where_no_path_can_be_read_there_is_none(attributes: Any) -> None:
    assert codecs.level_paths(as_texts({".zattrs": attributes})) == ()


@pytest.mark.parametrize(("paths", "index"), [(["0", "0"], 1), (["0", "0/1"], 1), (["a/b", "a"], 0)])
def test_levels_in_one_place_are_refused(paths: list[str], index: int) -> None:
    documents = _square(datasets=[{"path": path, "coordinateTransformations": [SCALE]} for path in paths])
    documents.update({f"{path}/.zarray": documents["0/.zarray"] for path in paths})
    with pytest.raises(DocumentError) as refusal:
        codecs.decode(as_texts(documents), HERE)
    assert [problem.location for problem in refusal.value.problems] == [f"multiscales[0].datasets[{index}].path"]


@pytest.mark.parametrize(
    ("attributes", "layout"),
    [
        ({"plate": {}, "bioformats2raw.layout": 3, "multiscales": []}, "plate"),
        ({"bioformats2raw.layout": 3, "multiscales": []}, "bf2raw"),
        ({"well": {}}, "well"),
        ({"multiscales": []}, "image"),
        ({"note": 1}, "group"),
        ({}, "group"),
    ],
)
def test_the_layout_is_told_by_the_attributes(attributes: Any, layout: str) -> None:
    assert codecs.layout_of(as_texts({".zgroup": {"zarr_format": 2}, ".zattrs": attributes})) == layout
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", **attributes}}}
    assert codecs.layout_of(as_texts({"zarr.json": group})) == layout


def test_a_group_without_attributes_is_no_more_than_a_group() -> None:
    assert codecs.layout_of({".zgroup": b'{"zarr_format": 2}'}) == "group"
    assert codecs.version_of({".zgroup": b'{"zarr_format": 2}'}) == "0.4"
    assert codecs.layout_of({"zarr.json": b'{"zarr_format": 3, "node_type": "group"}'}) == "group"


def test_where_both_formats_stand_side_by_side_the_newer_one_counts() -> None:
    both = {**documents_of(SQUARE, "0.4"), **documents_of(evolve(SQUARE, name="new"), "0.5")}
    assert codecs.version_of(both) == "0.5"
    assert decoded(both).name == "new"


@pytest.mark.parametrize("read", [codecs.version_of, codecs.layout_of, lambda texts: codecs.decode(texts, HERE)])
@pytest.mark.parametrize(
    ("texts", "location"),
    [
        ({".zattrs": b"{"}, ".zattrs"),
        ({".zattrs": b"\xff{}"}, ".zattrs"),
        ({".zattrs": b'{"a": 1, "a": 2}'}, ".zattrs"),
        ({".zattrs": b"[1]"}, ".zattrs"),
        ({"zarr.json": b"[" * 5000}, "zarr.json"),
        ({"zarr.json": b'{"attributes": 1}'}, "zarr.json: attributes"),
    ],
)
def test_root_documents_that_are_no_json_objects_are_refused_with_their_names(
    read: Any, texts: dict[str, bytes], location: str
) -> None:
    with pytest.raises(DocumentError) as refusal:
        read(texts)
    assert [problem.location for problem in refusal.value.problems] == [location]


def test_a_snapshot_can_be_made_of_documents_in_memory() -> None:
    parsed: dict[str, Any] = as_json(documents_of(CELLS, "0.5"))
    snapshot = codecs.snapshot_from({**parsed, "labels/zarr.json": b"{}"})
    assert snapshot.version == "0.5"
    assert snapshot.root.labels == Labels(source=Place(home="", path="labels"))
    assert snapshot.root.name == "cells"
    assert snapshot.documents["labels/zarr.json"] == b"{}"


def test_importing_the_codecs_does_not_import_cattrs_but_reading_does() -> None:
    program = (
        "import sys; from ngff_fn import codecs; assert 'cattrs' not in sys.modules; "
        'codecs.snapshot_from({".zattrs": {"ngff_fn": {"axes": ["y", "x"]}}}); assert "cattrs" in sys.modules'
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)


@pytest.mark.parametrize("version", VERSIONS)
def test_neither_reading_nor_writing_changes_what_it_is_given(version: Version) -> None:
    documents = documents_of(CELLS, version)
    kept = dict(documents)
    image = decoded(documents)
    documents_of(evolve(image, name="other", channels=None), version, documents)
    assert dict(documents) == kept
    assert decoded(documents) == image


@pytest.mark.parametrize(("one", "other"), [('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'), ("0.0", "-0.0"), ("1", "1.0")])
def test_unknown_keys_are_read_as_they_are_written_whatever_was_read_before(one: str, other: str) -> None:
    axes = '[{"name": "y", "type": "space"}, {"name": "x", "type": "space", "k": %s}]'
    channel = '{"label": "A", "color": "FFFFFF", "window": {"start": 0, "end": 1, "min": 0, "max": 1}, "k": %s}'
    for said in (one, other):
        axes_said, channels_said = json.loads(axes % said), [json.loads(channel % said)]
        multiscale = {"version": "0.4", "axes": axes_said, "datasets": [{"path": "0"}]}
        document = {"multiscales": [multiscale], "omero": {"channels": channels_said}}
        image = read_group(as_texts({".zgroup": {"zarr_format": 2}, ".zattrs": document}), "0.4", [])
        assert repr((sound_axes(axes_said), sound_channels(channels_said))) == repr((image.axes, image.channels))
