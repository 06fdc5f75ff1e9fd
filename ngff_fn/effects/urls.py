"""What a text means that a user calls a store: a path of this machine, or a URL of something else."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from ngff_fn.errors import InvalidValueError, Problem, UnsupportedError

_FILE = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE | re.DOTALL)
_ONE_SLASH = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/(?!/)", re.IGNORECASE)  # one letter is a drive of Windows


def local_path(said: str) -> str | None:
    """The path that a text is, or that a ``file:`` URL names (RFC 8089); None for other URLs.

    Raises
    ------
    InvalidValueError
        For what would be a directory where nobody expects it: an empty text, ``~``, a URL with one slash.
    UnsupportedError
        A ``file:`` URL of another machine.

    >>> local_path("cells.zarr"), local_path("file:///data/my%20cells.zarr"), local_path("s3://bucket/cells.zarr")
    ('cells.zarr', '/data/my cells.zarr', None)
    """
    if not said:
        raise InvalidValueError(Problem("store", "the path is empty. Say '.' for the directory of this process."))
    if found := _FILE.fullmatch(said):
        if (found["host"] or "localhost").lower() != "localhost":
            message = f"files of another machine ({found['host']}) are not reached. Say file:///path, or give a path."
            raise UnsupportedError(Problem(said, message))
        path = unquote(found["path"])
        return path[1:] if os.name == "nt" else path
    if "://" in said:
        return None
    first = re.split(r"[/\\]", said, maxsplit=1)[0]
    if os.path.lexists(first):
        return said
    if found := _ONE_SLASH.match(said):
        message = (
            f"a URL has two slashes after {found['scheme']}:, which a pathlib.Path makes one. Give the URL as text."
        )
        raise InvalidValueError(Problem(said, message))
    if first == "~":
        raise InvalidValueError(Problem(said, "~ is not the home directory here. Give os.path.expanduser of it."))
    return said
