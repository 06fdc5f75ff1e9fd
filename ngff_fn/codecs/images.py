"""Images in documents: what the attributes of a group say of an image, which is all but its arrays.

An image without levels cannot be said in OME-NGFF; until its first level it stands in the attributes under ``ngff_fn``.
Unknown keys of one version that have no place in another are kept there too.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from attrs import evolve

from ngff_fn.codecs.axes import note_axes, sound_axes
from ngff_fn.codecs.channels import OMERO, read_channels, sound_omero
from ngff_fn.codecs.labels import IMAGE_LABEL, read_image_label, write_image_label
from ngff_fn.codecs.levels import path_clashes, read_level, sound_levels
from ngff_fn.codecs.parts import Part, mapping, others_of, section, sections_of, shown, text
from ngff_fn.codecs.transforms import read_transforms, sound_transforms, write_transforms
from ngff_fn.codecs.versions import OTHER_LAYOUTS, OURS, ome_part, stated
from ngff_fn.errors import Problem
from ngff_fn.frozen_json import EMPTY, FrozenMap, Json, freeze, thaw
from ngff_fn.records.axes import Axis
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Level, Place
from ngff_fn.records.snapshot import Version

if TYPE_CHECKING:
    from cattrs import Converter

_MULTISCALE = frozenset({
    "version", "name", "type", "metadata", "axes", "datasets", "coordinateTransformations"
})  # fmt: skip
# What the records say among the members of the attributes, and of their OME part where that is apart.
_ATTRIBUTES: dict[Version, frozenset[str]] = {
    "0.4": frozenset({"multiscales", "omero", IMAGE_LABEL, OURS}),
    "0.5": frozenset({"ome", OURS}),
}
_OME = frozenset({"version", "multiscales", "omero", IMAGE_LABEL})


_TEXT = frozenset({str, NoneType})
_OBJECT = frozenset({dict, NoneType})
_UNREADABLE = Image(axes=())  # never seen: an error was noted

Write: TypeAlias = Callable[[Any], Any]
"""Gives the JSON of a part of an image (a record, a tuple of them, unknown keys), which must not be changed."""


# -- reading -----------------------------------------------------------------------------------------------------------


def read_image(attributes: Part, version: Version, converter: Converter) -> Image:
    """The image that the attributes of a group describe; the arrays of its levels are not read yet."""
    ours = attributes.value.get(OURS)
    ours = ours if isinstance(ours, dict) else {}
    ome = ome_part(attributes, version)
    if "axes" in ours and (ome is None or "multiscales" not in ome.value):
        image = _read_empty(Part(ours, OURS, attributes.problems), converter)
    elif ome is None:
        if "ome" not in attributes.value:
            message = "is not there: this is no image. Open a group that is one."
            attributes.error(message, "doc.attributes_location", at="ome")
        return _UNREADABLE
    else:
        _note_version(ome, version)
        image = _read_described(ome, converter, empty=False)
    beside = EMPTY if ome is None or version == "0.4" else ome.others(*_OME)
    sections = {
        "attributes": _joined(attributes.others(*_ATTRIBUTES[version]), ours.get("attributes")),
        "ome": _joined(beside, ours.get("ome")),
    }
    label = None if ome is None else read_image_label(ome.get(IMAGE_LABEL))
    if label is not None:
        image = evolve(image, image_label=label)
    beyond = sections_of(sections)
    return evolve(image, extra=FrozenMap({**beyond, **image.extra})) if beyond else image


def sound_image(attributes: Any, version: Version) -> Image | None:
    """An image whose metadata are as they must be; None where ``read_image`` has to look, which would note something.

    What our own key keeps is for ``read_image`` too, and groups that are something else besides.
    """
    if type(attributes) is not dict or OURS in attributes:
        return None
    ome = attributes if version == "0.4" else attributes.get("ome")
    entries = ome.get("multiscales") if type(ome) is dict and ome.keys().isdisjoint(OTHER_LAYOUTS) else None
    if ome is None or type(entries) is not list or len(entries) != 1 or type(entries[0]) is not dict:
        return None
    first = entries[0]
    if (first if version == "0.4" else ome).get("version") != version or None in (*first.values(), *ome.values()):
        return None
    axes = sound_axes(first.get("axes"))
    name, method, metadata = map(first.get, ("name", "type", "metadata"))
    levels = None if axes is None else sound_levels(first.get("datasets"), len(axes))
    if axes is None or levels is None:
        return None
    if type(name) not in _TEXT or type(method) not in _TEXT or type(metadata) not in _OBJECT:
        return None
    steps = first.get("coordinateTransformations")
    whole = (None, None) if steps is None else sound_transforms(steps, len(axes))
    omero = sound_omero(ome["omero"]) if "omero" in ome else (None, EMPTY)  # null is noted, see above
    if whole is None or omero is None:
        return None
    noted: list[Problem] = []
    label = read_image_label(Part(ome[IMAGE_LABEL], IMAGE_LABEL, noted)) if IMAGE_LABEL in ome else None
    if noted:
        return None
    sections: dict[str, Json] = {
        "attributes": others_of(attributes, _ATTRIBUTES[version]),
        "ome": EMPTY if version == "0.4" else others_of(ome, _OME),
        "multiscale": others_of(first, _MULTISCALE),
        "omero": omero[1],
    }
    return Image(
        axes=axes,
        levels=levels,
        channels=omero[0],
        name=name,
        method=method,
        metadata=None if metadata is None else others_of(metadata, frozenset()),
        scale=whole[0],
        translation=whole[1],
        image_label=label,
        extra=sections_of(sections),
    )


class Described(NamedTuple):
    """What the document of a group says of an image: the same as another one, but for what is said here."""

    like: Image
    levels: tuple[Level, ...]
    channels: tuple[Channel, ...] | None
    extra: FrozenMap

    @classmethod
    def of(cls, image: Image) -> Described:
        """What says all that an image has."""
        return cls(image, image.levels, image.channels, image.extra)

    def image(self, levels: tuple[Level, ...], source: Place | None = None) -> Image:
        """The image, with its arrays: as ``evolve`` would make it, in a fraction of the time."""
        like = self.like
        return Image(
            axes=like.axes,
            levels=levels,
            channels=self.channels,
            name=like.name,
            method=like.method,
            metadata=like.metadata,
            scale=like.scale,
            translation=like.translation,
            image_label=like.image_label,
            source=source,
            extra=self.extra,
        )


def _read_described(ome: Part, converter: Converter, *, empty: bool) -> Image:
    if ome.value.get("multiscales") is None:
        message = "is not there: this is no image. Open a group that is one."
        ome.error(message, "image.multiscales.nonempty", at="multiscales")
        return _UNREADABLE
    entries = ome.entries("multiscales", "image.multiscales.nonempty")
    if not entries:
        return _UNREADABLE
    if len(entries) > 1:
        message = f"there are {len(entries)}; the first is the image, the others are kept as they are."
        ome.note("warning", message, "image.read.default_multiscale", at="multiscales")
    first = entries[0]
    if not first.is_object("image.multiscales.nonempty"):
        return _UNREADABLE
    axes = _read_axes(first, converter)
    scale, translation, unknown = read_transforms(first, len(axes), "image.multiscales.transforms")
    omero = ome.get("omero", "omero.channels.required")
    if omero is not None and not isinstance(omero.value, dict):
        omero.lenient(f"is {shown(omero.value)}, not an object; read as if it were not there.")
        omero = None
    name, method = first.get("name", "image.name"), first.get("type", "image.type")
    metadata = first.get("metadata", "image.metadata")
    sections: dict[str, Json] = {
        "multiscale": first.others(*_MULTISCALE),
        "transforms": unknown,
        "omero": EMPTY if omero is None else omero.others(*OMERO),
        "multiscales": tuple(freeze(entry.value) for entry in entries[1:]),
    }
    return Image(
        axes=axes,
        levels=() if empty else _read_levels(first, len(axes)),
        channels=None if omero is None else read_channels(omero, converter),
        name=None if name is None else text(name),
        method=None if method is None else text(method),
        metadata=None if metadata is None else mapping(metadata),
        scale=scale,
        translation=translation,
        extra=sections_of(sections),
    )


def _read_axes(multiscale: Part, converter: Converter) -> tuple[Axis, ...]:
    entries = multiscale.entries("axes", "image.axes.required")
    read_axis = converter.get_structure_hook(Axis)
    axes = tuple(read_axis(entry, Axis) for entry in entries)
    if axes:
        note_axes(multiscale["axes"], axes)
    return axes


def _read_levels(multiscale: Part, ndim: int) -> tuple[Level, ...]:
    entries = multiscale.entries("datasets", "image.datasets.required")
    levels = tuple(read_level(entry, ndim) for entry in entries)
    for index, fault in path_clashes([level.path for level in levels]):
        entries[index].error(fault, at="path")
    return levels


def _read_empty(ours: Part, converter: Converter) -> Image:
    """An image without levels: its axes, its channels or their names, and what else there is to say."""
    members = {name: ours.value.get(name) for name in ("multiscale", "omero")}
    multiscale, omero = (value if isinstance(value, dict) else {} for value in members.values())
    others = ours.value.get("multiscales")
    described: dict[str, Any] = {
        "multiscales": [{**multiscale, "axes": ours.value["axes"]}, *(others if isinstance(others, list) else [])]
    }
    if "channels" in ours.value:
        omero = {**omero, "channels": ours.value["channels"]}
    if omero:
        described["omero"] = omero
    problems: list[Problem] = []
    image = _read_described(Part(described, ours.location, problems), converter, empty=True)
    ours.problems.extend(problem for problem in problems if problem.kind == "error")
    return image


def _note_version(ome: Part, version: Version) -> None:
    said = stated(ome, version)
    if said is not None and said.value != version:
        said.lenient(f"is {shown(said.value)}; read as {version!r}.", "version.value")
    elif said is None and version == "0.4":
        place = "multiscales[0].version"
        message = f"is not there; read as {version!r}."
        ome.problems.append(Problem(place, message, kind="warning", rule="version.present"))
    elif said is None:
        ome.lenient(f"is not there; read as {version!r}.", "version.present", at="version")


def _joined(members: FrozenMap, kept: Any) -> FrozenMap:
    """With those that were kept under ``ngff_fn``."""
    return FrozenMap({**members, **Part(kept, OURS, []).others()}) if isinstance(kept, dict) else members


# -- writing -----------------------------------------------------------------------------------------------------------


def write_image(image: Image, version: Version, write: Write) -> dict[str, Any]:
    """The attributes of a group that describe an image."""
    multiscale = _write_multiscale(image, write)
    omero = _write_omero(image, write)
    others = thaw(image.extra.get("multiscales", ()))
    attributes = dict(write(section(image.extra, "attributes")))
    homeless = {key: attributes.pop(key) for key in tuple(attributes) if key in _ATTRIBUTES[version]}
    beside = _others(image, "ome", _OME, write)
    label = {} if image.image_label is None else {IMAGE_LABEL: write_image_label(image.image_label, version)}
    ours: dict[str, Any] = {"attributes": homeless}
    ome: dict[str, Any] = {}
    if image.levels:
        multiscale["datasets"] = write(image.levels)
        ome = {"multiscales": [_in_order(multiscale, version), *others]}
        if omero is not None:
            ome["omero"] = omero
    else:
        names = [channel["label"] if len(channel) == 1 else channel for channel in (omero or {}).pop("channels", ())]
        channels = {} if image.channels is None else {"channels": names}
        ours = {"axes": multiscale.pop("axes"), **channels, **ours}
        ours |= {"multiscale": multiscale, "omero": omero, "multiscales": others}
    if version == "0.4":
        ome |= label
        ours["ome"] = beside
    else:
        ome = {"ome": {"version": version, **ome, **label, **beside}}
    said = {key: value for key, value in ours.items() if value or key in ("axes", "channels")}
    return {**ome, **attributes, **({OURS: said} if said else {})}


def _write_multiscale(image: Image, write: Write) -> dict[str, Any]:
    members = {
        "name": image.name,
        "axes": write(image.axes),
        "coordinateTransformations": write_transforms(
            image.scale, image.translation, section(image.extra, "transforms")
        ),
        "type": image.method,
        "metadata": None if image.metadata is None else write(image.metadata),
    }
    known = {key: value for key, value in members.items() if value is not None}
    return {**known, **_others(image, "multiscale", _MULTISCALE, write)}


def _write_omero(image: Image, write: Write) -> dict[str, Any] | None:
    unknown = _others(image, "omero", OMERO, write)
    if image.channels is None:
        return unknown or None
    return {"channels": write(image.channels), **unknown}


def _others(image: Image, name: str, known: frozenset[str], write: Write) -> dict[str, Any]:
    """The unknown keys of a section, without those that records say."""
    others = section(image.extra, name)
    return {key: value for key, value in write(others).items() if key not in known} if others else {}


def _in_order(multiscale: dict[str, Any], version: Version) -> dict[str, Any]:
    """The members in the order in which people read them; 0.4 has the version among them."""
    first = {"version": version} if version == "0.4" else {}
    return {
        **first,
        **{key: multiscale[key] for key in ("name", "axes", "datasets") if key in multiscale},
        **multiscale,
    }
