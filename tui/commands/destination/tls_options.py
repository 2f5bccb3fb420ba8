"""How TLS is spoken with a destination: the options that say it, and what is shown of them."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import click

from tui.domain.destination import Destination
from tui.domain.tls import DEFAULT_TLS, UNVERIFIED, UNVERIFIED_MEANS, TlsSettings, check_scheme, parse_tls

OPTIONS = (
    click.option(
        "--ca-file",
        metavar="PATH",
        help="Trusts only those for whom the certificates in this PEM file vouch, "
        "not whom this machine trusts.",
    ),
    click.option(
        "--client-cert", metavar="PATH", help="A PEM certificate, shown to a receiver that asks for one."
    ),
    click.option("--client-key", metavar="PATH", help="Its PEM key, if that is not in the same file."),
    click.option(
        "--client-key-password", metavar="env:NAME|file:PATH", help="Where the password of the key is read."
    ),
    click.option(
        "--verify/--no-verify",
        default=None,
        help="Whether the receiver has to prove that it is the one of the URL. It has to, "
        "unless told otherwise.",
    ),
)
_FIELDS = {
    "ca_file": "ca_file",
    "client_cert": "certificate",
    "client_key": "key",
    "client_key_password": "key_password",
    "verify": "verify",
}


def given_settings(**options: Any) -> dict[str, Any]:
    """By their names in TlsSettings, as typed, those that were given; paths made whole."""
    given = {field: options[option] for option, field in _FIELDS.items() if options[option] is not None}
    for field in ("ca_file", "certificate", "key"):
        if given.get(field):
            given[field] = os.path.abspath(os.path.expanduser(given[field]))
    return given


def merge(given: Mapping[str, Any], current: TlsSettings) -> TlsSettings:
    """`current` with what was given in place of what it had; raises Invalid.

    Without its certificate a key is of no use, and goes with it.
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
    """Raises Invalid where what is set for TLS cannot work, as far as it can be told from here."""
    check_scheme(destination.url, destination.tls)
    if destination.tls != DEFAULT_TLS:
        from tui.delivery.tls import check

        check(destination.tls)


def lines(tls: TlsSettings) -> Iterator[str]:
    """What is set, for people."""
    if not tls.verify:
        yield f"{UNVERIFIED}: {UNVERIFIED_MEANS}"
    if tls.ca_file:
        yield f"trusts only {tls.ca_file}"
    if tls.certificate:
        yield f"shows {tls.certificate}"
    if tls.key:
        yield f"its key {tls.key}"
    if tls.key_password:
        yield f"the key's password {tls.key_password.shown}"
