"""Validation: the normative rules of OME-NGFF, each a small function with its id.

What decides whether documents can be read is noted by the codecs while they are read; the functions here look at what
was read, at what is unwise, and at what is about to be written.

image        the rules of images, and the table of all
consistency  whether a record can be written at all
"""

from __future__ import annotations

from ngff_fn.errors import Problem
from ngff_fn.records.snapshot import Snapshot
from ngff_fn.records.subject import of_record
from ngff_fn.rules.consistency import record_problems
from ngff_fn.rules.image import IMAGE_RULES

__all__ = ["record_problems", "validate"]


@of_record
def validate(snapshot: Snapshot) -> tuple[Problem, ...]:
    """All that is wrong or unwise about what was read, by the rules of its version.

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
    found = [problem for rule in IMAGE_RULES.values() for problem in rule(snapshot)]
    return (*snapshot.problems, *found)
