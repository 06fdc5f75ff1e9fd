"""The command line: each command is a function of its arguments, and says what it did on standard output."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO, TextIOWrapper
from math import ceil, floor, inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import asdict

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.effects.address import address_of
from ngff_fn.effects.commits.interrupted import interrupted
from ngff_fn.effects.pixels.progress import can_show_bar
from ngff_fn.errors import counted
from ngff_fn.records.pixels import METHODS
from ngff_fn.views.info import format_info, info

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it is done, 1 when it was refused, with what, where and the cure on standard error, or
    when ``info --files`` found errors.

    Parameters
    ----------
    arguments
        What stands after the program's name; None: what this process was called with.

    >>> main(["demo", "/dev/null/no-directory"])
    1
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × or ├ is no reason to fail
    options = _parser().parse_args(arguments)
    try:
        code: int | None = options.run(options)
        sys.stdout.flush()
    except nf.NgffError as error:
        for line in str(error).replace("single_writer=True", "--single-writer").splitlines():
            print(f"ngff-fn {options.command}: {_plain(line)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who reads this has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ngff-fn", description="OME-Zarr datasets as immutable values.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    about = "make synthetic cells, read them, edit them through a pipe, print the plan, commit it"
    command = commands.add_parser("demo", help=about, description=f"{about.capitalize()}.")
    command.add_argument("directory", type=Path, metavar="DIR", help="where cells.zarr will lie; it is made if need be")
    command.add_argument("--overwrite", action="store_true", help="replace the cells.zarr that is there already")
    command.set_defaults(run=_demo)

    command = _command(commands, "tree", _tree, "what a store holds, a line for each node")
    command.add_argument("--level", type=int, metavar="N", help="how many steps below the root; all, if left out")

    command = _command(commands, "info", _info, "a store summed up: axes, sizes, channels, levels, lay-out of a plate")
    command.add_argument("--json", action="store_true", help="as JSON, for programs")
    torn = "look at every file of pixels too, name those that are cut off or half written, and exit with 1 if there are"
    command.add_argument("--files", action="store_true", help=torn)

    command = _command(commands, "rename-wells", _rename_wells, "rename the wells of a plate, all in one commit")
    command.add_argument("csv", type=Path, metavar="CSV", help="a file of two columns: old, new, such as A/1,B/3")

    command = _command(commands, "set-scale", _set_scale, "set the voxel size of every image, all in one commit")
    for axis in _SCALED:
        command.add_argument(f"--{axis}", type=float, metavar="SIZE", help=f"along {axis}, in the unit of the axis")

    command = _command(commands, "pyramid", _pyramid, "make the pyramid of every image, all in one commit")
    command.add_argument("--levels", type=int, metavar="N", help="level 0 included; if left out, as many as there are")
    methods = f"one of {', '.join(METHODS)}; mean, if left out"
    command.add_argument("--method", default="mean", choices=METHODS, metavar="METHOD", help=methods)
    command.add_argument("--replace", action="store_true", help="make other levels than those that are there")

    about = "carry out what an interrupted commit has left to do, and remove what nobody will finish"
    _command(commands, "recover", _recover, about)

    command = _command(commands, "vacuum", _vacuum, "remove what writers that died have staged, and nothing else")
    younger = "keep what was changed within this time, such as 90s, 15m, 1h or 2d"
    command.add_argument("--older-than", type=_seconds, metavar="TIME", help=younger)
    command.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")

    for name in ("rename-wells", "set-scale", "pyramid"):
        commands.choices[name].add_argument("--dry-run", action="store_true", help="print the plan, and write nothing")
    alone = "ask for no lock, since no other program writes meanwhile; needed where the store has none"
    for name in ("demo", "rename-wells", "set-scale", "pyramid", "recover", "vacuum"):
        commands.choices[name].add_argument("--single-writer", action="store_true", help=alone)
    return parser


def _command(commands: Any, name: str, run: Callable[[Any], int | None], about: str) -> argparse.ArgumentParser:
    """A command about a store."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=about, description=f"{about.capitalize()}.")
    what = "an image, a plate, a well or a collection; also within a store"
    command.add_argument("store", metavar="STORE", help=what)
    command.set_defaults(run=run)
    return command


# -- tree, info --------------------------------------------------------------------------------------------------------


def _tree(options: Any) -> None:
    print(_plain(nf.format_tree(nf.open_ome_zarr(options.store), options.level)))


def _info(options: Any) -> int:
    found = info(nf.open_ome_zarr(options.store))
    found["problems"] += [asdict(problem) for problem in interrupted(options.store)]
    if options.files:
        found["problems"] += [asdict(problem) for problem in nf.torn_files(options.store)]
    print(json.dumps(found, indent=2) if options.json else _plain(format_info(found)))
    return int(options.files and any(problem["kind"] == "error" for problem in found["problems"]))


