"""The rules of plates and wells that go beyond what reading them needs: small functions, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from ngff_fn.errors import Problem
from ngff_fn.records.image import Unread
from ngff_fn.records.plate import Plate, Well

Rule: TypeAlias = Callable[[Plate], Iterator[Problem]]


def plate_name(plate: Plate) -> Iterator[Problem]:
    """A plate "SHOULD" have a name."""
    if plate.name is None:
        yield _warning("plate.name", "should be there.", "plate.name")


def plate_field_count(plate: Plate) -> Iterator[Problem]:
    """A plate "SHOULD" say the largest number of fields per well."""
    most = max((len(well.fields) for well in plate.wells if isinstance(well, Well)), default=0)
    if plate.field_count is None:
        yield _warning("plate.field_count", "should be there. Set it with set_field_count.", "plate.field_count")
    elif plate.field_count < most:
        message = f"is {plate.field_count}, and a well has {most} fields. Set it with set_field_count."
        yield _warning("plate.field_count", message, "plate.field_count")


def plate_rows_name_case(plate: Plate) -> Iterator[Problem]:
    """Names of rows "SHOULD" not differ by case only; those of columns neither."""
    for key, lines in (("rows", plate.rows), ("columns", plate.columns)):
        names = {line.name for line in lines}
        if len({name.lower() for name in names}) < len(names):
            message = "two names differ by case only, which some file systems do not tell apart."
            yield _warning(f"plate.{key}", message, f"plate.{key}.name.case")


def plate_acquisitions_name(plate: Plate) -> Iterator[Problem]:
    """An acquisition "SHOULD" have a name."""
    for index, acquisition in enumerate(plate.acquisitions or ()):
        if acquisition.name is None:
            yield _warning(f"plate.acquisitions[{index}].name", "should be there.", "plate.acquisitions.name")


def plate_acquisitions_maximumfieldcount(plate: Plate) -> Iterator[Problem]:
    """An acquisition "SHOULD" say the largest number of fields per well."""
    rule = "plate.acquisitions.maximumfieldcount"
    for index, acquisition in enumerate(plate.acquisitions or ()):
        if acquisition.maximum_field_count is None:
            yield _warning(f"plate.acquisitions[{index}].maximumfieldcount", "should be there.", rule)


def plate_well_no_empty(plate: Plate) -> Iterator[Problem]:
    """There "SHOULD NOT" be a well without fields."""
    for well in plate.wells:
        if isinstance(well, Well) and not well.fields:
            yield _warning(well.path, "the well has no fields. Add a position, or remove it.", "plate.well.no_empty")


def plate_wells_exist(plate: Plate) -> Iterator[Problem]:
    """What is listed should be there."""
    for well in plate.wells:
        if isinstance(well, Unread):
            yield _warning(well.path, "the plate lists this well, and it was not read.", "plate.wells.exist")


def well_images_path_exists(plate: Plate) -> Iterator[Problem]:
    """What is listed should be there."""
    for well in plate.wells:
        for field in well.fields if isinstance(well, Well) else ():
            if isinstance(field.image, Unread):
                message = "the well lists this field, and it was not read."
                yield _warning(f"{well.path}/{field.path}", message, "well.images.path.exists")


def well_images_acquisition_required(plate: Plate) -> Iterator[Problem]:
    """The acquisition "MUST" be there "if multiple acquisitions were performed in the plate"."""
    if len(plate.acquisitions or ()) > 1:
        for well in plate.wells:
            for field in well.fields if isinstance(well, Well) else ():
                if field.acquisition is None:
                    message = "the field says no acquisition, and the plate has several."
                    rule = "well.images.acquisition.required"
                    yield Problem(f"{well.path}/{field.path}", message, kind="lenient", rule=rule)


def well_images_acquisition_known(plate: Plate) -> Iterator[Problem]:
    """The acquisition "MUST match one of the acquisition" of the plate."""
    known = {acquisition.id for acquisition in plate.acquisitions or ()}
    for well in plate.wells:
        for field in well.fields if isinstance(well, Well) and plate.acquisitions is not None else ():
            if field.acquisition is not None and field.acquisition not in known:
                message = f"the field is of acquisition {field.acquisition}, and the plate lists no such one."
                rule = "well.images.acquisition.known"
                yield Problem(f"{well.path}/{field.path}", message, kind="lenient", rule=rule)


def _warning(location: str, message: str, rule: str) -> Problem:
    return Problem(location, message, kind="warning", rule=rule)


PLATE_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "plate.name": plate_name,
        "plate.field_count": plate_field_count,
        "plate.rows.name.case": plate_rows_name_case,
        "plate.acquisitions.name": plate_acquisitions_name,
        "plate.acquisitions.maximumfieldcount": plate_acquisitions_maximumfieldcount,
        "plate.well.no_empty": plate_well_no_empty,
        "plate.wells.exist": plate_wells_exist,
        "well.images.path.exists": well_images_path_exists,
        "well.images.acquisition.required": well_images_acquisition_required,
        "well.images.acquisition.known": well_images_acquisition_known,
    }
)
"""By id: what ``validate`` asks of a plate."""
