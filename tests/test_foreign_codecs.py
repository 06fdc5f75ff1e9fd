"""Codecs that other programs register: what they make is no pixels unless it has the shape of a chunk.

How much memory they take meanwhile is theirs to say: nobody else knows what they will decode to.
"""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec
from zarr.registry import register_codec

import ngff_fn as nf
from ngff_fn import curried as c
from tests.memory import BOMB, holding_little

DATA = np.arange(128 * 128, dtype="uint16").reshape(128, 128)
HEADER = b"shape"


class _Said:
    """What all of them say."""

    is_fixed_size = False
    name = ""

    @classmethod
    def from_dict(cls, _data: Any) -> Self:
        return cls()

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name}

    def compute_encoded_size(self, _input_byte_length: int, _chunk_spec: Any) -> int:
        raise NotImplementedError


class Picture(_Said, ArrayBytesCodec):
    """As formats of pictures do, it says its own shape in its header, and gives what that says."""

    name = "tests.picture"

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        head, _, data = chunk_data.to_bytes().partition(b";")
        if not head.startswith(HEADER):
            raise ValueError("this is no picture")
        shape = tuple(map(int, head.removeprefix(HEADER).split()))
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(np.frombuffer(data, "<u2").reshape(shape))

    async def _encode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        return chunk_spec.prototype.buffer.from_bytes(picture(chunk_data.as_numpy_array()))


class Cut(_Said, ArrayArrayCodec):
    """It forgets the last line of what it encoded."""

    name = "tests.cut"

    async def _decode_single(self, chunk_data: Any, _chunk_spec: Any) -> Any:
        return chunk_data[:-1]

    async def _encode_single(self, chunk_data: Any, _chunk_spec: Any) -> Any:
        return chunk_data


class Thrice(_Said, BytesBytesCodec):
    """Three bytes for each, of which two are nothing."""

    name = "tests.thrice"

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        return chunk_spec.prototype.buffer.from_bytes(chunk_data.to_bytes()[::3])

    async def _encode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        return chunk_spec.prototype.buffer.from_bytes(np.repeat(chunk_data.as_numpy_array(), 3).tobytes())


for codec in (Picture, Cut, Thrice):
    register_codec(codec.name, codec)

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
GZIP = {"name": "gzip", "configuration": {"level": 1}}
PICTURE, CUT, THRICE = ({"name": codec.name} for codec in (Picture, Cut, Thrice))
SHARDED = pytest.mark.parametrize("sharded", [False, True], ids=["chunks", "shards"])


def picture(pixels: Any) -> bytes:
    head = b" ".join([HEADER, *(str(size).encode() for size in pixels.shape)])
    return b";".join([head, bytes(pixels.astype("<u2"))])


def stored(folder: Path, codecs: list[Any], encode: Callable[[Any], bytes], *, sharded: bool = False) -> Path:
    """An image of four chunks, each as ``encode`` makes it."""
    store = folder / "image.zarr"
    options: dict[str, Any] = {"shards_ratio": (1, 1)} if sharded else {}
    nf.create(store, nf.image_from(DATA, axes="yx", chunks=(64, 64), **options), version="0.5")
    document = json.loads((store / "0/zarr.json").read_text())
    if sharded:
        document["codecs"][0]["configuration"]["codecs"] = codecs
    else:
        document["codecs"] = codecs
    (store / "0/zarr.json").write_text(json.dumps(document))
    for y in range(2):
        for x in range(2):
            data = encode(DATA[64 * y : 64 * y + 64, 64 * x : 64 * x + 64])
            (store / f"0/c/{y}/{x}").write_bytes(in_a_shard(data) if sharded else data)
    return store


def in_a_shard(data: bytes) -> bytes:
    from google_crc32c import value

    index = (0).to_bytes(8, "little") + len(data).to_bytes(8, "little")
    return b"".join([data, index, value(index).to_bytes(4, "little")])


READERS: list[Callable[[Path], Any]] = [
    lambda store: nf.to_numpy(store, "0"),
    lambda store: nf.evaluate(nf.open_ome_zarr(store).root),
    lambda store: nf.to_dask(store, "0").compute(scheduler="sync"),
]


@pytest.fixture(scope="module", autouse=True)
def _all_is_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What reading needs is no part of what a bomb takes."""
    store = stored(tmp_path_factory.mktemp("sound"), [BYTES], lambda pixels: pixels.tobytes())
    for read in READERS:
        read(store)


@SHARDED
def test_what_a_codec_of_another_program_gives_is_read_where_it_is_a_chunk(sharded: bool, tmp_path: Path) -> None:
    store = stored(tmp_path, [PICTURE, GZIP], lambda pixels: gzip.compress(picture(pixels)), sharded=sharded)
    np.testing.assert_array_equal(nf.open_array(store, "0")[:], DATA)
    for read in READERS:
        np.testing.assert_array_equal(read(store), DATA)


@SHARDED
@pytest.mark.parametrize("shape", [(1, 1), (64, 1), (63, 64), (65, 64), (128, 128), (4096,), (32, 128)])
def test_a_picture_of_another_size_is_no_chunk(shape: tuple[int, ...], sharded: bool, tmp_path: Path) -> None:
    store = stored(tmp_path, [PICTURE], lambda _pixels: picture(np.full(shape, 7)), sharded=sharded)
    for read in READERS:
        with pytest.raises(nf.StoreError, match=r"0/c/\d/\d: it cannot be decoded .*a chunk has \(64, 64\)"):
            read(store)
    with pytest.raises(ValueError, match=r"a chunk has \(64, 64\)"):
        nf.open_array(store, "0")[:]
    with pytest.raises(nf.StoreError, match=r"0/c/\d/\d: "):
        nf.update(store, c.with_pyramid(levels=2))


@SHARDED
def test_a_filter_that_gives_another_shape_is_refused_too(sharded: bool, tmp_path: Path) -> None:
    store = stored(tmp_path, [CUT, BYTES], lambda pixels: pixels.tobytes(), sharded=sharded)
    for read in READERS:
        with pytest.raises(nf.StoreError, match=r"it decodes to \(63, 64\)"):
            read(store)


def test_the_array_that_is_handed_out_keeps_the_codecs_of_its_document(tmp_path: Path) -> None:
    store = stored(tmp_path, [PICTURE], lambda _pixels: picture(np.full((1, 1), 7)), sharded=True)
    array = nf.open_array(store, "0")
    said = json.loads(json.dumps(array.metadata.to_dict()["codecs"]))
    assert said == json.loads((store / "0/zarr.json").read_text())["codecs"]
    pipeline = array._async_array.codec_pipeline
    assert pickle.loads(pickle.dumps(pipeline)) == pipeline  # noqa: S301 — our own


# --- what other codecs do before and behind one that nobody else knows


@SHARDED
def test_a_bomb_that_is_decoded_before_a_codec_of_another_program_is_refused(sharded: bool, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(BOMB))
    store = stored(tmp_path, [BYTES, THRICE, GZIP], lambda _pixels: bomb, sharded=sharded)
    for read in READERS:
        with holding_little(), pytest.raises(nf.StoreError, match=r"0/c/\d/\d: it cannot be decoded"):
            read(store)


def test_a_bomb_that_is_decoded_before_pixels_are_made_is_refused(tmp_path: Path) -> None:
    store = stored(tmp_path, [PICTURE, GZIP], lambda _pixels: gzip.compress(bytes(BOMB)))
    for read in READERS:
        with holding_little(), pytest.raises(nf.StoreError, match=r"0/c/\d/\d: it cannot be decoded"):
            read(store)
