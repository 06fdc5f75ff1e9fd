"""The style of a text that is there: where the items of a list or object are, and how lists and objects are set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from attrs import frozen

from ngff_fn.json_splice.syntax import STRING
from ngff_fn.json_splice.writing import Kind, Look, Setting, Specimen, fits_a_line, kind_of

# To get behind a value nothing is faster than to parse it; numbers are left as they are written.
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_SPACE = re.compile(r"[ \t\r\n]*")
_BREAK = re.compile(r"[ \t]*(?:\r\n|\n|\r)[ \t\r\n]*")
_FIRST: Mapping[Kind, re.Pattern[str]] = {
    "object": re.compile(rf'{STRING}|(\{{\s*")', re.DOTALL),
    "list": re.compile(rf"{STRING}|(\[\s*[\[{{])", re.DOTALL),
    "row": re.compile(rf"{STRING}|(\[\s*[^\s\[\]{{}}])", re.DOTALL),
}
_FIRST_KEY = re.compile(rf"{STRING}(\s*:\s*)?", re.DOTALL)
_PADDED = re.compile(rf"{STRING}|(\[ |\{{ \}})", re.DOTALL)  # [ ] and { } are Java's, and so is [ 1, 2 ]
_FIRST_COMMA = re.compile(rf"{STRING}|(\s*,\s*)", re.DOTALL)


@frozen
class Item:
    """One item of a list or object: its value from ``start`` to ``end``; ``first`` is where its key begins, if any."""

    first: int
    start: int
    end: int
    key: str | None = None


@frozen
class Container:
    """A list or object in a text, from bracket to bracket: its items, and the text between them.

    ``gaps[k]`` stands before item k, the last one before the closing bracket: one more than there are items.
    """

    start: int
    end: int
    items: tuple[Item, ...]
    gaps: tuple[str, ...]
    one_line: bool


class Document:
    """A JSON text, known to be valid, and its style."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._containers: dict[int, Container] = {}

    # -- what is where

    def after_space(self, offset: int) -> int:
        """The offset of what comes next."""
        match = _SPACE.match(self.text, offset)
        return match.end() if match else offset

    def after_value(self, offset: int) -> int:
        """The offset behind the value that begins here."""
        return _SCANNER.raw_decode(self.text, offset)[1]

    def container(self, start: int) -> Container:
        """The list or object whose bracket is at this offset."""
        if start not in self._containers:
            self._containers[start] = self._scanned(start)
        return self._containers[start]

    def _scanned(self, start: int) -> Container:
        text, items, gaps = self.text, [], []
        before, first = start + 1, self.after_space(start + 1)
        while text[first] not in "]}":
            gaps.append(text[before:first])
            key, value = None, first
            if text[start] == "{":
                key, behind = _SCANNER.raw_decode(text, first)
                value = self.after_space(self.after_space(behind) + 1)
            before = self.after_value(value)
            items.append(Item(first, value, before, key))
            first = self.after_space(before)
            if text[first] == ",":
                first = self.after_space(first + 1)
        gaps.append(text[before:first])
        one_line = bool(items) and not re.search(r"[\r\n]", text[start:first])
        return Container(start, first + 1, tuple(items), tuple(gaps), one_line)

    def kind_at(self, offset: int) -> Kind | None:
        """As what the value at this offset is set; None for a scalar and for what is empty."""
        if self.text[offset] not in "[{":
            return None
        inside = self.text[self.after_space(offset + 1)]
        if inside in "]}":
            return None
        if self.text[offset] == "{":
            return "object"
        return "list" if inside in "[{" else "row"

    def indentation(self, offset: int) -> str:
        """The white space at the beginning of the line of this offset."""
        begin = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1
        return self.text[begin : min(self.after_space(begin), offset)]

    def inner_indentation(self, container: Container) -> str:
        """The white space at the beginning of the lines of its items."""
        break_ = re.search(r"[\r\n]([ \t]*)$", container.gaps[0])
        return break_[1] if break_ else self.indentation(container.start)

    # -- what it looks like

    @property
    def is_ascii(self) -> bool:
        """Whether what is not ASCII is escaped."""
        return self.text.isascii() and "\\u" in self.text

    @cached_property
    def look(self) -> Look:
        """The style in which values are written into this document."""
        newline = re.search(r"\r\n|\n|\r", self.text)
        return Look(
            newline=newline[0] if newline else "\n",
            ascii=self.is_ascii,
            pad=" " if any(match[1] for match in _PADDED.finditer(self.text)) else "",
            setting=self._setting,
            within=self._within,
        )

    @cached_property
    def _one_line(self) -> bool:
        """A document without content has no style, and is not on one line on purpose."""
        stripped = self.text.strip(" \t\r\n")
        return "\n" not in stripped and "\r" not in stripped and self.kind_at(self.after_space(0)) is not None

    @cached_property
    def _unit(self) -> str:
        indented = re.search(r"[\r\n]([ \t]*)[^ \t\r\n\]}]", self.text.rstrip(" \t\r\n"))
        return indented[1] if indented else "  "

    @cached_property
    def _colon(self) -> str:
        colon = next((match[1] for match in _FIRST_KEY.finditer(self.text) if match[1]), ": ")
        return colon if not _BREAK.search(colon) else ": "

    @cached_property
    def _comma(self) -> str:
        """Between items on one line."""
        commas = (match[1] for match in _FIRST_COMMA.finditer(self.text) if match[1])
        return next((comma for comma in commas if not _BREAK.search(comma)), ", " if self._colon != ":" else ",")

    @cached_property
    def _comma_on_lines(self) -> str:
        """Between items on lines of their own; some write it first on the line."""
        firsts = (self.container(offset) for offset in self._firsts.values() if offset is not None)
        commas = (_BREAK.sub("\n", container.gaps[1]) for container in firsts if len(container.items) > 1)
        return next((comma for comma in commas if "\n" in comma), ",\n")

    @cached_property
    def _firsts(self) -> Mapping[Kind, int | None]:
        """Where the first list, object and row is that has something in it."""
        return {
            kind: next((match.start() for match in pattern.finditer(self.text) if match[1]), None)
            for kind, pattern in _FIRST.items()
        }

    # -- what new values shall look like

    def keeps_line(self, container: Container) -> bool:
        """Whether what comes into this stays on one line. A list of scalars on one line is no sign that objects do."""
        if not container.one_line or self._one_line:  # where everything is on one line nothing has to be asked
            return False
        inside = (item.start for item in container.items if self.kind_at(item.start))
        return self.text[container.start] == "{" or any(self.keeps_line(self.container(offset)) for offset in inside)

    def among(self, value: Any, offsets: Iterable[int], *, one_line: bool) -> Specimen:
        """The first of the values at these offsets that is set as this one shall be."""
        if not isinstance(value, Mapping | list | tuple):
            return Specimen(None, one_line)
        kind = kind_of(value)
        return Specimen(next((offset for offset in offsets if self.kind_at(offset) == kind), None), one_line)

    def _within(self, specimen: Specimen, step: str | int, value: Any) -> Specimen:
        """In an object what has the same key, else what is of the same kind."""
        if specimen.offset is None:
            return specimen
        container = self.container(specimen.offset)
        items = sorted(container.items, key=lambda item: item.key != step) if isinstance(step, str) else container.items
        one_line = specimen.one_line or self.keeps_line(container)
        return self.among(value, (item.start for item in items), one_line=one_line)

    def _setting(self, value: Any, specimen: Specimen) -> Setting:
        """That of the specimen, else of the first of its kind in the document, else what fits to those."""
        kind = kind_of(value)
        offset = specimen.offset
        if offset is None:
            offset = self._firsts[kind]
        if offset is not None and (self.container(offset).one_line or not specimen.one_line):
            return self._setting_at(offset)
        line = Setting("", self._comma, "", self._colon)
        if self._one_line or specimen.one_line:
            return line
        other = self._firsts["row" if kind == "list" else "list"]
        if kind != "object" and other is not None and self.container(other).gaps[0] == " ":
            return self._setting_at(other)  # Java's way: [ {…}, {…} ] as well as [ 1, 2 ]
        if kind == "row" and fits_a_line(value):
            return line
        return Setting("\n", self._comma_on_lines, "\n", self._colon, self._unit)

    def _setting_at(self, offset: int) -> Setting:
        container = self.container(offset)
        opening, closing = _BREAK.sub("\n", container.gaps[0]), _BREAK.sub("\n", container.gaps[-1])
        comma = self._comma_on_lines if "\n" in opening else self._comma
        if len(container.items) > 1:
            comma = _BREAK.sub("\n", container.gaps[1])
        outer, inner = self.indentation(offset), self.inner_indentation(container)
        unit = inner.removeprefix(outer) if inner.startswith(outer) else self._unit
        return Setting(opening, comma, closing, self.colon_of(container), unit)

    def colon_of(self, container: Container) -> str:
        """What stands between a key of this object and its value."""
        if not container.items or container.items[-1].key is None:
            return self._colon
        last = container.items[-1]
        colon = self.text[last.first : last.start].rpartition('"')[2]
        return colon if not _BREAK.search(colon) else self._colon

    def comma_of(self, container: Container) -> str:
        """What stands between the items of a list or object that has some."""
        if len(container.items) > 1:
            return container.gaps[-2]
        opening = container.gaps[0]
        return self._comma_on_lines.replace("\n", opening) if _BREAK.search(opening) else self._comma
