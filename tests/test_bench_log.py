"""What the bench takes a crash for: the states after each change, and what a power cut may leave of them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.bench import changes, log, replaced, tree, turns
from tests.bench.changes import (
    Change,
    Exchange,
    Flush,
    FlushAll,
    Keys,
    Link,
    MakeDirectory,
    Overwrite,
    RemoveDirectory,
    Rename,
    Rewrite,
    Unlink,
    Write,
)
from tests.bench.log import Log, after_cut, cuts, lost_in
from tests.bench.tree import Tree, tree_in, tree_of_keys


def log_of(*made: Change, start: Tree | None = None) -> Log:
    noted = Log(start or Tree())
    for change in made:
        noted.note(change)
    return noted


def left_by(noted: Log, *, at_end: bool = True) -> list[dict[str, bytes]]:
    """What the power cut at the end may leave, or those before."""
    moments = [cut for cut in cuts(noted) if cut.is_last == at_end]
    return [left.contents() for cut in moments for lost in lost_in(cut) for left in after_cut(noted.start, cut, lost)]


def test_a_program_that_dies_leaves_every_prefix_also_a_file_without_its_bytes() -> None:
    noted = log_of(Write("a", b"12"), Rename("a", "b"), Unlink("b"))
    assert [left.contents() for left in noted.states()] == [{}, {"a": b""}, {"a": b"12"}, {"b": b"12"}, {}]


def test_a_program_that_writes_in_place_leaves_what_was_there_or_what_it_wrote() -> None:
    start = log_of(Write("a", b"old")).now
    noted = log_of(Overwrite("a", b""), Overwrite("a", b"new"), start=start)
    assert [left.contents() for left in noted.states()] == [{"a": b"old"}, {"a": b""}, {"a": b"new"}]


def test_a_change_that_cannot_have_been_made_is_not_noted() -> None:
    noted = log_of(Write("a", b"1"))
    with pytest.raises(KeyError):
        noted.note(Write("not there/b", b"2"))
    assert noted.changes == [Write("a", b"1")]
    assert noted.now.contents() == {"a": b"1"}


def test_a_name_may_be_durable_while_the_bytes_are_not() -> None:
    noted = log_of(Write("draft", b"12"), Rename("draft", "a"), Flush(""))
    assert {each["a"] for each in left_by(noted)} == {b"", b"1", b"12"}


def test_what_was_flushed_before_it_was_renamed_is_before_or_after() -> None:
    start = log_of(Write("a", b"old")).now
    noted = log_of(Write("draft", b"new"), Flush("draft"), Rename("draft", "a"), Flush(""), start=start)
    before = [each["a"] for each in left_by(noted, at_end=False)]
    assert set(before) == {b"old", b"new"}
    assert left_by(noted) == [{"a": b"new"}]


def test_what_is_in_a_directory_is_lost_with_its_name() -> None:
    noted = log_of(MakeDirectory("d"), Write("d/a", b"1"), Flush("d/a"), Flush("d"))
    assert {tuple(each) for each in left_by(noted)} == {(), ("d/a",)}
    assert {tuple(each) for each in left_by(log_of(*noted.changes, Flush("")))} == {("d/a",)}


def test_a_rename_is_never_half_kept() -> None:
    start = log_of(MakeDirectory("d"), Write("a", b"1")).now
    assert {tuple(each) for each in left_by(log_of(Rename("a", "d/b"), start=start))} == {("a",), ("d/b",)}


def test_a_flush_of_everything_leaves_nothing_to_be_lost() -> None:
    noted = log_of(MakeDirectory("d"), Write("d/a", b"1"), Link("d/a", "b"), FlushAll())
    assert left_by(noted) == [{"d/a": b"1", "b": b"1"}]


def test_up_to_ten_operations_are_lost_in_all_combinations_more_in_a_sample() -> None:
    few = log_of(*(Write(str(number), b"") for number in range(5)))
    many = log_of(*(Write(str(number), b"") for number in range(6)))
    assert [len(set(lost_in(cut))) for cut in cuts(few)] == [2**10]
    (cut,) = cuts(many)
    sampled = list(lost_in(cut, samples=7))
    assert len(sampled) == 13 + 12 + 7
    assert {frozenset([number]) for number in range(12)} <= set(sampled)


def test_keys_are_put_and_taken_in_one_step() -> None:
    noted = log_of(Keys((("b", b"2"), ("c", b"3")), ("a",)), start=tree_of_keys({"a": b"1"}))
    seen = {tuple(sorted(left.contents())) for left in noted.states()}
    assert seen == {("a",), ("b", "c")}


def test_a_file_that_gets_other_bytes_in_place_may_have_some_of_both() -> None:
    noted = log_of(Rewrite("a", b"1234"), start=log_of(Write("a", b"000")).now)
    assert [left.contents()["a"] for left in noted.states()] == [b"000", b"120", b"1234"]


def test_a_tree_is_the_same_on_a_file_system(tmp_path: Path) -> None:
    noted = log_of(
        MakeDirectory("d"),
        MakeDirectory("e"),
        MakeDirectory("f"),
        Write("d/a", b"1"),
        Link("d/a", "e/b"),
        Exchange("d", "e"),
        RemoveDirectory("f"),
        MakeDirectory("g"),
    )
    noted.now.materialise(tmp_path)
    assert tree_in(tmp_path).seen() == noted.now.seen()
    assert (tmp_path / "d/b").samefile(tmp_path / "e/a")
    assert noted.now.names() == {"d/b", "e/a", "g"}


def test_two_trees_are_told_apart_by_names_bytes_and_links_or_by_those_below_a_path() -> None:
    start: list[Change] = [MakeDirectory("d"), Write("d/a", b"1"), Write("d/b", b"1")]
    others: list[Change] = [Rename("d/b", "d/c"), Unlink("d/b"), Link("d/a", "d/c"), Write("e", b"")]
    trees = [log_of(*start).now, *(log_of(*start, other).now for other in others)]
    assert len({tree.seen() for tree in trees}) == len(trees)
    assert [tree.seen("d") == trees[0].seen("d") for tree in trees] == [True, False, False, False, True]


@pytest.mark.parametrize("module", [changes, tree, log, turns, replaced], ids=lambda module: module.__name__)
def test_the_core_of_the_bench_knows_nothing_of_this_library(module: ModuleType) -> None:
    assert module.__file__ is not None
    assert "ngff_fn" not in Path(module.__file__).read_text()
