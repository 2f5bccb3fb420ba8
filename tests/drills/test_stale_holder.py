"""A dispatcher that was stopped past its lease and comes back with an answer nobody waits for."""

from collections.abc import Sequence
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation
from tests.drills.receiver import Receiver

LATE = "late answer ignored"


def everything(installation: Installation) -> list[Sequence[tuple[Any, ...]]]:
    return [installation.sql(f"SELECT * FROM {table} ORDER BY id") for table in ("delivery", "attempt")]


def test_a_late_answer_changes_nothing_and_is_logged_once(installation: Installation, receiver: Receiver):
    installation.run("destination", "add", "soc", receiver.url, "--timeout", "120")
    receiver.may_answer.clear()
    installation.queue(["root-login"])
    stale = installation.dispatcher()
    receiver.wait_for_requests(1)
    stale.signal(SIGSTOP)
    receiver.may_answer.set()
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    settled = everything(installation)

    stale.signal(SIGCONT)

    stale.wait_until_said(LATE)
    stale.signal(SIGTERM)
    assert stale.exit_code() == 0
    assert everything(installation) == settled
    assert installation.log.read_text().count(LATE) == 1
    assert installation.outcomes() == ["abandoned", "delivered"]
    assert_nothing_lost(installation, receiver, ["root-login"])


def test_a_late_answer_does_not_end_the_lease_of_the_new_holder(
    installation: Installation, receiver: Receiver
):
    installation.run("destination", "add", "soc", receiver.url, "--timeout", "120")
    receiver.may_answer.clear()
    installation.queue(["root-login"])
    stale = installation.dispatcher()
    receiver.wait_for_requests(1)
    stale.signal(SIGSTOP)
    installation.let_leases_run_out()
    holder = installation.dispatcher()
    receiver.wait_for_requests(1)
    held = everything(installation)

    holder.signal(SIGSTOP)  # so that only the stale one hears the answer
    receiver.may_answer.set()
    stale.signal(SIGCONT)

    stale.wait_until_said(LATE)
    assert everything(installation) == held
    holder.signal(SIGCONT)
    installation.wait_until_all_delivered()
    for dispatcher in (stale, holder):
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, ["root-login"])
    assert installation.outcomes() == ["abandoned", "delivered"]
