"""Limits for requests in flight, and claims that wait for a slot."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.conftest import alert, answer, claimed, destination
from tui.delivery.slots import Limits, Slots
from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome
from tui.store.outbox import LEASE_MARGIN_MS, Claim


class Wire:
    """A sender whose requests are answered when the test says so."""

    def __init__(self) -> None:
        self.open: dict[str, asyncio.Event] = {}
        self.ended: list[tuple[str, Outcome]] = []
        self.errors: list[str] = []
        """Errors of the deliveries that failed."""
        self.most: Counter[int] = Counter()
        self.answers = answer()
        self._busy: Counter[int] = Counter()

    async def send(self, claim: Claim) -> Answer:
        key = claim.destination.id
        self._busy[key] += 1
        self.most[key] = max(self.most[key], self._busy[key])
        replied = self.open.setdefault(claim.webhook_id, asyncio.Event())
        await replied.wait()
        self._busy[key] -= 1
        return self.answers

    def note(self, claim: Claim, answer: Answer) -> None:
        self.ended.append((claim.webhook_id, answer.outcome))
        if answer.error:
            self.errors.append(answer.error)

    @property
    def sent(self) -> list[str]:
        return list(self.open)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def make(wire: Wire) -> Callable[..., Slots]:
    return lambda *limits: Slots(Limits(*limits), send=wire.send, ended=wire.note)


def claims(names: str, to: int = 1) -> list[tuple[Claim, float]]:
    """Return one claim per letter, made now."""
    now = time.monotonic()
    return [(claimed(name, alert(), destination(id=to)), now) for name in names]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_claim_without_a_slot_takes_the_first_free_one(make, wire):
    slots = make(2, 2)
    slots.add(claims("abc"))
    await settle()
    before, held = wire.sent, slots.held.total()
    wire.open["b"].set()
    await settle()

    assert (before, held) == (["a", "b"], 3)
    assert (wire.sent, wire.ended) == (["a", "b", "c"], [("b", Outcome.DELIVERED)])
    assert (slots.in_flight, slots.held.total()) == (2, 2)


async def test_no_destination_gets_more_slots_than_its_limit(make, wire):
    slots = make(4, 2)
    slots.add([*claims("abc", to=1), *claims("xy", to=2)])
    await settle()
    for _ in range(3):
        for replied in wire.open.values():
            replied.set()
        await settle()

    assert sorted(wire.sent) == ["a", "b", "c", "x", "y"]
    assert wire.most == {1: 2, 2: 2}
    assert slots.held.total() == 0


async def test_a_hanging_destination_does_not_delay_another(make, wire):
    slots = make(3, 2)
    slots.add([*claims("abc", to=1), *claims("xy", to=2)])
    await settle()
    first = wire.sent
    wire.open["x"].set()
    await settle()

    assert (first, wire.sent) == (["a", "b", "x"], ["a", "b", "x", "y"])


async def test_a_claim_that_waited_too_long_is_given_back_unsent(make, wire):
    slots = make(1, 1)
    old = time.monotonic() - LEASE_MARGIN_MS / 2000
    slots.add(claims("a"))
    slots.add([(claim, old) for claim, _ in claims("b")] + claims("c"))
    slots.give_back_late()
    await settle()

    assert (wire.sent, wire.ended) == (["a"], [("b", Outcome.INTERRUPTED)])
    assert slots.held.total() == 2


async def test_a_claim_that_arrives_too_late_is_not_sent(make, wire):
    slots = make(1, 1)
    slots.add([(claim, time.monotonic() - LEASE_MARGIN_MS / 2000 - 1) for claim, _ in claims("a")])
    await settle()

    assert (wire.sent, wire.ended, slots.held.total()) == ([], [("a", Outcome.INTERRUPTED)], 0)


async def test_cut_off_ends_all_claims_as_interrupted(make, wire):
    slots = make(1, 1)
    slots.add(claims("ab"))
    await settle()
    slots.cut_off()
    await settle()

    assert wire.ended == [("b", Outcome.INTERRUPTED), ("a", Outcome.INTERRUPTED)]
    assert [error.startswith("nothing was sent") for error in wire.errors] == [True, False]
    assert (slots.in_flight, slots.held.total()) == (0, 0)


async def test_claims_are_given_back_unsent_once_their_receiver_asks_to_wait(make, wire):
    slots = make(4, 2)
    slots.add([*claims("abc", to=1), *claims("xyz", to=2)])
    await settle()
    wire.answers = answer(Outcome.REJECTED, status_code=429)
    wire.open["a"].set()
    await settle()
    slots.add(claims("d", to=1))  # claimed before the answer was recorded
    await settle()

    assert wire.sent == ["a", "b", "x", "y"]
    assert sorted(wire.ended) == [
        ("a", Outcome.REJECTED),
        ("c", Outcome.INTERRUPTED),
        ("d", Outcome.INTERRUPTED),
    ]
    assert wire.errors == ["nothing was sent: the receiver asked Tocsin to wait"] * 2

    slots.waits_for = set()  # it is recorded
    slots.add(claims("e", to=1))
    await settle()
    assert wire.sent == ["a", "b", "x", "y", "e"]
