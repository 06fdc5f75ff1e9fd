"""A snapshot, an image or a level as a tree of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ngff_fn.errors import InvalidValueError, Problem, WrongTypeError, a_type
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import axis_names
from ngff_fn.records.channels import channel_names
from ngff_fn.records.coordinates import scale
from ngff_fn.records.image import Image, Level
from ngff_fn.records.nodes import LABELS
from ngff_fn.records.snapshot import Snapshot


def format_tree(node: Snapshot | Image | Level, level: int | None = None) -> str:
    """A node and what is below it, a line each: axes, channels, voxel size; shape, dtype, chunks and shards of levels.

    Parameters
    ----------
    node
        A snapshot, an image or a level; nothing is read for it, of a wanted image it shows what is wanted.
    level
        How many steps below the node are shown: 0 is the node alone, None is all.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for a level that is no number of steps, a node that is none.

    >>> from ngff_fn.records.examples import CELLS
    >>> print(format_tree(CELLS))
    cells: axes czyx, channels DAPI, GFP, voxel 0.5 × 0.25 × 0.25 micrometer (zyx)
    ├── 0: (2, 4, 64, 64) uint16, chunks (1, 4, 64, 64)
    └── 1: (2, 4, 32, 32) uint16, chunks (1, 4, 32, 32)
    """
    if not isinstance(node, Snapshot | Image | Level):
        message = f"{a_type(node)} is no snapshot, image or level. Open a store first, with open_ome_zarr."
        raise WrongTypeError(Problem("node", message))
    if level is not None and (isinstance(level, bool) or not isinstance(level, int) or level < 0):
        raise InvalidValueError(Problem("level", f"{level!r} is no number of steps. Give 0, 1, 2 …, or None for all."))
    title, below = _title(node), _below(node)
    if level == 0:
        below = []
    branches = ["├── "] * (len(below) - 1) + ["└── "] * bool(below)
    return "\n".join([title, *(branch + line for branch, line in zip(branches, below, strict=True))])


def _title(node: Snapshot | Image | Level) -> str:
    match node:
        case Snapshot():
            home, path = node.origin.home.rstrip("/").rpartition("/")[2], node.origin.path
            where = "/".join(filter(None, (home, path)))
            return f"{where or 'documents'} (OME-NGFF {node.version}): {_image(node.root)}"
        case Image():
            return f"{node.name or 'image'}: {_image(node)}"
        case Level():
            return _level(node)
        case _:
            assert_never(node)


def _below(node: Snapshot | Image | Level) -> list[str]:
    match node:
        case Snapshot():
            return _below(node.root)
        case Image():
            labels = [] if node.labels is None else [f"{LABELS}: not read"]
            return [*map(_level, node.levels), *labels]
        case Level():
            return []
        case _:
            assert_never(node)


def _image(image: Image) -> str:
    names = channel_names(image)
    parts = [
        f"axes {_short(axis_names(image))}",
        f"channels {', '.join(names)}" if names else "",
        _voxel(image) if image.levels else "no levels yet",
    ]
    return ", ".join(filter(None, parts))


def _voxel(image: Image) -> str:
    """The size along the axes of space, in their unit, or each with its own."""
    size = scale(image)
    space = [axis for axis in image.axes if axis.type == "space"]
    if not space:
        return ""
    numbers, units = [f"{size[axis.name.lower()]:.6g}" for axis in space], [axis.unit for axis in space]
    if len(set(units)) == 1:
        text, unit = " × ".join(numbers), f" {units[0]}" if units[0] else ""
    else:
        text, unit = " × ".join(f"{n} {u}" if u else n for n, u in zip(numbers, units, strict=True)), ""
    return f"voxel {text}{unit} ({_short([axis.name.lower() for axis in space])})"


def _short(names: Sequence[str]) -> str:
    """``czyx``, or with commas where a name is longer than a letter."""
    return ("" if all(len(name) == 1 for name in names) else ", ").join(names)


def _level(level: Level) -> str:
    return f"{level.path}: {_array(level.array)}"


def _array(array: ArraySpec) -> str:
    shards = f" in shards {array.shards}" if array.shards else ""
    return f"{array.shape} {array.dtype}, chunks {array.chunks}{shards}"
