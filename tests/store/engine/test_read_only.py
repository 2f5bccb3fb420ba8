"""A store that is opened for reading only changes nothing, and needs no right to."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.conftest import alert, create_database, new_database, postgres, strategy, write
from tests.store.bench import Bench
from tui.store import outbox
from tui.store.destinations import all_destinations
from tui.store.engine.database import Store, Strategy
from tui.store.engine.postgres import Postgres
from tui.store.engine.sqlite import Sqlite
from tui.store.errors import CannotOpen, StoreUnavailable
from tui.store.reading import queries
from tui.store.tables.rows import fetch


def count(store: Store) -> int:
    [(count,)] = store.read(fetch, "SELECT count(*) FROM alert").result()
    return count


@pytest.fixture
def looking(engine: str, store: Store) -> Iterator[Strategy]:
    """How the store is opened for reading only; on PostgreSQL as a role that may only SELECT."""
    if engine == "sqlite":
        yield Sqlite(Path(store.strategy.shown), read_only=True)
        return
    url = store.strategy._url  # type: ignore[attr-defined]
    role = f"viewer_{urlsplit(url).path.strip('/')}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    owner = urlsplit(url).netloc.partition("@")[0]
    yield Postgres(url.replace(f"//{owner}@", f"//{role}@", 1), read_only=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


def test_it_reads_what_others_write_and_writes_nothing(bench: Bench, looking: Strategy) -> None:
    bench.add()
    bench.submit()
    with Store(looking) as store:
        notice = store.watch()
        try:
            assert count(store) == 1
            assert store.read(queries.summary).result().waiting == 1
            bench.submit()
            assert count(store) == 2
            with pytest.raises(StoreUnavailable, match="opened for reading only"):
                store.write(outbox.submit, [alert()]).result()
            with pytest.raises(StoreUnavailable):
                store.read(fetch, "UPDATE destination SET paused = NOT paused RETURNING id").result()
        finally:
            notice.close()
    [destination] = bench.store.read(all_destinations).result()
    assert not destination.paused
    assert count(bench.store) == 2


def test_no_byte_of_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    with Store(Sqlite(path)) as store:
        write(store, outbox.submit, [alert()])
    before = path.read_bytes()
    with Store(Sqlite(path, read_only=True)) as store:
        assert count(store) == 1
    assert path.read_bytes() == before


def test_a_missing_database_and_one_without_our_tables_are_refused(engine: str, tmp_path: Path) -> None:
    where = str(tmp_path / "none.db") if engine == "sqlite" else create_database(postgres())
    looking = Sqlite(Path(where), read_only=True) if engine == "sqlite" else Postgres(where, read_only=True)
    with pytest.raises(CannotOpen, match=r"there is no database|there are no Tocsin tables"):
        Store(looking)
    assert not list(tmp_path.iterdir())


def test_an_older_schema_is_refused_and_stays_as_it_is(engine: str, tmp_path: Path) -> None:
    address = new_database(engine, tmp_path)
    forget = "DELETE FROM schema_migration WHERE name <> '0001_baseline'"
    with Store(strategy(engine, address, lambda: 0)) as store:
        store.write(lambda tx: tx.db.execute_sql(forget)).result()
    looking = (
        Sqlite(Path(address), read_only=True) if engine == "sqlite" else Postgres(address, read_only=True)
    )
    with pytest.raises(
        CannotOpen,
        match=r"made by an older Tocsin.*; to upgrade it, run `tocsin db migrate`",
    ):
        Store(looking)
