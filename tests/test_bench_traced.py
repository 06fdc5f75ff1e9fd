"""What any program does to a directory, by its system calls: the bench follows it, whoever it is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.commits import named, seen_in
from tests.bench.log import Log
from tests.bench.stores import STORE
from tests.bench.traced import Trace, UntraceableError, calls_in, is_possible, traced
from tests.bench.tree import Tree, tree_in
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.skipif(not is_possible(), reason="strace is not there, or may not trace here")

PLAIN = """
import os, shutil, signal, sys
from pathlib import Path
folder, dies_at = Path(sys.argv[1]), int(sys.argv[2])
def steps():
    yield (folder / "a b").mkdir()
    file = open(folder / "a b" / "x", "wb", buffering=0)
    yield file
    yield file.write(b'one, "two"')
    yield file.write(b", three")
    yield file.seek(1)
    yield file.write(b"N")
    yield file.truncate(3)
    yield os.link(folder / "a b" / "x", folder / "y")
    yield os.pwrite(file.fileno(), b"!", 4)
    yield open(folder / "y", "ab", buffering=0).write(b"end")
    yield shutil.copyfile(folder / "y", folder / "z")
    yield os.rename(folder / "a b", folder / "c")
    yield os.rename(folder / "z", folder / "y")
    yield open(folder / "y", "wb").close()
    there = os.open(folder / "c", os.O_RDONLY)
    yield os.close(os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=there))
    yield os.unlink("new", dir_fd=there)
    yield os.symlink("elsewhere", folder.parent / "beside")
    yield shutil.rmtree(folder / "c")
for number, _ in enumerate(steps()):
    if number == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
"""
STEPS = 18


def traced_code(code: str, folder: Path, *said: str) -> Log:
    return traced([sys.executable, "-c", code, str(folder), *said], folder)


def new_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_the_states_are_those_that_a_program_leaves_which_is_really_killed(tmp_path: Path) -> None:
    states = {tree.seen() for tree in traced_code(PLAIN, new_folder(tmp_path / "traced/it"), "-1").states()}
    left = []
    for number in range(STEPS):
        folder = new_folder(tmp_path / str(number) / "it")
        done = subprocess.run([sys.executable, "-c", PLAIN, str(folder), str(number)], check=False)
        assert done.returncode == -signal.SIGKILL
        left.append(tree_in(folder).seen())
    assert set(left) <= states
    assert len(set(left)) > STEPS - 4  # a seek and a link beside it change nothing; what was removed is as before


def test_each_write_into_a_file_is_a_point_of_its_own(tmp_path: Path) -> None:
    code = "import sys; file = open(sys.argv[1] + '/a', 'wb', 0); file.write(b'one'); file.write(b'two')"
    log = traced_code(code, tmp_path)
    contents = [tree.contents() for tree in log.states()]
    assert [each for number, each in enumerate(contents) if each not in contents[:number]] == [
        {},
        {"a": b""},
        {"a": b"one"},
        {"a": b"onetwo"},
    ]


def test_threads_that_make_the_same_directories_are_followed(tmp_path: Path) -> None:
    code = """
import sys, threading
from pathlib import Path
def write(number):
    for turn in range(10):
        place = Path(sys.argv[1]) / str(turn) / "same" / "place"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.draft").write_bytes(b"data")
        (place / f"{number}.draft").rename(place / str(number))
threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""
    log = traced_code(code, tmp_path)
    assert len(log.now.contents()) == 80
    assert set(log.now.contents().values()) == {b"data"}


def test_a_call_waits_for_that_of_another_thread_without_which_it_had_failed(tmp_path: Path) -> None:
    def hexed(path: Path) -> str:
        return "".join(f"\\x{byte:02x}" for byte in bytes(path))

    lines = [
        f'1 mkdir("{hexed(tmp_path / "a")}", 0777 <unfinished ...>',
        f'2 mkdir("{hexed(tmp_path / "a" / "b")}", 0777) = 0',
        f'2 mkdir("{hexed(tmp_path / "c")}", 0777) = 0',
        "1 <... mkdir resumed>) = 0",
    ]
    trace = Trace(str(tmp_path), Log(Tree()))
    trace.note_all(calls_in(iter(lines)))
    assert [change.path for change in trace.log.changes if hasattr(change, "path")] == ["a", "a/b", "c"]


def test_what_is_written_through_a_map_of_memory_is_refused(tmp_path: Path) -> None:
    code = (
        "import mmap, sys; file = open(sys.argv[1] + '/a', 'w+b'); file.truncate(4); mmap.mmap(file.fileno(), 4)[0] = 7"
    )
    with pytest.raises(UntraceableError, match="the log does not say what was done"):
        traced_code(code, tmp_path)


def test_a_program_that_fails_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(UntraceableError, match="ZeroDivisionError"):
        traced_code("1 / 0", tmp_path)


COMMIT = """
import sys
from pathlib import Path
from tests.bench.commits import named
named(sys.argv[2], sys.argv[3]).act(Path(sys.argv[4]))(Path(sys.argv[1]) / "image.zarr")
"""


@pytest.mark.parametrize(("name", "version"), [("set_scale", "0.5"), ("add_channel", "0.4"), ("replace", "0.5")])
def test_between_any_two_system_calls_a_commit_is_before_or_after(
    name: str, version: str, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    before = named(name, version).prepare(quick_path).resolve()  # type: ignore[arg-type]
    log = traced_code(COMMIT, before, name, version, str(new_folder(quick_path / "more")))
    states = {tree.seen(): tree for tree in log.states()}
    found = []
    for number, tree in enumerate(states.values()):
        folder = new_folder(quick_path / str(number))
        tree.materialise(folder)
        found.append(seen_in(folder / STORE))
    assert set(found) == {found[0], found[-1]}
    assert found[0] != found[-1]
