"""How the arrays of an image hold their elements: ``rechunk`` and ``astype``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, assert_never

from attrs import evolve

from ngff_fn.edits.arguments import dtype_name
from ngff_fn.edits.arrays import dtype_from, integers_by_axis
from ngff_fn.edits.codec_chain import codec_chain, serializer_for
from ngff_fn.edits.fill_values import converted
from ngff_fn.edits.rendering import default_window
from ngff_fn.errors import InvalidValueError, Problem, refuse
from ngff_fn.records.arrays import DTYPES, ArraySpec, converts_safely, default_chunks
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Level, level_index
from ngff_fn.records.pixels import (
    Downsample,
    Fill,
    Given,
    Mosaic,
    Pixels,
    Select,
    Stored,
    downsample,
    fill,
    leaves,
    mosaic,
    select,
)
from ngff_fn.records.subject import items_of, of_record

_ANY_DTYPE = frozenset({"transpose", "bytes"})  # filters and serializers that say nothing of the elements
_INTEGERS = frozenset("bui")  # kinds whose range a window of new channels is
_PRECISION = {2: 11, 4: 24, 8: 53}  # bits of a float's significand, by its bytes


@of_record
def rechunk(
    image: Image,
    chunks: Sequence[int] | Mapping[str, int] | Literal["keep"] | None = "keep",
    *,
    shards_ratio: Sequence[int] | Mapping[str, int] | Literal["keep"] | None = "keep",
    codecs: Sequence[str | Mapping[str, Any]] | Literal["keep"] | None = "keep",
    levels: int | str | Iterable[int | str] | None = None,
) -> Image:
    """The image with its arrays cut into other chunks and shards, or encoded otherwise; no value changes.

    Parameters
    ----------
    image
        Has the levels.
    chunks
        Elements of a chunk per axis, in their order or by name (what is left out stays); None: the default of
        ``add_level``.
    shards_ratio
        Chunks of a shard per axis, likewise; None: no shards. Needs OME-NGFF 0.5.
    codecs
        As in ``add_level``; None: its default.
    levels
        One or more, by path or index; None: all.

    Raises
    ------
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for what is no positive integer per axis.
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) for an axis or a level that is not there.
    UnsupportedError
        For a codec that is not known.

    >>> from ngff_fn.records.examples import CELLS
    >>> [level.array.chunks for level in rechunk(CELLS, {"z": 1, "y": 32, "x": 32}).levels]
    [(1, 1, 32, 32), (1, 1, 32, 32)]
    """
    named: Any = range(len(image.levels)) if levels is None else levels
    listed = None if isinstance(named, str) else items_of(named)
    wanted = {level_index(image, level) for level in ([named] if listed is None else listed)}
    chain = None if _is_kept(codecs) else codec_chain(codecs)
    changed: list[Level] = []
    for index, level in enumerate(image.levels):
        array = level.array
        if index in wanted:
            array = _recut(image, array, chunks, shards_ratio)
            if chain is not None:
                array = evolve(array, filters=chain.filters, serializer=chain.serializer, compressors=chain.compressors)
        changed.append(evolve(level, array=array))
    return evolve(image, levels=tuple(changed))


def _is_kept(argument: object) -> bool:
    return isinstance(argument, str) and argument == "keep"


def _recut(image: Image, array: ArraySpec, chunks: Any, shards_ratio: Any) -> ArraySpec:
    ratio: tuple[int, ...] | None = None
    if array.shards is not None:
        ratio = tuple(shard // chunk for shard, chunk in zip(array.shards, array.chunks, strict=True))
    block = array.chunks
    if chunks is None:
        block = default_chunks(array.shape, array.itemsize)
    elif not _is_kept(chunks):
        block = integers_by_axis(image, "chunks", chunks, default=block)
    if shards_ratio is None:
        ratio = None
    elif not _is_kept(shards_ratio):
        ratio = integers_by_axis(image, "shards_ratio", shards_ratio, default=ratio or (1,) * len(block))
    index = array.shard_index if ratio is not None else None
    shards = None if ratio is None else tuple(map(int.__mul__, block, ratio))
    return evolve(array, chunks=block, shards=shards, shard_index=index)


@of_record
def astype(image: Image, dtype: Any) -> Image:
    """The image with another dtype, on every level; values are converted as NumPy's ``astype`` converts them.

    So integers wrap around and floats are cut off towards zero: an image is scaled before, not here. Levels that are
    not computed yet are made of the converted level above them. Between integers (and bool), contrast limits that are
    the range of the old dtype, as new channels have them, become that of the new one; floats keep the limits, as they
    keep the values. Labels have a dtype of their own.

    Parameters
    ----------
    image
        Has levels.
    dtype
        As NumPy has it: a name, a code such as ``<u2``, a type or a ``dtype``.

    Raises
    ------
    InvalidValueError
        (a ValueError) for an image without levels, a dtype that no image has; complex numbers that would lose their
        imaginary part; filters or serializers that know the dtype; a second conversion, before the first is committed,
        where one alone would not give the same.

    >>> from ngff_fn.records.examples import CELLS
    >>> astype(CELLS, "uint8").levels[1].array.dtype, astype(CELLS, "uint8").channels[0].window.max
    ('uint8', 255)
    """
    target = dtype_from(dtype)
    if not image.levels:
        raise InvalidValueError(Problem("levels", "the image has no level. Add one with add_level."))
    refuse(
        Problem(f"levels[{index}].{problem.location}", problem.message)
        for index, level in enumerate(image.levels)
        for problem in _cast_problems(level, target)
    )
    source = image.levels[0].array.dtype
    channels = (
        None if image.channels is None else tuple(_windowed(channel, source, target) for channel in image.channels)
    )
    return evolve(image, levels=tuple(_cast(level, target) for level in image.levels), channels=channels)


def _cast(level: Level, target: str) -> Level:
    array = level.array
    if array.dtype == target:
        return level
    value = None if array.fill_value is None else converted(array.fill_value, array.dtype, target)
    pixels = _with_fills(level.pixels, array.dtype, target)
    serializer = serializer_for(array.serializer, target)
    return evolve(level, array=evolve(array, dtype=target, fill_value=value, serializer=serializer), pixels=pixels)


def _with_fills(pixels: Pixels, source: str, target: str) -> Pixels:
    """A recipe for another dtype: only constants are spelled in it, all else is converted when it is read."""
    match pixels:
        case Stored() | Given():
            return pixels
        case Fill():
            return fill(pixels.shape, converted(pixels.value, source, target))
        case Select():
            return select(_with_fills(pixels.source, source, target), pixels.index)
        case Downsample():
            above = _with_fills(pixels.source, source, target)
            return downsample(above, pixels.factors, pixels.method, pixels.shape)
        case Mosaic():
            tiles = [(region, _with_fills(part, source, target)) for region, part in pixels.tiles]
            return mosaic(_with_fills(pixels.background, source, target), tiles)
        case _:
            assert_never(pixels)


def _cast_problems(level: Level, target: str) -> list[Problem]:
    """Why a level cannot be converted; none where it has the dtype already."""
    array, problems = level.array, list[Problem]()
    if array.dtype == target:
        return []
    if DTYPES.get(array.dtype, "c")[0] == "c" and DTYPES[target][0] not in "cb":
        message = f"{array.dtype} would lose its imaginary part in {target}. Give the part that is wanted to add_level."
        problems.append(Problem("dtype", message))
    bound = [*array.filters, *([] if array.serializer is None else [array.serializer])]
    for name in sorted({str(codec["name"]) for codec in bound} - _ANY_DTYPE):
        message = f"{name} is made for {array.dtype}. Say others with rechunk(image, codecs=...) first."
        problems.append(Problem("codecs", message))
    origins = {dtype for leaf in leaves(level.pixels) if (dtype := _leaf_dtype(leaf)) is not None}
    for origin in sorted(origins):
        if not _is_direct(origin, array.dtype, target):
            message = f"{origin} is being converted to {array.dtype}; to {target} it would not go the same way."
            problems.append(Problem("dtype", f"{message} Commit the first conversion, then do the second."))
    return problems


def _leaf_dtype(leaf: Stored | Given | Fill) -> str | None:
    match leaf:
        case Stored():
            return leaf.array.dtype
        case Given():
            return dtype_name(leaf.array)
        case Fill():
            return None
        case _:
            assert_never(leaf)


def _is_direct(origin: str, between: str, target: str) -> bool:
    """Whether a conversion by way of another dtype gives what the direct one gives, for all values.

    >>> _is_direct("uint8", "uint16", "int8"), _is_direct("uint16", "uint8", "uint16")
    (True, False)
    """
    if origin == between:
        return True
    if not _is_exact(origin, between):
        return False
    # A float that an integer type cannot hold is undefined there, where an integer would wrap around.
    by_float = DTYPES[origin][0] in "ui" and DTYPES[between][0] in "fc" and DTYPES[target][0] in "ui"
    return not by_float or converts_safely(origin, target)


def _is_exact(source: str, target: str) -> bool:
    """Whether one dtype holds every value of another as it is."""
    if source not in DTYPES or not converts_safely(source, target):
        return False
    (kind, size), (to, room) = DTYPES[source], DTYPES[target]
    room = room // 2 if to == "c" and kind != "c" else room
    if kind in "ui" and to in "fc":
        return 8 * size - (kind == "i") <= _PRECISION[room]
    return kind not in "fc" or size <= room


def _windowed(channel: Channel, source: str, target: str) -> Channel:
    """The channel with the range of another integer dtype, if its contrast limits are the range of the old one."""
    window = channel.window
    if window is None or not {DTYPES.get(source, "c")[0], DTYPES[target][0]} <= _INTEGERS:
        return channel
    if evolve(default_window(channel.label, source), extra=window.extra) != window:
        return channel
    return evolve(channel, window=evolve(default_window(channel.label, target), extra=window.extra))
