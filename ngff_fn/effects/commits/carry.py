"""What lies in a store beside the records: it belongs to its group, and goes where the image goes, byte for byte."""

from __future__ import annotations

from ngff_fn import codecs
from ngff_fn.effects.address import files_of
from ngff_fn.effects.commits.trees import copy_tree
from ngff_fn.effects.local.exclusive import LOCK_FILE
from ngff_fn.effects.record import DRAFT, WORKSHOP
from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem, UnsupportedError
from ngff_fn.records.image import Place
from ngff_fn.records.labels import LABELS
from ngff_fn.records.paths import joined
from ngff_fn.records.snapshot import NODE_DOCUMENTS, Version

_NOT_CARRIED = {*NODE_DOCUMENTS, ".zmetadata", WORKSHOP, DRAFT, LOCK_FILE}


def carry_beside(place: Place, files: Files, target: str, version: Version) -> None:
    """Copy what lies beside an image's levels and labels, or beside the listed labels, from the old place to the new.

    Raises
    ------
    UnsupportedError
        Where they would change their Zarr format.
    """
    source, names = beside(place, version)
    for name in names:
        copy_tree(source, joined(place.path, name), files, joined(target, name), link=False)


def beside(place: Place, version: Version) -> tuple[Files, list[str]]:
    """The files of a place, and the names of the groups and files that lie beside the image's levels there.

    Raises
    ------
    UnsupportedError
        Where they would change their Zarr format.
    """
    source = files_of(place.home)
    documents = {key: text for key in NODE_DOCUMENTS if (text := source.read(joined(place.path, key))) is not None}
    listed = {path.split("/")[0] for path in _listed(documents, place, source)} if documents else set()
    foreign = [name for name, _ in source.names(place.path) if name not in _NOT_CARRIED | listed]
    is_v3 = "zarr.json" in documents
    if foreign and is_v3 != (version == "0.5"):
        message = f"{', '.join(sorted(foreign))} beside the image would have to change the Zarr format."
        cure = "Leave them behind with detach(image, keep_labels=True), or its labels with them by detach(image)."
        raise UnsupportedError(Problem(joined(place.home, place.path), f"{message} {cure}"))
    return source, foreign


def _listed(documents: dict[str, bytes], place: Place, source: Files) -> tuple[str, ...]:
    """What the records have of a node: the levels and labels of an image, the label images of a group of labels."""
    if place.path.rpartition("/")[2] == LABELS and codecs.layout_of(documents) == "group":
        return codecs.label_paths(documents)
    names = ("zarr.json",) if "zarr.json" in documents else (".zgroup", ".zarray", ".zattrs")  # others are foreign
    texts = {name: text for name in names if (text := source.read(joined(place.path, LABELS, name))) is not None}
    has_labels = codecs.is_group_of_labels(texts)
    return (*codecs.level_paths(documents), *((LABELS,) if has_labels else ()))
