"""Reports: alerts of Tocsin itself about a source. What is found within a minute is one alert that grows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tui.domain.alert import Alert, Severity, encode_context
from tui.domain.alert_type import AlertType
from tui.domain.text import visible

_EVERY_MS = 60_000
_TITLE_LIMIT = 200


@dataclass(slots=True)
class Reports:
    """The reports about one source. `subject` is the path or pattern that is followed."""

    subject: str
    clock: Callable[[], int]
    new_id: Callable[[], str]
    link_template: str = ""
    alert_id: str = field(init=False, default="")
    """The id of the last report; empty if there was none."""
    _opened_at: int = field(init=False, default=0)

    def continues(self) -> bool:
        """Return whether what is found now belongs to the last report. If not, begin a new one."""
        if self.alert_id and self._is_recent(self._opened_at):
            return True
        self.alert_id, self._opened_at = self.new_id(), self.clock()
        return False

    def resume(self, alert: Alert) -> bool:
        """Continue a report of another process, unless it is too old. Return whether it is not."""
        if not self._is_recent(alert.created_at):
            return False
        self.alert_id, self._opened_at = alert.alert_id, alert.created_at
        return True

    def _is_recent(self, opened_at: int) -> bool:
        # After the clock was set back, a report could lie in the future and would not end in time.
        return 0 <= self.clock() - opened_at < _EVERY_MS

    def alert(
        self,
        rule: str,
        severity: Severity,
        title: str,
        *,
        name: str,
        context: dict[str, Any],
        description: str,
        runbook: str,
        destinations: tuple[str, ...] | None,
    ) -> Alert:
        """Return the report with its content so far. The title must not change: the search index holds it."""
        return Alert(
            alert_id=self.alert_id,
            rule_id=rule,
            severity=severity,
            type=AlertType.RULE_ERROR,
            created_at=self._opened_at,
            title=f"{title} {visible(self.subject)}"[:_TITLE_LIMIT],
            name=name,
            link=self.link_template.replace("{alertId}", self.alert_id),
            context=encode_context({"source": self.subject, **context}),
            description=description,
            runbook=runbook,
            destinations=destinations,
            dedup_key=f"{rule} {self.subject}",
        )
