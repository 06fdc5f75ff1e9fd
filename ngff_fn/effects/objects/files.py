"""An object store as a port: keys as a tree of files. What is moved is copied, documents are read behind fences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from ngff_fn.effects.local.exclusive import hold_alone, is_held_alone
from ngff_fn.effects.objects import trees as object_trees
from ngff_fn.effects.objects.fences import FencedDocuments
from ngff_fn.effects.objects.objects import Objects, is_document
from ngff_fn.effects.record import RECORDS, STAGE, WORKSHOP
from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem, StoreError, StoreNotFoundError, UnsupportedError, refuse
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS


class ObjectFiles:
    """The objects below ``root`` as a tree of files; directories are there while something is in them.

    There is no lock: commits go through conditions (``documents``), or have been promised a single writer.
    """

    def __init__(self, objects: Objects, root: str = "", *, read_only: bool = False, is_alone: bool = False) -> None:
        self.objects, self.root = objects, root
        self.identity = joined(objects.identity, root)
        self.read_only = read_only
        self.is_alone = is_alone
        self.documents = FencedDocuments(objects, root)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.objects, self.root, self.read_only, self.is_alone)

    def alone(self) -> ObjectFiles:
        """The same store for its only writer."""
        return ObjectFiles(self.objects, self.root, read_only=self.read_only, is_alone=True)

    def for_tasks(self, aside: str) -> ObjectFiles:  # noqa: ARG002 — every object is put in one step
        """This store."""
        return self

    def beside(self) -> tuple[ObjectFiles, str, str]:
        """What holds this store, a stage in it, and the store's path."""
        parent, _, name = self.root.rpartition("/")
        if not name:
            message = "it is a whole bucket, which is not replaced. Take a path in it, such as image.zarr."
            raise UnsupportedError(Problem(self.identity, message))
        around = ObjectFiles(self.objects, parent, read_only=self.read_only, is_alone=self.is_alone)
        return around, f".{name}.ngff_fn", name

    @property
    def at_once(self) -> int:
        """So many requests are worth it at the same time."""
        return self.objects.at_once

    def _key(self, key: str) -> str:
        return joined(self.root, key)

    # --- reading

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of an object, or a part of them; a document as readers see it."""
        if is_document(key):
            text = self.documents.read(key)[0]
            return text if text is None or (start == 0 and stop is None) else text[start:stop]
        if start == 0 and stop is None:
            found = self.objects.get(self._key(key))
            return None if found is None else found.data
        if start == 0 and stop == 0:
            return None if self.objects.tag(self._key(key)) is None else b""
        return self.objects.read(self._key(key), start, stop)

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of an object and the signature that it had then."""
        if is_document(key):
            return self.documents.read(key)
        found = self.objects.get(self._key(key))
        return (None, None) if found is None else (found.data, found.tag)

    def signature(self, key: str) -> object | None:
        """The tag of an object; that of a document changes with what it says."""
        if is_document(key):
            return self.documents.read(key)[1]
        return self.objects.tag(self._key(key)) if key or self.root else None

    def exists(self, path: str) -> bool:
        """Whether there is an object, or something below the path; without listings, whether there is a node."""
        if is_document(path):
            return self.signature(path) is not None
        if not self.objects.lists:
            return path != WORKSHOP and bool(self.names(path))
        return bool(self.names(path)) or (path != WORKSHOP and self.signature(path) is not None)

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all."""
        return not self.exists(path)

    def has_links(self, path: str) -> bool:  # noqa: ARG002 — there are none
        """Whether there are links at or below a path."""
        return False

    def names(self, path: str) -> list[tuple[str, bool]]:
        """What is right below a path, each with whether there is more below it; without listings, its documents."""
        if not self.objects.lists:
            return [(name, False) for name in NODE_DOCUMENTS if self.signature(joined(path, name)) is not None]
        return self.objects.names(self._key(path))

    def keys_in(self, path: str) -> list[str]:
        """All objects below a path, seen from there, by one listing."""
        key = self._key(path)
        return [each[len(key) :].lstrip("/") for each in self.objects.keys(key)]

    # --- changing

    def write(self, key: str, data: bytes) -> None:
        """A new object."""
        self._writable(key)
        self.objects.put(self._key(key), data)

    def put_new(self, key: str, data: bytes) -> bool:
        """A new object where there is none, as far as others write too; whether it is there now."""
        self._writable(key)
        if self.is_alone:
            self.objects.put(self._key(key), data)
            return True
        return self.objects.put_if(self._key(key), data, None, uuid4().hex) is not None

    def make_directory(self, path: str) -> None:
        """Nothing: directories are there while something is in them."""

    def move(self, source: str, target: str) -> None:
        """An object or all below a path gets another name, one object after another; again, where that was cut off."""
        self._writable(target)
        if target.startswith(f"{STAGE}/"):  # from where it would only be removed
            object_trees.remove(self.objects, self._key(source))
        elif not object_trees.move(self.objects, self._key(source), self._key(target)):
            raise StoreNotFoundError(Problem(joined(self.identity, source), "there is nothing to move."))

    def exchange(self, left: str, right: str, *, one_step: bool = False) -> None:
        """What is below a path takes the place of what is below another; not in one step, but again where cut off."""
        if one_step:
            message = "an object store cannot replace a whole store in one step. Remove it first, or take another name."
            raise UnsupportedError(Problem(joined(self.identity, right), message))
        self._writable(right)
        object_trees.replace(self.objects, self._key(left), self._key(right))  # what was there has no further use

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:  # noqa: ARG002 — there are no links
        """An object with the bytes of another; nothing where there is none."""
        self._writable(key)
        if isinstance(source, ObjectFiles) and source.objects is self.objects and not is_document(source_key):
            self.objects.copy(source._key(source_key), self._key(key))  # noqa: SLF001 — of the same class
            return
        data = source.read(source_key)
        if data is not None:
            self.write(key, data)

    def remove(self, path: str) -> None:
        """An object or all below a path; it may be gone already."""
        self._writable(path)
        object_trees.remove(self.objects, self._key(path))

    def prune(self, path: str) -> None:
        """Nothing: an empty directory is not there."""

    def is_writable(self, path: str) -> bool:  # noqa: ARG002 — the store says it when it is written
        """Unless the store is read-only."""
        return not self.read_only

    def sync(self, paths: Iterable[str]) -> None:
        """Nothing: what an object store has acknowledged it keeps."""

    @contextmanager
    def lock(self, timeout: float) -> Iterator[None]:  # noqa: ARG002 — nobody waits
        """For the only writer, who ends what others have left; else refused, as there is no lock."""
        if not self.is_alone:
            message = "an object store has no lock. Say single_writer=True where nobody else writes."
            raise UnsupportedError(Problem(self.identity, message))
        self._writable("")
        self.documents.sweep(old=-math.inf)  # fences name their documents, so these must not be moved
        yield

    def hold(self, path: str) -> Callable[[], None]:
        """Mark a path as in use by the only writer."""
        return hold_alone(joined(self.identity, path))

    def is_held(self, path: str) -> bool:
        """Whether the only writer uses a path."""
        return is_held_alone(joined(self.identity, path))

    def refuse_interrupted(self) -> None:
        """Refuse where a commit stands that a single writer left: others cannot carry it out side by side.

        Raises
        ------
        StoreError
            Naming its record, and the cure.
        """
        message = "a commit with single_writer=True has happened, and was interrupted before it was carried out."
        cure = "Run recover(store, single_writer=True), while nobody else writes."
        names = self.names(RECORDS) if self.objects.lists else []
        refuse((Problem(joined(self.identity, RECORDS, name), f"{message} {cure}") for name, _ in names), StoreError)

    def require_writable(self) -> None:
        """Refuse where nothing can be written."""
        self._writable("")

    def keeps_conditions(self) -> bool:
        """Whether writes happen only if what is there is what was there; tried, where anything can be written."""
        if self.read_only or not self.objects.lists:
            return False
        try:
            self.objects.require_conditions(self._key(WORKSHOP))
        except UnsupportedError:
            return False
        return True

    def _writable(self, key: str) -> None:
        if not self.objects.lists:
            message = "plain HTTP is for reading only. Write through the object store behind it, such as s3://."
            raise StoreError(Problem(joined(self.identity, key), message))
        if self.read_only:
            raise StoreError(Problem(joined(self.identity, key), "the store is read-only. Open it for writing."))


def _again(objects: Objects, root: str, read_only: bool, is_alone: bool) -> ObjectFiles:  # noqa: FBT001 — for pickle
    return ObjectFiles(objects, root, read_only=read_only, is_alone=is_alone)
