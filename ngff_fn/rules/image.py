"""The rules of images that go beyond what reading them needs: one small function each, and the table of all.

Kinds follow the specification: ``lenient`` for MUST (it was read all the same), ``warning`` for SHOULD and for advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

from ngff_fn.errors import Problem
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.axes import UDUNITS
from ngff_fn.records.snapshot import Snapshot

Rule: TypeAlias = Callable[[Snapshot], Iterator[Problem]]

_TYPES = frozenset({"space", "time", "channel"})
_MULTISCALE = "multiscales[0]"


def axes_type_present(snapshot: Snapshot) -> Iterator[Problem]:
    """Each axis "SHOULD" have a type."""
    for index, axis in enumerate(snapshot.root.axes):
        if axis.type is None:
            message = f"axis {axis.name!r} should have a type, such as space, time or channel."
            yield _warning(f"{_MULTISCALE}.axes[{index}].type", message, "axes.type.present")


def axes_type_known(snapshot: Snapshot) -> Iterator[Problem]:
    """The type of an axis "SHOULD be one of "space", "time" or "channel", but MAY take other values"."""
    for index, axis in enumerate(snapshot.root.axes):
        if axis.type is not None and axis.type not in _TYPES:
            message = f"{axis.type!r} is a custom type; other programs know space, time and channel."
            yield _warning(f"{_MULTISCALE}.axes[{index}].type", message, "axes.type.known")


def axes_unit_present(snapshot: Snapshot) -> Iterator[Problem]:
    """Axes that are measured should say in what."""
    for index, axis in enumerate(snapshot.root.axes):
        if axis.unit is None and axis.type in UDUNITS:
            message = f"axis {axis.name!r} has no unit. Set it with set_unit."
            yield _warning(f"{_MULTISCALE}.axes[{index}].unit", message, "axes.unit.present")


def image_axes_channel_count(snapshot: Snapshot) -> Iterator[Problem]:
    """The axes "MAY contain one additional entry of "type:channel" or a null / custom type"."""
    others = [axis.name for axis in snapshot.root.axes if axis.type not in ("space", "time")]
    if len(others) > 1:
        message = f"{', '.join(others)} are neither space nor time; there may be one such axis."
        yield Problem(f"{_MULTISCALE}.axes", message, kind="lenient", rule="image.axes.channel_count")


def image_axes_zyx(snapshot: Snapshot) -> Iterator[Problem]:
    """Three space axes whose planes are stacked along z should be ordered z, y, x."""
    names = [axis.name.lower() for axis in snapshot.root.axes if axis.type == "space"]
    if sorted(names) == ["x", "y", "z"] and names != ["z", "y", "x"]:
        message = f"the space axes are ordered {', '.join(names)}; other programs expect z, y, x."
        yield _warning(f"{_MULTISCALE}.axes", message, "image.axes.zyx")


def image_datasets_order(snapshot: Snapshot) -> Iterator[Problem]:
    """Levels go "from largest to smallest", by the size of the elements; reading looks at the shapes."""
    spaces = [index for index, axis in enumerate(snapshot.root.axes) if axis.type == "space"]
    for index, (above, below) in enumerate(pairwise(snapshot.root.levels), start=1):
        if any(abs(below.scale[axis]) < abs(above.scale[axis]) for axis in spaces):
            message = f"the scale {below.scale} is finer than {above.scale} of the level above."
            place = f"{_MULTISCALE}.datasets[{index}].coordinateTransformations"
            yield Problem(place, message, kind="lenient", rule="image.datasets.order")


def image_name(snapshot: Snapshot) -> Iterator[Problem]:
    """A multiscale should have a name."""
    if snapshot.root.name is None:
        yield _warning(f"{_MULTISCALE}.name", "should be there.", "image.name")


def image_type(snapshot: Snapshot) -> Iterator[Problem]:
    """A pyramid should say the method that it was made by."""
    if len(snapshot.root.levels) > 1 and snapshot.root.method is None:
        yield _warning(f"{_MULTISCALE}.type", "should say how the pyramid was made.", "image.type")


def image_metadata(snapshot: Snapshot) -> Iterator[Problem]:
    """A pyramid should say more about the method that it was made by."""
    if len(snapshot.root.levels) > 1 and snapshot.root.metadata is None:
        yield _warning(f"{_MULTISCALE}.metadata", "should say how the pyramid was made.", "image.metadata")


def omero_rdefs_model(snapshot: Snapshot) -> Iterator[Problem]:
    """The model of rendering is "color" or "greyscale"."""
    omero = snapshot.root.extra.get("omero")
    rdefs = omero.get("rdefs") if isinstance(omero, FrozenMap) else None
    if isinstance(rdefs, FrozenMap) and rdefs.get("model", "color") not in ("color", "greyscale"):
        message = f"{rdefs['model']!r} is neither 'color' nor 'greyscale'."
        yield _warning("omero.rdefs.model", message, "omero.rdefs.model")


def store_dtype_uniform(snapshot: Snapshot) -> Iterator[Problem]:
    """All levels should have one dtype; since 0.6 they must."""
    dtypes = list(dict.fromkeys(level.array.dtype for level in snapshot.root.levels))
    if len(dtypes) > 1:
        message = f"the levels have the dtypes {', '.join(dtypes)}; later versions demand one."
        yield _warning(f"{_MULTISCALE}.datasets", message, "store.dtype.uniform")


def _warning(location: str, message: str, rule: str) -> Problem:
    return Problem(location, message, kind="warning", rule=rule)


IMAGE_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "axes.type.present": axes_type_present,
        "axes.type.known": axes_type_known,
        "axes.unit.present": axes_unit_present,
        "image.axes.channel_count": image_axes_channel_count,
        "image.axes.zyx": image_axes_zyx,
        "image.datasets.order": image_datasets_order,
        "image.name": image_name,
        "image.type": image_type,
        "image.metadata": image_metadata,
        "omero.rdefs.model": omero_rdefs_model,
        "store.dtype.uniform": store_dtype_uniform,
    }
)
"""By id: what ``validate`` asks."""

WHILE_READING = frozenset({
    "doc.no_comments", "doc.attributes_location", "version.present", "version.value", "store.zarr_format",
    "store.chunk_keys.nested", "store.dimension_names.present", "store.dimension_names.match", "axes.name.required",
    "axes.name.unique", "axes.unit.known", "axes.ndim", "image.multiscales.nonempty", "image.axes.required",
    "image.axes.count", "image.axes.space_count", "image.axes.time_count", "image.axes.order",
    "image.datasets.required", "image.datasets.path.required", "image.datasets.path.exists", "image.datasets.order",
    "image.datasets.transforms.required", "image.transforms.type", "image.transforms.one_scale",
    "image.transforms.one_translation", "image.transforms.order", "image.transforms.length",
    "image.transforms.numeric", "image.transforms.path_form", "image.multiscales.transforms",
    "image.read.default_multiscale", "omero.channels.required", "omero.channel.color.required",
    "omero.channel.color.hex", "omero.channel.window.required", "omero.channel.window.keys", "omero.channels.count",
})  # fmt: skip
"""What the codecs note, or refuse."""

IMPLIED: Mapping[str, str] = MappingProxyType(
    {
        "image.axes.order_matches_array": "store.dimension_names.match",  # nothing else tells the array's order
        "image.datasets.ndim_equal": "axes.ndim",
        "image.datasets.ndim_max": "image.axes.count",
    }
)
"""What holds if another rule does."""

UNDECIDABLE = frozenset(["version.consistent", "image.transforms.relative_scale"])
"""What one image does not tell: whether others in the hierarchy have its version; whether its sizes are physical."""
