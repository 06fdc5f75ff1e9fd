"""What was read lately, by the frames of its texts: for texts that are like one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ngff_fn.json_splice import MAX_DEPTH, Frame, parse_bare

T = TypeVar("T")

LONGEST = 2**16
"""Characters of a text that is remembered."""
_DEEPEST = 5  # lists and objects around a part


class Known(Generic[T]):
    """The last texts that were read, and what they mean, for those that are like one of them.

    Parameters
    ----------
    many
        How many are remembered.
    fits
        Whether a text may be one of the values: what lies between two pieces of a frame may be more than that.

    >>> known = Known[str](4)
    >>> known.add(Frame('{"a": 1, "b": 2}', ["a"]), "one")
    >>> _, meaning, values = known.like('{"a": [], "b": 2}')
    >>> meaning, values
    ('one', ('[]',))
    """

    def __init__(self, many: int, fits: Callable[[str], object] = bool) -> None:
        self._many, self._fits = many, fits
        self._frames: tuple[tuple[Frame, T], ...] = ()  # replaced as one, so that no thread sees half of it

    def add(self, frame: Frame, meaning: T) -> None:
        """Remember a text."""
        self._frames = ((frame, meaning), *self._frames[: self._many - 1])

    def like(self, text: str) -> tuple[Frame, T, tuple[str, ...]] | None:
        """The frame of a text that this one is like, what that means, and the values of this one."""
        for frame, meaning in self._frames:
            values = frame.values(text)
            if values is not None and all(map(self._fits, values)):
                return frame, meaning, values
        return None


def parsed_part(text: str) -> Any:
    """The value of a part of a document; None where it is no JSON, which is for the thorough reader to tell.

    >>> parsed_part("[1]"), parsed_part("[1")
    ([1], None)
    """
    try:
        return parse_bare(text, max_depth=MAX_DEPTH - _DEEPEST)
    except ValueError:
        return None
