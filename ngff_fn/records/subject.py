"""What every edit and every question is about: its first argument, checked in one place for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar, cast

from ngff_fn.errors import Problem, WrongTypeError, a_type

Function = TypeVar("Function", bound=Callable[..., Any])

_ABSENT = object()


def of_record(function: Function) -> Function:
    """The function, which refuses another first argument than the record that its annotation says.

    Parameters
    ----------
    function
        Its first parameter is annotated as ``Image``, ``Root``, ``Level``, ``Node`` or ``Snapshot``. Its name, signature
        and types stay, and it pickles.

    Raises
    ------
    WrongTypeError
        (a TypeError) at each call with something else.

    >>> from ngff_fn.records.image import sizes
    >>> sizes(3)
    Traceback (most recent call last):
    ngff_fn.errors.WrongTypeError: image: an int was given to sizes, which takes an Image. Give snapshot.root, ...
    """
    name, annotation = next(iter(function.__annotations__.items()))
    known: set[type] = set()
    absent, refuse_other, mark_known = _ABSENT, _refuse_other, known.add

    def checked(*arguments: Any, **keywords: Any) -> Any:
        subject = arguments[0] if arguments else keywords.get(name, absent)
        if subject.__class__ not in known and subject is not absent:
            refuse_other(subject, annotation, name, function)
            mark_known(subject.__class__)
        return function(*arguments, **keywords)

    # With the globals of the function's own module, by which doctest knows whose example it is.
    named = FunctionType(checked.__code__, function.__globals__, function.__name__, None, checked.__closure__)
    return cast("Function", wraps(function)(named))


_CURES = {
    "Image": "Give snapshot.root, or what an edit made of it.",
    "Level": "Give one of image.levels.",
    "Snapshot": "Give what open_ome_zarr returned.",
}


def _refuse_other(subject: object, annotation: str, name: str, function: Callable[..., Any]) -> None:
    from ngff_fn.records.image import Image, Level
    from ngff_fn.records.snapshot import Snapshot

    kinds: dict[str, tuple[type, ...]] = {
        "Image": (Image,),
        "Root": (Image,),
        "Level": (Level,),
        "Node": (Image, Level),
        "Snapshot": (Snapshot,),
    }
    wanted = kinds[annotation]
    if not isinstance(subject, wanted):
        takes = " or ".join(f"{'an' if kind is Image else 'a'} {kind.__name__}" for kind in wanted)
        given = f"the class {subject.__name__}" if isinstance(subject, type) else a_type(subject)
        message = f"{given} was given to {function.__name__}, which takes {takes}. {_CURES[wanted[0].__name__]}"
        raise WrongTypeError(Problem(name, message))
