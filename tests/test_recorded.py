"""What a user's scripts and databases depend on, compared with what version 0.1 did.

`recorded/` holds the schema on each engine, output of commands, their exit codes, and a database.
After an intended change, record again: `TOCSIN_RECORD=1 uv run pytest -n0 tests/test_recorded.py`.
"""

import gzip
import json
import os
import re
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import peewee
import pytest

from tests.commands.conftest import Tocsin
from tests.conftest import open_store
from tui.store.tables.rows import fetch

RECORDED = Path(__file__).parent / "recorded"
DATABASE = "database_0013.db.gz"
"""An SQLite database at migration 0013, made by `recorded/make.py`."""


def same_as_recorded(name: str, key: str, value: Any) -> None:
    """Assert that `value` is the one recorded in the file `name` under `key`."""
    path = RECORDED / f"{name}.json"
    recorded = json.loads(path.read_text()) if path.exists() else {}
    value = json.loads(json.dumps(value))
    if os.environ.get("TOCSIN_RECORD"):
        recorded[key] = value
        path.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
    assert recorded[key] == value


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """`tocsin` on a copy of the recorded database."""
    recorded = Tocsin(tmp_path)
    recorded.database.write_bytes(gzip.decompress((RECORDED / DATABASE).read_bytes()))
    return recorded


# --- the schema ---


def test_the_schema_is_the_recorded_one(engine: str, tmp_path: Path) -> None:
    with open_store(engine, tmp_path, lambda: 0) as store:
        read = sqlite_schema if engine == "sqlite" else postgres_schema
        same_as_recorded("schema", engine, store.read(read).result())


def sqlite_schema(db: peewee.Database) -> dict[str, Any]:
    """Columns and checks of each table in alphabetical order, and the SQL of everything else.

    The order of columns is left out: migrations add columns at the end.
    """
    rows = fetch(db, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
    return {
        f"{kind} {name}": sorted(definitions(sql)) if sql.startswith("CREATE TABLE") else sql
        for kind, name, sql in rows
    }


def definitions(sql: str) -> list[str]:
    """The columns and constraints of a CREATE TABLE."""
    parts, depth = [""], 0
    for character in sql.partition("(")[2].rpartition(")")[0]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (depth, character) == (0, ","):
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


_POSTGRES = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name,"
    " character_maximum_length, is_identity FROM information_schema.columns WHERE table_schema = 'public'",
    # PostgreSQL numbers the names of checks in the order of their creation.
    "constraints": "SELECT conrelid::regclass::text, CASE contype WHEN 'c' THEN '' ELSE conname::text END"
    ", pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    " AND contype <> 'n'",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace",
    "options": "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND reloptions IS NOT NULL",
}


def postgres_schema(db: peewee.Database) -> dict[str, Any]:
    return {
        what: sorted([str(value) for value in row] for row in fetch(db, query))
        for what, query in _POSTGRES.items()
    }


# --- a database that version 0.1 made ---


def all_rows(path: Path) -> dict[str, list[Any]]:
    """Every row of every table except the record of migrations and the search index.

    Only the columns of the recorded database, which no migration changes.
    """
    with closing(sqlite3.connect(path)) as db:
        return {
            table: db.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            for table, columns in _recorded_columns().items()
        }


@cache
def _recorded_columns() -> dict[str, list[str]]:
    """The columns of each table of the recorded database."""
    with NamedTemporaryFile(suffix=".db") as copy:
        copy.write(gzip.decompress((RECORDED / DATABASE).read_bytes()))
        copy.flush()
        with closing(sqlite3.connect(copy.name)) as db:
            query = (
                "SELECT master.name, info.name FROM sqlite_master AS master,"
                " pragma_table_info(master.name) AS info WHERE master.type = 'table'"
                " AND master.name NOT LIKE 'alert_words%' AND master.name <> 'schema_migration'"
                " AND info.name <> 'alert_types'"
            )
            tables: dict[str, list[str]] = {}
            for table, column in db.execute(query):
                tables.setdefault(table, []).append(column)
            return tables


def test_a_recorded_database_opens_with_its_rows_unchanged(tocsin: Tocsin) -> None:
    before = all_rows(tocsin.database)
    assert len(before["alert"]) == 12
    assert tocsin("alert", "list").returncode == 0
    done = tocsin("db", "check")
    assert (done.returncode, done.stdout) == (0, f"{tocsin.database}: no problems found\n")
    assert all_rows(tocsin.database) == before


def test_a_recorded_database_takes_alerts_and_delivers(tocsin: Tocsin) -> None:
    sent = tocsin.json("send", "--title", "Another", "--to", "soc")
    assert sent[0]["alertId"] in {alert["alertId"] for alert in tocsin.json("alert", "list")}


