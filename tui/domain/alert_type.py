"""The types of alerts: the same as in Panther."""

from enum import StrEnum


class AlertType(StrEnum):
    """What raised an alert: a detection that matched, one that failed to run, or the platform itself.

    Source: https://docs.panther.com/alerts and the names in its detection engine,
    https://github.com/panther-labs/panther_core (`TYPE_…` and `ERROR_TYPE_…`).
    """

    RULE = "RULE"
    """A detection rule matched an event."""
    RULE_ERROR = "RULE_ERROR"
    """A detection rule failed to run."""
    SCHEDULED_RULE = "SCHEDULED_RULE"
    """A rule matched a row that a scheduled query returned."""
    SCHEDULED_RULE_ERROR = "SCHEDULED_RULE_ERROR"
    """A scheduled rule or its query failed."""
    CORRELATION_RULE = "CORRELATION_RULE"
    """A rule matched several signals together."""
    CORRELATION_RULE_ERROR = "CORRELATION_RULE_ERROR"
    """A correlation rule failed to run."""
    POLICY = "POLICY"
    """A resource violates a policy."""
    SYSTEM_ERROR = "SYSTEM_ERROR"
    """A part of the platform failed, such as a log source that went silent."""

    @property
    def label(self) -> str:
        """The name for people, like `Scheduled rule match`."""
        return _LABELS.get(self, self.replace("_", " ").capitalize())

    @property
    def prefix(self) -> str:
        """What stands before the title of an outgoing alert of this type, like `New rule error: `."""
        return _PREFIXES.get(self, f"New {self.replace('_', ' ').lower()}: ")


_LABELS = {
    AlertType.RULE: "Rule match",
    AlertType.SCHEDULED_RULE: "Scheduled rule match",
    AlertType.CORRELATION_RULE: "Correlation rule match",
    AlertType.POLICY: "Policy failure",
}
# We saw the prefixes `New Alert: ` and `Policy Failure: ` in Panther's public source. The others are ours.
_PREFIXES = {
    AlertType.RULE: "New Alert: ",
    AlertType.SCHEDULED_RULE: "New Alert: ",
    AlertType.CORRELATION_RULE: "New Alert: ",
    AlertType.POLICY: "Policy Failure: ",
}
RESENT = "[Re-sent]: "
"""Stands before the title in every round after the first, in place of the type's prefix."""
