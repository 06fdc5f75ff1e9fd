"""A zip archive as it will be: what is written lies in a directory of the writer's own, over the archive as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.names import Folder, Names
from ngff_fn.effects.record import DRAFT, WORKSHOP
from ngff_fn.effects.stores import Files
from ngff_fn.effects.zips.archive import Archive, Member
from ngff_fn.effects.zips.files import ZipFiles
from ngff_fn.effects.zips.writing import Source
from ngff_fn.errors import Problem, StoreExistsError
from ngff_fn.records.paths import joined


class Overlay:
    """Files that nobody else sees: members of archives, under the names that they will have, and new files.

    Parameters
    ----------
    archive
        What lies below; it is read as it is when ``take_up`` is called, until that is called again.
    written
        Where what is written lies, under its name: a directory that is empty at first.
    """

    read_only = False
    at_once = 1

    def __init__(self, archive: ZipFiles, written: LocalFiles) -> None:
        self.identity = archive.identity
        self.written = written
        self._under = archive
        self._held: set[str] = set()
        self.base: Archive | None = None
        self._members: Names[Member] = Names()

    def take_up(self, *keep: str) -> bool:
        """Lie over the archive as it is now; of what was changed only ``keep`` remains. False where it is the same."""
        base = self._under.archive
        if base is self.base:
            return False
        kept = [(path, found) for path in keep if (found := self._members.at(path)) is not None]
        for name, _ in self.written.names(""):
            if name != WORKSHOP:
                self.written.remove(name)
        self._members = Names() if base is None else base.members.copy()
        for path, found in kept:
            self._members.put(path, found)
        self.base = base
        return True

    def content(self, path: str = "") -> dict[str, Source]:
        """All files below a path, by their names there, but for those of commits under way."""
        found: dict[str, Source] = dict(_leaves(self._members.at(path)))
        for name in _files(self.written, path, ""):
            found[name] = joined(self.written.identity, path, name)
        return {name: source for name, source in found.items() if name.partition("/")[0] not in (WORKSHOP, DRAFT)}

    def alone(self) -> Overlay:
        """This."""
        return self

    def for_tasks(self, aside: str) -> LocalFiles:
        """What is written, as files: tasks find there what they are told, and nothing of the archive."""
        return self.written.for_tasks(aside)

    def beside(self) -> tuple[LocalFiles, str, str]:
        """As the archive's."""
        return self._under.beside()

    def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """The bytes of a file, or a part of them; None where there is no file."""
        data = self.written.read(key, start, stop)
        member = self._members.leaf(key) if data is None else None
        return data if member is None else member.read(start, stop)

    def get(self, key: str) -> tuple[bytes | None, object | None]:
        """The bytes of a file and the signature that it had then."""
        data, signature = self.written.get(key)
        member = self._members.leaf(key) if data is None else None
        return (data, signature) if member is None else (member.read(), member.signature)

    def signature(self, key: str) -> object | None:
        """That of the file, or of the member; None where there is none."""
        signature = self.written.signature(key)
        if signature is not None:
            return signature
        found = self._members.at(key)
        if isinstance(found, Member):
            return found.signature
        return None if found is None else (self.identity, "folder")

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory."""
        return self.signature(path) is not None

    def is_free(self, path: str) -> bool:
        """Whether there is nothing at all."""
        return not self.exists(path)

    def has_links(self, path: str) -> bool:  # noqa: ARG002 — an archive with links is refused
        """Whether there are links at or below a path."""
        return False

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The entries of a directory, each with whether it is one."""
        return list(dict(chain(self._members.names(path), self.written.names(path))).items())

    def write(self, key: str, data: bytes) -> None:
        """A new file, with the directories above it."""
        self.written.write(key, data)
        self._members.take(key)

    def make_directory(self, path: str) -> None:
        """A directory, with those above it; it may be there."""
        self.written.make_directory(path)

    def move(self, source: str, target: str) -> None:
        """A file or all below a path gets another name; a file replaces a file."""
        if self.names(target):
            message = "something is in the way that is not part of the plan. Move it."
            raise StoreExistsError(Problem(joined(self.identity, target), message))
        found = self._members.take(source)
        self._members.take(target)
        if found is None or self.written.exists(source):
            self.written.move(source, target)
        else:
            self.written.remove(target)
        if found is not None:
            self._members.put(target, found)

    def exchange(self, left: str, right: str, *, one_step: bool = False) -> None:  # noqa: ARG002 — nobody looks
        """What is below two paths changes places."""
        aside = f"{left}.aside"
        self.move(right, aside)
        self.move(left, right)
        self.move(aside, left)

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:
        """A file with the bytes of another: a member is only named, and goes over as it lies in its archive."""
        origin, member = source, None
        if isinstance(source, Overlay):
            origin = source.written
            member = None if origin.exists(source_key) else source._members.leaf(source_key)  # noqa: SLF001 — of the same class
        elif isinstance(source, ZipFiles):
            member = source.member(source_key)
        if member is None:
            self.written.copy(origin, source_key, key, link=link)
            self._members.take(key)
        else:
            self.written.remove(key)
            self._members.put(key, member)

    def remove(self, path: str) -> None:
        """A file or all below a path; it may be gone already."""
        self.written.remove(path)
        self._members.take(path)

    def prune(self, path: str) -> None:
        """A directory, and those above it, as long as they are empty."""
        self.written.prune(path)

    def is_writable(self, path: str) -> bool:
        """Whether the archive can be replaced, as far as can be known."""
        return self._under.is_writable(path)

    def sync(self, paths: Iterable[str]) -> None:
        """Nothing: what is here does not survive the commit."""

    @contextmanager
    def lock(self, timeout: float) -> Iterator[None]:  # noqa: ARG002 — nobody has to be waited for
        """Nobody else sees this."""
        yield

    def hold(self, path: str) -> Callable[[], None]:
        """Mark a path as in use until the returned function is called."""
        self._held.add(path)
        return lambda: self._held.discard(path)

    def is_held(self, path: str) -> bool:
        """Whether a path is in use."""
        return path in self._held


def _leaves(found: Member | Folder[Member] | None) -> Iterator[tuple[str, Member]]:
    names: Names[Member] = Names()
    if isinstance(found, dict):
        for name, inner in found.items():
            names.put(name, inner)
    return names.leaves()


def _files(written: LocalFiles, path: str, name: str) -> Iterator[str]:
    """The files below a name, by their names from the path on."""
    for inner, is_directory in written.names(joined(path, name)):
        if is_directory:
            yield from _files(written, path, joined(name, inner))
        else:
            yield joined(name, inner)
