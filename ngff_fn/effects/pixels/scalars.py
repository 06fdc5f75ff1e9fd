"""Values of a dtype: from the spelling that documents have of them, and from other dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngff_fn.frozen_json import Json


def converted(block: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in a dtype; what wraps around or is not a number is the result, and no news."""
    with np.errstate(all="ignore"):
        return block.astype(dtype, copy=False)


def scalar(value: Json, dtype: np.dtype[Any]) -> Any:
    """A value in the JSON spelling of Zarr v3 as one of a dtype; null is zero.

    "Floating point: ... "NaN", "Infinity", "-Infinity" ... or a byte representation of the floating point number using
    the base 16 encoding" (Zarr v3, fill value).

    >>> [float(scalar(value, np.dtype("float16"))) for value in ("-Infinity", "NaN", "0x3c00", None)]
    [-inf, nan, 1.0, 0.0]
    """
    match value:
        case tuple() if len(value) == 2:
            part = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else np.dtype("f8")
            pair = np.array([scalar(item, part) for item in value])
            return converted(pair.view(f"c{2 * part.itemsize}"), dtype)[0]
        case str() if value.startswith("0x"):
            return converted(np.frombuffer(bytes.fromhex(value[2:]), f">f{len(value) // 2 - 1}"), dtype)[0]
        case str():
            return converted(np.asarray(float(value)), dtype)[()]
        case _:
            return converted(np.asarray(0 if value is None else value), dtype)[()]
