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
    """Caches an `ssl.SSLContext` for each TLS setting, and makes a new one when a file behind it changes.

    The transport shares connections only within a context, so new settings or certificates open new
    connections. For one event loop. Files are read in an executor, so they do not block the loop.
    """

    def __init__(self) -> None:
        self._made: dict[TlsSettings, tuple[_Stamp, asyncio.Future[ssl.SSLContext | Invalid]]] = {}

    async def get(self, settings: TlsSettings) -> ssl.SSLContext:
        """Return the context for `settings`. Raises Invalid, as `make` does."""
        stamp = _stamp(settings)
        known = self._made.get(settings)
        if known is None or known[0] != stamp:
            loop = asyncio.get_running_loop()
            known = self._made[settings] = stamp, loop.run_in_executor(None, _made, settings)
        # Shielded, because several requests may await it, and one that times out must not cancel it.
        context = await asyncio.shield(known[1])
        if isinstance(context, Invalid):
            if self._made.get(settings) is known:
                del self._made[settings]
            raise context
        return context


class PasswordUnknown(Invalid):
    """The password of a key is not available in this process's environment."""


def make(settings: TlsSettings) -> ssl.SSLContext:
    """Return a context for `settings`. Raises Invalid, with the name of the setting, for an unusable file."""
    context = _trusting(settings)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _Handshake
    if settings.certificate:
        _load_client_certificate(context, settings)
    return context


def check(settings: TlsSettings) -> None:
    """Check the files that `settings` names. Raises Invalid.

    A key's password may be missing here: the dispatcher may run in another environment that has it.
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
    """Return a value that changes when a file is written, replaced, made readable or deleted."""
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


# --- trusted CAs ----------------------------------------------------------------------------------


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
    # Lets `ca_file` contain the receiver's own certificate or an intermediate one instead of the root.
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
        message = f"cannot read the trusted certificates from {file or directory}: {_why(error)}"
        raise Invalid("ca_file", message) from None


def _trusted_here() -> tuple[str | None, str | None]:
    """Return the file or directory with the trusted CAs: SSL_CERT_FILE, SSL_CERT_DIR, or certifi's file."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return file, None
    if directory := os.environ.get("SSL_CERT_DIR"):
        return None, directory
    return certifi.where(), None


# --- the client certificate -----------------------------------------------------------------------


def _load_client_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
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
        # Always pass a callback: without one, OpenSSL prompts for the password on the terminal.
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
        raise Invalid("certificate", f"{certificate} or its key is damaged: {_why(error)}") from None


def _pem(file: str, holds: bytes, field: str, *, private: bool = False) -> Path:
    """Return the path of a PEM file that contains `holds`. Raises Invalid (`field`)."""
    try:
        path = private_file(file) if private else regular_file(file)
        content = path.read_bytes()
    except SecretUnavailable as error:
        raise Invalid(field, str(error)) from None
    except OSError as error:
        raise Invalid(field, f"cannot read the file {file}: {error.strerror}") from None
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


# --- failed verification --------------------------------------------------------------------------


class _Handshake(ssl.SSLObject):
    """Raises BadCertificate with the certificate that failed verification, for the description."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
            return
        except ssl.SSLCertVerificationError as error:
            failure = error
        # A private attribute before Python 3.13. Without it, the error has fewer details.
        handshake: Any = getattr(self, "_sslobj", None)
        chain = handshake.get_unverified_chain() if hasattr(handshake, "get_unverified_chain") else None
        raise BadCertificate(failure, chain[0].get_info() if chain else {})