def _plain(text: str) -> str:
    """A text of lines as a terminal may have it: names in a store could say what it shall do, or turn their order."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    shown = (mark if mark.isprintable() or mark == "\n" else repr(mark)[1:-1] for mark in text)
    return "".join(shown)


# -- rename-wells ------------------------------------------------------------------------------------------------------


class _Renaming(NamedTuple):
    """What a line of the file says."""

    line: int
    old: str
    new: str


def _rename_wells(options: Any) -> None:
    renamings = _renamings(options.csv)

    def renamed(root: Any) -> Any:
        if isinstance(root, nf.Plate):
            return _with_renamed(root, renamings, options.csv)
        message = f"it is of kind {type(root).__name__.lower()}, and has no wells to rename. Give the store of a plate."
        raise nf.WrongTypeError(nf.Problem(options.store, message))

    _carry_out(options, renamed)


def _renamings(file: Path) -> list[_Renaming]:
    """The lines of the file, those of a header (``old,new``) and empty ones left out."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        reader = csv.reader(StringIO(text, newline=""), strict=True, skipinitialspace=True)
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"it cannot be read as CSV in UTF-8 ({error}). Give a file of lines such as A/1,B/3."
        raise nf.InvalidValueError(nf.Problem(str(file), message)) from error
    rows = [(line, row) for line, row in lines if any(row)]
    if rows and [cell.lower() for cell in rows[0][1]] == ["old", "new"]:
        del rows[0]
    _refuse(
        nf.Problem(f"{file}:{line}", f"it is not two names with a comma between them, but {row}. Give such as A/1,B/3.")
        for line, row in rows
        if len(row) != 2 or not all(row)
    )
    if not rows:
        raise nf.InvalidValueError(nf.Problem(str(file), "it names no wells. Give lines such as A/1,B/3."))
    return [_Renaming(line, *(name.strip("/") for name in row)) for line, row in rows]


def _with_renamed(plate: nf.Plate, renamings: Sequence[_Renaming], file: Path) -> nf.Plate:
    """The plate with all of these wells renamed; or all that is wrong with them, by line."""
    problems = list(_clashes(renamings))
    clashing = {line for line, _ in problems}
    for line, old, new in renamings:
        try:
            plate = plate if line in clashing else nf.rename_well(plate, old, new)
        except nf.NgffError as error:
            problems += [(line, str(problem)) for problem in error.problems]
    _refuse(nf.Problem(f"{file}:{line}", message) for line, message in sorted(problems))
    return plate


def _clashes(renamings: Sequence[_Renaming]) -> Iterator[tuple[int, str]]:
    """The lines that cannot be carried out beside the others in one commit, and why."""
    from_line: dict[str, int] = {}
    to_line: dict[str, int] = {}
    changing = [each for each in renamings if each.old != each.new]
    for line, old, new in changing:
        if from_line.setdefault(old, line) != line:
            yield line, f"{old} is renamed in line {from_line[old]} already. Leave one out."
        if to_line.setdefault(new, line) != line:
            yield line, f"{new} is the new name in line {to_line[new]} already. Give another."
    for line, _, new in changing:
        if new in from_line:
            message = f"{new} becomes free by line {from_line[new]} of the same commit. Rename that well in a file of"
            yield line, f"{message} its own first; of wells that exchange names, one to a name that is free."


# -- set-scale ---------------------------------------------------------------------------------------------------------

_SCALED = ("t", "z", "y", "x")


def _set_scale(options: Any) -> None:
    sizes = {axis: size for axis in _SCALED if (size := getattr(options, axis)) is not None}
    if not sizes:
        raise nf.InvalidValueError(nf.Problem("scale", "no size is given. Say one, such as --z 0.25."))
    _carry_out_in_each_image(options, c.set_scale(**sizes), "a scale")


# -- pyramid -----------------------------------------------------------------------------------------------------------


def _pyramid(options: Any) -> None:
    def made(image: nf.Image) -> nf.Image:
        levels = options.levels
        if options.replace:
            levels = len(image.levels) if levels is None else levels
            image = nf.without_pyramid(image)
        return nf.with_pyramid(image, levels, method=options.method)

    _carry_out_in_each_image(options, made, "a level 0")


# -- recover, vacuum ---------------------------------------------------------------------------------------------------

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float:
    """A time such as 1h."""
    number, unit = text[:-1], text[-1:]
    try:
        seconds = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        message = f"{text!r} is no time. Give a number and one of {', '.join(_UNITS)}, such as 1h."
        raise argparse.ArgumentTypeError(message) from None
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time that has passed. Give such as 1h.")
    return seconds


def _recover(options: Any) -> None:
    done = nf.recover(options.store, single_writer=options.single_writer)
    for record in done.records:
        print(f"carried out the commit {record.name} ({counted(record.steps, 'step')})")
    for path in done.removed:
        print(f"removed {path}")
    for path in done.foreign:
        print(f"kept {path}: another program wrote it while a commit replaced it; look at it, then remove it")
    if not (done.records or done.removed):
        print("nothing to do: no commit was interrupted, and nothing is left over")


