"""Where a version keeps the OME part of a node's attributes, as it stands in the document."""

from __future__ import annotations

from collections.abc import Mapping

from ngff_fn.errors import DocumentError, NotThereError, Problem, WrongTypeError
from ngff_fn.frozen_json import EMPTY, FrozenMap, freeze
from ngff_fn.json_splice import JsonSyntaxError, parse
from ngff_fn.records.snapshot import Snapshot
from ngff_fn.records.subject import of_record


@of_record
def ome_attributes(snapshot: Snapshot, path: str = "") -> FrozenMap:
    """The OME part of the attributes of a node, as its document has it: nothing is interpreted.

    It is all of ``.zattrs`` in 0.4, and ``attributes.ome`` of ``zarr.json`` in 0.5 (specification 0.5: "The OME-Zarr
    Metadata is stored in the various zarr.json files … under the namespaced key ome in attributes"). A node without any
    has an empty one.

    Parameters
    ----------
    snapshot
        The documents, and their version.
    path
        Of the node, relative to the snapshot's root; ``""`` is the root.

    Raises
    ------
    NotThereError
        (a KeyError) where the snapshot has no document of such a node.
    DocumentError
        (a ValueError) where the document is no JSON object.

    >>> from ngff_fn.records.examples import CELLS
    >>> from ngff_fn.records.image import Place
    >>> from ngff_fn.records.snapshot import Documents
    >>> text = b'{"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5"}, "note": 1}}'
    >>> documents = Documents({"zarr.json": text})
    >>> ome_attributes(Snapshot(origin=Place(home=""), version="0.5", root=CELLS, documents=documents))
    FrozenMap({'version': '0.5'})
    """
    if not isinstance(path, str):
        raise WrongTypeError(Problem("path", f"{path!r} is no path. Give one such as '0', or '' for the root."))
    documents = snapshot.documents.of_node(path.strip("/"))
    if not documents:
        nodes = sorted({key.rpartition("/")[0] or "''" for key in snapshot.documents})
        message = f"the snapshot has no document of such a node; it has those of: {', '.join(nodes) or 'none'}."
        raise NotThereError(Problem(repr(path), message))
    if snapshot.version == "0.4":
        return _object(documents, ".zattrs", path)
    attributes = _object(documents, "zarr.json", path).get("attributes", EMPTY)
    ome = attributes.get("ome", EMPTY) if isinstance(attributes, FrozenMap) else EMPTY
    return ome if isinstance(ome, FrozenMap) else EMPTY


def _object(documents: Mapping[str, bytes], key: str, path: str) -> FrozenMap:
    if key not in documents:
        return EMPTY
    where = f"{path}/{key}" if path else key
    try:
        parsed = freeze(parse(documents[key], allow_nan=True))
    except JsonSyntaxError as error:
        raise DocumentError(Problem(where, f"{error}. Mend it by hand.")) from error
    if not isinstance(parsed, FrozenMap):
        raise DocumentError(Problem(where, "is no JSON object. Mend it by hand."))
    return parsed
