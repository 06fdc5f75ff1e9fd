"""Consolidated metadata: a copy of documents in an ancestor that a commit would have to keep true."""

from __future__ import annotations

import json

from ngff_fn.effects.stores import Address, joined
from ngff_fn.errors import DocumentError, Problem, UnsupportedError
from ngff_fn.plan.operations import Plan


def refuse_consolidated(address: Address, plan: Plan) -> None:
    """Refuse to write below consolidated metadata, which would go on saying what is no longer true.

    What is created has none of its own: only its ancestors are asked.
    """
    files, names = address.files, address.path.split("/") if address.path else []
    is_new = plan.base.mode in ("w", "w-")
    for depth in range(len(names) + (not is_new)):
        ancestor = "/".join(names[:depth])
        key = joined(ancestor, ".zmetadata" if plan.base.version == "0.4" else "zarr.json")
        if plan.base.version == "0.4":
            if not files.exists(key):
                continue
        else:
            text = plan.base.documents.get("zarr.json") if depth == len(names) else files.read(key)
            if text is None or b'"consolidated_metadata"' not in text:
                continue
            if not _holds_consolidated(text, joined(files.identity, key)):
                continue
        message = "it holds consolidated metadata, which a commit would leave out of date."
        cure = "Remove it (the .zmetadata file; in zarr.json the member consolidated_metadata), commit, make it again."
        raise UnsupportedError(Problem(joined(files.identity, key), f"{message} {cure}"))


def _holds_consolidated(text: bytes, location: str) -> bool:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(Problem(location, f"is no JSON ({error}). Mend it by hand.")) from error
    if not isinstance(members, dict):
        raise DocumentError(Problem(location, "is no JSON object. Mend it by hand."))
    return members.get("consolidated_metadata") is not None
