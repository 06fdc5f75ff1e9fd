"""The documents of a hierarchy, from its root down: a plate's, its wells', their images' and levels'.

Each document is one plain read; no directory is listed but where an image may have labels.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Protocol

from ngff_fn import codecs
from ngff_fn.errors import DocumentError, InvalidValueError, Problem, WrongTypeError, a_type
from ngff_fn.records.labels import LABELS
from ngff_fn.records.nodes import shown
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import ARRAY_DOCUMENTS


class Source(Protocol):
    """What documents are read from."""

    def read(self, key: str) -> bytes | None:
        """The bytes of a file; None where there is no file."""
        ...

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory."""
        ...


class Hierarchy:
    """Reads the documents below a root whose own ones are there already.

    Parameters
    ----------
    source
        What is read from.
    path
        Of the root.
    texts
        Its own documents; those that are read are added.
    select
        A pattern of the positions that are read, such as ``B/*/*``; None: all.
    """

    def __init__(self, source: Source, path: str, texts: dict[str, bytes], select: tuple[str, ...] | None) -> None:
        self.source, self.path, self.texts, self.select = source, path, texts, select
        self._names = ("zarr.json",) if "zarr.json" in texts else (".zgroup", ".zattrs")  # one format in all of it
        self._array_names = ARRAY_DOCUMENTS["0.5" if "zarr.json" in texts else "0.4"]
        self._label_names = ("zarr.json",) if "zarr.json" in texts else (".zgroup", ".zarray", ".zattrs")
        self._same: dict[bytes, bytes] = {}

    def read(self, layout: str) -> None:
        """Everything below the root."""
        match layout:
            case "plate":
                empty = codecs.childless(self.texts)  # read whatever is meant: that they are empty is known
                wells = codecs.child_paths(self.texts) or ()
                self._refuse_none_meant(wells)
                for well in wells:
                    if (well in empty or self._is_meant(well)) and (own := self._group(well)):
                        self._well(well, own)
            case "well":
                self._well("", self.texts)
            case "bf2raw":
                self._collection()
            case _:
                self._image("", self.texts)

    def _refuse_none_meant(self, wells: tuple[str, ...]) -> None:
        if wells and not any(map(self._is_meant, wells)):
            message = f"{'/'.join(self.select or ())!r} means no well; there are: {shown(wells)}."
            raise InvalidValueError(Problem("select", f"{message} Give a pattern of some, such as 'A/*/*'."))

    def _is_meant(self, path: str) -> bool:
        return self.select is None or all(map(fnmatchcase, path.split("/"), self.select))

    def _group(self, path: str) -> dict[str, bytes]:
        return self._node(path, self._names)

    def _node(self, path: str, names: tuple[str, ...]) -> dict[str, bytes]:
        """The documents of a node, by their names; those with the same bytes are one object."""
        own: dict[str, bytes] = {}
        for name in names:
            key = f"{path}/{name}" if path else name
            text = self.source.read(f"{self.path}/{key}" if self.path else key)
            if text is not None:
                own[name] = self.texts[key] = self._same.setdefault(text, text)
        return own

    def _well(self, path: str, own: dict[str, bytes]) -> None:
        try:
            fields = codecs.child_paths(own) or ()
        except DocumentError:
            if not path:
                raise
            return  # it is left unread, and noted, when it is decoded
        for field in fields:
            position = joined(path, field)
            if self._is_meant(position) and (documents := self._group(position)):
                self._image(position, documents)

    def _collection(self) -> None:
        listed = codecs.child_paths(self.texts, self._group("OME"))
        for path in listed or ():
            if self._is_meant(path) and (own := self._group(path)):
                self._image(path, own)
        number = 0
        while listed is None and (own := self._group(str(number))):
            if self._is_meant(str(number)):
                self._image(str(number), own)
            number += 1

    def _image(self, path: str, own: dict[str, bytes], *, labelled: bool = True) -> None:
        try:
            levels = codecs.level_paths(own)
        except DocumentError:
            if not path:
                raise
            return  # it is left unread, and noted, when it is decoded
        for level in levels:
            self._node(joined(path, level), self._array_names)
        there = self.source.names(joined(self.path, path, LABELS)) if labelled else []
        if there and codecs.is_group_of_labels(listed := self._node(joined(path, LABELS), self._label_names)):
            self._labels(joined(path, LABELS), listed, [name for name, is_directory in there if is_directory])

    def _labels(self, path: str, own: dict[str, bytes], there: list[str]) -> None:
        """The listed ones; of others that are there their own documents, by which they are noted."""
        try:
            listed = codecs.label_paths(own)
        except DocumentError:
            return  # they are left unread, and noted, when they are decoded
        for name in listed:
            if documents := self._group(joined(path, name)):
                self._image(joined(path, name), documents, labelled=False)
        for name in sorted({*there} - {label.partition("/")[0] for label in listed}):
            self._group(joined(path, name))


def checked_select(select: str | None) -> tuple[str, ...] | None:
    """The pattern of positions, part by part.

    >>> checked_select("B/*/*")
    ('B', '*', '*')
    """
    if select is None:
        return None
    if not isinstance(select, str):
        raise WrongTypeError(Problem("select", f"{a_type(select)} is no pattern. Give one such as 'B/*/*'."))
    parts = tuple(select.strip("/").split("/"))
    if any(part in ("", ".", "..") for part in parts):
        message = f"{select!r} is no pattern of positions. Give one such as 'B/*/*'."
        raise InvalidValueError(Problem("select", message))
    return parts
