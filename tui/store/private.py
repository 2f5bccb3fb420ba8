"""Keep Tocsin's files from other users of the machine, including files that the user created."""

import contextlib
import errno
import os
import stat
from pathlib import Path


def make_directory(path: Path) -> None:
    """Create the directory `path` and its missing parents with mode 0700. Raises OSError.

    `Path.mkdir(parents=True)` would create the parents with the mode that the umask allows.
    """
    try:
        _make_one(path)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_directory(path.parent)
        _make_one(path)  # only once: in /proc it fails although the parent exists


def _make_one(path: Path) -> None:
    try:
        path.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        if not path.is_dir():
            raise


def refuse_planted_link(path: Path) -> None:
    """Raise PermissionError if `path` is a symbolic link that another user owns.

    Data written through it would go to a file of their choice. Our own links and root's are followed.
    """
    try:
        found = path.lstat()
    except OSError:  # the caller's open reports it better
        return
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EACCES, "it is a symbolic link that belongs to another user")


def refuse_foreign_file(path: Path) -> None:
    """Raise PermissionError if another user may have made the file `path`, to read what we write to it.

    Files of ours and of root are taken, files that a group of ours shares, and files of a user in that user's
    own directory: root may look at the database of a service. A missing file is fine.
    """
    try:
        found = path.stat()
    except OSError:
        return
    if found.st_uid == os.geteuid() or not stat.S_ISREG(found.st_mode):
        return
    if found.st_mode & stat.S_IWOTH:
        raise PermissionError(errno.EACCES, "every user can write to it")
    shared = found.st_mode & stat.S_IWGRP and found.st_gid in (os.getegid(), *os.getgroups())
    if found.st_uid != 0 and not shared and not _is_in_directory_of(found.st_uid, path):
        raise PermissionError(errno.EACCES, f"it belongs to another user (uid {found.st_uid})")


def _is_in_directory_of(owner: int, path: Path) -> bool:
    """Return whether nobody but `owner` and root could have put the file `path` where it is."""
    directory = path.resolve().parent.stat()
    return directory.st_uid == owner and not directory.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_for_everybody(path: Path) -> bool:
    """Return whether every user of the machine may read the file `path`."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def close_to_others(path: Path) -> None:
    """Remove all permissions of other users from the file `path`; its group keeps its permissions.

    Several users of a machine share a database through a group. A file that another user owns is unchanged.
    """
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            os.chmod(path, mode & ~stat.S_IRWXO)
