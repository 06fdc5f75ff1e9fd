"""A zip archive that is open for reading: what lies in it, where, and what of it is refused before it is read.

An archive is written anew and never changed in place (``zip_writing``), so one that is open stays what it is, also
after another file has got its name. Parts of members that are stored without compression are read where they lie.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import threading
import weakref
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import field, frozen

from ngff_fn.effects.local.exclusive import READ
from ngff_fn.effects.local.system_calls import read_all, signature_of
from ngff_fn.effects.names import Names
from ngff_fn.errors import Problem, StoreError, refuse
from ngff_fn.records.image import DEEPEST
from ngff_fn.records.paths import joined

if TYPE_CHECKING:
    import zipfile

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
"""Before each member; its last two numbers are the lengths of the name and of what else stands before the bytes."""

LARGEST_RATIO = 100
LARGEST_DEFLATED = 2**28
"""A compressed member of more than 256 MiB that is less than a hundredth of that in the archive is taken for a bomb.

Zarr compresses its chunks itself: "ZIP-level compression SHOULD be disabled" (RFC-9).
"""

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_MOST_PROBLEMS = 20
_ODD = re.compile(r"[\\\0-\x1f\x7f]|^[A-Za-z]:")


@frozen(kw_only=True, eq=False)
class Member:
    """A file in an archive, as the central directory has it."""

    archive: Archive = field(repr=False)
    name: str
    info: zipfile.ZipInfo = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes that reading gives."""
        return self.info.file_size

    @property
    def signature(self) -> object:
        """Another one in every other archive."""
        return (self.archive.signature, self.info.header_offset)

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes, or a part of them; a negative start counts from the end.

        Raises
        ------
        StoreError
            Naming the member that is damaged, or longer than the archive says.
        """
        first = max(0, self.size + start) if start < 0 else min(start, self.size)
        last = self.size if stop is None else max(first, min(stop, self.size))
        if first == last and self.size:
            return b""
        if self.info.compress_type == _STORED and (first, last) != (0, self.size):
            return self._bytes(first, last - first)
        whole = self._whole()
        return whole if (first, last) == (0, self.size) else whole[first:last]

    def _whole(self) -> bytes:
        name, kept = self.archive.last_inflated
        if name == self.name:
            return kept
        data = self._bytes(0, self.info.compress_size)
        if self.info.compress_type == _DEFLATED:
            data = self._inflated(data)
        if len(data) != self.size or zlib.crc32(data) != self.info.CRC:
            raise self._damaged("its bytes are not those that the archive's directory says")
        if self.info.compress_type == _DEFLATED:
            self.archive.last_inflated = (self.name, data)  # the chunks of a shard are read one after the other
        return data

    def _inflated(self, data: bytes) -> bytes:
        """Never more than the archive says, and a byte by which it is known that there would be more."""
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return inflate.decompress(data, self.size + 1)
        except zlib.error as error:
            raise self._damaged(f"it cannot be decompressed ({error})") from error

    def _bytes(self, start: int, length: int) -> bytes:
        """As they lie in the archive."""
        data = self.archive.pread(self.begin() + start, length)
        if len(data) != length:
            raise self._damaged("the archive ends before it does")
        return data

    def begin(self) -> int:
        """Where in the archive its bytes begin."""
        known = self.archive.begins.get(self.name)
        if known is not None:
            return known
        header = self.archive.pread(self.info.header_offset, LOCAL_HEADER.size)
        if len(header) != LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            raise self._damaged("there is no member where the archive's directory says")
        name_length, extra_length = struct.unpack_from("<2H", header, LOCAL_HEADER.size - 4)
        begin = self.info.header_offset + LOCAL_HEADER.size + int(name_length) + int(extra_length)
        if begin + self.info.compress_size > self.archive.end:
            raise self._damaged("it reaches into the archive's directory")
        self.archive.begins[self.name] = begin
        return begin

    def _damaged(self, what: str) -> StoreError:
        message = f"{what}: the archive is damaged. Restore it from a copy."
        return StoreError(Problem(joined(self.archive.path, self.name), message))


class Archive:
    """An open archive: its members by their names; its file stays open as long as one of them is known.

    Raises
    ------
    StoreError
        Naming the archive that is none or is cut off, and every member that is refused.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        status = os.fstat(descriptor)
        self.signature = signature_of(status)
        self.mode = stat.S_IMODE(status.st_mode)
        self.size = status.st_size
        self.begins: dict[str, int] = {}
        self.last_inflated: tuple[str | None, bytes] = (None, b"")
        infos = self._read_directory(status)
        refuse(_problems(path, infos), StoreError)
        self.members: Names[Member] = Names()
        for info in infos:
            if not info.is_dir():
                self.members.put(info.filename, Member(archive=self, name=info.filename, info=info))

    def pread(self, start: int, length: int) -> bytes:
        """Bytes of the archive; fewer where it ends before. Threads do not disturb each other."""
        try:
            return read_all(self._descriptor, start, length)
        except OSError as error:
            message = f"{error.strerror or error}. Nothing that was committed is lost."
            raise StoreError(Problem(self.path, message)) from error

    @property
    def descriptor(self) -> int:
        """Of the open file."""
        return self._descriptor

    def _read_directory(self, status: os.stat_result) -> list[zipfile.ZipInfo]:
        import zipfile

        if not stat.S_ISREG(status.st_mode):
            raise StoreError(Problem(self.path, "this is no file. Name a zip archive, or a directory."))
        try:
            with os.fdopen(os.dup(self._descriptor), "rb") as file, zipfile.ZipFile(file) as archive:
                self.comment = archive.comment
                self.end = archive.start_dir
                return archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError, OverflowError) as error:
            message = f"this is no whole zip archive ({error}): it is cut off, damaged, or still being written."
            raise StoreError(
                Problem(self.path, f"{message} Restore it from a copy, or close what writes it.")
            ) from error


