"""Each rule of the specification that one image can break: broken, and told by its id."""

from __future__ import annotations

import copy
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ngff_fn import codecs
from ngff_fn.errors import DocumentError, NgffError, Problem, UnsupportedError
from ngff_fn.records.axes import axes_from
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import Version
from ngff_fn.rules import record_problems, validate
from ngff_fn.rules.image import IMAGE_RULES, IMPLIED, UNDECIDABLE, WHILE_READING
from tests.documents import HERE, as_json, as_texts, documents_of

Documents = dict[str, Any]
Change = Callable[[Documents], object]


def _documents(version: Version) -> Documents:
    return as_json(documents_of(CELLS, version))


def _ome(documents: Documents) -> Any:
    return documents["zarr.json"]["attributes"]["ome"] if "zarr.json" in documents else documents[".zattrs"]


def _multiscale(documents: Documents) -> Any:
    return _ome(documents)["multiscales"][0]


def _dataset(documents: Documents) -> Any:
    return _multiscale(documents)["datasets"][1]


def _steps(documents: Documents) -> Any:
    return _dataset(documents)["coordinateTransformations"]


def _channel(documents: Documents) -> Any:
    return _ome(documents)["omero"]["channels"][0]


def _axis(documents: Documents, index: int = 1) -> Any:
    return _multiscale(documents)["axes"][index]


def _array(documents: Documents, path: str = "0") -> Any:
    return documents.get(f"{path}/zarr.json") or documents[f"{path}/.zarray"]


def _without(holder: Callable[[Documents], Any], key: str) -> Change:
    return lambda documents: holder(documents).pop(key)


def _with(holder: Callable[[Documents], Any], key: str | int, value: Any) -> Change:
    return lambda documents: holder(documents).__setitem__(key, value)


def _swap_steps(documents: Documents) -> None:
    _steps(documents).reverse()


def _four_spaces(documents: Documents) -> None:
    _axis(documents, 0)["type"] = "space"


def _two_times(documents: Documents) -> None:
    for index in (0, 1):
        _axis(documents, index)["type"] = "time"


def _one_axis(documents: Documents) -> None:
    del _multiscale(documents)["axes"][:3], _multiscale(documents)["datasets"][1], _ome(documents)["omero"]
    del _multiscale(documents)["datasets"][0]["coordinateTransformations"][0]["scale"][:3]
    array = _array(documents)
    del array["shape"][:3]
    if "chunks" in array:
        del array["chunks"][:3]
    else:
        del array["chunk_grid"]["configuration"]["chunk_shape"][:3], array["dimension_names"][:3]


MULTISCALES = "multiscales[0]"
STEPS = f"{MULTISCALES}.datasets[1].coordinateTransformations"

