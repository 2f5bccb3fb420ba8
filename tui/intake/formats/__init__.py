"""Payload formats: how to recognize what other tools send, and how to read alerts from it.

A format is data: JMESPath expressions that detect the format, find its alerts, and find each field in
an alert. The built-in formats are in `families/`. Users write their own in the configuration, with
the same keys. `docs/formats.md` is the reference.
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
