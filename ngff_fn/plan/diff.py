"""From a snapshot and a wanted value to a plan: compares node by node, and looks into what is not the same object."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from typing import assert_never

from attrs import evolve

from ngff_fn import codecs
from ngff_fn.errors import InvalidValueError, Problem, UnsupportedError, WrongTypeError, a_type, refuse
from ngff_fn.plan.hierarchy_changes import Differences, creation, images_of
from ngff_fn.plan.image_changes import ImagePair, image_problems, new_image_problems, refused_changes
from ngff_fn.plan.operations import CreateNode, MoveNode, Operation, Plan, PutDocument, RetireNode, WriteArray
from ngff_fn.records.holders import positions
from ngff_fn.records.image import Image
from ngff_fn.records.labels import LABELS
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Stored, leaves
from ngff_fn.records.plate import Plate
from ngff_fn.records.snapshot import NODE_DOCUMENTS, VERSIONS, Documents, Root, Snapshot


def diff(base: Snapshot, wanted: Root) -> Plan:
    """How to make a store equal to a value: ``diff(s, s.root)`` is empty, but for a snapshot of nothing.

    Parameters
    ----------
    base
        What the store is now, or is to be created as (``mode`` ``w`` or ``w-``).
    wanted
        What it shall be.

    Raises
    ------
    InvalidValueError
        With all problems, where the value is not consistent in itself, or the version cannot express it; where an array
        that another multiscale lists would change.
    UnsupportedError
        Another version than 0.4 and 0.5.
    WrongTypeError
        What is no snapshot, or no image.

    >>> from ngff_fn.codecs import snapshot_from
    >>> axes = {"axes": [{"name": "y"}, {"name": "x"}]}
    >>> base = snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": axes}})
    >>> diff(base, base.root).operations
    ()
    """
    _refuse_others(base, wanted)
    if base.mode in ("w", "w-"):
        images = list(images_of(wanted))
        refuse(_located((path, new_image_problems(image, base.version)) for path, image in images), InvalidValueError)
        return Plan(base=base, operations=tuple(creation(wanted, base.version, "")))
    if wanted is base.root or wanted == base.root:
        return Plan(base=base)
    found = Differences(base)
    found.compare("", "", base.root, wanted)
    refuse([*found.problems, *found.carried_problems()], UnsupportedError)
    added = [each for path, node in found.created if node is not None for each in images_of(node, path)]
    refuse(_located((pair.path, image_problems(pair)) for pair in found.pairs), InvalidValueError)
    refuse(_located((path, new_image_problems(image, base.version)) for path, image in added), InvalidValueError)
    refuse(_located((pair.path, list(refused_changes(pair))) for pair in found.pairs))
    operations = tuple(_in_order(found.operations()))
    compared = _compared(base, operations, found.pairs) if operations else ()
    return Plan(base=base, operations=operations, compare=tuple(compared))


def _located(found: Iterable[tuple[str, list[Problem]]]) -> list[Problem]:
    """Problems with the path of their image in front."""
    return [
        evolve(problem, location=f"{path}/{problem.location}") if path else problem
        for path, problems in found
        for problem in problems
    ]


def _refuse_others(base: object, wanted: object) -> None:
    if not isinstance(base, Snapshot):
        message = f"{a_type(base)} is no snapshot. Give what open_ome_zarr returned."
        raise WrongTypeError(Problem("base", message))
    if not isinstance(wanted, Root):
        message = f"{a_type(wanted)} is no image. Give what edits made of snapshot.root; every edit returns the image."
        raise WrongTypeError(Problem("wanted", message))
    if not isinstance(base.version, str) or base.version not in VERSIONS:
        message = f"{base.version!r} is not supported. Use '0.4' (Zarr v2) or '0.5' (Zarr v3)."
        raise UnsupportedError(Problem("version", message))
    if base.mode in ("r", "r+") and type(wanted) is not type(base.root):
        message = f"it is {a_type(wanted)}, and the store holds {a_type(base.root)}. Create a new store for it."
        raise WrongTypeError(Problem("wanted", message))


def applied(plan: Plan) -> Documents:
    """The documents after the plan: they decode to the value that was wanted.

    >>> from ngff_fn.codecs import snapshot_from
    >>> axes = {"axes": [{"name": "y"}, {"name": "x"}]}
    >>> base = snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": axes}})
    >>> applied(diff(base, base.root)) == base.documents
    True
    """
    moved = {each.path: each.target for each in plan.operations if isinstance(each, MoveNode)}
    retired = {each.path for each in plan.operations if isinstance(each, RetireNode) and not each.bare}
    texts = dict(plan.base.documents.items())
    if moved or retired:
        texts = {moved_path(key, moved): text for key, text in texts.items()}
        texts = {key: text for key, text in texts.items() if not is_in(key, retired)}
    for operation in plan.operations:
        match operation:
            case CreateNode():
                prefix = f"{operation.path}/" if operation.path else ""
                texts.update({prefix + name: text for name, text in operation.documents.items()})
            case PutDocument():
                if operation.before is None or operation.key in texts:  # what was not read is in no snapshot either
                    texts[operation.key] = operation.text
            case MoveNode() | RetireNode() | WriteArray():
                pass
            case _:
                assert_never(operation)
    if isinstance(plan.base.root, Plate):  # the groups of rows say nothing, and are not read
        texts = {key: text for key, text in texts.items() if key.count("/") != 1}
    for path, image in images_of(plan.base.root):
        if "multiscales" in image.extra:  # an array that another multiscale lists may be there, and no level
            prefix = f"{path}/" if path else ""
            levels = {prefix + level for level in codecs.level_paths(Documents(texts).of_node(path))} | {path}
            gone = {
                key
                for key in texts
                if key.startswith(prefix)
                and key.rpartition("/")[0] not in levels
                and not key.startswith(f"{prefix}{LABELS}/")
            }
            texts = {key: text for key, text in texts.items() if key not in gone}
    return Documents(texts)


def moved_path(path: str, moved: Mapping[str, str]) -> str:
    """Where a path leads once nodes have been moved.

    >>> moved_path("A/1/0", {"A/1": "B/2"})
    'B/2/0'
    """
    if not moved:
        return path
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        target = moved.get("/".join(parts[:depth]))
        if target is not None:
            return "/".join([target, *parts[depth:]])
    return path


def is_in(path: str, nodes: Container[str]) -> bool:
    """Whether a path is that of one of some nodes, or below one.

    >>> is_in("A/1/0", {"A/1"}), is_in("A/10", {"A/1"})
    (True, False)
    """
    parts = path.split("/")
    return any("/".join(parts[:depth]) in nodes for depth in range(1, len(parts) + 1))


_ORDER = (CreateNode, MoveNode, WriteArray, PutDocument, RetireNode)


def _in_order(operations: Iterator[Operation]) -> list[Operation]:
    """What is new, pixels, documents of arrays, documents of groups, what is retired: every reference resolves."""
    return sorted(operations, key=lambda operation: _ORDER.index(type(operation)))


def _compared(
    base: Snapshot, operations: tuple[Operation, ...], pairs: list[ImagePair]
) -> Iterator[tuple[str, bytes | None]]:
    """The documents of the images and lists that change, of their arrays, and of those whose pixels are taken.

    Labels are made to fit the levels of their image, and follow it: neither may have changed without the other.
    """
    home, prefix = base.origin.home, f"{base.origin.path}/" if base.origin.path else ""
    paths = {pair.was for pair in pairs}
    whole: list[str] = []
    for operation in operations:
        match operation:
            case WriteArray():
                stored = [leaf for leaf in leaves(operation.pixels) if isinstance(leaf, Stored) and leaf.origin == home]
                paths |= {leaf.path.removeprefix(prefix) for leaf in stored if leaf.path.startswith(prefix)}
                if operation.base is not None:
                    paths.add(operation.path)
            case PutDocument():
                paths.add(operation.key.rpartition("/")[0])
            case RetireNode(bare=True):
                pass
            case RetireNode() | MoveNode():
                whole.append(operation.path)
            case CreateNode():
                pass
            case _:
                assert_never(operation)
    keys = sorted(base.documents) if whole else []
    for path in whole:
        inside = {key.rpartition("/")[0] for key in _starting_with(keys, f"{path}/")}
        if not inside and not base.left_out(path):  # it was not there, so nothing may be there
            yield from ((f"{path}/{name}", None) for name in NODE_DOCUMENTS)
        paths |= inside
    paths |= {joined(pair.was, level.path) for pair in pairs if pair.has_new_labels for level in pair.before.levels}
    labels = set(_labels_in_the_way(base, pairs, whole))
    of_group = tuple(codecs.bare_group(base.version))
    for path in sorted(paths | labels):
        texts = base.documents.of_node(path)
        if path in labels and not texts:
            yield from ((f"{path}/{name}", None) for name in of_group)
        for name in texts:
            yield (f"{path}/{name}" if path else name), texts[name]
        if texts and ".zattrs" not in texts and base.version == "0.4":
            yield (f"{path}/.zattrs" if path else ".zattrs"), None


def _labels_in_the_way(base: Snapshot, pairs: list[ImagePair], whole: list[str]) -> Iterator[str]:
    """The groups of labels that another writer must not have made or changed: these would have to follow as well."""
    groups = {joined(pair.was, LABELS) for pair in pairs}
    for pair in pairs:
        if (pair.is_laid_out_anew or pair.has_other_labels) and not is_in(pair.was, groups):
            yield joined(pair.was, LABELS)
    nodes = frozenset(whole)
    for path, image in positions(base.root) if nodes else ():
        if path and isinstance(image, Image) and is_in(path, nodes):
            yield joined(path, LABELS)


def _starting_with(keys: list[str], prefix: str) -> Iterator[str]:
    return takewhile(lambda key: key.startswith(prefix), islice(keys, bisect_left(keys, prefix), None))