BOTH: list[tuple[str, str, str, Change]] = [
    # the rule, the kind of problem, where it is told, what breaks it
    ("axes.name.required", "error", f"{MULTISCALES}.axes[1].name", _without(_axis, "name")),
    ("axes.name.required", "lenient", f"{MULTISCALES}.axes[1]", _with(lambda d: _multiscale(d)["axes"], 1, "z")),
    ("axes.name.unique", "error", f"{MULTISCALES}.axes", _with(_axis, "name", "y")),
    ("axes.name.unique", "error", f"{MULTISCALES}.axes", _with(_axis, "name", "Y")),
    ("axes.unit.known", "warning", f"{MULTISCALES}.axes[1].unit", _with(_axis, "unit", "micron")),
    ("image.multiscales.nonempty", "error", "multiscales", _with(_ome, "multiscales", [])),
    ("image.multiscales.nonempty", "error", "multiscales", _with(_ome, "multiscales", {"a": 1})),
    ("image.axes.required", "error", f"{MULTISCALES}.axes", _without(_multiscale, "axes")),
    ("image.axes.count", "lenient", f"{MULTISCALES}.axes", _one_axis),
    ("image.axes.space_count", "lenient", f"{MULTISCALES}.axes", _four_spaces),
    ("image.axes.time_count", "lenient", f"{MULTISCALES}.axes", _two_times),
    ("image.axes.order", "lenient", f"{MULTISCALES}.axes", _with(_axis, "type", "time")),
    ("image.datasets.required", "error", f"{MULTISCALES}.datasets", _with(_multiscale, "datasets", [])),
    ("image.datasets.required", "error", f"{MULTISCALES}.datasets", _without(_multiscale, "datasets")),
    ("image.datasets.path.required", "error", f"{MULTISCALES}.datasets[1].path", _without(_dataset, "path")),
    ("image.datasets.path.required", "lenient", f"{MULTISCALES}.datasets[1].path", _with(_dataset, "path", 1)),
    ("image.datasets.path.exists", "error", f"{MULTISCALES}.datasets[1].path", _with(_dataset, "path", "7")),
    ("image.datasets.transforms.required", "lenient", STEPS, _without(_dataset, "coordinateTransformations")),
    ("image.datasets.transforms.required", "lenient", STEPS, _with(_dataset, "coordinateTransformations", [])),
    ("image.transforms.type", "lenient", STEPS, _with(_steps, 0, {"type": "identity"})),
    ("image.transforms.type", "error", f"{STEPS}[0].type", _with(_steps, 0, {"type": "affine", "affine": []})),
    ("image.transforms.one_scale", "lenient", STEPS, _with(_steps, 1, {"type": "scale", "scale": [2, 2, 2, 2]})),
    ("image.transforms.one_scale", "lenient", STEPS, lambda d: _steps(d).pop(0)),
    ("image.transforms.one_translation", "lenient", STEPS, lambda d: _steps(d).append(_steps(d)[1])),
    ("image.transforms.order", "lenient", STEPS, _swap_steps),
    ("image.transforms.length", "lenient", f"{STEPS}[0].scale", lambda d: _steps(d)[0]["scale"].pop()),
    ("image.transforms.length", "error", f"{STEPS}[0].scale", lambda d: _steps(d)[0]["scale"].append(1)),
    ("image.transforms.numeric", "error", f"{STEPS}[0].scale[2]", _with(lambda d: _steps(d)[0]["scale"], 2, None)),
    ("image.transforms.numeric", "error", f"{STEPS}[0].scale[2]", _with(lambda d: _steps(d)[0]["scale"], 2, 10**400)),
    ("image.transforms.numeric", "lenient", f"{STEPS}[0].scale[2]", _with(lambda d: _steps(d)[0]["scale"], 2, -1)),
    ("image.transforms.path_form", "error", f"{STEPS}[0].path", _with(_steps, 0, {"type": "scale", "path": "a"})),
    (
        "image.multiscales.transforms",
        "lenient",
        f"{MULTISCALES}.coordinateTransformations",
        _with(_multiscale, "coordinateTransformations", []),
    ),
    ("image.read.default_multiscale", "warning", "multiscales", lambda d: _ome(d)["multiscales"].append({"name": "b"})),
    ("omero.channels.required", "lenient", "omero.channels", _without(lambda d: _ome(d)["omero"], "channels")),
    ("omero.channels.required", "lenient", "omero", _with(_ome, "omero", 7)),
    ("omero.channels.required", "error", "omero.channels[0]", _with(lambda d: _ome(d)["omero"]["channels"], 0, 7)),
    ("omero.channels.count", "warning", "omero.channels", lambda d: _ome(d)["omero"]["channels"].pop()),
    ("omero.channel.color.required", "lenient", "omero.channels[0].color", _without(_channel, "color")),
    ("omero.channel.color.hex", "lenient", "omero.channels[0].color", _with(_channel, "color", "#00FF00")),
    ("omero.channel.color.hex", "lenient", "omero.channels[0].color", _with(_channel, "color", "green")),
    ("omero.channel.window.required", "lenient", "omero.channels[0].window", _without(_channel, "window")),
    ("omero.channel.window.keys", "lenient", "omero.channels[0].window", lambda d: _channel(d)["window"].pop("min")),
    ("omero.channel.window.keys", "lenient", "omero.channels[0].window", _with(_channel, "window", "0-255")),
    ("version.value", "lenient", "version", lambda d: _say_version(d, "{}-dev-spatialdata")),
    ("version.present", "", "version", lambda d: _say_version(d, None)),
]
ONLY_0_4: list[tuple[str, str, str, Change]] = [
    ("store.zarr_format", "lenient", ".zgroup", lambda d: d.pop(".zgroup")),
    ("store.zarr_format", "error", ".zgroup", _with(lambda d: d[".zgroup"], "zarr_format", 3)),
    ("store.zarr_format", "error", "0/.zarray: zarr_format", _with(_array, "zarr_format", 3)),
    ("store.chunk_keys.nested", "warning", "0/.zarray: dimension_separator", _without(_array, "dimension_separator")),
    ("axes.ndim", "error", "0/.zarray: shape", lambda d: _array(d).update(shape=[4, 4], chunks=[4, 4])),
    ("image.datasets.order", "lenient", "1/.zarray: shape", _with(lambda d: _array(d, "1"), "shape", [2, 4, 99, 32])),
    ("doc.attributes_location", "error", ".zattrs", _with(lambda d: d, ".zattrs", [1])),
]
ONLY_0_5: list[tuple[str, str, str, Change]] = [
    ("store.zarr_format", "error", "zarr.json: zarr_format", _with(lambda d: d["zarr.json"], "zarr_format", 2)),
    ("store.zarr_format", "error", "0/zarr.json: zarr_format", _with(_array, "zarr_format", 2)),
    ("store.dimension_names.present", "lenient", "0/zarr.json: dimension_names", _without(_array, "dimension_names")),
    (
        "store.dimension_names.match",
        "lenient",
        "0/zarr.json: dimension_names",
        _with(_array, "dimension_names", ["a", "b", "c", "d"]),
    ),
    ("doc.attributes_location", "error", "ome", lambda d: d["zarr.json"]["attributes"].pop("ome")),
    ("doc.attributes_location", "error", "ome", _with(lambda d: d["zarr.json"]["attributes"], "ome", 1)),
    ("image.datasets.path.exists", "error", "0/zarr.json: node_type", _with(_array, "node_type", "group")),
]
CASES = [
    pytest.param(version, *case, id=f"{version}-{case[0]}-{index}")
    for version, cases in (("0.4", BOTH + ONLY_0_4), ("0.5", BOTH + ONLY_0_5))
    for index, case in enumerate(cases)
]


