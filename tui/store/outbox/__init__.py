"""The outbox: submit, claim, finish, resend, send to, cancel and pull in. Run each in one transaction.

`domain.lifecycle` alone decides what may happen. Here rows are locked, and its result is written.
"""

from tui.store.outbox.by_hand import cancel, resend, send_folded, send_to
from tui.store.outbox.claim import Claim, Claims, Exhausted, claim, still_held
from tui.store.outbox.clock import pull_in
from tui.store.outbox.finish import Finish, Finished, finish
from tui.store.outbox.gates import LEASE_MARGIN_MS
from tui.store.outbox.preview import preview
from tui.store.outbox.stored import Receipt, Sent
from tui.store.outbox.submit import Group, Rejected, submit, submit_groups, submit_report

__all__ = [
    "LEASE_MARGIN_MS",
    "Claim",
    "Claims",
    "Exhausted",
    "Finish",
    "Finished",
    "Group",
    "Receipt",
    "Rejected",
    "Sent",
    "cancel",
    "claim",
    "finish",
    "preview",
    "pull_in",
    "resend",
    "send_folded",
    "send_to",
    "still_held",
    "submit",
    "submit_groups",
    "submit_report",
]
