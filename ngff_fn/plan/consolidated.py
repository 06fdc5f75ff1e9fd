"""Consolidated metadata: the copy of the documents below a group that some programs keep in it, made true again.

In Zarr v2 it is a file of its own, ``.zmetadata``; in Zarr v3 a member of the group's ``zarr.json``. Its entries are
documents, by their paths from the group on.

What becomes of an entry is what becomes of its document, and no more: one that was out of date, or not listed, stays so
until a plan changes it. Three rules keep the whole readable for others:

* A document is listed only together with its node, and a node only where the group above it is listed, or something in
  that: readers go down from group to group, and some cannot open the whole where one is missing on the way. So what
  comes into a group that was never listed is not listed either.
* Entries at the place of a node that is new say what is no longer true, and go.
* What is new stands behind its siblings: zarr-python takes the members of a group for all of them only where they
  stand together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from ngff_fn.errors import DocumentError, Problem, UnsupportedError
from ngff_fn.json_splice import JsonSyntaxError, Kept, Member, Pointer, Put, parse, splice, with_members
from ngff_fn.plan.diff import is_in, moved_path
from ngff_fn.records.paths import and_above, joined, parent
from ngff_fn.records.snapshot import Version

HOLDERS: Mapping[Version, str] = {"0.4": ".zmetadata", "0.5": "zarr.json"}
"""The document of a group that holds consolidated metadata."""
MEMBER = "consolidated_metadata"
_ENTRIES: Mapping[Version, Pointer] = {"0.4": ("metadata",), "0.5": (MEMBER, "metadata")}
_NONE_OF_ITS_OWN = {"kind": "inline", "must_understand": False, "metadata": {}}
CURE = (
    "Remove the consolidated metadata (the file .zmetadata; in zarr.json the member consolidated_metadata), commit, "
    "make them again."
)


@frozen(kw_only=True, eq=False)
class Changes:
    """What a plan changes, by paths and keys that are seen from the outermost group.

    Parameters
    ----------
    moved
        Nodes that have another path now.
    gone
        Where a node is gone, or a new one is: what was said of it, or of what is in it, is no longer true.
    put
        Documents that have another text, by the keys that they have now.
    created
        The documents of nodes that are new.
    """

    moved: Mapping[str, str]
    gone: Collection[str]
    put: Mapping[str, bytes]
    created: Mapping[str, bytes]

    def ends(self, path: str, target: str | None) -> bool:
        """Whether what was said of a path is no longer true; of what came with a node to ``target``: in that."""
        gone = self.gone
        return bool(gone) and any(each in gone for each in and_above(path) if target is None or is_in(each, (target,)))


def reconsolidated(
    text: bytes, version: Version, changes: Changes, *, path: str, was: str, arrived: Mapping[str, bytes] | None = None
) -> bytes:
    """The document with its consolidated metadata as they have to be after some changes; other bytes stay.

    Parameters
    ----------
    text
        The document of a group that may hold consolidated metadata; where it does not, it stays as it is.
    version
        Of OME-NGFF.
    changes
        What becomes of the nodes.
    path, was
        Of the group that has the document: now, and before the changes.
    arrived
        The documents, by the keys that they have now, of nodes that were moved into the group from outside of it.

    Raises
    ------
    DocumentError
        Where it is no JSON object.
    UnsupportedError
        Where the consolidated metadata are of a kind that is not known.

    >>> text = b'{"zarr_consolidated_format": 1, "metadata": {"1/.zgroup": {}, "1/.zattrs": {}}}'
    >>> changes = Changes(moved={"A/1": "A/4"}, gone=(), put={"A/4/.zattrs": b'{"a": 1E0}'}, created={})
    >>> reconsolidated(text, "0.4", changes, path="A", was="A")
    b'{"zarr_consolidated_format": 1, "metadata": {"4/.zgroup": {}, "4/.zattrs": {"a": 1E0}}}'
    """
    listed = _entries(text, version)
    if listed is None:
        return text
    group = _Group(path=path, was=was, version=version)
    staying: list[_Place] = []
    incoming: list[_Place] = []
    targets = set(changes.moved.values())
    for key in listed:
        old = group.document_of(key)
        new = moved_path(old, changes.moved)
        source = _move_of(old, changes.moved)
        target = None if source is None else changes.moved[source]
        overwritten = source is None and is_in(old, targets)
        if overwritten or changes.ends(new, target) or not group.has(new):
            continue
        put = _entry(changes.put[new], version) if new in changes.put else None
        member: Member = (group.entry_of(new), Kept(key) if put is None else put)
        stays = source is None or target is None or is_in(was, (source,)) or parent(source) == parent(target)
        (staying if stays else incoming).append((new, member))  # what is moved within its group keeps its place
    present = {key for key, _ in (*staying, *incoming)}
    nodes = {parent(key) for key in present} | {path}
    fresh = {key: text for key, text in changes.put.items() if group.has(key) and parent(key) in nodes}
    fresh |= dict(_in_known_groups({**changes.created, **(arrived or {})}, group, nodes))
    for key, document in fresh.items():
        if key not in present and (entry := _entry(document, version)) is not None:
            incoming.append((key, (group.entry_of(key), entry)))
    members = [member for _, member in _behind_siblings(staying, incoming)]
    if members == [(key, Kept(key)) for key in listed]:
        return text
    return with_members(text, _ENTRIES[version], members)


@frozen(kw_only=True)
class _Group:
    """The group that holds the entries: from the key of an entry to that of a document, and back."""

    path: str
    was: str
    version: Version

    def document_of(self, entry: str) -> str:
        return joined(self.was, entry) if self.version == "0.4" else joined(self.was, entry, "zarr.json")

    def entry_of(self, key: str) -> str:
        inner = key[len(self.path) + 1 :] if self.path else key
        return inner if self.version == "0.4" else parent(inner)

    def has(self, key: str) -> bool:
        """Whether a document belongs here; the one that holds the entries is not among them."""
        return (not self.path or key.startswith(f"{self.path}/")) and key != joined(self.path, HOLDERS[self.version])


def _entries(text: bytes, version: Version) -> dict[str, Any] | None:
    """The entries of consolidated metadata; None where there are none."""
    try:
        whole = parse(text, allow_nan=True)
    except JsonSyntaxError as error:
        raise DocumentError(Problem("", f"is no JSON ({error}). Mend it by hand.")) from error
    if not isinstance(whole, dict):
        raise DocumentError(Problem("", "is no JSON object. Mend it by hand."))
    held = whole if version == "0.4" else whole.get(MEMBER)
    if held is None:
        return None
    if not isinstance(held, dict) or not isinstance(held.get("metadata"), dict):
        raise UnsupportedError(Problem("", f"it holds consolidated metadata that list nothing by paths. {CURE}"))
    name, known = ("zarr_consolidated_format", 1) if version == "0.4" else ("kind", "inline")
    if held.get(name) != known:
        message = f"it holds consolidated metadata of an unknown kind ({name} is not {known!r})."
        raise UnsupportedError(Problem("", f"{message} {CURE}"))
    entries: dict[str, Any] = held["metadata"]
    return entries


def _entry(text: bytes, version: Version) -> bytes | None:
    """A document as an entry: a group has none of its own in there; None for what is no JSON, which nobody reads."""
    try:
        whole = parse(text, allow_nan=True)
    except JsonSyntaxError:
        return None
    if version == "0.4" or not isinstance(whole, dict) or whole.get("node_type") != "group":
        return text
    # As zarr-python writes it: where this is missing, it takes an empty group for one that it knows nothing of.
    return splice(text, [Put((MEMBER,), _NONE_OF_ITS_OWN)]) if whole.get(MEMBER) != _NONE_OF_ITS_OWN else text


def _move_of(key: str, moved: Mapping[str, str]) -> str | None:
    """The node with which a document is moved."""
    return next((each for each in and_above(key) if each in moved), None) if moved else None


def _in_known_groups(
    documents: Mapping[str, bytes], group: _Group, nodes: Iterable[str]
) -> Iterator[tuple[str, bytes]]:
    """Those of nodes in groups that are listed, or have something in them that is."""
    known = {group.path} | {each for node in nodes for each in and_above(node)}
    for key in sorted(documents, key=lambda key: key.count("/")):
        node = parent(key)
        if group.has(key) and (node in known or parent(node) in known):
            known.add(node)
            yield key, documents[key]


_Place = tuple[str, Member]


def _behind_siblings(staying: list[_Place], incoming: list[_Place]) -> Iterator[_Place]:
    """What comes stands behind the last that is in the same group; where there is none, at the end."""
    last = {parent(parent(key)): at for at, (key, _) in enumerate(staying)}
    behind: dict[int, list[_Place]] = defaultdict(list)
    for key, member in sorted(incoming, key=lambda each: (each[0].count("/"), parent(parent(each[0])))):
        behind[last.get(parent(parent(key)), len(staying))].append((key, member))
    for at, each in enumerate(staying):
        yield each
        yield from behind[at]
    yield from behind[len(staying)]
