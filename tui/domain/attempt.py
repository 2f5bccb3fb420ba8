"""An attempt: one HTTP request of a delivery, and its result."""

from dataclasses import dataclass

from tui.domain.lifecycle import Outcome

BODY_LIMIT = 64 * 1024
"""The number of bytes kept of a response's body, and of all its headers together."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of an attempt, as recorded by the sender."""

    outcome: Outcome
    ended_at: int
    duration_ms: int
    status_code: int | None = None
    reason: str | None = None
    error: str | None = None
    """What went wrong, for users; None when the receiver acknowledged."""
    remote_address: str | None = None
    request_headers: Headers = ()
    """As sent, except that secrets are masked."""
    response_headers: Headers = ()
    response_body: bytes = b""
    response_length: int | None = None
    response_truncated: bool = False
    retry_after_ms: int | None = None
    permanent: bool = False
    """Sending the same request again cannot succeed, so the round ends."""

    @property
    def summary(self) -> str:
        return summarise(self.outcome, self.status_code, self.reason, self.error)


def summarise(outcome: Outcome | None, status_code: int | None, reason: str | None, error: str | None) -> str:
    """Return `503 Service Unavailable`, or the error if no complete answer came; empty while in flight."""
    if outcome is Outcome.REJECTED and status_code is not None and 200 <= status_code <= 299 and error:
        return error  # a shape rejected the answer's content
    if status_code is not None and outcome in (Outcome.DELIVERED, Outcome.REJECTED):
        return f"{status_code} {reason or ''}".rstrip()
    return error or str(outcome or "")