def _say_version(documents: Documents, said: str | None) -> None:
    holder, version = (_ome(documents), "0.5") if "zarr.json" in documents else (_multiscale(documents), "0.4")
    if said is None:
        del holder["version"]
    else:
        holder["version"] = said.format(version)


def _problems(documents: Documents) -> tuple[Problem, ...]:
    try:
        return codecs.decode(as_texts(documents), HERE).problems
    except DocumentError as refusal:
        return refusal.problems


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_documents_that_keep_the_rules_have_no_problems(version: Version) -> None:
    assert _problems(_documents(version)) == ()


@pytest.mark.parametrize(("version", "rule", "kind", "location", "change"), CASES)
def test_a_broken_rule_is_told_by_its_id_and_its_place(
    version: Version, rule: str, kind: str, location: str, change: Change
) -> None:
    documents = _documents(version)
    change(documents)
    if location == "version" and version == "0.4":
        location = f"{MULTISCALES}.version"
    if rule == "version.present":
        kind = "warning" if version == "0.4" else "lenient"  # 0.4: SHOULD, 0.5: MUST
    found = [(problem.rule, problem.kind, problem.location) for problem in _problems(documents)]
    assert (rule, kind, location) in found


def test_every_rule_that_is_checked_while_reading_is_broken_by_a_case() -> None:
    assert {case.values[1] for case in CASES} | {"doc.no_comments"} == WHILE_READING


def test_a_comment_in_a_document_is_refused_with_its_line() -> None:
    documents = {**documents_of(CELLS, "0.5"), "0/zarr.json": b'{\n  // of mine\n  "zarr_format": 3\n}'}
    with pytest.raises(DocumentError, match=r"^0/zarr\.json: line 2, column 3"):
        codecs.decode(documents, HERE)


