"""Readers are asked again only where a store tells them something else; folders become other trees in few steps."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ngff_fn.effects.local.files import LocalFiles
from tests.bench import footprints
from tests.bench.changes import Change, Exchange, Link, MakeDirectory, Rename, Unlink, Write
from tests.bench.footprints import Footprints
from tests.bench.log import Log
from tests.bench.tree import Tree, put_in, tree_in

STORE: list[Change] = [MakeDirectory("s"), Write("s/asked", b"1"), MakeDirectory("s/listed"), Write("s/listed/a", b"2")]


def tree_of(*made: Change) -> Tree:
    log = Log(Tree())
    for change in made:
        log.note(change)
    return log.now


def reader_in(folder: Path) -> tuple[Callable[[Tree], object], list[object]]:
    """A reader of one file and of the names in a directory, and what it has seen each time that it was asked."""
    asked: list[object] = []
    known = Footprints[object](str(folder), "s")

    def look() -> object:
        files = LocalFiles(str(folder / "s"))
        asked.append((files.read("asked"), sorted(files.names("listed"))))
        return asked[-1]

    def seen(tree: Tree) -> object:
        put_in(folder, tree)
        return known.seen(tree, look)

    return seen, asked


def test_a_reader_is_not_asked_again_where_only_what_it_did_not_ask_for_differs(tmp_path: Path) -> None:
    seen, asked = reader_in(tmp_path / "folder")
    of_other_bytes = tree_of(*STORE[:-1], Write("s/listed/a", b"3"))
    assert seen(tree_of(*STORE)) == seen(of_other_bytes)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "other",
    [Unlink("s/asked"), Rename("s/listed/a", "s/asked"), Rename("s/listed/a", "s/listed/b"), Write("s/listed/c", b"")],
    ids=str,
)
def test_a_reader_is_asked_again_where_an_answer_differs(tmp_path: Path, other: Change) -> None:
    seen, asked = reader_in(tmp_path / "folder")
    assert seen(tree_of(*STORE)) != seen(tree_of(*STORE, other))
    assert len(asked) == 2


def test_some_of_the_times_a_reader_is_asked_nevertheless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprints, "CHECKED_EACH", 3)
    seen, asked = reader_in(tmp_path / "folder")
    for _ in range(7):
        seen(tree_of(*STORE))
    assert len(asked) == 3


def test_a_reader_that_sees_something_else_without_having_asked_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footprints, "CHECKED_EACH", 1)
    known = Footprints[int](str(tmp_path), "s")
    numbers = iter(range(2))
    known.seen(tree_of(*STORE), lambda: next(numbers))
    with pytest.raises(AssertionError, match="was told the same"):
        known.seen(tree_of(*STORE), lambda: next(numbers))


def test_a_folder_has_the_tree_that_was_put_in_whatever_it_had_before(tmp_path: Path) -> None:
    chance = random.Random(0)
    extra: list[Change] = [
        Write("s/more", b"4"),
        Link("s/asked", "s/listed/same"),
        Exchange("s/asked", "s/listed/a"),
        Rename("s/listed", "s/moved"),
        MakeDirectory("s/empty"),
        Write("s/empty/b", b"5"),
        Unlink("s/empty/b"),
    ]
    trees = [Tree(), *(tree_of(*STORE, *extra[:count]) for count in range(len(extra) + 1))]
    for _ in range(100):
        tree = chance.choice(trees)
        put_in(tmp_path / "folder", tree)
        assert tree_in(tmp_path / "folder").seen() == tree.seen()
