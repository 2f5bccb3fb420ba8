"""Make the recorded database: `uv run python -m tests.recorded.make FILE.db.gz`.

`database_0013.db.gz` was made with the last version that had migrations 0001 to 0013. Do not make it again:
it shows that a database of that version still opens.
"""

import gzip
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.conftest import NOW, Clock, alert, answer, write
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.headers import Header
from tui.domain.lifecycle import Outcome
from tui.domain.secret import Secret
from tui.domain.tls import TlsSettings
from tui.domain.token import Token, digest_of
from tui.store import destinations, following, outbox, tokens
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite

HOUR_MS = 3_600_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def main(to: Path) -> None:
    with TemporaryDirectory() as directory:
        path, clock = Path(directory) / "tocsin.db", Clock()
        with Store(Sqlite(path, clock)) as store:
            fill(store, clock)
            store.compact().result()
        to.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def fill(store: Store, clock: Clock) -> None:
    """Store something in every table and a delivery in every state."""
    bench = Bench(store, clock)
    soc = bench.add()
    pager = bench.add(
        name="Pager",
        url="https://user-token.example.com/hooks/T0KEN?key=abcd",
        severities=frozenset({Severity.HIGH, Severity.CRITICAL}),
        alert_types=frozenset({AlertType.RULE}),
        headers=(Header("Authorization", Secret("Bearer sesame")), Header("X-Env", Secret("env:TOCSIN_X"))),
        secret=Secret(SECRET),
        timeout_ms=10_000,
        rate=5.0,
        filter="tag:aws -title",
        fold_ms=600_000,
        tls=TlsSettings(ca_file="/etc/ssl/ca.pem", verify=False),
    )
    paused = bench.add(name="paused one")
    bench.pause(paused)
    gone = bench.add(name="gone")
    bench.submit(alert_id="delivered-0001", destinations=("soc",), tags=("aws", "identity"))
    _answer_all(bench, Outcome.DELIVERED, response_body=b'{"ok": true}', status_code=200, reason="OK")
    bench.submit(alert_id="failed-0001", destinations=("soc",), context='{"ip": "203.0.113.9"}', name="Root")
    for _ in range(11):
        _answer_all(bench, Outcome.REJECTED, status_code=503, reason="Service Unavailable", retry_after_ms=0)
        clock.advance(HOUR_MS)
    bench.submit(alert_id="retrying-0001", destinations=("soc",), severity=Severity.LOW)
    _answer_all(bench, Outcome.TIMEOUT, error="no answer within 30 s")
    [cancelled] = bench.submit(alert_id="cancelled-0001", destinations=("soc",), type=AlertType.POLICY)
    bench.cancel(cancelled)
    bench.submit(alert_id="unrouted-0001", destinations=())
    for place in (1, 2):
        bench.submit(alert_id=f"folding-000{place}", destinations=("Pager",), tags=("aws",), dedup_key="same")
    [resent] = bench.submit(alert_id="resent-0001", destinations=("gone",))
    _answer_all(bench, Outcome.UNREACHABLE, error="connection refused")
    bench.delete(gone)
    bench.cancel(resent)
    bench.submit(alert_id="test-0001", destinations=("soc",), test=True)
    _answer_all(bench, Outcome.BLOCKED, error="127.0.0.1 is not allowed")
    bench.submit(alert_id="waiting-0001", destinations=("paused one",), title="Übung 🔔 <b>[bold]</b>")
    bench.submit(alert_id="sending-0001", destinations=("soc",), severity=Severity.CRITICAL)
    bench.claim()
    write(
        store,
        destinations.edit,
        _with_new_secret(bench, pager.id),
        overlap_ms=HOUR_MS,
    )
    write(store, tokens.add, Token("grafana", digest_of("tocsin_a"), None, None))
    write(store, tokens.add, Token("ci", digest_of("tocsin_b"), 5.0, NOW + 24 * HOUR_MS))
    write(store, tokens.add, Token("old", digest_of("tocsin_c"), None, None))
    write(store, tokens.revoke, "old")
    place = following.Place(1, 2, 300, "ab" * 32, 100)
    write(store, following.take, "machine:/var/log/eve.json", None, place, [alert(alert_id="watched-0001")])
    assert soc.id == 1


def _with_new_secret(bench: Bench, pager: int) -> Any:
    from dataclasses import replace

    found = bench.store.read(destinations.find, pager).result()
    assert found is not None
    return replace(found, secret=Secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))


def _answer_all(bench: Bench, outcome: Outcome, **seen: Any) -> None:
    for claim in bench.claim(cap=1).claims:
        ended = answer(
            outcome, **{"ended_at": bench.clock.now + 84, "remote_address": "192.0.2.1:443"} | seen
        )
        write(bench.store, outbox.finish, [outbox.Finish(claim, ended, 0.0)], bench.policy)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
