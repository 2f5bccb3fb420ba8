"""Keeps web pages out: a page open in a browser on this machine reaches what listens here, too.

No page is ever meant to call the endpoint, so what only browsers send is refused, and no answer has a
CORS header. A page can get around that by a name of its own that is made to lead here (DNS rebinding):
to the browser the endpoint is then the page's own server. But it goes on naming that in `Host`.
"""

import ipaddress
import re
from collections.abc import Collection

from starlette.datastructures import Headers

from tui.intake.answers import Answered


def check_not_a_page(headers: Headers, http_version: str, hosts: Collection[str]) -> None:
    """Raises Answered for a request of a web page, or to a name that is not among `hosts`.

    Addresses and `localhost` are always right: nobody can make an address lead elsewhere.
    """
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise Answered(403, "a web page may not send alerts")
    given = headers.getlist("host")
    if not given and http_version == "1.0":  # which no browser speaks
        return
    if len(given) != 1:
        raise Answered(400, "a request has one Host header")
    name = _without_port(given[0])
    if name != "localhost" and name not in hosts and not _is_address(name):
        raise Answered(421, f"{name!r} is no name of this endpoint; add it to hosts under [listen]")


def _without_port(host: str) -> str:
    """A host as it is compared: `[::1]:80` is `::1`, `Example.com.` is `example.com`."""
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
