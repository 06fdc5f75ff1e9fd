"""A part of a document while it is read: its value, where it stands, and where its problems are noted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from ngff_fn.errors import Kind, Problem
from ngff_fn.frozen_json import EMPTY, FrozenMap, Json, freeze

_NUMBER = re.compile(r"\s*(-?\d{1,4000})(\.\d+)?([eE][-+]?\d+)?\s*", re.ASCII)
_NUMBERS = frozenset({int, float})
_SHOWN = 60  # characters of a value in a message


class Part:
    """One value of a document; ``location`` is that of the value, ``problems`` is shared by the whole reading.

    Codecs take parts instead of bare values, so that all problems of all documents are told at once: what cannot be
    understood is noted, and reading goes on with what can. ``key`` is what the value is called in its ``owner``; that
    of a whole document is its location.

    >>> part = Part({"shape": [4, -1]}, "0/.zarray:", [])
    >>> part["shape"][1].location
    '0/.zarray: shape[1]'
    """

    __slots__ = ("key", "owner", "problems", "rule", "value")

    def __init__(
        self, value: Any, key: str | int, problems: list[Problem], owner: Part | None = None, rule: str = ""
    ) -> None:
        self.value = value
        self.key = key
        self.problems = problems
        self.owner = owner
        self.rule = rule

    def __getitem__(self, key: str | int) -> Part:
        """A member of an object, or an element of a list; both must be there."""
        return Part(self.value[key], key, self.problems, self)

    @property
    def location(self) -> str:
        """Where the value stands, such as ``multiscales[0].axes[1].name``."""
        return str(self.key) if self.owner is None else self.owner.at(self.key)

    def at(self, key: str | int) -> str:
        """The location of a member or an element, there or not."""
        location = self.location
        if isinstance(key, int):
            return f"{location}[{key}]"
        if not location:
            return key
        return f"{location}{' ' if location.endswith(':') else '.'}{key}"

    def get(self, key: str, rule: str = "") -> Part | None:
        """A member of an object, with the rule for it; None where it is absent, or null (which is noted)."""
        if key not in self.value:
            return None
        if self.value[key] is None:
            self.lenient("is null; read as if it were not there.", rule, at=key)
            return None
        return Part(self.value[key], key, self.problems, self, rule)

    def note(self, kind: Kind, message: str, rule: str = "", *, at: str | int | None = None) -> None:
        """Note a problem of this value, or of one of its members."""
        location = self.location if at is None else self.at(at)
        rule = rule or (self.rule if at is None else "")
        self.problems.append(Problem(location.removesuffix(":"), message, kind=kind, rule=rule))

    def error(self, message: str, rule: str = "", *, at: str | int | None = None) -> None:
        """Note what cannot be understood."""
        self.note("error", message, rule, at=at)

    def lenient(self, message: str, rule: str = "", *, at: str | int | None = None) -> None:
        """Note what is understood although the specification forbids it."""
        self.note("lenient", message, rule, at=at)

    def is_object(self, rule: str = "") -> bool:
        """Whether it is an object; noted if not."""
        if isinstance(self.value, dict):
            return True
        self.error(f"is {shown(self.value)}; it must be an object.", rule)
        return False

    def is_list(self, rule: str = "") -> bool:
        """Whether it is a list; noted if not."""
        if isinstance(self.value, list):
            return True
        self.error(f"is {shown(self.value)}; it must be a list.", rule)
        return False

    def elements(self, rule: str = "") -> list[Part]:
        """The elements of a list; none if it is no list, which is noted."""
        if not self.is_list(rule):
            return []
        return [Part(value, index, self.problems, self) for index, value in enumerate(self.value)]

    def entries(self, key: str, rule: str = "") -> list[Part]:
        """The elements of a member that must be a list, and not empty; none if it is not, which is noted."""
        if self.value.get(key) is None:
            self.error("is not there. Mend the document.", rule, at=key)
            return []
        if self.value[key] == []:
            self.error("is empty; there must be one or more.", rule, at=key)
        return self[key].elements(rule)

    def others(self, *known: str) -> FrozenMap:
        """The members of an object that are not among the known ones, verbatim."""
        return others_of(self.value, frozenset(known))


def others_of(members: Mapping[str, Any], known: frozenset[str]) -> FrozenMap:
    """The members of an object that are not among the known ones, verbatim."""
    if members.keys() <= known:
        return EMPTY
    return FrozenMap({key: freeze(value) for key, value in members.items() if key not in known})


def text(part: Part) -> str | None:
    """A text, an integer leniently too; None if it is neither, which is noted."""
    match part.value:
        case str():
            return part.value
        case int() if not isinstance(part.value, bool) and abs(part.value) < 2**63:
            part.lenient(f"is the number {part.value}; it should be a text.")
            return str(part.value)
        case _:
            part.lenient(f"is {shown(part.value)}, not a text; read as if it were not there.")
            return None


def number(part: Part) -> float | None:
    """A finite number, as text leniently too; None if it is neither, which is noted."""
    value = part.value
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value)):
        value = float(value) if match[2] or match[3] else int(match[1])
        part.lenient(f"is the text {shown(part.value)}; it should be a number.")
    if is_number(value):
        return value  # type: ignore[no-any-return] # is_number has just told
    part.lenient(f"is {shown(part.value)}, not a finite number; read as if it were not there.")
    return None


def truth(part: Part) -> bool | None:
    """True or false, 1 and 0 leniently too; None if it is neither, which is noted."""
    if isinstance(part.value, bool):
        return part.value
    if isinstance(part.value, int | str) and str(part.value).lower() in {"0", "1", "true", "false"}:
        part.lenient(f"is {shown(part.value)}; it should be true or false.")
        return str(part.value).lower() in {"1", "true"}
    part.lenient(f"is {shown(part.value)}, neither true nor false; read as if it were not there.")
    return None


def mapping(part: Part) -> FrozenMap | None:
    """An object, verbatim; None if it is none, which is noted."""
    if isinstance(part.value, Mapping):
        return part.others()
    part.lenient(f"is {shown(part.value)}, not an object; read as if it were not there.")
    return None


def sections_of(sections: Mapping[str, Json]) -> FrozenMap:
    """The ``extra`` of a record, by sections; those in which there is nothing are absent."""
    filled = {name: members for name, members in sections.items() if members}
    return FrozenMap(filled) if filled else EMPTY


def section(extra: FrozenMap, name: str) -> FrozenMap:
    """One section of the ``extra`` of a record; empty where it is absent."""
    members = extra.get(name)
    return members if type(members) is FrozenMap else EMPTY


def is_number(value: object) -> bool:
    """Whether a value of a document is a number that a float can hold, and neither NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):  # int | float would be made at each call
        return False
    try:
        return isfinite(value)
    except OverflowError:
        return False


def are_numbers(values: list[Any]) -> bool:
    """Whether each element is a number by ``is_number``."""
    try:
        return _NUMBERS.issuperset(map(type, values)) and all(map(isfinite, values))
    except OverflowError:  # of an integer that no float can hold
        return False


def is_integer(value: object, least: int = 0) -> bool:
    """Whether a value of a document is an integer of 64 bits that is not below ``least``."""
    return type(value) is int and least <= value < 2**63


def shown(value: object) -> str:
    """A value of a document as a message shows it.

    >>> shown({"a": 1}), shown(None), shown("micron"), shown([1, 2])
    ('an object', 'null', "'micron'", 'a list of 2')
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case dict():
            return "an object"
        case list():
            return f"a list of {len(value)}"
        case int() if abs(value) >= 10**_SHOWN:
            return "a huge number"
        case _:
            written = repr(value)
            return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
