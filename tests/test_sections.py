"""Of a large chunk only the blocks that are asked for are decoded, and what comes is what the whole chunk holds."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.pixels.chunks import ChunkCodec, unit_codec
from ngff_fn.effects.pixels.columns import SECTION
from ngff_fn.effects.pixels.sections import Read, section, slab_of
from ngff_fn.frozen_json import FrozenMap, Json
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.memory import MIB, holding_little

LARGE = (32, 1024, 1024)
"""A chunk of 64 MiB."""
BLOCK = 2**12
CHUNK = (16, 256, 256)  # of 2 MiB


def parts_of(data: bytes) -> Read:
    return lambda start, stop: data[start:stop]


def some_pixels(count: int, dtype: str = "uint16") -> NDArray[Any]:
    return np.random.default_rng(0).poisson(300, count).astype(dtype)


def zstd(blocksize: int = BLOCK) -> numcodecs.Blosc:
    return numcodecs.Blosc("zstd", clevel=1, shuffle=2, blocksize=blocksize)


codecs_of_blosc = st.builds(
    numcodecs.Blosc,
    cname=st.sampled_from(["zstd", "lz4", "lz4hc", "blosclz", "zlib"]),
    clevel=st.sampled_from([0, 1, 5, 9]),
    shuffle=st.sampled_from([0, 1, 2]),
    blocksize=st.sampled_from([0, 256, 1000, 4096, 2**15]),
)


@settings(max_examples=300)
@for_all(
    codec=codecs_of_blosc,
    dtype=st.sampled_from(["uint8", "uint16", "float32", "complex128"]),
    count=st.integers(1, 40_000),
    is_noise=st.booleans(),
    data=st.data(),
)
def test_a_section_is_what_the_chunk_holds_there(
    codec: Any, dtype: str, count: int, is_noise: bool, data: st.DataObject
) -> None:
    noise = np.random.default_rng(count).integers(0, 256, count * np.dtype(dtype).itemsize, "uint8")
    pixels = noise.tobytes() if is_noise else some_pixels(count, dtype).tobytes()
    start = data.draw(st.integers(0, len(pixels) - 1))
    stop = data.draw(st.integers(start + 1, len(pixels)))
    found = section(parts_of(codec.encode(np.frombuffer(pixels, dtype))), (codec,), len(pixels), start, stop)
    assert found is None or bytes(found) == pixels[start:stop]


@pytest.mark.parametrize("count", [2048 * 8, 2048 * 8 + 1, 2048 * 9 - 1])
def test_every_block_can_be_had_alone_also_the_last_and_shorter_one(count: int) -> None:
    pixels = some_pixels(count)
    data = zstd().encode(pixels)
    for start in range(0, pixels.nbytes, BLOCK):
        stop = min(start + BLOCK, pixels.nbytes)
        assert bytes(section(parts_of(data), (zstd(),), pixels.nbytes, start, stop)) == pixels.tobytes()[start:stop]


def test_little_more_is_read_than_the_blocks_that_are_asked_for() -> None:
    pixels, asked = some_pixels(2**20), []

    def read(start: int, stop: int | None) -> bytes:
        asked.append(data[start:stop])
        return data[start:stop]

    data = bytes(zstd(2**15).encode(pixels))
    section(read, (zstd(),), pixels.nbytes, 10 * 2**15, 12 * 2**15)
    assert sum(map(len, asked)) < len(data) / 16


def test_blocks_that_several_threads_have_written_in_another_order_are_found() -> None:
    pixels = some_pixels(2048 * 6)
    data = zstd().encode(pixels)
    header, starts = data[:16], struct.unpack_from("<6I", data, 16)
    blocks = [data[start:stop] for start, stop in zip(starts, (*starts[1:], len(data)), strict=True)]
    at, places = 40, {}
    for index in (1, 0, 3, 2, 5, 4):
        places[index] = at
        at += len(blocks[index])
    mixed = header + struct.pack("<6I", *(places[index] for index in range(6)))
    mixed += b"".join(blocks[index] for index in (1, 0, 3, 2, 5, 4))
    assert zstd().decode(mixed) == pixels.tobytes()
    for first in range(6):
        for last in range(first + 1, 7):
            wanted = slice(first * BLOCK, last * BLOCK)
            found = section(parts_of(mixed), (zstd(),), pixels.nbytes, wanted.start, wanted.stop)
            assert bytes(found) == pixels.tobytes()[wanted]


def test_pixels_that_nothing_makes_smaller_are_read_as_they_lie_there() -> None:
    data = bytes(range(200))
    assert section(parts_of(data), (), 200, 50, 60) == data[50:60]
    for other in (data[:55], data[:199], data + b"1"):
        assert section(parts_of(other), (), 200, 50, 60) is None


@settings(max_examples=300)
@for_all(at=st.integers(0, 16 + 4 * 8 - 1), value=st.integers(0, 255), place=st.integers(0, 7))
def test_a_damaged_header_gives_no_section_or_one_of_its_length(at: int, value: int, place: int) -> None:
    pixels = some_pixels(2048 * 8)
    data = bytearray(zstd().encode(pixels))
    data[at] = value
    found = section(parts_of(bytes(data)), (zstd(),), pixels.nbytes, place * BLOCK, (place + 1) * BLOCK)
    assert found is None or len(found) == BLOCK


@for_all(data=st.data())
def test_a_slab_is_one_piece_that_holds_the_box(data: st.DataObject) -> None:
    chunks = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    box = []
    for size in chunks:
        start = data.draw(st.integers(0, size - 1))
        box.append((start, data.draw(st.integers(start + 1, size))))
    values = np.arange(np.prod(chunks)).reshape(chunks)
    slab = slab_of(tuple(box), chunks)
    found = values.ravel()[slab.start : slab.stop].reshape(slab.shape)[slab.inside]
    np.testing.assert_array_equal(found, values[tuple(slice(*bounds) for bounds in box)])


# --- chunks in files


def codec_of(**array: Any) -> ChunkCodec:
    entry: dict[str, Json] = {"cname": "zstd", "clevel": 1, "shuffle": "bitshuffle", "blocksize": 2**15}
    blosc = FrozenMap({"name": "blosc", "configuration": FrozenMap(entry)})
    codec = unit_codec(ArraySpec(shape=CHUNK, dtype="uint16", chunks=CHUNK, compressors=(blosc,), **array))
    assert isinstance(codec, ChunkCodec)
    return codec


def test_a_chunk_that_is_replaced_while_a_section_is_read_is_read_again() -> None:
    codec = codec_of()
    old, new = (codec.encode(some_pixels(2**20).reshape(CHUNK) + add) or b"" for add in (0, 1))
    files = [old]

    def read(start: int, stop: int | None) -> bytes:
        data = files[0]
        if start:  # the header is read, the blocks are not
            files[0] = new
        return files[0][start:stop] if stop is None or start == 0 else data[start:stop]

    block = codec.chunks_in(read, lambda: files[0])((0, 0, 0), ((3, 4), (0, 256), (0, 256)))
    np.testing.assert_array_equal(block, codec.decode(new)[3:4])


@pytest.mark.parametrize("place", [3, 12])
def test_a_chunk_that_is_cut_off_is_refused_wherever_the_section_is(place: int) -> None:
    codec = codec_of()
    data = codec.encode(some_pixels(2**20).reshape(CHUNK)) or b""
    chunk_at = codec.chunks_in(parts_of(data[: len(data) // 2]), lambda: 1)
    with pytest.raises(ValueError, match="cut off"):
        chunk_at((0, 0, 0), ((place, place + 1), (0, 256), (0, 256)))


def test_a_chunk_that_is_not_there_is_fill_value_in_every_section() -> None:
    chunk_at = codec_of(fill_value=7).chunks_in(lambda _start, _stop: None, lambda: None)
    assert (chunk_at((0, 0, 0), ((3, 4), (0, 256), (0, 256))) == 7).all()


# --- images


def large_image(store: Path, version: Version = "0.5", **options: Any) -> NDArray[Any]:
    data = np.add.outer(np.arange(32) * 100, np.arange(2**20).reshape(1024, 1024) // 64).astype("uint16")
    nf.create(store, nf.image_from(data, axes="zyx", chunks=LARGE, **options), version=version)
    return data


READERS: dict[str, Callable[[Path], Any]] = {
    "evaluate": lambda store: nf.evaluate(nf.open_ome_zarr(store).root, 0, ((20, 21), (0, 1024), (0, 1024)))[0],
    "a crop": lambda store: nf.evaluate(nf.crop(nf.open_ome_zarr(store).root, z=(20, 21)))[0],
    "a tile": lambda store: nf.read_tile(store, "0", 0, 0, pre_dims=(20,))[0],
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", READERS)
def test_a_plane_of_a_large_chunk_takes_the_memory_of_a_plane(name: str, version: Version, tmp_path: Path) -> None:
    data = large_image(tmp_path / "a.zarr", version)
    READERS[name](tmp_path / "a.zarr")  # everything is imported
    with holding_little(24 * MIB):
        plane = READERS[name](tmp_path / "a.zarr")
    np.testing.assert_array_equal(plane, data[20])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pyramid_of_a_large_chunk_takes_the_memory_of_its_sections(version: Version, tmp_path: Path) -> None:
    data = large_image(tmp_path / "a.zarr", version)
    assert data.nbytes == 4 * SECTION
    nf.update(tmp_path / "a.zarr", c.with_pyramid(2, chunks="halve"))
    nf.update(tmp_path / "a.zarr", c.remove_level(1))
    with holding_little(56 * MIB):
        nf.update(tmp_path / "a.zarr", c.with_pyramid(3, chunks="halve"))
    level = data
    for path in ("1", "2"):
        windows = level.reshape([part for size in level.shape for part in (size // 2, 2)])
        level = np.rint(windows.sum(axis=(1, 3, 5), dtype="int64") / 8).astype("uint16")  # half to even
        np.testing.assert_array_equal(nf.to_numpy(tmp_path / "a.zarr", path), level)


def test_a_shard_has_sections_of_its_chunks_too(tmp_path: Path) -> None:
    data = large_image(tmp_path / "a.zarr", shards_ratio=(1, 1, 1))
    READERS["evaluate"](tmp_path / "a.zarr")
    with holding_little(24 * MIB):
        plane = READERS["evaluate"](tmp_path / "a.zarr")
    np.testing.assert_array_equal(plane, data[20])
