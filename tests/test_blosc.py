"""blosc2 decodes what numcodecs has encoded to the same bytes, and is loaded when that pays."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngff_fn.effects.pixels import blosc
from ngff_fn.effects.pixels.blosc import Decoder

pytest.importorskip("blosc2")


def zstd(**said: Any) -> Any:
    return numcodecs.get_codec({"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2, **said})


@settings(max_examples=200)
@given(
    st.sampled_from(["u1", "<u2", ">u2", "f4", "f8", "c16"]), st.integers(1, 70_000), st.integers(0, 2),
    st.integers(0, 9), st.sampled_from([0, 32, 4096]), st.integers(1, 2**16),
)  # fmt: skip
def test_both_decode_to_the_same_bytes(  # noqa: PLR0917 — what a codec can be told
    dtype: str, size: int, shuffle: int, clevel: int, blocksize: int, values: int
) -> None:
    codec = zstd(shuffle=shuffle, clevel=clevel, blocksize=blocksize)
    block = np.random.default_rng(size).integers(0, values, size).astype(dtype)
    encoded = codec.encode(block)
    assert bytes(Decoder(pays=0)(codec, encoded)) == bytes(codec.decode(encoded)) == block.tobytes()


@pytest.mark.parametrize("name", ["lz4", "blosclz", "zlib"])
def test_other_blosc_is_left_to_numcodecs(name: str) -> None:
    codec, decode = zstd(cname=name), Decoder(pays=0)
    assert bytes(decode(codec, codec.encode(bytes(1000)))) == bytes(1000)
    assert decode._blosc2 is None


@pytest.mark.parametrize("pays", [0, 2**40])
@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_large_chunks_are_decoded_to_the_same_bytes(name: str, pays: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, block = zstd(cname=name), np.random.default_rng(0).integers(0, 999, 5000).astype("u2")
    monkeypatch.setattr(blosc, "LARGE", block.nbytes)
    found = Decoder(pays)(codec, codec.encode(block))
    assert isinstance(found, np.ndarray)  # and not bytes, which come page by page
    assert found.tobytes() == block.tobytes()


@pytest.mark.parametrize("large", [1, 2**25])
@pytest.mark.parametrize("pays", [0, 2**40])
def test_damage_is_an_error_or_other_bytes_and_never_the_end_of_the_process(
    pays: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blosc, "LARGE", large)
    codec, decode, chance = zstd(), Decoder(pays), np.random.default_rng(0)
    encoded = codec.encode(chance.integers(0, 999, 5000).astype("u2"))
    refused = 0
    for _ in range(300):
        damaged = bytearray(encoded)
        for at in chance.integers(16, len(damaged), 3):
            damaged[at] ^= 1 << int(chance.integers(0, 8))
        try:
            decode(codec, bytes(damaged[: chance.integers(17, len(damaged) + 1)]))
        except (RuntimeError, ValueError):
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("at", [0, 1, 8, 9, 10, 11])
@pytest.mark.parametrize("large", [1, 2**25])
def test_a_damaged_header_is_refused_as_numcodecs_does(at: int, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blosc, "LARGE", large)
    codec, decode = zstd(), Decoder(pays=0)
    encoded = codec.encode(np.random.default_rng(0).integers(0, 999, 5000).astype("u2"))
    for value in range(256):
        damaged = bytearray(encoded)
        damaged[at] = value
        try:
            expected = codec.decode(bytes(damaged))
        except (RuntimeError, ValueError):
            with pytest.raises((RuntimeError, ValueError)):
                decode(codec, bytes(damaged))
        else:
            assert bytes(decode(codec, bytes(damaged))) == bytes(expected)


@pytest.mark.parametrize("name", ["zstd", "lz4"])
@pytest.mark.parametrize("pays", [0, 2**40])
def test_a_chunk_that_is_cut_off_is_refused(name: str, pays: int) -> None:
    codec, decode = zstd(cname=name), Decoder(pays=pays)
    for block in (np.random.default_rng(0).integers(0, 2**16, 5000), np.arange(5000)):
        encoded = codec.encode(block.astype("u2"))
        for stop in (16, 17, len(encoded) // 2, len(encoded) - 1):
            with pytest.raises(ValueError, match="cut off"):
                decode(codec, encoded[:stop])


def test_it_is_loaded_once_that_pays_or_where_the_program_has_loaded_it() -> None:
    code = """
import sys, numcodecs
from ngff_fn.effects.pixels.blosc import Decoder
codec = numcodecs.get_codec({"id": "blosc", "cname": "zstd"})
encoded = codec.encode(bytes(range(256)) * 100)
decode = Decoder(pays=2 * len(encoded))
decode(codec, encoded)
assert "blosc2" not in sys.modules
decode(codec, encoded)
assert "blosc2" in sys.modules and decode._blosc2 is not None
other = Decoder()
other(codec, encoded)
assert other._blosc2 is not None
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
