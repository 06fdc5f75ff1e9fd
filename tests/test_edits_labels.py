"""Label images as values: added, taken away, and what they do when their image changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import ngff_fn as nf
from ngff_fn.records.examples import CELLS, PLATE
from tests.reference import reference_downsample

SHAPE = (4, 64, 64)
CELLS_OF = np.random.default_rng(5).integers(0, 4, SHAPE).astype("uint16")
LABELLED = nf.add_label(CELLS, "cells", CELLS_OF)


def label_of(image: nf.Image, name: str = "cells") -> nf.Image:
    made = nf.node_at(image, f"labels/{name}")
    assert isinstance(made, nf.Image)
    return made


def lies_with(label: nf.Image, image: nf.Image) -> bool:
    """Whether each level of a label image is where the image's is, in the same shape but for the channels."""
    return len(label.levels) == len(image.levels) and all(
        (own.scale, own.translation, own.array.shape)
        == (above.scale[1:], above.translation and above.translation[1:], above.array.shape[1:])
        for own, above in zip(label.levels, image.levels, strict=True)
    )


# --- added


def test_a_new_label_image_has_the_axes_of_its_image_without_the_channels() -> None:
    assert label_of(LABELLED).axes == CELLS.axes[1:]


def test_a_new_label_image_has_as_many_levels_as_its_image_and_lies_where_it_lies() -> None:
    assert lies_with(label_of(LABELLED), CELLS)


@pytest.mark.parametrize("method", ["mode", "stride"])
def test_its_levels_are_made_by_the_method_and_no_value_is_made_up(method: Any) -> None:
    image = nf.add_label(CELLS, "cells", CELLS_OF, method=method)
    np.testing.assert_array_equal(nf.evaluate(image, "labels/cells/0"), CELLS_OF)
    np.testing.assert_array_equal(
        nf.evaluate(image, "labels/cells/1"), reference_downsample(CELLS_OF, (1, 2, 2), method)
    )


def test_it_says_of_which_image_it_is_and_how_its_levels_were_made() -> None:
    label = label_of(LABELLED)
    assert label.image_label == nf.ImageLabel(source=nf.FrozenMap({"image": "../../"}))
    assert (label.name, label.method) == ("cells", "mode")


def test_its_chunks_are_those_of_the_image_without_the_channels() -> None:
    assert [level.array.chunks for level in label_of(LABELLED).levels] == [
        level.array.chunks[1:] for level in CELLS.levels
    ]


def test_a_sharded_image_gets_sharded_labels() -> None:
    data = np.zeros((2, 8, 8), "uint8")
    image = nf.image_from(data, axes="cyx", chunks={"c": 1, "y": 2, "x": 2}, shards_ratio={"y": 2, "x": 4})
    array = label_of(nf.add_label(image, "cells", data[0])).levels[0].array
    assert (array.chunks, array.shards) == ((2, 2), (4, 8))


def test_colors_are_stored_as_integers_from_0_to_255() -> None:
    image = nf.add_label(
        CELLS, "cells", CELLS_OF, colors={1: "red", 2: "#0000FF", 3: (1, 2, 3), 4: (1, 2, 3, 4), 5: None}
    )
    said = label_of(image).image_label
    assert said is not None
    assert said.colors is not None
    assert [(color.value, color.rgba) for color in said.colors] == [
        (1, (255, 0, 0, 255)),
        (2, (0, 0, 255, 255)),
        (3, (1, 2, 3, 255)),
        (4, (1, 2, 3, 4)),
        (5, None),
    ]


@pytest.mark.parametrize("given_as", [{7: {"area": 12, "class": "S"}}, [{"label-value": 7, "area": 12, "class": "S"}]])
def test_properties_are_given_by_value_or_as_a_list(given_as: Any) -> None:
    said = label_of(nf.add_label(CELLS, "cells", CELLS_OF, properties=given_as)).image_label
    assert said is not None
    assert said.properties == (nf.FrozenMap({"label-value": 7, "area": 12, "class": "S"}),)


@pytest.mark.parametrize(
    ("arguments", "location"),
    [
        ({"name": "cells"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "zarr.json"}, "name"),
        ({"data": CELLS_OF.astype("float32")}, "data.dtype"),
        ({"data": CELLS_OF.astype(bool)}, "data.dtype"),
        ({"data": CELLS_OF[0]}, "data.shape"),
        ({"levels": 1}, "levels"),
        ({"method": "mean"}, "method"),
        ({"colors": {1: "no color"}}, "colors[1]"),
        ({"colors": {"1": "red"}}, "colors['1']"),
        ({"colors": {1: (0, 0, 0, 256)}}, "colors[1]"),
        ({"properties": [{"area": 1}]}, "properties[0]"),
        ({"properties": {1: {"area": float("nan")}}}, "properties[0].area"),
    ],
)
def test_what_is_no_label_image_is_refused_with_its_place(arguments: dict[str, Any], location: str) -> None:
    sound: dict[str, Any] = {"name": "nuclei", "data": CELLS_OF}
    with pytest.raises(nf.NgffError) as refusal:
        nf.add_label(LABELLED, **(sound | arguments))
    assert location in [problem.location for problem in refusal.value.problems]


