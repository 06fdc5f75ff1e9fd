"""Zip archives for tests: of directories, and as no good writer would make them."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import ngff_fn as nf


def zipped(store: Path, archive: Path, method: int = zipfile.ZIP_STORED, prefix: str = "") -> Path:
    """An archive of what is in a directory, as any program would make it."""
    with zipfile.ZipFile(archive, "w", method) as made:
        for folder, _, names in os.walk(store):
            for name in names:
                path = Path(folder) / name
                made.write(path, f"{prefix}{path.relative_to(store)}")
    return archive


def contents(archive: Path) -> dict[str, bytes]:
    """Every member with its bytes, as Python reads them; all of them are whole."""
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert len(names) == len(set(names))
        return {name: opened.read(name) for name in names}


def as_they_lie(archive: Path) -> dict[str, tuple[int, bytes]]:
    """Every member's compression method, and its bytes in the archive."""
    found = {}
    data = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            lengths = struct.unpack_from("<2H", data, info.header_offset + 26)
            begin = info.header_offset + 30 + sum(lengths)
            found[info.filename] = (info.compress_type, data[begin : begin + info.compress_size])
    return found


def members_of(image: nf.Image, folder: Path) -> dict[str, bytes]:
    """The members that an archive of an image has."""
    nf.create(folder / "members.ozx", image, version="0.5")
    return contents(folder / "members.ozx")


def small_image() -> nf.Image:
    """Two channels of 4 x 12 x 16 with two levels."""
    data = np.arange(2 * 4 * 12 * 16, dtype="uint16").reshape(2, 4, 12, 16)
    image = nf.image_from(data, axes="czyx", channel_names=["DAPI", "GFP"], scale={"z": 0.5}, chunks=(1, 4, 6, 8))
    return nf.with_pyramid(image, levels=2)


def written(archive: Path, members: Mapping[str, bytes], *more: tuple[zipfile.ZipInfo, bytes]) -> Path:
    """An archive with these members, and others after them that are said more of."""
    with zipfile.ZipFile(archive, "w") as made:
        for name, data in members.items():
            made.writestr(name, data)
        for info, data in more:
            made.writestr(info, data)
    return archive


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    """A symbolic link, as zip archives have them."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


def changed_entry(archive: Path, name: str, offset: int, value: bytes) -> None:
    """Other bytes in what the directory of an archive says of a member, at an offset there."""
    data = bytearray(archive.read_bytes())
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + offset : at + offset + len(value)] = value
    archive.write_bytes(data)
