"""Paths that stay inside: what leads out of a directory, by its name or through a link, is refused."""

from __future__ import annotations

import os
import stat

from ngff_fn.errors import Problem, StoreError

_DEEPEST = 256
"""Names in a path at most: a node has up to 64, the key of a chunk as many more."""


class Contained:
    """A directory by its real path, and the paths of what is in it.

    What was found to be inside is remembered: links that leave the root are looked for once.
    """

    def __init__(self, root: str) -> None:
        self.identity = root
        self._prefix = root + os.sep
        self._inside: set[str] = {""}

    def _forget(self) -> None:
        """Directories may be others from here on."""
        self._inside = {""}

    def _made(self, path: str) -> None:
        """A directory was made just now, so it is no link: it is inside if the one above it is."""
        if path.rpartition("/")[0] in self._inside:
            self._inside.add(path)

    def _full(self, key: str) -> str:
        if ".." in key and ".." in key.split("/"):
            raise StoreError(Problem(f"{self.identity}/{key}", "the path leads out of the store. Take one below it."))
        return self._prefix + key if key else self.identity

    def _named(self, key: str) -> str:
        """The full path of a key, for what does not follow a link at its end; those on the way stay inside."""
        parent = key.rpartition("/")[0]
        if parent not in self._inside:
            self._enter(parent)
        return self._full(key) if ".." in key or not key else self._prefix + key

    def _safe(self, key: str) -> str:
        """The full path of a key, for what follows a link at its end."""
        full = self._named(key)
        if os.path.islink(full):
            self._check(key)
        return full

    def _enter(self, path: str) -> bool:
        """Make sure that a directory is inside, as all above it are; False where there is none."""
        if path in self._inside:
            return True
        full = self._full(path)
        if path.count("/") > _DEEPEST:
            message = f"the path has more than {_DEEPEST} names. Take a shorter one."
            raise StoreError(Problem(f"{self.identity}/{path[:60]}…", message))
        if not self._enter(path.rpartition("/")[0]):
            return False
        try:
            mode = os.lstat(full).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:  # such as links that lead back to themselves, and names that are too long
            raise StoreError(Problem(full, f"{error.strerror}. Remove it, or give it another name.")) from error
        if stat.S_ISLNK(mode):
            self._check(path)
        self._inside.add(path)
        return True

    def _check(self, path: str) -> None:
        real = os.path.realpath(self._full(path))
        if real != self.identity and not real.startswith(self.identity.rstrip(os.sep) + os.sep):
            cure = "Copy what it points to into the store, or open that on its own."
            raise StoreError(Problem(f"{self.identity}/{path}", f"a link leaves the store, to {real}. {cure}"))
