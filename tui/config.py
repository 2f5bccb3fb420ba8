"""The configuration: options, else environment variables, else the configuration file, else defaults."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from tui import config_file
from tui.domain.errors import Invalid
from tui.domain.filter_language import parse_filter
from tui.domain.host import check_host
from tui.domain.network import NetworkPolicy, PolicyName, parse_allow, parse_policy
from tui.domain.pacing import parse_rate
from tui.domain.proxy import Proxies, parse_proxies
from tui.domain.repeats import DEFAULT_REVIVE_MS, parse_revive_after
from tui.domain.retry import DEFAULT_DELAYS_MS, RetryPolicy, parse_delays
from tui.domain.secret import Secret, check_reference
from tui.domain.sns import parse_topic

if TYPE_CHECKING:
    from tui.intake.formats import Formats

_VARIABLES = {
    "db": "TOCSIN_DB",
    "log": "TOCSIN_LOG",
    "link_template": "TOCSIN_LINK_TEMPLATE",
    "retry.delays": "TOCSIN_RETRY_DELAYS",
    "dispatch.concurrency": "TOCSIN_CONCURRENCY",
    "dispatch.per_destination": "TOCSIN_PER_DESTINATION",
    "listen.address": "TOCSIN_LISTEN",
    "listen.token": "TOCSIN_LISTEN_TOKEN",
    "listen.rate": "TOCSIN_LISTEN_RATE",
    "listen.hosts": "TOCSIN_LISTEN_HOSTS",
    "listen.sns_topics": "TOCSIN_LISTEN_SNS_TOPICS",
    "repeats.revive_after": "TOCSIN_REVIVE_AFTER",
    "network.policy": "TOCSIN_NETWORK_POLICY",
    "network.allow": "TOCSIN_NETWORK_ALLOW",
}


@dataclass(frozen=True, slots=True)
class Config:
    db: str
    """The absolute path of an SQLite file, or a postgresql:// URL."""
    log: Path
    link_template: str = ""
    """The URL of an alert's page; `{alertId}` is replaced by the alert's id."""
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 64
    per_destination: int = 16
    listen: tuple[str, int] | None = None
    """Address and port of the HTTP endpoint; None disables it."""
    listen_token: Secret | None = None
    listen_rate: float | None = None
    """The maximum of requests per second for each token without its own rate; None for no limit."""
    listen_hosts: frozenset[str] = frozenset()
    """Names of the endpoint, in lower case, in addition to addresses and `localhost`."""
    sns_topics: frozenset[str] = frozenset()
    """ARNs of the SNS topics whose subscriptions the endpoint confirms."""
    revive_after_ms: int | None = DEFAULT_REVIVE_MS
    """See `domain.repeats`; None if repeats never queue an alert again."""
    network: NetworkPolicy = field(default_factory=NetworkPolicy)
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Names the proxies. Never shown, because it may contain passwords."""
    own_formats: "Formats | None" = None
    """The alert formats if the configuration defines any; None for the built-in ones."""
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """The app's keys by the id of the action; the app defines the ids."""
    shapes: Path | None = None
    """The directory of your own shapes; it need not exist."""
    kept: Path = Path()
    """The file in which the app remembers its theme, screen and filter."""
    filters: tuple[tuple[str, str], ...] = ()
    """Names and texts of the filters that the app offers."""
    warning: str = ""
    """A warning about the configuration file, which is still used; empty for none."""

    @property
    def formats(self) -> "Formats":
        from tui.intake.formats import built_in  # imported late, because most commands read no alerts

        return self.own_formats or built_in()

    @property
    def proxies(self) -> Proxies:
        """Raises Invalid for an unusable proxy: only here, because most commands send nothing."""
        return parse_proxies(self.environment)


