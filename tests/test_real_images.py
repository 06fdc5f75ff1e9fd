"""The main job on real images: read, edit in one pipe, commit in one step, and everything else stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn.plan.operations import CreateNode, PutDocument, RetireNode, WriteArray
from ngff_fn.records.axes import channel_axis
from ngff_fn.records.pixels import fill
from tests.crashes import files_below
from tests.real_images import IMAGES, READERS, REFUSED, edited, opens


def without_pixels(image: nf.Image) -> nf.Image:
    """The records alone."""
    return evolve(image, levels=tuple(evolve(level, pixels=fill(level.array.shape)) for level in image.levels))


@pytest.mark.parametrize("path", IMAGES)
def test_the_main_job_is_committed_in_one_step_and_read_again_equal(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    before = files_below(store)
    base = nf.open_ome_zarr(store, mode="r+")
    wanted = edited(base.root)
    pixels = [nf.evaluate(wanted, level.path) for level in wanted.levels]
    untouched = [nf.evaluate(base.root, level.path) for level in base.root.levels]
    plan = nf.diff(base, wanted)
    nf.commit(store, plan)

    again = nf.open_ome_zarr(store, mode="r+")
    assert without_pixels(again.root) == without_pixels(wanted)
    for level, block in zip(again.root.levels, pixels, strict=True):
        np.testing.assert_array_equal(nf.evaluate(again.root, level.path), block)
        np.testing.assert_array_equal(nf.to_numpy(store, level.path), block)
    axis = channel_axis(base.root)
    for old, level in zip(untouched, again.root.levels, strict=False):
        channels = slice(None) if axis is None else (slice(None),) * axis + (slice(0, old.shape[axis]),)
        np.testing.assert_array_equal(nf.to_numpy(store, level.path)[channels], old)
    assert nf.diff(again, again.root).operations == ()

    after = files_below(store)
    named = {operation.key for operation in plan.operations if isinstance(operation, PutDocument)}
    arrays = tuple(f"{op.path}/" for op in plan.operations if isinstance(op, CreateNode | WriteArray | RetireNode))
    for name, data in before.items():
        if name not in named and not name.startswith(arrays):
            assert after[name] == data, name
    assert all(name in before or name in named or name.startswith(arrays) for name in after)


@pytest.mark.parametrize("path", IMAGES)
def test_chunks_of_untouched_channels_keep_their_bytes(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    base = nf.open_ome_zarr(store, mode="r+")
    axis = channel_axis(base.root)
    if axis is None or any(level.array.write_unit[axis] != 1 for level in base.root.levels):
        pytest.skip("the image has no channel axis, or chunks of several channels")
    before = files_below(store)
    nf.commit(store, nf.diff(base, edited(base.root)))
    after = files_below(store)
    for level in base.root.levels:
        for name, data in before.items():
            if name.startswith(f"{level.path}/") and not name.endswith((".zarray", ".zattrs", "zarr.json")):
                assert after[name] == data, name


@pytest.mark.parametrize("path", [path for path in IMAGES if "c" not in path.rpartition("_")[2]])
def test_a_channel_for_an_image_without_channel_axis_is_refused_with_a_location(
    path: str, store_copy: Callable[[str], Path]
) -> None:
    root = nf.open_ome_zarr(store_copy(path)).root
    if channel_axis(root) is not None:
        pytest.skip("the image has a channel axis")
    with pytest.raises(nf.NgffError, match="channel axis") as refused:
        nf.add_channel(root, "GFP")
    assert refused.value.problems[0].location


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_no_image_is_refused_with_a_location(path: str, store_copy: Callable[[str], Path]) -> None:
    store = store_copy(path)
    before = files_below(store)
    with pytest.raises(nf.NgffError) as refused:
        nf.open_ome_zarr(store)
    assert all(problem.location for problem in refused.value.problems)
    assert files_below(store) == before


@pytest.mark.peers(*READERS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", IMAGES)
def test_other_programs_open_it_wherever_they_opened_the_original(
    path: str, reader: str, store_copy: Callable[[str], Path]
) -> None:
    store = store_copy(path)
    refusal = opens(reader, store)
    if refusal is not None:
        pytest.skip(f"{reader} does not open the original: {refusal.splitlines()[0][:100]}")
    base = nf.open_ome_zarr(store, mode="r+")
    nf.commit(store, nf.diff(base, edited(base.root)))
    assert opens(reader, store) is None
