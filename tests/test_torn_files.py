"""Files that other writers have left half written: recognised and named, never taken for pixels, never handed on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs as zc
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.cli import main
from ngff_fn.codecs import decode_array
from ngff_fn.effects.pixels.chunks import crc32c
from ngff_fn.effects.pixels.torn import fault, form_of

PIXELS = (np.arange(32 * 32, dtype="uint16").reshape(32, 32) % 1000) + 1
REGIONS: list[Any] = [np.s_[...], *(np.s_[i : i + 4, j : j + 4] for i in (0, 12) for j in (0, 12))]
DOCUMENTS = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
LITTLE = zc.BytesCodec(endian="little")

V2: dict[str, Any] = {
    "none": None,
    "gzip": numcodecs.GZip(),
    "zstd": numcodecs.Zstd(),
    "blosc": numcodecs.Blosc("lz4"),
    "zlib": numcodecs.Zlib(),
    "bz2": numcodecs.BZ2(),
    "lz4": numcodecs.LZ4(),
    "lzma": numcodecs.LZMA(),
}
V3: dict[str, tuple[Any, ...]] = {
    "none": (),
    "gzip": (zc.GzipCodec(),),
    "zstd": (zc.ZstdCodec(),),
    "zstd, checksum": (zc.ZstdCodec(checksum=True),),
    "blosc": (zc.BloscCodec(cname="lz4"),),
    "crc32c": (zc.Crc32cCodec(),),
    "gzip, crc32c": (zc.GzipCodec(), zc.Crc32cCodec()),
}


def written(path: Path, **how: Any) -> Path:
    """An array that zarr wrote."""
    array = zarr.create_array(
        str(path), shape=PIXELS.shape, dtype=PIXELS.dtype, chunks=(16, 16), fill_value=0, overwrite=True, **how
    )
    array[...] = PIXELS
    return path


def sharded(path: Path, inside: tuple[Any, ...], location: Any, checksum: str) -> Path:
    codecs = zc.ShardingCodec(chunk_shape=(8, 8), codecs=inside, index_codecs=INDEX[checksum], index_location=location)
    return written(path, zarr_format=3, serializer=codecs, compressors=None)


def nested(path: Path, outer: Any, inner: Any, checksum: str) -> Path:
    shard = zc.ShardingCodec(chunk_shape=(4, 4), codecs=(LITTLE,), index_codecs=INDEX[checksum], index_location=inner)
    return sharded(path, (shard,), outer, checksum)


Make = Callable[[Path], Path]
ENDS = ("start", "end")
INDEX: dict[str, tuple[Any, ...]] = {"checksum": (LITTLE, zc.Crc32cCodec()), "no checksum": (LITTLE,)}


def _cases() -> dict[str, Make]:
    cases: dict[str, Make] = {}
    for name, compressor in V2.items():
        old = partial(written, zarr_format=2, compressors=compressor)
        cases[f"v2 {name}"] = old
        cases[f"v2 {name}, delta"] = partial(old, filters=[numcodecs.Delta(dtype="u2")])
    for name, compressors in V3.items():
        cases[f"v3 {name}"] = partial(written, zarr_format=3, compressors=compressors or None)
        for end, checksum in itertools.product(ENDS, INDEX):
            inside = (LITTLE, *compressors)
            cases[f"shard {name}, {end}, {checksum}"] = partial(sharded, inside=inside, location=end, checksum=checksum)
    turned = zc.TransposeCodec(order=(1, 0))
    cases["v3 transpose"] = partial(written, zarr_format=3, filters=[turned], compressors=None)
    for outer, inner, checksum in itertools.product(ENDS, ENDS, INDEX):
        cases[f"nested {outer} {inner}, {checksum}"] = partial(nested, outer=outer, inner=inner, checksum=checksum)
    return cases


CASES = _cases()


def chunk_files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file() and file.name not in DOCUMENTS)


def cuts(size: int) -> list[int]:
    return [left for left in (0, 16, size // 2, size - 70, size - 16, size - 8, size - 1) if 0 <= left < size]


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_is_cut_off_is_named_and_never_pixels(case: str, quick_path: Path) -> None:
    path = CASES[case](quick_path / "array.zarr")
    np.testing.assert_array_equal(nf.to_numpy(path), PIXELS)
    file = chunk_files(path)[0]
    whole = file.read_bytes()
    for size in cuts(len(whole)):
        file.write_bytes(whole[:size])
        key = str(file.relative_to(path))
        with pytest.raises(nf.StoreError) as refusal:
            nf.to_numpy(path)
        assert all(problem.location.endswith(f"array.zarr/{key}") for problem in refusal.value.problems), size
        array = nf.open_array(path)
        for region in REGIONS:
            try:
                found = array[region]
            except Exception:  # noqa: BLE001, S112 — as its codec raises it
                continue
            np.testing.assert_array_equal(found, PIXELS[region], err_msg=f"{size} {region}")


@pytest.mark.parametrize("case", ["v2 none", "v3 gzip", "v3 transpose", "shard blosc, end, no checksum"])
def test_dask_names_it_too(case: str, tmp_path: Path) -> None:
    pytest.importorskip("dask", reason="the extra 'dask' is not installed")
    path = CASES[case](tmp_path / "array.zarr")
    file = chunk_files(path)[0]
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(nf.StoreError, match=str(file.relative_to(path))):
        nf.to_dask(path).compute()


@pytest.mark.parametrize("case", CASES)
def test_an_empty_file_is_named_by_an_open_array_too(case: str, quick_path: Path) -> None:
    path = CASES[case](quick_path / "array.zarr")
    file = chunk_files(path)[0]
    file.write_bytes(b"")
    array = nf.open_array(path)
    for region in (np.s_[...], np.s_[:4, :4]):
        with pytest.raises(
            nf.StoreError, match=rf"{file.relative_to(path)}: it is no whole chunk or shard \(it is empty"
        ):
            array[region]
    np.testing.assert_array_equal(array[16:, 16:], PIXELS[16:, 16:])


@pytest.mark.parametrize("case", ["v3 transpose", "v3 blosc", "shard none, start, no checksum", "v2 none"])
def test_all_files_that_are_not_whole_are_named_at_once(case: str, tmp_path: Path) -> None:
    path = CASES[case](tmp_path / "array.zarr")
    files = chunk_files(path)
    for file in files[1:]:
        file.write_bytes(b"")
    with pytest.raises(nf.StoreError) as refusal:
        nf.to_numpy(path)
    assert [problem.location for problem in refusal.value.problems] == list(map(str, files[1:]))


@pytest.mark.parametrize("case", CASES)
def test_a_whole_file_has_no_fault(case: str, quick_path: Path) -> None:
    path = CASES[case](quick_path / "array.zarr")
    form = form_of(decode_array({name: (path / name).read_bytes() for name in DOCUMENTS if (path / name).exists()}))
    for file in chunk_files(path):
        data = file.read_bytes()
        assert not fault(form, lambda start, stop, data=data: data[start:stop])  # type: ignore[misc]
    assert not fault(form, lambda _start, _stop: None)


def test_a_shard_in_which_some_chunks_are_fill_value_is_whole(tmp_path: Path) -> None:
    for location, checksum in itertools.product(ENDS, INDEX):
        path = sharded(tmp_path / "a.zarr", (LITTLE,), location, checksum)
        array = zarr.open_array(str(path))
        array[:8, :8] = 0
        array[24:, 24:] = 0
        expected = array[...]
        np.testing.assert_array_equal(nf.to_numpy(path), expected)
        np.testing.assert_array_equal(nf.open_array(path)[...], expected)


def test_zeros_in_the_place_of_a_chunk_are_called_a_damaged_header(quick_path: Path) -> None:
    path = CASES["v2 blosc"](quick_path / "array.zarr")
    file = chunk_files(path)[0]
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(nf.StoreError, match=r"no whole chunk or shard \(its header is damaged: it says 0 bytes"):
        nf.to_numpy(path)


def test_an_index_that_leads_astray_is_refused(tmp_path: Path) -> None:
    path = sharded(tmp_path / "a.zarr", (LITTLE,), "start", "no checksum")
    file = chunk_files(path)[0]
    whole = file.read_bytes()
    index = np.frombuffer(whole[:64], "<u8").reshape(4, 2)
    for place, value in (((0, 0), 0), ((0, 0), 2**64 - 2), ((1, 1), 0), ((1, 1), 2**40), ((0, 0), index[1, 0] + 1)):
        wrong = index.copy()
        wrong[place] = value
        file.write_bytes(wrong.tobytes() + whole[64:])
        for read in (lambda: nf.to_numpy(path), lambda: nf.open_array(path)[...], lambda: nf.open_array(path)[:4, :4]):
            with pytest.raises(nf.StoreError, match=r"c/0/0: it is no whole chunk"):
                read()


def test_chunks_that_share_their_bytes_are_whole_where_the_checksum_says_so(tmp_path: Path) -> None:
    if crc32c is None:
        pytest.skip("there is no package for the checksum")
    path = sharded(tmp_path / "a.zarr", (LITTLE,), "start", "checksum")
    file = chunk_files(path)[0]
    whole = file.read_bytes()
    index = np.frombuffer(whole[:64], "<u8").reshape(4, 2).copy()
    index[1] = index[0]
    file.write_bytes(index.tobytes() + crc32c(index.tobytes()).to_bytes(4, "little") + whole[68:])
    expected = PIXELS.copy()
    expected[:8, 8:16] = expected[:8, :8]
    np.testing.assert_array_equal(nf.to_numpy(path), expected)


# -- commits -----------------------------------------------------------------------------------------------------------

DATA = np.arange(1, 2 * 8 * 8 + 1, dtype="uint8").reshape(2, 8, 8)
HOW: dict[str, dict[str, Any]] = {"none": {"codecs": ["bytes"]}, "blosc": {}, "shards": {"shards_ratio": (1, 2, 2)}}


def image_at(store: Path, version: Any, encoding: str = "blosc") -> Path:
    image = nf.image_from(DATA, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 4, 4), **HOW[encoding])
    nf.create(store, image, version=version)
    return store


@pytest.mark.parametrize("damage", ["empty", "cut"])
@pytest.mark.parametrize(
    ("version", "encoding"), [("0.4", "none"), ("0.4", "blosc"), ("0.5", "none"), ("0.5", "blosc"), ("0.5", "shards")]
)
def test_a_unit_that_is_not_whole_is_not_copied_as_bytes(
    encoding: str, damage: str, version: str, tmp_path: Path
) -> None:
    store = image_at(tmp_path / "image.zarr", version, encoding)
    file = chunk_files(store / "0")[-1]
    whole = file.read_bytes()
    data = {"empty": b"", "cut": whole[:-1]}[damage]
    file.write_bytes(data)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    acts: list[Callable[[], Any]] = [
        lambda: nf.update(store, c.remove_channel("DAPI")),
        lambda: nf.create(MemoryStore(), nf.open_ome_zarr(store).root, version=version),  # type: ignore[arg-type]
    ]
    for act in acts:
        with pytest.raises(nf.StoreError, match=rf"{file.relative_to(store)}: it is no whole chunk or shard"):
            act()
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda whole: whole[:-1],
    "header": lambda whole: whole[:9],
    "zeros": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_who_reads_pixels_says_of_a_file_what_torn_files_says(version: str, damage: str, tmp_path: Path) -> None:
    pytest.importorskip("dask", reason="the extra 'dask' is not installed")
    store = image_at(tmp_path / "image.zarr", version)
    file = chunk_files(store / "0")[-1]
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    (said,) = nf.torn_files(store)
    readers: list[Callable[[], Any]] = [
        lambda: nf.to_numpy(store, "0"),
        lambda: nf.to_dask(store, "0").compute(),
        lambda: nf.evaluate(nf.open_ome_zarr(store).root),
    ]
    for read in readers:
        with pytest.raises(nf.StoreError) as refusal:
            read()
        assert refusal.value.problems == (said,)


def test_a_chunk_that_a_crop_keeps_in_its_place_stays_as_it_is(tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr", "0.5")
    file = chunk_files(store / "0")[0]
    file.write_bytes(b"")
    nf.update(store, c.crop(x=(0, 4)))
    assert file.read_bytes() == b""


def test_a_checksum_in_each_chunk_shows_a_byte_that_has_flipped(tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    nf.create(store, nf.image_from(DATA, axes="cyx", codecs=["bytes", "blosc", "crc32c"]), version="0.5")
    file = chunk_files(store / "0")[0]
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(nf.StoreError, match=r"cannot be decoded|no whole chunk"):
            nf.to_numpy(store, "0")


# -- mended ------------------------------------------------------------------------------------------------------------

FAULTS: dict[str, Callable[[bytes], bytes]] = {"empty": lambda _: b"", "noise": lambda data: bytes([9] * len(data))}


@pytest.mark.parametrize("damage", FAULTS)
@pytest.mark.parametrize(("version", "encoding"), [("0.4", "blosc"), ("0.5", "blosc"), ("0.5", "shards")])
def test_the_region_that_is_to_be_written_again_is_said_and_mends_it(
    encoding: str, damage: str, version: str, tmp_path: Path
) -> None:
    store = image_at(tmp_path / "image.zarr", version, encoding)
    file = chunk_files(store / "0")[-1]
    file.write_bytes(FAULTS[damage](file.read_bytes()))
    expected = {"blosc": "1:2, 4:8, 4:8", "shards": "1:2, 0:8, 0:8"}[encoding]
    with pytest.raises(nf.StoreError, match=rf"write its region again\. That is array\[{expected}\]"):
        nf.to_numpy(store, "0")
    region = tuple(tuple(map(int, part.split(":"))) for part in expected.split(", "))
    data = DATA[tuple(slice(*bounds) for bounds in region)]
    nf.update(store, c.set_region("0", region, data))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA)


def test_who_copies_bytes_and_who_looks_for_them_say_the_region_too(tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr", "0.5")
    chunk_files(store / "0")[-1].write_bytes(b"")
    assert nf.torn_files(store)[0].message.endswith("That is array[1:2, 4:8, 4:8].")
    with pytest.raises(nf.StoreError, match=r"That is array\[1:2, 4:8, 4:8\]"):
        nf.update(store, c.remove_channel("DAPI"))


# -- looked for --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_every_file_that_is_not_whole_is_found_without_reading_pixels(version: str, tmp_path: Path) -> None:
    plate = nf.plate_from_positions(
        dict.fromkeys(("A/1/0", "B/2/0"), nf.image_from(DATA, axes="cyx", chunks=(1, 4, 4)))
    )
    store = tmp_path / "plate.zarr"
    nf.create(store, plate, version=version)  # type: ignore[arg-type]
    assert nf.torn_files(store) == ()
    first, second = (chunk_files(store / path / "0") for path in ("A/1/0", "B/2/0"))
    first[0].write_bytes(b"")
    second[3].write_bytes(second[3].read_bytes()[:-1])
    left = [
        first[1].with_name(f"{first[1].name}.0a1b2c.partial"),
        first[2].with_name(f"{first[2].name}.__lock"),
        store / "A" / "1" / "0" / "0" / "x.tmp",
        store / ".zattrs.77.partial",
    ]
    for file in left:
        file.write_bytes(b"half")
    problems = nf.torn_files(store)
    assert {problem.location for problem in problems if problem.kind == "error"} == {str(first[0]), str(second[3])}
    assert {problem.location for problem in problems if problem.kind == "warning"} == set(map(str, left))
    (only,) = (problem for problem in nf.torn_files(store, select="B/2") if problem.kind == "error")
    assert only.location == str(second[3])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_was_left_beside_chunks_is_no_pixels(version: str, tmp_path: Path) -> None:
    store = image_at(tmp_path / "image.zarr", version)
    for file in chunk_files(store / "0"):
        for name in (f"{file.name}.partial", f"{file.name}.tmp", f".__{file.name}"):
            file.with_name(name).write_bytes(b"not pixels")
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA)
    nf.update(store, c.crop(x=(0, 4)))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA[..., :4])
    nf.update(store, c.remove_channel("DAPI"))
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA[1:, :, :4])


def test_the_command_info_names_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = image_at(tmp_path / "image.zarr", "0.5")
    file = chunk_files(store / "0")[0]
    file.write_bytes(b"")
    assert main(["info", str(store)]) == 0
    assert str(file) not in capsys.readouterr().out
    assert main(["info", str(store), "--files"]) == 1
    assert f"error: {file}: it is no whole chunk or shard (it is empty)." in capsys.readouterr().out
    assert main(["info", str(store), "--files", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["location"] == str(file)