@pytest.mark.parametrize("value", [np.int64(12), np.bool_(True), np.zeros(2)], ids=lambda value: type(value).__name__)
def test_a_property_that_is_of_numpy_is_refused_by_its_name_with_the_cure(value: Any) -> None:
    kind = f"numpy.{type(value).__name__}"
    with pytest.raises(nf.NgffError, match=rf"^properties\[0\]\.area: {kind} is not JSON\. .*tolist\(\)"):
        nf.add_label(LABELLED, "nuclei", CELLS_OF, properties={1: {"area": value}})
    nf.add_label(LABELLED, "nuclei", CELLS_OF, properties={1: {"area": value.tolist()}})


def test_all_that_is_wrong_with_a_label_image_is_told_at_once() -> None:
    with pytest.raises(nf.InvalidValueError) as refusal:
        nf.add_label(LABELLED, "cells", CELLS_OF[0].astype("f4"), levels=9)
    assert {problem.location for problem in refusal.value.problems} == {"name", "data.dtype", "data.shape", "levels"}


def test_an_image_without_levels_has_nothing_to_label() -> None:
    with pytest.raises(nf.InvalidValueError, match="no level 0"):
        nf.add_label(evolve(CELLS, levels=()), "cells", CELLS_OF)


# --- taken away, and changed


def test_removing_a_label_undoes_adding_it() -> None:
    assert nf.remove_label(LABELLED, "cells") == CELLS
    assert nf.remove_label(nf.add_label(LABELLED, "nuclei", CELLS_OF), "nuclei") == LABELLED


def test_a_label_that_is_not_there_is_refused_with_those_that_are() -> None:
    for edit in (
        nf.remove_label,
        lambda i, n: nf.set_label_colors(i, n, None),
        lambda i, n: nf.set_label_properties(i, n, None),
    ):
        with pytest.raises(nf.NotThereError, match="no label 'nuclei'; the image has: cells"):
            edit(LABELLED, "nuclei")


def test_colors_and_properties_are_set_apart_from_each_other() -> None:
    image = nf.set_label_properties(nf.set_label_colors(LABELLED, "cells", {1: "red"}), "cells", {1: {"area": 2}})
    said = label_of(image).image_label
    assert said is not None
    assert (len(said.colors or ()), len(said.properties or ())) == (1, 1)
    assert label_of(nf.set_label_colors(image, "cells", None)).image_label == evolve(said, colors=None)


def test_a_label_image_is_reached_by_its_path() -> None:
    assert nf.level_at(LABELLED, "labels/cells/1") is label_of(LABELLED).levels[1]
    assert nf.node_at(LABELLED, "labels/cells/1") is label_of(LABELLED).levels[1]
    plate = nf.update_at(PLATE, "A/1/0", nf.curried.add_label("cells", CELLS_OF))
    assert nf.node_at(plate, "A/1/0/labels/cells") == label_of(LABELLED)
    red = nf.update_at(plate, "A/1/0/labels/cells", lambda label: evolve(label, name="red"))
    assert nf.node_at(red, "A/1/0/labels/cells") == evolve(label_of(LABELLED), name="red")
    with pytest.raises(nf.NotThereError, match="the labels: cells"):
        nf.level_at(LABELLED, "labels/nuclei/0")


# --- they follow their image


def test_a_crop_takes_the_labels_along() -> None:
    part = nf.crop(LABELLED, c=(0, 1), z=(1, 3), y=(16, 48))
    assert lies_with(label_of(part), part)
    np.testing.assert_array_equal(nf.evaluate(part, "labels/cells/0"), CELLS_OF[1:3, 16:48])


def test_a_crop_off_the_blocks_makes_the_levels_of_the_labels_again_by_mode() -> None:
    part = nf.crop(LABELLED, x=(3, 40))
    expected = reference_downsample(CELLS_OF[:, :, 3:40], (1, 2, 2), "mode")
    np.testing.assert_array_equal(nf.evaluate(part, "labels/cells/1"), expected)


def test_a_crop_of_the_channels_alone_leaves_the_labels() -> None:
    assert nf.crop(LABELLED, c=(0, 1)).labels is LABELLED.labels


