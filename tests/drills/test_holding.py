"""A receiver that asks to wait gets no more than a probe until it takes alerts again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from signal import SIGTERM

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, Program, eventually, names
from tests.drills.receiver import PATIENCE_S, Received, Receiver


class Limiter:
    """Takes a number of requests in any second, and answers 429 to the others, as chat services do."""

    def __init__(self, per_second: int) -> None:
        self.refused = 0
        self._per_second = per_second
        self._taken: deque[float] = deque()
        self._lock = threading.Lock()

    def __call__(self, _: Received) -> int:
        with self._lock:
            now = time.monotonic()
            while self._taken and self._taken[0] < now - 1:
                self._taken.popleft()
            if len(self._taken) < self._per_second:
                self._taken.append(now)
                return 200
            self.refused += 1
            return 429


def is_held(installation: Installation) -> bool:
    return installation.count("destination", "holds > 0") == 1


def stop(*dispatchers: Program) -> None:
    for dispatcher in dispatchers:
        dispatcher.signal(SIGTERM)
    assert [dispatcher.exit_code() for dispatcher in dispatchers] == [0] * len(dispatchers)


def test_two_dispatchers_send_a_backlog_to_a_receiver_with_a_limit_at_its_rate(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    receiver.status = limiter = Limiter(per_second=20)
    receiver.retry_after = 1
    alerts = names("alert", 150)
    installation.add_destination("soc", receiver.url)
    installation.queue(alerts)
    begun = time.monotonic()

    dispatchers = [installation.dispatcher() for _ in range(2)]

    installation.wait_until_all_delivered()
    took = time.monotonic() - begun
    stop(*dispatchers)
    figures = assert_nothing_lost(installation, receiver, alerts)
    assert 0 < limiter.refused < len(alerts)
    assert max(receiver.by_alert.values()) <= 6, "most of each budget is left"
    report(f"{figures}, {limiter.refused} answers 429, in {took:.1f} s")


def test_one_probe_at_a_time_goes_to_a_receiver_that_is_down_and_kill_9_of_its_dispatcher_loses_none(
    installation: Installation, receiver: Receiver
):
    dead = threading.Event()

    def status(request: Received) -> int:
        """Refuse the first alert and three probes, then answer no more before the dispatchers are dead."""
        if request in receiver.requests[:4]:
            return 503
        dead.wait(PATIENCE_S)
        return 200

    receiver.status = status
    receiver.retry_after = 1
    alerts = names("alert", 30)
    installation.add_destination("soc", receiver.url, timeout_s=120)
    installation.queue(alerts[:1])
    dispatchers = [installation.dispatcher() for _ in range(2)]
    eventually(lambda: is_held(installation), lambda: "503 with Retry-After does not hold")
    installation.queue(alerts[1:])
    receiver.wait_for_requests(5)
    for dispatcher in dispatchers:
        dispatcher.kill()
    assert len(receiver.requests) == 5, "one probe at a time"

    dead.set()
    dispatcher = installation.dispatcher()
    installation.let_leases_run_out()

    installation.wait_until_all_delivered()
    stop(dispatcher)
    assert_nothing_lost(installation, receiver, alerts)
    assert installation.count("attempt", "outcome = 'abandoned'") == 1, "only the probe was in flight"
    assert not is_held(installation)
