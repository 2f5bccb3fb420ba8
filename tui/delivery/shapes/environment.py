"""The Jinja environment of shapes: it sees only data, and steps, time and output are limited.

The author of a shape is trusted, the alert is not. Attributes of Python objects do not exist for a template,
and nothing but `range` can be called.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from jinja2 import ChainableUndefined, Undefined, pass_context
from jinja2.filters import FILTERS
from jinja2.lexer import TokenStream
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tui.delivery.shapes import filters

MOST_STEPS = 10_000
"""The maximum number of loop steps of one rendering."""
MOST_TEXT = 1 << 22
"""The maximum number of characters that one rendering may produce."""
MOST_SECONDS = 0.5
_CHECKED_EVERY = 64
_DEEPEST = 60

_LOOP_KEYS = frozenset(("index", "index0", "first", "last", "length", "revindex", "previtem", "nextitem"))

_STOCK_FILTERS = """
abs capitalize count d default dictsort first float int items last length list lower map max min reject
rejectattr reverse round select selectattr sort sum title trim unique upper urlencode wordcount
"""


class Omit:
    """The value of `omit`."""


OMIT = Omit()


class Exceeded(Exception):
    """A rendering exceeded a limit, or asked for something that templates cannot do."""


@dataclass(slots=True)
class Run:
    """One rendering: its results and what it has used up."""

    values: list[Any] = field(default_factory=list[Any])
    steps: int = 0
    text: int = 0
    until: float = 0.0

    def take(self, text: str) -> str:
        self.text += len(text)
        if self.text > MOST_TEXT:
            raise Exceeded(f"it produces more than {MOST_TEXT:,} characters")
        return text


def _run(context: Context) -> Run:
    return context.parent["_run"]


def as_text(value: object) -> str:
    """Return a value as it appears inside text. Raises Exceeded for a list or an object."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise Exceeded("a list or an object cannot be put into text; use join or tojson")


@pass_context
def _keep(context: Context, value: Any) -> None:
    context.parent["_run"].values.append(value)


@pass_context
def _keep_text(context: Context, parts: list[Any]) -> None:
    run = _run(context)
    run.values.append(run.take("".join([p if type(p) is str else as_text(p) for p in parts])))


@pass_context
def _concat(context: Context, parts: list[Any]) -> str:
    return _run(context).take("".join([as_text(part) for part in parts]))


@pass_context
def _finalize(context: Context, value: Any) -> str:
    return _run(context).take(as_text(value))


@pass_context
def _steps(context: Context, items: Any) -> Iterator[Any]:
    """Yield the items of a loop, counted and timed."""
    run = _run(context)
    for item in _iterable(items):
        run.steps += 1
        if run.steps > MOST_STEPS:
            raise Exceeded(f"it loops more than {MOST_STEPS:,} times")
        if run.steps % _CHECKED_EVERY == 0 and time.monotonic() > run.until:
            raise Exceeded(f"it takes longer than {MOST_SECONDS:g} s")
        yield item


def _iterable(value: Any) -> Iterable[Any]:
    return () if value is None or isinstance(value, Undefined) else value


@pass_context
def _join(context: Context, items: Any, separator: str = "", attribute: str | None = None) -> str:
    texts: list[str] = []
    for item in _iterable(items):
        value = context.environment.getitem(item, attribute) if attribute is not None else item
        texts.append(as_text(value))
    return _run(context).take(as_text(separator).join(texts))


@pass_context
def _replace(context: Context, value: Any, old: str, new: str) -> str:
    text = as_text(value)
    if not old or len(text) + text.count(old) * len(new) > MOST_TEXT:
        raise Exceeded(f"replace would produce more than {MOST_TEXT:,} characters")
    return _run(context).take(text.replace(old, new))


@pass_context
def _string(context: Context, value: Any) -> str:
    return _run(context).take(as_text(value) if not isinstance(value, (list, dict)) else _dump(value))


@pass_context
def _fit(context: Context, value: Any, limit: int) -> Any:
    """Return a value if its JSON has at most `limit` bytes, else the start of its JSON as text."""
    text = _run(context).take(_dump(value))
    return value if len(text.encode(errors="replace")) <= limit else filters.cut_bytes(text, limit // 2)


def _dump(value: Any, indent: int | None = None) -> str:
    return json.dumps(jsonable(value), ensure_ascii=False, indent=indent)


@pass_context
def _tojson(context: Context, value: Any, indent: int | None = None) -> str:
    return _run(context).take(_dump(value, min(indent, 8) if indent else None))


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MOST_STEPS:
        raise Exceeded(f"it loops more than {MOST_STEPS:,} times")
    return made


def jsonable(value: Any, depth: int = 0) -> Any:
    """Return a value with only JSON types. Raises Exceeded for anything else, or if nested too deeply."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Undefined):
        return ""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _DEEPEST:
        raise Exceeded(f"it nests values more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {as_text(key): jsonable(each, depth + 1) for key, each in items}
    if isinstance(value, (list, tuple, range, Iterator)):
        return [jsonable(each, depth + 1) for each in cast("Iterable[Any]", value)]
    raise Exceeded(f"{type(value).__name__} is not a JSON value")


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "*", "%"))
    at = 0
    """The offset of the token that the parser reached, for messages."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look up data only: a key of an object, or an index or slice of a list or text."""
        if isinstance(obj, dict):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return self.undefined(obj=obj, name=argument)
        if isinstance(obj, (list, tuple, str)) and isinstance(argument, (int, slice)):
            try:
                return obj[argument]
            except (IndexError, TypeError, ValueError):
                return self.undefined(obj=obj, name="item")
        if isinstance(obj, LoopContext) and argument in _LOOP_KEYS:
            return getattr(obj, argument)
        return obj[argument] if isinstance(obj, Undefined) else self.undefined(obj="", name=str(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "+" and not numbers:
            if isinstance(left, list) and isinstance(right, list) and len(left) + len(right) <= MOST_STEPS:
                return [*left, *right]
            return _concat(context, [left, right])
        if not numbers:
            raise Exceeded(f"{operator} works with numbers only")
        return super().call_binop(context, operator, left, right)

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        def tokens() -> Iterator[tuple[int, str, str]]:
            offset = 0
            for line, kind, value in self.lexer.tokeniter(source, name, filename, state):
                if kind != "whitespace":
                    self.at = offset
                yield line, kind, value
                offset += len(value)

        return TokenStream(self.lexer.wrap(tokens(), name, filename), name, filename)


def _environment() -> _Environment:
    environment = _Environment(
        autoescape=False, undefined=ChainableUndefined, finalize=_finalize, keep_trailing_newline=True
    )
    environment.globals = {"range": _range}
    environment.filters = {
        **{name: FILTERS[name] for name in _STOCK_FILTERS.split()},
        **filters.FILTERS,
        "join": _join,
        "replace": _replace,
        "tojson": _tojson,
        "string": _string,
        "fit": _fit,
        "_keep": _keep,
        "_keep_text": _keep_text,
        "_concat": _concat,
        "_steps": _steps,
    }
    return environment


ENVIRONMENT = _environment()
