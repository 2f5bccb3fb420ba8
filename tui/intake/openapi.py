"""The OpenAPI 3.1 document of the endpoint, served as `/openapi.json`."""

from collections.abc import Iterable
from typing import Any

from tui import __version__
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType

_TEXT = {"type": "string"}
_ALERT: dict[str, Any] = {
    "type": "object",
    "description": "At least one of title, name and id is required. Other keys are not allowed.",
    "anyOf": [
        {"required": [key], "properties": {key: {"type": "string", "minLength": 1}}}
        for key in ("title", "name", "id")
    ],
    "additionalProperties": False,
    "properties": {
        "alertId": {
            "type": "string",
            "maxLength": 200,
            "pattern": r"^\S*$",
            "description": "Unique. Default: generated.",
        },
        "id": {"type": "string", "description": "Id of the rule or policy that fired."},
        "title": _TEXT,
        "name": {"type": ["string", "null"]},
        "severity": {"enum": list(Severity), "default": "INFO"},
        "type": {"enum": list(AlertType), "default": "RULE"},
        "createdAt": {"type": "string", "format": "date-time"},
        "link": _TEXT,
        "description": _TEXT,
        "runbook": _TEXT,
        "version": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": _TEXT},
        "alertContext": {"type": "object"},
        "logTypes": {
            "type": "array",
            "items": _TEXT,
            "description": "The kinds of logs that it was found in, such as AWS.CloudTrail.",
        },
        "dedupKey": {
            "type": "string",
            "description": "Alerts with the same key fold into each other. Default: id and title together.",
        },
        "destinations": {
            "type": "array",
            "items": _TEXT,
            "description": "Names or ids of destinations. Default: the routing rules apply.",
        },
    },
}
_DELIVERY: dict[str, Any] = {
    "type": "object",
    "properties": {"id": _TEXT, "destination": _TEXT, "destinationId": {"type": "integer"}},
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["alertId", "repeated", "notRouted", "deliveries", "revived", "folded"],
    "properties": {
        "alertId": _TEXT,
        "repeated": {
            "type": "boolean",
            "description": "The alert was already stored, with this alertId.",
        },
        "notRouted": {"type": ["string", "null"], "description": "Why the alert matched no destination."},
        "folded": {
            "type": "array",
            "description": "Where the alert folded into another instead of being delivered on its own.",
            "items": {
                "type": "object",
                "properties": {"destination": _TEXT, "destinationId": {"type": "integer"}, "into": _TEXT},
            },
        },
        "deliveries": {"type": "array", "items": _DELIVERY},
        "revived": {
            "type": "array",
            "description": "The deliveries that this repeat queued: failed ones again, or those of an alert "
            "that was not routed before.",
            "items": _DELIVERY,
        },
    },
}
_SKIPPED: dict[str, Any] = {
    "type": "object",
    "required": ["item", "skipped"],
    "properties": {
        "item": _TEXT,
        "skipped": {"type": "string", "description": "Why this item is not an alert. It was not stored."},
    },
}
_EXPLAINED: dict[str, Any] = {
    "type": "object",
    "required": ["item", "format", "title", "severity", "type", "createdAt", "alertId", "identity", "from"],
    "properties": {
        "item": _TEXT,
        "format": _TEXT,
        "title": _TEXT,
        "severity": {"enum": list(Severity)},
        "type": {"enum": list(AlertType)},
        "createdAt": {"type": "string", "format": "date-time"},
        "alertId": {"type": ["string", "null"], "description": "null: it would be generated."},
        "identity": {"type": "string", "description": "Why the alert has this ID, and what a repeat is."},
        "from": {
            "type": "object",
            "description": "The keys that a field came from. A field that is missing here has its default.",
            "additionalProperties": {"type": "array", "items": _TEXT},
        },
        "notes": {
            "type": "array",
            "items": _TEXT,
            "description": "What was not understood, and what was used in its place.",
        },
        "destinations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "destination": _TEXT,
                    "destinationId": {"type": "integer"},
                    "paused": {"type": "boolean"},
                },
            },
        },
        **{key: _RECEIPT["properties"][key] for key in ("repeated", "notRouted", "folded")},
        "revived": {"type": "array", "items": _DELIVERY},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": _TEXT,
        "bad": {
            "type": "integer",
            "description": "How many alerts are not valid. After 1,000 errors the rest is not read.",
        },
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"item": _TEXT, "field": _TEXT, "error": _TEXT}},
        },
    },
}
_HEALTH: dict[str, Any] = {"type": "object", "properties": {"status": {"const": "ok"}}}
_REFUSALS = {
    "400": "The request is not HTTP/1.1, or the connection closed before it was complete.",
    "401": "The token or the signature is missing, not valid, expired or revoked.",
    "403": "The request came from a web page.",
    "408": "The request took too long to arrive.",
    "409": "An alert with this alertId and other content is already stored. Nothing was stored.",
    "413": "More than 16 MiB after decompression, 1,000,000 values, or 20,000 alerts.",
    "415": "The body is not JSON.",
    "421": "The Host header is not a name of this endpoint.",
    "422": "At least one alert is not valid; the answer names each. Nothing was stored.",
    "429": "The rate limit is reached, too many deliveries are pending, or the disk is full. Nothing was "
    "stored; see Retry-After.",
    "431": "The headers are too long.",
    "503": "The database does not answer, or too many requests are being answered. Nothing was stored; see "
    "Retry-After. Alertmanager, Grafana and SNS get it in place of 429.",
}
_LINES = {"type": "string", "description": "One alert per line."}
_JSON_TYPES = ("application/json", "application/*+json", "text/json")
_LINES_TYPES = ("application/x-ndjson", "application/jsonl", "application/json-lines")
_KEY_HEADERS = {
    "Idempotency-Key": "of any sender",
    "webhook-id": "of Standard Webhooks",
    "X-GitHub-Delivery": "of GitHub",
}
"""The first one that is sent counts. `tui.intake.endpoint` reads them."""
_SENDER: dict[str, Any] = {
    "name": "sender",
    "in": "query",
    "description": "Name of the token whose secret verifies the signature of this request.",
    "schema": {"type": "string"},
}
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


