"""Certificates for receivers, good and bad, made with openssl."""

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def make_certificates(directory: Path) -> dict[str, Path]:
    """Return a file with certificate and key for each kind. `trusted.pem` holds the trusted ones."""
    openssl = find_openssl()
    make = partial(make_certificate, openssl, directory)
    made = {
        "honest": make("honest", "IP:127.0.0.1"),
        "expired": make("expired", "IP:127.0.0.1", ends="20200102"),
        "early": make("early", "IP:127.0.0.1", begins="20890101"),
        "wrong host": make("host", "IP:127.0.0.2"),
        "many names": make("names", "DNS:a.example,DNS:*.b.example,DNS:c.example,DNS:d.example"),
    }
    (directory / "trusted.pem").write_text("".join(path.read_text() for path in made.values()))
    made["self-signed"] = make("self", "IP:127.0.0.1")
    made["unknown issuer"] = issue_certificate(directory, issuer="Our Own CA")
    return made


def find_openssl() -> str:
    """Return the path of openssl. If it is missing, skip the test; in CI, fail."""
    openssl = shutil.which("openssl")
    if openssl is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("openssl is not installed")
    return openssl


def make_certificate(
    openssl: str, directory: Path, stem: str, names: str, begins: str = "20200101", ends: str = "20900101"
) -> Path:
    """Make a self-signed certificate for these names and days."""
    path, directory = directory / f"{stem}.pem", directory / stem
    directory.mkdir()
    (directory / "index.txt").touch()
    configuration = directory / "ca.cnf"
    configuration.write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={directory}/index.txt\nnew_certs_dir={directory}\n"
        f"serial={directory}/serial\n"
        f"default_md=sha256\npolicy=any\nx509_extensions=names\n[any]\ncommonName=supplied\n"
        f"[names]\nsubjectAltName={names}\n"
    )
    key, request = directory / "key.pem", directory / "request.pem"
    for command in (
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        f" -subj /CN={stem} -keyout {key} -out {request}",
        f"ca -batch -notext -selfsign -create_serial -config {configuration} -keyfile {key} -in {request}"
        f" -startdate {begins}000000Z -enddate {ends}000000Z -out {path}",
    ):
        subprocess.run([openssl, *command.split()], check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


def issue_certificate(directory: Path, issuer: str) -> Path:
    """Make a certificate for 127.0.0.1 with its key, signed by a CA of this name."""
    return Authority.make(directory, issuer).issue("issued").both


class Issued(NamedTuple):
    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class Authority:
    """A CA. `file` is its certificate; the certificates it issues are beside it."""

    openssl: str
    file: Path
    key: Path

    @classmethod
    def make(cls, directory: Path, name: str) -> "Authority":
        made = cls(find_openssl(), directory / "authority.pem", directory / "authority-key.pem")
        made._run("-subj", f"/CN={name}", "-keyout", made.key, "-out", made.file)
        return made

    def issue(self, stem: str, password: str = "", names: str = "IP:127.0.0.1") -> Issued:
        """Issue a certificate for these names. With a password, encrypt its key."""
        certificate, key = self.file.with_name(f"{stem}.crt"), self.file.with_name(f"{stem}.key")
        self._run(
            *("-subj", f"/CN={stem}", "-addext", f"subjectAltName={names}"),
            *("-CA", self.file, "-CAkey", self.key, "-keyout", key, "-out", certificate),
            password=password,
        )
        both = self.file.with_name(f"{stem}.pem")
        both.touch(mode=0o600)
        both.write_text(certificate.read_text() + key.read_text())
        return Issued(certificate, key, both)

    def _run(self, *options: str | Path, password: str = "") -> None:
        new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        keep = ("-passout", f"pass:{password}") if password else ("-nodes",)
        subprocess.run([self.openssl, *new, *keep, *options], check=True, capture_output=True)
