"""TLS with a receiver: trusted CAs, client certificates, and errors of unusable files."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.delivery.certificates import Authority, Issued, tls
from tests.delivery.scripted import Peer, Receive, keep_answering
from tui.delivery.tls import Contexts, check, make
from tui.domain.attempt import Answer
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Outcome
from tui.domain.secret import Secret
from tui.domain.tls import DEFAULT_TLS, TlsSettings

Send = Callable[..., Awaitable[Answer]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"), "Our Own CA")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("stranger"), "Somebody Else")


@pytest.fixture(scope="session")
def client(authority: Authority) -> Issued:
    return authority.issue("client")


@pytest.fixture(scope="session")
def locked(authority: Authority) -> Issued:
    """A certificate with a key that is encrypted with `hunter2`."""
    return authority.issue("locked", password="hunter2")


def shown(issued: Issued, **others: Secret) -> TlsSettings:
    return TlsSettings(certificate=str(issued.certificate), key=str(issued.key), **others)


def trusting(authority: Authority) -> TlsSettings:
    return TlsSettings(ca_file=str(authority.file))


def refusal(settings: TlsSettings) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        check(settings)
    return caught.value.field, caught.value.message


# --- files


def test_matching_files_are_used(
    authority: Authority, client: Issued, locked: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    for settings in (
        TlsSettings(ca_file=str(authority.file)),
        TlsSettings(certificate=str(client.both)),
        shown(client),
        shown(locked, key_password=Secret("env:PASSWORD")),
        TlsSettings(certificate=str(locked.both), key_password=Secret("env:PASSWORD")),
    ):
        check(settings)
        make(settings)


@pytest.mark.parametrize("field", ["ca_file", "certificate", "key"])
def test_a_missing_file_is_reported(client: Issued, field: str) -> None:
    files = {"certificate": str(client.certificate), field: "/nowhere/x.pem"}
    told = "cannot read the file /nowhere/x.pem: No such file or directory"
    assert refusal(TlsSettings(**files)) == (field, told)


@pytest.mark.parametrize(
    ("field", "kind"), [("ca_file", "certificate"), ("certificate", "certificate"), ("key", "private key")]
)
def test_a_file_with_the_wrong_content_is_reported(
    client: Issued, tmp_path: Path, field: str, kind: str
) -> None:
    other = tmp_path / "other"
    other.touch(mode=0o600)
    files = {"certificate": str(client.certificate), field: str(other)}
    for content, told in (
        (b"hello", f"{other} contains no {kind}; in PEM it starts with -----BEGIN"),
        (b"\x30\x82\x01", f"{other} is DER or PKCS #12, not PEM; convert it with `openssl`"),
    ):
        other.write_bytes(content)
        assert refusal(TlsSettings(**files)) == (field, told)


@pytest.mark.parametrize("field", ["ca_file", "certificate", "key"])
def test_a_damaged_file_is_reported(client: Issued, tmp_path: Path, field: str) -> None:
    damaged = tmp_path / "damaged"
    damaged.touch(mode=0o600)
    damaged.write_bytes(b"-----BEGIN CERTIFICATE-----\nx\n-----BEGIN PRIVATE KEY-----\nx\n")
    blamed, told = refusal(TlsSettings(**{"certificate": str(client.certificate), field: str(damaged)}))
    assert blamed == ("ca_file" if field == "ca_file" else "certificate")
    assert "damaged" in told


def test_a_key_of_another_certificate_is_reported(authority: Authority, client: Issued) -> None:
    other = authority.issue("other")
    settings = TlsSettings(certificate=str(client.certificate), key=str(other.key))
    told = f"the key in {other.key} does not match the certificate in {client.certificate}"
    assert refusal(settings) == ("key", told)


def test_a_certificate_without_its_key_is_reported(client: Issued, tmp_path: Path) -> None:
    alone = tmp_path / "alone.pem"
    alone.touch(mode=0o600)
    alone.write_bytes(client.certificate.read_bytes())
    field, told = refusal(TlsSettings(certificate=str(alone)))
    assert (field, told) == (
        "certificate",
        f"{alone} contains no private key; in PEM it starts with -----BEGIN",
    )


@pytest.mark.parametrize("together", [False, True])
def test_a_world_readable_key_is_refused(client: Issued, tmp_path: Path, together: bool) -> None:
    open_to_all = tmp_path / "key.pem"
    open_to_all.write_bytes(client.both.read_bytes())
    open_to_all.chmod(0o644)
    field = "certificate" if together else "key"
    files = {"certificate": str(client.certificate), field: str(open_to_all)}
    told = f"every user on this machine can read the file {open_to_all}; restrict it with chmod 600"
    assert refusal(TlsSettings(**files)) == (field, told)


def test_an_encrypted_key_without_a_password_does_not_prompt(locked: Issued) -> None:
    told = f"the key in {locked.key} is encrypted; set the key password"
    assert refusal(shown(locked)) == ("key_password", told)


def test_a_wrong_password_is_reported_without_showing_it(
    locked: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret")
    told = f"the password does not decrypt the key in {locked.key}"
    assert refusal(shown(locked, key_password=Secret("env:PASSWORD"))) == ("key_password", told)


def test_a_password_that_only_the_dispatcher_has_is_allowed(
    authority: Authority, locked: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PASSWORD", raising=False)
    settings = shown(locked, key_password=Secret("env:PASSWORD"))
    check(settings)
    with pytest.raises(Invalid, match="the environment variable PASSWORD is not set"):
        make(settings)


# --- contexts


async def test_a_context_is_made_once_for_the_same_settings(authority: Authority, client: Issued) -> None:
    contexts = Contexts()
    one, same, other, none = await asyncio.gather(
        contexts.get(shown(client)),
        contexts.get(shown(client)),
        contexts.get(TlsSettings(ca_file=str(authority.file))),
        contexts.get(DEFAULT_TLS),
    )
    assert one is same is await contexts.get(shown(client))
    assert len({one, other, none}) == 3


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_changed_file_makes_a_new_context(
    authority: Authority, tmp_path: Path, replaced: bool
) -> None:
    contexts, file = Contexts(), tmp_path / "ca.pem"
    settings = TlsSettings(ca_file=str(file))
    file.write_bytes(authority.file.read_bytes())
    before = await contexts.get(settings)
    renewed = tmp_path / "renewed.pem" if replaced else file
    renewed.write_bytes(authority.file.read_bytes() + b"\n")
    renewed.replace(file)
    assert await contexts.get(settings) is not before


async def test_a_context_that_failed_is_retried(client: Issued, tmp_path: Path, locked: Issued) -> None:
    contexts, key, password = Contexts(), tmp_path / "key.pem", tmp_path / "password"
    settings = TlsSettings(certificate=str(client.certificate), key=str(key))
    with pytest.raises(Invalid, match="No such file"):
        await contexts.get(settings)
    key.write_bytes(client.key.read_bytes())
    key.chmod(0o644)
    with pytest.raises(Invalid, match="chmod 600"):
        await contexts.get(settings)
    key.chmod(0o600)
    await contexts.get(settings)

    settings = shown(locked, key_password=Secret(f"file:{password}"))
    password.touch(mode=0o600)
    with pytest.raises(Invalid, match="the password does not decrypt the key"):
        await contexts.get(settings)
    password.write_text("hunter2\n")
    await contexts.get(settings)


# --- on the wire


def presenting(certificate: Issued, asking: Authority | None = None) -> ssl.SSLContext:
    """Return the TLS context of a receiver, which may require a client certificate."""
    context = tls(certificate.both)
    if asking:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(asking.file)
    return context


@pytest.fixture(scope="session")
def receiver_certificate(authority: Authority) -> Issued:
    return authority.issue("receiver")


@contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[str]:
    """A receiver that sends a TLS alert and waits until it is read, which asyncio's servers do not."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        with suppress(ssl.SSLError):
                            context.wrap_socket(connection.dup(), server_side=True).close()
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(4096):
                            pass

        thread = threading.Thread(target=refuse)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_a_connection_is_reused_only_for_the_same_settings(
    send: Send, receive: Receive, authority: Authority, receiver_certificate: Issued, client: Issued
) -> None:
    receiver = await receive(keep_answering, presenting(receiver_certificate))
    ours = trusting(authority)
    for settings, connections in (
        (TlsSettings(verify=False), 1),
        (TlsSettings(verify=False), 1),
        (ours, 2),
        (ours, 2),
        (replace(ours, certificate=str(client.both)), 3),
        (TlsSettings(verify=False), 3),
    ):
        assert (await send(receiver.url, tls=settings)).outcome is Outcome.DELIVERED
        assert len(receiver.connections) == connections
    refused = await send(receiver.url)  # what this machine trusts, it is not
    assert (refused.outcome, len(receiver.requests)) == (Outcome.UNREACHABLE, 6)


