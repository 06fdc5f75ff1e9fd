"""Faults that the bench must find: each is the real thing with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from ngff_fn.effects import moment, read, staging, transaction
from ngff_fn.effects.local import LocalFiles
from ngff_fn.effects.memory import MemoryFiles
from ngff_fn.effects.record import RECORDS, STAGE, Record
from ngff_fn.effects.stores import Files
from ngff_fn.effects.transaction import carry_out
from ngff_fn.errors import Problem
from ngff_fn.plan.operations import PutDocument
from ngff_fn.records.paths import joined

Fault = Callable[[], AbstractContextManager[Any]]


def in_wrong_order() -> AbstractContextManager[Any]:
    """The documents first, then what they name."""
    right = staging._Steps.in_order
    return patch.object(staging._Steps, "in_order", lambda steps: right(steps)[::-1])


def without_compare() -> AbstractContextManager[Any]:
    """A plan is carried out whatever has become of the documents that it was computed from."""
    return patch.object(moment, "compare", lambda _work: {})


def without_barrier() -> AbstractContextManager[Any]:
    """Nothing is flushed."""
    return patch.object(LocalFiles, "sync", lambda _files, _paths: None)


def without_flush_of_names() -> AbstractContextManager[Any]:
    """Files are flushed, the directories that name them are not."""
    right = LocalFiles.sync

    def sync(files: LocalFiles, paths: Iterable[str]) -> None:
        right(files, [path for path in paths if files.read(path) is not None])

    return patch.object(LocalFiles, "sync", sync)


def without_room() -> AbstractContextManager[Any]:
    """Something moves into directories that are not durable yet."""
    return patch.object(transaction, "_make_room", lambda _files, _steps: None)


def without_record() -> AbstractContextManager[Any]:
    """The steps are taken, and nothing says what is left to be done."""
    return patch.object(moment, "publish", lambda _files, steps, **_options: Record(name="none", steps=tuple(steps)))


@contextmanager
def _clearing(clear: Callable[[Files], None]) -> Iterator[None]:
    def cleared(files: Files, *, durable: bool) -> int:
        clear(files)
        return right(files, durable=durable)

    right = transaction.clear_workshop
    with patch.object(transaction, "clear_workshop", cleared), patch.object(moment, "clear_workshop", cleared):
        yield


def rolling_back() -> AbstractContextManager[Any]:
    """A commit that has happened is not carried out by the next one: its record is removed."""
    return _clearing(lambda files: files.remove(RECORDS))


def running_what_never_happened() -> AbstractContextManager[Any]:
    """The next one carries out a record that was only a draft."""

    def clear(files: Files) -> None:
        for name, is_directory in files.names(STAGE):
            if not is_directory and name.endswith(".json"):
                files.make_directory(RECORDS)
                files.move(joined(STAGE, name), joined(RECORDS, name))

    return _clearing(clear)


@contextmanager
def leaving_what_was_staged() -> Iterator[None]:
    """The next one does not clean up."""
    with patch.object(transaction, "clean", lambda _files, _stage: None):
        yield


@contextmanager
def removing_the_record_first() -> Iterator[None]:
    """The record goes before its steps are taken."""

    def early(files: Files, record: Record, **options: Any) -> list[Problem]:
        files.remove(joined(RECORDS, record.name))
        return carry_out(files, record, **options)

    with patch.object(moment, "carry_out", early), patch.object(transaction, "carry_out", early):
        yield


def written_in_place() -> AbstractContextManager[Any]:
    """The one document is taken away and written anew under its own name."""

    def replace(files: Files, key: str, put: PutDocument, *, durable: bool) -> str:
        files.write(key, put.text)
        if durable:
            files.sync([key, key.rpartition("/")[0]])
        return key

    return patch.object(moment, "_replace", replace)


@contextmanager
def blind_to_records() -> Iterator[None]:
    """A reader sees what lies there, and not what has happened."""
    with patch.object(read, "_records", lambda _files: []):
        yield


def without_second_look() -> AbstractContextManager[Any]:
    """A reader takes what it has read, whatever was changed meanwhile."""
    return patch.object(read.Witness, "still_true", lambda _witness: True)


def without_lock() -> AbstractContextManager[Any]:
    """Writers do not exclude each other."""
    return patch.object(MemoryFiles, "lock", lambda _files, _timeout: nullcontext())
