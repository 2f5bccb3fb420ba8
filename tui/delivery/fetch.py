"""A GET request that is no delivery, through the same connections: network policy, proxies, TLS."""

import asyncio
from urllib.parse import urlsplit

import httpx

from tui.delivery.dialling import Dialler
from tui.delivery.failures import Blocked, describe
from tui.delivery.tls import Contexts
from tui.delivery.transport import Transport
from tui.domain.errors import Invalid, Refused
from tui.domain.tls import DEFAULT_TLS, TlsSettings

DEADLINE_S = 10.0


class NotFetched(Refused):
    """There was no answer with a status of 200 to 299. The message does not contain the URL."""


async def fetch(url: str, dialler: Dialler, tls: TlsSettings = DEFAULT_TLS) -> None:
    """Send the request and ignore the body of the answer; redirects are not followed. Raises NotFetched."""
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    transport = Transport(dialler)
    try:
        async with asyncio.timeout(DEADLINE_S):
            context = await Contexts().get(tls) if encrypted else None
            request = httpx.Request("GET", url, extensions={"tls": context, "connected": _ignore})
            response = await transport.handle_async_request(request)
            await response.aclose()
    except TimeoutError:
        raise NotFetched(f"{parts.hostname} did not answer within {DEADLINE_S:.0f} s") from None
    except (Blocked, Invalid) as error:
        raise NotFetched(str(error)) from None
    except Exception as error:
        port = parts.port or (443 if encrypted else 80)
        raise NotFetched(describe(error, host=parts.hostname or "", port=port, tls=tls)) from None
    finally:
        await transport.aclose()
    if not response.is_success:
        raise NotFetched(f"{parts.hostname} answered {response.status_code}")


def _ignore(_peer: str | None) -> None:
    pass
