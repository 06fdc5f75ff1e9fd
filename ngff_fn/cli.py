"""The command line: each command is a function of its arguments, and says what it did on standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ngff_fn as nf
from ngff_fn import curried as c

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it is done, 1 when it was refused, with what, where and the cure on standard error.

    Parameters
    ----------
    arguments
        What stands after the program's name; None: what this process was called with.

    >>> main(["demo", "/dev/null/no-directory"])
    1
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × or ├ is no reason to fail
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except nf.NgffError as error:
        for line in str(error).splitlines():
            print(f"ngff-fn {options.command}: {line}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ngff-fn", description="OME-Zarr datasets as immutable values.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    about = "make synthetic cells, read them, edit them through a pipe, print the plan, commit it"
    command = commands.add_parser("demo", help=about, description=f"{about[0].upper()}{about[1:]}.")
    command.add_argument("directory", type=Path, metavar="DIR", help="where cells.zarr will lie; it is made if need be")
    command.add_argument("--overwrite", action="store_true", help="replace the cells.zarr that is there already")
    command.set_defaults(run=_demo)
    return parser


def _demo(options: Any) -> None:
    import numpy as np

    store = options.directory / "cells.zarr"
    new = nf.image_from(_cells(), axes="czyx", channel_names=["405 nm", "488 nm"], name="cells")
    try:
        nf.create(store, new, version="0.5", overwrite=options.overwrite)
    except nf.StoreExistsError as error:
        if options.overwrite:
            raise
        message = "something is there already. Take another DIR, or say --overwrite."
        raise nf.StoreExistsError(nf.Problem(str(store), message)) from error

    base = nf.open_ome_zarr(store, mode="r+")
    _say("What is there", nf.format_tree(base))

    nuclei, bodies = nf.to_numpy(store, "0")
    cytoplasm = np.where(bodies > nuclei, bodies - nuclei, 0).astype(bodies.dtype)
    edits = (
        c.rename_channel("405 nm", "DAPI"),
        c.rename_channel("488 nm", "GFP"),
        c.add_channel("cytoplasm", data=cytoplasm, color="yellow"),
        c.set_scale(z=0.5, y=0.2, x=0.2),
        c.set_contrast_limits("DAPI", _limits(nuclei)),
        c.set_contrast_limits("GFP", _limits(bodies)),
        c.set_contrast_limits("cytoplasm", _limits(cytoplasm)),
        c.with_pyramid(levels=3),
    )
    _say("The edits", "\n".join(map(repr, edits)))

    plan = nf.diff(base, nf.pipe(base.root, *edits))
    _say("The plan", nf.describe(plan))

    committed = nf.commit(store, plan)
    _say("What is there after the commit", nf.format_tree(committed.snapshot))
    _say("Where it lies", str(store.resolve()))


def _limits(pixels: NDArray[np.uint16]) -> dict[str, int]:
    window = nf.contrast_limits_from(pixels)
    return {"start": floor(window.start or 0), "end": ceil(window.end or 0)}


def _say(title: str, text: str) -> None:
    print(f"{title}\n\n{text}\n")


def _cells(shape: tuple[int, int, int] = (16, 192, 192), count: int = 24) -> NDArray[np.uint16]:
    """Nuclei and the bodies of their cells, always the same: ellipsoids with soft edges, and the noise of photons."""
    import numpy as np

    random = np.random.default_rng(seed=1)
    grid = np.ogrid[tuple(map(slice, shape))]
    light = np.zeros((2, *shape), np.float32)
    for _ in range(count):
        centre = random.uniform(0.1, 0.9, size=3) * shape
        radii = random.uniform((3, 8, 8), (5, 14, 14))
        # 1 on the border of the nucleus, 1.8 on that of the cell
        distance = np.sqrt(
            sum(((at - middle) / radius) ** 2 for at, middle, radius in zip(grid, centre, radii, strict=True))
        )
        brightness = random.uniform(0.5, 1.5)
        for channel, (border, photons) in enumerate([(1.0, 900), (1.8, 500)]):
            ellipsoid = brightness * photons / (1 + np.exp((distance - border) * 8))
            np.maximum(light[channel], ellipsoid, out=light[channel])
    background = 100
    return random.poisson(light + background).astype(np.uint16)
