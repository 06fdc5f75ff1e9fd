"""Labelled arrays put into images, by their coordinates alone; and what comes back is what went in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.axes import axis_names, channel_axis
from tests.small_images import AXES, arrays, images, pixels_of

xarray: Any = pytest.importorskip("xarray")
dask_array: Any = pytest.importorskip("dask.array")

NAMES = ["DAPI", "GFP", "Cy5"]
EMPTY = nf.Image(axes=nf.axes_from("tczyx"), channels=tuple(nf.Channel(label=name) for name in NAMES))


def labelled(
    t: Any = (0.0, 0.5), names: Any = NAMES, shape: tuple[int, ...] = (2, 4, 6), start: int = 1, **coords: Any
) -> Any:
    """A DataArray of t, c, z, y, x whose values are all different."""
    sizes = (len(t), len(names), *shape)
    values = np.arange(start, start + np.prod(sizes), dtype="uint16").reshape(sizes)
    usual = {"t": list(t), "c": list(names), **{d: 10 + 0.25 * np.arange(n) for d, n in zip("zyx", shape, strict=True)}}
    return xarray.DataArray(values, dims=list("tczyx"), coords={**usual, **coords})


def refusals(image: nf.Image, data_array: Any, **keywords: Any) -> list[str]:
    with pytest.raises(nf.NgffError) as refusal:
        nf.set_xarray(image, data_array, **keywords)
    return list(map(str, refusal.value.problems))


FIRST = nf.set_xarray(EMPTY, labelled())

# --- the first call makes the level -----------------------------------------------------------------------------------


def test_the_first_call_makes_the_level() -> None:
    assert [level.path for level in FIRST.levels] == ["0"]
    np.testing.assert_array_equal(pixels_of(FIRST), labelled().values)
    assert nf.scale(FIRST) == {"t": 0.5, "c": 1.0, "z": 0.25, "y": 0.25, "x": 0.25}
    assert nf.effective_translation(FIRST, 0) == (0.0, 0.0, 10.0, 10.0, 10.0)


def test_it_has_all_channels_of_the_image_also_where_the_data_have_few() -> None:
    data = labelled(names=["Cy5"])
    image = nf.set_xarray(EMPTY, data)
    assert nf.sizes(image)["c"] == 3
    np.testing.assert_array_equal(pixels_of(image)[:, 2], data.values[:, 0])
    assert not pixels_of(image)[:, :2].any()


def test_channels_in_another_order_go_to_their_names() -> None:
    data = labelled(names=["Cy5", "DAPI", "GFP"])
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(EMPTY, data)), data.sel(c=NAMES).values)


def test_units_of_the_data_are_those_of_the_axes() -> None:
    data = labelled()
    data.coords["t"].attrs["units"], data.coords["z"].attrs["units"] = "ms", "µm"
    axes = nf.set_xarray(EMPTY, data).axes
    assert [axis.unit for axis in axes] == ["millisecond", None, "micrometer", "micrometer", "micrometer"]


def test_its_name_is_that_of_an_image_without_one() -> None:
    assert nf.set_xarray(EMPTY, labelled().rename("cells")).name == "cells"
    image = nf.set_xarray(FIRST, labelled().rename("others"))
    assert image.name is None


def test_attributes_are_kept_and_updated() -> None:
    first = nf.set_xarray(EMPTY, labelled().assign_attrs(units="nm", gain=np.float32(2), parts=np.arange(2)))
    assert first.levels[0].extra["attributes"] == nf.FrozenMap({"units": "nm", "gain": 2.0, "parts": (0, 1)})
    second = nf.set_xarray(first, labelled(names=["GFP"]).assign_attrs(gain=3))
    assert second.levels[0].extra["attributes"] == nf.FrozenMap({"units": "nm", "gain": 3, "parts": (0, 1)})


def test_attributes_that_no_document_can_have_are_refused_together() -> None:
    found = refusals(EMPTY, labelled().assign_attrs(a=object(), b=float("nan"), ngff_fn={}, fine=1))
    assert [problem.partition(":")[0] for problem in found] == [
        f"data_array.attrs[{name!r}]" for name in ("a", "b", "ngff_fn")
    ]


def test_a_single_time_point_says_its_step_by_an_attribute() -> None:
    data = labelled(t=[5.0])
    assert nf.scale(nf.set_xarray(EMPTY, data))["t"] == 1
    data.coords["t"].attrs["step"] = 0.5
    assert nf.scale(nf.set_xarray(EMPTY, data))["t"] == 0.5


def test_a_transformation_of_the_whole_multiscale_is_reckoned_with() -> None:
    image = nf.set_multiscale_translation(nf.set_multiscale_scale(EMPTY, x=2.0), x=1.0)
    made = nf.set_xarray(image, labelled())
    assert nf.scale(made)["x"] == 0.25
    assert nf.effective_translation(made, 0)[-1] == 10
    assert nf.set_xarray(made, labelled(start=7)).levels[0].array == made.levels[0].array


def test_a_level_that_is_not_there_is_refused_where_there_are_others() -> None:
    with pytest.raises(nf.NotThereError, match="O"):
        nf.set_xarray(FIRST, labelled(), level="O")


# --- later calls put pixels where they belong -------------------------------------------------------------------------


def test_a_subset_of_channels_and_time_points_goes_to_its_places() -> None:
    data = labelled(t=[0.5], names=["Cy5", "DAPI"], start=1000)
    expected = labelled().values.copy()
    expected[1:2, [2, 0]] = data.values
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(FIRST, data)), expected)


def test_time_points_need_not_be_next_to_one_another() -> None:
    image = nf.set_xarray(EMPTY, labelled(t=np.arange(5) / 2))
    data = labelled(t=[2.0, 0.0, 0.5], start=1000)
    expected = pixels_of(image).copy()
    expected[[4, 0, 1]] = data.values
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(image, data)), expected)


def test_a_box_of_z_y_and_x_goes_to_its_place() -> None:
    data = labelled(start=1000).isel(y=slice(1, 3), x=slice(2, 6), z=slice(1, 2))
    expected = labelled().values.copy()
    expected[:, :, 1:2, 1:3, 2:6] = data.values
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(FIRST, data)), expected)


def test_dimensions_may_be_in_another_order_and_spelled_otherwise() -> None:
    data = labelled(start=1000)
    turned = data.transpose("x", "c", "y", "t", "z").rename({"t": "T", "x": "X"})
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(FIRST, turned)), data.values)


def test_an_element_that_was_selected_still_knows_its_place() -> None:
    data = labelled(start=1000)
    expected = labelled().values.copy()
    expected[1, 1] = data.values[1, 1]
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(FIRST, data.isel(t=1).sel(c="GFP"))), expected)


def test_dimensions_without_coordinates_are_whole_axes() -> None:
    data = labelled(start=1000).drop_vars(["t", "c", "y"])
    np.testing.assert_array_equal(pixels_of(nf.set_xarray(FIRST, data)), data.values)
    found = refusals(FIRST, data.isel(t=[0], c=[0, 1], y=slice(0, 2)))
    assert [problem.partition(": ")[0] for problem in found] == [f"data_array.coords[{d!r}]" for d in "tcy"]
    assert all("nothing says which of the" in problem for problem in found)


def test_values_go_into_the_dtype_of_the_level() -> None:
    made = nf.set_xarray(FIRST, labelled().astype("uint8"))
    assert made.levels[0].array.dtype == "uint16"
    (problem,) = refusals(FIRST, labelled().astype("float32"))
    assert "float32 does not go into uint16 without loss" in problem


# --- time goes on -----------------------------------------------------------------------------------------------------


def test_time_points_right_after_the_last_make_the_image_longer() -> None:
    image = nf.with_pyramid(FIRST, 2)
    image = nf.add_label(image, "nuclei", np.ones((2, 2, 4, 6), "uint8"))
    data = labelled(t=[0.5, 1.0, 1.5], names=["GFP"], start=1000)
    longer = nf.set_xarray(image, data)
    assert [level.array.shape[0] for level in longer.levels] == [4, 4]
    expected = np.zeros((4, 3, 2, 4, 6), "uint16")
    expected[:2] = labelled().values
    expected[1:, 1:2] = data.values
    np.testing.assert_array_equal(pixels_of(longer), expected)
    (label,) = longer.labels.images  # type: ignore[union-attr]
    assert pixels_of(label.image)[:, 0, 0, 0].tolist() == [1, 1, 0, 0]  # type: ignore[arg-type]


def test_an_acquisition_commits_frame_by_frame() -> None:
    store = zarr.storage.MemoryStore()
    nf.create(store, nf.set_xarray(EMPTY, labelled(t=[0.0, 0.5])), version="0.5")
    for t in (1.0, 1.5, 2.0):
        nf.update(store, c.set_xarray(labelled(t=[t], start=int(100 * t))))
    assert nf.to_numpy(store, "0")[:, 0, 0, 0, 0].tolist() == [1, 145, 100, 150, 200]


def test_time_points_that_would_leave_others_empty_are_refused() -> None:
    (problem,) = refusals(FIRST, labelled(t=[500.0]))
    assert "it reaches to element 1000, and 998 time points before it would have no pixels" in problem


def test_only_level_0_gets_longer() -> None:
    store = zarr.storage.MemoryStore()
    root = nf.create(store, nf.with_pyramid(FIRST, 2), version="0.5").snapshot.root
    later = nf.to_xarray(store, level=1).assign_coords(t=[0.5, 1.0])
    (problem,) = refusals(root, later, level="1")
    assert problem == "levels[1].shape: the levels have 2, 2 time points, and only level 0 can get more. Write level 0."


# --- the pyramid follows ----------------------------------------------------------------------------------------------


def test_levels_below_follow_for_what_changed_only() -> None:
    image = nf.with_pyramid(FIRST, 3, method="max")
    data = labelled(t=[0.5], names=["GFP"], start=1000)
    made = nf.set_xarray(image, data)
    again = nf.with_pyramid(nf.without_pyramid(made), 3, method="max")
    for level in range(3):
        np.testing.assert_array_equal(pixels_of(made, level), pixels_of(again, level))
    assert made.levels[1].pixels.tiles[0][0][:2] == ((1, 2), (1, 2))  # type: ignore[union-attr]


def test_a_box_remakes_the_levels_below_for_its_channels() -> None:
    image = nf.with_pyramid(FIRST, 2)
    made = nf.set_xarray(image, labelled(start=1000).isel(c=[0], x=slice(1, 2)))
    again = nf.with_pyramid(nf.without_pyramid(made), 2)
    np.testing.assert_array_equal(pixels_of(made, 1), pixels_of(again, 1))


def test_levels_above_stay() -> None:
    image = nf.with_pyramid(FIRST, 2)
    store = zarr.storage.MemoryStore()
    root = nf.create(store, image, version="0.5").snapshot.root
    data = nf.to_xarray(store, level=1)
    made = nf.set_xarray(root, data.copy(data=np.full(data.shape, 9, "uint16")), level=1)
    assert made.levels[0] == root.levels[0]
    assert (nf.evaluate(made, 1) == 9).all()


# --- what is off the grid is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        ({"t": [0.0, 0.3]}, r"data_array.coords['t']: 0.3 is between two elements; the 2 elements along t lie at 0,"),
        ({"t": [-0.5, 0.0]}, "data_array.coords['t']: 1 element would lie before the first"),
        ({"t": [0.5, 0.5]}, "data_array.coords['t']: several elements have one place"),
        ({"t": [0.0, np.nan]}, "data_array.coords['t']: nan is no finite number"),
        ({"x": 10.1 + 0.25 * np.arange(6)}, "data_array.coords['x']: 10.1, 10.35, 10.6 and 3 more are between two"),
        ({"x": 10.25 + 0.25 * np.arange(6)}, "data_array.coords['x']: it reaches to element 6; the 6 elements along x"),
        ({"y": 9.75 + 0.25 * np.arange(4)}, "data_array.coords['y']: 1 element would lie before the first"),
        ({"y": [10.0, 10.5, 10.25, 10.75]}, "data_array.coords['y']: the elements are not next to one another"),
        ({"c": ["DAPI", "GFP", "gfp"]}, "data_array.coords['c']: no channel 'gfp'; the image has: DAPI, GFP, Cy5."),
        ({"c": ["DAPI", "GFP", "GFP"]}, "data_array.coords['c']: the channel 'GFP' is there twice"),
        ({"t": np.array([0, 1], "datetime64[ns]")}, "data_array.coords['t']: it is of datetime64[ns]"),
        ({"t": ["a", "b"]}, "data_array.coords['t']: 'a' is no finite number"),
    ],
)
def test_coordinates_that_are_no_places_are_refused(coords: dict[str, Any], message: str) -> None:
    (problem,) = refusals(FIRST, labelled(**coords))
    assert problem.startswith(message)


def test_all_problems_are_told_at_once() -> None:
    data = labelled(t=[-1.0, 0.0], names=["a", "b"], x=np.arange(6) / 7).astype("int64")
    found = refusals(FIRST, data)
    assert [problem.partition(":")[0] for problem in found] == [
        "data_array.coords['t']",
        "data_array.coords['c']",
        "data_array.coords['c']",
        "data_array.coords['x']",
        "data_array.coords['x']",
        "data_array",
    ]


@pytest.mark.parametrize("values", [[0.0, 1.0, 1.5, 2.0], [3.0, 2.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
def test_a_level_is_not_made_of_coordinates_that_are_not_even(values: list[float]) -> None:
    (problem,) = refusals(EMPTY, labelled(y=values))
    assert problem.startswith("data_array.coords['y']: the values do not ascend in even steps")


def test_another_unit_is_refused_where_pixels_are() -> None:
    data = labelled()
    data.coords["x"].attrs["units"] = "nm"
    (problem,) = refusals(FIRST, data)
    assert problem == "data_array.coords['x']: it is in nanometer, and the axis x in micrometer. Convert it."


def test_unknown_channels_are_a_key_error() -> None:
    with pytest.raises(KeyError):
        nf.set_xarray(FIRST, labelled(names=["DAPI", "unknown"]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (labelled().rename({"z": "depth"}), "data_array.dims: the image has axes t, c, z, y, x; no axis 'depth'."),
        (labelled().isel(z=0, drop=True), "data_array.dims: the axis 'z' is missing"),
        (labelled().expand_dims("w"), "data_array.dims: the image has axes t, c, z, y, x; no axis 'w'."),
    ],
)
def test_other_dimensions_are_refused(data: Any, message: str) -> None:
    assert refusals(FIRST, data)[0].startswith(message)


@pytest.mark.parametrize("data", [np.zeros((2, 3, 2, 4, 6)), None, [1]])
def test_what_is_no_data_array_is_a_type_error(data: Any) -> None:
    with pytest.raises(TypeError, match=r"data_array: an? \w+ is no xarray\.DataArray"):
        nf.set_xarray(FIRST, data)


# --- laws -------------------------------------------------------------------------------------------------------------


def close(left: Any, right: Any) -> bool:
    return bool(np.all(np.abs(np.subtract(left, right)) <= 2 * np.spacing(np.maximum(np.abs(left), np.abs(right)))))


numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
steps = st.floats(1e-6, 1e6) | st.sampled_from([0.1, 0.108, 0.25, 1 / 3, 65e-3])


@st.composite
def placed(draw: st.DrawFn) -> nf.Image:
    """An image with units, scales and translations of any floats, and a transformation of the whole multiscale."""
    axes = draw(st.sampled_from(AXES))
    data = draw(arrays(axes, "uint8"))
    spatial = [axis for axis in axes if axis != "c"]
    image = nf.image_from(
        data,
        axes=axes,
        scale={axis: draw(steps) for axis in spatial},
        translation={axis: draw(numbers) for axis in spatial},
        units={axis: draw(st.sampled_from([None, "nanometer", "pixel"])) for axis in spatial},
        channel_names=[f"channel {n}" for n in range(data.shape[axes.index("c")])] if "c" in axes else None,
        name=draw(st.sampled_from([None, "cells"])),
    )
    if draw(st.booleans()):
        image = nf.set_multiscale_scale(image, {axis: draw(st.sampled_from([0.5, 2.0, 0.3])) for axis in spatial})
    return evolve(image, levels=(nf.set_extra(image.levels[0], "gain", 2),))


@given(image=placed())
def test_what_comes_out_goes_in_as_it_was(image: nf.Image) -> None:
    store = zarr.storage.MemoryStore()
    root = nf.create(store, image, version="0.5").snapshot.root
    out = nf.to_xarray(store)
    empty = nf.Image(axes=root.axes, channels=root.channels)
    for made in (nf.set_xarray(empty, out), nf.image_from(out)):
        assert made.axes == root.axes
        assert nf.channel_names(made) == nf.channel_names(root)
        assert made.name == root.name
        assert close(nf.effective_scale(made, 0), nf.effective_scale(root, 0))
        assert close(nf.effective_translation(made, 0), nf.effective_translation(root, 0))
        np.testing.assert_array_equal(nf.evaluate(made), nf.evaluate(root))
        assert made.levels[0].extra == root.levels[0].extra
    assert nf.evaluate(nf.set_xarray(root, out)).tolist() == nf.evaluate(root).tolist()


@given(image=images(), data=st.data())
def test_any_part_goes_back_to_where_it_came_from(image: nf.Image, data: st.DataObject) -> None:
    store = zarr.storage.MemoryStore()
    root = nf.create(store, image, version="0.5").snapshot.root
    out, channels = nf.to_xarray(store), channel_axis(root)
    index: dict[str, Any] = {}
    for axis, (name, size) in enumerate(nf.sizes(root).items()):
        if axis == channels or name == "t":
            index[name] = data.draw(st.permutations(range(size)))[: data.draw(st.integers(1, size))]
        else:
            start = data.draw(st.integers(0, size - 1))
            index[name] = slice(start, data.draw(st.integers(start + 1, size)))
    part = out.isel(index)
    changed = part.copy(data=np.logical_not(part.values).astype(part.dtype))
    expected = nf.evaluate(root)
    expected[np.ix_(*(np.arange(size)[index[name]] for name, size in nf.sizes(root).items()))] = changed.values
    np.testing.assert_array_equal(nf.evaluate(nf.set_xarray(root, changed)), expected)
    assert axis_names(root) == out.dims


# --- lazily -----------------------------------------------------------------------------------------------------------


def test_pixels_are_computed_at_the_commit_and_in_parts() -> None:
    shapes: list[tuple[int, ...]] = []

    def block(values: Any) -> Any:
        shapes.append(values.shape)
        return values + 1

    lazy = dask_array.zeros((2, 3, 2, 64, 64), chunks=(1, 1, 2, 32, 32), dtype="uint16").map_blocks(
        block, dtype="uint16", meta=np.empty((0,) * 5, "uint16")
    )
    data = labelled(shape=(2, 64, 64)).copy(data=lazy)
    image = nf.set_xarray(EMPTY, data)
    assert shapes == []
    store = zarr.storage.MemoryStore()
    nf.create(store, nf.rechunk(image, (1, 1, 2, 32, 32)), version="0.5")
    assert set(shapes) == {(1, 1, 2, 32, 32)}
    assert (nf.to_numpy(store, "0") == 1).all()


def test_the_step_prints_itself_and_pickles() -> None:
    import pickle

    step = c.set_xarray(labelled(), level="0")
    assert repr(step) == "set_xarray(<array (2, 3, 2, 4, 6) uint16>, level='0')"
    assert pickle.loads(pickle.dumps(step))(EMPTY).levels[0].array == FIRST.levels[0].array  # noqa: S301 — of our own
