"""Chunks and shards that are encoded without zarr are what zarr reads, and what zarr wrote is decoded to the same
pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve
from numpy.typing import NDArray

from ngff_fn import codecs
from ngff_fn.effects.pixels.chunks import ChunkCodec, ShardCodec, unit_codec
from ngff_fn.effects.pixels.evaluate import evaluated
from ngff_fn.effects.pixels.units import unit_key, unit_region, units
from ngff_fn.frozen_json import FrozenMap, Json
from ngff_fn.records.arrays import DTYPES, ArraySpec
from ngff_fn.records.axes import axes_from
from ngff_fn.records.image import Level
from ngff_fn.records.pixels import fill, whole
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.arrays_in_stores import Home


def compressor(name: str, **configuration: Json) -> FrozenMap:
    return FrozenMap({"name": name, "configuration": FrozenMap(configuration)})


COMPRESSORS: dict[str, tuple[FrozenMap, ...]] = {
    "none": (),
    **{
        f"blosc {shuffle}": (compressor("blosc", cname="lz4", clevel=3, shuffle=shuffle, blocksize=0),)
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
    },
    "zstd": (compressor("zstd", level=3, checksum=False),),
    "gzip": (compressor("gzip", level=1),),
}
BIG = FrozenMap({"name": "bytes", "configuration": FrozenMap({"endian": "big"})})
SHAPE, CHUNKS = (5, 7), (2, 4)


def stored(array: ArraySpec, version: Version, values: NDArray[Any]) -> Home:
    """A store with the array, written by zarr."""
    home = Home(version=version)
    level = Level(path="0", scale=(1.0, 1.0), array=array, pixels=fill(array.shape))
    for name, text in codecs.encode_array(level, axes_from("yx"), version).items():
        home.files.write(f"0/{name}", text)
    with np.errstate(all="ignore"):
        zarr.open_array(home.store, path="0", mode="r+")[...] = values
    return home


def values_of(dtype: str) -> NDArray[Any]:
    chance = np.random.default_rng(0)
    bits = chance.integers(0, 256, np.prod(SHAPE) * np.dtype(dtype).itemsize, "uint8")
    return bits.view(dtype).reshape(SHAPE) if dtype != "bool" else (bits > 127).reshape(SHAPE)


def boxes() -> Iterator[tuple[tuple[int, int], tuple[slice, slice]]]:
    for row, column in product(range(3), range(2)):
        yield (row, column), (slice(2 * row, 2 * row + 2), slice(4 * column, 4 * column + 4))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", COMPRESSORS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_both_ways_give_the_same_pixels(dtype: str, name: str, version: Version) -> None:
    values = values_of(dtype)
    for serializer in (None, BIG) if np.dtype(dtype).itemsize > 1 else (None,):
        array = ArraySpec(
            shape=SHAPE, dtype=dtype, chunks=CHUNKS, compressors=COMPRESSORS[name], serializer=serializer
        )  # fmt: skip
        codec, home = chunk_codec(array), stored(array, version, values)
        written = home.chunks("0")
        assert len(written) == 6
        for index, place in boxes():
            block, key = values[place], unit_key(array, version, index)
            read = codec.decode(written[key])[tuple(map(slice, block.shape))]
            assert (read.dtype, read.tobytes()) == (block.dtype, block.tobytes())
            encoded = codec.encode(block)
            assert encoded is not None
            home.files.write(f"0/{key}", encoded)
        assert home.values("0").astype(dtype).tobytes() == values.tobytes()  # zarr keeps the order of bytes


def chunk_codec(array: ArraySpec) -> ChunkCodec:
    codec = unit_codec(array)
    assert isinstance(codec, ChunkCodec)
    return codec


@pytest.mark.parametrize(("blocksize", "wanted"), [(0, 2**20), (4096, 4096)])
def test_blosc_with_zstd_has_blocks_of_a_mebibyte_unless_the_array_says_otherwise(blocksize: int, wanted: int) -> None:
    said = compressor("blosc", cname="zstd", clevel=1, shuffle="bitshuffle", blocksize=blocksize)
    array = ArraySpec(shape=(1024, 1024), dtype="uint16", chunks=(1024, 1024), compressors=(said,))
    values = np.random.default_rng(0).poisson(500, array.shape).astype("uint16")
    encoded = chunk_codec(array).encode(values)
    assert encoded is not None
    assert int.from_bytes(encoded[8:12], "little") == wanted
    home = stored(array, "0.5", np.zeros_like(values))
    home.files.write(f"0/{unit_key(array, '0.5', (0, 0))}", encoded)
    assert home.values("0").tobytes() == values.tobytes()


def parts_of(data: bytes | None) -> Callable[[int, int | None], bytes | None]:
    """A file, as it is read in parts."""
    return lambda start, stop: None if data is None else data[start:stop]


def sharded(dtype: str = "uint16", shape: tuple[int, ...] = (11, 19), **said: Any) -> ArraySpec:
    return ArraySpec(shape=shape, dtype=dtype, chunks=(2, 4), shards=(4, 12), **said)


def shard_codec(array: ArraySpec) -> ShardCodec:
    codec = unit_codec(array)
    if codec is None:
        pytest.skip("this release of zarr brings another package for the checksum")
    assert isinstance(codec, ShardCodec)
    return codec


def some_values(array: ArraySpec) -> NDArray[Any]:
    """Chunks with pixels, chunks without, and a shard without."""
    values = np.random.default_rng(0).integers(0, 2, array.shape).astype(array.dtype)
    values[:4, 8:] = 0
    values[4:8, :12] = 0
    return values


@pytest.mark.parametrize("name", COMPRESSORS)
@pytest.mark.parametrize("dtype", ["bool", "uint16", "float32", "complex128"])
def test_both_ways_give_the_same_pixels_of_shards(dtype: str, name: str) -> None:
    for serializer in (None, BIG) if dtype != "bool" else (None,):
        array = sharded(dtype, compressors=COMPRESSORS[name], serializer=serializer)
        codec, values = shard_codec(array), some_values(array)
        home = stored(array, "0.5", values)
        written = home.chunks("0")
        for index in units(array, [whole(array.shape)]):
            key, region = unit_key(array, "0.5", index), unit_region(array, index)
            block = values[tuple(slice(*bounds) for bounds in region)]
            read = np.vstack(
                [
                    np.hstack([codec.chunks_in(parts_of(written.get(key)))((row, column)) for column in range(3)])
                    for row in range(2)
                ]
            )
            assert read.dtype == block.dtype
            np.testing.assert_array_equal(read[tuple(map(slice, block.shape))], block)
            encoded = codec.encode(block)
            assert (encoded is None) == (key not in written) == (not block.any())
            if encoded is not None:
                assert len(encoded) == len(written[key])  # chunks without pixels take no room
                home.files.write(f"0/{key}", encoded)
        np.testing.assert_array_equal(home.values("0"), values)


@pytest.mark.parametrize("cut", [1, 4, 5, 40, 96, 100, 101, 130, 10**6])
def test_a_shard_that_is_cut_off_is_no_pixels(cut: int) -> None:
    array = sharded(compressors=())
    codec = shard_codec(array)
    data = codec.encode(some_values(array)[:4, :12])
    assert data is not None
    with pytest.raises(ValueError, match="index"):
        codec.chunks_in(parts_of(data[:-cut]))((0, 0))


def test_the_index_of_a_shard_is_read_once_for_all_of_its_chunks() -> None:
    array, reads = sharded(), []
    codec = shard_codec(array)
    data = codec.encode(some_values(array)[:4, :12])
    assert data is not None

    def read(start: int, stop: int | None) -> bytes:
        reads.append(start)
        return data[start:stop]

    chunk_at = codec.chunks_in(read)
    for place in product(range(2), range(3)):
        chunk_at(place)
    assert len(reads) > 2
    assert sum(start < 0 for start in reads) == 1


def test_a_shard_whose_index_is_damaged_is_no_pixels() -> None:
    array = sharded()
    codec = shard_codec(array)
    data = codec.encode(some_values(array)[:4, :12])
    assert data is not None
    for at in range(len(data) - 100, len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1
        with pytest.raises(ValueError, match="index"):
            codec.chunks_in(parts_of(bytes(damaged)))((0, 0))


def test_a_chunk_that_its_shard_does_not_hold_is_no_pixels() -> None:
    codec = shard_codec(sharded(compressors=()))
    for offset, nbytes in ((0, 2**40), (2**50, 16), (2**64 - 1, 16), (0, 2**64 - 1), (8, 8)):
        index = np.full((6, 2), 2**64 - 1, "<u8")
        index[0] = offset, nbytes
        said = index.tobytes()
        data = bytes(64) + said + codec.checksum(said).to_bytes(4, "little")
        assert not codec.chunks_in(parts_of(data))((0, 1)).any()
        with pytest.raises(ValueError):  # noqa: PT011
            codec.chunks_in(parts_of(data))((0, 0))


@pytest.mark.parametrize(
    ("dtype", "fill_value"),
    [("uint16", 0), ("uint16", 7), ("bool", True), ("float32", 0.0), ("float32", "NaN"), ("float64", "-Infinity"),
     ("complex64", (0.0, 0.0)), ("int8", -3)],
)  # fmt: skip
def test_a_chunk_of_fill_value_is_no_bytes_and_no_bytes_are_fill_value(dtype: str, fill_value: Any) -> None:
    codec = chunk_codec(ArraySpec(shape=SHAPE, dtype=dtype, chunks=CHUNKS, fill_value=fill_value))
    blank = codec.decode(None)
    assert blank.shape == CHUNKS
    assert codec.encode(blank) is None
    assert codec.encode(blank[:1, :3]) is None
    other = blank.copy()
    other[0, 1] = 1
    assert (codec.encode(other) is None) == (fill_value is True)


def test_a_zero_with_a_sign_is_not_the_fill_value() -> None:
    codec = chunk_codec(ArraySpec(shape=SHAPE, dtype="float32", chunks=CHUNKS, fill_value=0.0))
    encoded = codec.encode(np.full(CHUNKS, -0.0, "float32"))
    assert encoded is not None
    assert np.signbit(codec.decode(encoded)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"shards": (4, 8), "shard_index": FrozenMap({"index_location": "start"})},
        {"filters": (FrozenMap({"name": "transpose", "configuration": FrozenMap({"order": (1, 0)})}),)},
        {"serializer": compressor("numcodecs.pcodec", level=8)},
        {"compressors": (compressor("crc32c"),)},
        {"compressors": (compressor("blosc", cname="zstd", clevel=1, shuffle="sideways", blocksize=0),)},
        {"compressors": (compressor("zstd", level="high"),)},
        {"compressors": (compressor("numcodecs.lz4", acceleration=1), compressor("unheard-of"))},
    ],
    ids=str,
)
def test_what_is_encoded_otherwise_is_left_to_zarr(changes: dict[str, Any]) -> None:
    assert unit_codec(evolve(ArraySpec(shape=SHAPE, dtype="uint16", chunks=CHUNKS), **changes)) is None


LITTLE, CHECKSUM = compressor("bytes", endian="little"), FrozenMap({"name": "crc32c"})
TRANSPOSED = compressor("transpose", order=(2, 0, 1))


@pytest.mark.parametrize("shards", [None, (4, 8)], ids=["chunks", "shards"])
@pytest.mark.parametrize("name", [name for name in COMPRESSORS if name != "none"])
def test_a_checksum_behind_any_codec_is_read_as_zarr_reads_it(name: str, shards: tuple[int, ...] | None) -> None:
    array = ArraySpec(
        shape=SHAPE, dtype="uint16", chunks=CHUNKS, shards=shards, compressors=(*COMPRESSORS[name], CHECKSUM)
    )
    values = values_of("uint16")
    home = stored(array, "0.5", values)
    np.testing.assert_array_equal(evaluated(home.stored("0", array), "uint16", whole(SHAPE)), values)


@pytest.mark.parametrize(
    "index_codecs",
    [(BIG,), (BIG, CHECKSUM), (LITTLE, CHECKSUM, CHECKSUM), (TRANSPOSED, LITTLE)],
    ids=["big", "big, checksum", "two checksums", "transposed"],
)
@pytest.mark.parametrize("location", ["start", "end"])
def test_the_index_of_a_shard_may_be_written_as_zarr_can(location: str, index_codecs: tuple[FrozenMap, ...]) -> None:
    index = FrozenMap({"index_codecs": index_codecs, "index_location": location})
    array = sharded(shape=(8, 12), compressors=COMPRESSORS["zstd"], shard_index=index)
    values = some_values(array)
    home = stored(array, "0.5", values)
    for region in (whole(array.shape), ((1, 7), (2, 3))):  # whole shards, and some of their chunks
        found = evaluated(home.stored("0", array), "uint16", region)
        np.testing.assert_array_equal(found, values[tuple(slice(*bounds) for bounds in region)])


def test_gzip_does_not_say_what_time_it_was() -> None:
    codec = chunk_codec(ArraySpec(shape=SHAPE, dtype="uint16", chunks=CHUNKS, compressors=COMPRESSORS["gzip"]))
    encoded = codec.encode(values_of("uint16")[:2, :4])
    assert encoded is not None
    assert encoded[4:8] == bytes(4)  # MTIME (RFC 1952)


@pytest.mark.parametrize("damage", [b"", b"damaged", b"\x02\x01\x02\x02" + b"\xff" * 60])
def test_damage_is_an_error_of_the_codec(damage: bytes) -> None:
    codec = chunk_codec(ArraySpec(shape=SHAPE, dtype="uint16", chunks=CHUNKS))
    with pytest.raises((ValueError, RuntimeError, SystemError)):
        codec.decode(damage)
