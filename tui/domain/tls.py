"""How TLS is spoken with one destination's receiver: whom it trusts, and what it shows of itself.

Files are named by their paths and read when a connection is made; nothing of them is stored.
"""

from dataclasses import dataclass

from tui.domain.errors import Invalid
from tui.domain.secret import Secret, check_reference

UNVERIFIED = "⚠ not verified"
"""What is said of a destination wherever it is shown, if anybody could pass for its receiver."""
UNVERIFIED_MEANS = "anyone on the network path can impersonate the receiver and read its alerts"
_LONGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Unless told otherwise: trust what the machine trusts, and show no certificate."""

    ca_file: str = ""
    """PEM certificates of the authorities trusted, instead of those the machine trusts."""
    certificate: str = ""
    """PEM certificate that Tocsin shows, followed by those between it and its authority."""
    key: str = ""
    """PEM private key of the certificate; empty if it is in the same file."""
    key_password: Secret | None = None
    """Always a reference."""
    verify: bool = True
    """Whether the receiver has to prove that it is the one of the URL."""

    @property
    def key_file(self) -> str:
        """Where the private key is; empty if there is none."""
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
    """Settings as typed, blank meaning none; raises Invalid (the argument's name) for the first wrong one.

    Whether the files are there and fit together is told where they are read.
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
    """A whole path, for whoever sends may run elsewhere; blank means none. Raises Invalid (`field`)."""
    path = typed.strip()
    if path and not path.startswith(("/", "~")):
        raise Invalid(field, "enter an absolute path, like /etc/tocsin/client.pem")
    if not path.isprintable() or len(path) > _LONGEST:
        raise Invalid(field, "this is not a valid file path")
    return path


def parse_key_password(typed: str) -> Secret | None:
    """A reference to the password of the key; raises Invalid (`key_password`) for anything else."""
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
    """Raises Invalid (`certificate`)."""
    if (settings.key or settings.key_password) and not settings.certificate:
        raise Invalid(
            "certificate", "a key requires its certificate; enter the path of the certificate as well"
        )


def check_scheme(url: str, settings: TlsSettings) -> None:
    """Raises Invalid (`url`) where settings would have no effect, and nobody would notice."""
    if settings != DEFAULT_TLS and not url.lower().startswith("https:"):
        raise Invalid("url", "http:// does not use TLS, so the TLS settings have no effect; use https://")
