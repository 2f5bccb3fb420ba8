"""What a destination that hangs with ten thousand queued costs the others, measured in one run.

uv run pytest tests/benchmarks/test_noisy_neighbour.py -s
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from tests.drills.installation import Installation, eventually, names
from tests.drills.receiver import Receiver
from tui.domain.alert import Alert, Severity
from tui.domain.alert_type import AlertType
from tui.store import outbox
from tui.store.engine.database import Store, wall_clock
from tui.store.engine.sqlite import Sqlite

ALERTS, BACKLOG, MOST = 200, 10_000, 1.5


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation("sqlite", tmp_path)
    installation.environment["TOCSIN_RETRY_DELAYS"] = ",".join(["3600"] * 10)
    yield installation
    installation.close()


@pytest.fixture
def receivers() -> Iterator[tuple[Receiver, Receiver]]:
    pair = (Receiver(), Receiver())
    yield pair
    for receiver in pair:
        receiver.close()


def p95_ms(store: Store, soc: Receiver, prefix: str) -> float:
    """From submit to receiver, one alert after the other."""
    waits: list[float] = []
    for id in names(prefix, ALERTS):
        alert = Alert(
            alert_id=id,
            rule_id="Bench",
            severity=Severity.HIGH,
            type=AlertType.RULE,
            created_at=wall_clock(),
            title=id,
            destinations=("soc",),
        )
        begun = wall_clock()
        store.write(outbox.submit, [alert]).result()
        soc.wait_for_requests(1)
        waits.append(soc.requests[-1].at * 1000 - begun)
    return quantiles(waits, n=20)[-1]


def test_p95_of_one_destination_beside_one_that_hangs(
    installation: Installation, receivers: tuple[Receiver, Receiver]
):
    soc, hanging = receivers
    hanging.may_answer.clear()
    installation.run("destination", "add", "soc", soc.url)
    installation.run("destination", "add", "hanging", hanging.url, "--timeout", "1")
    dispatcher = installation.dispatcher()
    with Store(Sqlite(Path(installation.database))) as store:
        p95_ms(store, soc, "warm-up")
        alone = p95_ms(store, soc, "alone")
        installation.queue(names("stuck", BACKLOG), destinations=["hanging"])
        eventually(lambda: len(hanging.requests) >= 16, lambda: "nothing hangs")
        beside = p95_ms(store, soc, "beside")
        left = installation.count("delivery", "state = 'scheduled' AND attempts = 0")
    dispatcher.kill()
    print(f"\np95 alone {alone:.1f} ms, beside {BACKLOG:,} that hang {beside:.1f} ms ({left:,} still wait)")
    assert left > BACKLOG * 0.9
    assert beside <= MOST * alone
