"""Reads the values behind `env:NAME` and `file:PATH` when a request is sent, and keeps none of them."""

import os
from pathlib import Path

from tui.domain.destination import is_header_value
from tui.domain.secret import Secret

_LONGEST = 16 * 1024


class SecretUnavailable(Exception):
    """A secret's value cannot be had, so nothing is sent; the message never holds the value."""


def reveal(secret: Secret) -> str:
    """The value itself, read now if it is a reference. Raises SecretUnavailable."""
    kind, _, name = secret.value.partition(":")
    match kind:
        case "env":
            value = os.environ.get(name)
            if value is None:
                raise SecretUnavailable(f"the environment variable {name} is not set")
        case "file":
            value = _read(name)
        case _:
            value = secret.value
    value = value.strip()
    if not is_header_value(value):
        raise SecretUnavailable(f"the value of {secret.shown} has a character that a header cannot carry")
    return value


def _read(name: str) -> str:
    try:
        path = Path(name).expanduser()
        if path.exists() and not path.is_file():
            raise SecretUnavailable(
                f"the file {name} cannot be read: it is not a regular file"
            )  # a pipe would be waited for
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except UnicodeDecodeError:
        reason = "it is not text"
    except OSError as error:
        reason = error.strerror
    except (ValueError, RuntimeError):  # a NUL in it, or the home of a user there is not
        reason = "there can be no such file"
    raise SecretUnavailable(f"the file {name} cannot be read: {reason}")
