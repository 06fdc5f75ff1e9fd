"""What must agree within a value before it can be written: records made by hand may break what edits keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ngff_fn.errors import Problem
from ngff_fn.records.arrays import DTYPES
from ngff_fn.records.image import Image, Level


def inconsistencies(image: Image) -> list[Problem]:
    """Everything that does not agree with the rest of an image, each with its location.

    >>> from ngff_fn.records.arrays import ArraySpec
    >>> from ngff_fn.records.axes import axes_from
    >>> from ngff_fn.records.pixels import fill
    >>> array = ArraySpec(shape=(4, 6), dtype="uint8", chunks=(4, 6))
    >>> level = Level(path="0", scale=(1.0,), array=array, pixels=fill((4, 5)))
    >>> for problem in inconsistencies(Image(axes=axes_from("yx"), levels=(level,))):
    ...     print(problem)
    levels[0].scale: 1 numbers for the axes y, x. Give 2.
    levels[0].pixels: the recipe is of shape (4, 5), the array of (4, 6). Make them agree.
    """
    problems = [*_of_vectors("", image, (("scale", image.scale), ("translation", image.translation)))]
    paths = [level.path for level in image.levels]
    for index, level in enumerate(image.levels):
        where = f"levels[{index}]."
        problems += _of_vectors(where, image, (("scale", level.scale), ("translation", level.translation)))
        problems += _of_array(where, image, level)
        if paths.index(level.path) != index:
            problems.append(Problem(f"{where}path", f"{level.path!r} is the path of two levels. Rename one."))
    names = [channel.label for channel in image.channels or ()]
    if not all(isinstance(name, str) for name in names):
        problems.append(Problem("channels", f"the names are {names!r}; each must be a string. Rename them."))
    return problems


def _of_vectors(where: str, image: Image, vectors: Sequence[tuple[str, Sequence[float] | None]]) -> Iterator[Problem]:
    names = ", ".join(axis.name for axis in image.axes)
    for name, vector in vectors:
        if vector is not None and len(vector) != len(image.axes):
            message = f"{len(vector)} numbers for the axes {names}. Give {len(image.axes)}."
            yield Problem(f"{where}{name}", message)


def _of_array(where: str, image: Image, level: Level) -> Iterator[Problem]:
    array = level.array
    if len(array.shape) != len(image.axes):
        message = f"{len(array.shape)} dimensions, and {len(image.axes)} axes. Make them agree."
        yield Problem(f"{where}array.shape", message)
    if level.pixels.shape != array.shape:
        message = f"the recipe is of shape {level.pixels.shape}, the array of {array.shape}. Make them agree."
        yield Problem(f"{where}pixels", message)
    if array.dtype not in DTYPES:
        yield Problem(f"{where}array.dtype", f"{array.dtype!r} is none of {', '.join(DTYPES)}. Convert the data.")
    for name, grid in (("chunks", array.chunks), ("shards", array.shards)):
        if grid is not None and (len(grid) != len(array.shape) or any(size < 1 for size in grid)):
            message = f"{grid} is no grid of an array of {array.shape}. Give a positive number for each axis."
            yield Problem(f"{where}array.{name}", message)
    if array.shards is not None and any(
        shard % chunk for shard, chunk in zip(array.shards, array.chunks, strict=False) if chunk > 0
    ):
        message = f"{array.shards} is not made of whole chunks {array.chunks}. Take a multiple on each axis."
        yield Problem(f"{where}array.shards", message)
