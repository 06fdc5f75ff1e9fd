"""What holds images: its rows, wells and positions; edits of every image in it, and of the node at one path."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn import curried as c
from ngff_fn.edits.hierarchy import each_image, update_at
from ngff_fn.errors import InvalidValueError, NotThereError, WrongTypeError
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.coordinates import scale
from ngff_fn.records.examples import CELLS, PLATE, SQUARE
from ngff_fn.records.holders import positions, rows, wells
from ngff_fn.records.image import Image, Level, Place, Unread
from ngff_fn.records.nodes import Node, node_at
from ngff_fn.records.plate import Collection, Field, Plate, Series, Well
from ngff_fn.records.snapshot import Root

SERIES = Collection(series=(Series(path="10", image=SQUARE), Series(path="2", image=CELLS)))
HALF_READ = evolve(
    PLATE,
    wells=(
        Well(path="A/1", fields=(Field(path="0", image=CELLS), Field(path="1", image=Unread(path="1")))),
        Unread(path="B/2"),
    ),
)
ANY_EDIT: Any = CELLS  # which is none

NAMES = st.sampled_from(["0", "1", "2", "10", "x"])
EXTRAS = st.sampled_from([FrozenMap(), FrozenMap({"note": 1})])
PLACES = st.sampled_from([None, Place(home="plate.zarr")])
IMAGES = st.sampled_from([CELLS, SQUARE, evolve(CELLS, name="more"), evolve(CELLS, channels=None)])
FIELDS = st.lists(
    st.builds(Field, path=NAMES, image=IMAGES, acquisition=st.sampled_from([None, 0]), extra=EXTRAS),
    max_size=3,
    unique_by=lambda field: field.path,
).map(tuple)


def well_at(path: str) -> st.SearchStrategy[Well]:
    return st.builds(Well, path=st.just(path), fields=FIELDS, source=PLACES, extra=EXTRAS)


WELLS = st.lists(st.tuples(st.sampled_from("AB"), NAMES).map("/".join), max_size=4, unique=True).flatmap(
    lambda paths: st.tuples(*map(well_at, paths))
)
PLATES = st.builds(Plate, wells=WELLS, source=PLACES, extra=EXTRAS)
COLLECTIONS = st.builds(
    Collection,
    series=st.lists(st.builds(Series, path=NAMES, image=IMAGES), max_size=3, unique_by=lambda series: series.path).map(
        tuple
    ),
    source=PLACES,
    extra=EXTRAS,
)
ROOTS: st.SearchStrategy[Root] = st.one_of(PLATES, well_at(""), COLLECTIONS, IMAGES)
EDITS: list[Callable[[Image], Image]] = [
    c.set_scale(y=2),
    c.set_extra("note", 1),
    lambda image: evolve(image, name="cells") if image.name == "more" else image,
]


def parts(root: Root) -> list[tuple[str, Any]]:
    """The root, and every well, field and image in it, with their paths."""
    found: list[tuple[str, Any]] = [("", root)]
    match root:
        case Plate():
            for well in root.wells:
                inside = parts(well) if isinstance(well, Well) else [("", well)]
                found += [("/".join(filter(None, (well.path, path))), part) for path, part in inside]
        case Well():
            found += [(field.path, part) for field in root.fields for part in (field, field.image)]
        case Collection():
            found += [(series.path, part) for series in root.series for part in (series, series.image)]
        case Image():
            pass
    return found


# -- questions ---------------------------------------------------------------------------------------------------------


def test_wells_stand_in_natural_order_and_those_that_were_not_read_among_them() -> None:
    plate = Plate(wells=(Well(path="B/1"), Well(path="A/10"), Unread(path="A/2")))
    assert wells(plate) == (("A/2", plate.wells[2]), ("A/10", plate.wells[1]), ("B/1", plate.wells[0]))


def test_rows_are_those_that_have_wells() -> None:
    plate = evolve(PLATE, wells=(Well(path="AA/1"), Well(path="B/10"), Unread(path="B/2")))
    assert rows(plate) == (("AA", (plate.wells[0],)), ("B", (plate.wells[2], plate.wells[1])))
    assert rows(evolve(PLATE, wells=())) == ()


@given(PLATES)
def test_rows_hold_the_wells_each_once(plate: Plate) -> None:
    assert [well for _, row in rows(plate) for well in row] == [well for _, well in wells(plate)]
    assert sorted(map(id, plate.wells)) == sorted(id(well) for _, well in wells(plate))
    assert all(path.partition("/")[0] == name for name, row in rows(plate) for path in [well.path for well in row])


@given(ROOTS)
def test_a_position_is_the_image_at_its_path(root: Root) -> None:
    there = positions(root)
    assert all(node_at(root, path) is image for path, image in there)
    assert sorted(path for path, _ in there) == sorted(path for path, part in parts(root) if isinstance(part, Image))


def test_positions_stand_in_natural_order() -> None:
    plate = Plate(wells=(Well(path="A/10", fields=SQUARES), Well(path="A/9", fields=SQUARES)))
    assert [path for path, _ in positions(plate)] == ["A/9/2", "A/9/10", "A/10/2", "A/10/10"]
    assert [path for path, _ in positions(SERIES)] == ["2", "10"]


SQUARES = (Field(path="10", image=SQUARE), Field(path="2", image=SQUARE))


def test_of_a_well_that_was_not_read_its_own_path_is_a_position() -> None:
    assert positions(HALF_READ) == (("A/1/0", CELLS), ("A/1/1", Unread(path="1")), ("B/2", Unread(path="B/2")))


@pytest.mark.parametrize("question", [rows, wells])
def test_what_is_no_plate_has_neither_rows_nor_wells(question: Callable[[Any], object]) -> None:
    with pytest.raises(WrongTypeError, match=r"plate: an Image is no plate\. Give one"):
        question(CELLS)


def test_an_edit_of_images_that_is_given_a_plate_says_how_to_reach_its_images() -> None:
    edit: Any = c.set_scale(y=2)
    with pytest.raises(WrongTypeError, match=r"image: a Plate is no image\. Take one .* all of them with each_image\."):
        edit(PLATE)
    with pytest.raises(WrongTypeError, match=r"image: an Unread stands for what was not read\. Open the store"):
        edit(Unread(path="0"))


# -- every image -------------------------------------------------------------------------------------------------------


@given(ROOTS)
def test_without_edits_and_with_edits_that_change_nothing_the_root_is_the_same_object(root: Root) -> None:
    assert each_image(root) is root
    assert each_image(root, lambda image: image) is root


@given(ROOTS, st.sampled_from(EDITS))
def test_each_image_is_update_at_at_every_position(root: Root, edit: Callable[[Image], Image]) -> None:
    one_by_one: Any = root
    for path, _ in positions(root):
        one_by_one = update_at(one_by_one, path, edit)
    assert each_image(root, edit) == one_by_one


@given(ROOTS)
def test_what_no_edit_changes_stays_the_same_object(root: Root) -> None:
    made = each_image(root, EDITS[-1])  # which changes the images called more
    changed = [path for path, image in positions(root) if isinstance(image, Image) and image.name == "more"]
    for (path, before), (_, after) in zip(parts(root), parts(made), strict=True):
        holds_a_changed_one = any(position == path or position.startswith(f"{path}/") for position in changed)
        assert (before is after) == (not (changed if path == "" else holds_a_changed_one))


@pytest.mark.parametrize("kind", [Field, Well, Series, Plate, Collection])
def test_what_holds_an_edited_image_loses_nothing_else(kind: type) -> None:
    said: dict[str, Any] = {
        "path": "A/1", "acquisition": 7, "extra": FrozenMap({"note": 1}), "source": Place(home="x"), "image": CELLS,
        "fields": (Field(path="0", image=CELLS),), "series": (Series(path="0", image=CELLS),),
        "wells": (Well(path="A/1", fields=(Field(path="0", image=CELLS),)),),
    }  # fmt: skip
    full = kind(**{one.name: said.get(one.name, getattr(PLATE, one.name, None)) for one in attrs.fields(kind)})
    root: Any = full
    if isinstance(full, Field):
        root = Well(path="", fields=(full,))
    if isinstance(full, Series):
        root = Collection(series=(full,))
    made = each_image(root, c.set_scale(y=2))
    after = {Field: lambda: made.fields[0], Series: lambda: made.series[0]}.get(kind, lambda: made)()
    assert after != full
    for one in attrs.fields(kind):
        if one.name not in ("image", "fields", "series", "wells"):
            assert getattr(after, one.name) is getattr(full, one.name)


def test_edits_follow_one_another() -> None:
    made = each_image(PLATE, c.rename_channel("GFP", "a"), c.rename_channel("a", "b"))
    assert {channel_names(image) for _, image in positions(made) if isinstance(image, Image)} == {("DAPI", "b")}


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("A/*/*", ["A/1/0", "A/1/1"]),
        ("*/*/0", ["A/1/0", "B/2/0"]),
        ("B/2/0", ["B/2/0"]),
        ("*/*/*", ["A/1/0", "A/1/1", "B/2/0"]),
        (lambda path, _: path.endswith("/1"), ["A/1/1"]),
        (lambda _, image: image.name == "nobody", []),
    ],
)
def test_where_says_which_images_are_meant(where: Any, meant: list[str]) -> None:
    made = each_image(PLATE, c.set_scale(y=2), where=where)
    assert [path for path, image in positions(made) if image is not CELLS] == meant


def test_an_asterisk_stays_within_a_name_and_nothing_else_is_special() -> None:
    fields = tuple(Field(path=path, image=CELLS) for path in ("0", "10", "1?", "1"))
    made = each_image(Well(path="", fields=fields), c.set_scale(y=2), where="1?*")
    assert [path for path, image in positions(made) if image is not CELLS] == ["1?"]


@pytest.mark.parametrize("where", ["C/*/*", "A/1", "*", "", "A/*/*/*"])
def test_a_glob_that_means_no_image_is_refused_with_those_there_are(where: str) -> None:
    with pytest.raises(NotThereError) as refusal:
        each_image(PLATE, c.set_scale(y=2), where=where)
    problem = f"where: {where!r} means no image; there are: A/1/0, A/1/1, B/2/0. Give a glob of some."
    assert str(refusal.value) == problem


@pytest.mark.parametrize("where", [3, b"A", ["A/1/0"]])
def test_what_is_no_glob_and_no_function_is_refused(where: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"^where: .* is neither a glob nor a function of path and image\."):
        each_image(PLATE, c.set_scale(y=2), where=where)


def test_what_was_not_read_and_is_meant_is_refused_all_at_once() -> None:
    with pytest.raises(NotThereError) as refusal:
        each_image(HALF_READ, c.set_scale(y=2))
    assert [problem.location for problem in refusal.value.problems] == ["A/1/1", "B/2"]
    assert "Open the store with a select that has it." in str(refusal.value)


@pytest.mark.parametrize("where", ["*/*/0", "B/2/*", "/*/2/5/", lambda path, _: path[0] == "B"])
def test_a_well_that_was_not_read_is_meant_where_an_image_in_it_may_be(where: Any) -> None:
    with pytest.raises(NotThereError, match=r"^B/2: it was left out"):
        each_image(HALF_READ, c.set_scale(y=2), where=where)


@pytest.mark.parametrize("where", ["A/1/0", "A/*/0", lambda path, _: path == "A/1/0"])
def test_what_was_not_read_and_is_not_meant_stays(where: Any) -> None:
    made = each_image(HALF_READ, c.set_scale(y=2), where=where)
    well: Any = made.wells[0]
    assert scale(well.fields[0].image)["y"] == 2
    assert well.fields[1] is HALF_READ.wells[0].fields[1]  # type: ignore[union-attr]
    assert made.wells[1] is HALF_READ.wells[1]


def test_where_a_function_needs_what_was_not_read_it_is_refused() -> None:
    with pytest.raises(NotThereError) as refusal:
        each_image(HALF_READ, c.set_scale(y=2), where=lambda _, image: "GFP" in channel_names(image))
    assert [problem.location for problem in refusal.value.problems] == ["A/1/1", "B/2"]


def test_what_edits_refuse_is_told_of_every_position_at_once() -> None:
    plate = update_at(PLATE, "A/1/1", c.rename_channel("GFP", "a"))
    with pytest.raises(KeyError) as refusal:
        each_image(plate, c.rename_channel("a", "b"))
    assert str(refusal.value).splitlines() == [
        "A/1/0: omero.channels: no channel 'a'; the image has: DAPI, GFP.",
        "B/2/0: omero.channels: no channel 'a'; the image has: DAPI, GFP.",
    ]


def test_refusals_of_several_types_are_a_refusal_of_values() -> None:
    plate = update_at(PLATE, "A/1/1", c.rename_channel("GFP", "a"))
    with pytest.raises(InvalidValueError) as refusal:
        each_image(plate, c.rename_channel("GFP", "DAPI"))
    assert [problem.location.partition(":")[0] for problem in refusal.value.problems] == ["A/1/0", "A/1/1", "B/2/0"]


def test_of_an_image_that_is_the_root_a_refusal_has_no_path_before_it() -> None:
    with pytest.raises(NotThereError, match=r"^omero\.channels: no channel 'a'"):
        each_image(CELLS, c.rename_channel("a", "b"))
    with pytest.raises(NotThereError, match=r"^omero\.channels: no channel 'a'"):
        update_at(CELLS, "", c.rename_channel("a", "b"))


def test_what_the_callers_own_function_raises_goes_on_with_a_note_of_the_place() -> None:
    def fails(image: Image) -> Image:
        raise ZeroDivisionError(image.name)

    with pytest.raises(ZeroDivisionError) as raised:
        each_image(PLATE, fails)
    assert "at 'A/1/0'" in raised.value.__notes__[0]
    with pytest.raises(ZeroDivisionError) as raised:
        each_image(PLATE, c.set_scale(y=2), where=lambda _, image: bool(fails(image)))
    assert raised.value.__notes__ == ["in where, at 'A/1/0'"]


def test_edits_that_are_no_functions_are_refused_all_at_once() -> None:
    with pytest.raises(WrongTypeError) as refusal:
        each_image(PLATE, ANY_EDIT, c.set_scale(y=2), ANY_EDIT)
    assert [problem.location for problem in refusal.value.problems] == ["edits[0]", "edits[2]"]
    with pytest.raises(WrongTypeError, match=r"^edits\[0\]: an Image is no function of a record\. Give one"):
        update_at(PLATE, "A/1/0", ANY_EDIT)


@pytest.mark.parametrize("made", [None, PLATE, CELLS.levels[0]])
def test_an_edit_that_gives_no_image_is_refused_with_the_position(made: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"^A/1/0: the edits made an? .* of an Image"):
        each_image(PLATE, lambda _: made, where="A/1/0")


def test_positions_that_shared_axes_and_channels_share_the_new_ones() -> None:
    plate = update_at(PLATE, "A/1/1", lambda image: evolve(image, levels=image.levels[:1]))
    made = each_image(plate, c.rename_channel("GFP", "EGFP"), c.rename_axis("z", "depth"))
    images: list[Any] = [image for _, image in positions(made)]
    assert len({id(image.channels) for image in images}) == len({id(image.axes) for image in images}) == 1
    assert [len(image.levels) for image in images] == [2, 1, 2]


def test_new_axes_are_shared_also_where_the_new_channels_differ() -> None:
    names = iter("abc")

    def rename(image: Image) -> Image:
        return c.rename_channel("GFP", next(names))(c.rename_axis("z", "depth")(image))

    images: list[Any] = [image for _, image in positions(each_image(PLATE, rename))]
    assert len({id(image.axes) for image in images}) == 1
    assert len({id(image.channels) for image in images}) == 3


def test_what_edits_make_differently_of_shared_parts_stays_different() -> None:
    names = iter("abc")

    def rename(image: Image) -> Image:
        return c.rename_channel("GFP", next(names))(image)

    made = each_image(PLATE, rename)
    images: list[Any] = [image for _, image in positions(made)]
    assert [channel_names(image)[1] for image in images] == ["a", "b", "c"]


# -- the node at one path ----------------------------------------------------------------------------------------------


def named(node: Any) -> Any:
    return evolve(node, extra=node.extra.set("name", "x"))


@pytest.mark.parametrize("path", ["", "A/1", "A/1/0", "A/1/0/1", "/B/2/"])
def test_the_node_at_the_path_is_what_the_edits_made_of_it(path: str) -> None:
    made = update_at(PLATE, path, named)
    assert node_at(made, path) == named(node_at(PLATE, path))


@given(ROOTS, st.data())
def test_update_at_changes_nothing_else(root: Root, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path, _ in parts(root)]))
    made = update_at(root, path, named)
    assert made != root
    for (where, before), (_, after) in zip(parts(root), parts(made), strict=True):
        on_the_way = path == where or path.startswith(f"{where}/") or where == ""
        assert (before is after) or on_the_way
        if isinstance(before, Image) and where != path:
            assert before is after
    back = update_at(made, path, lambda _: node_at(root, path))
    assert back == root


@given(ROOTS, st.data())
def test_an_edit_that_changes_nothing_gives_the_same_root(root: Root, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path, _ in parts(root)]))
    assert update_at(root, path, lambda node: node) is update_at(root, path) is root


def test_a_well_is_edited_by_edits_of_what_holds_images() -> None:
    made = update_at(PLATE, "A/1", c.each_image(c.set_scale(y=2)))
    assert made == each_image(PLATE, c.set_scale(y=2), where="A/1/*")


@pytest.mark.parametrize("path", ["A/3", "A", "A/1/9", "A/1/0/9"])
def test_a_node_that_is_not_there_is_refused_as_node_at_does(path: str) -> None:
    with pytest.raises(NotThereError) as ours:
        update_at(PLATE, path, named)
    with pytest.raises(NotThereError) as theirs:
        node_at(PLATE, path)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    ("path", "where"), [("A/1/1", "A/1/1"), ("B/2", "B/2"), ("B/2/0", "B/2"), ("A/1/1/0", "A/1/1")]
)
def test_inside_of_what_was_not_read_nothing_is_edited(path: str, where: str) -> None:
    with pytest.raises(NotThereError, match=f"^{where}: it was left out .* Open the store with a select that has it"):
        update_at(HALF_READ, path, named)


def other_path(node: Any) -> Any:
    return evolve(node, path="A/2")


@pytest.mark.parametrize("path", ["A/1", "A/1/0/0"])
def test_a_node_stays_at_its_path(path: str) -> None:
    with pytest.raises(InvalidValueError, match=f"^{path}: path: the edits changed the path from .* to 'A/2'"):
        update_at(PLATE, path, other_path)


@pytest.mark.parametrize(("path", "other"), [("A/1", CELLS), ("A/1/0", PLATE), ("A/1/0/0", CELLS), ("", CELLS)])
def test_a_node_keeps_its_type(path: str, other: Node) -> None:
    with pytest.raises(WrongTypeError, match=r"the edits made an? .* of an? "):
        update_at(PLATE, path, lambda _: other)


def test_what_an_edit_refuses_is_told_with_the_path_and_where_it_came_from() -> None:
    with pytest.raises(NotThereError, match=r"^A/1/0: omero\.channels: no channel 'a'") as refusal:
        update_at(PLATE, "A/1/0", c.rename_channel("a", "b"))
    assert isinstance(refusal.value.__cause__, NotThereError)


@pytest.mark.parametrize("root", [3, None, CELLS.levels[0], Unread(path="A/1"), Field(path="0", image=CELLS)])
def test_what_is_no_root_is_refused(root: Any) -> None:
    for call in (
        lambda: each_image(root),
        lambda: update_at(root, ""),
        lambda: positions(root),
        lambda: node_at(root, ""),
    ):
        with pytest.raises(WrongTypeError, match=r"^root: "):
            call()


# -- as steps ----------------------------------------------------------------------------------------------------------


def test_steps_hold_steps_and_print_compare_and_pickle() -> None:
    step = c.each_image(c.rename_channel("GFP", "EGFP"), where="A/*/*")
    assert repr(step) == "each_image(rename_channel('GFP', 'EGFP'), where='A/*/*')"
    assert step == pickle.loads(pickle.dumps(step)) != c.each_image(c.rename_channel("GFP", "a"), where="A/*/*")  # noqa: S301
    inner = c.update_at("A/1/0", c.set_scale(y=2))
    assert repr(inner) == "update_at('A/1/0', set_scale(y=2))"
    made: Plate = c.pipe(PLATE, step, inner)
    assert scale(node_at_image(made, "A/1/0"))["y"] == 2
    assert channel_names(node_at_image(made, "A/1/1")) == ("DAPI", "EGFP")


def node_at_image(root: Root, path: str) -> Image:
    node = node_at(root, path)
    assert isinstance(node, Image)
    return node


@pytest.mark.parametrize("root", [PLATE, PLATE.wells[0], SERIES])
def test_a_step_that_is_given_its_root_is_refused_when_it_is_made(root: Any) -> None:
    with pytest.raises(WrongTypeError, match="a step leaves the root out, which pipe gives it"):
        c.each_image(root, c.set_scale(y=2))
    with pytest.raises(WrongTypeError, match="a step leaves the root out, which pipe gives it"):
        c.update_at(root, "A/1/0")


def test_a_level_is_edited_at_its_path() -> None:
    level = node_at(update_at(PLATE, "A/1/0/1", c.set_extra("note", 1)), "A/1/0/1")
    assert isinstance(level, Level)
    assert level.extra == FrozenMap({"attributes": FrozenMap({"note": 1})})
