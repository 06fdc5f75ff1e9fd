"""Versions of OME-NGFF: which one documents are of, where it keeps its attributes, and what kind of node a group is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from ngff_fn.codecs.parts import Part, shown
from ngff_fn.codecs.texts import document
from ngff_fn.errors import DocumentError, Problem, UnsupportedError, refuse
from ngff_fn.records.snapshot import Version

LayoutName: TypeAlias = Literal["plate", "well", "bf2raw", "image", "empty", "group"]

OURS = "ngff_fn"
"""The key of the attributes that is this library's own."""

# The first that is there counts: a plate comes before what bioformats2raw says of the images in it.
_LAYOUTS: dict[str, LayoutName] = {
    "plate": "plate", "bioformats2raw.layout": "bf2raw", "well": "well", "multiscales": "image",
}  # fmt: skip
OTHER_LAYOUTS = _LAYOUTS.keys() - {"multiscales"}
_KNOWN = re.compile(r"(0\.[45])([.\-+ ].*)?", re.DOTALL)
_OLD = {"0.1", "0.2", "0.3"}
_FORMATS = {"0.4": "Zarr v2", "0.5": "Zarr v3"}


def root_attributes(documents: Mapping[str, bytes], problems: list[Problem]) -> tuple[Version, Part | None]:
    """The version that the Zarr format belongs to, and the attributes of the group; None if they cannot be read."""
    if "zarr.json" not in documents:
        attributes = document(documents, ".zattrs", problems)
        if ".zattrs" not in documents:
            attributes = Part({}, ".zattrs:", problems)
        if attributes is None or not attributes.is_object("doc.attributes_location"):
            return "0.4", None
        return "0.4", Part(attributes.value, "", problems)
    # RFC-2: where both formats stand side by side, 0.5 is preferred.
    whole = document(documents, "zarr.json", problems)
    if whole is None or not whole.is_object():
        return "0.5", None
    attributes = whole["attributes"] if "attributes" in whole.value else Part({}, "", problems)
    if not attributes.is_object("doc.attributes_location"):
        return "0.5", None
    return "0.5", Part(attributes.value, "", problems)


def ome_part(attributes: Part, version: Version) -> Part | None:
    """The part of a group's attributes that belongs to OME-NGFF; None where there is none, or it cannot be read.

    "The OME-Zarr Metadata … is stored in the various zarr.json files under the 'ome' key in 'attributes'" (0.5); at the
    top of ``.zattrs`` before.
    """
    if version == "0.4":
        return attributes
    if "ome" not in attributes.value or not attributes["ome"].is_object("doc.attributes_location"):
        return None
    return Part(attributes.value["ome"], "", attributes.problems)


def version_of(documents: Mapping[str, bytes]) -> Version:
    """The version of OME-NGFF that the root of some documents is of.

    Parameters
    ----------
    documents
        By store key; only the root's own are looked at.

    Raises
    ------
    UnsupportedError
        For another version, by name.
    DocumentError
        Where the root's documents are no JSON.

    >>> version_of({".zattrs": b'{"multiscales": [{"version": "0.4-dev"}]}'})
    '0.4'
    >>> version_of({".zattrs": b'{"multiscales": [{"version": "0.3"}]}'})
    Traceback (most recent call last):
    ngff_fn.errors.UnsupportedError: multiscales[0].version: OME-NGFF 0.3 is not supported. Convert it to 0.4 first, ...
    """
    problems: list[Problem] = []
    version, attributes = root_attributes(documents, problems)
    refuse(problems, DocumentError)
    ome = None if attributes is None else ome_part(attributes, version)
    refuse(problems, DocumentError)
    claim = None if ome is None else stated(ome, version)
    if claim is not None and understood(claim.value) != version:
        raise UnsupportedError(Problem(claim.location, _refusal(claim.value, version), rule="version.value"))
    return version


def stated(ome: Part, version: Version) -> Part | None:
    """Where the OME attributes of a group say their version; None where they do not."""
    if version == "0.5":
        return ome["version"] if "version" in ome.value else None
    for key in ("plate", "multiscales", "well"):
        holder = ome[key] if key in ome.value else None
        if holder is not None and key == "multiscales" and isinstance(holder.value, list) and holder.value:
            holder = holder[0]
        if holder is not None and isinstance(holder.value, dict) and "version" in holder.value:
            return holder["version"]
    return None


def understood(claim: Any) -> Version | None:
    """The supported version that a statement means, also a number or with a suffix; None for others.

    >>> understood("0.5-dev-spatialdata"), understood(0.4), understood("0.45")
    ('0.5', '0.4', None)
    """
    match = _KNOWN.fullmatch(str(claim)) if isinstance(claim, str | float) else None
    if match is None:
        return None
    return "0.4" if match[1] == "0.4" else "0.5"


def _refusal(claim: Any, version: Version) -> str:
    name = f"OME-NGFF {claim}" if isinstance(claim, str) and len(claim) < 20 else f"the version {shown(claim)}"
    meant = understood(claim)
    if meant is not None:
        message = f"{name} is kept in {_FORMATS[meant]}, and this is {_FORMATS[version]}."
        return f"{message} Say that it is {version}, if the metadata are of that, or convert the arrays."
    if str(claim) in _OLD:
        return f"{name} is not supported. Convert it to 0.4 first, for instance with ome-zarr-py."
    supported = "0.4 (Zarr v2) and 0.5 (Zarr v3) are"
    return f"{name} is not supported; {supported}. Convert it to 0.5, or use a newer release."


def stated_layout(documents: Mapping[str, bytes]) -> LayoutName:
    """What kind of node the root of some documents is, by the keys of its attributes."""
    problems: list[Problem] = []
    version, attributes = root_attributes(documents, problems)
    ome = None if attributes is None else ome_part(attributes, version)
    refuse(problems, DocumentError)
    for key, layout in _LAYOUTS.items():
        if ome is not None and key in ome.value:
            return layout
    ours = {} if attributes is None else kept(attributes)
    for key in ("plate", "well"):
        if key in ours:
            return _LAYOUTS[key]
    return "empty" if "axes" in ours else "group"


def kept(attributes: Part) -> dict[str, Any]:
    """What this library's own key says in the attributes of a group: what OME-NGFF has no place for yet."""
    ours = attributes.value.get(OURS)
    return ours if isinstance(ours, dict) else {}
