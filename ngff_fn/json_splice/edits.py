"""Edits of a JSON text as values, and the splice that carries them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Any, TypeAlias, assert_never

from attrs import Factory, define, frozen

from ngff_fn.json_splice.document import Container, Document, Item
from ngff_fn.json_splice.scalars import number_places, scalar_places, text_places
from ngff_fn.json_splice.syntax import decoded, parse
from ngff_fn.json_splice.writing import Pointer, Specimen, is_scalar, key, place, token, written


@frozen
class Put:
    """The value at ``pointer`` becomes ``value``; where an object has no such key, a member is added at its end."""

    pointer: Pointer
    value: Any


@frozen
class Remove:
    """The member or element at ``pointer`` goes."""

    pointer: Pointer


@frozen
class Insert:
    """``value`` comes in front of the element at ``pointer``; a pointer to just behind a list's end appends."""

    pointer: Pointer
    value: Any


@frozen
class Move:
    """The element at ``pointer`` goes, as it is written, in front of the element ``before`` of the same list."""

    pointer: Pointer
    before: int


Edit: TypeAlias = Put | Remove | Insert | Move


def splice(text: bytes, edits: Iterable[Edit]) -> bytes:
    """The text with these edits made; what none of them touches keeps its bytes.

    All pointers, and ``before``, mean the text as it is given, not as earlier edits leave it; so the order of edits
    does not matter, but for what is added in the same place: that comes in the order given. What is written looks
    like what is around it: like the value that it replaces, else like its neighbours, else like the first of its kind
    in the document. A byte order mark and the line break at the end stay.

    Parameters
    ----------
    text
        A JSON document; bare NaN and infinities may be in it.
    edits
        No two may change the same value, and none what is inside of what another puts or removes. A Move goes together
        with edits of the element that it moves.

    Raises
    ------
    JsonSyntaxError
        If the text is not JSON.
    ValueError
        If there is nothing at a pointer, if edits overlap, if a value is not JSON.

    >>> splice(b'{"name" : "a", "scale": [1E0, 2]}', [Put(("scale", 1), 3), Remove(("name",))])
    b'{"scale": [1E0, 3]}'
    """
    edits = tuple(edits)
    if edits:
        parse(text, allow_nan=True)
    return spliced(text, edits)


def spliced(text: bytes, edits: tuple[Edit, ...], value: Any = None) -> bytes:
    """``splice`` for a text that was parsed already: as ``value``, if that is at hand."""
    if not edits:
        return text
    source = decoded(text)
    document = Document(source.removeprefix("\ufeff"))
    mark = source[: len(source) - len(document.text)]
    changed = _other_scalars(document, edits, value)
    if changed is None:
        start = document.after_space(0)
        root = Item(start, start, document.after_value(start))
        value = _Splice(document).value(root, _tree(edits), (), (), one_line=False)
        changed = document.text[:start] + value + document.text[root.end :]
    return (mark + changed).encode()


def _other_scalars(document: Document, edits: tuple[Edit, ...], value: Any) -> str | None:
    """The text where scalars become other scalars, for which no style has to be known; None where more changes."""
    values = {edit.pointer: edit.value for edit in edits if isinstance(edit, Put) and is_scalar(edit.value)}
    if len(values) < len(edits):
        return None
    places = text_places(document.text, values, value) or number_places(document.text, values, value)
    if places is None:
        places = scalar_places(document.text, values)
    if len(places) < len(values):
        return None
    pieces, end, is_ascii = [], 0, document.is_ascii
    for found in places:
        written_anew = token(values[found.pointer], found.pointer, ascii_only=is_ascii)
        pieces += [document.text[end : found.start], written_anew]
        end = found.end
    return "".join([*pieces, document.text[end:]])


# -- the edits as a tree, along their pointers


