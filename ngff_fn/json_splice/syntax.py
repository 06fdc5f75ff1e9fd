"""A strict JSON parser that says what is wrong, and where."""

from __future__ import annotations

import json
import math
import re
import sys
from functools import lru_cache
from typing import Any, NoReturn

MAX_DEPTH = 100
"""Lists and objects in each other; the deepest OME-NGFF documents have about fifteen."""

STRING = r'"(?:[^"\\]++|\\.)*+"?'
"""A regular expression for a string, also one that has no end; possessive, so that no text makes it slow."""


class JsonSyntaxError(ValueError):
    """A text that is not JSON, or not JSON that can be trusted: why, and where (``line`` and ``column`` from 1 on).

    >>> parse(b'{"a": 1, 2}')
    Traceback (most recent call last):
    ngff_fn.json_splice.syntax.JsonSyntaxError: line 1, column 10: Expecting property name enclosed in double quotes
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason, line, column)
        self.reason, self.line, self.column = reason, line, column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.reason}"


def parse(text: bytes, *, max_depth: int = MAX_DEPTH, allow_nan: bool = False) -> Any:
    """The value of a JSON text, as dicts, lists, strings, numbers, truths and None.

    Stricter than ``json.loads``: a text that two readers could understand differently is none. A byte order mark is
    let pass.

    Parameters
    ----------
    text
        UTF-8.
    max_depth
        How many lists and objects may lie in each other.
    allow_nan
        Whether ``NaN``, ``Infinity`` and numbers beyond the range of floats are read; some programs write them.

    Raises
    ------
    JsonSyntaxError
        For what is not JSON, bad UTF-8, a key that stands twice in one object, NaN and infinities, integers of more
        digits than the interpreter reads, too deep a nesting.

    Source: RFC 8259; "objects whose names are all unique" are those on whose meaning all readers agree.

    >>> parse(b'{"scale": [1, 0.5], "name": null}')
    {'scale': [1, 0.5], 'name': None}
    """
    source = decoded(text).removeprefix("\ufeff")
    if not source.strip(" \t\r\n"):
        raise JsonSyntaxError("the document is empty.", 1, 1)
    _check_depth(source, max_depth)
    try:
        return (_LENIENT if allow_nan else _STRICT).decode(source)
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg.removesuffix(" at"), error.lineno, error.colno) from None
    except _RepeatedKeyError:
        offset, key = _repeated_key(source)
        _refuse(source, offset, f"the key {key} stands twice in one object.")
    except _NotFiniteError as error:
        token = str(error)
        what = "is not JSON" if token[-1].isalpha() else "is beyond the range of numbers"
        _refuse(source, _offset(source, rf"(?<![\w.+-]){re.escape(token)}"), f"{token} {what}.")
    except RecursionError:
        raise JsonSyntaxError("lists and objects are nested too deep.", 1, 1) from None
    except ValueError:  # what int() says
        digits = sys.get_int_max_str_digits()
        offset = _offset(source, rf"-?\d{{{digits + 1},}}(?![\d.eE])")
        _refuse(source, offset, f"an integer of more than {digits} digits.")


def parse_bare(source: str, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a text with nothing around it, as strictly as ``parse`` reads it; ``ValueError`` where it is none.

    >>> parse_bare("[1, 2]")
    [1, 2]
    """
    _check_depth(source, max_depth)
    value, end = _STRICT.raw_decode(source)
    if end < len(source):
        raise JsonSyntaxError("something stands behind the value.", 1, end + 1)
    return value


def end_of_value(source: str, start: int) -> int:
    """Where the value ends that begins here, in a text that is JSON.

    >>> end_of_value('{"a": [1, 2]}', 6)
    12
    """
    return _STRICT.raw_decode(source, start)[1]


def decoded(text: bytes) -> str:
    """The characters of a UTF-8 text, byte order mark included; ``JsonSyntaxError`` says where it is none."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8")
        _refuse(before, len(before), f"the byte 0x{text[error.start]:02x} is not UTF-8.")


def _refuse(source: str, offset: int, reason: str) -> NoReturn:
    line = source.count("\n", 0, offset) + 1
    raise JsonSyntaxError(reason, line, offset - source.rfind("\n", 0, offset)) from None


class _RepeatedKeyError(ValueError):
    pass


class _NotFiniteError(ValueError):
    pass


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members):
        raise _RepeatedKeyError
    return made


@lru_cache(maxsize=512)  # documents repeat their numbers
def _finite(token: str) -> float:
    number = float(token)
    if math.isinf(number):
        raise _NotFiniteError(token)
    return number


def _not_finite(token: str) -> NoReturn:
    raise _NotFiniteError(token)


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_not_finite)
_LENIENT = json.JSONDecoder(object_pairs_hook=_unique)

_TO_BRACKET = re.compile(rf'(?:[^"\[\]{{}}]++|{STRING})*+([\[\]{{}}])', re.DOTALL)
_KEY_OR_BRACKET = re.compile(rf"({STRING})(\s*:)?|[\[\]{{}}]", re.DOTALL)


def _check_depth(source: str, max_depth: int) -> None:
    """Before the text is parsed: a parser that goes down into it would end the program on its way."""
    if source.count("[") + source.count("{") <= max_depth:
        return
    depth = 0
    for bracket in _TO_BRACKET.finditer(source):
        depth += 1 if bracket[1] in "[{" else -1
        if depth > max_depth:
            _refuse(source, bracket.start(1), f"more than {max_depth} lists and objects lie in each other.")


def _offset(source: str, pattern: str) -> int:
    """Where the pattern is first found outside of strings."""
    hits = re.finditer(rf"{STRING}|({pattern})", source, re.DOTALL)
    return next(hit.start() for hit in hits if hit[1] is not None)


def _repeated_key(source: str) -> tuple[int, str]:
    """Where, and which, is the first key that its object has already."""
    keys: list[set[str]] = []
    for token in _KEY_OR_BRACKET.finditer(source):
        if token[0] in "[{":
            keys.append(set())
        elif token[0] in "]}":
            keys.pop()
        elif token[2] is not None:
            key = json.loads(token[1])
            if key in keys[-1]:
                return token.start(), token[1]
            keys[-1].add(key)
    raise AssertionError(source)
