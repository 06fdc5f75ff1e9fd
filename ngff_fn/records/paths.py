"""Paths of nodes: names with "/" between them, relative to a node above."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from unicodedata import normalize


def joined(path: str, *below: str) -> str:
    """Paths below one another; empty parts are nothing.

    >>> joined("", "A/1", "0")
    'A/1/0'
    """
    for part in below:
        path = f"{path}/{part}" if path and part else path or part
    return path


def parent(path: str) -> str:
    """The path one level up; of a document: the node that it belongs to.

    >>> parent("A/1/.zattrs"), parent("A")
    ('A/1', '')
    """
    return path.rpartition("/")[0]


def and_above(path: str) -> Iterator[str]:
    """A path and those above it, but for the root.

    >>> list(and_above("A/1/0"))
    ['A/1/0', 'A/1', 'A']
    """
    while path:
        yield path
        path = parent(path)


def is_within(path: str, other: str) -> bool:
    """Whether a path is another one, or below it.

    >>> is_within("A/1/0", "A/1"), is_within("A/1", "A/1/0"), is_within("A/10", "A/1")
    (True, False, False)
    """
    return path == other or path.startswith(f"{other}/") or not other


def hard_to_tell_apart(paths: Iterable[str]) -> frozenset[str]:
    """Those that differ from another only in case, or in how characters are composed: one, for some file systems.

    >>> sorted(hard_to_tell_apart(["A/1", "a/1", "B/1"]))
    ['A/1', 'a/1']
    """
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        alike[normalize("NFC", path).casefold()].add(path)
    return frozenset(path for group in alike.values() if len(group) > 1 for path in group)
