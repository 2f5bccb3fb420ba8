"""The network policy: which addresses alerts may be sent to, and a table of all non-public addresses.

The standard library's `is_global` and `is_private` are not used: they treat `::127.0.0.1`, `64:ff9b::7f00:1`,
`fec0::1` and multicast as global. The table follows the IANA special-purpose address registries (RFC 6890,
as of 2025) and adds the addresses of cloud metadata services, which hand out credentials. Addresses that IANA
has not assigned are reserved.
"""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from tui.domain.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class PolicyName(StrEnum):
    LOCAL = "local"
    """Allows this machine, private networks and the internet."""
    PUBLIC = "public"
    """Allows only the internet."""


class _Rule(Enum):
    NEVER = 1
    """Blocked under every policy: no receiver is there, or one that hands out the machine's credentials."""
    NOT_PUBLIC = 2
    ANY = 3


_METADATA = "a cloud's metadata address"
_PRIVATE = "a private address"
_DOCUMENTATION = "an address for documentation"
_PROTOCOLS = "an address reserved for protocols"

# The first network that contains an address decides.
_TABLE: tuple[tuple[str, _Rule, str], ...] = (
    ("0.0.0.0/32", _Rule.NEVER, "the unspecified address (use 127.0.0.1 for this machine)"),
    ("0.0.0.0/8", _Rule.NEVER, "an address of this network, which no machine has"),
    ("169.254.0.0/16", _Rule.NEVER, "a link-local address (cloud metadata)"),
    ("100.100.100.200/32", _Rule.NEVER, _METADATA),  # Alibaba
    ("168.63.129.16/32", _Rule.NEVER, _METADATA),  # Azure
    ("192.0.0.192/32", _Rule.NEVER, _METADATA),  # Oracle
    ("224.0.0.0/4", _Rule.NEVER, "a multicast address"),
    ("255.255.255.255/32", _Rule.NEVER, "the broadcast address"),
    ("240.0.0.0/4", _Rule.NEVER, "a reserved address"),
    ("127.0.0.0/8", _Rule.NOT_PUBLIC, "a loopback address"),
    ("10.0.0.0/8", _Rule.NOT_PUBLIC, _PRIVATE),
    ("172.16.0.0/12", _Rule.NOT_PUBLIC, _PRIVATE),
    ("192.168.0.0/16", _Rule.NOT_PUBLIC, _PRIVATE),
    ("100.64.0.0/10", _Rule.NOT_PUBLIC, "a shared address behind a provider's NAT"),
    ("192.0.0.0/24", _Rule.NOT_PUBLIC, _PROTOCOLS),
    ("192.0.2.0/24", _Rule.NOT_PUBLIC, _DOCUMENTATION),
    ("198.51.100.0/24", _Rule.NOT_PUBLIC, _DOCUMENTATION),
    ("203.0.113.0/24", _Rule.NOT_PUBLIC, _DOCUMENTATION),
    ("198.18.0.0/15", _Rule.NOT_PUBLIC, "an address for benchmarks"),
    ("192.88.99.0/24", _Rule.NOT_PUBLIC, "an address of 6to4 relays"),
    ("0.0.0.0/0", _Rule.ANY, ""),
    ("::/128", _Rule.NEVER, "the unspecified address (use ::1 for this machine)"),
    ("::1/128", _Rule.NOT_PUBLIC, "a loopback address"),
    ("fe80::/10", _Rule.NEVER, "a link-local address (cloud metadata)"),
    ("fd00:ec2::/32", _Rule.NEVER, _METADATA),  # AWS
    ("fd20:ce::254/128", _Rule.NEVER, _METADATA),  # Google
    ("fd00:c1::a9fe:a9fe/128", _Rule.NEVER, _METADATA),  # Oracle
    ("fd00:a9fe:a9fe::1/128", _Rule.NEVER, _METADATA),  # Akamai
    ("fd00:42::42/128", _Rule.NEVER, _METADATA),  # Scaleway
    ("fd00:100::100:200/128", _Rule.NEVER, _METADATA),  # Alibaba
    ("ff00::/8", _Rule.NEVER, "a multicast address"),
    ("fc00::/7", _Rule.NOT_PUBLIC, _PRIVATE),
    ("fec0::/10", _Rule.NOT_PUBLIC, "a site-local address"),
    ("::ffff:0:0/96", _Rule.ANY, ""),  # checked as the embedded IPv4 address, which is connected to
    ("64:ff9b::/96", _Rule.ANY, ""),  # likewise, through a translator
    ("64:ff9b:1::/48", _Rule.NOT_PUBLIC, "an address of a private NAT64"),
    ("2001::/32", _Rule.NOT_PUBLIC, "a Teredo address"),
    ("2001:2::/48", _Rule.NOT_PUBLIC, "an address for benchmarks"),
    ("2001:10::/28", _Rule.NOT_PUBLIC, "an ORCHID, which is not routed"),
    ("2001:20::/28", _Rule.NOT_PUBLIC, "an ORCHID, which is not routed"),
    ("2001::/23", _Rule.NOT_PUBLIC, _PROTOCOLS),
    ("2001:db8::/32", _Rule.NOT_PUBLIC, _DOCUMENTATION),
    ("3fff::/20", _Rule.NOT_PUBLIC, _DOCUMENTATION),
    ("2000::/3", _Rule.ANY, ""),  # all that IANA has allocated
    ("::/96", _Rule.NEVER, "an IPv4-compatible address, which is not routed"),
    ("100::/64", _Rule.NEVER, "an address whose traffic is discarded"),
    ("::/0", _Rule.NEVER, "a reserved address"),
)
_NETWORKS = tuple((ip_network(network), rule, words) for network, rule, words in _TABLE)

