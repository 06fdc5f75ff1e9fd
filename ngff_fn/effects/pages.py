"""Which of many documents of an object store may be there, by as few requests as that takes.

A listing comes in pages, in the order of the keys, and the documents of a group come before what is in it: one page
from a row on answers for the row, for its first well and for the first field of view, and for as many more as their
chunks leave room for. What no page has answered for is asked for by itself, by who reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ngff_fn.effects.objects import Objects
from ngff_fn.effects.threads import results_of
from ngff_fn.records.paths import is_within, parent

PAYS = 3
"""A page is asked for where it answers for so many keys at least: it is more work for a server than a small object."""


def possible(objects: Objects, keys: Iterable[str]) -> set[str]:
    """Those of the keys that are not known not to be there.

    Parameters
    ----------
    objects
        The store.
    keys
        Of documents, at any depth.
    """
    left, there, asked = sorted(keys), set[str](), set[str]()
    while groups := [group for group in _that_pay(left) if group not in asked]:
        asked.update(groups)
        for group, (found, last) in zip(groups, results_of(objects.first_page, groups, objects.at_once), strict=True):
            there.update(found.intersection(left))
            left = [key for key in left if not _is_answered(key, group, last)]
    return there.union(left)


def _is_answered(key: str, group: str, last: str | None) -> bool:
    """Whether a page of what is in a group, up to its last key or to the end, says whether a key is there."""
    return is_within(key, group) and (last is None or key <= last)


def _that_pay(keys: list[str]) -> Iterator[str]:
    """The outermost groups of which the first page answers for enough: a group, the first one in it, and so on."""
    chain: list[str] = []
    found: str | None = None
    for group in map(parent, keys):
        if found is not None and is_within(group, found):
            continue
        chain = [*chain, group] if chain and is_within(group, chain[-1]) else [group]
        if len(chain) == PAYS:
            found = chain[0]
            yield found
