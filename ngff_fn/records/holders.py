"""Questions to what holds images: the rows and wells of a plate, and the positions where images are."""

from __future__ import annotations

from typing import TypeVar, assert_never

from ngff_fn.records.image import Image, Unread
from ngff_fn.records.nodes import in_natural_order
from ngff_fn.records.plate import Collection, Field, Plate, Series, Well
from ngff_fn.records.snapshot import Root
from ngff_fn.records.subject import of_record

_Entry = TypeVar("_Entry", Field, Series)


@of_record
def rows(plate: Plate) -> tuple[tuple[str, tuple[Well | Unread, ...]], ...]:
    """The rows that have wells, each with its wells, in natural order.

    Parameters
    ----------
    plate
        The plate. Its rows and columns as such, also those without a well, are ``plate.rows`` and ``plate.columns``.

    >>> from ngff_fn.records.examples import PLATE
    >>> [(name, [well.path for well in wells]) for name, wells in rows(PLATE)]
    [('A', ['A/1']), ('B', ['B/2'])]
    """
    found: dict[str, list[Well | Unread]] = {}
    for path, well in wells(plate):
        found.setdefault(path.partition("/")[0], []).append(well)
    return tuple((name, tuple(row)) for name, row in found.items())


@of_record
def wells(plate: Plate) -> tuple[tuple[str, Well | Unread], ...]:
    """The wells that a plate lists, with their paths, in natural order.

    Parameters
    ----------
    plate
        The plate; where a well was left out, or is listed and not there, stands an ``Unread``.

    >>> from ngff_fn.records.examples import PLATE
    >>> [(path, len(well.fields)) for path, well in wells(PLATE)]
    [('A/1', 2), ('B/2', 1)]
    """
    paths = [(well.path, well) for well in plate.wells]
    return tuple(sorted(paths, key=lambda pair: in_natural_order(pair[0])))


@of_record
def positions(root: Root) -> tuple[tuple[str, Image | Unread], ...]:
    """The images below a root, with their paths from it, in natural order.

    Parameters
    ----------
    root
        A Plate (``A/1/0``), a Well (``0``), a Collection (``0``); an Image is its own position, at ``""``. Where an
        image was left out, or is listed and not there, stands an ``Unread``; so it does, at the path of the well, where
        that is so of a whole well of a plate.

    >>> from ngff_fn.records.examples import CELLS, PLATE
    >>> [path for path, _ in positions(PLATE)], [path for path, _ in positions(PLATE.wells[0])]
    (['A/1/0', 'A/1/1', 'B/2/0'], ['0', '1'])
    >>> all(image is CELLS for _, image in positions(PLATE)), positions(CELLS) == (("", CELLS),)
    (True, True)
    """
    match root:
        case Image():
            return (("", root),)
        case Well():
            return tuple((field.path, field.image) for field in _ordered(root.fields))
        case Collection():
            return tuple((series.path, series.image) for series in _ordered(root.series))
        case Plate():
            found: list[tuple[str, Image | Unread]] = []
            for path, well in wells(root):
                if isinstance(well, Unread):
                    found.append((path, well))
                else:
                    found += [(f"{path}/{field.path}", field.image) for field in _ordered(well.fields)]
            return tuple(found)
        case _:
            assert_never(root)


def _ordered(entries: tuple[_Entry, ...]) -> list[_Entry]:
    return sorted(entries, key=lambda entry: in_natural_order(entry.path))
