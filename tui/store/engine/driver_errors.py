"""Translate errors of an engine and its driver into the store's errors, with messages for the user."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
from collections.abc import Generator

import peewee

from tui.store.errors import Deadlocked, DiskFull, NotStorable, StoreLocked, StoreUnavailable

_DEADLOCK = "40P01"  # SQLSTATE


@contextlib.contextmanager
def plain_errors() -> Generator[None]:
    """Translate an engine's error raised inside. An error caused by a bug of ours passes unchanged."""
    try:
        # Errors while rows are fetched, and in executemany, are the driver's own and not peewee's.
        with peewee.__exception_wrapper__:  # pyright: ignore[reportAttributeAccessIssue]
            yield
    except (
        UnicodeEncodeError,
        OverflowError,
    ) as error:  # raised by a driver before the engine sees the value
        raise NotStorable(str(error)) from error
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        # A damaged file raises a bare DatabaseError, a read-only server (a standby) an InternalError.
        # The other subclasses of DatabaseError are bugs of ours.
        if isinstance(error, peewee.DataError):
            raise NotStorable(str(error).partition("\n")[0]) from error
        if type(error) not in _NOT_OURS:
            raise
        first = first_of(error)
        words = reason(first)
        if getattr(first, "sqlstate", None) == _DEADLOCK:
            raise Deadlocked(LOCKED) from error
        raise _BY_REASON.get(words, StoreUnavailable)(words) from error


_NOT_OURS = (peewee.OperationalError, peewee.InterfaceError, peewee.InternalError, peewee.DatabaseError)


def first_of(error: BaseException) -> BaseException:
    """Return the first error of the chain: a failing rollback hides the error that caused it."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def reason(error: BaseException) -> str:
    """Return the meaning of an engine's error in one line for the user."""
    text = str(error).strip()
    for sign, words in (
        ("locked", LOCKED),
        ("lock timeout", LOCKED),
        ("deadlock", LOCKED),
        ("disk is full", _DISK_FULL),
        ("No space left", _DISK_FULL),
        ("readonly", "the database cannot be written"),
        ("read-only", "the database cannot be written"),
        ("unable to open", "the database file was removed or cannot be opened"),
        ("disk I/O error", "the disk failed (I/O error)"),
        ("malformed", DAMAGED),
        ("not a database", DAMAGED),  # its header was overwritten while it was open
        ("unsupported file format", DAMAGED),
        ("starting up", _NO_ANSWER),
        ("shutting down", _NO_ANSWER),
        ("recovery", _NO_ANSWER),
        ("terminating connection", _NO_ANSWER),
        ("FATAL:", text.rpartition("FATAL:")[2]),  # the server's own reason for refusing us
        ("onnection", _NO_ANSWER),
        ("resolve host", _NO_ANSWER),
    ):
        if sign in text:
            return words.strip().partition("\n")[0]
    return text.partition("\n")[0]


LOCKED = "the database is locked by another process"
DAMAGED = "the database is damaged; run `tocsin db check`, and restore a backup"
_DISK_FULL = "the disk is full"
_NO_ANSWER = "the database server does not answer"
_BY_REASON: dict[str, type[StoreUnavailable]] = {LOCKED: StoreLocked, _DISK_FULL: DiskFull}
