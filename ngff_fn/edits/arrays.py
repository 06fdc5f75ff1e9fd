"""What an array shall be: from a caller's shape, dtype, chunks, shards and codecs to an ``ArraySpec``."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

from ngff_fn.edits.arguments import by_axis, dtype_name, is_array, is_sequence
from ngff_fn.edits.codec_chain import Chain, codec_chain, serializer_for
from ngff_fn.edits.fill_values import fill_value_for
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, Problem, WrongTypeError, a_type, counted, refuse
from ngff_fn.records.arrays import DTYPES, LARGEST, ArraySpec, default_chunks
from ngff_fn.records.image import Image

_PYTHON = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
_KINDS = {"b": "bool", "u": "uint", "i": "int", "f": "float", "c": "complex"}


def array_spec(
    image: Image,
    *,
    shape: object,
    dtype: object,
    chunks: object = None,
    shards_ratio: object = None,
    codecs: object = None,
    fill_value: object = 0,
) -> ArraySpec:
    """An array for the axes of an image, from what a caller says of it.

    Parameters
    ----------
    image
        Whose axes the sizes are counted along.
    shape
        Elements per axis, in the order of the axes or by their names.
    dtype
        As NumPy has it.
    chunks
        Elements of a chunk per axis; None: ones and the last three axes, up to 16 MiB.
    shards_ratio
        Chunks of a shard per axis; None: no shards.
    codecs
        Names or mappings in the notation of Zarr v3; None: Blosc with zstd.
    fill_value
        A number that fits into the dtype.

    Raises
    ------
    NgffError
        With all that is wrong: InvalidValueError (a ValueError), or WrongTypeError (a TypeError) where nothing else is.

    >>> from ngff_fn.records.axes import axes_from
    >>> plane = Image(axes=axes_from("yx"))
    >>> array_spec(plane, shape=(40, 60), dtype="u2", chunks={"x": 20}, shards_ratio=[1, 3]).shards
    (40, 60)
    """
    refusals: list[NgffError] = []
    name, sizes, ratio = "uint8", (1,) * len(image.axes), None
    fill: Any = 0
    try:
        name = dtype_from(dtype)
        fill = fill_value_for(fill_value, name, "fill_value")
    except NgffError as refusal:
        refusals.append(refusal)
    try:
        sizes = integers_by_axis(image, "shape", shape, least=0)
    except NgffError as refusal:
        refusals.append(refusal)
    block = default_chunks(sizes, DTYPES[name][1])
    try:
        if chunks is not None:
            block = integers_by_axis(image, "chunks", chunks, default=block)
        if shards_ratio is not None:
            ratio = integers_by_axis(image, "shards_ratio", shards_ratio, default=(1,) * len(sizes))
    except NgffError as refusal:
        refusals.append(refusal)
    chain = Chain()
    try:
        chain = codec_chain(codecs)
    except NgffError as refusal:
        refusals.append(refusal)
    refuse_together(refusals)
    return ArraySpec(
        shape=sizes,
        dtype=name,
        chunks=block,
        shards=None if ratio is None else tuple(map(int.__mul__, block, ratio)),
        filters=chain.filters,
        serializer=serializer_for(chain.serializer, name),
        compressors=chain.compressors,
        fill_value=fill,
    )


def refuse_together(refusals: list[NgffError]) -> None:
    """Raise what was refused one by one as one error: of the class they share, else InvalidValueError."""
    if refusals:
        kinds = {type(refusal) for refusal in refusals}
        error = kinds.pop() if len(kinds) == 1 else InvalidValueError
        refuse((problem for refusal in refusals for problem in refusal.problems), error)


def dtype_from(dtype: Any, location: str = "dtype") -> str:
    """The Zarr v3 name of a dtype that is given as NumPy has it: a name, a code such as ``<u2``, a type, a ``dtype``.

    >>> [dtype_from(dtype) for dtype in ("uint16", ">f4", "?", float)]
    ['uint16', 'float32', 'bool', 'float64']
    >>> dtype_from("datetime64[ns]")
    Traceback (most recent call last):
    ngff_fn.errors.InvalidValueError: dtype: 'datetime64[ns]' is no dtype of an image. Take one of bool, ...
    """
    if isinstance(dtype, type):
        name = _PYTHON.get(dtype, dtype.__name__.rstrip("_"))
    else:
        name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
    code = name.lstrip("<>=|")
    if code == "?":
        name = "bool"
    elif code[:1] in _KINDS and code[1:].isdecimal():
        kind, size = code[0], int(code[1:])
        name = "bool" if code == "b1" else f"{_KINDS[kind]}{8 * size}"
    if name not in DTYPES or dtype is None:
        raise InvalidValueError(
            Problem(location, f"{dtype!r} is no dtype of an image. Take one of {', '.join(DTYPES)}.")
        )
    return name


def array_dtype(data: Any, location: str = "data") -> str:
    """The dtype of what the caller holds, where it is an array of numbers.

    Raises
    ------
    WrongTypeError, InvalidValueError
        (a TypeError, a ValueError) for what has no shape, dtype and ``[]``, and for a dtype that no image has.
    """
    if not is_array(data):
        message = f"{a_type(data)} has no shape, dtype and []. Make it an array, as with numpy.asarray."
        raise WrongTypeError(Problem(location, message))
    if not is_sequence(data.shape):
        raise WrongTypeError(
            Problem(f"{location}.shape", f"{data.shape!r} are no sizes. Make it an array that knows them.")
        )
    return dtype_from(dtype_name(data), f"{location}.dtype")


def integers_by_axis(
    image: Image, location: str, values: Any, *, least: int = 1, default: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """An integer per axis, from a sequence in the order of the axes or from a mapping by name.

    Parameters
    ----------
    image
        Whose axes are meant.
    location
        What the caller calls them.
    values
        What was given.
    least
        No number may be less.
    default
        For axes that a mapping leaves out; None: a mapping names them all.

    Raises
    ------
    NotThereError, InvalidValueError, WrongTypeError
        (a KeyError for an axis that is not there, a ValueError, a TypeError) with all that is wrong.

    >>> from ngff_fn.records.axes import axes_from
    >>> integers_by_axis(Image(axes=axes_from("zyx")), "chunks", {"z": 1}, default=(8, 64, 64))
    (1, 64, 64)
    """
    names = [axis.name.lower() for axis in image.axes]
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, Mapping):
        found, problems = by_axis(image, location, values, {})
        refuse(problems, NotThereError)
        missing = [name for axis, name in enumerate(names) if axis not in found and default is None]
        refuse(Problem(location, f"axis {name!r} is missing. Name all axes: {', '.join(names)}.") for name in missing)
        wanted = [found[axis] if axis in found else (default or ())[axis] for axis in range(len(names))]
    elif is_sequence(values):
        wanted = list(values)
    else:
        message = f"{values!r} is neither a sequence of {len(names)} integers nor a mapping by axis. Give one of these."
        raise WrongTypeError(Problem(location, message))
    if len(wanted) != len(names):
        message = f"{counted(len(wanted), 'number')} for {len(names)} axes ({', '.join(names)}). Give one for each."
        raise InvalidValueError(Problem(location, message))
    refuse(
        Problem(location, f"{value!r} along {name} is no integer from {least} to {LARGEST}. Give one.")
        for name, value in zip(names, wanted, strict=True)
        if (whole := integer(value)) is None or not least <= whole <= LARGEST
    )
    return tuple(int(value) for value in wanted)


def integer(value: Any) -> int | None:
    """An integer as Python's own, NumPy's among them; None for all else, bool among it.

    >>> integer(3), integer(3.0), integer(True), integer("3")
    (3, None, None, None)
    """
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:  # of a class, and of an array of several elements, which have __index__ all the same
        return None
