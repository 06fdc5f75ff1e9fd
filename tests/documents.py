"""Documents of images in memory, and images without the places that they have there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from ngff_fn import codecs
from ngff_fn.records.image import Image, Place
from ngff_fn.records.pixels import fill
from ngff_fn.records.snapshot import Documents, Version

HERE = Place(home="")
NAMES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def documents_of(image: Image, version: Version, onto: Mapping[str, bytes] | None = None) -> Documents:
    """All documents of an image, as a commit would write them onto others."""
    there = Documents(onto)
    texts = codecs.encode_group(image, version, there.of_node(""))
    for level in image.levels:
        own = codecs.encode_array(level, image.axes, version, there.of_node(level.path))
        texts.update({f"{level.path}/{name}": text for name, text in own.items()})
    return Documents(texts)


def decoded(documents: Mapping[str, bytes]) -> Image:
    """The image that documents describe, without places."""
    return unplaced(codecs.decode(documents, HERE).root)


def unplaced(image: Image) -> Image:
    """With constant pixels instead of stored ones, and from nowhere: what documents alone can say."""
    levels = tuple(evolve(level, pixels=fill(level.array.shape, 0)) for level in image.levels)
    return evolve(image, levels=levels, source=None, labels=None)


def stored_documents(group: Path) -> Documents:
    """The documents of an image's group and of its levels, from a directory."""
    texts = _node(group)
    for path in codecs.level_paths(texts):
        texts.update({f"{path}/{name}": text for name, text in _node(group / path).items()})
    return Documents(texts)


def _node(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in NAMES if (directory / name).is_file()}


def as_json(documents: Mapping[str, bytes]) -> dict[str, Any]:
    """Documents, parsed."""
    return {key: json.loads(text) for key, text in documents.items()}


def as_texts(documents: Mapping[str, Any]) -> Documents:
    """Documents, written as most programs write them."""
    return Documents({key: json.dumps(value, indent=4).encode() for key, value in documents.items()})
