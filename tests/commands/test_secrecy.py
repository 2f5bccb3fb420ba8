"""Secrets appear in no output, and control characters reach no terminal."""

import base64
import json
import re
import signal
import subprocess
import sys
from urllib.parse import quote

import httpx
import pytest

from tests.commands.conftest import PATIENCE_S, Completed, Receiver, Tocsin, complaint
from tests.conftest import alert, destination
from tests.delivery.certificates import Authority
from tests.drills.installation import ROOT
from tui.domain.authorization import bearer
from tui.domain.headers import Header
from tui.domain.secret import Secret
from tui.domain.text import is_control

TOKEN, QUERY, PASSWORD, HEADER = "T0KENinTHEurl", "s3cretINtheQUERY", "hunter2", "k3yINaHEADER"
BEARER, BASIC, KEY_PASSWORD = "b3arerT0KEN", "basicPASSw0rd", "0pensTHEkey"
LISTEN, PROXY = "l1sten-t0ken-of-the-endpoint", "pr0xyPASSword"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


KEY, NEW_KEY = _base64("0123456789abcdef" * 2), _base64("fedcba9876543210" * 2)
WIRE = (_base64(f"soc:{password}") for password in (PASSWORD, BASIC, PROXY))
PLANTED = (TOKEN, QUERY, PASSWORD, HEADER, BEARER, BASIC, KEY_PASSWORD, LISTEN, PROXY, KEY, NEW_KEY, *WIRE)
"""What no output may hold, as it was given and as it goes over the wire."""


def seen_in(text: str) -> list[str]:
    """Return the planted secrets that occur in `text`, whatever surrounds them."""
    return [secret for secret in PLANTED if secret in text or quote(secret, safe="") in text]


def secret_url(port: int) -> str:
    return f"http://soc:{PASSWORD}@127.0.0.1:{port}/services/{TOKEN}/in?key={QUERY}"


