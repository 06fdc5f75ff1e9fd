"""Making a pyramid of a level 0 that is stored: ours, iohub and the bare codecs, each in a process of its own.

    python -m benchmarks.pyramids [--mebibytes 256] [--rounds 5] [--folder /dev/shm] [--version 0.5] [--method mean ...]
                                  [--layout chunks|default|shards]

Needs the extra ``peers`` (Python 3.12 or newer). Level 0 is uint16, blosc with zstd 1 and bit shuffle, in chunks of
(1, 1, 16, 512, 512), in those that iohub takes by itself, or in shards of (1, 1, 32, 512, 512) with chunks of
(1, 1, 16, 256, 256); three levels are made below it. Prints the median seconds of each side, its peak memory above what
it had before, and the ratios. ``scipy`` is the bare codecs with ``scipy.stats.mode``.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import ngff_fn as nf
from benchmarks.runs import compare, run_side, show
from ngff_fn import curried as c

LEVELS = 4
FACTORS = (1, 1, 2, 2, 2)
LAYOUTS: dict[str, dict[str, Any]] = {
    "chunks": {"chunks": (1, 1, 16, 512, 512)},
    "default": {},
    "shards": {"chunks": (1, 1, 16, 256, 256), "shards_ratio": (1, 1, 2, 2, 2)},
}
COMPRESSOR = {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2}


def make_level(store: Path, version: Any, mebibytes: int, layout: str) -> None:
    """An image of one level, as iohub writes it: photons on a smooth background."""
    from iohub import open_ome_zarr

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:1024, :1024]
    expected = 800 + 400 * np.sin(x / 40) * np.cos(y / 55)
    depth = mebibytes // 4  # two channels of planes of 2 MiB
    with open_ome_zarr(store, layout="fov", mode="w-", channel_names=["DAPI", "GFP"], version=version) as position:
        array = position.create_zeros("0", shape=(1, 2, depth, 1024, 1024), dtype="uint16", **LAYOUTS[layout])
        unit = (array.shards or array.chunks)[2]
        for channel, start in product(range(2), range(0, depth, unit)):
            planes = (min(unit, depth - start), 1024, 1024)
            array[0, channel, start : start + unit] = rng.poisson(expected, planes).astype("uint16")


# --- the sides: what is timed, of one store


def ours(chunks: Any, durability: Any, store: Path, method: Any) -> None:
    """``with_pyramid`` in one commit."""
    nf.update(store, c.with_pyramid(LEVELS, method=method, chunks=chunks), durability=durability)


def loaded(chunks: Any, store: Path, method: Any) -> None:
    """The same in a program that has loaded blosc2; others come to that once it pays."""
    import blosc2  # noqa: F401

    ours(chunks, "process", store, method)


def iohub(implementation: str | None, chunks: str, store: Path, method: str) -> None:
    """``compute_pyramid``, which halves the chunks, or takes the levels that are there."""
    from iohub import open_ome_zarr

    with open_ome_zarr(store, mode="r+", implementation=implementation) as position:
        if chunks == "keep":
            _equal_levels(position)
        position.compute_pyramid(levels=LEVELS, method=method)


def _equal_levels(position: Any) -> None:
    from iohub.ngff.models import TransformationMeta

    above = position["0"]
    for level in range(1, LEVELS):
        factors = [factor**level for factor in FACTORS]
        shape = tuple(-(-size // factor) for size, factor in zip(above.shape, factors, strict=True))
        ratio = None if above.shards is None else [a // b for a, b in zip(above.shards, above.chunks, strict=True)]
        scale = TransformationMeta(type="scale", scale=[float(factor) for factor in factors])
        position.create_zeros(
            str(level), shape=shape, dtype=above.dtype, chunks=above.chunks, shards_ratio=ratio, transform=[scale]
        )


def bare(downsample: Callable[..., Any] | None, store: Path, method: Any) -> None:
    """What has to be done at least: decode each chunk, a kernel, encode, plain files; on two threads."""
    import numcodecs

    from ngff_fn import kernels

    codec, chunk, make = numcodecs.get_codec(COMPRESSOR), LAYOUTS["chunks"]["chunks"], downsample or kernels.downsample

    def column(path: Path) -> None:
        block = np.frombuffer(codec.decode(path.read_bytes()), "uint16").reshape(chunk)
        for level in range(1, LEVELS):
            block = make(block, FACTORS, method)
            target = store / "bare" / str(level) / path.relative_to(store / "0")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(codec.encode(block))

    paths = [path for path in (store / "0").rglob("*") if path.is_file() and path.name.isdecimal()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(column, paths))


def scipy_mode(block: Any, factors: tuple[int, ...], _: str) -> Any:
    """The mode of whole windows, the smallest of equally frequent values."""
    from scipy.stats import mode

    split = [part for size, factor in zip(block.shape, factors, strict=True) for part in (size // factor, factor)]
    places = range(block.ndim)
    windows = block.reshape(split).transpose([2 * axis for axis in places] + [2 * axis + 1 for axis in places])
    values = windows.reshape(*windows.shape[: block.ndim], -1)
    return np.asarray(mode(values, axis=-1).mode, block.dtype)


SIDES: dict[str, Callable[[Path, str], None]] = {
    "ngff_fn, halved": partial(ours, "halve", "process"),
    "ngff_fn, halved, durable": partial(ours, "halve", "power"),
    "ngff_fn, equal": partial(ours, "keep", "process"),
    "ngff_fn, halved, blosc2": partial(loaded, "halve"),
    "ngff_fn, equal, blosc2": partial(loaded, "keep"),
    "iohub": partial(iohub, None, "halve"),
    "iohub, equal": partial(iohub, None, "keep"),
    "iohub, tensorstore": partial(iohub, "tensorstore", "halve"),
    "iohub, tensorstore, equal": partial(iohub, "tensorstore", "keep"),
    "bare codecs": partial(bare, None),
    "scipy": partial(bare, scipy_mode),
}
_HALVED = ("ngff_fn, halved", "ngff_fn, halved, durable", "ngff_fn, halved, blosc2")
_EQUAL = ("ngff_fn, equal", "ngff_fn, equal, blosc2")
ASKED: dict[tuple[str, str], str] = {
    **{("iohub", side): "at least 6; with shards 4" for side in (*_HALVED, *_EQUAL)},
    **{("iohub, equal", side): "at least 6; with shards 4" for side in _EQUAL},
    **{("iohub, tensorstore", side): "at least 2.5" for side in (*_HALVED, *_EQUAL)},
    **{("iohub, tensorstore, equal", side): "at least 2.5" for side in _EQUAL},
    ("ngff_fn, halved", "bare codecs"): "at most 1.3",
    ("scipy", "ngff_fn, halved"): "at least 5",
}


def sides_of(method: str, layout: str) -> list[str]:
    """Those that there are: iohub 0.3.11 fails at the mode, the bare codecs know one layout only."""
    if method == "mode":
        return [
            side for side in SIDES if not side.startswith("iohub") and (layout == "chunks" or side.startswith("ngff"))
        ]
    return [side for side in SIDES if side != "scipy" and (layout == "chunks" or side != "bare codecs")]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))  # noqa: S108 — memory-backed on Linux
    parser.add_argument("--version", choices=["0.4", "0.5"], nargs="+", default=["0.5"])
    parser.add_argument("--method", nargs="+", default=["mean"])
    parser.add_argument("--layout", choices=LAYOUTS, nargs="+", default=["chunks"])
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "LARGE", "SMALL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side, large, small = options.side
        step = SIDES[side]
        prepare = lambda store: partial(step, store, options.method[0])  # noqa: E731 — one line says it
        run_side(prepare, prepare, Path(large), Path(small))
        return
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for version, layout in product(options.version, options.layout):
        with tempfile.TemporaryDirectory(dir=options.folder) as room:
            stores = (Path(room) / "level.zarr", Path(room) / "small.zarr")
            make_level(stores[0], version, options.mebibytes, layout)
            make_level(stores[1], version, min(64, options.mebibytes), layout)
            for method in options.method:
                title = f"OME-NGFF {version}, {options.mebibytes} MiB, {layout}, {method}"
                found = compare(
                    "benchmarks.pyramids",
                    Path(room),
                    sides_of(method, layout),
                    ["--method", method],
                    rounds=options.rounds,
                    stores=stores,
                )
                show(title, found, ASKED)


if __name__ == "__main__":
    main()
