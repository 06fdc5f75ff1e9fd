"""A task may run twice, at the same time or after it was killed, and where it does not see what it is about."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from ngff_fn import errors
from ngff_fn.effects.commits.transaction import recover
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.pixels.running import run_elsewhere
from ngff_fn.effects.pixels.stored import StoredArrays
from ngff_fn.effects.pixels.tasks import CopyUnit, Target, WriteUnit
from ngff_fn.effects.record import STAGE
from ngff_fn.errors import NgffError, Problem, StoreError
from ngff_fn.records.pixels import downsample, given
from ngff_fn.records.snapshot import Version
from tests.arrays_in_stores import Home, counted, spec
from tests.staging import stage

# --- twice ------------------------------------------------------------------------------------------------------------


def target_in(home: Home, path: str, shards: tuple[int, ...] | None = None) -> Target:
    """An array of which the last unit is cut short by its end."""
    array = spec((6,), (2,), shards=shards)
    home.create(path, array)
    return Target(files=home.files.for_tasks("aside"), path=path, version=home.version, array=array)


@pytest.mark.parametrize("left", [b"", b"half of what it", bytes(500)])
@pytest.mark.parametrize(("version", "shards"), [("0.4", None), ("0.5", None), ("0.5", (4,))])
def test_what_a_killed_task_has_left_is_replaced_unread(
    tmp_path: Path, version: Version, shards: tuple[int, ...] | None, left: bytes
) -> None:
    home = Home(tmp_path, version)
    target = target_in(home, "0", shards)
    last = 2 if shards is None else 1
    home.files.write(target.key((last,)), left)
    WriteUnit(target=target, index=(last,), part=given(counted((2,)))).run(StoredArrays(target.files))
    assert home.values("0").tolist() == [0, 0, 0, 0, 1, 2]


@pytest.mark.parametrize("link", [False, True])
def test_half_of_a_copy_is_replaced(tmp_path: Path, link: bool) -> None:
    home = Home(tmp_path)
    target, other = target_in(home, "0"), target_in(home, "1")
    home.files.write(other.key((0,)), b"copy")
    for left in (b"co", b"copy"):
        home.files.remove(target.key((0,)))
        home.files.write(target.key((0,)), left)
        copy = CopyUnit(
            target=target,
            index=(0,),
            source=home.files,
            source_key=other.key((0,)),
            source_region=((0, 4),),
            link=link,
        )
        for _ in range(2):
            copy.run(StoredArrays())
            assert home.chunks("0") == {"c/0": b"copy"}
    assert home.files.names("aside") == []
    assert home.chunks("1") == {"c/0": b"copy"}


@pytest.mark.parametrize("kind", ["write", "link", "copy"])
def test_what_is_written_once_stays_whole_whoever_writes_it_again(tmp_path: Path, kind: str) -> None:
    data = os.urandom(2**20)
    files, source = LocalFiles(str(tmp_path)).for_tasks("aside"), LocalFiles(str(tmp_path))
    source.write("source", data)
    makes: dict[str, Callable[[], None]] = {
        "write": lambda: files.write("a/b", data),
        "link": lambda: files.copy(source, "source", "a/b", link=True),
        "copy": lambda: files.copy(source, "source", "a/b", link=False),
    }
    makes[kind]()
    ended = threading.Event()

    def again() -> None:
        while not ended.is_set():
            makes[kind]()

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(again) for _ in range(2)]
        try:
            seen = {source.read("a/b") == data for _ in range(200)}
        finally:
            ended.set()
        for writer in writers:
            writer.result()
    assert seen == {True}
    assert source.names("a") == [("b", False)]


def test_what_is_staged_for_tasks_and_killed_there_is_not_part_of_the_array(tmp_path: Path) -> None:
    """The second run is killed between making the file and giving it its name."""

    class Killed(LocalFiles):
        def change(self, operation: Callable[..., object], *arguments: object) -> object:  # type: ignore[override]
            if operation is os.rename:
                raise KeyboardInterrupt
            return super().change(operation, *arguments)

    files = Killed(str(tmp_path)).for_tasks("aside")
    files.write("0/c/0", b"once")
    with pytest.raises(KeyboardInterrupt):
        files.write("0/c/0", b"twice")
    assert files.names("0/c") == [("0", False)]
    assert files.read("0/c/0") == b"once"


def test_what_the_dead_have_left_is_cleaned_away_while_their_worker_still_writes(tmp_path: Path) -> None:
    files, ended = LocalFiles(str(tmp_path)), threading.Event()

    def work() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            with contextlib.suppress(StoreError):  # a directory was removed that it had made just now
                files.write(f"{STAGE}/dead/0/c/{number % 5}/{number}", b"")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(100):
            recover(files, durable=False)
    finally:
        ended.set()
        worker.join()
    recover(files, durable=False)
    assert files.names("") == []


# --- elsewhere --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def far_away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """Workers that find other files under the same name, as on a machine with disks of its own."""
    spawn, folder = multiprocessing.get_context("spawn"), tmp_path_factory.mktemp("elsewhere")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=os.chdir, initargs=(folder,)) as pool:
        yield pool


class Here(LocalFiles):
    """The directory in which a process works."""

    def __init__(self, _root: str = "", **options: bool) -> None:
        super().__init__(os.curdir, **{**options, "resolved": True})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path)
    monkeypatch.chdir(tmp_path)
    home.files = Here()
    return home


def test_a_worker_that_does_not_see_the_store_is_refused(here: Home, far_away: Executor) -> None:
    with pytest.raises(StoreError, match=r"0: a worker of the executor does not see it\. Take workers"):
        stage(here, "0", spec((4,), (2,)), given(counted((4,))), executor=far_away)


def test_a_worker_that_does_not_see_what_is_read_is_refused(tmp_path: Path, far_away: Executor) -> None:
    """What it does not find would be fill value."""
    home, array = Home(tmp_path / "target"), spec((2,), (2,))
    base = Home(tmp_path / "source").create("base", spec((4,), (2,)), counted((4,)))
    pixels = downsample(base, (2,), "max", (2,))
    stage(home, "0", array, pixels, executor=far_away)  # sees both
    assert home.values("0").tolist() == [2, 4]
    (tmp_path / "source").rename(tmp_path / "hidden")  # as from the worker's side
    target = Target(files=home.files, path="0", version="0.5", array=array)
    with pytest.raises(StoreError, match=r"source/base: a worker of the executor does not see it"):
        far_away.submit(run_elsewhere, WriteUnit(target=target, index=(0,), part=pixels)).result()


def test_copying_stays_in_the_process_that_commits(tmp_path: Path) -> None:
    """A link takes less time than telling another process to make it."""

    class Elsewhere(Executor):
        def submit(self, *_: object, **__: object) -> Future[object]:  # type: ignore[override]
            raise AssertionError

    home, array = Home(tmp_path), spec((4,), (2,))
    base = home.create("base", array, counted((4,)))
    stage(home, "0", array, base, executor=Elsewhere())
    assert home.chunks("0") == home.chunks("base") != {}


ALL_ERRORS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NgffError)
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL_ERRORS)
@pytest.mark.parametrize("count", range(1, 7))
def test_a_refusal_comes_back_from_another_process_as_it_was(kind: type[NgffError], count: int) -> None:
    problems = [Problem(f"levels[{number}]", "is wrong.", rule="some.rule") for number in range(count)]
    error = pickle.loads(pickle.dumps(kind(*problems)))  # noqa: S301 — our own
    assert type(error) is kind
    assert error.problems == tuple(problems)
    assert str(error) == "\n".join(map(str, problems))
