"""A snapshot: the value that a store had, and the documents it was read from."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from ngff_fn.errors import Problem
from ngff_fn.records.image import Image, Place
from ngff_fn.records.plate import Collection, Plate, Well

Root: TypeAlias = Image | Plate | Well | Collection
"""What a store can be opened as: each is a value of its own, also where it lies below another."""
Version: TypeAlias = Literal["0.4", "0.5"]
Mode: TypeAlias = Literal["r", "r+", "w", "w-"]
Layout: TypeAlias = Literal["fov", "tiled"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")


NODE_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""What the documents of a group or an array are called."""

ARRAY_DOCUMENTS: dict[Version, tuple[str, ...]] = {"0.4": (".zarray", ".zattrs"), "0.5": ("zarr.json",)}
"""Those of an array, by version: the first says that it is one."""


class Documents(Mapping[str, bytes]):
    """Metadata documents by store key, such as ``0/.zarray``: hashable, and never changed.

    >>> Documents({".zgroup": b"{}"})[".zgroup"]
    b'{}'
    """

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, bytes] | None = None) -> None:
        self._texts = dict(texts or {})

    def __getitem__(self, key: str) -> bytes:
        return self._texts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    # What Mapping makes of the three above takes many times as long.

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def get(self, key: str, default: Any = None) -> Any:
        """The text of a document; ``default`` where it is not there."""
        return self._texts.get(key, default)

    def items(self) -> ItemsView[str, bytes]:
        """Keys and texts."""
        return self._texts.items()

    def __hash__(self) -> int:
        return hash(frozenset(self._texts.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Documents) and self._texts == other._texts

    def __repr__(self) -> str:
        return f"Documents({', '.join(f'{key} ({len(text)} bytes)' for key, text in self._texts.items())})"

    def __reduce__(self) -> tuple[type[Documents], tuple[dict[str, bytes]]]:
        return Documents, (self._texts,)

    def below(self, path: str) -> Documents:
        """The documents below a path, by their keys from there."""
        prefix = f"{path}/" if path else ""
        return Documents({key[len(prefix) :]: text for key, text in self.items() if key.startswith(prefix)})

    def of_node(self, path: str) -> dict[str, bytes]:
        """The documents of the node at a path itself, by their names."""
        prefix, texts = f"{path}/" if path else "", self._texts
        return {name: texts[key] for name in NODE_DOCUMENTS if (key := prefix + name) in texts}


@frozen(kw_only=True)
class Snapshot:
    """What was read, and is edited: the only record that knows the version.

    Parameters
    ----------
    origin
        Where the root is; ``Place(home="")`` for documents that are in no store.
    version
        Of OME-NGFF.
    root
        The value: an Image, a Plate, a Well or a Collection. Which one, only the store knows; so no type says it.
    documents
        By store key below the root (such as ``0/.zarray``), the bytes that were read; empty for a snapshot of nothing.
    problems
        What was read leniently, each with its location.
    mode
        ``r``: a plan from it is refused by ``commit``; ``w``: what is at the origin is replaced by the commit;
        ``w-``: nothing may be there.
    select
        The pattern of the positions that were read, such as ``B/*/*``; None: all.
    """

    origin: Place
    version: Version
    root: Any = field(repr=lambda root: f"<{type(root).__name__}>")  # a plate would fill the screen
    documents: Documents = field(factory=Documents, repr=lambda documents: f"<{len(documents)} documents>")
    problems: tuple[Problem, ...] = ()
    mode: Mode = "r+"
    select: str | None = None

    def left_out(self, path: str) -> bool:
        """Whether a well or a position was not read because ``select`` does not mean it, whatever is there."""
        return self.select is not None and not all(map(fnmatchcase, path.split("/"), self.select.split("/")))
