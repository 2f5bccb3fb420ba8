"""What must hold on any engine when a dispatcher cannot record its answers."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, json_lines
from tests.drills.receiver import Receiver

TROUBLE = "cannot record or claim"
RECOVERED = "the database answers again"
CAP = 16
"""What a dispatcher has in flight to one destination."""
MOST_CPU = 0.2
"""Of the outage's duration: a loop that spins takes all of a processor, or half of a busy one."""


def ride_out(
    installation: Installation,
    receiver: Receiver,
    fault: AbstractContextManager[None],
    *,
    alerts: Sequence[str],
    reason: str,
    refusals: tuple[str, ...],
    sends: int = 4,
    lasting: Callable[[], object] = lambda: None,
) -> str:
    """Let answers arrive during the `fault`. Return the figures."""
    receiver.body = b"x" * 60_000  # more than any room left in SQLite's write-ahead log
    installation.add_destination("soc", receiver.url, timeout_s=120)
    receiver.may_answer.clear()
    installation.queue(alerts)
    dispatcher = installation.dispatcher()
    receiver.wait_for_requests(min(len(alerts), CAP))

    with fault:
        cpu, begun = dispatcher.cpu_s(), time.monotonic()
        receiver.may_answer.set()
        dispatcher.wait_until_said(TROUBLE)
        for _ in range(sends):
            assert_send_is_refused(installation, refusals)
        lasting()
        cpu, lasted = dispatcher.cpu_s() - cpu, time.monotonic() - begun
        assert dispatcher.process.poll() is None

    dispatcher.wait_until_said(RECOVERED)
    installation.wait_until_all_delivered()
    installation.queue(["afterwards"])
    installation.wait_until_all_delivered()
    assert next(line for line in dispatcher.said().splitlines() if TROUBLE in line).endswith(reason)
    assert dispatcher.said().count(TROUBLE) == 1
    figures = assert_nothing_lost(installation, receiver, [*alerts, "afterwards"])
    assert len(receiver.requests) == len(alerts) + 1, "results were kept, nothing was sent again"
    assert cpu < MOST_CPU * lasted
    return f"{figures}; {cpu:.2f} s of processor time in a fault of {lasted:.1f} s"


def assert_send_is_refused(installation: Installation, refusals: tuple[str, ...]) -> None:
    """A plain sentence, a code that is not 0, and (found out at the end) nothing half-stored."""
    large = json_lines(["refused"], description="x" * 500_000)
    done = installation.ask("send", "-", input=large)
    assert done.returncode in (1, 3)
    assert any(refusal in done.stderr for refusal in refusals), done.stderr
    assert all(line.startswith("tocsin: ") for line in done.stderr.splitlines()), done.stderr
    assert len(done.stderr.splitlines()) <= 2, "why, and which lines those were"
