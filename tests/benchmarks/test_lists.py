"""What lists cost with a hundred, a hundred thousand and a million alerts.

    uv run pytest tests/benchmarks/test_lists.py -s

Figures of one machine mean little; the ratio of the last column to the first should stay near one.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import alert, write
from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.filter_language import parse_filter
from tui.store import destinations, outbox
from tui.store.engine.database import Store, wall_clock
from tui.store.engine.sqlite import Sqlite
from tui.store.reading import listing

SIZES = (1_000, 100_000, 1_000_000)
ROWS = 100
FILTERS = (
    "",
    "severity:critical",
    "state:failed,retrying",
    "to:soc",
    "zebra",
    "login",
    "tag:aws",
    "login -root",
    "203.0.1.77",
    "context.src.ip:203.0.1.77",
    "context.user:zoe",
    "cidr:203.0.1.0/28",
    "state:failed context.user:zoe",
    "state:failed context.user:ann",
    "zebra or (state:failed context.user:zoe)",
    "status:401",
)


SCANS = "status:"
"""A status that no attempt has: every delivery is looked at."""


def context(number: int) -> str:
    address = f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    user = "ann" if number == 7 else ("zoe", "bob")[number % 2]
    return f'{{"src":{{"ip":"{address}","port":{number % 60_000}}},"user":"{user}"}}'


def fill(store: Store, count: int) -> None:
    write(store, destinations.add, Destination(name="soc", url="http://localhost/"))
    titles = ("Root login from 203.0.113.9", "Brute force on vpn-3", "S3 bucket made public")
    rare = {0: "Oldest of all", count // 2: "Zebra crossing"}
    severities = [*Severity] * 20
    for start in range(0, count, 1_000):
        batch = [
            alert(
                title=rare.get(number, titles[number % 3]),
                severity=severities[number % 100],
                tags=("aws",) if number % 2 else (),
                context=context(number),
            )
            for number in range(start, min(start + 1_000, count))
        ]
        write(store, outbox.submit, batch)
    # As if all had been delivered but for one in two hundred.
    write(
        store,
        lambda tx: tx.db.execute_sql(
            "UPDATE delivery SET due_at = NULL, attempts = 1, number = 1,"
            " state = CASE WHEN id = id / 200 * 200 THEN 'failed' ELSE 'delivered' END"
        ),
    )


def milliseconds(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(7):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return median(times)


def costs(store: Store) -> dict[str, float]:
    found: dict[str, float] = {}
    newest = store.read(listing.newest_key).result()
    for text in FILTERS:
        filter = parse_filter(text)
        for name, upwards in (("first page", False), ("last page", True)):
            found[f"{name}, {text or 'all'}"] = milliseconds(
                lambda filter=filter, upwards=upwards: store.read(
                    listing.page_of_alerts, filter, wall_clock(), up_to=newest, limit=ROWS, upwards=upwards
                ).result()
            )
    found["what is new"] = milliseconds(
        lambda: store.read(
            listing.count_alerts, parse_filter("login"), wall_clock(), after=newest - 10, up_to=newest
        ).result()
    )
    return found


def test_lists_are_flat(tmp_path: Path) -> None:
    table: list[dict[str, float]] = []
    for size in SIZES:
        with Store(Sqlite(tmp_path / f"{size}.db")) as store:
            fill(store, size)
            table.append(costs(store))
    print()
    for name in table[0]:
        times = [column[name] for column in table]
        print(f"{name:42}" + "".join(f"{ms:9.2f} ms" for ms in times) + f"   x{times[-1] / times[0]:.1f}")
    slow = {name: ms for name, ms in table[-1].items() if ms >= (200 if SCANS in name else 100)}
    assert not slow


@pytest.mark.parametrize("size", SIZES)
def test_what_submitting_costs(tmp_path: Path, size: int) -> None:
    with Store(Sqlite(tmp_path / "submit.db")) as store:
        fill(store, size)
        batch = [alert() for _ in range(500)]
        begun = time.perf_counter()
        write(store, outbox.submit, batch)
        print(f"\n{(time.perf_counter() - begun) * 2_000:.0f} µs an alert beside {size:,}")
