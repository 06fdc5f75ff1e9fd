"""Single values of an array, in the JSON spelling of Zarr v3: checked, and converted as NumPy converts them."""

from __future__ import annotations

import math
import struct
from typing import Any

from ngff_fn.errors import InvalidValueError, Problem
from ngff_fn.frozen_json import Json
from ngff_fn.records.arrays import DTYPES, ArraySpec

_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_STRUCT = {2: "e", 4: "f", 8: "d"}


def background(array: ArraySpec) -> Json:
    """What an array holds where nothing was written: its fill value, zero where the document has null."""
    return spelled(0, array.dtype) if array.fill_value is None else array.fill_value


def fill_value_for(value: Any, dtype: str, where: str) -> Json:
    """A number that the caller gave, spelled for a dtype that it fits into.

    Parameters
    ----------
    value
        A number (also NumPy's), or a spelling such as ``"NaN"``.
    dtype
        What it has to fit into: an integer in its range for integers, a boolean, 0 or 1 for bool.
    where
        The location that a refusal names.

    Raises
    ------
    InvalidValueError
        Where it is no number, or does not fit.

    >>> fill_value_for(7, "uint8", "fill_value"), fill_value_for(float("nan"), "float32", "fill_value")
    (7, 'NaN')
    >>> fill_value_for(256, "uint8", "fill_value")
    Traceback (most recent call last):
    ngff_fn.errors.InvalidValueError: fill_value: 256 does not fit into uint8 (0 to 255). Give a number that does.
    """
    number = value.item() if hasattr(value, "item") and getattr(value, "shape", ()) == () else value
    if isinstance(number, str):
        number = _parsed(number, dtype)
    kind, size = DTYPES[dtype]
    reason = ""
    if not isinstance(number, bool | int | float | complex):
        reason = "is no number."
    elif kind == "b" and not (isinstance(number, int) and number in (0, 1)):
        reason = "is neither true nor false, and the dtype is bool."
    elif kind in "ui":
        least, most = integer_range(dtype)
        if not isinstance(number, int):
            reason = f"is no integer, and the dtype is {dtype}."
        elif not least <= number <= most:
            reason = f"does not fit into {dtype} ({least} to {most})."
    elif kind == "f" and isinstance(number, complex):
        reason = f"is complex, and the dtype is {dtype}."
    elif kind in "fc" and _overflows(number, size // 2 if kind == "c" else size):
        reason = f"does not fit into {dtype}."
    if reason:
        raise InvalidValueError(Problem(where, f"{value!r} {reason} Give a number that does."))
    return spelled(number, dtype)


def integer_range(dtype: str) -> tuple[int, int]:
    """The least and the greatest number of an integer dtype.

    >>> integer_range("int8")
    (-128, 127)
    """
    kind, size = DTYPES[dtype]
    bits = 8 * size
    return (0, 2**bits - 1) if kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def converted(value: Json, source: str, target: str) -> Json:
    """What a value of one dtype becomes in another, as NumPy's ``astype`` has it.

    Integers wrap around, floats are cut off towards zero; what is not finite becomes 0 in integers, where NumPy leaves
    it undefined.

    >>> converted(300, "uint16", "uint8"), converted("NaN", "float32", "int16"), converted(-1.5, "float64", "bool")
    (44, 0, True)
    >>> converted(0.1, "float64", "float32")
    0.10000000149011612
    """
    number = _parsed(value, source)
    kind, _ = DTYPES[target]
    if kind in "ui":
        real = number.real
        whole = int(real) if isinstance(real, int) or math.isfinite(real) else 0
        least, most = integer_range(target)
        return (whole - least) % (most - least + 1) + least
    return spelled(bool(number) if kind == "b" else number, target)


def spelled(number: complex, dtype: str) -> Json:
    """A number that fits into a dtype, as Zarr v3 spells it in JSON.

    >>> spelled(0, "float32"), spelled(1 + 2j, "complex64"), spelled(1, "bool"), spelled(float("-inf"), "float64")
    (0.0, (1.0, 2.0), True, '-Infinity')
    """
    kind, size = DTYPES[dtype]
    match kind:
        case "b":
            return bool(number)
        case "u" | "i":
            return int(number.real)
        case "f":
            return _spelled_float(number.real, size)
        case "c":
            return (_spelled_float(number.real, size // 2), _spelled_float(number.imag, size // 2))


def _spelled_float(number: float, size: int) -> float | str:
    rounded = _rounded(number, size)
    if math.isnan(rounded):
        return "NaN"
    if math.isinf(rounded):
        return "Infinity" if rounded > 0 else "-Infinity"
    return rounded


def _rounded(number: float, size: int) -> float:
    """To the nearest float of so many bytes."""
    code = _STRUCT[size]
    try:
        rounded: float = struct.unpack(code, struct.pack(code, float(number)))[0]
    except OverflowError:
        return math.inf if number > 0 else -math.inf
    return rounded


def _overflows(number: complex, size: int) -> bool:
    parts = (number.real, number.imag)
    return any(
        math.isinf(_rounded(part, size)) and not (isinstance(part, float) and math.isinf(part)) for part in parts
    )


def _parsed(value: Json, dtype: str) -> Any:
    """The number that a spelling means; what means none stays as it is."""
    kind, size = DTYPES[dtype]
    match value:
        case None:
            return 0
        case str() if value in _SPECIAL:
            return _SPECIAL[value]
        case str() if kind == "f" and value.startswith("0x") and len(value) == 2 + 2 * size:
            return struct.unpack(f">{_STRUCT[size]}", bytes.fromhex(value[2:]))[0]
        case (real, imaginary) if kind == "c":
            part = f"float{4 * size}"
            return complex(_parsed(real, part), _parsed(imaginary, part))
        case _:
            return value
