"""Threads that take turns: one runs at a time, and who is next is drawn at many of its steps, by a seed."""

from __future__ import annotations

import math
import os
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class DeadlockError(AssertionError):
    """All that are left wait for a lock that nobody gives back."""


SHARES = (1.0, 0.5, 0.2, 0.1, 0.05)
"""At how many of its steps a schedule draws anew: most faults need few switches, at the right places."""


class Turns:
    """One schedule. Whoever has the turn calls ``step`` before each operation that others could see or hinder."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._share = self._chance.choice(SHARES)
        self._ready: list[int] = []
        self._blocked: list[int] = []
        self._gates: list[threading.Lock] = []
        self._done = threading.Lock()
        self._order: list[tuple[int, int]] = []
        self._drawing_at = self._left = self._steps_to_a_draw()
        self.now = -1
        """Whose turn it is."""
        self.failures: list[BaseException] = []

    @property
    def steps(self) -> int:
        """How many there were."""
        return self._drawing_at - self._left

    @property
    def order(self) -> int:
        """What tells two schedules apart: after how many steps it was whose turn, as one number."""
        return hash(tuple(self._order))

    def _steps_to_a_draw(self) -> int:
        """As if each step drew with the same chance whether to draw; at least 1."""
        if self._share == 1:
            return 1
        return 1 + int(math.log(1 - self._chance.random()) / math.log(1 - self._share))

    def run(self, actors: Sequence[Callable[[], None]]) -> None:
        """Run all of them to their end; what one raises is raised when all have ended."""
        self._ready = list(range(len(actors)))
        self._done.acquire()
        threads = _taken(len(actors))
        self._gates = [thread.gate for thread in threads]
        for number, (thread, act) in enumerate(zip(threads, actors, strict=True)):
            thread.part = self._part(number, act)
        self._pass_on()
        self._done.acquire()
        _idle.extend(threads)
        if self.failures:
            raise self.failures[0]

    def _part(self, number: int, act: Callable[[], None]) -> Callable[[], None]:
        def part() -> None:
            try:
                act()
            except BaseException as error:  # noqa: BLE001 — raised by run
                self.failures.append(error)
            self._ready.remove(number)
            if not self._ready and self._blocked:
                self._wake_with_error()
            if self._ready:
                self._pass_on()
            else:
                self._done.release()

        return part

    def _pass_on(self) -> None:
        self.now = self._ready[int(self._chance.random() * len(self._ready))]
        self._order.append((self.steps, self.now))
        self._gates[self.now].release()

    def step(self) -> None:
        """Perhaps it is the turn of another, until it is ours again."""
        self._left -= 1
        if not self._left:
            self._draw()

    def _draw(self) -> None:
        following = self._ready[int(self._chance.random() * len(self._ready))]
        self._left = self._steps_to_a_draw()
        self._drawing_at += self._left
        if following != self.now:
            mine, self.now = self.now, following
            self._order.append((self.steps, following))
            self._gates[following].release()
            self._gates[mine].acquire()

    def block(self) -> None:
        """It is the turn of others, until one of them calls ``wake``."""
        mine = self.now
        self._ready.remove(mine)
        self._blocked.append(mine)
        if not self._ready:
            self._wake_with_error()
        self._pass_on()
        self._gates[mine].acquire()
        if self.failures and isinstance(self.failures[0], DeadlockError):
            raise self.failures[0]

    def wake(self) -> None:
        """Those who wait may try again."""
        if self._blocked:
            self._ready += self._blocked
            self._blocked.clear()

    def _wake_with_error(self) -> None:
        self.failures.insert(0, DeadlockError("all that are left wait for a lock"))
        self.wake()


class Mutex:
    """A lock for those who take turns; whoever has it may take it again."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._owner: int | None = None
        self._depth = 0

    def acquire(self, *_arguments: Any, **_options: Any) -> bool:
        turns = self._turns
        if self._owner != turns.now:
            while self._owner is not None:
                turns.block()
            self._owner = turns.now
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            self._turns.wake()

    __enter__ = acquire

    def __exit__(self, *_error: object) -> None:
        self.release()


# --- threads: they are there for many schedules, as it takes longer to start them than to run a schedule


class _Thread:
    """Each time its gate opens it does its part, or what is left of it."""

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.part: Callable[[], None] = lambda: None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            self.gate.acquire()
            self.part()

    def stay_on(self, processor: int) -> None:
        assert self.thread.native_id is not None
        os.sched_setaffinity(self.thread.native_id, {processor})


_idle: list[_Thread] = []
_RUNS_ON_ONE = 50
_runs = 0

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)


def _taken(count: int) -> list[_Thread]:
    """Threads that are all on one processor, where there is a choice: there it takes a fifth of the time to pass on.

    It is the one on which the caller is, which the system had put where the least is done.
    """
    global _runs  # noqa: PLW0603
    while len(_idle) < count:
        _idle.append(_Thread())
        _runs = 0
    if _runs % _RUNS_ON_ONE == 0 and (processor := _processor()) is not None:
        for thread in _idle:
            thread.stay_on(processor)
    _runs += 1
    taken = _idle[-count:]
    del _idle[-count:]
    return taken


def _processor() -> int | None:
    """The one on which the calling thread is; None where nobody knows, or threads cannot be told where to be."""
    said = Path("/proc/thread-self/stat")
    if not (hasattr(os, "sched_setaffinity") and said.exists()):
        return None
    return int(said.read_text(encoding="ascii").rpartition(")")[2].split()[36])
