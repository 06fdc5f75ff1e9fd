"""One cattrs converter per version of OME-NGFF, with a hook for each record in both directions.

Structure hooks take a ``Part``, note what is wrong in it, and return the record; unstructure hooks return plain JSON.
The versions differ in where the attributes of a group are, and in the documents of arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from ngff_fn.codecs import arrays_v2, arrays_v3
from ngff_fn.codecs.axes import read_axis
from ngff_fn.codecs.channels import read_channel, read_window
from ngff_fn.codecs.images import Write, read_image, write_image
from ngff_fn.codecs.levels import write_level
from ngff_fn.codecs.onto import Number, plain
from ngff_fn.codecs.parts import Part, is_number, mapping, number, text, truth
from ngff_fn.frozen_json import FrozenMap, thaw
from ngff_fn.json_splice import Repeated
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import Axis
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.image import Image, Level
from ngff_fn.records.snapshot import Version

if TYPE_CHECKING:
    from cattrs import Converter


# The rules that the members of records have to follow, where reading them alone can tell.
_RULES: dict[type, dict[str, str]] = {
    Axis: {"name": "axes.name.required", "type": "axes.type.known", "unit": "axes.unit.known"},
    Channel: {"color": "omero.channel.color.hex", "window": "omero.channel.window.keys"},
    Window: dict.fromkeys(("start", "end", "min", "max"), "omero.channel.window.keys"),
}


@cache
def converter(version: Version) -> Converter:
    """The converter of a version; cattrs is imported by the first call."""
    from cattrs import Converter

    made = Converter(detailed_validation=False)
    scalars: dict[type, Callable[[Part], Any]] = {str: text, float: number, bool: truth, FrozenMap: mapping}
    for kind, read_scalar in scalars.items():
        made.register_structure_hook(kind, _hook(read_scalar))
    made.register_unstructure_hook(float, Number)
    made.register_unstructure_hook(FrozenMap, thaw)
    records: dict[type, Callable[[Part, dict[str, Any] | None], Any]] = {
        Window: read_window, Axis: read_axis, Channel: read_channel,
    }  # fmt: skip
    for record, read_record in records.items():
        made.register_structure_hook(record, _hook_of_members(read_record, record, made))
        made.register_unstructure_hook(record, _writer(record, made))
    made.register_unstructure_hook(Level, write_level)  # the entry of its image's list; its array is apart
    made.register_structure_hook(Image, _hook(lambda part: read_image(part, version, made)))
    made.register_unstructure_hook(Image, lambda image: write_image(image, version, write_once(version)))
    if version == "0.4":
        made.register_structure_hook(ArraySpec, _hook(arrays_v2.read_array))
        made.register_unstructure_hook(ArraySpec, arrays_v2.write_array)
    else:
        made.register_structure_hook(ArraySpec, _hook(arrays_v3.read_array))
        made.register_unstructure_hook(ArraySpec, arrays_v3.write_array)
    return made


def write_once(version: Version) -> Write:
    """Writes the parts of images; a part of two images is written once, and the same JSON object stands for it in both.

    What was not changed by an edit is a part of both the image before and the image after it.
    """
    written: dict[int, tuple[Any, Any]] = {}  # with each part itself, or another one could get its id

    def write(part: Any) -> Any:
        if id(part) not in written:
            is_list = isinstance(part, tuple)
            kind: type = type(part)
            made = [write(item) for item in part] if is_list else _unstructure_hook(version, kind)(part)
            written[id(part)] = part, made
        return written[id(part)][1]

    return write


def write_anew(version: Version) -> Write:
    """As ``write_once``, for a document that is not there yet; axes and channels are written once for all of these.

    The images of a new plate have the very same ones, as objects; equal ones may be spelled otherwise, 1 and 1.0.
    """
    write = write_once(version)

    def anew(part: Any) -> Any:
        is_repeated = type(part) is tuple and part and type(part[0]) in (Axis, Channel)
        return _written(Itself(part), version) if is_repeated else write(part)

    return anew


class Itself:
    """An object as a key: equal to itself alone."""

    __slots__ = ("part",)

    def __init__(self, part: Any) -> None:
        self.part = part

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.part is other.part

    def __hash__(self) -> int:
        return id(self.part)


@lru_cache(maxsize=16)
def _written(parts: Itself, version: Version) -> Repeated:
    return Repeated(plain(write_once(version)(parts.part)))


@cache
def _unstructure_hook(version: Version, kind: type) -> Callable[[Any], Any]:
    return converter(version).get_unstructure_hook(kind)


def _hook(read: Callable[[Part], Any]) -> Callable[[Part, Any], Any]:
    return lambda part, _: read(part)


def _hook_of_members(
    read: Callable[[Part, dict[str, Any] | None], Any], record: type, made: Converter
) -> Callable[[Part, Any], Any]:
    """The hook of a record whose fields are the members of one object; what is no field of it goes to ``extra``."""
    rules = _RULES.get(record, {})
    kinds = _kinds(record)
    fields = [(name, kind, made.get_structure_hook(kind)) for name, kind in kinds.items()]
    known = frozenset(kinds)

    def structure(part: Part, _: Any) -> Any:
        said = part.value
        if not isinstance(said, dict):
            return read(part, None)
        members: dict[str, Any] = {}
        for name, kind, hook in fields:
            if name not in said:
                continue
            value = said[name]
            if is_number(value) if kind is float else value.__class__ is kind:
                members[name] = value  # as most are: nothing will be noted of it, so no part is made
            elif (member := part.get(name, rules.get(name, ""))) is not None:
                members[name] = hook(member, kind)
        if not said.keys() <= known:
            members["extra"] = part.others(*kinds)
        return read(part, members)

    return structure


def _kinds(record: type) -> dict[str, type]:
    """What the fields of a record are, if they are not None; those that are members of its object."""
    hints = get_type_hints(record)
    del hints["extra"]
    choices = {name: (*get_args(hint), hint) for name, hint in hints.items()}
    return {name: next(kind for kind in kinds if kind is not NoneType) for name, kinds in choices.items()}


def _writer(record: type, made: Converter) -> Callable[[Any], dict[str, Any]]:
    """What is None is not written; what is no field of the record stands beside the members."""
    from cattrs.gen import make_dict_unstructure_fn, override

    kinds = _kinds(record).items()
    fields: dict[str, Any] = {name: override(unstruct_hook=made.get_unstructure_hook(kind)) for name, kind in kinds}
    fields["extra"] = override(omit=True)
    known: Callable[[Any], dict[str, Any]] = make_dict_unstructure_fn(
        record, made, _cattrs_omit_if_default=True, **fields
    )

    def unstructure(value: Any) -> dict[str, Any]:
        members = known(value)
        if value.extra:
            members.update({key: thaw(item) for key, item in value.extra.items() if key not in members})
        return members

    return unstructure
