"""The JSON that commands print with --json: stable keys, camelCase as in the payload."""

import json
from typing import TYPE_CHECKING, Any

from tui.domain.alert import Severity, format_time
from tui.domain.alert_type import AlertType
from tui.domain.lifecycle import State
from tui.domain.secret import mask_location, mask_url

if TYPE_CHECKING:
    from tui.domain.retry import RetryPolicy
    from tui.domain.tls import TlsSettings
    from tui.domain.token import Token
    from tui.store.reading.views import (
        AlertDetails,
        AlertRow,
        AttemptRow,
        DeliveryRow,
        DestinationRow,
        Exchange,
        FoldRow,
        Record,
    )


def alert_json(row: "AlertRow") -> dict[str, Any]:
    """Return an alert as in `alert list --json`."""
    return {
        "alertId": row.alert_id,
        "id": row.rule_id,
        "title": row.title,
        "severity": row.severity,
        "type": row.type,
        "createdAt": format_time(row.created_at),
        "name": row.name,
        "test": row.test,
        "notRouted": row.not_routed,
        "deliveries": [_delivery_json(delivery) for delivery in row.deliveries],
        "folded": [_fold_json(fold) for fold in row.folds],
    }


def alert_details_json(
    details: "AlertDetails", exchanges: "dict[int, Exchange | None]", policy: "RetryPolicy"
) -> dict[str, Any]:
    """Return an alert as in `alert show --json`, attempts oldest first."""
    alert = details.alert
    return {
        "alertId": alert.alert_id,
        "id": alert.rule_id,
        "title": alert.title,
        "severity": alert.severity,
        "type": alert.type,
        "createdAt": format_time(alert.created_at),
        "name": alert.name,
        "description": alert.description,
        "runbook": alert.runbook,
        "tags": alert.tags,
        "logTypes": alert.log_types,
        "version": alert.version,
        "alertContext": json.loads(alert.context),
        "test": alert.test,
        "dedupKey": alert.dedup_key,
        "deliveries": [
            {
                **_delivery_json(delivery.row),
                "attemptsLeft": _attempts_left(
                    delivery.row, policy.of(delivery.destination.retries).limit(test=alert.test)
                ),
                "attempts": [
                    attempt_json(attempt, exchanges[attempt.id]) for attempt in reversed(delivery.attempts)
                ],
            }
            for delivery in details.deliveries
        ],
        "folded": [_fold_json(fold) for fold in details.folds],
    }


def _attempts_left(row: "DeliveryRow", limit: int) -> int:
    return max(0, limit - row.attempts) if row.state in (State.SCHEDULED, State.IN_FLIGHT) else 0


def _delivery_json(row: "DeliveryRow") -> dict[str, Any]:
    return {
        "id": row.webhook_id,
        "destination": row.destination,
        "destinationId": row.destination_id,
        "state": row.state,
        "round": row.round,
        "nextAttemptAt": _time(row.due_at if row.state is State.SCHEDULED else None),
        "folded": row.folded,
        "lastFoldedAt": _time(row.folded_at),
        "revivedAt": _time(row.revived_at),
    }


def _fold_json(row: "FoldRow") -> dict[str, Any]:
    return {
        "destination": row.destination,
        "destinationId": row.destination_id,
        "into": row.into_alert_id,
        "at": _time(row.folded_at),
    }


def attempt_json(attempt: "AttemptRow", exchange: "Exchange | None") -> dict[str, Any]:
    """Return an attempt as in `alert show` and `destination test`, header names in lower case."""
    headers: dict[str, str] = {}
    for name, value in exchange.response_headers if exchange else ():
        folded = name.lower()
        value = mask_location(value) if folded == "location" else value
        headers[folded] = f"{headers[folded]}, {value}" if folded in headers else value
    return {
        "round": attempt.round,
        "number": attempt.number,
        "outcome": attempt.outcome,
        "statusCode": attempt.status_code,
        "error": attempt.error,
        "startedAt": _time(attempt.started_at),
        "endedAt": _time(attempt.ended_at),
        "durationMs": attempt.duration_ms,
        "url": mask_url(attempt.url),
        "responseHeaders": headers,
        "responseBody": exchange.response_body.decode(errors="replace") if exchange else "",
        "responseTruncated": exchange is not None and exchange.response_truncated,
    }


def destination_json(row: "DestinationRow", day: "Record", now: int) -> dict[str, Any]:
    """Return a destination as in `destination list`, `show` and `add`, secrets masked."""
    shown, last = row.destination, row.last
    old = shown.old_secret
    return {
        "id": shown.id,
        "name": shown.name,
        "url": shown.masked_url,
        "severities": [severity for severity in Severity if severity in shown.severities],
        "alertTypes": [kind for kind in AlertType if kind in shown.alert_types],
        "logTypes": shown.log_types,
        "filter": shown.filter,
        "headers": {header.name: header.value.shown for header in shown.headers},
        "secret": shown.secret.shown if shown.secret else None,
        "oldSecretUntil": _time(old.until if old and old.signs_at(now) else None),
        "timeoutMs": shown.timeout_ms,
        "ratePerSecond": shown.rate,
        "foldMs": shown.fold_ms,
        "retryDelaysMs": shown.retries,
        "shape": shown.shape,
        "allowStop": shown.allow_stop,
        "tls": _tls_json(shown.tls),
        "paused": shown.paused,
        "heldUntil": _time(row.hold.held_until(now)),
        "slowedToPerSecond": row.hold.rate_at(now),
        "failingSince": _time(row.health.failing_since),
        "failuresInARow": row.health.failures,
        "waiting": row.waiting,
        "success": row.success,
        "p95Ms": row.p95_ms,
        "last24h": {"attempts": day.attempts, "success": day.success, "p95Ms": day.p95_ms},
        "lastAttempt": None
        if last is None
        else {
            "outcome": last.outcome,
            "statusCode": last.status_code,
            "error": last.error,
            "startedAt": format_time(last.started_at),
            "durationMs": last.duration_ms,
        },
    }


def _tls_json(tls: "TlsSettings") -> dict[str, Any]:
    return {
        "verify": tls.verify,
        "caFile": tls.ca_file or None,
        "clientCertificate": tls.certificate or None,
        "clientKey": tls.key or None,
        "clientKeyPassword": tls.key_password.shown if tls.key_password else None,
    }


def token_json(token: "Token", now: int) -> dict[str, Any]:
    """Return a token as in `token list`, `add` and `revoke`, without its hash or secret."""
    return {
        "name": token.name,
        "state": token.standing(now).value,
        "verify": token.verify,
        "ratePerSecond": token.rate,
        "createdAt": format_time(token.created_at),
        "expiresAt": _time(token.expires_at),
        "lastUsedAt": _time(token.last_used_at),
        "revokedAt": _time(token.revoked_at),
    }


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(milliseconds)
