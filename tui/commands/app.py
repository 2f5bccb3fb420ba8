"""`tocsin` without a command: the app, with a dispatcher beside it."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tui.commands.shared.console import tell
from tui.commands.shared.listening import listening
from tui.commands.shared.session import Session, dialler_of
from tui.config import Config
from tui.domain.errors import Invalid
from tui.store.errors import CannotOpen

if TYPE_CHECKING:
    from tui.delivery.background import BackgroundDispatcher
    from tui.screens.shared.kept import Kept
    from tui.store.engine.database import Store

GRACE_S = 30.0
"""How long requests in flight may take to finish after the app is closed."""


def has_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def open_app(session: Session, *, dispatching: bool, read_only: bool = False) -> None:
    """Open the app; exit once it is closed and every request in flight is recorded."""
    if not has_terminal():
        raise CannotOpen(
            "the app needs a terminal; without one, use `tocsin dispatch` to deliver"
            " and `tocsin send` to queue"
        )
    config = replace(session.config, listen=None) if read_only else session.config
    with session.store(create=not read_only, read_only=read_only) as store:
        code = run_app(store, config, dispatching=dispatching and not read_only)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the terminal is gone; flushing again at exit would hide the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    raise click.exceptions.Exit(code)


def _check_keys(config: Config) -> None:
    """Raise CannotOpen for a bad [keys] table. Only the app checks it: other commands must still work."""
    from tui.screens.shared.keymap import check_keymap

    try:
        check_keymap(config.keys)
    except Invalid as error:
        raise CannotOpen(f"[keys] in the configuration: {error.message}") from None


def run_app(store: "Store", config: Config, *, dispatching: bool, note: str = "") -> int:
    """Run the app on an open store and return its exit code."""
    from tui.app import TocsinApp
    from tui.screens.shared.context import Context
    from tui.store.engine.database import wall_clock

    _check_keys(config)
    kept = read_kept(store, config)
    dispatcher = start_dispatcher(store, config) if dispatching else None
    notice = store.watch()
    try:
        with listening(store, config, dispatcher.nudge if dispatcher else lambda: None) as url:
            context = Context(
                store=store,
                clock=wall_clock,
                policy=config.policy,
                link_template=config.link_template,
                log=config.log,
                dispatcher=dispatcher,
                read_only=store.strategy.read_only,
                note=note or (f"receiving alerts at {url}" if url else ""),
                kept=kept,
                filters=config.filters,
                network=config.network,
            )
            app = TocsinApp(context, notice, config.keys)
            app.run()
        return app.return_code or 0
    finally:
        kept.write(config.kept, store.strategy.shown)
        notice.close()
        if dispatcher is not None:
            finish(dispatcher)


def read_kept(store: "Store", config: Config) -> "Kept":
    """Return what was kept when the app was last open on this database; nothing for a new one."""
    from tui.screens.shared.kept import Kept
    from tui.store.reading import queries

    kept = Kept.read(config.kept, store.strategy.shown)
    if store.read(queries.is_unused).result():
        kept.start_over()
    return kept


def start_dispatcher(store: "Store", config: Config) -> "BackgroundDispatcher":
    from tui.delivery.background import BackgroundDispatcher
    from tui.delivery.slots import Limits

    limits = Limits(config.concurrency, config.per_destination)
    dispatcher = BackgroundDispatcher(store, policy=config.policy, limits=limits, dialler=dialler_of(config))
    dispatcher.start()
    return dispatcher


def finish(dispatcher: "BackgroundDispatcher") -> None:
    """Wait until requests in flight are recorded. Ctrl-C aborts them; a second one exits at once."""
    dispatcher.drain(GRACE_S)
    with _on_interrupt(lambda: dispatcher.drain(0)):
        if dispatcher.in_flight:
            tell(f"finishing {dispatcher.in_flight} in flight, at most {GRACE_S:.0f} s; Ctrl-C stops now")
        dispatcher.join()


@contextmanager
def _on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` on the first Ctrl-C instead of raising, which could interrupt code that holds a lock."""

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        act()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
