"""The official documents of 0.4 and 0.5, and what other programs wrote: read, and written back as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.errors import NgffError
from ngff_fn.json_splice import parse
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.image import Image
from ngff_fn.records.snapshot import VERSIONS, Documents, Version
from tests.conftest import REPOSITORY
from tests.documents import HERE, as_texts, documents_of, stored_documents, unplaced
from tests.schemas import validator
from tests.strategies import images

CONFORMANCE = REPOSITORY.parent / "shared" / "conformance"
pytestmark = pytest.mark.usefixtures("conformance")

SUITES = ("image_suite", "strict_image_suite")


def _cases() -> Iterator[Any]:
    for version in VERSIONS:
        for suite in SUITES:
            file = CONFORMANCE / version / "tests" / f"{suite}.json"
            if not file.exists():
                continue
            for case in json.loads(file.read_text(encoding="utf-8"))["tests"]:
                name = Path(case["formerly"]).stem
                yield pytest.param(version, case["data"], case["valid"], id=f"{version}-{suite}-{name}")


CASES = list(_cases())


def _ome(attributes: Any, version: Version) -> Any:
    return attributes if version == "0.4" else attributes.get("ome", {})


def _with_arrays(attributes: Any, version: Version) -> Documents:
    """The documents of a group with these attributes, and of arrays that fit them."""
    ome = _ome(attributes, version)
    multiscale = (ome.get("multiscales") or [{}])[0]
    ndim = len(multiscale.get("axes", []))
    shape = [2] * ndim
    texts: dict[str, Any] = {}
    for dataset in multiscale.get("datasets", []):
        path = dataset.get("path")
        if version == "0.4":
            texts[f"{path}/.zarray"] = {
                "zarr_format": 2, "shape": shape, "chunks": shape, "dtype": "|u1", "compressor": None, "filters": None,
                "fill_value": 0, "order": "C", "dimension_separator": "/",
            }  # fmt: skip
        else:
            texts[f"{path}/zarr.json"] = {
                "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "uint8", "fill_value": 0,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}}, "codecs": ["bytes"],
                "chunk_key_encoding": {"name": "default"},
                "dimension_names": [axis.get("name") for axis in multiscale.get("axes", [])],
            }  # fmt: skip
    if version == "0.4":
        return as_texts({".zgroup": {"zarr_format": 2}, ".zattrs": attributes, **texts})
    return as_texts({"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": attributes}, **texts})


@pytest.mark.parametrize(("version", "attributes", "valid"), [case for case in CASES if case.values[2]])
def test_official_valid_documents_keep_every_byte(version: Version, attributes: Any, valid: bool) -> None:
    assert valid
    documents = _with_arrays(attributes, version)
    assert documents_of(codecs.decode(documents, HERE).root, version, documents) == documents


@pytest.mark.parametrize(("version", "attributes", "valid"), [case for case in CASES if not case.values[2]])
def test_official_invalid_documents_are_refused_or_told(version: Version, attributes: Any, valid: bool) -> None:
    assert not valid
    try:
        problems = codecs.decode(_with_arrays(attributes, version), HERE).problems
    except NgffError as refusal:
        problems = refusal.problems
    assert [problem.location for problem in problems if problem.kind in ("error", "lenient")]
    assert all(problem.location and problem.rule for problem in problems)


def test_the_official_suites_are_there() -> None:
    assert len(CASES) == 68


def _examples() -> Iterator[Any]:
    for version in VERSIONS:
        for file in sorted((CONFORMANCE / version / "examples" / "multiscales_strict").glob("[!.]*.json")):
            yield pytest.param(version, file, id=f"{version}-{file.stem}")


@pytest.mark.parametrize(("version", "file"), list(_examples()))
def test_official_examples_keep_every_byte(version: Version, file: Path) -> None:
    text = re.sub(r"//[^\n\"]*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    attributes = json.loads(text)
    attributes = attributes.get("attributes", attributes)
    key = ".zattrs" if version == "0.4" else "zarr.json"
    documents = Documents({**_with_arrays(attributes, version), key: text.encode()})
    decoded = codecs.decode(documents, HERE)
    assert [problem for problem in decoded.problems if problem.kind == "lenient"] == []
    assert documents_of(decoded.root, version, documents) == documents


# -- what other programs wrote ---------------------------------------------------------------------------------------

UNREADABLE = {
    "omezarr_examples_v04/data/invalid/image-02.zarr": "multiscales: is empty",
    "omezarr_examples_v04/data/invalid/image-03.zarr": "there is no document 0/.zarray",
    "omezarr_examples_v04/data/invalid/image-04.zarr": "1/.zarray: shape: the array has 2 dimensions",
    "omezarrmodels_examples/examples/v06/stitched_tiles_2d.zarr/tile_0": "OME-NGFF 0.6.dev4 is not supported",
    "omezarrmodels_examples/examples/v06/stitched_tiles_2d.zarr/tile_1": "OME-NGFF 0.6.dev4 is not supported",
    "omezarrpy_v01/v1": "OME-NGFF 0.1 is not supported",
    "omezarrpy_v02/v2": "OME-NGFF 0.2 is not supported",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr/A/1/0": "there is no document 0/zarr.json",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr/A/1/1/labels/annotations": "node_type: is 'array'",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr/B/1/0": "0/zarr.json: dimension_names: has 3 names",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr/B/2/0": "0/zarr.json: node_type: is 'group'",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr/B/3/1": "zarr.json: node_type: is 'array'",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr/C/2/0": "multiscales: is empty",
}

TOLD = {
    "n5universe_metadata/metadata.zarr/coordTforms/tt": {
        "image.transforms.one_scale", "image.transforms.one_translation",
    },
    "n5universe_metadata/metadata.zarr/coordTforms/ts": {"image.transforms.order"},
    "n5universe_metadata/metadata.zarr/coordTforms/ss": {"image.transforms.one_scale"},
    "n5universe_metadata/metadata.zarr/coordTforms/st": {"image.multiscales.transforms"},
    "viv_blobs_v04_v05/ome-zarr/blobs_image_v04.ome.zarr": {
        "version.value", "omero.channel.color.required", "omero.channel.window.required", "image.transforms.type",
    },
    "viv_blobs_v04_v05/ome-zarr/blobs_image_v05.ome.zarr": {
        "version.value", "omero.channel.color.required", "omero.channel.window.required", "image.transforms.type",
    },
    "tubhiswt4d_v04/tubhiswt4D_sub.zarr": {"axes.unit.known"},
}  # fmt: skip


@cache
def _groups() -> tuple[Path, ...]:
    """Every group of the stores that says that it is an image."""
    documents = (file for name in (".zattrs", "zarr.json") for file in (CONFORMANCE / "stores").rglob(name))
    return tuple(sorted({file.parent for file in documents if b'"multiscales"' in file.read_bytes()}))


def _name(group: Path) -> str:
    return group.relative_to(CONFORMANCE / "stores").as_posix()


READABLE = [group for group in _groups() if _name(group) not in UNREADABLE]


@pytest.mark.parametrize("group", READABLE, ids=_name)
def test_every_image_of_the_stores_keeps_every_byte(group: Path) -> None:
    documents = stored_documents(group)
    decoded = codecs.decode(documents, HERE)
    assert documents_of(decoded.root, decoded.version, documents) == documents
    assert not [problem for problem in decoded.problems if problem.kind == "error" or not problem.location]
    assert TOLD.get(_name(group), set()) <= {problem.rule for problem in decoded.problems}


@pytest.mark.parametrize("group", READABLE, ids=_name)
def test_every_image_of_the_stores_survives_the_way_to_the_other_version_and_back(group: Path) -> None:
    decoded = codecs.decode(stored_documents(group), HERE)
    other: Version = "0.5" if decoded.version == "0.4" else "0.4"
    there = codecs.decode(documents_of(decoded.root, other), HERE)
    back = codecs.decode(documents_of(there.root, decoded.version), HERE)
    assert _comparable(back.root) == _comparable(decoded.root)


def _comparable(image: Image) -> Image:
    """Without what only one version can say of an array, and without places."""
    arrays = [evolve(level.array, key_encoding=None, dimension_names=None) for level in image.levels]
    levels = tuple(evolve(level, array=array) for level, array in zip(image.levels, arrays, strict=True))
    return unplaced(evolve(image, levels=levels))


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_an_image_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(NgffError, match=re.escape(UNREADABLE[name])) as refusal:
        codecs.decode(stored_documents(CONFORMANCE / "stores" / name), HERE)
    assert all(problem.location for problem in refusal.value.problems)


def test_the_stores_are_there() -> None:
    assert len(READABLE) == 81
    assert set(TOLD) <= {_name(group) for group in READABLE}


@pytest.mark.parametrize(
    ("name", "scale", "translation"),
    [
        ("tt", (1.0, 1.0), (20, 20)),
        ("ts", (2, 2), (20, 20)),  # x * 2 + 10 * 2
        ("ss", (4, 4), None),
        ("st", (2, 2), (10, 10)),
    ],
)
def test_a_list_of_transformations_is_applied_in_its_order(
    conformance: Path, name: str, scale: tuple[float, ...], translation: tuple[float, ...] | None
) -> None:
    group = conformance / "stores/n5universe_metadata/metadata.zarr/coordTforms" / name
    (level,) = codecs.decode(stored_documents(group), HERE).root.levels
    assert (level.scale, level.translation) == (scale, translation)


# -- what we write ---------------------------------------------------------------------------------------------------


def _as_the_specification_wants(image: Image) -> Image:
    """The image with what a valid one must have: types of axes, and colors and windows of channels."""
    usual = {"t": "time", "c": "channel", "a": "angle"}
    axes = tuple(evolve(axis, type=usual.get(axis.name.lower(), "space")) for axis in image.axes)
    window = Window(start=0, end=1, min=0, max=1.5)
    kept = ["transforms"] if image.scale is None else []  # they would stand beside an identity, as they came
    channels = image.channels and tuple(
        Channel(label=channel.label, color="00FF00", window=window, active=channel.active) for channel in image.channels
    )
    return evolve(image, axes=axes, channels=channels, extra=image.extra.without("multiscales", "omero", *kept))


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=25)
@given(st.data())
def test_what_is_encoded_is_valid_by_the_official_schemas(version: Version, data: st.DataObject) -> None:
    image = _as_the_specification_wants(data.draw(images(version, empty=False)))
    key = ".zattrs" if version == "0.4" else "zarr.json"
    document = parse(codecs.encode_group(image, version)[key])
    attributes = document if version == "0.4" else document["attributes"]
    validator(CONFORMANCE, version, "image").validate(attributes)
    if image.name is not None and image.method is not None and image.metadata is not None:
        validator(CONFORMANCE, version, "strict_image").validate(attributes)
