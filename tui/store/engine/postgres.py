"""PostgreSQL: one server, shared by the processes of many machines."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import os
import select
import shlex
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import peewee
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tui.domain.errors import Refused
from tui.store import migrate
from tui.store.engine.backup import Progress
from tui.store.engine.database import BUSY_TIMEOUT_S, ChangeNotice
from tui.store.engine.driver_errors import LOCKED, reason
from tui.store.engine.peewee_import import add_psycopg
from tui.store.engine.postgres_dialect import CHANNEL, PostgresDialect
from tui.store.errors import CannotOpen, OpenLocked

add_psycopg()

_MIGRATION_LOCK = 0x746F6373
_CONNECTION: dict[str, Any] = {
    "application_name": "tocsin",
    "connect_timeout": 5,
    # Detect a server that vanished in seconds, not after TCP's quarter of an hour.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# The server releases the locks of a machine that froze or lost power in seconds, not in hours.
_SERVER_OPTIONS = (
    "-c idle_in_transaction_session_timeout=15000 -c tcp_keepalives_idle=10"
    " -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
_DIRECT = "tocsin.direct"
"""A setting of ours that arrives only where nothing between us and the server drops our options."""
_RECONNECT_S = 1.0
_POLL_S = 1.0
"""How often commits of others are looked for behind a pooler, which does not pass notifications on."""
_LOOK_S = 0.1
_JOIN_S = 2.0
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_LOCAL = (
    f", set_config('lock_timeout', '{int(BUSY_TIMEOUT_S * 1000)}', true),"
    " set_config('idle_in_transaction_session_timeout', '15000', true)"
)
"""The options that matter most, for one transaction."""


class _Database(peewee.PostgresqlDatabase):
    dialect = PostgresDialect()


class Postgres:
    """PostgreSQL at READ COMMITTED: each step locks the rows it changes, so none waits for a whole table.

    Leases are measured with the server's clock, because the machines' clocks may differ. A test passes
    `clock` (milliseconds since 1970) instead. Without `create`, missing tables are an error. With
    `read_only`, a role that may only SELECT is enough.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], int] | None = None,
        *,
        create: bool = True,
        read_only: bool = False,
    ) -> None:
        self.read_only = read_only
        self.migrated: Sequence[str] = ()
        self._url = url
        self._clock = clock
        self._create = create and not read_only
        self._pooled = False
        """Whether a pooler such as PgBouncer is between us and the server. It may give each transaction
        another session, so nothing may depend on one: no options, prepared statements or LISTEN."""

    @property
    def shown(self) -> str:
        try:
            parts = conninfo_to_dict(self._url)
        except psycopg.ProgrammingError:
            return "a PostgreSQL database"
        host, port = parts.get("host", "localhost"), parts.get("port")
        return f"postgresql://{host}{f':{port}' if port else ''}/{parts.get('dbname', '')}"

    def open(self) -> peewee.Database:
        try:
            return self._open_directly() or self._open_pooled()
        except (peewee.PeeweeException, psycopg.Error) as error:
            raise self._cannot_open(error) from None

    def _open_directly(self) -> peewee.Database | None:
        """Return the database; None if a pooler refuses or drops our options."""
        asked = self._parts()
        wait = f"-c lock_timeout={int(BUSY_TIMEOUT_S * 1000)} {_SERVER_OPTIONS} -c {_DIRECT}=on"
        if self.read_only:
            wait += " -c default_transaction_read_only=on"
        options = f"{wait} {asked.get('options') or ''}".strip()
        db = _Database(self._url, prefer_psycopg3=True, options=options, **_defaults(asked))
        try:
            with db.connection_context():
                setting = db.execute_sql("SELECT current_setting(%s, true)", (_DIRECT,)).fetchone()[0]
                if setting == "on":
                    self._adopt(db)
                    return db
        except peewee.OperationalError as error:
            if "unsupported startup parameter" not in str(error):
                raise
        return None

    def _open_pooled(self) -> peewee.Database:
        self._pooled = True
        db = _Database(self._url, prefer_psycopg3=True, prepare_threshold=None, **_defaults(self._parts()))
        with db.connection_context():
            self._adopt(db)
        return db

    def _adopt(self, db: peewee.Database) -> None:
        if self.read_only:
            self._refuse_what_is_not_ours(db)
            migrate.require_current(db)
            return
        with db.atomic():
            # Held until the transaction ends: the next process finds the tables made.
            db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            self._refuse_what_is_not_ours(db)
            self._refuse_what_cannot_hold_every_text(db)
            self.migrated = migrate.up(db)

    def _cannot_open(self, error: BaseException) -> CannotOpen:
        words = reason(error)
        kind = OpenLocked if words == LOCKED else CannotOpen
        return kind(f"cannot open the database {self.shown}: {words}")

    def _parts(self) -> dict[str, Any]:
        """Return the parts of the URL. Raises CannotOpen: libpq's own message would quote the password."""
        try:
            parts = conninfo_to_dict(self._url)
            # An unescaped / or @ in the password puts the rest of it into the host or the name, and a
            # connection string behind the URL puts all of it there.
            if not any(sign in f"{parts.get('host', '')}{parts.get('dbname', '')}" for sign in "@= "):
                return parts
        except psycopg.ProgrammingError:
            pass
        raise CannotOpen(
            "the database URL is not valid; write postgresql://USER:PASSWORD@HOST:PORT/NAME with"
            " special characters percent-encoded (%2F is a slash)"
        )

    def now(self, db: peewee.Database) -> int:
        if self._clock is not None:
            return self._clock()
        return int(db.execute_sql(f"SELECT {_NOW}{_LOCAL if self._pooled else ''}").fetchone()[0])

    def watch(self) -> ChangeNotice:
        hearing = _poll if self._pooled else _listen
        return _Listening(self._url, _defaults(self._parts()), hearing)

    def is_lost(self, db: peewee.Database) -> bool:
        # A server sends nothing to an idle connection except its end.
        watched = select.poll()
        watched.register(db.connection().fileno(), select.POLLIN)
        return bool(watched.poll(0))

    def lost_files(self) -> str:
        return ""

    def before_connect(self) -> None:
        """Do nothing: a server looks after its files."""

    def on_lost(self, let_go: Callable[[], object]) -> Callable[[], object]:  # noqa: ARG002
        return lambda: None

    def break_off(self, connection: Any) -> None:
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(connection.fileno())) as end,
        ):
            end.shutdown(socket.SHUT_RDWR)

    def check(self, db: peewee.Database) -> list[str]:
        invalid = db.execute_sql("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        problems = [f"the index {name} is not valid" for (name,) in invalid]
        damage = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
        if failures := db.execute_sql(damage).fetchone()[0]:
            problems.append(f"{failures} pages failed their checksum")
        return problems

    def caveats(self, db: peewee.Database) -> list[str]:
        off = "SELECT name FROM pg_settings WHERE setting = 'off' AND name IN (%s, %s, %s) ORDER BY name"
        names = db.execute_sql(off, ("fsync", "full_page_writes", "synchronous_commit"))
        return [f"{name} is off: a crash of the server can lose alerts" for (name,) in names]

    def backup(self, to: Path, *, force: bool, progress: Progress) -> None:  # noqa: ARG002
        # pg_dump knows its server better than we do.
        secret = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"}
        parts = {key: value for key, value in self._parts().items() if key not in secret}
        command = ["pg_dump", "--format=custom", f"--file={to}", f"--dbname={make_conninfo('', **parts)}"]
        raise Refused(f"back up a PostgreSQL database with its own tool: {shlex.join(command)}")

    def compact(self, db: peewee.Database) -> None:
        db.execute_sql("VACUUM (ANALYZE) alert, alert_repeat, alert_words, delivery, attempt, attempt_words")

    def free_bytes(self, db: peewee.Database) -> int | None:  # noqa: ARG002
        return None

    def _refuse_what_cannot_hold_every_text(self, db: peewee.Database) -> None:
        encoding = db.execute_sql("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            raise CannotOpen(f"{self.shown} has the encoding {encoding}; Tocsin requires UTF8")

    def _refuse_what_is_not_ours(self, db: peewee.Database) -> None:
        tables = db.get_tables()
        ours = bool(migrate.applied(db))
        if "alert" in tables and not ours:
            raise CannotOpen(
                f"{self.shown} has tables of another program; create a separate database for Tocsin"
            )
        if not (ours or self._create):
            raise CannotOpen(
                f"there are no Tocsin tables in {self.shown}; choose another database with --db,"
                " or create the tables with `tocsin db migrate`"
            )


def _defaults(asked: dict[str, Any]) -> dict[str, Any]:
    """Return our connection settings except those that the URL sets."""
    return {key: value for key, value in _CONNECTION.items() if key not in asked}


class _Listening:
    """Listens for commits on its own connection in a thread, so that `changed` never waits.

    Only a hint: a new connection counts as a change, because notifications may have been missed.
    """

    def __init__(self, url: str, options: dict[str, Any], hear: "_Hear") -> None:
        self._url = url
        self._options = options
        self._hear = hear
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-listener", daemon=True)
        self._thread.start()
        self._ready.wait(BUSY_TIMEOUT_S)
        self._changed.clear()

    def changed(self) -> bool:
        if not self._changed.is_set():
            return False
        self._changed.clear()
        return True

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_JOIN_S)  # a thread that waits for a silent server ends with the program

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(
                    self._url, autocommit=True, prepare_threshold=None, **self._options
                ) as connection:
                    self._changed.set()
                    for changed in self._hear(connection, self._stop):
                        if changed:
                            self._changed.set()
                        self._ready.set()
            except psycopg.Error:
                self._ready.set()
                self._stop.wait(_RECONNECT_S)


_Hear = Callable[[psycopg.Connection[Any], threading.Event], Iterator[bool]]
"""Yields, again and again until stopped, whether anyone committed since."""


def _listen(connection: psycopg.Connection[Any], stop: threading.Event) -> Iterator[bool]:
    connection.execute(f"LISTEN {CHANNEL}")
    yield True
    while not stop.is_set():
        for _ in connection.notifies(timeout=_LOOK_S, stop_after=1):
            yield True


def _poll(connection: psycopg.Connection[Any], stop: threading.Event) -> Iterator[bool]:
    """Compare the server's next transaction ID: every commit that wrote anything has taken one."""
    before = None
    while not stop.is_set():
        [after] = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone() or [
            ""
        ]
        yield after != before
        before = after
        stop.wait(_POLL_S)
