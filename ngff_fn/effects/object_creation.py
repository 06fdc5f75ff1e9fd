"""A new store where there is no lock: its root document, put last and only if there is none, is the moment."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import chain
from uuid import uuid4

from ngff_fn.effects import object_trees
from ngff_fn.effects.carry import beside
from ngff_fn.effects.claims import BEING_CREATED, INTERRUPTED, ROOTS, roots_in, unfinished
from ngff_fn.effects.conditional import all_unfenced, overtaken
from ngff_fn.effects.leases import BEAT, now
from ngff_fn.effects.object_files import ObjectFiles
from ngff_fn.effects.outermost import all_above
from ngff_fn.effects.read import exists
from ngff_fn.effects.record import CREATING, WORKSHOP, node_path
from ngff_fn.effects.repositories import A_REPOSITORY, BEGINNING, is_repository
from ngff_fn.effects.staging import Work, staged_root
from ngff_fn.effects.stores import Files
from ngff_fn.effects.transaction import happened
from ngff_fn.errors import NgffError, Problem, StoreError, StoreExistsError
from ngff_fn.plan.operations import CreateNode
from ngff_fn.records.paths import joined

PROBE = re.compile(rf"(?:^|/){WORKSHOP}/[0-9a-f]{{32}}\Z")
"""What is put to see whether a store keeps conditions."""


def create_in_place(work: Work, files: ObjectFiles) -> str:
    """A new store where nothing is: its root document, put last and only if there is none, is the moment.

    Raises
    ------
    StoreExistsError
        Where something is there, or another writer creates it just now or died when it did.
    """
    address, where = work.address, joined(files.identity, work.address.path)
    if not files.is_alone:
        files.objects.require_conditions(files.documents.key(joined(address.path, WORKSHOP)))
    claim = _Claim(files, joined(address.path, CREATING), _names_of(work))
    if not claim.is_got:
        raise StoreExistsError(Problem(where, "another writer creates it just now. Take another name, or wait."))
    if not files.is_alone and _others(files, address.path) != [files.documents.key(claim.path)]:
        claim.remove()
        raise StoreExistsError(Problem(where, "another writer created it just now. Take another name, or open it."))
    if not files.is_alone:
        _let_pass(work, files, claim)
    first, *others = sorted(_root_of(work).items(), key=lambda document: document[0] == work.marker)
    try:
        staged_root(work, _Guarded(files, claim), address.path, is_last=True)
        claim.require(at_once=True)
        done = files.put_new(joined(address.path, first[0]), first[1])
    except BaseException:
        with suppress(NgffError):
            if claim.is_ours():  # else it may be somebody else's by now
                _remove(files, address.path, claim)
                claim.end()
        raise
    if not done:
        claim.remove()
        raise StoreExistsError(Problem(where, "something was put there meanwhile. Take another name."))
    with happened(files, where):
        is_given_up = _is_given_up(work, files, claim)
        for name, text in [] if is_given_up else others:
            files.put_new(joined(address.path, name), text)
        claim.remove()
    if is_given_up:  # who removes what was made may not have seen that it has happened
        files.objects.delete(files.documents.key(joined(address.path, first[0])))
        raise claim.lost()
    return where


def refuse_occupied(work: Work, files: ObjectFiles) -> None:
    """Refuse to create where something is, unless it shall be replaced, or where nothing can be written.

    Raises
    ------
    StoreExistsError
        With the cure.
    """
    path, where = work.address.path, joined(files.identity, work.address.path)
    files.require_writable()
    if not exists(work.address) or not (others := _others(files, path)):
        return
    if is_repository(lambda key: files.objects.read(files.documents.key(joined(path, key)), 0, BEGINNING)):
        raise StoreExistsError(Problem(where, A_REPOSITORY))
    if unfinished(files, path) is not None:
        message = INTERRUPTED if files.is_alone else BEING_CREATED
    elif work.plan.base.mode == "w-":
        message = "something is there already. Replace it with mode='w' or overwrite=True, or take another name."
    elif files.documents.key(path) in others:
        message = "a file is there, and a store is a directory. Move the file away."
    else:
        return
    raise StoreExistsError(Problem(where, message))


class _Claim:
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


class _Guarded(ObjectFiles):
    """The files of a creator, in this process: nothing is written once he has been given up.

    A request that he was about to send when he stood still comes later than that; so it overwrites nothing.
    """

    def __init__(self, files: ObjectFiles, claim: _Claim) -> None:
        super().__init__(files.objects, files.root, is_alone=files.is_alone)
        self._claim = claim

    def write(self, key: str, data: bytes) -> None:
        self._claim.require()
        if self.is_alone:
            super().write(key, data)
        elif not self._put_new(key, data):
            message = "something was put there meanwhile. Take another name."
            raise StoreExistsError(Problem(joined(self.identity, key), message))

    def _put_new(self, key: str, data: bytes) -> bool:
        """Not marked as a commit's: of what has the same bytes it does not matter whose it is."""
        try:
            return self.objects.put_if(self._key(key), data, None) is not None
        except StoreError:  # requests with conditions are not sent again by themselves
            self._claim.require(at_once=True)
            return self.objects.put_if(self._key(key), data, None) is not None

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:
        self._claim.require()
        super().copy(source, source_key, key, link=link)


