"""The alert about bytes of a followed file that were never read."""

from tui.domain.alert import Alert, AlertType, Severity, encode_context
from tui.domain.text import visible
from tui.intake.following import Lost

RULE = "Tocsin.Watch.Lost"
_TITLE_LIMIT = 200


def lost_alert(
    lost: Lost, path: str, *, now: int, alert_id: str, link: str, destinations: tuple[str, ...] | None
) -> Alert:
    """Return the alert that says which bytes of which file are missing. `path` is the followed path."""
    missing = f"{visible(lost.file)} from byte {lost.first} on"
    return Alert(
        alert_id=alert_id,
        rule_id=RULE,
        severity=Severity.HIGH,
        type=AlertType.RULE_ERROR,
        created_at=now,
        title=f"Tocsin did not read all of {visible(path)}"[:_TITLE_LIMIT],
        name="Unread lines of a followed file",
        link=link,
        context=encode_context(
            {"source": path, "file": lost.file, "firstUnreadByte": lost.first, "reason": lost.reason}
        ),
        description=f"Not read: {missing}. The file {lost.reason}.",
        runbook=(
            "Find the rotated file. If it has lines after that byte, store them with `tocsin send`."
            " If a tool moves rotated files elsewhere, name that directory with `tocsin watch --rotated-to`."
        ),
        destinations=destinations,
        dedup_key=f"{RULE} {path}",
    )
