"""What a recipe means is what the same steps give on NumPy arrays; a region of it is that region of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from zarr.storage import MemoryStore

from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits.transaction import carry_out, recover
from ngff_fn.effects.local.files import LocalFiles
from ngff_fn.effects.pixels.chunks import ShardCodec, unit_codec
from ngff_fn.effects.pixels.evaluate import evaluate, evaluated
from ngff_fn.effects.reading.view import View
from ngff_fn.effects.record import STAGE, standing
from ngff_fn.errors import ConflictError, InvalidValueError, NgffError, OutOfRangeError, StoreError, UnsupportedError
from ngff_fn.records.axes import axes_from
from ngff_fn.records.image import Image, Level
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Pixels, Stored, downsample, fill, given, mosaic, select, whole
from ngff_fn.records.snapshot import Version
from tests.arrays_in_stores import Home, counted, publish_new_pixels, spec
from tests.recipes import DTYPES, Blocks, meaning, recipes, regions, shapes, slices


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Blocks:
    """Arrays with odd sizes in both formats, in memory and in directories, with shards and without."""
    arrays: dict[Stored, NDArray[Any]] = {}
    versions: tuple[Version, Version] = ("0.4", "0.5")
    for version in versions:
        for kind, home in (
            ("memory", Home(version=version)),
            ("directory", Home(tmp_path_factory.mktemp("home"), version)),
        ):
            shards = (4, 6, 10) if version == "0.5" else None
            for name, array in {
                "0": spec((9, 8, 10), (4, 3, 5), fill_value=3),
                "1": spec((9, 8, 10), (2, 3, 5), "int16", shards=shards, separator="." if shards is None else "/"),
            }.items():
                values = counted(array.shape, array.dtype)
                values[:4, :6] = array.fill_value
                arrays[home.create(f"{version}/{kind}/{name}", array, values)] = values
                _HOMES.append(home)
    return arrays


_HOMES: list[Home] = []  # a store in memory is there as long as someone holds it


@for_all(st.data())
@settings(max_examples=150)
def test_a_region_of_a_recipe_is_that_region_of_what_numpy_makes_of_it(stored: Blocks, data: st.DataObject) -> None:
    shape = data.draw(shapes(3))
    pixels, dtype = data.draw(recipes(shape, stored)), data.draw(st.sampled_from(DTYPES))
    region = data.draw(regions(shape))
    everything = meaning(pixels, dtype, stored)
    part = evaluated(pixels, dtype, region)
    assert part.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(part, everything[slices(region)])


@for_all(st.data())
@settings(max_examples=30)
def test_images_of_two_and_five_axes_are_no_different(data: st.DataObject) -> None:
    shape = data.draw(shapes(2) | shapes(5, longest=3))
    pixels = data.draw(recipes(shape, {}, depth=2))
    np.testing.assert_array_equal(evaluated(pixels, "uint16", whole(shape)), meaning(pixels, "uint16", {}))


# --- the public question ----------------------------------------------------------------------------------------------


def image_of(*levels: tuple[Pixels, str]) -> Image:
    made = [
        Level(
            path=str(n), scale=(1.0,) * len(pixels.shape), array=spec(pixels.shape, pixels.shape, dtype), pixels=pixels
        )
        for n, (pixels, dtype) in enumerate(levels)
    ]
    return Image(axes=axes_from("zyx"[-len(levels[0][0].shape) :]), levels=tuple(made))


def test_a_level_is_named_by_its_path_or_its_index() -> None:
    image = image_of((fill((4, 4), 1), "uint8"), (fill((2, 2), 2), "uint8"))
    np.testing.assert_array_equal(evaluate(image), np.full((4, 4), 1))
    np.testing.assert_array_equal(evaluate(image, 1), evaluate(image, "1"))
    with pytest.raises(KeyError):
        evaluate(image, "2")
    with pytest.raises(IndexError):
        evaluate(image, 2)


def test_a_region_has_a_slice_or_a_start_and_stop_for_each_axis() -> None:
    values = counted((4, 6))
    image = image_of((given(values), "uint16"))
    np.testing.assert_array_equal(evaluate(image, region=(slice(1, None), (2, 5))), values[1:, 2:5])
    assert evaluate(image, region=(slice(2, 2), slice(None))).shape == (0, 6)
    with pytest.raises(OutOfRangeError):
        evaluate(image, region=((0, 5), (0, 6)))
    with pytest.raises(InvalidValueError):
        evaluate(image, region=(slice(None),))


def test_the_dtype_is_that_of_the_level() -> None:
    block = evaluate(image_of((given(np.array([[300, -1]])), "uint8")))
    np.testing.assert_array_equal(block, np.array([[44, 255]], "uint8"))
    assert block.dtype == np.uint8


def test_what_is_evaluated_belongs_to_the_caller() -> None:
    values = counted((4, 6))
    block = evaluate(image_of((given(values), "uint16")))
    block[...] = 0
    np.testing.assert_array_equal(values, counted((4, 6)))


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ("NaN", "float32", np.nan),
        ("-Infinity", "float64", -np.inf),
        ("0x7e00", "float16", np.nan),
        (True, "bool", True),
        (2**64 - 1, "uint64", 2**64 - 1),
        (None, "int8", 0),
        (("Infinity", -1.5), "complex64", complex(np.inf, -1.5)),
    ],
)
def test_a_constant_is_spelled_as_in_json(value: Any, dtype: str, expected: Any) -> None:
    block = evaluate(image_of((fill((2, 3), value), dtype)))
    np.testing.assert_array_equal(block, np.full((2, 3), expected, dtype))


# --- what the caller holds --------------------------------------------------------------------------------------------


class Watched:
    """An array that remembers what it was asked for."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.asked: list[tuple[Any, ...]] = []

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        self.asked.append(index)
        taken: NDArray[Any] = self.values[index]
        return taken


