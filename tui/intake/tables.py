"""Read logs of Zeek in their table form: header lines that begin with `#`, then one row per line.

Source: https://docs.zeek.org/en/current/log-formats.html. A row becomes the object that Zeek writes as JSON.
"""

from tui.intake.json_text import JSON

START = b"#separator "
_LISTS = ("set[", "vector[")


class Table:
    """The header of a log, and its rows as objects."""

    def __init__(self) -> None:
        self._separator = "\t"
        self._header: dict[str, list[str]] = {}

    def takes(self, line: bytes) -> bool:
        """Whether this line is part of a table: it starts one, or one has started."""
        return bool(self._header) or line.startswith(START)

    def row(self, line: bytes) -> dict[str, JSON] | None:
        """Return the row in a line; None for a line of the header."""
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text.startswith("#"):
            self._read_header(text)
            return None
        fields, types = self._header.get("fields", []), self._header.get("types", [])
        cells = text.split(self._separator)
        row: dict[str, JSON] = {"_path": path[0]} if (path := self._header.get("path")) else {}
        for number, (field, cell) in enumerate(zip(fields, cells, strict=False)):
            if cell in (self._setting("unset_field", "-"), self._setting("empty_field", "(empty)")):
                continue
            is_list = number < len(types) and types[number].startswith(_LISTS)
            row[field] = [*cell.split(self._setting("set_separator", ","))] if is_list else cell
        return row

    def _read_header(self, text: str) -> None:
        if text.startswith(START.decode()):
            written = text.removeprefix(START.decode()).strip()
            # Zeek writes it escaped: \x09 is a tab.
            self._separator = chr(int(written[2:], 16)) if written.startswith("\\x") else written or "\t"
            self._header = {"separator": [self._separator]}
            return
        name, *values = text[1:].split(self._separator)
        self._header[name] = values

    def _setting(self, name: str, default: str) -> str:
        return next(iter(self._header.get(name, ())), default)
