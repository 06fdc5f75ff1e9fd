"""OME-Zarr datasets as immutable values: pure edits, a plan that can be read, one commit.

Every public name is here, and loaded when it is first asked for (PEP 562): importing this package imports nothing else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ngff_fn import curried as curried  # noqa: I001 — the names of a module stay together
    from ngff_fn.codecs.attributes import ome_attributes as ome_attributes
    from ngff_fn.codecs.hierarchy import snapshot_from as snapshot_from
    from ngff_fn.curried import pipe as pipe
    from ngff_fn.edits.axes import rename_axis as rename_axis, set_unit as set_unit
    from ngff_fn.edits.channels import (
        add_channel as add_channel,
        remove_channel as remove_channel,
        rename_channel as rename_channel,
        reorder_channels as reorder_channels,
        update_channel as update_channel,
    )
    from ngff_fn.edits.contrast import (
        contrast_limits_from as contrast_limits_from,
        set_contrast_limits as set_contrast_limits,
    )
    from ngff_fn.edits.coordinates import (
        set_level_scale as set_level_scale,
        set_level_translation as set_level_translation,
        set_multiscale_scale as set_multiscale_scale,
        set_multiscale_translation as set_multiscale_translation,
        set_scale as set_scale,
        set_translation as set_translation,
    )
    from ngff_fn.edits.encoding import astype as astype, rechunk as rechunk
    from ngff_fn.edits.extra import detach as detach, remove_extra as remove_extra, set_extra as set_extra
    from ngff_fn.edits.hierarchy import each_image as each_image, update_at as update_at
    from ngff_fn.edits.image_from import image_from as image_from
    from ngff_fn.edits.labels import (
        add_label as add_label,
        remove_label as remove_label,
        set_label_colors as set_label_colors,
        set_label_properties as set_label_properties,
    )
    from ngff_fn.edits.levels import (
        add_level as add_level,
        add_level_zeros as add_level_zeros,
        remove_level as remove_level,
        set_region as set_region,
    )
    from ngff_fn.edits.plates import (
        add_well as add_well,
        empty_plate as empty_plate,
        remove_well as remove_well,
        rename_well as rename_well,
        set_field_count as set_field_count,
    )
    from ngff_fn.edits.positions import (
        add_position as add_position,
        add_positions as add_positions,
        move_position as move_position,
        plate_from_positions as plate_from_positions,
        remove_position as remove_position,
    )
    from ngff_fn.edits.pyramid import with_pyramid as with_pyramid, without_pyramid as without_pyramid
    from ngff_fn.edits.rendering import set_channel_active as set_channel_active, set_channel_color as set_channel_color
    from ngff_fn.edits.select import concatenate as concatenate, crop as crop
    from ngff_fn.edits.tiles import (
        make_tiles as make_tiles,
        set_tile as set_tile,
        tile_grid as tile_grid,
        tile_region as tile_region,
        tile_shape as tile_shape,
    )
    from ngff_fn.edits.transforms import set_transform as set_transform
    from ngff_fn.edits.xarrays import set_xarray as set_xarray
    from ngff_fn.effects.access.arrays import (
        open_array as open_array,
        read_tile as read_tile,
        to_dask as to_dask,
        to_numpy as to_numpy,
        to_tensorstore as to_tensorstore,
    )
    from ngff_fn.effects.commits.capabilities import Capabilities as Capabilities, capabilities as capabilities
    from ngff_fn.effects.commits.commit import (
        Committed as Committed,
        commit as commit,
        create as create,
        update as update,
    )
    from ngff_fn.effects.pixels.evaluate import evaluate as evaluate
    from ngff_fn.effects.access.groups import children as children, open_group as open_group
    from ngff_fn.effects.reading.read import open_ome_zarr as open_ome_zarr
    from ngff_fn.effects.commits.recovery import (
        Recovered as Recovered,
        RolledForward as RolledForward,
        recover as recover,
    )
    from ngff_fn.effects.commits.vacuum import Vacuumed as Vacuumed, vacuum as vacuum
    from ngff_fn.effects.icechunk.repositories import RepositoryPath as RepositoryPath
    from ngff_fn.effects.access.torn_files import torn_files as torn_files
    from ngff_fn.effects.access.xarrays import to_xarray as to_xarray
    from ngff_fn.errors import (
        ConflictError as ConflictError,
        DocumentError as DocumentError,
        ForeignWriteError as ForeignWriteError,
        InvalidValueError as InvalidValueError,
        NgffError as NgffError,
        NotThereError as NotThereError,
        OutOfRangeError as OutOfRangeError,
        Problem as Problem,
        StaleDataError as StaleDataError,
        StoreError as StoreError,
        StoreExistsError as StoreExistsError,
        StoreNotFoundError as StoreNotFoundError,
        UnsupportedError as UnsupportedError,
        WrongTypeError as WrongTypeError,
    )
    from ngff_fn.frozen_json import FrozenMap as FrozenMap
    from ngff_fn.plan.describe import describe as describe
    from ngff_fn.plan.diff import diff as diff
    from ngff_fn.plan.operations import (
        CreateNode as CreateNode,
        MoveNode as MoveNode,
        Operation as Operation,
        Plan as Plan,
        PutDocument as PutDocument,
        RetireNode as RetireNode,
        WriteArray as WriteArray,
    )
    from ngff_fn.records.arrays import ArraySpec as ArraySpec
    from ngff_fn.records.axes import (
        Axis as Axis,
        axes_from as axes_from,
        axis_index as axis_index,
        axis_names as axis_names,
    )
    from ngff_fn.records.channel_names import channel_index as channel_index, channel_names as channel_names
    from ngff_fn.records.channels import Channel as Channel, Window as Window
    from ngff_fn.records.coordinates import (
        effective_scale as effective_scale,
        effective_translation as effective_translation,
        scale as scale,
        to_index as to_index,
        to_physical as to_physical,
    )
    from ngff_fn.records.holders import positions as positions, rows as rows, wells as wells
    from ngff_fn.records.image import (
        Image as Image,
        Label as Label,
        Labels as Labels,
        Level as Level,
        Place as Place,
        Unread as Unread,
        level_at as level_at,
        level_index as level_index,
        sizes as sizes,
    )
    from ngff_fn.records.labels import ImageLabel as ImageLabel, LabelColor as LabelColor
    from ngff_fn.records.nodes import (
        is_leaf as is_leaf,
        is_root as is_root,
        listed as listed,
        node_at as node_at,
    )
    from ngff_fn.records.pixels import (
        Downsample as Downsample,
        Fill as Fill,
        Given as Given,
        Mosaic as Mosaic,
        Pixels as Pixels,
        Select as Select,
        Stored as Stored,
    )
    from ngff_fn.records.plate import (
        Acquisition as Acquisition,
        Collection as Collection,
        Field as Field,
        Line as Line,
        Plate as Plate,
        Series as Series,
        Well as Well,
    )
    from ngff_fn.records.snapshot import Documents as Documents, Snapshot as Snapshot
    from ngff_fn.rules import validate as validate
    from ngff_fn.views.tree import format_tree as format_tree

# The one table that decides when the program runs; a test holds the imports above against it.
_NAMES = {
    "": "curried",
    "codecs.attributes": "ome_attributes",
    "codecs.hierarchy": "snapshot_from",
    "curried": "pipe",
    "edits.axes": "rename_axis set_unit",
    "edits.channels": "add_channel remove_channel rename_channel reorder_channels update_channel",
    "edits.contrast": "contrast_limits_from set_contrast_limits",
    "edits.coordinates": (
        "set_level_scale set_level_translation set_multiscale_scale set_multiscale_translation set_scale "
        "set_translation"
    ),
    "edits.encoding": "astype rechunk",
    "edits.extra": "detach remove_extra set_extra",
    "edits.hierarchy": "each_image update_at",
    "edits.image_from": "image_from",
    "edits.labels": "add_label remove_label set_label_colors set_label_properties",
    "edits.levels": "add_level add_level_zeros remove_level set_region",
    "edits.plates": "add_well empty_plate remove_well rename_well set_field_count",
    "edits.positions": "add_position add_positions move_position plate_from_positions remove_position",
    "edits.pyramid": "with_pyramid without_pyramid",
    "edits.rendering": "set_channel_active set_channel_color",
    "edits.select": "concatenate crop",
    "edits.tiles": "make_tiles set_tile tile_grid tile_region tile_shape",
    "edits.transforms": "set_transform",
    "edits.xarrays": "set_xarray",
    "effects.access.arrays": "open_array read_tile to_dask to_numpy to_tensorstore",
    "effects.commits.capabilities": "Capabilities capabilities",
    "effects.commits.commit": "Committed commit create update",
    "effects.pixels.evaluate": "evaluate",
    "effects.access.groups": "children open_group",
    "effects.reading.read": "open_ome_zarr",
    "effects.commits.recovery": "Recovered RolledForward recover",
    "effects.commits.vacuum": "Vacuumed vacuum",
    "effects.icechunk.repositories": "RepositoryPath",
    "effects.access.torn_files": "torn_files",
    "effects.access.xarrays": "to_xarray",
    "errors": (
        "ConflictError DocumentError ForeignWriteError InvalidValueError NgffError NotThereError OutOfRangeError "
        "Problem StaleDataError StoreError StoreExistsError StoreNotFoundError UnsupportedError WrongTypeError"
    ),
    "frozen_json": "FrozenMap",
    "plan.describe": "describe",
    "plan.diff": "diff",
    "plan.operations": "CreateNode MoveNode Operation Plan PutDocument RetireNode WriteArray",
    "records.arrays": "ArraySpec",
    "records.axes": "Axis axes_from axis_index axis_names",
    "records.channel_names": "channel_index channel_names",
    "records.channels": "Channel Window",
    "records.coordinates": "effective_scale effective_translation scale to_index to_physical",
    "records.holders": "positions rows wells",
    "records.image": "Image Label Labels Level Place Unread level_at level_index sizes",
    "records.labels": "ImageLabel LabelColor",
    "records.nodes": "is_leaf is_root listed node_at",
    "records.pixels": "Downsample Fill Given Mosaic Pixels Select Stored",
    "records.plate": "Acquisition Collection Field Line Plate Series Well",
    "records.snapshot": "Documents Snapshot",
    "rules": "validate",
    "views.tree": "format_tree",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
# From the table, so that no name stands twice; linters want a list of literals.
__all__ = sorted(_HOMES)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]

if not TYPE_CHECKING:  # else any name would seem to be there

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[__name__])
        home = _HOMES[name]
        value = getattr(import_module(f"{__name__}.{home}"), name) if home else import_module(f"{__name__}.{name}")
        globals()[name] = value  # asked for once: the next time it is found without this function
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
