"""What a person can set: flags, else environment, else the configuration file, else defaults."""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from tui.domain.errors import Invalid
from tui.domain.filter import parse_filter
from tui.domain.retry import DEFAULT_DELAYS_MS, RetryPolicy, parse_delays
from tui.domain.secret import Secret, check_reference

if TYPE_CHECKING:
    from tui.intake.formats import Formats

_KEYS = (
    "db",
    "log",
    "link_template",
    "retry.delays",
    "dispatch.concurrency",
    "dispatch.per_destination",
    "listen.address",
    "listen.token",
    "keys",
    "filters",
)
_VARIABLES = {
    "db": "TOCSIN_DB",
    "log": "TOCSIN_LOG",
    "link_template": "TOCSIN_LINK_TEMPLATE",
    "retry.delays": "TOCSIN_RETRY_DELAYS",
    "dispatch.concurrency": "TOCSIN_CONCURRENCY",
    "dispatch.per_destination": "TOCSIN_PER_DESTINATION",
    "listen.address": "TOCSIN_LISTEN",
    "listen.token": "TOCSIN_LISTEN_TOKEN",
}


@dataclass(frozen=True, slots=True)
class Config:
    db: str
    """The absolute path of an SQLite file, or a postgresql:// URL."""
    log: Path
    link_template: str = ""
    """Where an alert can be looked at, with `{alertId}` to be filled in."""
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 64
    per_destination: int = 16
    listen: tuple[str, int] | None = None
    """Address and port on which alerts are taken over HTTP; None for not at all."""
    listen_token: Secret | None = None
    own_formats: "Formats | None" = None
    """The formats of alerts, if the configuration has any of its own; None for those built in."""
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """The app's keys by the id of what they do; the app knows the ids."""
    kept: Path = Path()
    """Where the app keeps its theme, screen and filter."""
    filters: tuple[tuple[str, str], ...] = ()
    """Names and texts of filters the app offers."""

    @property
    def formats(self) -> "Formats":
        from tui.intake.formats import built_in  # here, because most commands read no alerts

        return self.own_formats or built_in()


def default_config_path() -> Path:
    return platformdirs.user_config_path("tocsin") / "config.toml"


def load(
    *,
    db: str | None,
    file: str | None,
    log: str | None,
    listen: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Put the configuration together. Raises Invalid naming the setting and where it was found.

    `db`, `file`, `log` and `listen` are the flags. A file that was asked for has to be there; the default one
    need not.
    """
    asked = file or environment.get("TOCSIN_CONFIG")
    settings = _from_file(_path({"config": asked}, "config", Path()) if asked else None)
    settings |= {key: environment[name] for key, name in _VARIABLES.items() if environment.get(name)}
    settings |= {
        key: value for key, value in {"db": db, "log": log, "listen.address": listen}.items() if value
    }
    listening = _text(settings, "listen.address")
    return Config(
        db=_database(settings),
        log=_path(settings, "log", platformdirs.user_log_path("tocsin") / "tocsin.log"),
        link_template=_text(settings, "link_template"),
        policy=RetryPolicy(_delays(settings.get("retry.delays"))),
        concurrency=_count(settings, "dispatch.concurrency", 64),
        per_destination=_count(settings, "dispatch.per_destination", 16),
        listen=parse_address(listening) if listening else None,
        listen_token=_token(_text(settings, "listen.token")),
        own_formats=settings.get("formats"),
        keys=_keys(settings.get("keys", {})),
        kept=platformdirs.user_state_path("tocsin") / "kept.json",
        filters=_filters(settings.get("filters", {})),
    )


def _from_file(asked: Path | None) -> dict[str, Any]:
    path = asked or default_config_path()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if asked is None:
            return {}
        raise Invalid("config", f"there is no configuration file {path}") from None
    except OSError as error:
        raise Invalid("config", f"the configuration file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("config", f"the configuration file {path} is not TOML: {error}") from None
    settings: dict[str, Any] = {}
    if "formats" in tables:
        settings["formats"] = _formats(path, tables.pop("formats"))
    for name, value in tables.items():
        entries = (
            {f"{name}.{key}": inner for key, inner in value.items()}
            if isinstance(value, dict) and name not in ("keys", "filters")
            else {name: value}
        )
        settings |= entries
    for key in settings:
        if key not in (*_KEYS, "formats"):
            close = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it knows {', '.join(_KEYS)}"
            raise Invalid("config", f"{path}: unknown setting {key}; {hint}")
    return settings


def _formats(path: Path, tables: object) -> "Formats":
    from tui.intake.formats import parse_formats

    try:
        return parse_formats(tables)
    except Invalid as error:
        raise Invalid("config", f"{path}: {error.message}") from None


def _database(settings: Mapping[str, Any]) -> str:
    given = _text(settings, "db")
    scheme, separator, rest = given.partition("://")
    if not separator:
        return str(_path(settings, "db", platformdirs.user_data_path("tocsin") / "tocsin.db").absolute())
    if scheme not in ("postgresql", "postgres"):
        raise Invalid("db", "--db takes the path of a file, or a postgresql:// URL")
    return f"postgresql://{rest}"


def parse_address(given: str) -> tuple[str, int]:
    """An IP address (`localhost` stands for 127.0.0.1) and a port. Raises Invalid (`listen`)."""
    host, _, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if port.isascii() and port.isdigit() and int(port) <= 65535:
            return str(address), int(port)
    except ValueError:
        pass
    raise Invalid(
        "listen", f"--listen takes an address and a port, like 127.0.0.1:8808 or [::1]:8808, not {given!r}"
    )


def _token(given: str) -> Secret | None:
    if not given:
        return None
    token = Secret(given)
    check_reference(token, "listen.token")
    return token


def _path(settings: Mapping[str, Any], key: str, default: Path) -> Path:
    try:
        return Path(_text(settings, key) or default).expanduser()
    except RuntimeError:
        raise Invalid(key, f"{key}: nobody's home is at {settings[key]}") from None


def _delays(given: object) -> tuple[int, ...]:
    if given is None:
        return DEFAULT_DELAYS_MS
    if isinstance(given, str):
        given = [part for part in given.replace(" ", "").split(",") if part]
    if not isinstance(given, list):
        raise Invalid("retry.delays", "retry.delays is a list of seconds, like [5, 15, 30]")
    return parse_delays(given)


def _keys(given: object, above: str = "") -> dict[str, str]:
    """By id, which TOML takes for tables in tables where it stands without quotation marks."""
    if not isinstance(given, dict):
        raise Invalid("keys", 'keys is a table of texts, like "alerts.resend" = "x"')
    keys: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, dict):
            keys |= _keys(value, f"{above}{name}.")
        else:
            keys[f"{above}{name}"] = _text({name: value}, name)
    return keys


def _filters(given: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict):
        raise Invalid(
            "filters", 'filters is a table of texts, like "night shift" = "severity:>=high since:12h"'
        )
    filters = tuple((str(name), _text({name: value}, name)) for name, value in given.items())
    for name, text in filters:
        try:
            parse_filter(text)
        except Invalid as problem:
            raise Invalid("filters", f"the filter {name!r}: {problem.message}") from None
    return filters


def _text(settings: Mapping[str, Any], key: str) -> str:
    value = settings.get(key, "")
    if not isinstance(value, str) or "\0" in value:
        raise Invalid(key, f"{key} is a text in quotation marks, not {value!r}")
    return value


def _count(settings: Mapping[str, Any], key: str, default: int) -> int:
    value = settings.get(key, default)
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if not 1 <= number <= 1024:
        raise Invalid(key, f"{key} is a number from 1 to 1024, not {value!r}")
    return number