def test_no_more_is_asked_for_than_the_region_needs() -> None:
    watched = Watched(counted((16, 16)))
    pixels = downsample(downsample(given(watched), (2, 2), "mean", (8, 8)), (2, 2), "max", (4, 4))
    evaluated(pixels, "uint16", ((1, 2), (2, 4)))
    assert watched.asked == [(slice(4, 8), slice(8, 16))]


def test_positions_are_asked_for_in_slices_run_by_run() -> None:
    watched = Watched(counted((8, 4)))
    block = evaluated(select(given(watched), ((6, 1, 2, 3), range(4))), "uint16", whole((4, 4)))
    assert watched.asked == [(slice(6, 7), slice(0, 4)), (slice(1, 4), slice(0, 4))]
    np.testing.assert_array_equal(block, watched.values[[6, 1, 2, 3]])


def test_what_is_hidden_is_not_asked_for() -> None:
    watched = Watched(counted((4, 4)))
    pixels = mosaic(given(watched), [(((0, 4), (0, 3)), fill((4, 3), 7))])
    evaluated(pixels, "uint16", ((0, 4), (0, 3)))
    assert watched.asked == []


def test_an_array_that_no_longer_has_its_shape_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"data: .*\(3, 4\)"):
        evaluated(given(np.zeros((3, 4)), (4, 3)), "uint8", whole((4, 3)))


def test_an_array_that_cannot_be_read_is_refused_with_what_it_said() -> None:
    class Broken(Watched):
        def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
            raise RuntimeError("the disk is gone")

    with pytest.raises(StoreError, match="the disk is gone"):
        evaluated(given(Broken(counted((2, 2)))), "uint8", whole((2, 2)))


def test_a_zarr_array_may_be_given() -> None:
    held = zarr.create_array(MemoryStore(), data=counted((5, 7)), chunks=(2, 3))
    np.testing.assert_array_equal(evaluated(given(held), "uint16", ((1, 4), (2, 7))), counted((5, 7))[1:4, 2:7])


