"""Drive the outbox from a test: each call is a committed transaction, each query a new read."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import Clock, alert, answer, destination, write
from tui.domain.alert import Alert
from tui.domain.destination import Destination
from tui.domain.errors import Refused
from tui.domain.lifecycle import Outcome, Progress, State
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.engine.database import Store
from tui.store.outbox import Claim, Claims, Finish, Finished, Receipt
from tui.store.reading import queries
from tui.store.tables.rows import fetch

ONE_ROUND = RetryPolicy().limit(test=False)

WAITING_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@dataclass(frozen=True)
class Bench:
    store: Store
    clock: Clock
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    def add(self, **changes: Any) -> Destination:
        return write(self.store, destinations.add, destination(**changes))

    def receive(self, sent: Alert) -> Receipt:
        """Submit one alert and return its receipt. It must not be refused."""
        [receipt] = write(self.store, outbox.submit, [sent])
        assert isinstance(receipt, Receipt)
        return receipt

    def submit(self, **changes: Any) -> list[int]:
        """Submit one alert and return the ids of its deliveries."""
        return [delivery for delivery, _, _ in self.receive(alert(**changes)).deliveries]

    def claim(
        self,
        *,
        slots: int = 100,
        cap: int = 100,
        busy: Mapping[int, int] | None = None,
        only: Collection[int] | None = None,
    ) -> Claims:
        return write(
            self.store, outbox.claim, policy=self.policy, slots=slots, cap=cap, busy=busy or {}, only=only
        )

    def claim_one(self) -> Claim:
        [claim] = self.claim().claims
        return claim

    def finish(
        self, claim: Claim, outcome: Outcome = Outcome.DELIVERED, *, fraction: float = 0.0, **seen: Any
    ) -> Finished:
        ended = Finish(claim, answer(outcome, **seen), fraction)
        [finished] = write(self.store, outbox.finish, [ended], self.policy)
        return finished

    def fail_until_exhausted(self) -> int:
        """Reject every attempt of the only delivery. Return the number of attempts."""
        for attempts in range(1, 100):
            if self.finish(self.claim_one(), Outcome.REJECTED).exhausted:
                return attempts
            self.clock.advance(3_600_000)
        raise AssertionError("it is retried for ever")

    def resend(self, delivery: int) -> Refused | None:
        return write(self.store, outbox.resend, [delivery])[delivery]

    def send_to(self, alert_id: str, destination: int) -> list[int]:
        """Send a stored alert to a destination. Return the id of the new delivery, if there is one."""
        before = self._ids()
        key = self.store.read(queries.find_alert, alert_id).result()
        refused = write(self.store, outbox.send_to, [key], destination)[key]
        made = sorted(self._ids() - before)
        assert bool(refused) != bool(made)
        return made

    def _ids(self) -> set[int]:
        return {key for (key,) in self.store.read(fetch, "SELECT id FROM delivery").result()}

    def cancel(self, delivery: int) -> Refused | None:
        return write(self.store, outbox.cancel, [delivery])[delivery]

    def pause(self, target: Destination, *, paused: bool = True) -> None:
        write(self.store, destinations.set_paused, target.id, paused=paused)

    def delete(self, target: Destination) -> int:
        return write(self.store, destinations.delete, target.id)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.store.read(fetch, sql, values).result()

    def until_waiting(self, count: int) -> None:
        """Return once `count` transactions wait for a lock, on PostgreSQL."""
        assert any(self.rows(WAITING_FOR_A_LOCK)[0][0] >= count or time.sleep(0.01) for _ in range(400))

    def progress(self, delivery: int) -> Progress:
        return self.all_progress()[delivery]

    def all_progress(self) -> dict[int, Progress]:
        rows = self.rows("SELECT id, state, round, attempts, number, due_at, lease FROM delivery")
        return {delivery: Progress(State(state), *rest) for delivery, state, *rest in rows}

    def history(self, delivery: int) -> list[tuple[int, int, str | None]]:
        """Return (round, number, outcome) of each attempt, in order."""
        return self.rows(
            "SELECT round, number, outcome FROM attempt WHERE delivery_id = ? ORDER BY round, number",
            delivery,
        )

    def books(self) -> list[list[tuple[Any, ...]]]:
        """Return all rows of deliveries and attempts."""
        return [self.rows(f"SELECT * FROM {table} ORDER BY id") for table in ("delivery", "attempt")]
