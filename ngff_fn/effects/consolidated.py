"""Consolidated metadata: a copy of documents in an ancestor that a commit would have to keep true."""

from __future__ import annotations

import json

from ngff_fn.effects.stores import Address
from ngff_fn.errors import DocumentError, Problem, UnsupportedError
from ngff_fn.plan.diff import moved_path
from ngff_fn.plan.operations import MoveNode, Operation, Plan, PutDocument
from ngff_fn.records.paths import joined


def refuse_consolidated(address: Address, plan: Plan) -> None:
    """Refuse to write below consolidated metadata, which would go on saying what is no longer true.

    What is created has none of its own: only its ancestors are asked.
    """
    for node in _groups_around(address, plan):
        key, text = joined(node, ".zmetadata" if plan.base.version == "0.4" else "zarr.json"), None
        if plan.base.version == "0.4":
            if not address.files.exists(key):
                continue
        else:
            text = _text(address, plan, key)
            if text is None or b'"consolidated_metadata"' not in text:
                continue
            if not _holds_consolidated(text, joined(address.files.identity, key)):
                continue
        message = "it holds consolidated metadata, which a commit would leave out of date."
        cure = "Remove it (the .zmetadata file; in zarr.json the member consolidated_metadata), commit, make it again."
        raise UnsupportedError(Problem(joined(address.files.identity, key), f"{message} {cure}"))


def _groups_around(address: Address, plan: Plan) -> list[str]:
    """The groups, seen from the home, at and above which a plan changes something."""
    is_new = plan.base.mode in ("w", "w-")
    moved = {each.target: each.path for each in plan.operations if isinstance(each, MoveNode)}
    changed = {""} if is_new else {_parent(moved_path(_changed(each), moved)) for each in plan.operations}
    if changed == {""} and not address.path:
        return [] if is_new else [""]  # as most are
    around = {"": None}
    for path in sorted(changed):
        parts = joined(address.path, path).split("/")
        end = len(parts) - (1 if is_new else 0)
        around |= {"/".join(parts[:depth]): None for depth in range(1, end + 1) if parts[0]}
    return [node for node in around if not (is_new and not address.path)]


def _changed(operation: Operation) -> str:
    return operation.key if isinstance(operation, PutDocument) else operation.path


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _text(address: Address, plan: Plan, key: str) -> bytes | None:
    """A document, as it was read, if it was."""
    inside = key.removeprefix(f"{address.path}/") if address.path else key
    known: bytes | None = plan.base.documents.get(inside) if inside != key or not address.path else None
    return known if known is not None else address.files.read(key)


def _holds_consolidated(text: bytes, location: str) -> bool:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(Problem(location, f"is no JSON ({error}). Mend it by hand.")) from error
    if not isinstance(members, dict):
        raise DocumentError(Problem(location, "is no JSON object. Mend it by hand."))
    return members.get("consolidated_metadata") is not None
