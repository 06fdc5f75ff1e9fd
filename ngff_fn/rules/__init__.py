"""Validation: the normative rules of OME-NGFF, each a small function with its id.

What decides whether documents can be read is noted by the codecs while they are read; the functions here look at what
was read, at what is unwise, and at what is about to be written.

image        the rules of images, and the table of all
plate        the rules of plates and wells, and the table of all
labels       the rules of label images, and the table of all
consistency  whether a record can be written at all
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from ngff_fn.errors import Problem
from ngff_fn.records.holders import positions
from ngff_fn.records.image import Image, Labels, Unread
from ngff_fn.records.labels import LABELS
from ngff_fn.records.plate import Plate
from ngff_fn.records.snapshot import Snapshot
from ngff_fn.records.subject import of_record
from ngff_fn.rules.consistency import place_problems, record_problems
from ngff_fn.rules.image import IMAGE_RULES
from ngff_fn.rules.labels import LABEL_RULES
from ngff_fn.rules.plate import PLATE_RULES

__all__ = ["place_problems", "record_problems", "validate"]


@of_record
def validate(snapshot: Snapshot) -> tuple[Problem, ...]:
    """All that is wrong or unwise about what was read, by the rules of its version: of all images, with their labels.

    Parameters
    ----------
    snapshot
        What was read; what was noted while it was read is among the answer.

    Returns
    -------
    tuple
        Problems with the ids of their rules: ``lenient`` where the specification says MUST, ``warning`` for SHOULD.

    >>> from ngff_fn.codecs import snapshot_from
    >>> axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space", "unit": "meter"}]
    >>> snapshot = snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": {"axes": axes}}})
    >>> [problem.rule for problem in validate(snapshot)]
    ['axes.unit.present', 'image.name']
    """
    root = snapshot.root
    found = [problem for rule in PLATE_RULES.values() for problem in rule(root)] if isinstance(root, Plate) else []
    for path, image in positions(root):
        if isinstance(image, Image):
            found += [_below(path, problem) for problem in _image_problems(evolve(snapshot, root=image))]
            found += [_below(path, problem) for problem in _label_problems(snapshot, image)]
    return (*snapshot.problems, *found)


def _label_problems(snapshot: Snapshot, image: Image) -> Iterator[Problem]:
    for label in image.labels.images if isinstance(image.labels, Labels) else ():
        place = f"{LABELS}/{label.path}"
        if isinstance(label.image, Unread):
            message = "it is listed, and was not read."
            yield Problem(place, message, kind="lenient", rule="labels.group.paths_exist")
            continue
        for problem in _image_problems(evolve(snapshot, root=label.image)):
            yield _below(place, problem)
        for rule in LABEL_RULES.values():
            for problem in rule(label.image, image):
                yield _below(place, problem)


def _image_problems(snapshot: Snapshot) -> Iterator[Problem]:
    for rule in IMAGE_RULES.values():
        yield from rule(snapshot)


def _below(path: str, problem: Problem) -> Problem:
    return evolve(problem, location=f"{path}/ {problem.location}") if path else problem
