"""Which groups of an object store may hold consolidated metadata in a document of their own, by as few requests as that
takes.

A listing comes in pages, in the order of the keys, and the documents of a group come before what is in it: one page
from a row on answers for the row, for its first well and for the first field of view, and for as many more as their
chunks leave room for. What no page has answered for is asked for by itself, by who reads it.

Not every server keeps to the order of S3: some go through directories, where ``a/`` comes before ``a-b/``, or order
characters as UTF-16. In these as well ``.zmetadata`` comes next after ``.zgroup``, which every group has; so a page
answers for a group where it shows what follows that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from ngff_fn.effects.objects.objects import Objects
from ngff_fn.effects.threads import results_of
from ngff_fn.records.paths import is_within, joined

_MARKER, _HOLDER = ".zgroup", ".zmetadata"

PAYS = 3
"""A page is asked for where it answers for so many groups at least: for a server it is more work than a document."""


def that_may_hold(objects: Objects, groups: Iterable[str]) -> set[str]:
    """Those of the groups of which it is not known that they hold no consolidated metadata.

    Parameters
    ----------
    objects
        The store.
    groups
        Of OME-Zarr 0.4, at any depth.
    """
    left, there, asked = sorted(groups, key=_order), set[str](), set[str]()
    while pages := [group for group in _that_pay(left) if group not in asked]:
        asked.update(pages)
        for page, (keys, is_whole) in zip(pages, results_of(objects.first_page, pages, objects.at_once), strict=True):
            there.update(group for group in left if joined(group, _HOLDER) in keys)
            known = _answered(keys) if objects.lists_in_order else frozenset[str]()
            left = [group for group in left if group not in known and not (is_whole and is_within(group, page))]
    return there.union(left)


def _answered(keys: list[str]) -> frozenset[str]:
    """The groups of which a page shows whether they hold consolidated metadata."""
    if keys != sorted(keys):
        return frozenset()
    markers = ((key.rpartition("/"), following) for key, following in pairwise(keys))
    return frozenset(
        group for (group, _, name), following in markers if name == _MARKER and following >= joined(group, _HOLDER)
    )


def _order(group: str) -> str:
    """By which a group comes directly before those in it."""
    return joined(group, _HOLDER)


def _that_pay(groups: list[str]) -> Iterator[str]:
    """The outermost groups of which the first page answers for enough: a group, the first one in it, and so on."""
    chain: list[str] = []
    found: str | None = None
    for group in groups:
        if found is not None and is_within(group, found):
            continue
        chain = [*chain, group] if chain and is_within(group, chain[-1]) else [group]
        if len(chain) == PAYS:
            found = chain[0]
            yield found
