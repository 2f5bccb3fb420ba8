"""Severities of other tools: one table of names and scales (`severities.toml`), which users can extend."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path

from tui.domain.alert import Severity
from tui.domain.errors import Invalid
from tui.intake.formats.values import as_number, candidates
from tui.intake.json_text import JSON

_SEPARATORS = re.compile(r"[\W_]+")
_LONGEST_NAME = 40
_NAMES = "severity"
_VERBS = {"is", "are", "was", "were", "now"}
_DENIED = {"no", "not", "non", "un"}
_MARK = re.compile(r"[^\w\[]*(?:\[([^\]]{1,80})\]|(\w{2,20})(?=:|\s+-\s|\s*\*\*))")
_MOST_MARKS = 3
_MARKED = 200
"""Marks stand in this many characters at the start of a title."""
_UNAMBIGUOUS = 8
"""Letters of "resolved" and "recovery". Shorter words, such as "up" and "clear", mean other things too."""


@dataclass(frozen=True, slots=True)
class Severities:
    """A scale: which severity a name or a number of a tool stands for."""

    names: Mapping[str, Severity] = field(default_factory=dict[str, Severity])
    """Severities by name, in the form of `folded`."""
    steps: tuple[tuple[float, Severity], ...] = ()
    """Each severity with the number it starts from, in ascending order."""
    most: float = float("inf")
    """The highest number that the scale defines."""

    def of(self, value: JSON) -> Severity | None:
        """Return the severity that a name or a number stands for, or None if it is unknown.

        Without a scale, a number is unknown: 1 is the highest in one tool and the lowest in another.
        """
        number = as_number(value)
        if number is not None and self.steps:
            reached = [severity for start, severity in self.steps if start <= number <= self.most]
            return reached[-1] if reached else None
        return self._named(value) if isinstance(value, str) else None

    def _named(self, value: str) -> Severity | None:
        if len(value) > _LONGEST_NAME:
            return None
        if known := self.names.get(folded(value)):
            return known
        parts = [part for part in words_in(value) if not part.isdigit()]  # "1 - Critical", "High severity"
        if len(parts) > 3 or _DENIED.intersection(parts):
            return None
        return next((self.names[part] for part in parts if part in self.names), None)

    def with_more(self, more: "Severities") -> "Severities":
        """Return this scale with those of another, which replaces the numbers of each severity it has."""
        replaced = {severity for _, severity in more.steps}
        kept = [step for step in self.steps if step[1] not in replaced]
        return Severities(
            {**self.names, **more.names},
            tuple(sorted((*kept, *more.steps))),
            more.most if more.steps else self.most,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """Every scale by name, and the words of recovery."""

    by_name: Mapping[str, Severities]
    resolved: frozenset[str]
    success: frozenset[str]

    @property
    def names(self) -> Severities:
        """What a severity may be called if a format has no scale of its own."""
        return self.by_name[_NAMES]

    def read(self, name: str, value: JSON) -> JSON:
        """Return a severity. An unknown number, or a text in a scale of numbers, is returned unchanged.

        None for anything else: the words of a state say nothing of a severity if they are not in the scale.
        """
        scale = self.by_name[name]
        known = next((known for known in map(scale.of, candidates(value)) if known is not None), None)
        return known or (value if scale.steps else None)

    def recovery(self, found: JSON) -> tuple[bool, bool]:
        """Return whether what was found says that the alert is resolved, and whether it says success."""
        if isinstance(found, bool):
            return found, False
        said = {folded(value) for value in candidates(found) if isinstance(value, str) and len(value) < 40}
        return bool(said & self.resolved), bool(said & self.success)

    def says_resolved(self, title: str) -> bool:
        """Whether a title has a mark of recovery, or a word that has no other meaning."""
        words = words_in(title)
        said = {word for word in words if len(word) >= _UNAMBIGUOUS}
        stated = {word for before, word in pairwise(words) if before in _VERBS}  # "h1 is up again"
        return bool({*marks(title), *said, *stated} & self.resolved)


def folded(name: str) -> str:
    """Return a name without case and separators: `SEV-1` as `sev1`."""
    return _SEPARATORS.sub("", name.casefold())


def words_in(text: str) -> list[str]:
    return [word for word in _SEPARATORS.split(text.casefold()) if word]


def marks(title: str) -> list[str]:
    """Return the words that mark a title: the first in each bracket at its start, or one before a colon.

    `[FIRING:1] [Critical] disk` has `firing` and `critical`, `OK: disk` has `ok`.
    """
    found: list[str] = []
    at = 0
    while len(found) < _MOST_MARKS and (mark := _MARK.match(title, at, _MARKED)):
        found += words_in(mark[1] or mark[2])[:1]
        at = mark.end()
        if mark[2]:
            break
    return found


@cache
def built_in_scales() -> Scales:
    here = Path(__file__).parent
    tables = tomllib.loads((here / "severities.toml").read_text(encoding="utf-8"))
    words = tomllib.loads((here / "recoveries.toml").read_text(encoding="utf-8"))
    return Scales(
        {name: parse_severities(f"severities.{name}", table) for name, table in tables.items()},
        *(frozenset(map(folded, words[key])) for key in ("resolved", "success")),
    )


def parse_scales(tables: JSON, words: JSON) -> Scales:
    """Return the built-in scales with those of a configuration, `[severities.NAME]` and `[recoveries]`.

    A table with the name of a built-in scale adds names, and replaces its numbers if it has any. Raises
    Invalid naming the table and the problem.
    """
    known = built_in_scales()
    parsed: dict[str, Severities] = {}
    for name, table in tables.items() if isinstance(tables, dict) else [("", tables)]:
        if not isinstance(table, dict):
            raise Invalid("severities", "severities needs one table per scale, like [severities.acme]")
        parsed[name] = parse_severities(f"severities.{name}", table)
    merged = {
        name: known.by_name[name].with_more(own) if name in known.by_name else own
        for name, own in parsed.items()
    }
    more = {key: _words(f"recoveries.{key}", value) for key, value in _recoveries(words).items()}
    return Scales(
        {**known.by_name, **merged},
        known.resolved | more.get("resolved", frozenset()),
        known.success | more.get("success", frozenset()),
    )


def parse_severities(place: str, rows: Mapping[str, JSON]) -> Severities:
    """Parse `HIGH = ["error", 12]`: this name, and numbers from 12 up, are HIGH."""
    names: dict[str, Severity] = {}
    steps: list[tuple[float, Severity]] = []
    most = float("inf")
    for key, listed in rows.items():
        if key == "source":
            continue
        if key == "most":
            if isinstance(listed, str) or (most := as_number(listed)) is None:
                raise Invalid("formats", f"{place}.most must be a number, not {listed!r}")
            continue
        if key not in tuple(Severity):
            close = get_close_matches(key, tuple(Severity), n=1)
            hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(Severity)}"
            raise Invalid("formats", f"{place}: unknown setting {key}; {hint}")
        for value in listed if isinstance(listed, list) else [listed]:
            if isinstance(value, str):
                names[folded(value)] = Severity(key)
            elif (number := as_number(value)) is not None:
                steps.append((number, Severity(key)))
            else:
                raise Invalid("formats", f"{place}.{key} must list names and numbers, not {value!r}")
    return Severities(names, tuple(sorted(steps)), most)


def _recoveries(words: JSON) -> Mapping[str, JSON]:
    if not isinstance(words, dict) or not set(words) <= {"resolved", "success"}:
        raise Invalid(
            "recoveries", 'recoveries takes two lists of words: resolved = ["…"] and success = ["…"]'
        )
    return words


def _words(place: str, value: JSON) -> frozenset[str]:
    words = [word for word in value if isinstance(word, str)] if isinstance(value, list) else None
    if words is None or words != value:
        raise Invalid("recoveries", f"{place} must be a list of words, not {value!r}")
    return frozenset(map(folded, words))
