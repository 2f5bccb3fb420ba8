"""The HTTP endpoint beside the app or a dispatcher: who may reach it, and when it ends."""

import contextlib
import errno
import ipaddress
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tui.config import Config
from tui.domain.secret import Secret
from tui.store.errors import CannotOpen

if TYPE_CHECKING:
    from tui.store.database import Store

_SHORTEST_TOKEN = 16


@contextlib.contextmanager
def listening(store: "Store", config: Config, nudge: Callable[[], object]) -> Iterator[str | None]:
    """Take alerts for as long as this lasts; gives the URL, or None where it was not asked for.

    `nudge` is called from another thread after each commit. Raises CannotOpen.
    """
    if config.listen is None:
        yield None
        return
    host, port = config.listen
    token = _reveal(config.listen_token) if config.listen_token else None
    if token is None and not ipaddress.ip_address(host).is_loopback:
        raise CannotOpen(
            f"whoever reaches {host} could send alerts; set TOCSIN_LISTEN_TOKEN (or token under [listen] in"
            " the configuration) to a secret of 16 characters or more, or listen on 127.0.0.1"
        )
    from tui.intake.endpoint import Endpoint
    from tui.serving import ServerThread, bind
    from tui.store.database import wall_clock

    try:
        sock = bind(host, port)
    except OSError as error:
        raise CannotOpen(_explain(error, host, port)) from None
    endpoint = Endpoint(
        store, wall_clock, nudge, token=token, link_template=config.link_template, formats=config.formats
    )
    with ServerThread(sock, endpoint.app(), name="endpoint") as server:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.port}/alerts"


def _reveal(token: Secret) -> str:
    from tui.delivery.secrets import SecretUnavailable, reveal

    try:
        value = reveal(token)
    except SecretUnavailable as error:
        raise CannotOpen(f"the token of the endpoint cannot be had: {error}") from None
    if len(value) < _SHORTEST_TOKEN:
        raise CannotOpen(
            f"the token of the endpoint has {len(value)} characters; it needs {_SHORTEST_TOKEN} or more:"
            " `openssl rand -hex 16` makes one"
        )
    return value


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use; choose another with --listen"
        case errno.EACCES:
            return f"port {port} needs more rights; choose one from 1024 up with --listen"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine; choose another with --listen"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
