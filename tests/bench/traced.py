"""The changes that any program makes to a local directory: its system calls, as strace tells them.

It does not matter what the program is written in, through which library it writes, or on how many threads. What is
noted is one run: where threads write at a time, the order in which their calls came to an end. Each write into a file
is a change of its own, so a file may be left empty, or as long as it was after any of its writes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from attrs import Factory, define, frozen

from tests.bench.changes import (
    Change,
    Exchange,
    Flush,
    FlushAll,
    Link,
    MakeDirectory,
    Overwrite,
    RemoveDirectory,
    Rename,
    Unlink,
    Write,
)
from tests.bench.log import Log
from tests.bench.tree import tree_in

CALLS = (
    *("open", "openat", "openat2", "creat", "lseek", "truncate", "ftruncate", "fallocate"),
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("fsync", "fdatasync", "syncfs", "symlink", "symlinkat"),
)
"""Whatever else changes a file is found by the comparison at the end, and refused."""


class UntraceableError(Exception):
    """The log does not lead to what is in the directory, or there is no strace here that may be used."""


def is_possible() -> bool:
    """Whether strace is installed, and may trace."""
    return (
        _strace() is not None and not subprocess.run([*_command(), "true"], check=False, capture_output=True).returncode
    )


def traced(command: Sequence[str], folder: Path) -> Log:
    """Run a program, and give what it does to a folder (not to what else there is), which begins as it is now."""
    if _strace() is None:
        raise UntraceableError("there is no strace on this machine. Install it.")
    root = folder.resolve()
    trace = Trace(str(root), Log(tree_in(root)))
    with tempfile.TemporaryDirectory() as beside:
        output = Path(beside) / "trace"
        done = subprocess.run([*_command(), "-o", str(output), *command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise UntraceableError(f"{' '.join(command)}: {done.stderr}")
        with output.open(encoding="ascii") as lines:
            trace.note_all(calls_in(lines))
    if trace.log.now.seen() != tree_in(root).seen():
        raise UntraceableError("the log does not say what was done. Does the program map files into memory?")
    return trace.log


def _strace() -> str | None:
    return shutil.which("strace")


def _command() -> list[str]:
    wanted = ",".join(f"?{name}" for name in CALLS)  # ?: those that this machine does not have are left out
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", str(2**28), "-e", f"trace={wanted}"]


# --- what strace prints


@frozen
class Call:
    """A system call that has succeeded; what it was given and what it gave, as strace prints it."""

    thread: str
    name: str
    given: tuple[str, ...]
    gave: str


_LINE = re.compile(r"^(\d+) +(.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (\d+\S*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def calls_in(lines: Iterator[str]) -> Iterator[Call]:
    """Those that have succeeded, in the order in which they came to an end."""
    unfinished: dict[str, str] = {}
    for line in lines:
        if (found := _LINE.match(line)) is None:
            continue
        thread, text = found.groups()
        if text.endswith("<unfinished ...>"):
            unfinished[thread] = text.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := _RESUMED.match(text):
            text = unfinished.pop(thread) + resumed[1]
        if found := _CALL.match(text):
            yield Call(thread, found[1], tuple(found[2].split(", ")), found[3])


def _text(printed: str) -> bytes:
    """All the text in what is printed, which is one string, or the parts of one."""
    return b"".join(bytes.fromhex(each.replace("\\x", "")) for each in _TEXT.findall(printed))


def _number(printed: str) -> int:
    found = re.match(r"\[?(\d+)", printed)
    assert found is not None, printed
    return int(found[1])


def _place(printed: str) -> str:
    """The path of a descriptor: ``3</a/file>``; empty where what it is of has lost its name."""
    found = re.match(r"^\w+<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?", printed)
    return "" if found is None or found[2] else bytes.fromhex(found[1].replace("\\x", "")).decode()


# --- what it does


@define
class Trace:
    """The changes of one program below a directory, and where it is in each file that it has open."""

    root: str
    log: Log
    _at: dict[int, int] = Factory(dict)
    _appends: set[int] = Factory(set)

    def note_all(self, calls: Iterable[Call]) -> None:
        """A call may be told before that of another thread without which it had failed; then it waits for it."""
        waiting: list[Call] = []
        for call in (*calls, None):
            waiting, threads, now = [], set[str](), [*waiting, *([call] if call else ())]
            for each in now:
                try:
                    if each.thread not in threads:
                        self.note(each)
                        continue
                except KeyError:
                    threads.add(each.thread)
                waiting.append(each)
        if waiting:
            raise UntraceableError(f"this cannot have been done: {waiting[0]}")

    def note(self, call: Call) -> None:
        """A call has just come to an end."""
        kind = _KINDS.get(call.name)
        for change in () if kind is None else kind(self, call):
            self.log.note(change)

    # --- paths

    def inside(self, full: str) -> str | None:
        """The path below the root; None: it is not there."""
        path = str(PurePosixPath(full))
        return path[len(self.root) + 1 :] if path.startswith(f"{self.root}/") else None

    def named(self, *printed: str) -> str | None:
        """By a path, or by a directory and a path."""
        *above, last = printed
        path = _text(last).decode()
        return self.inside(path if path.startswith("/") or not above else f"{_place(above[0])}/{path}")

    def both_named(self, call: Call) -> tuple[str | None, str | None]:
        """Of a call with two paths, or two directories with a path each."""
        given = call.given
        if call.name in ("rename", "link"):
            return self.named(given[0]), self.named(given[1])
        return self.named(*given[:2]), self.named(*given[2:4])

    def content(self, path: str) -> bytes | None:
        """The bytes of the file at a path, if there is one."""
        try:
            return self.log.now.files.get(self.log.now.at(path))
        except KeyError:
            return None

    # --- files

    def opened(self, call: Call) -> Iterator[Change]:
        descriptor, flags = _number(call.gave), " ".join(call.given)
        self._at[descriptor] = 0
        (self._appends.add if "O_APPEND" in flags else self._appends.discard)(descriptor)
        if (path := self.inside(_place(call.gave))) is None:
            return
        content = self.content(path)
        if content is None and ("O_CREAT" in flags or call.name == "creat"):
            yield Write(path, b"")
        elif content and ("O_TRUNC" in flags or call.name == "creat"):
            yield Overwrite(path, b"")

    def sought(self, call: Call) -> Iterator[Change]:
        self._at[_number(call.given[0])] = _number(call.gave)
        return iter(())

    def written(self, call: Call) -> Iterator[Change]:
        """``write`` and its kin: from where the descriptor is, or at a place that is said."""
        count = _number(call.gave)
        data = _text(", ".join(call.given[1:]))[:count]
        said = {"pwrite64": -1, "pwritev": -1, "pwritev2": -2}.get(call.name)
        yield from self._put(call.given[0], data, None if said is None else _number(call.given[said]))

    def copied(self, call: Call) -> Iterator[Change]:
        """``sendfile`` and ``copy_file_range``, from a file to another."""
        if call.name == "sendfile":
            target, source, start, at = call.given[0], call.given[1], call.given[2], "NULL"
        else:
            source, start, target, at = call.given[:4]
        if self.inside(_place(target)) is None:
            return
        count = _number(call.gave)
        place = self._at.get(_number(source), 0) if start == "NULL" else _number(start)
        if start == "NULL":
            self._at[_number(source)] = place + count
        path = self.inside(_place(source))
        content = Path(_place(source)).read_bytes() if path is None else self.content(path)
        assert content is not None, call
        yield from self._put(target, content[place : place + count], None if at == "NULL" else _number(at))

    def _put(self, target: str, data: bytes, at: int | None) -> Iterator[Change]:
        path, descriptor = self.inside(_place(target)), _number(target)
        content = None if path is None else self.content(path)
        if path is None or content is None or not data:
            return
        start = at
        if start is None:
            start = len(content) if descriptor in self._appends else self._at.get(descriptor, 0)
            self._at[descriptor] = start + len(data)
        yield Overwrite(path, content[:start].ljust(start, b"\0") + data + content[start + len(data) :])

    def cut(self, call: Call) -> Iterator[Change]:
        """``truncate`` and ``ftruncate``."""
        path = self.named(call.given[0]) if call.name == "truncate" else self.inside(_place(call.given[0]))
        content, length = None if path is None else self.content(path), _number(call.given[1])
        if path is not None and content is not None and len(content) != length:
            yield Overwrite(path, content[:length].ljust(length, b"\0"))

    def reserved(self, call: Call) -> Iterator[Change]:
        """``fallocate``."""
        path, length = self.inside(_place(call.given[0])), _number(call.given[2]) + _number(call.given[3])
        content = None if path is None else self.content(path)
        if path is not None and content is not None and call.given[1] == "0" and len(content) < length:
            yield Overwrite(path, content.ljust(length, b"\0"))

    def flushed(self, call: Call) -> Iterator[Change]:
        full = _place(call.given[0])
        path = "" if full == self.root else self.inside(full)
        if call.name == "syncfs":
            yield FlushAll()
        elif path is not None:
            yield Flush(path)

    # --- names

    def renamed(self, call: Call) -> Iterator[Change]:
        path, new = self.both_named(call)
        if path is None and new is None:
            return
        assert path is not None, f"something was moved into the directory: {call}"
        assert new is not None, f"something was moved out of the directory: {call}"
        yield Exchange(path, new) if "RENAME_EXCHANGE" in call.given[-1] else Rename(path, new)

    def linked(self, call: Call) -> Iterator[Change]:
        path, new = self.both_named(call)
        if new is not None:
            assert path is not None, f"a file from elsewhere was linked: {call}"
            yield Link(path, new)

    def removed(self, call: Call) -> Iterator[Change]:
        is_at = call.name == "unlinkat"
        path = self.named(*call.given[: 2 if is_at else 1])
        is_directory = call.name == "rmdir" or (is_at and "AT_REMOVEDIR" in call.given[2])
        if path is not None:
            yield RemoveDirectory(path) if is_directory else Unlink(path)

    def made(self, call: Call) -> Iterator[Change]:
        path = self.named(*call.given[: 2 if call.name == "mkdirat" else 1])
        if path is not None:
            yield MakeDirectory(path)


_KINDS: dict[str, Callable[[Trace, Call], Iterator[Change]]] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), Trace.opened),
    "lseek": Trace.sought,
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2"), Trace.written),
    **dict.fromkeys(("sendfile", "copy_file_range"), Trace.copied),
    **dict.fromkeys(("truncate", "ftruncate"), Trace.cut),
    "fallocate": Trace.reserved,
    **dict.fromkeys(("fsync", "fdatasync", "syncfs"), Trace.flushed),
    **dict.fromkeys(("rename", "renameat", "renameat2"), Trace.renamed),
    **dict.fromkeys(("link", "linkat"), Trace.linked),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), Trace.removed),
    **dict.fromkeys(("mkdir", "mkdirat"), Trace.made),
}
