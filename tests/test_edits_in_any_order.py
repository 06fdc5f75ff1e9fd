from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ngff_fn.edits.channels import add_channel, remove_channel, reorder_channels, update_channel
from ngff_fn.edits.encoding import astype, rechunk
from ngff_fn.edits.image_from import image_from
from ngff_fn.edits.levels import set_region
from ngff_fn.edits.pyramid import with_pyramid, without_pyramid
from ngff_fn.edits.select import concatenate, crop
from ngff_fn.records.arrays import converts_safely
from ngff_fn.records.axes import axis_names
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.image import Image
from ngff_fn.records.pixels import Given
from tests.reference import reference_downsample
from tests.small_images import Array, boxes, cut, pixels_of, random_array, tallest


def by_name(image: Image, box: tuple[tuple[int, int], ...]) -> dict[str, tuple[int, int]]:
    return dict(zip(axis_names(image), box, strict=True))


class Model:
    """The same edits on an array: what the pixels of level 0 must be."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.array = random_array((2, self.draw(st.integers(1, 4)), 6, 7), "uint8", self.draw(st.integers(0, 99)))
        self.names = ["a", "b"]
        self.image = image_from(self.array, axes="czyx", channel_names=self.names, scale=(1, 2, 0.5, 0.5))
        self.fresh = iter("cdefghijklmnopqrstuvwxyz")

    def new_array(self, shape: tuple[int, ...]) -> Array:
        return random_array(shape, "uint8", self.draw(st.integers(0, 99)))

    def crop(self) -> None:
        box = ((0, self.array.shape[0]), *self.draw(boxes(self.array.shape[1:])))
        self.image = crop(self.image, by_name(self.image, box))
        self.array = cut(self.array, box)

    def set_region(self) -> None:
        box = self.draw(boxes(self.array.shape))
        part = self.new_array(cut(self.array, box).shape)
        self.image = set_region(self.image, 0, box, part)
        self.array = self.array.copy()
        self.array[tuple(slice(*bounds) for bounds in box)] = part

    def add_channel(self) -> None:
        name, data = next(self.fresh), self.new_array(self.array.shape[1:])
        self.image = add_channel(self.image, name, data=data)
        self.array = np.concatenate([self.array, data[np.newaxis].astype(self.array.dtype)])
        self.names.append(name)

    def update_channel(self) -> None:
        name, data = self.draw(st.sampled_from(self.names)), self.new_array(self.array.shape[1:])
        self.image = update_channel(self.image, name, "*", data)
        self.array = self.array.copy()
        self.array[self.names.index(name)] = data

    def remove_channel(self) -> None:
        if len(self.names) > 1:
            place = self.draw(st.integers(0, len(self.names) - 1))
            self.image = remove_channel(self.image, self.names.pop(place))
            self.array = np.delete(self.array, place, axis=0)

    def reorder_channels(self) -> None:
        order = self.draw(st.permutations(range(len(self.names))))
        self.names = [self.names[place] for place in order]
        self.image = reorder_channels(self.image, self.names)
        self.array = self.array[list(order)]

    def concatenate(self) -> None:
        if self.array.size < 5000:
            axis = self.draw(st.sampled_from("zyx"))
            self.image = concatenate([self.image, self.image], axis=axis)
            self.array = np.concatenate([self.array, self.array], axis="czyx".index(axis))

    def astype(self) -> None:
        dtype = self.draw(st.sampled_from(["uint16", "int32", "float32"]))
        if converts_safely(str(self.array.dtype), dtype):
            self.image, self.array = astype(self.image, dtype), self.array.astype(dtype)

    def rechunk(self) -> None:
        self.image = rechunk(self.image, {"y": self.draw(st.integers(1, 5))})

    def with_pyramid(self) -> None:
        flat = without_pyramid(self.image)
        self.image = with_pyramid(flat, self.draw(st.integers(1, min(3, tallest(flat)))))


EDITS = [name for name in vars(Model) if not name.startswith("_") and name != "new_array"]


@given(st.data(), st.lists(st.sampled_from(EDITS), max_size=7))
def test_any_order_of_edits_gives_what_the_same_edits_give_on_an_array(data: st.DataObject, edits: list[str]) -> None:
    model = Model(data)
    for edit in edits:
        getattr(model, edit)()
        assert model.image.levels[0].array.shape == model.array.shape
        assert model.image.levels[0].array.dtype == model.array.dtype
        assert channel_names(model.image) == tuple(model.names)
    np.testing.assert_array_equal(pixels_of(model.image), model.array)
    assert all(level.pixels.shape == level.array.shape for level in model.image.levels)
    if tallest(model.image) == 1:
        return
    again, above = with_pyramid(without_pyramid(model.image), 2, method="median"), model.array
    factors = tuple(2 if size > 1 and axis else 1 for axis, size in enumerate(above.shape))
    np.testing.assert_array_equal(pixels_of(again, 1), reference_downsample(above, factors, "median"))


def test_selecting_keeps_what_the_caller_holds_as_it_is() -> None:
    data = np.arange(24, dtype="uint8").reshape(4, 6)
    before = data.copy()
    image = image_from(data, axes="yx")
    concatenate([crop(image, y=(0, 2)), astype(rechunk(image, (1, 1)), "uint8")], axis="y")
    assert isinstance(image.levels[0].pixels, Given)
    assert image.levels[0].pixels.array is data
    np.testing.assert_array_equal(data, before)
