"""JMESPath expressions for formats: validated when compiled, and never raising when applied."""

from collections.abc import Iterator, Mapping
from copy import copy
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from tui.domain.alert import KEYS
from tui.domain.alert_type import RESENT, AlertType
from tui.domain.errors import Invalid
from tui.intake.formats.detection import Node, children_of, needed_keys
from tui.intake.formats.embedded import from_base64, may_embed
from tui.intake.formats.origins import alternatives
from tui.intake.formats.severities import Scales, built_in_scales, marks
from tui.intake.formats.values import as_text, as_texts, digest, scalar
from tui.intake.json_text import JSON

_PREFIXES = (RESENT, *dict.fromkeys(type.prefix for type in AlertType))
"""What Panther and Tocsin put before the title of an outgoing alert."""

_MOST_TYPOS = 3
"""With more unknown keys than this, they are not typos. It also bounds the time spent on suggestions."""


class _Functions(functions.Functions):
    """The standard JMESPath functions, and those that formats need. `docs/formats.md` lists them."""

    def __init__(self, scales: Scales) -> None:
        self._scales = scales

    @functions.signature({"types": ["string"]}, {"types": []})
    def _func_scale(self, name: str, value: JSON) -> JSON:
        return self._scales.read(name, value)

    @functions.signature({"types": []})
    def _func_marks(self, found: JSON) -> list[str]:
        return marks(as_text(found))

    @functions.signature({"types": ["string"]}, {"types": ["array"]})
    def _func_joined(self, separator: str, parts: list[JSON]) -> str | None:
        return separator.join(text for part in parts if (text := as_text(part).strip())) or None

    @functions.signature({"types": ["array"]})
    def _func_occurrence(self, parts: list[JSON]) -> str | None:
        texts = [scalar(part) for part in parts]
        return "-".join(texts) if all(texts) else None

    @functions.signature({"types": []})
    def _func_text(self, found: JSON) -> str | None:
        return as_text(found) or None

    @functions.signature({"types": ["array"]})
    def _func_object_text(self, texts: list[JSON]) -> str | None:
        return next((text for text in texts if isinstance(text, str) and may_embed(text)), None)

    @functions.signature({"types": []})
    def _func_base64(self, found: JSON) -> str | None:
        return from_base64(found)

    @functions.signature({"types": ["string"]})
    def _func_without_prefix(self, title: str) -> str:
        for prefix in _PREFIXES:
            title = title.removeprefix(prefix)
        return title

    @functions.signature({"types": []})
    def _func_is_alert_type(self, found: JSON) -> bool:
        return as_text(found).upper() in tuple(AlertType)

    @functions.signature({"types": ["string"]})
    def _func_digest(self, text: str) -> str:
        return digest(text)

    @functions.signature({"types": ["object"]})
    def _func_pairs(self, value: dict[str, JSON]) -> list[str]:
        return sorted(as_texts(value))

    @functions.signature({"types": ["object"]})
    def _func_is_tocsin(self, value: dict[str, JSON]) -> bool:
        headed = any(value.get(key) for key in ("title", "name", "id"))
        unknown = [key for key in value if key not in KEYS]
        return headed and len(unknown) <= _MOST_TYPOS and all(_is_typo(key, value) for key in unknown)


class _Interpreter(TreeInterpreter):
    """JMESPath's interpreter, faster for what formats mostly are: lists of paths such as `rule.name`."""

    def visit_subexpression(self, node: Any, value: JSON) -> Any:
        path = node.get("path")
        return _walked(value, path) if path else super().visit_subexpression(node, value)

    def visit_multi_select_list(self, node: Any, value: JSON) -> Any:
        if value is None:
            return None
        return [
            _walked(value, path) if (path := child.get("path")) else self.visit(child, value)
            for child in node["children"]
        ]


def _walked(value: JSON, path: tuple[str, ...]) -> JSON:
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _note_paths(node: Any) -> None:
    """Note in each node that only walks along keys which these are."""
    for child in children_of(node):
        _note_paths(child)
    if node["type"] == "field":
        node["path"] = (node["value"],)
    elif node["type"] == "subexpression" and all(child.get("path") for child in node["children"]):
        node["path"] = tuple(key for child in node["children"] for key in child["path"])


@lru_cache(maxsize=4)
def interpreter(scales: Scales) -> TreeInterpreter:
    """Return a JMESPath interpreter whose function scale() knows these scales.

    It is shared: jmespath.search() creates one per call, which takes half of its time.
    """
    return _Interpreter(jmespath.Options(custom_functions=_Functions(scales)))


_KNOWN: Mapping[str, Any] = _Functions.FUNCTION_TABLE


