"""Each line of a followed file is stored or reported once; as a process: tests/drills/test_watch.py."""

import errno
import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.commands.test_still_firing import FIRING
from tests.conftest import Clock, destination, write
from tests.store.bench import Bench
from tui.commands.sending.sources import Sources
from tui.commands.sending.watched import Watched
from tui.commands.stopping import Stopping
from tui.commands.watch import _follow, new_id
from tui.domain.errors import Invalid, Refused
from tui.domain.repeats import DEFAULT_REVIVE_MS
from tui.intake.documents import Item
from tui.intake.following import FollowedFile
from tui.intake.formats import Reading, built_in, read
from tui.intake.json_text import is_blank
from tui.intake.lines import LONGEST_LINE
from tui.intake.lost import LostBytes
from tui.intake.minutely import Minutely
from tui.intake.repeats import Repeats
from tui.intake.reports import Reports
from tui.intake.unreadable import RAW_LIMIT, RULE, UnreadableLines
from tui.store import destinations, following
from tui.store.engine.database import Store
from tui.store.errors import StoreLocked, StoreUnavailable
from tui.store.tables.rows import fetch

LINE = '{"title": "Root login", "id": "AWS.Root", "severity": "HIGH"}\n'
FLOW = (
    '{"timestamp": "2026-01-31T09:30:00.000000+0000", "event_type": "flow", "flow_id": 1, "proto": "TCP"}\n'
)


@pytest.fixture
def bench(store: Store, clock: Clock) -> Bench:
    return Bench(store, clock)


class WithoutAWord:
    """A store that first carries out something else than it is told, or nothing, and says `error`."""

    def __init__(self, store: Store, error: StoreUnavailable, meanwhile: Callable[..., object]) -> None:
        self._store, self._error, self._meanwhile = store, error, meanwhile
        self._lost = False

    def write(self, *work: Any, **named: Any) -> Future[Any]:
        if self._lost:
            return self._store.write(*work, **named)
        self._lost = True
        self._meanwhile(*work, **named)
        answer: Future[Any] = Future()
        answer.set_exception(self._error)
        return answer


def watched(store: object, log: Path, *, clock: Callable[[], int] = lambda: 1) -> Watched:
    """`log` as `tocsin watch --from-start` follows it; after a restart, at its stored place."""

    def reading(item: Item) -> Any:
        if item.error is not None:
            return [Reading(item.place, Invalid("json", item.error), "")]
        return read(item.value, None, built_in(), now=1, new_id=new_id)

    source = f"host:{log}"
    place = store.read(following.place_of, source).result() if isinstance(store, Store) else None
    file = FollowedFile(log, place, from_start=True)
    unreadable, lost = (Reports(str(log), clock, new_id) for _ in range(2))
    one = Watched(
        cast("Store", store),
        file,
        source,
        place,
        reading,
        UnreadableLines(unreadable),
        LostBytes(lost),
        (),
        Repeats(),
        Minutely(),
        DEFAULT_REVIVE_MS,
    )
    one.resume_report()
    return one


def append(log: Path, line: str | bytes) -> None:
    with log.open("ab") as file:
        file.write(line.encode() if isinstance(line, str) else line)


@pytest.mark.parametrize("committed", [True, False])
def test_lines_are_stored_once_when_the_word_of_that_is_lost(
    store: Store, tmp_path: Path, committed: bool
) -> None:
    def commit(*work: Any, **named: Any) -> None:
        if committed:
            store.write(*work, **named).result()

    log = tmp_path / "eve.json"
    log.write_text(LINE * 2)
    one = watched(WithoutAWord(store, StoreUnavailable("gone"), commit), log)
    with pytest.raises(StoreUnavailable):
        one.step()
    assert one.step()
    append(log, LINE)
    assert one.step()
    one.file.close()
    assert alerts_in(store) == 3


