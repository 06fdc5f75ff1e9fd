"""What a creator of a store says to others among objects, where it is made in its place: a claim, until it is there."""

from __future__ import annotations

from ngff_fn import codecs
from ngff_fn.effects.object_files import ObjectFiles
from ngff_fn.effects.record import CREATING
from ngff_fn.records.paths import joined

ROOTS = ("zarr.json", ".zattrs", ".zgroup")

BEING_CREATED = (
    "another writer creates it just now, or has died when he did. Wait; or, where nobody does so,"
    " vacuum(store, older_than=3600), with this path as the store, removes what he has made."
)
INTERRUPTED = (
    "its creation was interrupted. vacuum(store, single_writer=True) removes what was made; then create it again."
)


def unfinished(files: ObjectFiles, path: str) -> str | None:
    """The tag of the claim of one who creates a store and has not come to his moment: perhaps he never will."""
    found = files.objects.get(files.documents.key(joined(path, CREATING)))
    return None if found is None or roots_in(files, path) else found.tag


def roots_in(files: ObjectFiles, path: str) -> list[str]:
    """The documents of a root that are there: with the first of them a creation has happened."""
    return [name for name in ROOTS if files.signature(joined(path, name)) is not None]


def end_creation(files: ObjectFiles, path: str) -> bool:
    """What a creator left to be done who died after the moment, so that others find a group too; whether one had."""
    if files.signature(joined(path, CREATING)) is None:
        return False
    there = roots_in(files, path)
    if not there:  # it has not happened, and nobody knows whether it will
        return False
    if there == [".zattrs"]:
        for name, text in codecs.bare_group("0.4").items():
            files.put_new(joined(path, name), text)
    files.remove(joined(path, CREATING))
    return True