def test_a_dask_array_may_be_given() -> None:
    held = pytest.importorskip("dask.array").from_array(counted((5, 7)), chunks=(2, 3))
    np.testing.assert_array_equal(evaluated(given(held), "uint16", ((1, 4), (2, 7))), counted((5, 7))[1:4, 2:7])


@pytest.mark.peers("tensorstore")
def test_a_tensorstore_may_be_given() -> None:
    import tensorstore

    held = tensorstore.open({"driver": "array", "array": counted((5, 7)).tolist(), "dtype": "uint16"}).result()
    np.testing.assert_array_equal(evaluated(given(held), "uint16", ((1, 4), (2, 7))), counted((5, 7))[1:4, 2:7])


# --- stores that change, or are damaged -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_array_whose_documents_have_changed_is_refused(version: Version) -> None:
    home = Home(version=version)
    pixels = home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))
    np.testing.assert_array_equal(evaluated(pixels, "uint16", whole((4, 4))), counted((4, 4)))
    zarr.open_array(home.store, path="0").attrs["revision"] = 2
    with pytest.raises(ConflictError, match="0: the array has changed"):
        evaluated(pixels, "uint16", whole((4, 4)))


def test_an_array_that_changes_while_it_is_read_is_refused() -> None:
    home = Home()
    pixels = home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))

    class Writer(Watched):
        def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
            zarr.open_array(home.store, path="0").attrs["revision"] = 2
            return super().__getitem__(index)

    both = mosaic(pixels, [(((0, 1), (0, 4)), given(Writer(counted((1, 4)))))])
    with pytest.raises(ConflictError):
        evaluated(both, "uint16", whole((4, 4)))


def test_a_commit_that_has_happened_is_seen_before_it_is_carried_out(tmp_path: Path) -> None:
    home, array = Home(tmp_path), spec((4, 4), (2, 4))
    old = home.create("0", array, counted((4, 4)))
    new, changed = publish_new_pixels(home, "0", array)
    np.testing.assert_array_equal(evaluated(new, "uint16", whole((4, 4))), changed)
    with pytest.raises(ConflictError):
        evaluated(old, "uint16", whole((4, 4)))
    recover(home.files, durable=False)
    np.testing.assert_array_equal(evaluated(new, "uint16", whole((4, 4))), changed)


def test_an_array_that_is_gone_is_refused() -> None:
    home = Home()
    pixels = home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))
    home.files.remove("0")
    with pytest.raises(ConflictError):
        evaluated(pixels, "uint16", whole((4, 4)))


@pytest.mark.parametrize(("version", "shards"), [("0.4", None), ("0.5", None), ("0.5", (4, 4))])
def test_a_damaged_chunk_is_named(tmp_path: Path, version: Version, shards: tuple[int, int] | None) -> None:
    home = Home(tmp_path, version)
    pixels = home.create("cells/0", spec((8, 8), (2, 2) if shards else (4, 4), shards=shards), counted((8, 8)))
    for index in ((1, 0), (1, 1)):
        key = f"cells/0/{'c/' if version == '0.5' else ''}{index[0]}/{index[1]}"
        home.files.write(key, (home.files.read(key) or b"")[:-5])
    np.testing.assert_array_equal(evaluated(pixels, "uint16", ((0, 4), (0, 8))), counted((8, 8))[:4])
    with pytest.raises(StoreError, match="no whole chunk or shard") as refusal:
        evaluated(pixels, "uint16", ((2, 8), (0, 8)))
    keys = [problem.location.rpartition("cells/0/")[2] for problem in refusal.value.problems]
    assert keys == (["c/1/0", "c/1/1"] if version == "0.5" else ["1/0", "1/1"])


