"""The alert about bytes of a followed file that were never read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.domain.alert import Alert, Severity
from tui.domain.text import visible
from tui.intake.reports import Reports

RULE = "Tocsin.Watch.Lost"
_MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Lost:
    """Bytes that were never read and cannot be found."""

    file: str
    """The path, and the inode if the file is no longer at that path."""
    first: int
    """Offset of the first byte that was not read. All bytes after it are missing."""
    reason: str
    certain: bool = True
    """Whether there were such bytes. If not, the file was read to its end, but may have grown since."""


@dataclass(slots=True)
class LostBytes:
    """The lost bytes of one followed path. Those of one minute are one alert."""

    reports: Reports
    _found: list[Lost] = field(init=False, default_factory=list[Lost])

    def add(self, lost: Sequence[Lost], destinations: tuple[str, ...] | None = None) -> Alert:
        """Return the alert about these, at least one, to store in place of an earlier one."""
        if not self.reports.continues():
            self._found = []
        self._found += lost
        first, certain = self._found[0], any(one.certain for one in self._found)
        more = f" {len(self._found) - 1} more: see the context." if len(self._found) > 1 else ""
        return self.reports.alert(
            RULE,
            Severity.HIGH,
            "Tocsin may not have read all of" if not self._found[0].certain else "Tocsin did not read all of",
            name="Unread lines of a followed file",
            context={
                "file": first.file,
                "firstUnreadByte": first.first,
                "reason": first.reason,
                "certain": certain,
                "losses": len(self._found),
                "others": [
                    {"file": one.file, "firstUnreadByte": one.first, "reason": one.reason}
                    for one in self._found[1:_MOST_LISTED]
                ],
            },
            description=_sentence(first) + more,
            runbook=(
                "Find the rotated file. If it has lines after that byte, store them with `tocsin send`."
                " If a tool moves rotated files elsewhere, name that directory with"
                " `tocsin watch --rotated-to`."
            ),
            destinations=destinations,
        )


def _sentence(lost: Lost) -> str:
    what = f"{visible(lost.file)} from byte {lost.first} on"
    if lost.certain:
        return f"Not read: {what}. The file {lost.reason}."
    return (
        f"Perhaps not read: {what}. The file {lost.reason}. It had been read up to there;"
        " whether lines were added after that is not known."
    )
