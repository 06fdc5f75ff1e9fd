"""Programs that know nothing of our locks: a text that one of them put where a commit was about to put its own.

A commit compares a document and then replaces it, and nothing in a file system does both in one step. So the new text
and the old one change places in one step, and then the old one is looked at: if it is not what was compared, it is
another program's. The commit has happened; what it replaced is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable
from uuid import uuid4

from ngff_fn.effects.record import FOREIGN, WORKSHOP, Digest, Exchange, Put, is_text
from ngff_fn.effects.stores import Files
from ngff_fn.errors import NgffError, Problem
from ngff_fn.records.paths import joined


@runtime_checkable
class Exchanging(Protocol):
    """Files that can exchange one for another in one step."""

    def take_place(self, draft: str, key: str) -> bool:
        """A draft becomes the file at a key, in one step; whether what was there has the draft's name now."""
        ...


def take_place(files: Files, draft: str, key: str) -> bool:
    """A draft becomes the document at a key, in one step; whether what was there has the draft's name now.

    Where the store cannot do that, what was there is gone, and nobody sees whose it was.
    """
    if isinstance(files, Exchanging):
        return files.take_place(draft, key)
    files.move(draft, key)
    return False


def foreign_text(files: Files, place: str, key: str, before: bytes | Digest | None) -> Problem | None:
    """What was taken out of a key is gone if it is what was compared; else it is kept, and that is the problem."""
    try:
        said = files.read(place)
    except NgffError:  # a link, or whatever else: not what was compared
        said = None
    if said is not None and is_text(said, before):
        files.remove(place)
        return None
    name = key.rpartition("/")[2].removeprefix(".")
    kept = joined(FOREIGN, f"{uuid4().hex}.{name}")
    files.make_directory(FOREIGN)
    files.move(place, kept)
    files.sync([*([] if said is None else [kept]), FOREIGN, WORKSHOP, ""])
    message = (
        "another program has written it after it was compared, and this commit has replaced that. What that program "
        f"wrote is kept in {joined(files.identity, kept)}. Make its change again, with update(), then remove that file."
    )
    return Problem(joined(files.identity, key), message)


def foreign_document(files: Files, put: Put) -> Problem | None:
    """What another program wrote after the moment stays: a document that is neither what it was nor what it shall be.

    It matters to the commit itself; whoever carries the commit out later finds what others wrote upon it.
    """
    if files.read(put.key) == put.text:
        return None
    message = (
        "another program has written it after it was compared. It stays as that program left it, so that what this "
        "commit says of it is not there; all else is. Run the edits again, with update()."
    )
    return Problem(joined(files.identity, put.key), message)


def foreign_in(files: Files, exchange: Exchange, seen: dict[str, bytes]) -> Iterator[Problem]:
    """Documents of a directory that was taken out which are not those that were compared."""
    for name, _ in exchange.documents:
        key = joined(exchange.target, name)
        place = joined(exchange.staged, name)
        if key in seen and not files.is_free(place):
            problem = foreign_text(files, place, key, seen[key])
            if problem is not None:
                yield problem
