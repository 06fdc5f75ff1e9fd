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

import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

from attrs import evolve, frozen

from ngff_fn.effects.objects import Found, Objects
from ngff_fn.effects.record import WORKSHOP
from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.paths import and_above, joined, parent

T = TypeVar("T")

FENCED = f"{WORKSHOP}/fenced"
_FENCE = re.compile(rb"\n([ \t]{128})\n\Z")
_FORMAT = 1

ABANDONED = 3600.0
"""Seconds after which whoever passes by ends a commit that is still being prepared."""

State = Literal["prepare", "commit", "abort"]


def fence(text: bytes, name: str) -> bytes:
    """A document with the name of a record as white space behind it.

    >>> fenced_by(fence(b"{}", "00000000000000000000000000000007")), split(fence(b"{}", "0" * 32))
    ('00000000000000000000000000000007', b'{}')
    """
    bits = f"{UUID(name).int:0128b}".encode()
    return text + b"\n" + bits.replace(b"0", b" ").replace(b"1", b"\t") + b"\n"


def fenced_by(text: bytes) -> str | None:
    """The record whose fence stands at the end of a document; None where none does."""
    match = _FENCE.search(text)
    if match is None:
        return None
    bits = match[1].replace(b" ", b"0").replace(b"\t", b"1")
    return UUID(int=int(bits, 2)).hex


def split(text: bytes) -> bytes:
    """A document without its fence."""
    match = _FENCE.search(text)
    return text if match is None else text[: match.start()]


@frozen(kw_only=True)
class Change:
    """A document that becomes another; ``before`` is None where there is none yet."""

    key: str
    before: bytes | None
    text: bytes

    @property
    def fenced(self) -> bytes:
        """What the fence is put behind: where there is no document, an empty one says as much."""
        return b"{}" if self.before is None else self.before


@frozen(kw_only=True)
class Fences:
    """A record as it was read, or is written."""

    name: str
    state: State
    changes: tuple[Change, ...]

    def as_bytes(self) -> bytes:
        """The record as an object; the mark makes it like no other."""
        changes = [
            {
                "key": each.key,
                "before": None if each.before is None else each.before.decode(),
                "text": each.text.decode(),
            }
            for each in self.changes
        ]
        content = {"format": _FORMAT, "state": self.state, "mark": uuid4().hex, "changes": changes}
        return json.dumps(content).encode()


def new_record(changes: Iterable[Change]) -> Fences:
    """A record that is about to be written."""
    return Fences(name=uuid4().hex, state="prepare", changes=tuple(changes))


class FencedDocuments:
    """The documents of a hierarchy in an object store, below ``root``, where its records are."""

    def __init__(self, objects: Objects, root: str) -> None:
        self.objects, self.root = objects, root

    def key(self, path: str) -> str:
        """Where something is in the object store."""
        return joined(self.root, path)

    # --- reading

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
            if record is not None and record[0].state == "commit":
                change = next((each for each in record[0].changes if each.key == path), None)
                if change is not None:
                    return change.text, (found.tag, "commit")
            if record is not None or self._is_same(path, found):
                return split(found.data), (found.tag, "prepare")

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
            return _from_bytes(name, found.data), found.tag
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            cure = "It was written by a newer version, or by something else. Carry it out with that; or move it away."
            message = f"this record of a commit cannot be understood ({error}). {cure}"
            raise StoreError(Problem(joined(self.objects.identity, key), message)) from error

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
            if self.abort(record.name) or self._has_happened(record):
                return True
            raise
        if self.abort(record.name) or self._has_happened(record):
            return True
        self._replace(record, lambda change: change.fenced, mark="")  # what was fenced after another had ended it
        return False

    def _has_happened(self, record: Fences) -> bool:
        """Whether a commit was carried out by others, and its record is gone: a document shows its mark."""
        found = (self.objects.get(self.key(change.key)) for change in record.changes)
        return any(each is not None and record.name in each.marks for each in found)

    def _fence_all(self, record: Fences, tags: dict[str, str | None]) -> dict[str, str] | None:
        """The tags of all fences; None where one could not be put.

        The first is put alone: of two writers of the same documents, one does not begin.
        """

        def put(change: Change) -> str | None:
            return self.objects.put_if(self.key(change.key), fence(change.fenced, record.name), tags[change.key])

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
            self._replace(record, lambda change: change.fenced, mark="")
        return False

    def _replace(
        self,
        record: Fences,
        text: Callable[[Change], bytes],
        *,
        fenced: Mapping[str, str] = MappingProxyType({}),
        mark: str,
    ) -> None:
        """Every document that has the record's fence becomes another, then the record goes; known tags save reading."""

        def put(change: Change) -> None:
            key, tag = self.key(change.key), fenced.get(change.key)
            if tag is not None and self.objects.put_if(key, text(change), tag, mark):
                return
            while (found := self.objects.get(key)) is not None and fenced_by(found.data) == record.name:
                if self.objects.put_if(key, text(change), found.tag, mark):
                    return

        self._each(put, record.changes)
        self.objects.delete(self._at(record.name))

    def _each(self, act: Callable[[Change], T], changes: Iterable[Change]) -> list[T]:
        if self.objects.at_once == 1:
            return list(map(act, changes))
        with ThreadPoolExecutor(self.objects.at_once) as pool:
            return list(pool.map(act, changes))

    def sweep(self, old: float = ABANDONED) -> dict[str, int]:
        """End what others have left, also where no fence leads to it any longer.

        Parameters
        ----------
        old
            Seconds after which a commit that says ``prepare`` is ended: that is never wrong, only unkind.

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
            if found is not None and (found[0].state != "prepare" or age >= old):
                ended[name] = len(found[0].changes) if self.abort(name) else 0
        return ended

    def settle(self, name: str, *, is_old: bool) -> bool:
        """End what has left a fence, if it can be ended: what has happened, what is gone, and what has grown old."""
        found = self._record(name)
        if found is None:
            return False
        if found[0].state == "prepare" and not is_old:
            return False
        self.abort(name)
        return True


def _from_bytes(name: str, data: bytes) -> Fences:
    content: dict[str, Any] = json.loads(data)
    if content["format"] != _FORMAT or content["state"] not in ("prepare", "commit", "abort"):
        message = f"format {content['format']!r}, state {content['state']!r}"
        raise ValueError(message)
    changes = tuple(
        Change(
            key=each["key"],
            before=None if each["before"] is None else each["before"].encode(),
            text=each["text"].encode(),
        )
        for each in content["changes"]
    )
    return Fences(name=name, state=content["state"], changes=changes)
