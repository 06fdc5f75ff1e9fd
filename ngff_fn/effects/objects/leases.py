"""Who may carry out a commit with pixels, where there is no lock: whoever wrote its record last, and goes on doing so.

A record is written again every few seconds. To whoever waits it is dead when it stands still, by the waiter's own
clock; then it is taken over, by a conditional write: so who was only slow notices at the next one, and stops.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from attrs import evolve

from ngff_fn.effects.objects.fenced import Fences, State
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.errors import ConflictError, Problem, StoreError
from ngff_fn.records.paths import joined

BEAT = 4.0
"""Seconds after which a record is written again."""

SILENCE = 20.0
"""Seconds after which a record that stands still is taken over."""


def now() -> float:
    """Seconds that also pass while the machine sleeps, where the system says so."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class LostError(ConflictError):
    """Another has taken over."""


class Lease:
    """A record that is one's own as long as nobody else writes it; a thread keeps it alive in a ``with`` block."""

    def __init__(self, objects: Objects, key: str, record: Fences, tag: str) -> None:
        self.objects, self.key, self.record = objects, key, record
        self._tag: str | None = tag
        self._written = now()
        self._sent: list[bytes] = []
        self._mutex = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._beat, name="ngff_fn lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(BEAT):
            with suppress(StoreError):  # the next one may succeed; if none does, another takes over
                if not self.write():
                    return

    def write(self, record: Fences | None = None) -> bool:
        """The record says something else, or the same again (None); False where another has taken it over."""
        with self._mutex:
            if self._tag is None:
                return False
            record = record or self.record  # asked for here: another thread may just have written another one
            begun, data = now(), record.as_bytes()
            if record.state == self.record.state:
                self._sent.append(data)
            self._tag = self.objects.put_if(self.key, data, self._tag) or self._refused(data)
            if self._tag is None:
                return False
            self.record, self._written = record, begun
            self._sent.clear()
            return True

    def _refused(self, data: bytes) -> str | None:
        """A write whose answer was lost is one's own; what is written now comes behind it."""
        found = self.objects.get(self.key)
        if found is None or found.data not in self._sent:
            return None
        return self.objects.put_if(self.key, data, found.tag)

    def say(self, state: State) -> bool:
        """The record says another state; False where another has taken it over."""
        return self.write(evolve(self.record, state=state))

    def require(self) -> None:
        """Go on only while nobody else may have begun to.

        Raises
        ------
        LostError
            (a ConflictError) Another has taken over: this process stood still for too long.
        """
        if self._tag is not None and now() - self._written <= SILENCE / 2:
            return
        if not self.write():
            message = "another writer has ended this commit, as nothing was heard of it for long. Run it again."
            raise LostError(Problem(joined(self.objects.identity, self.key), message))


class Watch:
    """Waiting for somebody else: how long a record has stood still, by the clock of the one who waits."""

    def __init__(self) -> None:
        self._tag, self._since, self._pause = "", now(), 0.01

    def stands_still(self, tag: str, seconds: float) -> bool:
        """Whether a record has had this tag for so long."""
        if tag != self._tag:
            self._tag, self._since = tag, now()
        return now() - self._since > seconds

    def pause(self) -> None:
        """A little longer each time."""
        time.sleep(random.uniform(0, self._pause))
        self._pause = min(2 * self._pause, 0.5)
