"""The state machine of a delivery: one table of transitions, which drives the code and its tests.

    scheduled ──claim──▶ in_flight ──delivered──▶ delivered
        ▲ ▲                │  │
        │ └──failed, left──┘  └──failed, none left──▶ failed
        │ └──interrupted
        └── resend ── from anything but in_flight;   scheduled ──cancel──▶ cancelled

`due_at` is a nullable time: the next attempt while scheduled, the end of the lease while in flight. One index
on it therefore finds all deliveries that can be claimed. A claim gives the delivery a random lease token;
only the holder of that token can finish it.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from tui.domain.errors import Refused


class State(StrEnum):
    SCHEDULED = "scheduled"
    """Pending; with attempts it is being retried."""
    IN_FLIGHT = "in_flight"
    """A dispatcher holds it under a lease and is sending it."""
    DELIVERED = "delivered"
    """The receiver acknowledged with a 2xx."""
    FAILED = "failed"
    """Every attempt of the round failed; only a user can resend it."""
    CANCELLED = "cancelled"
    """Cancelled before it was delivered."""

    __hash__ = str.__hash__  # Enum's hash is slower Python code, and every step looks up the table


class Outcome(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    """The receiver answered with a status other than 2xx."""
    UNREACHABLE = "unreachable"
    """No valid answer: DNS, connection or TLS failed, or the answer was broken."""
    TIMEOUT = "timeout"
    BLOCKED = "blocked"
    """Blocked on our side; nothing was sent."""
    ABANDONED = "abandoned"
    """The dispatcher stopped without recording a result; the receiver may have the alert."""
    INTERRUPTED = "interrupted"
    """The dispatcher shut down during the attempt; it does not count towards the limit."""


class Standing(StrEnum):
    """The state shown to users: `scheduled` is waiting before the first attempt, then retrying."""

    WAITING = "waiting"
    RETRYING = "retrying"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


def standing(state: State, attempts: int) -> Standing:
    if state is State.SCHEDULED:
        return Standing.RETRYING if attempts else Standing.WAITING
    return Standing.SENDING if state is State.IN_FLIGHT else Standing(state.value)


class Event(StrEnum):
    SUBMIT = "submit"
    CLAIM = "claim"
    DELIVER = "deliver"
    FAIL = "fail"
    INTERRUPT = "interrupt"
    RESEND = "resend"
    CANCEL = "cancel"

    __hash__ = str.__hash__


def finishing_event(outcome: Outcome) -> Event:
    """Return the event that an attempt's outcome causes for its delivery."""
    match outcome:
        case Outcome.DELIVERED:
            return Event.DELIVER
        case Outcome.INTERRUPTED:
            return Event.INTERRUPT
        case _:
            return Event.FAIL


class Due(Enum):
    """The effect on `due_at`."""

    NOW = auto()
    LATER = auto()
    """After the lease for a claim, after the retry delay for a failure."""
    NEVER = auto()


class Count(Enum):
    """The effect on the number of attempts that count towards the limit."""

    SAME = auto()
    ONE_MORE = auto()
    GIVEN_BACK = auto()
    ANEW = auto()


@dataclass(frozen=True, slots=True)
class Transition:
    source: State | None
    event: Event
    target: State
    due: Due
    attempts_left: bool | None = None
    """Guard: attempts must be left (True), must be used up (False), or either (None)."""
    when_due: bool = False
    """Guard: `due_at` has passed. For a delivery in flight, its lease has expired."""
    fenced: bool = False
    """Guard: the lease token matches. The open attempt is closed with its own outcome."""
    count: Count = Count.SAME
    opens: bool = False
    """Opens an attempt under a new lease."""
    abandons: bool = False
    """Closes the open attempt as `abandoned`."""
    exhausts: bool = False
    """The attempts are used up; logged as an error."""


