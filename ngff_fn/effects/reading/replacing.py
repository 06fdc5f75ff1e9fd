"""What nothing is created in, and what is not replaced: icechunk repositories, and what may be something else."""

from __future__ import annotations

import os
from functools import partial

from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.icechunk.repositories import A_REPOSITORY, BEGINNING, is_repository
from ngff_fn.effects.local.exclusive import LOCK_FILE
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import WORKSHOP
from ngff_fn.effects.stores import Address
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.errors import InvalidValueError, Problem, StoreError, StoreExistsError
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS


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
            return file.read(BEGINNING)
    except OSError:
        return None


def check_replaceable(address: Address, *, disabled: bool) -> None:
    """Refuse to replace what may be something else than a Zarr store, by its path or by what is in it.

    Raises
    ------
    InvalidValueError
        Where the path is not that of a store, or no document of Zarr is there.
    StoreError
        Where an archive cannot be read, so that nobody knows what it holds.
    """
    files, path, place = address.files, address.path, joined(address.files.identity, address.path)
    is_kept = isinstance(files, RepositoryFiles)  # in the history, whatever replaces it
    if disabled or is_kept or place.startswith(("memory:", "objects:")):  # in memory: no path could be another one
        return
    is_archive = isinstance(files, ZipFiles) and not path
    if not is_archive and ".zarr" not in place and ".ozx" not in place:
        message = "the path has no '.zarr' in it, so it may be something else that would be replaced."
        raise InvalidValueError(Problem(place, f"{message} Rename it, or say disable_path_checking=True."))
    if isinstance(files, LocalFiles | ZipFiles | ObjectFiles) and _holds_something_else(files, path):
        message = "it holds no Zarr hierarchy, so it is something else that would be replaced."
        raise InvalidValueError(Problem(place, f"{message} Take another name, or say disable_path_checking=True."))


def _holds_something_else(files: LocalFiles | ZipFiles | ObjectFiles, path: str) -> bool:
    """Whether something is there, and no document of Zarr.

    A directory that has lost its own has some right below; an archive may well hold a hierarchy among other things.
    """
    is_archive = isinstance(files, ZipFiles) and not path
    try:
        names = dict(files.names(path))
    except StoreError as error:
        if not is_archive:
            raise
        cure = "To replace it, whatever it holds, say disable_path_checking=True."
        raise StoreError(*error.problems, Problem(files.identity, cure)) from error
    if not names.keys() - {WORKSHOP, LOCK_FILE}:  # nothing, or what a commit of ours that was interrupted has left
        return False
    inner = [] if is_archive else [name for name, is_directory in names.items() if is_directory]
    nodes = [path, *(joined(path, name) for name in inner)]
    return not any(files.exists(joined(node, key)) for node in nodes for key in NODE_DOCUMENTS)
