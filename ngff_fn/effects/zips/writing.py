"""A zip archive is written as a whole, as RFC-9 recommends: nothing is compressed, the metadata come first.

What an older archive has, goes over as it lies there. Every number has its ZIP64 form: "The ZIP64 format extension
SHOULD be used, irrespective of the ZIP file size" (RFC-9); so there is one way for small and for large ones.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from attrs import evolve, frozen

from ngff_fn.effects.local.system_calls import copy_range
from ngff_fn.effects.zips.archive import LOCAL_HEADER, Member
from ngff_fn.records.snapshot import NODE_DOCUMENTS, Version

_VERSION = 45  # of the format, the first with ZIP64
_UNIX = 3 << 8
_UTF_8 = 0x800
_SIZES_FOLLOW = 0x8
_FULL = 0xFFFFFFFF
_MANY = 0xFFFF
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_PORTION = 2**20

_SIZES = struct.Struct("<2H2Q")
_SIZES_AND_OFFSET = struct.Struct("<2H3Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")

Source: TypeAlias = "Member | str"
"""Where the bytes of a member come from: another archive, or a file by its path."""


def comment_of(version: Version) -> bytes:
    """What RFC-9 has a new archive say of itself; it is about 0.5 and later.

    >>> comment_of("0.5")
    b'{"ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": true}}}}'
    """
    if version == "0.4":
        return b""
    said = {"ome": {"version": version, "zipFile": {"centralDirectory": {"jsonFirst": True}}}}
    return json.dumps(said).encode()


def in_order(keys: Iterable[str]) -> list[str]:
    """Every ``zarr.json`` first, the root's before all, level by level; then what Zarr v2 has instead, and the rest.

    >>> in_order(["0/c/0", "0/zarr.json", "labels/a/zarr.json", "zarr.json"])
    ['zarr.json', '0/zarr.json', 'labels/a/zarr.json', '0/c/0']
    """

    def place(key: str) -> tuple[int, int, str]:
        name = key.rpartition("/")[2]
        if name not in NODE_DOCUMENTS:
            return 2, 0, ""  # as it was
        return int(name != "zarr.json"), key.count("/"), key

    return sorted(keys, key=place)


@frozen(kw_only=True)
class _Entry:
    """A member that has been written."""

    name: bytes
    flags: int
    method: int
    time: int
    crc: int
    packed: int
    size: int
    offset: int = 0
    extra: bytes = b""
    comment: bytes = b""
    internal: int = 0
    external: int = 0o100644 << 16
    system: int = _UNIX

    @property
    def local_header(self) -> bytes:
        extra = _SIZES.pack(1, 16, self.size, self.packed)
        date, clock = self.time >> 16, self.time & 0xFFFF
        fixed = (b"PK\3\4", _VERSION, self.flags, self.method, clock, date, self.crc, _FULL, _FULL)
        return LOCAL_HEADER.pack(*fixed, len(self.name), len(extra)) + self.name + extra

    @property
    def central_header(self) -> bytes:
        extra = _SIZES_AND_OFFSET.pack(1, 24, self.size, self.packed, self.offset) + self.extra
        date, clock = self.time >> 16, self.time & 0xFFFF
        fixed = (b"PK\1\2", _VERSION | self.system, _VERSION, self.flags, self.method, clock, date, self.crc)
        lengths = (len(self.name), len(extra), len(self.comment))
        header = _CENTRAL.pack(*fixed, _FULL, _FULL, *lengths, 0, self.internal, self.external, _FULL)
        return header + self.name + extra + self.comment


def write_archive(path: str, members: Iterable[tuple[str, Source]], comment: bytes, mode: int | None) -> None:
    """A new archive with these members in this order; nothing may be at its path.

    Parameters
    ----------
    path
        Of the archive.
    members
        Names and where their bytes are.
    comment
        Of the archive.
    mode
        Its permissions; None: those of a new file.
    """
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        at = 0
        headers: list[bytes] = []
        for name, source in members:
            at, entry = _put(target, at, name, source)
            headers.append(entry.central_header)
        directory = b"".join(headers)
        _write(target, directory + _end(len(headers), len(directory), at, comment), at)
        if mode is not None:
            os.fchmod(target, mode)
    finally:
        os.close(target)


def _end(count: int, length: int, start: int, comment: bytes) -> bytes:
    """What stands behind the directory: where it is, and what the archive says of itself."""
    end_64 = _END_64.pack(b"PK\6\6", _END_64.size - 12, _VERSION | _UNIX, _VERSION, 0, 0, count, count, length, start)
    locator = _LOCATOR.pack(b"PK\6\7", 0, start + length, 1)
    few = min(count, _MANY)
    end = _END.pack(b"PK\5\6", 0, 0, few, few, min(length, _FULL), min(start, _FULL), len(comment))
    return end_64 + locator + end + comment


def _put(target: int, at: int, name: str, source: Source) -> tuple[int, _Entry]:
    """A member at a place of the new archive, and where the next one is."""
    if isinstance(source, Member):
        entry = _as_it_was(name, source, at)
        begin = at + len(entry.local_header)
        copy_range(source.archive.descriptor, source.begin(), target, begin, entry.packed)
    else:
        entry = _Entry(name=name.encode(), flags=_UTF_8, method=0, time=_now(), crc=0, packed=0, size=0, offset=at)
        begin = at + len(entry.local_header)
        size = crc = 0
        for portion in _portions(source):
            _write(target, portion, begin + size)
            size, crc = size + len(portion), zlib.crc32(portion, crc)
        entry = evolve(entry, crc=crc, size=size, packed=size)
    _write(target, entry.local_header, at)
    return begin + entry.packed, entry


def _as_it_was(name: str, member: Member, offset: int) -> _Entry:
    """A member of another archive: what is said of it, but for where it is."""
    info = member.info
    return _Entry(
        name=name.encode(),
        flags=(info.flag_bits & ~_SIZES_FOLLOW) | _UTF_8,
        method=info.compress_type,
        time=_dos_time(info.date_time),
        crc=info.CRC,
        packed=info.compress_size,
        size=info.file_size,
        offset=offset,
        extra=_without_sizes(info.extra),
        comment=info.comment,
        internal=info.internal_attr,
        external=info.external_attr,
        system=info.create_system << 8,
    )


def _without_sizes(extra: bytes) -> bytes:
    """The further fields of a member, without the ZIP64 one, which is made anew; what is damaged or too much is not
    taken along.
    """
    kept, at = b"", 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind != 1 and at + 4 + length <= len(extra):
            kept += extra[at : at + 4 + length]
        at += 4 + length
    return kept if len(kept) < _MANY // 2 else b""


def _dos_time(moment: tuple[int, ...]) -> int:
    year, month, day, hour, minute, second = moment
    return (year - 1980) << 25 | month << 21 | day << 16 | hour << 11 | minute << 5 | second // 2


def _now() -> int:
    return _dos_time(max(time.localtime()[:6], _EARLIEST))


def _portions(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while portion := file.read(_PORTION):
            yield portion


def _write(descriptor: int, data: bytes, at: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, memoryview(data)[done:], at + done)
