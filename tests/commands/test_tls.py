"""TLS of a destination from the command line: set, checked, shown, and warned of."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.conftest import NOTHING, Receiver, Tocsin, complaint, receiving
from tests.delivery.certificates import Authority, Issued, tls

WARNING = "⚠ not verified: anyone on the network path can impersonate the receiver and read its alerts"
URL = "https://hooks.example.com/alerts"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"), "Our Own CA")


@pytest.fixture(scope="session")
def client(authority: Authority) -> Issued:
    return authority.issue("client", password="hunter2")


@pytest.fixture
def demanding(authority: Authority) -> Iterator[Receiver]:
    """A receiver that wants a certificate of the same authority as its own."""
    context = tls(authority.issue("receiver").both)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    with receiving(context) as receiver:
        yield receiver


def test_a_receiver_that_wants_a_certificate_gets_it(
    tocsin: Tocsin, demanding: Receiver, authority: Authority, client: Issued
) -> None:
    environment = {"PASSWORD": "hunter2"}
    files = "--client-cert", str(client.certificate), "--client-key", str(client.key)
    given = *files, "--client-key-password", "env:PASSWORD", "--ca-file", str(authority.file)
    added = tocsin.json("destination", "add", "soc", demanding.url, *given, "--test", env=environment)
    assert added["test"]["outcome"] == "delivered"
    assert added["tls"] == {
        "verify": True,
        "caFile": str(authority.file),
        "clientCertificate": str(client.certificate),
        "clientKey": str(client.key),
        "clientKeyPassword": "env:PASSWORD",
    }
    shown = tocsin("destination", "show", "soc").stdout
    assert f"tls            trusts only {authority.file}\n" in shown
    assert f"               client certificate {client.certificate}\n" in shown

    blocked = tocsin("destination", "test", "soc")  # where the password is not
    assert blocked.returncode == 1
    assert "Nothing was sent: the password of the key in" in blocked.stderr
    assert "the environment variable PASSWORD is not set. Set it where Tocsin runs" in blocked.stderr
    assert len(demanding.requests) == 1


def test_the_path_of_a_file_may_be_typed_from_here(tocsin: Tocsin, client: Issued) -> None:
    tocsin(
        "destination", "add", "soc", URL, "--ca-file", client.certificate.name, cwd=client.certificate.parent
    )
    assert tocsin.json("destination", "show", "soc")["tls"]["caFile"] == str(client.certificate)


def test_without_verification_every_word_of_it_warns(tocsin: Tocsin) -> None:
    added = tocsin("destination", "add", "soc", URL, "--no-verify")
    assert added.stderr == f"{WARNING}\n"
    assert f"WARNING destinations: soc: {WARNING.replace(':', ',')}\n" in tocsin.log.read_text()
    assert "active ⚠ not verified" in tocsin("destination", "list").stdout
    assert f"tls         {WARNING}\n" in tocsin("destination", "show", "soc").stdout
    assert tocsin.json("destination", "list")[0]["tls"]["verify"] is False
    assert tocsin("destination", "edit", "soc", "--timeout", "5").stderr == f"{WARNING}\n"

    verified = tocsin("destination", "edit", "soc", "--verify")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "⚠" not in tocsin("destination", "list").stdout + tocsin("destination", "show", "soc").stdout


def test_edit_keeps_settings_that_are_not_given(tocsin: Tocsin, authority: Authority, client: Issued) -> None:
    files = "--client-cert", str(client.both), "--client-key-password", "env:PASSWORD"
    tocsin("destination", "add", "soc", URL, *files, "--ca-file", str(authority.file))
    before = tocsin.json("destination", "show", "soc")["tls"]
    tocsin("destination", "edit", "soc", "--no-verify")
    tocsin("destination", "edit", "soc", "--timeout", "5")
    assert tocsin.json("destination", "show", "soc")["tls"] == before | {"verify": False}
    tocsin("destination", "edit", "soc", "--client-cert", "", "--verify")
    assert tocsin.json("destination", "show", "soc")["tls"] == before | {
        "clientCertificate": None,
        "clientKeyPassword": None,
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--ca-file", "/nowhere/ca.pem"], "cannot read the file /nowhere/ca.pem: No such file"),
        (["--client-key", "/etc/hostname"], "a key requires its certificate"),
        (["--client-key-password", "hunter2"], "the password is never stored; enter where it is"),
        (["--client-cert", "/etc/passwd"], "/etc/passwd contains no certificate"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_tls_settings_that_cannot_work_are_refused(tocsin: Tocsin, given: list[str], says: str) -> None:
    assert says in complaint(tocsin("destination", "add", "soc", URL, *given), 2)
    assert tocsin.stored() == NOTHING


def test_a_key_without_its_password_is_refused_without_a_prompt(tocsin: Tocsin, client: Issued) -> None:
    refusal = complaint(tocsin("destination", "add", "soc", URL, "--client-cert", str(client.both)), 2)
    assert refusal == f"the key in {client.both} is encrypted; set the key password"


def test_settings_without_effect_are_refused(tocsin: Tocsin) -> None:
    says = "http:// does not use TLS"
    assert says in complaint(tocsin("destination", "add", "soc", "http://localhost", "--no-verify"), 2)
    tocsin("destination", "add", "soc", URL, "--no-verify")
    assert says in tocsin("destination", "edit", "soc", "--url", "http://localhost").stderr
    assert tocsin("destination", "edit", "soc", "--url", "http://localhost", "--verify").returncode == 0


def test_files_that_have_gone_are_no_matter_to_another_edit(
    tocsin: Tocsin, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.file.read_bytes())
    tocsin("destination", "add", "soc", URL, "--ca-file", str(file))
    file.unlink()
    assert tocsin("destination", "edit", "soc", "--timeout", "5").returncode == 0
    assert "cannot read" in complaint(tocsin("destination", "edit", "soc", "--verify"), 2)
