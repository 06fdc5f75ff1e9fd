"""Real images that other programs wrote, and what is done to a copy of each."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.axes import axis_names, channel_axis

ROOTS = {
    "bf2raw_mitotic_v04": ["xyz_8bit__mitotic_plate_calibrated.ome.zarr/0"],
    "tubhiswt4d_v04": ["tubhiswt4D_sub.zarr"],
    "omezarr_examples_v04": [
        "data/valid/image-01.zarr",
        "data/valid/image-02.zarr",
        "data/valid/image-03.zarr",
        "data/valid/image-04.zarr",
        "data/warning/image-01.zarr",
        "data/valid/plate-01.zarr/A/1/0",
    ],
    "viv_blobs_v04_v05": ["ome-zarr/blobs_image_v04.ome.zarr", "ome-zarr/blobs_image_v05.ome.zarr"],
    "ngio_v04": [
        f"v04/images/test_image_{axes}.zarr"
        for axes in ["c1yx", "cyx", "czyx", "tcyx", "tczyx", "tyx", "tzyx", "yx", "zyx"]
    ],
    "ngio_v05": [
        f"v05/images/test_image_{axes}.zarr"
        for axes in ["c1yx", "cyx", "czyx", "tcyx", "tczyx", "tyx", "tzyx", "yx", "zyx"]
    ],
}
IMAGES = [f"{store}/{path}" for store, paths in ROOTS.items() for path in paths]
REFUSED = [f"omezarr_examples_v04/data/invalid/image-0{number}.zarr" for number in (1, 2, 3)]


def edited(root: nf.Image) -> nf.Image:
    """One pipe of everything that the image allows."""
    sizes = nf.sizes(root)
    spatial = {name: 0.5 * nf.scale(root)[name] for name in axis_names(root) if name in "zyx"}
    steps: list[Callable[[nf.Image], nf.Image]] = [c.set_scale(spatial)]
    if channel_axis(root) is not None:
        shape = tuple(size for name, size in sizes.items() if name != "c")
        data = np.random.default_rng(0).integers(0, 200, shape).astype(root.levels[0].array.dtype)
        first = nf.channel_names(root)[0]
        steps += [
            c.rename_channel(first, "renamed"),
            c.add_channel("added", data=data, color="00FF00"),
            c.set_contrast_limits("added", start=1, end=100),
        ]
    if len(root.levels) == 1:
        steps.append(c.with_pyramid(levels=2))
    wanted = root
    for step in steps:
        wanted = step(wanted)
    return wanted


# --- what other programs say of a store; each raises where it does not open or is not valid
# -----------------------------


def _with_iohub(path: Path) -> None:
    from iohub import open_ome_zarr

    with open_ome_zarr(path, mode="r", layout="fov") as position:
        for _, array in position.images():
            np.asarray(array)


def _with_ome_zarr(path: Path) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    (node, *_) = list(Reader(parse_url(path))())
    assert node.data, "ome-zarr found no arrays"
    for array in node.data:
        np.asarray(array)


def _with_ngff_zarr(path: Path) -> None:
    from ngff_zarr import from_ngff_zarr

    for image in from_ngff_zarr(str(path)).images:
        np.asarray(image.data)


def with_models(path: Path) -> None:
    import zarr
    from ome_zarr_models import open_ome_zarr

    open_ome_zarr(zarr.open_group(path, mode="r"))


def with_yaozarrs(path: Path) -> None:
    import yaozarrs

    yaozarrs.validate_zarr_store(str(path))


READERS: dict[str, Callable[[Path], None]] = {
    "iohub": _with_iohub,
    "ome_zarr": _with_ome_zarr,
    "ngff_zarr": _with_ngff_zarr,
    "ome_zarr_models": with_models,
    "yaozarrs": with_yaozarrs,
}


def opens(reader: str, path: Path, readers: Mapping[str, Callable[[Path], None]] = READERS) -> str | None:
    """None where a program opens a store, else what it said."""
    importlib.import_module(reader)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            readers[reader](path)
    except Exception as error:  # noqa: BLE001 — whatever the other program raises
        return f"{type(error).__name__}: {error}"
    return None
