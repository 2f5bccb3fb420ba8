"""What a pipe brings and nobody can read is stored at once, in one alert a minute."""

import json
from itertools import count

from tests.conftest import Clock, write
from tui.commands.sending.unread import Unread
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.intake.documents import Item
from tui.intake.reports import Reports
from tui.intake.unreadable import UnreadableLines
from tui.store.engine.database import Store
from tui.store.outbox import Receipt, submit_report
from tui.store.tables.rows import fetch


def test_a_broken_pipe_makes_one_alert_a_minute(store: Store, clock: Clock) -> None:
    ids = count()
    lines = UnreadableLines(Reports("a pipe", clock, lambda: f"report-{next(ids)}"))

    def keep(report: Alert) -> Receipt:
        receipt = write(store, submit_report, report)
        assert isinstance(receipt, Receipt)
        return receipt

    unread = Unread(lines, keep, None, whole=False)
    for number in range(1, 126):
        item = Item(f"line {number}", error="oops", raw=b"raw")
        unread.add(item, item.place, Invalid("json", "oops"), again=False)
        unread.report()
        clock.advance(1_000)
        assert sum(kept["lines"] for kept in contexts(store)) == number
    assert [kept["lines"] for kept in contexts(store)] == [60, 60, 5]


def contexts(store: Store) -> list[dict[str, int]]:
    rows = store.read(lambda db: fetch(db, "SELECT context FROM alert ORDER BY id", ())).result()
    return [json.loads(context) for (context,) in rows]
