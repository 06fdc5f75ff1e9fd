"""What a crash may leave: before or after for a reader, and the same, clean, once the next writer has gone on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import Factory, define, evolve, field, frozen

import ngff_fn as nf
from tests.bench.commits import NEXT, THEN, Act, Commit, Seen, after, next_writer, seen_in, the_one_after
from tests.bench.footprints import Footprints
from tests.bench.log import Log
from tests.bench.stores import STORE, LocalKind, StoreKind, run
from tests.bench.tree import Tree


@frozen
class Bad:
    """A state that no crash may leave: after how many effects, and what is wrong."""

    point: str
    wrong: str


@frozen
class Recovered:
    """What the next writer did: its changes, what is seen after it, and all names that are left."""

    log: Log | None
    seen: Seen | str
    names: frozenset[str]


_MOST_LOGS = 2000
"""Of next writers that are remembered: each holds a tree."""


@define
class Trial:
    """A commit that was made once without a crash."""

    commit: Commit
    kind: StoreKind
    act: Act
    log: Log
    before: Seen
    after: Seen
    clean: dict[Seen, frozenset[str]] = Factory(dict)
    """The names that are left where a next writer has gone on after no crash, by what it leaves."""
    _seen: dict[bytes, Seen | str] = field(factory=dict)
    _recovered: dict[tuple[bytes, int], Recovered] = field(factory=dict)
    _left: dict[bytes, tuple[Seen | str, frozenset[str]]] = field(factory=dict)
    _asked: tuple[Tree | None, bytes] = (None, b"")
    _footprints: Footprints[Seen | str] | None = None

    def __attrs_post_init__(self) -> None:
        if type(self.kind) is LocalKind:
            self._footprints = Footprints(str(self.kind.folder / "trial"), STORE)

    def key(self, tree: Tree) -> bytes:
        """``tree.seen()``, of a tree that is not changed any more."""
        if self._asked[0] is not tree:
            self._asked = (tree, tree.seen())
        return self._asked[1]

    def seen(self, tree: Tree) -> Seen | str:
        """What our reader sees, or what it complains of."""
        key = self.key(tree)
        if key not in self._seen:
            asked = self._footprints
            look = partial(self._look, tree)
            self._seen[key] = look() if asked is None else asked.seen(tree, look)
        return self._seen[key]

    def _look(self, tree: Tree) -> Seen | str:
        return _seen_or_wrong(self.kind.put(tree))

    def _left_in(self, store: Any) -> tuple[Seen | str, frozenset[str]]:
        """What our reader sees in a store, and all names that are there."""
        left = self.kind.take(store)
        key = left.seen()
        if key not in self._left:
            self._left[key] = (_seen_or_wrong(store), self.kind.names(store))
        return self._left[key]

    def recovered(self, tree: Tree, writer: int = 0) -> Recovered:
        """What the first or the second of the next writers does."""
        key = (self.key(tree), writer)
        if key not in self._recovered:
            if len(self._recovered) >= _MOST_LOGS:
                self._recovered.clear()
            self._recovered[key] = self._go_on(tree, (next_writer, the_one_after)[writer])
        return self._recovered[key]

    def _go_on(self, tree: Tree, writer: Callable[[Any], Any]) -> Recovered:
        try:
            log, store = run(self.kind, tree, lambda store: self.kind.going_on(store, writer))
            return Recovered(log, *self._left_in(store))
        except Exception as error:  # noqa: BLE001 — whatever it is, it is what is wrong
            return Recovered(None, f"the next writer fails: {error!r}", frozenset())

    # --- judging

    def wrong(self, tree: Tree, allowed: Iterable[Seen], writer: int = 0) -> str:
        """What is wrong with a state that a crash left; empty: nothing."""
        now = self.seen(tree)
        if isinstance(now, str):
            return now
        if now not in allowed:
            return "a reader sees neither before nor after"
        done = self.recovered(tree, writer)
        if isinstance(done.seen, str):
            return done.seen
        wanted = after(now, (NEXT, THEN)[writer])
        if done.seen != wanted:
            return "the next writer has made something else of it"
        if extra := done.names ^ self.clean_names(wanted):
            return f"not clean after the next writer: {sorted(extra)[:4]}"
        return ""

    def clean_names(self, wanted: Seen) -> frozenset[str]:
        """The names that a store has which was not hurt: documents that say the same, and their chunks."""
        return self.clean[_without_marks(wanted)]


def _without_marks(seen: Seen) -> Seen:
    """Without what next writers say, which changes no names."""
    if seen.root is None:
        return seen
    said = seen.root.extra.get("attributes", {})
    left = {key: value for key, value in said.items() if key not in ("after", "then")}
    extra = {key: value for key, value in seen.root.extra.items() if key != "attributes"}
    kind = type(seen.root.extra)
    return evolve(seen, root=evolve(seen.root, extra=kind({**extra, **({"attributes": kind(left)} if left else {})})))


def _seen_or_wrong(store: Any) -> Seen | str:
    try:
        return seen_in(store)
    except Exception as error:  # noqa: BLE001 — as above
        return f"a reader fails: {error!r}"


@frozen
class Refused:
    """A commit that a kind of store does not take, and what it says; nothing was written."""

    kind: StoreKind
    why: str


def trial_of(commit: Commit, kind: StoreKind, folder: Path) -> Trial:
    """As ``trial_or_refusal``, of a commit that is taken."""
    trial = trial_or_refusal(commit, kind, folder)
    assert isinstance(trial, Trial), trial
    return trial


def trial_or_refusal(commit: Commit, kind: StoreKind, folder: Path) -> Trial | Refused:
    """Make a commit without a crash; as the only writer, where it is refused otherwise."""
    start, act = kind.start(commit.prepare(folder)), commit.act(folder)
    refused = _refusal(kind, start, act)
    alone = kind.alone()
    if refused and alone is not None and not _refusal(alone, start, act):
        return _trial(commit, alone, start, act)
    return Refused(kind, refused) if refused else _trial(commit, kind, start, act)


def _refusal(kind: StoreKind, start: Tree, act: Act) -> str:
    """What a kind of store says to a commit that it does not take."""
    if kind.alone() is None and kind.is_promised:
        return ""
    log = Log(start)
    try:
        act(kind.door(kind.put(start), log.note))
    except (nf.UnsupportedError, nf.StoreExistsError) as refusal:
        assert not log.changes, "it was refused, and yet something was written"
        return str(refusal)
    return ""


def _trial(commit: Commit, kind: StoreKind, start: Tree, act: Act) -> Trial:
    """Make a commit without a crash, and see what a next writer makes of before and after."""
    before = seen_in(kind.put(start))
    log, store = run(kind, start, act)
    trial = Trial(commit, kind, act, log, before, seen_in(store))
    assert log.now.seen() == kind.take(store).seen(), "the log does not say what was done"
    for tree, seen in ((start, before), (log.now, trial.after)):
        done = trial.recovered(tree)
        assert done.seen == after(seen, NEXT), done.seen
        trial.clean[_without_marks(after(seen, NEXT))] = done.names
    return trial
