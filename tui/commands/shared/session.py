"""The session of a command: its configuration, its store, and a dispatcher in this process."""

import contextlib
import logging
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from tui import logs
from tui.commands.shared.console import tell
from tui.config import Config
from tui.delivery.shapes import library
from tui.domain.errors import Refused
from tui.domain.network import PolicyName

if TYPE_CHECKING:
    from tui.delivery.dialling import Dialler
    from tui.delivery.dispatcher import Dispatcher
    from tui.domain.destination import Destination
    from tui.store.engine.database import Store
    from tui.store.reading.views import AlertDetails


Result = TypeVar("Result")

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long a command retries while others hold the database lock."""
_AGAIN_S = 0.5
_LATE_S = 1.0


@dataclass(frozen=True)
class Session:
    load: Callable[[], Config]

    @cached_property
    def config(self) -> Config:
        """The configuration. Raises Invalid, on first use: a broken file must not break --help."""
        config = self.load()
        if config.warning:
            tell(f"warning: {config.warning}")
        library.use(config.shapes)
        return config

    @contextlib.contextmanager
    def store(
        self, *, create: bool = False, read_only: bool = False, log_to_stderr: bool = False
    ) -> "Iterator[Store]":
        """Open the store and set up the log. Raises CannotOpen.

        Commands that write pass `create` to create a missing database. For commands that only read, a
        missing database is an error: an empty one would hide a wrong path. With `read_only`, it cannot be
        changed.
        """
        from tui.store.engine.address import strategy_for
        from tui.store.engine.database import Store

        logs.set_up(self.config.log, to_stderr=log_to_stderr)
        strategy = partial(strategy_for, self.config.db, create=create, read_only=read_only)
        with patiently(lambda: Store(strategy())) as store:
            yield store


def patiently(work: "Callable[[], Result]", *, as_long_as: Callable[[], bool] = lambda: False) -> "Result":
    """Return the result of `work`, retrying while others hold the database lock, for up to a minute.

    SQLite does not queue for its lock, so with many writers one can wait longer than its busy timeout.
    While `as_long_as` returns true, retry forever and on any error of the database. Raises the last error
    of `work`.
    """
    from tui.store.errors import Locked, StoreUnavailable

    give_up = time.monotonic() + PATIENCE_S
    told = ""
    while True:
        try:
            return work()
        except (Locked, StoreUnavailable) as error:
            locked = isinstance(error, Locked)
            if not as_long_as() and (not locked or time.monotonic() >= give_up):
                raise
            trouble = "the database is locked by another process" if locked else str(error)
        if trouble != told:
            tell(f"waiting: {trouble}")
            told = trouble
        time.sleep(
            random.uniform(0.01, 0.2) if locked else _AGAIN_S
        )  # random, so that waiting processes do not retry in step


def destination_named(store: "Store", reference: str) -> "Destination":
    """Return the destination with this name or ID; raises Unknown and lists the names that exist."""
    from tui.domain.destination import resolve_destination
    from tui.store.destinations import all_destinations

    return resolve_destination(reference, store.read(all_destinations).result())


def details_of(store: "Store", reference: str) -> "AlertDetails":
    """Return the alert with this alert ID, prefix of one, or webhook ID.

    Raises Refused if there is none or the prefix is ambiguous.
    """
    from tui.store.reading import queries

    details = store.read(queries.alert_details, store.read(queries.find_alert, reference).result()).result()
    if details is None:
        raise Refused(f"alert {reference!r} no longer exists")
    return details


def run_dispatcher(
    store: "Store",
    config: Config,
    *,
    grace_s: float,
    only: list[int] | None = None,
    until_empty: bool = True,
    within_s: float | None = None,
    endpoint: bool = False,
    told: str = "",
    told_late: str = "",
) -> bool:
    """Deliver in this process until stopped. SIGTERM or SIGINT drains; a second one aborts.

    `only`: deliver these deliveries and no others. `until_empty`: stop when nothing is pending.
    `within_s`: stop after this many seconds. `endpoint`: also receive alerts over HTTP, if configured.
    `told` is printed at the start, `told_late` if it is still running after a second.
    Returns whether every response is recorded and, with `until_empty`, nothing is left to deliver.
    """
    import asyncio

    from tui.commands.shared.listening import listening
    from tui.delivery.dispatcher import Dispatcher
    from tui.delivery.sender import Sender
    from tui.delivery.slots import Limits

    dialler = dialler_of(config)

    async def main() -> bool:
        async with Sender(dialler) as sender:
            dispatcher = Dispatcher(
                store,
                sender,
                policy=config.policy,
                limits=Limits(config.concurrency, config.per_destination),
                only=only,
            )
            _drain_on_signals(dispatcher, grace_s)
            if within_s is not None:
                asyncio.get_running_loop().call_later(within_s, dispatcher.drain, 0)
            loop = asyncio.get_running_loop()
            if told_late:
                loop.call_later(_LATE_S, tell, told_late)
            beside = partial(listening, store, config, partial(loop.call_soon_threadsafe, dispatcher.nudge))
            with beside() if endpoint else contextlib.nullcontext() as url:
                if told:
                    tell(told)
                if url:
                    tell(f"receiving alerts at {url}")
                await dispatcher.run(until_empty=until_empty)
            return not dispatcher.unrecorded and (dispatcher.is_done or not until_empty)

    return asyncio.run(main())


def check_way_out(config: Config) -> None:
    """Raise Invalid for an unusable proxy, before anything is stored that could not be sent."""
    _ = config.proxies


def dialler_of(config: Config) -> "Dialler":
    """Return the configured dialler; raises Invalid for an unusable proxy."""
    from tui.delivery.dialling import Dialler

    proxies = config.proxies
    if told := str(proxies):
        level = logging.WARNING if config.network.name is PolicyName.PUBLIC else logging.INFO
        log.log(
            level, "sending through %s: the network policy can check only host names, not addresses", told
        )
    return Dialler(config.network, proxies)


def _drain_on_signals(dispatcher: "Dispatcher", grace_s: float) -> None:
    import asyncio

    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        if dispatcher.stopping:
            tell(f"{name} again: stopping now")
            dispatcher.drain(0)
        else:
            if dispatcher.in_flight:
                tell(f"{name}: finishing {dispatcher.in_flight} in flight, at most {grace_s:g} s")
            dispatcher.drain(grace_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
