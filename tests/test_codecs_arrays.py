"""The documents of arrays: Zarr itself opens what is written, and what Zarr writes is understood."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
import zarr.codecs
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn import codecs
from ngff_fn.errors import DocumentError, Problem
from ngff_fn.frozen_json import EMPTY, FrozenMap, Json
from ngff_fn.records.arrays import DEFAULT_COMPRESSORS, ArraySpec
from ngff_fn.records.axes import axes_from
from ngff_fn.records.image import Level
from ngff_fn.records.pixels import fill
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.documents import HERE, as_texts
from tests.strategies import array_specs, codec

AXES = axes_from("yx")
BIG = codec("bytes", endian="big")
BLOSC = DEFAULT_COMPRESSORS
SHUFFLED = (codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", blocksize=0),)
BIT_SHUFFLED = (codec("blosc", cname="lz4", clevel=5, shuffle="bitshuffle", blocksize=0),)
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
TRANSPOSED = {"name": "transpose", "configuration": {"order": [1, 0]}}
TRANSPOSE = codec("transpose", order=(1, 0))


def _level(array: ArraySpec, **extra: Json) -> Level:
    return Level(path="0", scale=(1.0, 1.0), array=array, pixels=fill(array.shape), extra=FrozenMap(extra))


def _spec(**fields: Any) -> ArraySpec:
    return ArraySpec(**{"shape": (7, 9), "dtype": "uint16", "chunks": (3, 4), "compressors": (), **fields})


def _texts(array: ArraySpec, version: Version) -> dict[str, bytes]:
    return codecs.encode_array(_level(array), AXES, version)


def _read(texts: dict[str, bytes], problems: list[Problem] | None = None) -> ArraySpec:
    """The array of an image that has it as its only level."""
    version: Version = "0.5" if "zarr.json" in texts else "0.4"
    image = codecs.encode_group(_image(), version)
    decoded = codecs.decode({**image, **{f"0/{name}": text for name, text in texts.items()}}, HERE)
    if problems is not None:
        problems.extend(decoded.problems)
    read: ArraySpec = decoded.root.levels[0].array
    return read


def _image() -> Any:
    from ngff_fn.records.image import Image

    return Image(axes=AXES, levels=(_level(_spec()),))


def _put(texts: dict[str, bytes], directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_bytes(text)
    return directory


# -- written by us, read by Zarr -------------------------------------------------------------------------------------

COMMON = {
    "plain": _spec(),
    "blosc": _spec(compressors=BLOSC),
    "shuffled": _spec(compressors=SHUFFLED),
    "unshuffled": _spec(compressors=(codec("blosc", cname="zstd", clevel=3, shuffle="noshuffle", blocksize=0),)),
    "zstd": _spec(compressors=(codec("zstd", level=3, checksum=False),)),
    "gzip": _spec(compressors=(codec("gzip", level=6),)),
    "zlib": _spec(compressors=(codec("numcodecs.zlib", level=1),)),
    "bz2": _spec(compressors=(codec("numcodecs.bz2", level=1),)),
    "two": _spec(compressors=(codec("numcodecs.shuffle", elementsize=2), codec("zstd", level=3, checksum=False))),
    "delta": _spec(filters=(codec("numcodecs.delta", dtype="<u2"),), compressors=BLOSC),
    "transposed": _spec(filters=(TRANSPOSE,), compressors=SHUFFLED),
    "big": _spec(serializer=BIG, compressors=SHUFFLED),
    "big transposed": _spec(serializer=BIG, filters=(TRANSPOSE,), dtype="float32", fill_value="NaN"),
    "dots": _spec(separator="."),
    "bool": _spec(dtype="bool", fill_value=True),
    "int8": _spec(dtype="int8", fill_value=-128, compressors=BLOSC),
    "uint64": _spec(dtype="uint64", fill_value=2**64 - 1),
    "float16": _spec(dtype="float16", fill_value="-Infinity"),
    "float64": _spec(dtype="float64", fill_value=0.1, compressors=BLOSC),
    "complex64": _spec(dtype="complex64", fill_value=(1.0, "NaN")),
    "complex128": _spec(dtype="complex128", fill_value=(0.0, 0.0), serializer=BIG),
}
ONLY_0_5 = {
    "sharded": _spec(shards=(6, 8), compressors=BLOSC),
    "sharded transposed": _spec(shards=(3, 8), filters=(TRANSPOSE,), serializer=BIG),
    "index first": _spec(shards=(6, 8), shard_index=FrozenMap({"index_location": "start"})),
    "index plain": _spec(shards=(6, 8), shard_index=FrozenMap({"index_codecs": (codec("bytes", endian="little"),)})),
    "old keys": _spec(key_encoding="v2", separator="."),
    "old nested keys": _spec(key_encoding="v2"),
    "unnamed": _spec(dimension_names=()),
    "named": _spec(dimension_names=("rows", None)),
    "strange NaN": _spec(dtype="float32", fill_value="0x7fc00001"),
}
WRITTEN = [
    pytest.param(version, array, id=f"{version}-{name}") for version in VERSIONS for name, array in COMMON.items()
]
WRITTEN += [pytest.param("0.5", array, id=f"0.5-{name}") for name, array in ONLY_0_5.items()]


def _is_known_to_zarr(array: ArraySpec, version: Version) -> bool:
    """Whether the Zarr that is installed knows all of an array: before 3.1 it had no codecs of numcodecs in Zarr v3."""
    if version == "0.4" or zarr.__version__ >= "3.1":
        return True
    names = [str(entry["name"]) for entry in (*array.filters, *array.compressors)]
    return not any(name.startswith("numcodecs.") for name in names) and array.fill_value != "0x7fc00001"


def _values(array: ArraySpec) -> Any:
    return (np.arange(63).reshape(7, 9) % 100).astype(array.dtype)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize(("version", "array"), WRITTEN)
def test_zarr_opens_and_fills_what_is_written(version: Version, array: ArraySpec, tmp_path: Path) -> None:
    assert codecs.expression_problems(_image_of(array), version) == []
    if not _is_known_to_zarr(array, version):
        pytest.skip(f"zarr {zarr.__version__} does not know all of it")
    path = _put(_texts(array, version), tmp_path / "array")
    opened = zarr.open_array(path, mode="r+")
    assert (opened.shape, opened.chunks, opened.shards) == (array.shape, array.chunks, array.shards)
    assert opened.dtype.newbyteorder("=") == np.dtype(array.dtype)
    np.testing.assert_array_equal(np.asarray(opened[0, 0]), _number(array))
    opened[...] = _values(array)
    np.testing.assert_array_equal(zarr.open_array(path, mode="r")[...], _values(array))


def _image_of(array: ArraySpec) -> Any:
    image = _image()
    return evolve(image, levels=(_level(array),))


def _number(array: ArraySpec) -> Any:
    words = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf, "0x7fc00001": np.nan}
    value = array.fill_value
    parts = [
        words.get(part, part) if isinstance(part, str) else part
        for part in (value if isinstance(value, tuple) else (value,))
    ]
    return complex(*parts) if len(parts) == 2 else parts[0]  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize("array", COMMON.values(), ids=COMMON)
def test_a_chunk_of_one_version_is_a_chunk_of_the_other(array: ArraySpec, tmp_path: Path) -> None:
    if not _is_known_to_zarr(array, "0.5"):
        pytest.skip(f"zarr {zarr.__version__} does not know all of it")
    old = zarr.open_array(_put(_texts(array, "0.4"), tmp_path / "old"), mode="r+")
    old[...] = _values(array)
    new = _put(_texts(array, "0.5"), tmp_path / "new")
    for chunk in (path for path in (tmp_path / "old").rglob("*") if path.is_file() and not path.name.startswith(".")):
        key = chunk.relative_to(tmp_path / "old").as_posix()
        target = new / (f"c/{key}" if array.separator == "/" else f"c.{key}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(chunk.read_bytes())
    np.testing.assert_array_equal(zarr.open_array(new, mode="r")[...], _values(array))


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=25)
@given(st.data())
def test_zarr_opens_any_array_that_is_written(version: Version, data: st.DataObject) -> None:
    array = data.draw(array_specs(version, 2).filter(lambda array: _is_known_to_zarr(array, version)))
    store = zarr.storage.MemoryStore()
    for name, text in _texts(array, version).items():
        zarr.core.sync.sync(store.set(name, zarr.core.buffer.cpu.Buffer.from_bytes(text)))
    opened = zarr.open_array(store, mode="r")
    assert (opened.shape, opened.shards, str(opened.dtype.newbyteorder("="))) == (
        array.shape,
        array.shards,
        array.dtype,
    )


# -- written by Zarr, read by us -------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {"zarr_format": 2, "dtype": "uint16"},
    {"zarr_format": 2, "dtype": ">f4", "fill_value": float("nan"), "order": "F"},
    {"zarr_format": 2, "dtype": "c8", "fill_value": 1 + 2j, "compressors": None},
    {"zarr_format": 2, "dtype": "bool", "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"zarr_format": 3, "dtype": "uint16", "dimension_names": ["y", "x"]},
    {"zarr_format": 3, "dtype": "uint8", "compressors": zarr.codecs.BloscCodec(cname="lz4", shuffle="bitshuffle")},
    {"zarr_format": 3, "dtype": "float64", "shards": (6, 8), "fill_value": float("inf"), "attributes": {"note": 1}},
    {"zarr_format": 3, "dtype": "complex128", "fill_value": 1j, "serializer": zarr.codecs.BytesCodec(endian="big")},
    {"zarr_format": 3, "dtype": "int64", "filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: f"{options['zarr_format']}-{options['dtype']}")
def test_what_zarr_writes_keeps_every_byte(options: dict[str, Any], tmp_path: Path) -> None:
    made = zarr.create_array(tmp_path / "array", shape=(7, 9), chunks=(3, 4), **options)
    texts = {path.name: path.read_bytes() for path in (tmp_path / "array").iterdir() if path.is_file()}
    version: Version = "0.4" if options["zarr_format"] == 2 else "0.5"
    documents = {**codecs.encode_group(_image(), version), **{f"0/{name}": text for name, text in texts.items()}}
    (level,) = codecs.decode(documents, HERE).root.levels
    assert (level.array.shape, level.array.chunks, level.array.shards) == (made.shape, made.chunks, made.shards)
    assert codecs.encode_array(level, AXES, version, texts) == {
        name: text for name, text in texts.items() if name != ".zattrs" or level.extra != EMPTY or text
    }


# -- normal form -----------------------------------------------------------------------------------------------------


def _v2(**members: Any) -> dict[str, bytes]:
    array = {
        "zarr_format": 2, "shape": [7, 9], "chunks": [3, 4], "dtype": "<u2", "compressor": None, "fill_value": 0,
        "order": "C", "filters": None, "dimension_separator": "/",
    }  # fmt: skip
    return dict(as_texts({".zarray": {**array, **members}}))


def _v3(**members: Any) -> dict[str, bytes]:
    array = {
        "zarr_format": 3, "node_type": "array", "shape": [7, 9], "data_type": "uint16", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [LITTLE], "dimension_names": ["y", "x"],
    }  # fmt: skip
    return dict(as_texts({"zarr.json": {**array, **members}}))


def _blosc(**configuration: Any) -> dict[str, Any]:
    return {"id": "blosc", "cname": "lz4", "clevel": 5, "blocksize": 0, **configuration}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (_v2(), _spec()),
        (_v2(compressor=_blosc(shuffle=1)), _spec(compressors=SHUFFLED)),
        (_v2(compressor=_blosc(shuffle=-1)), _spec(compressors=SHUFFLED)),
        (
            _v2(compressor=_blosc(shuffle=-1), dtype="|u1"),
            _spec(dtype="uint8", compressors=BIT_SHUFFLED),
        ),
        (_v2(compressor={"id": "gzip", "level": -1}), _spec(compressors=(codec("gzip", level=6),))),
        (_v2(compressor={"id": "zstd"}), _spec(compressors=(codec("zstd", level=0, checksum=False),))),
        (_v2(compressor={"id": "lzma", "preset": 1}), _spec(compressors=(codec("numcodecs.lzma", preset=1),))),
        (_v2(filters=[{"id": "zfpy", "rate": 8}]), _spec(serializer=codec("numcodecs.zfpy", rate=8))),
        (_v2(order="F"), _spec(filters=(TRANSPOSE,))),
        (_v2(dtype=">u2", filters=[]), _spec(serializer=BIG)),
        (_v2(fill_value=None), _spec(fill_value=None)),
        (_v2(fill_value="7"), _spec(fill_value=7)),
        (_v2(fill_value=7.0), _spec(fill_value=7)),
        (_v2(fill_value=1, dtype="|b1"), _spec(dtype="bool", fill_value=True)),
        (_v2(fill_value=0, dtype="<f4"), _spec(dtype="float32", fill_value=0.0)),
        (_v2(fill_value=0.1, dtype="<f4"), _spec(dtype="float32", fill_value=0.10000000149011612)),
        (_v2(fill_value="nan", dtype="<f4"), _spec(dtype="float32", fill_value="NaN")),
        (
            _v2(fill_value=base64.b64encode(struct.pack(">2f", 1, 2)).decode(), dtype=">c8"),
            _spec(dtype="complex64", fill_value=(1.0, 2.0), serializer=BIG),
        ),
        (_v3(), _spec()),
        (_v3(codecs=["bytes"], data_type="uint8"), _spec(dtype="uint8")),
        (_v3(codecs=[{"name": "bytes", "configuration": {"endian": "big"}}], data_type="uint8"), _spec(dtype="uint8")),
        (_v3(fill_value="0x7FC00000", data_type="float32"), _spec(dtype="float32", fill_value="NaN")),
        (_v3(fill_value="0x7fC00001", data_type="float32"), _spec(dtype="float32", fill_value="0x7fc00001")),
        (_v3(fill_value="0x3f800000", data_type="float32"), _spec(dtype="float32", fill_value=1.0)),
        (_v3(dimension_names=["y", "X"]), _spec(dimension_names=("y", "X"))),
        (_v3(dimension_names=None), _spec(dimension_names=())),
        (_v3(chunk_key_encoding={"name": "v2"}), _spec(key_encoding="v2", separator=".")),
        (_v3(chunk_key_encoding="default"), _spec()),
        (_v3(made_up={"must_understand": False}, storage_transformers=[]), _spec()),
        (
            _v3(codecs=["bytes", {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "typesize": 7}}]),
            _spec(compressors=SHUFFLED),
        ),
        (
            _v3(codecs=[LITTLE, {"name": "new", "configuration": {"a": 1}}]),
            _spec(compressors=(codec("new", a=1),)),
        ),
        (
            _v3(codecs=[TRANSPOSED, {"name": "new"}, {"name": "crc32c"}]),
            _spec(filters=(TRANSPOSE,), serializer=codec("new"), compressors=(codec("crc32c"),)),
        ),
    ],
)  # fmt: skip
def test_arrays_that_mean_the_same_are_equal_and_keep_their_bytes(texts: dict[str, bytes], expected: ArraySpec) -> None:
    array = _read(texts)
    assert array == expected
    assert json.dumps(array.fill_value) == json.dumps(expected.fill_value)
    version: Version = "0.5" if "zarr.json" in texts else "0.4"
    assert codecs.encode_array(_level(array), AXES, version, texts) == texts


SHARDING = {
    "name": "sharding_indexed",
    "configuration": {
        "chunk_shape": [3, 2], "codecs": [LITTLE], "index_codecs": [LITTLE, {"name": "crc32c"}],
        "index_location": "end",
    },
}  # fmt: skip


def test_a_shard_that_is_all_there_is_has_chunks_inside() -> None:
    assert _read(_v3(codecs=[SHARDING])) == _spec(shards=(3, 4), chunks=(3, 2))


def test_shards_among_other_codecs_are_kept_as_they_are() -> None:
    array = _read(_v3(codecs=[SHARDING, {"name": "crc32c"}]))
    assert (array.shards, array.chunks, array.compressors) == (None, (3, 4), (codec("crc32c"),))
    assert array.serializer is not None
    assert array.serializer["name"] == "sharding_indexed"


# -- refused ---------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, bytes], str, str]] = [
    (_v2(dtype="<M8[ns]"), "0/.zarray: dtype", "<M8"),
    (_v2(dtype="|S5"), "0/.zarray: dtype", "|S5"),
    (_v2(dtype="<f3"), "0/.zarray: dtype", "<f3"),
    (_v2(dtype=[["a", "<u2"]]), "0/.zarray: dtype", "structured"),
    (_v2(shape=[7, -9]), "0/.zarray: shape[1]", "integer from 0 on"),
    (_v2(shape=[7, True]), "0/.zarray: shape[1]", "true"),
    (_v2(shape=[7, 2**70]), "0/.zarray: shape[1]", "integer"),
    (_v2(chunks=[0, 4]), "0/.zarray: chunks[0]", "integer from 1 on"),
    (_v2(chunks=[3]), "0/.zarray: chunks", "has 1 sizes, and the array 2 dimensions"),
    (_v2(fill_value=65536), "0/.zarray: fill_value", "from 0 to 65535"),
    (_v2(fill_value="x", dtype="<f4"), "0/.zarray: fill_value", "'x'"),
    (_v2(fill_value=1e39, dtype="<f4"), "0/.zarray: fill_value", "32 bits"),
    (_v2(fill_value=[1], dtype="<c8"), "0/.zarray: fill_value", "list of two"),
    (_v2(compressor={"level": 1}), "0/.zarray: compressor", "id"),
    (_v2(compressor=_blosc(shuffle=7)), "0/.zarray: compressor.shuffle", "7"),
    (_v2(order="A"), "0/.zarray: order", "'A'"),
    (_v2(filters=[{"id": "zfpy"}], dtype=">f4"), "0/.zarray: dtype", "big endian"),
    (_v3(data_type="string"), "0/zarr.json: data_type", "'string'"),
    (_v3(data_type={"name": "struct", "configuration": {}}), "0/zarr.json: data_type", "'struct'"),
    (_v3(chunk_grid={"name": "rectilinear", "configuration": {}}), "0/zarr.json: chunk_grid", "'rectilinear'"),
    (_v3(chunk_grid={"name": "regular"}), "0/zarr.json: chunk_grid.configuration.chunk_shape", "not there"),
    (_v3(chunk_key_encoding={"name": "hashed"}), "0/zarr.json: chunk_key_encoding", "'hashed'"),
    (_v3(storage_transformers=[{"name": "a"}]), "0/zarr.json: storage_transformers", "not supported"),
    (_v3(made_up={}), "0/zarr.json: made_up", "must be understood"),
    (_v3(codecs=[]), "0/zarr.json: codecs", "empty"),
    (_v3(codecs=[{"name": "transpose"}]), "0/zarr.json: codecs", "no codec makes bytes"),
    (_v3(codecs=[7]), "0/zarr.json: codecs[0]", "7"),
    (_v3(dimension_names=["y"]), "0/zarr.json: dimension_names", "1 names"),
    (
        _v3(codecs=[{**SHARDING, "configuration": {**SHARDING["configuration"], "chunk_shape": [2, 2]}}]),  # type: ignore[dict-item]
        "0/zarr.json: codecs[0].configuration.chunk_shape",
        "does not divide",
    ),
]


@pytest.mark.parametrize(("texts", "location", "message"), REFUSED)
def test_arrays_that_cannot_be_understood_are_refused_by_name_and_place(
    texts: dict[str, bytes], location: str, message: str
) -> None:
    with pytest.raises(DocumentError) as refusal:
        _read(texts)
    assert [
        problem for problem in refusal.value.problems if problem.location == location and message in problem.message
    ]


NOT_IN_0_4: list[tuple[ArraySpec, str]] = [
    (_spec(shards=(6, 8)), "shards"),
    (_spec(key_encoding="default"), "key_encoding"),
    (_spec(serializer=codec("new")), "codecs"),
    (_spec(compressors=(codec("new"),)), "codecs"),
    (_spec(compressors=(codec("numcodecs.zstd", level=1),)), "codecs"),
    (evolve(_spec(), filters=(codec("numcodecs.delta", dtype="<u2"), TRANSPOSE)), "codecs"),
    (_spec(dtype="float32", fill_value="0x7fc00001"), "fill_value"),
    (_spec(fill_value=-1), "fill_value"),
]


@pytest.mark.parametrize(("array", "field"), NOT_IN_0_4)
def test_what_0_4_cannot_express_is_told(array: ArraySpec, field: str) -> None:
    problems = codecs.expression_problems(_image_of(array), "0.4")
    assert [(problem.location, problem.kind) for problem in problems] == [(f"levels[0].array.{field}", "error")]


def test_a_fill_value_that_0_5_must_have_is_written_as_zero_with_a_warning() -> None:
    array = _spec(fill_value=None)
    (problem,) = codecs.expression_problems(_image_of(array), "0.5")
    assert problem.kind == "warning"
    assert _read(_texts(array, "0.5")) == evolve(array, fill_value=0)


# -- attributes and revisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_revision_is_written_beside_the_attributes_and_is_none_of_them(version: Version) -> None:
    level = _level(_spec(), attributes=FrozenMap({"note": 1}))
    texts = codecs.encode_array(level, AXES, version, revision="00ff")
    image = codecs.encode_group(_image(), version)
    documents = {**image, **{f"0/{name}": text for name, text in texts.items()}}
    assert codecs.decode(documents, HERE).root.levels[0].extra == level.extra
    assert b'"revision": "00ff"' in b"".join(texts.values())
    assert codecs.encode_array(level, AXES, version, texts) == texts
    assert codecs.encode_array(level, AXES, version, texts, "00ff") == texts
    assert b'"revision": "0100"' in b"".join(codecs.encode_array(level, AXES, version, texts, "0100").values())


def test_an_array_of_0_4_without_attributes_has_no_document_for_them() -> None:
    assert set(_texts(_spec(), "0.4")) == {".zarray"}
    level = _level(_spec())
    assert codecs.encode_array(level, AXES, "0.4", {**_v2(), ".zattrs": b'{"note": 1}'})[".zattrs"] == b"{}"


def test_the_names_of_dimensions_follow_the_axes() -> None:
    texts = _v3()
    level = _level(_read(texts))
    renamed = codecs.encode_array(level, axes_from("zx"), "0.5", texts)
    assert renamed["zarr.json"] == texts["zarr.json"].replace(b'"y"', b'"z"')


def test_a_token_tells_documents_apart_and_does_not_look_at_their_order() -> None:
    texts = {".zarray": b"{}", ".zattrs": b"{ }"}
    assert codecs.token(texts) == codecs.token(dict(reversed(texts.items())))
    assert codecs.token(texts) != codecs.token({".zarray": b"{}{ }", ".zattrs": b""})
    assert codecs.token({}) != codecs.token({".zarray": b""})
