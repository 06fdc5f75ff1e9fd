"""Other readers, who follow the metadata: each raises where something is not there that they are led to."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tests.bench.crash import Result
from tests.bench.judge import Bad, Trial
from tests.bench.object_stores import S3Kind
from tests.bench.stores import LocalKind


def followed_by_zarr(store: Any, names: Iterable[str]) -> None:
    """Every array and group that the metadata list, opened and read by zarr-python.

    ``names`` are those in the store.
    """
    _follow(store, "", frozenset(part for name in names for part in _with_those_above(name)))


def _with_those_above(name: str) -> Iterator[str]:
    parts = name.split("/")
    yield from ("/".join(parts[:length]) for length in range(1, len(parts) + 1))


def _follow(store: Any, node: str, names: frozenset[str]) -> None:
    said = _said(zarr.open_group(store, path=node, mode="r", use_consolidated=False))
    for multiscale in said.get("multiscales", ()):
        for dataset in multiscale["datasets"]:
            array = zarr.open_array(store, path=_joined(node, dataset["path"]), mode="r")
            np.asarray(array[...])
    for path in _listed(said):
        _follow(store, _joined(node, path), names)
    labels = _joined(node, "labels")
    if labels in names:
        listed = _said(zarr.open_group(store, path=labels, mode="r", use_consolidated=False)).get("labels", ())
        for name in listed:
            _follow(store, _joined(labels, name), names)


def _joined(node: str, path: str) -> str:
    return f"{node}/{path}".strip("/")


def _said(group: Any) -> dict[str, Any]:
    attributes = json.loads(json.dumps(dict(group.attrs)))
    return {**attributes, **attributes.get("ome", {})}


def _listed(said: dict[str, Any]) -> Iterator[str]:
    yield from (well["path"] for well in said.get("plate", {}).get("wells", ()))
    yield from (image["path"] for image in said.get("well", {}).get("images", ()))


def followed_by_iohub(store: Path, _names: Iterable[str]) -> None:
    """The same, by iohub: an image or a plate."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, mode="r") as node:
        positions = [position for _, position in node.positions()] if hasattr(node, "positions") else [node]
        for position in positions:
            for dataset in position.metadata.multiscales[0].datasets:
                np.asarray(position[dataset.path])


READERS: dict[str, Callable[[Any, Iterable[str]], None]] = {"zarr": followed_by_zarr, "iohub": followed_by_iohub}


def is_installed(reader: str) -> bool:
    """Whether a reader is there."""
    return importlib.util.find_spec(reader) is not None


def can_follow(reader: str, trial: Trial) -> bool:
    """Whether a reader is there, opens such stores, and is promised to find each reference whole.

    Where a whole store is replaced among objects, it may find chunks of both: of other shapes, which it cannot decode.
    """
    if isinstance(trial.kind, S3Kind) and trial.commit.sort == "replacement":
        return False
    return is_installed(reader) and (reader == "zarr" or isinstance(trial.kind, LocalKind))


def follows(trial: Trial, reader: str) -> Result:
    """Another reader, at every state that a writer leaves who dies; before there is a store, it has none to read."""
    bad, known, read = [], set(), 0
    states = list(trial.log.states())
    for number, tree in enumerate(states):
        key = tree.seen(trial.kind.place)
        if key in known:
            continue
        known.add(key)
        store = trial.kind.put(tree)
        try:
            names = [name.removeprefix(f"{trial.kind.place}/") for name in trial.kind.names(store)]
            if trial.before.root is None and not {"zarr.json", ".zgroup"} & {*names}:
                continue
            read += 1
            READERS[reader](trial.kind.for_others(store), names)
        except Exception as error:  # noqa: BLE001 — whatever it is, it is what is wrong
            bad.append(Bad(f"effect {number}", f"{reader} fails: {error!r}"))
    return Result(len(states), read, tuple(bad))
