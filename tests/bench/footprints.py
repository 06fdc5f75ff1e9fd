"""What a reader has asked of a directory, and what it was told: where another would tell the same, it sees the same.

Most of the states that a power cut may leave differ in files that no reader asks for. A reader is a function of the
answers that it gets, so that it need not be asked again where all of them are the same; some of the times it is asked
nevertheless, and has to see the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from ngff_fn.effects.local.files import LocalFiles
from tests.bench.replaced import Replacement, replaced
from tests.bench.tree import ROOT, Tree

T = TypeVar("T")
Question: TypeAlias = tuple[str, bool]
"""A path of the tree: what is there, and whether its names are asked for too."""

_ASKED = ("read", "get", "signature", "exists", "is_free", "names", "has_links", "last_change")
_OF_A_TREE = ("has_links", "last_change")
_ASKED_BY_ADDRESSES = ("", "zarr.json", ".zgroup", ".zarray", ".zattrs")
"""In the store, before there are files to be asked; all the other answers are those of the folder, always the same."""
CHECKED_EACH = 50


class Footprints(Generic[T]):
    """What was seen in directories of one name, by the answers."""

    def __init__(self, folder: str, store: str) -> None:
        self._folder, self._always = (
            folder,
            {(f"{store}/{name}".rstrip("/"), name == "") for name in _ASKED_BY_ADDRESSES},
        )
        self._known: dict[tuple[Question, ...], dict[tuple[object, ...], T]] = {}
        self._again = 0

    def seen(self, tree: Tree, look: Callable[[], T]) -> T:
        """What ``look`` sees once the tree is in the folder, unless its answers are known."""
        known = self._found(tree)
        if known is not None:
            self._again += 1
            if self._again % CHECKED_EACH:
                return known
        asked = set(self._always)
        with replaced(self._noting(asked)):
            seen = look()
        assert known is None or seen == known, f"a reader was told the same, and sees {seen}, not {known}"
        questions = tuple(sorted(asked))
        self._known.setdefault(questions, {})[_answers(tree, questions)] = seen
        return seen

    def _found(self, tree: Tree) -> T | None:
        for questions, seen in self._known.items():
            found = seen.get(_answers(tree, questions))
            if found is not None:
                return found
        return None

    def _noting(self, asked: set[Question]) -> list[Replacement]:
        def note(name: str, real: Callable[..., Any], files: LocalFiles, path: str, *more: Any, **options: Any) -> Any:
            assert name not in _OF_A_TREE, f"{name} asks for more than is noted here"
            full = f"{files.identity}/{path}".rstrip("/")
            asked.add((full.removeprefix(self._folder).strip("/"), name == "names"))
            return real(files, path, *more, **options)

        return [(LocalFiles, name, _method(partial(note, name, getattr(LocalFiles, name)))) for name in _ASKED]


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(files: LocalFiles, *arguments: Any, **options: Any) -> Any:
        return function(files, *arguments, **options)

    return method


def _answers(tree: Tree, questions: tuple[Question, ...]) -> tuple[object, ...]:
    """The bytes of files, the names in directories as far as they are asked for, None where nothing is."""
    return tuple(_answer(tree, path, with_names=with_names) for path, with_names in questions)


def _answer(tree: Tree, path: str, *, with_names: bool) -> object:
    inode: int | None = ROOT
    for name in path.split("/") if path else ():
        inode = tree.directories.get(inode, {}).get(name) if inode is not None else None
    names = None if inode is None else tree.directories.get(inode)
    if names is None:
        return None if inode is None else tree.files[inode]
    if not with_names:
        return "a directory"
    return frozenset((name, below in tree.directories) for name, below in names.items())
