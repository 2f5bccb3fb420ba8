"""The retries of a destination: the field, and the schedule in wall-clock times."""

from textual.content import Content
from textual.widgets import Input, Static

from tui.domain.errors import Invalid
from tui.domain.retry import RetryPolicy, format_schedule, parse_schedule
from tui.screens.setup.field import Field
from tui.screens.shared import words
from tui.screens.shared.context import Context

_FIRST_RETRIES = 4
_DAY_MS = 24 * 3_600_000


def retry_field(retries: tuple[int, ...] | None) -> Field:
    given = Input(format_schedule(retries), id="retry", placeholder="default")
    return Field("retry", "Retries", given, after="give up after 3d, or delays: 5s,30s,2m")


class Schedule(Static):
    def __init__(self, context: Context) -> None:
        super().__init__(id="schedule")
        self.context = context

    def tick(self) -> None:
        """Show the schedule of the field's delays; that of the configuration while they are not valid."""
        try:
            retries = parse_schedule(self.screen.query_one("#retry", Input).value)
        except Invalid:
            retries = None
        self.update(Content(schedule(self.context.policy.of(retries), self.context.clock())))


def schedule(policy: RetryPolicy, now: int) -> str:
    """Return the schedule in wall-clock times, for an alert sent now."""
    moments = policy.moments(now)
    if not moments:
        return "There are no retries: a delivery fails after one attempt."
    first = ", ".join(words.wall_time(moment, now) for moment in moments[:_FIRST_RETRIES])
    more = f" … {len(moments)} retries in total" if len(moments) > _FIRST_RETRIES else ""
    ends = words.wall_time(moments[-1], now)
    if moments[-1] - now < _DAY_MS:  # without seconds: jitter makes them wrong
        ends = words.clock_time(moments[-1]).rpartition(":")[0]
    return f"If every attempt fails, an alert sent now is retried at {first}{more} and fails at about {ends}."
