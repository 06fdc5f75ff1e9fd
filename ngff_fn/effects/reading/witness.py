"""Readers never write and never lock: they remember what they have seen, and start over if something changed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from ngff_fn.effects.reading.foresight import Foresight, Walk, foreseen
from ngff_fn.effects.reading.standing import paths_of_records, standing
from ngff_fn.effects.reading.view import View
from ngff_fn.effects.stores import Files
from ngff_fn.effects.threads import results_of
from ngff_fn.errors import ConflictError, DocumentError, NgffError, Problem, StoreError, StoreNotFoundError
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS

PATIENCE = 30.0
"""Seconds for which a reader starts over while writers keep changing what it reads."""


class Witness:
    """Remembers the signature of everything that is read through it, and can tell whether all still stand."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._names = paths_of_records(files)
        self._source: View | Files = View(files, standing(files)) if self._names else files
        self._seen: dict[str, object | None] = {}
        self._foresight: Foresight | None = None

    @property
    def view(self) -> View:
        """The store as it is once all that has happened is carried out."""
        return self._source if isinstance(self._source, View) else View(self.files, ())

    def read(self, key: str) -> bytes | None:
        """The bytes of a file, as they are once all that has happened is carried out."""
        data, signature = (self._foresight and self._foresight.take(key)) or self._source.get(key)
        self._seen.setdefault(key, signature)
        return data

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory, as they are once all that has happened is carried out."""
        if self._foresight and (fetched := self._foresight.take_names(path)) is not None:
            return fetched
        return self._source.names(path)

    def foresee(self, walk: Walk) -> None:
        """Of a store that is far away, all that a walk will read is fetched side by side."""
        if self.files.at_once > 1:
            self._foresight = foreseen(self._source, self.files.at_once, walk)

    def still_true(self) -> bool:
        """Whether nothing that was read has changed."""
        # The records first: once a record is gone, what it changed shows in the documents.
        if paths_of_records(self.files) != self._names:
            return False
        if self.files.at_once > 1:
            return all(results_of(self._is_still, self._seen.items(), self.files.at_once))
        return all(map(self._is_still, self._seen.items()))

    def _is_still(self, seen: tuple[str, object | None]) -> bool:
        key, signature = seen
        if signature is None:
            return not self._source.exists(key)
        now = self._source.signature(key)
        return now is signature or now == signature  # to compare buffers of a memory takes longer than to read them


def consistently(files: Files, look: Callable[[Witness], Any]) -> Any:
    """What ``look`` finds in one state of the store: it is asked again while writers change what it read."""
    deadline, pause = time.monotonic() + PATIENCE, 0.0005
    while True:
        witness = Witness(files)
        problem: NgffError | None = None
        try:
            found = look(witness)
        except NgffError as error:  # perhaps of two states
            problem = error
        if witness.still_true():
            if problem is not None:
                raise with_records(problem, files)
            return found
        if time.monotonic() > deadline:
            message = f"the documents have changed all the time for {PATIENCE:g} s. Try again when less is written."
            raise StoreError(Problem(files.identity, message))
        time.sleep(random.uniform(0, pause))
        pause = min(2 * pause, 0.05)


def with_records(error: NgffError, files: Files) -> NgffError:
    """What a reader complains of, with the records that were laid over what is stored."""
    if not isinstance(error, DocumentError | StoreError | StoreNotFoundError):
        return error
    message = "what this commit still has to do was read as done, which may be why. recover() does it, or says why not."
    records = [Problem(joined(files.identity, path), message) for path in paths_of_records(files)]
    return type(error)(*error.problems, *records) if records else error


def guard_of(files: Files, path: str) -> Callable[[], None]:
    """A check that the array at ``path`` is still the one that it was when this was made: with the same documents there
    were the same pixels.

    The returned function raises ConflictError when the array's documents have changed since, or a commit that has
    happened is about to change it.
    """
    witness = Witness(files)
    keys = [joined(path, key) for key in NODE_DOCUMENTS]
    witness.foresee(lambda source: list(map(source.read, keys)))
    documents = list(map(witness.read, keys))

    def check() -> None:
        nonlocal witness
        if witness.still_true():
            return
        again = Witness(files)  # of an archive all signatures are others with every commit, whatever it changed
        same = list(map(again.read, keys)) == documents
        if not same or any(each.view.touches(path) for each in (witness, again)) or not again.still_true():
            message = "the array has changed since it was opened. Open it again."
            raise ConflictError(Problem(joined(files.identity, path), message))
        witness = again

    return check
