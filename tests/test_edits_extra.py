"""Keys that this library does not know: set and removed in the section where the record keeps them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.edits.extra import remove_extra, set_extra
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, WrongTypeError
from ngff_fn.frozen_json import EMPTY, FrozenMap, thaw
from ngff_fn.records.axes import Axis
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.examples import CELLS, PLATE
from ngff_fn.records.plate import Acquisition, Collection, Field, Line, Well

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
RECORDS = [
    (CELLS, None, "attributes"),
    (CELLS, "ome", "ome"),
    (CELLS, "multiscale", "multiscale"),
    (CELLS, "omero", "omero"),
    (CELLS.levels[0], None, "attributes"),
    (CELLS.levels[0], "dataset", "dataset"),
    (Axis(name="z"), None, None),
    (Channel(label="GFP"), None, None),
    (Window(), None, None),
    (PLATE, None, "attributes"),
    (PLATE, "plate", "plate"),
    (PLATE.wells[0], None, "attributes"),
    (PLATE.wells[0], "well", "well"),
    (PLATE.wells[0], "entry", "entry"),
    (Field(path="0", image=CELLS), None, None),
    (Line(name="A"), None, None),
    (Acquisition(id=0), None, None),
    (Collection(), None, "attributes"),
    (Collection(), "ome", "ome"),
]


@pytest.mark.parametrize(("record", "section", "kept_in"), RECORDS)
@given(value=JSON, other=JSON)
def test_a_key_is_what_was_set_and_removing_undoes_it(
    record: Any, section: str | None, kept_in: str | None, value: Any, other: Any
) -> None:
    made = set_extra(record, "key", value, section=section)
    members = made.extra[kept_in] if kept_in else made.extra
    assert thaw(members["key"]) == value
    assert evolve(made, extra=EMPTY) == record
    assert set_extra(set_extra(record, "key", other, section=section), "key", value, section=section) == made
    assert remove_extra(made, "key", section=section) == record
    hash(made)


def test_other_keys_and_sections_stay() -> None:
    extra = FrozenMap({"attributes": FrozenMap({"a": 1, "b": 2}), "omero": FrozenMap({"rdefs": EMPTY})})
    image = evolve(CELLS, extra=extra)
    assert thaw(set_extra(image, "a", 3).extra) == {"attributes": {"a": 3, "b": 2}, "omero": {"rdefs": {}}}
    assert thaw(remove_extra(image, "a").extra) == {"attributes": {"b": 2}, "omero": {"rdefs": {}}}
    assert thaw(remove_extra(image, "rdefs", section="omero").extra) == {"attributes": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("record", "key", "section", "message"),
    [
        (CELLS, "multiscales", None, "key: 'multiscales' in the section 'attributes' is what the records say."),
        (CELLS, "ngff_fn", None, "is what the records say"),
        (CELLS, "version", "ome", "is what the records say"),
        (CELLS, "axes", "multiscale", "is what the records say"),
        (CELLS, "channels", "omero", "is what the records say"),
        (CELLS.levels[0], "path", "dataset", "is what the records say"),
        (Channel(label="GFP"), "color", None, "key: 'color' is what the records say."),
        (Axis(name="z"), "unit", None, "is what the records say"),
        (PLATE, "wells", "plate", "is what the records say"),
        (PLATE, "ngff_fn", None, "is what the records say"),
        (PLATE.wells[0], "rowIndex", "entry", "is what the records say"),
        (Well(path=""), "key", "entry", "Open the plate; use update_at."),
        (CELLS, "key", "multiscales", "section: Image has no section 'multiscales'"),
        (Axis(name="z"), "key", "attributes", "section: Axis has no section 'attributes' that keys can be set in"),
        (evolve(CELLS, channels=None), "rdefs", "omero", "omero: the image has none."),
    ],
)
def test_what_the_records_say_is_not_set_beside_them(record: Any, key: str, section: str | None, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        set_extra(record, key, 1, section=section)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("key", {1, 2}, WrongTypeError),
        ("key", object(), WrongTypeError),
        ("key", [{"a": b"bytes"}], WrongTypeError),
        ("key", [1.0, {"a": math.nan}], InvalidValueError),
        ("key", math.inf, InvalidValueError),
        (5, 1, WrongTypeError),
    ],
)
def test_what_is_no_json_is_refused(key: Any, value: Any, error: type[NgffError]) -> None:
    with pytest.raises(error):
        set_extra(CELLS, key, value)


def test_removing_what_is_not_there_is_refused() -> None:
    with pytest.raises(NotThereError, match=r"extra.attributes: no key 'b'; there is: a."):
        remove_extra(set_extra(CELLS, "a", 1), "b")
    with pytest.raises(WrongTypeError, match="a str keeps no unknown keys"):
        remove_extra("text", "a")  # type: ignore[type-var]