class Expression:
    """A JMESPath expression, compiled when it is first used."""

    def __init__(self, text: str, scales: Scales | None = None) -> None:
        self._text = text
        self._scales = scales or built_in_scales()
        self._visit = interpreter(self._scales).visit

    def checked(self) -> "Expression":
        """Return the expression itself. Raises Invalid with the reason if it is not valid."""
        _ = self._parsed
        return self

    @cached_property
    def _parsed(self) -> Any:
        try:
            parsed: Any = jmespath.compile(self._text).parsed
            _note_paths(parsed)
            _check_functions(parsed, self._scales)
        except RecursionError:
            raise Invalid("expression", f"{_short(self._text)} is not JMESPath: nested too deeply") from None
        except JMESPathError as error:
            raise Invalid("expression", f"{_short(self._text)} is not JMESPath: {_reason(error)}") from None
        return parsed

    def of(self, value: JSON) -> JSON:
        """Return what the expression finds in `value`, or None if it finds nothing or does not apply."""
        try:
            return self._visit(self._parsed, value)
        except Exception:
            # The value comes from outside. JMESPath raises for argument types that a function rejects,
            # and lets Python's own errors through for deeply nested or mixed data.
            return None

    def alternatives(self, value: JSON) -> list[tuple[list[str], JSON]]:
        """Return the values among which a format chooses, in order, each with the keys it was found in."""

        def evaluate(node: Node, value: JSON) -> JSON:
            part = copy(self)
            part._parsed = node
            return part.of(value)

        return alternatives(self._parsed, value, evaluate)

    @property
    def keys(self) -> list[str]:
        """The keys that a list of alternatives looks at, such as `rule.name`. Empty for other forms."""
        if self._parsed["type"] != "multi_select_list":
            return []
        paths = [_path(child) for child in self._parsed["children"]]
        return [path for path in paths if path]

    @property
    def needed(self) -> frozenset[str]:
        """Keys of which a document has at least one if the expression holds. Empty if that is not known."""
        return needed_keys(self._parsed)

    def holds(self, value: JSON) -> bool:
        """Whether the result is true in the sense of JMESPath, where 0 is true."""
        result = self.of(value)
        return not (result is None or result is False or result in ("", [], {}))


def is_foreign(document: JSON) -> bool:
    """Whether this is an object with keys that neither are Tocsin's own nor a typo of one."""
    if not isinstance(document, dict):
        return False
    unknown = [key for key in document if key not in KEYS]
    known = [key.lower() for key in KEYS]
    return len(unknown) > _MOST_TYPOS or not all(
        get_close_matches(key.lower(), known, n=1, cutoff=0.75) for key in unknown
    )


def _path(node: Node) -> str:
    if node["type"] == "field":
        return node["value"]
    if node["type"] == "subexpression":
        paths = [_path(child) for child in node["children"]]
        return ".".join(paths) if all(paths) else ""
    return ""


def _is_typo(key: str, value: Mapping[str, JSON]) -> bool:
    """Whether a key is a typo of one of ours that is missing. If so, an error names it."""
    missing = [own.lower() for own in KEYS if own not in value]
    return "_" not in key and bool(get_close_matches(key.lower(), missing, n=1, cutoff=0.9))


def _check_functions(node: Node, scales: Scales) -> None:
    """Raise JMESPathError for an unknown function or scale, or a wrong number of arguments.

    JMESPath itself reports these only when the expression is applied.
    """
    for call in _calls(node):
        name, given = call["value"], len(call["children"])
        if name not in _KNOWN:
            raise JMESPathError(f"unknown function {name}()")
        signature = _KNOWN[name]["signature"]
        open_ended = bool(signature) and signature[-1].get("variadic", False)
        if given < len(signature) or (given > len(signature) and not open_ended):
            raise JMESPathError(
                f"{name}() takes {len(signature)}{' or more' if open_ended else ''} arguments, not {given}"
            )
        if name == "scale" and call["children"][0].get("value") not in scales.by_name:
            raise JMESPathError(f"unknown scale {call['children'][0].get('value')}")


def _calls(node: Node) -> Iterator[Node]:
    if node["type"] == "function_expression":
        yield node
    for child in children_of(node):
        yield from _calls(child)


def _reason(error: JMESPathError) -> str:
    """Return the message of JMESPath in one line, without its prefix and the drawing of the position."""
    first = str(error).splitlines()[0].removesuffix(", for expression:").rstrip(":.")
    _, prefix, rest = first.partition("jmespath expression: ")
    words = rest if prefix else first.removeprefix("Invalid JMESPath expression: ")
    return words[:1].lower() + words[1:]


def _short(text: str) -> str:
    """Quote the expression on one line, shortened."""
    line = repr(" ".join(text.split()))
    return line if len(line) <= 60 else line[:58] + "…'"
