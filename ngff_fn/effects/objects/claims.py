"""What a creator of a store says to others among objects, where it is made in its place: a claim, until it is there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from uuid import uuid4

from ngff_fn import codecs
from ngff_fn.effects.objects import trees as object_trees
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.leases import BEAT, now
from ngff_fn.effects.record import CREATING, WORKSHOP, node_path
from ngff_fn.errors import Problem, StoreError, StoreExistsError
from ngff_fn.records.paths import joined

ROOTS = ("zarr.json", ".zattrs", ".zgroup")
"""Documents of a root: with the first of them a creation has happened."""

PROBE = re.compile(rf"(?:^|/){WORKSHOP}/[0-9a-f]{{32}}\Z")
"""What is put to see whether a store keeps conditions."""

BEING_CREATED = (
    "another writer creates it just now, or has died when he did. Wait; or, where nobody does so,"
    " vacuum(store, older_than=3600), with this path as the store, removes what he has made."
)
INTERRUPTED = (
    "its creation was interrupted. vacuum(store, single_writer=True) removes what was made; then create it again."
)


class Claim:
    """An object that says that somebody creates a store, or removes what another has made of it: these ``names``.

    A creator who no longer finds his own has been given up; so has a remover.
    """

    def __init__(self, files: ObjectFiles, path: str, names: Iterable[str], over: str | None = None) -> None:
        """``over``: the tag of the claim that is taken over."""
        self.files, self.path, self.names = files, path, sorted(names)
        self._text = f"{uuid4().hex}\n{json.dumps(self.names)}".encode()
        if over is None:
            self.is_got = files.put_new(path, self._text)
        else:
            self.is_got = files.objects.put_if(files.documents.key(path), self._text, over, uuid4().hex) is not None
        self._seen = now()

    def is_ours(self) -> bool:
        """Whether it is still there."""
        return self.files.read(self.path) == self._text

    def lost(self) -> StoreExistsError:
        """What the one says who has been given up."""
        message = "what was made so far has been removed by others, who took this writer for dead. Create it again."
        return StoreExistsError(Problem(joined(self.files.identity, self.path), message))

    def remove(self) -> None:
        """It goes, if it is still ours."""
        if self.is_ours():
            self.files.remove(self.path)

    def end(self) -> None:
        """What it was for is gone, and so it goes; StoreExistsError where it is not ours."""
        self.require(at_once=True)
        self.files.objects.delete(self.files.documents.key(self.path))

    def require(self, *, at_once: bool = False) -> None:
        """Go on only while it is ours, as was seen a moment ago.

        Raises
        ------
        StoreExistsError
            Somebody has removed it: this process stood still for so long that it was taken for dead.
        """
        if not at_once and now() - self._seen <= BEAT:
            return
        if not self.is_ours():
            raise self.lost()
        self._seen = now()


def unfinished(files: ObjectFiles, path: str) -> str | None:
    """The tag of the claim of one who creates a store and has not come to his moment: perhaps he never will."""
    found = files.objects.get(files.documents.key(joined(path, CREATING)))
    return None if found is None or roots_in(files, path) else found.tag


def roots_in(files: ObjectFiles, path: str) -> list[str]:
    """The documents of a root that are there: with the first of them a creation has happened."""
    return [name for name in ROOTS if files.signature(joined(path, name)) is not None]


def end_creation(files: ObjectFiles, path: str) -> bool:
    """What a creator left to be done who died after the moment, so that others find a group too; whether one had."""
    if files.signature(joined(path, CREATING)) is None:
        return False
    there = roots_in(files, path)
    if not there:  # it has not happened, and nobody knows whether it will
        return False
    if there == [".zattrs"]:
        for name, text in codecs.bare_group("0.4").items():
            files.put_new(joined(path, name), text)
    files.remove(joined(path, CREATING))
    return True


def keys_at(files: ObjectFiles, path: str) -> list[str]:
    """All keys at and below a path, but what a probe of conditions has left that was cut off."""
    at = files.documents.key(path)
    itself = [at] if at and files.signature(path) is not None else []
    return [*itself, *(key for key in files.objects.keys(at) if not PROBE.search(key))]


def remove_unfinished(files: ObjectFiles, path: str, tag: str) -> None:
    """All that a creator has made who is taken for dead, as his claim with this tag says; what else is there stays.

    The claim becomes another's first: if he lives, he goes on no longer; what he puts until he notices is removed as
    well. It goes last: where this is cut off, it can be seen what the rest is. Nothing is removed where he has come to
    his moment just now.

    Raises
    ------
    StoreError
        Where another writer was faster.
    """
    at = joined(path, CREATING)
    if files.is_alone:  # nobody else writes, so nobody has to be told
        for name in (*_names_in(files, at), WORKSHOP):
            files.remove(joined(path, name))
        return
    claim = Claim(files, at, _names_in(files, at), tag)
    if claim.is_got and roots_in(files, path):
        return
    try:
        if not claim.is_got:
            raise claim.lost()
        remove_claimed(files, path, claim)
        time.sleep(BEAT)
        remove_claimed(files, path, claim)
        claim.end()
    except StoreExistsError as error:
        message = "another writer removes what is there as well, or creates it again. Look with vacuum(dry_run=True)."
        raise StoreError(Problem(joined(files.identity, path), message)) from error


def remove_claimed(files: ObjectFiles, path: str, claim: Claim) -> None:
    """All that one's own claim is for, but for itself."""
    key = files.documents.key
    for name in claim.names:
        object_trees.remove(files.objects, key(joined(path, name)), claim.require)
    object_trees.remove(files.objects, key(joined(path, WORKSHOP)), claim.require, but=key(claim.path))


def _names_in(files: ObjectFiles, path: str) -> list[str]:
    """What the creator makes who has put a claim."""
    text = files.read(path) or b""
    try:
        return [node_path(name) for name in json.loads(text.partition(b"\n")[2])]
    except (ValueError, TypeError) as error:
        message = "it does not say what was made by the writer who died. Remove that by hand, and it as well."
        raise StoreError(Problem(joined(files.identity, path), message)) from error