def test_labels_that_say_no_method_are_made_again_by_mode_all_the_same() -> None:
    bare = nf.update_at(LABELLED, "labels/cells", lambda label: evolve(label, image_label=None, method="gaussian"))
    part = nf.crop(bare, x=(3, 40))
    np.testing.assert_array_equal(
        nf.evaluate(part, "labels/cells/1"), reference_downsample(CELLS_OF[:, :, 3:40], (1, 2, 2), "mode")
    )
    assert label_of(part).image_label is None


def test_concatenated_images_have_their_labels_concatenated() -> None:
    twice = nf.concatenate([LABELLED, LABELLED], axis="y")
    assert lies_with(label_of(twice), twice)
    np.testing.assert_array_equal(nf.evaluate(twice, "labels/cells/0"), np.concatenate([CELLS_OF, CELLS_OF], axis=1))


def test_images_with_other_labels_are_not_concatenated() -> None:
    with pytest.raises(nf.InvalidValueError, match=r"images\[1\]\.labels: none are not the labels of the first, cells"):
        nf.concatenate([LABELLED, CELLS], axis="y")


def test_along_channels_the_labels_of_the_first_are_kept() -> None:
    joined = nf.concatenate([nf.crop(LABELLED, c=(0, 1)), nf.crop(CELLS, c=(1, 2))], axis="c")
    assert joined.labels is LABELLED.labels


def test_a_pyramid_reaches_the_labels_and_goes_from_them() -> None:
    flat = nf.without_pyramid(LABELLED)
    assert len(label_of(flat).levels) == 1
    tall = nf.with_pyramid(flat, levels=3)
    assert lies_with(label_of(tall), tall)
    np.testing.assert_array_equal(
        nf.evaluate(tall, "labels/cells/1"), reference_downsample(CELLS_OF, (2, 2, 2), "mode")
    )


def test_a_level_that_is_removed_or_added_at_the_end_is_so_of_the_labels() -> None:
    shorter = nf.remove_level(LABELLED, "1")
    assert len(label_of(shorter).levels) == 1
    again = nf.add_level(shorter, "half", np.zeros((2, 4, 32, 32), "uint16"))
    assert label_of(again).levels[1].path == "half"
    assert lies_with(label_of(again), again)
    np.testing.assert_array_equal(nf.evaluate(again, "labels/cells/half"), nf.evaluate(LABELLED, "labels/cells/1"))


@given(
    st.sampled_from(
        [
            nf.curried.set_scale(z=3.0, x=0.1),
            nf.curried.set_translation(y=-2.0),
            nf.curried.set_level_scale(1, x=0.7),
            nf.curried.set_level_translation("0", z=1.0),
            nf.curried.set_multiscale_scale(y=2.0),
            nf.curried.set_multiscale_translation(x=9.0),
            nf.curried.set_transform(0, scale=(1, 2, 3, 4)),
        ]
    )
)
def test_labels_lie_where_their_image_lies_after_an_edit_of_its_coordinates(edit: Any) -> None:
    moved, label = edit(LABELLED), label_of(edit(LABELLED))
    assert lies_with(label, moved)
    assert label.scale == (None if moved.scale is None else moved.scale[1:])
    assert label.translation == (None if moved.translation is None else moved.translation[1:])


def test_units_and_names_of_axes_reach_the_labels() -> None:
    image = nf.set_unit(LABELLED, z="nanometer")
    assert label_of(image).axes == image.axes[1:]


def test_labels_that_lie_elsewhere_are_left_alone_by_an_edit_of_the_coordinates() -> None:
    elsewhere = nf.update_at(LABELLED, "labels/cells", nf.curried.set_scale(x=7.0))
    assert nf.set_scale(elsewhere, x=0.1).labels is elsewhere.labels


def test_a_label_image_gets_no_pyramid_that_makes_up_values() -> None:
    label = nf.without_pyramid(label_of(LABELLED))
    with pytest.raises(nf.InvalidValueError, match="mean makes values that are no labels"):
        nf.with_pyramid(label, levels=2)
    assert len(nf.with_pyramid(label, levels=2, method="mode").levels) == 2


def test_edits_of_pixels_and_channels_leave_the_labels() -> None:
    for edit in (
        nf.curried.rename_channel("GFP", "EGFP"),
        nf.curried.remove_channel("GFP"),
        nf.curried.astype("float32"),
        nf.curried.rechunk({"y": 16}),
        nf.curried.set_region(0, {"z": (0, 1)}, 3),
    ):
        assert edit(LABELLED).labels is LABELLED.labels
