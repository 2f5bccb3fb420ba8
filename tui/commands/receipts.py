"""What `tocsin send` tells of the alerts it stored."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.commands import output
from tui.commands.session import JsonArray, say, tell
from tui.domain.lifecycle import State
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.outbox import Receipt
    from tui.store.views import DeliveryRow

_MOST_REASONS = 20


class Receipts:
    """What is told of the alerts that were stored: of each at once or, with --wait, when all have ended.

    Nothing that is stored goes untold, whatever ends this early; and once nobody reads the answer any
    more, the rest is stored all the same.
    """

    def __init__(self, *, as_json: bool, at_the_end: bool) -> None:
        self.count = 0
        self.receipts: list[Receipt] = []
        """Of all that is to be told at the end: of an endless stream nothing is."""
        self.ended: dict[int, DeliveryRow] = {}
        """How deliveries stand in the end, where that is known."""
        self.skipped: Counter[str] = Counter()
        """How often there was no alert, by the reason."""
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
        # Strangers may have a word in the reason; no more of them are kept than anybody reads.
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
        return f"{visible(receipt.alert_id)}  {stored}, not routed: {receipt.not_routed}"
    names = [
        visible(destination.name)
        + (f" {output.state_of(ended[delivery_id])}" if ended else " (paused)" if destination.paused else "")
        for delivery_id, _, destination in receipt.deliveries
    ]
    queued = "" if ended or receipt.repeated else "queued for "
    told = [f"{queued}{', '.join(names)}"] if names else []
    told += [f"folded for {visible(at.name)} into {visible(into)}" for at, into in receipt.folded]
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
        "folded": [
            {"destination": destination.name, "destinationId": destination.id, "into": into}
            for destination, into in receipt.folded
        ],
    }
