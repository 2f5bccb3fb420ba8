"""Changing a signing secret without a request refused: for a while the old one signs, too.

The receiver's owner puts the new secret in at any time of the overlap. Its end needs nobody: what is
sent later has one signature.
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
    """The signing secret before the present one."""

    secret: Secret
    until: int
    """Milliseconds since 1970, UTC; from then on it signs nothing."""

    def signs_at(self, now: int) -> bool:
        return now < self.until


def parse_overlap(typed: str) -> int:
    """Milliseconds from `24h`, `7d` or `0`, at most 30 days; raises Invalid (`overlap`)."""
    overlap_ms = 0 if typed.strip() == "0" else parse_span(typed)
    if overlap_ms is None or overlap_ms > _LONGEST_DAYS * _DAY_MS:
        raise Invalid(
            "overlap", f"the overlap must be a time span like 24h, at most {_LONGEST_DAYS}d, or 0 for none"
        )
    return overlap_ms


def retire(
    present: Secret | None, new: Secret | None, old: OldSecret | None, *, overlap_ms: int, now: int
) -> OldSecret | None:
    """What becomes of the `present` secret when `new` takes its place; `old` is the one before it.

    Only one old secret signs at a time: while `old` does, its receiver may still know no other, so
    Refused is raised unless there is to be no overlap at all.
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
