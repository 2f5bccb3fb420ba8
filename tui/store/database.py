"""A store: one database, its writer thread and its reader, and what it asks of an engine."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import peewee

from tui.store.errors import DiskFull, StoreLocked, StoreUnavailable

Work = ParamSpec("Work")
Result = TypeVar("Result")

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for another's lock."""


def wall_clock() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction, as the work done in it sees it."""

    db: peewee.Database
    now: int
    """Milliseconds, read once when the transaction began."""
    strategy: "Strategy"

    def token(self) -> str:
        """A new random name: for an alert, a delivery, a lease."""
        return secrets.token_hex(16)


class ChangeNotice(Protocol):
    """Tells cheaply that somebody committed something since it was last asked."""

    def changed(self) -> bool: ...

    def close(self) -> None: ...


class Strategy(Protocol):
    """All that differs between SQLite and PostgreSQL. Everything else is one code path.

    `tui.store.sqlite` and `tui.store.postgres` are the two.
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

    def lock_rows(self, select: str, *, skip_locked: bool) -> str:
        """The SELECT so that the rows it returns are ours until the transaction ends.

        With `skip_locked` it leaves out what others hold, else it waits for them.
        """
        ...

    def now(self, db: peewee.Database) -> int:
        """The clock that leases are measured with, in milliseconds."""
        ...

    def watch(self) -> ChangeNotice: ...

    def is_lost(self, db: peewee.Database) -> bool:
        """Whether this thread's connection, left idle between two transactions, is dead."""
        ...

    def check(self, db: peewee.Database) -> list[str]:
        """What is wrong with the database, a sentence each."""
        ...

    def caveats(self, db: peewee.Database) -> list[str]:
        """What is known to be wrong with this version of the engine, a sentence each."""
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
        self._closed = False

    def write(
        self, work: Callable[Concatenate[Transaction, Work], Result], *args: Work.args, **kwargs: Work.kwargs
    ) -> Future[Result]:
        """Everything `work` does is committed when the future has its result, or nothing is.

        Raises StoreUnavailable when the database does not answer now.
        """

        def run() -> Result:
            with self._connected() as db, db.atomic():
                return work(Transaction(db, self.strategy.now(db), self.strategy), *args, **kwargs)

        return self._writer.submit(run)

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

    def watch(self) -> ChangeNotice:
        return self.strategy.watch()

    def check(self) -> list[str]:
        """What is wrong with the database, a sentence each; empty when nothing is."""
        return self.read(self.strategy.check).result()

    def caveats(self) -> list[str]:
        """What is known to be wrong with this version of the engine, a sentence each."""
        return self.read(self.strategy.caveats).result()

    def close(self) -> None:
        """Waits for the write under way. Afterwards the store takes no more work."""
        if not self._closed:
            self._closed = True
            for pool in (self._writer, self._reader, self._aside):
                pool.submit(self._db.close)
                pool.shutdown(wait=True)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _connected(self) -> Generator[peewee.Database]:
        try:
            with _plain_errors():
                # Now, before anything is sent: later nobody could tell what was carried out.
                if not self._db.is_closed() and self.strategy.is_lost(self._db):
                    self._forget_connection()
                self._db.connect(reuse_if_open=True)
                yield self._db
        except StoreUnavailable:
            self._forget_connection()
            raise

    def _forget_connection(self) -> None:
        """It may be broken, or stuck in a transaction; the next work gets a new one."""
        with contextlib.suppress(peewee.PeeweeException):
            self._db.close()


@contextlib.contextmanager
def _plain_errors() -> Generator[None]:
    try:
        # What goes wrong while rows are fetched, or in executemany, comes as the driver's own error.
        with peewee.__exception_wrapper__:  # pyright: ignore[reportAttributeAccessIssue]
            yield
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        # A damaged file is a bare DatabaseError, a server that only answers questions (a standby) an
        # InternalError; the others below DatabaseError are mistakes of ours.
        if type(error) not in _NOT_OURS:
            raise
        first: BaseException = error
        while first.__context__ is not None:  # a rollback that fails hides what it was for
            first = first.__context__
        words = reason(first)
        raise _TOLD_APART.get(words, StoreUnavailable)(words) from error


_NOT_OURS = (peewee.OperationalError, peewee.InterfaceError, peewee.InternalError, peewee.DatabaseError)


def reason(error: BaseException) -> str:
    """What an engine's error means, in words for a person."""
    text = str(error).strip()
    for sign, words in (
        ("locked", LOCKED),
        ("lock timeout", LOCKED),
        ("deadlock", LOCKED),
        ("disk is full", _DISK_FULL),
        ("No space left", _DISK_FULL),
        ("readonly", "the database cannot be written"),
        ("read-only", "the database cannot be written"),
        ("disk I/O error", "the disk does not answer (I/O error)"),
        ("malformed", "the database is damaged"),
        ("starting up", _NO_ANSWER),
        ("shutting down", _NO_ANSWER),
        ("recovery", _NO_ANSWER),
        ("terminating connection", _NO_ANSWER),
        ("FATAL:", text.rpartition("FATAL:")[2]),  # why the server lets nobody in, in its own words
        ("onnection", _NO_ANSWER),
        ("resolve host", _NO_ANSWER),
    ):
        if sign in text:
            return words.strip().partition("\n")[0]
    return text.partition("\n")[0]


LOCKED = "the database is locked by another process"
_DISK_FULL = "the disk is full"
_NO_ANSWER = "the database server does not answer"
_TOLD_APART: dict[str, type[StoreUnavailable]] = {LOCKED: StoreLocked, _DISK_FULL: DiskFull}
