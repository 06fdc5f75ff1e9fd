"""A zip archive as a port, for reading (RFC-9: one file holds one hierarchy, its root at the archive's root)."""

from __future__ import annotations

import os
from typing import Any

from ngff_fn.effects.local.exclusive import Exclusive
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.unchanged_files import UnchangedFiles
from ngff_fn.effects.zips.archive import Archive, Member, archive_at

SUFFIXES = (".ozx", ".zip")


def is_archive(path: str) -> bool:
    """Whether a path is that of an archive that is there, or can be made there: by its name, unless it is a directory.

    >>> is_archive("cells.ozx"), is_archive("cells.zarr")
    (True, False)
    """
    return path.lower().endswith(SUFFIXES) and not os.path.isdir(path)


def archive_in(path: str) -> str | None:
    """The part of a path that is an archive, or is called so, the outermost one; None where there is none."""
    if not any(suffix in path.lower() for suffix in SUFFIXES):
        return None
    above, found = path, None
    while above != os.path.dirname(above):
        if is_archive(above):
            found = above
        above = os.path.dirname(above)
    return found


class ZipFiles(UnchangedFiles, Exclusive):
    """What is in an archive, by the archive's real path.

    Each question is put to the file that has the name at that time, and the signatures of all members are others once
    it is another file: whoever reads several compares them, as in a directory. What is changed is written in another
    way (``zip_commit``): the archive is replaced as a whole.

    Parameters
    ----------
    path
        Of the archive, without links; it need not exist yet.
    read_only
        Every change is refused.
    exclusive
        False: there is only one writer, and no lock is asked for.
    """

    at_once = 1
    local: type[LocalFiles] = LocalFiles
    """The kind of files around the archive; a test bench has its own."""

    def __init__(self, path: str, *, read_only: bool = False, exclusive: bool = True) -> None:
        super().__init__(path, exclusive=exclusive)
        self.read_only = read_only

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (type(self), self.identity, self.read_only, self.exclusive)

    @property
    def archive(self) -> Archive | None:
        """The archive that is there now."""
        return archive_at(self.identity)

    def is_there(self) -> bool:
        """Whether anything has the archive's name, whole or damaged."""
        return os.path.lexists(self.identity)

    def alone(self) -> ZipFiles:
        """The same archive for its only writer."""
        return type(self)(self.identity, read_only=self.read_only, exclusive=False)

    def for_tasks(self, aside: str) -> ZipFiles:  # noqa: ARG002 — nothing is written here
        """This archive."""
        return self

    def beside(self) -> tuple[LocalFiles, str, str]:
        """The directory that holds the archive, ``.<name>.ngff_fn`` in it, and the name."""
        above, name = os.path.split(self.identity)
        files = self.local(above, read_only=self.read_only, exclusive=self.exclusive, resolved=True)
        return files, f".{name}.ngff_fn", name

    def member(self, key: str) -> Member | None:
        """A file, as the archive has it now."""
        archive = self.archive
        return None if archive is None else archive.members.leaf(key)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file, or a part of them; None where there is no file."""
        member = self.member(key)
        return None if member is None else member.read(start, stop)

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of a file and the signature that it had then."""
        member = self.member(key)
        return (None, None) if member is None else (member.read(), member.signature)

    def signature(self, key: str) -> object | None:
        """The archive's, and the place of the member in it; None where there is none."""
        archive = self.archive
        found = None if archive is None else archive.members.at(key)
        if archive is None or found is None:
            return None
        return found.signature if isinstance(found, Member) else (archive.signature, "folder")

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return self.signature(path) is not None

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all."""
        return not self.exists(path)

    def has_links(self, path: str) -> bool:  # noqa: ARG002 — an archive with links is refused
        """Whether there are links at or below a path."""
        return False

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a folder, each with whether it is one."""
        archive = self.archive
        return [] if archive is None else archive.members.names(path)

    # --- what is not done in an archive, as ``UnchangedFiles`` says

    _cure = "an archive is not changed in place. Use commit(), update() or create(), which write it anew."

    def remove(self, path: str) -> None:
        """Refused, unless nothing is there."""
        if self.exists(path):
            self._refuse(path)

    def is_writable(self, path: str) -> bool:  # noqa: ARG002 — all of it, or nothing
        """Whether the archive can be replaced, as far as can be known."""
        above = os.path.dirname(self.identity)
        return os.access(above, os.W_OK | os.X_OK) and (not self.is_there() or os.access(self.identity, os.W_OK))


def _reopened(kind: type[ZipFiles], path: str, read_only: bool, exclusive: bool) -> ZipFiles:  # noqa: FBT001 — for pickle
    return kind(path, read_only=read_only, exclusive=exclusive)
