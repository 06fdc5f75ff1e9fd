"""Local directories as a port. Every change of the file system goes through ``LocalFiles.change``, one call each."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import uuid4

from ngff_fn.effects.local.reading import LocalReading
from ngff_fn.effects.local.system_calls import (
    copy_file,
    exchange_names,
    flush,
    flush_file,
    flush_file_system,
    write_file,
)
from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.paths import joined

T = TypeVar("T")

SYNC_ALL_ABOVE = 32
"""So many files are flushed one by one; more, by one flush of their file system, where the platform has it."""

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


class LocalFiles(LocalReading):
    """A directory tree, by the real path of its root; links that leave the root are refused.

    Parameters
    ----------
    root
        The outermost group's directory; it need not exist yet.
    read_only
        Every change is refused.
    exclusive
        False: there is only one writer, and no lock is asked for.
    resolved
        Whether ``root`` is a real path already.
    """

    aside: str = ""
    """A directory in which a file is made that takes the place of another; without one, the other goes first."""

    def __init__(self, root: str, *, read_only: bool = False, exclusive: bool = True, resolved: bool = False) -> None:
        super().__init__(root if resolved else os.path.realpath(root), exclusive=exclusive)
        self.read_only = read_only

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (type(self), self.identity, self.read_only, self.exclusive, self.aside)

    def _at(self, root: str, *, exclusive: bool) -> LocalFiles:
        return type(self)(root, read_only=self.read_only, exclusive=exclusive, resolved=True)

    def alone(self) -> LocalFiles:
        """The same directory for its only writer."""
        return self._at(self.identity, exclusive=False)

    def for_tasks(self, aside: str) -> LocalFiles:
        """The same directory for tasks, of which one may run twice at a time: a file is replaced in one step."""
        files = self._at(self.identity, exclusive=self.exclusive)
        files.aside = aside
        return files

    def beside(self) -> tuple[LocalFiles, str, str]:
        """The directory that holds this one, ``.<name>.ngff_fn`` in it, and the name."""
        parent, name = os.path.split(self.identity)
        return self._at(parent, exclusive=self.exclusive), f".{name}.ngff_fn", name

    # --- changing

    def change(self, operation: Callable[..., T], *arguments: Any) -> T:
        """One change of the file system; a test bench overrides this to stop at each."""
        return operation(*arguments)

    def _writable(self, key: str) -> None:
        if self.read_only:
            raise StoreError(Problem(joined(self.identity, key), "the store is read-only. Open it for writing."))

    def write(self, key: str, data: bytes) -> None:
        """A new file, with the directories above it; one that is there is not written into: it may have other names."""
        self._writable(key)
        self._put(key, lambda path: self.change(write_file, path, data))

    def _put(self, key: str, make: Callable[[str], None]) -> None:
        """What ``make`` makes at a path where nothing may be; a file that is there is replaced."""
        path = self._named(key)
        try:
            make(path)
        except FileNotFoundError:
            self.make_directory(key.rpartition("/")[0])
            with self._errors(key):
                make(path)
        except FileExistsError as error:
            with self._errors(key):
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    raise self._failed(key, error) from error
                self._replace(path, make)
        except OSError as error:
            raise self._failed(key, error) from error

    def _replace(self, path: str, make: Callable[[str], None]) -> None:
        if not self.aside:
            self.change(os.unlink, path)
            make(path)
            return
        self.make_directory(self.aside)
        made = self._named(joined(self.aside, uuid4().hex))
        make(made)
        self.change(os.rename, made, path)
        with contextlib.suppress(FileNotFoundError):
            self.change(os.unlink, made)  # two names of one file stay two when one is renamed to the other

    def make_directory(self, path: str) -> None:
        """A directory, with those above it; it may be there."""
        self._writable(path)
        try:
            self.change(os.mkdir, self._named(path))
            self._made(path)
        except FileExistsError:
            pass
        except FileNotFoundError:
            self._make_above(self._full(path))
            self.make_directory(path)
        except OSError as error:
            raise self._failed(path, error) from error

    def _make_above(self, full: str) -> None:
        missing: list[str] = []
        above = os.path.dirname(full)
        while not os.path.isdir(above):
            missing.append(above)
            above = os.path.dirname(above)
        for directory in reversed(missing):
            with self._errors(""), contextlib.suppress(FileExistsError):
                self.change(os.mkdir, directory)

    def move(self, source: str, target: str) -> None:
        """A file or directory gets another name, in one step."""
        self._writable(target)
        old, new = self._named(source), self._named(target)
        try:
            self.change(os.rename, old, new)
        except FileNotFoundError as error:
            if not os.path.lexists(old):
                raise self._failed(target, error) from error
            self.make_directory(target.rpartition("/")[0])
            with self._errors(target):
                self.change(os.rename, old, new)
        except OSError as error:
            raise self._failed(target, error) from error

    def take_place(self, draft: str, key: str) -> bool:
        """A draft becomes the file at a key, in one step; whether what was there has the draft's name now."""
        self._writable(key)
        new = self._named(key)
        with self._errors(key), contextlib.suppress(FileNotFoundError):  # nothing there
            if not os.path.islink(new) and self.swap(self._named(draft), new):
                return True
        self.move(draft, key)
        return False

    def exchange(self, left: str, right: str, *, one_step: bool = False) -> None:
        """Two directories change places: in one step on Linux and macOS, else by renames that can be taken up again."""
        self._writable(right)
        one, other, aside = self._named(left), self._named(right), f"{self._named(left)}.aside"
        with self._errors(right):
            if not os.path.lexists(aside) and self.swap(one, other):
                return
            if one_step:
                cure = "Nothing was changed. Move the old store away, then create the new one."
                message = "this platform cannot exchange two directories in one step."
                raise StoreError(Problem(joined(self.identity, right), f"{message} {cure}"))
            if not os.path.lexists(aside):
                self.change(os.rename, other, aside)
            self.change(os.rename, one, other)
            self.change(os.rename, aside, one)

    def swap(self, one: str, other: str) -> bool:
        """Two full paths change places in one step; False where the platform or the file system cannot."""
        if exchange_names is None:
            return False
        try:
            self.change(exchange_names, one, other)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV):
                raise
            return False
        return True

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:
        """A file with the bytes of another; ``link``: as the same file, where both are in one file system."""
        self._writable(key)
        if not isinstance(source, LocalFiles):
            data = source.read(source_key)
            if data is not None:
                self.write(key, data)
            return
        old = source._safe(source_key)  # noqa: SLF001 — of the same class
        self._put(key, lambda path: self._copy(old, path, link=link))

    def _copy(self, old: str, new: str, *, link: bool) -> None:
        """Nothing, where there is none any more."""
        try:
            if not (link and self._linked(old, new)):
                self.change(copy_file, old, new)
        except FileNotFoundError:
            if os.path.lexists(old):
                raise

    def _linked(self, old: str, new: str) -> bool:
        try:
            self.change(os.link, old, new)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return False
        return True

    def remove(self, path: str) -> None:
        """A file or a whole tree; it may be gone already."""
        self._writable(path)
        with self._errors(path):
            self._remove(self._named(path))
        self._forget()

    def _remove(self, full: str) -> None:
        try:
            if not stat.S_ISDIR(os.lstat(full).st_mode):
                self.change(os.unlink, full)
                return
            with os.scandir(full) as entries:
                inner = [entry.path for entry in entries]
            for entry in inner:
                self._remove(entry)
            self.change(os.rmdir, full)
        except FileNotFoundError:
            return

    def prune(self, path: str) -> None:
        """A directory, and those above it, as long as they are empty; never the root."""
        self._writable(path)
        while path:
            try:
                self.change(os.rmdir, self._named(path))
            except FileNotFoundError:
                pass
            except OSError:
                return  # not empty, or not ours to remove
            self._inside.discard(path)
            path = path.rpartition("/")[0]

    def is_writable(self, path: str) -> bool:
        """Whether a directory, or the first one above it that is there, can be changed; a file always can."""
        full = self._named(path)
        while not os.path.lexists(full):
            full = os.path.dirname(full)
        return not os.path.isdir(full) or os.access(full, os.W_OK | os.X_OK)

    def sync(self, paths: Iterable[str]) -> None:
        """Everything written at these files and directories survives a power cut from here on."""
        names: dict[str, None] = {}
        with self._errors(""):
            for path in paths:
                names[self._named(path)] = None
                if len(names) > SYNC_ALL_ABOVE and flush_file_system is not None:
                    self.change(flush, self.identity, flush_file_system)
                    return
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self.change(flush, name, flush_file)


def _reopened(kind: type[LocalFiles], root: str, read_only: bool, exclusive: bool, aside: str) -> LocalFiles:  # noqa: FBT001 — for pickle
    files = kind(root, read_only=read_only, exclusive=exclusive)
    files.aside = aside
    return files
