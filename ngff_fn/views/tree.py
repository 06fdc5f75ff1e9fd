"""A snapshot, a plate, a well, a collection, an image or a level as a tree of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from ngff_fn.errors import InvalidValueError, Problem, WrongTypeError, a_type, counted
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.axes import axis_names
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.coordinates import scale
from ngff_fn.records.image import Image, Labels, Level, Unread
from ngff_fn.records.nodes import Entry, Node, entries, held_by, in_natural_order
from ngff_fn.records.plate import Collection, Field, Plate, Well
from ngff_fn.records.snapshot import Snapshot


def format_tree(node: Snapshot | Node, level: int | None = None) -> str:
    """A node and what is below it, a line each: lay-out; axes, channels, voxel size; shape, dtype, chunks and shards.

    Parameters
    ----------
    node
        A snapshot, or a plate, a well, a collection, an image or a level; nothing is read for it, of a wanted image it
        shows what is wanted.
    level
        How many steps below the node are shown: 0 is the node alone, None is all.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for a level that is no number of steps, a node that is none.

    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> print(format_tree(CELLS))
    cells: axes czyx, channels DAPI, GFP, voxel 0.5 × 0.25 × 0.25 micrometer (zyx)
    ├── 0: (2, 4, 64, 64) uint16, chunks (1, 4, 64, 64)
    └── 1: (2, 4, 32, 32) uint16, chunks (1, 4, 32, 32)
    >>> print(format_tree(PLATE, 1))
    screen: 2 rows × 3 columns, 2 wells, 3 fields, 1 acquisition
    ├── A/1: 2 fields
    └── B/2: 1 field
    """
    if not isinstance(node, Snapshot | Image | Level | Labels | Plate | Well | Collection):
        message = f"{a_type(node)} is no snapshot, image or level. Open a store first, with open_ome_zarr."
        raise WrongTypeError(Problem("node", message))
    if level is not None and (isinstance(level, bool) or not isinstance(level, int) or level < 0):
        raise InvalidValueError(Problem("level", f"{level!r} is no number of steps. Give 0, 1, 2 …, or None for all."))
    return "\n".join([_title(node), *_below(node.root if isinstance(node, Snapshot) else node, level, "")])


def _title(node: Snapshot | Node) -> str:
    match node:
        case Snapshot():
            home, path = node.origin.home.rstrip("/").rpartition("/")[2], node.origin.path
            where = "/".join(filter(None, (home, path)))
            return f"{where or 'documents'} (OME-NGFF {node.version}): {_said_of(node.root)}"
        case Level():
            return _line(node)
        case Image():
            return f"{node.name or 'image'}: {_said_of(node)}"
        case Plate():
            return f"{node.name or 'plate'}: {_said_of(node)}"
        case Well():
            return f"{node.path or 'well'}: {_said_of(node)}"
        case Collection():
            return f"collection: {_said_of(node)}"
        case Labels():
            return f"labels: {_said_of(node)}"
        case _:
            assert_never(node)


def _below(node: Node, steps: int | None, indent: str) -> Iterator[str]:
    """The lines below a node: images and wells in natural order, levels in their own."""
    if steps == 0:
        return
    inside: list[Entry] = [*entries(node)]
    if not isinstance(node, Image):
        inside.sort(key=lambda entry: in_natural_order(entry.path))
    for number, entry in enumerate(inside, start=1):
        branch, further = ("├── ", "│   ") if number < len(inside) else ("└── ", "    ")
        yield indent + branch + _line(entry)
        held = held_by(entry)
        if not isinstance(held, Unread):
            yield from _below(held, None if steps is None else steps - 1, indent + further)


def _line(entry: Entry) -> str:
    held = held_by(entry)
    of = f" (acquisition {entry.acquisition})" if isinstance(entry, Field) and entry.acquisition is not None else ""
    return f"{entry.path}{of}: {'not read' if isinstance(held, Unread) else _said_of(held)}"


def _said_of(node: Node) -> str:
    """What the line of a node says after its name."""
    match node:
        case Level():
            return _array(node.array)
        case Image():
            return _image(node)
        case Plate():
            return _plate(node)
        case Well():
            return counted(len(node.fields), "field")
        case Collection():
            return counted(len(node.series), "image")
        case Labels():
            return counted(len(node.images), "label image")
        case _:
            assert_never(node)


def _plate(plate: Plate) -> str:
    read = [well for well in plate.wells if isinstance(well, Well)]
    unread = len(plate.wells) - len(read)
    parts = [
        f"{counted(len(plate.rows), 'row')} × {counted(len(plate.columns), 'column')}",
        counted(len(plate.wells), "well") + (f" ({unread} not read)" if unread else ""),
        counted(sum(len(well.fields) for well in read), "field"),
        counted(len(plate.acquisitions), "acquisition") if plate.acquisitions else "",
    ]
    return ", ".join(filter(None, parts))


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


def _array(array: ArraySpec) -> str:
    shards = f" in shards {array.shards}" if array.shards else ""
    return f"{array.shape} {array.dtype}, chunks {array.chunks}{shards}"
