"""CloudEvents 1.0 over HTTP in binary mode: the attributes are headers, the body is the data.

Source: HTTP Protocol Binding 1.0.2, section 3.1. In structured mode the body holds everything; that is
the format `cloudevents`.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from tui.intake.documents import Item
from tui.intake.json_text import JSON
from tui.intake.strict import only_item

_PREFIX = "ce-"


def in_binary_mode(headers: Mapping[str, str]) -> bool:
    return f"{_PREFIX}specversion" in headers


def structured(headers: Mapping[str, str], body: bytes) -> Item:
    """Return the event in structured mode. The names in `headers` are in lower case."""
    data = only_item(body) if body.strip() else Item("")
    if data.error is not None:
        return data
    attributes: dict[str, JSON] = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    return Item("", attributes if data.value is None else {**attributes, "data": data.value})
