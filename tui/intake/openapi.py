"""The endpoint's description of itself: OpenAPI 3.1, served as `/openapi.json`."""

from typing import Any

from tui import __version__
from tui.domain.alert import AlertType, Severity

_TEXT = {"type": "string"}
_ALERT: dict[str, Any] = {
    "type": "object",
    "description": "At least one of title, name and id. No other keys.",
    "additionalProperties": False,
    "properties": {
        "alertId": {"type": "string", "maxLength": 200, "description": "Unique; made up if there is none."},
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
        "destinations": {
            "type": "array",
            "items": _TEXT,
            "description": "Names or ids of the destinations to go to; without it the routing rules apply.",
        },
    },
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "alertId": _TEXT,
        "repeated": {
            "type": "boolean",
            "description": "The same alert was stored before; nothing was added.",
        },
        "notRouted": {"type": ["string", "null"], "description": "Why it goes nowhere."},
        "deliveries": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": _TEXT, "destination": _TEXT, "destinationId": {"type": "integer"}},
            },
        },
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
_REFUSALS = {
    "401": "The token is missing or wrong.",
    "408": "The request took too long to come in.",
    "409": "An alertId is stored already, with other content. Nothing was stored.",
    "413": "More than 1 MiB, or more than 1,000 alerts.",
    "415": "Not JSON.",
    "422": "An alert in it is wrong; it is named. Nothing was stored.",
    "429": "Too much waits, or the disk is full. Nothing was stored; see Retry-After.",
    "503": "The database does not answer. Nothing was stored; see Retry-After.",
}


def document(*, needs_token: bool) -> dict[str, Any]:
    alerts = {"oneOf": [_ALERT, {"type": "array", "items": _ALERT, "maxItems": 1000}]}
    stored = {"type": "array", "items": _RECEIPT}
    refusals = {status: _answer(words, _ERROR) for status, words in _REFUSALS.items()}
    post = {
        "summary": "Store alerts; they are on the disk when this answers 202.",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Alerts without an alertId get one made of it, so that a request sent again "
                "is known and stores nothing twice.",
                "schema": {"type": "string", "maxLength": 255},
            }
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
    health = {
        "summary": "Whether the database answers.",
        "responses": {"200": {"description": "It does."}, "503": _answer("It does not.", _ERROR)},
    }
    bearer = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": __version__},
        "paths": {
            "/alerts": {"post": post | ({"security": [{"token": []}]} if needs_token else {})},
            "/healthz": {"get": health},
        },
        **({"components": bearer} if needs_token else {}),
    }


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}