async def test_a_ca_file_is_trusted_only_by_its_destination(
    send: Send, receive: Receive, authority: Authority, receiver_certificate: Issued
) -> None:
    receiver = await receive(keep_answering, presenting(receiver_certificate))
    assert (await send(receiver.url, tls=trusting(authority))).outcome is Outcome.DELIVERED
    refused = await send(receiver.url)
    assert (refused.outcome, len(receiver.requests)) == (Outcome.UNREACHABLE, 1)
    assert "was issued by Our Own CA, which this machine does not trust" in (refused.error or "")


async def test_a_ca_file_replaces_the_system_cas(
    send: Send,
    receive: Receive,
    authority: Authority,
    stranger: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.file))
    receiver = await receive(keep_answering, presenting(stranger.issue("receiver")))
    assert (await send(receiver.url)).outcome is Outcome.DELIVERED
    refused = await send(receiver.url, tls=trusting(authority))
    assert "was issued by Somebody Else, which is not in the CA file" in (refused.error or "")


async def test_a_ca_file_may_hold_the_receivers_own_certificate(
    send: Send, receive: Receive, receiver_certificate: Issued
) -> None:
    receiver = await receive(keep_answering, presenting(receiver_certificate))
    pinned = TlsSettings(ca_file=str(receiver_certificate.certificate))
    assert (await send(receiver.url, tls=pinned)).outcome is Outcome.DELIVERED


