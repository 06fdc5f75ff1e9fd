"""Local directories as they are read: nothing here changes a file system."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from itertools import chain

from ngff_fn.effects.local.exclusive import READ, Exclusive
from ngff_fn.effects.local.system_calls import read_all, signature_of
from ngff_fn.effects.stores import MOST_DOCUMENT, refuse_too_large
from ngff_fn.errors import NgffError, Problem, StoreError, StoreExistsError
from ngff_fn.records.paths import joined

_SEES_LINKS = os.access in os.supports_follow_symlinks
_READ_THERE = READ | os.O_NOFOLLOW


class LocalReading(Exclusive):
    """What ``LocalFiles`` are asked."""

    at_once = 1

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file, or a part of them; None where there is no file."""
        return self._get(key, start, stop)[0]

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of a file and the signature that it had then."""
        text, signature = self._get(key, 0, MOST_DOCUMENT + 1)
        if text is not None:
            refuse_too_large(len(text), joined(self.identity, key))
        return text, signature

    def _get(self, key: str, start: int, stop: int | None) -> tuple[bytes | None, object | None]:
        try:
            descriptor = self._opened(key)
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except OSError as error:
            raise self._failed(key, error) from error
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                return None, signature_of(status)
            if not stat.S_ISREG(status.st_mode):
                message = "it is neither a file nor a directory, but a pipe, a socket or a device. Remove it."
                raise StoreError(Problem(joined(self.identity, key), message))
            size = status.st_size
            first = max(0, size + start) if start < 0 else start
            last = size if stop is None else min(stop, size)
            return read_all(descriptor, first, last - first), signature_of(status)
        except OSError as error:
            raise self._failed(key, error) from error
        except MemoryError as error:
            message = "it is larger than the memory that is left. Move it away, or read it where there is more."
            raise StoreError(Problem(joined(self.identity, key), message)) from error
        finally:
            os.close(descriptor)

    def _opened(self, key: str) -> int:
        try:
            return os.open(self._named(key), _READ_THERE)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        return os.open(self._safe(key), READ)

    def signature(self, key: str) -> object | None:
        """Inode, size and times of a file or directory; None where there is none."""
        try:
            status = os.lstat(self._named(key))
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(self._safe(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed(key, error) from error
        return signature_of(status)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory, or a link to one."""
        return os.access(self._named(path), os.F_OK)

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all, not even a link that leads nowhere."""
        full = self._named(path)
        return not (os.access(full, os.F_OK, follow_symlinks=False) if _SEES_LINKS else os.path.lexists(full))

    def has_links(self, path: str) -> bool:
        """Whether there are symbolic links at or below a path."""
        full = self._named(path)
        below = (os.path.join(where, name) for where, inner, files in os.walk(full) for name in (*inner, *files))
        return os.path.islink(full) or any(map(os.path.islink, below))

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory, each with whether it is a directory."""
        try:
            if not self._enter(path):
                return []
            with os.scandir(self._full(path)) as entries:
                return [(entry.name, entry.is_dir()) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._failed(path, error) from error

    def last_change(self, path: str) -> float:
        """When something at or below a path was made or changed last, in seconds since 1970."""
        full, times = self._named(path), [0.0]
        below = (os.path.join(where, name) for where, inner, files in os.walk(full) for name in (*inner, *files))
        for name in chain([full], below):
            with contextlib.suppress(FileNotFoundError):  # a worker of one who died may still be at it
                times.append(os.lstat(name).st_mtime)
        return max(times)

    # --- refusing

    @contextlib.contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failed(key, error) from error

    def _failed(self, key: str, error: OSError) -> NgffError:
        if isinstance(error, NgffError):
            return error
        location = joined(self.identity, key)
        if error.errno == errno.ELOOP:
            return StoreError(Problem(location, "links on the way lead back to themselves. Remove them."))
        if isinstance(error, FileExistsError) or error.errno == errno.ENOTEMPTY:
            return StoreExistsError(Problem(location, "something is in the way that is not part of the plan. Move it."))
        return StoreError(Problem(location, f"{error.strerror or error}. Nothing that was committed is lost."))
