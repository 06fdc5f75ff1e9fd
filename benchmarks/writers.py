"""What ``benchmarks.crashes`` tries: operations of other libraries, as they are released, ours beside them; readers.

Every library is called as its documentation does, with the settings that it has if nothing is said (iohub writes by
zarr-python and the codecs of zarrs, yaozarrs by tensorstore, both of which come with the extra ``peers``), but for
small chunks, so that there are several, and a filter of ngff-zarr that is quick. Each edit of ours begins with the
store that the other library made. Images are of 1 x 2 x 4 x 16 x 16 elements, none of them the fill value.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import ngff_fn as nf
from ngff_fn import curried as c

Version: TypeAlias = Literal["0.4", "0.5"]
Act: TypeAlias = Callable[[Path, Version], object]

AXES, SHAPE, CHUNKS = "tczyx", (1, 2, 4, 16, 16), (1, 1, 4, 8, 8)
CHANNELS = ["DAPI", "GFP"]
LEVELS = 3
BOTH: tuple[Version, ...] = ("0.4", "0.5")


@frozen(kw_only=True)
class Operation:
    """What a library does to a store, and how the store before it is made; None: there is none."""

    name: str
    library: str
    act: Act
    before: Act | None = None
    versions: tuple[Version, ...] = BOTH

    @property
    def reader(self) -> str:
        """The name of the library, without what is said about how it is used."""
        return self.library.partition(",")[0]


def pixels(start: int) -> NDArray[Any]:
    """No element is the fill value, and no two images have one in common."""
    return np.arange(start, start + math.prod(SHAPE), dtype="uint16").reshape(SHAPE)


FIRST, SECOND = 1, 10_000


def scale(start: int) -> dict[str, float]:
    """The two images have other voxel sizes."""
    return {"z": 0.5, "y": 0.25, "x": 0.25} if start == FIRST else {"z": 2.0, "y": 1.0, "x": 1.0}


# --- iohub


def _iohub(store: Path, **options: Any) -> Any:
    from iohub import open_ome_zarr

    return open_ome_zarr(store, **options)


def iohub_image(levels: int, store: Path, version: Version) -> None:
    """An image to begin with."""
    with _iohub(store, layout="fov", mode="w-", channel_names=CHANNELS, version=version) as position:
        position.create_image("0", pixels(FIRST), chunks=CHUNKS)
        if levels > 1:
            position.compute_pyramid(levels=levels)


def iohub_plate(store: Path, version: Version) -> None:
    """Two wells of one position."""
    with _iohub(store, layout="hcs", mode="w-", channel_names=CHANNELS, version=version) as plate:
        for row, column in (("A", "1"), ("C", "1")):
            plate.create_position(row, column, "0").create_image("0", pixels(FIRST), chunks=CHUNKS)


def iohub_edit(edit: Callable[[Any], object], store: Path, _version: Version) -> None:
    """Open, and call one method."""
    with _iohub(store, mode="r+") as node:
        edit(node)


# --- those that write whole images


def ome_zarr_image(start: int, store: Path, version: Version) -> None:
    """``write_image``; it does not replace, so over what is there ``OMEZarrMultiscale.to_ome_zarr``, which it calls."""
    from ome_zarr.classes import OMEZarrImage, OMEZarrMultiscale
    from ome_zarr.format import format_from_version
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image

    factors = [dict.fromkeys("zyx", 2**level) for level in range(1, LEVELS)]
    options = {"chunks": CHUNKS}
    if start == FIRST:
        write_image(
            pixels(start),
            str(store),
            axes=list(AXES),
            scale=scale(start),
            scale_factors=factors,
            fmt=format_from_version(version),
            storage_options=options,
        )
        return
    image = OMEZarrImage(data=pixels(start), axes=list(AXES), scale=scale(start), name="image")
    levels = OMEZarrMultiscale(image=image, scale_factors=factors, method=Methods.RESIZE)
    levels.to_ome_zarr(str(store), storage_options=options, version=version, overwrite=True)


def ngff_zarr_image(start: int, store: Path, version: Version) -> None:
    """``to_ngff_zarr``, which replaces what is there."""
    import ngff_zarr as nz

    image = nz.to_ngff_image(pixels(start), dims=list(AXES), scale=scale(start))
    chunks = dict(zip(AXES, (1, 1, 2, 4, 4), strict=True))  # it makes no level that is smaller than a chunk
    factors = [2**level for level in range(1, LEVELS)]
    levels = nz.to_multiscales(image, factors, method=nz.Methods.ITKWASM_BIN_SHRINK, chunks=chunks, cache=False)
    nz.to_ngff_zarr(store, levels, version=version)


def yaozarrs_image(start: int, store: Path, _version: Version) -> None:
    """``write_image``, with ``overwrite=True``, of levels that the caller makes."""
    from yaozarrs import v05
    from yaozarrs.write.v05 import write_image

    size = scale(start)
    steps = [[1.0, 1.0, *(size[axis] * 2**level for axis in "zyx")] for level in range(LEVELS)]
    multiscale = v05.Multiscale(
        axes=[v05.TimeAxis(name="t"), v05.ChannelAxis(name="c"), *(v05.SpaceAxis(name=axis) for axis in "zyx")],
        datasets=[
            v05.Dataset(path=str(level), coordinateTransformations=[v05.ScaleTransformation(scale=step)])
            for level, step in enumerate(steps)
        ],
    )
    data = pixels(start)
    levels = [np.ascontiguousarray(data[..., :: 2**level, :: 2**level, :: 2**level]) for level in range(LEVELS)]
    write_image(store, v05.Image(multiscales=[multiscale]), levels, chunks=CHUNKS, overwrite=start != FIRST)


# --- ours


def our_image(start: int, store: Path, version: Version) -> None:
    """``create``, or the same over what is there."""
    image = nf.image_from(pixels(start), axes=AXES, channel_names=CHANNELS, scale=scale(start), chunks=CHUNKS)
    wanted = nf.with_pyramid(image, LEVELS)
    if start == FIRST:
        nf.create(store, wanted, version=version)
        return
    base = nf.open_ome_zarr(store, layout="fov", mode="w", axes=AXES, channel_names=CHANNELS, version=version)
    nf.commit(store, nf.diff(base, wanted))


def our_edit(edit: Callable[[Any], Any], store: Path, _version: Version) -> None:
    """Open, edit, diff, commit."""
    base = nf.open_ome_zarr(store, mode="r+")
    nf.commit(store, nf.diff(base, edit(base.root)))


# --- all of them, ours after each of the others'


def operations() -> Iterator[Operation]:
    """In the order of the table; each edit of ours begins with the same store as the other's."""
    flat, deep = partial(iohub_image, 1), partial(iohub_image, LEVELS)
    add: Any = c.add_channel("Cy5")
    for name, before, theirs, mine, ours in (
        ("append_channel", deep, lambda node: node.append_channel("Cy5"), "add_channel", add),
        ("compute_pyramid", flat, lambda node: node.compute_pyramid(LEVELS), "with_pyramid", c.with_pyramid(LEVELS)),
        ("delete_pyramid", deep, lambda node: node.delete_pyramid(), "without_pyramid", c.without_pyramid()),
        ("rename_well", iohub_plate, lambda node: node.rename_well("A/1", "B/2"), "rename_well", _RENAME),
    ):
        yield Operation(name=name, library="iohub", before=before, act=partial(iohub_edit, theirs))
        yield Operation(name=mine, library="ngff_fn", before=before, act=partial(our_edit, ours))
    write: dict[str, tuple[Callable[..., object], tuple[Version, ...]]] = {
        "ome-zarr-py": (ome_zarr_image, BOTH),
        "ngff-zarr": (ngff_zarr_image, BOTH),
        "yaozarrs": (yaozarrs_image, ("0.5",)),
        "ngff_fn": (our_image, BOTH),
    }
    for library, (act, versions) in write.items():
        yield Operation(name="write an image", library=library, act=partial(act, FIRST), versions=versions)
    for library, (act, versions) in write.items():
        first, second = partial(act, FIRST), partial(act, SECOND)
        yield Operation(name="overwrite it", library=library, before=first, act=second, versions=versions)


