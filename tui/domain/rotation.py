"""Rotation of a signing secret: during an overlap, the old secret also signs, so no request is rejected.

The receiver's operator can install the new secret at any time during the overlap. The overlap ends by itself:
later requests have one signature.
"""

from dataclasses import dataclass

from tui.domain.errors import Invalid, Refused
from tui.domain.secret import Secret
from tui.domain.span import parse_span

_DAY_MS = 86_400_000
DEFAULT_OVERLAP_MS = _DAY_MS
_LONGEST_DAYS = 30


@dataclass(frozen=True, slots=True)
class OldSecret:
    """The signing secret before the current one."""

    secret: Secret
    until: int
    """Milliseconds since 1970, UTC; from then on it no longer signs."""

    def signs_at(self, now: int) -> bool:
        return now < self.until


def parse_overlap(typed: str) -> int:
    """Parse an overlap such as `24h`, `7d` or `0`, at most 30 days, into ms. Raises Invalid (`overlap`)."""
    overlap_ms = 0 if typed.strip() == "0" else parse_span(typed)
    if overlap_ms is None or overlap_ms > _LONGEST_DAYS * _DAY_MS:
        raise Invalid(
            "overlap", f"the overlap must be a time span like 24h, at most {_LONGEST_DAYS}d, or 0 for none"
        )
    return overlap_ms


def retire(
    present: Secret | None, new: Secret | None, old: OldSecret | None, *, overlap_ms: int, now: int
) -> OldSecret | None:
    """Return the `present` secret as an old one that signs during the overlap; None without an overlap.

    `new` replaces `present`; `old` is the secret before `present`. Raises Refused if there is no secret to
    rotate. Only one old secret can sign at a time, and the receiver may still know only `old`. While `old`
    signs, this therefore raises Refused unless `overlap_ms` is 0. Raises Invalid (`secret`) if `new` is
    `present`.
    """
    if present is None or new is None:
        raise Refused("it has no signing secret to rotate; create one with `edit --secret generate`")
    if new == present:
        raise Invalid("secret", "this is already its signing secret; use a new one")
    if not overlap_ms:
        return None
    if old is not None and old.signs_at(now):
        raise Refused(
            "its secret is already being rotated, and the old one still signs; end that rotation first"
        )
    return OldSecret(present, now + overlap_ms)
