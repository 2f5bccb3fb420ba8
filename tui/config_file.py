"""The configuration file: its allowed settings, and a check that its secrets are private."""

import stat
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import platformdirs

from tui.domain.errors import Invalid
from tui.domain.secret import Secret
from tui.store.private import is_for_everybody

if TYPE_CHECKING:
    from tui.intake.formats import Formats
    from tui.intake.json_text import JSON

_KEYS = (
    "db",
    "log",
    "link_template",
    "retry.delays",
    "dispatch.concurrency",
    "dispatch.per_destination",
    "listen.address",
    "listen.token",
    "listen.rate",
    "listen.hosts",
    "listen.sns_topics",
    "repeats.revive_after",
    "network.policy",
    "network.allow",
    "keys",
    "filters",
)

_READING = ("formats", "severities", "recoveries")
"""The tables that say how to read alerts."""


def default_path() -> Path:
    return platformdirs.user_config_path("tocsin") / "config.toml"


def read(asked: Path | None) -> dict[str, Any]:
    """Return the settings by their dotted names. Raises Invalid (`config`).

    Only the formats are parsed; other values are returned as they are. A file that is named must exist; the
    default one need not.
    """
    path = asked or default_path()
    try:
        if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):  # a pipe may never end
            raise Invalid("config", f"the configuration file {path} is not a regular file")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if asked is None:
            return {}
        raise Invalid("config", f"the configuration file {path} does not exist") from None
    except OSError as error:
        raise Invalid("config", f"cannot read the configuration file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("config", f"the configuration file {path} is not valid TOML: {error}") from None
    settings: dict[str, Any] = {}
    reading = [tables.pop(name, {}) for name in _READING] if any(name in tables for name in _READING) else []
    if reading:
        settings["formats"] = _formats(path, *reading)
    for name, value in tables.items():
        entries = (
            {f"{name}.{key}": inner for key, inner in value.items()}
            if isinstance(value, dict) and name not in ("keys", "filters")
            else {name: value}
        )
        settings |= entries
    known = (*_KEYS, *_READING)
    for key in settings:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"
            raise Invalid("config", f"{path}: unknown setting {key}; {hint}")
    return settings


def exposure(path: Path, settings: Mapping[str, Any]) -> str:
    """Return a warning if every user can read secrets in the file `path`; else an empty string.

    The permissions are not changed: the file belongs to its owner, and another tool may manage it.
    """
    secret = [
        key
        for key, is_secret in (("db", _has_password), ("listen.token", _is_written_out))
        if isinstance(value := settings.get(key), str) and is_secret(value)
    ]
    if not secret or not is_for_everybody(path):
        return ""
    return (
        f"every user of this machine can read the secret in {path} ({', '.join(secret)}); "
        "make the file private with chmod 600"
    )


def _has_password(db: str) -> bool:
    try:
        parts = urlsplit(db)
        return parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:  # reported where the URL is parsed
        return True


def _is_written_out(token: str) -> bool:
    return bool(token) and not Secret(token).is_reference


def _formats(path: Path, tables: "JSON", severities: "JSON", recoveries: "JSON") -> "Formats":
    from tui.intake.formats import parse_formats

    try:
        return parse_formats(tables, severities, recoveries)
    except Invalid as error:
        raise Invalid("config", f"{path}: {error.message}") from None
