"""Archives may come from anywhere: what is odd in one is refused with its name, before anything is read of it."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import ngff_fn as nf
from tests.crashes import files_below
from tests.zips import changed_entry, link, members_of, small_image, written

Members = dict[str, bytes]


@pytest.fixture
def members(tmp_path: Path) -> Members:
    (tmp_path / "made").mkdir()
    return members_of(small_image(), tmp_path / "made")


NAMES = ["../outside", "a/../../outside", "/outside", "a//b", "./a", "a/.", "a\\..\\b", "C:/a", "C:a", "a\nb"]
NAMES.append("a/" * 70 + "b")


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out_or_are_none_are_refused(name: str, members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.zip", {**members, name: b"x"})
    before = files_below(tmp_path)
    with pytest.raises(nf.StoreError, match=r"bad\.zip/.*Write the archive without it"):
        nf.open_ome_zarr(made)
    assert files_below(tmp_path) == before


def test_all_problems_of_an_archive_are_named_at_once(members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.zip", {**members, "../a": b"", "b\\c": b""}, link("d", "/etc/passwd"))
    with pytest.raises(nf.StoreError) as refusal:
        nf.open_ome_zarr(made)
    assert len(refusal.value.problems) == 3


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "zarr.json"])
def test_links_are_refused(target: str, members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.zip", members, link("0/c/0/0/0/9", target))
    with pytest.raises(nf.StoreError, match=r"bad\.zip/0/c/0/0/0/9.*symbolic link"):
        nf.open_ome_zarr(made)


def test_a_name_of_which_it_is_open_which_one_counts_is_refused(members: Members, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        made = written(tmp_path / "bad.zip", members, (zipfile.ZipInfo("zarr.json"), b"{}"))
    data = made.read_bytes()
    first = data.index(b"PK\1\2")
    last = data.rindex(b"PK\1\2")
    end = data.index(b"PK\5\6")
    made.write_bytes(data[:first] + data[last:end] + data[first:last] + data[end:])  # the appended one is listed first
    with pytest.raises(nf.StoreError, match=r"bad\.zip/zarr\.json.*stands twice"):
        nf.open_ome_zarr(made)


def test_what_is_both_a_file_and_a_folder_is_refused(members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.zip", {**members, "0/zarr.json/x": b""})
    with pytest.raises(nf.StoreError, match=r"bad\.zip/0/zarr\.json.*both a file and a folder"):
        nf.open_ome_zarr(made)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_are_refused(method: int, members: Members, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("odd")
    info.compress_type = method
    made = written(tmp_path / "bad.zip", members, (info, b"x" * 100))
    with pytest.raises(nf.StoreError, match=rf"bad\.zip/odd.*compression method {method}"):
        nf.open_ome_zarr(made)


def test_encrypted_members_are_refused(members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.zip", {**members, "secret": b"x"})
    changed_entry(made, "secret", 8, b"\1\0")
    with pytest.raises(nf.StoreError, match=r"bad\.zip/secret.*encrypted"):
        nf.open_ome_zarr(made)


def test_members_that_share_bytes_are_refused(members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.zip", {**members, "one": b"x" * 100, "two": b"x" * 100})
    with zipfile.ZipFile(made) as opened:
        offset = opened.getinfo("one").header_offset
    changed_entry(made, "two", 42, struct.pack("<I", offset + 5))
    with pytest.raises(nf.StoreError, match=r"bad\.zip/two.*shares bytes"):
        nf.open_ome_zarr(made)


def _deflated(members: Members, path: Path, key: str, data: bytes) -> Path:
    info = zipfile.ZipInfo(key)
    info.compress_type = zipfile.ZIP_DEFLATED
    return written(path, {name: text for name, text in members.items() if name != key}, (info, data))


def test_a_bomb_is_refused_by_what_it_says_that_it_becomes(members: Members, tmp_path: Path) -> None:
    made = _deflated(members, tmp_path / "bad.zip", "bomb", b"\0" * 1000)
    changed_entry(made, "bomb", 24, struct.pack("<I", 2**31))
    with pytest.raises(nf.StoreError, match=rf"bad\.zip/bomb.*would become {2**31}"):
        nf.open_ome_zarr(made)


def test_what_is_longer_than_it_says_is_refused_in_bounded_memory(members: Members, tmp_path: Path) -> None:
    made = _deflated(members, tmp_path / "bad.zip", "zarr.json", b" " * 50_000_000 + members["zarr.json"])
    changed_entry(made, "zarr.json", 24, struct.pack("<I", 1000))
    tracemalloc.start()
    try:
        with pytest.raises(nf.StoreError, match=r"bad\.zip/zarr\.json.*damaged"):
            nf.open_ome_zarr(made)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5_000_000


def _in_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _without_end(data: bytes) -> bytes:
    return data[:-3]


def _directory_is_noise(data: bytes) -> bytes:
    at = data.index(b"PK\1\2")
    return data[:at] + b"\xff" * 60 + data[at + 60 :]


@pytest.mark.parametrize("damage", [_in_half, _without_end, _directory_is_noise, lambda _: b"", lambda _: b"PK" * 99])
def test_a_damaged_archive_is_named(damage: Callable[[bytes], bytes], members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.ozx", members)
    made.write_bytes(damage(made.read_bytes()))
    with pytest.raises(nf.StoreError, match=r"bad\.ozx: this is no whole zip archive"):
        nf.open_ome_zarr(made)


def test_every_damaged_byte_is_found_or_does_no_harm(members: Members, tmp_path: Path) -> None:
    """Of the directory and the headers; the bytes of documents and chunks have their checksum."""
    made = written(tmp_path / "bad.ozx", {name: members[name] for name in ("zarr.json", "0/zarr.json", "1/zarr.json")})
    data = made.read_bytes()
    expected = dict(nf.open_ome_zarr(made).documents)
    for at in range(0, len(data), 3):
        made.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            found = dict(nf.open_ome_zarr(made).documents)
        except nf.NgffError:
            continue
        assert found == expected


def test_a_cut_off_front_is_found_when_it_is_read(members: Members, tmp_path: Path) -> None:
    made = written(tmp_path / "bad.ozx", members)
    made.write_bytes(made.read_bytes()[2000:])
    with pytest.raises(nf.StoreError, match=r"bad\.ozx"):
        nf.open_ome_zarr(made)


def test_a_damaged_chunk_is_named(members: Members, tmp_path: Path) -> None:
    key = "0/c/0/0/0/0"
    made = written(tmp_path / "bad.zip", members)
    at = made.read_bytes().index(members[key])
    data = bytearray(made.read_bytes())
    data[at + 20] ^= 0xFF
    made.write_bytes(data)
    with pytest.raises(nf.StoreError, match=rf"bad\.zip/{key}"):
        nf.to_numpy(made, "0")
    assert zlib.crc32(members[key]) != zlib.crc32(bytes(data[at : at + len(members[key])]))


def test_a_pipe_or_a_directory_is_no_archive(tmp_path: Path, members: Members) -> None:
    os.mkfifo(tmp_path / "pipe.ozx")
    with pytest.raises(nf.StoreError, match=r"pipe\.ozx: this is no file"):
        nf.open_ome_zarr(tmp_path / "pipe.ozx")
    (tmp_path / "folder.ozx").mkdir()
    for name, data in members.items():
        path = tmp_path / "folder.ozx" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert nf.open_ome_zarr(tmp_path / "folder.ozx").version == "0.5"  # a directory stays one, whatever its name


def test_a_document_of_an_archive_is_no_way_out_of_it(members: Members, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    for name, data in members.items():
        if name.startswith("0/"):
            path = tmp_path / "outside" / name.removeprefix("0/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    document = members["zarr.json"].replace(b'"path": "0"', b'"path": "../outside"')
    assert document != members["zarr.json"]
    made = written(tmp_path / "bad.zip", {**members, "zarr.json": document})
    with pytest.raises(nf.NgffError):
        nf.open_ome_zarr(made)