def test_secrets_appear_only_in_the_database(
    tocsin: Tocsin, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url, down = secret_url(receiver.port), secret_url(1)
    given = "--header", f"X-Key: {HEADER}", "--secret", f"whsec_{KEY}"
    made = Authority.make(tmp_path_factory.mktemp("authority"), "CA").issue("client", KEY_PASSWORD)
    client = "--client-cert", str(made.certificate), "--client-key", str(made.key)
    password = "--client-key-password", "env:KEY_PASSWORD"
    tocsin.environment |= {"KEY_PASSWORD": KEY_PASSWORD, "HTTPS_PROXY": f"http://soc:{PROXY}@127.0.0.1:1"}
    receiver.status = 500
    ran = [
        tocsin("destination", "add", "soc", url, *given, "--test"),
        tocsin("destination", "add", "down", down, *given, "--test", "--json"),
        tocsin("destination", "edit", "soc", "--url", url, *given),
        tocsin("destination", "add", "soc", url, *given),
        tocsin("destination", "add", "bad", url + "#", *given),
        tocsin("destination", "add", "bad", url, "--secret", f"whsec_{KEY}!"),
        tocsin("destination", "add", "bad", url, "--header", f"X-Key: {HEADER}\n\n!"),
        tocsin("destination", "add", "bad", url, "--bearer", f"{BEARER} {BEARER}"),
        tocsin("destination", "add", "bad", url, "--basic", BASIC),
        tocsin("destination", "add", "bad", "https://x", *client, "--client-key-password", KEY_PASSWORD),
        tocsin("destination", "add", "bearer", down, "--bearer", BEARER, "--test"),
        tocsin("destination", "add", "basic", down, "--basic", f"soc:{BASIC}", "--test", "--json"),
        tocsin("destination", "add", "key", "https://127.0.0.1:1", *client, *password, "--test"),
        tocsin("destination", "add", "proxied", f"https://hooks.example.com/{TOKEN}", "--test"),
        tocsin("send", "--title", "x", "--wait", env={"TOCSIN_RETRY_DELAYS": "0"}),
        tocsin("destination", "list"),
        *(tocsin("destination", "show", name) for name in ("soc", "bearer", "basic", "key")),
        *(tocsin("destination", "show", name, "--json") for name in ("soc", "bearer", "basic", "key")),
        tocsin("alert", "list", "--json"),
    ]
    sent = json.loads(ran[-1].stdout)[0]["alertId"]
    ran += [
        tocsin("alert", "show", sent),
        tocsin("alert", "show", sent, "--json"),
        tocsin("destination", "rotate", "soc", "--secret", "-", input=f"whsec_{NEW_KEY}\n"),
        tocsin("destination", "rotate", "soc", "--secret", f"whsec_{NEW_KEY}!"),
        tocsin("destination", "test", "soc"),
        tocsin("destination", "show", "soc"),
        tocsin("destination", "show", "soc", "--json"),
        tocsin("destination", "list", "--json"),
        tocsin("destination", "rotate", "soc", "--end", "--json"),
        tocsin("alert", "resend", "--failed"),
        tocsin("dispatch", "--drain", env={"TOCSIN_RETRY_DELAYS": "0", "TOCSIN_LISTEN_TOKEN": LISTEN}),
        tocsin("receive", "--secret", f"v1,whsec_{KEY}"),
        tocsin("db", "check"),
        tocsin("db", "backup", str(tocsin.home / "copy.db")),
        tocsin("db", "backup", str(tocsin.home / "copy.db")),
        tocsin("destination", "list", env={"TOCSIN_LISTEN_TOKEN": LISTEN, "TOCSIN_CONCURRENCY": "none"}),
        tocsin("destination", "test", "proxied", env={"HTTPS_PROXY": f"socks5://soc:{PROXY}@[::1"}),
        tocsin("destination", "list", env={"TOCSIN_DB": f"postgresql://soc:{PASSWORD}@127.0.0.1:1/tocsin"}),
        tocsin("db", "backup", "x", env={"TOCSIN_DB": f"postgresql://soc:{PASSWORD}@127.0.0.1:1/tocsin"}),
    ]
    assert {request.headers["x-key"] for request in receiver.requests} == {HEADER}
    said = "".join(done.stdout + done.stderr for done in ran)
    assert "Traceback" not in said
    assert seen_in(said) == []
    holding = {path.name for path in tocsin.home.iterdir() if seen_in(path.read_bytes().decode("latin-1"))}
    assert holding <= {"tocsin.db", "tocsin.db-wal", "copy.db"}
    assert "copy.db" in holding


def test_a_token_is_shown_only_once(tocsin: Tocsin) -> None:
    made = tocsin("token", "add", "ci").stdout.strip()
    ran = [tocsin("token", "list"), tocsin("token", "list", "--json"), tocsin("token", "add", "ci")]
    with tocsin.start("dispatch", "--listen", "127.0.0.1:0") as running:
        assert running.stderr is not None
        told = ""
        while not (found := re.search(r"receiving alerts at (\S+)", told)):
            told += running.stderr.readline()
        for token in (made, made[:-1] + "x", LISTEN):
            sent = {"Authorization": f"Bearer {token}"}
            answer = httpx.post(found[1], json={"title": "x"}, headers=sent)
            told += answer.text + str(answer.headers)
        running.send_signal(signal.SIGTERM)
        told += "".join(running.communicate(timeout=PATIENCE_S))
    ran += [
        tocsin("token", "revoke", made),
        tocsin("token", "revoke", made),
        tocsin("token", "list", "--all"),
    ]
    told += "".join(done.stdout + done.stderr for done in ran)
    assert "Traceback" not in told
    assert [secret for secret in (made, made[:-1], LISTEN) if secret in told] == []
    holding = [path.name for path in tocsin.home.iterdir() if made.encode() in path.read_bytes()]
    assert holding == []


@pytest.mark.parametrize("secret", [f"whsec_{KEY}", f"whsec_{NEW_KEY}"], ids=["right", "wrong"])
def test_a_receiver_that_verifies_prints_no_secret(tocsin: Tocsin, secret: str) -> None:
    with tocsin.start("receive", "--port", "0", "--secret", "-", stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(f"{secret}\n")
        running.stdin.close()
        running.stdin = None
        told = running.stdout.readline()
        port = int(re.findall(r":(\d+) ", told)[0])
        given = "--header", f"X-Key: {HEADER}", "--secret", f"whsec_{KEY}"
        tocsin("destination", "add", "soc", f"http://127.0.0.1:{port}/in", *given, "--test")
        running.send_signal(signal.SIGINT)
        told += "".join(running.communicate(timeout=PATIENCE_S))
    assert "signed" in told
    assert seen_in(told) == []


def in_python(tocsin: Tocsin, before: str, *args: str) -> Completed:
    """Run the command in a Python that first runs `before`."""
    return subprocess.run(
        [sys.executable, "-c", f"{before}\nfrom tui.cli import main\nmain()", *args],
        env=tocsin.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_debug_log_contains_no_secret(tocsin: Tocsin, receiver: Receiver) -> None:
    """Users cannot enable it, but a developer can."""
    headers = (Header("X-Key", Secret(HEADER)), bearer(BEARER))
    tocsin.add(
        destination(url=secret_url(receiver.port), headers=headers, secret=Secret(f"whsec_{KEY}")),
        destination(name="down", url=secret_url(1), headers=headers),
    )
    tocsin.submit(alert())
    tocsin.environment |= {"TOCSIN_RETRY_DELAYS": "0", "HTTP_PROXY": f"http://soc:{PROXY}@127.0.0.1:1"}
    done = in_python(tocsin, "import logging; logging.INFO = logging.DEBUG", "dispatch", "--drain")
    log = tocsin.log.read_text()
    assert (done.returncode, "permanently failed" in log) == (0, True)
    assert seen_in(done.stdout + done.stderr + log) == []


CRASHING = """
from tui.store import destinations

def crash(*args):
    new = args[-1]
    row = (new.url, new.secret.value)
    raise RuntimeError(f"cannot write to {new.url}\\nDETAIL: Failing row contains {row}")

destinations.add = crash
"""


def test_a_crash_report_names_the_place_and_no_values(tocsin: Tocsin) -> None:
    url = secret_url(1)
    done = in_python(tocsin, CRASHING, "destination", "add", "soc", url, "--secret", f"whsec_{KEY}")
    told = complaint(done, 1)
    where = (
        r"internal error \(a bug\) in tui/\S+\.py:\d+: RuntimeError: cannot write to http://127.0.0.1:1/…UERY"
    )
    assert re.fullmatch(where, told)
    assert seen_in(tocsin.log.read_text()) == []


HOSTILE = "\x1b[31mred \x1b]52;c;AAAA\x07 \u202egnp.exe \x9b2J [bold]loud[/] [@click=app.quit]\r\x00"


def test_text_from_outside_is_shown_inert(tocsin: Tocsin, receiver: Receiver) -> None:
    receiver.body, receiver.headers = HOSTILE.encode(), {"X-Echo": "\x1b[2J \u009b2J"}
    tocsin.add(destination(url=receiver.url), destination(name="[bold]down", url="http://127.0.0.1:1"))
    texts = dict.fromkeys(("title", "name", "id", "description", "runbook", "version", "link"), HOSTILE)
    hostile = texts | {
        "alertId": "hostile-alert",
        "tags": [HOSTILE],
        "alertContext": {HOSTILE: HOSTILE},
    }
    ran = [
        tocsin("send", "-", "--wait", input=json.dumps(hostile), env={"TOCSIN_RETRY_DELAYS": "0"}),
        tocsin("send", "-", input=json.dumps(hostile), env={"TOCSIN_REVIVE_AFTER": "off"}),
        tocsin("send", "-", input=json.dumps({HOSTILE: 1})),
        tocsin("alert", "list"),
        tocsin("alert", "list", "--json"),
        tocsin("alert", "show", "hostile-"),
        tocsin("alert", "show", "hostile-", "--json"),
        tocsin("alert", "show", HOSTILE.replace("\x00", "")),
        tocsin("dispatch", "--drain", env={"TOCSIN_RETRY_DELAYS": "0"}),
        tocsin("destination", "list"),
    ]
    seen = "".join(done.stdout + done.stderr for done in ran) + tocsin.log.read_text()
    assert {character for character in seen if is_control(character)} == {"\n"}
    assert "Traceback" not in seen
    listed, shown, as_json = ran[3].stdout, ran[5].stdout, json.loads(ran[6].stdout)
    assert "␛[31mred ␛]52;c;AAAA␇ \\u202egnp.exe \\x9b2J [bold]loud[/] [@click=app.quit]␍" in listed
    assert "[bold]down failed" in listed
    assert shown.count("[@click=app.quit]") >= 9
    assert as_json["title"] == HOSTILE.replace("\x00", "\ufffd")
