"""Consolidated metadata, and what they have to say."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import zarr

EMPTY = {"kind": "inline", "must_understand": False, "metadata": {}}
HOLDERS = {"0.4": ".zmetadata", "0.5": "zarr.json"}
NAMES = {"0.4": (".zgroup", ".zarray", ".zattrs"), "0.5": ("zarr.json",)}


def consolidate(store: Any, *groups: str) -> None:
    """As zarr-python does it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group in groups or ("",):
            zarr.consolidate_metadata(store, path=group or None)


def listed(node: Path, version: str) -> dict[str, Any]:
    """The entries that a group holds, by the keys of their documents."""
    whole = json.loads((node / HOLDERS[version]).read_bytes())
    if version == "0.4":
        return dict(whole["metadata"])
    return {f"{path}/zarr.json": entry for path, entry in whole["consolidated_metadata"]["metadata"].items()}


def documents(node: Path, version: str) -> dict[str, Any]:
    """The documents at and below a group, by their keys from there."""
    found = {
        file.relative_to(node).as_posix(): json.loads(file.read_bytes())
        for name in NAMES[version]
        for file in node.rglob(name)
        if "__ngff_fn" not in file.parts
    }
    if version == "0.5":
        del found["zarr.json"]
    return found


def holders(store: Path) -> tuple[str, ...]:
    """Every group that holds consolidated metadata now."""
    found = [*store.rglob(".zmetadata")]
    found += [file for file in store.rglob("zarr.json") if b'"consolidated_metadata"' in file.read_bytes()]
    return tuple(
        file.parent.relative_to(store).as_posix().removeprefix(".") for file in found if "__ngff_fn" not in file.parts
    )


_ADDED: tuple[tuple[str, Any], ...] = (("attributes", {}), ("storage_transformers", []))


def plainly(entries: dict[str, Any]) -> dict[str, Any]:
    """Without what zarr-python adds to the documents: that there is none of something, and what a group in it lists."""
    return {
        key: {
            name: value
            for name, value in entry.items()
            if name != "consolidated_metadata" and (name, value) not in _ADDED
        }
        for key, entry in entries.items()
        if not (key.endswith(".zattrs") and entry == {})
    }


def is_true(node: Path, version: str) -> bool:
    """Whether the consolidated metadata of a group say what the documents do."""
    return plainly(listed(node, version)) == plainly(documents(node, version))


def resolves(store: Path, node: str, version: str) -> bool:
    """Whether every document that a group lists is there: others follow it."""
    return all((store / node / key).exists() for key, entry in listed(store / node, version).items() if entry)


def seen(store: Any, *, consolidated: bool, path: str = "") -> dict[str, Any]:
    """Every node that zarr-python finds, each asked for by its path as well."""
    group = zarr.open_group(store, path=path, mode="r", use_consolidated=consolidated)
    names = [name for name, _ in group.members(max_depth=None)]
    assert len(set(names)) == len(names)
    return {"": dict(group.attrs), **{name: _shown(group[name]) for name in names}}


def _shown(node: Any) -> Any:
    if isinstance(node, zarr.Array):
        return dict(node.attrs), node.metadata.to_dict(), np.asarray(node[...]).tobytes()
    return dict(node.attrs)
