"""The files of a store as a Zarr store, so that zarr does the encoding; others import this module when they need it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, cast

from zarr import Array, AsyncArray
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import StorePath

from ngff_fn.codecs import decode_array
from ngff_fn.effects.pixels.inspected import Inspection, inspection
from ngff_fn.effects.pixels.shapes import look_at_shapes
from ngff_fn.effects.pixels.torn import Form, TornError, form_of, refuse_torn, torn
from ngff_fn.effects.stores import Files, read_document
from ngff_fn.errors import NgffError, Problem, UnsupportedError
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS

_DOCUMENTS = frozenset({*NODE_DOCUMENTS, ".zmetadata"})

Guard: TypeAlias = Callable[[], None] | None
_ANY = Form()


class Readable(Protocol):
    """What is asked of files that are only read: those of a store, or a view of them."""

    identity: str

    @property
    def at_once(self) -> int:
        """So many requests are worth it at the same time."""
        ...

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file, or a part of them; None where there is no file."""
        ...

    def signature(self, key: str) -> object | None:
        """Something that is different when the file has been changed or replaced; None where there is none."""
        ...

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory, each with whether it is a directory."""
        ...


class FilesStore(Store):
    """A Zarr store over files.

    Parameters
    ----------
    files
        All keys are relative to their root.
    guard
        Is called after every read; what it raises is what the read raises.
    inspection
        Of all that is read: of chunks, before zarr decodes them.
    read_only
        Every change is refused by zarr itself. Where it is False, the files must be ``Files``.
    form
        What whole write units look like; one that is not whole is refused. Some of these zarr takes for fill value.
    """

    def __init__(
        self,
        files: Readable,
        *,
        guard: Callable[[], None] | None = None,
        inspection: Inspection | None = None,
        read_only: bool = True,
        form: Form = _ANY,
    ) -> None:
        super().__init__(read_only=read_only)
        self.files = files
        self.guard = guard
        self.inspection = inspection
        self.form = form
        self._is_open = True

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FilesStore)
            and self.files.identity == other.files.identity
            and self.read_only == other.read_only
            and self.guard == other.guard
        )

    __hash__ = None  # type: ignore[assignment] # as Python says that what is compared so has no hash

    def __repr__(self) -> str:
        return f"FilesStore({self.files.identity!r})"

    def with_read_only(self, read_only: bool = False) -> FilesStore:  # noqa: FBT001, FBT002 — zarr's signature
        """The same files, for reading or for writing."""
        return FilesStore(self.files, guard=self.guard, inspection=self.inspection, read_only=read_only, form=self.form)

    @property
    def supports_writes(self) -> bool:
        """Yes, unless it is read-only."""
        return not self.read_only

    @property
    def supports_deletes(self) -> bool:
        """Yes, unless it is read-only."""
        return not self.read_only

    @property
    def supports_listing(self) -> bool:
        """Yes."""
        return True

    @property
    def supports_partial_writes(self) -> Literal[False]:
        """No; zarr before 3.1 asks."""
        return False

    async def set_partial_values(self, _key_start_values: Iterable[tuple[str, int, Any]]) -> None:
        """Refused: a file is written whole."""
        raise UnsupportedError(Problem(self.files.identity, "parts of a file cannot be written. Write it whole."))

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes of a key, or a part of them."""
        (found,) = await asyncio.to_thread(self._read, key, (byte_range,))
        return None if found is None else prototype.buffer.from_bytes(found)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Parts of several keys, in their order."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def get_ranges(
        self, key: str, byte_ranges: Sequence[ByteRequest | None], *, prototype: BufferPrototype, **_limits: int
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        """Several parts of one key. Newer zarr reads shards so, and its own way would wrap what the guard raises."""
        found = await asyncio.to_thread(self._read, key, byte_ranges)
        yield [(n, None if part is None else prototype.buffer.from_bytes(part)) for n, part in enumerate(found)]

    def _read(self, key: str, byte_ranges: Iterable[ByteRequest | None]) -> list[bytes | None]:
        asked = [_bounds(byte_range) for byte_range in byte_ranges]
        found = [self._read_part(key, *bounds) for bounds in asked]
        if self.guard is not None:
            self.guard()
        if key.rpartition("/")[2] not in _DOCUMENTS:
            for bounds, data in zip(asked, found, strict=True):
                self._refuse_torn(key, bounds, data)
        return found

    def _read_part(self, key: str, start: int, stop: int | None) -> bytes | None:
        if self.inspection is None:
            is_document = (start, stop) == (0, None) and key.rpartition("/")[2] in _DOCUMENTS
            return read_document(self.files, key) if is_document else self.files.read(key, start, stop)
        read = partial(self.files.read, key)
        try:
            return self.inspection.read(read, start, stop)
        except Exception:  # that a file is not whole says more, where that is why
            refuse_torn(self.files.identity, key, self.form, read)
            raise

    def _refuse_torn(self, key: str, bounds: tuple[int, int | None], data: bytes | None) -> None:
        if data is None:
            return
        start, stop = bounds
        if stop is not None and start and len(data) < stop - start:
            raise TornError(torn(self.files.identity, key, "it ends before its chunks do"))
        if bounds == (0, None):
            refuse_torn(self.files.identity, key, self.form, lambda start, stop: data[start:stop])
        elif start <= 0:  # what zarr reads first of a shard is its index
            refuse_torn(self.files.identity, key, self.form, partial(self.files.read, key))

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        return await asyncio.to_thread(self.files.read, key, 0, 0) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """A file with these bytes."""
        self._check_writable()
        await asyncio.to_thread(cast("Files", self.files).write, key, value.to_bytes())

    async def delete(self, key: str) -> None:
        """No file; zarr asks for it where a chunk is all fill value, whether or not there was one."""
        self._check_writable()
        if await self.exists(key):
            await asyncio.to_thread(cast("Files", self.files).remove, key)

    async def delete_dir(self, prefix: str) -> None:
        """Nothing below a path, its directories among it."""
        self._check_writable()
        if path := prefix.strip("/"):
            await asyncio.to_thread(cast("Files", self.files).remove, path)
        else:
            await super().delete_dir(prefix)

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin so."""
        pending = [prefix.rpartition("/")[0]]
        while pending:
            path = pending.pop()
            for name, is_directory in self.files.names(path):
                key = joined(path, name)
                if is_directory and (key.startswith(prefix) or prefix.startswith(f"{key}/")):
                    pending.append(key)
                elif not is_directory and key.startswith(prefix):
                    yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names in a directory."""
        for name, _ in self.files.names(prefix.strip("/")):
            yield name


