"""What must not be seen is not seen: secrets in no output, control characters in no terminal."""

import base64
import json

from tests.commands.conftest import Receiver, Tocsin
from tests.conftest import destination
from tui.domain.text import is_control

TOKEN, PASSWORD, HEADER = "T0KENinTHEurl", "hunter2", "k3yINaHEADER"
KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def test_secrets_are_in_no_output_and_not_in_the_log(tocsin: Tocsin, receiver: Receiver) -> None:
    url = f"http://soc:{PASSWORD}@127.0.0.1:{receiver.port}/services/{TOKEN}/in"
    given = "--header", f"X-Key: {HEADER}", "--secret", f"whsec_{KEY}"
    receiver.status = 500
    down = f"http://soc:{PASSWORD}@127.0.0.1:1/{TOKEN}/in"
    ran = [
        tocsin("destination", "add", "soc", url, *given, "--test"),
        tocsin("destination", "add", "down", down, *given, "--test", "--json"),
        tocsin("destination", "edit", "soc", "--url", url, *given),
        tocsin("destination", "add", "soc", url, *given),
        tocsin("destination", "add", "bad", url + "#", *given),
        tocsin("destination", "add", "bad", url, "--secret", f"whsec_{KEY}!"),
        tocsin("destination", "add", "bad", url, "--header", f"X-Key: {HEADER}\n\n!"),
        tocsin("send", "--title", "x", "--wait", env={"TOCSIN_RETRY_DELAYS": "0"}),
        tocsin("destination", "list"),
        tocsin("destination", "show", "soc", "--json"),
        tocsin("alert", "list", "--json"),
    ]
    alert = json.loads(ran[-1].stdout)[0]["alertId"]
    ran += [tocsin("alert", "show", alert), tocsin("alert", "show", alert, "--json")]
    assert {request.headers["x-key"] for request in receiver.requests} == {HEADER}
    seen = "".join(done.stdout + done.stderr for done in ran) + tocsin.log.read_text()
    assert "Traceback" not in seen
    basic = base64.b64encode(f"soc:{PASSWORD}".encode()).decode()
    assert [secret for secret in (TOKEN, PASSWORD, HEADER, KEY, basic) if secret in seen] == []


HOSTILE = "\x1b[31mred \x1b]52;c;AAAA\x07 \u202egnp.exe \x9b2J [bold]loud[/] [@click=app.quit]\r\x00"


def test_text_from_outside_is_shown_and_not_obeyed(tocsin: Tocsin, receiver: Receiver) -> None:
    receiver.body, receiver.headers = HOSTILE.encode(), {"X-Echo": "\x1b[2J \u009b2J"}
    tocsin.add(destination(url=receiver.url), destination(name="[bold]down", url="http://127.0.0.1:1"))
    texts = dict.fromkeys(("title", "name", "id", "description", "runbook", "version", "link"), HOSTILE)
    alert = texts | {
        "alertId": "hostile-alert",
        "tags": [HOSTILE],
        "alertContext": {HOSTILE: HOSTILE},
    }
    ran = [
        tocsin("send", "-", "--wait", input=json.dumps(alert), env={"TOCSIN_RETRY_DELAYS": "0"}),
        tocsin("send", "-", input=json.dumps(alert)),
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
