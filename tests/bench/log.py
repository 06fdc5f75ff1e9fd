"""From the changes that a program made to the state after each, and to those that a power cut may leave."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import product

from attrs import Factory, define, field, frozen

from tests.bench.changes import (
    Change,
    Exchange,
    Flush,
    FlushAll,
    Keys,
    Link,
    MakeDirectory,
    Overwrite,
    RemoveDirectory,
    Rename,
    Rewrite,
    Unlink,
    Write,
)
from tests.bench.tree import ROOT, Barrier, Bytes, Effect, Names, Tree, copied

ALL_SUBSETS_UP_TO = 10
"""So many operations that are not durable are kept or lost in every combination."""

SEEDED_SUBSETS = 1000
"""Of more operations: so many of the combinations, beside the prefixes and the single omissions."""


@define
class Log:
    """The changes of one run, and the effects that they have on the inodes of the tree that it began with."""

    start: Tree = field(converter=copied)
    changes: list[Change] = Factory(list)
    effects: list[Effect] = Factory(list)
    now: Tree = Factory(lambda self: self.start.copy(), takes_self=True)
    _inodes: list[int] = Factory(lambda self: [max([*self.start.files, *self.start.directories])], takes_self=True)

    def note(self, change: Change) -> None:
        """A change has just been made; a KeyError, and nothing is noted, where it could not have been."""
        effects = self._effects_of(change)
        self.changes.append(change)
        for effect in effects:
            self.effects.append(effect)
            self.now.apply(effect)

    def _effects_of(self, change: Change) -> Iterable[Effect]:
        match change:
            case Write(path=path, data=data):
                new = self._new_file()
                return [self._names((path, new)), Bytes(new, data)]
            case Overwrite(path=path, data=data):
                return [Bytes(self.now.at(path), data)]
            case MakeDirectory(path=path):
                new = self._new()
                self.now.directories[new] = {}
                self.start.directories[new] = {}
                return [self._names((path, new))]
            case Link(path=path, new=name):
                return [self._names((name, self.now.at(path)))]
            case Rename(path=path, new=name):
                inode, there = self.now.at(path), self._there(name)
                return [] if inode == there else [self._names((path, None), (name, inode))]
            case Exchange(path=path, other=other):
                return [self._names((path, self.now.at(other)), (other, self.now.at(path)))]
            case Unlink(path=path) | RemoveDirectory(path=path):
                return [self._names((path, None))]
            case Keys(put=put, gone=gone):
                new_files = [(ROOT, key, self._new_file(data)) for key, data in put]
                return [Names((*new_files, *((ROOT, key, None) for key in gone)), ROOT)]
            case Rewrite(path=path, data=data):
                inode, half = self.now.at(path), len(data) // 2
                return [Bytes(inode, data[:half] + self.now.files[inode][half:]), Bytes(inode, data)]
            case Flush(path=path):
                return [Barrier(self.now.at(path))]
            case FlushAll():
                return [Barrier(None)]

    def _names(self, *given: tuple[str, int | None]) -> Names:
        found = [(self._directory(path), path.rpartition("/")[2], inode) for path, inode in given]
        return Names(tuple(found), kept_by=found[-1][0])

    def _directory(self, path: str) -> int:
        return self.now.at(path.rpartition("/")[0])

    def _there(self, path: str) -> int | None:
        return self.now.directories[self._directory(path)].get(path.rpartition("/")[2])

    def _new(self) -> int:
        self._inodes[0] += 1
        return self._inodes[0]

    def _new_file(self, data: bytes = b"") -> int:
        new = self._new()
        self.now.files[new] = self.start.files[new] = data
        return new

    def states(self) -> Iterator[Tree]:
        """What a program that dies leaves: the tree after no effect, after the first, and so on."""
        tree = self.start.copy()
        yield tree.copy()
        for effect in self.effects:
            if not isinstance(effect, Barrier):
                tree.apply(effect)
                yield tree.copy()


# --- power cuts


@frozen
class Cut:
    """A moment at which the power may fail: the effects until then, and which of them are not durable."""

    effects: tuple[Effect, ...]
    volatile: tuple[int, ...]
    is_last: bool


def cuts(log: Log) -> Iterator[Cut]:
    """The moments before something becomes durable, and the end: what any other moment can leave, they can as well."""
    volatile: list[int] = []
    for number, effect in enumerate(log.effects):
        if not isinstance(effect, Barrier):
            volatile.append(number)
            continue
        left = [each for each in volatile if not _is_kept(log.effects[each], effect)]
        if len(left) < len(volatile):
            yield Cut(tuple(log.effects[:number]), tuple(volatile), is_last=False)
        volatile = left
    yield Cut(tuple(log.effects), tuple(volatile), is_last=True)


def _is_kept(effect: Effect, barrier: Barrier) -> bool:
    match effect:
        case Names(kept_by=inode) | Bytes(inode=inode):
            return barrier.inode in (None, inode)
        case Barrier():
            return False


def lost_in(cut: Cut, *, seed: int = 0, samples: int = SEEDED_SUBSETS) -> Iterator[frozenset[int]]:
    """Which of the effects that are not durable are lost: all combinations, or prefixes, omissions and a sample."""
    volatile = cut.volatile
    if len(volatile) <= ALL_SUBSETS_UP_TO:
        for kept in product((True, False), repeat=len(volatile)):
            yield frozenset(number for number, is_kept in zip(volatile, kept, strict=True) if not is_kept)
        return
    yield from (frozenset(volatile[length:]) for length in range(len(volatile) + 1))
    yield from (frozenset([number]) for number in volatile)
    chance = random.Random(seed)
    for _ in range(samples):
        share = chance.random()
        yield frozenset(number for number in volatile if chance.random() < share)


_TORN: tuple[Callable[[bytes], bytes], ...] = (lambda _data: b"", lambda data: data[: len(data) // 2])


def after_cut(start: Tree, cut: Cut, lost: frozenset[int]) -> Iterator[Tree]:
    """What is there once the power is back: bytes that are lost leave an empty file, or half of one."""
    has_bytes = any(isinstance(cut.effects[number], Bytes) for number in lost)
    for torn in _TORN if has_bytes else _TORN[:1]:
        tree = start.copy()
        for number, effect in enumerate(cut.effects):
            if number not in lost:
                tree.apply(effect)
            elif isinstance(effect, Bytes):
                tree.files[effect.inode] = torn(effect.data)
        yield tree
