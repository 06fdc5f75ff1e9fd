"""The members of one object as a whole: some stay as they are written, some get another key or text, others are new."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from attrs import frozen

from ngff_fn.json_splice.document import Container, Document
from ngff_fn.json_splice.syntax import decoded
from ngff_fn.json_splice.writing import Pointer, key, place


@frozen
class Kept:
    """The value that an object has at a key, as it is written there."""

    key: str


Member: TypeAlias = tuple[str, Kept | bytes]
"""A key, and its value: one that is there, or the text of a JSON document."""

_BREAK = re.compile(r"\r\n|\n|\r")
_AROUND_BREAK = re.compile(r"(?<=[\[{])[ \t\r\n]*[\r\n][ \t\r\n]*|[ \t\r\n]*[\r\n][ \t\r\n]*(?=[\]}])")
_INNER_BREAK = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")


def with_members(text: bytes, pointer: Pointer, members: Sequence[Member]) -> bytes:
    r"""The document in which the object at ``pointer`` has these members, in this order.

    What is kept keeps its bytes, and so does what stands between two that were neighbours. The text of a new value is
    taken over as it is but for its line breaks: a number, or a NaN that some programs write, is not written anew.

    Parameters
    ----------
    text
        A JSON document, known to be valid.
    pointer
        Of an object in it.
    members
        With no key twice; texts are JSON documents.

    Raises
    ------
    ValueError
        If there is no object at the pointer, or nothing at the key of one that is kept.

    >>> members = [("b", Kept("b")), ("c", Kept("a")), ("d", b'{\n  "e": NaN\n}\n')]
    >>> with_members(b'{"m": {"a": 1E0, "b": 2}}', ("m",), members)
    b'{"m": {"b": 2, "c": 1E0, "d": {"e": NaN}}}'
    """
    source = decoded(text)
    document = Document(source.removeprefix("\ufeff"))
    mark = source[: len(source) - len(document.text)]
    container = _object_at(document, pointer)
    pieces = list(_pieces(document, container, pointer, members))
    inside = _joined(document, container, pieces) if pieces else document.look.pad
    changed = f"{document.text[: container.start + 1]}{inside}{document.text[container.end - 1 :]}"
    return (mark + changed).encode()


def _object_at(document: Document, pointer: Pointer) -> Container:
    start = document.after_space(0)
    for step in pointer:
        inside = document.container(start).items if document.text[start] == "{" else ()
        found = next((item.start for item in inside if item.key == step), None)
        if found is None:
            raise ValueError(f"{place(pointer)}: there is no such member.")
        start = found
    if document.text[start] != "{":
        raise ValueError(f"{place(pointer)}: it is no object.")
    return document.container(start)


def _pieces(
    document: Document, container: Container, pointer: Pointer, members: Sequence[Member]
) -> Iterator[tuple[str, int | None]]:
    """Each member as text, and which one it was."""
    there = {item.key: at for at, item in enumerate(container.items)}
    colon, ascii_only = document.colon_of(container), document.is_ascii
    line = _inner_line(document, container)
    for name, value in members:
        if not isinstance(value, Kept):
            yield key(name, pointer, ascii_only=ascii_only) + colon + _set(value, line), there.get(name)
            continue
        if value.key not in there:
            raise ValueError(f"{place((*pointer, value.key))}: there is no such member.")
        at = there[value.key]
        item = container.items[at]
        head = document.text[item.first : item.start]
        if value.key != name:
            head = key(name, pointer, ascii_only=ascii_only) + colon
        yield head + document.text[item.start : item.end], at


def _inner_line(document: Document, container: Container) -> str:
    """How a line begins among the members, with the break before it; empty where all stand on one line."""
    if container.items:
        has_lines = bool(_BREAK.search(container.gaps[0]))
        return document.look.newline + document.inner_indentation(container) if has_lines else ""
    if not _BREAK.search(document.text.strip()):
        return ""
    return f"{document.look.newline}{document.indentation(container.start)}  "


def _set(text: bytes, line: str) -> str:
    """A document as a value whose lines begin so. No string has a line break in it."""
    source = decoded(text).removeprefix("\ufeff").strip(" \t\r\n")
    if not _BREAK.search(source):
        return source
    return _BREAK.sub(line, source) if line else _INNER_BREAK.sub(" ", _AROUND_BREAK.sub("", source))


def _joined(document: Document, container: Container, pieces: list[tuple[str, int | None]]) -> str:
    line = _inner_line(document, container)
    if container.items:
        opening, comma, closing = container.gaps[0], document.comma_of(container), container.gaps[-1]
    else:
        opening, comma = line, f",{line}" if line else ", "
        closing = document.look.newline + document.indentation(container.start) if line else ""
    made = [opening]
    for (text, at), (_, then) in pairwise(pieces):
        were_neighbours = at is not None and then == at + 1
        made += [text, container.gaps[then] if were_neighbours and then else comma]
    return "".join([*made, pieces[-1][0], closing])
