"""What a person does to deliveries: send again, withdraw."""

from collections.abc import Sequence

from tui.domain.errors import Refused
from tui.domain.lifecycle import Event, Progress, advance
from tui.store.database import Transaction
from tui.store.outbox.rows import destinations_of, lock_by_id, progress_of, write_progress


def resend(tx: Transaction, delivery_ids: Sequence[int]) -> dict[int, Refused | None]:
    """Open a new round for each delivery; None for those it was done for, the reason for the others."""
    return _by_hand(tx, delivery_ids, Event.RESEND)


def cancel(tx: Transaction, delivery_ids: Sequence[int]) -> dict[int, Refused | None]:
    """Withdraw deliveries that wait; None for those it was done for, the reason for the others."""
    return _by_hand(tx, delivery_ids, Event.CANCEL)


def _by_hand(tx: Transaction, delivery_ids: Sequence[int], event: Event) -> dict[int, Refused | None]:
    answers: dict[int, Refused | None] = {}
    steps: list[tuple[int, Progress]] = []
    rows = lock_by_id(tx, delivery_ids)
    destinations, deleted = destinations_of(tx, {row[8] for row in rows})
    for row in rows:
        try:
            if row[8] in deleted:
                raise Refused(f"its destination {destinations[row[8]].name!r} has been deleted")
            progress, _ = advance(progress_of(row), event, now=tx.now, limit=0)
        except Refused as refusal:
            answers[row[0]] = refusal
            continue
        steps.append((row[0], progress))
        answers[row[0]] = None
    write_progress(tx, steps)
    return answers