async def test_without_verification_any_certificate_is_accepted(
    send: Send, receive: Receive, stranger: Authority
) -> None:
    receiver = await receive(keep_answering, presenting(stranger.issue("receiver")))
    assert (await send(receiver.url)).outcome is Outcome.UNREACHABLE
    assert (await send(receiver.url, tls=TlsSettings(verify=False))).outcome is Outcome.DELIVERED


async def test_a_client_certificate_is_presented_on_request(
    send: Send,
    receive: Receive,
    authority: Authority,
    receiver_certificate: Issued,
    client: Issued,
    locked: Issued,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    receiver = await receive(keep_answering, presenting(receiver_certificate, asking=authority))
    for settings in (shown(client), shown(locked, key_password=Secret("env:PASSWORD"))):
        settings = replace(settings, ca_file=str(authority.file))
        assert (await send(receiver.url, tls=settings)).outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (ssl.TLSVersion.TLSv1_3, "requires a client certificate, but none is set"),
        (ssl.TLSVersion.TLSv1_2, "rejected the TLS handshake"),
    ],
)
async def test_a_missing_client_certificate_is_reported(
    send: Send, authority: Authority, receiver_certificate: Issued, version: ssl.TLSVersion, told: str
) -> None:
    context = presenting(receiver_certificate, asking=authority)
    context.minimum_version = context.maximum_version = version
    with refusing(context) as place:
        refused = await send(f"https://{place}", tls=trusting(authority))
    assert (refused.outcome, refused.error) == (Outcome.UNREACHABLE, f"{place} {told}")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_a_rejected_client_certificate_is_reported(
    send: Send,
    authority: Authority,
    stranger: Authority,
    receiver_certificate: Issued,
    version: ssl.TLSVersion,
) -> None:
    context = presenting(receiver_certificate, asking=authority)
    context.minimum_version = context.maximum_version = version
    settings = replace(trusting(authority), certificate=str(stranger.issue("client").both))
    with refusing(context) as place:
        refused = await send(f"https://{place}", tls=settings)
    told = f"{place} rejected the client certificate: it does not trust the issuer"
    assert (refused.outcome, refused.error) == (Outcome.UNREACHABLE, told)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tls_older_than_1_2_is_refused(
    send: Send, authority: Authority, receiver_certificate: Issued
) -> None:
    context = presenting(receiver_certificate)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with refusing(context) as place:
        for settings in (trusting(authority), TlsSettings(verify=False)):
            refused = await send(f"https://{place}", tls=settings)
            told = f"{place} supports only TLS versions older than 1.2"
            assert (refused.outcome, refused.error) == (Outcome.UNREACHABLE, told)


async def test_unusable_files_block_the_attempt(
    send: Send, receive: Receive, receiver_certificate: Issued, locked: Issued
) -> None:
    receiver = await receive(keep_answering, presenting(receiver_certificate))
    for settings, told in (
        (TlsSettings(ca_file="/nowhere/ca.pem"), "cannot read the file /nowhere/ca.pem: No such file"),
        (shown(locked), f"the key in {locked.key} is encrypted; set the key password"),
    ):
        blocked = await send(receiver.url, tls=settings)
        assert blocked.outcome is Outcome.BLOCKED
        assert (blocked.error or "").startswith(f"nothing was sent: {told}")
    assert receiver.connections == []


async def test_a_renewed_certificate_is_presented_in_the_next_request(
    send: Send, receive: Receive, authority: Authority, receiver_certificate: Issued, tmp_path: Path
) -> None:
    names: list[str] = []

    async def note(peer: Peer) -> None:
        subject = peer.writer.get_extra_info("peercert")["subject"]
        names.append(dict(pair for part in subject for pair in part)["commonName"])
        await keep_answering(peer)

    receiver = await receive(note, presenting(receiver_certificate, asking=authority))
    file = tmp_path / "client.pem"
    settings = replace(trusting(authority), certificate=str(file))
    for name in ("old", "new"):
        issued = authority.issue(name).both
        issued.replace(file)
        for _ in range(2):
            assert (await send(receiver.url, tls=settings)).outcome is Outcome.DELIVERED
    assert names == ["old", "new"]
