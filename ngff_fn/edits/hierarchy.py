"""Edits that reach into a hierarchy: of every image below a root, and of the node at one path.

What an edit leaves as it is stays the same object, up to the root: ``diff`` does not look into it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import is_
from typing import Any, TypeAlias, TypeVar, assert_never

from attrs import evolve

from ngff_fn.edits.arguments import truth
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, Problem, WrongTypeError, a_type
from ngff_fn.records.holders import positions
from ngff_fn.records.image import Image, Label, Labels, Level, Unread, with_channel_list
from ngff_fn.records.nodes import (
    Entry,
    Node,
    checked_path,
    entries,
    next_towards,
    not_read,
    shown,
)
from ngff_fn.records.plate import Collection, Field, Plate, Series, Well
from ngff_fn.records.snapshot import Root
from ngff_fn.records.subject import of_record

AnyRoot = TypeVar("AnyRoot", bound=Root)
_Holding = TypeVar("_Holding", bound=Field | Series | Label)
Where: TypeAlias = str | Callable[[str, Any], bool] | None
_WITH_PATH = (Well, Level)
_Change: TypeAlias = Callable[[str, Image | Unread], Image | Unread]


# -- every image -------------------------------------------------------------------------------------------------------


@of_record
def each_image(root: AnyRoot, *edits: Callable[[Any], Any], where: Where = None) -> AnyRoot:
    """The root with every image below it edited; what no edit changes stays the same object.

    Parameters
    ----------
    root
        A Plate, a Well or a Collection; an Image is edited itself.
    edits
        Functions of an image that give an image, such as the steps of ``ngff_fn.curried``; one after the other.
    where
        Which images are meant. None: all. A glob on the path of the position as ``positions(root)`` has it, such as
        ``"A/*/*"``: name by name, ``*`` is any text within a name. Or a function of the path and the image that says
        whether it is meant; of a well that was left out it is given the path of the well and an ``Unread``.

    Raises
    ------
    NotThereError
        (a KeyError) where what is meant was not read, and for a glob that means nothing.
    WrongTypeError
        (a TypeError) for edits that are no functions, or give no image.
    NgffError
        What an edit refuses, of the same type where all are of one, with the path of each position before it.

    >>> from ngff_fn.curried import rename_channel
    >>> from ngff_fn.records.channel_names import channel_names
    >>> from ngff_fn.records.examples import PLATE
    >>> from ngff_fn.records.holders import positions
    >>> renamed = each_image(PLATE, rename_channel("GFP", "EGFP"), where="A/*/*")
    >>> [(path, channel_names(image)[1]) for path, image in positions(renamed)]
    [('A/1/0', 'EGFP'), ('A/1/1', 'EGFP'), ('B/2/0', 'GFP')]
    >>> renamed.wells[1] is PLATE.wells[1]
    True
    >>> each_image(renamed, rename_channel("EGFP", "green"))
    Traceback (most recent call last):
    ngff_fn.errors.NotThereError: B/2/0: omero.channels: no channel 'EGFP'; the image has: DAPI, GFP.
    """
    _refuse_no_functions(edits)
    is_meant = _meant(root, where)
    if not edits:
        return root
    share, refusals, is_glob_of_none = _sharing(), list[NgffError](), isinstance(where, str)

    def change(path: str, image: Image | Unread) -> Image | Unread:
        nonlocal is_glob_of_none
        try:
            if is_meant is not None and not is_meant(path, image):
                return image
            is_glob_of_none = False
            if isinstance(image, Unread):
                refusals.append(NotThereError(not_read(path)))
                return image
            return share(_edited(image, edits, path), image)
        except NgffError as refusal:
            refusals.append(_located(refusal, path))
            return image

    made = _with_images(root, change)
    if is_glob_of_none:
        there = shown(path for path, _ in positions(root))
        raise NotThereError(Problem("where", f"{where!r} means no image; there are: {there}. Give a glob of some."))
    _raise_all(refusals)
    return made


def _with_images(root: AnyRoot, change: _Change) -> AnyRoot:
    """The root with what ``change`` makes of each of its images."""
    made: Any
    match root:
        case Image():
            made = change("", root)
        case Well():
            made = _well_with_images(root, "", change)
        case Collection():
            series = tuple([_with_image(entry, change(entry.path, entry.image)) for entry in root.series])
            made = root if all(map(is_, series, root.series)) else evolve(root, series=series)
        case Plate():
            wells = tuple([_well_with_images(well, f"{well.path}/", change) for well in root.wells])
            made = root if all(map(is_, wells, root.wells)) else evolve(root, wells=wells)
        case _:
            assert_never(root)
    return made  # type: ignore[no-any-return] # of the type that was given, as each case made it


def _well_with_images(well: Well | Unread, above: str, change: _Change) -> Well | Unread:
    if isinstance(well, Unread):
        change(well.path, well)  # which refuses it, where it is meant
        return well
    fields = tuple([_with_image(field, change(above + field.path, field.image)) for field in well.fields])
    if all(map(is_, fields, well.fields)):
        return well
    return Well(path=well.path, fields=fields, source=well.source, extra=well.extra)  # evolve takes twice as long


def _with_image(entry: _Holding, image: Image | Unread) -> _Holding:
    if image is entry.image:
        return entry
    made: Any
    if isinstance(entry, Field):
        made = Field(path=entry.path, image=image, acquisition=entry.acquisition, extra=entry.extra)  # twice as fast
    else:
        made = evolve(entry, image=image)
    return made  # type: ignore[no-any-return] # of the type that was given, as each case made it


def _sharing() -> Callable[[Image, Image], Image]:
    """Images that had one object for their axes or channels, and got equal ones, have one object for them again."""
    made: dict[int, Any] = {}  # by the id of what was there before, which the root keeps alive

    def share(new: Image, old: Image) -> Image:
        axes, channels = shared(new.axes, old.axes), shared(new.channels, old.channels)
        if axes is not new.axes:
            return evolve(new, axes=axes, channels=channels)
        return new if channels is new.channels else with_channel_list(new, channels)

    def shared(new: Any, old: Any) -> Any:
        if new is old:
            return new
        known = made.setdefault(id(old), new)
        return known if known == new else new

    return share


# -- which are meant ---------------------------------------------------------------------------------------------------


def _meant(root: Root, where: Where) -> Callable[[str, Image | Unread], bool] | None:
    """What says of a position whether it is meant; None where all are."""
    if where is None:
        return None
    if isinstance(where, str):
        return _meant_by_glob(root, where)
    if not callable(where):
        message = f"{a_type(where)} is neither a glob nor a function of path and image. Give one, such as 'A/*/*'."
        raise WrongTypeError(Problem("where", message))
    return lambda path, image: _says(where, path, image)


def _meant_by_glob(root: Root, glob: str) -> Callable[[str, Image | Unread], bool]:
    names = glob.strip("/").split("/")
    of_image = glob_expression("/".join(names)).fullmatch
    of_well = glob_expression("/".join(names[:2]) if len(names) > 2 else "").fullmatch
    unread = {well.path for well in root.wells if isinstance(well, Unread)} if isinstance(root, Plate) else ()

    def is_meant(path: str, _: Image | Unread) -> bool:
        matches = of_well if path in unread else of_image  # nobody knows the images of a well that was not read
        return matches(path) is not None

    return is_meant


def glob_expression(glob: str) -> re.Pattern[str]:
    """The regular expression of a glob: ``*`` is any text within a name.

    >>> [bool(glob_expression("A/1*/0").fullmatch(path)) for path in ("A/12/0", "A/1/0", "A/2/0", "A/1/2/0")]
    [True, True, False, False]
    """
    return re.compile("[^/]*".join(map(re.escape, glob.split("*"))))


def _says(where: Callable[[str, Any], bool], path: str, image: Image | Unread) -> bool:
    try:
        return truth(where(path, image), "where")
    except Exception as error:
        if isinstance(image, Unread):
            return True  # to say, it needs what is inside
        _note(error, "where", path)
        raise


# -- the node at one path ----------------------------------------------------------------------------------------------


@of_record
def update_at(root: AnyRoot, path: str, *edits: Callable[[Any], Any]) -> AnyRoot:
    """The root with the node at a path edited; everything else stays the same object.

    Parameters
    ----------
    root
        A Plate, a Well, a Collection or an Image.
    path
        As for ``node_at``: of a plate ``A/1`` is a well, ``A/1/0`` an image, ``A/1/0/0`` a level of it and
        ``A/1/0/labels/cells`` a label image; ``""`` is the root.
    edits
        Functions of the node that give a record of the same type, at the same path; one after the other.

    Raises
    ------
    NotThereError
        (a KeyError) that names what there is; for what was not read, with the cure.
    WrongTypeError, InvalidValueError
        (a TypeError, a ValueError) for edits that are no functions, or give another type of record; for another path.
    NgffError
        What an edit refuses, with the path before it.

    >>> from ngff_fn.curried import set_scale
    >>> from ngff_fn.records.coordinates import scale
    >>> from ngff_fn.records.examples import PLATE
    >>> from ngff_fn.records.nodes import node_at
    >>> finer = update_at(PLATE, "A/1/0", set_scale(z=0.1))
    >>> scale(node_at(finer, "A/1/0"))["z"], scale(node_at(finer, "A/1/1"))["z"]
    (0.1, 0.5)
    >>> update_at(PLATE, "A/3", set_scale(z=0.1))
    Traceback (most recent call last):
    ngff_fn.errors.NotThereError: 'A/3': there is no such node; listed are: A/1, B/2.
    """
    _refuse_no_functions(edits)
    wanted = checked_path(path)
    made: AnyRoot = _updated(root, wanted, wanted, edits)
    return made


def _updated(node: Any, rest: str, path: str, edits: tuple[Callable[[Any], Any], ...]) -> Any:
    """The node with what is at the rest of the path below it edited."""
    if not rest:
        try:
            return _edited(node, edits, path)
        except NgffError as refusal:
            located = _located(refusal, path)
        raise located
    entry, old, further = next_towards(node, rest, path)
    new = _updated(old, further, path, edits)
    return node if new is old else _with_entry(node, entry, new)


def _with_entry(node: Node, entry: Entry, new: Any) -> Node:
    """The node with another record where ``entry`` holds one."""
    renewed = _with_image(entry, new) if isinstance(entry, Field | Series | Label) else new
    all_of_them: Any = tuple([renewed if one is entry else one for one in entries(node)])
    match node:
        case Plate():
            return evolve(node, wells=all_of_them)
        case Well():
            return evolve(node, fields=all_of_them)
        case Collection():
            return evolve(node, series=all_of_them)
        case Image() if isinstance(entry, Level):
            return evolve(node, levels=all_of_them[: len(node.levels)])
        case Image():
            return evolve(node, labels=new)
        case Labels():
            return evolve(node, images=all_of_them)
        case Level():
            return node
        case _:
            assert_never(node)


# -- one node ----------------------------------------------------------------------------------------------------------


def _edited(node: Any, edits: tuple[Callable[[Any], Any], ...], path: str) -> Any:
    """What the edits make of a node, one after the other: a record of the same type, at the same path."""
    made = node
    for edit in edits:
        try:
            made = edit(made)
        except NgffError:
            raise
        except Exception as error:
            _note(error, repr(edit), path)
            raise
    if made.__class__ is not node.__class__:
        message = f"the edits made {a_type(made)} of {a_type(node)}. Give such as return one."
        raise WrongTypeError(Problem("", message))
    if isinstance(node, _WITH_PATH) and made.path != node.path:
        message = (
            f"the edits changed the path from {node.path!r} to {made.path!r}. Leave it; add and remove nodes instead."
        )
        raise InvalidValueError(Problem("path", message))
    return made


def _refuse_no_functions(edits: tuple[Any, ...]) -> None:
    problems = [
        Problem(f"edits[{number}]", f"{a_type(edit)} is no function of a record. Give one, such as a step of curried.")
        for number, edit in enumerate(edits)
        if not callable(edit)
    ]
    if problems:
        raise WrongTypeError(*problems)


def _note(error: Exception, what: str, path: str) -> None:
    """What is not ours to refuse goes on as it is; where it happened is noted."""
    error.add_note(f"in {what}, at {path or 'the root'!r}")


def _located(refusal: NgffError, path: str) -> NgffError:
    """The refusal, seen from the root."""
    if not path:
        return refusal
    problems = [
        evolve(problem, location=f"{path}: {problem.location}" if problem.location else path)
        for problem in refusal.problems
    ]
    located = type(refusal)(*problems)
    located.__cause__ = refusal
    return located


def _raise_all(refusals: list[NgffError]) -> None:
    """All that is wrong at once; of the type that all refusals have, else an InvalidValueError."""
    if len(refusals) == 1:
        raise refusals[0]
    types = {type(refusal) for refusal in refusals}
    if refusals:
        raised = types.pop() if len(types) == 1 else InvalidValueError
        raise raised(*(problem for refusal in refusals for problem in refusal.problems)) from refusals[0]
