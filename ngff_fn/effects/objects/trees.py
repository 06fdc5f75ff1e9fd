"""Trees of objects: what is one step on a disk is done here object by object, and again, where it was cut off.

What is moved has been copied as a whole before the first of it goes: so it is found at one of the two places.
"""

from __future__ import annotations

from collections.abc import Callable

from ngff_fn.effects.objects.objects import Objects, is_document
from ngff_fn.effects.threads import for_each


def documents_last(keys: list[str]) -> list[str]:
    """Chunks before the documents that make them visible, those of inner nodes before the outer ones."""
    return sorted(keys, key=lambda key: (is_document(key), -key.count("/"), key))


def _always() -> None:
    """Nobody else writes."""


def move(objects: Objects, old: str, new: str) -> bool:
    """An object or all below a key get other keys; False where there is nothing."""
    if objects.copy(old, new):
        objects.delete(old)
        return True
    keys = objects.keys(old)
    _copy(objects, keys, old, new, _always)
    _delete(objects, keys, _always)
    return bool(keys)


def replace(objects: Objects, staged: str, target: str) -> None:
    """What is below a key takes the place of what is below another, which is gone before the first staged object is."""
    keys = objects.keys(staged)
    _copy(objects, keys, staged, target, _always)
    _delete(objects, _others(objects, target, keys, staged), _always)
    _delete(objects, keys, _always)


def copy(objects: Objects, old: str, new: str, go_on: Callable[[], None]) -> None:
    """An object or all below a key get other keys as well, but for documents; there may be none any more.

    ``go_on`` is asked before each object, and raises where that is no longer ours.
    """
    go_on()
    if not objects.copy(old, new):
        _copy(objects, _without_documents(objects.keys(old)), old, new, go_on)


def copy_over(objects: Objects, staged: str, target: str, go_on: Callable[[], None]) -> None:
    """As ``copy``; what else is below the other key goes."""
    keys = _without_documents(objects.keys(staged))
    _copy(objects, keys, staged, target, go_on)
    _delete(objects, _without_documents(_others(objects, target, keys, staged)), go_on)


def remove(objects: Objects, path: str, go_on: Callable[[], None] = _always, *, but: str | None = None) -> None:
    """No object, and none below it; they may be gone already. One is left: ``but``."""
    _delete(objects, [key for key in objects.keys(path) if key != but], go_on)
    if path:
        go_on()
        objects.delete(path)


def _others(objects: Objects, target: str, keys: list[str], staged: str) -> list[str]:
    """What is below a key that has no match among staged ones."""
    kept = {target + key[len(staged) :] for key in keys}
    return [key for key in objects.keys(target) if key not in kept]


def _without_documents(keys: list[str]) -> list[str]:
    return [key for key in keys if not is_document(key)]


def _copy(objects: Objects, keys: list[str], old: str, new: str, go_on: Callable[[], None]) -> None:
    def copy(key: str) -> None:
        go_on()
        objects.copy(key, new + key[len(old) :])

    for_each(copy, _without_documents(keys), objects.at_once)
    for key in documents_last([key for key in keys if is_document(key)]):
        copy(key)


def _delete(objects: Objects, keys: list[str], go_on: Callable[[], None]) -> None:
    def delete(key: str) -> None:
        go_on()
        objects.delete(key)

    for key in reversed(documents_last([key for key in keys if is_document(key)])):
        delete(key)
    for_each(delete, _without_documents(keys), objects.at_once)
