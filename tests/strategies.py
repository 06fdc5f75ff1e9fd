"""Records at random, in the normal form in which decoding gives them, so that equality is the whole question."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ngff_fn.frozen_json import EMPTY, FrozenMap, Json
from ngff_fn.records.arrays import DTYPES, ArraySpec
from ngff_fn.records.axes import UDUNITS, Axis, channel_axis
from ngff_fn.records.channels import Channel, Window
from ngff_fn.records.image import Image, Level
from ngff_fn.records.pixels import fill
from ngff_fn.records.snapshot import Version

TEXTS = st.sampled_from(["", "DAPI", "GFP", "µm", "a b", '"', "\\", "nuclei/0", "\U0001f52c", "0", "\u2028"])
NUMBERS: st.SearchStrategy[float] = st.one_of(
    st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False)
)
SIZES: st.SearchStrategy[float] = st.one_of(st.sampled_from([0.108, 0.5, 1.0, 2, 1]), st.floats(1e-6, 1e6))
SCALARS: st.SearchStrategy[Json] = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)


def frozen_json(max_leaves: int = 6) -> st.SearchStrategy[Json]:
    """What ``freeze`` makes of parsed documents."""
    return st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(st.text(max_size=4), inner, max_size=3).map(FrozenMap),
        ),
        max_leaves=max_leaves,
    )


# Nothing looks into what is not known: a few values of every kind will do, and are quick to draw.
_NOT_KNOWN: list[Json] = [
    None, True, 0, -(2**70), 1.0, 1e-300, "µ", "", (), FrozenMap(), (1, 1.0, "1"),
    FrozenMap({"path": "0", "": (None,)}),
    (FrozenMap({"name": "a", "type": "scale"}), FrozenMap({"name": "b", "label": None})), ((1, 2), (3,)),
]  # fmt: skip


def unknown(*, least: int = 0) -> st.SearchStrategy[FrozenMap]:
    """Members that no record says."""
    keys = st.sampled_from(["note", "@type", "µ", "x y", "", '"', "multiscale", "ome"])
    return st.dictionaries(keys, st.sampled_from(_NOT_KNOWN), min_size=least, max_size=2).map(FrozenMap)


def sections(*names: str) -> st.SearchStrategy[FrozenMap]:
    """The ``extra`` of a record that stands for several JSON objects: none of its sections is empty."""
    return st.fixed_dictionaries({}, optional={name: unknown(least=1) for name in names}).map(FrozenMap)


@st.composite
def axes(draw: st.DrawFn) -> tuple[Axis, ...]:
    """2 to 5 valid axes, in a valid order."""
    names = draw(st.sampled_from(["yx", "zyx", "xyz", "cyx", "tyx", "czyx", "tczyx", "TCZYX", "acyx", "YX"]))
    custom = draw(st.sampled_from([None, "channel", "angle"]))
    types = {"t": "time", "c": draw(st.sampled_from(["channel", "channel", None])), "a": custom}
    made = []
    for name in names:
        kind = types.get(name.lower(), "space")
        units = [None, "pixel", "micron", *sorted(UDUNITS.get(kind or "", ["um"]))[:3]]
        made.append(Axis(name=name, type=kind, unit=draw(st.sampled_from(units)), extra=draw(unknown())))
    return tuple(made)


def windows() -> st.SearchStrategy[Window]:
    """Contrast limits, some of which are not there."""
    numbers = st.one_of(st.none(), NUMBERS)
    return st.builds(Window, start=numbers, end=numbers, min=numbers, max=numbers, extra=unknown())


def channels(count: int | None = None) -> st.SearchStrategy[tuple[Channel, ...]]:
    """Channels of different names; ``count`` of them, or up to 3."""
    channel = st.builds(
        Channel,
        label=TEXTS,
        color=st.sampled_from([None, "FFFFFF", "00ff00", "12aBc9"]),
        window=st.one_of(st.none(), windows()),
        active=st.sampled_from([None, True, False]),
        coefficient=st.one_of(st.none(), NUMBERS),
        family=st.one_of(st.none(), TEXTS),
        inverted=st.sampled_from([None, True, False]),
        extra=unknown(),
    )
    least, most = (0, 3) if count is None else (count, count)
    return st.lists(channel, min_size=least, max_size=most, unique_by=lambda made: made.label).map(tuple)


def codec(name: str, **configuration: Json) -> FrozenMap:
    """A codec as an ``ArraySpec`` has it."""
    return FrozenMap({"name": name, "configuration": FrozenMap(configuration)} if configuration else {"name": name})


_BIG = codec("bytes", endian="big")
_COMPRESSORS = [
    codec("blosc", cname="zstd", clevel=1, shuffle="bitshuffle", blocksize=0),
    codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", blocksize=0),
    codec("blosc", cname="blosclz", clevel=9, shuffle="noshuffle", blocksize=1024),
    codec("zstd", level=3, checksum=False),
    codec("gzip", level=6),
    codec("crc32c"),
    codec("numcodecs.zlib", level=1),
    codec("numcodecs.bz2", level=9),
]
_FILTERS = [codec("numcodecs.delta", dtype="<u2"), codec("numcodecs.bitround", keepbits=3)]


def fill_values(dtype: str) -> st.SearchStrategy[Json]:
    """In the spelling that decoding gives."""
    kind, size = DTYPES[dtype]
    floats: st.SearchStrategy[Json] = st.one_of(
        st.floats(allow_nan=False, allow_infinity=False, width=16), st.sampled_from(["NaN", "Infinity", "-Infinity"])
    )
    match kind:
        case "b":
            return st.booleans()
        case "u":
            return st.integers(0, 2 ** (8 * size) - 1)
        case "i":
            return st.integers(-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1)
        case "f":
            return floats
        case "c":
            return st.tuples(floats, floats)


@st.composite
def array_specs(
    draw: st.DrawFn, version: Version | None = None, ndim: int | None = None, channel: tuple[int, int] | None = None
) -> ArraySpec:
    """Arrays that a version (None: either) can express; ``channel``: the size of one of the dimensions."""
    ndim = draw(st.integers(2, 5)) if ndim is None else ndim
    shape = draw(st.lists(st.integers(0, 9), min_size=ndim, max_size=ndim))
    if channel is not None:
        shape[channel[0]] = channel[1]
    chunks = draw(st.tuples(*(st.integers(1, 5) for _ in shape)))
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    others: dict[str, Any] = {"fill_value": draw(fill_values(dtype))}
    others["filters"] = tuple(draw(st.lists(st.sampled_from(_FILTERS), max_size=1)))
    if draw(st.booleans()):
        transpose = codec("transpose", order=tuple(reversed(range(ndim))))
        others["filters"] = (transpose, *others["filters"])
    others["compressors"] = tuple(draw(st.lists(st.sampled_from(_COMPRESSORS), max_size=2)))
    others["serializer"] = draw(st.sampled_from([None, _BIG])) if DTYPES[dtype][1] > 1 else None
    others["separator"] = draw(st.sampled_from(["/", "."]))
    if version == "0.4" and draw(st.integers(0, 4)) == 0:
        others["fill_value"] = None
    if version == "0.5":
        others["key_encoding"] = draw(st.sampled_from([None, None, "v2"]))
        others["dimension_names"] = draw(st.sampled_from([None, None, (), ("other",) * ndim, (None,) * ndim]))
        if draw(st.booleans()):
            others["shards"] = tuple(size * draw(st.integers(1, 3)) for size in chunks)
            index = codec("bytes", endian="little")
            others["shard_index"] = draw(
                st.sampled_from([None, FrozenMap({"index_location": "start"}), FrozenMap({"index_codecs": (index,)})])
            )
    return ArraySpec(shape=tuple(shape), dtype=dtype, chunks=chunks, **others)


@st.composite
def levels(
    draw: st.DrawFn,
    version: Version | None = None,
    ndim: int | None = None,
    path: str = "0",
    channel: tuple[int, int] | None = None,
) -> Level:
    """A level of constant pixels."""
    array = draw(array_specs(version, ndim, channel))
    count = len(array.shape)
    return Level(
        path=path,
        scale=draw(st.tuples(*[SIZES] * count)),
        translation=draw(st.one_of(st.none(), st.tuples(*[NUMBERS] * count))),
        array=array,
        pixels=fill(array.shape, 0),
        extra=draw(sections("dataset", "attributes", "transforms")),
    )


@st.composite
def images(draw: st.DrawFn, version: Version | None = None, *, empty: bool | None = None) -> Image:
    """Images that a version (None: either) can express, with up to 3 levels; ``empty``: without levels, or with."""
    made = draw(axes())
    where = channel_axis(Image(axes=made))
    described = draw(st.one_of(st.none(), channels(None if where is not None else 1)))
    channel = None if where is None or described is None else (where, len(described))
    is_empty = draw(st.integers(0, 5)) == 0 if empty is None else empty
    paths = draw(st.lists(st.sampled_from(["0", "1", "s0", "a/b", "10"]), min_size=1, max_size=3, unique=True))
    numbers = st.tuples(*[NUMBERS] * len(made))
    scale = draw(st.one_of(st.none(), st.tuples(*[SIZES] * len(made))))
    rest = draw(st.lists(frozen_json(), max_size=1))
    extra = draw(sections("attributes", "ome", "multiscale", "omero", "transforms"))
    return Image(
        axes=made,
        levels=() if is_empty else tuple(draw(levels(version, len(made), path, channel)) for path in paths),
        channels=described,
        name=draw(st.one_of(st.none(), TEXTS)),
        method=draw(st.sampled_from([None, "mean", "gaussian"])),
        metadata=draw(st.one_of(st.none(), st.just(EMPTY), unknown())),
        scale=scale,
        translation=None if scale is None else draw(st.one_of(st.none(), numbers)),
        extra=extra.set("multiscales", tuple(rest)) if rest else extra,
    )
