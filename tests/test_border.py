"""Bad input at the border: refused with its place and the cure, without touching what is outside or filling the memory.

Made for whoever opens what others have written. Directories that are exchanged for links between a look and the use of
what was looked at are out of scope: who can do that, writes in the store while we read it.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import cli
from ngff_fn import curried as c
from ngff_fn.codecs import path_clashes, texts
from ngff_fn.effects import stores
from ngff_fn.effects.local import reading as local_reading
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.pixels.bounded import decoded, refuse_more
from ngff_fn.json_splice import parse
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.crashes import files_below
from tests.memory import BOMB, MIB, holding_little

DATA = np.arange(128 * 128, dtype="uint16").reshape(128, 128)


def image(**options: Any) -> nf.Image:
    """Four chunks of 8 KiB."""
    return nf.image_from(DATA, axes="yx", chunks=(64, 64), **options)


def made(path: Path, version: Version, **options: Any) -> Path:
    nf.create(path / "image.zarr", image(**options), version=version, durability="process")
    return path / "image.zarr"


def edited(document: Path, change: Callable[[dict[str, Any]], object]) -> None:
    members = json.loads(document.read_text())
    change(members)
    document.write_text(json.dumps(members))


def opened_as_zarr(store: Any) -> Any:
    return nf.open_array(store, "0")[:]


READERS: dict[str, Callable[[Any], Any]] = {
    "to_numpy": lambda store: nf.to_numpy(store, "0"),
    "evaluate": lambda store: nf.evaluate(nf.open_ome_zarr(store).root),
    "a region": lambda store: nf.evaluate(nf.open_ome_zarr(store).root, region=((0, 8), (0, 8))),
    "read_tile": lambda store: nf.read_tile(store, "0", 0, 0),
    "to_dask": lambda store: nf.to_dask(store, "0").compute(scheduler="sync"),
    "a pyramid": lambda store: nf.update(store, c.with_pyramid(levels=2)),
    "a crop": lambda store: nf.update(store, c.crop(y=(3, 100))),
    "a region overwritten": lambda store: nf.update(store, c.set_region(0, ((0, 8), (0, 8)), 3)),
}


# --- chunks that decode to the wrong size -----------------------------------------------------------------------------

CODECS: dict[str, dict[str, Any]] = {
    "blosc": {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 1, "blocksize": 0},
    "zstd": {"id": "zstd", "level": 1},
    "gzip": {"id": "gzip", "level": 1},
    "zlib": {"id": "zlib", "level": 1},
    "lz4": {"id": "lz4", "acceleration": 1},
    "bz2": {"id": "bz2", "level": 1},
    "lzma": {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
}
FITTING: dict[str, bytes] = {
    "gzip": gzip.compress(bytes(BOMB)),
    "zlib": zlib.compress(bytes(BOMB), 9),
    "bz2": bz2.compress(bytes(BOMB)),
    "lzma": lzma.compress(bytes(BOMB), preset=1),
}
"""What fits into the bytes that an encoded chunk may have, of codecs that do not say what they decode to."""


def encoded(name: str, nbytes: int) -> bytes:
    """Zeros."""
    if nbytes == BOMB and name in FITTING:
        return FITTING[name]
    return bytes(numcodecs.get_codec(CODECS[name]).encode(bytes(nbytes)))


def with_chunk(path: Path, name: str, data: bytes, **members: Any) -> Path:
    """A store of Zarr v2 with a compressor, whose first chunk is ``data``."""
    store = made(path, "0.4")
    edited(store / "0/.zarray", lambda said: said.update(compressor=CODECS[name], **members))
    for chunk in (store / "0").glob("*/*"):
        chunk.write_bytes(encoded(name, 8192))
    (store / "0/0/0").write_bytes(data)
    return store


@pytest.mark.parametrize(
    ("name", "reader"), [*((name, "to_numpy") for name in CODECS), *(("zstd", r) for r in READERS)]
)
def test_a_bomb_is_refused_with_its_place_before_it_is_decoded(name: str, reader: str, tmp_path: Path) -> None:
    store = with_chunk(tmp_path, name, encoded(name, BOMB))
    before = files_below(store)
    READERS[reader](made(tmp_path / "warm", "0.4"))
    with holding_little(), pytest.raises(nf.StoreError, match=r"0/0/0: it cannot be decoded .* Restore it"):
        READERS[reader](store)
    assert files_below(store) == before


@pytest.mark.parametrize("name", CODECS)
def test_zarr_itself_is_kept_from_decoding_a_bomb(name: str, tmp_path: Path) -> None:
    store = with_chunk(tmp_path, name, encoded(name, BOMB))
    opened_as_zarr(made(tmp_path / "warm", "0.4"))
    with holding_little(), pytest.raises((ValueError, RuntimeError)):
        opened_as_zarr(store)


@pytest.mark.parametrize("nbytes", [0, 1, 8191, 8193, 16384])
@pytest.mark.parametrize("name", CODECS)
def test_a_chunk_of_another_size_is_no_pixels(name: str, nbytes: int, tmp_path: Path) -> None:
    store = with_chunk(tmp_path, name, encoded(name, nbytes))
    for read in (READERS["to_numpy"], READERS["evaluate"]):
        with pytest.raises(nf.StoreError, match="0/0/0: it cannot be decoded"):
            read(store)


@pytest.mark.parametrize("filters", [[{"id": "delta", "dtype": "<u2"}], [{"id": "shuffle", "elementsize": 2}]])
@pytest.mark.parametrize("name", CODECS)
def test_a_bomb_behind_filters_is_refused(name: str, filters: list[Any], tmp_path: Path) -> None:
    store = with_chunk(tmp_path, name, encoded(name, BOMB), filters=filters)
    nf.to_numpy(made(tmp_path / "warm", "0.4"), "0")
    with holding_little(), pytest.raises(nf.StoreError, match="0/0/0: it cannot be decoded"):
        nf.to_numpy(store, "0")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", CODECS)
def test_what_zarr_decodes_is_what_it_was(name: str, order: Any, tmp_path: Path) -> None:
    store = made(tmp_path, "0.4")
    codec = numcodecs.get_codec(CODECS[name])
    filters = [numcodecs.Delta(dtype="<u2")]
    zarr.create_array(
        store, name="0", data=DATA, chunks=(64, 64), filters=filters, compressors=codec, order=order, zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"}, overwrite=True,
    )  # fmt: skip
    for read in (READERS["to_numpy"], READERS["evaluate"], opened_as_zarr):
        np.testing.assert_array_equal(read(store), DATA)


def bomb_in_a_shard(path: Path, nbytes: int) -> Path:
    store = made(path, "0.5", shards_ratio=(2, 2))
    edited(
        store / "0/zarr.json",
        lambda said: said["codecs"][0]["configuration"]["codecs"].__setitem__(
            1, {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
        ),
    )
    from google_crc32c import value

    data = encoded("zstd", BOMB)
    index = struct.pack("<QQ", 0, nbytes or len(data)) + struct.pack("<Q", 2**64 - 1) * 6
    (store / "0/c/0/0").write_bytes(data + index + struct.pack("<I", value(index)))
    return store


@pytest.mark.parametrize("nbytes", [0, 2**40, 2**64 - 1])
def test_a_bomb_in_a_shard_is_refused(nbytes: int, tmp_path: Path) -> None:
    store = bomb_in_a_shard(tmp_path, nbytes)
    nf.to_numpy(made(tmp_path / "warm", "0.5", shards_ratio=(2, 2)), "0")
    with holding_little():
        for read in (READERS["to_numpy"], READERS["a region"]):
            with pytest.raises(nf.StoreError, match=r"0/c/0/0: it (cannot be decoded|is no whole chunk or shard)"):
                read(store)
        with pytest.raises((ValueError, RuntimeError, nf.StoreError)):
            opened_as_zarr(store)


def test_a_bomb_in_memory_is_refused() -> None:
    store = MemoryStore()
    nf.create(store, image(), version="0.5")
    key = next(key for key in store._store_dict if key.startswith("0/c/0"))
    store._store_dict[key] = zarr.core.buffer.cpu.Buffer.from_bytes(encoded("blosc", BOMB))
    with holding_little(), pytest.raises(nf.StoreError, match="it cannot be decoded"):
        nf.to_numpy(store, "0")


ZSTD = numcodecs.Zstd(level=1)
FRAME = bytes(ZSTD.encode(bytes(4096)))
UNSAID = FRAME[:4] + b"\x00\x58" + FRAME[7:]
"""The same frame without its size (RFC 8878: no single segment, no content size, a window of 2 MiB)."""


@pytest.mark.parametrize(
    "data", [UNSAID, FRAME[:0] + bytes(ZSTD.encode(bytes(1000))) + bytes(ZSTD.encode(bytes(3096)))]
)
def test_zstd_without_a_size_or_of_several_frames_is_decoded(data: bytes) -> None:
    assert bytes(decoded(ZSTD, data, 4096)) == bytes(4096)
    refuse_more(ZSTD, data, 4096)


@pytest.mark.parametrize(
    "data", [UNSAID + encoded("zstd", BOMB), FRAME + encoded("zstd", BOMB), FRAME + UNSAID, UNSAID]
)
def test_zstd_that_is_more_than_its_first_frame_says_is_refused(data: bytes) -> None:
    with holding_little():
        for check in (decoded, refuse_more):
            with pytest.raises((ValueError, RuntimeError)):
                check(ZSTD, data, 4096 if data is not UNSAID else 4000)


def test_gzip_of_several_members_is_decoded_and_a_bomb_behind_the_first_is_refused() -> None:
    codec = numcodecs.GZip()
    assert decoded(codec, gzip.compress(b"ab") + gzip.compress(b"c") + bytes(8), 3) == b"abc"
    with holding_little(), pytest.raises(ValueError, match="at most 8192 may be"):
        decoded(codec, gzip.compress(b"a") + FITTING["gzip"], 8192)


# --- shapes -----------------------------------------------------------------------------------------------------------

SHAPES: dict[str, dict[str, Any]] = {
    "2^62": {"shape": [2**62, 128]},
    "2^62 twice": {"shape": [2**62, 2**62]},
    "10^12 chunks": {"shape": [10**6, 10**6], "chunks": [1, 1]},
    "10^12 chunks along an axis": {"shape": [10**12, 1], "chunks": [1, 1]},
    "a chunk of 2^62": {"shape": [2**62, 128], "chunks": [2**62, 128]},
}


def with_sizes(path: Path, version: Version, shape: list[int], chunks: list[int] | None = None) -> Path:
    store = made(path, version)

    def change(said: dict[str, Any]) -> None:
        said["shape"] = shape
        if version == "0.4":
            said["chunks"] = chunks or said["chunks"]
        elif chunks:
            said["chunk_grid"]["configuration"]["chunk_shape"] = chunks

    edited(store / ("0/.zarray" if version == "0.4" else "0/zarr.json"), change)
    return store


def copied(store: Path) -> None:
    nf.create(store.parent / "copy.zarr", nf.open_ome_zarr(store).root, version="0.5")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SHAPES)
def test_an_array_that_nothing_holds_is_refused_at_once(name: str, version: Version, tmp_path: Path) -> None:
    store = with_sizes(tmp_path, version, **SHAPES[name])
    before = files_below(store)
    assert str(SHAPES[name]["shape"])[1:-1] in nf.format_tree(nf.open_ome_zarr(store))
    with holding_little(64 * MIB):
        for act in (READERS["to_numpy"], READERS["evaluate"], READERS["a pyramid"], copied):
            if act is copied and name == "a chunk of 2^62":
                continue  # its bytes are copied as they are
            with pytest.raises((nf.StoreError, nf.UnsupportedError)) as refusal:
                act(store)
            assert all(problem.location and problem.message for problem in refusal.value.problems)
    assert files_below(store) == before
    assert not (tmp_path / "copy.zarr").exists()


@pytest.mark.timeout(30)
def test_dask_is_not_asked_to_list_more_blocks_than_it_can(tmp_path: Path) -> None:
    store = with_sizes(tmp_path, "0.5", [2**62, 128])
    with pytest.raises(nf.UnsupportedError, match=r"image.zarr/0: .* Read regions"):
        nf.to_dask(store, "0")


def test_a_chunk_that_no_memory_holds_may_be_fill_value_and_is_refused_where_it_is_there(tmp_path: Path) -> None:
    store = with_sizes(tmp_path, "0.5", [128, 128], [2**44, 2**15])
    with pytest.raises(nf.StoreError, match="0/c/0/0: it cannot be decoded"):
        nf.to_numpy(store, "0")
    (store / "0/c/0/0").unlink()
    assert not nf.to_numpy(store, "0").any()


def test_few_pixels_of_a_very_large_array_are_read(tmp_path: Path) -> None:
    store = with_sizes(tmp_path, "0.5", [2**62, 2**62])
    np.testing.assert_array_equal(nf.evaluate(nf.open_ome_zarr(store).root, region=((60, 70), (0, 9))), DATA[60:70, :9])


@pytest.mark.timeout(30)
def test_a_hundred_thousand_levels_are_compared_in_no_time() -> None:
    paths = [f"a/{number}" for number in range(100_000)]
    assert not list(path_clashes(paths))
    assert [index for index, _ in path_clashes([*paths, "a/7", "a/8/x"])] == [100_000, 100_001]


# --- documents and files ----------------------------------------------------------------------------------------------

ARRAY_DOCUMENT = {"0.4": "0/.zarray", "0.5": "0/zarr.json"}
GROUP_DOCUMENT = {"0.4": ".zattrs", "0.5": "zarr.json"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("text", ["[" * 10**5 + "]" * 10**5, "[" * 10**6, '{"a":' * 10**5])
def test_what_is_nested_too_deep_is_refused_by_whoever_reads_an_array(
    text: str, version: Version, tmp_path: Path
) -> None:
    store = made(tmp_path, version)
    (store / ARRAY_DOCUMENT[version]).write_text(text)
    for read in (*READERS.values(), opened_as_zarr):
        with pytest.raises(nf.NgffError):
            read(store)


@pytest.mark.parametrize("text", [b'{"zarr_format": 2, "zarr_format": 2}', b'{"a": "\xff"}', b"[]"])
def test_a_damaged_document_is_named_and_said_to_be_damaged(text: bytes, tmp_path: Path) -> None:
    store = made(tmp_path, "0.4")
    (store / "0/.zarray").write_bytes(text)
    with pytest.raises(nf.DocumentError, match=r"image\.zarr/0: \.zarray"):
        nf.to_numpy(store, "0")


@pytest.mark.skipif(os.name != "posix", reason="sparse files")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("of", [GROUP_DOCUMENT, ARRAY_DOCUMENT])
def test_a_document_of_fifty_gigabytes_is_not_read(of: dict[Version, str], version: Version, tmp_path: Path) -> None:
    store = made(tmp_path, version)
    os.truncate(store / of[version], 50 * 10**9)
    with holding_little(3 * stores.MOST_DOCUMENT):
        for read in (READERS["evaluate"], READERS["a pyramid"]):
            with pytest.raises(nf.StoreError, match=rf"{of[version]}: it has \d+ bytes or more, and a document has"):
                read(store)


@pytest.mark.skipif(os.name != "posix", reason="sparse files")
def test_consolidated_metadata_of_fifty_gigabytes_are_not_read(tmp_path: Path) -> None:
    store = made(tmp_path, "0.4")
    zarr.consolidate_metadata(store, zarr_format=2)
    os.truncate(store / ".zmetadata", 50 * 10**9)
    with holding_little(3 * stores.MOST_DOCUMENT):
        for act in (nf.open_group, READERS["a pyramid"]):
            with pytest.raises(nf.StoreError, match=r"\.zmetadata: it has \d+ bytes or more"):
                act(store)


def test_a_large_document_is_parsed_once_when_a_store_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made(tmp_path, "0.5")
    edited(store / "zarr.json", lambda said: said["attributes"].update(note="x" * 2 * MIB))
    parsed: list[int] = []

    def counting(text: bytes, **options: Any) -> Any:
        parsed.append(len(text))
        return parse(text, **options)

    monkeypatch.setattr(texts, "parse", counting)
    nf.open_ome_zarr(store)
    assert len([size for size in parsed if size > MIB]) == 1


@pytest.mark.skipif(os.name != "posix", reason="sparse files")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_chunk_of_fifty_gigabytes_is_not_read(version: Version, tmp_path: Path) -> None:
    store = made(tmp_path, version)
    os.truncate(store / ("0/0/0" if version == "0.4" else "0/c/0/0"), 50 * 10**9)
    with holding_little():
        for read in (READERS["to_numpy"], READERS["to_dask"]):
            with pytest.raises(nf.StoreError, match=r"0/0: it cannot be decoded .*it has more than"):
                read(store)
        with pytest.raises(ValueError, match="it has more than"):
            opened_as_zarr(store)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes")
def test_a_pipe_in_the_place_of_a_chunk_is_neither_waited_for_nor_taken_for_fill_value(tmp_path: Path) -> None:
    store = made(tmp_path, "0.5")
    (store / "0/c/0/0").unlink()
    os.mkfifo(store / "0/c/0/0")
    for read in (READERS["to_numpy"], opened_as_zarr):
        with pytest.raises(nf.StoreError, match="0/c/0/0: it is neither a file nor a directory"):
            read(store)


def test_a_file_that_no_memory_holds_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> bytes:
        raise MemoryError

    store = made(tmp_path, "0.5")
    monkeypatch.setattr(local_reading, "read_all", exhausted)
    with pytest.raises(nf.StoreError, match=r"zarr\.json: it is larger than the memory"):
        nf.open_ome_zarr(store)


# --- paths and names --------------------------------------------------------------------------------------------------

HOSTILE = ["../secret", "/etc", "a/../../secret", "..\\secret", "a\0b", "a\nb", "\x1b[31m", "", ".", "..", "C:/x"]
HOSTILE += ["\ud800", "__ngff_fn/txn", ".zattrs", "x/" * 3000 + "y"]


def collection(store: Path, version: Version, series: list[str]) -> None:
    for path, attributes in ("", {"bioformats2raw.layout": 3}), ("OME", {"series": series}):
        (store / path).mkdir(parents=True, exist_ok=True)
        if version == "0.4":
            (store / path / ".zgroup").write_text('{"zarr_format": 2}')
            (store / path / ".zattrs").write_text(json.dumps(attributes))
        else:
            said = {"ome": {"version": "0.5", **attributes}}
            members = {"zarr_format": 3, "node_type": "group", "attributes": said}
            (store / path / "zarr.json").write_text(json.dumps(members))
    nf.create(store / "0", image(), version=version, durability="process")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_series_that_may_not_be_followed_is_refused_with_its_place(
    path: str, version: Version, tmp_path: Path
) -> None:
    collection(tmp_path / "images.zarr", version, ["0", path])
    before = files_below(tmp_path)
    for act in (nf.open_ome_zarr, lambda store: nf.update(store, c.each_image(c.set_scale(y=2.0)))):
        with pytest.raises(nf.DocumentError, match=r"images.zarr: OME: series\[1\]: "):
            act(tmp_path / "images.zarr")
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_path_of_thousands_of_names_is_refused(version: Version, tmp_path: Path) -> None:
    deep = "x/" * 3000 + "y"
    store = made(tmp_path, version)

    def change(said: dict[str, Any]) -> None:
        ome = said if version == "0.4" else said["attributes"]["ome"]
        ome["multiscales"][0]["datasets"][0]["path"] = deep

    edited(store / GROUP_DOCUMENT[version], change)
    with pytest.raises(nf.DocumentError, match=r"datasets\[0\].path: .* has more than 64 names"):
        nf.open_ome_zarr(store)
    with pytest.raises(nf.StoreError, match="has more than 256 names"):
        LocalFiles(str(store)).read(deep)


def test_names_in_a_store_do_not_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "plate.zarr"
    nf.create(store, nf.plate_from_positions({"A/1/0": image()}), version="0.4", durability="process")
    evil = "\x1b]0;owned\x07\u202etxt"
    edited(store / ".zattrs", lambda said: said["plate"]["rows"][0].update(name=evil))
    edited(store / "A/1/0/.zattrs", lambda said: said["multiscales"][0].update(name=evil))
    for arguments in (["tree"], ["info"], ["set-scale", "--y", "2", "--dry-run"], ["set-scale", "--q"]):
        with pytest.raises(SystemExit) if "--q" in arguments else _nothing():
            cli.main([arguments[0], str(store), *arguments[1:]])
    said = capsys.readouterr()
    assert "owned" in said.out
    assert not {"\x1b", "\x07", "\u202e"} & {*said.out, *said.err}


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("target", ["outside", "/nonexistent/x", "loop"])
@pytest.mark.parametrize("at", ["0", "chunk", "document", "__ngff_fn", "__ngff_fn/txn", "labels"])
def test_a_link_that_leaves_the_store_is_refused_with_the_whole_path_and_nothing_outside_is_touched(
    at: str, target: str, version: Version, tmp_path: Path
) -> None:
    store, outside = made(tmp_path, version), made(tmp_path / "outside", version)
    chunk = "0/0/0" if version == "0.4" else "0/c/0/0"
    key = {"chunk": chunk, "document": ARRAY_DOCUMENT[version]}.get(at, at)
    where = store / key
    where.parent.mkdir(exist_ok=True)
    if where.exists():
        where.rename(tmp_path / "moved away")
    inside = key if (outside / key).exists() else ""
    where.symlink_to(outside / inside if target == "outside" else where.name if target == "loop" else target)
    before = files_below(outside)
    for act in (READERS["to_numpy"], READERS["a pyramid"]):
        try:
            act(store)
        except nf.NgffError as refusal:
            problem = refusal.problems[0]
            assert str(store / key).startswith(problem.location.split(": ")[-1]) or str(store) in problem.location
    if at in ("0", "chunk", "document"):
        with pytest.raises(nf.StoreError, match=r"leaves the store|lead back to themselves"):
            READERS["to_numpy"](store)
    assert files_below(outside) == before
