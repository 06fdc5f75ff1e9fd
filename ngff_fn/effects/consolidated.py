"""Consolidated metadata: a copy of documents in an ancestor that a commit would have to keep true."""

from __future__ import annotations

import json

from ngff_fn.effects.stores import Address, joined
from ngff_fn.errors import Problem, UnsupportedError
from ngff_fn.plan.operations import Plan


def refuse_consolidated(address: Address, plan: Plan) -> None:
    """Refuse to write below consolidated metadata, which would go on saying what is no longer true."""
    files, names = address.files, address.path.split("/") if address.path else []
    for depth in range(len(names) + 1):
        ancestor = "/".join(names[:depth])
        key = joined(ancestor, ".zmetadata")
        if plan.base.version == "0.5":
            key = joined(ancestor, "zarr.json")
            text = plan.base.documents.get("zarr.json") if depth == len(names) else files.read(key)
            if text is None or b'"consolidated_metadata"' not in text:
                continue
            if json.loads(text).get("consolidated_metadata") is None:
                continue
        elif files.signature(key) is None:
            continue
        message = "it holds consolidated metadata, which a commit would leave out of date."
        cure = "Remove it (the .zmetadata file; in zarr.json the member consolidated_metadata), commit, make it again."
        raise UnsupportedError(Problem(joined(files.identity, key), f"{message} {cure}"))
