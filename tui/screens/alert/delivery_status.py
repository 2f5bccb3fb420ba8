"""The Delivery Status list: a line per destination, below it its attempts by round, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from textual.content import Content

from tui.domain.lifecycle import Standing
from tui.domain.retry import RetryPolicy
from tui.domain.text import visible
from tui.domain.tls import UNVERIFIED
from tui.screens.shared import words
from tui.screens.shared.lines import Line
from tui.store.reading.views import AlertDetails, AttemptRow, DeliveryDetails, FoldedAlert, FoldRow

MARK = "◆"

_Part = Content | str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a line shows: a delivery and, if there is one, an attempt."""

    delivery: DeliveryDetails
    attempt: AttemptRow | None

    @property
    def previous(self) -> AttemptRow | None:
        """The attempt before this one in the same delivery."""
        attempts = self.delivery.attempts
        places = [place for place, made in enumerate(attempts) if made is self.attempt]
        return attempts[places[0] + 1] if places and places[0] + 1 < len(attempts) else None


def choices(deliveries: Sequence[DeliveryDetails]) -> dict[str, Chosen]:
    """Map the key of each line to what it shows. A delivery or a round shows its newest attempt."""
    chosen: dict[str, Chosen] = {}
    for delivery in deliveries:
        chosen[_delivery_key(delivery)] = Chosen(delivery, next(iter(delivery.attempts), None))
        for attempt in delivery.attempts:
            chosen.setdefault(_round_key(delivery, attempt.round), Chosen(delivery, attempt))
            chosen[_attempt_key(attempt)] = Chosen(delivery, attempt)
        newest = chosen[_delivery_key(delivery)]
        chosen |= {_folded_key(folded): newest for folded in delivery.folded}
        chosen[_folds_key(delivery)] = chosen[_revived_key(delivery)] = newest
    return chosen


def opening(deliveries: Sequence[DeliveryDetails]) -> str:
    """Return the key of the line to start on: the delivery that the list of alerts names first."""
    first = min(deliveries, key=lambda each: words.ORDER.index(each.row.standing), default=None)
    return _delivery_key(first) if first else ""


def _delivery_key(delivery: DeliveryDetails) -> str:
    return f"delivery-{delivery.row.id}"


def _round_key(delivery: DeliveryDetails, number: int) -> str:
    return f"round-{delivery.row.id}-{number}"


def _attempt_key(attempt: AttemptRow) -> str:
    return f"attempt-{attempt.id}"


def links(details: AlertDetails) -> dict[str, int]:
    """Map the keys of lines that lead to another alert (a fold, either way) to the key of that alert."""
    found = {_fold_key(fold): fold.into_key for fold in details.folds if fold.into_key is not None}
    for delivery in details.deliveries:
        found |= {_folded_key(folded): folded.key for folded in delivery.folded}
    return found


def fold_at(details: AlertDetails, key: str) -> FoldRow | None:
    """Return the fold that the line with this key shows, if it shows one."""
    return next((fold for fold in details.folds if _fold_key(fold) == key), None)


def _folds_key(delivery: DeliveryDetails) -> str:
    return f"folds-{delivery.row.id}"


def _revived_key(delivery: DeliveryDetails) -> str:
    return f"revived-{delivery.row.id}"


def _fold_key(fold: FoldRow) -> str:
    return f"fold-{fold.id}"


def _folded_key(folded: FoldedAlert) -> str:
    return f"folded-{folded.key}"


Rounds = dict[int, list[Line]]
"""The lines of the attempts, by delivery ID."""


def attempt_lines(deliveries: Sequence[DeliveryDetails], *, now: int, marked: int | None) -> Rounds:
    """Make the lines of the attempts. Separate from those of the deliveries, which change every second.

    `marked` is the ID of the attempt marked for comparison.
    """
    return {delivery.row.id: _rounds(delivery, now, marked) for delivery in deliveries}


def delivery_status(details: AlertDetails, rounds: Rounds, *, policy: RetryPolicy, now: int) -> list[Line]:
    """Make all lines."""
    lines: list[Line] = []
    deliveries = details.deliveries
    for delivery in deliveries:
        held = [*_revived(delivery, now), *rounds[delivery.row.id], *_folded(delivery, now)]
        dull = delivery.row.standing is Standing.DELIVERED and len(deliveries) > 1
        limit = policy.of(delivery.destination.retries).limit(test=details.alert.test)
        content = _delivery(delivery, limit, now)
        lines += [Line(content, _delivery_key(delivery), holds=len(held), folded=dull), *held]
    return lines + _folds(details.folds)


