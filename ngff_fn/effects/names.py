"""What stands under the names of a hierarchy that is no file system: folders are there while something is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeAlias, TypeVar

from ngff_fn.records.paths import joined

L = TypeVar("L")
Folder: TypeAlias = "dict[str, L | Folder[L]]"


class Names(Generic[L]):
    """A tree of names with leaves, by paths with "/" between their names.

    >>> names = Names[int]()
    >>> names.put("0/c/1", 7)
    >>> names.leaf("0/c/1"), names.leaf("0/c"), names.names("0"), names.take("0/c") == {"1": 7}, names.names("")
    (7, None, [('c', True)], True, [])
    """

    def __init__(self) -> None:
        self._root: Folder[L] = {}

    def at(self, path: str) -> L | Folder[L] | None:
        """What stands at a path: a leaf, a folder, nothing."""
        found: L | Folder[L] | None = self._root
        for name in path.split("/") if path else ():
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found

    def leaf(self, path: str) -> L | None:
        """The leaf at a path."""
        found = self.at(path)
        return None if isinstance(found, dict) else found

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The names in a folder, each with whether it is one itself."""
        found = self.at(path)
        return [(name, isinstance(inner, dict)) for name, inner in found.items()] if isinstance(found, dict) else []

    def put(self, path: str, what: L | Folder[L]) -> None:
        """A leaf or folder at a path, in the place of what is there, and of leaves above it."""
        above, _, name = path.rpartition("/")
        folder = self._root
        for each in above.split("/") if above else ():
            inner = folder.get(each)
            if not isinstance(inner, dict):
                inner = folder[each] = {}
            folder = inner
        folder[name] = what

    def take(self, path: str) -> L | Folder[L] | None:
        """What stands at a path, which stands there no longer, nor do folders above in which nothing else is."""
        above: list[tuple[Folder[L], str]] = []
        found: L | Folder[L] | None = self._root
        for name in path.split("/"):
            if not isinstance(found, dict) or name not in found:
                return None
            above.append((found, name))
            found = found[name]
        for folder, name in reversed(above):
            del folder[name]
            if folder:
                break
        return found

    def copy(self) -> Names[L]:
        """Another tree with the same leaves."""
        other: Names[L] = Names()
        for path, leaf in self.leaves():
            other.put(path, leaf)
        return other

    def leaves(self) -> Iterator[tuple[str, L]]:
        """All leaves with their paths, as they were put."""
        pending: list[tuple[str, L | Folder[L]]] = [("", self._root)]
        while pending:
            path, found = pending.pop()
            if isinstance(found, dict):
                pending += [(joined(path, name), inner) for name, inner in reversed(found.items())]
            else:
                yield path, found