def _vacuum(options: Any) -> None:
    how = {"dry_run": options.dry_run, "single_writer": options.single_writer}
    done = nf.vacuum(options.store, older_than=options.older_than, **how)
    for path in done.removed:
        print(f"{'would remove' if options.dry_run else 'removed'} {path}")
    for path, reason in done.kept.items():
        print(f"kept {path}: {reason}")
    if not (done.removed or done.kept):
        print("nothing to do: nothing is left over")


# -- what the commands share -------------------------------------------------------------------------------------------


def _carry_out_in_each_image(options: Any, edit: Callable[[Any], Any], needed: str) -> None:
    """Commit an edit of every image that has levels; the others are named."""
    base = nf.open_ome_zarr(options.store)
    left = dict(_without_levels(base)) if not isinstance(base.root, nf.Image) else {}
    for path, message in left.items():
        print(_plain(f"{path}: {message} It is left as it is."))
    if len(left) == len(nf.positions(base.root)):
        message = f"there is no image in it that has {needed}. Add one first."
        raise nf.NotThereError(nf.Problem(options.store, message))

    def is_meant(path: str, image: Any) -> bool:
        return path not in left or bool(isinstance(image, nf.Image) and image.levels)

    _carry_out(options, c.each_image(edit, where=is_meant))


def _without_levels(base: nf.Snapshot) -> Iterator[tuple[str, str]]:
    """The positions where there is nothing to edit; what is there and could not be read is refused."""
    not_read: list[nf.Problem] = []
    for path, image in nf.positions(base.root):
        if isinstance(image, nf.Unread) and base.documents.of_node(path):
            message = "it is there and could not be read, for the reasons that ngff-fn info names. Mend or remove it."
            not_read.append(nf.Problem(path, message))
        elif isinstance(image, nf.Unread):
            yield path, "it is listed, and nothing is there."
        elif not image.levels:
            yield path, "the image has no levels yet."
    _refuse(not_read, nf.NotThereError)


def _carry_out(options: Any, edit: Callable[[Any], Any]) -> None:
    """Commit an edit, or print what it would do."""
    if options.dry_run:
        base = nf.open_ome_zarr(options.store)
        print(_plain(nf.describe(nf.diff(base, edit(base.root)))))
    else:
        bar = sys.stderr.isatty() and can_show_bar()
        done = nf.update(options.store, edit, progress=bar, single_writer=options.single_writer)
        print(_plain(nf.describe(done.plan).partition("\n")[0]))


def _refuse(problems: Iterable[nf.Problem], error: type[nf.NgffError] = nf.InvalidValueError) -> None:
    found = list(problems)
    if found:
        raise error(*found)


# -- demo --------------------------------------------------------------------------------------------------------------


def _demo(options: Any) -> None:
    import numpy as np

    from ngff_fn.cli.demo import cells

    store = options.directory / "cells.zarr"
    if address_of(store, is_group=True).path:
        message = "it is inside a Zarr hierarchy, where nobody looks for another store. Take another DIR."
        raise nf.StoreExistsError(nf.Problem(str(options.directory), message))
    new = nf.image_from(cells(), axes="czyx", channel_names=["405 nm", "488 nm"], name="cells")
    try:
        nf.create(store, new, version="0.5", overwrite=options.overwrite, single_writer=options.single_writer)
    except nf.StoreExistsError as error:
        if options.overwrite:
            raise
        message = "something is there already. Take another DIR, or say --overwrite."
        raise nf.StoreExistsError(nf.Problem(str(store), message)) from error

    base = nf.open_ome_zarr(store, mode="r+")
    _say("What is there", nf.format_tree(base))

    nuclei, bodies = nf.to_numpy(store, "0")
    cytoplasm = np.where(bodies > nuclei, bodies - nuclei, 0).astype(bodies.dtype)
    edits = (
        c.rename_channel("405 nm", "DAPI"),
        c.rename_channel("488 nm", "GFP"),
        c.add_channel("cytoplasm", data=cytoplasm, color="yellow"),
        c.set_scale(z=0.5, y=0.2, x=0.2),
        c.set_contrast_limits("DAPI", _limits(nuclei)),
        c.set_contrast_limits("GFP", _limits(bodies)),
        c.set_contrast_limits("cytoplasm", _limits(cytoplasm)),
        c.with_pyramid(levels=3),
    )
    _say("The edits", "\n".join(map(repr, edits)))

    plan = nf.diff(base, nf.pipe(base.root, *edits))
    _say("The plan", nf.describe(plan))

    committed = nf.commit(store, plan, single_writer=options.single_writer)
    _say("What is there after the commit", nf.format_tree(committed.snapshot))
    _say("Where it lies", str(store.resolve()))


def _limits(pixels: NDArray[np.uint16]) -> dict[str, int]:
    window = nf.contrast_limits_from(pixels)
    return {"start": floor(window.start or 0), "end": ceil(window.end or 0)}


def _say(title: str, text: str) -> None:
    print(f"{title}\n\n{text}\n")
