"""What `tocsin send` prints about the alerts it stored."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.commands.shared import output
from tui.commands.shared.console import JsonArray, say, tell
from tui.domain.lifecycle import State
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.outbox import Receipt
    from tui.store.reading.views import DeliveryRow

_MOST_REASONS = 20


class Receipts:
    """Reports stored alerts: each at once or, `at_the_end`, all when their deliveries have ended.

    Every stored alert is reported, even if an error ends the command early. If stdout closes, the rest is
    stored without a report, and leaving the block raises the OSError.
    """

    def __init__(self, *, as_json: bool, at_the_end: bool) -> None:
        self.count = 0
        self.receipts: list[Receipt] = []
        """The receipts to report at the end. Empty for an endless stream."""
        self.ended: dict[int, DeliveryRow] = {}
        """Deliveries by ID, once it is known how they ended."""
        self.skipped: Counter[str] = Counter()
        """How many items were skipped, by reason."""
        self._array = JsonArray() if as_json else None
        self._at_the_end = at_the_end
        self._unread: OSError | None = None

    def stored(self, receipt: "Receipt") -> None:
        self.count += 1
        if self._at_the_end:
            self.receipts.append(receipt)
        else:
            self._write(self._say, receipt)

    def skip(self, reason: str) -> None:
        # Reasons may contain input from outside: keep a limited number.
        known = reason in self.skipped or len(self.skipped) < _MOST_REASONS
        self.skipped[reason if known else "other reasons"] += 1

    def __enter__(self) -> "Receipts":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for receipt in self.receipts:
            self._write(self._say, receipt)
        if self._array is not None:
            self._write(self._array.close)
        for reason, times in self.skipped.items():
            tell(f"tocsin: skipped {times}: {reason}" if times > 1 else f"tocsin: skipped: {reason}")
        if self._unread is not None and kind is None:
            raise self._unread

    def _say(self, receipt: "Receipt") -> None:
        if self._array is not None:
            self._array.append(_as_json(receipt, self.ended))
        else:
            say(_describe(receipt, self.ended))

    def _write(self, words: Callable[..., None], *of: "Receipt") -> None:
        if self._unread is None:
            try:
                words(*of)
            except OSError as error:
                self._unread = error


def _describe(receipt: "Receipt", ended: "dict[int, DeliveryRow]") -> str:
    if receipt.not_routed:
        stored = "already stored" if receipt.repeated else "stored"
        return f"{visible(receipt.alert_id)}  {stored}, not routed: {visible(receipt.not_routed)}"
    names = [
        visible(destination.name)
        + (f" {output.state_of(ended[delivery_id])}" if ended else " (paused)" if destination.paused else "")
        for delivery_id, _, destination in receipt.deliveries
    ]
    queued = "" if ended or receipt.repeated else "queued for "
    told = [f"{queued}{', '.join(names)}"] if names else []
    told += [f"folded for {visible(at.name)} into {visible(into)}" for at, into in receipt.folded]
    if receipt.revived and not ended:
        again = ", ".join(visible(destination.name) for _, _, destination in receipt.revived)
        told.append(f"queued for {again}")
    repeated = "already stored, for " if receipt.repeated else ""
    return f"{visible(receipt.alert_id)}  {repeated}{'; '.join(told)}"


def _as_json(receipt: "Receipt", ended: "dict[int, DeliveryRow]") -> dict[str, Any]:
    return {
        "alertId": receipt.alert_id,
        "repeated": receipt.repeated,
        "notRouted": receipt.not_routed,
        "deliveries": [
            {
                "id": webhook_id,
                "destination": destination.name,
                "destinationId": destination.id,
                "state": ended[delivery_id].state if delivery_id in ended else State.SCHEDULED,
            }
            for delivery_id, webhook_id, destination in receipt.deliveries
        ],
        "revived": [
            {"id": webhook_id, "destination": destination.name, "destinationId": destination.id}
            for _, webhook_id, destination in receipt.revived
        ],
        "folded": [
            {"destination": destination.name, "destinationId": destination.id, "into": into}
            for destination, into in receipt.folded
        ],
    }
