"""What can go wrong with a database, in words for a person, whichever engine it is."""


class Locked(Exception):
    """Somebody else holds the lock; nothing was done, and the same may succeed in a moment."""


class CannotOpen(Exception):
    """The database, or the log, cannot be used at all; the program does not start."""


class StoreUnavailable(Exception):
    """The database does not answer now (locked, disk full, gone) and may again later.

    The transaction left nothing behind; the same work can be tried again.
    """


class OpenLocked(CannotOpen, Locked):
    """It could not be opened because somebody else held it too long."""


class StoreLocked(StoreUnavailable, Locked):
    """The transaction did not get its turn."""


class Deadlocked(StoreLocked):
    """It waited for a transaction that waited for it, and was the one that the server ended."""


class NotStorable(Exception):
    """The engine refuses a value, and will again. The transaction left nothing behind."""


class DiskFull(StoreUnavailable):
    """There is no room for what was to be stored."""
