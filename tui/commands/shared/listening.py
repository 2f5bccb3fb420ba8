"""`--listen`: the HTTP endpoint that runs beside the app or a dispatcher."""

import contextlib
import errno
import ipaddress
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tui.config import Config
from tui.domain.secret import Secret
from tui.domain.token import Standing
from tui.store.errors import CannotOpen, StoreUnavailable

if TYPE_CHECKING:
    from tui.intake.access import Access
    from tui.intake.endpoint import Endpoint
    from tui.intake.handshakes import Handshakes
    from tui.serving import Refusals
    from tui.store.engine.database import ChangeNotice, Store

log = logging.getLogger(__name__)

_SHORTEST_TOKEN = 16
_SWITCH_S = 0.0005
"""How long a thread may keep others from running. Python's default is ten times as long."""


@contextlib.contextmanager
def listening(store: "Store", config: Config, nudge: Callable[[], object]) -> Iterator[str | None]:
    """Run the endpoint while the block runs. Yields its URL, or None if `listen` is not configured.

    `nudge` is called after each commit, from another thread. Raises CannotOpen.
    """
    if config.listen is None:
        yield None
        return
    from tui.serving import Refusals, ServerThread, bind

    host, port = config.listen
    # A request changes threads some fifty times. While another body is parsed, each time costs an interval.
    sys.setswitchinterval(_SWITCH_S)
    with contextlib.closing(store.watch()) as notice:
        refusals = Refusals()
        try:
            endpoint = _endpoint(store, notice, config, nudge, refusals)
            sock = bind(host, port)
        except OSError as error:
            raise CannotOpen(_explain(error, host, port)) from None
        except StoreUnavailable as error:
            raise CannotOpen(
                f"cannot read the endpoint's tokens from {store.strategy.shown}: {error}"
            ) from None
        with ServerThread(sock, endpoint.app(), name="endpoint", refusals=refusals) as server:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{server.port}/alerts"
        endpoint.access.record()


def _endpoint(
    store: "Store", notice: "ChangeNotice", config: Config, nudge: Callable[[], object], refusals: "Refusals"
) -> "Endpoint":
    from tui.intake.access import Access
    from tui.intake.endpoint import Endpoint
    from tui.store.engine.database import wall_clock

    assert config.listen is not None
    host, _ = config.listen
    access = Access(
        store,
        notice,
        wall_clock,
        configured=_reveal(config.listen_token) if config.listen_token else None,
        beyond=not ipaddress.ip_address(host).is_loopback,
        rate=config.listen_rate,
    )
    _check_tokens(access, host)
    return Endpoint(
        store,
        wall_clock,
        access,
        nudge,
        hosts=config.listen_hosts,
        link_template=config.link_template,
        formats=config.formats,
        refusals=refusals,
        revive_after_ms=config.revive_after_ms,
        handshakes=_handshakes(config),
    )


def _handshakes(config: Config) -> "Handshakes":
    from tui.delivery.dialling import Dialler
    from tui.delivery.fetch import fetch
    from tui.intake.handshakes import Handshakes

    if not config.sns_topics:
        return Handshakes()
    return Handshakes(config.sns_topics, partial(fetch, dialler=Dialler(config.network, config.proxies)))


def _check_tokens(access: "Access", host: str) -> None:
    """Raise CannotOpen if other machines can connect and no token was ever added.

    Expired tokens only cause a warning: the dispatcher must still start and deliver.
    """
    standings = access.standings
    if access.beyond and standings <= {Standing.REVOKED}:
        raise CannotOpen(
            f"anyone who can connect to {host} could send alerts; add a token with `tocsin token add NAME`"
            " (or set TOCSIN_LISTEN_TOKEN to a secret of 16 characters or more), or listen on 127.0.0.1"
        )
    if access.asks and Standing.ACTIVE not in standings:
        log.warning(
            "every token has expired or was revoked: no sender is allowed; add one with"
            " `tocsin token add NAME`"
        )


def _reveal(token: Secret) -> str:
    from tui.delivery.secrets import SecretUnavailable, reveal

    try:
        value = reveal(token)
    except SecretUnavailable as error:
        raise CannotOpen(f"cannot read the endpoint's token: {error}") from None
    if len(value) < _SHORTEST_TOKEN:
        raise CannotOpen(
            f"the endpoint's token has {len(value)} characters but needs at least {_SHORTEST_TOKEN};"
            " create one with `openssl rand -hex 16`"
        )
    return value


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use; choose another with --listen"
        case errno.EACCES:
            return f"no permission to use port {port}; choose 1024 or higher with --listen"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; choose another with --listen"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
