"""The differences between two attempts, as pairs of lines with a sign each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from tui.domain.alert import Alert
from tui.domain.attempt import Headers
from tui.domain.secret import mask_url
from tui.domain.text import visible
from tui.screens.alert.exchange import body_of, size_of
from tui.screens.shared import bodies, words
from tui.store.reading.views import AttemptRow, DeliveryRow, Exchange

SAME, CHANGED, ADDED, GONE = " ", "~", "+", "-"
_AROUND = 3
"""Lines of context around a difference."""
_MOST_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two attempts."""

    delivery: DeliveryRow
    attempt: AttemptRow
    exchange: Exchange | None

    @property
    def title(self) -> str:
        return (
            f"attempt {self.attempt.number}, round {self.attempt.round}, {visible(self.delivery.destination)}"
        )


@dataclass(frozen=True, slots=True)
class Pair:
    sign: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    pairs: Sequence[Pair]

    @property
    def is_same(self) -> bool:
        return all(pair.sign == SAME for pair in self.pairs)


def differences(alert: Alert, left: Side, right: Side, now: int) -> list[Section]:
    """Compare the facts, responses and requests of two attempts."""
    return [
        Section("ATTEMPT", _named(_facts(left, now), _facts(right, now))),
        Section("RESPONSE", list(_compared(_response(left), _response(right)))),
        Section("RESPONSE HEADERS", _named(_headers(left, sent=False), _headers(right, sent=False))),
        Section("REQUEST", list(_compared(_request(alert, left), _request(alert, right)))),
        Section("REQUEST HEADERS", _named(_headers(left, sent=True), _headers(right, sent=True))),
    ]


def _facts(side: Side, now: int) -> dict[str, str]:
    attempt = side.attempt
    return {
        "outcome": str(attempt.outcome or "being sent"),
        "answer": visible(attempt.summary),
        "error": visible(attempt.error or "") if attempt.error != attempt.summary else "",
        "started": words.wall_time(attempt.started_at, now),
        "took": words.duration(attempt.duration_ms),
        "url": visible(mask_url(attempt.url)),
        "answered by": visible(attempt.remote_address or ""),
        "length": size_of(side.exchange) if side.exchange and attempt.status_code is not None else "",
    }


def _headers(side: Side, *, sent: bool) -> dict[str, str]:
    """Headers by lower-case name. Repeated headers are joined with a comma (RFC 9110, section 5.3)."""
    pairs: Headers = ()
    if side.exchange is not None:
        pairs = side.exchange.request_headers if sent else side.exchange.response_headers
    joined: dict[str, str] = {}
    for name, value in pairs:
        shown, text = visible(name).lower(), visible(value)
        joined[shown] = f"{joined[shown]}, {text}" if shown in joined else text
    return joined


def _response(side: Side) -> list[str]:
    exchange = side.exchange
    if exchange is None:
        return []
    return bodies.plain_lines(
        exchange.response_body, exchange.response_headers, cut=exchange.response_truncated
    )


def _request(alert: Alert, side: Side) -> list[str]:
    return bodies.plain_lines(body_of(alert, side.attempt, side.exchange))


def _named(left: dict[str, str], right: dict[str, str]) -> list[Pair]:
    """Pair the entries by name, in the order of `left`. An empty value counts as missing."""
    pairs: list[Pair] = []
    for name in dict.fromkeys([*left, *right]):
        before, after = left.get(name, ""), right.get(name, "")
        if before or after:
            sign = SAME if before == after else ADDED if not before else GONE if not after else CHANGED
            pairs.append(Pair(sign, before and f"{name}: {before}", after and f"{name}: {after}"))
    return pairs


def _compared(left: list[str], right: list[str]) -> Iterator[Pair]:
    """Compare line by line. Long equal stretches are replaced by their count."""
    left, right = left[:_MOST_LINES], right[:_MOST_LINES]
    blocks = SequenceMatcher(None, left, right).get_opcodes()
    for place, (kind, i, j, k, m) in enumerate(blocks):
        if kind == "equal":
            yield from _equal(left[i:j], first=place == 0, last=place == len(blocks) - 1)
            continue
        for before, after in zip_longest(left[i:j], right[k:m]):
            sign = ADDED if before is None else GONE if after is None else CHANGED
            yield Pair(sign, before or "", after or "")


def _equal(lines: list[str], *, first: bool, last: bool) -> Iterator[Pair]:
    if first and last:
        kept_before, kept_after = 2 * _AROUND, 0
    else:
        kept_before, kept_after = (0 if first else _AROUND), (0 if last else _AROUND)
    left_out = len(lines) - kept_before - kept_after
    if left_out <= 1:
        kept_before, left_out = len(lines), 0
    for line in lines[:kept_before]:
        yield Pair(SAME, line, line)
    if left_out:
        note = f"… {words.counted(left_out, 'equal line')}"
        yield Pair(SAME, note, note)
        for line in lines[len(lines) - kept_after :]:
            yield Pair(SAME, line, line)
