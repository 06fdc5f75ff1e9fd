"""Wrong arguments: whatever is given to a public function, it is refused with a location and a cure, or taken."""

from __future__ import annotations

import decimal
import fractions
import inspect
import pickle
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn.records.examples import CELLS, PLATE
from ngff_fn.records.subject import of_record

RECORD = nf.set_extra(CELLS, "k", 1)
DOCUMENTS = nf.Documents({"zarr.json": b"{}"})
ANY: Any = nf  # for calls that type checkers refuse as well
SNAPSHOT = nf.Snapshot(origin=nf.Place(home=""), version="0.5", root=CELLS, documents=DOCUMENTS)
STRANGE: list[Any] = [
    None, True, -1, 0, 2**70, 10**400, 1.5, float("nan"), float("-inf"), "", "x", "nope", "\ud800", "\0", b"0", [], [1],
    [[1]], {}, {"x": 1}, {1: 2}, (), (1, 2), object(), np.float32(2), np.int64(3), np.array(3), np.array([1, 2]),
    np.array(["a"]), np.array([object()]), slice(None), slice(1, "a"), range(3), set(), 1j, decimal.Decimal("1.5"),
    fractions.Fraction(1, 3), int, CELLS, SNAPSHOT, CELLS.levels[0], np.datetime64("2020"), ..., "a" * 300, "x/" * 2000,
    PLATE, PLATE.wells[0], nf.Unread(path="A/1"), nf.Collection(), nf.Snapshot(
        origin=nf.Place(home=""), version="0.5", root=PLATE, documents=DOCUMENTS),
]  # fmt: skip
SOUND: dict[str, Any] = {
    "image": CELLS, "record": RECORD, "node": CELLS, "root": CELLS, "snapshot": SNAPSHOT, "base": SNAPSHOT,
    "wanted": CELLS, "old": "GFP", "new": "q", "level": 0, "target": "*", "plan": nf.diff(SNAPSHOT, CELLS),
    "region": {}, "data": np.zeros((2, 4, 8, 8), "u2"), "row": 0, "column": 0, "grid_shape": (2, 2),
    "tile_shape": (4, 4), "dtype": "u2", "key": "k", "value": 1, "images": [CELLS], "axis": "x",
    "names": ["GFP", "DAPI"], "shape": (2, 4, 8, 8), "index": (0, 0, 0, 0), "point": (0, 0, 0, 0), "path": "",
    "axes": "czyx", "method": None, "color": "FF0000", "active": True, "unit": "um", "name": "GFP", "version": "0.4",
    "channel_names": ["a", "b"], "plate": PLATE, "rows": 8, "columns": ["1", "2"], "row_name": "C", "col_name": "1",
    "positions": {"C/1/0": CELLS},
}  # fmt: skip
BESIDE: dict[str, dict[str, Any]] = {
    "image_from": {"axes": "czyx"},
    "set_contrast_limits": {"start": 0, "end": 1},
    "set_transform": {"scale": (1, 1, 1, 1)},
    "each_image": {"edits": nf.curried.rename_channel("GFP", "q")},
    "update_at": {"edits": nf.curried.rename_channel("GFP", "q")},
    "to_numpy": {"path": "0"},
    "open_array": {"path": "0"},
    "to_dask": {"path": "0"},
}
"""What a sound call says besides what it must."""
# What is asked of these is the business of the caller's own functions, or needs a store (see the tests of stores).
ELSEWHERE = {"pipe", "commit", "create", "update", "evaluate", "open_ome_zarr", "snapshot_from", "to_tensorstore"}
CALLED = {"edits", "where"}
"""Takes functions of the caller: what these raise is theirs."""
DOORS = {"children", "open_group", "open_array", "to_dask", "to_numpy", "to_xarray", "read_tile"}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in nf.__all__:
        function = getattr(nf, name)
        if inspect.isfunction(function) and name not in ELSEWHERE:
            yield name, function


