"""Other readers, who follow the metadata: each raises where something is not there that they are led to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tests.bench.crash import Result, distinct
from tests.bench.judge import Bad, Trial


def followed_by_zarr(store: Path) -> None:
    """Every array and group that the metadata list, opened and read by zarr-python."""
    _follow(store)


def _follow(node: Path) -> None:
    group = zarr.open_group(str(node), mode="r", use_consolidated=False)
    said = _said(group)
    for multiscale in said.get("multiscales", ()):
        for dataset in multiscale["datasets"]:
            array = zarr.open_array(str(node / dataset["path"]), mode="r")
            np.asarray(array[...])
    for path in _listed(said):
        _follow(node / path)
    labels = node / "labels"
    if labels.is_dir() and any(labels.iterdir()):
        listed = _said(zarr.open_group(str(labels), mode="r", use_consolidated=False)).get("labels", ())
        for name in listed:
            _follow(labels / name)


def _said(group: Any) -> dict[str, Any]:
    attributes = json.loads(json.dumps(dict(group.attrs)))
    return {**attributes, **attributes.get("ome", {})}


def _listed(said: dict[str, Any]) -> Iterator[str]:
    yield from (well["path"] for well in said.get("plate", {}).get("wells", ()))
    yield from (image["path"] for image in said.get("well", {}).get("images", ()))


def followed_by_iohub(store: Path) -> None:
    """The same, by iohub: an image or a plate."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, mode="r") as node:
        positions = [position for _, position in node.positions()] if hasattr(node, "positions") else [node]
        for position in positions:
            for dataset in position.metadata.multiscales[0].datasets:
                np.asarray(position[dataset.path])


READERS = {"zarr": followed_by_zarr, "iohub": followed_by_iohub}


def follows(trial: Trial, reader: str) -> Result:
    """Another reader, at every state that a writer leaves who dies; before there is a store, it has none to read."""
    bad, read = [], 0
    points = list(trial.log.states())
    for where, tree in distinct((f"effect {number}", tree) for number, tree in enumerate(points)):
        store = trial.kind.put(tree)
        if not store.exists() and trial.before.root is None:
            continue
        read += 1
        try:
            READERS[reader](store)
        except Exception as error:  # noqa: BLE001 — whatever it is, it is what is wrong
            bad.append(Bad(where, f"{reader} fails: {error!r}"))
    return Result(len(points), read, tuple(bad))
