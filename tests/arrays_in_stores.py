"""Arrays in real stores for the tests, written by zarr alone, with the recipe ``Stored`` that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore, MemoryStore

from ngff_fn.codecs import token
from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits.transaction import publish
from ngff_fn.effects.record import STAGE, Move, Put
from ngff_fn.effects.stores import Files
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Stored
from ngff_fn.records.snapshot import Version

DOCUMENTS = {"0.4": (".zarray", ".zattrs"), "0.5": ("zarr.json",)}


class Home:
    """A store in memory or in a directory, with a group at its root."""

    def __init__(self, directory: Path | None = None, version: Version = "0.5") -> None:
        self.version: Version = version
        self.store: Any = MemoryStore() if directory is None else LocalStore(directory)
        zarr.create_group(self.store, zarr_format=self.format)
        self.files: Files = address_of(self.store).files

    @property
    def format(self) -> Literal[2, 3]:
        return 2 if self.version == "0.4" else 3

    def create(
        self, path: str, array: ArraySpec, values: NDArray[Any] | None = None, *, compressors: Any = None
    ) -> Stored:
        """An array, uncompressed unless zarr's own choice is asked for (``"auto"``)."""
        made = zarr.create_array(
            self.store,
            name=path,
            shape=array.shape,
            dtype=array.dtype,
            chunks=array.chunks,
            shards=array.shards,
            filters=None,
            compressors=compressors,
            fill_value=array.fill_value,
            zarr_format=self.format,
            chunk_key_encoding={"name": "v2" if self.format == 2 else "default", "separator": array.separator},
        )
        if values is not None:
            made[...] = values
        return self.stored(path, array)

    def stored(self, path: str, array: ArraySpec) -> Stored:
        return Stored(origin=self.files.identity, path=path, array=array, token=token(self.documents(path)))

    def documents(self, path: str) -> dict[str, bytes]:
        found = {name: self.files.read(joined(path, name)) for name in DOCUMENTS[self.version]}
        return {name: text for name, text in found.items() if text is not None}

    def values(self, path: str) -> NDArray[Any]:
        """What another reader finds."""
        return np.asarray(zarr.open_array(self.store, path=path, mode="r")[...])

    def chunks(self, path: str) -> dict[str, bytes]:
        """All files below an array but its documents."""
        found: dict[str, bytes] = {}
        pending = [""]
        while pending:
            folder = pending.pop()
            for name, is_directory in self.files.names(joined(path, folder)):
                key = joined(folder, name)
                if is_directory:
                    pending.append(key)
                elif name not in DOCUMENTS[self.version]:
                    found[key] = self.files.read(joined(path, key)) or b""
        return found


def spec(
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: str = "uint16",
    *,
    shards: tuple[int, ...] | None = None,
    fill_value: int = 0,
    separator: Literal["/", "."] = "/",
) -> ArraySpec:
    """An uncompressed array."""
    return ArraySpec(
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        compressors=(),
        fill_value=fill_value,
        separator=separator,
    )


def counted(shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[Any]:
    """Numbers that are all different, as far as the dtype goes."""
    return np.arange(1, int(np.prod(shape)) + 1).reshape(shape).astype(dtype)


def publish_new_pixels(home: Home, path: str, array: ArraySpec) -> tuple[Stored, NDArray[Any]]:
    """A commit that changes the first write unit of an array; it has happened, and is not carried out."""
    key = joined(path, next(iter(sorted(home.chunks(path)))))
    values = home.values(path)
    first = tuple(slice(0, size) for size in array.write_unit)
    values[first] += 100
    staged = joined(STAGE, "chunk")
    home.files.write(staged, values[first].tobytes())
    document = joined(path, DOCUMENTS[home.version][0])
    before = home.files.read(document) or b""
    publish(
        home.files,
        [Move(source=staged, target=key), Put(key=document, before=before, text=before + b"\n")],
        durable=False,
    )
    texts = {**home.documents(path), DOCUMENTS[home.version][0]: before + b"\n"}
    return Stored(origin=home.files.identity, path=path, array=array, token=token(texts)), values