def sound(function: str, parameter: str, store: Any) -> Any:
    """What a parameter takes."""
    match function, parameter:
        case _, "store":
            return store
        case _, "data_array":
            data = np.zeros((2, 4, 64, 64), "u2")
            return pytest.importorskip("xarray").DataArray(data, dims=["c", "z", "y", "x"])
        case "add_level" | "add_level_zeros" | "make_tiles", "name":
            return "9"
        case "add_channel", "name":
            return "new"
        case "add_label", "data":
            return np.zeros((4, 64, 64), "u2")
        case "remove_label" | "set_label_colors" | "set_label_properties", "image":
            return nf.add_label(CELLS, "GFP", np.zeros((4, 64, 64), "u2"))
        case _, "colors":
            return {1: "red"}
        case _, "properties":
            return {1: {"area": 2}}
        case "rename_axis" | "axis_index", "old" | "name":
            return "z"
        case "make_tiles", "tile_shape":
            return (2, 1, 4, 4)
        case "tile_grid" | "tile_shape" | "tile_region", "level":
            return CELLS.levels[0]
        case "update_channel", "data":
            return np.zeros((4, 64, 64), "u2")
        case "set_tile" | "set_region", "data":
            return 0
        case "read_tile", "path":
            return "0"
        case "each_image" | "update_at", "root":
            return PLATE
        case "remove_well", "path":
            return "A/1"
        case "rename_well", "old" | "new":
            return {"old": "A/1", "new": "C/1"}[parameter]
        case "update_at" | "remove_position", "path":
            return "A/1/0"
        case "add_position", "path":
            return "A/1/9"
        case "move_position", "old" | "new":
            return {"old": "A/1/0", "new": "C/1/0"}[parameter]
        case _:
            return SOUND[parameter]


