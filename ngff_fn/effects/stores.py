"""Ports: what a kind of store can do. Everything that reads or changes a store goes through one of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from attrs import field, frozen

from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.image import Place
from ngff_fn.records.paths import joined


class Files(Protocol):
    """A store as a tree of files, below its outermost group; keys and paths are relative to it, "/" between their
    parts.

    ``identity`` is the canonical name of the root: the same for all doors to the same store.
    """

    identity: str
    read_only: bool

    @property
    def at_once(self) -> int:
        """So many requests are worth it at the same time: more than one where most of each is waiting."""
        ...

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file, or a part (a negative start counts from the end); None where there is no file."""
        ...

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of a file and the signature that it had then."""
        ...

    def signature(self, key: str) -> object | None:
        """Something that is different when the file has been changed or replaced; None where there is none."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory; faster than ``signature`` where there mostly is none."""
        ...

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all, not even a link that leads nowhere."""
        ...

    def has_links(self, path: str) -> bool:
        """Whether there are links at or below a path."""
        ...

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory, each with whether it is a directory; none where there is no directory."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """A new file, with the directories above it."""
        ...

    def make_directory(self, path: str) -> None:
        """A directory, with those above it; it may be there."""
        ...

    def move(self, source: str, target: str) -> None:
        """A file or directory gets another name, in one step; a file replaces a file, what else is there is refused."""
        ...

    def exchange(self, left: str, right: str, *, one_step: bool = False) -> None:
        """Two directories change places; ``one_step``: refused where the platform cannot do it so."""
        ...

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:
        """A file with the bytes of another; ``link``: as the same file, where both are in one file system."""
        ...

    def remove(self, path: str) -> None:
        """A file or a whole tree; it may be gone already."""
        ...

    def prune(self, path: str) -> None:
        """A directory, and those above it, as long as they are empty; never the root."""
        ...

    def is_writable(self, path: str) -> bool:
        """Whether a directory can be changed and moved, as far as can be known; a file always can."""
        ...

    def sync(self, paths: Iterable[str]) -> None:
        """Everything written at these files and directories survives a power cut from here on."""
        ...

    def lock(self, timeout: float) -> AbstractContextManager[None]:
        """Only one writer of this store is inside, in all processes; a lock dies with its process."""
        ...

    def alone(self) -> Files:
        """The same store for its only writer: locks are always got, and nobody else holds anything."""
        ...

    def for_tasks(self, aside: str) -> Files:
        """The same store for tasks, which may run twice at the same time: what is there is replaced in one step.

        ``aside`` is a directory in which files are made before they get their names; what the dead leave there has to
        be cleaned away.
        """
        ...

    def beside(self) -> tuple[Files, str, str]:
        """Where the store itself can be replaced: files that hold it, a stage in them, and its path."""
        ...

    def hold(self, path: str) -> Callable[[], None]:
        """Mark a directory as in use by this process, until it calls what is returned, or dies."""
        ...

    def is_held(self, path: str) -> bool:
        """Whether a living process holds a directory."""
        ...


MOST_DOCUMENT = 2**27
"""Bytes of a document at most: what is parsed takes many times as many."""


class _Readable(Protocol):
    identity: str

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None: ...


def read_document(files: _Readable, key: str) -> bytes | None:
    """The bytes of a document; None where there is none.

    Raises
    ------
    StoreError
        Where it is too large for one.
    """
    text = files.read(key, 0, MOST_DOCUMENT + 1)
    if text is not None:
        refuse_too_large(len(text), joined(files.identity, key))
    return text


def refuse_too_large(size: int, location: str) -> None:
    """Refuse what is too large for a document."""
    if size > MOST_DOCUMENT:
        message = f"it has {size} bytes or more, and a document has at most {MOST_DOCUMENT}. Move it away, or mend it."
        raise StoreError(Problem(location, message))


@frozen(kw_only=True)
class Address:
    """Where a store is: its files below the outermost group, and the path of the node that is meant.

    ``patience``: seconds for which its writers wait for a lock.
    """

    files: Files
    path: str
    patience: float = field(default=30.0, eq=False, kw_only=True)

    @property
    def place(self) -> Place:
        """The same as a record."""
        return Place(home=self.files.identity, path=self.path)
