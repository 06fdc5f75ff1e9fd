"""What is unwise about a plate is told by the id of its rule and its place."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from ngff_fn.records.examples import PLATE
from ngff_fn.records.image import Place, Unread
from ngff_fn.records.plate import Acquisition, Field, Line, Plate, Well
from ngff_fn.records.snapshot import Snapshot
from ngff_fn.rules import validate
from ngff_fn.rules.plate import PLATE_RULES

FINE = evolve(
    PLATE,
    name="P",
    field_count=2,
    acquisitions=tuple(Acquisition(id=number, name="run", maximum_field_count=2) for number in (0, 1)),
    wells=tuple(
        evolve(well, fields=tuple(evolve(field, acquisition=0) for field in well.fields))
        for well in PLATE.wells
        if isinstance(well, Well)
    ),
)
WELL = FINE.wells[0]


def _first(**changes: Any) -> Plate:
    """The plate with another first well."""
    assert isinstance(WELL, Well)
    return evolve(FINE, wells=(evolve(WELL, **changes), *FINE.wells[1:]))


UNWISE: dict[str, tuple[Plate, str]] = {
    "plate.name": (evolve(FINE, name=None), "plate.name"),
    "plate.field_count": (evolve(FINE, field_count=1), "plate.field_count"),
    "plate.rows.name.case": (evolve(FINE, rows=(*FINE.rows, Line(name="a"))), "plate.rows"),
    "plate.acquisitions.name": (
        evolve(FINE, acquisitions=(Acquisition(id=0, maximum_field_count=2),)),
        "plate.acquisitions[0].name",
    ),
    "plate.acquisitions.maximumfieldcount": (
        evolve(FINE, acquisitions=(Acquisition(id=0, name="run"),)),
        "plate.acquisitions[0].maximumfieldcount",
    ),
    "plate.well.no_empty": (_first(fields=()), WELL.path),
    "plate.wells.exist": (evolve(FINE, wells=(Unread(path="A/1"), *FINE.wells[1:])), "A/1"),
    "well.images.path.exists": (
        _first(fields=(Field(path="7", image=Unread(path="7"), acquisition=0),)),
        f"{WELL.path}/7",
    ),
    "well.images.acquisition.required": (
        _first(fields=(Field(path="7", image=Unread(path="7")),)),
        f"{WELL.path}/7",
    ),
    "well.images.acquisition.known": (
        _first(fields=(Field(path="7", image=Unread(path="7"), acquisition=9),)),
        f"{WELL.path}/7",
    ),
}


def _told(plate: Plate) -> list[tuple[str, str]]:
    snapshot = Snapshot(origin=Place(home=""), version="0.4", root=plate)
    return [(problem.rule, problem.location) for problem in validate(snapshot) if problem.rule in PLATE_RULES]


def test_a_plate_that_follows_all_advice_has_no_problems_of_its_own() -> None:
    assert _told(FINE) == []


@pytest.mark.parametrize("rule", PLATE_RULES)
def test_what_is_unwise_about_a_plate_is_told_with_its_place(rule: str) -> None:
    plate, location = UNWISE[rule]
    assert (rule, location) in _told(plate)


def test_what_is_unwise_about_an_image_of_a_plate_is_told_with_its_path() -> None:
    problems = validate(Snapshot(origin=Place(home=""), version="0.4", root=FINE))
    assert all(problem.location.startswith(("A/", "B/")) for problem in problems)
