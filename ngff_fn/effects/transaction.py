"""Several steps as one: the record whose appearance is the moment, rolling it forward, and cleaning up after the dead.

A commit stages what is new where no reader looks, makes it durable, and puts a record of idempotent steps in place:
from
then on it has happened. The steps are carried out, and the record goes. Whoever finds a record standing carries out
what
is left of it; whoever finds something staged that no living process holds removes it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, assert_never
from uuid import uuid4

from attrs import frozen

from ngff_fn.effects.stores import Files, joined
from ngff_fn.errors import NgffError, Problem, StoreError, refuse

# "Names that begin with __ are reserved" (Zarr v3, node names): no node can be called so, no reader looks there.
WORKSHOP = "__ngff_fn"
STAGE = f"{WORKSHOP}/stage"
RECORDS = f"{WORKSHOP}/txn"
DRAFT = f"{WORKSHOP}.draft"
"""The next text of the one document that a commit replaces: beside the workshop, which it can do without."""
LOCK_TIMEOUT = 30.0
"""Seconds for which a commit waits for the lock."""
_FORMAT = 1


@frozen(kw_only=True)
class Put:
    """A document gets another text, if it still is what it was (None: not there)."""

    key: str
    before: bytes | None
    text: bytes


@frozen(kw_only=True)
class Move:
    """A file or directory gets another name."""

    source: str
    target: str


@frozen(kw_only=True)
class Exchange:
    """Two directories change places; due as long as the staged one has the new documents: nobody else writes there."""

    staged: str
    target: str
    documents: tuple[tuple[str, bytes], ...]


Step: TypeAlias = Put | Move | Exchange


@frozen(kw_only=True)
class Record:
    """What a commit that has happened still may have to do."""

    name: str
    steps: tuple[Step, ...]


# --- the record as a file
# ----------------------------------------------------------------------------------------------


def _text(data: bytes | None) -> Any:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _bytes(text: Any) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _step_as_json(step: Step) -> dict[str, Any]:
    match step:
        case Put():
            return {"do": "put", "key": step.key, "before": _text(step.before), "text": _text(step.text)}
        case Move():
            return {"do": "move", "source": step.source, "target": step.target}
        case Exchange():
            documents = {key: _text(text) for key, text in step.documents}
            return {"do": "exchange", "staged": step.staged, "target": step.target, "documents": documents}
        case _:
            assert_never(step)


def _step_from_json(step: dict[str, Any]) -> Step:
    match step["do"]:
        case "put":
            return Put(key=_node(step["key"]), before=_bytes(step["before"]), text=_bytes(step["text"]) or b"")
        case "move":
            return Move(source=_place(step["source"]), target=_place(step["target"]))
        case "exchange":
            documents = tuple((_node(key), _bytes(text) or b"") for key, text in step["documents"].items())
            return Exchange(staged=_place(step["staged"]), target=_node(step["target"]), documents=documents)
        case other:
            message = f"unknown step {other!r}"
            raise ValueError(message)


def _place(path: Any) -> str:
    """A path below the root, in the stage or outside of the workshop: a record may come from anywhere."""
    if not isinstance(path, str) or not path or not path.isprintable():
        message = f"{path!r} is no path"
        raise ValueError(message)
    path.encode()
    parts = path.split("/")
    if {"", ".", ".."} & set(parts) or "\\" in path:
        message = f"the path {path!r} leads out of the store"
        raise ValueError(message)
    if parts[0] == WORKSHOP and not path.startswith(f"{STAGE}/"):
        message = f"the path {path!r} leads out of the stage"
        raise ValueError(message)
    return path


def _node(path: Any) -> str:
    """A path of the hierarchy."""
    if _place(path).split("/")[0] == WORKSHOP:
        message = f"the path {path!r} is not one of a node"
        raise ValueError(message)
    return str(path)


def _steps_from_json(content: dict[str, Any]) -> tuple[Step, ...]:
    if content["format"] != _FORMAT:
        message = f"format {content['format']!r}"
        raise ValueError(message)
    return tuple(map(_step_from_json, content["steps"]))


def standing(files: Files) -> tuple[Record, ...]:
    """The records of commits that have happened and are not carried out to their end."""
    names = sorted(name for name, is_directory in files.names(RECORDS) if not is_directory)
    return tuple(record for name in names if (record := _read_record(files, name)) is not None)


def _read_record(files: Files, name: str) -> Record | None:
    data = files.read(joined(RECORDS, name))
    if data is None:
        return None  # carried out meanwhile
    try:
        return Record(name=name, steps=_steps_from_json(json.loads(data)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        cure = "It was written by a newer version, or by something else. Carry it out with that; or move it away."
        location = joined(files.identity, RECORDS, name)
        raise StoreError(
            Problem(location, f"this record of a commit cannot be understood ({error}). {cure}")
        ) from error


# --- carrying out
# ------------------------------------------------------------------------------------------------------


def publish(files: Files, steps: Iterable[Step], *, durable: bool) -> Record:
    """The moment: a record with these steps stands. Everything that they need has been staged and made durable."""
    record = Record(name=f"{uuid4().hex}.json", steps=tuple(steps))
    content = json.dumps({"format": _FORMAT, "steps": [_step_as_json(step) for step in record.steps]})
    draft, final = joined(STAGE, record.name), joined(RECORDS, record.name)
    files.write(draft, content.encode())
    files.make_directory(RECORDS)
    if durable:
        files.sync([draft, RECORDS, WORKSHOP, ""])
    files.move(draft, final)
    if durable:
        with happened(files, final):
            files.sync([RECORDS])
    return record


@contextmanager
def happened(files: Files, what: str) -> Iterator[None]:
    """What fails in here fails after the moment, and says so."""
    try:
        yield
    except NgffError as error:
        message = f"the commit has happened ({what}), and what is left of it is carried out by the next one."
        raise StoreError(*error.problems, Problem(files.identity, message)) from error


def carry_out(files: Files, record: Record, *, durable: bool) -> None:
    """All steps of a record, whether or not some were done before; then the record goes."""
    puts = [step for step in record.steps if isinstance(step, Put)]
    # What is neither the old text nor the new one was put there by someone else, later: it stays.
    drafts = {put.key: joined(STAGE, f"{record.name}.{n}") for n, put in enumerate(puts) if _is_due(files, put)}
    for put in puts:
        if put.key in drafts:
            files.write(drafts[put.key], put.text)
    if durable:
        files.sync(drafts.values())
    for step in record.steps:
        _do(files, step, drafts)
    touched = {_parent(path) for step in record.steps for path in _changed(step)}
    if durable:
        files.sync(path for path in touched if files.signature(path) is not None)
    for path in sorted(touched, key=len, reverse=True):
        if path and not path.startswith(WORKSHOP):
            files.prune(path)
    files.remove(joined(RECORDS, record.name))


def carry_out_directly(files: Files, steps: Iterable[Step], *, durable: bool) -> None:
    """Steps that need no record: each is whole by itself, and may be the last."""
    for step in steps:
        drafts: dict[str, str] = {}
        if isinstance(step, Put):
            drafts[step.key] = DRAFT
            files.write(DRAFT, step.text)
            if durable:
                files.sync([DRAFT])
        _do(files, step, drafts)
        if durable:
            files.sync({_parent(path) for path in _changed(step)})


def refuse_unwritable(files: Files, steps: Iterable[Step]) -> None:
    """Refuse, before the moment, what could not be carried out after it."""
    changed = [path for step in steps for path in _changed(step)]
    moved = [path for step in steps for path in _changed(step) if not isinstance(step, Put)]
    parents = dict.fromkeys(_parent(path) for path in changed)
    message = (
        "it cannot be written, so the commit could not be carried out; nothing was changed. Change its permissions."
    )
    refused = [path for path in (*parents, *moved) if not files.is_writable(path)]
    refuse((Problem(joined(files.identity, path), message) for path in refused), StoreError)


def _is_due(files: Files, step: Put) -> bool:
    return files.read(step.key) == step.before


def _do(files: Files, step: Step, drafts: Mapping[str, str]) -> None:
    match step:
        case Put():
            if step.key in drafts:
                files.move(drafts[step.key], step.key)
        case Move():
            if files.signature(step.source) is not None or files.names(step.source):
                files.move(step.source, step.target)
        case Exchange():
            if exchange_is_due(files, step):
                files.exchange(step.staged, step.target)
        case _:
            assert_never(step)


def exchange_is_due(files: Files, step: Exchange) -> bool:
    """Whether the directories have not changed places yet."""
    return all(files.read(joined(step.staged, key)) == text for key, text in step.documents)


def _changed(step: Step) -> tuple[str, ...]:
    match step:
        case Put():
            return (step.key,)
        case Move():
            return (step.source, step.target)
        case Exchange():
            return (step.staged, step.target)
        case _:
            assert_never(step)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


# --- staging and cleaning
# ----------------------------------------------------------------------------------------------


class Bench:
    """A directory of our own in the stage, held until ``release``: while it is held nobody cleans it away."""

    def __init__(self, files: Files, stage: str) -> None:
        self.files = files
        self.path = joined(stage, uuid4().hex)
        self._owner = joined(self.path, "owner")
        files.write(self._owner, b"")
        self._release: Callable[[], None] | None = files.hold(self.path)

    def is_there(self) -> bool:
        """Whether what was staged is still in the store: it may have been replaced as a whole."""
        return self.files.signature(self._owner) is not None

    def release(self) -> None:
        """Whoever cleans next may remove what is left."""
        if self._release is not None:
            self._release()
            self._release = None


def recover(files: Files, *, durable: bool) -> int:
    """Carry out what stands and remove what the dead have left; only while the lock is held. Says how many stood."""
    files.remove(DRAFT)
    return clear_workshop(files, durable=durable)


def clear_workshop(files: Files, *, durable: bool) -> int:
    """As ``recover``, for those who write the draft anew anyway."""
    if not files.exists(WORKSHOP):
        return 0
    records = standing(files)
    for record in records:
        carry_out(files, record, durable=durable)
    clean(files, STAGE)
    files.prune(RECORDS)
    files.prune(STAGE)
    files.prune(WORKSHOP)
    return len(records)


def clean(files: Files, stage: str) -> None:
    """Remove what is staged and held by no living process."""
    for name, is_directory in files.names(stage):
        path = joined(stage, name)
        if not (is_directory and files.is_held(path)):
            files.remove(path)
    files.prune(stage)


# --- reading while a record stands
# -------------------------------------------------------------------------------------


class View:
    """A store as it is once all standing records are carried out; reads only, and never waits."""

    def __init__(self, files: Files, records: tuple[Record, ...]) -> None:
        self.files = files
        self.records = records
        self.identity = files.identity
        self._steps = tuple(step for record in records for step in record.steps)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes that a file has, or will have."""
        where = self._resolved(key)
        if isinstance(where, bytes):
            return where if start == 0 and stop is None else where[start:stop]
        return None if where is None else self.files.read(where, start, stop)

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes that a file has, or will have, and their signature."""
        where = self._resolved(key)
        if isinstance(where, bytes):
            return where, where
        return (None, None) if where is None else self.files.get(where)

    def signature(self, key: str) -> object | None:
        """Something that is different when the file has been changed."""
        where = self._resolved(key)
        return where if where is None or isinstance(where, bytes) else self.files.signature(where)

    def exists(self, path: str) -> bool:
        """Whether there is, or will be, a file or directory."""
        return self.signature(path) is not None or bool(self.names(path))

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries that a directory has, or will have."""
        where = self._resolved(path)
        found = dict(self.files.names(where)) if isinstance(where, str) else {}
        prefix = f"{path}/" if path else ""
        for step in self._steps:
            match step:
                case Put(key=key) if key.startswith(prefix):
                    name, _, rest = key[len(prefix) :].partition("/")
                    found.setdefault(name, bool(rest))
                case Move(target=target) if target.startswith(prefix):
                    name, _, rest = target[len(prefix) :].partition("/")
                    found.setdefault(name, bool(rest) or bool(self.names(target)))
        return [(name, kind) for name, kind in found.items() if self._resolved(joined(path, name)) is not None]

    def touches(self, path: str) -> bool:
        """Whether a standing record changes something at or below a path."""
        return any(
            _below(changed, path) is not None or _below(path, changed) is not None
            for step in self._steps
            for changed in _changed(step)
        )

    def _resolved(self, key: str) -> str | bytes | None:
        """Where the bytes of a key are now: under a key, in a record, or nowhere."""
        for step in self._steps:
            match step:
                case Put() if step.key == key:
                    return step.text if self.files.read(key) == step.before else key
                case Move():
                    if (rest := _below(key, step.target)) is not None:
                        moved = joined(step.source, rest)
                        return moved if self.files.signature(step.source) or self.files.names(step.source) else key
                    if _below(key, step.source) is not None:
                        return None
                case Exchange() if (rest := _below(key, step.target)) is not None:
                    return joined(step.staged, rest) if exchange_is_due(self.files, step) else key
        return key


def _below(key: str, path: str) -> str | None:
    """The rest of a key below a path, "" for the path itself; None where it is not below."""
    if key == path:
        return ""
    return key[len(path) + 1 :] if key.startswith(f"{path}/") or not path else None
