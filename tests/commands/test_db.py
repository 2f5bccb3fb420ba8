"""`tocsin db`: look after the database."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.commands.conftest import Tocsin
from tests.conftest import alert, destination
from tui import store

MIGRATIONS = Path(store.__file__).parent / "migrations"


def test_migrate_says_what_it_applied_and_where(tocsin: Tocsin) -> None:
    names = sorted(file.stem for file in MIGRATIONS.glob("0*.py"))
    assert tocsin("db", "migrate").stdout == f"{tocsin.database}: applied {', '.join(names)}\n"
    assert tocsin("db", "migrate").stdout == f"{tocsin.database} is up to date\n"


def test_check_finds_nothing_wrong_with_a_sound_database(tocsin: Tocsin) -> None:
    done = tocsin("db", "check")
    assert (done.returncode, done.stdout) == (0, f"{tocsin.database} is sound\n")
    assert all(line.startswith("warning: SQLite ") for line in done.stderr.splitlines())


def test_check_names_a_row_that_points_nowhere(tocsin: Tocsin) -> None:
    tocsin.add(destination())
    tocsin.submit(alert())
    with closing(sqlite3.connect(tocsin.database)) as db, db:
        db.execute("DELETE FROM alert")
    done = tocsin("db", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "tocsin: a row of delivery points nowhere" in done.stderr.splitlines()


def test_check_of_a_damaged_file_says_so(tocsin: Tocsin) -> None:
    tocsin.add(destination())
    tocsin.submit(*(alert(description="x" * 2000) for _ in range(50)))
    with tocsin.database.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 20 * 4096)
    done = tocsin("db", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert any("malformed" in line or "page" in line for line in done.stderr.splitlines())
