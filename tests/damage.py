"""Metadata documents, damaged at random: the same seed always does the same damage."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

WRONG: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**18, 10**400, -(2**70), 1e308, float("nan"), float("inf"), "", "0", "x", "NaN",
    "../../etc", "/etc/passwd", "..\\0", "\x00", "\ud800", "0x7fc00000", "9" * 400, [], {}, [[]], [{}], [None], [0,
    "1", 2.0],
    {"name": 1}, {"name": "x", "configuration": []}, {"type": "scale", "scale": ["a"]}, {"must_understand": True},
    ["a", ["b", ["c"]]], list(range(1000)), {"": {"": {"": []}}},
]  # fmt: skip
KEYS = [
    "version",
    "path",
    "name",
    "type",
    "unit",
    "scale",
    "translation",
    "axes",
    "datasets",
    "multiscales",
    "omero",
    "channels",
    "label",
    "color",
    "window",
    "start",
    "coordinateTransformations",
    "shape",
    "chunks",
    "dtype",
    "data_type",
    "codecs",
    "fill_value",
    "compressor",
    "filters",
    "order",
    "ngff_fn",
    "ome",
    "attributes",
    "zarr_format",
    "node_type",
    "chunk_grid",
    "dimension_names",
    "id",
    "configuration",
    "must_understand",
    "plate",
    "well",
]


def damaged(documents: Mapping[str, bytes], seed: int) -> dict[str, bytes]:
    """Documents with one to three things wrong."""
    chance = random.Random(seed)
    texts = dict(documents)
    for _ in range(chance.choice([1, 1, 2, 3])):
        key = chance.choice(sorted(texts))
        chance.choice(_WAYS)(texts, key, chance)
    return texts


def _member(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    """Some value, anywhere in the document, becomes another."""
    try:
        value = json.loads(texts[key])
    except (ValueError, RecursionError):
        return
    holder, step = _somewhere(value, chance)
    if holder is None:
        return
    _CHANGES[chance.randrange(len(_CHANGES))](holder, step, chance)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 2]))
    texts[key] = text.encode("utf-8", "surrogatepass")


def _somewhere(value: Any, chance: random.Random) -> tuple[Any, Any]:
    """An object or a list, and a key or position in it: the deeper, the more often."""
    places = []
    stack = [value]
    while stack:
        inner = stack.pop()
        steps = list(inner) if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else []
        places += [(inner, step) for step in steps]
        stack += [inner[step] for step in steps]
    return chance.choice(places) if places else (None, None)


def _replace(holder: Any, step: Any, chance: random.Random) -> None:
    holder[step] = copy.deepcopy(chance.choice(WRONG))


def _remove(holder: Any, step: Any, _: random.Random) -> None:
    del holder[step]


def _wrap(holder: Any, step: Any, chance: random.Random) -> None:
    holder[step] = chance.choice([[holder[step]], {"name": holder[step]}, str(holder[step])])


def _unwrap(holder: Any, step: Any, _: random.Random) -> None:
    value = holder[step]
    if isinstance(value, dict | list) and value:
        holder[step] = next(iter(value.values() if isinstance(value, dict) else value))


def _repeat(holder: Any, step: Any, _: random.Random) -> None:
    if isinstance(holder, list):
        holder.insert(step, copy.deepcopy(holder[step]))
    else:
        holder[f"{step} "] = holder[step]


def _add(holder: Any, _: Any, chance: random.Random) -> None:
    value = copy.deepcopy(chance.choice(WRONG))
    if isinstance(holder, dict):
        holder[chance.choice(KEYS)] = value
    else:
        holder.append(value)


def _rename(holder: Any, step: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(KEYS)] = holder.pop(step)


def _nest(holder: Any, step: Any, chance: random.Random) -> None:
    for _ in range(chance.choice([5, 60, 90, 150])):
        holder[step] = [holder[step]]


_CHANGES: list[Callable[[Any, Any, random.Random], None]] = [
    _replace, _replace, _replace, _replace, _remove, _wrap, _unwrap, _repeat, _add, _rename, _nest,
]  # fmt: skip


def _cut(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    texts[key] = texts[key][: chance.randrange(len(texts[key]) + 1)]


def _byte(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    at = chance.randrange(len(texts[key]) + 1)
    byte = chance.choice(
        [b"\xff", b"\x00", b"\xc3", b"\xef\xbb\xbf", b'"', b"{", b"]", b",", b"-", b"1e", b"//", b"NaN"]
    )
    texts[key] = texts[key][:at] + byte + texts[key][at + chance.randrange(2) :]


def _twice(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    """A member stands twice in one object."""
    texts[key] = texts[key].replace(b"{", b'{"%s": 1, ' % chance.choice(KEYS).encode(), 1)


def _token(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    """A number is written as none, or as one that no float holds."""
    old = chance.choice([b"0", b"1", b"2", b"1.0", b"0.5", b"64"])
    new = chance.choice([b"NaN", b"-Infinity", b"1e999", b"1" * 5000, b"-0.0", b"1E2", b"01", b"0x10"])
    texts[key] = texts[key].replace(old, new, 1)


def _deep(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    depth = chance.choice([50, 101, 10_000])
    texts[key] = b'{"attributes": %s1%s}' % (b"[" * depth, b"]" * depth)


def _lose(texts: dict[str, bytes], key: str, _: random.Random) -> None:
    if len(texts) > 1:
        del texts[key]


def _exchange(texts: dict[str, bytes], key: str, chance: random.Random) -> None:
    other = chance.choice(sorted(texts))
    texts[key], texts[other] = texts[other], texts[key]


_WAYS: list[Callable[[dict[str, bytes], str, random.Random], None]] = [
    *[_member] * 12, _cut, _byte, _byte, _twice, _token, _token, _deep, _lose, _exchange,
]  # fmt: skip
