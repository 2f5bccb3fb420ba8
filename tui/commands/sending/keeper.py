"""Store the items that `tocsin send` reads, and report each."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from tui.commands.sending.receipts import Receipts
from tui.commands.sending.source import Interrupted, Source
from tui.commands.sending.unread import Unread
from tui.commands.shared.console import tell
from tui.commands.shared.session import patiently
from tui.config import Config
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.intake.documents import Item
from tui.intake.reports import Reports
from tui.intake.unreadable import UnreadableLines

if TYPE_CHECKING:
    from tui.intake.formats import Reading
    from tui.store.engine.database import Store
    from tui.store.outbox import Receipt

Result = TypeVar("Result")

AT_ONCE = 1_000
"""Items stored in one transaction, few enough that a dispatcher never waits long for the lock."""


@dataclass
class Keeper:
    store: "Store"
    config: Config
    source: Source
    read: "Callable[[Item], list[Reading]]"
    to: tuple[str, ...]
    answer: Receipts
    unread: Unread = field(init=False)

    def __post_init__(self) -> None:
        reports = Reports(
            self.source.name, _wall_clock, lambda: secrets.token_hex(16), self.config.link_template
        )
        whole = self.source.pipe is None
        self.unread = Unread(UnreadableLines(reports), self._store_report, self.to or None, whole=whole)

    def keep_all(self) -> None:
        """Store everything in the source. Raises StoreUnavailable, or Interrupted after a signal."""
        for batch in self.source.batches:
            for start in range(0, len(batch), AT_ONCE):
                self.source.check_interrupted()
                self._keep(batch[start : start + AT_ONCE])
            self.unread.report()
        self.unread.report(at_the_end=True)

    def _keep(self, items: Sequence[Item]) -> None:
        """Store `items`. If that fails, say which items are not stored."""
        from tui.intake.formats import Skipped

        read = [(item, reading) for item in items for reading in self.read(item)]
        try:
            stored = self._submit([reading for _, reading in read])
        except Interrupted:
            raise
        except BaseException as error:
            # Ctrl-C may come between commit and report.
            sure = "" if isinstance(error, Exception) else "known to be "
            if items[0].place:
                tell(f"tocsin: not {sure}stored: {items[0].place} and everything after it")
            raise
        bad: Item | None = None
        for item, reading in read:
            result = next(stored) if isinstance(reading.result, Alert) else reading.result
            match result:
                case Invalid():
                    self.unread.add(item, reading.place, result, again=item is bad)
                    bad = item
                case Skipped():
                    self.unread.found_readable()
                    self.answer.skip(result.reason)
                case _:
                    self.unread.found_readable()
                    self.answer.stored(result)

    def _submit(self, readings: "Sequence[Reading]") -> "Iterator[Receipt | Invalid]":
        """Store the alerts among `readings` in one transaction; return a result for each."""
        from tui.intake.formats import ids_of_tools
        from tui.store import outbox

        alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
        if self.to:
            alerts = [replace(alert, destinations=self.to) for alert in alerts]
        by_id, after_ms = ids_of_tools(readings), self.config.revive_after_ms

        def submit() -> "list[Receipt | Invalid]":
            self.source.check_interrupted()  # also while it waits for the lock of another process
            return self.store.write(outbox.submit, alerts, by_id, revive_after_ms=after_ms).result()

        return iter(self._patiently(submit))

    def _store_report(self, report: Alert) -> "Receipt":
        from tui.store.outbox import submit_report

        def submit() -> "Receipt | Invalid":
            self.source.check_interrupted()
            return self.store.write(submit_report, report).result()

        result = self._patiently(submit)
        if isinstance(result, Invalid):  # the destination that --to names was deleted meanwhile
            report = replace(report, destinations=None)
            result = self._patiently(submit)
        assert not isinstance(result, Invalid)
        return result

    def _patiently(self, work: "Callable[[], Result]") -> "Result":
        pipe = self.source.pipe
        return patiently(work, as_long_as=pipe.goes_on if pipe else lambda: False)


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
