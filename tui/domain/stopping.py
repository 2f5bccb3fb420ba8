"""A receiver may end the retries of an alert, if its destination allows that.

It says so with status 410, or with Svix's header `webhook-delivery: abort-message`
(https://docs.svix.com/receiving/delivery-control, 2026-11-29). Svix's `disable` is ignored: only you pause a
destination.
"""

from tui.domain.attempt import Headers
from tui.domain.health import GONE


def stop_of(status: int, headers: Headers) -> str | None:
    """Return how a rejection says stop, as a phrase; None if it does not."""
    for name, value in headers:
        if name.lower() == "webhook-delivery" and "abort-message" in _items(value):
            return "the header webhook-delivery: abort-message"
    return "status 410" if status == GONE else None


def _items(value: str) -> set[str]:
    return {item.strip().lower() for item in value.split(",")}
