"""Read logs of Zeek in their table form: header lines that begin with `#`, then one row per line.

Source: https://docs.zeek.org/en/current/log-formats.html. A row becomes the object that Zeek writes as JSON.
"""

import re

from tui.intake.json_text import JSON

START = b"#separator "
_HEADER = re.compile(rb"#(separator|set_separator|empty_field|unset_field|path|open|close|fields|types)\b")
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_LISTS = ("set[", "vector[")


class Table:
    """The header of a log, and its rows as objects."""

    def __init__(self) -> None:
        self._separator = "\t"
        self._header: dict[str, list[str]] = {}

    @property
    def is_known(self) -> bool:
        """Whether a header was read that says what the fields of a row are."""
        return "fields" in self._header

    def takes(self, line: bytes) -> bool:
        """Whether this line is part of a table: it belongs to a header, or is a row after one."""
        if line.startswith(b"#"):
            return line.startswith(START) or (bool(self._header) and _HEADER.match(line) is not None)
        return self.is_known and (self._separator.encode() in line or len(self._header["fields"]) == 1)

    def row(self, line: bytes) -> dict[str, JSON] | None:
        """Return the row in a line; None for a line of the header."""
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text.startswith("#"):
            self._read_header(text)
            return None
        fields, types = self._header["fields"], self._header.get("types", [])
        cells = text.split(self._separator)
        row: dict[str, JSON] = {"_path": path[0]} if (path := self._header.get("path")) else {}
        for number, (field, cell) in enumerate(zip(fields, cells, strict=False)):
            if cell in (self._setting("unset_field", "-"), self._setting("empty_field", "(empty)")):
                continue
            is_list = number < len(types) and types[number].startswith(_LISTS)
            row[field] = [*cell.split(self._setting("set_separator", ",") or ",")] if is_list else cell
        return row

    def _read_header(self, text: str) -> None:
        if text.startswith(START.decode()):
            written = text.removeprefix(START.decode()).strip()
            # Zeek writes it escaped: \x09 is a tab.
            escaped = _ESCAPED.fullmatch(written)
            self._separator = chr(int(escaped[1], 16)) if escaped else written or "\t"
            self._header = {"separator": [self._separator]}
            return
        name, *values = text[1:].split(self._separator)
        self._header[name] = values

    def _setting(self, name: str, default: str) -> str:
        return next(iter(self._header.get(name, ())), default)