S, E = State, Event
TABLE = (
    Transition(None, E.SUBMIT, S.SCHEDULED, Due.NOW, count=Count.ANEW),
    Transition(S.SCHEDULED, E.CLAIM, S.IN_FLIGHT, Due.LATER, when_due=True, count=Count.ONE_MORE, opens=True),
    Transition(
        S.IN_FLIGHT,
        E.CLAIM,
        S.IN_FLIGHT,
        Due.LATER,
        attempts_left=True,
        when_due=True,
        count=Count.ONE_MORE,
        opens=True,
        abandons=True,
    ),
    Transition(
        S.IN_FLIGHT,
        E.CLAIM,
        S.FAILED,
        Due.NEVER,
        attempts_left=False,
        when_due=True,
        abandons=True,
        exhausts=True,
    ),
    Transition(S.IN_FLIGHT, E.DELIVER, S.DELIVERED, Due.NEVER, fenced=True),
    Transition(S.IN_FLIGHT, E.FAIL, S.SCHEDULED, Due.LATER, attempts_left=True, fenced=True),
    Transition(S.IN_FLIGHT, E.FAIL, S.FAILED, Due.NEVER, attempts_left=False, fenced=True, exhausts=True),
    Transition(S.IN_FLIGHT, E.INTERRUPT, S.SCHEDULED, Due.NOW, fenced=True, count=Count.GIVEN_BACK),
    *(
        Transition(source, E.RESEND, S.SCHEDULED, Due.NOW, count=Count.ANEW)
        for source in (S.SCHEDULED, S.DELIVERED, S.FAILED, S.CANCELLED)
    ),
    Transition(S.SCHEDULED, E.CANCEL, S.CANCELLED, Due.NEVER),
)
_BY_SOURCE: dict[tuple[State | None, Event], tuple[Transition, ...]] = {}
for _row in TABLE:
    _BY_SOURCE[_row.source, _row.event] = (*_BY_SOURCE.get((_row.source, _row.event), ()), _row)


@dataclass(frozen=True, slots=True)
class Progress:
    """The part of a delivery that changes."""

    state: State
    round: int
    attempts: int
    """Attempts of this round that count towards the limit."""
    number: int
    """The number of this round's last attempt; greater than `attempts` after an interruption."""
    due_at: int | None
    lease: str | None


class NotDue(Exception):
    """The delivery cannot be claimed yet: another dispatcher holds it, or its next attempt is later."""


class Stale(Exception):
    """The lease token is no longer the delivery's, so its holder cannot finish it."""


def submitted(now: int) -> Progress:
    """Return the progress of a new delivery, due at once."""
    return Progress(State.SCHEDULED, round=1, attempts=0, number=0, due_at=now, lease=None)


def advance(
    progress: Progress,
    event: Event,
    *,
    now: int,
    limit: int,
    lease: str | None = None,
    wait_ms: int = 0,
) -> tuple[Progress, Transition]:
    """Return the delivery after `event`, and the transition that was applied.

    `limit` is the number of counted attempts in a round. `lease` is the new token for a claim, and the
    holder's token for a finish. `wait_ms` is the length of the lease for a claim, and the retry delay for a
    failure. Raises NotDue, Stale, or Refused (with a message for users) if the table has no such transition.
    """
    row = _transition(progress.state, event, attempts_left=progress.attempts < limit)
    if row.when_due and (progress.due_at is None or progress.due_at > now):
        raise NotDue
    if row.fenced and (lease is None or lease != progress.lease):
        raise Stale
    anew = row.count is Count.ANEW
    added = (row.count is Count.ONE_MORE) - (row.count is Count.GIVEN_BACK)
    return (
        Progress(
            state=row.target,
            round=progress.round + 1 if anew else progress.round,
            attempts=0 if anew else progress.attempts + added,
            number=0 if anew else progress.number + row.opens,
            due_at=None if row.due is Due.NEVER else now + wait_ms * (row.due is Due.LATER),
            lease=lease if row.opens else None,
        ),
        row,
    )


def _transition(state: State, event: Event, *, attempts_left: bool) -> Transition:
    for row in _BY_SOURCE.get((state, event), ()):
        if row.attempts_left in (None, attempts_left):
            return row
    if event is Event.CANCEL and state is not State.IN_FLIGHT:
        raise Refused(f"nothing to cancel: it is already {state}")
    if state is State.IN_FLIGHT and event in (Event.RESEND, Event.CANCEL):
        raise Refused("it is being sent now; wait for the answer, then try again")
    raise Stale if event in (Event.DELIVER, Event.FAIL, Event.INTERRUPT) else NotDue
