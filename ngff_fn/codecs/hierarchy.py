"""From the documents of a whole hierarchy to one value: a plate with its wells, fields and images, or a collection."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from attrs import evolve

from ngff_fn.codecs.below import Below
from ngff_fn.codecs.decoding import Decoded, decode, layout_of
from ngff_fn.codecs.labels import is_group_of_labels, read_labels
from ngff_fn.codecs.levels import path_fault
from ngff_fn.codecs.parts import Part, sections_of, shown
from ngff_fn.codecs.plates import empty_wells, read_collection, read_plate, read_well, says_well, sound_well
from ngff_fn.codecs.versions import root_attributes, stated_layout, version_of
from ngff_fn.errors import DocumentError, NgffError, Problem, WrongTypeError, a_type, refuse
from ngff_fn.frozen_json import FrozenMap
from ngff_fn.json_splice import dump
from ngff_fn.records.image import Image, Label, Labels, Place, Unread
from ngff_fn.records.labels import LABELS
from ngff_fn.records.paths import joined
from ngff_fn.records.plate import Collection, Field, Plate, Series, Well
from ngff_fn.records.snapshot import Documents, Mode, Snapshot, Version

_GROUP = ("zarr.json", ".zgroup", ".zattrs")
_HOLDERS = frozenset({"plate", "well", "bf2raw"})


def child_paths(documents: Mapping[str, bytes], listed: Mapping[str, bytes] | None = None) -> tuple[str, ...] | None:
    """Where the groups below a plate or a well are, told from its documents alone.

    Parameters
    ----------
    documents
        Those of the group.
    listed
        Of a collection: those of its group ``OME``.

    Returns
    -------
    tuple
        Paths that may be followed; None for a collection that does not list its images: they are in ``0``, ``1`` …

    Raises
    ------
    DocumentError
        With all problems, if a path is absolute or climbs.

    >>> child_paths({".zattrs": b'{"well": {"images": [{"path": "0"}, {"path": "1"}]}}'})
    ('0', '1')
    """
    known = sound_well(documents, "0.5" if "zarr.json" in documents else "0.4")
    if known is not None:
        return tuple([each.path for each in known.fields])
    problems: list[Problem] = []
    version, attributes = root_attributes(documents, problems)
    refuse(problems, DocumentError)
    if attributes is None:
        return ()
    match layout_of(documents):
        case "plate":
            plate, _ = read_plate(attributes, version)
            paths = tuple(well.path for well in plate.wells)
        case "well":
            paths = tuple(each.path for each in read_well(attributes, version).fields)
        case "bf2raw":
            series = _series(listed or {}, problems)
            refuse(problems, DocumentError)
            return series
        case _:
            return ()
    refuse(problems, DocumentError)
    return paths


def childless(documents: Mapping[str, bytes]) -> tuple[str, ...]:
    """The wells without fields that a plate's document knows of: what they say costs one document each.

    >>> childless({".zattrs": b'{"ngff_fn": {"plate": {}, "wells": [{"path": "A/1", "at": 0}]}}'})
    ('A/1',)
    """
    _, attributes = root_attributes(documents, [])
    return () if attributes is None else tuple(empty_wells(attributes))


def _series(documents: Mapping[str, bytes], problems: list[Problem]) -> tuple[str, ...] | None:
    """Specification: "series" lists the paths; without it, "the images are in groups 0, 1, 2, …"."""
    _, attributes = root_attributes(documents, [])
    if attributes is None:
        return None
    ome = attributes.value.get("ome") if "zarr.json" in documents else attributes.value
    said = ome.get("series") if isinstance(ome, dict) else None
    if not isinstance(said, list):
        return None
    paths = tuple(dict.fromkeys(path for path in said if isinstance(path, str)))
    for path in paths:
        if fault := path_fault(path):
            message = f"{shown(path)} {fault} An image of a collection is below it, such as '0'. Mend the document."
            problems.append(Problem(f"OME: series[{said.index(path)}]", message))
    return paths


def decode_root(documents: Mapping[str, bytes], origin: Place) -> Decoded:
    """The value that the documents of a hierarchy describe: an image, a plate, a well or a collection.

    Parameters
    ----------
    documents
        By store key, seen from the root: of the root itself, and of what is below it. What is listed and has no
        documents is ``Unread``.
    origin
        Where the root is.

    Raises
    ------
    UnsupportedError
        For a version that is not supported, by name.
    DocumentError
        With all problems of the root's documents; an image below it that cannot be read is ``Unread``, and noted.

    >>> well = b'{"well": {"images": [{"path": "0"}], "version": "0.4"}}'
    >>> decoded = decode_root({".zgroup": b'{"zarr_format": 2}', ".zattrs": well}, Place(home=""))
    >>> decoded.root.fields[0].image
    Unread(path='0')
    """
    if layout_of(documents) not in _HOLDERS:
        read = decode(documents, origin)
        return _with_labels(documents, origin, read) if _has_labels(documents, "") else read
    version = version_of(documents)
    reading = _Reading(documents, origin, version)
    problems: list[Problem] = []
    root = reading.holder("", problems)
    refuse(problems, DocumentError)
    return Decoded(version=version, root=root, problems=(*problems, *reading.problems))


def _has_labels(documents: Mapping[str, bytes], path: str) -> bool:
    prefix = f"{path}/{LABELS}/" if path else f"{LABELS}/"
    is_there = f"{prefix}zarr.json" in documents or f"{prefix}.zgroup" in documents or f"{prefix}.zattrs" in documents
    return is_there and is_group_of_labels(Below(documents, prefix[:-1]))


def _with_labels(documents: Mapping[str, bytes], origin: Place, read: Decoded) -> Decoded:
    """An image that is the root, with its labels."""
    reading = _Reading(documents, origin, read.version)
    root = evolve(read.root, labels=reading.labels(""))
    return evolve(read, root=root, problems=(*read.problems, *reading.problems))


class _Reading:
    def __init__(self, documents: Mapping[str, bytes], origin: Place, version: Version) -> None:
        self.documents = dict(documents.items())
        self.origin, self.version = origin, version
        self.problems: list[Problem] = []
        self._beside_labels: dict[str, dict[str, None]] | None = None

    def holder(self, path: str, problems: list[Problem]) -> Plate | Well | Collection:
        """The plate, well or collection at a path, with what is below it."""
        own = Below(self.documents, path)
        version, attributes = root_attributes(own, problems)
        place = self._place(path)
        if attributes is None:
            return Well(path="")
        layout = stated_layout(own)
        if layout == "plate":
            plate, entries = read_plate(attributes, version)
            wells = tuple(self._well(unread.path, entries[unread.path]) for unread in plate.wells)
            return evolve(plate, wells=wells, source=place)
        if layout == "bf2raw":
            paths = _series(Below(self.documents, f"{path}/OME" if path else "OME"), problems)
            if paths is None:
                paths = tuple(takewhile(lambda each: self._is_group(joined(path, each)), map(str, count())))
            collection = read_collection(attributes, version, paths)
            series = tuple(Series(path=each, image=self._image(joined(path, each), each)) for each in paths)
            return evolve(collection, series=series, source=place)
        well = read_well(attributes, version)
        return evolve(well, fields=self._fields(path, well), source=place)

    def _fields(self, path: str, well: Well) -> tuple[Field, ...]:
        return tuple(
            Field(
                path=each.path,
                image=self._image(joined(path, each.path), each.path),
                acquisition=each.acquisition,
                extra=each.extra,
            )
            for each in well.fields
        )

    def _well(self, path: str, entry: FrozenMap) -> Well | Unread:
        own = Below(self.documents, path)
        if not any(name in own for name in _GROUP):
            return Unread(path=path)
        well = sound_well(own, self.version)
        if well is None:
            well = self._noted_well(path, own)
        if well is None:
            return Unread(path=path)
        extra = sections_of({**dict(well.extra.items()), "entry": entry})
        return Well(path=path, fields=self._fields(path, well), source=self._place(path), extra=extra)

    def _noted_well(self, path: str, own: Below) -> Well | None:
        """What the documents of a well say, with what is wrong with them; None where it is left unread."""
        noted: list[Problem] = []
        _, attributes = root_attributes(own, noted)
        if attributes is None or not says_well(attributes, self.version):
            self._note(path, "the plate lists it as a well, and its documents do not describe one; it is left unread.")
            return None
        well = read_well(Part(attributes.value, "", noted), self.version)
        self.problems += [evolve(each, location=f"{path}/ {each.location}", kind="lenient") for each in noted]
        if any(each.kind == "error" for each in noted):
            self._note(path, "its list of fields cannot be read, and the well is left unread.")
            return None
        return well

    def _image(self, path: str, relative: str, *, labelled: bool = True) -> Image | Unread:
        if not self._is_group(path):
            return Unread(path=relative)
        try:
            read = decode(Below(self.documents, path), self._place(path))
        except NgffError as error:
            messages = "; ".join(str(problem) for problem in error.problems)
            self._note(path, f"it cannot be read as an image, and is left unread ({messages}).")
            return Unread(path=relative)
        if read.problems:
            self.problems += [evolve(each, location=f"{path}/ {each.location}") for each in read.problems]
        image: Image = read.root
        if labelled and _has_labels(self.documents, path):
            image = evolve(image, labels=self.labels(path))
        return image

    def labels(self, above: str) -> Labels | Unread:
        """The labels of the image at a path; labels of labels there are none."""
        path = joined(above, LABELS)
        noted: list[Problem] = []
        _, attributes = root_attributes(Below(self.documents, path), noted)
        listed = Labels() if attributes is None else read_labels(Part(attributes.value, "", noted), self.version)
        if any(each.kind == "error" for each in noted):
            messages = "; ".join(str(problem) for problem in noted)
            self._note(path, f"the list of labels cannot be read, and they are left unread ({messages}).")
            return Unread(path=LABELS)
        self.problems += [evolve(each, location=f"{path}/ {each.location}") for each in noted]
        images = tuple(
            Label(path=label.path, image=self._image(joined(path, label.path), label.path, labelled=False))
            for label in listed.images
        )
        known = {label.path.partition("/")[0] for label in images}
        for name in self._inside_labels().get(path, ()):
            if name not in known:
                message = "is in the group of labels, which does not list it; it is left as it is."
                self.problems.append(Problem(joined(path, name), message, kind="warning", rule="labels.group.listed"))
        return evolve(listed, images=images, source=self._place(path))

    def _inside_labels(self) -> dict[str, dict[str, None]]:
        """The names of what has documents in each group of labels, by its path."""
        if self._beside_labels is None:
            self._beside_labels = {}
            for key in self.documents:
                above, found, inside = f"/{key}".partition(f"/{LABELS}/")
                if found and "/" in inside:
                    group = joined(above.strip("/"), LABELS)
                    self._beside_labels.setdefault(group, {})[inside.partition("/")[0]] = None
        return self._beside_labels

    def _is_group(self, path: str) -> bool:
        documents, inside = self.documents, f"{path}/"
        return f"{inside}zarr.json" in documents or f"{inside}.zgroup" in documents or f"{inside}.zattrs" in documents

    def _place(self, path: str) -> Place:
        return Place(home=self.origin.home, path=joined(self.origin.path, path))

    def _note(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message, kind="lenient"))


def snapshot_from(documents: Mapping[str, Any], *, mode: Mode = "r+") -> Snapshot:
    """A snapshot of documents in memory: for tests.

    Parameters
    ----------
    documents
        By store key such as ``0/.zarray``: bytes, or the JSON that they shall hold.
    mode
        Of the snapshot.

    Raises
    ------
    DocumentError, UnsupportedError
        As ``decode_root``.
    WrongTypeError
        What is no mapping.

    >>> axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    >>> snapshot_from({".zgroup": {"zarr_format": 2}, ".zattrs": {"ngff_fn": {"axes": axes}}}).version
    '0.4'
    """
    if not isinstance(documents, Mapping):
        message = f"{a_type(documents)} has no documents by key. Give a mapping, such as {{'.zattrs': {{...}}}}."
        raise WrongTypeError(Problem("documents", message))
    texts = {key: value if isinstance(value, bytes) else dump(value) for key, value in documents.items()}
    origin = Place(home="")
    decoded = decode_root(texts, origin)
    return Snapshot(
        origin=origin,
        version=decoded.version,
        root=decoded.root,
        documents=Documents(texts),
        problems=decoded.problems,
        mode=mode,
    )
