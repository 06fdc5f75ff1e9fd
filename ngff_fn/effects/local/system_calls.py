"""What a platform can do with files, one system call each: flush, lock, exchange."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any

from ngff_fn.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PORTION = 2**20
_NO_LOCK = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF}


def signature_of(status: os.stat_result) -> object:
    """What is different when a file has been changed or replaced."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_all(descriptor: int, start: int, length: int) -> bytes:
    """So many bytes of a file, from a place on; fewer where it ends before."""
    data = os.pread(descriptor, length, start) if length > 0 else b""
    while len(data) < length:
        part = os.pread(descriptor, length - len(data), start + len(data))
        if not part:
            break
        data += part
    return data


def write_file(path: str, data: bytes) -> None:
    """A new file with these bytes; nothing may be at its name."""
    descriptor = os.open(path, _NEW, 0o666)
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
    finally:
        os.close(descriptor)


def copy_file(source: str, target: str) -> None:
    """A new file with the bytes of another, which are shared where the file system can; nothing may be at its name."""
    old = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        new = os.open(target, _NEW, 0o666)
        try:
            at = _copied(old, new, os.fstat(old).st_size)
            while data := os.pread(old, _PORTION, at):
                at += os.write(new, data)
        finally:
            os.close(new)
    finally:
        os.close(old)


def _copied(old: int, new: int, size: int) -> int:
    """How many bytes the kernel has copied; it need not be able to."""
    at = 0
    with contextlib.suppress(AttributeError, OSError):
        while at < size and (count := os.copy_file_range(old, new, size - at, offset_src=at)):
            at += count
    return at


def copy_range(source: int, start: int, target: int, at: int, length: int) -> None:
    """So many bytes of a file to a place in another, which are shared where the file system can.

    Raises
    ------
    OSError
        Where the source ends before.
    """
    done = 0
    with contextlib.suppress(AttributeError, OSError):
        while done < length:
            count = os.copy_file_range(source, target, length - done, start + done, at + done)
            if not count:
                break
            done += count
    while done < length:
        data = os.pread(source, min(_PORTION, length - done), start + done)
        if not data:
            raise OSError(errno.EIO, "the file that is copied ends too early")
        done += os.pwrite(target, data, at + done)


def flush(path: str, how: Callable[[int], None]) -> None:
    """Open something, and flush it in one of the ways below."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        how(descriptor)
    finally:
        os.close(descriptor)


def flush_file(descriptor: int) -> None:
    """What was written to a file, or the names in a directory, are on the disk."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync leaves the data in the cache of the drive
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


class NoLocksError(StoreError):
    """Writers cannot exclude each other here, by this kind of file at least."""


def flock(descriptor: int) -> bool:
    """Whether the lock was got; where there are no locks, an error that says the cure."""
    cure = "Say single_writer=True where no other program writes."
    if fcntl is None:
        raise NoLocksError(f"this platform has no flock, so writers cannot exclude each other. {cure}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCK:
            raise NoLocksError(f"flock does not work on this file system ({error.strerror}). {cure}") from error
        raise
    _locked.add(descriptor)
    return True


def has_lock(descriptor: int) -> bool:
    """Whether this process has locked what a descriptor is of; a child of it has not."""
    return descriptor in _locked


def unlock(descriptor: int) -> None:
    """Give the lock back, also for processes that have inherited the descriptor, and close it."""
    if descriptor in _locked:  # else this process is a child of the one that has it
        _locked.discard(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _leave_to_parent() -> None:
    """A lock lives as long as a process has its descriptor: children must not keep those of a parent that dies."""
    while _locked:
        os.close(_locked.pop())


_locked: set[int] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _library() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):
        return None


def _checked(result: int, path: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)


def _swap_of_platform() -> Callable[[str, str], None] | None:
    if hasattr(_libc, "renameat2"):

        def swap(one: str, other: str) -> None:
            arguments = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _SWAP)
            _checked(_libc.renameat2(*arguments), other)

        return swap
    if hasattr(_libc, "renamex_np"):  # macOS

        def swap_by_path(one: str, other: str) -> None:
            _checked(_libc.renamex_np(os.fsencode(one), os.fsencode(other), _SWAP), other)

        return swap_by_path
    return None


def _syncfs_call(descriptor: int) -> None:
    _checked(_libc.syncfs(descriptor), "")


_libc = _library()
_AT_FDCWD = -100
_SWAP = 2
"""RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS."""

exchange_names: Callable[[str, str], None] | None = _swap_of_platform()
"""Two names change places, in one step; None where the platform cannot."""

flush_file_system: Callable[[int], None] | None = _syncfs_call if hasattr(_libc, "syncfs") else None
"""Everything in the file system of a descriptor; None where the platform cannot."""
