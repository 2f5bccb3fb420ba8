"""The endpoint's description of itself: OpenAPI 3.1, served as `/openapi.json`."""

from collections.abc import Iterable
from typing import Any

from tui import __version__
from tui.domain.alert import AlertType, Severity

_TEXT = {"type": "string"}
_ALERT: dict[str, Any] = {
    "type": "object",
    "description": "At least one of title, name and id. No other keys.",
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
            "description": "Unique; made up if there is none.",
        },
        "id": {"type": "string", "description": "The rule or policy that fired."},
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
        "dedupKey": {
            "type": "string",
            "description": "Alerts with the same one fold into each other; without it those with the same"
            " id and title do.",
        },
        "destinations": {
            "type": "array",
            "items": _TEXT,
            "description": "Names or ids of the destinations to go to; without it the routing rules apply.",
        },
    },
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["alertId", "repeated", "notRouted", "deliveries", "folded"],
    "properties": {
        "alertId": _TEXT,
        "repeated": {
            "type": "boolean",
            "description": "The same alert was stored before; nothing was added.",
        },
        "notRouted": {"type": ["string", "null"], "description": "Why it goes nowhere."},
        "folded": {
            "type": "array",
            "description": "Where it folded into another alert and is not delivered on its own.",
            "items": {
                "type": "object",
                "properties": {"destination": _TEXT, "destinationId": {"type": "integer"}, "into": _TEXT},
            },
        },
        "deliveries": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": _TEXT, "destination": _TEXT, "destinationId": {"type": "integer"}},
            },
        },
    },
}
_SKIPPED: dict[str, Any] = {
    "type": "object",
    "required": ["item", "skipped"],
    "properties": {
        "item": _TEXT,
        "skipped": {"type": "string", "description": "Why it is no alert. It was not stored."},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": _TEXT,
        "bad": {"type": "integer"},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"item": _TEXT, "field": _TEXT, "error": _TEXT}},
        },
    },
}
_HEALTH: dict[str, Any] = {"type": "object", "properties": {"status": {"const": "ok"}}}
_REFUSALS = {
    "400": "Not HTTP/1.1, or it broke off.",
    "401": "The token is missing or wrong, has expired or was revoked.",
    "403": "It came from a web page.",
    "408": "The request took too long to come in.",
    "409": "An alertId is stored already, with other content. Nothing was stored.",
    "413": "More than 1 MiB, or more than 1,000 alerts.",
    "415": "Not JSON.",
    "421": "The Host is none of this endpoint's.",
    "422": "An alert in it is wrong; it is named. Nothing was stored.",
    "429": "Faster than this token may send, or too much waits, or the disk is full. Nothing was stored; see "
    "Retry-After.",
    "431": "The headers are too long.",
    "503": "The database does not answer. Nothing was stored; see Retry-After.",
}
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


def document(formats: Iterable[str], *, needs_token: bool) -> dict[str, Any]:
    """The document of an endpoint that reads these formats."""
    alerts = {"oneOf": [_ALERT, {"type": "array", "items": _ALERT, "maxItems": 1000}]}
    stored = {"type": "array", "items": {"oneOf": [_RECEIPT, _SKIPPED]}}
    refusals = {status: _answer(words, _ERROR) for status, words in _REFUSALS.items()}
    for status in ("429", "503"):
        refusals[status]["headers"] = _RETRY
    post = {
        "summary": "Store alerts; they are on the disk when this answers 202.",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Alerts without an alertId get one made of it, so that a request sent again "
                "is known and stores nothing twice.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            },
            {
                "name": "format",
                "in": "query",
                "description": "Which tool wrote them; without it, they are looked at.",
                "schema": {"enum": [*formats]},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": alerts},
                "application/x-ndjson": {"schema": {"type": "string", "description": "An alert a line."}},
            },
        },
        "responses": {"202": _answer("Stored, all of them.", stored), **refusals},
    }
    common = {status: refusals[status] for status in ("400", "403", "408", "421", "431")}
    health = {
        "summary": "Whether the database answers.",
        "responses": {"200": _answer("It does.", _HEALTH), **common, "503": _answer("It does not.", _ERROR)},
    }
    itself = {"summary": "This.", "responses": {"200": _answer("OpenAPI 3.1.", {"type": "object"}), **common}}
    schemes = {
        "token": {"type": "http", "scheme": "bearer"},
        "password": {"type": "http", "scheme": "basic", "description": "The token, under any user name."},
    }
    either = {"security": [{name: []} for name in schemes]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": __version__},
        "paths": {
            "/alerts": {"post": post | (either if needs_token else {})},
            "/healthz": {"get": health},
            "/openapi.json": {"get": itself},
        },
        **({"components": {"securitySchemes": schemes}} if needs_token else {}),
    }


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}
