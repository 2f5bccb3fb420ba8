"""The answers to requests that are refused."""

import json
from collections.abc import Iterable
from typing import Any

from starlette.responses import JSONResponse

from tui.domain.errors import Conflict, Invalid
from tui.domain.text import storable

RETRY_S = 5
_MOST_ERRORS = 100


class Json(JSONResponse):
    """A JSON answer with any text in it: lone surrogates, which UTF-8 cannot hold, become U+FFFD."""

    def render(self, content: Any) -> bytes:
        return storable(json.dumps(content, ensure_ascii=False, separators=(",", ":"))).encode()


class Answered(Exception):
    """Ends the request with this answer. Contains nothing that a sender keeps secret.

    `log` is for the log in place of `error`, where a stranger must not read the details.
    """

    def __init__(
        self,
        status: int,
        error: str,
        *,
        retry_s: int | None = None,
        headers: dict[str, str] | None = None,
        log: str = "",
        **more: Any,
    ) -> None:
        super().__init__(log or error)
        self.status = status
        if retry_s is not None:
            headers = {**(headers or {}), "Retry-After": str(retry_s)}
        self.response = Json({"error": error, **more}, status, headers)

    def turn_into(self, status: int) -> None:
        """Change the status and keep the rest."""
        self.status = self.response.status_code = status


def refusal(status: int, errors: Iterable[tuple[str, Invalid]]) -> Answered:
    """Return an answer that names each error with its place in the request."""
    items = [
        {"item": place, "field": error.field, "error": storable(error.message)} for place, error in errors
    ]
    first = items[0]
    words = f"{first['item']}: {first['error']}" if first["item"] else first["error"]
    return Answered(status, f"nothing was stored: {words}", items=items[:_MOST_ERRORS], bad=len(items))


def refused(errors: Iterable[tuple[str, Invalid]]) -> Answered:
    """Return the answer for alerts that the store refused."""
    errors = list(errors)
    conflict = all(isinstance(error, Conflict) for _, error in errors)
    return refusal(409 if conflict else 422, errors)
