"""The store of an engineer on call, which screens are judged with."""

from collections import Counter
from pathlib import Path

from tests import oncall
from tests.conftest import NOW
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite
from tui.store.reading.health import destination_rows
from tui.store.tables.rows import fetch


def test_the_store_is_consistent_and_half_of_its_destinations_fail(tmp_path: Path) -> None:
    path = tmp_path / "oncall.db"
    oncall.build(path, NOW, alerts=500)
    with Store(Sqlite(path)) as store:
        assert store.check() == []
        rows = store.read(destination_rows).result()
        states = Counter(state for (state,) in store.read(fetch, "SELECT state FROM delivery").result())
    failing = {
        row.destination.name: row.last and row.last.summary for row in rows if row.health.failing_since
    }
    assert failing == {
        "backup-pager": "nothing is listening on backup.example.com:8080",
        "mirror": "429 Too Many Requests",
        "old-tickets": "404 Not Found",
        "soc-pager": "401 Unauthorized",
        "status-page": "503 Service Unavailable",
        "warehouse": "no answer within 30 s",
    }
    assert len(rows) == 12
    assert states["failed"] > 600
    assert states["scheduled"] > 200
