"""The store's errors, the same for both engines. Their messages are for the user."""


class Locked(Exception):
    """Another process holds the lock. Nothing was done; a retry may succeed."""


class CannotOpen(Exception):
    """The database or the log cannot be used, so the program does not start (exit code 3)."""


class StoreUnavailable(Exception):
    """The database is not available now (locked, disk full, gone) and may be later.

    The transaction was rolled back; a retry may succeed.
    """


class OpenLocked(CannotOpen, Locked):
    """Opening timed out because another process held the lock."""


class StoreLocked(StoreUnavailable, Locked):
    """The transaction timed out waiting for a lock."""


class Deadlocked(StoreLocked):
    """The server ended this transaction to resolve a deadlock."""


class NotStorable(Exception):
    """The engine rejects a value, so a retry fails too. The transaction was rolled back."""


class DiskFull(StoreUnavailable):
    """There is no space left for the data."""


class Orphaned(StoreUnavailable):
    """The files of the database were replaced under this process. Only a restart helps."""
