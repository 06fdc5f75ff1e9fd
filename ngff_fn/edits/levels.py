"""The levels of an image: add one, remove one, overwrite a region of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from ngff_fn.edits.arguments import dtype_name, given_as, is_array, is_sequence, sizes_of
from ngff_fn.edits.arrays import array_dtype, array_spec
from ngff_fn.edits.coordinates import with_level
from ngff_fn.edits.fill_values import fill_value_for
from ngff_fn.edits.labelled import each_label
from ngff_fn.edits.new_level import with_new_level
from ngff_fn.edits.regions import region_from
from ngff_fn.errors import InvalidValueError, Problem, WrongTypeError, a_type
from ngff_fn.records.arrays import converts_safely
from ngff_fn.records.image import Image, level_index
from ngff_fn.records.pixels import Pixels, extent, fill, given, mosaic
from ngff_fn.records.subject import of_record


@of_record
def add_level(
    image: Image,
    name: str,
    data: Any,
    *,
    chunks: Sequence[int] | Mapping[str, int] | None = None,
    shards_ratio: Sequence[int] | Mapping[str, int] | None = None,
    scale: Sequence[float] | Mapping[str, float] | None = None,
    translation: Sequence[float] | Mapping[str, float] | None = None,
    check_shape: bool = True,
    overwrite: bool = False,
    codecs: Sequence[str | Mapping[str, Any]] | None = None,
    fill_value: Any = 0,
) -> Image:
    """The image with one level more, which holds ``data``; it stands where its size puts it, from large to small.

    Other levels stay as they are: ``with_pyramid`` makes levels that follow. With the first level, channels that have
    neither color nor window, as in a store that was created empty, get those of a new channel.

    Parameters
    ----------
    image
        Its axes are those of the data.
    name
        The path of the new level below the image's group, such as ``"0"``.
    data
        Anything with shape, dtype and ``[]``, one dimension per axis; it is not read before it is committed.
    chunks
        Elements of a chunk per axis, in their order or by their names; default: ones and the last three axes, halved
        from the first of these on while a chunk is above 16 MiB.
    shards_ratio
        Chunks of a shard per axis; default: no shards. Needs OME-NGFF 0.5.
    scale
        Size of an element per axis, in the unit of each axis, in their order or by their names; axes that a mapping
        leaves out, and all by default: 1 in the first level of an image, in others what the shapes say of the scale of
        level 0.
    translation
        Where the first element lies; default: that of level 0.
    check_shape
        Whether more channels than the image has names for are refused. Fewer are a problem that validation reports. The
        number of axes must always be right (specification, "multiscales": "The length of "axes" must be equal to the
        dimensionality of the arrays").
    overwrite
        Whether a level of that name is replaced, with its scale and translation where no others are given. Otherwise it
        is refused.
    codecs
        In the order in which they encode, each a name or a mapping in the notation of Zarr v3; default: Blosc with
        zstd, level 1, bit shuffle. ``[]`` compresses nothing.
    fill_value
        What an array holds where nothing is written.

    Raises
    ------
    InvalidValueError
        (a ValueError) with all that is wrong; WrongTypeError (a TypeError) for data without shape, dtype and ``[]``;
        UnsupportedError for a codec that is not known.

    Notes
    -----
    Specification, "multiscales": "The "path"s MUST be ordered from largest (i.e. highest resolution) to smallest".

    >>> import numpy as np
    >>> from ngff_fn.edits.image_from import image_from
    >>> image = image_from(np.zeros((6, 9), "uint8"), axes="yx", scale={"y": 0.5, "x": 0.5})
    >>> [(level.path, level.scale) for level in add_level(image, "1", np.ones((3, 5), "uint8")).levels]
    [('0', (0.5, 0.5)), ('1', (1.0, 1.0))]
    """
    dtype = array_dtype(data)
    _refuse_other_axes(image, data.shape, "data")
    array = array_spec(
        image,
        shape=data.shape,
        dtype=dtype,
        chunks=chunks,
        shards_ratio=shards_ratio,
        codecs=codecs,
        fill_value=fill_value,
    )
    return with_new_level(
        image,
        name,
        array,
        given(data),
        scale=scale,
        translation=translation,
        check_shape=check_shape,
        overwrite=overwrite,
    )


@of_record
def add_level_zeros(
    image: Image,
    name: str,
    shape: Sequence[int] | Mapping[str, int],
    dtype: Any,
    *,
    chunks: Sequence[int] | Mapping[str, int] | None = None,
    shards_ratio: Sequence[int] | Mapping[str, int] | None = None,
    scale: Sequence[float] | Mapping[str, float] | None = None,
    translation: Sequence[float] | Mapping[str, float] | None = None,
    check_shape: bool = True,
    overwrite: bool = False,
    codecs: Sequence[str | Mapping[str, Any]] | None = None,
    fill_value: Any = 0,
) -> Image:
    """The image with one level more that holds its fill value everywhere; no pixel is written for it.

    Parameters
    ----------
    image
        Gets the level.
    name
        The path of the new level below the image's group, such as ``"0"``.
    shape
        Elements per axis, in the order of the axes or by their names.
    dtype
        As NumPy has it: a name, a code such as ``<u2``, a type or a ``dtype``.
    chunks, shards_ratio, scale, translation, check_shape, overwrite, codecs
        As in ``add_level``.
    fill_value
        What it holds.

    Raises
    ------
    InvalidValueError
        (a ValueError) with all that is wrong; UnsupportedError for a codec that is not known.

    >>> from ngff_fn.records.axes import axes_from
    >>> add_level_zeros(Image(axes=axes_from("yx")), "0", (512, 512), "uint16").levels[0].pixels
    Fill(shape=(512, 512), value=0)
    """
    if is_sequence(shape):
        _refuse_other_axes(image, shape, "shape")
    array = array_spec(
        image,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards_ratio=shards_ratio,
        codecs=codecs,
        fill_value=fill_value,
    )
    return with_new_level(
        image,
        name,
        array,
        fill(array.shape, array.fill_value),
        scale=scale,
        translation=translation,
        check_shape=check_shape,
        overwrite=overwrite,
    )


@of_record
def remove_level(image: Image, level: int | str) -> Image:
    """The image without a level, and without its array, unless another multiscale of the group lists it too.

    The other levels stay as they are. Label images with as many levels lose the same one.

    Parameters
    ----------
    image
        Has the level.
    level
        Its path or index. Of the last one only the axes and the names of the channels remain.

    Raises
    ------
    NotThereError, OutOfRangeError
        (a KeyError, an IndexError) that names the levels there are.

    >>> from ngff_fn.records.axes import axes_from
    >>> image = add_level_zeros(Image(axes=axes_from("yx")), "0", (512, 512), "uint16")
    >>> remove_level(image, "0").levels
    ()
    """
    index = level_index(image, level)
    height = len(image.levels)
    shorter = evolve(image, levels=image.levels[:index] + image.levels[index + 1 :])
    return each_label(shorter, lambda label: remove_level(label, index) if len(label.levels) == height else label)


@of_record
def set_region(image: Image, level: int | str, region: Any, data: Any) -> Image:
    """The image with a region of one level overwritten; other levels stay as they are.

    What lies in other levels under the region can be made again with ``with_pyramid(image, method=…)``, which keeps
    their shapes; name the method that they were made by, since it is the mean where none is named.

    Parameters
    ----------
    image
        Has the level.
    level
        Its path or index.
    region
        A ``slice`` or (start, stop) for each axis, or by the axes' names; axes that a mapping leaves out are taken
        whole. Negative numbers and None mean what they mean in Python; a region is never clipped.
    data
        Anything with shape, dtype and ``[]`` that has the shape of the region (axes of length one may be left out); or
        one number for all of it. Its values go into the dtype of the level without loss.

    Raises
    ------
    OutOfRangeError
        (an IndexError) for a region that is not within the level, or a level's index that is not there.
    NotThereError
        (a KeyError) for a level's path that is not there.
    InvalidValueError, WrongTypeError
        (a ValueError, a TypeError) for another shape, a dtype that does not fit, what is neither array nor number.

    >>> import numpy as np
    >>> from ngff_fn.edits.image_from import image_from
    >>> image = image_from(np.zeros((4, 6), "uint8"), axes="yx")
    >>> set_region(image, 0, {"y": (1, 2)}, 7).levels[0].pixels.tiles
    ((((1, 2), (0, 6)), Fill(shape=(1, 6), value=7)),)
    """
    index = level_index(image, level)
    target = image.levels[index]
    box = region_from(image, region, target.array.shape)
    part = _region_pixels(data, extent(box), target.array.dtype)
    changed = evolve(target, pixels=mosaic(target.pixels, [(box, part)]))
    return with_level(image, index, changed)


def _region_pixels(data: Any, shape: tuple[int, ...], dtype: str) -> Pixels:
    """What a region shall hold, as a recipe of its shape."""
    if not is_array(data) or data.shape == ():
        if is_array(data) and not converts_safely(dtype_name(data), dtype):
            message = f"{dtype_name(data)} does not go into {dtype} without loss."
            raise InvalidValueError(Problem("data", f"{message} Convert it first, or the image with astype."))
        if not (is_array(data) or isinstance(data, bool | int | float | complex | str)):
            message = f"{a_type(data)} has no shape, dtype and []. Make it an array, as with numpy.asarray."
            raise WrongTypeError(Problem("data", message))
        return fill(shape, fill_value_for(data, dtype, "data"))
    has = sizes_of(data, "data")
    if _lacks_ones_only(has, shape):
        given_as(data, "data", has, dtype)  # checks the dtype
        return given(data, shape)
    return given_as(data, "data", shape, dtype)


def _lacks_ones_only(has: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether one shape is the other without some axes of length one.

    >>> _lacks_ones_only((3, 5), (1, 3, 1, 5)), _lacks_ones_only((3, 5), (3, 2, 5)), _lacks_ones_only((1, 5), (5, 1, 1))
    (True, False, False)
    """
    left = list(has)
    for size in wanted:
        if left and left[0] == size:
            left.pop(0)
        elif size != 1:
            return False
    return not left


def _refuse_other_axes(image: Image, shape: Sequence[int], location: str) -> None:
    if len(shape) != len(image.axes):
        names = ", ".join(axis.name.lower() for axis in image.axes)
        message = f"there are {len(shape)} dimensions, and the image has axes {names}."
        raise InvalidValueError(
            Problem(f"{location}.shape".removeprefix("shape."), f"{message} Give one for each axis.")
        )
