"""Arrays that two multiscales of one group list: an edit of one of them never harms the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import ngff_fn as nf
from ngff_fn.records.image import paths_of_others
from ngff_fn.records.snapshot import VERSIONS

DATA = np.arange(64, dtype="uint8").reshape(8, 8)


@pytest.fixture(params=VERSIONS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Three levels; a second multiscale lists the first two."""
    image = nf.with_pyramid(nf.image_from(DATA, axes="yx"), levels=3)
    nf.create(tmp_path / "image.zarr", image, version=request.param)
    document = tmp_path / "image.zarr" / {"0.4": ".zattrs", "0.5": "zarr.json"}[request.param]
    text = json.loads(document.read_text())
    multiscales = (text if request.param == "0.4" else text["attributes"]["ome"])["multiscales"]
    multiscales.append({**multiscales[0], "name": "other", "datasets": multiscales[0]["datasets"][:2]})
    document.write_text(json.dumps(text))
    assert paths_of_others(nf.open_ome_zarr(tmp_path / "image.zarr").root) == {"0", "1"}
    return tmp_path / "image.zarr"


def retired(plan: nf.Plan) -> list[str]:
    return [operation.path for operation in plan.operations if isinstance(operation, nf.RetireNode)]


@pytest.mark.parametrize("edit", [nf.without_pyramid, lambda image: nf.remove_level(nf.remove_level(image, 2), 1)])
def test_a_level_that_another_multiscale_lists_is_taken_from_the_list_and_its_array_stays(
    store: Path, edit: Any
) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    plan = nf.diff(base, edit(base.root))
    assert retired(plan) == ["2"]
    level = nf.to_numpy(store, "1")
    done = nf.commit(store, plan)
    assert nf.open_ome_zarr(store, mode="r+") == done.snapshot
    assert [entry.path for entry in done.snapshot.root.levels] == ["0"]
    np.testing.assert_array_equal(nf.to_numpy(store, "1"), level)
    assert nf.children(store) == ("0", "1")


def test_a_level_is_retired_once_no_other_multiscale_lists_it(store: Path) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    alone = nf.without_pyramid(base.root)
    plan = nf.diff(base, evolve(alone, extra=alone.extra.without("multiscales")))
    assert retired(plan) == ["1", "2"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda image: nf.crop(image, y=(0, 4)),
        lambda image: nf.set_region(image, "1", {}, 7),
        lambda image: nf.astype(image, "uint16"),
        lambda image: nf.add_level(image, "0", DATA + 1, overwrite=True),
    ],
)
def test_other_pixels_for_an_array_that_another_multiscale_lists_are_refused(store: Path, edit: Any) -> None:
    base = nf.open_ome_zarr(store, mode="r+")
    with pytest.raises(nf.InvalidValueError, match=r"levels\[[01]\]: another multiscale of the group lists the array"):
        nf.diff(base, edit(base.root))


def test_a_level_that_no_other_multiscale_lists_may_get_other_pixels(store: Path) -> None:
    nf.update(store, lambda image: nf.set_region(image, "2", {}, 7))
    assert nf.to_numpy(store, "2").tolist() == [[7, 7], [7, 7]]


def test_names_scales_and_chunks_of_an_array_that_another_multiscale_lists_may_change(store: Path) -> None:
    nf.update(store, lambda image: nf.rechunk(nf.set_scale(image, x=0.5), chunks=(4, 4)))
    assert nf.open_array(store, "0").chunks == (4, 4)
    np.testing.assert_array_equal(nf.to_numpy(store, "0"), DATA)
