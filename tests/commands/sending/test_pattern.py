"""Files of a pattern that were removed while `tocsin watch` was down are reported, usual cleanup is not."""

import os
from pathlib import Path

import pytest

from tests.commands.sending.test_watched import append, watched
from tui.commands.sending.pattern import Pattern
from tui.commands.sending.sources import Sources
from tui.commands.sending.watched import Watched
from tui.intake.following import SETTLED
from tui.store.engine.database import Store
from tui.store.tables.rows import fetch

LINE = '{"title": "x"}\n'
HOUR_NS = 3600 * 10**9


def run(store: Store, folder: Path, *, looks: int = 2 * SETTLED) -> None:
    """`tocsin watch 'eve-*.json'` from its start to kill -9."""

    def follow(path: Path, *, from_start: bool) -> Watched:
        one = watched(store, path)
        one.file.close()
        one.source = sources.of(path)
        one.file, one.place = sources.follow(path, [], from_start=from_start)
        return one

    sources = Sources(store, None, on_sqlite=True)
    pattern = Pattern(store, str(folder / "eve-*.json"), sources, follow, from_start=False)
    files = pattern.found()
    for _ in range(looks):
        for one in files:
            one.step()
    pattern.mark()
    for one in files:
        one.file.close()


def lost_in(store: Store) -> list[str]:
    query = "SELECT description FROM alert WHERE rule_id = 'Tocsin.Watch.Lost' ORDER BY id"
    return [text for (text,) in store.read(fetch, query).result()]


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> Path:
    """A folder whose files eve-1.json to eve-3.json were followed; the last changes are an hour apart."""
    run(store, tmp_path)
    for number in (1, 2, 3):
        file = tmp_path / f"eve-{number}.json"
        file.write_text(LINE)
        os.utime(file, ns=(0, number * (HOUR_NS + 1)))
    run(store, tmp_path)
    return tmp_path


pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_the_file_written_last_is_perhaps_lost(store: Store, folder: Path) -> None:
    append(folder / "eve-3.json", LINE)
    (folder / "eve-3.json").unlink()
    for _ in range(2):
        run(store, folder)
        [description] = lost_in(store)
    assert f"{folder / 'eve-3.json'} (inode" in description
    assert f"from byte {len(LINE)} on" in description


def test_files_that_were_read_and_older_by_an_hour_are_cleanup(store: Store, folder: Path) -> None:
    (folder / "eve-1.json").unlink()
    (folder / "eve-2.json").unlink()
    run(store, folder)
    assert lost_in(store) == []


def test_an_old_file_with_bytes_that_were_not_read_is_lost(store: Store, folder: Path) -> None:
    old = folder / "eve-1.json"
    append(old, LINE + "half a line")
    os.utime(old, ns=(0, HOUR_NS))
    run(store, folder)
    old.unlink()
    run(store, folder)
    [description] = lost_in(store)
    assert description.startswith(f"Not read: {old} (inode")


def test_a_removed_file_that_comes_back_is_read(store: Store, folder: Path) -> None:
    (folder / "eve-3.json").unlink()
    run(store, folder)
    (folder / "eve-3.json").write_text('{"title": "new"}\n')
    run(store, folder)
    assert store.read(fetch, "SELECT count(*) FROM alert WHERE title = 'new'").result() == [(1,)]
    assert len(lost_in(store)) == 1
