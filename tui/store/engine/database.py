"""The store: an open database with its threads, and the interface that an engine implements."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, Protocol, TypeVar

import peewee

from tui.store.engine.backup import Progress
from tui.store.engine.driver_errors import plain_errors
from tui.store.errors import CannotOpen, Deadlocked, StoreLocked, StoreUnavailable
from tui.store.tables import invariants
from tui.store.tables.dialect import dialect_of

Work = ParamSpec("Work")
Result = TypeVar("Result")

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for a lock that another holds, in seconds."""
SILENCE_S = 10.0
"""How long a database may stay silent before it is reported as not answering, in seconds."""
_DEADLOCKS = 3
"""How many times in a row a transaction is retried after a deadlock."""


def wall_clock() -> int:
    """Return this machine's time in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction, passed to the work that runs in it."""

    db: peewee.Database
    now: int
    """The time when the transaction began, in milliseconds."""

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
    """A cheap check for commits of others."""

    def changed(self) -> bool:
        """Return whether anyone committed since the last call."""
        ...

    def close(self) -> None: ...


class Strategy(Protocol):
    """What differs between SQLite and PostgreSQL, beside the SQL in `Dialect`. The rest is one code path.

    Implemented by `tui.store.engine.sqlite` and `tui.store.engine.postgres`.
    """

    @property
    def shown(self) -> str:
        """Where the data is, without secrets."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether the database was opened for reading only."""
        ...

    @property
    def migrated(self) -> Sequence[str]:
        """The names of the migrations that `open` applied."""
        ...

    def open(self) -> peewee.Database:
        """Create or migrate the database if needed and return it, not yet connected. Raises CannotOpen.

        For reading only, it must exist and have the present schema.
        """
        ...

    def now(self, db: peewee.Database) -> int:
        """Return the time that leases are measured with, in milliseconds since 1970."""
        ...

    def watch(self) -> ChangeNotice: ...

    def is_lost(self, db: peewee.Database) -> bool:
        """Return whether this thread's connection, idle between two transactions, is dead."""
        ...

    def lost_files(self) -> str:
        """Return in words which open file was removed or replaced; "" if none was."""
        ...

    def before_connect(self) -> None:
        """Wait until the database may be opened again. Raises StoreUnavailable."""
        ...

    def on_lost(self, let_go: Callable[[], object]) -> Callable[[], object]:
        """Call `let_go`, which closes connections, from another thread when open files were removed.

        Return a function that ends this.
        """
        ...

    def break_off(self, connection: Any) -> None:
        """Abort the wait of another thread's connection for a server that does not answer."""
        ...

    def check(self, db: peewee.Database) -> list[str]:
        """Run the engine's integrity check. Return one sentence per problem."""
        ...

    def caveats(self, db: peewee.Database) -> list[str]:
        """Return one sentence per known risk of this engine's version or settings."""
        ...

    def backup(self, to: Path, *, force: bool, progress: Progress) -> None:
        """Copy the database into the file `to`; with `force`, replace an existing file.

        The store need not be open, and others may write meanwhile. Raises Refused or CannotOpen.
        """
        ...

    def compact(self, db: peewee.Database) -> None:
        """Return the space of removed rows to the disk. Call it outside a transaction."""
        ...

    def free_bytes(self, db: peewee.Database) -> int | None:
        """Return how many bytes of the files are free for new rows; None if the engine does not tell."""
        ...


