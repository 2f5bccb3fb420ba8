"""Logs one line for each attempt and each permanently failed delivery."""

import logging

from tui.domain.alert import encode_json
from tui.domain.attempt import Answer
from tui.domain.lifecycle import Progress
from tui.store.outbox import Claim, Exhausted, Finished

log = logging.getLogger("tui.delivery.dispatcher")  # logged under the dispatcher's name


def log_finished(finished: Finished) -> None:
    claim, answer, progress = finished.finish.claim, finished.finish.answer, finished.progress
    if progress is None:
        log.warning(
            "late answer ignored alert=%s destination=%s round=%d number=%d outcome=%s: "
            "the lease had run out and another dispatcher holds the delivery",
            claim.alert.alert_id,
            encode_json(claim.destination.name),
            claim.progress.round,
            claim.progress.number,
            answer.outcome,
        )
        return
    if log.isEnabledFor(logging.INFO):
        _log_attempt(claim, answer, progress)
    if finished.exhausted:
        log_exhausted(
            Exhausted(claim.alert.alert_id, claim.destination.name, progress.attempts, answer.summary)
        )


def _log_attempt(claim: Claim, answer: Answer, progress: Progress) -> None:
    log.info(
        "attempt alert=%s destination=%s round=%d number=%d outcome=%s status=%s ms=%d state=%s error=%s",
        claim.alert.alert_id,
        encode_json(claim.destination.name),
        claim.progress.round,
        claim.progress.number,
        answer.outcome,
        answer.status_code or "-",
        answer.duration_ms,
        progress.state,
        encode_json(answer.error or ""),
    )


def log_exhausted(exhausted: Exhausted) -> None:
    log.error(
        "delivery permanently failed alert=%s destination=%s attempts=%d last=%s",
        exhausted.alert_id,
        encode_json(exhausted.destination),
        exhausted.attempts,
        encode_json(exhausted.last),
    )
