"""The language of filters: `severity:>=high (to:soc or context.src.ip:203.0.113.9) -test:yes "root login"`.

A term is `key:value[,value…]`, and matches if any of its values does. Any other text is a word prefix, or in
quotation marks a phrase. An alert matches if every term matches. `or` separates alternatives and binds less
than that; parentheses group; a leading `-` negates a term or a group.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network

from tui.domain.alert import Severity, parse_alert_type, parse_severity
from tui.domain.errors import Invalid
from tui.domain.filter import STATES, Filter, Key, Term, Terms
from tui.domain.lifecycle import Outcome
from tui.domain.search import words_of
from tui.domain.span import parse_span

CONTEXT = f"{Key.CONTEXT}."
"""What begins the key of a term about the context, before the path."""
TYPED_KEYS = tuple(key.value for key in Key if key not in (Key.WORD, Key.OWN_WORD, Key.CONTEXT))
"""The keys that stand before a colon. `context.PATH:` is another."""

_DEEPEST = 20
_SPECIAL = re.compile(r"[\s,()]|^(?i:or)$")
_TOKEN = re.compile(
    r"(?P<open>-?\()|(?P<close>\))|(?P<or>(?i:or)(?=[\s()]|$))"
    r'|(?P<minus>-?)(?:(?P<key>(?i:context)\.(?:"[^"]*"|[^\s":])+|[A-Za-z]+):)?(?P<value>(?:"[^"]*"|[^\s"])+)'
)
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_COMPARED = re.compile(r"(>=|<=|>|<)?(.*)", re.DOTALL)


def parse_filter(text: str) -> Filter:
    """Parse a filter as typed. Raises Invalid (`filter`), naming the first term that is not valid."""
    if text.count('"') % 2:
        raise Invalid("filter", 'a quotation mark is not closed; write it like to:"Ops team"')
    return _Parser(text).parse()


def term(key: Key, *values: str, negated: bool = False, path: str = "") -> Filter:
    """Return a filter of one term. The values are checked like typed ones; raises Invalid."""
    return _filter(
        Term(key, tuple(value for given in values for value in _NORMAL[key](given)), negated, path)
    )


def written(term: Term) -> str:
    """Return a term that is about the alert itself as it can be typed."""
    values = ",".join(f'"{value}"' if _SPECIAL.search(value) else value for value in term.values)
    key = {Key.WORD: "", Key.OWN_WORD: "", Key.CONTEXT: f"{CONTEXT}{term.path}:"}.get(
        term.key, f"{term.key}:"
    )
    return f"{'-' if term.negated else ''}{key}{values}"


def _filter(term: Term) -> Filter:
    return Filter((Terms((term,)),))


class _Parser:
    """Reads tokens from left to right, one function a level of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    def parse(self) -> Filter:
        return self._choice() if self._tokens else Filter()

    def _choice(self) -> Filter:
        """Terms with `or` between them, up to the end or a closing parenthesis."""
        filter = self._all()
        while self._takes("or"):
            filter |= self._all()
        return filter

    def _all(self) -> Filter:
        filter: Filter | None = None
        while (match := self._next()) is not None and not (match["or"] or match["close"]):
            self._place += 1
            found = self._group(match) if match["open"] else _filter(_parse_term(match))
            filter = found if filter is None else filter + found
        if filter is None:
            raise Invalid(
                "filter", 'a term is missing beside "or" or in parentheses; quote "or" to find the word'
            )
        return filter

    def _group(self, opened: re.Match[str]) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Invalid("filter", f"parentheses can be nested at most {_DEEPEST} deep")
        filter = self._choice()
        if not self._takes("close"):
            raise Invalid("filter", "a parenthesis is not closed; quote it to find the character")
        self._depth -= 1
        return ~filter if opened["open"] == "-(" else filter

    def _takes(self, kind: str) -> bool:
        match = self._next()
        found = match is not None and bool(match[kind])
        self._place += found
        return found

    def _next(self) -> re.Match[str] | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Split the text. A parenthesis at the end of a term closes a group only if one is open before it."""
    place, opened = 0, 0
    while (match := _TOKEN.search(text, place)) is not None:
        if match["close"] and not opened:
            raise Invalid("filter", 'there is no "(" for this ")"; quote it to find the character')
        value = match["value"] or ""
        closing = min(opened, len(value) - len(value.rstrip(")")), value.count(")") - value.count("("))
        if 0 < closing < len(value):
            match = _TOKEN.match(text, match.start(), match.end() - closing) or match
        opened += bool(match["open"]) - bool(match["close"])
        place = match.end()
        yield match


def _parse_term(match: re.Match[str]) -> Term:
    name, value = match["key"], match["value"].replace('"', "")
    negated = bool(match["minus"])
    if name is None:
        if value.endswith(":") and (value[:-1].lower() in TYPED_KEYS or value.lower().startswith(CONTEXT)):
            raise Invalid("filter", f"{value} needs a value")
        return Term(Key.WORD, _word(value), negated)
    key, path = _key(name)
    values = [part for part in _COMMA.split(match["value"]) if part]
    if not values:
        raise Invalid("filter", f"{name}: needs a value")
    found = tuple(item for part in values for item in _NORMAL[key](part.replace('"', "")))
    if key is Key.RESOLVED:
        return _resolved(found, negated=negated)
    return Term(key, found, negated, path)


def _resolved(found: tuple[str, ...], *, negated: bool) -> Term:
    """Return a term with the value `yes`: it is looked up among the words of alerts."""
    if len(set(found)) > 1:
        raise Invalid("filter", "resolved: must be yes or no, not both")
    return Term(Key.RESOLVED, ("yes",), negated is not ("no" in found))


def _key(name: str) -> tuple[Key, str]:
    if name.lower().startswith(CONTEXT):
        return Key.CONTEXT, name[len(CONTEXT) :].replace('"', "").casefold()
    if name.lower() not in TYPED_KEYS:
        known = ", ".join(f"{key}:" for key in TYPED_KEYS)
        raise Invalid("filter", f"unknown filter {name}:; use {known} or context.PATH:")
    return Key(name.lower()), ""


# --- values -------------------------------------------------------------------------------------


def _word(value: str) -> tuple[str, ...]:
    if not words_of(value):
        raise Invalid("filter", f"{value!r} contains no letter or digit to search for")
    return (value,)


def _severities(value: str) -> tuple[str, ...]:
    comparison, name = _compared(value)
    severity = parse_severity(name)
    if not comparison:
        return (severity.value,)
    return tuple(s.value for s in Severity if _HOLDS[comparison](s.rank, severity.rank))


def _compared(value: str) -> tuple[str, str]:
    match = _COMPARED.fullmatch(value)
    assert match is not None  # it matches any text
    return match[1] or "", match[2]


_HOLDS: dict[str, Callable[[int, int], bool]] = {
    ">=": int.__ge__,
    "<=": int.__le__,
    ">": int.__gt__,
    "<": int.__lt__,
}


def _states(value: str) -> tuple[str, ...]:
    return (_one_of("state", value, STATES),)


def _outcomes(value: str) -> tuple[str, ...]:
    return (_one_of("outcome", value, tuple(Outcome)),)


def _one_of(kind: str, value: str, known: tuple[str, ...]) -> str:
    if value.lower() not in known:
        raise Invalid("filter", f"unknown {kind} {value!r}; use one of {', '.join(known)}")
    return value.lower()


def _begun(name: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of a value, or of its beginning before `*`."""

    def parse(value: str) -> tuple[str, ...]:
        if "*" in value[:-1]:
            raise Invalid("filter", f"{name}: takes * only at the end of a value, not {value!r}")
        return (value,)

    return parse


