"""What a program does to a store, as data: one change of names or bytes, or one flush, each by paths below one root.

Nothing here knows what the store is for. A file system makes all of these; a store of keys makes ``Keys`` only.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen


@frozen
class Write:
    """A new file with these bytes; a crash may leave it without them."""

    path: str
    data: bytes


@frozen
class Overwrite:
    """A file that is there has these bytes from now on, all of them."""

    path: str
    data: bytes


@frozen
class Rewrite:
    """Other bytes for a file that is there, from its beginning on; a crash may leave the first half of them."""

    path: str
    data: bytes


@frozen
class MakeDirectory:
    path: str


@frozen
class Link:
    """A file gets a second name."""

    path: str
    new: str


@frozen
class Rename:
    """In one step; what has the new name loses it."""

    path: str
    new: str


@frozen
class Exchange:
    """Two names change places, in one step."""

    path: str
    other: str


@frozen
class Unlink:
    path: str


@frozen
class RemoveDirectory:
    path: str


@frozen
class Keys:
    """Keys of a store without directories are put and taken away, all in one step."""

    put: tuple[tuple[str, bytes], ...]
    gone: tuple[str, ...] = ()


@frozen
class Flush:
    """The bytes of a file, or the names in a directory, are durable from here on."""

    path: str


@frozen
class FlushAll:
    """Everything is."""


Change: TypeAlias = (
    Write
    | Overwrite
    | Rewrite
    | MakeDirectory
    | Link
    | Rename
    | Exchange
    | Unlink
    | RemoveDirectory
    | Keys
    | Flush
    | FlushAll
)