_COMPATIBLE, _NAT64, _LOCAL_NAT64 = map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48"))
_TRANSPARENT = (IPv6Network("::ffff:0:0/96"), _NAT64, IPv6Network("2002::/16"))
"""IPv6 addresses that are checked only by the IPv4 address they embed."""
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 section 6.1

_METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
    }
)
_LOCAL_NAMES = frozenset({"localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"})
_PRIVATE_SUFFIXES = (".local", ".localdomain", ".internal", ".home.arpa", ".lan", ".intranet")


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    name: PolicyName = PolicyName.LOCAL
    allow: tuple[Network, ...] = ()
    """Exceptions to the policy. An address that is always blocked requires a network of just that address."""

    def judge(self, address: Address, host: str = "") -> str | None:
        """Return why `address` is blocked, as a sentence without a full stop; None if it is allowed.

        `host` is the name that resolved to it. An embedded IPv4 address is checked as well.
        """
        plain = _without_zone(address)
        named = host not in ("", str(address))
        found = f"{host} is {address}" if named else str(address)
        for inner in embedded(plain):
            if (what := self._refuse(inner)) is not None:
                return f"{found}, which embeds {inner}, {what}"
        if (what := self._refuse(plain)) is not None:
            return f"{found}, {what}" if named else f"{found} is {what}"
        return None

    def judge_host(self, host: str) -> str | None:
        """Like `judge`, for the host of a URL. A name is allowed here; its addresses are checked later."""
        address = literal(host)
        return None if address is None else self.judge(address, host)

    def judge_unresolved(self, host: str) -> str | None:
        """Like `judge`, for a host that a proxy resolves, so that only its name can be checked."""
        if literal(host) is not None:
            return self.judge_host(host)
        name = _plain(host)
        if name in _METADATA_NAMES:
            return f"{host} is the name of a cloud's metadata service; Tocsin never sends to it"
        if self.name is PolicyName.PUBLIC and ("." not in name or name.endswith(_PRIVATE_SUFFIXES)):
            return f"{host} is a private network name, {_by_policy(self.name)}"
        return None

    def check_url(self, url: str) -> str:
        """Return `url`. Raises Invalid (`url`) if its host is an address that is blocked."""
        told = self.judge_host(urlsplit(url).hostname or "")
        if told is not None:
            raise Invalid("url", told)
        return url

    def _refuse(self, address: Address) -> str | None:
        rule, words = _kind(address)
        if rule is _Rule.ANY or (rule is _Rule.NOT_PUBLIC and self.name is PolicyName.LOCAL):
            return None
        for network in self.allow:
            if address in network and (rule is not _Rule.NEVER or network.num_addresses == 1):
                return None
        return (
            f"{words}; Tocsin never sends to it"
            if rule is _Rule.NEVER
            else f"{words}, {_by_policy(self.name)}"
        )


