"""Looking through the files of a store for those that are not whole; no pixel is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from ngff_fn.codecs import decode_array
from ngff_fn.effects.access.groups import require_listing
from ngff_fn.effects.address import address_of
from ngff_fn.effects.pixels.stored import node_documents
from ngff_fn.effects.pixels.torn import fault, form_of, torn, with_region
from ngff_fn.effects.pixels.units import present_units, unit_key, unit_region
from ngff_fn.effects.reading.read import open_ome_zarr
from ngff_fn.effects.reading.view import View
from ngff_fn.effects.reading.witness import Witness
from ngff_fn.errors import NgffError, Problem
from ngff_fn.records.paths import joined, parent
from ngff_fn.records.pixels import whole
from ngff_fn.records.snapshot import Snapshot

_LEFT = re.compile(r"\.(partial|part|tmp)$|\.__")
"""What zarr, TensorStore and others call a file while they write it, beside the one that it becomes."""


def torn_files(store: Any, *, select: str | None = None) -> tuple[Problem, ...]:
    """Every file of an image, plate, well or collection that a writer has left half written, as far as can be seen
    without decoding: what is empty, what ends before its size, header or index says, and files that were to become
    others.

    It lists all directories of all arrays and looks at the beginning or end of each file: that takes as long as there
    are many. To read a pixel of a file that is named here as an error is refused anyway. Damage
    within a file is not looked for: checksums of chunks, and of the members of an archive, are compared when pixels are
    read.

    Parameters
    ----------
    store, select
        As for ``open_ome_zarr``.

    Returns
    -------
    tuple of Problem
        Of kind ``error`` for a chunk or shard that is not whole, ``warning`` for a file that no reader looks at, such
        as ``0.partial``. Writers that are at work have such files too.

    Raises
    ------
    NgffError
        As ``open_ome_zarr``.
    UnsupportedError
        Over plain HTTP, which lists nothing.

    >>> import numpy
    >>> from pathlib import Path
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> _ = create("eye.zarr", image_from(numpy.eye(4, dtype="uint8"), axes="yx", chunks=(2, 2)), version="0.5")
    >>> torn_files("eye.zarr")
    ()
    >>> _ = Path("eye.zarr/0/c/0/0").write_bytes(b"")
    >>> [problem.message.partition(". ")[0] for problem in torn_files("eye.zarr")]
    ['it is no whole chunk or shard (it is empty)']
    """
    snapshot = open_ome_zarr(store, select=select)
    address = address_of(store, is_group=True)
    require_listing(address.files)
    view = Witness(address.files).view
    nodes = sorted({joined(address.path, parent(key)) for key in snapshot.documents})
    return tuple(problem for node in nodes for problem in _in_node(view, node, snapshot))


def _in_node(files: View, path: str, snapshot: Snapshot) -> Iterator[Problem]:
    documents = next(node_documents(files, path), None)
    try:
        array = None if documents is None else decode_array(documents)
    except NgffError:  # what is wrong with it is among the problems of the snapshot
        array = None
    yield from _left(files, path, 0 if array is None else len(array.shape) + 1)
    if array is None:
        return
    form, grid = (
        form_of(array),
        tuple(-(-size // unit) for size, unit in zip(array.shape, array.write_unit, strict=True)),
    )
    for index in present_units(files, path, array, snapshot.version, [whole(grid)]):
        key = joined(path, unit_key(array, snapshot.version, index))
        if what := fault(form, partial(files.read, key)):
            yield with_region(torn(files.identity, key, what), unit_region(array, index))


def _left(files: View, path: str, depth: int) -> Iterator[Problem]:
    """Files that were to become others; not deeper than chunks are, whatever links there may be."""
    for name, is_directory in sorted(files.names(path)):
        if is_directory and depth:
            yield from _left(files, joined(path, name), depth - 1)
        elif not is_directory and _LEFT.search(name):
            message = "a writer has left it, or is still at it: no reader takes it for pixels. Remove it if none is."
            yield Problem(joined(files.identity, path, name), message, kind="warning")
