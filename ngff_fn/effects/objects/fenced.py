"""What an object store shows of a commit: the fence behind a document, and the record that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID, uuid4

from attrs import evolve, frozen

from ngff_fn.effects.record import STAGE, WORKSHOP, Record, Step, as_bytes, node_path, steps_from
from ngff_fn.records.paths import joined

FENCED = f"{WORKSHOP}/fenced"
_FENCE = re.compile(rb"\n([ \t]{128})\n\Z")
_NOTHING = b"{}"
_DOCUMENTS, _STAGED = 1, 2
"""The formats of records: those of documents alone, and those with steps."""

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


def remaining(text: bytes) -> bytes | None:
    """What a document says whose fence is of no record: None where it was put where there was none, and is a trace."""
    return None if fenced_by(text) is not None and split(text) == _NOTHING else split(text)


@frozen(kw_only=True)
class Change:
    """A document that becomes another; ``before`` is None where there is none yet."""

    key: str
    before: bytes | None
    text: bytes

    @property
    def fenced(self) -> bytes:
        """What the fence is put behind: where there is no document, an empty one says as much."""
        return _NOTHING if self.before is None else self.before


@frozen(kw_only=True)
class Fences:
    """A record as it was read, or is written.

    ``is_staged``: the commit has pixels or nodes, made in a ``stage`` of its own. Once it has happened, ``first`` are
    the steps before the documents become new, ``last`` those behind; only who holds the record's lease takes them.
    """

    name: str
    state: State
    changes: tuple[Change, ...]
    is_staged: bool = False
    first: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()

    @property
    def stage(self) -> str:
        """Where what is new is made."""
        return joined(STAGE, self.name)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is still to be done, but for the documents; nothing, while it has not happened."""
        return (*self.first, *self.last) if self.state == "commit" else ()

    def of(self, key: str) -> Change | None:
        """What becomes of a document."""
        return next((each for each in self.changes if each.key == key), None)

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
        content: dict[str, Any] = {"format": _DOCUMENTS, "state": self.state, "mark": uuid4().hex, "changes": changes}
        if self.is_staged:
            steps = {"first": _as_text(self.first), "last": _as_text(self.last)}
            content |= {"format": _STAGED, **steps}
        return json.dumps(content).encode()


def _as_text(steps: tuple[Step, ...]) -> str:
    return as_bytes(Record(name="", steps=steps)).decode()


def new_record(changes: Iterable[Change], *, is_staged: bool = False) -> Fences:
    """A record that is about to be written."""
    return Fences(name=uuid4().hex, state="prepare", changes=tuple(changes), is_staged=is_staged)


def record_from(name: str, data: bytes) -> Fences:
    """A record that was read.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        Where it is none, or of a newer version.
    """
    content: dict[str, Any] = json.loads(data)
    if content["format"] not in (_DOCUMENTS, _STAGED) or content["state"] not in ("prepare", "commit", "abort"):
        message = f"format {content['format']!r}, state {content['state']!r}"
        raise ValueError(message)
    changes = tuple(
        Change(
            key=node_path(each["key"]),
            before=None if each["before"] is None else each["before"].encode(),
            text=each["text"].encode(),
        )
        for each in content["changes"]
    )
    record = Fences(name=name, state=content["state"], changes=changes)
    if content["format"] == _DOCUMENTS:
        return record
    first, last = (steps_from(content[key].encode()) for key in ("first", "last"))
    return evolve(record, is_staged=True, first=first, last=last)
