"""The retry schedule, shown while a destination is configured."""

from textual.content import Content
from textual.widgets import Static

from tui.domain.retry import RetryPolicy
from tui.screens.shared import words
from tui.screens.shared.context import Context

_FIRST_RETRIES = 4


class Schedule(Static):
    def __init__(self, context: Context) -> None:
        super().__init__(id="schedule")
        self.context = context

    def tick(self) -> None:
        self.update(Content(schedule(self.context.policy, self.context.clock())))


def schedule(policy: RetryPolicy, now: int) -> str:
    """Return the schedule in wall-clock times, for an alert sent now."""
    moments = policy.moments(now)
    if not moments:
        return "No retries are configured: a delivery fails after one attempt."
    first = ", ".join(words.clock_time(moment) for moment in moments[:_FIRST_RETRIES])
    more = f" … {len(moments)} retries in total" if len(moments) > _FIRST_RETRIES else ""
    ends = words.clock_time(moments[-1]).rpartition(":")[0]
    return f"If every attempt fails, an alert sent now is retried at {first}{more} and fails at about {ends}."
