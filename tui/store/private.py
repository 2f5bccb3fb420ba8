"""Files of ours are not for everybody on this machine, also those that were made by hand."""

import contextlib
import errno
import os
import stat
from pathlib import Path


def make_directory(path: Path) -> None:
    """The directory `path` is there afterwards; it and all above it that were missing, their owner's alone.

    `Path.mkdir(parents=True)` makes those above as the umask has it. Raises OSError.
    """
    try:
        _make_one(path)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_directory(path.parent)
        _make_one(path)  # once: in /proc there is no place for it though all above it is there


def _make_one(path: Path) -> None:
    try:
        path.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        if not path.is_dir():
            raise


def refuse_planted_link(path: Path) -> None:
    """Raises PermissionError where `path` is a symbolic link that somebody else has put there.

    What is written through it would go to a file of their choice. Our own links, and root's, are followed.
    """
    try:
        found = path.lstat()
    except OSError:  # said better by whoever opens it
        return
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EACCES, "it is a symbolic link that belongs to another user")


def is_for_everybody(path: Path) -> bool:
    """Whether everybody on this machine may read the file `path`."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def close_to_others(path: Path) -> None:
    """Take from everybody what they may do with the file `path`; its group keeps what it has.

    A group is how several people of one machine share a database. Somebody else's file is left alone.
    """
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            os.chmod(path, mode & ~stat.S_IRWXO)