def _by_policy(name: PolicyName) -> str:
    return f"blocked by the network policy {name}"


def _kind(address: Address) -> tuple[_Rule, str]:
    return next((rule, words) for network, rule, words in _NETWORKS if address in network)


# --- addresses in addresses -----------------------------------------------------------------------


def embedded(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that traffic to `address` may reach."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif address in _NAT64 or (address in _COMPATIBLE and number > 1):
        yield _low(number)
    elif address in _LOCAL_NAT64:
        yield from _translated(number)
    elif (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield _low(number)


def _translated(number: int) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that may be embedded under a prefix of unknown length (RFC 6052 section 2.2).

    Zeros follow the IPv4 address, and no IPv4 address begins with a zero, so few readings are possible.
    """
    if number & 0xFFFFFF:
        yield _low(number)
        return
    # Without the reserved octet: bits 64 to 71.
    joined = (number >> 64 << 56) | (number & (1 << 56) - 1)
    for behind in (24, 32, 40):
        if not joined & (1 << behind) - 1 and (joined >> behind) & 0xFF000000:
            yield _low(joined >> behind)


def _low(number: int) -> IPv4Address:
    return IPv4Address(number & 0xFFFFFFFF)


def _without_zone(address: Address) -> Address:
    if isinstance(address, IPv6Address) and address.scope_id:
        return IPv6Address(int(address))
    return address


# --- hosts ----------------------------------------------------------------------------------------


def literal(host: str) -> Address | None:
    """Return the address that `host` spells in any notation; None for a name.

    Network functions read `2130706433`, `0x7f.1` and `0177.0.0.1` as 127.0.0.1.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host.removesuffix(".")))  # only parses, without network access
    except (OSError, ValueError):
        return None


def is_local(host: str) -> bool:
    """Return whether `host` is this machine, judged by its name or address alone (RFC 6761 section 6.3)."""
    address = literal(host)
    if address is not None:
        return address.is_loopback or any(inner.is_loopback for inner in embedded(address))
    name = _plain(host)
    return is_localhost(name) or name in _LOCAL_NAMES


def is_localhost(host: str) -> bool:
    """Return whether `host` is a name that always means the loopback addresses."""
    name = _plain(host)
    return name == "localhost" or name.endswith(".localhost")


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")


# --- as it is configured --------------------------------------------------------------------------


def parse_policy(name: str) -> PolicyName:
    """Parse the name of a policy, in any case. Raises Invalid (`network.policy`)."""
    try:
        return PolicyName(name.strip().lower())
    except ValueError:
        raise Invalid("network.policy", f"the network policy must be local or public, not {name!r}") from None


def parse_allow(networks: Sequence[object]) -> tuple[Network, ...]:
    """Parse networks and addresses. Raises Invalid (`network.allow`), naming the first that is not valid."""
    return tuple(map(_parse_network, networks))


def _parse_network(given: object) -> Network:
    network = _network(given, strict=True)
    if network is None:
        meant = _network(given, strict=False)
        hint = (
            f"has bits set after its prefix; write {meant}"
            if meant
            else "is not a network or address like 10.0.0.0/8 or fd12::7"
        )
        raise Invalid("network.allow", f"network.allow: {given!r} {hint}")
    if isinstance(network, IPv6Network) and any(network.subnet_of(whole) for whole in _TRANSPARENT):
        raise Invalid(
            "network.allow",
            f"network.allow: {given} is checked by the IPv4 address it embeds; list that address instead",
        )
    return network


def _network(given: object, *, strict: bool) -> Network | None:
    try:
        return ip_network(given, strict=strict) if isinstance(given, str) else None
    except ValueError:
        return None
