"""What differs between two hierarchies: which nodes are new, gone or elsewhere, and which are not the same object."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter, is_
from typing import Any, assert_never

from attrs import Factory, define

from ngff_fn import codecs
from ngff_fn.errors import InvalidValueError, Problem, UnsupportedError, refuse
from ngff_fn.plan.image_changes import ImagePair, image_changes, keeps_its_arrays, new_image
from ngff_fn.plan.operations import CreateNode, MoveNode, Operation, PutDocument, RetireNode
from ngff_fn.records.image import Image, Labels, Unread
from ngff_fn.records.labels import LABELS
from ngff_fn.records.paths import joined
from ngff_fn.records.plate import Collection, Holder, Plate, Well
from ngff_fn.records.snapshot import Documents, Root, Snapshot, Version


def below(node: Holder) -> dict[str, Any]:
    """The nodes below a holder, by their paths."""
    match node:
        case Plate():
            return {well.path: well for well in node.wells}
        case Well():
            return {each.path: each.image for each in node.fields}
        case Collection():
            return {each.path: each.image for each in node.series}
        case Labels():
            return {each.path: each.image for each in node.images}
        case _:
            assert_never(node)


def images_of(node: Any, path: str = "") -> Iterator[tuple[str, Image]]:
    """The images of a hierarchy that were read, label images among them, by their paths."""
    if isinstance(node, Image):
        yield path, node
        if node.labels is not None:
            yield from images_of(node.labels, joined(path, LABELS))
    elif not isinstance(node, Unread):
        for name, child in below(node).items():
            yield from images_of(child, joined(path, name))


@define
class Differences:
    """What differs, of a base and a wanted root."""

    base: Snapshot
    pairs: list[ImagePair] = Factory(list)
    """Images that were there, and are not the same object."""
    holders: list[tuple[str, str, Holder, Holder]] = Factory(list)
    """Plates, wells and collections likewise: where they were, where they will be; what is further down comes first."""
    created: list[tuple[str, Any]] = Factory(list)
    moved: list[tuple[str, str]] = Factory(list)
    retired: list[str] = Factory(list)
    rows_gone: list[str] = Factory(list)
    problems: list[Problem] = Factory(list)
    """Of what cannot be done yet."""

    def compare(self, was: str, path: str, before: Any, after: Any) -> None:
        """Add what differs between two nodes."""
        if after is before or (isinstance(after, Unread) and after == before):
            return
        if type(after) is not type(before):
            cure = "Open the store without select." if isinstance(after, Unread) else "Give it another path."
            self.problems.append(Problem(path, f"what is there cannot become something of another kind. {cure}"))
        elif isinstance(before, Image):
            self._compare_images(was, path, before, after)
        else:
            self._compare_holders(was, path, before, after)
            self.holders.append((was, path, before, after))

    def _compare_images(self, was: str, path: str, before: Image, after: Image) -> None:
        if was != path and not keeps_its_arrays(before, after):  # its holder is moved, and it is made anew in there
            self.retired.append(path)
            self.created.append((path, after))
            return
        version, documents = self.base.version, self.base.documents
        self.pairs.append(
            ImagePair(version=version, documents=documents, was=was, path=path, before=before, wanted=after)
        )
        if after.labels is not before.labels:
            self._compare_labels(joined(was, LABELS), joined(path, LABELS), before.labels, after.labels)

    def _compare_labels(self, was: str, path: str, before: Any, after: Any) -> None:
        if isinstance(after, Labels):
            refuse(codecs.label_problems(after), InvalidValueError)
        if before is None:
            self.created.append((path, after))
        elif after is None:
            message = "what lies in the group of labels, listed or not, would be lost."
            cure = "Take them away one by one with remove_label; detach is for an image that goes elsewhere."
            self.problems.append(Problem(path, f"{message} {cure}"))
        else:
            self.compare(was, path, before, after)

    def _compare_holders(self, was: str, path: str, before: Holder, after: Holder) -> None:
        old, new = below(before), below(after)
        _refuse_twins(path, after, new)
        if old.keys() != new.keys():
            self.problems += _structure_problems(path, before, [*old, *new])
        gone = {name: child for name, child in old.items() if name not in new}
        owners = {_source(child): name for name, child in old.items()}
        owners.pop(None, None)
        places = {source: name for name, child in gone.items() if (source := _source(child)) is not None}
        if was != path:
            places = {}  # in what is moved as a whole nothing else is moved
        for name, child in new.items():
            if name in old:
                self._refuse_exchanged(joined(path, name), name, owners.get(_source(child), name))
                self.compare(joined(was, name), joined(path, name), old[name], child)
            elif (source := places.pop(_source(child), None)) is not None and _can_move(gone[source], child):
                del gone[source]
                self.moved.append((joined(was, source), joined(path, name)))
                self.compare(joined(was, source), joined(path, name), old[source], child)
            else:
                self.created.append((joined(path, name), child))
        self.retired += [joined(path, name) for name in gone]
        if isinstance(after, Plate):
            self._compare_rows(path, set(old), set(new))

    def _compare_rows(self, path: str, old: set[str], new: set[str]) -> None:
        """A row without wells has no group."""
        before, after = ({name.partition("/")[0] for name in names} for names in (old, new))
        self.created[:0] = [(joined(path, row), None) for row in sorted(after - before)]
        self.rows_gone += [joined(path, row) for row in sorted(before - after)]

    def _refuse_exchanged(self, path: str, name: str, owner: str) -> None:
        if owner != name:
            message = f"what was at {owner!r} cannot take this place in the commit in which it becomes free."
            self.problems.append(Problem(path, f"{message} Commit the removal or the renaming of what is here first."))

    def carried_problems(self) -> Iterator[Problem]:
        """Of images that are made anew in another place, while what lies beside their levels cannot all come along."""
        home, prefix = self.base.origin.home, joined(self.base.origin.path, "")
        prefix = f"{prefix}/" if prefix else ""
        for path, node in self.created:
            for place, image in images_of(node, path) if node is not None else ():
                is_here = image.source is not None and image.source.home == home
                was = image.source.path.removeprefix(prefix) if image.source is not None and is_here else ""
                labels = image.labels.images if isinstance(image.labels, Labels) else ()
                paths = [*(level.path for level in image.levels), *(label.path for label in labels)]
                nested = "multiscales" in image.extra or "/" in "".join(paths)
                if nested and was and (was == place or any(f"{was}/".startswith(f"{gone}/") for gone in self.gone())):
                    message = "with nested levels or labels, or several multiscales, it cannot be made anew elsewhere."
                    yield Problem(place, f"{message} Move it within its well, and change its pixels in another commit.")

    def gone(self) -> list[str]:
        """The paths that are retired, and those that are moved away."""
        return [*self.retired, *(was for was, _ in self.moved)]

    def operations(self) -> Iterator[Operation]:
        """What makes the base the wanted value."""
        version = self.base.version
        for path, node in self.created:
            yield from creation(node, version, path)
        for was, path in self.moved:
            yield MoveNode(path=was, target=path)
        for pair in self.pairs:
            yield from image_changes(pair)
        for was, path, before, after in self.holders:
            if _differ_in_images_alone(before, after):
                continue
            texts = self.base.documents.of_node(was)
            for name, text in codecs.encode_holder(after, version, texts, before).items():
                if texts.get(name) != text:
                    yield PutDocument(key=joined(path, name), before=texts.get(name), text=text)
        for path in self.retired:
            yield RetireNode(path=path)
        for path in self.rows_gone:
            yield RetireNode(path=path, bare=True)


def _differ_in_images_alone(before: Holder, after: Holder) -> bool:
    """Whether two wells surely say the same: a short cut, as most that are not the same object do."""
    if not (isinstance(before, Well) and isinstance(after, Well)) or before.extra is not after.extra:
        return False
    said, says = list(map(_of_field, before.fields)), list(map(_of_field, after.fields))
    return len(said) == len(says) and all(map(is_, chain.from_iterable(said), chain.from_iterable(says)))


_of_field = attrgetter("path", "acquisition", "extra")


def _source(node: Any) -> Any:
    return None if node is None or isinstance(node, Unread) else node.source


def _can_move(before: Any, after: Any) -> bool:
    """Whether a node can be moved: a holder always, whatever becomes of what is in it; an image with its arrays."""
    if type(after) is not type(before):
        return False
    return not isinstance(before, Image) or keeps_its_arrays(before, after)


def _structure_problems(path: str, holder: Holder, names: list[str]) -> Iterator[Problem]:
    """What forbids to add, remove or move anything below a holder."""
    if isinstance(holder, Collection):
        message = "the images of a collection cannot be added, removed or renamed yet. Create a new store for them."
        yield Problem(path, message)
    listed = set(names)
    for name in sorted(listed):
        parts = name.split("/")
        outer = [above for depth in range(1, len(parts)) if (above := "/".join(parts[:depth])) in listed]
        if outer:
            message = f"it lies inside of {outer[0]!r}, which is listed too. Move one of them by hand first."
            yield Problem(joined(path, name), message)


def _refuse_twins(path: str, holder: Holder, nodes: dict[str, Any]) -> None:
    names = [well.path for well in holder.wells] if isinstance(holder, Plate) else list(nodes)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    refuse((Problem(joined(path, name), "it is there twice. Rename one.") for name in twice), InvalidValueError)


def creation(node: Root | Labels | Unread | None, version: Version, path: str) -> Iterator[Operation]:
    """A node, with all below it, where there is none; None is a group that says nothing."""
    match node:
        case None:
            yield CreateNode(path=path, documents=Documents(codecs.bare_group(version)), bare=True)
        case Image():
            yield from new_image(node, version, path)
            if node.labels is not None:
                yield from creation(node.labels, version, joined(path, LABELS))
        case Unread():
            message = "it was not read, so it cannot be written. Open the store without select."
            raise UnsupportedError(Problem(path, message))
        case _:
            if isinstance(node, Collection) and [each.path for each in node.series] != [
                *map(str, range(len(node.series)))
            ]:
                message = "the images of a new collection are called 0, 1, 2 … in their order. Rename them."
                raise UnsupportedError(Problem(joined(path, "series"), message))
            carry = node.source if isinstance(node, Labels) else None
            refuse(codecs.label_problems(node) if isinstance(node, Labels) else (), InvalidValueError)
            yield CreateNode(path=path, documents=Documents(codecs.encode_holder(node, version)), carry=carry)
            rows = {well.path.partition("/")[0]: None for well in node.wells} if isinstance(node, Plate) else {}
            for row in rows:
                yield from creation(None, version, joined(path, row))
            for name, child in below(node).items():
                yield from creation(child, version, joined(path, name))
