"""Reads the values behind `env:NAME` and `file:PATH` when a request is sent, and keeps none of them."""

import os
import stat
from pathlib import Path

from tui.domain.headers import is_header_value
from tui.domain.secret import Secret

_LONGEST = 16 * 1024


class SecretUnavailable(Exception):
    """A secret's value cannot be had, so nothing is sent; the message never holds the value."""


def reveal(secret: Secret) -> str:
    """The value itself, read now if it is a reference. Raises SecretUnavailable."""
    value = secret.around(look_up(secret.reference)) if secret.is_reference else secret.value.strip()
    if not is_header_value(value):
        raise SecretUnavailable(f"the value of {secret.shown} has a character that a header cannot carry")
    return value


def look_up(reference: str) -> str:
    """What `env:NAME` or `file:PATH` refers to, without the space around it. Raises SecretUnavailable."""
    kind, _, name = reference.partition(":")
    if kind == "file":
        return _read(name).strip()
    value = os.environ.get(name)
    if value is None:
        raise SecretUnavailable(f"the environment variable {name} is not set")
    return value.strip()


def private_file(name: str) -> Path:
    """The path of the file `name`, a secret: not one that everybody on this machine can read.

    Raises SecretUnavailable. Its group may read it: that is how a service gets at its secrets.
    """
    path = regular_file(name)
    if path.stat().st_mode & stat.S_IROTH:
        raise SecretUnavailable(
            f"the file {name} can be read by everybody on this machine; make it private: chmod 600"
        )
    return path


def regular_file(name: str) -> Path:
    """The path of the file `name`, `~` put in place; raises SecretUnavailable if there is none."""
    try:
        path = Path(name).expanduser()
        if stat.S_ISREG(path.stat().st_mode):
            return path
        reason = "it is not a regular file"  # a pipe would be waited for
    except OSError as error:
        reason = error.strerror
    except (ValueError, RuntimeError):  # a NUL in it, or the home of a user there is not
        reason = "there can be no such file"
    raise SecretUnavailable(f"the file {name} cannot be read: {reason}")


def _read(name: str) -> str:
    try:
        with private_file(name).open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except UnicodeDecodeError:
        reason = "it is not text"
    except OSError as error:
        reason = error.strerror
    raise SecretUnavailable(f"the file {name} cannot be read: {reason}")