class Store:
    """One open database.

    `write` runs work in a transaction on this process's only writer thread. `read` runs it on a reader's
    connection. Work is a function whose first argument is the transaction (for `write`) or the database
    (for `read`). Both return futures, which raise the work's errors.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._db = strategy.open()
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._aside = ThreadPoolExecutor(1, "store-aside")
        self._pools = (self._writer, self._reader, self._aside)
        self._connections: dict[int, Any] = {}
        """The open connections by thread id."""
        self._closed = False
        self._stop_watching = strategy.on_lost(self._let_go)

    def write(
        self, work: Callable[Concatenate[Transaction, Work], Result], *args: Work.args, **kwargs: Work.kwargs
    ) -> Future[Result]:
        """Run `work(transaction, …)` in a transaction. Everything is committed before the result, or nothing.

        `work` may be called more than once: inserted rows cannot be locked in a fixed order, so two
        transactions may deadlock; the server rolls one back and it is retried. Raises StoreUnavailable if the
        database is not available.
        """

        def run() -> Result:
            with self._connected() as db:
                with db.atomic():
                    result = work(Transaction(db, self.strategy.now(db)), *args, **kwargs)
                if lost := self.strategy.lost_files():  # the commit may have gone to a removed file
                    raise StoreUnavailable(lost)
                return result

        def run_with_retries() -> Result:
            for _ in range(_DEADLOCKS):
                with contextlib.suppress(Deadlocked):
                    return run()
            return run()

        if self.strategy.read_only:
            return self._writer.submit(_refuse_to_write)
        return self._writer.submit(run_with_retries)

    def read(
        self,
        work: Callable[Concatenate[peewee.Database, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Future[Result]:
        """Run `work(database, …)` on the reader's thread. Raises StoreUnavailable."""
        return self._reader.submit(self._read, work, *args, **kwargs)

    def read_aside(
        self,
        work: Callable[Concatenate[peewee.Database, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Future[Result]:
        """Like `read`, on a thread for slow queries, so that other readers do not wait for them."""
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
        """Raise CannotOpen if the database is read-only: opening it does not show that."""
        try:
            self.write(_write_nothing).result()
        except StoreLocked:
            pass  # another process is writing, so it can be written
        except StoreUnavailable as error:
            raise CannotOpen(f"cannot write to {self.strategy.shown}: {error}") from None

    def watch(self) -> ChangeNotice:
        """Return a notice of commits from now on. Raises StoreUnavailable."""
        with plain_errors():
            return self.strategy.watch()

    def check(self) -> list[str]:
        """Run the integrity check, then check the records for consistency.

        Return one sentence per problem; empty if there is none.
        """
        # Do not query a database with damaged pages any further.
        return self.read(self.strategy.check).result() or self.read(invariants.broken).result()

    def caveats(self) -> list[str]:
        """See `Strategy.caveats`."""
        return self.read(self.strategy.caveats).result()

    def compact(self) -> Future[None]:
        """Return the space of removed rows to the disk. On SQLite, others cannot write meanwhile."""

        def run() -> None:
            with self._connected() as db:
                self.strategy.compact(db)

        return self._writer.submit(run)

    def break_off(self) -> None:
        """Give up on a server that does not answer: the running work raises StoreUnavailable."""
        for connection in [*self._connections.values()]:
            self.strategy.break_off(connection)

    def close(self) -> None:
        """Finish the running work, abort it if the server stays silent, and take no more work."""
        if not self._closed:
            self._closed = True
            self._stop_watching()
            if wait(self._let_go(), SILENCE_S).not_done:
                self.break_off()
            for pool in self._pools:
                pool.shutdown(wait=True)

    def _let_go(self) -> list[Future[None]]:
        """Close every thread's connection once its running work ends."""
        return [pool.submit(self._forget_connection) for pool in self._pools]

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _connected(self) -> Generator[peewee.Database]:
        try:
            with plain_errors():
                # Checked before anything is sent: afterwards one cannot tell what was carried out.
                if not self._db.is_closed() and self.strategy.is_lost(self._db):
                    self._forget_connection()
                if self._db.is_closed():
                    self.strategy.before_connect()
                self._db.connect(reuse_if_open=True)
                self._connections[threading.get_ident()] = self._db.connection()
                yield self._db
        except StoreUnavailable:
            self._forget_connection()
            raise

    def _forget_connection(self) -> None:
        """Close a connection that may be broken or stuck in a transaction; the next work opens a new one."""
        with contextlib.suppress(peewee.PeeweeException):
            self._db.close()


def _refuse_to_write() -> NoReturn:
    raise StoreUnavailable("the database was opened for reading only")


def _write_nothing(tx: Transaction) -> None:
    tx.db.execute_sql("UPDATE alert SET id = id WHERE 1 = 0")
