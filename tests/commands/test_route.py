"""`tocsin route`: where alerts go, and why not to the others."""

import json

import pytest

from tests.commands.conftest import Tocsin

ALERTS = [{"title": "a", "severity": "HIGH"}, {"title": "b", "severity": "CRITICAL", "tags": ["aws"]}]


@pytest.fixture
def routed(tocsin: Tocsin) -> Tocsin:
    """With a destination for everything and one for critical alerts tagged aws."""
    for name, *rest in (["soc"], ["pager", "--severity", "CRITICAL", "--filter", "tag:aws"]):
        assert tocsin("destination", "add", name, f"http://localhost/{name}", *rest).returncode == 0
    return tocsin


def test_it_says_why_an_alert_does_not_go_to_a_destination(routed: Tocsin) -> None:
    done = routed("route", "-", input=json.dumps(ALERTS))
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "item 1: HIGH a",
        "  – pager: severity HIGH; it takes CRITICAL",
        "  ✓ soc",
        "item 2: CRITICAL b",
        "  ✓ pager",
        "  ✓ soc",
    ]
    assert routed("alert", "list", "--json").stdout.strip() == "[]", "nothing is stored"


def test_an_expectation_that_is_not_met_ends_with_1(routed: Tocsin) -> None:
    assert routed("route", "--expect", "soc", "-", input=json.dumps(ALERTS)).returncode == 0
    done = routed("route", "--expect", "soc", "--expect", "pager", "--json", "-", input=json.dumps(ALERTS))
    assert done.returncode == 1
    assert done.stderr == "1 alert does not go to all of: soc, pager\n"
    assert [one["destinations"] for one in json.loads(done.stdout)] == [["soc"], ["pager", "soc"]]
    assert "no destination is named" in routed("route", "--expect", "x", "-", input="{}").stderr


def test_a_stored_alert_is_routed_as_if_it_arrived_now(routed: Tocsin) -> None:
    sent = routed("send", "--title", "stored", "--severity", "CRITICAL", "--json")
    [receipt] = json.loads(sent.stdout)
    routed("destination", "edit", "pager", "--filter", "")
    done = routed("route", receipt["alertId"])
    assert done.stdout.splitlines() == ["CRITICAL stored", "  ✓ pager", "  ✓ soc"]


def test_what_cannot_be_read_or_found_is_an_error(routed: Tocsin) -> None:
    done = routed("route", "-", input='[{"title": "a"}, {"severity": "HIGH"}, 7]')
    assert done.returncode == 2
    assert "item 2: an alert needs a title, a name or an id" in done.stderr
    assert "item 3: " in done.stderr
    assert routed("route", "nowhere-to-be-found").returncode == 1
