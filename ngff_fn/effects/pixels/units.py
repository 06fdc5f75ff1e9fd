"""The grid of write units: what is written as one object, under which key, and which units a change needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ngff_fn.effects.pixels.excerpt import slab_region
from ngff_fn.effects.reading.view import View
from ngff_fn.effects.stores import Files
from ngff_fn.records.arrays import ArraySpec, same_encoding
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Pixels, Region, Select, Stored, intersection, is_empty, whole
from ngff_fn.records.snapshot import Version


def units(array: ArraySpec, boxes: Iterable[Region]) -> Iterator[tuple[int, ...]]:
    """The grid indices of all write units that a box touches, each once, whatever the boxes share.

    >>> array = ArraySpec(shape=(5, 8), dtype="uint8", chunks=(2, 4))
    >>> list(units(array, [((3, 5), (0, 2)), ((4, 5), (0, 8))]))
    [(1, 0), (2, 0), (2, 1)]
    """
    done: list[Region] = []
    for box in boxes:
        clipped = intersection(box, whole(array.shape))
        if is_empty(clipped):
            continue
        grid = tuple(
            (start // size, -(-stop // size)) for (start, stop), size in zip(clipped, array.write_unit, strict=True)
        )
        before = [earlier for earlier in done if not is_empty(intersection(earlier, grid))]
        for index in places(grid):
            if not any(_holds(earlier, index) for earlier in before):
                yield index
        done.append(grid)


def places(box: Region) -> Iterator[tuple[int, ...]]:
    """All places in a box, the last axis first; unlike ``itertools.product`` it holds none of them.

    >>> list(places(((0, 1), (3, 5))))
    [(0, 3), (0, 4)]
    """
    if not box:
        yield ()
        return
    for place in range(*box[0]):
        for rest in places(box[1:]):
            yield (place, *rest)


def _holds(box: Region, index: tuple[int, ...]) -> bool:
    inside = (start <= place < stop for (start, stop), place in zip(box, index, strict=False))
    return len(box) == len(index) and all(inside)


def unit_region(array: ArraySpec, index: tuple[int, ...]) -> Region:
    """What a write unit holds of its array; at the end of an axis that is less than a whole one.

    >>> unit_region(ArraySpec(shape=(5, 8), dtype="uint8", chunks=(2, 4)), (2, 1))
    ((4, 5), (4, 8))
    """
    return tuple(
        (place * size, min((place + 1) * size, end))
        for place, size, end in zip(index, array.write_unit, array.shape, strict=True)
    )


def whole_units(array: ArraySpec, box: Region) -> Region:
    """The units that lie in a box as a whole, as a box of the grid; at the end of an axis what there is of one is all.

    >>> whole_units(ArraySpec(shape=(5, 8), dtype="uint8", chunks=(2, 4)), ((1, 5), (0, 7)))
    ((1, 3), (0, 1))
    """
    return tuple(
        (-(-start // size), -(-stop // size) if stop == end else stop // size)
        for (start, stop), size, end in zip(box, array.write_unit, array.shape, strict=True)
    )


def unit_key(array: ArraySpec, version: Version, index: tuple[int, ...]) -> str:
    """The key of a write unit, relative to its array.

    In the chunk key encoding ``default`` of Zarr v3 the prefix ``c`` stands before the numbers; in its encoding ``v2``
    and in Zarr v2 there is none.

    >>> array = ArraySpec(shape=(5, 8), dtype="uint8", chunks=(2, 4))
    >>> unit_key(array, "0.4", (2, 1)), unit_key(array, "0.5", (2, 1))
    ('2/1', 'c/2/1')
    """
    place = array.separator.join(map(str, index))
    return place if version == "0.4" or array.key_encoding == "v2" else f"c{array.separator}{place}"


def is_unit_name(name: str, is_directory: bool, array: ArraySpec, version: Version) -> bool:  # noqa: FBT001 — as listed
    """Whether an entry of an array's directory is one of its write units, or a directory of them.

    >>> array = ArraySpec(shape=(5, 8), dtype="uint8", chunks=(2, 4))
    >>> [is_unit_name(name, True, array, "0.4") for name in ("2", "2024", "c", "02")]
    [True, False, False, False]
    """
    directory = False
    parts = name.split(array.separator) if array.separator != "/" else [name]
    if version != "0.4" and array.key_encoding != "v2":
        if array.separator == "/":
            return name == "c" and is_directory
        if parts[0] != "c":
            return False
        parts = parts[1:]
    elif array.separator == "/":
        directory = len(array.shape) > 1
    grid = [-(-size // unit) for size, unit in zip(array.shape, array.write_unit, strict=True)]
    wanted = grid[:1] if array.separator == "/" else grid
    return (
        is_directory == directory
        and len(parts) == len(wanted)
        and all(
            part.isdecimal() and str(int(part)) == part and int(part) < n for part, n in zip(parts, wanted, strict=True)
        )
    )


def present_units(
    files: Files | View, path: str, array: ArraySpec, version: Version, boxes: Iterable[Region]
) -> Iterator[tuple[int, ...]]:
    """The units that have a file at an array's path, inside boxes of the grid; costs what is there, not what could be.

    Parameters
    ----------
    files, path
        Where the array is.
    array, version
        How its keys are spelled.
    boxes
        In units, not in elements.
    """
    wanted = [box for box in boxes if not is_empty(box)]
    prefix = "" if version == "0.4" or array.key_encoding == "v2" else f"c{array.separator}"
    root, prefix = (joined(path, "c"), "") if prefix == "c/" else (path, prefix)
    depth = len(array.shape) if array.separator == "/" else 1

    def found(folder: str, above: tuple[int, ...], depth: int) -> Iterator[tuple[int, ...]]:
        for name, is_directory in files.names(folder):
            index = (*above, *_numbers(name, prefix, array.separator))
            if len(index) == len(above) or is_directory != (depth > 1):
                continue
            if not any(_holds(box[: len(index)], index) for box in wanted):
                continue
            if is_directory:
                yield from found(joined(folder, name), index, depth - 1)
            elif len(index) == len(array.shape):
                yield index

    return found(root, (), depth)


def _numbers(name: str, prefix: str, separator: str) -> tuple[int, ...]:
    """The numbers in a part of a key; none where it is another name, such as ``00`` or ``٣``."""
    texts = name.removeprefix(prefix).split(separator)
    is_key = name.startswith(prefix) and all(text.isdecimal() and str(int(text)) == text for text in texts)
    return tuple(map(int, texts)) if is_key else ()


def stored_unit(excerpt: Pixels, array: ArraySpec) -> tuple[Stored, tuple[int, ...]] | None:
    """The stored write unit that is, byte for byte, the unit of ``array`` which shall contain ``excerpt``.

    It lies on the grid of its own array, is encoded in the same way, and ends with its array where the other one does.
    """
    match excerpt:
        case Stored():
            stored, region = excerpt, whole(excerpt.shape)
        case Select(source=Stored() as stored):
            region = slab_region(excerpt)
        case _:
            return None
    index = tuple(start // size for (start, _), size in zip(region, array.write_unit, strict=True))
    same = same_encoding(stored.array, array) and region == unit_region(stored.array, index)
    return (stored, index) if same else None
