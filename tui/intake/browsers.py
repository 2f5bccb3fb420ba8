"""Refuse requests from web pages: a page open in a browser on this machine can reach this endpoint.

No page has a reason to call it. So requests with headers that only browsers send are refused, and no
answer has a CORS header. With DNS rebinding, a page points its own host name at this address, and the
browser then treats the endpoint as the page's own server. `Host` still holds the page's name, so
unknown names are refused too.
"""

import ipaddress
import re
from collections.abc import Collection

from starlette.datastructures import Headers

from tui.intake.answers import Answered


def check_not_a_page(headers: Headers, http_version: str, hosts: Collection[str]) -> None:
    """Raise Answered (400, 403, 421) for a request from a web page or to a name not in `hosts`.

    Addresses and `localhost` are always allowed: DNS cannot redirect them.
    """
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise Answered(403, "web pages are not allowed to send alerts")
    given = headers.getlist("host")
    if not given and http_version == "1.0":  # no browser uses HTTP/1.0
        return
    if len(given) != 1:
        raise Answered(400, "a request needs exactly one Host header")
    name = _without_port(given[0])
    if name != "localhost" and name not in hosts and not _is_address(name):
        raise Answered(421, f"{name!r} is not a name of this endpoint; add it to hosts under [listen]")


def _without_port(host: str) -> str:
    """Normalize a host for comparison: `[::1]:80` is `::1`, `Example.com.` is `example.com`."""
    host = host.strip().lower()
    if host.startswith("["):
        address, _, port = host[1:].partition("]")
        return address if not port or re.fullmatch(r":\d*", port) else host
    return host.partition(":")[0].removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
