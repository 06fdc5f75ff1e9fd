"""A new store in the place of another, where nothing can be renamed: as steps of a commit with fences.

What is new is staged as a whole. A node that is in both gets the objects of the new one, and loses those that have no
match; what only the old store had goes once the documents are the new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ngff_fn.effects.commits.staging import Work, staged_root
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.objects.objects import is_document
from ngff_fn.effects.record import WORKSHOP, Exchange, Move, Put, Step
from ngff_fn.records.paths import joined


def replacing_steps(work: Work, files: ObjectFiles, stage: str) -> list[Step]:
    """Stage the new store; the steps that put it in the place of the old one, of which the documents are fenced.

    Parameters
    ----------
    work
        Whose plan is a whole store.
    files
        The files of the outermost group.
    stage
        Where nobody else looks.
    """
    new, target = joined(stage, "new"), work.address.path
    staged_root(work, files, new)
    old = dict(standing_below(files, target))
    there: list[Step] = []
    documents: list[Step] = []
    gone: list[str] = []
    for name, is_directory in files.names(new):
        source, place = joined(new, name), joined(target, name)
        if is_document(name):
            documents.append(Put(key=place, before=files.read(place), text=files.read(source) or b""))
        elif is_directory and old.get(name):
            texts = {key[len(source) + 1 :]: files.read(key) or b"" for key in documents_in(files, [source])}
            there.append(Exchange(staged=source, target=place, documents=tuple(sorted(texts.items()))))
            gone += [key for key in documents_in(files, [place]) if key[len(place) + 1 :] not in texts]
        else:
            there.append(Move(source=source, target=place))
        old.pop(name, None)
    gone += [joined(target, name) for name in old]
    retired = [Move(source=path, target=joined(stage, f"retired{number}")) for number, path in enumerate(gone)]
    return [*there, *documents, *work.above, *retired]


def standing_below(files: ObjectFiles, path: str) -> Iterator[tuple[str, bool]]:
    """What is right below a path, but for the library's own."""
    yield from ((name, is_directory) for name, is_directory in files.names(path) if name != WORKSHOP)


def documents_in(files: ObjectFiles, paths: Iterable[str]) -> Iterator[str]:
    """The documents at and below some paths, from the outermost group."""
    yield from filter(is_document, keys_in(files, paths))


def keys_in(files: ObjectFiles, paths: Iterable[str]) -> Iterator[str]:
    """Some paths, and all that is below them, from the outermost group."""
    root = files.documents.key("")
    for path in paths:
        yield path
        yield from (key[len(root) :].lstrip("/") for key in files.objects.keys(files.documents.key(path)))
