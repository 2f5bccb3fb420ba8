"""Notes that the database does not answer, and how long to wait before the next try."""

import logging

log = logging.getLogger("tui.delivery.dispatcher")  # logged under the dispatcher's name

_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Outage:
    """Logs one line when an outage begins and one when it ends, whatever reasons it goes through."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why the database cannot be used, as a sentence without a full stop; None while it can."""
        self._failures = 0

    def note(self, reason: str) -> None:
        if self.reason is None:
            log.warning("cannot record or claim, retrying: %s", reason)
        self.reason = reason

    def back_off(self, reason: str) -> float:
        """Note a failed turn. Return the seconds to wait before the next one."""
        self.note(reason)
        self._failures += 1
        return _BACKOFF_S[min(self._failures, len(_BACKOFF_S)) - 1]

    def end(self) -> None:
        if self.reason is not None:
            log.info("the database answers again")
        self.reason, self._failures = None, 0
