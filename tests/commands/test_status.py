"""`tocsin status`: exit codes and words for people and monitoring checks."""

import json

import pytest

from tests.commands.conftest import Tocsin


@pytest.fixture
def idle(tocsin: Tocsin) -> Tocsin:
    """With a destination that nothing was sent to."""
    assert tocsin("destination", "add", "soc", "http://localhost/soc").returncode == 0
    return tocsin


def test_it_is_ok_while_nothing_needs_attention(idle: Tocsin) -> None:
    idle("send", "--title", "fresh")
    done = idle("status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("OK: deliveries: 1 pending, 0 in flight, 0 failed permanently; destinations: 1\n")


def test_a_warning_exits_1_and_names_the_destination(idle: Tocsin) -> None:
    idle("send", "--title", "kept")
    idle("destination", "pause", "soc")
    done = idle("status")
    assert done.returncode == 1
    first, problem = done.stdout.splitlines()
    assert first.startswith("WARNING: ")
    assert problem == "WARNING   soc: paused with 1 delivery pending"


def test_late_deliveries_exit_2(idle: Tocsin) -> None:
    idle("send", "--title", "late")
    done = idle("status", "--late", "0s", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["status"] == "critical"
    assert [(problem["kind"], problem["destination"]) for problem in told["problems"]] == [("late", "soc")]
    assert told["destinations"][0]["pending"] == 1


def test_a_database_that_cannot_be_opened_is_unknown(tocsin: Tocsin) -> None:
    assert tocsin("--db", "/nowhere/at/all.db", "status").returncode == 3


def test_a_span_it_does_not_understand_is_refused(idle: Tocsin) -> None:
    done = idle("status", "--since", "yesterday")
    assert done.returncode == 2
    assert done.stderr == "tocsin: --since requires a time span like 30m, 2h or 7d, not 'yesterday'\n"
