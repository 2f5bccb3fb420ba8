"""Dispatchers killed at random moments, with a receiver that sometimes fails."""

import random
from collections.abc import Callable

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, names
from tests.drills.receiver import Received, Receiver

DISPATCHERS, ALERTS_A_KILL = 4, 30


def kill_at_random(installation: Installation, receiver: Receiver, seed: int, kills: int) -> str:
    draw = random.Random(seed)
    fails = random.Random(seed + 1)

    def sometimes_500(_: Received) -> int:
        return 500 if fails.random() < 0.15 else 200

    receiver.status = sometimes_500
    receiver.latency_s = 0.005  # so that a kill finds requests under way
    installation.add_destination("soc", receiver.url)
    running = [installation.start("dispatch") for _ in range(DISPATCHERS)]
    alerts: list[str] = []
    for kill in range(kills):
        batch = names(f"batch-{kill}", ALERTS_A_KILL)
        installation.queue(batch)
        alerts += batch
        receiver.wait_for_requests(draw.randint(1, ALERTS_A_KILL))
        victim = draw.randrange(DISPATCHERS)
        running[victim].kill()
        # Those of the living run out with those of the dead: their answers come late and are refused.
        installation.let_leases_run_out()
        running[victim] = installation.start("dispatch")
    for dispatcher in running:
        dispatcher.kill()
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    # A delivery that was under way at eleven kills has permanently failed, and is resent.
    installation.run("alert", "resend", "--failed")
    installation.run("dispatch", "--drain")
    return f"seed {seed}, {kills + DISPATCHERS} kills, {assert_nothing_lost(installation, receiver, alerts)}"


def test_four_dispatchers_and_twenty_random_kills_lose_nothing(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    report(kill_at_random(installation, receiver, seed=random.randrange(10**6), kills=20))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_hundreds_of_random_kills_lose_nothing(
    installation: Installation, receiver: Receiver, report: Callable[[str], None], seed: int
):
    report(kill_at_random(installation, receiver, seed=seed, kills=100))
