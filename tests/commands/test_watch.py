"""`tocsin watch` where the word of a commit is lost; as a process: tests/drills/test_watch.py."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from tui.commands.sending.rejects import Rejects
from tui.commands.watch import _Sources, _Watched
from tui.domain.errors import Refused
from tui.intake.documents import Item
from tui.intake.following import FollowedFile
from tui.intake.formats import built_in, read
from tui.intake.repeats import Repeats
from tui.store.engine.database import Store
from tui.store.errors import StoreLocked, StoreUnavailable

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


def watched(store: object, log: Path) -> _Watched:
    numbers = iter(range(1000))

    def reading(item: Item) -> Any:
        return read(item.value, None, built_in(), now=1, new_id=lambda: f"{id(numbers)}-{next(numbers)}")

    file = FollowedFile(log, None, from_start=True)
    return _Watched(cast("Store", store), file, "host:eve.json", None, reading, (), Rejects(None), Repeats())


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


def test_a_bad_line_is_kept_once_there_is_room_for_it(store: Store, tmp_path: Path) -> None:
    log, rejected = tmp_path / "eve.json", tmp_path / "rejected"
    log.write_text(f"{LINE}half a line\n{LINE}")
    one = watched(store, log)
    one.rejects = Rejects(Path("/dev/full"))
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            one.step()
        assert alerts_in(store) == 2
    one.rejects = Rejects(rejected)
    assert not one.step()
    assert not one.step()
    one.file.close()
    assert rejected.read_text() == "half a line\n"


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
    file, place = _Sources(store, "b", on_sqlite=False).follow(log, [], from_start=False)
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
    followed, place = _Sources(store, name, on_sqlite=on_sqlite).follow(log, [], from_start=False)
    chunk = followed.read()
    followed.close()
    assert place is None
    assert chunk is not None
    assert [line.at for line in chunk.lines] == [len(LINE)]


def alerts_in(store: Store) -> int:
    return store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result()
