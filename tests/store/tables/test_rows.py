"""Rows are found by any number of ids."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import write
from tests.store.bench import Bench
from tui.store import outbox
from tui.store.reading import listing, queries

MORE_THAN_A_STATEMENT_TAKES = range(1, 260_001)
"""Values of one statement: 32,766 on SQLite, 250,000 as Debian builds it, 65,535 on PostgreSQL."""


def claimed(bench: Bench) -> list[int]:
    return [claim.delivery_id for claim in bench.claim(only=MORE_THAN_A_STATEMENT_TAKES).claims]


def deliveries(bench: Bench) -> list[int]:
    found = bench.store.read(queries.deliveries_by_id, MORE_THAN_A_STATEMENT_TAKES).result()
    return [row.id for row in found]


def of_their_alerts(bench: Bench) -> list[int]:
    found = bench.store.read(listing.alerts_by_key, MORE_THAN_A_STATEMENT_TAKES).result()
    return [delivery.id for row in reversed(found) for delivery in row.deliveries]


def changed(change: Callable[..., dict[int, Any]]) -> Callable[[Bench], list[int]]:
    return lambda bench: [
        key for key, no in write(bench.store, change, MORE_THAN_A_STATEMENT_TAKES).items() if not no
    ]


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize(
    "found",
    [claimed, deliveries, of_their_alerts, changed(outbox.resend), changed(outbox.cancel)],
    ids=["claim", "deliveries", "alerts", "resend", "cancel"],
)
def test_rows_are_found_by_very_many_ids(bench: Bench, found: Callable[[Bench], list[int]]) -> None:
    sent = [delivery for _ in range(3) for delivery in bench.submit()]
    assert found(bench) == sent


@pytest.mark.usefixtures("soc")
def test_no_ids_find_no_rows(bench: Bench) -> None:
    bench.submit()
    assert bench.store.read(queries.deliveries_by_id, []).result() == []
    assert bench.claim(only=[]).claims == []
