"""A JSON text changes where its meaning changes, and nowhere else."""

from __future__ import annotations

import copy
import json
import pickle
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ngff_fn.json_splice import (
    Edit,
    Insert,
    JsonSyntaxError,
    Move,
    Put,
    Remove,
    change,
    differences,
    dump,
    parse,
    place,
    splice,
)

# -- values, and the styles in which programs write them

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 1e5, 1e22]),
    st.text(max_size=4),
    st.sampled_from(["µm", '"', "\\", "[ ", "{", "a:b,", "\u2028", "\U0001f52c"]),
)
KEYS = st.sampled_from(["a", "b", "c", "d", "path", "µ", '"', "", "x y"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)

Style = Callable[[Any], str]


def python(indent: int | str | None, item: str = ",", key: str = ": ", *, ascii_only: bool = True) -> Style:
    return lambda value: json.dumps(value, indent=indent, separators=(item, key), ensure_ascii=ascii_only)


def java(value: Any, indent: str = "") -> str:
    """As Jackson's default pretty printer writes: objects on lines of their own, lists on the line where they begin."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        members = f",\n{inner}".join(f"{json.dumps(key)} : {java(item, inner)}" for key, item in value.items())
        return f"{{\n{inner}{members}\n{indent}}}"
    if isinstance(value, list) and value:
        return f"[ {', '.join(java(item, indent) for item in value)} ]"
    return {"{}": "{ }", "[]": "[ ]"}.get(json.dumps(value), json.dumps(value))


def by_hand(value: Any, indent: str = "") -> str:
    """As people and prettier write: what holds no list or object of its own stands on one line."""
    inner = indent + "    "
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    flat = not any(isinstance(item, dict | list) for item in items)
    if isinstance(value, dict) and items:
        members = [f"{json.dumps(key, ensure_ascii=False)}: {by_hand(item, inner)}" for key, item in value.items()]
        return f"{{ {', '.join(members)} }}" if flat else braced("{}", members, inner, indent)
    if items:
        elements = [by_hand(item, inner) for item in items]
        return f"[{', '.join(elements)}]" if flat else braced("[]", elements, inner, indent)
    return json.dumps(value, ensure_ascii=False)


def braced(brackets: str, items: list[str], inner: str, indent: str) -> str:
    return brackets[0] + "\n" + inner + f",\n{inner}".join(items) + "\n" + indent + brackets[1]


UNIFORM: Mapping[str, Style] = {
    "compact": python(None, ",", ":"),
    "one line": python(None, ", ", ": "),
    "one line, UTF-8": python(None, ", ", ": ", ascii_only=False),
    "one line, spread": python(None, " , ", " : "),
    "indent 2": python(2),
    "indent 4, UTF-8": python(4, ascii_only=False),
    "indent 0": python(0),
    "tabs": python("\t", ",", ":"),
    "indent 2, spread": python(2, ",", " : "),
    "commas first": lambda value: re.sub(r",(\n *)", r"\1, ", python(2)(value)),
    "windows": lambda value: python(2)(value).replace("\n", "\r\n"),
    "java": java,
}
STYLES = st.sampled_from([*UNIFORM.values(), by_hand])


def scribbled(seed: int) -> Style:
    """White space of all kinds between all tokens, and numbers and strings as nobody else spells them."""

    def style(value: Any) -> str:
        rng = random.Random(seed)

        def space() -> str:
            return "".join(rng.choices(" \t\n\r", k=rng.choice([0, 0, 0, 1, 3])))

        def text(inner: Any) -> str:
            if isinstance(inner, dict):
                heads = {key: f"{space()}{spelled(key)}{space()}:{space()}" for key in inner}
                members = [heads[key] + text(item) + space() for key, item in inner.items()]
                return "{" + (",".join(members) or space()) + "}"
            if isinstance(inner, list):
                return "[" + (",".join(f"{space()}{text(item)}{space()}" for item in inner) or space()) + "]"
            return spelled(inner)

        return space() + text(value) + space()

    return style


def spelled(scalar: Any) -> str:
    """Longer than need be: 1.50E+000, "\u0061"."""
    if isinstance(scalar, float):
        digits, _, exponent = f"{scalar:.17e}".partition("e")
        return f"{digits}0E{int(exponent):+04d}"
    if isinstance(scalar, str):
        return '"' + "".join(f"\\u{unit:04X}" for unit in utf16(scalar)) + '"'
    return json.dumps(scalar)


def utf16(text: str) -> Iterator[int]:
    units = text.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))


def exactly(value: Any) -> Any:
    """What tells 1 from 1.0, true and -0.0, whatever the order of keys."""
    if isinstance(value, Mapping):
        return {key: exactly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exactly(item) for item in value]
    return type(value), repr(value)


def frozen(value: Any) -> Any:
    """The same, of types that cannot be changed."""
    if isinstance(value, dict):
        return MappingProxyType({key: frozen(item) for key, item in value.items()})
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value


def leaves(value: Any, pointer: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if not isinstance(value, dict | list):
        yield pointer
        return
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(item, (*pointer, step))


def with_leaf(value: Any, pointer: tuple[str | int, ...], leaf: Any) -> Any:
    if not pointer:
        return leaf
    made = copy.copy(value)
    made[pointer[0]] = with_leaf(value[pointer[0]], pointer[1:], leaf)
    return made


@st.composite
def edited(draw: st.DrawFn, value: Any) -> Any:
    """The value, here and there another: members and elements that changed, came, went, moved."""
    if not isinstance(value, dict | list) or draw(st.integers(0, 5)) == 0:
        return draw(VALUES) if draw(st.integers(0, 2)) == 0 else value
    if isinstance(value, dict):
        kept = {key: draw(edited(item)) for key, item in value.items() if draw(st.integers(0, 4))}
        return kept | (draw(st.dictionaries(KEYS, VALUES, max_size=1)) if draw(st.booleans()) else {})
    made = [draw(edited(item)) for item in value if draw(st.integers(0, 4))]
    if draw(st.booleans()):
        made.insert(draw(st.integers(0, len(made))), draw(VALUES))
    return draw(st.permutations(made)) if draw(st.integers(0, 3)) == 0 else made


@st.composite
def documents(draw: st.DrawFn, values: st.SearchStrategy[Any] = VALUES) -> tuple[bytes, Any]:
    value = draw(values)
    style = draw(STYLES | st.integers(0, 1000).map(scribbled))
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    end = draw(st.sampled_from(["", "\n", "\r\n", " \n\n"]))
    return (mark + style(value) + end).encode(), value


# -- change: laws


@given(documents(), st.data())
@settings(max_examples=150, deadline=None)
def test_the_changed_text_means_the_new_value(document: tuple[bytes, Any], data: st.DataObject) -> None:
    text, old = document
    new = data.draw(VALUES | edited(old))
    assert exactly(parse(change(text, old, new))) == exactly(new)
    assert change(text, frozen(old), frozen(new)) == change(text, old, new)


@given(documents())
@settings(max_examples=100, deadline=None)
def test_what_means_the_same_keeps_every_byte(document: tuple[bytes, Any]) -> None:
    text, value = document
    assert exactly(parse(text)) == exactly(value)
    assert change(text, value, copy.deepcopy(value)) is text
    assert change(text, value, frozen(value)) is text


@given(documents(), SCALARS, st.data())
@settings(max_examples=100, deadline=None)
def test_another_leaf_changes_the_bytes_of_this_leaf(
    document: tuple[bytes, Any], leaf: Any, data: st.DataObject
) -> None:
    text, old = document
    places = list(leaves(old))
    if not places:
        return
    pointer = data.draw(st.sampled_from(places))
    new = with_leaf(old, pointer, leaf)
    made = change(text, old, new)
    if exactly(old) == exactly(new):
        assert made == text
        return
    mark = b'"here, and nowhere else"'
    around = splice(text, [Put(pointer, "here, and nowhere else")]).split(mark)
    assert len(around) == 2
    assert made.startswith(around[0])
    assert made.endswith(around[1])
    was = text[len(around[0]) : len(text) - len(around[1])]
    assert around[0] + was + around[1] == text
    assert exactly(parse(was)) == exactly(parse(spelled(parse(was)).encode()))  # nothing but the leaf was taken away
    assert not isinstance(parse(was), dict | list)


SHOWN = {"object": {"scalar": 1, "row": [1.5, "µ"]}, "list": [{"a": 1}, {"b": 2}]}


@pytest.mark.parametrize("style", UNIFORM.values(), ids=UNIFORM.keys())
@given(OBJECTS, st.data())
@settings(max_examples=25, deadline=None)
def test_a_document_keeps_its_style(style: Style, old: dict[str, Any], data: st.DataObject) -> None:
    # The document shows how it sets objects, lists and rows, and whether it escapes: there is one right way to write.
    new = data.draw(edited(old).filter(lambda value: isinstance(value, dict)))
    before, after = {"shown": SHOWN, "value": old}, {"shown": SHOWN, "value": in_order_of(old, new)}
    assert change(style(before).encode(), before, after).decode() == style(after)


def in_order_of(old: Any, new: Any) -> Any:
    """The new value with the keys of objects in the order in which a splice leaves them."""
    text = json.dumps(old).encode()
    return parse(change(text, old, new))


@given(documents(OBJECTS), st.data())
@settings(max_examples=100, deadline=None)
def test_what_was_added_and_is_removed_again_leaves_no_trace(document: tuple[bytes, Any], data: st.DataObject) -> None:
    text, old = document
    new = copy.deepcopy(old)
    inside = [new, *(value for value in new.values() if isinstance(value, dict | list) and value)]
    container = data.draw(st.sampled_from(inside))
    if container == {}:
        return
    if isinstance(container, dict):
        container["added"] = data.draw(VALUES)
    else:
        container.insert(data.draw(st.integers(0, len(container))), {"added": data.draw(VALUES)})
    assert change(change(text, old, new), new, old) == text


@pytest.mark.parametrize("text", [b"{}", b"{}\n", b'{"a": {}}', b'{\n  "a": []\n}', b'{\n"a" : { },\n"b" : [ 1 ]\n}'])
@pytest.mark.parametrize("value", [1, [], [1, {"b": 2}], {"c": [1, 2]}])
def test_what_was_empty_and_is_empty_again_leaves_no_trace(text: bytes, value: Any) -> None:
    old = parse(text)
    new = copy.deepcopy(old)
    inside = new.get("a", new)
    inside.append(value) if isinstance(inside, list) else inside.update({"new": value})
    assert change(change(text, old, new), new, old) == text


@given(documents(st.lists(VALUES, max_size=6)), st.data())
@settings(max_examples=100, deadline=None)
def test_elements_that_move_take_their_bytes_along(document: tuple[bytes, Any], data: st.DataObject) -> None:
    text, old = document
    marked = [{"element": value} for value in old]
    text = change(text, old, marked)
    new = data.draw(st.permutations(marked))
    made = change(text, marked, new)
    assert exactly(parse(made)) == exactly(new)
    assert sorted(tokens(made)) == sorted(tokens(text))


def tokens(text: bytes) -> list[str]:
    """The elements of a document that is a list, as they are written."""
    decoder, source, found = json.JSONDecoder(), text.decode("utf-8-sig").strip(" \t\r\n"), []
    at = 1
    while source[at:].strip(" ,\t\r\n") != "]":
        at += len(source[at:]) - len(source[at:].lstrip(" ,\t\r\n"))
        _, end = decoder.raw_decode(source, at)
        found.append(source[at:end])
        at = end
    return found


# -- change: specification


def test_equal_numbers_of_different_types_are_different() -> None:
    assert change(b"[1, 1, 1, 0.0]", [1, 1, 1, 0.0], [1.0, True, 1, -0.0]) == b"[1.0, true, 1, -0.0]"


def test_the_order_of_keys_is_no_difference() -> None:
    text = b'{"b": 1, "a": {"d": 2, "c": 3}}'
    assert change(text, parse(text), {"a": {"c": 3, "d": 2}, "b": 1}) is text


def test_new_keys_come_last_in_the_order_of_the_new_value() -> None:
    text = b'{"b": 1, "a": 2}'
    assert change(text, parse(text), {"z": 0, "a": 2, "y": 9, "b": 1}) == b'{"b": 1, "a": 2, "z": 0, "y": 9}'


def test_unusual_spellings_survive_elsewhere() -> None:
    text = b'{ "big" :1E5,\t"one":1.0 ,"zero": -0.0,\r\n"unit": "\\u00b5m", "slash":"\\/"  , "x": 1}  '
    assert change(text, parse(text), parse(text) | {"x": 2}) == text.replace(b'"x": 1', b'"x": 2')


def test_a_key_is_found_however_it_is_spelled() -> None:
    assert change(b'{"\\u0061": 1}', {"a": 1}, {"a": 2}) == b'{"\\u0061": 2}'


def test_nan_stays_where_it_is() -> None:
    text = b'{"fill_value": NaN, "limits": [-Infinity, Infinity, 1e999], "name": "a"}'
    old = parse(text, allow_nan=True)
    assert change(text, old, old | {"name": "b"}) == text.replace(b'"a"', b'"b"')


def test_nan_moves_with_its_element() -> None:
    text = b'[{"a": 1}, {"b": NaN}]'
    first, second = parse(text, allow_nan=True)
    assert change(text, [first, second], [second, first]) == b'[{"b": NaN}, {"a": 1}]'


def test_an_element_that_goes_leaves_the_others_as_they_are() -> None:
    text = b'[ {"a":1E0},{"b":2E0} , {"c":3E0} ]'
    a, b, c = parse(text)
    assert change(text, [a, b, c], [a, c]) == b'[ {"a":1E0},{"c":3E0} ]'
    assert change(text, [a, b, c], [b, c]) == b'[ {"b":2E0} , {"c":3E0} ]'
    assert change(text, [a, b, c], [a, b]) == b'[ {"a":1E0},{"b":2E0} ]'
    assert change(text, [a, b, c], [a, {"d": 4}, b, c]) == b'[ {"a":1E0},{"d":4},{"b":2E0} , {"c":3E0} ]'


def test_of_a_list_that_shrank_an_element_that_changed_is_known_by_what_stayed_the_same() -> None:
    text = b'[{"label": "a", "w": 1E0}, {"label": "b", "w": 2E0}, {"label": "c", "w": 3E0}]'
    a, _, c = parse(text)
    made = change(text, parse(text), [c | {"label": "z"}, a])
    assert made == b'[{"label": "z", "w": 3E0}, {"label": "a", "w": 1E0}]'


def test_a_row_on_one_line_stays_on_one_line() -> None:
    text = b'{\n  "scale": [1.0, 0.5],\n  "name": "a"\n}'
    made = change(text, parse(text), {"scale": [1.0, 0.25, 0.25], "name": "a"})
    assert made == b'{\n  "scale": [1.0, 0.25, 0.25],\n  "name": "a"\n}'


def test_a_new_element_looks_like_its_neighbours() -> None:
    text = b'{\n  "axes": [\n    { "name": "y" },\n    { "name": "x" }\n  ]\n}\n'
    made = change(text, parse(text), {"axes": [{"name": "z", "u": [1]}, {"name": "y"}, {"name": "x"}]})
    assert made == text.replace(b"[\n", b'[\n    { "name": "z", "u": [1] },\n', 1)


def test_what_is_inside_of_a_new_element_looks_like_what_has_its_key_in_the_neighbour() -> None:
    neighbour = '\n    {\n      "lut": {\n        "a": 0\n      },\n      "window": { "min": 0 }\n    }'
    text = f'{{\n  "channels": [{neighbour}\n  ]\n}}'
    old = parse(text.encode())
    new = {"channels": [*old["channels"], {"lut": {"a": 1}, "window": {"min": 1, "max": 2}}]}
    element = neighbour.replace("0", "1").replace('"min": 1', '"min": 1, "max": 2')
    assert change(text.encode(), old, new).decode() == text.replace(neighbour, f"{neighbour},{element}")


def test_a_java_document_stays_one() -> None:
    text = b'{\n  "datasets" : [ {\n    "path" : "0"\n  } ],\n  "scale" : [ 1.0 ]\n}'
    made = change(text, parse(text), {"datasets": [{"path": "0"}, {"path": "1"}], "scale": [1.0, 2.0], "more": []})
    expected = '{\n  "datasets" : [ {\n    "path" : "0"\n  }, {\n    "path" : "1"\n  } ],'
    assert made.decode() == expected + '\n  "scale" : [ 1.0, 2.0 ],\n  "more" : [ ]\n}'


def test_an_empty_document_is_filled_like_a_new_one() -> None:
    new = {"ome": {"scale": [1, 2]}, "list": [{}]}
    assert change(b"{}", {}, new) + b"\n" == dump(new)


def test_what_is_new_is_escaped_where_the_document_escapes() -> None:
    assert change(b'["\\u00b5m"]', ["µm"], ["µm", "µs"]) == b'["\\u00b5m", "\\u00b5s"]'
    assert change('["µm"]'.encode(), ["µm"], ["µm", "µs"]) == '["µm", "µs"]'.encode()
    assert change(b'["m"]', ["m"], ["µm"]) == '["µm"]'.encode()


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    assert change(b'["a"]', ["a"], ["\ud83d"]) == b'["\\ud83d"]'
    with pytest.raises(ValueError, match=r"\[0\]: .* is not Unicode"):
        change(b'["a"]', ["a"], ["\ud83d\ude00"])


def test_a_text_that_does_not_mean_the_old_value_is_refused() -> None:
    with pytest.raises(ValueError, match="the text does not mean the old value"):
        change(b'{"a": 1}', {"a": 1.0}, {"a": 2})


def test_a_value_that_is_not_json_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"^a\[1\]\.b: nan is not JSON"):
        change(b'{"a": [1]}', {"a": [1]}, {"a": [1, {"b": float("nan")}]})
    with pytest.raises(ValueError, match=r"^a: set is not JSON"):
        change(b"{}", {}, {"a": {1}})
    with pytest.raises(ValueError, match=r"^a: the key 1 is not a string"):
        change(b"{}", {}, {"a": {1: 2}})


def test_a_small_change_of_a_usual_document_takes_far_less_than_a_millisecond() -> None:
    channels = [{"label": f"c{at}", "window": {"start": 0, "end": 9.5}, "scale": [1.0, 2.0]} for at in range(12)]
    text = dump({"attributes": {"ome": {"omero": {"channels": channels}}}})
    assert 2000 < len(text) < 3000
    old, new = parse(text), parse(text)
    new["attributes"]["ome"]["omero"]["channels"][5]["window"]["end"] = 8.5
    assert fastest(lambda: change(text, old, new)) < 3e-3  # 0.5 ms; what is more is left to slow machines


def fastest(function: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return min(once() for _ in range(20))


def test_a_large_document_takes_time_in_proportion() -> None:
    wells = [{"path": f"A/{at}", "rowIndex": at} for at in range(10_000)]
    text = dump({"wells": wells})
    new = [{**well, "rowIndex": 0} for well in wells if well["rowIndex"] != 5000]
    assert parse(change(text, {"wells": wells}, {"wells": new})) == {"wells": new}


# -- differences and splice


def test_differences_are_few_and_speak_of_the_old_document() -> None:
    old = {"a": 1, "list": [{"x": 1}, {"x": 2}, {"x": 3}], "row": [1, 2, 3]}
    new = {"list": [{"x": 3}, {"x": 1}, {"x": 9, "y": 0}], "row": [1, 5, 3], "b": 2}
    assert set(map(repr, differences(old, new))) == {
        "Remove(pointer=('a',))",
        "Move(pointer=('list', 2), before=0)",
        "Put(pointer=('list', 1, 'x'), value=9)",
        "Put(pointer=('list', 1, 'y'), value=0)",
        "Put(pointer=('row', 1), value=5)",
        "Put(pointer=('b',), value=2)",
    }


def test_edits_mean_the_text_that_is_given_whatever_their_order() -> None:
    edits: list[Edit] = [Remove((0,)), Insert((1,), "new"), Put((2,), "put"), Move((3,), 0), Insert((4,), "last")]
    for order in (edits, edits[::-1]):
        assert splice(b"[0, 1, 2, 3]", order) == b'[3, "new", 1, "put", "last"]'


def test_what_is_added_in_the_same_place_comes_in_the_order_given() -> None:
    assert splice(b"[0]", [Insert((0,), 1), Insert((0,), 2)]) == b"[1, 2, 0]"
    assert splice(b"{}", [Put(("b",), 1), Put(("a",), 2)]) == b'{\n  "b": 1,\n  "a": 2\n}'


def test_an_element_may_move_and_change() -> None:
    assert splice(b'[{"a": 1}, 2]', [Move((0,), 2), Put((0, "a"), 3)]) == b'[2, {"a": 3}]'
    assert splice(b"[1, 2]", [Put((0,), 3), Move((0,), 2)]) == b"[2, 3]"


def test_the_whole_document_may_be_put() -> None:
    assert splice(b"\xef\xbb\xbf [1, 2]\n", [Put((), [3])]) == b"\xef\xbb\xbf [3]\n"


def test_no_edits_no_change() -> None:
    text = b"neither parsed nor copied"
    assert splice(text, []) is text


@pytest.mark.parametrize(
    "edits",
    [
        [Put(("a",), 1), Put(("a",), 1)],
        [Put(("a",), 1), Remove(("a",))],
        [Put(("a",), 1), Put(("a", 0), 1)],
        [Put(("a", 0), 1), Put(("a",), 1)],
        [Insert(("a", 0), 1), Remove(("a",))],
        [Remove(("a",)), Insert(("a", 0), 1)],
        [Remove(("a", 0)), Move(("a", 0), 1)],
        [Move(("a", 0), 1), Remove(("a", 0))],
        [Move(("a", 0), 1), Move(("a", 0), 2)],
    ],
)
def test_edits_that_overlap_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match=r"^a(\[0\])?: another edit"):
        splice(b'{"a": [1, 2]}', edits)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Put(("a", 2), 0), r"a\[2\]: there is no such element, the list has 2"),
        (Put(("a", -1), 0), r"a\[-1\]: there is no such element"),
        (Put(("a", "b"), 0), r"a\.b: there is no such element"),
        (Insert(("a", 3), 0), r"a\[2\]: there is no such element"),
        (Move(("a", 2), 0), r"a\[2\]: there is no such element"),
        (Remove(("b",)), "b: there is no such member"),
        (Put(("b", "c"), 0), "b: there is no such member"),
        (Put((0,), 0), "document: an object, and 0 is not a key"),
        (Put(("n", "c"), 0), "n: neither a list nor an object"),
        (Insert((0,), 0), "document: only lists have places to insert at. Put adds a member"),
        (Insert(("b",), 0), "b: only lists have places to insert at"),
        (Insert((), 0), "document: only lists have places"),
        (Move((), 0), "document: only lists have places"),
        (Move(("a",), 0), "document: only lists have places"),
        (Remove(()), "document: it cannot be removed, only replaced"),
    ],
)
def test_what_is_not_there_cannot_be_edited(edit: Edit, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        splice(b'{"a": [1, 2], "n": null}', [edit])


def test_edits_are_values() -> None:
    edits = (Put(("a", 0), 1), Remove(("a",)), Insert((0,), None), Move((1,), 0))
    assert pickle.loads(pickle.dumps(edits)) == edits  # noqa: S301 — our own
    assert len(set(edits)) == 4


def test_a_pointer_reads_like_a_path() -> None:
    assert place(("a", 0, "b", 'say "c.d"', "")) == 'a[0].b["say \\"c.d\\""][""]'
    assert place(()) == "document"


# -- parse


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        (b"", 1, 1, "the document is empty"),
        (b"\xef\xbb\xbf \n", 1, 1, "the document is empty"),
        (b'{"a": 1, 2}', 1, 10, "Expecting property name"),
        (b"[1, 2] 3", 1, 8, "Extra data"),
        (b'{\n "a": 1, // no\n "b": 2}', 2, 10, "Expecting property name"),
        (b'["a\nb"]', 1, 4, "Invalid control character$"),
        (b'{"\xc2\xb5": 1,\n "b\xff": 2}', 2, 4, "the byte 0xff is not UTF-8"),
        ("[]".encode("utf-16"), 1, 1, "the byte 0xff is not UTF-8"),
        (b'{"x": "a",\n "b": {"a": 1, "c": [{}],\n "\\u0061": 2}}', 3, 2, r'the key "\\u0061" stands twice'),
        (b'{"NaN": "NaN",\n "b": NaN}', 2, 7, "NaN is not JSON"),
        (b"[-Infinity]", 1, 2, "-Infinity is not JSON"),
        (b'["1e999", 0.1e999, 1e999]', 1, 11, "0.1e999 is beyond the range"),
        (b'["' + b"1" * 5000 + b'", ' + b"1" * 5000 + b".0]", 1, 5006, "beyond the range of numbers"),
        (b'["' + b"1" * 5000 + b'",\n ' + b"1" * 5000 + b"]", 2, 2, "an integer of more than 4300 digits"),
        (b"[" * 101 + b"]" * 101, 1, 101, "more than 100 lists and objects lie in each other"),
        (b"[" * 100_000, 1, 101, "more than 100"),
        (b'["' + b"[" * 200 + b'",\n' + b'{"a":' * 100 + b"0", 2, 496, "more than 100"),
    ],
)
def test_what_is_not_json_is_refused_with_line_and_column(text: bytes, line: int, column: int, reason: str) -> None:
    with pytest.raises(JsonSyntaxError, match=reason) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"line {line}, column {column}: ")
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 — our own


def test_as_many_levels_as_are_allowed_are_read() -> None:
    text = b"[" * 100 + b"]" * 100
    assert dump(parse(text)).split() == [b"["] * 99 + [b"[]"] + [b"]"] * 99
    with pytest.raises(JsonSyntaxError):
        parse(text, max_depth=99)
    with pytest.raises(JsonSyntaxError, match="nested too deep"):
        parse(b"[" * 200_000 + b"]" * 200_000, max_depth=10**6)


def test_nan_is_read_where_it_is_allowed() -> None:
    value = parse(b"[NaN, -Infinity, 1e999]", allow_nan=True)
    assert repr(value) == "[nan, -inf, inf]"


@given(st.binary(max_size=40) | st.text('[]{}":,\\u0019eE.- \nnulltruefalseNI', max_size=30).map(str.encode))
@settings(max_examples=300, deadline=None)
@example(b"[1,]")
@example(b'{"a":1,"a":NaN}')
def test_whatever_is_parsed_is_a_value_or_a_syntax_error(text: bytes) -> None:
    try:
        value = parse(text)
    except JsonSyntaxError as error:
        assert error.line >= 1
        assert error.column >= 1
    else:
        assert exactly(parse(dump(value))) == exactly(value)


@pytest.mark.parametrize("piece", [b'"\\', b'\\"', b'"', b"{", b'{"a', b"1", b"[1,", b"\\"])
def test_no_damage_makes_the_parser_slow(piece: bytes) -> None:
    text = b'["' + piece * (300_000 // len(piece))
    start = time.perf_counter()
    with pytest.raises(JsonSyntaxError):
        parse(text)
    with pytest.raises(JsonSyntaxError):
        parse(b"[" * 101 + text)
    assert time.perf_counter() - start < 5


# -- dump


def test_a_new_document_is_readable() -> None:
    value = {"name": "µ", "scale": [1.0, 0.5], "axes": ({"name": "x"},), "empty": {}, "none": [], "long": [0.125] * 40}
    text = dump(value).decode()
    assert text.startswith('{\n  "name": "µ",\n  "scale": [1.0, 0.5],\n  "axes": [\n    {\n      "name": "x"\n    }\n')
    assert '  "empty": {},\n  "none": [],\n  "long": [\n    0.125,\n' in text
    assert text.endswith("]\n}\n")
    assert dump({"a": {"b": 1}}, indent=4) == b'{\n    "a": {\n        "b": 1\n    }\n}\n'


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_a_new_document_means_its_value(value: Any) -> None:
    assert exactly(parse(dump(value))) == exactly(value)
    assert dump(frozen(value)) == dump(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, float("nan")]}, r"a\[1\]: nan is not JSON"),
        ({"a": float("-inf")}, r"a: -inf is not JSON"),
        ({"a": {None: 1}}, r"a: the key None is not a string"),
        ([b"a"], r"\[0\]: bytes is not JSON"),
        ([10**5000], r"\[0\]: an integer of too many digits"),
    ],
)
def test_what_is_not_json_is_not_dumped(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        dump(value)


def test_what_contains_itself_is_not_dumped() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="more than 100 lists and objects lie in each other"):
        dump(endless)
