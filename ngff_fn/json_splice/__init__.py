"""Changes a JSON text at some pointers and leaves its other bytes alone.

``change`` is what most callers want: text, old value, new value. It is ``splice`` of the ``differences`` between them.

syntax      bytes -> value: a strict parser that says what is wrong, and where
writing     value -> text, in a style; the style of new documents
document    the style of a text that is there: how its lists and objects are set
scalars     where scalars stand in a text
edits       Put, Remove, Insert, Move; ``splice`` carries them out
comparison  (old value, new value) -> edits
members     the members of one object as a whole, by their texts
frames      what stands around some values, for texts that are alike but for these
"""

from ngff_fn.json_splice.comparison import change, differences
from ngff_fn.json_splice.edits import Edit, Insert, Move, Put, Remove, splice, spliced
from ngff_fn.json_splice.frames import Frame
from ngff_fn.json_splice.members import Kept, Member, with_members
from ngff_fn.json_splice.scalars import with_numbers
from ngff_fn.json_splice.syntax import MAX_DEPTH, JsonSyntaxError, parse, parse_bare
from ngff_fn.json_splice.writing import Pointer, Repeated, dump, place

__all__ = [
    "MAX_DEPTH",
    "Edit",
    "Frame",
    "Insert",
    "JsonSyntaxError",
    "Kept",
    "Member",
    "Move",
    "Pointer",
    "Put",
    "Remove",
    "Repeated",
    "change",
    "differences",
    "dump",
    "parse",
    "parse_bare",
    "place",
    "splice",
    "spliced",
    "with_members",
    "with_numbers",
]
