"""Documents inside texts and under dotted keys, as log shippers and queues carry them."""

import base64
import binascii

from tui.domain.alert import decode_json
from tui.intake.json_text import JSON, unprefixed

_DEEPEST = 10


def may_embed(text: str) -> bool:
    """Whether a text begins like one that holds an object."""
    return unprefixed(text.lstrip()).startswith("{")


def embedded(found: JSON) -> dict[str, JSON] | None:
    """Return the object that a text holds, or the object itself; None if it is neither."""
    if isinstance(found, str):
        if not may_embed(found):
            return None
        try:
            found = decode_json(unprefixed(found.lstrip()))
        except ValueError:
            return None
    return found if isinstance(found, dict) else None


def from_base64(found: object) -> str | None:
    """Return the text that is encoded in base64 (RFC 4648, section 4 or 5); None if there is none."""
    if not isinstance(found, str):
        return None
    try:
        return base64.b64decode(found.replace("-", "+").replace("_", "/"), validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def unfolded(document: JSON) -> JSON:
    """Return an object with its dotted keys also as nested ones: `event.kind` as `kind` in `event`.

    Elasticsearch writes either form. What is there nested takes precedence; the document is not changed.
    """
    if not isinstance(document, dict):
        return document
    dotted = [key for key in document if "." in key]
    if not dotted:
        return document
    result = dict(document)
    for key in dotted:
        path = key.split(".")
        if len(path) <= _DEEPEST and all(path):
            _put(result, path, document[key])
    return result


def _put(target: dict[str, JSON], path: list[str], value: JSON) -> None:
    """Set the value at this path, copying the objects on the way, unless something else is there."""
    for part in path[:-1]:
        inner = target.get(part, {})
        if not isinstance(inner, dict):
            return
        target[part] = target = dict(inner)
    target.setdefault(path[-1], value)
