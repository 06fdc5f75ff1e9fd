"""Paths of nodes: names with "/" between them, relative to a node above."""

from __future__ import annotations


def joined(*parts: str) -> str:
    """Paths below one another; empty parts are nothing.

    >>> joined("", "A/1", "0")
    'A/1/0'
    """
    return "/".join([part for part in parts if part])
