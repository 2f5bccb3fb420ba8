"""A dispatcher that was stopped past its lease and then gets an answer."""

import threading
from collections.abc import Sequence
from signal import SIGCONT, SIGTERM
from typing import Any

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation
from tests.drills.receiver import PATIENCE_S, Received, Receiver

LATE = "late answer ignored"


def everything(installation: Installation) -> list[Sequence[tuple[Any, ...]]]:
    return [installation.sql(f"SELECT * FROM {table} ORDER BY id") for table in ("delivery", "attempt")]


def test_a_late_answer_changes_nothing_and_is_logged_once(installation: Installation, receiver: Receiver):
    installation.add_destination("soc", receiver.url, timeout_s=120)
    receiver.may_answer.clear()
    installation.queue(["root-login"])
    stale = installation.dispatcher()
    receiver.wait_for_requests(1)
    installation.stop(stale)
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
    second_may_be_answered = threading.Event()

    def status(request: Received) -> int:
        if request is not receiver.requests[0]:
            second_may_be_answered.wait(PATIENCE_S)
        return 200

    receiver.status = status
    receiver.may_answer.clear()
    installation.add_destination("soc", receiver.url, timeout_s=120)
    installation.queue(["root-login"])
    stale = installation.dispatcher()
    receiver.wait_for_requests(1)
    installation.stop(stale)
    installation.let_leases_run_out()
    holder = installation.dispatcher()
    receiver.wait_for_requests(1)
    held = everything(installation)

    receiver.may_answer.set()
    stale.signal(SIGCONT)

    stale.wait_until_said(LATE)
    assert everything(installation) == held
    second_may_be_answered.set()
    installation.wait_until_all_delivered()
    for dispatcher in (stale, holder):
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, ["root-login"])
    assert installation.outcomes() == ["abandoned", "delivered"]
