from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.rendering import default_channel
from ngff_fn.edits.tiles import make_tiles, set_tile, tile_grid, tile_region, tile_shape
from ngff_fn.errors import InvalidValueError, NgffError, NotThereError, OutOfRangeError, WrongTypeError
from ngff_fn.records.axes import axes_from
from ngff_fn.records.channels import Channel
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import Fill, extent
from tests.small_images import pixels_of, random_array

EMPTY = Image(axes=axes_from("tczyx"))
TILED = make_tiles(EMPTY, "0", (2, 3), (4, 2, 5, 16, 32), "uint16")
LEVEL = TILED.levels[0]


def test_tiles_are_a_level_of_zeros_that_writes_no_pixels() -> None:
    assert LEVEL.array.shape == (4, 2, 5, 32, 96)
    assert LEVEL.array.chunks == (1, 1, 1, 16, 32)
    assert LEVEL.pixels == Fill(shape=(4, 2, 5, 32, 96), value=0)
    assert (LEVEL.path, LEVEL.array.dtype, LEVEL.scale) == ("0", "uint16", (1.0,) * 5)


@pytest.mark.parametrize(
    ("chunk_dims", "chunks"), [(2, (1, 1, 1, 16, 32)), (3, (1, 1, 5, 16, 32)), (5, (4, 2, 5, 16, 32))]
)
def test_chunks_are_as_large_as_tiles_along_the_last_axes(chunk_dims: int, chunks: tuple[int, ...]) -> None:
    made = make_tiles(EMPTY, "0", (2, 3), (4, 2, 5, 16, 32), "uint16", chunk_dims=chunk_dims)
    assert made.levels[0].array.chunks == chunks


def test_a_tile_shape_is_padded_with_ones_in_front() -> None:
    assert make_tiles(EMPTY, "0", (2, 3), (16, 32), "uint8").levels[0].array.shape == (1, 1, 1, 32, 96)


def test_tiles_have_a_scale_and_a_translation() -> None:
    (level,) = make_tiles(EMPTY, "0", (1, 1), (8, 8), "u1", scale={"z": 2}, translation={"x": 5}).levels
    assert (level.scale, level.translation) == ((1.0, 1.0, 2.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0, 5.0))


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.lists(st.integers(1, 5), min_size=2, max_size=5),
    st.integers(2, 5),
)
def test_grid_and_tile_are_those_that_were_asked_for(grid: tuple[int, int], shape: list[int], chunk_dims: int) -> None:
    (level,) = make_tiles(EMPTY, "0", grid, shape, "uint8", chunk_dims=chunk_dims).levels
    assert tile_grid(level) == grid
    assert tile_shape(level) == (*[1] * (5 - len(shape)), *shape)
    regions = [tile_region(level, row, column) for row in range(grid[0]) for column in range(grid[1])]
    assert {extent(region) for region in regions} == {tile_shape(level)}
    assert len(set(regions)) == len(regions)


def test_tiles_at_the_end_of_another_programs_level_may_be_smaller() -> None:
    (level,) = image_from(np.zeros((20, 30)), axes="yx", chunks=(8, 16)).levels
    assert tile_grid(level) == (3, 2)
    assert tile_region(level, 2, 1) == ((16, 20), (16, 30))


@pytest.mark.parametrize(
    ("pre_dims", "wanted"),
    [
        (None, ((0, 4), (0, 2), (0, 5))),
        ((1, 0, 4), ((1, 2), (0, 1), (4, 5))),
        ((-1, None, slice(1, None)), ((3, 4), (0, 2), (1, 5))),
        ([(1, 3), np.int64(1), slice(None)], ((1, 3), (1, 2), (0, 5))),
    ],
)
def test_an_integer_in_pre_dims_selects_that_index(pre_dims: Any, wanted: Any) -> None:
    assert tile_region(LEVEL, 1, 2, pre_dims=pre_dims) == (*wanted, (16, 32), (64, 96))


@pytest.mark.parametrize("place", [(2, 0), (0, 3), (-1, 0), (0, -1), (100, 100)])
def test_out_of_the_grid_is_an_index_error(place: tuple[int, int]) -> None:
    with pytest.raises(OutOfRangeError, match="the grid has"):
        tile_region(LEVEL, *place)
    with pytest.raises(OutOfRangeError, match="the grid has"):
        set_tile(TILED, 0, *place, 7)


@pytest.mark.parametrize("place", [(0.0, 0), (0, "1"), (None, 0), (True, 0), (slice(0, 1), 0)])
def test_a_row_or_column_that_is_no_integer_is_a_type_error(place: Any) -> None:
    with pytest.raises(WrongTypeError, match="no integer"):
        tile_region(LEVEL, *place)


def test_numpys_integers_are_integers() -> None:
    assert tile_region(LEVEL, np.int64(1), np.uint8(2)) == tile_region(LEVEL, 1, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pre_dims", "error"),
    [
        ((4, 0, 0), OutOfRangeError),
        ((-5, 0, 0), OutOfRangeError),
        ((slice(0, 9), 0, 0), OutOfRangeError),
        ((0, 0), InvalidValueError),
        (3, InvalidValueError),
        ((0, 0, "z"), WrongTypeError),
        ((0, 0, 1.5), WrongTypeError),
    ],
)
def test_pre_dims_that_are_not_there_are_refused(pre_dims: Any, error: type[NgffError]) -> None:
    with pytest.raises(error, match="pre_dims"):
        tile_region(LEVEL, 0, 0, pre_dims=pre_dims)