def _network(value: str) -> tuple[str, ...]:
    try:
        return (str(ip_network(value, strict=False)),)
    except ValueError:
        raise Invalid(
            "filter", f"cidr: requires an address or a network like 203.0.113.0/24, not {value!r}"
        ) from None


def _since(value: str) -> tuple[str, ...]:
    return (_moment("since:", value, day_ends=False),)


def _until(value: str) -> tuple[str, ...]:
    return (_moment("until:", value, day_ends=True),)


def _moment(asked_by: str, value: str, *, day_ends: bool) -> str:
    """Return a span before now as `-7200000`, and a date or time as `1790000000000`, both in ms."""
    span = parse_span(value)
    if span is not None:
        return str(-span)
    try:
        moment = datetime.fromisoformat(value)
        if day_ends and len(value) <= len("2026-11-28"):
            moment += timedelta(days=1)
        return str(max(0, int(moment.timestamp() * 1000)))  # without an offset: local time
    except (ValueError, OverflowError, OSError):
        raise Invalid(
            "filter",
            f"{asked_by} requires a time span like 30m, 2h or 7d, or a time like 2026-11-28 or"
            f" 2026-11-28T09:30, not {value!r}",
        ) from None


def _yes_or_no(name: str) -> Callable[[str], tuple[str, ...]]:
    def parse(value: str) -> tuple[str, ...]:
        if value.lower() not in ("yes", "no"):
            raise Invalid("filter", f"{name}: must be yes or no, not {value!r}")
        return (value.lower(),)

    return parse


def _statuses(value: str) -> tuple[str, ...]:
    """A status, a class of them, or a range: `401-401`, `500-599`."""
    if re.fullmatch(r"[1-9][xX]{2}", value):
        return (f"{value[0]}00-{value[0]}99",)
    return (_range("status", value, "401, 5xx or >=500", most=999),)


def _count(name: str) -> Callable[[str], tuple[str, ...]]:
    return lambda value: (_range(name, value, "3 or >3", most=1_000_000),)


def _range(name: str, value: str, example: str, *, most: int) -> str:
    comparison, digits = _compared(value)
    if not re.fullmatch(r"[0-9]{1,6}", digits):
        raise Invalid("filter", f"{name}: requires a number like {example}, not {value!r}")
    number = int(digits)
    low = {">": number + 1, ">=": number, "": number}.get(comparison, 0)
    high = {"<": number - 1, "<=": number, "": number}.get(comparison, most)
    return f"{low}-{high}" if high >= low else "1-0"


_NORMAL: dict[Key, Callable[[str], tuple[str, ...]]] = {
    Key.WORD: _word,
    Key.OWN_WORD: _word,
    Key.SEVERITY: _severities,
    Key.STATE: _states,
    Key.TO: lambda value: (value.casefold(),),
    Key.TYPE: lambda value: (parse_alert_type(value).value,),
    Key.TAG: lambda value: (value,),
    Key.LOGTYPE: _begun("logtype"),
    Key.CONTEXT: _begun("context.PATH"),
    Key.CIDR: _network,
    Key.SINCE: _since,
    Key.UNTIL: _until,
    Key.TEST: _yes_or_no("test"),
    Key.RESOLVED: _yes_or_no("resolved"),
    Key.REPEATS: _count("repeats"),
    Key.STATUS: _statuses,
    Key.OUTCOME: _outcomes,
    Key.ERROR: lambda value: (value.lower(),),
    Key.ATTEMPTS: _count("attempts"),
    Key.ROUND: _count("round"),
}