def call(function: Callable[..., Any], given: dict[str, Any]) -> None:
    """With the given arguments by the kinds of their parameters."""
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in given:
            continue
        match parameter.kind:
            case inspect.Parameter.KEYWORD_ONLY:
                keywords[name] = given[name]
            case inspect.Parameter.VAR_KEYWORD:
                keywords["x"] = given[name]
            case inspect.Parameter.VAR_POSITIONAL:
                arguments.append(given[name])
            case _ if keywords or len(arguments) < list(inspect.signature(function).parameters).index(name):
                keywords[name] = given[name]
            case _:
                arguments.append(given[name])
    function(*arguments, **keywords)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    nf.create(made, nf.image_from(np.zeros((8, 8), "u1"), axes="yx"), version="0.5")
    return made


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, _ in functions()])
def test_a_wrong_argument_is_refused_as_ours_and_nothing_else(name: str, store: MemoryStore) -> None:
    function: Callable[..., Any] = getattr(nf, name)
    chance = random.Random(name)
    parameters = inspect.signature(function).parameters
    empty = inspect.Parameter.empty
    needed = {
        one: sound(name, one, store)
        for one, parameter in parameters.items()
        if parameter.default is empty and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    needed |= BESIDE.get(name, {})
    call(function, needed)  # what is wrong below is the one strange argument
    for one in parameters:
        for strange in chance.sample(STRANGE, 16 if name in DOORS else len(STRANGE)):
            if one in CALLED and callable(strange):
                continue
            try:
                call(function, {**needed, one: strange})
            except nf.NgffError as refusal:
                assert all(problem.message for problem in refusal.problems)
                assert len(str(refusal)) < 20_000


def made(**options: Any) -> None:
    nf.create(MemoryStore(), nf.image_from(np.ones((8, 8), "u1"), axes="yx"), version="0.5", **options)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: ANY.add_channel(3, "a"), nf.WrongTypeError, "image: an int is no image. Give one, such as snap"),
        (lambda: ANY.crop(SNAPSHOT), nf.WrongTypeError, "image: a Snapshot is no image. Give one, such as sn"),
        (lambda: ANY.sizes(image=None), nf.WrongTypeError, "image: a NoneType is no image"),
        (lambda: ANY.is_root(CELLS), nf.WrongTypeError, "snapshot: an Image is no snapshot"),
        (lambda: ANY.listed(int), nf.WrongTypeError, "node: the class int is neither an image nor labels"),
        (lambda: ANY.diff(None, None), nf.WrongTypeError, "base: a NoneType is no snapshot"),
        (lambda: ANY.diff(SNAPSHOT, None), nf.WrongTypeError, "wanted: a NoneType is no image"),
        (lambda: ANY.describe(None), nf.WrongTypeError, "plan: a NoneType is no plan"),
        (lambda: ANY.create(MemoryStore(), CELLS, version="0.6"), nf.UnsupportedError, "version: '0.6' is not supp"),
        (lambda: nf.create(MemoryStore(), CELLS, version="0.5", executor=4), nf.WrongTypeError, "executor: an int is"),
        (lambda: ANY.axes_from(None), nf.WrongTypeError, "axes: None is neither a name nor an Axis"),
        (lambda: ANY.axes_from(["y", 1]), nf.WrongTypeError, "axes: 1 is neither a name nor an Axis"),
        (lambda: ANY.concatenate(None, axis="x"), nf.WrongTypeError, "images: a NoneType is no list of images"),
        (lambda: ANY.rechunk(CELLS, levels=1.5), nf.WrongTypeError, "levels: 1.5 is neither a path nor an index"),
        (lambda: ANY.node_at(CELLS, None), nf.WrongTypeError, "path: None is no path"),
        (lambda: ANY.ome_attributes(SNAPSHOT, None), nf.WrongTypeError, "path: None is no path"),
        (lambda: ANY.level_index(CELLS, int), nf.WrongTypeError, "is neither a path nor an index; the image has 0, 1"),
        (lambda: ANY.level_index(CELLS, np.array([0])), nf.WrongTypeError, "is neither a path nor an index"),
        (lambda: ANY.channel_index(CELLS, np.array([1, 2])), nf.NotThereError, "the image has: DAPI, GFP"),
        (lambda: ANY.remove_extra(RECORD, []), nf.NotThereError, "no key"),
        (lambda: ANY.set_extra(CELLS, "k", 1, section=[]), nf.InvalidValueError, "section"),
        (lambda: ANY.wells(CELLS), nf.WrongTypeError, "plate: an Image is no plate. Give one, such as the root of"),
        (lambda: ANY.positions(CELLS.levels[0]), nf.WrongTypeError, "root: a Level is no image, plate, well or coll"),
        (lambda: ANY.set_scale(PLATE, z=1), nf.WrongTypeError, "image: a Plate is no image. Take one of its images wi"),
        (lambda: ANY.each_image(PLATE, 1), nf.WrongTypeError, "edits[0]: an int is no function of a record"),
        (lambda: ANY.each_image(PLATE, id, where=1), nf.WrongTypeError, "where: an int is neither a glob"),
        (lambda: ANY.update_at(PLATE, 1, id), nf.WrongTypeError, "path: 1 is no path"),
        (lambda: ANY.add_well(PLATE, 1, "1"), nf.WrongTypeError, "1/1: 1 is no name of a row. Give text"),
        (lambda: ANY.add_positions(PLATE, 3), nf.WrongTypeError, "positions: an int is neither a mapping nor a list"),
        (lambda: ANY.rename_well(PLATE, "A/1", "C"), nf.InvalidValueError, "new: 'C' is not row and column. Give them"),
        (lambda: ANY.crop(CELLS, z=range(2)), nf.WrongTypeError, "axis z: range(0, 2) is neither a slice nor (start"),
        (lambda: made(executor=3), nf.WrongTypeError, "executor: an int is no executor. Give one of concurrent.fut"),
        (lambda: made(executor=ThreadPoolExecutor), nf.WrongTypeError, "executor: a type is no executor"),
        (lambda: made(memory_limit="1GB"), nf.WrongTypeError, "memory_limit: '1GB' is no number of bytes. Give one"),
        (lambda: made(memory_limit=float("nan")), nf.WrongTypeError, "memory_limit: nan is no number of bytes"),
        (lambda: ANY.diff(SNAPSHOT, PLATE), nf.WrongTypeError, "wanted: it is a Plate, and the store holds an Image"),
    ],
)  # fmt: skip
def test_the_refusal_says_what_is_expected(act: Callable[[], Any], error: type[nf.NgffError], message: str) -> None:
    with pytest.raises(error) as refusal:
        act()
    assert message in str(refusal.value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_unknown_keys_may_be_nested_as_deep_as_they_can_be_written_and_read(tmp_path: Path) -> None:
    with pytest.raises(nf.InvalidValueError, match=r"value: .* more than 90 deep"):
        nf.set_extra(CELLS, "k", nested(600))
    image = nf.set_extra(nf.image_from(np.zeros((2, 2), "u1"), axes="yx"), "k", nested(90))
    done = nf.create(tmp_path / "image.zarr", image, version="0.5")
    assert nf.open_ome_zarr(tmp_path / "image.zarr", mode="r+") == done.snapshot


def test_the_path_of_a_level_may_not_be_of_endless_depth() -> None:
    plane = nf.Image(axes=nf.axes_from("yx"))
    with pytest.raises(nf.InvalidValueError, match="2001 names, and at most 64 may be"):
        nf.add_level(plane, "x/" * 2000 + "y", np.zeros((2, 2), "u1"))
    image = nf.add_level_zeros(plane, "0", (2, 2), "u1")
    deep = evolve(image, levels=(evolve(image.levels[0], path="x/" * 2000 + "y"),))
    with pytest.raises(nf.InvalidValueError, match=r"levels\[0\].path: .* has more than 64 names"):
        nf.diff(evolve(SNAPSHOT, mode="w-"), deep)


@pytest.mark.parametrize("name", ["shape", "chunks", "shards"])
def test_a_size_that_cannot_be_read_again_is_not_written(name: str) -> None:
    plane = nf.Image(axes=nf.axes_from("yx"))
    given = {"shape": {"shape": (2**63, 2)}, "chunks": {"chunks": (2**63, 2)}, "shards": {"shards_ratio": (2**63, 1)}}
    wanted: dict[str, Any] = {"shape": (2, 2), "dtype": "u1", **given[name]}
    with pytest.raises(nf.InvalidValueError, match=r"9223372036854775808 along y is no integer from [01] to 92233720"):
        nf.add_level_zeros(plane, "0", **wanted)
    level = nf.add_level_zeros(plane, "0", (2, 2), "u1").levels[0]
    sizes: dict[str, Any] = {"chunks": (1, 1), name: (2**63, 2)}
    huge = evolve(level, array=evolve(level.array, **sizes), pixels=nf.Fill(shape=sizes.get("shape", (2, 2)), value=0))
    with pytest.raises(nf.InvalidValueError, match=rf"levels\[0\].array.{name}: .* from [01] to 9223372036854775807"):
        nf.diff(evolve(SNAPSHOT, mode="w-"), evolve(plane, levels=(huge,)))


def test_the_largest_size_is_written_and_read_again() -> None:
    store = MemoryStore()
    plane = nf.add_level_zeros(nf.Image(axes=nf.axes_from("yx")), "0", (2**63 - 1, 2), "u1", chunks=(8, 2))
    nf.create(store, plane, version="0.5")
    assert nf.sizes(nf.open_ome_zarr(store).root) == {"y": 2**63 - 1, "x": 2}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("one", ["layout", "mode", "channel_names", "axes", "version", "select"])
def test_a_store_is_not_opened_with_a_wrong_argument(one: str) -> None:
    for strange in STRANGE:
        given = {"layout": "fov", "mode": "w-", "channel_names": ["a"], one: strange}
        try:
            ANY.open_ome_zarr(MemoryStore(), **given)
        except nf.NgffError as refusal:
            assert all(problem.location for problem in refusal.problems)


def plain(image: nf.Image, factor: float, *, axis: str = "x") -> float:
    """The law."""
    return factor * nf.scale(image)[axis]


def test_a_function_that_checks_its_record_is_the_same_to_all_who_look_at_it() -> None:
    checked = of_record(nf.set_scale.__wrapped__)  # type: ignore[attr-defined]
    assert (checked.__module__, checked.__qualname__) == ("ngff_fn.edits.coordinates", "set_scale")
    assert checked.__doc__ == nf.set_scale.__doc__
    assert inspect.signature(checked) == inspect.signature(nf.set_scale)
    assert inspect.signature(of_record(plain)) == inspect.signature(plain)
    assert pickle.loads(pickle.dumps(nf.set_scale)) is nf.set_scale  # noqa: S301
    assert nf.set_scale.__globals__ is vars(inspect.getmodule(nf.set_scale))


def test_python_itself_says_that_the_record_is_missing() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'image'"):
        ANY.sizes()


def test_what_has_no_documents_is_refused_by_snapshot_from() -> None:
    with pytest.raises(nf.WrongTypeError, match="documents: a NoneType has no documents by key"):
        nf.snapshot_from(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [5, True, "DAPI", (1, 2), ["DAPI"]])
def test_channels_that_are_none_are_refused_before_anything_is_written(channels: Any) -> None:
    base = nf.create(MemoryStore(), CELLS_IN_MEMORY, version="0.4").snapshot
    with pytest.raises(nf.InvalidValueError, match=r"channels: .* are no channels"):
        nf.diff(base, evolve(base.root, channels=channels))


CELLS_IN_MEMORY = nf.image_from(np.zeros((2, 4, 4), "uint8"), axes="cyx", channel_names=["A", "B"])
