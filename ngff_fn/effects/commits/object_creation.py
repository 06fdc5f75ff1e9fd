"""A new store where there is no lock: its root document, put last and only if there is none, is the moment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import chain

from ngff_fn.effects.commits.carry import beside
from ngff_fn.effects.commits.conditional import all_unfenced, overtaken
from ngff_fn.effects.commits.staging import Work, staged_root
from ngff_fn.effects.commits.transaction import happened
from ngff_fn.effects.icechunk.repositories import A_REPOSITORY, BEGINNING, is_repository
from ngff_fn.effects.objects.claims import BEING_CREATED, INTERRUPTED, ROOTS, Claim, keys_at, remove_claimed, unfinished
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.outermost import all_above
from ngff_fn.effects.reading.read import exists
from ngff_fn.effects.record import CREATING, WORKSHOP
from ngff_fn.effects.stores import Files
from ngff_fn.errors import NgffError, Problem, StoreError, StoreExistsError
from ngff_fn.plan.operations import CreateNode
from ngff_fn.records.paths import joined


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
    claim = Claim(files, joined(address.path, CREATING), _names_of(work))
    if not claim.is_got:
        raise StoreExistsError(Problem(where, "another writer creates it just now. Take another name, or wait."))
    if not files.is_alone and keys_at(files, address.path) != [files.documents.key(claim.path)]:
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
                remove_claimed(files, address.path, claim)
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
    if not exists(work.address) or not (others := keys_at(files, path)):
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


class _Guarded(ObjectFiles):
    """The files of a creator, in this process: nothing is written once he has been given up.

    A request that he was about to send when he stood still comes later than that; so it overwrites nothing.
    """

    def __init__(self, files: ObjectFiles, claim: Claim) -> None:
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


def _is_given_up(work: Work, files: ObjectFiles, claim: Claim) -> bool:
    """Whether what a creator has made was removed, or is, after he had looked for his claim for the last time."""
    if claim.is_ours():
        return False
    if files.read(claim.path) is not None:  # another's, who removes it
        return True
    made = {*claim.names} - {*ROOTS}
    left = {name for name, _ in files.names(work.address.path)}
    return bool(made) and not made & left  # else others have ended what had happened


def _let_pass(work: Work, files: ObjectFiles, claim: Claim) -> None:
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
