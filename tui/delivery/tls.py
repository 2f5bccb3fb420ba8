"""TLS for connections to receivers: SSL contexts from settings, and certificates that failed verification."""

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import certifi

from tui.delivery.failures import BadCertificate
from tui.delivery.secrets import SecretUnavailable, look_up, private_file, regular_file
from tui.domain.errors import Invalid
from tui.domain.tls import DEFAULT_TLS, TlsSettings

_CERTIFICATE, _KEY = b"CERTIFICATE-----", b"PRIVATE KEY-----"
_MISMATCH = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")

_Stamp = tuple[tuple[int, int, int] | None, ...]


class Contexts:
    """An `ssl.SSLContext` for each settings, made anew when a file it was made of has changed.

    Whoever keeps connections keeps them apart by their context: other settings, or another
    certificate, make another one. In one event loop, which the reading of files does not hold up.
    """

    def __init__(self) -> None:
        self._made: dict[TlsSettings, tuple[_Stamp, asyncio.Future[ssl.SSLContext | Invalid]]] = {}

    async def get(self, settings: TlsSettings) -> ssl.SSLContext:
        """Raises Invalid, as `make` does."""
        stamp = _stamp(settings)
        known = self._made.get(settings)
        if known is None or known[0] != stamp:
            loop = asyncio.get_running_loop()
            known = self._made[settings] = stamp, loop.run_in_executor(None, _made, settings)
        # Others wait for it as well: whoever's deadline passes first does not take it along.
        context = await asyncio.shield(known[1])
        if isinstance(context, Invalid):
            if self._made.get(settings) is known:
                del self._made[settings]
            raise context
        return context


class PasswordUnknown(Invalid):
    """The password of a key cannot be had, here and now."""


def make(settings: TlsSettings) -> ssl.SSLContext:
    """Raises Invalid, its field that of the settings at fault, for files that cannot be used."""
    context = _trusting(settings)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _Handshake
    if settings.certificate:
        _show(context, settings)
    return context


def check(settings: TlsSettings) -> None:
    """What of the files is wrong, as far as it can be told from here; raises Invalid.

    Where deliveries are made, another environment may have the password of the key.
    """
    try:
        if settings != DEFAULT_TLS:
            make(settings)
    except PasswordUnknown:
        pass


def _made(settings: TlsSettings) -> ssl.SSLContext | Invalid:
    try:
        return make(settings)
    except Invalid as error:
        return error


def _stamp(settings: TlsSettings) -> _Stamp:
    """Another one when a file is: written, replaced, made readable, gone."""
    files = [settings.certificate, settings.key, settings.ca_file]
    if settings.key_password is not None:
        kind, _, name = settings.key_password.reference.partition(":")
        files.append(name if kind == "file" else "")
    if settings.verify and not settings.ca_file:
        files += [path or "" for path in _trusted_here()]
    return tuple(_stamp_of(file) for file in files if file)


def _stamp_of(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(os.path.expanduser(file))
    except (OSError, ValueError):
        return None
    return found.st_ctime_ns, found.st_ino, found.st_size


# --- whom to trust --------------------------------------------------------------------------------


def _trusting(settings: TlsSettings) -> ssl.SSLContext:
    if not settings.verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not settings.ca_file:
        return _trusting_as_this_machine()
    path = _pem(settings.ca_file, _CERTIFICATE, "ca_file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # So that the receiver's own certificate, or one between it and its authority, can be named, too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError) as error:
        raise Invalid(
            "ca_file", f"the certificates in {settings.ca_file} are damaged: {_why(error)}"
        ) from None
    return context


def _trusting_as_this_machine() -> ssl.SSLContext:
    file, directory = _trusted_here()
    try:
        if file:
            regular_file(file)
        return ssl.create_default_context(cafile=file, capath=directory)
    except SecretUnavailable as error:
        raise Invalid("ca_file", f"cannot read the trusted certificates: {error}") from None
    except (ssl.SSLError, OSError) as error:
        told = f"cannot read the trusted certificates from {file or directory}: {_why(error)}"
        raise Invalid("ca_file", told) from None


def _trusted_here() -> tuple[str | None, str | None]:
    """The file or the directory that SSL_CERT_FILE or SSL_CERT_DIR name, else certifi's roots."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return file, None
    if directory := os.environ.get("SSL_CERT_DIR"):
        return None, directory
    return certifi.where(), None


# --- what to show ---------------------------------------------------------------------------------


def _show(context: ssl.SSLContext, settings: TlsSettings) -> None:
    certificate, key = settings.certificate, settings.key_file
    field = "key" if settings.key else "certificate"
    certificate_path = _pem(certificate, _CERTIFICATE, "certificate")
    key_path = _pem(key, _KEY, field, private=True)
    asked = False

    def password() -> str:
        nonlocal asked
        asked = True
        if settings.key_password is None:
            raise Invalid("key_password", f"the key in {key} is encrypted; set the key password")
        try:
            return look_up(settings.key_password.reference)
        except SecretUnavailable as error:
            raise PasswordUnknown("key_password", f"the password of the key in {key}: {error}") from None

    try:
        # Given in any case: without one, OpenSSL asks on the terminal for the password of a key.
        context.load_cert_chain(certificate_path, key_path, password)
    except (ssl.SSLError, OSError, ValueError) as error:
        if isinstance(error, Invalid):
            raise
        if isinstance(error, ssl.SSLError) and error.reason in _MISMATCH:
            raise Invalid(
                field, f"the key in {key} does not match the certificate in {certificate}"
            ) from None
        if asked:
            raise Invalid("key_password", f"the password does not decrypt the key in {key}") from None
        raise Invalid("certificate", f"{certificate} and its key are damaged: {_why(error)}") from None


def _pem(file: str, holds: bytes, field: str, *, private: bool = False) -> Path:
    """The path of a PEM file that holds such a thing; raises Invalid (`field`)."""
    try:
        path = private_file(file) if private else regular_file(file)
        content = path.read_bytes()
    except SecretUnavailable as error:
        raise Invalid(field, str(error)) from None
    except OSError as error:
        raise Invalid(field, f"the file {file} cannot be read: {error.strerror}") from None
    if holds in content:
        return path
    kind = "private key" if holds is _KEY else "certificate"
    if content[:1] == b"0":  # an ASN.1 sequence
        raise Invalid(field, f"{file} is DER or PKCS #12, not PEM; convert it with `openssl`")
    raise Invalid(field, f"{file} contains no {kind}; in PEM it starts with -----BEGIN")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is not PEM").replace("_", " ").lower()
    return (isinstance(error, OSError) and error.strerror) or str(error)


# --- what is refused ------------------------------------------------------------------------------


class _Handshake(ssl.SSLObject):
    """Keeps the certificate that was not accepted: what is wrong with it cannot be said without it."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
            return
        except ssl.SSLCertVerificationError as error:
            refused = error
        # Private until Python 3.13; where it is missing, less can be said.
        handshake: Any = getattr(self, "_sslobj", None)
        chain = handshake.get_unverified_chain() if hasattr(handshake, "get_unverified_chain") else None
        raise BadCertificate(refused, chain[0].get_info() if chain else {})