def _folds(folds: Sequence[FoldRow]) -> list[Line]:
    """The destinations where the alert was folded into another one."""
    lines: list[Line] = []
    for fold in folds:
        into = visible(fold.into_headline or "an alert that was pruned")
        parts: list[_Part] = [(f"{words.FOLDED} ", words.MUTED), (visible(fold.destination), "bold")]
        if fold.deleted:
            parts.append((" (deleted)", words.MUTED))
        stands = f", {fold.into_standing}" if fold.into_standing else ""
        parts.append((f"  folded into {into}{stands}", words.MUTED))
        lines.append(Line(Content.assemble(*parts), _fold_key(fold)))
    return lines


def _revived(delivery: DeliveryDetails, now: int) -> list[Line]:
    """When a repeat of the alert last queued this delivery."""
    if delivery.row.revived_at is None:
        return []
    told = f"Reported again at {words.wall_time(delivery.row.revived_at, now)}"
    return [Line(Content.styled(told, words.MUTED), _revived_key(delivery), depth=1)]


def _folded(delivery: DeliveryDetails, now: int) -> list[Line]:
    """The number of alerts folded into this delivery and, below it, the last of them."""
    row = delivery.row
    if row.folded_at is None:
        return []
    ago = words.span(now - row.folded_at)
    told = f"×{row.folded + 1:,}  {row.folded:,} more folded, last {ago} ago"
    shown = [
        Line(
            Content.assemble(
                (f"{words.FOLDED} {words.wall_time(folded.folded_at, now)}  ", words.MUTED),
                visible(folded.headline),
                (f"  {visible(folded.alert_id)}", words.MUTED),
            ),
            _folded_key(folded),
            depth=2,
        )
        for folded in delivery.folded
    ]
    content = Content.styled(told, "$text-accent")
    return [Line(content, _folds_key(delivery), depth=1, holds=len(shown), folded=True), *shown]


def _delivery(delivery: DeliveryDetails, limit: int, now: int) -> Content:
    row = delivery.row
    style = words.STANDING_STYLES[row.standing]
    last = next((attempt for attempt in delivery.attempts[:1] if attempt.round == row.round), None)
    parts: list[_Part] = [(words.GLYPHS[row.standing], style), " ", (visible(row.destination), "bold")]
    if row.deleted:
        parts.append((" (deleted)", words.MUTED))
    if not delivery.destination.tls.verify:
        parts.append((f"  {UNVERIFIED}", "$text-warning"))
    if last is not None and last.outcome is not None:
        parts.append((f"  {last.status_code or last.outcome}", style))
        parts.append(f"  {words.duration(last.duration_ms)}" if last.duration_ms is not None else "")
    if row.attempts:
        parts.append((f"  {row.attempts} of {max(limit, row.attempts)}", words.MUTED))
    if row.standing is not Standing.DELIVERED:
        parts.append((f"  {words.next_step(row, now)}", style))
    return Content.assemble(*parts)


def _rounds(delivery: DeliveryDetails, now: int, marked: int | None) -> list[Line]:
    """The attempts. Several rounds have a line each, and all but the last are collapsed."""
    rounds = [(number, list(made)) for number, made in groupby(delivery.attempts, lambda a: a.round)]
    if len(rounds) == 1:
        return [_attempt(attempt, now, marked, depth=1) for attempt in rounds[0][1]]
    lines: list[Line] = []
    for number, made in rounds:
        content = Content.assemble(
            (f"round {number}  ", words.MUTED),
            words.outcome_glyph(made[0].outcome),
            (f" {words.counted(len(made), 'attempt')}", words.MUTED),
            (f"  {words.wall_time(made[-1].started_at, now)}", words.MUTED),
        )
        key = _round_key(delivery, number)
        lines.append(Line(content, key, depth=1, holds=len(made), folded=number != rounds[0][0]))
        lines += [_attempt(attempt, now, marked, depth=2) for attempt in made]
    return lines


def _attempt(attempt: AttemptRow, now: int, marked: int | None, *, depth: int) -> Line:
    mark = (f"{MARK} ", "$text-accent") if attempt.id == marked else ""
    return Line(
        Content.assemble(
            mark,
            (f"{attempt.number:>2}  {words.wall_time(attempt.started_at, now)}  ", words.MUTED),
            words.outcome_glyph(attempt.outcome),
            f" {words.attempt_brief(attempt.outcome, attempt.summary)}",
            (f"  {words.duration(attempt.duration_ms)}", words.MUTED),
        ),
        _attempt_key(attempt),
        depth=depth,
    )
