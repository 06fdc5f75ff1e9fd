"""Documents as texts: parsed, with what is wrong noted instead of raised; and their digest."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar

from ngff_fn.codecs.parts import Part
from ngff_fn.errors import Problem
from ngff_fn.json_splice import JsonSyntaxError, parse

T = TypeVar("T")

_KEPT = 2**20  # bytes of a document that is remembered
_MANY = 8  # things that are remembered: with more, memory is reused only after it has left the processor's caches
_recent: OrderedDict[tuple[bytes, Any], tuple[Any]] = OrderedDict()
_of_reading: ContextVar[dict[tuple[bytes, Any], tuple[Any]] | None] = ContextVar("_of_reading", default=None)


def document(documents: Mapping[str, bytes], key: str, problems: list[Problem]) -> Part | None:
    """A document as a part; None where it is not there, or no JSON, which is noted. Its value must not be changed."""
    if key not in documents:
        return None
    text = bytes(documents[key])
    try:
        value = _parsed(text)
    except JsonSyntaxError as error:
        try:
            value = parse(text, allow_nan=True)
        except JsonSyntaxError as worse:
            problems.append(Problem(key, f"{str(worse).rstrip('.')}. Mend the document."))
            return None
        problems.append(Problem(key, f"{error} Some programs write it; it is read as it is meant.", kind="lenient"))
    return Part(value, f"{key}:", problems)


def sound_document(documents: Mapping[str, bytes], key: str) -> dict[str, Any] | None:
    """The object that a document holds; None where ``document`` has to look, or where it is none."""
    if key not in documents:
        return None
    try:
        value = _parsed(bytes(documents[key]))
    except JsonSyntaxError:
        return None
    return value if type(value) is dict else None


def _parsed(text: bytes) -> Any:
    return once(text, parse)


def once(text: bytes, read: Callable[[bytes], T]) -> T:
    """What ``read`` makes of a document, which must not be changed: it is remembered for a while.

    A document is asked for several times, by its version, its layout and its levels; and the images of a plate often
    have the very same one. A large one is remembered only as long as it is read.
    """
    if len(text) >= _KEPT and _of_reading.get() is not None:
        return once_a_reading(text, read)
    known = _recent.get((text, read))
    if known is None:
        known = (read(text),)
        _remember(text, read, known)
    return known[0]


def _remember(text: bytes, read: Callable[[bytes], Any], found: tuple[Any]) -> None:
    if len(text) < _KEPT:
        if len(_recent) >= _MANY:
            _forget_oldest()
        _recent[text, read] = found


def parsed_again(text: bytes, otherwise: Callable[[bytes], Any]) -> Any:
    """The value of a document that ``document`` has read before, which must not be changed; ``ValueError`` for no JSON.

    That it is sound, or what it means, was asked then: to parse it takes half of the time. Where it is not remembered,
    ``otherwise`` is asked for it first, and gives None where it does not know either.
    """
    known = _recent.get((text, parse))
    if known is not None:
        return known[0]
    value = otherwise(text)
    return json.loads(text) if value is None else value


class Reading:
    """In here, what a document describes is remembered to the end.

    The images of a plate are all asked for their levels first, so that these are read too, and then for the rest.
    """

    def __enter__(self) -> None:
        self._outer = _of_reading.set({})

    def __exit__(self, *_: object) -> None:
        known = _of_reading.get() or {}
        for text, read in [*islice(reversed(known), _MANY)][::-1]:
            _remember(text, read, known[text, read])
        _of_reading.reset(self._outer)


def once_a_reading(text: bytes, read: Callable[[bytes], T]) -> T:
    """As ``once``, for what becomes part of the value that is read: that may be remembered as long as this lasts."""
    known = _of_reading.get()
    if known is None:
        return once(text, read)
    key = (text, read)
    found = known.get(key)
    if found is None:
        found = known[key] = _recent.get(key) or (read(text),)
    return found[0]


def _forget_oldest() -> None:
    try:
        _recent.popitem(last=False)
    except KeyError:  # another thread was first
        return


def token(documents: Mapping[str, bytes]) -> str:
    """The digest of the documents of one node.

    Parameters
    ----------
    documents
        By their names, such as ``.zarray``; their order does not count.

    >>> token({".zarray": b"{}", ".zattrs": b"1"}) == token({".zattrs": b"1", ".zarray": b"{}"})
    True
    """
    pieces: list[bytes] = []
    for key in sorted(documents):
        pieces += f"{len(key)} {len(documents[key])} {key}".encode(), documents[key]  # so no others make the same text
    return sha256(b"".join(pieces)).hexdigest()
