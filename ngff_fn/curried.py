"""Every edit as a step for ``pipe``: it is called without its subject, and gives a function of the subject.

``set_scale(z=0.25)`` is a step, and ``set_scale(z=0.25)(image)`` is ``edits.set_scale(image, z=0.25)``. What a step was
called with is checked against the edit's signature when it is made; what the image has, when it runs. A step prints
itself as the call that made it, compares by it, and pickles.

>>> from ngff_fn.records.coordinates import scale
>>> from ngff_fn.records.examples import CELLS
>>> scale(pipe(CELLS, rename_channel("GFP", "EGFP"), set_scale(z=0.25)))
{'c': 1.0, 'z': 0.25, 'y': 0.25, 'x': 0.25}
>>> set_scale(z=0.25)
set_scale(z=0.25)
>>> rename_channel("GFP")
Traceback (most recent call last):
ngff_fn.errors.WrongTypeError: rename_channel('GFP'): missing a required argument: 'new'. Call rename_channel(old, new).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, overload

import attrs
import toolz

from ngff_fn.edits import (
    axes,
    channels,
    contrast,
    coordinates,
    encoding,
    extra,
    hierarchy,
    labels,
    levels,
    plates,
    positions,
    pyramid,
    rendering,
    select,
    tiles,
    transforms,
    xarrays,
)
from ngff_fn.edits.arguments import is_array
from ngff_fn.errors import Problem, WrongTypeError
from ngff_fn.records.image import Image, Level
from ngff_fn.records.plate import Collection, Plate, Well
from ngff_fn.records.snapshot import Snapshot

Subject = TypeVar("Subject")
Result = TypeVar("Result")
P = ParamSpec("P")

_SUBJECTS = (Image, Level, Plate, Well, Collection, Snapshot)


@attrs.frozen(eq=False, repr=False)
class Step(Generic[Subject, Result]):
    """An edit with everything that it is called with, but its subject.

    Parameters
    ----------
    edit
        The function, whose first parameter is the subject.
    arguments, keywords
        What it is called with after the subject.

    >>> from ngff_fn.records.examples import CELLS
    >>> step = set_scale(z=0.25)
    >>> step(CELLS) == step.edit(CELLS, z=0.25), step == set_scale(z=0.25), step == set_scale(z=0.5)
    (True, True, False)
    """

    edit: Callable[..., Result]
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()

    def __call__(self, subject: Subject, /) -> Result:
        """What the edit makes of a subject."""
        return self.edit(subject, *self.arguments, **dict(self.keywords))

    def __repr__(self) -> str:
        return _call(self.edit.__name__, self.arguments, dict(self.keywords))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.edit is other.edit and _same(self._bound(), other._bound())

    def __hash__(self) -> int:
        # Arguments may be lists and arrays, which have no hash; steps that are equal give a value to the same names.
        return hash((self.edit, frozenset(self._bound())))

    def _bound(self) -> Mapping[str, Any]:
        return inspect.signature(self.edit).bind(None, *self.arguments, **dict(self.keywords)).arguments


def step(edit: Callable[Concatenate[Subject, P], Result]) -> Callable[P, Step[Subject, Result]]:
    """The twin of an edit that makes steps: the same parameters but the first.

    Parameters
    ----------
    edit
        A function whose first parameter is the subject; one of the caller's own as well. That its steps pickle, it is
        at the top of a module.

    >>> def without_name(image, *, name=None):
    ...     return attrs.evolve(image, name=name)
    >>> step(without_name)(name="cells")
    without_name(name='cells')
    """
    whole = inspect.signature(edit)
    own = whole.replace(parameters=list(whole.parameters.values())[1:], return_annotation=Step)
    name, subject = edit.__name__, next(iter(whole.parameters))
    is_own = edit.__module__.startswith("ngff_fn.")  # none of ours takes a record first; the caller's own may

    def make(*arguments: P.args, **keywords: P.kwargs) -> Step[Subject, Result]:
        if arguments and is_own and isinstance(arguments[0], _SUBJECTS):
            message = f"a step leaves the {subject} out, which pipe gives it. Call {name}{_without_annotations(own)}."
            raise WrongTypeError(Problem(_call(name, arguments, keywords), message))
        try:
            own.bind(*arguments, **keywords)
        except TypeError as error:
            message = f"{error}. Call {name}{_without_annotations(own)}."
            raise WrongTypeError(Problem(_call(name, arguments, keywords), message)) from error
        return Step(edit, arguments, tuple(keywords.items()))

    make.__name__ = make.__qualname__ = name
    make.__doc__ = _documentation(edit, subject)
    make.__signature__ = own  # type: ignore[attr-defined] # where inspect looks for it
    return make


def _documentation(edit: Callable[..., object], subject: str) -> str:
    """The edit's own, without its example: that calls the edit, and not its twin."""
    text = inspect.getdoc(edit) or ""
    head, _, _ = text.partition("\n>>> ")
    return f"As a step, which is given the {subject} by ``pipe``: {head.rstrip()}\n"


def _without_annotations(signature: inspect.Signature) -> str:
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(inspect.Signature(plain))


