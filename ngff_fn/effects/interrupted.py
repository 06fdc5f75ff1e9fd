"""What interrupted commits have left in a store, for who looks at it and for whom other programs shall read it."""

from __future__ import annotations

from typing import Any

from ngff_fn.effects.address import address_of
from ngff_fn.effects.record import RECORDS, STAGE, WORKSHOP
from ngff_fn.errors import Problem
from ngff_fn.records.paths import joined


def interrupted(store: Any) -> tuple[Problem, ...]:
    """The commits that have happened and are not carried out, and what is staged; nothing is locked or written.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> _ = create(store, image_from(numpy.zeros((4, 5), "uint8"), axes="yx"), version="0.5")
    >>> interrupted(store)
    ()
    """
    files = address_of(store, is_group=True).files
    if not files.exists(WORKSHOP):
        return ()
    told = {
        RECORDS: "a commit has happened and is not carried out: other programs see none or a part of it. Run recover.",
        STAGE: "something is staged, by a writer that is at work or one that died. vacuum knows which, and removes it.",
    }
    return tuple(
        Problem(joined(files.identity, folder, name), message, kind="warning")
        for folder, message in told.items()
        for name, _ in sorted(files.names(folder))
    )
