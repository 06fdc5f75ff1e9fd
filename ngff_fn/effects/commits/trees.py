"""Whole trees of a store: copying and listing them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import is_claim
from ngff_fn.effects.stores import Files
from ngff_fn.effects.threads import for_each
from ngff_fn.records.paths import joined


def copy_tree(source: Files, path: str, files: Files, target: str, *, link: bool) -> None:
    """A file, or a whole tree, byte for byte; but for the claims of those who create something just there."""
    inside = source.keys_in(path) if isinstance(source, ObjectFiles) else []
    if inside and isinstance(source, ObjectFiles):  # one listing, and many requests at a time
        copy = partial(_copy_one, source, files, path, target, link=link)
        for_each(copy, [key for key in inside if not is_claim(joined(path, key))], source.objects.at_once)
        return
    entries = source.names(path)
    if not entries:
        if source.read(path, 0, 0) is not None:
            files.copy(source, path, target, link=link)
        elif source.signature(path) is not None:
            files.make_directory(target)
        return
    for name, _ in entries:
        copy_tree(source, joined(path, name), files, joined(target, name), link=link)


def _copy_one(source: Files, files: Files, path: str, target: str, key: str, *, link: bool) -> None:
    files.copy(source, joined(path, key), joined(target, key), link=link)


def tree(files: Files, path: str) -> Iterator[str]:
    """Everything at and below a path, the inner first."""
    for name, is_directory in files.names(path):
        inner = joined(path, name)
        if is_directory:
            yield from tree(files, inner)
        else:
            yield inner
    yield path
