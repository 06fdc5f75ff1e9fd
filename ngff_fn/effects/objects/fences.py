"""Several documents of an object store as one: each is fenced, one record is flipped, each becomes the new one.

1. A record that says ``prepare`` is put where there is none. It holds what the commit does.
2. Each document is replaced by itself and white space that is like no other: every reader still sees the old document,
   and whoever meets the fence knows which record to ask.
3. The record is replaced by the same one that says ``commit``: the moment.
4. Each fenced document becomes the new one, and the record goes.

Each of these writes happens only if what is there is still what was there. So nobody can be overtaken unnoticed,
whoever is slow or suspected to be dead: a record that says ``commit`` is carried out by whoever meets it; one that has
said ``prepare`` for long is replaced by ``abort``, and then its fences are taken away. A fence whose record is gone is
one of a commit that did not happen: a record goes only when all of its fences are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TypeVar

from attrs import evolve

from ngff_fn.effects.objects import fenced_steps, leases
from ngff_fn.effects.objects.fenced import FENCED, Change, Fences, State, fence, fenced_by, record_from, remaining
from ngff_fn.effects.objects.leases import Lease, LostError, Watch
from ngff_fn.effects.objects.objects import Found, Objects
from ngff_fn.effects.record import STAGE, not_understood
from ngff_fn.errors import StoreError
from ngff_fn.records.paths import and_above, joined, parent

T = TypeVar("T")

ABANDONED = 3600.0
"""Seconds after which whoever passes by ends a commit that is still being prepared."""


class FencedDocuments:
    """The documents of a hierarchy in an object store, below ``root``, where its records are."""

    def __init__(self, objects: Objects, root: str) -> None:
        self.objects, self.root = objects, root

    def key(self, path: str) -> str:
        """Where something is in the object store."""
        return joined(self.root, path)

    # --- reading

    def get(self, path: str) -> Found | None:
        """A document as it lies there, with its fence."""
        return self.objects.get(self.key(path))

    def read(self, path: str) -> tuple[bytes | None, object | None]:
        """A document as readers see it, and something that changes with it."""
        while True:
            found = self.objects.document(self.key(path))
            name = None if found is None else fenced_by(found.data)
            if found is None or name is None:
                # Where tags are digests, a document that becomes what it was has its old one: not its old marks.
                return (None, None) if found is None else (found.data, (found.tag, found.marks))
            record = self._record(name)
            other = self.elsewhere(path, name) if record is None else None
            if other is not None:
                return other.read(self.key(path)[len(other.root) :].strip("/"))
            change = None if record is None else record[0].of(path)
            if record is not None and change is not None:
                if record[0].state == "commit":
                    return change.text, (found.tag, "commit")
                return (None, None) if change.before is None else (change.before, (found.tag, "prepare"))
            if record is not None or self._is_same(path, found):
                text = remaining(found.data)
                return text, None if text is None else (found.tag, "prepare")

    def _is_same(self, path: str, found: Found) -> bool:
        """Whether a document is still fenced by a record that is gone; else it was carried out meanwhile."""
        again = self.objects.get(self.key(path))
        return again is not None and again.tag == found.tag

    def _record(self, name: str) -> tuple[Fences, str] | None:
        """A record and its tag."""
        key = self._at(name)
        found = self.objects.get(key)
        if found is None:
            return None
        try:
            return record_from(name, found.data), found.tag
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise not_understood(joined(self.objects.identity, key), error) from error

    def is_gone(self, name: str) -> bool:
        """Whether there is no record of a name."""
        return self._record(name) is None

    def elsewhere(self, path: str, name: str) -> FencedDocuments | None:
        """Those that a fence is of, if not these: a group may have been made above a store while it stood."""
        for root in (*and_above(parent(self.key(path))), ""):
            if root != self.root and self.objects.may_have(joined(root, FENCED, f"{name}.json")):
                return FencedDocuments(self.objects, root)
        return None

    # --- the protocol

    def commit(self, record: Fences, tags: dict[str, str | None]) -> bool:
        """All changes of a record, or none: where a document no longer has its tag, False."""
        key = self._at(record.name)
        try:
            said = self.objects.put_if(key, record.as_bytes(), None)
            fenced = None if said is None else self._fence_all(record, tags)
            if fenced and self.objects.put_if(key, evolve(record, state="commit").as_bytes(), said):
                self._replace(record, lambda change: change.text, fenced=fenced, mark=record.name)
                return True
        except StoreError:
            if self.abort(record.name) or self.has_happened(record):
                return True
            raise
        if self.abort(record.name) or self.has_happened(record):
            return True
        self._replace(record, lambda change: change.before, mark="")  # what was fenced after another had ended it
        return False

    def has_happened(self, record: Fences) -> bool:
        """Whether a commit is, or was, carried out by others: its record says so, or else a document by its mark."""
        if (written := self._record(record.name)) is not None:
            return written[0].state == "commit"
        found = (self.objects.get(self.key(change.key)) for change in record.changes)
        return any(each is not None and record.name in each.marks for each in found)

    def _fence_all(self, record: Fences, tags: dict[str, str | None]) -> dict[str, str] | None:
        """The tags of all fences; None where one could not be put.

        The first is put alone: of two writers of the same documents, one does not begin.
        """

        def put(change: Change) -> str | None:
            return self.objects.put_if(self.key(change.key), fence(change.fenced, record.name), tags[change.key])

        if not record.changes:  # what is replaced may hold no document
            return {}
        first, *others = sorted(record.changes, key=lambda change: change.key)
        tag = put(first)
        made = [] if tag is None else [tag, *self._each(put, others)]
        fenced = {change.key: tag for change, tag in zip((first, *others), made, strict=False) if tag is not None}
        return fenced if len(fenced) == len(record.changes) else None

    def _at(self, name: str) -> str:
        return self.key(joined(FENCED, f"{name}.json"))

    def _flip(self, name: str, state: State) -> bool:
        """A record that says ``prepare`` says something else from here on; False where another was faster."""
        found = self._record(name)
        if found is None or found[0].state != "prepare":
            return found is not None and found[0].state == state
        tag = self.objects.put_if(self._at(name), evolve(found[0], state=state).as_bytes(), found[1])
        return tag is not None or self._is(name, state)

    def _is(self, name: str, state: State) -> bool:
        found = self._record(name)
        return found is not None and found[0].state == state

    def carry_out(self, record: Fences) -> None:
        """What a record that says ``commit`` says, as far as it is not done; then the record goes."""
        self._replace(record, lambda change: change.text, mark=record.name)

    def abort(self, name: str) -> bool:
        """A record that says ``prepare`` never says ``commit``; its fences go. One that does is carried out: True."""
        self._flip(name, "abort")
        found = self._record(name)
        if found is None:
            return False
        record = found[0]
        if record.state == "commit":
            self.carry_out(record)
            return True
        if record.state == "abort":
            self._replace(record, lambda change: change.before, mark="")
        return False

    def _replace(
        self,
        record: Fences,
        text: Callable[[Change], bytes | None],
        *,
        fenced: Mapping[str, str] = MappingProxyType({}),
        mark: str,
    ) -> None:
        """Every document that has the record's fence becomes another, then the record goes; known tags save reading.

        Where there shall be none, what has the fence stays, and is nothing: there is no condition for its removal.
        """

        def put(change: Change) -> None:
            key, tag, data = self.key(change.key), fenced.get(change.key), text(change)
            if data is None or (tag is not None and self.objects.put_if(key, data, tag, mark)):
                return
            while (found := self.objects.get(key)) is not None and fenced_by(found.data) == record.name:
                if self.objects.put_if(key, data, found.tag, mark):
                    return

        self._each(put, record.changes)
        self.objects.delete(self._at(record.name))

    def _each(self, act: Callable[[Change], T], changes: Iterable[Change]) -> list[T]:
        if self.objects.at_once == 1:
            return list(map(act, changes))
        with ThreadPoolExecutor(self.objects.at_once) as pool:
            return list(pool.map(act, changes))

    def records(self) -> list[Fences]:
        """The commits that are under way, or were interrupted, whether or not they have happened."""
        names = (key.rpartition("/")[2].removesuffix(".json") for key in self.objects.keys(self.key(FENCED)))
        return [found[0] for name in sorted(names) if (found := self._record(name)) is not None]

    def committed(self) -> list[Fences]:
        """The commits with pixels or nodes that have happened and are being carried out."""
        return [record for record in self.records() if record.steps]

    # --- with pixels or nodes

    def begin(self, record: Fences, tags: dict[str, str | None]) -> Lease | None:
        """A record and all of its fences; None, and nothing is left, where a document no longer has its tag."""
        key = self._at(record.name)
        said = self.objects.put_if(key, record.as_bytes(), None)
        if said is None:
            return None
        lease = Lease(self.objects, key, record, said)
        try:
            if self._fence_all(record, tags) is not None:
                return lease
        except BaseException:
            self.give_up(lease)
            raise
        self.give_up(lease)
        return None

    def more(self, lease: Lease, record: Fences, tags: dict[str, str | None]) -> bool:
        """The record has more changes, which get their fences."""
        known = {change.key for change in lease.record.changes}
        added = tuple(change for change in record.changes if change.key not in known)
        return lease.write(record) and (not added or self._fence_all(evolve(record, changes=added), tags) is not None)

    def give_up(self, lease: Lease) -> bool:
        """A commit that one has begun does not happen; False where another has ended it: one's own late traces go.

        One that has happened, and was interrupted right then, is not taken back: readers have seen it.
        """
        if lease.record.state != "commit" and lease.say("abort"):
            fenced_steps.undo(self.objects, self.root, lease)
            return True
        found = self._record(lease.record.name)
        if found is None or found[0].state == "abort":
            fenced_steps.remove_traces(self.objects, self.root, lease.record)
        return False

    def remove_traces(self, paths: Iterable[str]) -> bool:
        """What is left where nothing had been, of commits that never happened, goes; whether there was any.

        Only for those whose fences keep others from these paths.
        """
        found = [(path, self.objects.get(self.key(path))) for path in paths]
        fenced = [(path, fenced_by(each.data)) for path, each in found if each is not None and not remaining(each.data)]
        traces = [path for path, name in fenced if name and self.is_gone(name) and not self.elsewhere(path, name)]
        for path in traces:
            self.objects.delete(self.key(path))
        return bool(traces)

    def carry_out_staged(self, lease: Lease) -> None:
        """What has happened; where another has taken it over, it is waited for."""
        try:
            fenced_steps.carry_out(self.objects, self.root, lease)
        except LostError:
            self.end(lease.record.name)

    def _take_over(self, name: str, tag: str | None = None) -> bool:
        """End a commit in the place of one who is dead; False where another, or that one, was faster."""
        found = self._record(name)
        if found is None or (tag is not None and found[1] != tag):
            return False
        record, said = found
        lease = Lease(self.objects, self._at(name), record, said)
        if not lease.say("commit" if record.state == "commit" else "abort"):
            return False
        with lease:
            if record.state == "commit":
                self.carry_out_staged(lease)
            else:
                fenced_steps.undo(self.objects, self.root, lease)
        return True

    def end(self, name: str) -> None:
        """Wait until a commit with pixels is carried out; where nobody goes on with it, do so."""
        while self._is_silent(name, leases.SILENCE):
            self._take_over(name)

    def stages(self) -> dict[str, Fences | None]:
        """Where something is staged, each with the record that it is for; without one, it is of nobody any more."""
        paths = {key[len(self.root) :].lstrip("/") for key in self.objects.keys(self.key(STAGE))}
        stages = sorted({"/".join(path.split("/")[:3]) for path in paths})  # looked for first: records come before
        found = ((stage, self._record(stage.rpartition("/")[2])) for stage in stages)
        return {stage: None if each is None else each[0] for stage, each in found}

    # --- ending what others have begun

    def sweep(self, old: float = ABANDONED, *, wait: float | None = None) -> dict[str, int]:
        """End what others have left, also where no fence leads to it any longer.

        Parameters
        ----------
        old
            Seconds after which a commit that says ``prepare`` is ended: that is never wrong, only unkind. One with
            pixels, whatever it says, has stood still for as long.
        wait
            So many seconds are waited for each that says ``prepare``, instead; for those with pixels, as long as
            somebody goes on with them.

        Returns
        -------
        dict
            The names of the records that are gone now, each with the documents that it changed: none, where its commit
            had not happened.
        """
        ended: dict[str, int] = {}
        for key, age in self.objects.ages(self.key(FENCED)):
            name = key.rpartition("/")[2].removesuffix(".json")
            found = self._record(name)
            if found is None:
                continue
            record = found[0]
            has_happened = record.state == "commit"
            if has_happened and not record.is_staged:
                is_left = True
            elif wait is None:
                is_left = age >= old
            else:
                is_left = self._is_silent(name, leases.SILENCE if record.is_staged else wait)
            if is_left and record.is_staged and self._take_over(name):
                ended[name] = len(record.changes) if has_happened else 0
            elif is_left and not record.is_staged:
                ended[name] = len(record.changes) if self.abort(name) else 0
        return ended

    def _is_silent(self, name: str, patience: float) -> bool:
        """Wait until a record is gone, or nobody goes on with it: then True."""
        watch = Watch()
        while (found := self._record(name)) is not None:
            if watch.stands_still(found[1], patience):
                return True
            watch.pause()
        return False

    def settle(self, name: str, watch: Watch, patience: float) -> bool:
        """End what has left a fence, if it can be ended: what has happened, what is gone, and what has grown old.

        Parameters
        ----------
        name
            Of the record.
        watch
            Of the one who waits for it.
        patience
            Seconds after which a commit of documents that is still prepared has grown old; for those with pixels, the
            time for which nobody has gone on with them counts, whatever they say.
        """
        found = self._record(name)
        if found is None:
            return False
        record, tag = found
        if record.is_staged:
            return watch.stands_still(tag, leases.SILENCE) and self._take_over(name, tag)
        if record.state == "prepare" and not watch.stands_still(tag, patience):
            return False
        self.abort(name)
        return True
