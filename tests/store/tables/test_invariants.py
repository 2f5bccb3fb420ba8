"""`tocsin db check` finds rows that contradict each other, on both engines."""

import pytest

from tests.conftest import write
from tests.store.bench import Bench
from tui.domain.destination import Destination
from tui.domain.lifecycle import Outcome


@pytest.fixture
def history(bench: Bench, soc: Destination) -> Bench:
    """A delivery in each state, made by the outbox."""
    bench.submit(alert_id="delivered")
    bench.finish(bench.claim_one())
    (failed,) = bench.submit(alert_id="failed")
    bench.fail_until_exhausted()
    bench.resend(failed)
    bench.finish(bench.claim_one(), Outcome.REJECTED)
    bench.cancel(failed)
    bench.submit(alert_id="interrupted")
    bench.finish(bench.claim_one(), Outcome.INTERRUPTED)
    bench.submit(alert_id="in flight")
    bench.claim(only=[max(bench.all_progress())])
    bench.submit(alert_id="unrouted", destinations=())
    bench.submit(alert_id="waiting")
    return bench


def test_the_rows_of_the_outbox_break_no_rule(history: Bench) -> None:
    assert history.store.check() == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (
            "DELETE FROM attempt WHERE outcome IS NULL",
            [
                "deliveries in flight without an open attempt: 1, the first is dlv_",
                "deliveries whose attempt count differs from the attempts of their round: 1",
            ],
        ),
        (
            "UPDATE delivery SET state = 'cancelled', due_at = NULL, lease = NULL WHERE state = 'in_flight'",
            ["open attempts of deliveries that are not in flight: 1"],
        ),
        (
            "DELETE FROM attempt WHERE round = 1 AND number = 5",
            ["deliveries whose attempts are not numbered 1, 2, 3 … in each round: 1"],
        ),
        (
            "UPDATE delivery SET number = number + 1 WHERE state = 'cancelled'",
            ["deliveries whose attempt count differs from the attempts of their round: 1"],
        ),
        (
            "UPDATE attempt SET outcome = 'rejected' WHERE outcome = 'delivered'",
            ["deliveries that are delivered while their last attempt is not"],
        ),
        (
            "UPDATE delivery SET state = 'failed' WHERE state = 'delivered'",
            ["deliveries that are delivered while their last attempt is not"],
        ),
        (
            "UPDATE alert SET not_routed = NULL",
            [
                "alerts with no delivery, no fold and no reason for it, or with a reason despite one: 1,"
                " the first is unrouted"
            ],
        ),
        (
            "INSERT INTO alert (alert_id, not_routed, rule_id, severity, type, created_at, title, link,"
            " context, description, runbook, tags, test) SELECT 'unfound', 'none', rule_id, severity, type,"
            " created_at, title, link, context, description, runbook, tags, test"
            " FROM alert WHERE alert_id = 'failed'",
            ["alerts missing from the word index: 1, the first is unfound"],
        ),
    ],
    ids=lambda value: value[0][2:30] if isinstance(value, list) else "",
)
def test_rows_that_contradict_each_other_are_named(history: Bench, harm: str, told: list[str]) -> None:
    write(history.store, lambda tx: tx.db.execute_sql(harm))
    found = history.store.check()
    assert len(found) == len(told), found
    for sentence, words in zip(found, told, strict=True):
        assert sentence.startswith(words)


@pytest.mark.parametrize("engine", ["sqlite"])  # PostgreSQL's entries have a foreign key
def test_an_entry_of_an_index_without_its_row_is_named(history: Bench) -> None:
    write(history.store, lambda tx: tx.db.execute_sql("DELETE FROM alert WHERE not_routed IS NOT NULL"))
    insert = "INSERT INTO attempt_words (rowid, words) VALUES (4711, 'lost')"
    write(history.store, lambda tx: tx.db.execute_sql(insert))
    assert history.store.check() == [
        "word index entries that belong to no alert: 1, the first is 5",
        "word index entries that belong to no attempt: 1, the first is 4711",
    ]
