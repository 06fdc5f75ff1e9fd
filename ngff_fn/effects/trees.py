"""Whole trees of a store: copying and listing them."""

from __future__ import annotations

from collections.abc import Iterator

from ngff_fn.effects.stores import Files
from ngff_fn.records.paths import joined


def copy_tree(source: Files, path: str, files: Files, target: str, *, link: bool) -> None:
    """A file, or a whole tree, byte for byte."""
    entries = source.names(path)
    if not entries:
        if source.read(path, 0, 0) is not None:
            files.copy(source, path, target, link=link)
        elif source.signature(path) is not None:
            files.make_directory(target)
        return
    for name, _ in entries:
        copy_tree(source, joined(path, name), files, joined(target, name), link=link)


def tree(files: Files, path: str) -> Iterator[str]:
    """Everything at and below a path, the inner first."""
    for name, is_directory in files.names(path):
        inner = joined(path, name)
        if is_directory:
            yield from tree(files, inner)
        else:
            yield inner
    yield path
