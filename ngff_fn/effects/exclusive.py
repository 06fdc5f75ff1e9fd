"""Writers of one directory exclude each other: ``flock`` on it, and on what each has staged."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator

from ngff_fn.effects.contained import Contained
from ngff_fn.effects.system_calls import flock, unlock
from ngff_fn.errors import Problem, StoreError

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in the place of a document is not waited for
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
        """``flock`` on the root, compared by inode after it was got: it may have been replaced meanwhile."""
        if not self.exclusive:
            yield
            return
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            descriptor = self._open_directory(self.identity)
            if flock(descriptor):
                if self._is_root(descriptor):
                    break
                unlock(descriptor)
                continue
            os.close(descriptor)
            if time.monotonic() > deadline:
                message = f"another writer has held the lock for {timeout:g} s. Try again later, or raise timeout."
                raise StoreError(Problem(self.identity, message))
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            yield
        finally:
            unlock(descriptor)

    def _is_root(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.identity))
        except FileNotFoundError:
            return False

    def hold(self, path: str) -> Callable[[], None]:
        """``flock`` on a directory until the returned function is called, or the process ends."""
        if not self.exclusive:
            return hold_alone(self._full(path))
        descriptor = self._open_directory(self._safe(path))
        flock(descriptor)
        return lambda: unlock(descriptor)

    def is_held(self, path: str) -> bool:
        """Whether a living process holds a directory."""
        if not self.exclusive:
            return is_held_alone(self._full(path))
        try:
            descriptor = os.open(self._safe(path), READ)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not ours to look into, nor to remove
        if flock(descriptor):
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
