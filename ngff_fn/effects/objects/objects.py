"""An object store, through obstore: objects by their keys, and writes that happen only where nothing else has."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from attrs import evolve, frozen

from ngff_fn.effects.extras import imported
from ngff_fn.effects.failures import is_denial, said
from ngff_fn.effects.threads import REMOTE
from ngff_fn.errors import Problem, StoreError, UnsupportedError
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS

T = TypeVar("T")

_MARK = "ngffcommit"
"""The attribute of an object that says which commits wrote it, the last one first; Azure takes letters and digits."""


_MARKS = 24
"""So many of them are kept: a commit that is in doubt is looked for among those that came after it."""
_LARGE = 2**18
_REMEMBERED = 10_000
"""Documents whose tags are kept: a commit that follows a read need not ask for them again."""


_IN_ORDER = {"S3Store", "GCSStore", "MemoryStore"}
"""Stores that say that they list their keys in order; but for the directory buckets of S3."""

_DOCUMENTS = {*NODE_DOCUMENTS, ".zmetadata"}


def is_document(key: str) -> bool:
    """Whether an object is metadata, by its name."""
    return key.rpartition("/")[2] in _DOCUMENTS


@frozen
class Found:
    """An object as it was read: ``tag`` is another one after each write; ``marks`` are the commits that wrote it."""

    data: bytes
    tag: str
    marks: tuple[str, ...] = ()


class Objects:
    """One object store: a bucket, a server, or a memory.

    ``identity`` is a URL, the same for all doors to the store. Keys are relative to it.
    """

    at_once = REMOTE
    """So many requests are worth it at the same time."""
    per_page = 500
    """Keys of a page that are looked at: servers send twice as many, so that they are asked once."""

    def __init__(self, store: Any, identity: str) -> None:
        self._begin(store, identity)
        self.lists = type(store).__name__ != "HTTPStore"  # plain HTTP has no listing
        self._api = imported("obstore", "s3", "an object store")
        self._errors = imported("obstore.exceptions", "s3", "an object store")

    def _begin(self, store: Any, identity: str) -> None:
        self.store, self.identity = store, identity
        self.homes: dict[str, str] = {}
        self._recent: OrderedDict[str, Found] = OrderedDict()
        self._mutex = threading.Lock()
        self._trying = threading.Lock()
        self._quoted: bool | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self.store).__name__ == "MemoryStore":
            message = "a store in memory does not leave its process. Use the threads of this one, or another store."
            raise StoreError(Problem(self.identity, message))
        from ngff_fn.effects.objects.identities import again

        return again, (self.store, self.identity)

    # --- reading

    def get(self, key: str) -> Found | None:
        """An object; None where there is none."""

        def got() -> Found:
            result = self._api.get(self.store, key)
            marks = str(dict(result.attributes).get(_MARK, ""))
            return Found(bytes(result.bytes()), result.meta["e_tag"] or "", tuple(marks.split()))

        found = self._asked(key, got)
        self._remember(key, found)
        return found

    def document(self, key: str) -> Found | None:
        """As ``get``; over plain HTTP also None where it is refused: servers answer so for what is not there."""
        try:
            return self.get(key)
        except StoreError as error:
            if self.lists or not is_denial(error.__cause__):
                raise
            return None

    def read(self, key: str, start: int, stop: int | None) -> bytes | None:
        """A part of an object; a negative start counts from its end."""
        if start < 0 and stop is None:
            options: dict[str, Any] = {"range": {"suffix": -start}}
        elif start >= 0 and stop is not None and stop > start:
            options = {"range": (start, stop)}
        elif start > 0 and stop is None:
            options = {"range": {"offset": start}}
        else:
            found = self.get(key)
            return None if found is None else found.data[start:stop]
        try:
            return bytes(self._api.get(self.store, key, options=options).bytes())
        except FileNotFoundError:
            return None
        except self._errors.BaseError:  # of a part beyond the end; what is wrong otherwise is so for the whole, too
            found = self.get(key)
            return None if found is None else found.data[start:stop]

    def tag(self, key: str) -> str | None:
        """The tag of an object; None where there is none."""
        meta = self._asked(key, lambda: self._api.head(self.store, key))
        return None if meta is None else str(meta["e_tag"] or (meta["last_modified"], meta["size"]))

    def may_have(self, key: str) -> bool:
        """Whether there is an object that may be seen: who has no right to look above a store finds nothing there."""
        try:
            return self.tag(key) is not None
        except StoreError as error:
            if not is_denial(error.__cause__):
                raise
            return False

    def names(self, path: str) -> list[tuple[str, bool]]:
        """What is right below a path, each with whether there is more below it."""
        if not self.lists:
            return []
        found = self._asked(path, lambda: self._api.list_with_delimiter(self.store, path or None))
        if found is None:
            return []
        inside = [str(meta["path"]) for meta in found["objects"]]
        names = {each.rpartition("/")[2]: False for each in inside if each != path}  # "path/" itself marks a directory
        names |= {str(prefix).rstrip("/").rpartition("/")[2]: True for prefix in found["common_prefixes"]}
        return list(names.items())

    def keys(self, path: str) -> list[str]:
        """All keys below a path."""
        return [key for key, _ in self._below(path)]

    def ages(self, path: str) -> list[tuple[str, float]]:
        """All keys below a path, each with the seconds since it was written, by two clocks that may differ."""
        now = datetime.now(UTC)
        return [(key, (now - written).total_seconds()) for key, written in self._below(path)]

    def _below(self, path: str) -> list[tuple[str, datetime]]:
        if not self.lists:
            return []
        prefix = f"{path}/" if path else None
        found = self._asked(path, lambda: list(self._api.list(self.store, prefix, chunk_size=1000)))
        everything = [meta for some in found or () for meta in some]
        return [(str(meta["path"]), meta["last_modified"]) for meta in everything if meta["path"] != path]

    def first_page(self, path: str) -> tuple[list[str], bool]:
        """The first keys below a path, as they are listed, and whether these are all.

        It is no more than what saves other requests: none where nothing can be listed, or not as a hierarchy.
        """
        if not self.lists:
            return [], False
        prefix = f"{path}/" if path else None
        try:
            page = next(iter(self._api.list(self.store, prefix, chunk_size=self.per_page)), ())
        except (self._errors.BaseError, OSError, ValueError):
            return [], False
        keys = [str(meta["path"]) for meta in page]
        return keys, len(keys) < self.per_page

    @property
    def lists_in_order(self) -> bool:
        """Whether keys are listed in their order; where it is not known, not."""
        bucket = str(getattr(self.store, "config", {}).get("bucket", ""))
        return type(self.store).__name__ in _IN_ORDER and not bucket.endswith("--x-s3")

    # --- writing

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        """One change of the store; a test bench overrides this to stop at each."""
        return operation(*arguments, **said)

    def put(self, key: str, data: bytes) -> None:
        """An object, whatever was there."""
        self._forget(key)
        put = self._asked(key, lambda: self.change(self._api.put, self.store, key, data, use_multipart=False))
        if put is None:
            raise self._no_place(key)

    def put_if(self, key: str, data: bytes, before: str | None, mark: str = "") -> str | None:
        """An object, if what is there still has the tag ``before`` (None: if nothing is); its tag, None if it is not.

        A refusal can follow one's own success, where an answer was lost and the request sent again: so it is looked for
        what was written, by its mark, or by its bytes where these are like no others. An object keeps the marks of
        those before it: another writer may have come in between.

        Raises
        ------
        StoreError
            Where the store failed, and it cannot be known whether the object was written.
        """
        mode: Any = "create" if before is None else {"e_tag": self._spelled(before)}
        last = self.recent(key)
        older = last.marks if last is not None and last.tag == before else ()
        tells = bool(mark) and mark not in older  # a commit may write an object twice
        marks = ((mark, *older) if tells else older)[:_MARKS]
        attributes = {_MARK: " ".join(marks)} if marks else None
        self._forget(key)
        failure: Exception | None = None
        try:
            done = self.change(
                self._api.put, self.store, key, data, mode=mode, attributes=attributes, use_multipart=False
            )
        except FileNotFoundError as error:
            if before is None:
                raise self._no_place(key) from error
        except (self._errors.AlreadyExistsError, self._errors.PreconditionError):
            pass
        except NotImplementedError as error:
            raise self._unconditional() from error
        except (self._errors.BaseError, OSError, ValueError) as error:
            if is_denial(error):
                message = f"{said(error)}. It was not written. Ask for the permission, or give other credentials."
                raise StoreError(Problem(joined(self.identity, key), message)) from error
            failure = error
        else:
            tag = str(done["e_tag"] or "")
            self._remember(key, Found(data, tag, marks))
            return tag
        found = self.get(key)
        if found is not None and (mark in found.marks if tells else found.data == data):
            return found.tag
        if failure is not None:
            message = f"{said(failure)}. Whether the commit has happened is not known: read it again."
            raise StoreError(Problem(joined(self.identity, key), message)) from failure
        return None

    def delete(self, key: str) -> None:
        """No object; there may be none already."""
        self._forget(key)
        self._asked(key, lambda: self.change(self._api.delete, self.store, key))

    def copy(self, source: str, target: str) -> bool:
        """An object gets a second key; False where there is none."""
        self._forget(target)
        return self._asked(source, lambda: self.change(self._api.copy, self.store, source, target) or True) is True

    # --- what it can do

    def require_conditions(self, path: str) -> None:
        """Make sure that the store does what conditions say; it is tried once, with an object below ``path``.

        Raises
        ------
        UnsupportedError
            Where it does not: two writers would lose each other's commits.
        """
        with self._trying:
            if self._quoted is not None:
                return
            key = joined(path, uuid4().hex)
            try:
                self._quoted = self._tried(key)
            finally:
                with suppress(StoreError):
                    self.delete(key)
        if self._quoted is None:
            raise self._unconditional()

    def _tried(self, key: str) -> bool | None:
        """Whether tags are taken with their quotes; None where conditions do not hold."""
        tag = self.put_if(key, b"1", None)
        if not tag or self.put_if(key, b"2", None) or self.put_if(key, b"3", f'"{uuid4().hex}"'):
            return None
        if self.put_if(key, b"4", tag):
            return True
        return False if self.put_if(key, b"5", tag.strip('"')) else None

    def recent(self, key: str) -> Found | None:
        """What was read last at a key, while it is remembered; it may be another by now."""
        with self._mutex:
            return self._recent.get(key)

    def _spelled(self, tag: str) -> str:
        """Ceph takes tags without the quotes that it gives them with."""
        return tag.strip('"') if self._quoted is False else tag

    def _unconditional(self) -> UnsupportedError:
        message = "it ignores conditions (If-Match, If-None-Match), so writers would lose each other's commits."
        cure = "Say single_writer=True where nobody else writes, or take another store."
        return UnsupportedError(Problem(self.identity, f"{message} {cure}"))

    def _no_place(self, key: str) -> StoreError:
        message = "the store has no place for it: the bucket does not exist. Make it first, or take another one."
        return StoreError(Problem(joined(self.identity, key), message))

    def _asked(self, key: str, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except FileNotFoundError:
            return None
        except (self._errors.BaseError, OSError, NotImplementedError, ValueError) as error:
            message = f"{said(error)}. Nothing that was committed is lost."
            raise StoreError(Problem(joined(self.identity, key), message)) from error

    def _remember(self, key: str, found: Found | None) -> None:
        with self._mutex:
            self._recent.pop(key, None)
            if found is not None:  # of chunks, and of what is large, only the tag and the marks
                is_kept = is_document(key) and len(found.data) < _LARGE
                self._recent[key] = found if is_kept else evolve(found, data=b"")
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

    def _forget(self, key: str) -> None:
        with self._mutex:
            self._recent.pop(key, None)