def test_a_codec_that_zarr_does_not_know_is_refused_by_name() -> None:
    home = Home()
    array = spec((4, 4), (2, 2))
    home.create("0", array, counted((4, 4)))
    home.files.write("0/zarr.json", (home.files.read("0/zarr.json") or b"").replace(b'"bytes"', b'"soap"'))
    with pytest.raises(UnsupportedError, match="soap"):
        evaluated(home.stored("0", array), "uint16", whole((4, 4)))


def test_a_memory_that_is_gone_is_refused() -> None:
    home = Home()
    pixels = home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))
    del home
    with pytest.raises(StoreError, match="gone"):
        evaluated(pixels, "uint16", whole((4, 4)))


# --- levels -----------------------------------------------------------------------------------------------------------


def test_a_level_of_floor_shape_leaves_the_rest_of_the_level_above_out() -> None:
    values = counted((5, 5))
    block = evaluated(downsample(given(values), (2, 2), "max", (2, 2)), "uint16", whole((2, 2)))
    np.testing.assert_array_equal(block, [[values[1, 1], values[1, 3]], [values[3, 1], values[3, 3]]])


def test_a_level_with_more_elements_than_can_be_made_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"pyramid: .*cannot be made"):
        evaluated(downsample(given(counted((4, 4))), (2, 2), "max", (3, 2)), "uint16", ((0, 1), (0, 1)))


def test_a_method_that_has_no_meaning_for_a_dtype_is_refused() -> None:
    with pytest.raises(NgffError, match="complex64"):
        evaluated(downsample(given(counted((4, 4))), (2, 2), "max", (2, 2)), "complex64", whole((2, 2)))


def test_stores_of_one_memory_are_one_store() -> None:
    home = Home()
    pixels = home.create("0", spec((4, 4), (2, 2)), counted((4, 4)))
    assert address_of(home.store.with_read_only(True)).files.identity == pixels.origin


def test_a_commit_that_is_carried_out_while_a_chunk_is_read_does_not_show(tmp_path: Path) -> None:
    class Interrupted(LocalFiles):
        """Files whose record is carried out just before a chunk is read from where it was a moment ago."""

        def read(self, key: str, start: int = 0, stop: int | None = None) -> bytes | None:
            if key == joined(STAGE, "chunk"):
                for record in standing(LocalFiles(self.identity)):
                    carry_out(LocalFiles(self.identity), record, durable=False)
            return super().read(key, start, stop)

    home, array = Home(tmp_path), spec((4, 4), (2, 2))
    home.create("0", array, counted((4, 4)))
    publish_new_pixels(home, "0", array)
    files = Interrupted(str(tmp_path))
    view = View(files, tuple(standing(files)))
    assert view.read("0/c/0/0") == home.files.read("0/c/0/0") is not None


@pytest.mark.parametrize(("offset", "nbytes"), [(10**6, 8), (0, 2**64 - 1), (2**64 - 1, 8), (0, 0)])
def test_a_chunk_that_its_shard_does_not_hold_is_refused_whatever_zarr_says(offset: int, nbytes: int) -> None:
    home, array = Home(), spec((8, 8), (2, 2), shards=(4, 4))
    stored = home.create("0", array, counted((8, 8)))
    codec = unit_codec(array)
    if not isinstance(codec, ShardCodec):
        pytest.skip("this release of zarr brings another package for the checksum")
    shard = home.files.read("0/c/0/0")
    assert shard is not None
    index = np.frombuffer(shard[-68:-4], "<u8").copy()
    index[:2] = offset, nbytes
    said = index.tobytes()
    home.files.remove("0/c/0/0")
    home.files.write("0/c/0/0", shard[:-68] + said + codec.checksum(said).to_bytes(4, "little"))
    with pytest.raises(StoreError, match=r"0/c/0/0: it (cannot be decoded|is no whole chunk or shard)"):
        evaluated(stored, "uint16", ((0, 2), (0, 2)))
    assert evaluated(stored, "uint16", ((2, 4), (2, 4))).tolist() == [[19, 20], [27, 28]]