@given(st.data())
def test_tiles_hold_what_was_set_and_the_others_what_was_there(data: st.DataObject) -> None:
    image = make_tiles(Image(axes=axes_from("zyx")), "0", (2, 3), (2, 3, 4), "uint8")
    wanted = np.zeros((2, 6, 12), "uint8")
    for seed in range(data.draw(st.integers(1, 6))):
        row, column = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 2))
        tile = random_array((2, 3, 4), "uint8", seed)
        image = set_tile(image, "0", row, column, tile)
        wanted[:, row * 3 : row * 3 + 3, column * 4 : column * 4 + 4] = tile
    np.testing.assert_array_equal(pixels_of(image), wanted)


def test_a_plane_of_a_tile_is_set_without_its_axes_of_length_one() -> None:
    plane = random_array((16, 32), "uint16", 1)
    made = set_tile(TILED, "0", 1, 1, plane, pre_dims=(2, 1, 3))
    pixels = pixels_of(made)
    np.testing.assert_array_equal(pixels[2, 1, 3, 16:32, 32:64], plane)
    assert np.count_nonzero(pixels) == np.count_nonzero(plane)


def test_a_tile_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"\(4, 2, 5, 16, 32\)"):
        set_tile(TILED, 0, 0, 0, np.zeros((16, 32), "uint16"))


def test_a_level_that_is_not_there_has_no_tiles() -> None:
    with pytest.raises(NotThereError, match="no level '1'"):
        set_tile(TILED, "1", 0, 0, 7)


@pytest.mark.parametrize(
    ("grid", "tile", "location"),
    [
        ((2,), (8, 8), "grid_shape"),
        ((2, 0), (8, 8), "grid_shape"),
        ((2, 2.0), (8, 8), "grid_shape"),
        (2, (8, 8), "grid_shape"),
        ((2, 2), (8,), "tile_shape"),
        ((2, 2), (1, 1, 1, 1, 8, 8), "tile_shape"),
        ((2, 2), (8, 0), "tile_shape"),
    ],
)
def test_grids_and_tiles_are_positive_integers(grid: Any, tile: Any, location: str) -> None:
    with pytest.raises(InvalidValueError, match=location):
        make_tiles(EMPTY, "0", grid, tile, "uint8")


@pytest.mark.parametrize("chunk_dims", [1, 6, 2.0, None])
def test_chunk_dims_are_from_two_to_the_number_of_axes(chunk_dims: Any) -> None:
    with pytest.raises(InvalidValueError, match="chunk_dims"):
        make_tiles(EMPTY, "0", (1, 1), (8, 8), "uint8", chunk_dims=chunk_dims)


def test_a_level_that_is_there_is_not_replaced() -> None:
    with pytest.raises(InvalidValueError, match="is there"):
        make_tiles(TILED, "0", (1, 1), (1, 2, 1, 8, 8), "uint8")


NAMED = evolve(EMPTY, channels=(Channel(label="DAPI"), Channel(label="GFP")))


def test_a_tile_has_no_more_channels_than_there_are_names() -> None:
    with pytest.raises(InvalidValueError, match=r"tile_shape: it has 3 channels, and the image has 2 channel names"):
        make_tiles(NAMED, "0", (2, 3), (1, 3, 1, 8, 8), "uint8")
    for number in (1, 2):
        made = make_tiles(NAMED, "0", (2, 3), (1, number, 1, 8, 8), "uint8")
        assert made.levels[0].array.shape == (1, number, 1, 16, 24)


def test_the_channels_of_a_tile_are_said_where_there_may_be_one_or_all() -> None:
    with pytest.raises(InvalidValueError, match=r"no number of channels.*DAPI, GFP.*such as \(1, 2, 1, 8, 9\)"):
        make_tiles(NAMED, "0", (2, 3), (8, 9), "uint8")
    assert make_tiles(NAMED, "0", (2, 3), (2, 1, 8, 8), "uint8").levels[0].array.shape == (1, 2, 1, 16, 24)
    alone = evolve(NAMED, channels=(Channel(label="DAPI"),))
    assert make_tiles(alone, "0", (2, 3), (8, 8), "uint8").levels[0].array.shape == (1, 1, 1, 16, 24)


def test_the_first_tiles_give_channels_the_color_and_window_of_new_ones() -> None:
    channels = make_tiles(NAMED, "0", (2, 3), (2, 1, 8, 8), "uint8").channels
    assert channels == tuple(default_channel(name, "uint8", first=name == "DAPI") for name in ("DAPI", "GFP"))


@pytest.mark.parametrize(("shape", "pre_dims"), [((16, 32), "(t, c, z)"), ((5, 16, 32), "(t, c, None)")])
def test_a_part_of_a_tile_is_refused_with_the_pre_dims_that_place_it(shape: tuple[int, ...], pre_dims: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        set_tile(TILED, "0", 0, 0, np.zeros(shape, "uint16"))
    assert f"Say which part it is, with pre_dims={pre_dims}." in str(refusal.value)


@pytest.mark.parametrize("ask", [tile_grid, tile_shape, lambda level: tile_region(level, 0, 0)])
def test_tiles_are_asked_of_a_level(ask: Any) -> None:
    with pytest.raises(WrongTypeError, match=r"level: an Image is no level. Give one, such as level_at"):
        ask(TILED)
