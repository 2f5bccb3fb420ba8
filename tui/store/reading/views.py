"""The values queries return: rows as screens and commands show them."""

from dataclasses import dataclass

from tui.domain.alert import Alert, AlertType, Severity
from tui.domain.attempt import Headers, summarise
from tui.domain.destination import Destination
from tui.domain.health import Health
from tui.domain.lifecycle import Outcome, Standing, State, standing
from tui.domain.pacing import Pace


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as a list shows it."""

    id: int
    webhook_id: str
    destination: str
    destination_id: int
    paused: bool
    deleted: bool
    state: State
    round: int
    attempts: int
    due_at: int | None
    folded: int = 0
    """How many alerts folded into it."""
    folded_at: int | None = None
    """When the last did."""

    @property
    def standing(self) -> Standing:
        return standing(self.state, self.attempts)


@dataclass(frozen=True, slots=True)
class FoldRow:
    """A destination where an alert was not delivered, because it folded into another."""

    id: int
    destination: str
    destination_id: int
    deleted: bool
    folded_at: int
    into_key: int | None
    """The alert it folded into; None, like the rest, once that is gone."""
    into_alert_id: str | None
    into_headline: str | None
    into_standing: Standing | None


@dataclass(frozen=True, slots=True)
class FoldedAlert:
    """An alert that folded into another."""

    key: int
    alert_id: str
    headline: str
    folded_at: int


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as a list shows it, with all its deliveries."""

    key: int
    """Grows with arrival; lists page along it."""
    alert_id: str
    rule_id: str
    severity: Severity
    type: AlertType
    title: str
    name: str | None
    created_at: int
    test: bool
    not_routed: str | None
    deliveries: tuple[DeliveryRow, ...]
    folds: tuple[FoldRow, ...] = ()

    @property
    def headline(self) -> str:
        """As of an alert itself."""
        return self.title or self.name or self.rule_id


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt, without what it brought back."""

    id: int
    round: int
    number: int
    outcome: Outcome | None
    status_code: int | None
    reason: str | None
    error: str | None
    started_at: int
    ended_at: int | None
    duration_ms: int | None
    url: str
    remote_address: str | None

    @property
    def summary(self) -> str:
        return summarise(self.outcome, self.status_code, self.reason, self.error)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an attempt sent and what it brought back."""

    request_headers: Headers
    response_headers: Headers
    response_body: bytes
    response_length: int | None
    response_truncated: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """When a delivery that is due may go to a destination with a rate limit."""

    pace: Pace
    before: int
    """How many others go first."""

    def comes_at(self, now: int) -> int:
        """About when; in the past or now while there is nothing to wait for."""
        if not self.before and self.pace.allowance(now):
            return now
        return self.pace.after(self.before, now).paced_until


@dataclass(frozen=True, slots=True)
class DeliveryDetails:
    row: DeliveryRow
    destination: Destination
    attempts: tuple[AttemptRow, ...]
    """Newest first."""
    turn: Turn | None = None
    """None where nothing waits, or it need not wait for others."""
    folded: tuple[FoldedAlert, ...] = ()
    """The last that folded into it, newest first."""


@dataclass(frozen=True, slots=True)
class AlertDetails:
    key: int
    alert: Alert
    not_routed: str | None
    deliveries: tuple[DeliveryDetails, ...]
    folds: tuple[FoldRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The status line's numbers, of all deliveries."""

    in_flight: int
    waiting: int
    failed: int
    """But for test alerts."""


@dataclass(frozen=True, slots=True)
class Record:
    """How a destination fared in a span of time."""

    attempts: int
    delivered: int
    p95_ms: int | None

    @property
    def success(self) -> float | None:
        return self.delivered / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt at a destination, with the alert that was sent."""

    alert_key: int
    severity: Severity
    test: bool
    headline: str
    attempt: AttemptRow


@dataclass(frozen=True, slots=True)
class DestinationRow:
    """A destination with its health."""

    destination: Destination
    health: Health
    waiting: int
    recent: tuple[Outcome, ...]
    """Outcomes of its last attempts, oldest first."""
    p95_ms: int | None
    last: AttemptRow | None

    @property
    def success(self) -> float | None:
        """The share of recent attempts that were acknowledged; None before the first."""
        return self.recent.count(Outcome.DELIVERED) / len(self.recent) if self.recent else None
