"""Several documents of an object store change as one, whoever dies or is slow, in any order of requests."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from ngff_fn.effects.objects.fenced import FENCED, Change, Fences, fence, fenced_by, new_record, split
from ngff_fn.effects.objects.fences import FencedDocuments
from ngff_fn.effects.objects.leases import Watch
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.errors import StoreError
from tests.objects import IDENTITY, Death, Dying, InTurns, Turns, Unsure, contents, copied, keys_of

KEYS = ("a/zarr.json", "b/zarr.json", "c/zarr.json")


def a_store(value: int = 0) -> MemoryStore:
    store = MemoryStore()
    for key in KEYS:
        obstore.put(store, key, str(value).encode())
    return store


def documents(objects: Objects, way: type[FencedDocuments] = FencedDocuments) -> FencedDocuments:
    objects.at_once = 1
    return way(objects, "")


def as_another(store: MemoryStore) -> FencedDocuments:
    return documents(Objects(store, IDENTITY))


def values(docs: FencedDocuments) -> set[bytes | None]:
    return {docs.read(key)[0] for key in KEYS}


def end_fences(docs: FencedDocuments) -> None:
    """What the next writer of these documents does about the fences that it meets, when they have grown old."""
    for key in KEYS:
        found = docs.objects.get(key)
        if found is not None and (name := fenced_by(found.data)) is not None:
            docs.settle(name, Watch(), -1)


def settle(docs: FencedDocuments) -> None:
    """All that others have left is ended."""
    end_fences(docs)
    docs.sweep(old=-1e9)


def increment(docs: FencedDocuments) -> bool:
    """All documents count one further, if nobody else has counted meanwhile; whether they did."""
    end_fences(docs)
    found = {key: docs.objects.get(key) for key in KEYS}
    texts = {key: split(each.data) for key, each in found.items() if each is not None}
    if len(set(texts.values())) > 1 or any(
        each is None or ((name := fenced_by(each.data)) and not docs.is_gone(name)) for each in found.values()
    ):
        return False
    changes = [Change(key=key, before=text, text=str(int(text) + 1).encode()) for key, text in texts.items()]
    return docs.commit(new_record(changes), {key: each.tag for key, each in found.items() if each is not None})


def test_a_fence_is_white_space_that_names_its_record() -> None:
    name = "0123456789abcdef0123456789abcdef"
    fenced = fence(b'{"a": 1}', name)
    assert fenced_by(fenced) == name
    assert split(fenced) == b'{"a": 1}'
    assert fenced.strip() == b'{"a": 1}'
    assert fenced_by(b'{"a": 1}\n') is None


def test_all_documents_become_others_and_nothing_is_left() -> None:
    store = a_store()
    assert increment(as_another(store))
    assert contents(store) == dict.fromkeys(KEYS, b"1")


def test_it_takes_two_requests_a_document_and_three() -> None:
    requests: list[Any] = []

    class Watched(Objects):
        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            requests.append(arguments[1])
            return super().change(operation, *arguments, **said)

    assert increment(documents(Watched(a_store(), IDENTITY)))
    assert len(requests) == 2 * len(KEYS) + 3


@pytest.mark.parametrize("changes", range(10))
def test_a_writer_who_dies_at_any_point_leaves_before_or_after(changes: int) -> None:
    store = a_store()
    died = False
    try:
        increment(documents(Dying(store, changes)))
    except Death:
        died = True
    assert died == (changes < 9)
    seen = values(as_another(store))
    assert seen in ({b"0"}, {b"1"})
    assert seen == ({b"1"} if changes > 4 else {b"0"})
    everyone = {split(text) for key, text in contents(store).items() if key in KEYS}
    assert everyone <= {b"0", b"1"}  # whole documents, for whoever knows nothing of fences
    assert increment(as_another(store))
    assert {contents(store)[key] for key in KEYS} == ({b"2"} if seen == {b"1"} else {b"1"})


@pytest.mark.parametrize("first", range(9))
def test_whoever_dies_while_ending_what_another_left_leaves_the_same(first: int) -> None:
    store = a_store()
    with pytest.raises(Death):
        increment(documents(Dying(store, first)))
    seen = values(as_another(store))
    for second in range(12):
        again = copied(store)
        try:
            settle(documents(Dying(again, second)))
        except Death:
            assert values(as_another(again)) == seen
        else:
            assert values(as_another(again)) == seen
            break
        settle(as_another(again))
        assert values(as_another(again)) == seen
        assert [key for key in keys_of(again) if key.startswith(FENCED)] == []
    else:
        pytest.fail("it never comes to an end")


def test_a_young_commit_of_another_is_not_ended() -> None:
    store = a_store()
    with pytest.raises(Death):
        increment(documents(Dying(store, 2)))
    name = fenced_by(contents(store)[KEYS[0]])
    assert name is not None
    assert not as_another(store).settle(name, Watch(), 10)
    assert as_another(store).settle(name, Watch(), -1)


def test_a_record_that_is_none_is_refused_with_what_moving_it_away_means() -> None:
    store = a_store()
    docs = as_another(store)
    name = "0123456789abcdef0123456789abcdef"
    obstore.put(store, "a/zarr.json", fence(b"0", name))
    obstore.put(store, f"{FENCED}/{name}.json", b"{")
    with pytest.raises(StoreError, match=r"cannot be understood.*the commit may be half applied then"):
        docs.read("a/zarr.json")


def test_a_writer_who_was_taken_for_dead_does_not_commit() -> None:
    store = a_store()

    class Interrupted(Objects):
        """Another writer ends its commit just before the moment."""

        def change(self, operation: Any, *arguments: Any, **said: Any) -> Any:
            if len(arguments) > 2 and b'"state": "commit"' in arguments[2]:
                settle(as_another(store))
                assert increment(as_another(store))
            return super().change(operation, *arguments, **said)

    assert not increment(documents(Interrupted(store, IDENTITY)))
    assert contents(store) == dict.fromkeys(KEYS, b"1")


def test_a_fence_that_comes_after_its_record_has_gone_is_of_no_consequence() -> None:
    store = a_store()
    obstore.put(store, KEYS[1], fence(b"0", "f" * 32))
    assert values(as_another(store)) == {b"0"}
    assert increment(as_another(store))
    assert contents(store) == dict.fromkeys(KEYS, b"1")


@pytest.mark.parametrize("seed", range(40))
def test_lost_answers_lose_and_double_nothing(seed: int) -> None:
    store, chance = a_store(), Random(seed)
    done = unsure = 0
    for _ in range(5):
        try:
            done += increment(documents(Unsure(store, chance)))
        except StoreError:
            unsure += 1
        settle(as_another(store))
    (value,) = values(as_another(store))
    assert value is not None
    assert done <= int(value) <= done + unsure


def counted_in_turns(
    seed: int, writers: int, each: int, kind: type[InTurns] = InTurns, way: type[FencedDocuments] = FencedDocuments
) -> tuple[MemoryStore, int, list[set[bytes | None]]]:
    """Writers that count and a reader, one request at a time in an order drawn by chance."""
    store, turns = a_store(), Turns(seed)
    done, seen, failures = [0] * writers, [], []

    def write(who: int) -> None:
        try:
            for _ in range(each):
                done[who] += increment(documents(kind(store, turns, who), way))
        except Exception as error:  # noqa: BLE001 — of a thread, for the test to raise
            failures.append(error)
        finally:
            turns.leave()

    def read() -> None:
        docs = documents(InTurns(store, turns, writers))
        try:
            for _ in range(3 * each):
                first = {key: docs.read(key) for key in KEYS}
                if {key: docs.read(key) for key in KEYS} == first:  # as a reader asks again
                    seen.append({text for text, _ in first.values()})
        finally:
            turns.leave()

    threads = [threading.Thread(target=write, args=(who,)) for who in range(writers)]
    threads.append(threading.Thread(target=read))
    turns.join(len(threads))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return store, sum(done), seen


@pytest.mark.parametrize("block", range(8))
def test_in_any_order_of_requests_nothing_is_lost_doubled_or_torn(block: int) -> None:
    counted = 0
    for seed in range(50 * block, 50 * block + 50):
        store, done, seen = counted_in_turns(seed, writers=3, each=2)
        settle(as_another(store))
        assert values(as_another(store)) == {str(done).encode()}
        assert all(len(texts) == 1 for texts in seen)
        counted += done
    assert counted > 50


class Careless(InTurns):
    """Planted: no compare."""

    def put_if(self, key: str, data: bytes, before: str | None, mark: str = "") -> str:
        del before, mark
        self.put(key, data)
        return self.tag(key) or ""


class Unfenced(FencedDocuments):
    """Planted: no fences; the documents are replaced one after the other."""

    def commit(self, record: Fences, tags: Any) -> bool:
        return all(self.objects.put_if(each.key, each.text, tags[each.key]) is not None for each in record.changes)


class RolledBack(FencedDocuments):
    """Planted: a record that says ``commit`` is undone by whoever meets it."""

    def abort(self, name: str) -> bool:
        found = self._record(name)
        if found is not None:
            self._replace(found[0], lambda change: change.fenced, mark="")
        return False


class RolledForward(FencedDocuments):
    """Planted: a record that says ``prepare`` is carried out by whoever meets it."""

    def abort(self, name: str) -> bool:
        found = self._record(name)
        if found is not None:
            self.carry_out(found[0])
        return False


@pytest.mark.parametrize(
    ("kind", "way"),
    [(Careless, FencedDocuments), (InTurns, Unfenced), (InTurns, RolledBack), (InTurns, RolledForward)],
    ids=["no compare", "no fences", "rolled back", "rolled forward"],
)
def test_planted_faults_are_found(kind: type[InTurns], way: type[FencedDocuments]) -> None:
    def goes_wrong(seed: int) -> bool:
        store, done, seen = counted_in_turns(seed, writers=3, each=2, kind=kind, way=way)
        settle(as_another(store))
        return values(as_another(store)) != {str(done).encode()} or any(len(texts) > 1 for texts in seen)

    assert any(map(goes_wrong, range(600)))
