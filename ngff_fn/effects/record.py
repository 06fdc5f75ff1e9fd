"""The record of a commit that has happened: what still may have to be done, as idempotent steps, and as a file."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import chain
from typing import Any, TypeAlias, assert_never

from attrs import frozen

from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.paths import joined

# "Names that begin with __ are reserved" (Zarr v3, node names): no node can be called so, no reader looks there.
WORKSHOP = "__ngff_fn"
STAGE = f"{WORKSHOP}/stage"
RECORDS = f"{WORKSHOP}/txn"
CREATING = f"{WORKSHOP}/creating"
"""Who creates a store among objects claims its place."""
FOREIGN = f"{WORKSHOP}/foreign"
"""What other programs wrote between our comparing and our writing: it is theirs, and stays until they remove it."""
DRAFT = f"{WORKSHOP}.draft"
"""The next text of the one document that a commit replaces: beside the workshop, which it can do without."""
_FORMAT = 3
_LONG = 120
"""Characters of a path that a message shows."""


def is_claim(key: str) -> bool:
    """Whether an object is the claim of one who creates a store.

    >>> is_claim("A/1/7/__ngff_fn/creating"), is_claim("__ngff_fn/creating"), is_claim("recreating")
    (True, True, False)
    """
    return f"/{key}".endswith(f"/{CREATING}")


@frozen
class Digest:
    """What a document was, in a record that was read."""

    hexadecimal: str


@frozen(kw_only=True)
class Put:
    """A document gets another text, if it still is what it was (None: not there)."""

    key: str
    before: bytes | Digest | None
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
    """What a commit that has happened still may have to do.

    ``durable``: it was promised to survive a power cut, also by whoever carries it out.
    """

    name: str
    steps: tuple[Step, ...]
    durable: bool = True


# --- as a file


# A line of JSON, and behind it the texts of the documents, as long as the line says: nothing has to be escaped. Their
# digest is there because texts that a power cut has damaged would not be seen to be that.


class _Texts:
    """The texts behind the line, which are taken one after the other."""

    def __init__(self, data: bytes, digest: Any) -> None:
        if sha256(data).hexdigest() != digest:
            message = "its texts are damaged"
            raise ValueError(message)
        self._data, self._at = data, 0

    def take(self, length: Any) -> bytes:
        """The next one."""
        start = self._at
        if type(length) is not int or not 0 <= length <= len(self._data) - start:
            message = f"{length!r} is not the length of a text"
            raise ValueError(message)
        self._at += length
        return self._data[start : self._at]

    def refuse_more(self) -> None:
        """All of them have to be taken."""
        if self._at < len(self._data):
            message = f"{len(self._data) - self._at} bytes more than are said"
            raise ValueError(message)


def _digest(before: bytes | Digest | None) -> str | None:
    if isinstance(before, bytes):
        return sha256(before).hexdigest()
    return None if before is None else before.hexadecimal


def _read_digest(said: Any) -> Digest | None:
    if said is not None and not (isinstance(said, str) and len(said) == 2 * sha256().digest_size):
        message = f"{said!r} is no digest"
        raise ValueError(message)
    return None if said is None else Digest(said)


def _step_as_json(step: Step) -> dict[str, Any]:
    match step:
        case Put():
            return {"do": "put", "key": step.key, "before": _digest(step.before), "length": len(step.text)}
        case Move():
            return {"do": "move", "source": step.source, "target": step.target}
        case Exchange():
            documents = {key: len(text) for key, text in step.documents}
            return {"do": "exchange", "staged": step.staged, "target": step.target, "documents": documents}
        case _:
            assert_never(step)


def _texts_of(step: Step) -> list[bytes]:
    match step:
        case Put():
            return [step.text]
        case Move():
            return []
        case Exchange():
            return [text for _, text in step.documents]
        case _:
            assert_never(step)


def as_bytes(record: Record) -> bytes:
    """A record as a file."""
    texts = b"".join(chain.from_iterable(map(_texts_of, record.steps)))
    steps = [_step_as_json(step) for step in record.steps]
    said = {"format": _FORMAT, "durable": record.durable, "texts": sha256(texts).hexdigest(), "steps": steps}
    return b"".join([json.dumps(said).encode(), b"\n", texts])


def _step_from_json(step: dict[str, Any], texts: _Texts) -> Step:
    match step["do"]:
        case "put":
            text = texts.take(step["length"])
            return Put(key=node_path(step["key"]), before=_read_digest(step["before"]), text=text)
        case "move":
            return Move(source=_place(step["source"]), target=_place(step["target"]))
        case "exchange":
            documents = tuple((node_path(key), texts.take(length)) for key, length in step["documents"].items())
            return Exchange(staged=_place(step["staged"]), target=node_path(step["target"]), documents=documents)
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


def node_path(path: Any) -> str:
    """A path of the hierarchy."""
    if _place(path).split("/")[0] == WORKSHOP:
        message = f"the path {path!r} is not one of a node"
        raise ValueError(message)
    return str(path)


def steps_from(data: bytes) -> tuple[Step, ...]:
    """The steps of a record that was read; ValueError, KeyError or TypeError where they are none."""
    return _record_from("", data).steps


def _record_from(name: str, data: bytes) -> Record:
    line, _, behind = data.partition(b"\n")
    content = json.loads(line)
    if content["format"] != _FORMAT:
        message = f"format {content['format']!r}"
        raise ValueError(message)
    texts = _Texts(behind, content["texts"])
    steps = tuple([_step_from_json(step, texts) for step in content["steps"]])
    texts.refuse_more()
    return Record(name=name, steps=steps, durable=content.get("durable") is not False)


def standing(files: Files) -> tuple[Record, ...]:
    """The records of commits that have happened and are not carried out to their end."""
    names = sorted(name for name, is_directory in files.names(RECORDS) if not is_directory)
    return tuple(record for name in names if (record := _read_record(files, name)) is not None)


def _read_record(files: Files, name: str) -> Record | None:
    data = files.read(joined(RECORDS, name))
    if data is None:
        return None  # carried out meanwhile
    try:
        return _record_from(name, data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise not_understood(joined(files.identity, RECORDS, name), error) from error


def not_understood(location: str, error: Exception) -> StoreError:
    """What is said of a record that is none, or of a version that is not known."""
    message = f"this record of a commit cannot be understood ({error})."
    cure = (
        "It is damaged, or was written by a newer version, or by something else. Carry it out with that version; "
        "or move it away, and keep it: the commit may be half applied then, so validate() the store and look at it."
    )
    return StoreError(Problem(location, f"{message} {cure}"))


# --- what the steps say


def put_is_due(files: Files, step: Put) -> bool:
    """Whether a document still is what it was: what is neither that nor the new text was put there by another."""
    return is_text(files.read(step.key), step.before)


def is_text(said: bytes | None, before: bytes | Digest | None) -> bool:
    """Whether what is read is what a document was."""
    return _digest(said) == before.hexadecimal if isinstance(before, Digest) else said == before


def exchange_is_due(files: Files, step: Exchange) -> bool:
    """Whether the directories have not changed places yet."""
    return all(files.read(joined(step.staged, key)) == text for key, text in step.documents)


def as_words(step: Step) -> str:
    """What a step does, for a message."""
    match step:
        case Put():
            return f"to replace {_clipped(step.key)}"
        case Move():
            return f"to move {_clipped(step.source)} to {_clipped(step.target)}"
        case Exchange():
            return f"to exchange {_clipped(step.target)} and {_clipped(step.staged)}"
        case _:
            assert_never(step)


def _clipped(path: str) -> str:
    return repr(path if len(path) <= _LONG else f"{path[:_LONG]}…")


def changed_by(step: Step) -> tuple[str, ...]:
    """The paths that a step changes."""
    match step:
        case Put():
            return (step.key,)
        case Move():
            return (step.source, step.target)
        case Exchange():
            return (step.staged, step.target)
        case _:
            assert_never(step)
