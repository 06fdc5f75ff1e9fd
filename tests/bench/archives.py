"""Zip archives for the bench: a file in a folder, and what its writers make beside it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import field, frozen
from zarr.storage import ZipStore

from ngff_fn.effects.stores import Address
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.effects.zips.writing import in_order, write_archive
from tests.bench.changes import Change
from tests.bench.stores import STORE, LocalKind, real, recording
from tests.bench.tree import Tree, tree_in


@frozen
class ZipKind:
    """An archive in a folder that is best on a file system in memory; its changes are those of the folder."""

    folder: Path = field(converter=real)
    name: str = "zip"
    place: str = "image.ozx"
    loses: bool = True
    is_promised: bool = True

    def start(self, folder: Path) -> Tree:
        store, archives = folder / STORE, folder.parent / "archives"
        archives.mkdir(exist_ok=True)
        if store.exists():
            paths = [Path(where) / name for where, _, names in os.walk(store) for name in names]
            keys = in_order(path.relative_to(store).as_posix() for path in paths)
            write_archive(str(archives / self.place), ((key, str(store / key)) for key in keys), b"", None)
        return tree_in(archives)

    def put(self, tree: Tree) -> Path:
        return self._around.put(tree).with_name(self.place)

    def take(self, store: Path) -> Tree:
        return tree_in(store.parent)

    def door(self, store: Path, note: Callable[[Change], None]) -> Address:
        local = recording(self._around.files, store.parent, note)
        kind: Any = type("RecordingZip", (ZipFiles,), {"local": local})
        return Address(files=kind(str(store)), path="")

    @property
    def _around(self) -> LocalKind:
        return LocalKind(self.folder)

    def names(self, store: Path) -> frozenset[str]:
        """Also the members of the archive, which Python finds whole."""
        around = self.take(store).names()
        if not store.exists():
            return around
        with zipfile.ZipFile(store) as opened:
            damaged = opened.testzip()
            assert damaged is None, f"{damaged} is damaged"
            return around | {f"{self.place}/{name}" for name in opened.namelist()}

    def alone(self) -> None:
        return None

    def going_on(self, store: Any, act: Callable[[Any], Any]) -> None:
        act(store)

    def for_others(self, store: Path) -> ZipStore:
        return ZipStore(store, mode="r")
