"""A level of an image as an ``xarray.DataArray``, lazy, with the coordinates that its transformations say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from ngff_fn.edits.data_arrays import STEP
from ngff_fn.edits.grids import coordinates, step_of
from ngff_fn.effects.access.lazy import as_dask
from ngff_fn.effects.address import address_below
from ngff_fn.effects.extras import imported
from ngff_fn.effects.pixels.stored import node_documents
from ngff_fn.effects.reading.read import read_snapshot
from ngff_fn.errors import NgffError, Problem, WrongTypeError
from ngff_fn.frozen_json import FrozenMap, thaw
from ngff_fn.records.axes import axis_names, channel_axis
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.coordinates import effective_scale, effective_translation
from ngff_fn.records.holders import positions
from ngff_fn.records.image import Image, Level, level_with_image
from ngff_fn.records.paths import joined
from ngff_fn.records.pixels import Stored

if TYPE_CHECKING:
    import xarray

_DIMENSIONS = "_ARRAY_DIMENSIONS"  # in which xarray's own engine for Zarr v2 keeps what the axes say here


def to_xarray(store: Any, path: str = "", level: int | str | None = None) -> xarray.DataArray:
    """A level of an image as a DataArray on a Dask array; no pixel is read before it is computed.

    ``set_xarray`` and ``image_from`` take it back.

    Parameters
    ----------
    store
        As for ``open_ome_zarr``.
    path
        Of the image below the store, such as ``"A/1/0"`` in a plate, or ``"labels/nuclei"``.
    level
        Its path or index; None: the first, which is the largest.

    Returns
    -------
    xarray.DataArray
        Its dimensions are the axes, lower-case. Its coordinates are the places of the elements, in the unit that their
        ``attrs["units"]`` say: translation + scale × index, those of the whole multiscale included; those of channels
        are their names. Where the values alone do not say the scale, as those of a single element, ``attrs["step"]``
        does. Its ``attrs`` are the attributes of the array, its name that of the image. Its blocks are the write units;
        computing raises ConflictError once the array has changed, as with ``to_dask``.

    Raises
    ------
    StoreNotFoundError, DocumentError
        Where there is no image, or its documents cannot be understood.
    WrongTypeError
        (a TypeError) for a plate, a well or a collection.
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) for a level that is not there.
    UnsupportedError
        Without xarray or Dask (``ngff_fn[xarray]``).

    Notes
    -----
    Specification, "multiscales": the transformations of the whole multiscale are applied after those of a level.

    >>> import numpy, zarr
    >>> from ngff_fn.edits.image_from import image_from
    >>> from ngff_fn.effects.commits.commit import create
    >>> store = zarr.storage.MemoryStore()
    >>> image = image_from(numpy.eye(3, dtype="uint8"), axes="yx", scale=[0.5, 0.5], translation=[10, 0])
    >>> _ = create(store, image, version="0.5")
    >>> to_xarray(store).coords["y"].values, int(to_xarray(store).sel(y=10.5, x=0.5))
    (array([10. , 10.5, 11. ]), 1)
    """
    module = imported("xarray", "xarray", "a DataArray")
    found = labelled(store, path, level)
    pixels = module.Variable(found.dims, as_dask(found.stored))  # of a Dask array it would take the name
    return module.DataArray(pixels, **found.keywords(module.Variable))


@frozen(kw_only=True, eq=False)
class Labelled:
    """A level with all that a DataArray says of it beside the pixels.

    Parameters
    ----------
    stored
        Its array.
    dims
        The names of the axes.
    coords
        For each of them its values and attributes.
    name
        Of the image.
    attrs
        Of the array.
    """

    stored: Stored
    dims: tuple[str, ...]
    coords: dict[str, tuple[list[Any], dict[str, Any]]]
    name: str | None
    attrs: dict[str, Any]

    def keywords(self, variable: Callable[..., Any]) -> dict[str, Any]:
        """What a DataArray is made with; ``variable`` makes a coordinate."""
        coords = {dim: variable((dim,), values, attrs) for dim, (values, attrs) in self.coords.items()}
        return {"dims": self.dims, "coords": coords, "name": self.name, "attrs": self.attrs}


def labelled(store: Any, path: str = "", level: int | str | None = None) -> Labelled:
    """What there is to say of a level of a store; the parameters and refusals are those of ``to_xarray``."""
    address = address_below(store, path)
    where = joined(address.files.identity, address.path)
    if next(node_documents(address.files, address.path), None) is not None:
        message = "this is an array. Give the path of its image, and its name there as level="
        raise WrongTypeError(Problem(where, f"{message}{address.path.rpartition('/')[2]!r}."))
    root = read_snapshot(address, "r").root
    if not isinstance(root, Image):
        found = (joined(path.strip("/"), below) for below, image in positions(root) if isinstance(image, Image))
        such = "".join(f", such as {one!r}" for one in islice(found, 1))
        message = f"this is a {type(root).__name__.lower()}. Give the path of one of its images{such}."
        raise WrongTypeError(Problem(where, message))
    try:
        image, entry = level_with_image(root, 0 if level is None else level)
    except NgffError as refusal:
        raise refusal.located(f"{where}: ") from refusal
    attributes = entry.extra.get("attributes", FrozenMap())
    return Labelled(
        stored=cast("Stored", entry.pixels),  # as of any level that was just read
        dims=axis_names(image),
        coords=_coords(image, entry),
        name=image.name,
        attrs={name: value for name, value in thaw(attributes).items() if name != _DIMENSIONS},
    )


def _coords(image: Image, level: Level) -> dict[str, tuple[list[Any], dict[str, Any]]]:
    channels, scale, start = (
        channel_axis(image),
        effective_scale(image, level.path),
        effective_translation(image, level.path),
    )
    coords: dict[str, tuple[list[Any], dict[str, Any]]] = {}
    for axis, (name, count) in enumerate(zip(axis_names(image), level.array.shape, strict=True)):
        attrs: dict[str, Any] = {} if (unit := image.axes[axis].unit) is None else {"units": unit}
        if axis == channels:
            names = channel_names(image)[:count]
            coords[name] = [*names, *map(str, range(len(names), count))], attrs
            continue
        values = coordinates(start[axis], scale[axis], count)
        if not _says(values, start[axis], scale[axis]):
            attrs[STEP] = scale[axis]
        coords[name] = values, attrs
    return coords


def _says(values: list[float], start: float, step: float) -> bool:
    """Whether coordinates alone say where they start, and in which steps they go."""
    if len(values) < 2:
        return step == 1  # which is what is taken where nothing says it
    return values[0] == start and step_of(values) == step
