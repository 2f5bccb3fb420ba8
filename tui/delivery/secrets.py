"""Resolves `env:NAME` and `file:PATH` references when a request is sent. No value is cached."""

import os
import stat
from pathlib import Path

from tui.domain.headers import is_header_value
from tui.domain.secret import Secret

_LONGEST = 16 * 1024


class SecretUnavailable(Exception):
    """A secret's value is not available, so nothing is sent. The message never contains the value."""


def reveal(secret: Secret) -> str:
    """Return the value of a secret, resolving a reference. Raises SecretUnavailable."""
    value = secret.around(look_up(secret.reference)) if secret.is_reference else secret.value.strip()
    if not is_header_value(value):
        raise SecretUnavailable(f"the value of {secret.shown} contains a character not allowed in headers")
    return value


def look_up(reference: str) -> str:
    """Return the value of `env:NAME` or `file:PATH`, stripped. Raises SecretUnavailable."""
    kind, _, name = reference.partition(":")
    if kind == "file":
        return _read(name).strip()
    value = os.environ.get(name)
    if value is None:
        raise SecretUnavailable(f"the environment variable {name} is not set")
    return value.strip()


def private_file(name: str) -> Path:
    """Return the path of a file that holds a secret. Raises SecretUnavailable if every user can read it.

    Its group may read it, because services often get their secrets that way.
    """
    path = regular_file(name)
    if path.stat().st_mode & stat.S_IROTH:
        raise SecretUnavailable(
            f"every user on this machine can read the file {name}; restrict it with chmod 600"
        )
    return path


def regular_file(name: str) -> Path:
    """Return the path of a regular file, with `~` expanded. Raises SecretUnavailable if there is none."""
    try:
        path = Path(name).expanduser()
        if stat.S_ISREG(path.stat().st_mode):
            return path
        reason = "it is not a regular file"  # reading a pipe would block
    except OSError as error:
        reason = error.strerror
    except (ValueError, RuntimeError):  # a NUL byte, or the home of an unknown user
        reason = "the path is not valid"
    raise SecretUnavailable(f"cannot read the file {name}: {reason}")


def _read(name: str) -> str:
    try:
        with private_file(name).open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except UnicodeDecodeError:
        reason = "it is not text"
    except OSError as error:
        reason = error.strerror
    raise SecretUnavailable(f"cannot read the file {name}: {reason}")
