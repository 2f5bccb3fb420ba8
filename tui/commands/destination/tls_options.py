"""The TLS options of a destination, and how `destination show` describes them."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from tui.commands.shared.options import ParsedOption
from tui.domain.destination import Destination
from tui.domain.tls import DEFAULT_TLS, UNVERIFIED, UNVERIFIED_MEANS, TlsSettings, check_scheme, parse_tls


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else path


def _as_typed(value: Any) -> Any:
    return value


OPTIONS = (
    ParsedOption(
        "ca_file",
        "--ca-file",
        _absolute,
        metavar="PATH",
        help="Trust only the CAs in this PEM file, not the system store.",
    ),
    ParsedOption(
        "client_cert",
        "--client-cert",
        _absolute,
        metavar="PATH",
        help="Present this PEM certificate when the receiver asks for one.",
    ),
    ParsedOption(
        "client_key",
        "--client-key",
        _absolute,
        metavar="PATH",
        help="Read the certificate's PEM key from this file.",
        shown_default="the certificate's file",
    ),
    ParsedOption(
        "client_key_password",
        "--client-key-password",
        _as_typed,
        metavar="env:NAME|file:PATH",
        help="Read the password of the key from here.",
    ),
    ParsedOption(
        "verify",
        "--verify/--no-verify",
        _as_typed,
        help="Verify the TLS certificate.",
        shown_default="on",
        default=None,
    ),
)
FIELDS = {
    "ca_file": "ca_file",
    "client_cert": "certificate",
    "client_key": "key",
    "client_key_password": "key_password",
    "verify": "verify",
}
"""The field of TlsSettings that each option sets."""


def merge(given: Mapping[str, Any], current: TlsSettings) -> TlsSettings:
    """Return `current` with the given fields replaced; raises Invalid.

    Removing the certificate also removes its key and the key's password.
    """
    gone = {"key": "", "key_password": ""} if given.get("certificate") == "" else {}
    password = current.key_password.value if current.key_password else ""
    before = {
        "ca_file": current.ca_file,
        "certificate": current.certificate,
        "key": current.key,
        "key_password": password,
        "verify": current.verify,
    }
    return parse_tls(**{**before, **gone, **given})


def check_tls(destination: Destination) -> None:
    """Check the TLS settings against the URL and the files on this machine; raises Invalid."""
    check_scheme(destination.url, destination.tls)
    if destination.tls != DEFAULT_TLS:
        from tui.delivery.tls import check

        check(destination.tls)


def lines(tls: TlsSettings) -> Iterator[str]:
    """Describe the settings that differ from the defaults, one per line."""
    if not tls.verify:
        yield f"{UNVERIFIED}: {UNVERIFIED_MEANS}"
    if tls.ca_file:
        yield f"trusts only {tls.ca_file}"
    if tls.certificate:
        yield f"client certificate {tls.certificate}"
    if tls.key:
        yield f"client key {tls.key}"
    if tls.key_password:
        yield f"key password {tls.key_password.shown}"