class BlankStore(FilesStore):
    """A Zarr store in which nothing is found: for what is written whole.

    Zarr reads a shard before it writes it, and what is there may be half of one, of a task that was killed.
    """

    def _read(self, key: str, byte_ranges: Iterable[ByteRequest | None]) -> list[bytes | None]:  # noqa: ARG002 — as above
        return [None for _ in byte_ranges]


def _bounds(byte_range: ByteRequest | None) -> tuple[int, int | None]:
    match byte_range:
        case RangeByteRequest(start, end):
            return start, end
        case OffsetByteRequest(offset):
            return offset, None
        case SuffixByteRequest(suffix):
            return -suffix, None
        case None:
            return 0, None


def _reading(files: Readable, documents: Mapping[str, bytes], array: ArraySpec | None, guard: Guard) -> FilesStore:
    """A store for reading one array. Zarr knows more arrays than the records do: of the others nothing is known."""
    try:
        known = decode_array(documents) if array is None else array
    except NgffError:
        return FilesStore(files, guard=guard)
    return FilesStore(files, guard=guard, inspection=inspection(known), form=form_of(known))


def zarr_array(
    files: Readable,
    path: str,
    documents: Mapping[str, bytes],
    *,
    array: ArraySpec | None = None,
    guard: Guard = None,
    read_only: bool = True,
) -> Array[Any]:
    """A Zarr array over files, whose documents are known; nothing is read.

    Parameters
    ----------
    files, path
        Where its chunks are.
    documents
        ``.zarray`` and ``.zattrs``, or ``zarr.json``.
    array
        What the documents say, where that is known already.
    guard
        Is called after every read of a chunk.
    read_only
        Whether it can be read; else its write units can be written, each as a whole, and the files must be ``Files``.

    Raises
    ------
    UnsupportedError
        Where zarr does not know a codec or data type, or does not take the document.
    """
    store = _reading(files, documents, array, guard) if read_only else BlankStore(files, read_only=False)
    try:
        if ".zarray" in documents:
            attributes = json.loads(documents.get(".zattrs", b"{}"))
            known = json.loads(documents[".zarray"])
            metadata: Any = {"filters": None, "order": "C", **known, "attributes": attributes}
        else:
            metadata = json.loads(documents["zarr.json"])
        config: Any = {"order": "C", "write_empty_chunks": False}
        opened = AsyncArray(metadata=metadata, store_path=StorePath(store, path), config=config)
        if read_only:
            look_at_shapes(opened)
        return Array(opened)
    except Exception as error:
        message = f"zarr cannot open this array ({error}). Install the package that brings its codec, or convert it."
        raise UnsupportedError(Problem(path, message)) from error
