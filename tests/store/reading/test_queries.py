"""An alert is found by its id, an id prefix, or a webhook id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock, alert, open_store, write
from tests.store.bench import Bench
from tui.domain.errors import Refused
from tui.store.reading import queries
from tui.store.tables.rows import fetch


def find(bench: Bench, reference: str) -> str:
    key = bench.store.read(queries.find_alert, reference).result()
    [(alert_id,)] = bench.rows("SELECT alert_id FROM alert WHERE id = ?", key)
    return alert_id


@pytest.mark.parametrize("more", ["-1", "Z", "a", "é", "~", "日本"])
def test_an_alert_is_found_by_the_start_of_its_id(bench: Bench, more: str) -> None:
    for alert_id in ("Incident" + more, "incident" + more, "Incideny", "Incidens"):
        bench.receive(alert(alert_id=alert_id))
    assert find(bench, "Incident") == "Incident" + more
    assert find(bench, "Incident" + more) == "Incident" + more


def test_an_ambiguous_start_of_an_id_is_refused(bench: Bench) -> None:
    for alert_id in ("incident-1", "incident-2"):
        bench.receive(alert(alert_id=alert_id))
    with pytest.raises(Refused, match="several alerts start with 'incident'"):
        find(bench, "incident")
    with pytest.raises(Refused, match="there is no alert 'inciden'"):
        find(bench, "inciden")


def test_failed_test_alerts_are_not_counted(bench: Bench) -> None:
    bench.add()
    for test in (True, False, False):
        [delivery] = bench.submit(test=test)
        bench.fail_until_exhausted()
    assert bench.store.read(queries.summary).result().failed == 2
    bench.resend(delivery)
    assert bench.store.read(queries.summary).result().failed == 1


@pytest.fixture
def on_postgresql(tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    with open_store("postgresql", tmp_path, clock) as store:
        yield Bench(store, clock)


def test_postgresql_orders_alert_ids_by_their_bytes_in_any_locale(
    on_postgresql: Bench,
) -> None:
    asked = (
        "SELECT collname FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation"
        " WHERE attrelid = 'alert'::regclass AND attname = 'alert_id'"
    )
    assert on_postgresql.rows(asked) == [("C",)]


def test_postgresql_looks_up_the_start_of_an_id_in_the_index(on_postgresql: Bench) -> None:
    write(on_postgresql.store, lambda tx: tx.db.execute_sql(MANY))
    asked: list[tuple[str, Any]] = []

    def explained(db: Any) -> list[str]:
        execute = db.execute_sql
        db.execute_sql = lambda sql, values=(): (asked.append((sql, values)), execute(sql, values))[1]
        try:
            queries.find_alert(db, "incident-9999")
        finally:
            del db.execute_sql
        return [line for sql, values in asked for (line,) in fetch(db, f"EXPLAIN {sql}", values)]

    steps = on_postgresql.store.read(explained).result()
    assert not any("Seq Scan" in step for step in steps)
    assert any("alert_id" in step and "Index" in step for step in steps)


MANY = """
INSERT INTO alert (alert_id, rule_id, severity, type, created_at, title, link, context, description, runbook,
                   tags, test)
SELECT 'incident-' || number, 'r', 'HIGH', 'RULE', 0, '', '', '{}', '', '', '[]', false
FROM generate_series(90000, 99990) AS number
"""
