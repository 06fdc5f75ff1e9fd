"""What is unwise about a label image is told by the id of its rule and its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn.records.examples import CELLS
from ngff_fn.rules.labels import LABEL_RULES

CELLS_OF = np.ones((4, 64, 64), "uint16")
FINE = nf.add_label(CELLS, "cells", CELLS_OF, colors={1: "red"})
LABEL = nf.node_at(FINE, "labels/cells")
assert isinstance(LABEL, nf.Image)


def _with(label: nf.Image | nf.Unread) -> nf.Image:
    return evolve(FINE, labels=nf.Labels(images=(nf.Label(path="cells", image=label),)))


def _array(**changes: Any) -> nf.Image:
    assert isinstance(LABEL, nf.Image)
    level = LABEL.levels[0]
    return _with(evolve(LABEL, levels=(evolve(level, array=evolve(level.array, **changes)), *LABEL.levels[1:])))


UNWISE: dict[str, tuple[nf.Image, str]] = {
    "label.levels.count": (_with(nf.without_pyramid(LABEL)), "labels/cells/ multiscales[0].datasets"),
    "label.dtype.integer": (_array(dtype="float32"), "labels/cells/ 0"),
    "label.shape.match": (_array(shape=(4, 64, 63)), "labels/cells/ 0"),
    "label.image_label.present": (_with(evolve(LABEL, image_label=None)), "labels/cells/ image-label"),
    "label.colors.present": (nf.set_label_colors(FINE, "cells", None), "labels/cells/ image-label.colors"),
    "labels.group.paths_exist": (_with(nf.Unread(path="cells")), "labels/cells"),
}


def _found(image: nf.Image) -> dict[str, str]:
    snapshot = nf.Snapshot(origin=nf.Place(home=""), version="0.5", root=image)
    return {problem.rule: problem.location for problem in nf.validate(snapshot) if problem.rule.startswith("label")}


def test_a_label_image_that_was_added_breaks_no_rule_of_labels() -> None:
    assert _found(FINE) == {}


@pytest.mark.parametrize("rule", UNWISE)
def test_what_is_unwise_is_told_with_its_place(rule: str) -> None:
    image, location = UNWISE[rule]
    assert _found(image)[rule] == location


def test_every_rule_of_the_table_has_a_case() -> None:
    assert set(LABEL_RULES) <= set(UNWISE)