def _is_given_up(work: Work, files: ObjectFiles, claim: _Claim) -> bool:
    """Whether what a creator has made was removed, or is, after he had looked for his claim for the last time."""
    if claim.is_ours():
        return False
    if files.read(claim.path) is not None:  # another's, who removes it
        return True
    made = {*claim.names} - {*ROOTS}
    left = {name for name, _ in files.names(work.address.path)}
    return bool(made) and not made & left  # else others have ended what had happened


def _let_pass(work: Work, files: ObjectFiles, claim: _Claim) -> None:
    """What is above may be moved, removed or replaced just now: that is waited for. Who begins to finds the claim."""
    names = (".zgroup", ".zattrs") if work.plan.base.version == "0.4" else ("zarr.json",)
    above = [joined(path, name) for path in all_above(work.address.path) for name in names]
    try:
        all_unfenced(work, files, above)
    except BaseException:
        with suppress(NgffError):
            claim.remove()
        raise
    if above and not claim.is_ours():
        raise overtaken([claim.path])


def _root_of(work: Work) -> Mapping[str, bytes]:
    """The documents of the root; of two, that which says what it is comes first, then that which makes it a group."""
    return next(op.documents for op in work.plan.operations if isinstance(op, CreateNode) and not op.path)


def _names_of(work: Work) -> set[str]:
    """What a creator makes right below the root: whatever else comes to be there is not his."""
    creates = [each for each in work.plan.operations if isinstance(each, CreateNode)]
    names = {each.path.partition("/")[0] for each in creates if each.path}
    carried = [beside(each.carry, work.plan.base.version)[1] for each in creates if not each.path and each.carry]
    return {*ROOTS, *names, *chain.from_iterable(carried)}


def _names_in(files: ObjectFiles, path: str) -> list[str]:
    """What the creator makes who has put a claim."""
    text = files.read(path) or b""
    try:
        return [node_path(name) for name in json.loads(text.partition(b"\n")[2])]
    except (ValueError, TypeError) as error:
        message = "it does not say what was made by the writer who died. Remove that by hand, and it as well."
        raise StoreError(Problem(joined(files.identity, path), message)) from error


def _others(files: ObjectFiles, path: str) -> list[str]:
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
    claim = _Claim(files, at, _names_in(files, at), tag)
    if claim.is_got and roots_in(files, path):
        return
    try:
        if not claim.is_got:
            raise claim.lost()
        _remove(files, path, claim)
        time.sleep(BEAT)
        _remove(files, path, claim)
        claim.end()
    except StoreExistsError as error:
        message = "another writer removes what is there as well, or creates it again. Look with vacuum(dry_run=True)."
        raise StoreError(Problem(joined(files.identity, path), message)) from error


def _remove(files: ObjectFiles, path: str, claim: _Claim) -> None:
    """All that one's own claim is for, but for itself."""
    key = files.documents.key
    for name in claim.names:
        object_trees.remove(files.objects, key(joined(path, name)), claim.require)
    object_trees.remove(files.objects, key(joined(path, WORKSHOP)), claim.require, but=key(claim.path))
