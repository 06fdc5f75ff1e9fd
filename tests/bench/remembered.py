"""What documents mean, and what has to be done to make them others: asked once, for all schedules that see the same.

All of this is pure, and takes more than half of the time of a schedule, while there are some hundred states that four
writers of a few counts can see. What reads, compares, locks, publishes, carries out and recovers is never remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ngff_fn import codecs
from ngff_fn.effects.commits import commit
from ngff_fn.plan.diff import diff
from tests.bench.replaced import Replacement

T = TypeVar("T")
Edit = Callable[[Any], Any]

_MANY = 5000
_known: dict[Any, tuple[Any, ...]] = {}


def _once(key: Any, make: Callable[[], T], *alive: object) -> T:
    """``alive`` are those whose ids are in the key: while it is known, no others have these ids."""
    found = _known.get(key)
    if found is None:
        if len(_known) >= _MANY:
            _known.clear()
        found = _known[key] = (make(), *alive)
    made: T = found[0]
    return made


def edited(edit: Edit) -> Edit:
    """The same edit; of a value that it was given before, it gives the very same result."""
    return lambda root: _once((edit, id(root)), lambda: edit(root), root)


def _of_texts(function: Callable[..., T]) -> Callable[..., T]:
    def known(texts: Mapping[str, bytes], *more: Any) -> T:
        return _once((function, tuple(texts.items()), more), lambda: function(texts, *more))

    return known


def _planned(base: Any, wanted: Any) -> Any:
    # A root that was decoded once stands for its documents and their place.
    return _once((diff, id(base.root), id(wanted)), lambda: diff(base, wanted), base, wanted)


REMEMBERED: tuple[Replacement, ...] = (
    (commit, "diff", _planned),
    *((codecs, name, _of_texts(getattr(codecs, name))) for name in ("decode_root", "layout_of", "level_paths")),
)
"""Where these stand in for the real ones, nothing of this is asked twice."""
