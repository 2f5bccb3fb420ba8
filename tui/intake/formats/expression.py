"""JMESPath as formats use it: checked when it is written, and never an error when it is applied."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from tui.domain.alert import KEYS
from tui.domain.errors import Invalid
from tui.intake.formats.values import as_texts, digest

PREFIXES = ("[Re-sent]: ", "New Alert: ", "New rule error: ", "Policy Failure: ")
"""What is put in front of a title on its way out."""

_MOST_SLIPS = 3
"""More keys than these are no slips; and looking for what each was to be takes its time."""


class _Functions(functions.Functions):
    """What JMESPath has, and four functions that formats need."""

    @functions.signature({"types": ["string"]})
    def _func_without_prefix(self, title: str) -> str:
        for prefix in PREFIXES:
            title = title.removeprefix(prefix)
        return title

    @functions.signature({"types": ["string"]})
    def _func_digest(self, text: str) -> str:
        return digest(text)

    @functions.signature({"types": ["object"]})
    def _func_pairs(self, value: dict[str, Any]) -> list[str]:
        return sorted(as_texts(value))

    @functions.signature({"types": ["object"]})
    def _func_is_tocsin(self, value: dict[str, Any]) -> bool:
        headed = any(value.get(key) for key in ("title", "name", "id"))
        unknown = [key for key in value if key not in KEYS]
        return headed and len(unknown) <= _MOST_SLIPS and all(_is_slip(key, value) for key in unknown)


# Kept, because search() makes a new one each time, which is half of its work.
_INTERPRETER = TreeInterpreter(jmespath.Options(custom_functions=_Functions()))
_KNOWN: Mapping[str, Any] = _Functions.FUNCTION_TABLE


class Expression:
    """A JMESPath expression. Raises Invalid with what is wrong about it."""

    def __init__(self, text: str) -> None:
        try:
            self._parsed = jmespath.compile(text).parsed
            _check_functions(self._parsed)
        except RecursionError:
            raise Invalid("expression", f"{_short(text)} is not JMESPath: it is nested too deeply") from None
        except JMESPathError as error:
            raise Invalid("expression", f"{_short(text)} is not JMESPath: {_reason(error)}") from None

    def of(self, value: object) -> Any:
        """What it finds in `value`; None where it finds nothing or does not fit."""
        try:
            return _INTERPRETER.visit(self._parsed, value)
        except Exception:
            # Strangers choose the value, and JMESPath raises for a type that a function does not take.
            # Beside its own errors it lets through what Python says of deep or mixed data.
            return None

    def holds(self, value: object) -> bool:
        """Whether what it finds is true, in the sense of JMESPath: a 0 is."""
        return is_true(self.of(value))


def is_true(value: object) -> bool:
    return not (value is None or value is False or value in ("", [], {}))


def _is_slip(key: str, value: Mapping[str, Any]) -> bool:
    """Whether a key was to be one of ours that is missing: it is then named, not taken for another form's."""
    missing = [own.lower() for own in KEYS if own not in value]
    return "_" not in key and bool(get_close_matches(key.lower(), missing, n=1, cutoff=0.9))


def _check_functions(node: Mapping[str, Any]) -> None:
    """That each function is known and gets as many arguments as it takes: JMESPath tells only later."""
    for call in _calls(node):
        name, given = call["value"], len(call["children"])
        if name not in _KNOWN:
            raise JMESPathError(f"there is no function {name}()")
        signature = _KNOWN[name]["signature"]
        open_ended = bool(signature) and signature[-1].get("variadic", False)
        if given < len(signature) or (given > len(signature) and not open_ended):
            raise JMESPathError(
                f"{name}() takes {len(signature)}{' or more' if open_ended else ''}, not {given}"
            )


def _calls(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["type"] == "function_expression":
        yield node
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _calls(child)


def _reason(error: JMESPathError) -> str:
    """What JMESPath says, without the drawing of the place below it and its word in front."""
    first = str(error).splitlines()[0].removesuffix(", for expression:").rstrip(":.")
    _, prefix, rest = first.partition("jmespath expression: ")
    words = rest if prefix else first.removeprefix("Invalid JMESPath expression: ")
    return words[:1].lower() + words[1:]


def _short(text: str) -> str:
    """On one line."""
    line = repr(" ".join(text.split()))
    return line if len(line) <= 60 else line[:58] + "…'"
