"""A store: one database, its writer thread and its reader, and what it asks of an engine."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import peewee

from tui.store.engine.backup import Progress
from tui.store.engine.driver_errors import plain_errors
from tui.store.errors import CannotOpen, Deadlocked, StoreLocked, StoreUnavailable
from tui.store.tables import invariants
from tui.store.tables.dialect import dialect_of

Work = ParamSpec("Work")
Result = TypeVar("Result")

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for another's lock."""
SILENCE_S = 10.0
"""How long a database may keep silent until it is told that it does not answer."""
_DEADLOCKS = 3
"""So often in a row a transaction that was ended for a deadlock is begun anew."""


def wall_clock() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction, as the work done in it sees it."""

    db: peewee.Database
    now: int
    """Milliseconds, read once when the transaction began."""

    def token(self) -> str:
        """Return a new random name for an alert, a delivery or a lease: 32 hexadecimal digits."""
        return secrets.token_hex(16)

    def lock_rows(self, select: str, *, skip_locked: bool = False) -> str:
        """See `Dialect.lock_rows`."""
        return dialect_of(self.db).lock_rows(select, skip_locked=skip_locked)

    def lock(self, select: str, values: Sequence[Any] = (), *, references: bool = False) -> None:
        """See `Dialect.lock`."""
        dialect_of(self.db).lock(self.db, select, values, references=references)


class ChangeNotice(Protocol):
    """Tells cheaply that somebody committed something since it was last asked."""

    def changed(self) -> bool: ...

    def close(self) -> None: ...


class Strategy(Protocol):
    """All that differs between SQLite and PostgreSQL. Everything else is one code path.

    `tui.store.engine.sqlite` and `tui.store.engine.postgres` are the two.
    """

    @property
    def shown(self) -> str:
        """Where the data lives, fit to show."""
        ...

    @property
    def migrated(self) -> Sequence[str]:
        """The migrations that opening the database applied."""
        ...

    def open(self) -> peewee.Database:
        """Make the database ready and return it, not yet connected; raises CannotOpen."""
        ...

    def now(self, db: peewee.Database) -> int:
        """The clock that leases are measured with, in milliseconds."""
        ...

    def watch(self) -> ChangeNotice: ...

    def is_lost(self, db: peewee.Database) -> bool:
        """Whether this thread's connection, left idle between two transactions, is dead."""
        ...

    def break_off(self, connection: Any) -> None:
        """End what a connection of another thread waits for, if that is a server that keeps silent."""
        ...

    def check(self, db: peewee.Database) -> list[str]:
        """What is wrong with the database, a sentence each."""
        ...

    def caveats(self, db: peewee.Database) -> list[str]:
        """What is known to be wrong with this version of the engine, a sentence each."""
        ...

    def backup(self, to: Path, *, force: bool, progress: Progress) -> None:
        """Copy the database, as it is now, into a new file (with `force` in place of an old one).

        It need not be open, and others may write to it meanwhile. Raises Refused, and CannotOpen.
        """
        ...

    def compact(self, db: peewee.Database) -> None:
        """Give back the room that removed rows leave; outside a transaction."""
        ...

    def free_bytes(self, db: peewee.Database) -> int | None:
        """How much of its files is free for new rows; None where that is not told."""
        ...


class Store:
    """One open database.

    `write` runs work in a transaction on the one writer thread of this process; `read` runs it on a
    reader's connection. Work is a function of the outbox or of the queries, called with the
    transaction (or the database) first. Both return futures and raise through them.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._db = strategy.open()
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._aside = ThreadPoolExecutor(1, "store-aside")
        self._connections: dict[int, Any] = {}
        """By thread."""
        self._closed = False

    def write(
        self, work: Callable[Concatenate[Transaction, Work], Result], *args: Work.args, **kwargs: Work.kwargs
    ) -> Future[Result]:
        """Everything `work` does is committed when the future has its result, or nothing is.

        It may be called more than once: rows that are inserted cannot be locked in one order by all, and
        of two transactions that wait for each other the server ends one, which left nothing behind.
        Raises StoreUnavailable when the database does not answer now.
        """

        def run() -> Result:
            with self._connected() as db, db.atomic():
                return work(Transaction(db, self.strategy.now(db)), *args, **kwargs)

        def run_whatever_the_deadlock() -> Result:
            for _ in range(_DEADLOCKS):
                with contextlib.suppress(Deadlocked):
                    return run()
            return run()

        return self._writer.submit(run_whatever_the_deadlock)

    def read(
        self,
        work: Callable[Concatenate[peewee.Database, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Future[Result]:
        """Raises StoreUnavailable when the database does not answer now."""
        return self._reader.submit(self._read, work, *args, **kwargs)

    def read_aside(
        self,
        work: Callable[Concatenate[peewee.Database, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Future[Result]:
        """Like `read`, for what may take long: nobody who reads waits for it."""
        return self._aside.submit(self._read, work, *args, **kwargs)

    def _read(
        self,
        work: Callable[Concatenate[peewee.Database, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Result:
        with self._connected() as db:
            return work(db, *args, **kwargs)

    def check_writable(self) -> None:
        """Raises CannotOpen where nothing can be stored: a database that may only be read opens as well."""
        try:
            self.write(_write_nothing).result()
        except StoreLocked:
            pass  # by somebody who writes
        except StoreUnavailable as error:
            raise CannotOpen(f"cannot write to {self.strategy.shown}: {error}") from None

    def watch(self) -> ChangeNotice:
        return self.strategy.watch()

    def check(self) -> list[str]:
        """What is wrong with the database, a sentence each; empty when nothing is."""
        # Of what stands on damaged pages nothing more is asked.
        return self.read(self.strategy.check).result() or self.read(invariants.broken).result()

    def caveats(self) -> list[str]:
        """What is known to be wrong with this version of the engine, a sentence each."""
        return self.read(self.strategy.caveats).result()

    def compact(self) -> Future[None]:
        """Give back the room that removed rows leave. On SQLite nobody else writes meanwhile."""

        def run() -> None:
            with self._connected() as db:
                self.strategy.compact(db)

        return self._writer.submit(run)

    def break_off(self) -> None:
        """Give up on a server that keeps silent: the work under way raises StoreUnavailable."""
        for connection in [*self._connections.values()]:
            self.strategy.break_off(connection)

    def close(self) -> None:
        """Waits for the write under way, if it is ever to end. Afterwards the store takes no more work."""
        if not self._closed:
            self._closed = True
            pools = (self._writer, self._reader, self._aside)
            if wait([pool.submit(self._db.close) for pool in pools], SILENCE_S).not_done:
                self.break_off()
            for pool in pools:
                pool.shutdown(wait=True)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _connected(self) -> Generator[peewee.Database]:
        try:
            with plain_errors():
                # Now, before anything is sent: later nobody could tell what was carried out.
                if not self._db.is_closed() and self.strategy.is_lost(self._db):
                    self._forget_connection()
                self._db.connect(reuse_if_open=True)
                self._connections[threading.get_ident()] = self._db.connection()
                yield self._db
        except StoreUnavailable:
            self._forget_connection()
            raise

    def _forget_connection(self) -> None:
        """It may be broken, or stuck in a transaction; the next work gets a new one."""
        with contextlib.suppress(peewee.PeeweeException):
            self._db.close()


def _write_nothing(tx: Transaction) -> None:
    tx.db.execute_sql("UPDATE alert SET id = id WHERE 1 = 0")
