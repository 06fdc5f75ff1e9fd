"""Consolidated metadata at and above what a plan changes: brought up to date by the same commit.

They are read when the commit begins, and compared again under the lock, as every other document that it puts. Where
there are none it costs a look for ``.zmetadata`` in each group above what changes; of a ``zarr.json`` the text that was
read is searched; that of the root, where programs consolidate, is read again, unless the plan changes nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from ngff_fn.effects.commits.carry import beside
from ngff_fn.effects.commits.rows import is_left_bare
from ngff_fn.effects.commits.staging import Work
from ngff_fn.effects.commits.transaction import refuse_unwritable
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.pages import that_may_hold
from ngff_fn.effects.reading.standing import standing
from ngff_fn.effects.reading.view import View
from ngff_fn.effects.record import WORKSHOP, Put
from ngff_fn.effects.stores import Files, read_document
from ngff_fn.effects.threads import results_of
from ngff_fn.errors import NgffError
from ngff_fn.plan.consolidated import HOLDERS, MEMBER, Changes, reconsolidated
from ngff_fn.plan.diff import is_in, moved_path
from ngff_fn.plan.operations import CreateNode, MoveNode, Operation, PutDocument, RetireNode, WriteArray
from ngff_fn.records.paths import and_above, joined, parent
from ngff_fn.records.snapshot import Version

_NAME = MEMBER.encode()


def with_consolidated(work: Work) -> Work:
    """The same work, with the consolidated metadata around it as documents that it puts.

    Raises
    ------
    DocumentError, UnsupportedError
        With the place and the cure, where they cannot be understood.
    StoreError
        Where they cannot be written.
    """
    if work.is_new and not work.address.path:
        return work  # nothing is above, and what was there goes
    if _stands_alone(work):
        return work
    source = _as_it_will_be(work)
    nodes = _Nodes.of(work, source)
    holders = list(_holders(work, nodes, source))
    if not holders:
        return work
    changes = nodes.changes(_created(work, nodes, source))
    made = [(holder, text) for holder in holders if (text := _made_true(work, holder, changes, source)) != holder.text]
    refuse_unwritable(work.files, [Put(key=holder.key, before=holder.text, text=text) for holder, text in made])
    return _joined_to(work, made)


def _stands_alone(work: Work) -> bool:
    """Whether documents of the outermost group alone change, and it holds none: as with most images."""
    if work.address.path:
        return False
    for each in work.plan.operations:
        if not isinstance(each, PutDocument) or "/" in each.key or _NAME in each.text or _NAME in (each.before or b""):
            return False
    if work.plan.base.version == "0.4":
        return not any(work.may_have(name) and work.files.exists(name) for name in (HOLDERS["0.4"], WORKSHOP))
    return True


def _as_it_will_be(work: Work) -> Files | View:
    """The store once all that has happened is carried out."""
    files = work.files
    records = standing(files) if work.may_have(WORKSHOP) and files.exists(WORKSHOP) else ()
    return View(files, records) if records else files


@frozen(kw_only=True, eq=False)
class _Nodes:
    """The nodes that a plan changes, by their paths from the outermost group."""

    moved: dict[str, str]
    created: dict[str, CreateNode]
    rows_there: frozenset[str]
    """Groups that say nothing, and were there already."""
    retired: frozenset[str]
    puts: dict[str, PutDocument]

    @classmethod
    def of(cls, work: Work, source: Files | View) -> _Nodes:
        operations = work.plan.operations
        creates = [each for each in operations if isinstance(each, CreateNode)]
        bare = [] if work.is_new else [work.at(each.path) for each in creates if each.bare]
        there = frozenset(at for at in bare if source.signature(joined(at, work.marker)) is not None)
        retires = [each for each in operations if isinstance(each, RetireNode)]
        return cls(
            moved={work.at(each.path): work.at(each.target) for each in operations if isinstance(each, MoveNode)},
            created={at: each for each in creates if (at := work.at(each.path)) not in there},
            rows_there=there,
            retired=frozenset(
                work.at(each.path) for each in retires if not each.bare or is_left_bare(work, each.path, source)
            ),
            puts={work.at(each.key): each for each in operations if isinstance(each, PutDocument)},
        )

    def changes(self, created: Mapping[str, bytes]) -> Changes:
        """As the consolidated metadata have to know them, with the documents of the nodes that are new."""
        put = {key: put.text for key, put in self.puts.items()}
        return Changes(moved=self.moved, gone=self.retired.union(self.created), put=put, created=created)


@frozen(kw_only=True)
class _Holder:
    """A group with consolidated metadata: where it is and was, and the document that holds them."""

    path: str
    was: str
    key: str
    text: bytes


def _holders(work: Work, nodes: _Nodes, source: Files | View) -> Iterator[_Holder]:
    version, changes = work.plan.base.version, nodes.changes({})
    origins = {target: path for path, target in nodes.moved.items()}
    groups: list[tuple[str, str]] = []
    for path in _groups_around(work, nodes):
        target = next((each for each in and_above(path) if each in origins), None) if origins else None
        if not changes.gone or not changes.ends(path, target):
            groups.append((path, path if target is None else moved_path(path, origins)))

    def text_of(group: tuple[str, str]) -> bytes | None:
        key, before = (joined(path, HOLDERS[version]) for path in group)
        if key in nodes.puts:
            return nodes.puts[key].text
        if version == "0.4":
            return read_document(source, before) if group[1] in there and source.exists(before) else None
        return read_document(source, before) if _may_hold(work, before) else None

    there = _that_may_hold(work, source, [was for _, was in groups]) if version == "0.4" else set()

    for (path, was), text in zip(groups, results_of(text_of, groups, work.files.at_once), strict=True):
        if text is not None and (version == "0.4" or _NAME in text):
            yield _Holder(path=path, was=was, key=joined(path, HOLDERS[version]), text=text)


def _that_may_hold(work: Work, source: Files | View, groups: list[str]) -> set[str]:
    """Of OME-Zarr 0.4 those of the groups that may hold any: an object store says it of many at once."""
    asked = [group for group in groups if work.may_have(joined(group, HOLDERS["0.4"]))]
    if not isinstance(source, ObjectFiles):
        return set(asked)
    there = that_may_hold(source.objects, [joined(source.root, group) for group in asked])
    return {group for group in asked if joined(source.root, group) in there}


def _groups_around(work: Work, nodes: _Nodes) -> list[str]:
    """The groups at and above what a plan changes, from the outermost on."""
    around: set[str] = set()
    for operation in work.plan.operations:
        for path in _groups_of(operation, work, nodes):
            above = path
            while above not in around:
                around.add(above)
                above = parent(above)
    return sorted(around, key=lambda path: (path.count("/"), path))


def _groups_of(operation: Operation, work: Work, nodes: _Nodes) -> Iterator[str]:
    """The groups whose consolidated metadata say what an operation changes, as far as they are not above others."""
    match operation:
        case PutDocument():
            node = parent(work.at(operation.key))
            yield parent(node) if operation.key.endswith(".zarray") else node
        case CreateNode() | RetireNode():
            if work.at(operation.path):
                yield parent(work.at(operation.path))
        case MoveNode():
            yield moved_path(parent(work.at(operation.path)), nodes.moved)
            yield parent(work.at(operation.target))
        case WriteArray():
            pass


def _may_hold(work: Work, key: str) -> bool:
    """Whether a ``zarr.json`` has to be read: not where the text that is known says that there is nothing in it."""
    inside = _inside(work, key)
    known = None if inside in (None, "zarr.json") else work.plan.base.documents.get(inside)
    return known is None or _NAME in known


def _inside(work: Work, key: str) -> str | None:
    """A key as the plan has it; None where it is not below the plan's root."""
    root = work.at("")
    if not root:
        return key
    return key[len(root) + 1 :] if key.startswith(f"{root}/") else None