def document(formats: Iterable[str], *, needs_token: bool) -> dict[str, Any]:
    """Return the document of an endpoint that reads these formats."""
    alerts = {"oneOf": [_ALERT, {"type": "array", "items": _ALERT, "maxItems": 20_000}]}
    stored = {"type": "array", "items": {"oneOf": [_RECEIPT, _SKIPPED]}}
    explained = {"type": "array", "items": {"oneOf": [_EXPLAINED, _SKIPPED]}}
    refusals = {status: _answer(words, _ERROR) for status, words in _REFUSALS.items()}
    for status in ("429", "503"):
        refusals[status]["headers"] = _RETRY
    post = {
        "summary": "Store alerts. A 202 answer means that they are on disk.",
        "parameters": [
            *(_key_header(name, whose) for name, whose in _KEY_HEADERS.items()),
            {
                "name": "Content-Encoding",
                "in": "header",
                "description": "How the body is compressed. Default: not at all.",
                "schema": {"enum": ["gzip", "identity"]},
            },
            {
                "name": "format",
                "in": "query",
                "description": "Which tool wrote the alerts. Default: detected for each document.",
                "schema": {"enum": [*formats]},
            },
            _SENDER,
            {
                "name": "dryRun",
                "in": "query",
                "description": "Answer what would be stored, and why, for at most 100 alerts. Store nothing.",
                "schema": {"type": "boolean", "default": False},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                **{kind: {"schema": alerts} for kind in _JSON_TYPES},
                **{kind: {"schema": _LINES} for kind in _LINES_TYPES},
            },
        },
        "responses": {
            "202": _answer("All alerts are stored.", stored),
            "200": _answer(
                "With dryRun, or a handshake: the answer that was asked for. Nothing is stored.", explained
            ),
            **refusals,
        },
    }
    handshake = {
        "200": {"description": "The answer that the tool expects. Nothing is stored."},
        "401": refusals["401"],
        "405": _answer("The request has no header of a handshake.", _ERROR),
    }
    ask: dict[str, Any] = {
        "get": {"summary": "Answer Okta's verification.", "parameters": [_SENDER], "responses": handshake},
        "options": {
            "summary": "Answer the abuse protection of CloudEvents.",
            "parameters": [_SENDER],
            "responses": handshake,
        },
    }
    common = {status: refusals[status] for status in ("400", "403", "408", "421", "431")}
    health = {
        "summary": "Whether the database answers.",
        "responses": {
            "200": _answer("It answers.", _HEALTH),
            **common,
            "503": _answer("It does not answer.", _ERROR) | {"headers": _RETRY},
        },
    }
    itself = {
        "summary": "This document.",
        "responses": {"200": _answer("OpenAPI 3.1.", {"type": "object"}), **common},
    }
    schemes: dict[str, dict[str, str]] = {
        "token": {"type": "http", "scheme": "bearer"},
        "password": {
            "type": "http",
            "scheme": "basic",
            "description": "The token as the password, with any user name.",
        },
    }
    schemes["url"] = {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "For senders that can set only a URL.",
    }
    for name, header, words in (
        ("standard", "webhook-signature", "Standard Webhooks 1.0"),
        ("github", "X-Hub-Signature-256", "GitHub"),
    ):
        schemes[name] = {
            "type": "apiKey",
            "in": "header",
            "name": header,
            "description": f"{words}: instead of a token, together with the query parameter `sender`.",
        }
    either: dict[str, list[dict[str, list[str]]]] = {"security": [{name: []} for name in schemes]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": __version__},
        "paths": {
            "/alerts": {
                method: operation | (either if needs_token else {})
                for method, operation in ({"post": post} | ask).items()
            },
            "/alerts/": {"$ref": "#/paths/~1alerts", "summary": "The same as /alerts."},
            "/healthz": {"get": health},
            "/openapi.json": {"get": itself},
        },
        **({"components": {"securitySchemes": schemes}} if needs_token else {}),
    }


def _key_header(name: str, whose: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": f"The key {whose} for this request, unique for its token. Alerts without an alertId "
        "get one derived from it, so that a request sent again is recognized and nothing is stored twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}
