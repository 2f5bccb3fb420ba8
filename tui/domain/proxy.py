"""Choose the proxy for a request from the usual environment variables.

These are `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower or upper case; lower case takes
precedence. No standard defines them. As in Go, requests to this machine never use a proxy; otherwise this
follows curl.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from urllib.parse import unquote, urlsplit

from tui.domain.errors import Invalid
from tui.domain.network import Network, is_local, literal


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, reached without TLS."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    """The value of a Proxy-Authorization header."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Exempt:
    """An entry of NO_PROXY."""

    name: str = ""
    """A domain, including its subdomains."""
    network: Network | None = None
    port: int | None = None

    def holds(self, host: str, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is not None:
            address = literal(host)
            return address is not None and address in self.network
        return host == self.name or host.endswith(f".{self.name}")


@dataclass(frozen=True, slots=True)
class Proxies:
    https: Proxy | None = None
    http: Proxy | None = None
    exempt: tuple[_Exempt, ...] = ()

    def of(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a request to `host`, a name or an address without brackets; None for none."""
        proxy = self.https if scheme == "https" else self.http
        if proxy is None or is_local(host):
            return None
        name = host.lower().removesuffix(".")
        return None if any(entry.holds(name, port) for entry in self.exempt) else proxy

    def __str__(self) -> str:
        """Describe the proxies, as in `proxy 127.0.0.1:3128 for https`; empty if there are none."""
        if self.https == self.http:
            return f"proxy {self.https}" if self.https else ""
        given = [(self.https, "https"), (self.http, "http")]
        return ", ".join(f"proxy {proxy} for {scheme}" for proxy, scheme in given if proxy)


def parse_proxies(environment: Mapping[str, str]) -> Proxies:
    """Return the proxies set in `environment`.

    Raises Invalid (`proxy`) with the name of the variable but without its value, which may hold a password.
    """
    exempt = _variable(environment, "no_proxy")[1].replace(",", " ").split()
    if "*" in exempt:
        return Proxies()
    return Proxies(
        _proxy_for(environment, "https"), _proxy_for(environment, "http"), tuple(map(_parse_exempt, exempt))
    )


def _variable(environment: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Return the first of `names` that is set, and its value. An empty one hides its upper-case spelling."""
    for name in names:
        for spelled in (name, name.upper()):
            if spelled in environment:
                if environment[spelled].strip():
                    return spelled, environment[spelled].strip()
                break
    return names[0], ""


def _proxy_for(environment: Mapping[str, str], scheme: str) -> Proxy | None:
    name, value = _variable(environment, f"{scheme}_proxy", "all_proxy")
    return _parse_proxy(name, value) if value else None


def _parse_proxy(name: str, value: str) -> Proxy:
    malformed = Invalid("proxy", f"{name} is not a proxy URL; write it like http://proxy.example.com:3128")
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise malformed from None
    if parts.scheme != "http":
        raise Invalid(
            "proxy",
            f"{name} is a {parts.scheme}:// proxy; Tocsin supports only http:// proxies, which also carry "
            f"https; use one of those or unset {name}",
        )
    if not host or port == 0 or not host.isprintable() or " " in host:
        raise malformed
    return Proxy(host, port or 80, _authorization(parts.username, parts.password))


def _authorization(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    plain = f"{unquote(user)}:{unquote(password or '')}".encode()
    return "Basic " + base64.b64encode(plain).decode()


def _parse_exempt(entry: str) -> _Exempt:
    network = _network(entry)
    if network is not None:
        return _Exempt(network=network)
    host, _, port = entry.rpartition(":")
    if not (host and port.isascii() and port.isdigit()):
        host, port = entry, ""
    name = host.lower().removeprefix("*").removeprefix(".").removesuffix(".")
    return _Exempt(name=name, network=_network(host), port=int(port) if port else None)


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None
