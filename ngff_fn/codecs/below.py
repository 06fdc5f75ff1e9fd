"""The documents below a path, seen from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Below(Mapping[str, bytes]):
    """Documents by their keys from a path on; nothing is copied: a plate has thousands of paths.

    >>> Below({"A/1/.zattrs": b"{}"}, "A/1")[".zattrs"]
    b'{}'
    """

    __slots__ = ("_documents", "_prefix")

    def __init__(self, documents: Mapping[str, bytes], path: str) -> None:
        self._documents = documents
        self._prefix = f"{path}/" if path else ""

    def __getitem__(self, key: str) -> bytes:
        return self._documents[self._prefix + key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._prefix + key in self._documents

    def get(self, key: str, default: Any = None) -> Any:
        """The text of a document; ``default`` where it is not there."""
        return self._documents.get(self._prefix + key, default)

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._documents if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)
