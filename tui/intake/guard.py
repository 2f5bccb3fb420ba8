"""What every request to the endpoint passes: web pages are refused, errors answered and logged."""

import logging
from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tui.domain.token import Token
from tui.intake.answers import Answered
from tui.intake.browsers import check_not_a_page
from tui.serving import Refusals

log = logging.getLogger(__name__)

IN_URL = "tocsin.given_in_url"
"""The key of a scope with the token that was in the URL."""
_GIVE_UP_AT_4XX = ("Alertmanager/", "Grafana")


class Guarded:
    """Middleware for every route: refuses web pages, answers errors, and logs them."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], refusals: Refusals) -> None:
        self._app = app
        self._hosts = hosts
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _take_token_out(scope)
        request = Request(scope, receive)
        try:
            check_not_a_page(request.headers, scope["http_version"], self._hosts)
            await self._app(scope, receive, send)
            return
        except Answered as end:
            answer = end
            if end.status == 429 and _gives_up_at_4xx(request):
                end.turn_into(503)
            self._refusals.tell(sender_of(request), end.status, str(end))
        except Exception:
            log.exception("internal error while answering %s", request.url.path)
            answer = Answered(500, "internal error, see Tocsin's log; the alerts may not be stored")
        await answer.response(scope, receive, send)


def _take_token_out(scope: Scope) -> None:
    """Move `?token=` out of the URL before anything can log or repeat the URL."""
    query = scope["query_string"]
    if b"token" not in query and b"%" not in query:  # a name may be percent-encoded
        return
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogatepass")
    given = [value for name, value in pairs if name == "token"]
    if given:
        rest = [(name, value) for name, value in pairs if name != "token"]
        scope["query_string"] = urlencode(rest, errors="surrogatepass").encode()
        scope[IN_URL] = given[-1]


def _gives_up_at_4xx(request: Request) -> bool:
    """Whether this sender treats any 4xx as a permanent failure and retries only after a 5xx."""
    agent = request.headers.get("user-agent", "")
    return agent.startswith(_GIVE_UP_AT_4XX) or "x-amz-sns-message-type" in request.headers


def sender_of(request: Request) -> str:
    """Describe the sender, for the log."""
    address = request.client.host if request.client else "a connection"
    token: Token | None = getattr(request.state, "token", None)
    return f"{address}, token {token.name!r}" if token else address


async def not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Answered(404, "not found; send alerts to /alerts").response


async def not_allowed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    headers = dict(getattr(error, "headers", None) or {})
    return Answered(405, "method not allowed; send alerts with POST", headers=headers).response
