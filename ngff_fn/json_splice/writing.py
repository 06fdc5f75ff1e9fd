"""How JSON text is written: the style of new documents, and what has to be known of the style of others."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen

from ngff_fn.json_splice.syntax import MAX_DEPTH

Pointer: TypeAlias = tuple[str | int, ...]
"""Where a value is in a document: keys of objects and positions in lists; ``()`` is the document."""

Kind = Literal["object", "list", "row"]
"""What is set alike: an object, a list of objects or lists, a row of scalars (or of nothing)."""

ROW = 100
"""Columns that a row of scalars may take on one line of a new document."""


@frozen
class Setting:
    r"""How a list or an object is set: the white space inside its brackets.

    A line break in ``opening``, ``comma`` or ``closing`` is ``\n``, and means the line break of the document and the
    indentation that is due; ``unit`` is what the inside is indented by.

    >>> Setting(opening="\n", comma=",\n", closing="\n", unit="  ")  # as most programs write
    Setting(opening='\n', comma=',\n', closing='\n', colon=': ', unit='  ')
    """

    opening: str
    comma: str
    closing: str
    colon: str = ": "
    unit: str = ""


class Repeated(list[Any]):
    """A list that many new documents have, and that nobody changes: its text is remembered with it."""

    __slots__ = ("texts",)

    def __init__(self, items: Iterable[Any]) -> None:
        super().__init__(items)
        self.texts: dict[tuple[str, str], str] = {}


@frozen
class Specimen:
    """What a new value shall look like: the one at an offset of the text, if there is one; on one line, if it must."""

    offset: int | None
    one_line: bool = False


@frozen
class Look:
    """What ``written`` has to know of the document that it writes for."""

    newline: str
    ascii: bool
    """Whether what is not ASCII is escaped."""
    pad: str
    """What is between the brackets of an empty list or object."""
    setting: Callable[[Any, Specimen], Setting]
    """How a list or object is set that shall look like the specimen."""
    within: Callable[[Specimen, str | int, Any], Specimen]
    """The specimen for the value at a key or position inside of what looks like the one given."""


def written(value: Any, look: Look, specimen: Specimen, indent: str, pointer: Pointer) -> str:
    """A value as text that begins on a line of this indentation; ``ValueError`` with the place of what is not JSON."""
    if is_scalar(value):
        return token(value, pointer, ascii_only=look.ascii)
    is_object = value.__class__ is dict or isinstance(value, Mapping)
    left, right = "{}" if is_object else "[]"
    if not value:
        return left + look.pad + right
    if len(pointer) >= MAX_DEPTH:
        raise _too_deep(pointer)
    setting = look.setting(value, specimen)
    inner, ascii_only = indent + setting.unit, look.ascii
    pieces = []
    for step, item in value.items() if is_object else enumerate(value):
        at = (*pointer, step)
        head = key(step, pointer, ascii_only=ascii_only) + setting.colon if is_object else ""
        if item.__class__ in _SCALARS:  # as most are
            pieces.append(head + token(item, at, ascii_only=ascii_only))
        else:
            pieces.append(head + written(item, look, look.within(specimen, step, item), inner, at))
    opening = setting.opening.replace("\n", look.newline + inner)
    closing = setting.closing.replace("\n", look.newline + indent)
    comma = setting.comma.replace("\n", look.newline + inner)
    return left + opening + comma.join(pieces) + closing + right


def _too_deep(pointer: Pointer) -> ValueError:
    return ValueError(f"{place(pointer[:5])}…: more than {MAX_DEPTH} lists and objects lie in each other.")


def is_scalar(value: Any) -> bool:
    """Whether a value is neither a list nor an object."""
    kind = value.__class__  # first, since asking for Mapping takes time
    return kind in _SCALARS or not (kind in _AROUND or isinstance(value, Mapping | list | tuple))


_SCALARS = frozenset({str, int, float, bool, type(None)})
_AROUND = frozenset({dict, list, tuple})


def key(step: Any, pointer: Pointer, *, ascii_only: bool = False) -> str:
    """A key as it stands in a document, at the place of its object."""
    if not isinstance(step, str):
        raise ValueError(f"{place(pointer)}: the key {step!r} is not a string.")  # noqa: TRY004 — it is not JSON
    return _string(step, pointer, ascii_only=ascii_only)


def token(value: Any, pointer: Pointer, *, ascii_only: bool = False) -> str:
    """A scalar as it stands in a document; ``ValueError`` with its place if it is none."""
    if value.__class__ is str:  # most values; a short cut, as the next
        return _string(value, pointer, ascii_only=ascii_only)
    if value.__class__ is float and math.isfinite(value):
        return repr(value)
    match value:
        case None | bool():
            return "null" if value is None else "true" if value else "false"
        case int():
            try:
                return int.__repr__(value)
            except ValueError:
                raise ValueError(f"{place(pointer)}: an integer of too many digits.") from None
        case float() if math.isfinite(value):
            return float.__repr__(value)
        case float():
            raise ValueError(f"{place(pointer)}: {value} is not JSON. Take a finite number, or a string.")
        case str():
            return _string(value, pointer, ascii_only=ascii_only)
        case _:
            raise ValueError(f"{place(pointer)}: {type(value).__name__} is not JSON.")


def _string(value: str, pointer: Pointer, *, ascii_only: bool) -> str:
    if value.isascii():
        return _in_ascii(value)
    if ascii_only or re.search("[\ud800-\udfff]", value):
        text = _in_ascii(value)
        if json.loads(text) != value:
            raise ValueError(f"{place(pointer)}: {value!a} is not Unicode. Join its surrogates.")
        return text
    return _in_unicode(value)


_in_ascii = json.encoder.encode_basestring_ascii  # what json.dumps comes to, in a fraction of the time
_in_unicode = json.encoder.encode_basestring


def place(pointer: Pointer) -> str:
    """A pointer as people write it.

    >>> place(("attributes", "ome", "multiscales", 0, "a key"))
    'attributes.ome.multiscales[0]["a key"]'
    """
    steps = (f".{s}" if isinstance(s, str) and re.fullmatch(r"[\w-]+", s) else f"[{json.dumps(s)}]" for s in pointer)
    return "".join(steps).removeprefix(".") or "document"


def kind_of(value: Any) -> Kind:
    """As what a list or mapping is set.

    >>> kind_of([1, 2]), kind_of([{"a": 1}]), kind_of({})
    ('row', 'list', 'object')
    """
    if value.__class__ is dict or isinstance(value, Mapping):
        return "object"
    return "row" if _SCALARS.issuperset(map(type, value)) or all(map(is_scalar, value)) else "list"


def fits_a_line(row: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a row of scalars is short enough for one line."""
    digits = [item.bit_length() // 3 if isinstance(item, int) else len(str(item)) for item in row]
    return sum(digits) + 4 * len(row) <= ROW


def dump(value: Any, *, indent: int = 2) -> bytes:
    r"""A new document: UTF-8, indented, short lists of scalars on one line, a line break at the end.

    Takes any Mapping, lists and tuples. Raises ``ValueError`` with the place of what is not JSON: NaN and infinities,
    keys that are not strings, other types.

    >>> print(dump({"name": "µ", "scale": (1, 0.5)}).decode(), end="")
    {
      "name": "µ",
      "scale": [1, 0.5]
    }
    """
    return f"{_dumped(value, chr(10), ' ' * indent, ())}\n".encode()


def _dumped(value: Any, line: str, unit: str, pointer: Pointer) -> str:
    """What ``written`` comes to in this one style; ``line`` is a line break and the indentation of the value."""
    if value.__class__ in _SCALARS or is_scalar(value):
        return token(value, pointer)
    if value.__class__ is Repeated:
        text = value.texts.get((line, unit))
        if text is None:
            text = value.texts[line, unit] = _dumped(list(value), line, unit, pointer)
        return text
    if len(pointer) >= MAX_DEPTH and value:
        raise _too_deep(pointer)
    inner = line + unit
    if value.__class__ is dict or isinstance(value, Mapping):
        members = [
            f"{inner}{key(name, pointer)}: {_dumped(item, inner, unit, (*pointer, name))}"
            for name, item in value.items()
        ]
        return f"{{{','.join(members)}{line}}}" if members else "{}"
    items = [_dumped(item, inner, unit, (*pointer, index)) for index, item in enumerate(value)]
    if kind_of(value) == "row" and fits_a_line(value):
        return f"[{', '.join(items)}]"
    return f"[{inner}{f',{inner}'.join(items)}{line}]"
