"""Steps: every edit without its subject; checked when made, printed as made, compared, pickled, run again."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest
import toolz
from hypothesis import given
from hypothesis import strategies as st

import ngff_fn.edits
from ngff_fn import curried as c
from ngff_fn.errors import NotThereError, WrongTypeError
from ngff_fn.records.channel_names import channel_names
from ngff_fn.records.channels import Window
from ngff_fn.records.coordinates import scale
from ngff_fn.records.examples import CELLS, SQUARE
from ngff_fn.records.image import Image, Level, Place
from ngff_fn.records.snapshot import Snapshot

SUBJECTS = {"image", "images", "record", "root"}
PUBLIC = set(ngff_fn.__all__)


def public_edits() -> dict[str, Callable[..., Any]]:
    """What ``ngff_fn`` offers from the modules of edits, and turns a subject into another one."""
    found: dict[str, Callable[..., Any]] = {}
    for module in iter_modules(ngff_fn.edits.__path__):
        home = import_module(f"ngff_fn.edits.{module.name}")
        for name, function in inspect.getmembers(home, inspect.isfunction):
            if name in PUBLIC and function.__module__ == home.__name__:
                parameters = inspect.signature(function).parameters
                if next(iter(parameters)) in SUBJECTS:
                    found[name] = function
    return found


EDITS = public_edits()


def test_there_are_edits() -> None:
    assert {"set_scale", "add_channel", "crop", "with_pyramid", "set_tile", "concatenate", "set_extra"} <= set(EDITS)


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_has_a_twin_with_its_parameters_but_the_subject(name: str) -> None:
    twin, edit = getattr(c, name), EDITS[name]
    assert list(inspect.signature(twin).parameters.values()) == list(inspect.signature(edit).parameters.values())[1:]
    assert twin.__name__ == name


@pytest.mark.parametrize("name", EDITS)
def test_a_twin_is_documented_as_its_edit_without_the_example(name: str) -> None:
    ours, theirs = inspect.getdoc(getattr(c, name)) or "", inspect.getdoc(EDITS[name]) or ""
    assert theirs.splitlines()[0] in ours
    assert ">>>" in theirs
    assert ">>>" not in ours


def test_a_step_does_what_its_edit_does() -> None:
    assert c.set_scale(z=0.25)(CELLS) == EDITS["set_scale"](CELLS, z=0.25)
    assert c.rename_channel("GFP", "EGFP")(CELLS) == EDITS["rename_channel"](CELLS, "GFP", "EGFP")


def test_a_step_runs_again_on_another_image() -> None:
    step = c.set_scale(x=2)
    assert [scale(step(image))["x"] for image in (CELLS, SQUARE, step(CELLS))] == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("set_scale('z', 0.25)", "too many positional arguments. Call set_scale(scale=None, /, **axes)."),
        ("rename_channel('GFP')", "missing a required argument: 'new'. Call rename_channel(old, new)."),
        ("reorder_channels([], x=1)", "got an unexpected keyword argument 'x'. Call reorder_channels(names)."),
    ],
)
def test_a_wrong_call_is_refused_when_the_step_is_made(call: str, problem: str) -> None:
    with pytest.raises(WrongTypeError) as caught:
        eval(call, dict(vars(c)))  # noqa: S307 — the text is above
    assert str(caught.value) == f"{call}: {problem}"


@pytest.mark.parametrize(
    "subject", [SQUARE, SQUARE.levels[0], Snapshot(origin=Place(home="x.zarr"), version="0.5", root=SQUARE)]
)
def test_a_step_that_is_given_its_image_is_refused_when_it_is_made(subject: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: c.set_scale(subject, x=3),
        lambda: c.with_pyramid(subject),
        lambda: c.rename_channel(subject, "GFP", "EGFP"),  # type: ignore[call-arg]
    ]
    for call in calls:
        with pytest.raises(WrongTypeError, match=r"a step leaves the image out, which pipe gives it\. Call "):
            call()


def test_a_step_of_the_callers_own_may_take_an_image() -> None:
    assert c.step(beside)(SQUARE)(CELLS) == (CELLS, SQUARE)


def beside(image: Image, other: Image) -> tuple[Image, Image]:
    return image, other


def test_what_the_image_has_is_checked_when_the_step_runs() -> None:
    step = c.set_scale(t=1)
    with pytest.raises(NotThereError, match="no axis 't'"):
        step(CELLS)


@pytest.mark.parametrize(
    "call",
    [
        "set_scale(z=0.25)",
        "set_scale({'optical section': 2})",
        "rename_channel('GFP', 'EGFP')",
        "set_contrast_limits('EGFP', start=100, end=4000)",
        "without_pyramid()",
        "set_region('0', ((0, 1), (2, 3)), None)",
        "reorder_channels(['GFP', 'DAPI'])",
        "set_channel_color('GFP', (0, 255, 0))",
        "set_transform(1, transforms=[{'type': 'identity'}])",
    ],
)
def test_a_step_prints_itself_as_the_call_that_made_it(call: str) -> None:
    step = eval(call, dict(vars(c)))  # noqa: S307 — the text is above
    assert repr(step) == call


def test_arrays_and_records_are_printed_short() -> None:
    data = np.zeros((4, 5), "uint16")
    assert repr(c.add_channel("GFP", data=data, color="00FF00")) == (
        "add_channel('GFP', data=<array (4, 5) uint16>, color='00FF00')"
    )
    assert repr(c.set_extra("a", [data, {"b": (data,)}])) == (
        "set_extra('a', [<array (4, 5) uint16>, {'b': (<array (4, 5) uint16>,)}])"
    )
    assert repr(c.set_extra("a", np.float32(0.5))) == "set_extra('a', 0.5)"
    assert repr(c.set_extra("a", CELLS)) == "set_extra('a', <Image>)"
    window = Window(start=1, end=2)
    assert repr(c.set_contrast_limits("GFP", window)) == f"set_contrast_limits('GFP', {window!r})"


NUMBERS = st.floats(0.1, 10) | st.integers(1, 10)
STEPS = st.one_of(
    st.dictionaries(st.sampled_from("zyx"), NUMBERS).map(lambda axes: c.set_scale(**axes)),
    st.dictionaries(st.sampled_from("zyx"), NUMBERS).map(c.set_translation),
    st.tuples(st.text(), st.text()).map(lambda names: c.rename_channel(*names)),
    st.lists(st.text(), max_size=3).map(c.reorder_channels),
)


@given(STEPS, STEPS)
def test_steps_are_equal_where_their_calls_are(one: Any, other: Any) -> None:
    assert one == pickle.loads(pickle.dumps(one))  # noqa: S301
    assert hash(one) == hash(pickle.loads(pickle.dumps(one)))  # noqa: S301
    assert (one == other) == (repr(one) == repr(other) or (one.edit is other.edit and one._bound() == other._bound()))


def test_how_an_argument_was_passed_does_not_count() -> None:
    assert c.rename_channel("a", "b") == c.rename_channel("a", new="b")
    assert hash(c.rename_channel("a", "b")) == hash(c.rename_channel("a", new="b"))
    assert c.set_scale(z=1, y=2) == c.set_scale(y=2, z=1)
    assert c.set_scale(z=1) != c.set_translation(z=1)
    assert c.set_scale(z=1) != "set_scale(z=1)"


def test_steps_with_one_array_are_equal_and_with_two_are_not() -> None:
    data = np.zeros((4, 5))
    assert c.add_channel("a", data=data) == c.add_channel("a", data=data)
    assert c.add_channel("a", data=data) != c.add_channel("a", data=data.copy())
    assert c.add_channel("a", data=data) != c.add_channel("a")
    assert c.set_scale(z=np.float64(1)) == c.set_scale(z=1.0)


def test_a_step_with_an_array_pickles() -> None:
    step = c.add_channel("new", data=np.ones((4, 64, 64), "uint8"))
    again = pickle.loads(pickle.dumps(step))  # noqa: S301
    assert channel_names(again(CELLS)) == ("DAPI", "GFP", "new")


def test_a_step_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        c.set_scale(z=1).arguments = ()  # type: ignore[misc]


def test_pipe_is_that_of_toolz() -> None:
    steps = (c.rename_channel("GFP", "EGFP"), c.set_scale(z=0.25), c.set_contrast_limits("EGFP", start=100, end=4000))
    assert c.pipe(CELLS, *steps) == toolz.pipe(CELLS, *steps) == steps[2](steps[1](steps[0](CELLS)))
    assert c.pipe(CELLS) is CELLS


def first_level(image: Image) -> Level:
    return image.levels[0]


def test_pipe_goes_through_functions_of_any_kind() -> None:
    level: Level = c.pipe(CELLS, c.set_scale(z=0.25), first_level)
    assert level.scale[1] == 0.25


def renamed(image: Image, name: str, *, suffix: str = "") -> Image:
    return c.rename_channel("GFP", name + suffix)(image)


def test_a_function_of_the_callers_own_becomes_a_step() -> None:
    twin = c.step(renamed)
    step = twin("EGFP", suffix="!")
    assert repr(step) == "renamed('EGFP', suffix='!')"
    assert channel_names(pickle.loads(pickle.dumps(step))(CELLS)) == ("DAPI", "EGFP!")  # noqa: S301
    with pytest.raises(WrongTypeError, match=r"Call renamed\(name, \*, suffix=''\)"):
        twin()  # type: ignore[call-arg]
