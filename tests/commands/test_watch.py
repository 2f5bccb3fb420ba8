"""`tocsin watch` where the word of a commit is lost; as a process: tests/drills/test_watch.py."""

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

from tests.conftest import Clock, destination, write
from tui.commands.sending.sources import Sources
from tui.commands.stopping import Stopping
from tui.commands.watch import _follow, _Watched, new_id
from tui.domain.errors import Invalid, Refused
from tui.intake.documents import Item
from tui.intake.following import FollowedFile
from tui.intake.formats import Reading, built_in, read
from tui.intake.json_text import is_blank
from tui.intake.lines import LONGEST_LINE
from tui.intake.repeats import Repeats
from tui.intake.unreadable import RAW_LIMIT, RULE, Reporter
from tui.store import destinations
from tui.store.engine.database import Store
from tui.store.errors import StoreLocked, StoreUnavailable
from tui.store.tables.rows import fetch

LINE = '{"title": "Root login", "id": "AWS.Root", "severity": "HIGH"}\n'
FLOW = (
    '{"timestamp": "2026-01-31T09:30:00.000000+0000", "event_type": "flow", "flow_id": 1, "proto": "TCP"}\n'
)


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


def watched(store: object, log: Path, *, clock: Callable[[], int] = lambda: 1) -> _Watched:

    def reading(item: Item) -> Any:
        if item.error is not None:
            return [Reading(item.place, Invalid("json", item.error), "")]
        return read(item.value, None, built_in(), now=1, new_id=new_id)

    file = FollowedFile(log, None, from_start=True)
    reporter = Reporter(str(log), clock, new_id)
    return _Watched(cast("Store", store), file, f"host:{log}", None, reading, (), Repeats(), reporter, None)


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
    with log.open("a") as file:
        file.write(LINE)
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
    assert (title, kind) == (f"Tocsin cannot read 2 lines of {log}", "RULE_ERROR")
    assert (
        context.items()
        >= {
            "source": str(log),
            "position": f"byte {len(LINE)}",
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


def test_one_report_a_minute_is_delivered(store: Store, tmp_path: Path, clock: Clock) -> None:
    soc = write(store, destinations.add, destination(name="soc"))
    log = tmp_path / "eve.json"
    one = watched(store, log, clock=clock)
    for _ in range(3):
        with log.open("ab") as file:
            file.write(b"oops\n" * 100)
        assert one.step()
        clock.advance(25_000)
    with log.open("ab") as file:
        file.write(b"oops\n")
    assert one.step()
    one.file.close()
    assert len(unreadable_in(store)) == 4
    assert (
        store.read(lambda db: fetch(db, "SELECT destination_id FROM delivery", ())).result()
        == [(soc.id,)] * 2
    )


def test_a_report_is_delivered_though_the_destination_of_to_is_gone(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    log.write_bytes(b"oops\n" + LINE.encode())
    one = watched(store, log)
    one.to = ("gone",)
    assert one.step()
    one.file.close()
    assert [context["raw"] for _, _, context in unreadable_in(store)] == ["oops", LINE.strip()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(lines=st.lists(st.binary() | st.sampled_from([b'{"a":', b"[", b"]", b"{}", b'"x"', b"\xff\xfe"])))
def test_every_line_is_in_an_alert_or_in_an_unreadable_one(
    store: Store, tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    lines = [part for line in lines for part in line.split(b"\n")]
    log = tmp_path_factory.mktemp("watched") / "eve.json"
    log.write_bytes(b"".join(b'{"title": "good"}\n' + line + b"\n" for line in lines))
    before = alerts_in(store), len(unreadable_in(store))
    one = watched(store, log)
    while one.step():
        pass
    one.file.close()
    traces = "".join(context["raw"] + "\n" for _, _, context in unreadable_in(store)[before[1] :])
    good = alerts_in(store) - before[0] - (len(unreadable_in(store)) - before[1])
    assert good == len(lines)
    for line in lines:
        assert is_blank(line) or line.removesuffix(b"\r").decode("utf-8", "replace") in traces


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
    assert (alert_type, title) == ("RULE_ERROR", f"Tocsin did not read all of {log}")
    assert f"{log} from byte {2 * len(LINE)} on" in description
    assert alerts_in(store) == 4


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
    with log.open("a") as file:
        file.write(FLOW)
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
