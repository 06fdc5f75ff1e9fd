"""What a snapshot holds, summed up: as plain JSON for programs, and as text for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, assert_never

from attrs import asdict

from ngff_fn.errors import counted
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.coordinates import scale
from ngff_fn.records.holders import positions, wells
from ngff_fn.records.image import Image, Labels, Level, Unread, sizes
from ngff_fn.records.nodes import listed, shown
from ngff_fn.records.plate import Acquisition, Collection, Plate, Well
from ngff_fn.records.snapshot import Root, Snapshot
from ngff_fn.records.subject import of_record


@of_record
def info(snapshot: Snapshot) -> dict[str, Any]:
    """What a snapshot holds, as plain JSON; images that are alike but for their names and places are one entry.

    Parameters
    ----------
    snapshot
        Of an image, a plate, a well or a collection; nothing is read for it.

    Returns
    -------
    dict
        ``store``, ``kind``, ``version`` and ``problems`` of each. Of an image ``name``, ``axes``, ``sizes``, ``scale``
        (of level 0, in the units of the axes), ``channels``, ``levels`` and ``labels`` (their names). Of what
        holds images ``images``: groups of them with their ``positions``, and ``not_read``; of a plate also ``name``,
        ``rows``, ``columns``, ``wells`` (paths of fields by well; None for one that was not read) and
        ``acquisitions``; of a well ``fields``, of a collection ``series``.

    >>> from ngff_fn.records.examples import PLATE
    >>> from ngff_fn.records.image import Place
    >>> found = info(Snapshot(origin=Place(home="plate.zarr"), version="0.5", root=PLATE))
    >>> found["kind"], found["rows"], found["wells"]
    ('plate', ['A', 'B'], {'A/1': ['0', '1'], 'B/2': ['0']})
    >>> [(group["positions"], group["scale"]) for group in found["images"]]
    [(['A/1/0', 'A/1/1', 'B/2/0'], {'c': 1.0, 'z': 0.5, 'y': 0.25, 'x': 0.25})]
    """
    root, origin = snapshot.root, snapshot.origin
    return {
        "store": "/".join(filter(None, (origin.home, origin.path))),
        "kind": type(root).__name__.lower(),
        "version": snapshot.version,
        **_said_of(root),
        "problems": [asdict(problem) for problem in snapshot.problems],
    }


def _said_of(root: Root) -> dict[str, Any]:
    match root:
        case Image():
            return {"name": root.name, **_image(root)}
        case Plate():
            return {
                "name": root.name,
                "rows": [line.name for line in root.rows],
                "columns": [line.name for line in root.columns],
                "wells": {path: None if isinstance(well, Unread) else [*listed(well)] for path, well in wells(root)},
                "acquisitions": [_acquisition(each) for each in root.acquisitions or ()],
                **_images(root),
            }
        case Well():
            return {"fields": [*listed(root)], **_images(root)}
        case Collection():
            return {"series": [*listed(root)], **_images(root)}
        case _:
            assert_never(root)


def _acquisition(acquisition: Acquisition) -> dict[str, Any]:
    said = asdict(acquisition, recurse=False, filter=lambda attribute, _: attribute.name != "extra")
    return {key: value for key, value in said.items() if value is not None}


def _images(holder: Plate | Well | Collection) -> dict[str, Any]:
    """The images below a holder: those that look the same once, with the paths of all of them."""
    groups: dict[str, dict[str, Any]] = {}
    not_read: list[str] = []
    for path, image in positions(holder):
        if isinstance(image, Unread):
            not_read.append(path)
            continue
        look = _image(image)
        group = groups.setdefault(json.dumps(look), {"positions": [], **look})
        group["positions"].append(path)
    return {"images": list(groups.values()), "not_read": not_read}


def _image(image: Image) -> dict[str, Any]:
    """What an image looks like, without its name and its place."""
    return {
        "axes": [{"name": axis.name, "type": axis.type, "unit": axis.unit} for axis in image.axes],
        "sizes": sizes(image) if image.levels else {},
        "scale": {name: _number(size) for name, size in scale(image).items()} if image.levels else {},
        "channels": [*channel_names(image)],
        "levels": [_level(level) for level in image.levels],
        "labels": [*listed(image.labels)] if isinstance(image.labels, Labels) else [],
    }


def _number(value: float) -> float | str:
    """JSON has no NaN and no Infinity, though documents may."""
    return value if isfinite(value) else str(value)


def _level(level: Level) -> dict[str, Any]:
    array = level.array
    return {
        "path": level.path,
        "shape": [*array.shape],
        "dtype": array.dtype,
        "chunks": [*array.chunks],
        "shards": None if array.shards is None else [*array.shards],
    }


# -- as text -----------------------------------------------------------------------------------------------------------


def format_info(found: Mapping[str, Any]) -> str:
    """What ``info`` found, for people; of a plate the fields are counted, not listed.

    Parameters
    ----------
    found
        What ``info`` gave, or the same read from JSON again.

    >>> from ngff_fn.records.examples import PLATE
    >>> from ngff_fn.records.image import Place
    >>> print(format_info(info(Snapshot(origin=Place(home="plate.zarr"), version="0.5", root=PLATE))))
    plate.zarr: a plate (OME-NGFF 0.5)
    name: screen
    rows: A, B
    columns: 1, 2, 3
    wells: 2 of 6
      A: 1
      B: 2
    fields per well: 2 in 1 well, 1 in 1 well
    acquisitions: 0 (day 1)
    images: 3, all alike
      axes: c, z (micrometer), y (micrometer), x (micrometer)
      sizes: c 2, z 4, y 64, x 64
      voxel: z 0.5 micrometer, y 0.25 micrometer, x 0.25 micrometer
      channels: DAPI, GFP
      level 0: (2, 4, 64, 64) uint16, chunks (1, 4, 64, 64)
      level 1: (2, 4, 32, 32) uint16, chunks (1, 4, 32, 32)
    """
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    kind = found["kind"]
    article = "an" if kind == "image" else "a"
    yield f"{found['store'] or 'documents'}: {article} {kind} (OME-NGFF {found['version']})"
    if found.get("name"):
        yield f"name: {found['name']}"
    match kind:
        case "image":
            yield from _image_lines(found)
        case "plate":
            yield from _plate_lines(found)
        case "well":
            yield f"fields: {shown(found['fields'])}"
        case _:
            yield f"series: {shown(found['series'])}"
    if kind != "image":
        yield from _group_lines(found["images"])
        if found["not_read"]:
            yield f"not read: {shown(found['not_read'])}"
    for problem in found["problems"]:
        rule = f" [{problem['rule']}]" if problem["rule"] else ""
        yield f"{problem['kind']}: {problem['location']}: {problem['message']}{rule}"


def _plate_lines(plate: Mapping[str, Any]) -> Iterator[str]:
    held = plate["wells"]
    yield f"rows: {', '.join(plate['rows']) or 'none'}"
    yield f"columns: {', '.join(plate['columns']) or 'none'}"
    yield f"wells: {len(held)} of {len(plate['rows']) * len(plate['columns'])}"
    lines: dict[str, list[str]] = {}
    for path in held:
        row, _, column = path.partition("/")
        lines.setdefault(row, []).append(column)
    yield from (f"  {row}: {', '.join(columns)}" for row, columns in lines.items())
    numbers = Counter(len(fields) for fields in held.values() if fields is not None)
    if numbers:
        counts = [f"{fields} in {counted(times, 'well')}" for fields, times in sorted(numbers.items(), reverse=True)]
        yield f"fields per well: {', '.join(counts)}"
    if plate["acquisitions"]:
        yield f"acquisitions: {', '.join(map(_acquisition_text, plate['acquisitions']))}"


def _acquisition_text(acquisition: Mapping[str, Any]) -> str:
    return f"{acquisition['id']} ({acquisition['name']})" if "name" in acquisition else str(acquisition["id"])


def _group_lines(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The images of a holder, each group once, indented."""
    number = sum(len(group["positions"]) for group in groups)
    if len(groups) < 2:
        yield f"images: {number}{', all alike' if number > 1 else ''}"
    else:
        yield f"images: {number}, of {len(groups)} kinds"
    for group in groups:
        if len(groups) > 1:
            yield f"  {counted(len(group['positions']), 'image')}: {shown(group['positions'])}"
        indent = "  " if len(groups) == 1 else "    "
        yield from (indent + line for line in _image_lines(group))


