"""Questions that any node can be asked: what is in it, where it stands, what is below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from typing import TypeAlias, assert_never

from ngff_fn.errors import NgffError, NotThereError, Problem, WrongTypeError
from ngff_fn.records.image import Image, Label, Labels, Level, Unread
from ngff_fn.records.plate import Collection, Field, Plate, Series, Well
from ngff_fn.records.snapshot import Root, Snapshot
from ngff_fn.records.subject import of_record

Node: TypeAlias = Image | Level | Plate | Well | Collection | Labels
"""What a path below a root can name, and the root itself."""

Entry: TypeAlias = Well | Field | Series | Level | Labels | Label | Unread
"""What a node holds: it has the path, relative to the node."""

_SHOWN = 12  # names in a message at most: a plate may have thousands


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Paths sorted as one counts: name by name, the numbers in them by value.

    >>> natural_order(["10", "2", "B/3", "B/12", "A"])
    ('2', '10', 'A', 'B/3', 'B/12')
    """
    return tuple(sorted(names, key=in_natural_order))


def in_natural_order(path: str) -> tuple[object, str]:
    """What a path is sorted by.

    >>> sorted(["B/12", "B/3"], key=in_natural_order)
    ['B/3', 'B/12']
    """
    return tuple(map(_counted, path.split("/"))), path


@lru_cache(maxsize=4096)  # a plate repeats the names of its rows, columns and fields
def _counted(name: str) -> tuple[str | tuple[int, str], ...]:
    text_and_numbers = re.split("0*([0-9]+)", name)  # in turn, text first
    return tuple((len(part), part) if place % 2 else part for place, part in enumerate(text_and_numbers))


def entries(node: Node) -> tuple[Entry, ...]:
    """What a node holds, in the order of its record.

    >>> from ngff_fn.records.examples import PLATE
    >>> [entry.path for entry in entries(PLATE)]
    ['A/1', 'B/2']
    """
    match node:
        case Plate():
            return node.wells
        case Well():
            return node.fields
        case Collection():
            return node.series
        case Image():
            return node.levels if node.labels is None else (*node.levels, node.labels)
        case Labels():
            return node.images
        case Level():
            return ()
        case _:
            assert_never(node)


def held_by(entry: Entry) -> Node | Unread:
    """The node of an entry: of a field, of a label and of one of a collection its image, else itself."""
    return entry.image if isinstance(entry, Field | Series | Label) else entry


@of_record
def listed(node: Node) -> tuple[str, ...]:
    """The paths of what the metadata of a node list, in natural order; what else lies in the store is not among it.

    Parameters
    ----------
    node
        A Plate: its wells. A Well: its fields of view. A Collection: its images. An Image: its levels, and ``labels``
        where it has them. Labels: the label images. A Level: nothing.

    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> listed(PLATE), listed(PLATE.wells[0]), listed(CELLS), listed(CELLS.levels[0])
    (('A/1', 'B/2'), ('0', '1'), ('0', '1'), ())
    """
    return natural_order(entry.path for entry in entries(node))


@of_record
def node_at(root: Root, path: str) -> Node:
    """The record at a path below a root.

    Parameters
    ----------
    root
        An Image, a Plate, a Well or a Collection, such as ``snapshot.root``.
    path
        As the metadata have it, from the root: of a plate ``A/1`` is a well, ``A/1/0`` the image of a field of view,
        ``A/1/0/0`` a level of that, ``A/1/0/labels/cells`` a label image of it; ``""`` is the root itself.

    Raises
    ------
    NotThereError
        (a KeyError) that names what there is; for what was not read, with the cure.
    WrongTypeError
        (a TypeError) for what is no path.

    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> node_at(PLATE, "A/1/0") is CELLS, node_at(CELLS, "1") is CELLS.levels[1]
    (True, True)
    >>> node_at(PLATE, "A")
    Traceback (most recent call last):
    ngff_fn.errors.NotThereError: 'A': a row is no node of its own; its wells are: A/1.
    """
    node: Node = root
    rest = checked_path(path)
    while rest:
        _, node, rest = next_towards(node, rest, path)
    return node


def checked_path(path: object) -> str:
    """A path without slashes around it.

    Raises
    ------
    WrongTypeError
        (a TypeError) for what is no path.
    """
    if not isinstance(path, str):
        raise WrongTypeError(Problem("path", f"{path!r} is no path. Give one such as '0', or '' for the root."))
    return path.strip("/")


def next_towards(node: Node, rest: str, path: str) -> tuple[Entry, Node, str]:
    """What a node holds at the rest of a path, or above it: the entry, the node in it, and the rest from there.

    Parameters
    ----------
    node
        Where the way begins.
    rest
        The path from there; not empty.
    path
        The whole path, for the message.

    Raises
    ------
    NotThereError
        (a KeyError) as ``node_at`` says.

    >>> from ngff_fn.records.examples import PLATE
    >>> entry, well, further = next_towards(PLATE, "A/1/0", "A/1/0")
    >>> entry is well is PLATE.wells[0], further
    (True, '0')
    """
    on_the_way = set(accumulate(rest.split("/"), "{}/{}".format))
    found = [entry for entry in entries(node) if entry.path in on_the_way]
    if not found:
        raise _nothing_there(node, rest, path)
    entry = max(found, key=lambda entry: len(entry.path))  # a level may be called 0/1 beside one called 0
    held, further = held_by(entry), rest[len(entry.path) :].strip("/")
    if isinstance(held, Unread):
        raise NotThereError(not_read(_above(path, further)))
    return entry, held, further


def _nothing_there(node: Node, rest: str, path: str) -> NgffError:
    first = rest.partition("/")[0]
    if isinstance(node, Plate) and rest == first and first in {row.name for row in node.rows}:
        row = [well for well in listed(node) if well.startswith(f"{first}/")]
        return NotThereError(Problem(repr(path), f"a row is no node of its own; its wells are: {shown(row)}."))
    above = _above(path, rest)
    below = f" below {above}" if above else ""
    return NotThereError(Problem(repr(path), f"there is no such node; listed{below} are: {shown(listed(node))}."))


def _above(path: str, rest: str) -> str:
    """What comes before the rest of a path."""
    return path.strip("/")[: -len(rest) or None].strip("/")


def shown(names: Iterable[str]) -> str:
    """Names for a message: the first of them where there are many.

    >>> shown(["A/1", "B/2"]), shown([]), shown(map(str, range(384)))
    ('A/1, B/2', 'none', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … 384 in all')
    """
    all_names = list(names)
    more = f" … {len(all_names)} in all" if len(all_names) > _SHOWN else ""
    return ", ".join(all_names[:_SHOWN]) + more or "none"


def not_read(path: str) -> Problem:
    """What is wrong where an ``Unread`` stands at a path, and something needs what is inside.

    >>> print(not_read("A/1/0"))
    A/1/0: it was left out when it was read, or is listed and not there. Open the store with a select that has it.
    """
    message = "it was left out when it was read, or is listed and not there."
    return Problem(path, f"{message} Open the store with a select that has it.")


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
    """Whether the metadata list no group below a node: an image without labels, a level, a plate without wells.

    >>> from attrs import evolve
    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> from ngff_fn.records.image import Unread
    >>> is_leaf(CELLS), is_leaf(evolve(CELLS, labels=Unread(path="labels"))), is_leaf(PLATE)
    (True, False, False)
    """
    if isinstance(node, Image):
        return node.labels is None or (isinstance(node.labels, Labels) and not node.labels.images)
    return not entries(node)