def load(
    *,
    db: str | None,
    file: str | None,
    log: str | None,
    listen: str | None = None,
    network_policy: str | None = None,
    network_allow: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Return the configuration. Raises Invalid with the name and source of an invalid setting.

    All arguments except `environment` are command-line options. A configuration file that is named must
    exist; the default one need not.
    """
    asked = file or environment.get("TOCSIN_CONFIG")
    path = _path({"config": asked}, "config", Path()) if asked else None
    settings = config_file.read(path)
    warning = config_file.exposure(path or config_file.default_path(), settings)
    settings |= {key: environment[name] for key, name in _VARIABLES.items() if environment.get(name)}
    flags = {
        "db": db,
        "log": log,
        "listen.address": listen,
        "network.policy": network_policy,
        "network.allow": network_allow,
    }
    settings |= {key: value for key, value in flags.items() if value}
    listening = _text(settings, "listen.address")
    variable = _VARIABLES["retry.delays"]
    source = variable if environment.get(variable) else f"{path or config_file.default_path()}: retry.delays"
    return Config(
        db=_database(settings),
        log=_path(settings, "log", platformdirs.user_log_path("tocsin") / "tocsin.log"),
        link_template=_text(settings, "link_template"),
        policy=RetryPolicy(_delays(settings.get("retry.delays"), source)),
        concurrency=_count(settings, "dispatch.concurrency", 64),
        per_destination=_count(settings, "dispatch.per_destination", 16),
        listen=parse_address(listening) if listening else None,
        listen_token=_token(_text(settings, "listen.token")),
        listen_rate=_rate(settings.get("listen.rate", 0)),
        listen_hosts=_hosts(settings.get("listen.hosts", [])),
        sns_topics=_topics(settings.get("listen.sns_topics", [])),
        revive_after_ms=_revive_after(settings.get("repeats.revive_after", "15m")),
        network=_network(settings),
        environment=environment,
        own_formats=settings.get("formats"),
        keys=_keys(settings.get("keys", {})),
        shapes=(path or config_file.default_path()).parent / "shapes",
        kept=platformdirs.user_state_path("tocsin") / "kept.json",
        filters=_filters(settings.get("filters", {})),
        warning=warning,
    )


_CONNECTION_STRING = re.compile(
    r"(?:^|[\s'\"])(?:host|hostaddr|port|user|password|dbname|service|sslmode)\s*=|:[^\s/]*@", re.IGNORECASE
)
"""libpq's `host=… password=…`, or a URL without its scheme: not a path, which messages would show."""


def _database(settings: Mapping[str, Any]) -> str:
    given = _text(settings, "db")
    scheme, separator, rest = given.partition("://")
    if separator and scheme.lower() in ("postgresql", "postgres"):
        return f"postgresql://{rest}"
    wrong = given.startswith(("postgresql:", "postgres:"))  # a missing slash
    if separator or wrong or _CONNECTION_STRING.search(given):
        raise Invalid(
            "db", "--db must be a file path or a postgresql:// URL, like postgresql://USER@HOST:PORT/NAME"
        )
    return str(_path(settings, "db", platformdirs.user_data_path("tocsin") / "tocsin.db").absolute())


def parse_address(given: str) -> tuple[str, int]:
    """Parse an IP address (or `localhost`, which means 127.0.0.1) and a port. Raises Invalid (`listen`)."""
    host, _, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if port.isascii() and port.isdigit() and int(port) <= 65535:
            return str(address), int(port)
    except ValueError:
        pass
    raise Invalid(
        "listen", f"--listen must be an address and a port, like 127.0.0.1:8808 or [::1]:8808, not {given!r}"
    )


def _token(given: str) -> Secret | None:
    if not given:
        return None
    token = Secret(given)
    check_reference(token, "listen.token")
    return token


def _rate(given: object) -> float | None:
    try:
        return parse_rate(str(given))
    except Invalid as error:
        raise Invalid("listen.rate", f"listen.rate: {error.message}") from None


def _revive_after(given: object) -> int | None:
    try:
        return parse_revive_after(str(given))
    except Invalid as error:
        raise Invalid("repeats.revive_after", f"repeats.revive_after must be {error.message}") from None


def _hosts(given: object) -> frozenset[str]:
    if isinstance(given, str):
        given = [part for part in given.replace(" ", "").split(",") if part]
    wrong = Invalid("listen.hosts", 'listen.hosts must be a list of names, like ["alerts.example.com"]')
    if not isinstance(given, list):
        raise wrong
    for name in given:
        if not isinstance(name, str) or ":" in name:
            raise wrong
        try:
            check_host(name)
        except Invalid:
            raise wrong from None
    return frozenset(name.lower().removesuffix(".") for name in given)


def _topics(given: object) -> frozenset[str]:
    if isinstance(given, str):
        given = given.replace(",", " ").split()
    if not isinstance(given, list):
        raise Invalid("listen.sns_topics", "listen.sns_topics must be a list of ARNs")
    try:
        return frozenset(parse_topic(str(topic)) for topic in given)
    except Invalid as error:
        raise Invalid("listen.sns_topics", f"listen.sns_topics: {error.message}") from None


def _path(settings: Mapping[str, Any], key: str, default: Path) -> Path:
    try:
        return Path(_text(settings, key) or default).expanduser()
    except RuntimeError:
        raise Invalid(
            key, f"{key}: cannot find the home directory in {settings[key]}; use an absolute path"
        ) from None


def _network(settings: Mapping[str, Any]) -> NetworkPolicy:
    allow = settings.get("network.allow", [])
    if isinstance(allow, str):
        allow = allow.replace(",", " ").split()
    if not isinstance(allow, list):
        raise Invalid("network.allow", 'network.allow must be a list of networks, like ["10.0.0.0/8"]')
    return NetworkPolicy(
        parse_policy(_text(settings, "network.policy") or PolicyName.LOCAL), parse_allow(allow)
    )


def _delays(given: object, source: str) -> tuple[int, ...]:
    if given is None:
        return DEFAULT_DELAYS_MS
    if isinstance(given, str):
        given = [part for part in given.replace(" ", "").split(",") if part]
    if not isinstance(given, list):
        raise Invalid("retry.delays", f"{source} must be a list of seconds, like [5, 15, 30]")
    try:
        return parse_delays(given)
    except Invalid as error:
        raise Invalid("retry.delays", f"{source}: {error.message}") from None


def _keys(given: object, above: str = "") -> dict[str, str]:
    """Return the keys by id. TOML reads a dotted id without quotation marks as nested tables."""
    if not isinstance(given, dict):
        raise Invalid("keys", 'keys must be a table of strings, like "alerts.resend" = "x"')
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
            "filters", 'filters must be a table of strings, like "night shift" = "severity:>=high since:12h"'
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
        raise Invalid(
            key, f"{key} must be a string in quotation marks"
        )  # without the value, which may be a secret
    return value


def _count(settings: Mapping[str, Any], key: str, default: int) -> int:
    value = settings.get(key, default)
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if not 1 <= number <= 1024:
        raise Invalid(key, f"{key} must be a number from 1 to 1024, not {value!r}")
    return number