def _call(name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    given = [*map(_shown, arguments), *(f"{key}={_shown(value)}" for key, value in keywords.items())]
    return f"{name}({', '.join(given)})"


def _shown(value: Any) -> str:
    """As Python writes it; arrays by their shape and dtype, records by the name of their class."""
    if is_array(value):
        shape = tuple(value.shape)
        return f"<array {shape} {value.dtype}>" if shape or not hasattr(value, "item") else repr(value.item())
    if attrs.has(type(value)) and not isinstance(value, Step) and len(repr(value)) > 80:
        return f"<{type(value).__name__}>"
    match value:
        case dict():
            return "{" + ", ".join(f"{_shown(key)}: {_shown(item)}" for key, item in value.items()) + "}"
        case list():
            return f"[{', '.join(map(_shown, value))}]"
        case tuple() if type(value) is tuple:
            return f"({', '.join(map(_shown, value))}{',' if len(value) == 1 else ''})"
        case _:
            return repr(value)


def _same(left: Any, right: Any) -> bool:
    """Equality that reads no array: two are the same if they are one."""
    if left is right:
        return True
    if getattr(left, "shape", ()) or getattr(right, "shape", ()):
        return False
    match left, right:
        case (Mapping(), Mapping()):
            return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
        case (list(), list()) | (tuple(), tuple()):
            return len(left) == len(right) and all(map(_same, left, right))
        case _:
            return bool(left == right)


rename_axis = step(axes.rename_axis)
set_unit = step(axes.set_unit)
add_channel = step(channels.add_channel)
remove_channel = step(channels.remove_channel)
rename_channel = step(channels.rename_channel)
reorder_channels = step(channels.reorder_channels)
update_channel = step(channels.update_channel)
set_contrast_limits = step(contrast.set_contrast_limits)
set_level_scale = step(coordinates.set_level_scale)
set_level_translation = step(coordinates.set_level_translation)
set_multiscale_scale = step(coordinates.set_multiscale_scale)
set_multiscale_translation = step(coordinates.set_multiscale_translation)
set_scale = step(coordinates.set_scale)
set_translation = step(coordinates.set_translation)
astype = step(encoding.astype)
rechunk = step(encoding.rechunk)
detach = step(extra.detach)
remove_extra: Callable[..., Step[Any, Any]] = step(extra.remove_extra)
set_extra: Callable[..., Step[Any, Any]] = step(extra.set_extra)
each_image: Callable[..., Step[Any, Any]] = step(hierarchy.each_image)
update_at: Callable[..., Step[Any, Any]] = step(hierarchy.update_at)
add_label = step(labels.add_label)
remove_label = step(labels.remove_label)
set_label_colors = step(labels.set_label_colors)
set_label_properties = step(labels.set_label_properties)
add_level = step(levels.add_level)
add_level_zeros = step(levels.add_level_zeros)
remove_level = step(levels.remove_level)
set_region = step(levels.set_region)
add_well = step(plates.add_well)
remove_well = step(plates.remove_well)
rename_well = step(plates.rename_well)
set_field_count = step(plates.set_field_count)
add_position = step(positions.add_position)
add_positions = step(positions.add_positions)
move_position = step(positions.move_position)
remove_position = step(positions.remove_position)
with_pyramid = step(pyramid.with_pyramid)
without_pyramid = step(pyramid.without_pyramid)
set_channel_active = step(rendering.set_channel_active)
set_channel_color = step(rendering.set_channel_color)
concatenate = step(select.concatenate)
crop = step(select.crop)
make_tiles = step(tiles.make_tiles)
set_tile = step(tiles.set_tile)
set_transform = step(transforms.set_transform)
set_xarray = step(xarrays.set_xarray)

_Of: TypeAlias = Callable[[Subject], Result]
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
J = TypeVar("J")
K = TypeVar("K")
L = TypeVar("L")


# One line for each number of steps, as far as it goes.
# fmt: off
@overload
def pipe(value: A, /) -> A: ...
@overload
def pipe(value: A, a: _Of[A, B], /) -> B: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], /) -> C: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], /) -> D: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], /) -> E: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], e: _Of[E, F], /) -> F: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], e: _Of[E, F], f: _Of[F, G], /) -> G: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], e: _Of[E, F],
         f: _Of[F, G], g: _Of[G, H], /) -> H: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], e: _Of[E, F],
         f: _Of[F, G], g: _Of[G, H], h: _Of[H, J], /) -> J: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], e: _Of[E, F],
         f: _Of[F, G], g: _Of[G, H], h: _Of[H, J], j: _Of[J, K], /) -> K: ...
@overload
def pipe(value: A, a: _Of[A, B], b: _Of[B, C], c: _Of[C, D], d: _Of[D, E], e: _Of[E, F],
         f: _Of[F, G], g: _Of[G, H], h: _Of[H, J], j: _Of[J, K], k: _Of[K, L], /) -> L: ...
@overload
def pipe(value: Any, a: _Of[Any, Any], b: _Of[Any, Any], c: _Of[Any, Any], d: _Of[Any, Any],
         e: _Of[Any, Any], f: _Of[Any, Any], g: _Of[Any, Any], h: _Of[Any, Any],
         j: _Of[Any, Any], k: _Of[Any, Any], /, *steps: _Of[Any, Any]) -> Any: ...
# fmt: on
def pipe(value: Any, /, *steps: Callable[[Any], Any]) -> Any:
    """The value after all steps, one after the other; ``toolz.pipe`` with types for up to ten of them.

    Parameters
    ----------
    value
        What the first step is given.
    steps
        Functions of one argument.

    >>> pipe(2, str, len)
    1
    """
    return toolz.pipe(value, *steps)
