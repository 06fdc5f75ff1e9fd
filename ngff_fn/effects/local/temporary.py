"""Folders for temporary files, of commits that cannot stage beside their store: those of the dead are removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ngff_fn.effects.local.exclusive import READ, Held
from ngff_fn.effects.local.system_calls import NoLocksError, flock


@contextmanager
def temporary_folder() -> Iterator[str]:
    """An empty folder of this commit, which is removed with it, or, where its process dies, by the next such commit."""
    _remove_dead()
    while True:
        with tempfile.TemporaryDirectory(prefix=_prefix(), ignore_cleanup_errors=True) as folder:
            try:
                release = _hold(folder)
            except NoLocksError:  # where nobody else finds that no process holds it
                release = _nothing
            if release is None:
                continue  # another commit took it for one of the dead before it was held
            try:
                yield folder
            finally:
                release()
            return


def _prefix() -> str:
    """With the machine: elsewhere its locks may not be seen, where several share their temporary files."""
    return f"ngff_fn-{os.uname().nodename}-"


def _hold(folder: str) -> Callable[[], None] | None:
    """Lock a folder, until what is returned is called; None where another process has it, or has removed the folder."""
    try:
        descriptor = os.open(folder, READ | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        got = flock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if not got:
        os.close(descriptor)
        return None
    held = Held(descriptor, folder, is_file=False)
    if held.is_there():
        return held.release
    held.release()
    return None


def _nothing() -> None:
    """There is no lock to give back."""


def _remove_dead() -> None:
    """Remove our user's folders that no process holds; each is locked meanwhile, so whoever just makes it sees that."""
    try:
        with os.scandir(tempfile.gettempdir()) as entries:
            found = [entry for entry in entries if entry.name.startswith(_prefix())]
    except OSError:  # it may be written to, and not be listed
        return
    for entry in found:
        try:
            is_ours = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
            release = _hold(entry.path) if is_ours else None
        except OSError:  # gone meanwhile, or no locks here
            continue
        if release is not None:
            shutil.rmtree(entry.path, ignore_errors=True)
            release()
