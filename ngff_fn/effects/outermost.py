"""Which group a hierarchy begins with: lock and records are there, whatever the door that one came in by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

from ngff_fn.records.snapshot import Version

GROUP_DOCUMENTS = ("zarr.json", ".zgroup")  # the first that is there says the format, as RFC-2 has it
LONGEST_GAP = 2
"""A plate's row and well may be without documents; a group further up belongs to something else, unless it lists the
path: a level may be called ``a/b/c/d``."""

FARTHEST = 8
"""How far above an array the group may be that lists it."""


@frozen(kw_only=True)
class Sought:
    """What is known of a node before it is looked at."""

    is_group: bool = False
    version: Version | None = None


def outermost(
    path: str,
    ancestors: Iterable[str],
    has: Callable[[str, str], bool],
    lists: Callable[[str, str], bool],
    sought: Sought,
) -> str:
    """The outermost group above a node, by its ancestors from the nearest on; the node itself where there is none.

    A hierarchy is of one format, and the home of an array is that of its image: only the first group above an array
    may be far from it, and from there on groups of the same format count, near ones.
    """
    documents = _formats(path, has, sought)
    near = LONGEST_GAP + 1
    home, distance, reach = path, 0, near if sought.is_group else FARTHEST
    for above in ancestors:
        distance += 1
        found = tuple([name for name in documents if has(above, name)])[:1]
        if found and (distance <= near or lists(above, home[len(above) :])):
            home, distance, reach, documents = above, 0, near, found
        elif distance == reach:
            break
    return home


def _formats(path: str, has: Callable[[str, str], bool], sought: Sought) -> tuple[str, ...]:
    """The documents by which groups above a node are known: of its own format, as far as it has one."""
    if sought.version is not None:
        return (".zgroup",) if sought.version == "0.4" else ("zarr.json",)
    if has(path, "zarr.json"):
        return ("zarr.json",)
    return (".zgroup",) if has(path, ".zgroup") or has(path, ".zarray") else GROUP_DOCUMENTS


LISTS = (".zattrs", "zarr.json")


def says(text: bytes | None, path: str) -> bool:
    """Whether a document has a path as one of its texts: no need to know where metadata list paths."""
    return text is not None and f'"{path.strip("/")}"'.encode(errors="replace") in text


def all_above(path: str) -> Iterator[str]:
    """The paths above one, the root last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