# --- JSON for programs ---


@pytest.mark.parametrize(
    "command",
    [
        "alert list",
        "alert list --state failed,retrying",
        "alert list --search login --limit 2",
        "alert show delivered-0001",
        "alert show failed-0001",
        "alert show retrying-0001",
        "alert show cancelled-0001",
        "alert show unrouted-0001",
        "alert show folding-0001",
        "alert show folding-0002",
        "alert show resent-0001",
        "alert show test-0001",
        "alert show waiting-0001",
        "alert show sending-0001",
        "destination list",
        "destination show soc",
        "destination show Pager",
        "destination show PAUSED ONE",
        "token list",
        "token list --all",
    ],
)
def test_a_command_that_reads_prints_the_recorded_json(tocsin: Tocsin, command: str) -> None:
    words = command.replace("PAUSED ONE", "paused_one").split()
    done = tocsin(*(word.replace("_", " ") for word in words), "--json")
    answer = json.loads(done.stdout) if done.stdout else None
    same_as_recorded("json", command, {"code": done.returncode, "json": answer})


@pytest.mark.parametrize(
    "command",
    [
        ("send", "--title", "One"),
        ("send", "--title", "One", "--to", "soc"),
        ("send", "--title", "One", "--to", "Pager", "--severity", "HIGH", "--tag", "aws"),
        ("destination", "add", "new", "https://new.example.com/hook"),
        ("token", "add", "new"),
        ("token", "revoke", "grafana"),
    ],
    ids=" ".join,
)
def test_a_command_that_writes_prints_the_recorded_shape(tocsin: Tocsin, command: tuple[str, ...]) -> None:
    done = tocsin(*command, "--json")
    answer = shape(json.loads(done.stdout)) if done.stdout else None
    same_as_recorded("json", " ".join(command), {"code": done.returncode, "json": answer})


def shape(value: Any) -> Any:
    """`value` with every text that is not one word replaced by its kind."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
            return "(time)"
        return value if re.fullmatch(r"[A-Za-z_]*", value) else "(text)"
    return value


# --- exit codes ---

USAGES = [
    "",
    "--version",
    "--help",
    "nonsense",
    "--nonsense",
    "--db",
    "--db / alert list",
    "--db {home}/missing.db alert list",
    "--db {home}/missing.db destination list",
    "--db {home}/text alert list",
    "--db postgresql://nobody@127.0.0.1:1/none alert list",
    "--config {home}/missing.toml alert list",
    "send",
    "send --title x",
    "send --title x --severity LOUD",
    "send --title x --to nobody",
    "send --title x --context []",
    "send --nonsense",
    "send {home}/missing.json",
    "send {home}/text",
    "send --format nonsense {home}/text",
    "send --format list",
    "watch",
    "alert",
    "alert list",
    "alert list --state broken",
    "alert list --severity LOUD",
    "alert list --filter a:b",
    "alert list --limit 0",
    "alert list --since soon",
    "alert show",
    "alert show missing-0001",
    "alert show delivered-0001",
    "alert resend",
    "alert resend missing-0001",
    "alert resend failed-0001",
    "alert resend sending-0001",
    "alert cancel delivered-0001",
    "alert cancel retrying-0001",
    "destination",
    "destination list",
    "destination show nobody",
    "destination show soc",
    "destination add",
    "destination add new",
    "destination add new not-a-url",
    "destination add new https://new.example.com",
    "destination add soc https://new.example.com",
    "destination add new https://new.example.com --timeout 500",
    "destination edit soc --rate -1",
    "destination pause nobody",
    "destination pause soc",
    "destination delete soc",
    "destination delete soc --yes",
    "token list",
    "token add new",
    "token add grafana",
    "token revoke nobody",
    "token revoke grafana",
    "db",
    "db check",
    "db migrate",
    "db backup",
    "db backup {home}/copy.db",
    "db backup {home}/text",
    "db prune",
    "db prune --older-than 1d",
    "db prune --older-than 1d --dry-run",
    "db prune --older-than 1d --yes",
    "db prune --older-than yesterday",
    "dispatch --nonsense",
]


@pytest.mark.parametrize("usage", USAGES)
def test_a_command_ends_with_the_recorded_exit_code(tocsin: Tocsin, usage: str) -> None:
    (tocsin.home / "text").write_text("An ordinary text.\n" * 100)
    words = usage.replace("{home}", str(tocsin.home)).split(" ") if usage else []
    done = tocsin(*words)
    assert "Traceback" not in done.stderr
    same_as_recorded("exit_codes", usage, done.returncode)