def _created(work: Work, nodes: _Nodes, source: Files | View) -> dict[str, bytes]:
    """The documents of the nodes that are new, with what comes along beside an image, and of rows that say nothing."""
    version = work.plan.base.version
    created: dict[str, bytes] = {}
    for path, create in nodes.created.items():
        created |= {joined(path, name): text for name, text in create.documents.items()}
        if create.carry is not None:
            files, names = beside(create.carry, version)
            for name in names:
                below = dict(_documents_below(files, joined(create.carry.path, name), version))
                created |= {joined(path, name, key): text for key, text in below.items()}
    for path in nodes.rows_there:
        created |= {joined(path, name): text for name, text in _documents_of(source, path, version).items()}
    return created


def _made_true(work: Work, holder: _Holder, changes: Changes, source: Files | View) -> bytes:
    version = work.plan.base.version
    arrived: dict[str, bytes] = {}
    for path, target in changes.moved.items():
        if parent(target) and is_in(parent(target), (holder.path,)) and not is_in(path, (holder.was,)):
            below = {joined(target, key): text for key, text in _documents_below(source, path, version)}
            arrived |= {key: changes.put.get(key, text) for key, text in below.items() if not changes.ends(key, target)}
    try:
        return reconsolidated(holder.text, version, changes, path=holder.path, was=holder.was, arrived=arrived)
    except NgffError as error:
        raise error.located(joined(work.files.identity, holder.key)) from error


def _documents_of(files: Files | View, path: str, version: Version) -> dict[str, bytes]:
    names = (".zgroup", ".zarray", ".zattrs") if version == "0.4" else ("zarr.json",)
    return {name: text for name in names if (text := files.read(joined(path, name))) is not None}


def _documents_below(files: Files | View, path: str, version: Version) -> Iterator[tuple[str, bytes]]:
    """The documents of a node, and of the groups and arrays in it, by their keys from there."""
    own = _documents_of(files, path, version)
    yield from own.items()
    if ".zarray" in own or (b'"array"' in own.get("zarr.json", b"") and _is_array(own["zarr.json"])):
        return
    for name, is_directory in files.names(path):
        if is_directory and name != WORKSHOP:
            yield from ((joined(name, key), text) for key, text in _documents_below(files, joined(path, name), version))


def _is_array(text: bytes) -> bool:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(members, dict) and members.get("node_type") == "array"


def _joined_to(work: Work, made: list[tuple[_Holder, bytes]]) -> Work:
    """The work with these documents: those at and below its root are part of the plan, the others stand beside it."""
    plan = work.plan
    puts: dict[str, PutDocument] = {each.key: each for each in plan.operations if isinstance(each, PutDocument)}
    above: list[Put] = []
    compare = list(plan.compare)
    for holder, text in made:
        key, was = _inside(work, holder.key), _inside(work, joined(holder.was, HOLDERS[plan.base.version]))
        if key is None or was is None:
            above.append(Put(key=holder.key, before=holder.text, text=text))
        elif key in puts:
            puts[key] = evolve(puts[key], text=text)
        else:
            puts[key] = PutDocument(key=key, before=holder.text, text=text)
            compare.append((was, holder.text))
    first = [each for each in plan.operations if not isinstance(each, PutDocument | RetireNode)]
    last = [each for each in plan.operations if isinstance(each, RetireNode)]
    operations = (*first, *puts.values(), *last)
    return evolve(work, plan=evolve(plan, operations=operations, compare=tuple(compare)), above=tuple(above))