@define
class _Node:
    """What happens to one value: it is put or removed, or what is inside of it changes; and it may move."""

    edit: Put | Remove | None = None
    moved: bool = False
    inside: dict[str | int, _Node] = Factory(dict)
    arrivals: dict[int, list[Insert | Move]] = Factory(dict)


def _tree(edits: Iterable[Edit]) -> _Node:
    root = _Node()
    for edit in edits:
        match edit:
            case Put() | Remove():
                node = _descend(root, edit.pointer, edit)
                if node.edit or node.inside or node.arrivals or (node.moved and isinstance(edit, Remove)):
                    raise _overlap(edit)
                node.edit = edit
            case Insert():
                _arrive(root, edit, edit.pointer[-1] if edit.pointer else None)
            case Move():
                node = _descend(root, edit.pointer, edit)
                if node.moved or isinstance(node.edit, Remove):
                    raise _overlap(edit)
                node.moved = True
                _arrive(root, edit, edit.before)
            case _:
                assert_never(edit)
    return root


_ONLY_LISTS = "only lists have places to insert at. Put adds a member to an object."


def _arrive(root: _Node, edit: Insert | Move, at: str | int | None) -> None:
    if not edit.pointer or not isinstance(at, int):
        raise ValueError(f"{place(edit.pointer)}: {_ONLY_LISTS}")
    node = _descend(root, edit.pointer[:-1], edit)
    if node.edit:
        raise _overlap(edit)
    node.arrivals.setdefault(at, []).append(edit)


def _descend(root: _Node, pointer: Pointer, edit: Edit) -> _Node:
    node = root
    for step in pointer:
        if node.edit:
            raise _overlap(edit)
        node = node.inside.setdefault(step, _Node())
    return node


def _overlap(edit: Edit) -> ValueError:
    return ValueError(f"{place(edit.pointer)}: another edit changes the same, or what is around or inside of it.")


# -- the tree laid over the text


@frozen
class _Piece:
    """One item of the new text, and which one of the old text it was, if it was one."""

    text: str
    was: int | None = None


