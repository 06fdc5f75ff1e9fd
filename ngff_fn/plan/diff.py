"""From a snapshot and a wanted value to a plan: compares records, and encodes only what differs."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter, is_

from ngff_fn import codecs, rules
from ngff_fn.errors import InvalidValueError, Problem, UnsupportedError, WrongTypeError, a_type, refuse
from ngff_fn.plan.operations import CreateNode, Operation, Plan, PutDocument, RetireNode, WriteArray
from ngff_fn.plan.revision import revision
from ngff_fn.records.arrays import same_encoding, same_keys
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image, Level, paths_of_others
from ngff_fn.records.pixels import Fill, Stored, leaves
from ngff_fn.records.snapshot import VERSIONS, Documents, Root, Snapshot


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
    refuse(_problems(base, wanted), InvalidValueError)
    if base.mode in ("w", "w-"):
        return Plan(base=base, operations=tuple(_creation(base, wanted)))
    if wanted == base.root:
        return Plan(base=base)
    refuse([*_other_labels(base.root, wanted), *_changes_for_others(base.root, wanted)])
    operations = tuple(_in_order(_changes(base, wanted)))
    return Plan(base=base, operations=operations, compare=tuple(_compared(base, operations)) if operations else ())


def _refuse_others(base: object, wanted: object) -> None:
    if not isinstance(base, Snapshot):
        message = f"{a_type(base)} is no snapshot. Give what open_ome_zarr returned."
        raise WrongTypeError(Problem("base", message))
    if not isinstance(wanted, Image):
        message = f"{a_type(wanted)} is no image. Give what edits made of snapshot.root; every edit returns the image."
        raise WrongTypeError(Problem("wanted", message))
    if not isinstance(base.version, str) or base.version not in VERSIONS:
        message = f"{base.version!r} is not supported. Use '0.4' (Zarr v2) or '0.5' (Zarr v3)."
        raise UnsupportedError(Problem("version", message))


_asked = attrgetter("axes", "levels", "scale", "translation")


def _problems(base: Snapshot, wanted: Image) -> list[Problem]:
    """What forbids to write a value; not asked again of what was read, and stays."""
    channels = wanted.channels
    if channels is not None and not (isinstance(channels, tuple) and all(isinstance(c, Channel) for c in channels)):
        return [Problem("channels", f"{channels!r} are no channels. Give a tuple of Channel, or None for no omero.")]
    if base.mode in ("r", "r+") and all(map(is_, _asked(wanted), _asked(base.root))):
        return []
    arrays = [level.array for level in base.root.levels] if base.mode in ("r", "r+") else []
    is_same = len(arrays) == len(wanted.levels) and all(map(is_, arrays, [level.array for level in wanted.levels]))
    return [*rules.record_problems(wanted), *(() if is_same else codecs.expression_problems(wanted, base.version))]


def applied(plan: Plan) -> Documents:
    """The documents after the plan: they decode to the value that was wanted.

    >>> from ngff_fn.codecs import snapshot_from
    >>> axes = {"axes": [{"name": "y"}, {"name": "x"}]}
    >>> base = snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": axes}})
    >>> applied(diff(base, base.root)) == base.documents
    True
    """
    texts = dict(plan.base.documents)
    for operation in plan.operations:
        match operation:
            case CreateNode():
                prefix = f"{operation.path}/" if operation.path else ""
                texts.update({prefix + name: text for name, text in operation.documents.items()})
            case PutDocument():
                texts[operation.key] = operation.text
            case RetireNode():
                texts = {key: text for key, text in texts.items() if not key.startswith(f"{operation.path}/")}
            case WriteArray():
                pass
    if "multiscales" in plan.base.root.extra:  # an array that another multiscale lists may be there, and no level
        levels = set(codecs.level_paths({key: text for key, text in texts.items() if "/" not in key}))
        texts = {key: text for key, text in texts.items() if (node := key.rpartition("/")[0]) in levels or not node}
    return Documents(texts)


def _creation(base: Snapshot, wanted: Image) -> Iterator[Operation]:
    group = Documents(codecs.encode_group(wanted, base.version))
    yield CreateNode(path="", documents=group, carry=wanted.source)
    for level in wanted.levels:
        yield from _new_level(base, wanted, level)


def _new_level(base: Snapshot, wanted: Image, level: Level) -> Iterator[Operation]:
    mark = revision(level.array, level.pixels)
    documents = codecs.encode_array(level, wanted.axes, base.version, {}, mark)
    yield CreateNode(path=level.path, documents=Documents(documents))
    if level.pixels != Fill(shape=level.array.shape, value=level.array.fill_value):
        yield WriteArray(path=level.path, array=level.array, pixels=level.pixels)


def _changes(base: Snapshot, wanted: Image) -> Iterator[Operation]:
    before = {level.path: level for level in base.root.levels}
    same_arrays = wanted.levels is base.root.levels and wanted.axes is base.root.axes
    for level in () if same_arrays else wanted.levels:
        if level.path not in before:
            yield from _new_level(base, wanted, level)
        elif level != before[level.path] or wanted.axes != base.root.axes:
            yield from _changed_level(base, wanted, before[level.path], level)
    texts = base.documents.of_node("")
    for key, text in codecs.encode_group(wanted, base.version, texts, base.root).items():
        if texts.get(key) != text:
            yield PutDocument(key=key, before=texts.get(key), text=text)
    kept = {level.path for level in wanted.levels} | paths_of_others(wanted)
    for path in before:
        if path not in kept:
            yield RetireNode(path=path)


def _changed_level(base: Snapshot, wanted: Image, before: Level, level: Level) -> Iterator[Operation]:
    old, new = before.array, level.array
    same_grid = old.shape == new.shape and same_encoding(old, new) and same_keys(old, new)
    rewritten = level.pixels != before.pixels or not same_grid
    if not rewritten and _says_the_same(base.root, wanted, before, level):
        return
    texts = base.documents.of_node(level.path)
    mark = (revision(new, level.pixels) or "0") if rewritten else None
    for name, text in codecs.encode_array(level, wanted.axes, base.version, texts, mark).items():
        if texts.get(name) != text:
            yield PutDocument(key=f"{level.path}/{name}", before=texts.get(name), text=text)
    if rewritten:
        yield WriteArray(path=level.path, array=new, pixels=level.pixels, base=old)


def _says_the_same(base: Image, wanted: Image, before: Level, level: Level) -> bool:
    """Whether the documents of an array need not even be looked at."""
    attributes = level.extra.get("attributes") == before.extra.get("attributes")
    return attributes and level.array == before.array and wanted.axes == base.axes


_ORDER = (CreateNode, WriteArray, PutDocument, RetireNode)


def _in_order(operations: Iterator[Operation]) -> list[Operation]:
    """What is new, pixels, documents of arrays, documents of groups, what is retired: every reference resolves."""
    return sorted(operations, key=lambda operation: _ORDER.index(type(operation)))


def _compared(base: Snapshot, operations: tuple[Operation, ...]) -> Iterator[tuple[str, bytes | None]]:
    """The documents of the image, of the arrays that change, and of those whose pixels are taken."""
    home, prefix = base.origin.home, f"{base.origin.path}/" if base.origin.path else ""
    paths = {""}
    for operation in operations:
        match operation:
            case WriteArray():
                stored = [leaf for leaf in leaves(operation.pixels) if isinstance(leaf, Stored) and leaf.origin == home]
                paths |= {leaf.path.removeprefix(prefix) for leaf in stored if leaf.path.startswith(prefix)}
                if operation.base is not None:
                    paths.add(operation.path)
            case PutDocument():
                paths.add(operation.key.rpartition("/")[0])
            case RetireNode():
                paths.add(operation.path)
            case CreateNode():
                pass
    for path in sorted(paths):
        texts = base.documents.of_node(path)
        for name in texts:
            yield (f"{path}/{name}" if path else name), texts[name]
        if texts and ".zattrs" not in texts and base.version == "0.4":
            yield (f"{path}/.zattrs" if path else ".zattrs"), None


def _other_labels(before: Image, wanted: Image) -> Iterator[Problem]:
    if wanted.labels != before.labels:
        message = "the labels beside the image cannot be changed yet, and would not fit another image."
        cure = "Create a new store, or replace this one with create(overwrite=True)."
        yield Problem("labels", f"{message} {cure}")


def _changes_for_others(before: Image, wanted: Image) -> Iterator[Problem]:
    """An array may be listed by several multiscales: none of them changes what the others show."""
    if wanted.levels is before.levels:
        return
    old, others = {level.path: level for level in before.levels}, paths_of_others(wanted)
    for index, level in enumerate(wanted.levels):
        was = old.get(level.path)
        if was is None or level.path not in others:
            continue
        if (level.array.shape, level.array.dtype, level.pixels) != (was.array.shape, was.array.dtype, was.pixels):
            message = f"another multiscale of the group lists the array {level.path!r}, and would show other pixels."
            cure = "Create the image in a store of its own, or take the other multiscale out of extra['multiscales']."
            yield Problem(f"levels[{index}]", f"{message} {cure}")
