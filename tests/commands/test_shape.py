"""`tocsin shape`, and destinations that send in a shape."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.conftest import PATIENCE_S, Receiver, Tocsin
from tests.conftest import alert
from tui.commands.receive import _VENDORS
from tui.delivery.shapes import library
from tui.serving.vendors import VENDORS

GOOD = '[body]\ntext = "{{ title }}"\n'
NEEDS = {
    "pagerduty": ("--header", "X-Routing-Key: R1"),
    "splunk-hec": ("--header", "Authorization: Splunk t"),
}


@contextmanager
def playing(tocsin: Tocsin, *options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `tocsin receive` with these options; yields its URL."""
    process = tocsin.start("receive", "--port", "0", *options, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0], process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


def test_list_names_every_shape(tocsin: Tocsin):
    listed = tocsin.json("shape", "list", "--json")

    assert [row["name"] for row in listed] == library.names()
    assert tocsin("shape", "show", "slack").stdout.startswith('about = "Slack')
    assert "no shape 'nosuch'" in tocsin("shape", "show", "nosuch").stderr


def test_check_names_the_place_of_a_mistake(tocsin: Tocsin, file: Callable[..., str]):
    good, bad = file(GOOD, "good.toml"), file(GOOD.replace("title", "titel"), "bad.toml")

    assert tocsin("shape", "check", good).returncode == 0
    done = tocsin("shape", "check", bad)
    assert done.returncode == 1
    assert "bad.toml: line 2, column 12: there is no variable 'titel'" in done.stderr


def test_render_prints_a_body_for_each_alert(tocsin: Tocsin, file: Callable[..., str]):
    tocsin.submit(alert(alert_id="alert-one", title="One"), alert(alert_id="alert-two", title="Two"))

    def texts(*args: str) -> list[str]:
        return [json.loads(line)["text"] for line in tocsin("shape", "render", *args).stdout.splitlines()]

    mine = file(GOOD, "mine.toml")
    assert texts(mine, "--last", "5") == ["Two", "One"]
    assert texts(mine, "alert-one") == ["One"]
    assert texts(mine) == ["This is a Test Alert"]
    assert json.loads(tocsin("shape", "render", "panther", "alert-one").stdout)["alertId"] == "alert-one"
    assert "R0UT" not in tocsin("shape", "render", "pagerduty").stdout


def test_a_destination_names_a_shape_that_exists_and_has_its_headers(tocsin: Tocsin):
    add = ("destination", "add", "d", "https://receiver.example/hook", "--shape")

    assert "there is no shape 'nosuch'" in tocsin(*add, "nosuch").stderr
    assert "X-Routing-Key" in tocsin(*add, "pagerduty").stderr
    assert tocsin.json(*add, "Slack", "--json")["shape"] == "slack"
    assert re.search(r"sends as +slack", tocsin("destination", "show", "d").stdout)
    assert tocsin("destination", "edit", "d", "--shape", "panther").returncode == 0
    assert tocsin.json("destination", "show", "d", "--json")["shape"] == "panther"


def test_the_url_of_a_vendor_proposes_its_shape(tocsin: Tocsin):
    url = "https://hooks.slack.com/services/T0/B0/x"

    assert "`tocsin destination edit s --shape slack`" in tocsin("destination", "add", "s", url).stderr
    assert tocsin("destination", "add", "t", url, "--shape", "slack").stderr == ""


def test_receive_knows_every_vendor():
    assert set(_VENDORS) == VENDORS.keys()


@pytest.mark.parametrize("name", ["slack", "telegram", "pagerduty", "ntfy"])
def test_a_shape_is_delivered_to_its_vendor(tocsin: Tocsin, name: str):
    with playing(tocsin, "--as", name) as (url, process):
        path = "/topic?chat_id=1" if name in ("ntfy", "telegram") else "/hook"
        done = tocsin("destination", "add", "d", url + path, "--shape", name, *NEEDS.get(name, ()), "--test")
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=PATIENCE_S)[0]

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name} accepts it" in printed


def test_a_vendor_rejects_what_is_not_in_its_shape(tocsin: Tocsin):
    with playing(tocsin, "--as", "slack") as (url, _):
        done = tocsin("destination", "add", "d", url, "--test")

    assert done.returncode == 1
    assert "400" in done.stdout + done.stderr


def test_a_permanent_answer_ends_the_round_with_its_reason(tocsin: Tocsin):
    with playing(tocsin, "--status", "404", "--body", "no_service") as (url, _):
        tocsin("destination", "add", "d", url, "--shape", "slack")
        tocsin("send", "--title", "x", "--wait")
    [row] = tocsin.json("alert", "list", "--json")
    shown = tocsin.json("alert", "show", row["alertId"], "--json")

    [delivery] = shown["deliveries"]
    assert delivery["state"] == "failed"
    [attempt] = delivery["attempts"]
    assert "404 Not Found: no_service; not retried" in attempt["error"]


def test_a_receiver_may_stop_retries_only_if_its_destination_allows_it(tocsin: Tocsin):
    def attempts() -> tuple[str, int]:
        sent = tocsin("send", "--title", "x", "--wait", "--json")
        shown = tocsin.json("alert", "show", json.loads(sent.stdout)[0]["alertId"], "--json")
        [delivery] = shown["deliveries"]
        return delivery["state"], len(delivery["attempts"])

    with playing(tocsin, "--status", "410") as (url, _):
        assert tocsin.json("destination", "add", "d", url, "--allow-stop", "--json")["allowStop"] is True
        assert attempts() == ("failed", 1)
        assert "the receiver may stop retries" in tocsin("destination", "show", "d").stdout
        assert tocsin("destination", "edit", "d", "--no-allow-stop").returncode == 0
        assert tocsin.json("destination", "show", "d", "--json")["allowStop"] is False


def test_an_answer_that_does_not_acknowledge_is_a_failure(tocsin: Tocsin):
    with playing(tocsin, "--body", '{"ok":false,"description":"chat not found"}') as (url, _):
        done = tocsin("destination", "add", "d", f"{url}?chat_id=1", "--shape", "telegram", "--test")

    assert done.returncode == 1
    assert "chat not found" in done.stdout + done.stderr


def test_a_signature_covers_the_shape_that_is_sent(tocsin: Tocsin, receiver: Receiver):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    with playing(tocsin, "--as", "generic", "--secret", secret) as (url, process):
        done = tocsin("destination", "add", "d", url, "--shape", "generic", "--secret", secret, "--test")
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=PATIENCE_S)[0]

    assert done.returncode == 0
    assert "signed" in printed


def test_a_shape_of_your_own_beside_the_configuration_file(tocsin: Tocsin, file: Callable[..., str]):
    config = file("", "config.toml")
    own = Path(config).parent / "shapes"
    own.mkdir()
    (own / "mine.toml").write_text(GOOD)
    listed = json.loads(tocsin("--config", config, "shape", "list", "--json").stdout)

    assert [row["name"] for row in listed if row["from"] == "own"] == ["mine"]
