"""A prune deletes old alerts with everything that belongs to them, or keeps them whole."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import peewee
import pytest

from tests.conftest import NOW, Clock, alert, write
from tests.store.bench import WAITING_FOR_A_LOCK, Bench
from tui.domain.destination import Destination
from tui.domain.filter_language import parse_filter
from tui.domain.lifecycle import Outcome
from tui.store import outbox, prune
from tui.store.engine.database import Store, Transaction
from tui.store.engine.postgres import Postgres
from tui.store.prune import ENDS, Old
from tui.store.reading import listing
from tui.store.tables.rows import fetch

DAY = 86_400_000
PATIENCE_S = 4
"""Shorter than the lock timeout of a transaction."""


def submit(bench: Bench, alert_id: str, *, age: int = 100, **changes: object) -> list[int]:
    return bench.submit(alert_id=alert_id, created_at=NOW - age * DAY, **changes)


def pruned(bench: Bench, *ends: str, days: int = 90, limit: int = 2) -> list[str]:
    """Prune in as many transactions as it takes. Return the ids of the alerts left."""
    after: int | None = 0
    while after is not None:
        before = bench.clock.now - days * DAY
        after = write(bench.store, prune.step, before, ends or ENDS, after=after, limit=limit).looked_up_to
    return [row[0] for row in bench.rows("SELECT alert_id FROM alert ORDER BY id")]


def test_an_alert_goes_with_its_deliveries_and_attempts(bench: Bench, soc: Destination) -> None:
    for number in range(5):
        submit(bench, f"old-{number}")
        bench.finish(bench.claim_one())
    submit(bench, "newest")
    bench.clock.advance(100 * DAY)

    assert pruned(bench) == ["newest"]
    assert bench.rows("SELECT count(*) FROM delivery") == [(1,)]
    assert bench.rows("SELECT count(*) FROM attempt") == [(0,)]
    assert bench.store.check() == []


def test_pending_in_flight_and_recent_alerts_stay(bench: Bench, soc: Destination) -> None:
    submit(bench, "in flight")
    bench.claim_one()
    submit(bench, "waiting")
    submit(bench, "young", age=89, destinations=())
    submit(bench, "old", destinations=())
    submit(bench, "newest")

    assert pruned(bench) == ["in flight", "waiting", "young", "newest"]


def test_an_old_alert_with_a_recent_attempt_stays(bench: Bench, soc: Destination) -> None:
    (old,) = submit(bench, "sent again lately")
    bench.finish(bench.claim_one())
    bench.clock.advance(100 * DAY)
    bench.resend(old)
    bench.finish(bench.claim_one())
    submit(bench, "newest")

    assert pruned(bench) == ["sent again lately", "newest"]
    bench.clock.advance(91 * DAY)
    assert pruned(bench) == ["newest"]


def test_the_end_of_an_alert_is_the_worst_of_its_deliveries(bench: Bench) -> None:
    soc, pager = bench.add(), bench.add(name="pager")
    submit(bench, "delivered to both")
    submit(bench, "failed at one")
    submit(bench, "cancelled at one")
    submit(bench, "unrouted", destinations=())
    for _ in range(12):
        for claim in bench.claim().claims:
            match claim.alert.alert_id, claim.destination.id:
                case "cancelled at one", soc.id:
                    bench.finish(claim, Outcome.REJECTED)
                    bench.cancel(claim.delivery_id)
                case "failed at one", pager.id:
                    bench.finish(claim, Outcome.REJECTED)
                case _:
                    bench.finish(claim)
        bench.clock.advance(DAY)
    submit(bench, "newest", destinations=())
    bench.clock.advance(100 * DAY)

    counted = bench.store.read(prune.count_old, bench.clock.now - 90 * DAY).result()
    assert counted == {
        "unrouted": Old(1, 0, 0),
        "delivered": Old(1, 2, 2),
        "cancelled": Old(1, 2, 2),
        "failed": Old(1, 2, 12),
    }
    assert pruned(bench, "cancelled") == ["delivered to both", "failed at one", "unrouted", "newest"]
    assert pruned(bench, "delivered", "unrouted") == ["failed at one", "newest"]
    assert pruned(bench, "failed") == ["newest"]


def test_the_end_of_a_folded_alert_is_that_of_the_delivery_it_folded_into(bench: Bench) -> None:
    bench.add(name="pager", fold_ms=3_600_000)
    for title, outcome in (("came", Outcome.DELIVERED), ("did not", Outcome.REJECTED), ("waits", None)):
        submit(bench, title, title=title)
        submit(bench, f"{title}, again", title=title)
        if outcome is Outcome.REJECTED:
            bench.fail_until_exhausted()
        elif outcome is not None:
            bench.finish(bench.claim_one(), outcome)
    submit(bench, "newest", destinations=())
    bench.clock.advance(100 * DAY)

    assert pruned(bench, "folded", "delivered") == [
        "did not",
        "did not, again",
        "waits",
        "waits, again",
        "newest",
    ]
    assert pruned(bench, "failed") == ["waits", "waits, again", "newest"]


def test_a_folded_alert_stays_when_only_the_opener_is_deleted(bench: Bench) -> None:
    bench.add(name="pager", fold_ms=3_600_000)
    submit(bench, "first")
    submit(bench, "again")
    bench.finish(bench.claim_one())
    submit(bench, "newest", destinations=())
    bench.clock.advance(100 * DAY)

    assert pruned(bench, "delivered") == ["again", "newest"]
    assert bench.store.check() == []
    assert pruned(bench, "folded") == ["newest"]


def test_keys_are_not_reused(bench: Bench) -> None:
    before = [bench.receive(alert(created_at=0, destinations=())).alert_id for _ in range(3)]
    keys = [row[0] for row in bench.rows("SELECT id FROM alert")]
    assert pruned(bench) == before[-1:]
    submit(bench, "next", destinations=())
    assert bench.rows("SELECT max(id) FROM alert") != [(max(keys),)]


def test_deleted_alerts_are_not_found_and_the_others_are(bench: Bench, soc: Destination) -> None:
    same = {"tags": ("aws", "Big Corp"), "name": "BruteForce", "destinations": ()}
    submit(bench, "gone", title="Häufige Logins 日本 vpn-3", **same)
    submit(bench, "stays", age=1, title="Häufige Logins 日本 vpn-7", **same)
    submit(bench, "newest", destinations=())
    assert pruned(bench) == ["stays", "newest"]

    for asked in ("häuf", "force", "日本", "tag:aws", 'tag:"big corp"', "vpn", "vpn-7"):
        page = bench.store.read(
            listing.page_of_alerts, parse_filter(asked), NOW, up_to=1 << 60, limit=10
        ).result()
        assert [row.alert_id for row in page] == ["stays"], asked
    assert bench.store.read(words_kept, ["vpn", "3", "7", "gone"]).result() == ["7", "vpn"]


def test_the_words_of_failures_and_the_counts_of_repeats_go_with_their_alerts(
    bench: Bench, soc: Destination
) -> None:
    for number, error in enumerate(("gone: refused", "kept: refused")):
        sent = alert(alert_id=f"a-{number}", created_at=0)
        bench.receive(sent)
        bench.receive(sent)
        failed = bench.claim_one()
        bench.finish(failed, Outcome.REJECTED, error=error, reason="Busy", response_body=b"\xff\0{slow}")
        bench.cancel(failed.delivery_id)
        bench.clock.advance(100 * DAY)
    assert pruned(bench, days=150) == ["a-1"]

    [(attempt,)] = bench.rows("SELECT id FROM attempt")
    assert bench.rows("SELECT rowid FROM attempt_words") == [(attempt,)]
    assert bench.rows("SELECT alert_repeat.number FROM alert_repeat") == [(1,)]
    words = ["gone", "kept", "refused", "slow"]
    assert bench.store.read(words_kept, words, "attempt_words").result() == ["kept", "refused", "slow"]
    assert bench.store.check() == []


def words_kept(db: peewee.Database, words: list[str], index: str = "alert_words") -> list[str]:
    """Return those of `words` that are still in the index itself."""
    if isinstance(db, peewee.PostgresqlDatabase):
        rows = fetch(db, f"SELECT word FROM ts_stat('SELECT words FROM {index}')")
    else:
        db.execute_sql(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', '{index}', 'row')")
        rows = fetch(db, "SELECT term FROM temp.vocabulary")
    return sorted(row[0] for row in rows if row[0] in words)


def test_a_deleted_alert_that_arrives_again_is_new(bench: Bench, soc: Destination) -> None:
    again = alert(created_at=0)
    bench.receive(again)
    bench.finish(bench.claim_one())
    submit(bench, "newest", destinations=())
    bench.clock.advance(100 * DAY)
    assert pruned(bench) == ["newest"]
    assert not bench.receive(again).repeated


@pytest.mark.parametrize("engine", ["postgresql"])  # SQLite has one writer anyway
def test_an_alert_that_is_being_resent_stays(bench: Bench, soc: Destination, clock: Clock) -> None:
    (delivery,) = submit(bench, "old")
    bench.finish(bench.claim_one())
    submit(bench, "newest", destinations=())
    clock.advance(100 * DAY)
    in_hand, may_end = Event(), Event()

    def resend(tx: Transaction) -> None:
        outbox.resend(tx, [delivery])
        in_hand.set()
        may_end.wait(PATIENCE_S)

    assert isinstance(bench.store.strategy, Postgres)
    with Store(bench.store.strategy) as other, ThreadPoolExecutor(1) as pool:
        resent = other.write(resend)
        in_hand.wait(PATIENCE_S)
        left = pool.submit(pruned, bench)
        while not bench.rows(WAITING_FOR_A_LOCK)[0][0]:
            assert not left.done()
        may_end.set()
        resent.result()
        assert left.result() == ["old", "newest"]


def test_the_freed_space_is_reused_or_returned_to_the_disk(bench: Bench, engine: str) -> None:
    for number in range(100):
        submit(bench, f"old-{number}", destinations=(), description="x" * 5000)
    submit(bench, "newest", destinations=(), title="Root login")
    free = bench.store.strategy.free_bytes
    assert pruned(bench, limit=50) == ["newest"]
    assert engine != "sqlite" or (bench.store.read(free).result() or 0) > 400_000

    bench.store.compact().result()

    assert not bench.store.read(free).result()
    assert bench.rows("SELECT alert_id FROM alert") == [("newest",)]
    assert bench.store.check() == []
