"""What nothing is created in, and what is not replaced: icechunk repositories, and what may be something else."""

from __future__ import annotations

import os
from functools import partial

from ngff_fn.effects.local import LocalFiles
from ngff_fn.effects.repositories import A_REPOSITORY, is_repository
from ngff_fn.effects.repository_files import RepositoryFiles
from ngff_fn.effects.stores import Address
from ngff_fn.effects.zip_files import ZipFiles
from ngff_fn.errors import InvalidValueError, Problem, StoreExistsError
from ngff_fn.records.paths import joined


def refuse_repository(address: Address) -> None:
    """Refuse to create something in the directory of an icechunk repository, or in its place: all its history would go.

    Raises
    ------
    StoreExistsError
        Naming the repository.
    """
    if not isinstance(address.files, LocalFiles | ZipFiles):
        return
    below, above = "", joined(address.files.identity, address.path)
    while above != below:
        if is_repository(partial(_beginning, above)):
            raise StoreExistsError(Problem(above, A_REPOSITORY))
        below, above = above, os.path.dirname(above)


def _beginning(directory: str, key: str) -> bytes | None:
    """Of a file; None where there is none, or none that may be read."""
    path = os.path.join(directory, key)
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read(64)
    except OSError:
        return None


def check_replaceable(address: Address, *, disabled: bool) -> None:
    """Refuse to replace what is at a path that does not look like an OME-Zarr store."""
    place = joined(address.files.identity, address.path)
    is_kept = isinstance(address.files, RepositoryFiles)  # in the history, whatever replaces it
    if disabled or is_kept or place.startswith("memory:") or ".zarr" in place or ".ozx" in place:
        return
    if isinstance(address.files, ZipFiles) and not address.path and _holds_nothing_else(address.files):
        return
    if place.startswith("objects:"):  # in memory, as above: there is no path that could be given another name
        return
    message = "the path has no '.zarr' in it, so it may be something else that would be replaced."
    raise InvalidValueError(Problem(place, f"{message} Rename it, or say disable_path_checking=True."))


def _holds_nothing_else(archive: ZipFiles) -> bool:
    """Whether an archive, which may be called as any other is, holds a hierarchy, or is not there yet."""
    return not archive.is_there() or any(archive.exists(name) for name in ("zarr.json", ".zgroup"))
