from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from zarr.storage import MemoryStore

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.cli import main
from ngff_fn.effects.local import system_calls
from ngff_fn.effects.record import STAGE
from ngff_fn.records.examples import CELLS
from ngff_fn.views.info import format_info, info

BEFORE = "cells.zarr (OME-NGFF 0.5): axes czyx, channels 405 nm, 488 nm, voxel 1 × 1 × 1 micrometer (zyx)"
AFTER = "cells.zarr (OME-NGFF 0.5): axes czyx, channels DAPI, GFP, cytoplasm, voxel 0.5 × 0.2 × 0.2 micrometer (zyx)"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory of one run of the demo, and what it printed."""
    directory = tmp_path_factory.mktemp("demo") / "made" / "by the demo"
    program = "from ngff_fn.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-X", "utf8", "-c", program, "demo", str(directory)]
    run = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert (run.returncode, run.stderr) == (0, "")
    return directory, run.stdout


def test_the_demo_prints_the_tree_the_plan_the_tree_and_the_place(demo: tuple[Path, str]) -> None:
    directory, printed = demo
    lines = printed.splitlines()
    plan = next(number for number, line in enumerate(lines) if line.startswith("change cells.zarr (0.5): "))
    assert lines.index(BEFORE) < plan < lines.index(AFTER)
    assert str((directory / "cells.zarr").resolve()) in lines[lines.index(AFTER) :]


def test_what_the_demo_made_is_what_it_says(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    image = nf.open_ome_zarr(directory / "cells.zarr").root
    assert nf.channel_names(image) == ("DAPI", "GFP", "cytoplasm")
    assert nf.scale(image) == {"c": 1.0, "z": 0.5, "y": 0.2, "x": 0.2}
    assert [level.array.shape for level in image.levels] == [(3, 16, 192, 192), (3, 8, 96, 96), (3, 4, 48, 48)]
    assert [path.name for path in directory.iterdir()] == ["cells.zarr"]


def test_a_cell_of_the_demo_has_a_nucleus_a_body_and_cytoplasm_around_the_nucleus(
    demo: tuple[Path, str],
) -> None:
    nuclei, bodies, cytoplasm = nf.to_numpy(demo[0] / "cells.zarr", "0")
    inside = nuclei > 400
    assert 0.001 < inside.mean() < 0.2
    assert bodies[inside].mean() > 2 * bodies[~inside].mean()
    assert cytoplasm[inside].mean() < bodies[inside].mean() / 4


def test_a_demo_that_would_overwrite_is_refused_with_the_cure(
    demo: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(demo[0].rglob("*"))
    assert main(["demo", str(demo[0])]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ngff-fn demo: ")
    assert printed.err.endswith("something is there already. Take another DIR, or say --overwrite.\n")
    assert sorted(demo[0].rglob("*")) == before


def test_a_demo_may_replace_what_an_earlier_one_made(tmp_path: Path) -> None:
    nf.create(tmp_path / "cells.zarr", nf.image_from(np.zeros((4, 5), "uint8"), axes="yx"), version="0.4")
    assert main(["demo", str(tmp_path), "--overwrite"]) == 0
    assert nf.open_ome_zarr(tmp_path / "cells.zarr").version == "0.5"


def test_a_directory_that_cannot_be_made_is_refused_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert main(["demo", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith(f"ngff-fn demo: {tmp_path}")


def test_a_terminal_that_has_no_letters_for_it_is_no_reason_to_fail(tmp_path: Path) -> None:
    program = f"from ngff_fn.cli import main; raise SystemExit(main(['demo', {str(tmp_path)!r}]))"
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"?" in run.stdout


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo"]])
def test_a_call_that_is_no_command_says_how_to_call_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.startswith("usage: ngff-fn")


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    commands = ("demo", "tree", "info", "rename-wells", "set-scale", "pyramid", "recover", "vacuum")
    assert all(command in printed for command in commands)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_directory_that_may_not_be_entered_is_refused_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o000)
    try:
        assert main(["demo", str(tmp_path / "out")]) == 1
    finally:
        tmp_path.chmod(0o700)
    assert capsys.readouterr().err.startswith("ngff-fn demo: ")


# -- on every kind of root, in both versions ---------------------------------------------------------------------------

IMAGE = nf.image_from(np.zeros((2, 4, 6), "uint8"), axes="cyx", channel_names=["DAPI", "GFP"], scale={"y": 0.5})
VERSIONS = pytest.mark.parametrize("version", ["0.4", "0.5"])


def plate_at(store: Path, version: Any = "0.5", paths: tuple[str, ...] = ("A/1/0", "A/1/1", "B/2/0")) -> str:
    nf.create(store, nf.plate_from_positions(dict.fromkeys(paths, IMAGE), name="screen"), version=version)
    return str(store)


def kind_at(store: Path, kind: str, version: Any = "0.5") -> str:
    """A store of a kind of root; the path of what is meant in it."""
    match kind:
        case "image":
            nf.create(store, IMAGE, version=version)
            return str(store)
        case "collection":
            series = tuple(nf.Series(path=path, image=IMAGE) for path in ("0", "1"))
            nf.create(store, nf.Collection(series=series), version=version)
            return str(store)
        case "well":
            return f"{plate_at(store, version)}/A/1"
        case _:
            return plate_at(store, version)


def scales(store: str) -> list[dict[str, float]]:
    root = nf.open_ome_zarr(store).root
    return [nf.scale(image) for _, image in nf.positions(root) if isinstance(image, nf.Image) and image.levels]


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


KINDS = [(kind, version) for kind in ("image", "plate", "well", "collection") for version in ("0.4", "0.5")]
EVERY_KIND = pytest.mark.parametrize(("kind", "version"), KINDS)


@EVERY_KIND
def test_tree_prints_what_format_tree_says(
    kind: str, version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = kind_at(tmp_path / "s.zarr", kind, version)
    snapshot = nf.open_ome_zarr(store)
    assert main(["tree", store]) == 0
    assert capsys.readouterr().out == nf.format_tree(snapshot) + "\n"
    assert main(["tree", store, "--level", "1"]) == 0
    assert capsys.readouterr().out == nf.format_tree(snapshot, 1) + "\n"


@EVERY_KIND
def test_info_as_json_is_what_info_says(
    kind: str, version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = kind_at(tmp_path / "s.zarr", kind, version)
    assert main(["info", store, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == info(nf.open_ome_zarr(store))
    assert (found["store"], found["kind"], found["version"], found["problems"]) == (store, kind, version, [])
    assert main(["info", store]) == 0
    assert capsys.readouterr().out == format_info(found) + "\n"


@EVERY_KIND
def test_set_scale_reaches_every_image(kind: str, version: str, tmp_path: Path) -> None:
    store = kind_at(tmp_path / "s.zarr", kind, version)
    before = scales(store)
    assert main(["set-scale", store, "--y", "0.25", "--x", "3"]) == 0
    assert scales(store) == [{**each, "y": 0.25, "x": 3.0} for each in before]


@EVERY_KIND
def test_pyramid_reaches_every_image(kind: str, version: str, tmp_path: Path) -> None:
    store = kind_at(tmp_path / "s.zarr", kind, version)
    assert main(["pyramid", store, "--levels", "2", "--method", "max"]) == 0
    found = [image for _, image in nf.positions(nf.open_ome_zarr(store).root)]
    made = [(len(image.levels), image.method) for image in found if isinstance(image, nf.Image)]
    assert made == [(2, "max")] * len(found)


@pytest.mark.parametrize(
    "command", [["tree"], ["info"], ["set-scale", "--z", "2"], ["pyramid"], ["rename-wells", "wells.csv"]]
)
def test_a_store_that_is_not_there_is_refused_with_the_cure(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wells.csv").write_text("A/1,A/2")
    assert main([command[0], "nothing.zarr", *command[1:]]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"ngff-fn {command[0]}: {tmp_path / 'nothing.zarr'}: there is no such store. Create one")


def test_a_reader_that_has_seen_enough_is_no_traceback(tmp_path: Path) -> None:
    store = plate_at(tmp_path / "s.zarr", paths=tuple(f"A/{column}/0" for column in range(1, 4)))
    program = "from ngff_fn.cli import main; raise SystemExit(main())"
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-c", program, "tree", store]
        run = subprocess.run(command, check=False, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert (run.returncode, run.stderr) == (1, b"")


# -- info --------------------------------------------------------------------------------------------------------------


def snapshot_of(root: nf.Plate | nf.Image) -> nf.Snapshot:
    return nf.create(MemoryStore(), root, version="0.5").snapshot


def test_info_of_an_image_has_what_the_image_has() -> None:
    found = info(snapshot_of(evolve(CELLS, name="nuclei")))
    assert found["name"] == "nuclei"
    assert found["axes"][:2] == [
        {"name": "c", "type": "channel", "unit": None},
        {"name": "z", "type": "space", "unit": "micrometer"},
    ]
    assert found["sizes"] == {"c": 2, "z": 4, "y": 64, "x": 64}
    assert found["scale"] == {"c": 1.0, "z": 0.5, "y": 0.25, "x": 0.25}
    assert found["channels"] == ["DAPI", "GFP"]
    assert found["levels"][1] == {
        "path": "1", "shape": [2, 4, 32, 32], "dtype": "uint16", "chunks": [1, 4, 32, 32], "shards": None,
    }  # fmt: skip


def test_info_says_the_shards() -> None:
    sharded = nf.rechunk(CELLS, (1, 4, 32, 32), shards_ratio=(1, 1, 2, 2), levels="0")
    found = info(snapshot_of(sharded))
    assert (found["levels"][0]["chunks"], found["levels"][0]["shards"]) == ([1, 4, 32, 32], [1, 4, 64, 64])
    assert "chunks (1, 4, 32, 32) in shards (1, 4, 64, 64)" in format_info(found)


def test_info_of_an_image_without_levels_says_so() -> None:
    found = info(snapshot_of(nf.Image(axes=nf.axes_from("yx"))))
    assert (found["sizes"], found["scale"], found["levels"]) == ({}, {}, [])
    assert "no levels yet" in format_info(found).splitlines()


def test_info_names_images_that_are_alike_once_and_each_other_kind() -> None:
    plate = nf.plate_from_positions({"A/1/0": CELLS, "A/2/0": nf.set_translation(CELLS, x=7), "B/1/0": IMAGE})
    found = info(snapshot_of(plate))
    assert [group["positions"] for group in found["images"]] == [["A/1/0", "A/2/0"], ["B/1/0"]]
    lines = format_info(found).splitlines()
    assert lines[lines.index("images: 3, of 2 kinds") + 1] == "  2 images: A/1/0, A/2/0"
    assert "  1 image: B/1/0" in lines


def test_info_of_a_plate_has_its_lay_out() -> None:
    plate = nf.add_position(nf.empty_plate(2, 3, name="screen"), "B/3/0", CELLS)
    plate = nf.add_position(nf.add_position(plate, "B/3/1", CELLS), "A/1/0", CELLS, acq_index=4)
    found = info(snapshot_of(plate))
    assert (found["name"], found["rows"], found["columns"]) == ("screen", ["A", "B"], ["1", "2", "3"])
    assert found["wells"] == {"A/1": ["0"], "B/3": ["0", "1"]}
    assert [each["id"] for each in found["acquisitions"]] == [0, 4]
    lines = format_info(found).splitlines()
    assert "wells: 2 of 6" in lines
    assert "fields per well: 2 in 1 well, 1 in 1 well" in lines


def test_info_of_a_plate_without_wells_says_that_there_are_none() -> None:
    found = info(snapshot_of(nf.empty_plate(2, 3)))
    assert (found["wells"], found["images"], found["not_read"]) == ({}, [], [])
    assert "images: 0" in format_info(found).splitlines()


def test_info_names_what_was_not_read_and_why(tmp_path: Path) -> None:
    store = plate_at(tmp_path / "s.zarr")
    (tmp_path / "s.zarr/A/1/1/zarr.json").write_text('{"zarr_format": 3, "node_type": "array"}')
    shutil.rmtree(tmp_path / "s.zarr/B/2")
    found = info(nf.open_ome_zarr(store))
    assert found["not_read"] == ["A/1/1", "B/2"]
    assert found["wells"]["B/2"] is None
    assert [problem["location"] for problem in found["problems"]] == ["A/1/1"]
    assert "lenient: A/1/1: it cannot be read as an image" in format_info(found)


def test_a_size_that_json_has_no_number_for_is_a_text() -> None:
    odd = evolve(IMAGE, levels=(evolve(IMAGE.levels[0], scale=(1.0, float("nan"), float("inf"))),))
    found = info(evolve(snapshot_of(IMAGE), root=odd))
    assert found["scale"] == {"c": 1.0, "y": "nan", "x": "inf"}
    assert "y nan" in format_info(found)


# -- rename-wells ------------------------------------------------------------------------------------------------------


def renamed(store: str, text: str, *more: str) -> int:
    file = Path(store).parent / "wells.csv"
    file.write_text(text, encoding="utf-8")
    return main(["rename-wells", store, str(file), *more])


def wells_of(store: str) -> list[str]:
    return [path for path, _ in nf.wells(nf.open_ome_zarr(store).root)]


@VERSIONS
@pytest.mark.parametrize(
    "text", ["A/1,C/3\nB/2,A/1x\n", "old,new\nA/1,C/3\nB/2,A/1x", "\ufeffOld, New\r\n\r\n A/1 , C/3\r\nB/2,A/1x\r\n"]
)
def test_wells_are_renamed_with_all_that_is_in_them(version: str, text: str, tmp_path: Path) -> None:
    store = plate_at(tmp_path / "s.zarr", version)
    before = nf.open_ome_zarr(store).root
    assert renamed(store, text) == 0
    after = nf.open_ome_zarr(store).root
    assert [path for path, _ in nf.positions(after)] == ["A/1x/0", "C/3/0", "C/3/1"]
    assert nf.format_tree(nf.node_at(after, "C/3")).splitlines()[1:] == nf.format_tree(before.wells[0]).splitlines()[1:]


def test_all_renamings_are_one_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = plate_at(tmp_path / "s.zarr")
    assert renamed(store, "A/1,A/7\nB/2,B/7") == 0
    assert capsys.readouterr().out.startswith("change s.zarr (0.5): 1 document, ")
    assert wells_of(store) == ["A/7", "B/7"]


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = plate_at(tmp_path / "s.zarr")
    before = nf.open_ome_zarr(store)
    assert renamed(store, "A/1,A/7", "--dry-run") == 0
    assert main(["set-scale", store, "--y", "2", "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "> A/1 → A/7" in printed
    assert "~ A/1/0/zarr.json  15 bytes" in printed
    assert nf.open_ome_zarr(store) == before


def test_what_is_wrong_in_the_file_is_said_at_once_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = plate_at(tmp_path / "s.zarr", paths=("A/1/0", "A/2/0", "A/3/0"))
    text = "old,new\nA/9,B/1\nA/1,A/3\nA/2,B/-\n\nA/2,C/1\nA/3,C/1\n"
    assert renamed(store, text) == 1
    told = [line.removeprefix(f"ngff-fn rename-wells: {tmp_path}/wells.csv:") for line in said(capsys)]
    assert [line.partition(":")[0] for line in told] == ["2", "3", "4", "6", "7"]
    assert told[0] == "2: A/9: the plate has no such well; it has: A/1, A/2, A/3."
    assert told[1].startswith("3: A/3 becomes free by line 7 of the same commit. Rename that well in a file of its own")
    assert told[3:] == [
        "6: A/2 is renamed in line 4 already. Leave one out.",
        "7: C/1 is the new name in line 6 already. Give another.",
    ]
    assert wells_of(store) == ["A/1", "A/2", "A/3"]


@pytest.mark.parametrize("text", ["A/1,B/2\nB/2,A/1\n", "A/1,B/2\nB/2,C/1\n", "B/2,C/1\nA/1,B/2\n"])
def test_a_name_that_becomes_free_by_the_same_file_is_refused_with_the_cure(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = plate_at(tmp_path / "s.zarr")
    assert renamed(store, text) == 1
    assert "Rename that well in a file of its own first" in said(capsys)[0]
    assert wells_of(store) == ["A/1", "B/2"]


def test_the_cure_for_a_chain_works(tmp_path: Path) -> None:
    store = plate_at(tmp_path / "s.zarr")
    assert (renamed(store, "B/2,C/1"), renamed(store, "A/1,B/2")) == (0, 0)
    assert wells_of(store) == ["B/2", "C/1"]


def test_a_well_that_keeps_its_name_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = plate_at(tmp_path / "s.zarr")
    assert renamed(store, "A/1,A/1") == 0
    assert capsys.readouterr().out == "nothing to do\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A/1;B/1", "wells.csv:1: it is not two names with a comma between them, but ['A/1;B/1']. Give such as"),
        (b"A/1,B/1,C/1", "wells.csv:1: it is not two names"),
        (b"A/1,B/1\nA/1,", "wells.csv:2: it is not two names"),
        (b"", "wells.csv: it names no wells. Give lines such as A/1,B/3."),
        (b"old,new", "wells.csv: it names no wells."),
        (b"A/1,\xff", "wells.csv: it cannot be read as CSV in UTF-8 ("),
        (b'A/1,"B', "wells.csv: it cannot be read as CSV in UTF-8 ("),
        (None, "wells.csv: it cannot be read as CSV in UTF-8 ("),
    ],
)
def test_a_file_that_is_no_list_of_renamings_is_refused(
    content: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "wells.csv").write_bytes(content)
    assert main(["rename-wells", "s.zarr", str(tmp_path / "wells.csv")]) == 1
    assert message in said(capsys)[0]


@pytest.mark.parametrize("kind", ["image", "well", "collection"])
def test_what_has_no_wells_is_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = kind_at(tmp_path / "s.zarr", kind)
    (tmp_path / "wells.csv").write_text("A/1,A/2")
    assert main(["rename-wells", store, str(tmp_path / "wells.csv")]) == 1
    cure = "and has no wells to rename. Give the store of a plate."
    assert said(capsys) == [f"ngff-fn rename-wells: {store}: it is of kind {kind}, {cure}"]


# -- set-scale ---------------------------------------------------------------------------------------------------------


def test_a_scale_that_an_image_cannot_have_is_refused_for_all_that_cannot_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = plate_at(tmp_path / "s.zarr")
    before = nf.open_ome_zarr(store)
    assert main(["set-scale", store, "--y", "2", "--z", "0.25"]) == 1
    assert [line.split(": ")[1] for line in said(capsys)] == ["A/1/0", "A/1/1", "B/2/0"]
    assert main(["set-scale", store, "--y", "-1"]) == 1
    assert "A/1/0: levels[0].scale, axis y: -1.0 is not a positive, finite number. Give one." in said(capsys)[0]
    assert nf.open_ome_zarr(store) == before


def test_without_a_size_there_is_nothing_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["set-scale", plate_at(tmp_path / "s.zarr")]) == 1
    assert said(capsys) == ["ngff-fn set-scale: scale: no size is given. Say one, such as --z 0.25."]


def test_positions_where_nothing_is_are_named_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = plate_at(tmp_path / "s.zarr")
    nf.update(store, c.add_position("C/1/0"))
    shutil.rmtree(tmp_path / "s.zarr/B/2")
    shutil.rmtree(tmp_path / "s.zarr/A/1/1")
    assert main(["set-scale", store, "--y", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "A/1/1: it is listed, and nothing is there. It is left as it is.",
        "B/2: it is listed, and nothing is there. It is left as it is.",
        "C/1/0: the image has no levels yet. It is left as it is.",
    ]
    assert [each["y"] for each in scales(store)] == [2.0]


def test_an_image_that_is_there_and_could_not_be_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = plate_at(tmp_path / "s.zarr")
    (tmp_path / "s.zarr/A/1/1/zarr.json").write_text('{"zarr_format": 3, "node_type": "array"}')
    assert main(["set-scale", store, "--y", "2"]) == 1
    assert said(capsys)[0].startswith("ngff-fn set-scale: A/1/1: it is there and could not be read")
    assert [each["y"] for each in scales(store)] == [0.5, 0.5]


def test_where_no_image_has_a_scale_that_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nf.create(tmp_path / "s.zarr", nf.add_position(nf.empty_plate(2, 3), "A/1/0"), version="0.5")
    assert main(["set-scale", str(tmp_path / "s.zarr"), "--y", "2"]) == 1
    assert said(capsys)[0].endswith("there is no image in it that has a scale. Add one first.")


# -- pyramid -----------------------------------------------------------------------------------------------------------


def test_a_pyramid_that_is_there_is_made_again(tmp_path: Path) -> None:
    store, pixels = tmp_path / "s.zarr", np.arange(48, dtype="uint8").reshape(6, 8)
    nf.create(store, nf.with_pyramid(nf.image_from(pixels, axes="yx"), 2, method="min"), version="0.5")
    assert main(["pyramid", str(store), "--method", "max"]) == 0
    np.testing.assert_array_equal(nf.to_numpy(store, "1"), pixels[1::2, 1::2])


def test_a_pyramid_of_another_height_is_made_when_it_shall_replace_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, pixels = tmp_path / "s.zarr", np.arange(48, dtype="uint8").reshape(6, 8)
    nf.create(store, nf.with_pyramid(nf.image_from(pixels, axes="yx"), 2), version="0.5")
    assert main(["pyramid", str(store), "--levels", "3"]) == 1
    assert "--replace" in said(capsys)[0]
    assert main(["pyramid", str(store), "--levels", "3", "--method", "max", "--replace"]) == 0
    np.testing.assert_array_equal(nf.to_numpy(store, "1"), pixels[1::2, 1::2])
    assert nf.to_numpy(store, "2").shape == (2, 2)
    assert main(["pyramid", str(store), "--replace"]) == 0
    assert nf.to_numpy(store, "2").shape == (2, 2)


def test_a_pyramid_that_no_image_can_have_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = plate_at(tmp_path / "s.zarr")
    before = nf.open_ome_zarr(store)
    assert main(["pyramid", store]) == 1
    assert [line.split(": ")[1] for line in said(capsys)] == ["A/1/0", "A/1/1", "B/2/0"]
    assert main(["pyramid", store, "--levels", "2", "--dry-run"]) == 0
    assert "+ A/1/0/1" in capsys.readouterr().out
    assert nf.open_ome_zarr(store) == before


# -- what is said to all that write ------------------------------------------------------------------------------------

WRITING = ("demo", "rename-wells", "set-scale", "pyramid", "recover", "vacuum")


@pytest.mark.parametrize("command", WRITING)
def test_where_there_are_no_locks_a_command_that_writes_is_the_single_writer_when_told(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Path(plate_at(tmp_path / "store.zarr"))
    (tmp_path / "wells.csv").write_text("A/1,B/3\n")
    (store / STAGE / "left").mkdir(parents=True)
    monkeypatch.setattr(system_calls, "fcntl", None)  # as on Windows
    more = {"rename-wells": [str(tmp_path / "wells.csv")], "set-scale": ["--y", "3"], "pyramid": ["--levels", "2"]}
    arguments = [command, str(tmp_path if command == "demo" else store), *more.get(command, [])]
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "Say --single-writer where no other program writes." in told
    assert "single_writer" not in told
    assert main([*arguments, "--single-writer"]) == 0
    assert (store / STAGE).exists() == (command == "demo")


@pytest.mark.parametrize("command", ["tree", "info"])
def test_who_only_reads_need_not_say_that_nobody_writes(command: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([command, str(tmp_path), "--single-writer"])


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "ngff_fn", "tree", "/dev/null/no-store"]
    run = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert run.returncode == 1
    assert run.stderr.startswith("ngff-fn tree: ")


def test_info_of_files_that_are_torn_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "eye.zarr"
    nf.create(store, nf.image_from(np.eye(4, dtype="uint8"), axes="yx", chunks=(2, 2)), version="0.5")
    assert main(["info", str(store), "--files"]) == 0
    (store / "0" / "c" / "0" / "0.partial").write_bytes(b"")  # which no reader looks at
    assert main(["info", str(store), "--files"]) == 0
    (store / "0" / "c" / "0" / "0").write_bytes(b"")
    for how in ([], ["--json"]):
        assert main(["info", str(store), "--files", *how]) == 1
    assert main(["info", str(store)]) == 0
    assert "error" in capsys.readouterr().out


def test_a_demo_inside_of_a_store_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "eye.zarr"
    nf.create(store, nf.image_from(np.eye(4, dtype="uint8"), axes="yx"), version="0.5")
    for directory in (store, store / "0", store / "new"):
        assert main(["demo", str(directory)]) == 1
        assert "inside a Zarr hierarchy" in capsys.readouterr().err
    assert sorted(path.name for path in store.iterdir()) == ["0", "zarr.json"]
