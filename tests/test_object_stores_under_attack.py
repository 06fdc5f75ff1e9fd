"""Object stores where others interfere: lost answers, dead and suspended writers, groups made meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5
from typing import Any, TypeVar

import numpy as np
import obstore
import pytest
from attrs import evolve
from obstore.store import MemoryStore
from zarr.storage import ObjectStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.commits import conditional
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.objects import Found, Objects
from ngff_fn.effects.stores import Address
from ngff_fn.records.snapshot import VERSIONS, Version
from tests.objects import IDENTITY, Death, Dying, Unquoted, contents, copied, door, keys_of

T = TypeVar("T")

PIXELS = np.arange(2 * 16 * 16, dtype="uint16").reshape(2, 16, 16)


def an_image() -> nf.Image:
    return nf.image_from(PIXELS, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))


def a_plate() -> nf.Plate:
    return nf.plate_from_positions({f"A/{column}/0": an_image() for column in (1, 2, 3)})


def as_another(store: MemoryStore) -> Any:
    return door(Objects(store, IDENTITY))


def counts(store: MemoryStore) -> list[int]:
    root: Any = nf.open_ome_zarr(as_another(store)).root
    images = (
        [root]
        if isinstance(root, nf.Image)
        else [image for _, image in nf.positions(root) if isinstance(image, nf.Image)]
    )
    return [int(image.extra.get("attributes", {}).get("count", 0)) for image in images]


def counted(image: nf.Image) -> nf.Image:
    return nf.set_extra(image, "count", int(image.extra.get("attributes", {}).get("count", 0)) + 1)


class SentTwice(Objects):
    """The answer to one write is lost, others come in between, and the request that is sent again is refused."""

    def __init__(self, store: MemoryStore, when: Callable[[str, bytes], bool]) -> None:
        super().__init__(store, IDENTITY)
        self.when = when
        self.between: Callable[[], object] = lambda: None
        self.done = False

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        result = super().change(operation, *arguments, **said)
        if not self.done and len(arguments) > 2 and self.when(arguments[1], arguments[2]):
            self.done = True
            self.between()
            error: Exception = self._errors.PreconditionError("412")
            raise error
        return result


@pytest.mark.parametrize(
    "others",
    [c.set_extra("note", "x"), c.set_scale(y=0.5), c.set_extra("note", "x" * 2**20)],
    ids=["small", "scale", "large"],
)
def test_an_own_write_that_others_have_built_on_is_not_done_again(others: Any) -> None:
    store = MemoryStore()
    nf.create(as_another(store), an_image(), version="0.5")
    unlucky = SentTwice(store, lambda key, _: key == "zarr.json")
    unlucky.between = lambda: [nf.update(as_another(store), others, c.set_extra("turn", turn)) for turn in range(3)]
    nf.update(door(unlucky), counted)
    assert unlucky.done
    assert counts(store) == [1]


@pytest.mark.parametrize("several", [False, True], ids=["one document", "several"])
def test_a_commit_that_others_carried_out_and_built_on_is_not_done_again(several: bool) -> None:
    store = MemoryStore()
    nf.create(as_another(store), a_plate(), version="0.5")
    unlucky = SentTwice(store, lambda key, text: "fenced" in key and b'"state": "commit"' in text)
    edit = c.each_image(c.set_extra("note", "x"))
    unlucky.between = lambda: nf.update(as_another(store), edit) if several else None
    nf.update(door(unlucky), c.each_image(counted))
    assert unlucky.done
    assert counts(store) == [1, 1, 1]


def test_a_document_that_is_what_it_was_again_is_not_taken_for_unchanged() -> None:
    class Digests(Objects):
        """Tags are digests of what is there, as those of S3 are."""

        def get(self, key: str) -> Found | None:
            found = super().get(key)
            return None if found is None else evolve(found, tag=md5(found.data).hexdigest())  # noqa: S324 — as they do

    store = MemoryStore()
    nf.create(as_another(store), an_image(), version="0.5")
    nf.update(as_another(store), c.set_extra("note", "a"))
    files = door(Digests(store, IDENTITY)).files
    before = files.get("zarr.json")
    for note in ("b", "a"):
        nf.update(as_another(store), c.set_extra("note", note))
    after = files.get("zarr.json")
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_two_who_create_at_the_same_time_do_not_overwrite_each_other() -> None:
    store = MemoryStore()
    other = nf.image_from(PIXELS + 1, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(1, 8, 8))

    class Slow(Objects):
        """Another creates the whole store between the look whether something is there and the claim."""

        def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
            if arguments[1].endswith("creating") and not keys_of(store):
                nf.create(as_another(store), other, version="0.5")
            return super().change(operation, *arguments, **said)

    with pytest.raises(nf.StoreExistsError, match="another writer created it"):
        nf.create(door(Slow(store, IDENTITY)), an_image(), version="0.5")
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), PIXELS + 1)
    assert [key for key in keys_of(store) if "ngff_fn" in key] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_single_writer_moves_what_a_dead_one_has_committed(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "OLD", 0.01)
    for changes in range(20):
        store = MemoryStore()
        nf.create(as_another(store), a_plate(), version=version)
        try:
            nf.update(door(Dying(store, changes)), c.each_image(counted))
        except Death:
            pass
        else:
            break
        before = counts(store)
        nf.update(as_another(store), c.rename_well("A/2", "B/5"), single_writer=True)
        assert counts(store) == before
        assert [key for key in keys_of(store) if "ngff_fn" in key] == []
    else:
        pytest.fail("it never comes to an end")


def test_two_threads_that_try_the_store_at_the_same_time_come_to_one_answer() -> None:
    other_is_done = threading.Event()

    class Late(Unquoted):
        """Waits in the middle of trying until the other thread is done, if that can be done before."""

        def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
            if arguments[2:] == (b"3",) and threading.current_thread() is late:
                other_is_done.wait(0.3)
            return super().change(operation, *arguments, **said)

    store = MemoryStore()
    nf.create(as_another(store), an_image(), version="0.5")
    objects = Late(store, IDENTITY)
    late = threading.Thread(target=objects.require_conditions, args=("probe",))
    late.start()
    objects.require_conditions("probe")
    other_is_done.set()
    late.join()
    nf.update(door(objects), counted, timeout=1)
    assert counts(store) == [1]


def test_an_object_that_is_only_half_a_megabyte_of_white_space_is_no_fence() -> None:
    store = MemoryStore()
    nf.create(as_another(store), an_image(), version="0.5")
    text = contents(store)["zarr.json"] + b"\n" + b" \t" * 2**18 + b"\n"
    obstore.put(store, "zarr.json", text)
    nf.update(as_another(store), counted)
    assert counts(store) == [1]


class Suspended(Objects):
    """A process that stands still before one of its writes, while others do what they do."""

    def __init__(self, store: MemoryStore, changes: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(store, IDENTITY)
        self.left, self.meanwhile = changes, meanwhile
        self.at_once = 1
        self._quoted = True

    def change(self, operation: Callable[..., T], *arguments: Any, **said: Any) -> T:
        self.left -= 1
        if self.left == -1:
            self.meanwhile()
        return super().change(operation, *arguments, **said)


@pytest.mark.parametrize("killed_after", range(0, 10, 2))
def test_a_writer_who_is_suspended_at_any_point_while_another_dies_loses_and_doubles_nothing(
    killed_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional, "OLD", 0.001)
    first = MemoryStore()
    nf.create(as_another(first), a_plate(), version="0.4")
    for changes in range(40):
        store = copied(first)
        acknowledged: list[int] = []

        def meanwhile(store: MemoryStore = store, acknowledged: list[int] = acknowledged) -> None:
            with suppress(Death):
                nf.update(door(Dying(store, killed_after)), c.each_image(counted))
                acknowledged.append(1)

        suspended = Suspended(store, changes, meanwhile)
        nf.update(door(suspended), c.each_image(counted))
        (count,) = set(counts(store))
        assert 1 + len(acknowledged) <= count <= 2
        if suspended.left >= 0:
            break
    else:
        pytest.fail("it never comes to an end")


def test_a_store_that_is_read_only_is_not_even_tidied_up() -> None:
    store = MemoryStore()
    nf.create(as_another(store), a_plate(), version="0.5")
    with suppress(Death):
        nf.update(door(Dying(store, 5)), c.each_image(counted))
    left = contents(store)
    assert any("fenced" in key for key in left)
    with pytest.raises(nf.StoreError, match="read-only"):
        nf.update(ObjectStore(store, read_only=True), c.each_image(counted), single_writer=True)
    assert contents(store) == left


@pytest.mark.parametrize("changes", range(12))
def test_a_group_that_is_made_above_a_store_hides_no_commit(changes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "OLD", 0.001)
    store = MemoryStore()

    def inner(objects: Objects) -> Address:
        objects.at_once = 1
        return Address(files=ObjectFiles(objects, "x/a.zarr"), path="")

    def outer() -> Address:
        return Address(files=ObjectFiles(Objects(store, IDENTITY), "x"), path="a.zarr")

    def seen(address: Address) -> set[int]:
        root: Any = nf.open_ome_zarr(address).root
        images: Any = [image for _, image in nf.positions(root)]
        return {int(image.extra.get("attributes", {}).get("count", 0)) for image in images}

    nf.create(inner(Objects(store, IDENTITY)), a_plate(), version="0.5")
    with suppress(Death):
        nf.update(inner(Dying(store, changes)), c.each_image(counted))
    before = seen(inner(Objects(store, IDENTITY)))
    obstore.put(store, "x/zarr.json", b'{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    assert seen(outer()) == before
    nf.update(outer(), c.each_image(counted))
    assert seen(outer()) == seen(inner(Objects(store, IDENTITY))) == {before.pop() + 1}
