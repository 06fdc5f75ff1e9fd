"""Faults that the bench must find: each is the real thing with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from attrs import evolve

from ngff_fn.effects.commits import moment, object_creation, staging, transaction, zip_commit
from ngff_fn.effects.commits.transaction import carry_out
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.memory import MemoryFiles
from ngff_fn.effects.objects import fenced, fences
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.effects.reading import witness
from ngff_fn.effects.record import RECORDS, STAGE, Record
from ngff_fn.effects.stores import Files
from ngff_fn.effects.zips.archive import Archive
from ngff_fn.errors import Problem
from ngff_fn.plan.operations import PutDocument
from ngff_fn.records.paths import joined
from tests.bench.stores import overwrite

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

    def clean(_files: Files, _stage: str) -> None:
        pass

    with patch.object(transaction, "clean", clean), patch.object(zip_commit, "clean", clean):
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
    with patch.object(witness, "paths_of_records", lambda _files: []):
        yield


def without_second_look() -> AbstractContextManager[Any]:
    """A reader takes what it has read, whatever was changed meanwhile."""
    return patch.object(witness.Witness, "still_true", lambda _witness: True)


# --- of archives


def archive_in_place() -> AbstractContextManager[Any]:
    """The archive gets other bytes, instead of being replaced."""

    def put(desk: zip_commit._Desk, new: Archive) -> str:
        path = desk.archive.identity
        desk.around.change(overwrite, path, Path(new.path).read_bytes())
        desk.around.sync([desk.archive.beside()[2]])
        return path

    return patch.object(zip_commit._Desk, "_put_in_place", put)


def archive_removed_first() -> AbstractContextManager[Any]:
    """The old archive goes before the new one gets its name."""
    right = zip_commit._Desk._put_in_place

    def put(desk: zip_commit._Desk, new: Archive) -> str:
        desk.around.remove(desk.archive.beside()[2])
        return right(desk, new)

    return patch.object(zip_commit._Desk, "_put_in_place", put)


@contextmanager
def archive_flushed_too_late() -> Iterator[None]:
    """The new archive gets its name before its bytes are durable."""
    flush, put = LocalFiles.sync, zip_commit._Desk._put_in_place

    def sync(files: LocalFiles, paths: Iterable[str]) -> None:
        flush(files, [path for path in paths if not path.endswith("/archive")])

    def put_and_flush(desk: zip_commit._Desk, new: Archive) -> str:
        moment = put(desk, new)
        desk.around.sync([desk.archive.beside()[2]])
        return moment

    with patch.object(LocalFiles, "sync", sync), patch.object(zip_commit._Desk, "_put_in_place", put_and_flush):
        yield


# --- of object stores


def without_fences() -> AbstractContextManager[Any]:
    """Each document becomes the new one at once, and no record says that they are one commit."""

    def commit(docs: fences.FencedDocuments, record: fenced.Fences, tags: dict[str, str | None]) -> bool:
        return all(docs.objects.put_if(docs.key(each.key), each.text, tags[each.key]) for each in record.changes)

    return patch.object(fences.FencedDocuments, "commit", commit)


def without_flip() -> AbstractContextManager[Any]:
    """The record never says that the commit has happened."""
    right = fenced.Fences.as_bytes
    return patch.object(fenced.Fences, "as_bytes", lambda record: right(evolve(record, state="prepare")))


def without_condition() -> AbstractContextManager[Any]:
    """What is there is replaced, whatever has become of it."""
    right = Objects.change

    def change(objects: Objects, operation: Callable[..., Any], *arguments: Any, **said: Any) -> Any:
        said.pop("mode", None)
        return right(objects, operation, *arguments, **said)

    return patch.object(Objects, "change", change)


def blind_to_fences() -> AbstractContextManager[Any]:
    """A reader sees what lies there, and asks no record."""

    def read(docs: fences.FencedDocuments, path: str) -> tuple[bytes | None, object | None]:
        found = docs.objects.document(docs.key(path))
        return (None, None) if found is None else (fenced.split(found.data), (found.tag, found.marks))

    return patch.object(fences.FencedDocuments, "read", read)


def fences_rolled_back() -> AbstractContextManager[Any]:
    """Whoever meets a commit that has happened undoes it."""

    def abort(docs: fences.FencedDocuments, name: str) -> bool:
        found = docs._record(name)
        if found is not None:
            docs._replace(found[0], lambda change: change.fenced, mark="")
        return False

    return patch.object(fences.FencedDocuments, "abort", abort)


def fences_rolled_forward() -> AbstractContextManager[Any]:
    """Whoever meets a commit that has not happened carries it out."""

    def abort(docs: fences.FencedDocuments, name: str) -> bool:
        found = docs._record(name)
        if found is not None:
            docs.carry_out(found[0])
        return False

    return patch.object(fences.FencedDocuments, "abort", abort)


def root_put_first() -> AbstractContextManager[Any]:
    """The root document of a new store is put before what it names."""
    right = staging.staged_root

    def staged(work: staging.Work, files: Any, root: str, **options: Any) -> None:
        name, text = min(object_creation._root_of(work).items(), key=lambda document: document[0] == work.marker)
        files.write(joined(root, name), text)
        right(work, files, root, **options)
        files.remove(joined(root, name))

    return patch.object(object_creation, "staged_root", staged)


# --- of those who take turns


def without_lock() -> AbstractContextManager[Any]:
    """Writers do not exclude each other."""
    return patch.object(MemoryFiles, "lock", lambda _files, _timeout: nullcontext())
