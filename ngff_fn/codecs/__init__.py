"""Documents <-> records: the only package that knows the versions of OME-NGFF, and of Zarr.

versions     which version documents are of
decoding     documents -> image, with all that is wrong; what kind of node, where the levels are
encoding     image, level -> documents, written onto those that are there
converters   one cattrs converter per version: a hook for each record, in the file that has its name
consistency  whether arrays fit their image
scalar_edits a short cut for edits of texts, numbers and truths
plates       plates, wells and collections: what their own documents say
labels       the labels of an image likewise, and what each label image says of itself
hierarchy    the documents of a whole plate or collection -> one value
"""

from ngff_fn.codecs.consistency import array_problems
from ngff_fn.codecs.decoding import Decoded, decode, decode_array, layout_of, level_paths
from ngff_fn.codecs.encoding import bare_group, encode_array, encode_group, encode_holder, expression_problems
from ngff_fn.codecs.hierarchy import child_paths, childless, decode_root, snapshot_from
from ngff_fn.codecs.labels import is_group_of_labels, label_paths, label_problems
from ngff_fn.codecs.levels import path_clashes, path_fault
from ngff_fn.codecs.texts import Reading, token
from ngff_fn.codecs.versions import version_of

__all__ = [
    "Decoded",
    "Reading",
    "array_problems",
    "bare_group",
    "child_paths",
    "childless",
    "decode",
    "decode_array",
    "decode_root",
    "encode_array",
    "encode_group",
    "encode_holder",
    "expression_problems",
    "is_group_of_labels",
    "label_paths",
    "label_problems",
    "layout_of",
    "level_paths",
    "path_clashes",
    "path_fault",
    "snapshot_from",
    "token",
    "version_of",
]