def test_a_line_that_cannot_be_read_becomes_an_alert(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_bytes(LINE.encode() + b'{"title": "half a li\nne\xff\n' + LINE.encode())
    one = watched(store, log)
    assert one.step()
    one.file.close()
    assert alerts_in(store) == 3
    [(title, kind, context)] = unreadable_in(store)
    assert (title, kind) == (f"Tocsin cannot read lines of {log}", "RULE_ERROR")
    assert (
        context.items()
        >= {
            "source": str(log),
            "position": f"byte {len(LINE)}",
            "lastPosition": f"byte {len(LINE) + 21}",
            "lines": 2,
            "raw": '{"title": "half a li\nne\ufffd',
            "truncated": False,
        }.items()
    )


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b"7",
        b"\0",
        b'{"title": 7}',
        b'{"title": "x", "sevrity": "LOW"}',
        b'{"title": "x", "destinations": ["nowhere"]}',
        b'{"title": "other", "alertId": "taken"}',
        b"[" * 5000,
        b'{"alerts": [], "version": "4", "status": "firing", "receiver": "r", "groupKey": ""}',
    ],
    ids=lambda line: line[:30].decode(),
)
def test_any_line_without_an_alert_leaves_a_trace(store: Store, tmp_path: Path, line: bytes) -> None:
    log = tmp_path / "eve.json"
    log.write_bytes(b'{"title": "first", "alertId": "taken"}\n' + line + b"\n")
    one = watched(store, log)
    assert one.step()
    one.file.close()
    assert [context["raw"] for _, _, context in unreadable_in(store)] == [line.decode()]


