"""What has happened in a store and is not carried out to its end, whatever the way it happened."""

from __future__ import annotations

from ngff_fn.effects import record
from ngff_fn.effects.objects.fenced import FENCED
from ngff_fn.effects.objects.files import ObjectFiles
from ngff_fn.effects.record import RECORDS, WORKSHOP, Record
from ngff_fn.effects.stores import Files
from ngff_fn.records.paths import joined


def standing(files: Files) -> tuple[Record, ...]:
    """The records of commits that have happened; the documents of those with fences say it themselves."""
    fenced = files.documents.committed() if isinstance(files, ObjectFiles) else []
    return (*record.standing(files), *(Record(name=each.name, steps=each.steps) for each in fenced))


def paths_of_records(files: Files) -> list[str]:
    """What changes when another commit has happened, or is carried out to its end; empty where none is under way."""
    if not files.exists(WORKSHOP):
        return []
    fenced = files.documents.committed() if isinstance(files, ObjectFiles) else []
    plain = (joined(RECORDS, name) for name, _ in files.names(RECORDS))
    return [*plain, *(joined(FENCED, f"{each.name}.json") for each in fenced)]
