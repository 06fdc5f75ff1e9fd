"""Rows and columns of a plate: their names, their order, and the index that a name has or gets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from ngff_fn.edits.arguments import is_sequence
from ngff_fn.edits.arrays import integer
from ngff_fn.errors import InvalidValueError, NgffError, OutOfRangeError, Problem, WrongTypeError
from ngff_fn.records.plate import Line

Refusal: TypeAlias = tuple[type[NgffError], Problem]
"""A problem, and what it is raised as."""
Kind: TypeAlias = Literal["row", "column"]

MOST = 10_000
"""Rows or columns that are made at once: an index further on is a mistake, and names would fill memory."""
_FIRST: dict[Kind, tuple[str, int]] = {"row": ("A", 0), "column": ("", 1)}  # as ``_counted`` says it of A and 1
_ARGUMENT: dict[Kind, str] = {"row": "row_index", "column": "col_index"}
_NAME = re.compile(r"[A-Za-z0-9]+")
_LETTERS = 26
_COUNTED = 9  # letters or digits at most of a name that is counted on


def refuse_all(refusals: Sequence[Refusal]) -> None:
    """Raise all problems, each once, as one error: what the first of them is raised as."""
    if refusals:
        raise refusals[0][0](*dict.fromkeys(problem for _, problem in refusals))


def name_refusals(name: object, what: str, location: str, rule: str) -> list[Refusal]:
    """What is wrong with the name of a row, a column or a position; nothing, where it is letters and digits.

    Specification (0.4 and 0.5): names of rows and columns "MUST contain only alphanumeric characters, MUST be
    case-sensitive, and MUST NOT be a duplicate"; paths in a well "MUST contain only alphanumeric characters".

    >>> [str(problem) for _, problem in name_refusals("A_1", "row", "A_1/1", "plate.rows.name.alnum")]
    ["A_1/1: the name 'A_1' of the row has other characters than A–Z, a–z and 0–9. Give another name."]
    """
    if not isinstance(name, str):
        return [(WrongTypeError, Problem(location, f"{name!r} is no name of a {what}. Give text, such as '1'."))]
    if _NAME.fullmatch(name):
        return []
    message = f"the name {name!r} of the {what} has other characters than A–Z, a–z and 0–9. Give another name."
    message = message if name else f"the name of the {what} is empty. Give letters and digits."
    return [(InvalidValueError, Problem(location, message, rule=rule))]


class Growing:
    """The rows or the columns of a plate while wells are added to it; each is found by its name in one step.

    >>> rows = Growing((Line(name="A"),), "row")
    >>> rows.place("D", 3, "D/1"), [line.name for line in rows.lines()]
    ([], ['A', 'B', 'C', 'D'])
    """

    def __init__(self, lines: tuple[Line, ...], kind: Kind) -> None:
        self._before, self._kind = lines, kind
        self._names = [line.name for line in lines]
        self._indices = {line.name: index for index, line in reversed(list(enumerate(lines)))}

    def lines(self) -> tuple[Line, ...]:
        """All of them; the same object where nothing was added."""
        added = self._names[len(self._before) :]
        return (*self._before, *(Line(name=name) for name in added)) if added else self._before

    def place(self, name: Any, index: Any, location: str) -> list[Refusal]:
        """What is in the way of a line with this name at this index (None: any); where nothing is, it is there now."""
        kind, there = self._kind, len(self._names)
        refusals = name_refusals(name, kind, location, f"plate.{kind}s.name.alnum")
        wanted = None if index is None else integer(index)
        if index is not None and wanted is None:
            message = f"{_ARGUMENT[kind]} {index!r} is no integer. Give one from 0, or leave it out."
            refusals.append((WrongTypeError, Problem(location, message)))
        if refusals:
            return refusals
        known = self._indices.get(name)
        if wanted is None:
            wanted = there if known is None else known
        if not 0 <= wanted <= there + MOST:
            message = f"{_ARGUMENT[kind]} {wanted} is not from 0 to {there + MOST}. {self._cure(name)}"
            return [(OutOfRangeError, Problem(location, message))]
        if wanted < there and self._names[wanted] == name:
            return []
        if known is not None:
            message = f"the {kind} {name!r} has another index than {wanted}. {self._cure(name)}"
        elif wanted < there:
            message = f"the index {wanted} is that of the {kind} {self._names[wanted]!r}. {self._cure(name)}"
        else:
            between = self._missing(name, wanted - there)
            if between is not None:
                for added in (*between, name):
                    self._indices[added] = len(self._names)
                    self._names.append(added)
                return []
            message = f"nothing says what the {kind}s before the index {wanted} are called. {self._cure(name)}"
        return [(InvalidValueError, Problem(location, message, rule="plate.wells.indices.agree"))]

    def _cure(self, name: str) -> str:
        known = self._indices.get(name)
        gets = f"gets the next, {len(self._names)}" if known is None else f"has {known}"
        return f"Leave {_ARGUMENT[self._kind]} out: {name!r} {gets}."

    def _missing(self, name: str, number: int) -> list[str] | None:
        """The names of so many lines before a new one; None where the plate's naming says none, or one that is taken.

        They go on from the last line; in a plate without lines they lead up to the name as far as they can.
        """
        if not number:
            return []
        if self._names:
            last = _counted(self._names[-1])
            if last is None:
                return None
            style, first = last[0], last[1] + 1
        else:
            style, own = _counted(name) or _FIRST[self._kind]
            first = 0 if style in ("A", "a") or own == number else 1
        names = [_spelled(style, ordinal) for ordinal in range(first, first + number)]
        return None if name in names or any(made in self._indices for made in names) else names


def _counted(name: str) -> tuple[str, int] | None:
    """How a name is spelled ("A", "a", or zeros as wide as a number with leading zeros), and which one it is from 0."""
    if len(name) > _COUNTED or not name.isascii():
        return None
    if name.isdigit():
        return ("0" * len(name) if name[0] == "0" else "", int(name))
    if name.isalpha() and (name.isupper() or name.islower()):
        ordinal = 0
        for letter in name.upper():
            ordinal = ordinal * _LETTERS + ord(letter) - ord("A") + 1
        return ("A" if name.isupper() else "a", ordinal - 1)
    return None


def _spelled(style: str, ordinal: int) -> str:
    """The name of which ``_counted`` says this.

    >>> _spelled("A", 25), _spelled("A", 26), _spelled("a", 701), _spelled("", 12), _spelled("000", 12)
    ('Z', 'AA', 'zz', '12', '012')
    """
    if style not in ("A", "a"):
        return str(ordinal).zfill(len(style))
    letters, left = "", ordinal + 1
    while left:
        left, letter = divmod(left - 1, _LETTERS)
        letters = chr(ord(style) + letter) + letters
    return letters


def lines_from(given: Any, kind: Kind) -> tuple[tuple[Line, ...], list[Refusal]]:
    """Rows or columns from their names or their number, and what is wrong with these.

    >>> [line.name for line in lines_from(3, "row")[0]]
    ['A', 'B', 'C']
    """
    location, number = f"{kind}s", integer(given)
    if number is not None:
        if not 0 <= number <= MOST:
            message = f"{number} is not from 0 to {MOST}. Give another number, or names."
            return (), [(OutOfRangeError, Problem(location, message))]
        style, first = _FIRST[kind]
        return tuple(Line(name=_spelled(style, first + index)) for index in range(number)), []
    if not is_sequence(given):
        message = f"{given!r} is neither a number nor a list of names. Give one, such as 8 or ['A', 'B']."
        return (), [(WrongTypeError, Problem(location, message))]
    refusals = [
        refusal
        for index, name in enumerate(given)
        for refusal in name_refusals(name, kind, f"{location}[{index}]", f"plate.{kind}s.name.alnum")
    ]
    if refusals:
        return (), refusals
    for name in sorted(name for name, times in Counter(given).items() if times > 1):
        problem = Problem(
            location, f"the name {name!r} is there twice. Leave one out.", rule=f"plate.{kind}s.name.unique"
        )
        refusals.append((InvalidValueError, problem))
    return tuple(Line(name=name) for name in given), refusals


def line_order(names: Iterable[str]) -> list[str]:
    """Names of rows, columns or positions, each once, as one counts: numbers by value, letters as after Z comes AA.

    >>> line_order(["AA", "B", "10", "Z", "9", "A", "B"])
    ['9', '10', 'A', 'B', 'Z', 'AA']
    """
    return sorted(set(names), key=_rank)


def _rank(name: str) -> tuple[list[tuple[int, str]], str]:
    return [(len(part), part) for part in re.split("0*([0-9]+)", name)], name
