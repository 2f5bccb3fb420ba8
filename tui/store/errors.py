"""What can go wrong with a database, in words for a person, whichever engine it is."""


class CannotOpen(Exception):
    """The database cannot be used at all; the program does not start."""


class StoreUnavailable(Exception):
    """The database does not answer now (locked, disk full, gone) and may again later.

    The transaction left nothing behind; the same work can be tried again.
    """
