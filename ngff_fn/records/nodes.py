"""Questions that any node can be asked: what is in it, where it stands, what is below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias, assert_never

from ngff_fn.errors import NotThereError, Problem, UnsupportedError, WrongTypeError
from ngff_fn.records.image import Image, Level
from ngff_fn.records.snapshot import Root, Snapshot
from ngff_fn.records.subject import of_record

Node: TypeAlias = Image | Level
"""What a path below a root can name."""

LABELS = "labels"


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names sorted as one counts: the numbers in them by value.

    >>> natural_order(["10", "2", "B/3", "B/12", "A"])
    ('2', '10', 'A', 'B/3', 'B/12')
    """
    return tuple(sorted(names, key=lambda name: (_counted(name), name)))


def _counted(name: str) -> list[str | tuple[int, str]]:
    text_and_numbers = re.split("0*([0-9]+)", name)  # in turn, text first
    return [(len(part), part) if place % 2 else part for place, part in enumerate(text_and_numbers)]


@of_record
def listed(node: Node) -> tuple[str, ...]:
    """The paths of what the metadata of a node list, in natural order; what else lies in the store is not among it.

    Parameters
    ----------
    node
        An Image: its levels, and ``labels`` where it has them. A Level: nothing.

    >>> from ngff_fn.records.examples import CELLS
    >>> listed(CELLS), listed(CELLS.levels[0])
    (('0', '1'), ())
    """
    match node:
        case Image():
            labels = () if node.labels is None else (LABELS,)
            return natural_order((*(level.path for level in node.levels), *labels))
        case Level():
            return ()
        case _:
            assert_never(node)


@of_record
def node_at(root: Root, path: str) -> Node:
    """The record at a path below a root.

    Parameters
    ----------
    root
        An Image, such as ``snapshot.root``.
    path
        As the metadata have it; ``""`` is the root itself.

    Raises
    ------
    NotThereError
        (a KeyError) that names what there is.
    UnsupportedError
        For labels, which this version does not read.
    WrongTypeError
        (a TypeError) for what is no path.

    >>> from ngff_fn.records.examples import CELLS
    >>> node_at(CELLS, "1") is CELLS.levels[1]
    True
    >>> node_at(CELLS, "2")
    Traceback (most recent call last):
    ngff_fn.errors.NotThereError: '2': there is no such node; listed are: 0, 1.
    """
    if not isinstance(path, str):
        raise WrongTypeError(Problem("path", f"{path!r} is no path. Give one such as '0', or '' for the root."))
    wanted = path.strip("/")
    if not wanted:
        return root
    for level in root.levels:
        if level.path == wanted:
            return level
    if root.labels is not None and wanted.partition("/")[0] == LABELS:
        message = "labels are not read yet. Open the label image on its own, by its path in the store."
        raise UnsupportedError(Problem(repr(path), message))
    raise NotThereError(Problem(repr(path), f"there is no such node; listed are: {', '.join(listed(root)) or 'none'}."))


@of_record
def is_root(snapshot: Snapshot) -> bool:
    """Whether a snapshot is of the outermost group of its store, and not of a node below that.

    >>> from ngff_fn.records.examples import CELLS
    >>> from ngff_fn.records.image import Place
    >>> is_root(Snapshot(origin=Place(home="plate.zarr", path="A/1/0"), version="0.4", root=CELLS))
    False
    """
    return not snapshot.origin.path


@of_record
def is_leaf(node: Node) -> bool:
    """Whether the metadata list no group below a node: an image without labels, a level.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import CELLS
    >>> from ngff_fn.records.image import Unread
    >>> is_leaf(CELLS), is_leaf(evolve(CELLS, labels=Unread(path="labels")))
    (True, False)
    """
    return isinstance(node, Level) or node.labels is None
