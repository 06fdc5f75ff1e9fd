"""What a commit does, as data: a plan is a tuple of these, and can be printed, tested, pickled and compared."""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.image import Place
from ngff_fn.records.pixels import Pixels
from ngff_fn.records.snapshot import Documents, Snapshot


@frozen(kw_only=True)
class CreateNode:
    """A group or array that was not there; ``carry``: what lies beside the records at that place comes along.

    ``bare``: a group that says nothing, as the row of a plate; one that is there already will do.
    """

    path: str
    documents: Documents
    carry: Place | None = None
    bare: bool = False


@frozen(kw_only=True)
class PutDocument:
    """A document gets another text; ``before`` of None: it was not there."""

    key: str
    before: bytes | None
    text: bytes


@frozen(kw_only=True)
class WriteArray:
    """The pixels of an array; ``base`` is the array that is there now, None where ``CreateNode`` makes it."""

    path: str
    array: ArraySpec
    pixels: Pixels
    base: ArraySpec | None = None


@frozen(kw_only=True)
class MoveNode:
    """A node, and everything in its directory, gets another path."""

    path: str
    target: str


@frozen(kw_only=True)
class RetireNode:
    """A node is no longer part of the store; ``bare``: a group that says nothing, and stays if anything is in it."""

    path: str
    bare: bool = False


Operation: TypeAlias = CreateNode | MoveNode | PutDocument | WriteArray | RetireNode


@frozen(kw_only=True)
class Plan:
    """How to make a store equal to a wanted value.

    Parameters
    ----------
    base
        The snapshot that the plan was computed from: its origin, version and mode count for the commit.
    operations
        Paths and keys are relative to the base's origin.
    compare
        Store keys and what they must still hold when the plan is committed (None: not there).
    """

    base: Snapshot
    operations: tuple[Operation, ...] = field(default=(), repr=lambda operations: f"<{len(operations)} operations>")
    compare: tuple[tuple[str, bytes | None], ...] = field(default=(), repr=lambda texts: f"<{len(texts)} documents>")
