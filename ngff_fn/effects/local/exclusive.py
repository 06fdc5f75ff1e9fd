"""Writers of one directory exclude each other: ``flock`` on it, and on what each has staged."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from ngff_fn.effects.local.contained import Contained
from ngff_fn.effects.local.system_calls import NoLocksError, flock, has_lock, unlock
from ngff_fn.errors import Problem, StoreError

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in the place of a document is not waited for
LOCK_FILE = "__ngff_fn.lock"
"""In the root of a store, while a writer has its lock, where directories have none."""
OWNER = "owner"
"""In each directory that is held."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.02


_held_alone: set[str] = set()


def hold_alone(path: str) -> Callable[[], None]:
    """Mark a full path as in use by the only writer of its store, which is this process."""
    _held_alone.add(path)
    return lambda: _held_alone.discard(path)


def is_held_alone(path: str) -> bool:
    """Whether the only writer of its store uses a full path."""
    return path in _held_alone


class Exclusive(Contained):
    """A directory that one writer at a time has; not ``exclusive``: there is only one, and no lock is asked for."""

    def __init__(self, root: str, *, exclusive: bool) -> None:
        super().__init__(root)
        self.exclusive = exclusive

    @contextlib.contextmanager
    def lock(self, timeout: float) -> Iterator[None]:
        """``flock`` on the root, compared by inode after it was got: it may have been replaced meanwhile.

        Where directories have no locks, as on NFS, it is a file in the root, which goes when the lock is given back.
        """
        if not self.exclusive:
            yield
            return
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            held = self._try_lock()
            if held is not None:
                break
            if time.monotonic() > deadline:
                cure = "Try again later, or give update() a longer timeout."
                message = f"another writer has held the lock for {timeout:g} s. {cure}"
                raise StoreError(Problem(self.identity, message))
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            yield
        finally:
            held.release()

    def _try_lock(self) -> Held | None:
        """The lock of the root, if it is free; what was locked must still be there, for it may have been replaced."""
        while True:
            try:
                held = self._try_directory(self.identity)
            except NoLocksError:
                held = _try_file(os.path.join(self.identity, LOCK_FILE))
            if held is None or held.is_there():
                return held
            held.release()

    def _try_directory(self, path: str) -> Held | None:
        descriptor = self._open_directory(path)
        try:
            got = self.lock_directory(descriptor)
        except NoLocksError:
            os.close(descriptor)
            raise
        if not got:
            os.close(descriptor)
        return Held(descriptor, path, is_file=False) if got else None

    def lock_directory(self, descriptor: int) -> bool:
        """Whether the lock of a directory was got; NoLocksError where there is none."""
        return flock(descriptor)

    def has_directory_lock(self) -> bool:
        """Whether directories have locks here."""
        descriptor = self._open_directory(self.identity)
        try:
            got = self.lock_directory(descriptor)
        except NoLocksError:
            got = None
        if got:
            unlock(descriptor)
        else:
            os.close(descriptor)
        return got is not None  # where another writer has it, it works

    def has_file_lock(self) -> bool:
        """Whether files have locks here."""
        try:
            held = _try_file(os.path.join(self.identity, LOCK_FILE))
        except StoreError:
            return False
        if held is not None:
            held.release()
        return True

    def hold(self, path: str) -> Callable[[], None]:
        """``flock`` on a directory, or on the file ``owner`` in it, until the returned function is called or the
        process ends.
        """
        if not self.exclusive:
            return hold_alone(self._full(path))
        full = self._safe(path)
        try:
            held = self._try_directory(full)
        except NoLocksError:
            held = _try_file(os.path.join(full, OWNER))
        return (lambda: None) if held is None else partial(held.release, keep=True)

    def is_held(self, path: str) -> bool:
        """Whether a living process holds a directory."""
        if not self.exclusive:
            return is_held_alone(self._full(path))
        full = self._safe(path)
        try:
            descriptor = os.open(full, READ)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not ours to look into, nor to remove
        try:
            got = self.lock_directory(descriptor)
        except NoLocksError:
            os.close(descriptor)
            return _is_file_held(os.path.join(full, OWNER))
        if got:
            unlock(descriptor)
            return False
        os.close(descriptor)
        return True

    def _open_directory(self, path: str) -> int:
        try:
            return os.open(path, READ)
        except OSError as error:
            message = f"{error.strerror or error}. Nothing that was committed is lost."
            raise StoreError(Problem(self.identity, message)) from error


class Held:
    """A lock that was got."""

    def __init__(self, descriptor: int, path: str, *, is_file: bool) -> None:
        self._descriptor, self._path, self._is_file = descriptor, path, is_file

    def is_there(self) -> bool:
        """Whether what is locked is what has the name now."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path, follow_symlinks=not self._is_file))
        except FileNotFoundError:
            return False

    def release(self, *, keep: bool = False) -> None:
        """Give it back; a lock file goes, unless it is kept, while nobody else can have it."""
        if self._is_file and not keep and has_lock(self._descriptor) and self.is_there():
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        unlock(self._descriptor)


def _try_file(path: str) -> Held | None:
    """The lock of a file, which is made if need be; a link is not followed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        message = f"no lock file can be made ({error.strerror}), and directories have no locks here."
        raise StoreError(Problem(path, f"{message} Say single_writer=True where no other program writes.")) from error
    try:
        got = flock(descriptor)
    except NoLocksError:
        os.close(descriptor)
        raise
    if not got:
        os.close(descriptor)
        return None
    return Held(descriptor, path, is_file=True)


def _is_file_held(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not ours to write to, nor to remove
    if flock(descriptor):
        unlock(descriptor)
        return False
    os.close(descriptor)
    return True
