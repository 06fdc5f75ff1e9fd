"""Whole arrays, staged as a commit stages them."""

from __future__ import annotations

from typing import Any

from ngff_fn.effects.pixels.pixels import stage_pixels
from ngff_fn.effects.pixels.units import units
from ngff_fn.records.arrays import ArraySpec
from ngff_fn.records.pixels import Pixels, whole
from tests.arrays_in_stores import Home


def stage(home: Home, path: str, array: ArraySpec, pixels: Pixels, **options: Any) -> None:
    home.create(path, array)
    again(home, path, array, pixels, **options)


def again(home: Home, path: str, array: ArraySpec, pixels: Pixels, **options: Any) -> None:
    everything = units(array, [whole(array.shape)])
    stage_pixels(home.files, path, home.version, array, pixels, everything, **options)
