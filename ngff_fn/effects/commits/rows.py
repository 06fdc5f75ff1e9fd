"""The groups of a plate's rows, which say nothing: when one goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ngff_fn.plan.operations import MoveNode, RetireNode
from ngff_fn.records.paths import joined

if TYPE_CHECKING:
    from ngff_fn.effects.commits.staging import Work
    from ngff_fn.effects.reading.view import View
    from ngff_fn.effects.stores import Files


def is_left_bare(work: Work, path: str, source: Files | View) -> bool:
    """Whether nothing is left at a path, once the plan is carried out, but a group that says nothing; by ``source``,
    which may be the store as others' commits will leave it.
    """
    gone = {each.path for each in work.plan.operations if isinstance(each, RetireNode | MoveNode)}
    names = {name for name, _ in source.names(work.at(path))}
    left = {name for name in names if joined(path, name) not in gone}
    return left == {work.marker} and not _says_anything(source.read(joined(work.at(path), work.marker)) or b"")


def _says_anything(text: bytes) -> bool:
    """Whether a document of a group says more than that it is one."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return True
    return not isinstance(members, dict) or any(
        value for key, value in members.items() if key not in ("zarr_format", "node_type")
    )
