"""An image and its pyramid, from memory to the store: ours in one commit, and the other libraries.

    python -m benchmarks.creation [--mebibytes 256] [--rounds 5] [--folder /dev/shm]

Needs the extra ``peers`` (Python 3.12 or newer). OME-NGFF 0.5, uint16, level 0 and three levels below it, mean, blosc
with zstd 1 and bit shuffle, chunks of (1, 1, 16, 512, 512) at every level, or halved; each side in a process of its
own. The other libraries with the settings that were fastest: ome-zarr-py with the local mean and, faster and less, with
the nearest element; ngff-zarr with the local mean of ITK, with and without tensorstore.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import ngff_fn as nf
from benchmarks.runs import compare, run_side, show

LEVELS = 4
CHUNK = (1, 1, 16, 512, 512)
AXES = "tczyx"


def photons(mebibytes: int) -> Any:
    """Pixels on a smooth background, two channels of planes of 2 MiB."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:1024, :1024]
    expected = 800 + 400 * np.sin(x / 40) * np.cos(y / 55)
    pixels = np.empty((1, 2, mebibytes // 4, 1024, 1024), "uint16")
    for plane in np.ndindex(pixels.shape[:3]):
        pixels[plane] = rng.poisson(expected)
    return pixels


def ours(chunks: Any, durability: Any, store: Path, pixels: Any) -> None:
    """``image_from``, ``with_pyramid``, ``create``."""
    image = nf.image_from(pixels, axes=AXES, channel_names=["DAPI", "GFP"], chunks=CHUNK)
    nf.create(store, nf.with_pyramid(image, LEVELS, chunks=chunks), version="0.5", durability=durability)


def iohub(implementation: str | None, store: Path, pixels: Any) -> None:
    """``create_image`` and ``compute_pyramid``."""
    from iohub import open_ome_zarr

    channels = ["DAPI", "GFP"]
    with open_ome_zarr(
        store, layout="fov", mode="w-", channel_names=channels, version="0.5", implementation=implementation
    ) as position:
        position.create_image("0", pixels, chunks=CHUNK)
        position.compute_pyramid(levels=LEVELS)


def _codec() -> Any:
    from zarr.codecs import BloscCodec

    return BloscCodec(typesize=2, cname="zstd", clevel=1, shuffle="bitshuffle")


def ome_zarr(method: str, store: Path, pixels: Any) -> None:
    """``write_image``; the chunks of small levels are what they hold at most."""
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image

    factors = [dict.fromkeys("zyx", 2**level) for level in range(1, LEVELS)]
    options = {"chunks": CHUNK, "compressors": [_codec()]}
    write_image(
        pixels, str(store), scale_factors=factors, axes=list(AXES), method=Methods(method), storage_options=options
    )


def ngff_zarr(use_tensorstore: Any, store: Path, pixels: Any) -> None:
    """``to_multiscales`` and ``to_ngff_zarr``."""
    import ngff_zarr as nz

    image = nz.to_ngff_image(pixels, dims=list(AXES))
    factors = [2**level for level in range(1, LEVELS)]
    chunks = dict(zip(AXES, CHUNK, strict=True))
    levels = nz.to_multiscales(image, factors, method=nz.Methods.ITKWASM_BIN_SHRINK, chunks=chunks, cache=False)
    nz.to_ngff_zarr(store, levels, version="0.5", use_tensorstore=use_tensorstore, compressors=[_codec()])


SIDES: dict[str, Callable[[Path, Any], None]] = {
    "ngff_fn, halved": partial(ours, "halve", "process"),
    "ngff_fn, halved, durable": partial(ours, "halve", "power"),
    "ngff_fn, equal": partial(ours, "keep", "process"),
    "iohub": partial(iohub, None),
    "iohub, tensorstore": partial(iohub, "tensorstore"),
    "ome-zarr-py, local mean": partial(ome_zarr, "local_mean"),
    "ome-zarr-py, nearest": partial(ome_zarr, "nearest"),
    "ngff-zarr": partial(ngff_zarr, False),  # noqa: FBT003 — as its own keyword
    "ngff-zarr, tensorstore": partial(ngff_zarr, True),  # noqa: FBT003
}
_OURS = ("ngff_fn, halved", "ngff_fn, halved, durable", "ngff_fn, equal")
ASKED: dict[tuple[str, str], str] = {
    **{("iohub", side): "at least 5" for side in _OURS},
    **{("iohub, tensorstore", side): "at least 2.5" for side in _OURS},
    **{(other, "ngff_fn, equal"): "at least 3" for other in SIDES if other.startswith(("ome-zarr", "ngff-zarr"))},
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))  # noqa: S108 — memory-backed on Linux
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "LARGE", "SMALL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side, large, small = options.side
        write = SIDES[side]
        run_side(
            lambda store: partial(write, store, photons(options.mebibytes)),
            lambda store: partial(write, store, photons(min(64, options.mebibytes))),
            Path(large),
            Path(small),
        )
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as room:
        said = ["--mebibytes", str(options.mebibytes)]
        found = compare("benchmarks.creation", Path(room), SIDES, said, rounds=options.rounds)
    show(f"from memory, OME-NGFF 0.5, {options.mebibytes} MiB, mean", found, ASKED)


if __name__ == "__main__":
    main()
