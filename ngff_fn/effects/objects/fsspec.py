"""A file system of fsspec as objects by their keys: for all that obstore does not know. It knows no conditions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

from ngff_fn.effects.extras import imported
from ngff_fn.effects.failures import said, without_user
from ngff_fn.effects.objects.identities import known
from ngff_fn.effects.objects.objects import Found, Objects
from ngff_fn.errors import Problem, StoreError, UnsupportedError
from ngff_fn.records.paths import joined

T = TypeVar("T")


class FsspecObjects(Objects):
    """The files of a file system; ``store`` is one of fsspec whose functions do not wait for an event loop.

    ``host``: where its paths are URLs, all of one server, how they begin.
    """

    def __init__(self, store: Any, identity: str, host: str = "") -> None:
        self._begin(store, identity)
        self.host = host
        self.lists = not host  # what a server says of a directory is a page for people, or nothing

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.store, self.identity, self.host)

    def _path(self, key: str) -> str:
        return (f"{self.host}/" if self.host else str(self.store.root_marker)) + key

    def get(self, key: str) -> Found | None:
        """A file; None where there is none."""
        tag = self.tag(key)
        data = None if tag is None else self._asked(key, lambda: self.store.cat_file(self._path(key)))
        found = None if data is None or tag is None else Found(bytes(data), tag)
        self._remember(key, found)
        return found

    def read(self, key: str, start: int, stop: int | None) -> bytes | None:
        """A part of a file; a negative start counts from its end."""
        info = self._info(key)
        if info is None:
            return None
        if info["size"] is None:  # as servers that pack what they send
            found = self.get(key)
            return None if found is None else found.data[start:stop]
        first, last, _ = slice(start, stop).indices(int(info["size"]))
        if first >= last:
            return b""
        data = self._asked(key, lambda: self.store.cat_file(self._path(key), start=first, end=last))
        return None if data is None else bytes(data)

    def _info(self, key: str) -> dict[str, Any] | None:
        info = self._asked(key, lambda: self.store.info(self._path(key)))
        return None if info is None or info["type"] != "file" else info

    def tag(self, key: str) -> str | None:
        """What says that a file is another; as good as what the file system says of it."""
        info = self._info(key)
        told = ("ETag", "etag", "mtime", "created", "modified", "LastModified", "size", "ino", "sha", "id")
        return None if info is None else repr([info.get(name) for name in told])

    def names(self, path: str) -> list[tuple[str, bool]]:
        """What is right below a path, each with whether it is a directory."""
        if not self.lists:
            return []
        found = self._asked(path, lambda: self.store.ls(self._path(path), detail=True))
        inside = [info for info in found or () if str(info["name"]).strip("/") != path]  # of a file it lists the file
        return [(str(info["name"]).rstrip("/").rpartition("/")[2], info["type"] == "directory") for info in inside]

    def first_page(self, path: str) -> tuple[list[str], bool]:  # noqa: ARG002 — as others
        """Nothing: a file system walks through all there is."""
        return [], False

    def _below(self, path: str) -> list[tuple[str, datetime]]:
        if not self.lists:
            return []
        found = self._asked(path, lambda: self.store.find(self._path(path)))
        return [(str(name).lstrip("/"), datetime.now(UTC)) for name in found or () if str(name).lstrip("/") != path]

    def put(self, key: str, data: bytes) -> None:
        """A file, whatever was there."""
        self._forget(key)

        def put() -> None:
            self.store.makedirs(self.store._parent(self._path(key)), exist_ok=True)  # noqa: SLF001 — fsspec has no other
            self.change(self.store.pipe_file, self._path(key), data)

        self._asked(key, put)

    def put_if(self, key: str, data: bytes, before: str | None, mark: str = "") -> str | None:
        """Refused: nothing here is done on a condition."""
        del key, data, before, mark
        raise self._unconditional()

    def delete(self, key: str) -> None:
        """No file; there may be none already."""
        self._forget(key)
        self._asked(key, lambda: self.change(self.store.rm_file, self._path(key)))

    def copy(self, source: str, target: str) -> bool:
        """A file gets a second key; False where there is none."""
        found = self.get(source)
        if found is None:
            return False
        self.put(target, found.data)
        return True

    def require_conditions(self, path: str) -> None:  # noqa: ARG002 — as for others
        """Refused."""
        raise self._unconditional()

    def _asked(self, key: str, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except Exception as error:
            message = f"{said(error)}. Nothing that was committed is lost."
            raise StoreError(Problem(joined(self.identity, key), message)) from error


def fsspec_objects(fs: Any, path: str) -> tuple[FsspecObjects, str]:
    """The objects of a file system of fsspec, whichever of its two kinds it is, and one of its paths among them."""
    if getattr(fs, "asynchronous", False):
        options = {**fs.storage_options, "asynchronous": False}
        fs = fs.sync_fs if hasattr(fs, "sync_fs") else type(fs)(*fs.storage_args, **options)
    protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
    identity = f"fsspec:{protocol}:{sha256(fs.to_json().encode()).hexdigest()[:12]}"
    scheme, slashes, rest = path.partition("://")
    host, _, inner = rest.partition("/")
    if not slashes:
        return known(identity, lambda: FsspecObjects(fs, identity)), path.strip("/")
    begins = f"{scheme}://{host}"  # the paths of a file system of HTTP are whole URLs
    identity = f"{identity}:{without_user(begins)}"
    return known(identity, lambda: FsspecObjects(fs, identity, begins)), inner.strip("/")


def fsspec_objects_from(url: str) -> tuple[FsspecObjects, str]:
    """The objects of a URL of fsspec, and the path of the URL among them.

    Raises
    ------
    UnsupportedError
        Where fsspec does not know it.
    """
    core = imported("fsspec.core", "fsspec", "a URL of this kind")
    try:
        fs, path = core.url_to_fs(url)
    except Exception as error:
        message = f"neither obstore nor fsspec takes it ({said(error)}). Give a URL such as s3://bucket/image.zarr."
        raise UnsupportedError(Problem(url, message)) from error
    return fsspec_objects(fs, str(path))


def _again(fs: Any, identity: str, host: str) -> FsspecObjects:
    return known(identity, lambda: FsspecObjects(fs, identity, host))
