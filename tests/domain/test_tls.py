"""What a person may set for TLS, before any file is looked at."""

import pytest

from tui.domain.errors import Invalid
from tui.domain.secret import Secret
from tui.domain.tls import DEFAULT_TLS, TlsSettings, check_scheme, parse_tls


def test_what_was_typed_is_kept() -> None:
    assert parse_tls(
        ca_file=" /etc/ca.pem ",
        certificate="~/client.pem",
        key="/etc/client.key",
        key_password="file:/run/secrets/key",
        verify=False,
    ) == TlsSettings(
        ca_file="/etc/ca.pem",
        certificate="~/client.pem",
        key="/etc/client.key",
        key_password=Secret("file:/run/secrets/key"),
        verify=False,
    )


def test_unless_told_otherwise_the_receiver_has_to_prove_who_it_is() -> None:
    assert parse_tls() == DEFAULT_TLS
    assert DEFAULT_TLS.verify


def test_the_key_may_be_in_the_file_of_the_certificate() -> None:
    assert parse_tls(certificate="/etc/both.pem").key_file == "/etc/both.pem"
    assert parse_tls(certificate="/etc/client.pem", key="/etc/client.key").key_file == "/etc/client.key"


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"ca_file": "ca.pem"}, "ca_file", "enter an absolute path, like /etc/tocsin/client.pem"),
        ({"certificate": "./c.pem"}, "certificate", "enter an absolute path, like /etc/tocsin/client.pem"),
        ({"ca_file": "/etc/\x00"}, "ca_file", "this is not a valid file path"),
        ({"ca_file": "/" + "a" * 4096}, "ca_file", "this is not a valid file path"),
        (
            {"key": "/etc/client.key"},
            "certificate",
            "a key requires its certificate; enter the path of the certificate as well",
        ),
        (
            {"key_password": "env:P"},
            "certificate",
            "a key requires its certificate; enter the path of the certificate as well",
        ),
        (
            {"certificate": "/c.pem", "key_password": "hunter2"},
            "key_password",
            "the password is never stored; enter where it is: env:NAME or file:PATH",
        ),
        (
            {"certificate": "/c.pem", "key_password": "env:"},
            "key_password",
            "env: has no name after it; write env:NAME or file:PATH",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(
    typed: dict[str, str], field: str, says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        parse_tls(**typed)
    assert (caught.value.field, caught.value.message) == (field, says)


@pytest.mark.parametrize("url", ["http://localhost", "HTTP://localhost"])
def test_settings_that_would_have_no_effect_are_refused(url: str) -> None:
    check_scheme(url, DEFAULT_TLS)
    with pytest.raises(Invalid, match="http:// does not use TLS"):
        check_scheme(url, TlsSettings(ca_file="/etc/ca.pem"))
    for secure in ("https://localhost", "HTTPS://localhost"):
        check_scheme(secure, TlsSettings(ca_file="/etc/ca.pem"))