_RENAME: Any = c.rename_well("A/1", "B/2")


# --- what each library itself reads: its metadata, and the pixels of every level


def _read_by_iohub(store: Path) -> object:
    with _iohub(store, mode="r") as node:
        positions = dict(node.positions()) if hasattr(node, "positions") else {"": node}
        levels = {path: position.metadata.multiscales[0].datasets for path, position in positions.items()}
        said = [node.metadata, *(position.metadata for position in positions.values())]
        pixels = [seen(positions[path][level.path][...]) for path, found in levels.items() for level in found]
        return [each.model_dump_json() for each in said], list(positions), pixels


def _read_by_ome_zarr(store: Path) -> object:
    from ome_zarr.classes import OMEZarrMultiscale

    found = OMEZarrMultiscale.from_ome_zarr(str(store))
    return repr(found.metadata), repr(found.omero), [(str(image.scale), seen(image.data)) for image in found.images]


def _read_by_ngff_zarr(store: Path) -> object:
    import ngff_zarr as nz

    found = nz.from_ngff_zarr(store)
    return repr(found.metadata), [(str(image.scale), seen(image.data)) for image in found.images]


def _read_by_yaozarrs(store: Path) -> object:
    import yaozarrs

    yaozarrs.validate_zarr_store(store)
    group = yaozarrs.open_group(store)
    said: Any = group.ome_metadata()
    paths = [dataset.path for dataset in said.multiscales[0].datasets]
    return said.model_dump_json(), [seen(group[path].to_zarr_python()[...]) for path in paths]


def _read_by_us(store: Path) -> object:
    root: Any = nf.open_ome_zarr(store).root
    images: dict[str, Any] = {"": root} if isinstance(root, nf.Image) else dict(nf.positions(root))
    levels = [(path, image, level) for path, image in images.items() for level in image.levels]
    return (
        [(path, image.axes, image.channels) for path, image in images.items()],
        [(path, level.path, level.scale, level.translation) for path, _, level in levels],
        [seen(nf.evaluate(image, level.path)) for _, image, level in levels],
    )


def seen(pixels: Any) -> str:
    """What tells arrays apart."""
    block = np.ascontiguousarray(pixels)
    return f"{block.shape} {block.dtype} {hashlib.blake2b(block.tobytes(), digest_size=8).hexdigest()}"


OWN_READERS: dict[str, Callable[[Path], object]] = {
    "iohub": _read_by_iohub,
    "ome-zarr-py": _read_by_ome_zarr,
    "ngff-zarr": _read_by_ngff_zarr,
    "yaozarrs": _read_by_yaozarrs,
    "ngff_fn": _read_by_us,
}
