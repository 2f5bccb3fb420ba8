"""The TLS settings of a destination: which CAs to trust, and which client certificate to present.

Only the paths of files are stored. The files are read when a connection is opened.
"""

from dataclasses import dataclass

from tui.domain.errors import Invalid
from tui.domain.secret import Secret, check_reference

UNVERIFIED = "⚠ not verified"
"""Shown next to a destination whose receiver's certificate is not verified."""
UNVERIFIED_MEANS = "anyone on the network path can impersonate the receiver and read its alerts"
_LONGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Default: trust the system's CAs, and present no certificate."""

    ca_file: str = ""
    """A PEM file with the CAs to trust instead of the system's. Default: the system's CAs."""
    certificate: str = ""
    """A PEM file with the client certificate, followed by any intermediate certificates."""
    key: str = ""
    """A PEM file with the certificate's private key; empty if it is in the same file."""
    key_password: Secret | None = None
    """Always a reference."""
    verify: bool = True
    """Verify the receiver's certificate. Default: on."""

    @property
    def key_file(self) -> str:
        """The file of the private key; empty if there is none."""
        return self.key or self.certificate


DEFAULT_TLS = TlsSettings()


def parse_tls(
    *,
    ca_file: str = "",
    certificate: str = "",
    key: str = "",
    key_password: str = "",
    verify: bool = True,
) -> TlsSettings:
    """Parse TLS settings; blank means none. Raises Invalid with the name of the first invalid argument.

    This does not read the files; `delivery.tls` checks that they exist and belong together.
    """
    certificate = parse_path(certificate, "certificate")
    settings = TlsSettings(
        ca_file=parse_path(ca_file, "ca_file"),
        certificate=certificate,
        key=parse_path(key, "key"),
        key_password=parse_key_password(key_password),
        verify=verify,
    )
    check_key_has_certificate(settings)
    return settings


def parse_path(typed: str, field: str) -> str:
    """Parse an absolute path; blank means none. Raises Invalid (`field`).

    A relative path could mean another file for the dispatcher, which may run in another directory.
    """
    path = typed.strip()
    if path and not path.startswith(("/", "~")):
        raise Invalid(field, "enter an absolute path, like /etc/tocsin/client.pem")
    if not path.isprintable() or len(path) > _LONGEST:
        raise Invalid(field, "this is not a valid file path")
    return path


def parse_key_password(typed: str) -> Secret | None:
    """Parse a reference to the key's password. Raises Invalid (`key_password`) for a literal password."""
    password = Secret(typed.strip())
    if not password.value:
        return None
    if not password.is_reference:
        raise Invalid(
            "key_password", "the password is never stored; enter where it is: env:NAME or file:PATH"
        )
    check_reference(password, "key_password")
    return password


def check_key_has_certificate(settings: TlsSettings) -> None:
    """Raise Invalid (`certificate`) for a key or key password without a certificate."""
    if (settings.key or settings.key_password) and not settings.certificate:
        raise Invalid(
            "certificate", "a key requires its certificate; enter the path of the certificate as well"
        )


def check_scheme(url: str, settings: TlsSettings) -> None:
    """Raise Invalid (`url`) for TLS settings on an http:// URL, where they would have no effect."""
    if settings != DEFAULT_TLS and not url.lower().startswith("https:"):
        raise Invalid("url", "http:// does not use TLS, so the TLS settings have no effect; use https://")
