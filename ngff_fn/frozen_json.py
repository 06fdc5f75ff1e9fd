"""JSON that cannot change: hashable all the way down, and equal only where the JSON text would mean the same."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Any, TypeAlias, Union

Json: TypeAlias = Union[None, bool, int, float, str, tuple["Json", ...], "FrozenMap"]
"""What ``freeze`` makes of a parsed document: lists are tuples, objects are ``FrozenMap``."""


class FrozenMap(Mapping[str, Json]):
    """A JSON object as a value: keeps the order of its keys, compares without it, tells 1 from 1.0 and from true.

    >>> FrozenMap({"a": 1, "b": (2.0,)}) == FrozenMap({"b": (2.0,), "a": 1})
    True
    >>> FrozenMap({"a": 1}) == FrozenMap({"a": 1.0})
    False
    >>> FrozenMap({"a": 1}).set("b", True).without("a")
    FrozenMap({'b': True})
    """

    __slots__ = ("_data", "_hash")

    def __init__(self, data: Mapping[str, Json] | None = None) -> None:
        self._data: dict[str, Json] = dict(data) if data else {}
        self._hash: int | None = None

    def __getitem__(self, key: str) -> Json:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    # What Mapping makes of the three above takes many times as long.

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key; ``default`` where it is not there."""
        return self._data.get(key, default)

    def items(self) -> ItemsView[str, Json]:
        """Keys and values."""
        return self._data.items()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Mapping) and same(self, other))

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset((key, _hashed(value)) for key, value in self._data.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"FrozenMap({self._data!r})"

    def __reduce__(self) -> tuple[type[FrozenMap], tuple[dict[str, Json]]]:
        return FrozenMap, (self._data,)

    def set(self, key: str, value: Json) -> FrozenMap:
        """This object with ``key`` set to ``value``; a new key comes last."""
        return FrozenMap({**self._data, key: value})

    def without(self, *keys: str) -> FrozenMap:
        """This object without ``keys``; those that are not there are no error."""
        return FrozenMap({key: value for key, value in self._data.items() if key not in keys})


EMPTY = FrozenMap()


def freeze(value: Any) -> Json:
    """The frozen form of parsed JSON, ``freeze(thaw(x)) == x``.

    Raises ``TypeError`` for what is not JSON.

    >>> freeze({"scale": [1, 0.5], "name": None})
    FrozenMap({'scale': (1, 0.5), 'name': None})
    """
    if value.__class__ in _PLAIN:  # most values; a short cut
        frozen: Json = value
        return frozen
    if value.__class__ is dict:
        return FrozenMap({str(key): freeze(item) for key, item in value.items()})
    match value:
        case None | bool() | int() | float() | str() | FrozenMap():
            return value
        case Mapping():
            return FrozenMap({str(key): freeze(item) for key, item in value.items()})
        case list() | tuple():
            return tuple(freeze(item) for item in value)
        case _:
            kind = type(value)  # numpy.bool is no bool
            name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
            message = f"{name} is not JSON"
            raise TypeError(message)


def thaw(value: Json) -> Any:
    """Plain dicts and lists again, as ``json.dumps`` takes them.

    >>> thaw(FrozenMap({"scale": (1, 0.5)}))
    {'scale': [1, 0.5]}
    """
    match value:
        case FrozenMap():
            return {key: thaw(item) for key, item in value.items()}
        case tuple():
            return [thaw(item) for item in value]
        case _:
            return value


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values mean the same: types of numbers count, the order of keys does not; NaN equals itself.

    >>> same(1, 1.0), same(True, 1), same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    (False, False, True)
    """
    if left is right:
        return True
    kind = left.__class__
    if kind in _SCALARS:  # most values; a short cut, since asking for Mapping takes its time
        return kind is right.__class__ and bool(left == right)
    if kind is float:
        return right.__class__ is float and (left == right or (left != left and right != right))  # noqa: PLR0124 — NaN
    if isinstance(left, list | tuple):
        return isinstance(right, list | tuple) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict | FrozenMap | Mapping):
        return (
            isinstance(right, dict | FrozenMap | Mapping)
            and len(left) == len(right)
            and all(key in right and same(value, right[key]) for key, value in left.items())
        )
    return type(left) is type(right) and (left == right or (left != left and right != right))  # noqa: PLR0124


_SCALARS = frozenset({str, int, bool, type(None)})
_PLAIN = _SCALARS | {float}


def _hashed(value: Json) -> object:
    match value:
        case tuple():
            return ("list", *(_hashed(item) for item in value))
        case float() if value != value:  # noqa: PLR0124 — NaN hashes by identity otherwise
            return ("nan",)
        case _:
            return (type(value).__name__, value)