@frozen
class _Splice:
    """New text for what the tree changes; ``one_line`` says that what is around is on one line and stays so."""

    document: Document

    def value(self, item: Item, node: _Node, pointer: Pointer, like: Iterable[int], *, one_line: bool) -> str:
        """A value as it becomes; if it is put, it looks like the first of its kind among those at ``like``."""
        match node.edit:
            case Put(value=value):
                specimen = self.document.among(value, chain([item.start], like), one_line=one_line)
                return written(value, self.document.look, specimen, self.document.indentation(item.start), pointer)
            case Remove():
                raise ValueError(f"{place(pointer)}: it cannot be removed, only replaced.")
            case None if node.inside or node.arrivals:
                return self._changed_inside(item, node, pointer, one_line=one_line)
            case None:
                return self.document.text[item.start : item.end]
            case _:
                assert_never(node.edit)

    def _changed_inside(self, item: Item, node: _Node, pointer: Pointer, *, one_line: bool) -> str:
        document, bracket = self.document, self.document.text[item.start]
        if bracket not in "[{":
            raise ValueError(f"{place(pointer)}: neither a list nor an object, there is nothing inside of it.")
        container = document.container(item.start)
        if bracket == "{":
            _check_keys(container, node, pointer)
        else:
            _check_positions(container, node, pointer)
        one_line = one_line or document.keeps_line(container)
        if not container.items:  # nothing there shows how its items are set: as if all of it were new
            elements = [edit.value for edit in node.arrivals.get(0, ()) if isinstance(edit, Insert)]
            added = _added(container, node) if bracket == "{" else elements
            return written(added, document.look, Specimen(None, one_line), document.indentation(item.start), pointer)
        arranged = self._members if bracket == "{" else self._elements
        pieces = list(arranged(container, node, pointer, one_line=one_line))
        if not pieces:
            return bracket + document.look.pad + document.text[container.end - 1]
        commas = (self._comma(container, left, right) for left, right in pairwise(pieces))
        inside = chain.from_iterable(zip((piece.text for piece in pieces), chain(commas, [""]), strict=True))
        return bracket + container.gaps[0] + "".join(inside) + container.gaps[-1] + document.text[container.end - 1]

    def _members(self, container: Container, node: _Node, pointer: Pointer, *, one_line: bool) -> Iterator[_Piece]:
        for at in range(len(container.items)):
            yield from self._kept(container, at, node, pointer, one_line=one_line)
        for name, value in _added(container, node).items():
            head = key(name, pointer, ascii_only=self.document.look.ascii) + self.document.colon_of(container)
            yield _Piece(head + self._new(container, len(container.items), value, (*pointer, name), one_line=one_line))

    def _elements(self, container: Container, node: _Node, pointer: Pointer, *, one_line: bool) -> Iterator[_Piece]:
        for at in range(len(container.items) + 1):
            for edit in node.arrivals.get(at, ()):
                match edit:
                    case Insert(value=value):
                        yield _Piece(self._new(container, at, value, (*pointer, at), one_line=one_line))
                    case Move():
                        yield from self._kept(container, int(edit.pointer[-1]), node, pointer, one_line=one_line)
                    case _:
                        assert_never(edit)
            if at < len(container.items) and not (at in node.inside and node.inside[at].moved):
                yield from self._kept(container, at, node, pointer, one_line=one_line)

    def _kept(
        self, container: Container, at: int, node: _Node, pointer: Pointer, *, one_line: bool
    ) -> Iterator[_Piece]:
        """An item that was there: as it stands, as it becomes, or not at all."""
        item = container.items[at]
        step = at if item.key is None else item.key
        child = node.inside.get(step)
        if child is None:
            yield _Piece(self.document.text[item.first : item.end], at)
        elif not isinstance(child.edit, Remove):
            text = self.value(item, child, (*pointer, step), _near(container, at), one_line=one_line)
            yield _Piece(self.document.text[item.first : item.start] + text, at)

    def _new(self, container: Container, at: int, value: Any, pointer: Pointer, *, one_line: bool) -> str:
        specimen = self.document.among(value, _near(container, at), one_line=one_line)
        return written(value, self.document.look, specimen, self.document.inner_indentation(container), pointer)

    def _comma(self, container: Container, left: _Piece, right: _Piece) -> str:
        """What stood behind the left one, or in front of the right one, or what stands between all others."""
        if left.was is not None and left.was + 1 < len(container.items):
            return container.gaps[left.was + 1]
        return container.gaps[right.was] if right.was else self.document.comma_of(container)


def _near(container: Container, at: int) -> Iterator[int]:
    """Where the values of a list or object are, those before this position first, from there on backwards."""
    return (container.items[k].start for k in chain(range(at - 1, -1, -1), range(at, len(container.items))))


def _added(container: Container, node: _Node) -> dict[str, Any]:
    there = {item.key for item in container.items}
    return {
        str(step): child.edit.value
        for step, child in node.inside.items()
        if step not in there and isinstance(child.edit, Put)
    }


def _check_keys(container: Container, node: _Node, pointer: Pointer) -> None:
    if node.arrivals:
        raise ValueError(f"{place(pointer)}: {_ONLY_LISTS}")
    there = {item.key for item in container.items}
    for step, child in node.inside.items():
        if not isinstance(step, str):
            raise ValueError(f"{place(pointer)}: an object, and {step} is not a key.")  # noqa: TRY004 — no such place
        if step not in there and not isinstance(child.edit, Put):
            raise ValueError(f"{place((*pointer, step))}: there is no such member.")


def _check_positions(container: Container, node: _Node, pointer: Pointer) -> None:
    count = len(container.items)
    for step in chain(node.inside, (at - 1 for at in node.arrivals if at)):
        if not isinstance(step, int) or not 0 <= step < count:
            raise ValueError(f"{place((*pointer, step))}: there is no such element, the list has {count}.")
