"""Fill values in documents, in the JSON spelling of Zarr v3, that of ``ArraySpec``; Zarr v2 has nearly the same."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from typing import Any

from ngff_fn.codecs.parts import Part, shown
from ngff_fn.errors import Problem
from ngff_fn.frozen_json import Json, thaw
from ngff_fn.records.arrays import DTYPES

_WORDS = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf, "inf": math.inf, "-inf": -math.inf}
_INTEGER = re.compile(r"[-+]?\d{1,40}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_CODES = {2: "e", 4: "f", 8: "d"}
_NAN = {2: "7e00", 4: "7fc00000", 8: "7ff8000000000000"}  # "the canonical NaN" (Zarr v3, "Fill value")


def read_fill_value(part: Part, dtype: str, order: str = "<") -> Json:
    """A fill value, checked against the dtype of its array; ``order``: of the bytes in a text in base64 (Zarr v2)."""
    kind, size = DTYPES[dtype]
    match kind:
        case "b":
            return _read_truth(part)
        case "u" | "i":
            return _read_integer(part, 8 * size, signed=kind == "i")
        case "f":
            return _read_float(part, size)
        case "c":
            return _read_complex(part, size // 2, order)


def is_sound_integer(value: object, dtype: str) -> bool:
    """Whether ``read_fill_value`` would give this very value for an array of integers."""
    kind, size = DTYPES[dtype]
    if type(value) is not int or kind not in "ui":
        return False
    least = 0 if kind == "u" else -(1 << 8 * size - 1)
    return least <= value < least + (1 << 8 * size)


def _read_truth(part: Part) -> bool:
    if isinstance(part.value, bool):
        return part.value
    if part.value in (0, 1, "0", "1"):
        part.lenient(f"is {shown(part.value)}; that of bool is true or false.")
    else:
        part.error(f"is {shown(part.value)}; that of bool is true or false.")
    return part.value in (1, "1")


def _read_integer(part: Part, bits: int, *, signed: bool) -> int:
    value: Any = part.value
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if (
        (isinstance(value, str) and _INTEGER.fullmatch(value))
        or isinstance(value, bool)
        or (isinstance(value, float) and value.is_integer())
    ):
        value = int(value)
    if not isinstance(value, int):
        part.error(f"is {shown(part.value)}; that of an array of integers is an integer.")
        return 0
    if not least <= value <= most:
        part.error(f"is {shown(part.value)}; it must be from {least} to {most}. Mend it.")
        return 0
    if type(part.value) is not int:
        part.lenient(f"is {shown(part.value)}; that of an array of integers is an integer.")
    return value


def _read_float(part: Part, size: int) -> float | str:
    number: Any = part.value
    if isinstance(number, str):
        if re.fullmatch(f"0x[0-9a-fA-F]{{{2 * size}}}", number):
            return _of_bits(number.lower(), size)
        number = _WORDS.get(number.lower(), number)
        if isinstance(number, str) and _FLOAT.fullmatch(number):
            number = float(number)
    if isinstance(number, bool) or not isinstance(number, int | float):
        part.error(f"is {shown(part.value)}; that of an array of floats is a number, 'NaN', 'Infinity' or '-Infinity'.")
        return 0.0
    code = f"<{_CODES[size]}"  # with an order, or what is too large becomes infinite
    try:
        spelled = _spelled(struct.unpack(code, struct.pack(code, number))[0])
    except (OverflowError, struct.error):  # the latter of an integer that no float can hold
        part.error(f"is {shown(part.value)}; that is beyond the range of floats of {8 * size} bits. Mend it.")
        return 0.0
    if isinstance(part.value, str) and part.value != spelled:
        part.lenient(f"is {shown(part.value)}; it should be {spelled!r}.")
    return spelled


def _of_bits(text: str, size: int) -> float | str:
    number: float = struct.unpack(f">{_CODES[size]}", bytes.fromhex(text[2:]))[0]
    if math.isnan(number) and text[2:] != _NAN[size]:
        return text  # a NaN like no other
    return _spelled(number)


def _spelled(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _read_complex(part: Part, size: int, order: str) -> tuple[float | str, float | str]:
    value = part.value
    if isinstance(value, list) and len(value) == 2:
        return _read_float(part[0], size), _read_float(part[1], size)
    if isinstance(value, str):
        try:
            real, imaginary = struct.unpack(f"{order}2{_CODES[size]}", base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError, struct.error):
            part.error(f"is {shown(value)}; that of an array of complex numbers is a list of two. Mend it.")
            return 0.0, 0.0
        return _spelled(real), _spelled(imaginary)
    if isinstance(value, int | float) and not isinstance(value, bool):
        part.lenient(f"is {shown(value)}; that of an array of complex numbers is a list of two.")
        return _read_float(part, size), 0.0
    part.error(f"is {shown(value)}; that of an array of complex numbers is a list of two. Mend it.")
    return 0.0, 0.0


def write_fill_value(value: Json, dtype: str) -> Any:
    """The fill value of an array as its document has it; a record may have a plain 0 for any dtype."""
    return thaw(read_fill_value(Part(thaw(value), "", []), dtype))


def fill_value_fault(value: Json, dtype: str) -> str:
    """What forbids a fill value for a dtype; empty where nothing does."""
    if is_sound_integer(value, dtype):
        return ""
    problems: list[Problem] = []
    read_fill_value(Part(thaw(value), "", problems), dtype)
    return next((problem.message for problem in problems if problem.kind == "error"), "")
