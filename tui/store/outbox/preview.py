"""What a submit would do: it is carried out, and rolled back."""

from collections.abc import Collection, Sequence
from typing import NoReturn

from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.store.engine.database import Store, Transaction
from tui.store.outbox.stored import Receipt
from tui.store.outbox.submit import submit


class _Previewed(Exception):
    """Rolls the transaction back, and carries the answers out of it."""

    def __init__(self, answers: list[Receipt | Invalid]) -> None:
        super().__init__()
        self.answers = answers


def preview(
    store: Store, alerts: Sequence[Alert], by_id: Collection[str], *, revive_after_ms: int | None
) -> list[Receipt | Invalid]:
    """Return what `submit` would answer. Nothing is stored. Raises StoreUnavailable."""
    try:
        store.write(_submit_and_undo, alerts, by_id, revive_after_ms).result()
    except _Previewed as previewed:
        return previewed.answers
    raise AssertionError("the transaction is always rolled back")


def _submit_and_undo(
    tx: Transaction, alerts: Sequence[Alert], by_id: Collection[str], revive_after_ms: int | None
) -> NoReturn:
    raise _Previewed(submit(tx, alerts, by_id, revive_after_ms=revive_after_ms))
