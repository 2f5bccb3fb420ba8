"""The values that queries return, for screens and commands. Times are milliseconds since 1970."""

from dataclasses import dataclass

from tui.domain.alert import Alert, Severity
from tui.domain.alert_type import AlertType
from tui.domain.attempt import Headers, summarise
from tui.domain.destination import PANTHER, Destination
from tui.domain.health import DestinationState, Health
from tui.domain.holding import Gate, Hold
from tui.domain.lifecycle import Outcome, Standing, State, standing


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery in a list."""

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
    """The number of alerts folded into it."""
    folded_at: int | None = None
    """When the last one folded; None if there is none."""
    revived_at: int | None = None
    """When a repeat of its alert last queued it; None if none did."""

    @property
    def standing(self) -> Standing:
        return standing(self.state, self.attempts)


@dataclass(frozen=True, slots=True)
class FoldRow:
    """A destination that an alert was not delivered to because it folded into another alert."""

    id: int
    destination: str
    destination_id: int
    deleted: bool
    folded_at: int
    into_key: int | None
    """The key of the alert that it folded into. None, like the following, once that is deleted."""
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
    """An alert in a list, with all its deliveries."""

    key: int
    """Increases in order of arrival; lists page along it."""
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
        """The same as `Alert.headline`."""
        return self.title or self.name or self.rule_id


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt without its request and response."""

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
    shape: str = PANTHER
    """The name of the shape of its request."""

    @property
    def summary(self) -> str:
        return summarise(self.outcome, self.status_code, self.reason, self.error)


@dataclass(frozen=True, slots=True)
class Exchange:
    """The request and response of an attempt."""

    request_headers: Headers
    response_headers: Headers
    response_body: bytes
    response_length: int | None
    response_truncated: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of a due delivery in the queue of a destination that is held or has a rate limit."""

    gate: Gate
    before: int
    """The number of deliveries ahead of it."""

    def comes_at(self, now: int) -> int:
        """Return the approximate time of its turn (ms); not after `now` if it need not wait."""
        opens = max(now, self.gate.opens_at(now, test=False))
        pace = self.gate.pace(now)
        if pace is None or (not self.before and opens == now):
            return opens
        return pace.after(self.before, opens).paced_until


@dataclass(frozen=True, slots=True)
class DeliveryDetails:
    row: DeliveryRow
    destination: Destination
    attempts: tuple[AttemptRow, ...]
    """Newest first."""
    turn: Turn | None = None
    """None if it is not scheduled, or its destination is not held and has no rate limit."""
    folded: tuple[FoldedAlert, ...] = ()
    """The last alerts folded into it, newest first."""


@dataclass(frozen=True, slots=True)
class AlertDetails:
    key: int
    alert: Alert
    not_routed: str | None
    deliveries: tuple[DeliveryDetails, ...]
    folds: tuple[FoldRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of the status line, over all deliveries."""

    in_flight: int
    waiting: int
    retrying: int
    failed: int
    """Without test alerts."""
    paused: int
    """The number of paused destinations."""


@dataclass(frozen=True, slots=True)
class Record:
    """The attempts at a destination in a span of time."""

    attempts: int
    delivered: int
    p95_ms: int | None

    @property
    def success(self) -> float | None:
        return self.delivered / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt at a destination with its alert."""

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
    hold: Hold
    waiting: int
    failed: int
    """Deliveries that failed permanently, without test alerts."""
    recent: tuple[Outcome, ...]
    """The outcomes of its last attempts, oldest first."""
    p95_ms: int | None
    last: AttemptRow | None

    @property
    def trouble(self) -> int:
        """How much it needs attention: 3 failing, 2 attempts or deliveries failed, 1 paused, 0 none."""
        if self.health.failing_since is not None:
            return 3
        return 2 if self.failed or self.has_failures else int(self.destination.paused)

    def state(self, now: int) -> DestinationState:
        if self.destination.paused:
            return DestinationState.PAUSED
        if self.health.failing_since is not None:
            return DestinationState.FAILING
        if self.hold.held_until(now) is not None:
            return DestinationState.HELD
        if self.recent and self.recent[-1] is not Outcome.DELIVERED:
            return DestinationState.LAST_FAILED
        return DestinationState.RECOVERING if self.has_failures else DestinationState.ACTIVE

    @property
    def has_failures(self) -> bool:
        """Whether a recent attempt failed."""
        return any(outcome is not Outcome.DELIVERED for outcome in self.recent)

    @property
    def success(self) -> float | None:
        """The fraction of recent attempts that were delivered; None before the first attempt."""
        return self.recent.count(Outcome.DELIVERED) / len(self.recent) if self.recent else None
