"""Real plates and collections that other programs wrote, what is done to a copy of each, and what is compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.axes import axis_names
from ngff_fn.records.pixels import fill
from tests.real_images import opens as opens_by
from tests.real_images import with_models, with_yaozarrs

PLATES = [
    "ngff_challenge_hcs/hcs.zarr",
    "omezarrmodels_examples/examples/v04/hcs_example.ome.zarr",
    "omezarr_examples_v04/data/valid/plate-01.zarr",
    "yaozarrs_broken_v05/broken/broken_v05.ome.zarr",
]
COLLECTION = "bf2raw_mitotic_v04/xyz_8bit__mitotic_plate_calibrated.ome.zarr"
ROOTS = [*PLATES, COLLECTION]


# --- what is compared


def records(node: Any) -> Any:
    """A node without where it was read from, and without its pixels."""
    match node:
        case nf.Image():
            levels = [evolve(level, pixels=fill(level.array.shape)) for level in node.levels]
            return evolve(node, levels=tuple(levels), labels=records(node.labels), source=None)
        case nf.Labels():
            labels = [evolve(each, image=records(each.image)) for each in node.images]
            return evolve(node, images=tuple(labels), source=None)
        case nf.Well():
            fields = [evolve(each, image=records(each.image)) for each in node.fields]
            return evolve(node, fields=tuple(fields), source=None)
        case nf.Collection():
            series = [evolve(each, image=records(each.image)) for each in node.series]
            return evolve(node, series=tuple(series), source=None)
        case nf.Plate():
            return evolve(node, wells=tuple(map(records, node.wells)), source=None)
        case _:
            return node


def images_in(root: Any) -> dict[str, nf.Image]:
    """The images that were read, by their paths."""
    return {path: image for path, image in nf.positions(root) if isinstance(image, nf.Image)}


def pixels_in(root: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The pixels of every level, by the path of its array."""
    return {
        f"{path}/{level.path}": nf.evaluate(image, level.path)
        for path, image in images_in(root).items()
        for level in image.levels
    }


def unlisted(store: Path, plate: nf.Plate) -> set[str]:
    """The directories that are no row, well or field of the plate; and those of its own that are not there."""
    wanted = {well.path for well in plate.wells} | {well.path.partition("/")[0] for well in plate.wells}
    wanted |= {f"{w.path}/{each.path}" for w in plate.wells if isinstance(w, nf.Well) for each in w.fields}
    there = {str(path.relative_to(store)) for depth in ("*", "*/*", "*/*/*") for path in store.glob(depth)}
    return {path for path in there if (store / path).is_dir()} ^ wanted


# --- the mixed edit


def image_like(image: nf.Image) -> nf.Image:
    """A new image with the axes, the shape, the channels and as many levels as another, and pixels of its own."""
    first = image.levels[0]
    data = np.zeros(first.array.shape, first.array.dtype)
    corner = tuple(slice(0, min(size, 16)) for size in data.shape)
    data[corner] = np.random.default_rng(0).integers(1, 200, data[corner].shape).astype(data.dtype)
    made = nf.image_from(data, axes=image.axes, scale=dict(zip(axis_names(image), first.scale, strict=True)))
    made = evolve(made, channels=image.channels)
    count = len(image.levels)
    return made if count == 1 else nf.with_pyramid(made, levels=count, axes="yx")


def read_wells(plate: nf.Plate) -> list[nf.Well]:
    """The wells that were read and have an image that was."""
    images = images_in(plate)
    return [w for w in plate.wells if isinstance(w, nf.Well) and any(f"{w.path}/{f.path}" in images for f in w.fields)]


def renamed_well(plate: nf.Plate) -> tuple[str, str]:
    """A well of the plate, and the name that it gets: the column is new."""
    old = read_wells(plate)[-1].path
    return old, f"{old.partition('/')[0]}/77"


def removed_position(plate: nf.Plate) -> str | None:
    """The first position, where it is not the only one."""
    paths = [path for path, _ in nf.positions(plate)]
    return paths[0] if len(paths) > 1 else None


def labelled(image: nf.Image) -> nf.Image:
    """The image with a label of all its pixels."""
    names, shape = nf.axis_names(image), image.levels[0].array.shape
    data = np.indices([size for name, size in zip(names, shape, strict=True) if name != "c"]).sum(0) % 5
    return nf.add_label(image, "ours", data.astype("uint16"), colors={1: "red"})


def with_label_of_an_old_image(plate: nf.Plate) -> nf.Plate:
    """The plate with a label of its last image that was read from a store."""
    old = [path for path, image in images_in(plate).items() if image.source is not None]
    return nf.update_at(plate, old[-1], labelled)


def mixed(plate: nf.Plate) -> nf.Plate:
    """A well is renamed, fields with pixels are added (in it, and in a new row), and labels (to one that is new and one
    that was there), a position goes, all get a scale.
    """
    old, new = renamed_well(plate)
    image = image_like(next(iter(images_in(plate).values())))
    removed = removed_position(plate)
    steps: list[Callable[[Any], Any]] = [
        c.rename_well(old, new),
        c.add_position(f"{new}/9", image),
        c.add_position("Q/5/0", image),
        *([] if removed is None else [c.remove_position(removed)]),
        c.update_at("Q/5/0", labelled),
        with_label_of_an_old_image,
        c.each_image(c.set_scale(x=0.125), where=lambda _, image: isinstance(image, nf.Image)),
    ]
    wanted = plate
    for step in steps:
        wanted = step(wanted)
    return wanted


# --- what other programs read of a plate or a collection; each raises where it does not open or is not valid


def _with_iohub(path: Path) -> None:
    from iohub import open_ome_zarr

    with open_ome_zarr(path, mode="r") as group:
        read = [np.asarray(array) for _, position in group.positions() for _, array in position.images()]
    assert read, "iohub found no position"


def _with_ome_zarr(path: Path) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    (node, *_) = list(Reader(parse_url(path))())
    assert node.data, "ome-zarr found no arrays"
    for array in node.data:
        np.asarray(array)


def _with_ngff_zarr(path: Path) -> None:
    from ngff_zarr import from_hcs_zarr

    plate = from_hcs_zarr(str(path))
    assert plate.metadata.wells, "ngff-zarr found no wells"
    for each in plate.metadata.wells:
        well = plate.get_well(*each.path.split("/"))
        for number in range(len(well.images)):
            for image in well.get_image(number).images:
                np.asarray(image.data)


READERS: dict[str, Callable[[Path], None]] = {
    "iohub": _with_iohub,
    "ome_zarr": _with_ome_zarr,
    "ngff_zarr": _with_ngff_zarr,
    "ome_zarr_models": with_models,
    "yaozarrs": with_yaozarrs,
}


opens = partial(opens_by, readers=READERS)
"""None where a program opens a plate, else what it said."""
