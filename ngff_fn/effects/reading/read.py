"""From a store to a snapshot. Readers never write and never lock: they check again, and start over if something
changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any, Literal, get_args

from ngff_fn import codecs
from ngff_fn.effects.address import address_of
from ngff_fn.effects.icechunk.files import RepositoryFiles
from ngff_fn.effects.icechunk.repositories import A_REPOSITORY, is_repository
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.objects.claims import unfinished
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.outermost import all_above
from ngff_fn.effects.reading.hierarchy import Hierarchy, checked_select
from ngff_fn.effects.reading.replacing import check_replaceable, refuse_repository
from ngff_fn.effects.reading.witness import Witness, consistently, with_records
from ngff_fn.effects.stores import Address, Files
from ngff_fn.errors import (
    InvalidValueError,
    NgffError,
    Problem,
    StoreExistsError,
    StoreNotFoundError,
    UnsupportedError,
    WrongTypeError,
    a_type,
)
from ngff_fn.records.axes import DEFAULT_AXES, Axis, axes_from, channel_axis
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image
from ngff_fn.records.paths import joined
from ngff_fn.records.plate import Plate
from ngff_fn.records.snapshot import VERSIONS, Documents, Mode, Snapshot, Version
from ngff_fn.records.subject import items_of

LayoutName = Literal["auto", "fov", "hcs", "tiled", "bf2raw"]
_LAYOUTS = get_args(LayoutName)
LATER = {"bf2raw": "New bioformats2raw collections"}
"""New stores that are known and refused by name in this version."""


def open_ome_zarr(  # noqa: PLR0917 — the reference's own signature
    store_path: Any,
    layout: LayoutName = "auto",
    mode: Literal["r", "r+", "a", "w", "w-"] = "r",
    channel_names: Iterable[str] | None = None,
    axes: str | Iterable[str | Axis] | None = None,
    version: Version = "0.4",
    disable_path_checking: bool = False,  # noqa: FBT001, FBT002 — as there
    *,
    select: str | None = None,
    snapshot: str | None = None,
) -> Snapshot:
    """The value that a store has now, or a snapshot of nothing for a new store; nothing is written.

    Parameters
    ----------
    store_path
        A path, also of a zip archive (``cells.ozx``), a URL, an obstore store, a Zarr ``LocalStore``, ``ZipStore``,
        ``MemoryStore``, ``ObjectStore`` or ``FsspecStore``, or a ``StorePath`` of one; an ``icechunk.Repository``, or a
        ``RepositoryPath`` in one.
    layout
        ``auto`` takes what the store says; ``fov`` or ``tiled``: it must be an image, ``hcs``: a plate, ``bf2raw``: a
        collection. A new store needs one; new collections are refused by name in this version.
    mode
        ``r`` and ``r+``: it must exist; ``a``: as ``r+`` if it exists, else as ``w-``; ``w-``: it must not exist;
        ``w``:
        what is there is replaced by the commit, in its one step.
    channel_names, axes, version
        Of a new store (ignored for an existing one): names, ``Axis`` records or a string such as ``"tczyx"`` (default
        T,
        C, Z, Y, X), and ``"0.4"`` (Zarr v2) or ``"0.5"`` (Zarr v3).
    disable_path_checking
        Whether mode ``w`` may replace what holds no Zarr hierarchy, and what is at a path without ``.zarr`` or
        ``.ozx`` in it; an archive that holds one at its root needs no leave, whatever it is called.
    select
        A pattern of the positions that are read, such as ``"B/*/*"``, or of whole rows or wells, such as ``"B"`` and
        ``"B/1"``; the others are ``Unread``.

    Raises
    ------
    StoreNotFoundError, StoreExistsError
        Where it must exist and does not, or must not and does; where something would be created in the directory of an
        icechunk repository, or in its place.
    DocumentError
        With all problems, where the documents cannot be understood.
    UnsupportedError
        Other versions, layouts and kinds of store, by name.
    InvalidValueError
        (a ValueError) for a layout that the store contradicts, a ``select`` that means no well of a plate, and for a
        new store without layout or channel names.

    >>> import zarr
    >>> snapshot = open_ome_zarr(zarr.storage.MemoryStore(), layout="fov", mode="w-", axes="zyx")
    >>> snapshot.version, [axis.name for axis in snapshot.root.axes], dict(snapshot.documents)
    ('0.4', ['z', 'y', 'x'], {})
    """
    _check_arguments(layout, mode, version)
    pattern = checked_select(select)
    address = address_of(store_path, is_group=True)
    if snapshot is not None:
        address = _at_snapshot(address, snapshot, mode)
    if mode in ("r", "r+"):
        return read_snapshot(address, mode, layout, pattern)
    refuse_repository(address)
    if mode == "w":
        check_replaceable(address, disabled=disable_path_checking)
    elif exists(address):
        if mode == "a":
            return read_snapshot(address, "r+", layout, pattern)
        message = "something is there already. Open it with mode='r+', or replace it with mode='w'."
        raise StoreExistsError(Problem(_where(address), message))
    address = address_of(store_path, is_group=True, version=version)
    new: Mode = "w" if mode == "w" else "w-"
    image = _empty_image(layout, channel_names, axes)
    root = image if layout != "hcs" else Plate(axes=image.axes, channel_names=_labels(image))
    return Snapshot(origin=address.place, version=version, root=root, mode=new)


def _at_snapshot(address: Address, snapshot: object, mode: str) -> Address:
    if not isinstance(snapshot, str):
        raise WrongTypeError(Problem("snapshot", f"{a_type(snapshot)} is no text. Give an id, a tag or a branch."))
    if not isinstance(address.files, RepositoryFiles):
        message = "only icechunk repositories have older snapshots. Leave it out."
        raise UnsupportedError(Problem("snapshot", message))
    if mode != "r":
        message = "what was committed is not changed. Open it with mode='r', or a branch (RepositoryPath) for changes."
        raise InvalidValueError(Problem("snapshot", message))
    return Address(files=address.files.at(snapshot), path=address.path)


def exists(address: Address) -> bool:
    """Whether anything is at an address (an empty directory is nothing)."""
    return bool(address.files.names(address.path)) or (
        bool(address.path) and address.files.read(address.path) is not None
    )


def read_snapshot(
    address: Address, mode: Mode, layout: LayoutName = "auto", select: tuple[str, ...] | None = None
) -> Snapshot:
    """The value at an address, all of its documents from one moment."""
    if mode == "r" and isinstance(address.files, RepositoryFiles):
        address = Address(files=address.files.pinned(), path=address.path)
    place = address.place
    with codecs.Reading():
        texts = consistently(address.files, lambda view: _documents(view, address, layout, select))
        try:
            decoded = codecs.decode_root(texts, place)
        except NgffError as error:
            raise with_records(error.located(f"{_where(address)}: "), address.files) from error
    return Snapshot(
        origin=place,
        version=decoded.version,
        root=decoded.root,
        documents=Documents(texts),
        problems=decoded.problems,
        mode=mode,
        select=None if select is None else "/".join(select),
    )


def _documents(
    witness: Witness, address: Address, layout: LayoutName, select: tuple[str, ...] | None
) -> dict[str, bytes]:
    path = address.path
    texts: dict[str, bytes] = {}
    for key in ("zarr.json", ".zgroup", ".zattrs"):
        text = witness.read(joined(path, key))
        if text is not None:
            texts[key] = text
            if key == "zarr.json":
                _refuse_array(text, address)
                break  # RFC-2: where both formats stand side by side, 0.5 is preferred
    if not texts:
        _refuse_no_group(witness, address)
    if texts.keys() == {".zattrs"} and witness.read(joined(path, ".zarray")) is not None:
        raise _of_an_array(address)
    try:
        found = _checked_layout(texts, layout, select)
        witness.foresee(lambda source: Hierarchy(source, path, dict(texts), select).read(found))
        Hierarchy(witness, path, texts, select).read(found)
    except NgffError as error:
        raise error.located(f"{_where(address)}: ") from error
    return texts


_ARRAY = re.compile(rb'"node_type"\s*:\s*"array"')


def _refuse_array(text: bytes, address: Address) -> None:
    """Of a document of Zarr v3, which may be of either."""
    if _ARRAY.search(text) and b'"ome"' not in text:
        raise _of_an_array(address)


def _of_an_array(address: Address) -> InvalidValueError:
    message = "this is an array, not an image. Open the group above it, or read it with open_array."
    return InvalidValueError(Problem(_where(address), message))


def _refuse_no_group(witness: Witness, address: Address) -> None:
    if witness.read(joined(address.path, ".zarray")) is not None:
        raise _of_an_array(address)
    refuse_file(address.files, _where(address))
    if names := witness.names(address.path):
        if is_repository(lambda key: witness.read(joined(address.path, key))):
            raise StoreNotFoundError(Problem(_where(address), A_REPOSITORY))
        if isinstance(address.files, ObjectFiles):
            _refuse_unfinished(address.files, address)
        message = "this is no Zarr group: there is neither .zgroup nor .zattrs nor zarr.json."
        inner = (joined(address.path, name) for name, is_directory in names if is_directory)
        groups = [path for path in inner if any(witness.read(joined(path, key)) for key in ("zarr.json", ".zgroup"))]
        cure = f"Open {joined(address.files.identity, groups[0])}." if groups else "Open the folder that has one."
        raise StoreNotFoundError(Problem(_where(address), f"{message} {cure}"))
    if _where(address).startswith(("http://", "https://")):  # where nothing can be listed
        message = "there is no such store, or no right to read it. See whether the URL is the right one."
    else:
        message = f"there is no such store. {_there_instead(witness, address)}"
    raise StoreNotFoundError(Problem(_where(address), message))


def _there_instead(witness: Witness, address: Address) -> str:
    """What the first group above it has, where there is one: so it may have been named wrongly."""
    for above in all_above(address.path):
        if any(witness.read(joined(above, key)) is not None for key in ("zarr.json", ".zgroup")):
            there = sorted(name for name, is_folder in witness.names(above) if is_folder and not name.startswith("__"))
            some = [*there[:_SOME], "…"] if len(there) > _SOME else there
            where = joined(address.files.identity, above)
            return f"In {where} there is {', '.join(some) or 'nothing'}. Name what is there, or create it."
    return "Create one with create()."


_SOME = 12
"""Names that are listed at most."""


def refuse_file(files: Files, location: str) -> None:
    """What is no store since it is a file, or leads into one."""
    if isinstance(files, LocalFiles) and (found := _file_above(location)):
        message = "it is a file, and a store is a directory, or an archive by its name (.ozx, .zip)."
        raise StoreNotFoundError(Problem(found, f"{message} Open the directory that it is in, or rename the archive."))


def _refuse_unfinished(files: ObjectFiles, address: Address) -> None:
    """Of what its creator makes where it will be, the root comes last."""
    if unfinished(files, address.path) is None:
        return
    message = "it is being created, or its creator died before it was there. When nobody creates it any more, remove"
    is_bucket = not files.documents.key(address.path)
    cure = "by hand, as it is a whole bucket" if is_bucket else "with vacuum(store, older_than=3600)"
    raise StoreNotFoundError(Problem(_where(address), f"{message} what is left {cure}. Then create it again."))


_MEANT = {"hcs": "plate", "bf2raw": "bf2raw"}
_HOLDERS = ("plate", "well", "bf2raw")


def _checked_layout(texts: dict[str, bytes], wanted: LayoutName, select: tuple[str, ...] | None) -> str:
    found = codecs.layout_of(texts)
    fits = found == _MEANT[wanted] if wanted in _MEANT else wanted == "auto" or found not in _HOLDERS
    if not fits:
        message = f"layout={wanted!r}, but the store is of kind {found}. Use layout='auto'."
        raise InvalidValueError(Problem("layout", message))
    if select is not None and found not in _HOLDERS:
        message = "nothing can be selected from a single image. Leave it out."
        raise InvalidValueError(Problem("select", message))
    return found


def _check_arguments(layout: str, mode: str, version: str) -> None:
    problems: list[Problem] = []
    for name, value, allowed in (
        ("layout", layout, _LAYOUTS),
        ("mode", mode, ("r", "r+", "a", "w", "w-")),
    ):
        if not isinstance(value, str) or value not in allowed:
            problems.append(Problem(name, f"{value!r} is none of {', '.join(map(repr, allowed))}."))
    if problems:
        raise InvalidValueError(*problems)
    if not isinstance(version, str) or version not in VERSIONS:
        message = f"{version!r} is not supported. Use '0.4' (Zarr v2) or '0.5' (Zarr v3)."
        raise UnsupportedError(Problem("version", message))


def _empty_image(layout: str, channel_names: Iterable[str] | None, axes: str | Iterable[str | Axis] | None) -> Image:
    if layout == "auto":
        message = "a new store needs one. Say layout='fov', 'tiled' or 'hcs'."
        raise InvalidValueError(Problem("layout", message))
    if layout in LATER:
        message = f"{LATER[layout]} are not supported yet. Create an image ('fov') or a plate ('hcs')."
        raise UnsupportedError(Problem("layout", message))
    image = Image(axes=DEFAULT_AXES if axes is None else axes_from(axes))
    listed = None if isinstance(channel_names, str) else items_of(channel_names)
    if channel_names is not None and (listed is None or not all(isinstance(name, str) for name in listed)):
        message = f"{channel_names!r} is no list of names. Give one, such as ['DAPI', 'GFP']."
        raise WrongTypeError(Problem("channel_names", message))
    names = None if listed is None else tuple(listed)
    if channel_axis(image) is None:
        if names:
            message = "the image has no channel axis. Leave the names out, or add the axis."
            raise InvalidValueError(Problem("channel_names", message))
        return image
    if names is None:
        message = "a new image with a channel axis needs the names of its channels."
        raise InvalidValueError(Problem("channel_names", message))
    if len(set(names)) != len(names):
        raise InvalidValueError(Problem("channel_names", "a name appears twice. Rename one."))
    return Image(axes=image.axes, channels=tuple(Channel(label=name) for name in names))


def _labels(image: Image) -> tuple[str, ...] | None:
    return None if image.channels is None else tuple(channel.label for channel in image.channels)


def _file_above(path: str) -> str:
    """The file that a path is, or leads into; empty where it is or leads into a directory, or nowhere."""
    if not os.path.lexists(path):
        path = os.path.dirname(first_missing(path))
    return path if os.path.isfile(path) else ""


def first_missing(path: str) -> str:
    """The first folder on the way to a path that is not there, or the path."""
    while not os.path.lexists(above := os.path.dirname(path)) and above != path:
        path = above
    return path


def _where(address: Address) -> str:
    return joined(address.files.identity, address.path)
