"""Chunks are copied as bytes between stores and versions, however their encoding is spelled: nothing decodes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.errors import InvalidValueError
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.arrays_in_stores import DOCUMENTS, counted

SHAPE, CHUNKS = (2, 7, 9), (1, 4, 4)
AXES = [{"name": name, "type": "channel" if name == "c" else "space"} for name in "cyx"]
DATASETS = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]

IN_V2: dict[str, dict[str, Any]] = {
    "no compressor": {"compressors": None},
    "blosc as it comes": {"compressors": numcodecs.Blosc()},
    "blosc that chooses the shuffle": {"compressors": numcodecs.Blosc("zstd", 3, -1)},
    "blosc that chooses the shuffle of bytes": {"compressors": numcodecs.Blosc("zstd", 3, -1), "dtype": "uint8"},
    "zlib": {"compressors": numcodecs.Zlib(5)},
    "gzip": {"compressors": numcodecs.GZip(3)},
    "zstd": {"compressors": numcodecs.Zstd(3)},
    "lz4": {"compressors": numcodecs.LZ4()},
    "big endian": {"dtype": ">u2"},
    "order F": {"order": "F"},
    "filter": {"filters": [numcodecs.Delta("<u2")]},
    "checksum, of which nothing is said": {"filters": [numcodecs.Adler32()]},
    "fill value of null": {"fill_value": None},
    "fill value": {"fill_value": 7},
    "fill value NaN": {"dtype": "float32", "fill_value": np.nan},
    "flat keys": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    "booleans": {"dtype": "bool"},
}
IN_V3: dict[str, dict[str, Any]] = {
    "no compressor": {"compressors": None},
    "blosc": {"compressors": BloscCodec(cname="lz4", clevel=1)},
    "blosc with a typesize of its own": {"compressors": BloscCodec(typesize=4, shuffle="shuffle")},
    "zstd": {"compressors": ZstdCodec(level=3)},
    "zstd with checksum": {"compressors": ZstdCodec(level=3, checksum=True)},
    "gzip": {"compressors": GzipCodec(level=4)},
    "zlib": {"compressors": {"name": "numcodecs.zlib", "configuration": {"level": 4}}},
    "two": {"compressors": [GzipCodec(level=4), Crc32cCodec()]},
    "big endian": {"serializer": BytesCodec(endian="big")},
    "order F": {"filters": [TransposeCodec(order=(2, 1, 0))]},
    "fill value": {"fill_value": 7},
    "fill value NaN": {"dtype": "float32", "fill_value": np.nan},
    "keys as in v2": {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "flat keys": {"chunk_key_encoding": {"name": "default", "separator": "."}},
}
ONLY_IN_V3: dict[str, dict[str, Any]] = {
    "shards": {"shards": (1, 8, 8)},
    "another order": {"filters": [TransposeCodec(order=(0, 2, 1))]},
}


def _sources() -> Iterator[Any]:
    """Where it is written in, what it is, and where it is written to."""
    for version, encodings in (("0.4", IN_V2), ("0.5", {**IN_V3, **ONLY_IN_V3})):
        for name, options in encodings.items():
            for target in VERSIONS if name not in ONLY_IN_V3 else ("0.5",):
                yield pytest.param(version, options, target, id=f"{name}, {version} to {target}")


def foreign_image(path: Path, version: Version, dtype: str = "uint16", **options: Any) -> NDArray[Any]:
    """An image that zarr alone has written; its pixels."""
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    multiscales: Any = [{"version": version, "axes": AXES, "datasets": DATASETS}]
    group.attrs.update(
        {"multiscales": multiscales} if version == "0.4" else {"ome": {"version": version, "multiscales": multiscales}}
    )
    names = {} if version == "0.4" else {"dimension_names": ["c", "y", "x"]}
    encoding: Any = {"chunk_key_encoding": {"name": "v2", "separator": "/"}} if version == "0.4" else {}
    array = zarr.create_array(
        group.store,
        name="0",
        shape=SHAPE,
        chunks=CHUNKS,
        dtype=dtype,
        zarr_format=group.metadata.zarr_format,
        **{**encoding, **names, **options},
    )
    values = counted(SHAPE, dtype)
    array[...] = values
    return values


def chunks_of(array: Path) -> dict[tuple[str, ...], Path]:
    """The files of the chunks, by the numbers in their keys."""
    documents = {name for names in DOCUMENTS.values() for name in names}
    files = (path for path in array.rglob("*") if path.is_file() and path.name not in documents)
    return {
        tuple(str(path.relative_to(array)).removeprefix("c").strip("/.").replace("/", ".").split(".")): path
        for path in files
    }


@pytest.mark.parametrize(("version", "options", "target"), [*_sources()])
def test_chunks_are_copied_whatever_their_encoding(
    tmp_path: Path, version: Version, options: dict[str, Any], target: Version
) -> None:
    values = foreign_image(tmp_path / "old.zarr", version, **options)
    nf.create(tmp_path / "new.zarr", nf.open_ome_zarr(tmp_path / "old.zarr").root, version=target)
    found = zarr.open_array(tmp_path / "new.zarr" / "0", mode="r")[...]
    np.testing.assert_array_equal(found, values)
    old = chunks_of(tmp_path / "old.zarr" / "0")
    for path in old.values():  # so that who decodes fails, or finds other values; a file that is cut off is refused
        data, at = path.read_bytes(), 0 if "shards" in options else 16  # behind the header of Blosc, before an index
        path.write_bytes(data[:at] + bytes(255 - byte for byte in data[at : at + 8]) + data[at + 8 :])
    nf.create(tmp_path / "copy.zarr", nf.open_ome_zarr(tmp_path / "old.zarr").root, version=target)
    new = chunks_of(tmp_path / "copy.zarr" / "0")
    assert len(new) > 3
    assert {place: path.read_bytes() for place, path in new.items()} == {
        place: path.read_bytes() for place, path in old.items()
    }


@pytest.mark.parametrize("name", ONLY_IN_V3)
def test_what_zarr_v2_cannot_say_is_refused(tmp_path: Path, name: str) -> None:
    foreign_image(tmp_path / "old.zarr", "0.5", **ONLY_IN_V3[name])
    with pytest.raises(InvalidValueError, match=r"write 0\.5"):
        nf.create(tmp_path / "new.zarr", nf.open_ome_zarr(tmp_path / "old.zarr").root, version="0.4")


TURNED: dict[str, dict[str, Any]] = {
    "a filter of big endian numbers": {"filters": [numcodecs.Delta(">u2")], "dtype": ">u2"},
    "a filter of other numbers than are stored": {"filters": [numcodecs.Delta("<u2")], "dtype": ">u2"},
    "a filter behind order F": {"filters": [numcodecs.Delta("<u2")], "order": "F"},
}


@pytest.mark.parametrize("name", TURNED)
def test_a_filter_that_zarr_v3_would_hand_other_pixels_is_refused(tmp_path: Path, name: str) -> None:
    values = foreign_image(tmp_path / "old.zarr", "0.4", **TURNED[name])
    root: Any = nf.open_ome_zarr(tmp_path / "old.zarr").root
    with pytest.raises(InvalidValueError, match=r"numcodecs\.delta.* gives other pixels .*rechunk"):
        nf.create(tmp_path / "new.zarr", root, version="0.5")
    nf.create(tmp_path / "new.zarr", nf.rechunk(root, codecs=["bytes", "zstd"]), version="0.5")
    np.testing.assert_array_equal(nf.to_numpy(tmp_path / "new.zarr", "0"), values)


def test_no_pixels_go_into_an_array_whose_filter_would_be_handed_other_ones(tmp_path: Path) -> None:
    data = np.arange(16, dtype="uint16").reshape(4, 4)
    nf.create(tmp_path / "a.zarr", nf.image_from(data, axes="yx"), version="0.5")
    document = tmp_path / "a.zarr" / "0" / "zarr.json"
    delta = {"name": "numcodecs.delta", "configuration": {"dtype": ">u2"}}
    big = {"name": "bytes", "configuration": {"endian": "big"}}
    document.write_text(json.dumps(json.loads(document.read_text()) | {"codecs": [delta, big]}))
    with pytest.raises(InvalidValueError, match=r"numcodecs\.delta.* gives other pixels"):
        nf.update(tmp_path / "a.zarr", c.set_region(0, ((0, 2), (0, 2)), data[:2, :2]))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plate_of_images_of_both_versions_has_copies_of_their_chunks(tmp_path: Path, version: Version) -> None:
    images = {}
    for well, each in zip(("A/1/0", "B/2/0"), VERSIONS, strict=True):
        store = tmp_path / f"{each}.zarr"
        foreign_image(store, each)
        for place, path in chunks_of(store / "0").items():
            path.write_bytes(f"damaged {place} {each}".encode())
        images[well] = nf.open_ome_zarr(store).root
    nf.create(tmp_path / "plate.zarr", nf.plate_from_positions(images), version=version)
    for well, each in zip(images, VERSIONS, strict=True):
        new, old = chunks_of(tmp_path / "plate.zarr" / well / "0"), chunks_of(tmp_path / f"{each}.zarr" / "0")
        assert {place: path.read_bytes() for place, path in new.items()} == {
            place: path.read_bytes() for place, path in old.items()
        }
        assert len(new) == 12