def _image_lines(image: Mapping[str, Any]) -> Iterator[str]:
    axes, size = image["axes"], image["scale"]
    named = [f"{axis['name']} ({axis['unit']})" if axis["unit"] else axis["name"] for axis in axes]
    yield f"axes: {', '.join(named)}"
    if image["sizes"]:
        yield f"sizes: {', '.join(f'{name} {elements}' for name, elements in image['sizes'].items())}"
    space = [axis for axis in axes if axis["type"] == "space"] if size else []
    if space:
        voxel = [(axis["name"], _short(size[axis["name"].lower()]), axis["unit"]) for axis in space]
        yield f"voxel: {', '.join(' '.join(filter(None, parts)) for parts in voxel)}"
    if image["channels"]:
        yield f"channels: {', '.join(image['channels'])}"
    yield from map(_level_line, image["levels"])
    if not image["levels"]:
        yield "no levels yet"
    if image["labels"]:
        yield f"labels: {', '.join(image['labels'])}"


def _short(size: float | str) -> str:
    return size if isinstance(size, str) else f"{size:.6g}"


def _level_line(level: Mapping[str, Any]) -> str:
    shards = f" in shards {tuple(level['shards'])}" if level["shards"] else ""
    return f"level {level['path']}: {tuple(level['shape'])} {level['dtype']}, chunks {tuple(level['chunks'])}{shards}"
