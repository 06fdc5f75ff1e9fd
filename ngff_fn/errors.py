"""What is wrong, where, and the cure: every refusal of the library is one of these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import field, frozen

Kind = Literal["error", "lenient", "warning"]
"""``error``: refused; ``lenient``: read although the specification forbids it; ``warning``: allowed, and unwise."""


@frozen
class Problem:
    """One thing that is wrong, with its location and its cure.

    Parameters
    ----------
    location
        Where, as a path such as ``levels[1].scale`` or ``0/.zarray:shape[2]``; empty where the whole is meant.
    message
        What is wrong, and the cure.
    kind
        ``error``, ``lenient`` (read although the specification forbids it) or ``warning``.
    rule
        The id of the normative rule that is broken, such as ``image.transforms.order``; empty where there is none.

    >>> print(Problem("levels[1].scale", "the image has axes y, x; no axis 't'. Leave t out."))
    levels[1].scale: the image has axes y, x; no axis 't'. Leave t out.
    """

    location: str
    message: str
    kind: Kind = field(default="error", kw_only=True)
    rule: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" if self.location else self.message


class NgffError(Exception):
    """Every refusal of this library; ``problems`` holds all that is wrong, ``str()`` one line for each.

    >>> raise NgffError(Problem("axes", "no axis 't'."), Problem("name", "not a string."))
    Traceback (most recent call last):
    ngff_fn.errors.NgffError: axes: no axis 't'.
    name: not a string.
    """

    problems: tuple[Problem, ...]

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(p if isinstance(p, Problem) else Problem("", p) for p in problems)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def located(self, prefix: str) -> NgffError:
        """The same refusal, seen from further out: every location gets the prefix."""
        return type(self)(*(_prefixed(problem, prefix) for problem in self.problems))


def _prefixed(problem: Problem, prefix: str) -> Problem:
    glue = "." if problem.location and not problem.location.startswith("[") and not prefix.endswith(" ") else ""
    return Problem(f"{prefix}{glue}{problem.location}", problem.message, kind=problem.kind, rule=problem.rule)


class InvalidValueError(NgffError, ValueError):
    """An argument, a record or a document that breaks a rule."""


class NotThereError(NgffError, KeyError, ValueError):
    """A channel, level, axis, well or node that is named and is not there."""

    __str__ = NgffError.__str__  # KeyError's own would print the representation of its argument


class OutOfRangeError(NgffError, IndexError):
    """An index or region outside of what there is."""


class WrongTypeError(NgffError, TypeError):
    """An argument of a type that cannot be meant."""


class StoreNotFoundError(NgffError, FileNotFoundError):
    """A store, or a node in it, that must exist and does not."""

    __str__ = NgffError.__str__


class StoreExistsError(NgffError, FileExistsError):
    """Something is already where a new thing shall be."""

    __str__ = NgffError.__str__


class DocumentError(NgffError, ValueError):
    """Documents that cannot be understood; nothing was read."""


class UnsupportedError(NgffError, NotImplementedError):
    """A version, layout, codec or kind of store that is refused by name."""


class ConflictError(NgffError):
    """Another writer came first: the documents that a plan was computed from have changed. Nothing was written."""


class StaleDataError(ConflictError):
    """Lazy pixels that the caller gave were read from a store that has changed since: to run edits again is no cure."""


class ForeignWriteError(NgffError):
    """The commit has happened, and another program wrote one of its documents at that very time: what is kept, where.

    No ConflictError: to run the edits again would not bring the other program's change back.
    """


class StoreError(NgffError, OSError):
    """The store itself failed, or does not allow what was asked."""

    __str__ = NgffError.__str__


def a_type(value: object) -> str:
    """The type of a value with its article, for a message.

    >>> a_type(3), a_type("text")
    ('an int', 'a str')
    """
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOaeio' or name == 'ndarray' else 'a'} {name}"


def counted(number: int, noun: str) -> str:
    """So many of something, for a message.

    >>> counted(1, "name"), counted(2, "name")
    ('1 name', '2 names')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def refuse(problems: Iterable[Problem], error: type[NgffError] = InvalidValueError) -> None:
    """Raise ``error`` with all problems, if there are any of kind ``error``.

    >>> refuse([Problem("axes", "may be better.", kind="warning")])
    """
    serious = tuple([problem for problem in problems if problem.kind == "error"])
    if serious:
        raise error(*serious)


def check_flags(**flags: object) -> None:
    """Refuse what is neither True nor False, by its name.

    >>> check_flags(dry_run=True)
    """
    message = "is neither True nor False. Give one of these."
    wrong = [Problem(name, f"{a_type(flag)} {message}") for name, flag in flags.items() if not isinstance(flag, bool)]
    refuse(wrong, WrongTypeError)