def _problems(path: str, infos: list[zipfile.ZipInfo]) -> list[Problem]:
    """What is refused, the first of it: an archive may come from anywhere."""
    found: list[Problem] = []
    for name, message in (*_bad_members(infos), *_bad_names(infos), *_overlapping(infos)):
        found.append(Problem(joined(path, repr(name)[1:-1]), message))
        if len(found) == _MOST_PROBLEMS:
            break
    return found


def _bad_members(infos: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[str, str]]:
    for info in infos:
        name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
        if _ODD.search(name) or {"", ".", ".."} & set(name.removesuffix("/").split("/")):
            yield name, "the name leads out of the archive, or is not one of a path. Write the archive without it."
        elif name.count("/") > DEEPEST:
            yield name, f"the path has more than {DEEPEST} names. Write the archive without it."
        elif kind == stat.S_IFLNK:
            yield name, "this is a symbolic link. Put what it leads to in its place."
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            yield name, "this is neither a file nor a folder. Write the archive without it."
        elif info.flag_bits & _ENCRYPTED:
            yield name, "it is encrypted. Write the archive without a password."
        elif info.compress_type not in (_STORED, _DEFLATED):
            yield name, f"compression method {info.compress_type} is not supported. Store it without compression."
        elif info.volume:
            yield name, "the archive is split into several files. Write it as one."
        elif info.compress_type == _STORED and info.file_size != info.compress_size:
            yield name, "it is stored without compression, but its two sizes differ: the archive is damaged."
        elif info.file_size > LARGEST_DEFLATED and info.file_size > LARGEST_RATIO * info.compress_size:
            yield name, f"{info.compress_size} bytes would become {info.file_size}. Store it without compression."


def _bad_names(infos: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[str, str]]:
    """Names that stand twice, unless the later one was appended: Zarr's ZipStore replaces a key in no other way, and
    reads the last.
    """
    seen: dict[str, int] = {}
    folders: set[str] = set()
    for info in infos:
        name = info.filename.removesuffix("/")
        if not info.is_dir():
            if seen.get(name, -1) >= info.header_offset:
                yield name, "the name stands twice, and it is open which one counts. Write the archive without one."
            seen[name] = info.header_offset
        above = name if info.is_dir() else name.rpartition("/")[0]
        while above and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    for name in sorted(folders & seen.keys()):
        yield name, "this is both a file and a folder. Write the archive without one of them."


def _overlapping(infos: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[str, str]]:
    """Members that share bytes: many large ones could be made of a few bytes so."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            yield info.filename, "it shares bytes with another member: the archive is damaged, or meant to do damage."
        end = info.header_offset + LOCAL_HEADER.size + len(info.orig_filename) + info.compress_size


# --- each archive is opened once

_KEPT = 16
_open: dict[str, Archive] = {}
_mutex = threading.Lock()


def archive_at(path: str) -> Archive | None:
    """The archive that has this name now; None where there is nothing.

    Raises
    ------
    StoreError
        As ``Archive``.
    """
    try:
        signature = signature_of(os.stat(path))
        with _mutex:
            known = _open.get(path)
        if known is not None and known.signature == signature:
            return known
        descriptor = os.open(path, READ)
    except (FileNotFoundError, NotADirectoryError):
        with _mutex:
            _open.pop(path, None)
        return None
    except OSError as error:
        raise StoreError(Problem(path, f"{error.strerror or error}. Nothing was changed.")) from error
    archive = Archive(path, descriptor)
    _keep(archive)
    return archive


def adopt(archive: Archive, path: str) -> None:
    """Know an archive that has just got this name: it need not be read again."""
    archive.path = path
    archive.signature = signature_of(os.fstat(archive.descriptor))  # the name is part of it
    _keep(archive)


def _keep(archive: Archive) -> None:
    with _mutex:
        _open.pop(archive.path, None)
        while len(_open) >= _KEPT:
            del _open[next(iter(_open))]
        _open[archive.path] = archive
