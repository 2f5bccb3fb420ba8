"""The alert itself: all its fields."""

from textual.content import Content

from tui.domain.alert import format_time
from tui.domain.text import visible
from tui.screens.shared import bodies, words
from tui.screens.shared.lines import Line
from tui.store.reading.views import AlertDetails, FoldRow

CONTEXT = "context"
"""The key of the heading."""
_UNFOLD = "The alert is stored. Press r to send it separately."
_LONGEST_TITLE = 500
"""Characters in the header, which is cut at the width anyway. The section below has the full title."""


def heading(title: str, key: str, lines: list[Line], *, folded: bool = False) -> list[Line]:
    """Make a section that folds: its title, `lines`, and a blank line before the next section."""
    held = [*lines, Line(Content(""))]
    content = Content.styled(title, "bold $text-primary")
    return [Line(content, key, holds=len(held), folded=folded, heading=True), *held]


def header(details: AlertDetails, now: int) -> list[Content]:
    """The few lines on top that do not scroll."""
    alert = details.alert
    facts = f"{visible(alert.rule_id)} · {alert.type.label} · {words.span(now - alert.created_at)} ago"
    title = words.plain(alert.headline[:_LONGEST_TITLE], "bold")
    lines = [
        Content.assemble(words.severity(alert.severity, 0), "  ", title),
        Content.styled(facts + (" · a test alert" if alert.test else ""), words.MUTED),
    ]
    if alert.tags:
        lines.append(Content.assemble(("tags  ", words.MUTED), visible(", ".join(alert.tags))))
    return lines


def overview(details: AlertDetails) -> list[Line]:
    """Make the sections of all fields, without the empty ones."""
    alert = details.alert
    fields = {
        "title": alert.title,
        "name": alert.name or "",
        "severity": alert.severity,
        "type": alert.type.label,
        "rule": alert.rule_id,
        "version": alert.version or "",
        "alert id": alert.alert_id,
        "created": format_time(alert.created_at),
        "tags": ", ".join(alert.tags),
        "log types": ", ".join(alert.log_types),
        "dedup key": alert.dedup_key or "",
        "link": alert.link,
        "test": "yes: sent once, to one destination; filters do not apply" if alert.test else "",
    }
    lines = [
        Line(Content.assemble((f"{name:<10}", words.MUTED), visible(value)))
        for name, value in fields.items()
        if value
    ]
    sections = heading("ALERT", "alert", lines)
    for title, text in (("DESCRIPTION", alert.description), ("RUNBOOK", alert.runbook)):
        if text:
            sections += heading(title, title.lower(), bodies.text_lines(text))
    if alert.context != "{}":
        context = bodies.body_lines(alert.context.encode(), key=f"context-{details.key}")
        sections += heading("CONTEXT", CONTEXT, context)
    return sections


def not_sent(details: AlertDetails) -> list[Line]:
    """Say why the alert has no delivery, or was folded. Empty if every destination has its own delivery."""
    if details.folds:
        said = Line(Content.styled(_UNFOLD, words.MUTED))
        return heading("FOLDED", "folded", [*map(_folded, details.folds), said])
    if details.deliveries:
        return []
    reason = visible(details.not_routed or "the reason was not recorded")
    return heading(
        "NOT SENT",
        "not-sent",
        [
            Line(Content.styled(f"{words.NOT_ROUTED} Not sent anywhere: {reason}.", "$text-warning")),
            Line(
                Content.styled(
                    "Alerts are routed when they arrive: a change to a destination applies to later alerts."
                    " Press r to send this one to a destination.",
                    words.MUTED,
                )
            ),
        ],
    )


def _folded(fold: FoldRow) -> Line:
    into = "an alert that was pruned"
    if fold.into_alert_id is not None:
        into = f"{visible(fold.into_headline or '')} ({visible(fold.into_alert_id)})"
    stands = f", {fold.into_standing}" if fold.into_standing else ""
    told = f"{words.FOLDED} Not sent to {visible(fold.destination)}: folded into {into}{stands}."
    return Line(Content.styled(told, "$text-warning"))
