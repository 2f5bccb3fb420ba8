"""The forms in which other tools write their alerts, each a small mapping, and how they are read.

A format is data: JMESPath expressions that say how to tell it, where its alerts are, and where in
them each field is. Those built in are in `built_in.toml`; a person's own, in the configuration, look
the same. `docs/formats.md` has the whole of it.
"""

from tui.intake.formats.format import AUTO, LIST, Format, Formats, built_in, format_named, parse_formats
from tui.intake.formats.reading import Reading, Skipped, ids_of_tools, read

__all__ = [
    "AUTO",
    "LIST",
    "Format",
    "Formats",
    "Reading",
    "Skipped",
    "built_in",
    "format_named",
    "ids_of_tools",
    "parse_formats",
    "read",
]