def test_the_start_of_an_over_long_line_is_kept(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_bytes(b"x" * (2 * LONGEST_LINE) + b"\n")
    one = watched(store, log)
    for _ in range(20):
        one.step()
    one.file.close()
    [(_, _, context)] = unreadable_in(store)
    assert context["raw"] == "x" * RAW_LIMIT
    assert context["truncated"]


def test_the_unreadable_lines_of_a_minute_are_one_alert_across_restarts(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    soc = write(store, destinations.add, destination(name="soc"))
    log = tmp_path / "eve.json"
    for number in range(3):  # each time as after kill -9: only what was committed is left
        append(log, f"oops {number}\n" * 100)
        one = watched(store, log, clock=clock)
        assert one.step()
        one.file.close()
        clock.advance(25_000)
    append(log, "the next minute\n")
    one = watched(store, log, clock=clock)
    assert one.step()
    one.file.close()
    (_, _, first), (_, _, second) = unreadable_in(store)
    assert (first["lines"], first["position"], first["lastPosition"]) == (300, "byte 0", "byte 2093")
    assert first["raw"].splitlines() == [f"oops {number}" for number in range(3) for _ in range(100)]
    assert (second["lines"], second["raw"]) == (1, "the next minute")
    sent = store.read(fetch, "SELECT destination_id FROM delivery").result()
    assert sent == [(soc.id,)] * 2


@pytest.mark.parametrize("committed", [True, False])
def test_unreadable_lines_are_counted_once_when_the_answer_of_a_commit_is_lost(
    store: Store, tmp_path: Path, committed: bool
) -> None:
    def commit(*work: Any, **named: Any) -> None:
        if committed:
            store.write(*work, **named).result()

    log = tmp_path / "eve.json"
    log.write_text("a\n" * 3)
    one = watched(WithoutAWord(store, StoreUnavailable("gone"), commit), log)
    with pytest.raises(StoreUnavailable):
        one.step()
    assert one.step()
    append(log, "b\n")
    assert one.step()
    one.file.close()
    [(_, _, context)] = unreadable_in(store)
    assert (context["lines"], context["raw"]) == (4, "a\na\na\nb")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_unreadable_lines_that_do_not_fit_one_alert_are_counted(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_bytes(b"x" * (RAW_LIMIT - 3) + b"\nlong\nafter\n")
    one = watched(store, log)
    assert one.step()
    append(log, "later\n")
    assert one.step()
    one.file.close()
    [(_, _, context)] = unreadable_in(store)
    assert context["raw"] == "x" * (RAW_LIMIT - 3) + "\nlo"
    assert (context["lines"], context["lastPosition"]) == (4, f"byte {RAW_LIMIT + 9}")
    assert context["truncated"]


def test_a_line_with_the_id_of_the_report_is_reported(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_text("oops\n")
    one = watched(store, log)
    assert one.step()
    forged = f'{{"title": "harmless", "alertId": "{one.unreadable.reports.alert_id}"}}'
    append(log, f"{forged}\nagain\n")
    assert one.step()
    one.file.close()
    [(_, _, context)] = unreadable_in(store)
    assert sorted(context["raw"].splitlines()) == sorted(["oops", "again", forged])


def test_a_report_that_nobody_received_is_queued_again_by_further_lines(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    log = tmp_path / "eve.json"
    log.write_text("oops\n")
    one = watched(store, log, clock=clock)
    assert one.step()
    write(store, destinations.add, destination(name="soc"))
    append(log, "again\n")
    assert one.step()
    one.file.close()
    assert len(unreadable_in(store)) == 1
    assert store.read(fetch, "SELECT state FROM delivery").result() == [("scheduled",)]


def test_a_line_reported_again_while_its_alert_failed_starts_a_new_round(
    bench: Bench, tmp_path: Path
) -> None:
    bench.add()
    firing = json.dumps(FIRING) + "\n"
    log = tmp_path / "alertmanager.json"
    log.write_text(firing)
    one = watched(bench.store, log)
    assert one.step()
    bench.fail_until_exhausted()
    append(log, firing)
    assert one.step()
    one.file.close()
    assert bench.rows("SELECT count(*) FROM alert") == [(1,)]
    assert bench.rows("SELECT state, round FROM delivery") == [("scheduled", 2)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_unreadable_lines_are_logged_once_a_minute(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, ticks = tmp_path / "eve.json", Clock(0)
    log.touch()
    one = watched(store, log)
    one.bad = Minutely(ticks)
    for _ in range(3):
        append(log, "oops\noops\n")
        assert one.step()
    ticks.advance(60_000)
    append(log, "oops\n")
    assert one.step()
    one.file.close()
    reason = "this is not JSON: expecting value at column 1"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"{log} at byte 0: {reason} (and 1 more)",
        f"{log} at byte 30: {reason} (and 4 more)",
    ]


def test_a_report_is_delivered_though_the_destination_of_to_is_gone(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_bytes(b"oops\n" + LINE.encode())
    one = watched(store, log)
    one.to = ("gone",)
    assert one.step()
    one.file.close()
    assert [context["raw"] for _, _, context in unreadable_in(store)] == [f"oops\n{LINE.strip()}"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    lines=st.lists(
        st.binary()
        | st.sampled_from([b'{"a":', b"[", b"]", b"{}", b'"x"', b"\xff\xfe", b"y" * (RAW_LIMIT // 2)])
    ),
    restarts=st.sets(st.integers(0, 5)),
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_every_line_is_in_an_alert_or_in_an_unreadable_one(
    store: Store, tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], restarts: set[int]
) -> None:
    lines = [part for line in lines for part in line.split(b"\n")]
    log = tmp_path_factory.mktemp("watched") / "eve.json"
    log.touch()
    before = alerts_in(store)
    one = watched(store, log)
    one.step()
    for number, line in enumerate(lines):
        append(log, b'{"title": "good"}\n' + line + b"\n")
        if number in restarts:
            one.step()
            one.file.close()
            one = watched(store, log)
    while one.step():
        pass
    one.file.close()
    reports = [context for _, _, context in unreadable_in(store) if context["source"] == str(log)]
    bad = [line for line in lines if not is_blank(line)]
    assert len(reports) == (1 if bad else 0)  # the clock stands still
    assert alerts_in(store) - before == len(lines) + len(reports)
    if bad:
        [report] = reports
        assert report["lines"] == len(bad)
        fitting = 0
        for line in bad:
            fitting += len(line.decode("utf-8", "replace").encode()) + 1
            if fitting < RAW_LIMIT:
                assert line.removesuffix(b"\r").decode("utf-8", "replace") in report["raw"]
        assert report["truncated"] is (sum(len(line) + 1 for line in bad) > RAW_LIMIT) or fitting > RAW_LIMIT


def test_who_only_waits_for_a_lock_while_another_stores_them_stores_none(
    store: Store, tmp_path: Path
) -> None:
    log = tmp_path / "eve.json"
    log.write_text(LINE)
    other = watched(store, log)
    one = watched(WithoutAWord(store, StoreLocked("locked"), lambda *_, **__: other.step()), log)
    with pytest.raises(Refused, match="another `tocsin watch` already follows"):
        one.step()
    for each in (one, other):
        each.file.close()
    assert alerts_in(store) == 1


def test_lines_that_are_no_alerts_are_counted(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tui.commands.watch")
    log = tmp_path / "eve.json"
    log.write_text(f"{FLOW}{FLOW}{LINE}half a line\n")
    one = watched(store, log)
    assert one.step()
    one.file.close()
    assert caplog.messages[-1] == f"{log}: 1 stored, 1 bad, 2 skipped"


def unreadable_in(store: Store) -> list[tuple[str, str, dict[str, Any]]]:
    query = "SELECT title, type, context FROM alert WHERE rule_id = ? ORDER BY id"
    rows = store.read(lambda db: fetch(db, query, (RULE,))).result()
    return [(title, kind, json.loads(context)) for title, kind, context in rows]


def test_lost_bytes_become_an_alert(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_text(LINE * 2)
    one = watched(store, log)
    assert one.step()
    log.write_text(LINE)
    assert one.step()
    one.file.close()
    [(alert_type, title, description)] = store.read(
        lambda db: db.execute_sql(
            "SELECT type, title, description FROM alert WHERE rule_id = 'Tocsin.Watch.Lost'"
        ).fetchall()
    ).result()
    assert (alert_type, title) == ("RULE_ERROR", f"Tocsin may not have read all of {log}")
    assert f"Perhaps not read: {log} from byte {2 * len(LINE)} on" in description
    assert alerts_in(store) == 4


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_losses_of_a_minute_are_one_alert(store: Store, tmp_path: Path, clock: Clock) -> None:
    log = tmp_path / "eve.json"
    log.touch()
    one = watched(store, log, clock=clock)
    for text in (LINE * 3, LINE * 2, LINE):
        log.write_text(text)
        assert one.step()
    one.file.close()
    [(description, context)] = store.read(
        fetch, "SELECT description, context FROM alert WHERE rule_id = 'Tocsin.Watch.Lost'"
    ).result()
    assert description.endswith("1 more: see the context.")
    context = json.loads(context)
    assert (context["losses"], context["certain"]) == (2, False)
    assert [one["firstUnreadByte"] for one in context["others"]] == [2 * len(LINE)]


def test_machines_that_share_a_database_have_their_own_places(store: Store, tmp_path: Path) -> None:
    log, theirs = tmp_path / "eve.json", tmp_path / "theirs"
    log.write_text(LINE)
    one = watched(store, log)
    one.source = f"a:{log}"
    one.step()
    one.file.close()
    log.rename(theirs)
    log.write_text(FLOW)
    file, place = Sources(store, "b", on_sqlite=False).follow(log, [], from_start=False)
    file.close()
    assert place is None
    assert file.read() is not None
    file.close()


@pytest.mark.parametrize(("name", "on_sqlite"), [(None, True), ("b", False)])
def test_a_file_known_under_another_source_is_continued(
    store: Store, tmp_path: Path, name: str | None, on_sqlite: bool
) -> None:
    log = tmp_path / "eve.json"
    log.write_text(LINE)
    one = watched(store, log)
    one.source = f"old-host:{log}"
    one.step()
    one.file.close()
    append(log, FLOW)
    followed, place = Sources(store, name, on_sqlite=on_sqlite).follow(log, [], from_start=False)
    chunk = followed.read()
    followed.close()
    assert place is None
    assert chunk is not None
    assert [line.at for line in chunk.lines] == [len(LINE)]


def alerts_in(store: Store) -> int:
    return store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result()


def test_an_error_of_a_read_names_the_file(caplog: pytest.LogCaptureFixture) -> None:
    stopping = Stopping()

    class Failing:
        file = SimpleNamespace(path=Path("/var/log/eve.json"))

        def step(self) -> bool:
            stopping.set()
            raise OSError(errno.ENOSPC, "No space left on device")

    _follow([cast("Any", Failing())], [], stopping)
    assert [record.getMessage() for record in caplog.records] == [
        "waiting: /var/log/eve.json: No space left on device"
    ]
