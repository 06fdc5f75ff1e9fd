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
        Its first parameter is annotated with a name that stands in ``_WANTED``. Its name, signature and types stay,
        and it pickles.

    Raises
    ------
    WrongTypeError
        (a TypeError) at each call with something else.

    >>> from ngff_fn.records.image import sizes
    >>> sizes(3)
    Traceback (most recent call last):
    ngff_fn.errors.WrongTypeError: image: an int is no image. Give one, such as snapshot.root.
    """
    name, annotation = next(iter(function.__annotations__.items()))
    known: set[type] = set()
    absent, refuse_other, mark_known = _ABSENT, _refuse_other, known.add

    def checked(*arguments: Any, **keywords: Any) -> Any:
        subject = arguments[0] if arguments else keywords.get(name, absent)
        if subject.__class__ not in known and subject is not absent:
            refuse_other(subject, annotation, name)
            mark_known(subject.__class__)
        return function(*arguments, **keywords)

    # With the globals of the function's own module, by which doctest knows whose example it is.
    named = FunctionType(checked.__code__, function.__globals__, function.__name__, None, checked.__closure__)
    return cast("Function", wraps(function)(named))


def items_of(value: Any) -> list[Any] | None:
    """What is in something that can be gone through; None for what cannot, an array without dimensions among it.

    >>> items_of(range(2)), items_of(3)
    ([0, 1], None)
    """
    try:
        items = iter(value)
    except TypeError:
        return None
    return list(items)


_WANTED = {
    "Image": "is no image. Give one, such as snapshot.root.",
    "Level": "is no level. Give one, such as level_at(image, '0').",
    "Plate": "is no plate. Give one, such as the root of a snapshot of a plate.",
    "Well": "is no well. Give one, such as node_at(plate, 'A/1').",
    "Holder": "is no plate, well or collection. Give one, such as the root of a snapshot of one.",
    "Root": "is no image, plate, well or collection. Give one, such as snapshot.root.",
    "AnyRoot": "is no image, plate, well or collection. Give one, such as snapshot.root.",
    "Node": "is neither an image nor labels, a level, plate, well or collection. Give one, such as snapshot.root.",
    "Snapshot": "is no snapshot. Give one, such as open_ome_zarr returns.",
}
_INSIDE = "is no image. Take one of its images with node_at, or edit one with update_at, all of them with each_image."
_UNREAD = (
    "an Unread stands for what was not read. Open the store with a select that has it, or the node by its own path."
)


def _refuse_other(subject: object, annotation: str, name: str) -> None:
    from ngff_fn.records.image import Image, Labels, Level, Unread
    from ngff_fn.records.plate import Collection, Plate, Well
    from ngff_fn.records.snapshot import Snapshot

    holders = (Plate, Well, Collection)
    kinds: dict[str, tuple[type, ...]] = {
        "Image": (Image,),
        "Level": (Level,),
        "Plate": (Plate,),
        "Well": (Well,),
        "Holder": holders,
        "Root": (Image, *holders),
        "AnyRoot": (Image, *holders),
        "Node": (Image, Level, Labels, *holders),
        "Snapshot": (Snapshot,),
    }
    if not isinstance(subject, kinds[annotation]):
        if isinstance(subject, Unread):
            raise WrongTypeError(Problem(name, _UNREAD))
        given = f"the class {subject.__name__}" if isinstance(subject, type) else a_type(subject)
        is_around = annotation == "Image" and isinstance(subject, holders)
        raise WrongTypeError(Problem(name, f"{given} {_INSIDE if is_around else _WANTED[annotation]}"))
