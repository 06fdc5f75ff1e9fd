"""A commit to a zip archive: carried out over it where nobody looks, written beside it, and put in its place.

The moment is the rename of the new archive over the old one. So readers open one or the other, each whole, and of a
writer who dies nothing is seen but a directory beside the archive, which the next commit removes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from attrs import evolve, frozen

from ngff_fn.effects.commits.moment import compare, compare_above, only_documents, refuse_changed_trees
from ngff_fn.effects.commits.staging import Staged, Work, staged_root, staged_steps
from ngff_fn.effects.commits.transaction import (
    Bench,
    carry_out_directly,
    clean,
    happened,
    recover,
)
from ngff_fn.effects.local.exclusive import READ
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.reading.read import exists
from ngff_fn.effects.reading.replacing import refuse_repository
from ngff_fn.effects.record import STAGE, Put, Step
from ngff_fn.effects.zips.archive import Archive, adopt
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.effects.zips.overlay import Overlay
from ngff_fn.effects.zips.writing import comment_of, in_order, write_archive
from ngff_fn.errors import InvalidValueError, NgffError, Problem, StoreError, StoreExistsError, StoreNotFoundError
from ngff_fn.plan.operations import PutDocument
from ngff_fn.records.paths import joined

COPIED_A_SECOND = 50_000_000
"""Bytes for which a writer is waited for a second longer: it copies the archive while it has the lock."""


def commit_archive(work: Work, archive: ZipFiles) -> str:
    """Make an archive what the plan says, or a new one."""
    if archive.read_only:
        raise StoreError(Problem(archive.identity, "the store is read-only. Open it for writing."))
    if work.is_new:
        refuse_repository(work.address)
    if work.address.path and not archive.is_there():
        message = "there is no such archive. Create it with what shall be at its root, then what lies below."
        raise StoreNotFoundError(Problem(archive.identity, message))
    with _desk(work, archive) as desk:
        if not work.address.path and work.is_new:
            return desk.create()
        return desk.change()


@frozen(kw_only=True, eq=False)
class _Desk:
    """What a commit works with: the archive, a directory of its own beside it, and the archive as it will be."""

    work: Work
    archive: ZipFiles
    around: LocalFiles
    bench: Bench
    overlay: Overlay

    def create(self) -> str:
        """A new archive, also in the place of another one."""
        work = self.work
        root = "root/root"
        staged_root(work, self.overlay, root)
        made = self._written(root, comment_of(work.plan.base.version), None)
        with self.around.lock(self.work.patience):
            if not self.archive.is_there():
                return self._put_in_place(made)
            if work.plan.base.mode == "w-":
                message = "something is there already. Replace it with overwrite=True, or take another name."
                raise StoreExistsError(Problem(self.archive.identity, message))
            with self._locked():
                return self._put_in_place(made)

    def change(self) -> str:
        """What the archive will be is made first, as far as it takes long; then, under the lock, it is made it."""
        overlay, work = self.overlay, self.work
        bench = Bench(overlay, STAGE)
        self._take_up(bench)
        root, staged = "", Staged(self._puts(), [], [])
        if work.is_new:
            root = joined(bench.path, "root")
            staged_root(work, overlay, root)
        elif not only_documents(work.plan):
            compare(work)
            staged = staged_steps(work, bench.path)
        with self._locked():
            self._take_up(bench)
            base = overlay.base
            if work.is_new:
                self._put_node(root)
            else:
                compare(work)
                refuse_changed_trees(work, staged, bench)
                carry_out_directly(overlay, [*staged.direct, *staged.steps], durable=False)
            return self._put_in_place(self._written("", base.comment if base else b"", base))

    def _puts(self) -> list[Step]:
        """The documents that a plan changes, and those above."""
        work = self.work
        puts = [each for each in work.plan.operations if isinstance(each, PutDocument)]
        return [*(Put(key=work.at(put.key), before=put.before, text=put.text) for put in puts), *work.above]

    def _put_node(self, root: str) -> None:
        """A new image or plate at a path in the archive."""
        work, overlay = self.work, self.overlay
        path = work.address.path
        if work.plan.base.mode == "w-" and exists(work.address):
            message = "something is there already. Replace it with mode='w' or overwrite=True, or take another name."
            raise StoreExistsError(Problem(joined(overlay.identity, path), message))
        if overlay.read(path) is not None:
            raise StoreExistsError(Problem(joined(overlay.identity, path), "a file is there. Take another name."))
        compare_above(work)
        overlay.remove(path)
        overlay.move(root, path)
        carry_out_directly(overlay, work.above, durable=False)

    def _take_up(self, bench: Bench) -> None:
        """The archive as it is now, with what it may say of commits that have happened."""
        if self.overlay.take_up(bench.path):
            recover(self.overlay, durable=False)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        size = os.path.getsize(self.archive.identity) if self.archive.is_there() else 0
        with self.archive.lock(self.work.patience + size / COPIED_A_SECOND):
            yield

    def _written(self, root: str, comment: bytes, base: Archive | None) -> Archive:
        """A new archive, whole and durable, which has not got its name."""
        made = joined(self.bench.path, "archive")
        content = self.overlay.content(root)
        members = ((key, content[key]) for key in in_order(content))
        path = joined(self.around.identity, made)
        mode = None if base is None else base.mode
        try:
            self.around.change(write_archive, path, members, comment, mode)
            new = Archive(path, os.open(path, READ))  # which refuses what nobody could open
        except UnicodeEncodeError as error:
            message = f"{error.object!r} has a character that no member of an archive can have. Leave it out."
            raise InvalidValueError(Problem(self.archive.identity, message)) from error
        except StoreError:
            raise
        except OSError as error:
            message = f"{error.strerror or error}. Nothing that was committed is lost."
            raise StoreError(Problem(self.archive.identity, message)) from error
        if self.work.durable:
            self.around.sync([made])
        return new

    def _put_in_place(self, new: Archive) -> str:
        _, _, name = self.archive.beside()
        self.around.move(joined(self.bench.path, "archive"), name)
        adopt(new, self.archive.identity)
        if self.work.durable:
            with happened(self.around, name):
                self.around.sync([""])
        return self.archive.identity


@contextmanager
def _desk(work: Work, archive: ZipFiles) -> Iterator[_Desk]:
    """A desk in a directory beside the archive, which goes with it; the next writer removes those of the dead."""
    around, stage, _ = archive.beside()
    around.make_directory("")
    if not archive.is_writable(""):
        message = "it cannot be replaced, so nothing was changed. Change its permissions, or those of its directory."
        raise StoreError(Problem(archive.identity, message))
    with around.lock(work.patience):
        clean(around, stage)
        bench = Bench(around, stage)
    try:
        around.make_directory(joined(bench.path, "written"))
        written = archive.local(joined(around.identity, bench.path, "written"), exclusive=False, resolved=True)
        overlay = Overlay(archive, written)
        inside = evolve(work, address=evolve(work.address, files=overlay))
        yield _Desk(work=inside, archive=archive, around=around, bench=bench, overlay=overlay)
    finally:
        bench.release()
        with suppress(NgffError), around.lock(work.patience):
            clean(around, stage)