def _rules_of_images(conformance: Path) -> Iterator[str]:
    with (conformance / "RULES.tsv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["area"] in ("doc", "store", "axes", "image", "omero", "reader") and not row["id"].startswith(
                "bf2raw"
            ):
                yield row["id"]


def test_every_rule_of_images_is_in_the_table_and_no_other(conformance: Path) -> None:
    known = {*WHILE_READING, *IMAGE_RULES, *IMPLIED, *UNDECIDABLE}
    assert known == set(_rules_of_images(conformance))
    assert set(IMPLIED.values()) <= WHILE_READING
    assert not {*IMPLIED, *UNDECIDABLE} & {*WHILE_READING, *IMAGE_RULES}


UNWISE: list[tuple[str, Change]] = [
    ("axes.type.present", _without(_axis, "type")),
    ("axes.type.known", lambda d: _axis(d, 0).update(type="angle")),
    ("axes.unit.present", _without(_axis, "unit")),
    ("image.axes.channel_count", _with(_axis, "type", "angle")),
    ("image.axes.zyx", lambda d: (_axis(d, 1).update(name="x"), _axis(d, 3).update(name="z"))),
    ("image.datasets.order", lambda d: _steps(d)[0]["scale"].__setitem__(3, 0.1)),
    ("image.name", _without(_multiscale, "name")),
    ("image.type", _without(_multiscale, "type")),
    ("image.metadata", lambda _: None),
    ("omero.rdefs.model", lambda d: _ome(d)["omero"].update(rdefs={"model": "colour"})),
    ("store.dtype.uniform", lambda d: _retype(_array(d, "1"))),
]


def _retype(array: dict[str, Any]) -> None:
    array.update({"dtype": "|u1"} if "dtype" in array else {"data_type": "uint8"})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("rule", "change"), UNWISE)
def test_what_is_unwise_is_told_when_it_is_asked_for(rule: str, change: Change, version: Version) -> None:
    documents = _documents(version)
    change(documents)
    snapshot = codecs.snapshot_from(documents)
    assert rule in {problem.rule for problem in validate(snapshot)}


def test_every_rule_beyond_reading_has_a_case() -> None:
    assert {rule for rule, _ in UNWISE} == set(IMAGE_RULES)


def test_an_image_that_follows_all_advice_has_no_problems() -> None:
    documents = _documents("0.5")
    _multiscale(documents)["metadata"] = {"method": "ngff_fn"}
    assert validate(codecs.snapshot_from(documents)) == ()


def test_what_was_noted_while_reading_is_among_what_is_wrong() -> None:
    documents = _documents("0.4")
    _swap_steps(documents)
    assert "image.transforms.order" in {problem.rule for problem in validate(codecs.snapshot_from(documents))}


OTHER_VERSIONS: list[tuple[Version, Any, str]] = [
    ("0.4", "0.1", "OME-NGFF 0.1 is not supported. Convert it"),
    ("0.4", "0.2", "OME-NGFF 0.2 is not supported. Convert it"),
    ("0.4", "0.3", "OME-NGFF 0.3 is not supported. Convert it"),
    ("0.4", "0.5", "OME-NGFF 0.5 is kept in Zarr v3, and this is Zarr v2"),
    ("0.5", "0.4", "OME-NGFF 0.4 is kept in Zarr v2, and this is Zarr v3"),
    ("0.5", "0.6", "OME-NGFF 0.6 is not supported"),
    ("0.5", "0.6.dev4", "OME-NGFF 0.6.dev4 is not supported"),
    ("0.5", "0.50", "OME-NGFF 0.50 is not supported"),
    ("0.4", {"major": 0}, "the version an object is not supported"),
    ("0.5", None, "the version null is not supported"),
]


