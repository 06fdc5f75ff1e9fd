from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.edits.codec_chain import codec_chain
from ngff_fn.edits.fill_values import converted, fill_value_for
from ngff_fn.edits.levels import add_level, add_level_zeros
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    UnsupportedError,
    WrongTypeError,
)
from ngff_fn.frozen_json import FrozenMap, freeze, same
from ngff_fn.records.axes import axes_from
from ngff_fn.records.image import Image

EMPTY = Image(axes=axes_from("zyx"))
ZEROS = np.zeros((4, 6, 6), "uint16")


# --- codecs and fill values -------------------------------------------------------------------------------------------


def test_codecs_are_split_by_kind() -> None:
    chain = codec_chain(
        [
            {"name": "transpose", "configuration": {"order": [1, 0]}},
            {"name": "bytes", "configuration": {"endian": "big"}},
            "zstd",
            "crc32c",
        ]
    )
    assert [codec["name"] for codec in chain.filters] == ["transpose"]
    assert chain.serializer == FrozenMap({"name": "bytes", "configuration": FrozenMap({"endian": "big"})})
    assert [codec["name"] for codec in chain.compressors] == ["zstd", "crc32c"]


def test_the_usual_serializer_is_left_out() -> None:
    assert codec_chain(["bytes"]).serializer is None
    assert codec_chain([{"name": "bytes", "configuration": {"endian": "little"}}]).serializer is None


def test_elements_of_one_byte_have_no_byte_order() -> None:
    big = [{"name": "bytes", "configuration": {"endian": "big"}}]
    assert add_level(EMPTY, "0", ZEROS, codecs=big).levels[0].array.serializer == freeze(big[0])
    assert add_level(EMPTY, "0", ZEROS.astype("uint8"), codecs=big).levels[0].array.serializer is None


def test_no_codecs_compress_nothing() -> None:
    assert codec_chain([]).compressors == ()


def test_blosc_has_its_whole_configuration_and_no_typesize() -> None:
    (blosc,) = codec_chain([{"name": "blosc", "configuration": {"cname": "lz4", "typesize": 2}}]).compressors
    wanted = {"cname": "lz4", "clevel": 1, "shuffle": "bitshuffle", "blocksize": 0}
    assert blosc == freeze({"name": "blosc", "configuration": wanted})


@pytest.mark.parametrize(
    ("codecs", "message", "error"),
    [
        (["lz5"], "no codec 'lz5'", UnsupportedError),
        (["numcodecs.zstd"], "no codec 'numcodecs.zstd'.*zstd", UnsupportedError),
        (["sharding_indexed"], "shards_ratio", InvalidValueError),
        (["zstd", "transpose"], "needs its order", InvalidValueError),
        (["zstd", {"name": "transpose", "configuration": {"order": [0]}}], "filters come first", InvalidValueError),
        (["bytes", "numcodecs.pcodec"], "at most one serializer", InvalidValueError),
        ([{"name": "blosc", "configuration": {"cname": "lz9"}}], "none of blosclz", InvalidValueError),
        ([{"name": "gzip", "configuration": [1]}], "no mapping", WrongTypeError),
        ([{"name": "gzip", "configuration": {"level": {1}}}], "not JSON", WrongTypeError),
        ([{"id": "gzip"}], "neither a name", WrongTypeError),
        ([7], "neither a name", WrongTypeError),
        ("zstd", "no sequence", WrongTypeError),
    ],
)
def test_codecs_that_cannot_be_are_refused_with_their_place(codecs: Any, message: str, error: type[NgffError]) -> None:
    with pytest.raises(error, match=f"codecs.*{message}"):
        add_level(EMPTY, "0", ZEROS, codecs=codecs)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        *[(256, "uint8"), (-1, "uint8"), (0.5, "uint8"), (2, "bool"), (1j, "float32")],
        *[(1e39, "float32"), (70000, "float16"), (10**400, "float64")],
        *[("7", "uint8"), ("nan", "float32"), (None, "uint8"), ("NaN", "int8")],
    ],
)
def test_a_fill_value_fits_into_its_dtype(value: Any, dtype: str) -> None:
    with pytest.raises(InvalidValueError, match="fill_value"):
        add_level_zeros(EMPTY, "0", (1, 1, 1), dtype, fill_value=value)


@pytest.mark.parametrize(
    ("value", "dtype", "spelled"),
    [
        (np.uint8(7), "uint8", 7),
        (0, "float32", 0.0),
        (True, "bool", True),
        (1, "bool", True),
        (np.float32("nan"), "float32", "NaN"),
        (-np.inf, "float64", "-Infinity"),
        ("Infinity", "float64", "Infinity"),
        ("0x7fc00000", "float32", "NaN"),
        (1 - 2j, "complex64", (1.0, -2.0)),
    ],
)
def test_a_fill_value_is_spelled_as_zarr_spells_it(value: Any, dtype: str, spelled: Any) -> None:
    assert same(fill_value_for(value, dtype, "fill_value"), spelled)


WHOLE_NUMBERS = st.sampled_from(["uint8", "uint16", "uint32", "int8", "int16", "int32", "int64"])


@given(st.data(), WHOLE_NUMBERS, st.sampled_from(["bool", "uint8", "uint16", "int8", "int32", "float32", "float64"]))
def test_a_fill_value_is_converted_as_numpy_converts(data: st.DataObject, source: str, target: str) -> None:
    info = np.iinfo(source)
    value = data.draw(st.integers(int(info.min), int(info.max)))
    assert converted(value, source, target) == np.array(value, source).astype(target).item()


@given(st.floats(-100, 100), st.sampled_from(["bool", "int8", "int64", "float16", "float32", "float64"]))
def test_a_float_is_converted_as_numpy_converts(value: float, target: str) -> None:
    assert converted(value, "float64", target) == np.array(value).astype(target).item()
