"""Threads that take turns: one runs at a time, and who is next is drawn at every step, by a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
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
        self._now = -1
        self.steps = 0
        self.failures: list[BaseException] = []

    def run(self, actors: Sequence[Callable[[], None]]) -> None:
        """Run all of them to their end; what one raises is raised when all have ended."""
        self._ready = list(range(len(actors)))
        self._gates = [threading.Lock() for _ in actors]
        for gate in (*self._gates, self._done):
            gate.acquire()
        threads = [
            threading.Thread(target=self._act, args=(number, act), daemon=True) for number, act in enumerate(actors)
        ]
        for thread in threads:
            thread.start()
        self._pass_on()
        self._done.acquire()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _act(self, number: int, act: Callable[[], None]) -> None:
        self._gates[number].acquire()
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

    def _pass_on(self) -> None:
        self._now = self._ready[int(self._chance.random() * len(self._ready))]
        self._gates[self._now].release()

    def step(self) -> None:
        """Perhaps it is the turn of another, until it is ours again."""
        self.steps += 1
        mine, ready = self._now, self._ready
        if self._chance.random() >= self._share:
            return
        following = ready[int(self._chance.random() * len(ready))]
        if following != mine:
            self._now = following
            self._gates[following].release()
            self._gates[mine].acquire()

    def block(self) -> None:
        """It is the turn of others, until one of them calls ``wake``."""
        mine = self._now
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
        self._ready += self._blocked
        self._blocked.clear()

    def _wake_with_error(self) -> None:
        self.failures.insert(0, DeadlockError("all that are left wait for a lock"))
        self.wake()

    @property
    def now(self) -> int:
        """Whose turn it is."""
        return self._now


class Mutex:
    """A lock for those who take turns; whoever has it may take it again."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._owner: int | None = None
        self._depth = 0

    def acquire(self, *_arguments: Any, **_options: Any) -> bool:
        turns = self._turns
        while self._owner not in (None, turns.now):
            turns.block()
        self._owner = turns.now
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
            self._turns.wake()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()