@pytest.mark.parametrize(("version", "said", "message"), OTHER_VERSIONS)
def test_other_versions_are_refused_by_name(version: Version, said: Any, message: str) -> None:
    documents = _documents(version)
    holder = _ome(documents) if version == "0.5" else _multiscale(documents)
    holder["version"] = said
    with pytest.raises(UnsupportedError, match=message):
        codecs.decode(as_texts(documents), HERE)


@pytest.mark.parametrize(
    ("said", "version"),
    [("0.4", "0.4"), (0.4, "0.4"), ("0.4.1", "0.4"), ("0.5.2", "0.5"), ("0.5-dev", "0.5"), (0.5, "0.5")],
)
def test_versions_that_are_nearly_right_are_understood(said: Any, version: Version) -> None:
    documents = _documents(version)
    holder = _ome(documents) if version == "0.5" else _multiscale(documents)
    holder["version"] = said
    assert codecs.version_of(as_texts(documents)) == version


def test_all_problems_of_all_documents_are_told_at_once() -> None:
    documents = as_texts(_documents("0.4"))
    broken = {
        **documents,
        ".zattrs": documents[".zattrs"].replace(b'"translation": [', b'"translation": ["a", '),
        "0/.zarray": documents["0/.zarray"].replace(b'"<u2"', b'"<M8[ns]"').replace(b"64", b"-64"),
        "1/.zarray": b"{",
    }
    with pytest.raises(DocumentError) as refusal:
        codecs.decode(broken, HERE)
    assert [problem.location for problem in refusal.value.problems] == [
        "multiscales[0].datasets[1].coordinateTransformations[1].translation",
        "0/.zarray: shape[2]",
        "0/.zarray: shape[3]",
        "0/.zarray: chunks[2]",
        "0/.zarray: chunks[3]",
        "0/.zarray: dtype",
        "1/.zarray",
    ]


INCONSISTENT: list[tuple[str, Image]] = [
    ("axes", evolve(SQUARE, axes=())),
    ("scale", evolve(SQUARE, scale=(1.0,))),
    ("translation", evolve(SQUARE, translation=(1.0, float("nan")))),
    ("levels[0].scale", evolve(SQUARE, levels=(evolve(SQUARE.levels[0], scale=(float("inf"), 1.0)),))),
    ("levels[0].path", evolve(SQUARE, levels=(evolve(SQUARE.levels[0], path="../0"),))),
    ("levels[1].path", evolve(SQUARE, levels=SQUARE.levels * 2)),
    ("levels[0].array.shape", evolve(SQUARE, axes=axes_from("zyx"))),
    (
        "levels[0].pixels",
        evolve(SQUARE, levels=(evolve(SQUARE.levels[0], array=evolve(SQUARE.levels[0].array, shape=(5, 6))),)),
    ),
    (
        "levels[0].array.chunks",
        evolve(SQUARE, levels=(evolve(SQUARE.levels[0], array=evolve(SQUARE.levels[0].array, chunks=(0, 6))),)),
    ),
    (
        "levels[0].array.shards",
        evolve(SQUARE, levels=(evolve(SQUARE.levels[0], array=evolve(SQUARE.levels[0].array, shards=(6, 6))),)),
    ),
]


@pytest.mark.parametrize(("location", "image"), INCONSISTENT)
def test_a_record_that_is_not_consistent_is_told_where(location: str, image: Image) -> None:
    errors = [problem for problem in record_problems(image) if problem.kind == "error"]
    assert location in {problem.location for problem in errors}


@pytest.mark.parametrize("image", [CELLS, SQUARE, evolve(SQUARE, levels=())])
def test_a_consistent_record_has_no_problems(image: Image) -> None:
    assert record_problems(image) == []


def test_no_rule_changes_its_snapshot() -> None:
    snapshot = codecs.snapshot_from(_documents("0.5"))
    before = copy.copy(snapshot)
    validate(snapshot)
    assert snapshot == before


def test_a_refusal_is_an_ngff_error_and_a_value_error() -> None:
    with pytest.raises(ValueError, match="multiscales") as refusal:
        codecs.decode({".zattrs": b"{}"}, HERE)
    assert isinstance(refusal.value, NgffError)
