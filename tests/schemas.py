"""The official JSON schemas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from ngff_fn.records.snapshot import Version


@cache
def validator(conformance: Path, version: Version, schema: str) -> Any:
    """Of the attributes of a kind of node: ``plate``, ``well``, ``image`` …"""
    folder = conformance / version / "schemas"
    loaded = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.schema"))]
    registry: Any = Registry().with_resources((each["$id"], DRAFT202012.create_resource(each)) for each in loaded)
    chosen = json.loads((folder / f"{schema}.schema").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(chosen, registry=registry)
