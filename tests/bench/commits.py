"""Every kind of commit: what is there before it, and what it does."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

import ngff_fn as nf
from ngff_fn import curried as c
from ngff_fn.records.axes import axes_from
from ngff_fn.records.snapshot import VERSIONS, Version
from tests import crashes, plate_crashes
from tests.bench.remembered import edited
from tests.bench.stores import STORE
from tests.consolidation import consolidate
from tests.real_plates import images_in, records

DATA = np.arange(2 * 4 * 6, dtype="uint8").reshape(2, 4, 6)

Act = Callable[[Any], Any]


@frozen(kw_only=True)
class Commit:
    """A kind of commit in one version; ``writes`` gives what it does, with a folder for what else it needs."""

    name: str
    version: Version
    start: Callable[[], Any] | None
    writes: Callable[[Path, Version], Act]
    consolidated: tuple[str, ...] = ()

    @property
    def sort(self) -> str:
        """Which of the kinds of commit it is that are told apart by how they are made."""
        return next(sort for sort, names in SORTS.items() if self.name.partition(",")[0] in names)

    def prepare(self, folder: Path) -> Path:
        """The store before it, in a folder that has nothing else."""
        before = folder / "before"
        before.mkdir(parents=True)
        if self.start is not None:
            nf.create(before / STORE, self.start(), version=self.version, durability="process")
        if self.consolidated:
            consolidate(before / STORE, *self.consolidated)
        return before

    def act(self, folder: Path) -> Act:
        return self.writes(folder, self.version)


def _edit(*steps: Callable[[Any], Any]) -> Callable[[Path, Version], Act]:
    def act(store: Any) -> None:
        with crashes.one_at_a_time() as executor:
            nf.update(store, *steps, executor=executor)

    return lambda _folder, _version: act


def _labelled() -> nf.Image:
    image = nf.image_from(DATA, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(2, 4, 6))
    return nf.add_label(nf.with_pyramid(image, levels=2), "cells", DATA[0] % 5 + 1, colors={1: "red"})


_MORE: dict[str, Callable[[], Any]] = {"shrink": crashes.small_image, "add_label": _labelled, "remove_label": _labelled}
_EDITS: dict[str, Any] = {
    "shrink": c.remove_channel("GFP"),
    "add_label": c.add_label("nuclei", DATA[0] % 5 + 1),
    "remove_label": c.remove_label("cells"),
}


SORTS = {
    "one document": ("set_scale", "rename_channel"),
    "several documents": ("rename_channel in 12 positions",),
    "new nodes": ("with_pyramid", "add_label", "add_position", "add_position in a new row", "add_well"),
    "growth": ("add_channel",),
    "shrinking": ("shrink",),
    "exchange": ("remove_channel", "crop"),
    "region": ("set_region", "set_tile"),
    "rename": ("rename_well", "rename_well to a new row", "move_position"),
    "removal": ("without_pyramid", "remove_label", "remove_position"),
    "creation": ("create", "plate_from_positions of images of other stores"),
    "replacement": ("replace", "plate_from_positions over another plate"),
}
"""How commits are made, each with the names of its own."""


def commits() -> Iterator[Commit]:
    """All of them."""
    for version in VERSIONS:
        for each in crashes.scenarios(version):
            act = functools.partial(lambda act, _folder, _version: act, each.act)
            yield Commit(name=each.name, version=version, start=each.start, writes=act)
        for name, start in _MORE.items():
            yield Commit(name=name, version=version, start=start, writes=_edit(_EDITS[name]))
        for name, kind in plate_crashes.ACTS.items():
            if version in kind.versions:
                yield Commit(
                    name=name,
                    version=version,
                    start=kind.start,
                    writes=kind.act,
                    consolidated=kind.consolidated,
                )


def named(name: str, version: Version) -> Commit:
    (found,) = (each for each in commits() if (each.name, each.version) == (name, version))
    return found


# --- what the next writers do, in every state that a crash may leave

NEXT = edited(c.set_extra("after", "the crash"))
THEN = edited(c.set_extra("then", "another"))


def next_writer(store: Any) -> None:
    """Goes on in a store; makes one where there is none."""
    _go_on(store, NEXT)


def the_one_after(store: Any) -> None:
    _go_on(store, THEN)


def first_of_all() -> nf.Image:
    """What the next writer makes where there is nothing."""
    return nf.make_tiles(nf.Image(axes=axes_from("yx")), "0", (1, 1), (2, 2), "uint8")


def _go_on(store: Any, edit: Callable[[Any], Any]) -> None:
    with crashes.one_at_a_time() as executor:
        try:
            nf.update(store, edit, executor=executor)
        except nf.StoreNotFoundError:
            nf.create(store, first_of_all(), version="0.4", executor=executor)


# --- what is seen


@frozen(kw_only=True)
class Seen:
    """What our reader sees: the records, and all pixels; nothing where there is no store."""

    version: str = ""
    root: Any = None
    pixels: tuple[tuple[str, bytes], ...] = ()


def seen_in(store: Any) -> Seen:
    """It raises where the store cannot be read."""
    try:
        snapshot = nf.open_ome_zarr(store)
    except nf.StoreNotFoundError:
        return Seen()
    pixels = tuple((path, block) for path, block in _pixels_in(snapshot.root))
    return Seen(version=snapshot.version, root=records(snapshot.root), pixels=pixels)


def _pixels_in(root: Any, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    if isinstance(root, nf.Image):
        yield from ((prefix + level.path, nf.evaluate(root, level.path).tobytes()) for level in root.levels)
        for label in root.labels.images if isinstance(root.labels, nf.Labels) else ():
            for level in label.image.levels if isinstance(label.image, nf.Image) else ():
                path = f"labels/{label.path}/{level.path}"
                yield f"{prefix}{path}", nf.evaluate(root, path).tobytes()
        return
    for path, image in images_in(root).items():
        yield from _pixels_in(image, f"{path}/")


def after(seen: Seen, edit: Callable[[Any], Any]) -> Seen:
    """What is there once a next writer has gone on."""
    return _seen_first() if seen.root is None else evolve(seen, root=edit(seen.root))


@functools.cache
def _seen_first() -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        nf.create(Path(folder) / STORE, first_of_all(), version="0.4")
        return seen_in(Path(folder) / STORE)


def there_and_back(version: Version) -> Commit:
    """Two commits: of two documents, then of one of these, which is again what it was."""

    def act(store: Any) -> None:
        nf.update(store, lambda image: evolve(nf.set_extra(image, "n", 1), levels=(_numbered(image, 1),)))
        nf.update(store, lambda image: evolve(image, levels=(_numbered(image, 0),)))

    return Commit(name="there and back", version=version, start=_numbered_image, writes=lambda _folder, _version: act)


def _numbered(image: nf.Image, number: int) -> nf.Level:
    (level,) = image.levels
    return nf.set_extra(level, "n", number)


def _numbered_image() -> nf.Image:
    image = nf.image_from(DATA, axes="cyx", channel_names=["DAPI", "GFP"], chunks=(2, 4, 6))
    return evolve(image, levels=(_numbered(image, 0),))
